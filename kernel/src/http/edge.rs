//! The edge: where every request enters and every answer leaves.
//!
//! In order: request id and trace, credential, matrix, body, handler, answer. The credential is
//! judged before a byte of the body is read, and no database connection is held while one streams in.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{RawPathParams, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header, request::Parts},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::{MethodFilter, MethodRouter, get, on},
};
use bytes::{Bytes, BytesMut};
use futures::{FutureExt, StreamExt};
use http_body_util::BodyExt;
use hyper::upgrade::OnUpgrade;
use serde_json::json;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};
use tracing::Instrument;
use uuid::Uuid;

use super::{
    Counted, Problem, docs,
    idempotency::Claim,
    input::Incoming,
    limit::place,
    route::{Dialect, Method, Route},
    telemetry::{self, Trace},
};
use crate::{
    authz::{Call, Caller, Encoded, Events, Governed, NextPage, Switch},
    core::Core,
    db::{Actor, Origin},
    identity::{Credential, Refused},
    module::Registry,
    policies::admit,
    sockets,
};

/// What the edge needs to know.
#[derive(Clone)]
pub struct Edge {
    pub core: Arc<Core>,
    /// `development`, `production`, …; shown by `/health`.
    pub environment: String,
    /// Origins of browsers that may call; none when empty.
    pub origins: Vec<String>,
    /// Whether `/docs` and `/openapi.json` are shown.
    pub docs: bool,
    /// Peers whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// The largest body, in bytes.
    pub largest_body: usize,
    /// How long a body may take to arrive, and a handler to answer.
    pub patience: Duration,
}

/// What is known of a request from its first moment on.
#[derive(Clone)]
struct Meta {
    id: Uuid,
    trace: Trace,
    address: Option<IpAddr>,
    problem_json: bool,
    dialect: Dialect,
}

/// For the log line: whose request it was.
#[derive(Clone, Copy)]
struct Tenant(Uuid);

/// For the log line and the metrics: the route's template, never the path.
#[derive(Clone, Copy)]
struct Template(&'static str);

/// The router of all routes of the registry, and of what every server answers.
pub fn router(edge: Edge, registry: &Registry) -> Router {
    let mut router = Router::new().route("/health", get(health)).route("/ready", get(ready));
    if edge.docs {
        router = router.merge(docs::router(registry));
    }
    for (_, prefix) in &registry.prefixes {
        router = router.route(&format!("{prefix}/health"), get(health));
    }
    for route in &registry.routes {
        router = router.route(route.path, operation(route.clone()));
        for (_, prefix) in registry.prefixes.iter().filter(|(name, _)| route.serves_at(name)) {
            router = router.route(&format!("{prefix}{}", route.path), operation(route.clone()));
        }
    }
    let cors = cors(&edge.origins);
    router
        .fallback(|request: Request| async move {
            refuse(
                &request,
                Problem::new(404, "no_such_path", "there is nothing at this path: see /docs"),
            )
        })
        .method_not_allowed_fallback(|request: Request| async move {
            refuse(
                &request,
                Problem::new(405, "method_not_allowed", "this path has no such method: see /docs"),
            )
        })
        .layer(cors)
        .layer(from_fn_with_state(edge.clone(), around))
        .with_state(edge)
}

fn operation(route: Route) -> MethodRouter<Edge> {
    let filter = match route.method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
        Method::Patch => MethodFilter::PATCH,
        Method::Delete => MethodFilter::DELETE,
    };
    let route = Arc::new(route);
    on(filter, move |State(edge): State<Edge>, params: RawPathParams, request: Request| {
        let route = route.clone();
        async move { answer(edge, &route, &params, request).await }
    })
}

/// Around everything: request id, trace, clock, log line, headers that every answer has.
async fn around(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let meta = Meta::of(&edge, &request);
    request.extensions_mut().insert(meta.clone());
    let method = request.method().clone();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    insert(headers, "x-request-id", &meta.id.to_string());
    insert(headers, "traceparent", &meta.trace.parent());
    insert(headers, "x-content-type-options", "nosniff");
    let tenant = response.extensions().get::<Tenant>().map(|t| t.0);
    // What is no operation has no template: a path could hold anything.
    let template = response.extensions().get::<Template>().map_or("-", |t| t.0);
    telemetry::log_request(
        &method,
        template,
        meta.id,
        &meta.trace,
        tenant,
        response.status(),
        begun.elapsed(),
    );
    response
}

