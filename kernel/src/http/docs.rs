//! `/docs`: the OpenAPI document made readable, from files in the binary, under a strict policy.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{Redirect, Response},
    routing::get,
};
use utoipa_swagger_ui::{Config, Url};

/// The user interface runs its own files and calls its own origin; styles it writes inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; connect-src 'self'; font-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// One page with all of it, and one for each module (C-08).
pub(super) fn router<S: Clone + Send + Sync + 'static>(
    titles: &[(&'static str, &'static str)],
) -> Router<S> {
    let own =
        titles.iter().map(|(name, title)| Url::new(title, format!("/openapi/{name}.json").leak()));
    let urls = [Url::with_primary("Reeve", "/openapi.json", true)].into_iter().chain(own);
    let config = Arc::new(Config::new(urls));
    let file = move |Path(path): Path<String>| {
        let config = config.clone();
        async move { serve_file(&path, config) }
    };
    Router::new()
        .route("/docs", get(|| async { Redirect::permanent("/docs/index.html") }))
        .route("/docs/", get(|| async { Redirect::permanent("/docs/index.html") }))
        .route("/docs/{*path}", get(file))
}

fn serve_file(path: &str, config: Arc<Config<'static>>) -> Response {
    let Ok(Some(file)) = utoipa_swagger_ui::serve(path, config) else {
        let mut missing = Response::new(Body::empty());
        *missing.status_mut() = StatusCode::NOT_FOUND;
        return missing;
    };
    let mut response = Response::new(Body::from(file.bytes.into_owned()));
    let headers = response.headers_mut();
    if let Ok(kind) = HeaderValue::from_str(&file.content_type) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
