//! Those who call: a key, an address, and what came back.

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
    /// The key's id, as the ledger names it.
    pub id: Uuid,
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

    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.send(self.request(Method::PATCH, path).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// A request to be dressed with headers, then [`send`](Self::send).
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.key {
            Some(key) => request.header("X-Api-Key", key),
            None => request,
        }
    }

    pub async fn send(&self, request: RequestBuilder) -> Reply {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Reply { status, headers, text: response.text().await.expect("a whole answer") }
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

    /// `422 invalid`: the status and the code of a problem.
    pub fn problem(&self) -> String {
        format!("{} {}", self.status, self.json()["code"].as_str().unwrap_or("-"))
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

    /// The answer without what may differ between two equal ones: request id, trace, date.
    pub fn essence(&self) -> (u16, Vec<(String, String)>, String) {
        let mut headers: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| !["x-request-id", "traceparent", "date"].contains(&name.as_str()))
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("?").to_owned()))
            .collect();
        headers.sort();
        let body = match serde_json::from_str::<Value>(&self.text) {
            Ok(Value::Object(mut body)) => {
                body.remove("request_id");
                body.remove("trace_id");
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