impl Meta {
    fn of(edge: &Edge, request: &Request) -> Self {
        let headers = request.headers();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let peer = request.extensions().get::<SocketAddr>().map(SocketAddr::ip);
        // The last that was appended, of however many lines: the proxy in front has written it.
        let forwarded = headers.get_all("x-forwarded-for").iter().next_back();
        let forwarded =
            forwarded.and_then(|list| list.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
        let id = text("x-request-id")
            .and_then(|id| id.parse().ok())
            .unwrap_or_else(|| edge.core.clock.new_id());
        Self {
            id,
            trace: Trace::continued(text("traceparent"), id),
            address: match peer {
                Some(proxy) if edge.trusted_proxies.contains(&proxy) => forwarded.or(peer),
                _ => peer,
            },
            problem_json: text("accept")
                .is_some_and(|accept| accept.contains("application/problem+json")),
            dialect: Dialect::at(request.uri().path()),
        }
    }
}

/// One operation of the registry.
async fn answer(edge: Edge, route: &Route, params: &RawPathParams, request: Request) -> Response {
    let meta = request.extensions().get::<Meta>().cloned();
    let Some(meta) = meta else { return Response::new(Body::empty()) };
    let uri = request.uri().clone();
    let mut seen = Seen::default();
    let span = tracing::info_span!("request", request_id = %meta.id, route = route.name);
    let governed = govern(&edge, route, params, &meta, request, &mut seen);
    let guarded = AssertUnwindSafe(governed.instrument(span)).catch_unwind();
    let result = match tokio::time::timeout(edge.patience * 2, guarded).await {
        Ok(Ok(result)) => result,
        Ok(Err(_panic)) => Err(Problem::internal("a handler panicked")),
        Err(_late) => Err(Problem::unavailable("this took too long; try again")),
    };
    let counted = match (seen.counted.get(), &result) {
        (Some(counted), Err(_)) => Some(counted.take_back(&edge.core, meta.id).await),
        (counted, _) => counted.copied(),
    };
    let mut response = match result {
        Ok(encoded) => respond(encoded, &uri),
        Err(problem) => problem_response(&meta, problem),
    };
    response.extensions_mut().insert(Template(route.name));
    if let Some(tenant) = seen.tenant {
        response.extensions_mut().insert(Tenant(tenant));
    }
    for (name, value) in counted.into_iter().flat_map(Counted::headers) {
        insert(response.headers_mut(), name, &value);
    }
    response
}

/// What was learnt of a request on its way, whatever became of it.
#[derive(Default)]
struct Seen {
    tenant: Option<Uuid>,
    counted: Arc<OnceLock<Counted>>,
}

/// Identity, limit, authorization, input, handler: in that order.
async fn govern(
    edge: &Edge,
    route: &Route,
    params: &RawPathParams,
    meta: &Meta,
    request: Request,
    seen: &mut Seen,
) -> Result<Encoded, Problem> {
    let (mut parts, body) = request.into_parts();
    // What is not ASCII stays in sight, to be refused and not overlooked.
    let text = |name: &str| parts.headers.get(name).map(|v| String::from_utf8_lossy(v.as_bytes()));
    let origin = Origin {
        request_id: meta.id,
        address: meta.address,
        user_agent: text("user-agent").map(|agent| agent.chars().take(200).collect()),
        purpose_of_event: None,
    };
    let id = params.iter().find(|(name, _)| *name == "id").map(|(_, value)| value);
    let identified = identify(edge, route, &origin, &parts, id).await;
    count(edge, route, &origin, identified.as_ref().ok(), &seen.counted).await?;
    let caller = match identified {
        Ok(caller) => caller,
        Err(refused) => {
            let place = (route.permission, route.name);
            return Err(edge.core.refuse_credential(refused, place, &origin).await);
        }
    };
    seen.tenant = Some(caller.tenant);
    let mut governed = Governed {
        core: edge.core.clone(),
        origin,
        route: route.name,
        realm: route.realm,
        above: route.above,
        slice: slice(edge, route, &caller),
        caller,
        if_match: text("if-match").map(Into::into),
        idempotency: None,
        call: None,
        clock: edge.core.clock.clone(),
        counted: seen.counted.clone(),
    };
    let id = params.iter().find(|(name, _)| *name == "id").map(|(_, value)| value);
    governed.call = call(edge, route, governed.caller.realm, id);
    let permitted = edge.core.matrix.permits(governed.caller.role, route.permission);
    if !permitted || !route.serves(governed.caller.realm) {
        return Err(governed.refuse(governed.forbidden(route.permission)).await);
    }
    let body = match take_in(edge, route, (id, &parts), body, &mut governed).await {
        Err(problem) => return Err(governed.refuse(problem).await),
        Ok(body) => body,
    };
    let incoming = Incoming {
        params: params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
        upgrade: parts.extensions.remove::<OnUpgrade>(),
    };
    let governed = Arc::new(governed);
    match (route.handler)(governed.clone(), &incoming).await {
        Err(problem) => Err(governed.refuse(problem).await),
        answered => answered,
    }
}

/// Where the realm of whoever asks puts each change on record.
fn call(edge: &Edge, route: &Route, realm: &str, id: Option<&str>) -> Option<Call> {
    let on_record = edge.core.realm(realm).is_some_and(|realm| realm.calls_on_record);
    let record = id.and_then(|id| id.parse().ok());
    (on_record && route.method != Method::Get)
        .then_some(Call { permission: route.permission, record })
}

/// The body, when it has come whole and the policies let it on.
async fn take_in(
    edge: &Edge,
    route: &Route,
    (id, parts): (Option<&str>, &Parts),
    body: Body,
    governed: &mut Governed,
) -> Result<Bytes, Problem> {
    let body = read_body(body, edge).await?;
    let key = parts.headers.get("idempotency-key").map(|v| String::from_utf8_lossy(v.as_bytes()));
    if let (Method::Post | Method::Put | Method::Patch, Some(key)) = (route.method, key) {
        // Nobody known has no keys of their own: two strangers could meet under one.
        if governed.caller.actor != Actor::Anonymous {
            governed.idempotency = Some(Claim::new(route.name, parts.uri.path(), &key, &body)?);
        }
    }
    admit(governed, route, id, &body).await?;
    Ok(body)
}

/// Who calls, by what the headers hold.
async fn identify(
    edge: &Edge,
    route: &Route,
    origin: &Origin,
    parts: &Parts,
    record: Option<&str>,
) -> Result<Caller, Refused> {
    let headers = &parts.headers;
    if route.joins() {
        return identify_socket(edge, origin, parts, record).await;
    }
    if route.is_open() {
        // Who may come without a credential is not judged by one that has just expired.
        return Ok(Caller::anonymous());
    }
    let text = |name: &str| headers.get(name).map(|v| String::from_utf8_lossy(v.as_bytes()));
    let (key, bearer) = (text("x-api-key"), text("authorization"));
    let credential = match given_twice(headers) {
        true => Credential::Ambiguous,
        false => credential(key.as_deref(), bearer.as_deref()),
    };
    let caller = edge.core.callers.identify(&edge.core, origin, credential).await?;
    same_tenant(caller, text("x-tenant-id").as_deref())
}

/// Who wants a socket: by a header where there is one, by a protocol or a ticket where a browser has none. A page of
/// another origin is refused whoever called it up (RFC 6455 section 10.2).
async fn identify_socket(
    edge: &Edge,
    origin: &Origin,
    parts: &Parts,
    record: Option<&str>,
) -> Result<Caller, Refused> {
    let headers = &parts.headers;
    let from = headers.get(header::ORIGIN).map(|from| String::from_utf8_lossy(from.as_bytes()));
    if from.is_some_and(|from| !edge.origins.iter().any(|known| *known == from)) {
        let detail =
            "this page may not open a socket here: ALLOWED_ORIGINS does not name its origin";
        return Err(Refused::unknown(Problem::new(403, "origin_not_allowed", detail)));
    }
    let text = |name: &str| headers.get(name).map(|v| String::from_utf8_lossy(v.as_bytes()));
    let (key, bearer) = (text("x-api-key"), text("authorization"));
    let tokens = sockets::offered_token(headers);
    let ticket = sockets::query_ticket(parts.uri.query());
    let given = [key.is_some() || bearer.is_some(), !tokens.is_empty(), ticket.is_some()];
    let several = given.into_iter().filter(|given| *given).count() > 1;
    let credential = match (tokens.as_slice(), &ticket, record.and_then(|id| id.parse().ok())) {
        _ if several || tokens.len() > 1 || given_twice(headers) => Credential::Ambiguous,
        ([token], ..) => Credential::Bearer(token),
        (_, Some(ticket), Some(record)) => Credential::Ticket(ticket, record),
        (_, Some(_), None) => Credential::None,
        (_, None, _) => credential(key.as_deref(), bearer.as_deref()),
    };
    let caller = edge.core.callers.identify(&edge.core, origin, credential).await?;
    same_tenant(caller, text("x-tenant-id").as_deref())
}

/// Counts a request where its route has a limit: by account or key when that is known, else by address.
async fn count(
    edge: &Edge,
    route: &Route,
    origin: &Origin,
    caller: Option<&Caller>,
    counted: &OnceLock<Counted>,
) -> Result<(), Problem> {
    let Some(limit) = route.limit else { return Ok(()) };
    let who = match caller.and_then(|caller| caller.actor.id()) {
        Some(id) => id.to_string(),
        None => place(origin.address),
    };
    let who = format!("{} {who}", route.realm.unwrap_or_default());
    let count = limit.count(&edge.core, origin, &who).await?;
    counted.get_or_init(|| count).check()
}

/// As which role of the database's the caller reads, where it is not the server's own. The kernel's own
/// routes tell everybody about themselves alone.
fn slice(edge: &Edge, route: &Route, caller: &Caller) -> Option<&'static str> {
    match route.is_open() {
        true => route.open_slice,
        false => route.realm.and_then(|_| edge.core.matrix.slice(caller.role)),
    }
}

