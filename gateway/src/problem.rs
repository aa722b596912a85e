use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use uuid::Uuid;
use workflow::Fault;

/// A request that is not answered with what was asked for (RFC 9457).
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// Stable, for programs.
    code: &'static str,
    /// For people: what is wrong and what to do. It repeats no value.
    detail: String,
    /// All that is wrong with what was sent, each with its place.
    errors: Vec<Fault>,
    /// Further members of the answer.
    members: Vec<(&'static str, Value)>,
}

impl Problem {
    pub(crate) fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code,
            detail: detail.into(),
            errors: vec![],
            members: vec![],
        }
    }

    pub(crate) fn not_found(detail: &'static str) -> Self {
        Self::new(404, "not_found", detail)
    }

    /// 422 with the faults.
    pub(crate) fn invalid(errors: Vec<Fault>) -> Self {
        let detail = "not valid: each fault is in `errors`";
        Self { errors, ..Self::new(422, "invalid", detail) }
    }

    /// 422 for one place.
    pub(crate) fn field(path: &str, code: &'static str, message: &str) -> Self {
        let message = message.to_owned();
        Self::invalid(vec![Fault { path: path.to_owned(), code, message }])
    }

    /// The same, with a further member in its answer.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// The answer.
    pub(crate) fn render(self, request_id: Uuid) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
        });
        if let Value::Object(body) = &mut body {
            body.extend(self.members.into_iter().map(|(name, value)| (name.to_owned(), value)));
            if !self.errors.is_empty() {
                body.insert("errors".into(), json!(self.errors));
            }
        }
        let mut response = (self.status, Body::from(body.to_string())).into_response();
        let headers = response.headers_mut();
        let problem = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, problem);
        match self.status.as_u16() {
            401 => headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            503 => headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1")),
            _ => None,
        };
        response
    }
}

impl IntoResponse for Problem {
    /// The edge renders it, under the request's id.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
