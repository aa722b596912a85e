//! `/docs`: the OpenAPI documents, and made readable, from files in the binary, under a strict policy.

use std::sync::{Arc, OnceLock};

use axum::{
    Router,
    body::Body,
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{Redirect, Response},
    routing::{MethodRouter, get},
};
use bytes::Bytes;
use utoipa_swagger_ui::{Config, Url};

use super::{edge::json_response, openapi, route::Route};
use crate::module::Registry;

/// The user interface runs its own files and calls its own origin; styles it writes inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; connect-src 'self'; font-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// One page with all of it, and one for each module (C-08).
pub(super) fn router<S: Clone + Send + Sync + 'static>(registry: &Registry) -> Router<S> {
    let titles = &registry.titles;
    let own =
        titles.iter().map(|(name, title)| Url::new(title, format!("/openapi/{name}.json").leak()));
    let urls = [Url::with_primary("Reeve", "/openapi.json", true)].into_iter().chain(own);
    let config = Arc::new(Config::new(urls));
    let file = move |Path(path): Path<String>| {
        let config = config.clone();
        async move { serve_file(&path, config) }
    };
    documents(registry)
        .route("/docs", get(|| async { Redirect::permanent("/docs/index.html") }))
        .route("/docs/", get(|| async { Redirect::permanent("/docs/index.html") }))
        .route("/docs/{*path}", get(file))
}

/// The OpenAPI document of everything, and each module's, under the module's prefix too.
fn documents<S: Clone + Send + Sync + 'static>(registry: &Registry) -> Router<S> {
    let routes: Arc<[Route]> = registry.routes.clone().into();
    let mut router = Router::new().route("/openapi.json", document("Reeve", None, &routes));
    for (name, title) in &registry.titles {
        let own = document(title, Some(name), &routes);
        router = router.route(&format!("/openapi/{name}.json"), own.clone());
        for (_, prefix) in registry.prefixes.iter().filter(|(module, _)| module == name) {
            router = router.route(&format!("{prefix}/openapi.json"), own.clone());
        }
    }
    router
}

/// A document, made when it is first asked for: a server starts without.
fn document<S: Clone + Send + Sync + 'static>(
    title: &'static str,
    module: Option<&'static str>,
    routes: &Arc<[Route]>,
) -> MethodRouter<S> {
    let (routes, made) = (routes.clone(), Arc::new(OnceLock::<Bytes>::new()));
    let make = move || {
        let ours =
            |route: &&Route| module.is_none() || route.realm.is_none() || route.realm == module;
        openapi::document(title, routes.iter().filter(ours)).to_string().into()
    };
    get(move || std::future::ready(json_response(200, made.get_or_init(&make).clone())))
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
