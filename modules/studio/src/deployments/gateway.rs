//! What a gateway is asked, by the contract of `docs/gateway.md`.

use std::time::Duration;

use kernel::{http::Problem, privacy::Reveal};
use outbound::{
    Limits, Method, Request, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::sql::{StoppingRow, TargetRow};

/// A gateway answers shortly: it registers, and runs nothing.
const LIMITS: Limits = Limits { total: Duration::from_secs(15), bytes: 64 * 1024 };

/// `PUT /v1/registrations/{deployment}`: the same however often it is sent.
///
/// # Errors
/// An address or a secret that cannot be sent, which is a fault of ours: both were checked when they were saved.
pub fn register(deployment: Uuid, row: TargetRow, reveal: &Reveal) -> Result<Request, Problem> {
    let body = json!({
        "agent_id": row.agent_id,
        "sequence": row.sequence,
        "version_hash": row.hash,
        "workflow": row.workflow,
    });
    let secret = row.secret.map(|secret| secret.reveal(reveal));
    request(Method::PUT, &row.url, deployment, secret, Some(&body))
}

/// `DELETE /v1/registrations/{deployment}`.
///
/// # Errors
/// As [`register`].
pub fn end(deployment: Uuid, row: StoppingRow, reveal: &Reveal) -> Result<Request, Problem> {
    let secret = row.secret.map(|secret| secret.reveal(reveal));
    request(Method::DELETE, &row.url, deployment, secret, None)
}

fn request(
    method: Method,
    base: &str,
    deployment: Uuid,
    secret: Option<String>,
    body: Option<&Value>,
) -> Result<Request, Problem> {
    let secret =
        secret.ok_or_else(|| Problem::conflict("gateway_gone", "the gateway was removed"))?;
    let mut bearer: HeaderValue = format!("Bearer {secret}").parse().map_err(Problem::internal)?;
    // Nothing prints it.
    bearer.set_sensitive(true);
    let url = Url::parse(&format!("{base}/v1/registrations/{deployment}"));
    let mut headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
    if body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(Request {
        method,
        url: url.map_err(Problem::internal)?,
        headers,
        body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
        limits: LIMITS,
    })
}
