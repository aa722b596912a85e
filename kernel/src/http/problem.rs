//! Errors as clients see them: RFC 9457 members, and FastAPI's `detail` where its clients look.

use std::{error::Error, fmt};

use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::fields::set;
use crate::db::DbError;

/// One fault of the input: where, what, which kind. Never the value itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// `["body", "docNumber"]`, `["query", "limit"]`, `["path", "id"]`.
    pub loc: Vec<String>,
    pub msg: String,
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// A request that is not answered with what was asked for.
#[derive(Debug)]
pub struct Problem {
    pub status: u16,
    /// Stable, for programs.
    pub code: &'static str,
    /// For people: what is wrong and what to do.
    pub detail: String,
    pub errors: Vec<FieldError>,
    /// Seconds, for `Retry-After`.
    pub retry_after: Option<u32>,
    /// What was refused; the edge records it.
    pub refused: Option<Box<Refusal>>,
    /// Further members of the answer (RFC 9457 section 3.2).
    pub members: Option<Box<Map<String, Value>>>,
    /// For our log only.
    pub cause: Option<Box<dyn Error + Send + Sync>>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status, self.code)
    }
}

/// A refusal, for the ledger.
#[derive(Debug)]
pub struct Refusal {
    pub permission: &'static str,
    /// The tenant whose ledger it belongs to, when it is not the caller's own.
    pub tenant: Option<Uuid>,
}

impl Problem {
    /// The same, on record as the refusal of this permission.
    pub fn refusing(self, permission: &'static str) -> Self {
        Self { refused: Some(Box::new(Refusal { permission, tenant: None })), ..self }
    }

    /// The same, on record in the ledger of this tenant.
    pub(crate) fn refusing_in(self, permission: &'static str, tenant: Uuid) -> Self {
        Self { refused: Some(Box::new(Refusal { permission, tenant: Some(tenant) })), ..self }
    }

    /// The same, with a further member in its answer: what a program needs to go on, never a value of
    /// the request.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.get_or_insert_default().insert(name.to_owned(), value.into());
        self
    }

    /// The same, with the error of RFC 6749 section 5.2, for clients of a token endpoint.
    pub(crate) fn oauth(self, error: &'static str) -> Self {
        self.with("error", error)
    }

    /// Whether it says so.
    pub(crate) fn is_oauth(&self, error: &str) -> bool {
        self.members.as_ref().and_then(|members| members.get("error")).is_some_and(|e| e == error)
    }

    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            errors: vec![],
            retry_after: None,
            refused: None,
            members: None,
            cause: None,
        }
    }

    /// 401: no credential, or none that is good. The same answer for every reason.
    pub fn unauthenticated() -> Self {
        let detail = "send a valid API key in X-Api-Key, or a valid token in Authorization: Bearer";
        Self::new(401, "unauthenticated", detail)
    }

    /// 403: the organisation's operator has stopped it.
    pub fn tenant_suspended() -> Self {
        let detail = "this organisation is suspended: ask the operator of this service";
        Self::new(403, "tenant_suspended", detail)
    }

    /// 403: known, but not allowed.
    pub fn forbidden(permission: &'static str) -> Self {
        let detail = format!("this needs the permission `{permission}`");
        Self::new(403, "forbidden", detail).refusing(permission)
    }

    /// 404: not there, or not visible to this tenant; nobody can tell which.
    pub fn not_found() -> Self {
        Self::new(404, "not_found", "there is no such record")
    }

    /// 409: the state of things is against it.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(409, code, detail)
    }

    /// 422 with the faults.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let fields: Vec<_> = errors.iter().map(|e| e.loc.join(".")).collect();
        let detail = format!("not valid: {}", fields.join(", "));
        Self { errors, ..Self::new(422, "invalid", detail) }
    }

    /// 422 for one field.
    pub fn field(loc: &[&str], kind: &'static str, msg: impl Into<String>) -> Self {
        let loc = loc.iter().map(|&part| part.to_owned()).collect();
        Self::invalid(vec![FieldError { loc, msg: msg.into(), kind }])
    }

    /// 503: try again.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self { retry_after: Some(1), ..Self::new(503, "unavailable", detail) }
    }

    /// 500: our fault. The cause goes to the log, the request id to the client.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let detail = "something failed on our side; it is logged under the request id";
        Self { cause: Some(cause.into()), ..Self::new(500, "internal", detail) }
    }

    fn title(&self) -> &'static str {
        match self.status {
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            406 => "Not Acceptable",
            408 => "Request Timeout",
            409 => "Conflict",
            412 => "Precondition Failed",
            413 => "Content Too Large",
            415 => "Unsupported Media Type",
            422 => "Unprocessable Content",
            426 => "Upgrade Required",
            428 => "Precondition Required",
            429 => "Too Many Requests",
            503 => "Service Unavailable",
            _ => "Internal Server Error",
        }
    }

    /// The body. FastAPI's clients read `detail`: an array when fields are at fault, else text. A
    /// client that accepts `application/problem+json` gets text there always, and `errors`.
    pub(crate) fn body(&self, request_id: Uuid, trace_id: &str, problem_json: bool) -> Value {
        let mut body = json!({
            // RFC 9457 section 4.2.1: what the problem is stands in `title` and `code`.
            "type": "about:blank",
            "title": self.title(),
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
            "trace_id": trace_id,
        });
        for (name, value) in self.members.iter().flat_map(|members| members.iter()) {
            set(&mut body, name, value.clone());
        }
        if !self.errors.is_empty() {
            let place = if problem_json { "errors" } else { "detail" };
            set(&mut body, place, json!(self.errors));
        }
        body
    }
}