/// Of two credentials nobody can say which is meant.
fn given_twice(headers: &HeaderMap) -> bool {
    let names = ["x-api-key", "authorization", "x-tenant-id"];
    names.into_iter().any(|name| headers.get_all(name).iter().count() > 1)
}

fn credential<'a>(key: Option<&'a str>, authorization: Option<&'a str>) -> Credential<'a> {
    match (key, authorization) {
        (Some(_), Some(_)) => Credential::Ambiguous,
        (Some(key), None) => Credential::Key(key),
        (None, Some(header)) => match header.split_once(' ') {
            // RFC 9110 section 11.1: the scheme's case does not matter.
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                Credential::Bearer(token.trim())
            }
            _ => Credential::Bearer(""),
        },
        (None, None) => Credential::None,
    }
}

/// T14: a credential speaks for one tenant. A header that names another is a mistake of the client's,
/// and is told so rather than overlooked.
fn same_tenant(caller: Caller, header: Option<&str>) -> Result<Caller, Refused> {
    match header {
        Some(named) if named.trim().parse() != Ok(caller.tenant) => {
            let detail =
                "X-Tenant-ID names another organisation than your credential's: leave it out";
            let problem = Problem::new(400, "tenant_mismatch", detail).into();
            Err(Refused { tenant: caller.tenant, actor: caller.actor, problem })
        }
        _ => Ok(caller),
    }
}

