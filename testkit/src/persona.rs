//! Those who call: a key, an address, and what came back.

use std::collections::BTreeMap;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

/// A tenant and a key for each role.
pub struct TestTenant {
    pub id: Uuid,
    pub admin: Persona,
    pub integration: Persona,
    pub reader: Persona,
    pub auditor: Persona,
}

/// Somebody who calls.
#[derive(Clone)]
pub struct Persona {
    pub(crate) http: reqwest::Client,
    pub(crate) base: String,
    pub key: Option<String>,
    /// An access token, for a person.
    pub token: Option<String>,
    pub refresh: Option<String>,
    /// From where, as a proxy says.
    pub(crate) address: Option<String>,
    /// The key's or the account's id, as the ledger names it.
    pub id: Uuid,
}

/// The password of every person of a test.
pub const PASSWORD: &str = "correct horse battery";

/// An organisation of a realm, with somebody of each role, signed in.
pub struct Organisation {
    pub id: Uuid,
    pub realm: String,
    pub people: BTreeMap<&'static str, Persona>,
}

impl Organisation {
    /// The person of this role.
    pub fn role(&self, role: &str) -> &Persona {
        &self.people[role]
    }

    /// The address of somebody's account.
    pub fn email(&self, role: &str) -> String {
        format!("{role}@{}.example", self.id.simple())
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Persona {
    /// The same caller at another server.
    pub fn at(&self, base: String) -> Self {
        Self { base, ..self.clone() }
    }

    /// The same caller from another address, where the server believes who says so
    /// ([`Options::behind_a_proxy`](crate::Options::behind_a_proxy)).
    pub fn coming_from(&self, address: &str) -> Self {
        Self { address: Some(address.into()), ..self.clone() }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request(Method::PATCH, path).json(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// A request to be dressed with headers, then [`send`](Self::send).
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        let request = match &self.address {
            Some(address) => request.header("X-Forwarded-For", address),
            None => request,
        };
        let request = match &self.key {
            Some(key) => request.header("X-Api-Key", key),
            None => request,
        };
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// The whole answer; of a stream its beginning.
    pub async fn send(&self, request: RequestBuilder) -> Reply {
        let mut response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let streams = headers.get("content-type").is_some_and(|of| of == "text/event-stream");
        let text = if streams {
            let beginning = response.chunk().await.expect("a beginning").unwrap_or_default();
            String::from_utf8_lossy(&beginning).into_owned()
        } else {
            response.text().await.expect("a whole answer")
        };
        Reply { status, headers, text }
    }

    /// Signs in with a password at `tenant`; the answer.
    pub async fn sign_in(&self, tenant: &str, email: &str, password: &str) -> Reply {
        let body = json!({"email": email, "password": password, "tenant": tenant});
        self.post("/auth/login", &body).await
    }

    /// The same caller with this text as token, or without any credential.
    pub fn with_token(&self, token: Option<String>) -> Self {
        Self { key: None, token, refresh: None, ..self.clone() }
    }

    /// The same caller with the tokens of this answer.
    pub fn with_tokens(&self, reply: &Reply) -> Self {
        let body = reply.json();
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        Self {
            key: None,
            token: text("access_token"),
            refresh: text("refresh_token"),
            ..self.clone()
        }
    }

    /// Creates a patient; its id.
    pub async fn new_patient(&self, doc_number: &str) -> String {
        let reply = self.post("/v1/patients", &patient(doc_number)).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        reply.id()
    }

    /// Books an appointment; its id.
    pub async fn new_appointment(&self, doctor: &str, start: &str, end: &str) -> String {
        let reply = self.post("/v1/appointments", &appointment(doctor, start, end)).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        reply.id()
    }
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub fn id(&self) -> String {
        self.json()["id"].as_str().expect("an id").to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// `422 invalid`: the status and the code of a problem, whatever its dialect.
    pub fn problem(&self) -> String {
        let json = self.json();
        let outcome = &json["issue"][0]["details"]["coding"][0]["code"];
        let code = json["code"].as_str().or(outcome.as_str());
        format!("{} {}", self.status, code.unwrap_or("-"))
    }

    /// Where the faults of an OperationOutcome are.
    pub fn expressions(&self) -> Vec<String> {
        let issues = self.json()["issue"].as_array().cloned().unwrap_or_default();
        let of = |issue: &Value| issue["expression"][0].as_str().unwrap_or("-").to_owned();
        issues.iter().map(of).collect()
    }

    /// The `loc`s of the faults, joined with dots.
    pub fn fields(&self) -> Vec<String> {
        let detail = self.json()["detail"].clone();
        let faults = detail.as_array().cloned().unwrap_or_default();
        let join = |fault: &Value| {
            let parts = fault["loc"].as_array().cloned().unwrap_or_default();
            parts.iter().map(|p| p.as_str().unwrap_or("?").to_owned()).collect::<Vec<_>>().join(".")
        };
        faults.iter().map(join).collect()
    }

    /// The answer without what may differ between two equal ones: request id, trace, date, and
    /// the seconds that a limit lasts still.
    pub fn essence(&self) -> (u16, Vec<(String, String)>, String) {
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| {
                !["x-request-id", "traceparent", "date", "ratelimit"].contains(&name.as_str())
            })
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("?").to_owned()))
            .collect();
        headers.sort();
        let body = match serde_json::from_str::<Value>(&self.text) {
            Ok(Value::Object(mut body)) => {
                body.remove("request_id");
                body.remove("trace_id");
                if body.get("resourceType").is_some_and(|of| of == "OperationOutcome") {
                    body.remove("id");
                }
                Value::Object(body).to_string()
            }
            _ => self.text.clone(),
        };
        (self.status, headers, body)
    }
}

/// The least that a patient needs.
pub fn patient(doc_number: &str) -> Value {
    json!({"eventType": "PATIENT", "actionType": "CREATE", "docTypeId": "CC", "docNumber": doc_number,
           "firstName": "Ana", "lastName": "Rojas"})
}

/// The least that an appointment needs.
pub fn appointment(doctor: &str, start: &str, end: &str) -> Value {
    json!({"eventType": "APPOINTMENT", "actionType": "CREATE", "startAppointment": start, "endAppointment": end,
           "patientDocTypeId": "CC", "patientDocNumber": "1", "doctorDocTypeId": "CC", "doctorDocNumber": doctor})
}
