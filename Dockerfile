FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# The caches outlive the layer, so a change of ours does not build the dependencies again.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p reeve && \
    install -D target/release/reeve /out/reeve

FROM debian:bookworm-slim
# Identity providers are called over TLS.
COPY --from=build /etc/ssl/certs /etc/ssl/certs
# Calendar rules need the time zones, which a slim image may lack.
COPY --from=build /usr/share/zoneinfo /usr/share/zoneinfo
COPY --from=build /out/reeve /usr/local/bin/reeve
# A number, so that a platform can see that it is not root. Nothing is written to the image's files.
USER 10001:10001
# All addresses of the container; what is published is decided outside.
ENV HOST=0.0.0.0
EXPOSE 8000
ENTRYPOINT ["reeve"]
CMD ["serve"]