impl Problem {
    /// As an OperationOutcome (HL7 FHIR R4) under the request's id, and its status there: what cannot be read is 400, and 422 is for what was
    /// read and cannot be (R4, section 3.1.0.8).
    pub(crate) fn outcome(&self, request_id: Uuid) -> (u16, Value) {
        let unread = |error: &FieldError| {
            let outside = error.loc.first().is_some_and(|at| at == "query" || at == "header");
            outside || matches!(error.kind, "json_invalid" | "structure" | "not-supported")
        };
        let status = match self.status {
            422 if self.errors.iter().any(unread) => 400,
            status => status,
        };
        let details = json!({"coding": [{"system": "urn:reeve:problem", "code": self.code}]});
        let issue = |code: &str, diagnostics: &str| json!({"severity": "error", "code": code, "details": details, "diagnostics": diagnostics});
        let mut issues: Vec<_> = self
            .errors
            .iter()
            .map(|error| {
                let mut issue = issue(issue_type(error.kind), &error.msg);
                set(&mut issue, "expression", json!([expression(&error.loc)]));
                issue
            })
            .collect();
        if issues.is_empty() {
            issues.push(issue(self.issue_type(), &self.detail));
        }
        (status, json!({"resourceType": "OperationOutcome", "id": request_id, "issue": issues}))
    }

    /// Of the value set `issue-type` (R4).
    fn issue_type(&self) -> &'static str {
        match self.status {
            401 => "login",
            403 => "forbidden",
            404 => "not-found",
            405 | 406 | 415 => "not-supported",
            409 | 412 => "conflict",
            413 => "too-long",
            429 => "throttled",
            408 | 503 => "transient",
            400 | 422 | 428 => "business-rule",
            _ => "exception",
        }
    }
}

/// The type of an issue for the kind of a fault.
fn issue_type(kind: &str) -> &str {
    match kind {
        "required" | "structure" | "value" | "not-supported" | "business-rule" | "code-invalid" => {
            kind
        }
        "missing" => "required",
        "json_invalid" | "type_error" | "duplicate" | "extra_forbidden" => "structure",
        "unknown_code" => "code-invalid",
        _ => "value",
    }
}

/// Where a fault is: FHIRPath for a resource, `http.` and the name for what stands beside it (R4, OperationOutcome).
fn expression(loc: &[String]) -> String {
    let path =
        loc.iter().filter(|part| *part != "body").fold(String::new(), |path, part| {
            match part.parse::<usize>() {
                Ok(index) => format!("{path}[{index}]"),
                Err(_) if path.is_empty() => part.clone(),
                Err(_) => format!("{path}.{part}"),
            }
        });
    match path.split_once('.') {
        Some(("query" | "header" | "path", name)) => format!("http.{name}"),
        _ => path,
    }
}

/// What a module says when one of its constraints refuses a row.
pub struct Constraint {
    pub name: &'static str,
    pub problem: fn() -> Problem,
}

impl Problem {
    /// The client's view of a failure at the database.
    pub(crate) fn from_db(error: DbError, constraints: &[Constraint]) -> Self {
        match error {
            DbError::Unavailable(cause) => Self {
                cause: Some(cause.into()),
                ..Self::unavailable("the database is not available; try again shortly")
            },
            DbError::Timeout => Self::unavailable("the database took too long; try again shortly"),
            // For what no handler has looked at: it would have named the field.
            DbError::Unstorable => Self::new(
                422,
                "invalid",
                "a value holds the character U+0000, or a time that no calendar here has",
            ),
            DbError::Contention => Self::unavailable("two changes met; try again"),
            DbError::Constraint(name) => match constraints.iter().find(|c| c.name == name) {
                Some(known) => (known.problem)(),
                None => Self::internal(format!("constraint `{name}` has no answer of its own")),
            },
            DbError::Rule(code) if code == "RV412" => Self::new(
                412,
                "version_changed",
                "the record has changed since you read it: read it again, and send its new ETag in If-Match",
            ),
            DbError::Rule(code) if code == "RV409" => Self {
                retry_after: Some(1),
                ..Self::conflict(
                    "idempotency_in_flight",
                    "the first request with this Idempotency-Key is still running",
                )
            },
            DbError::Rule(code) => match constraints.iter().find(|c| c.name == code) {
                Some(known) => (known.problem)(),
                None => Self::internal(format!("rule `{code}` has no answer of its own")),
            },
            other => Self::internal(other),
        }
    }
}