/// A body over the limit is still taken in, up to this much, and thrown away: a client that is cut
/// while it writes never reads why.
const THROWN_AWAY: usize = 32 * 1024 * 1024;

async fn read_body(body: Body, edge: &Edge) -> Result<Bytes, Problem> {
    let read = tokio::time::timeout(edge.patience, collect(body, edge.largest_body));
    let late = |_| Problem::new(408, "slow_body", "the body took too long to arrive");
    read.await.map_err(late)?
}

async fn collect(mut body: Body, largest: usize) -> Result<Bytes, Problem> {
    let (mut kept, mut arrived) = (BytesMut::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let broken = |_| Problem::new(400, "broken_body", "the body did not arrive whole");
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        arrived += data.len();
        match arrived {
            fits if fits <= largest => kept.extend_from_slice(&data),
            thrown if thrown <= THROWN_AWAY => kept = BytesMut::new(),
            _ => break,
        }
    }
    if arrived > largest {
        let detail = format!("a body may have {largest} bytes at the most");
        return Err(Problem::new(413, "content_too_large", detail));
    }
    Ok(kept.freeze())
}

/// RFC 8288: the same question, from where this page ended.
fn next_page(asked: &Uri, NextPage { cursor, alone }: &NextPage) -> String {
    let query = asked.query().unwrap_or_default().split('&');
    let stays = |pair: &str| !alone || pair.starts_with("limit=");
    let kept = query.filter(|pair| !pair.is_empty() && !pair.starts_with("cursor=") && stays(pair));
    let query: String = kept.flat_map(|pair| [pair, "&"]).collect();
    format!("<{}?{query}cursor={cursor}>; rel=\"next\"", asked.path())
}

