//! The listener: a bound on connections, on the time that headers may take, and an end in which
//! every request that has begun is answered.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::Request};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};
use tower::ServiceExt;

/// Bounds of one listener.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; more wait in the kernel's queue.
    pub connections: usize,
    /// How long a request's head may take, an idle connection included.
    pub head: Duration,
    /// How long the last requests may take once the end is announced.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 4096, head: Duration::from_secs(15), drain: Duration::from_secs(20) }
    }
}

/// Serves until `stop` resolves, then answers what has begun, for as long as `limits.drain`.
#[allow(
    clippy::disallowed_methods,
    reason = "one task a connection; requests make their own spans"
)]
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    // Each connection has a receiver; all are served when none is left.
    let (end, ended) = watch::channel(false);
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(64 * 1024);
    tokio::pin!(stop);
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, or the peer is gone already: neither ends the server.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        // Small answers must not wait for an acknowledgement; without it they are only later.
        let _set = stream.set_nodelay(true);
        let connection = http.serve_connection(TokioIo::new(stream), service(router.clone(), peer));
        let (mut connection, mut ended) = (Box::pin(connection.with_upgrades()), ended.clone());
        tokio::spawn(async move {
            // A broken connection is the client's affair; one that became a socket is its room's.
            let asked = async { ended.wait_for(|end| *end).await.is_ok() };
            let asked = tokio::select! {
                _served = connection.as_mut() => false,
                asked = asked => asked,
            };
            if asked {
                connection.as_mut().graceful_shutdown();
                let _served = connection.await;
            }
            drop((place, ended));
        });
    }
    drop((listener, ended));
    // Where there is no connection, nobody hears it.
    let _heard = end.send(true);
    if tokio::time::timeout(limits.drain, end.closed()).await.is_err() {
        tracing::warn!("some requests were still running at the end");
    }
}

fn service(
    router: Router,
    peer: SocketAddr,
) -> impl hyper::service::Service<
    hyper::Request<Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> {
    service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request.map(axum::body::Body::new) as Request)
    })
}