fn respond(encoded: Encoded, asked: &Uri) -> Response {
    let dialect = Dialect::at(asked.path());
    let mut response = match encoded.events {
        Some(events) => event_response(events),
        None => {
            let media_type = encoded.media_type.unwrap_or(dialect.media_type());
            body_response(encoded.status, media_type, encoded.body.into())
        }
    };
    let headers = response.headers_mut();
    insert(headers, "cache-control", "no-store");
    if encoded.shown_once {
        // RFC 6749 section 5.1, for caches of HTTP/1.0.
        insert(headers, "pragma", "no-cache");
    }
    let optional = [
        ("location", encoded.location),
        ("content-location", encoded.content_location),
        ("etag", encoded.etag.map(|etag| dialect.etag(etag))),
        ("set-cookie", encoded.cookie),
        ("link", encoded.next.map(|next| next_page(asked, &next))),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            insert(headers, name, &value);
        }
    }
    if let Some(Switch { accept, protocol }) = encoded.switch {
        insert(headers, "connection", "upgrade");
        insert(headers, "upgrade", "websocket");
        insert(headers, "sec-websocket-accept", &accept);
        if let Some(protocol) = protocol {
            insert(headers, "sec-websocket-protocol", protocol);
        }
    }
    if encoded.replayed {
        insert(headers, "idempotent-replayed", "true");
    }
    response
}

fn problem_response(meta: &Meta, problem: Problem) -> Response {
    if let Some(cause) = &problem.cause {
        let error: &(dyn std::error::Error + 'static) = cause.as_ref();
        tracing::error!(request_id = %meta.id, code = problem.code, error, "request failed");
    }
    let (status, body) = match meta.dialect {
        Dialect::Json => (problem.status, problem.body(meta.id, &meta.trace.id, meta.problem_json)),
        Dialect::Fhir => problem.outcome(meta.id),
    };
    let mut response = body_response(status, meta.dialect.media_type(), body.to_string().into());
    let headers = response.headers_mut();
    if meta.problem_json && meta.dialect == Dialect::Json {
        insert(headers, "content-type", "application/problem+json");
    }
    insert(headers, "cache-control", "no-store");
    if problem.status == 401 {
        let bearer = problem.is_oauth("invalid_grant");
        let both = "Bearer, ApiKey header=\"X-Api-Key\"";
        insert(headers, "www-authenticate", if bearer { "Bearer" } else { both });
    }
    if problem.status == 426 {
        insert(headers, "connection", "upgrade");
        insert(headers, "upgrade", "websocket");
        insert(headers, "sec-websocket-version", "13");
    }
    if let Some(seconds) = problem.retry_after {
        insert(headers, "retry-after", &seconds.to_string());
    }
    response
}

fn refuse(request: &Request, problem: Problem) -> Response {
    match request.extensions().get::<Meta>() {
        Some(meta) => problem_response(meta, problem),
        None => json_response(problem.status, Bytes::new()),
    }
}

pub(super) fn json_response(status: u16, body: Bytes) -> Response {
    body_response(status, Dialect::Json.media_type(), body)
}

fn body_response(status: u16, media_type: &'static str, body: Bytes) -> Response {
    let empty = body.is_empty();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if !empty {
        insert(response.headers_mut(), "content-type", media_type);
    }
    response
}

/// Server-sent events (WHATWG HTML section 9.2).
fn event_response(events: Events) -> Response {
    let mut response = Response::new(Body::from_stream(events.map(Ok::<_, Infallible>)));
    insert(response.headers_mut(), "content-type", "text/event-stream");
    // nginx and those that learnt from it pass each event on at once.
    insert(response.headers_mut(), "x-accel-buffering", "no");
    response
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// Alive, and which build; says nothing of the database (C-08).
async fn health(State(edge): State<Edge>) -> Response {
    let body = json!({"status": "ok", "version": env!("CARGO_PKG_VERSION"), "environment": edge.environment});
    json_response(200, body.to_string().into())
}

/// Whether requests can be served now.
async fn ready(State(edge): State<Edge>, request: Request) -> Response {
    match edge.core.db.ping().await {
        Ok(()) => json_response(200, json!({"status": "ready"}).to_string().into()),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not ready");
            refuse(&request, Problem::unavailable("the database does not answer"))
        }
    }
}

fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> =
        origins.iter().filter_map(|o| HeaderValue::from_str(o).ok()).collect();
    let exposed = [
        header::ETAG,
        header::LOCATION,
        header::CONTENT_LOCATION,
        header::LINK,
        header::RETRY_AFTER,
        HeaderName::from_static("ratelimit"),
        HeaderName::from_static("ratelimit-policy"),
        HeaderName::from_static("x-request-id"),
    ];
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_credentials(true)
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed)
        .max_age(Duration::from_secs(600))
}
