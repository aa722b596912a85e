//! One node.

use std::sync::Arc;

use outbound::{
    Answer, Limits, Method, OutboundError, Request,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;
use workflow::{Http, Kind, Model, Node, Pick, Scope};

use crate::run::{Failure, Given, Made, Runner};

impl Runner {
    pub(crate) async fn make(
        &self,
        node: &Node,
        given: &Given<'_>,
        input: Arc<Value>,
    ) -> Result<Made, Failure> {
        let scope: Scope<'_> = given.iter().map(|(name, value)| (*name, &**value)).collect();
        let largest = self.limits.value;
        let value = match &node.kind {
            Kind::Input(_) => return Ok(Made { value: input, only: None }),
            Kind::Condition(condition) => {
                let only = if condition.holds(&scope) { "true" } else { "false" };
                return passed(given, Some(only));
            }
            Kind::Output(_) => return passed(given, None),
            Kind::Template(template) => Value::String(template.text.render(&scope, largest)?),
            Kind::Map(map) => Value::Array(map.make(&scope, largest)?),
            Kind::Http(http) => self.http(http, &scope).await?,
            Kind::Model(model) => Value::String(self.ask(model, &scope).await?),
        };
        Ok(Made { value: Arc::new(value), only: None })
    }

    async fn http(&self, http: &Http, scope: &Scope<'_>) -> Result<Value, Failure> {
        let largest = self.limits.value;
        let address = http.address(scope)?;
        let url = self.outbound.check(&address).map_err(|unfit| Failure::call(unfit.code()))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &http.headers {
            let name = HeaderName::try_from(name.as_str());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
                headers.insert(name, value);
            }
        }
        let (kind, body) = match &http.body {
            None => (None, vec![]),
            Some(pick @ Pick::Path(_)) => {
                let value = pick.make(scope, largest)?;
                (Some("application/json"), value.to_string().into_bytes())
            }
            Some(Pick::Text(template)) => {
                let text = template.render(scope, largest)?;
                (Some("text/plain; charset=utf-8"), text.into_bytes())
            }
        };
        if let Some(kind) = kind {
            // A workflow may say more exactly what its text is.
            headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(kind));
        }
        // The node's own time ends it a little sooner.
        let limits = Limits { total: self.limits.node, bytes: largest };
        let method = Method::from_bytes(http.method.name().as_bytes()).unwrap_or(Method::GET);
        let sent = self.outbound.send(Request { method, url, headers, body, limits }).await;
        read(sent.map_err(failure)?)
    }

    async fn ask(&self, asked: &Model, scope: &Scope<'_>) -> Result<String, Failure> {
        let model = self.model.as_ref().ok_or(Failure::call("no_model"))?;
        let largest = self.limits.value;
        let system = asked.system.as_ref().map(|text| text.render(scope, largest)).transpose()?;
        let prompt = asked.prompt.render(scope, largest)?;
        let limits = Limits { total: self.limits.node, bytes: largest };
        model.ask(asked, system.as_deref(), &prompt, limits).await
    }
}

/// What a node is given at its one handle, as it is.
fn passed(given: &Given<'_>, only: Option<&'static str>) -> Result<Made, Failure> {
    let value = given.values().next().cloned().ok_or(Failure::values("value_missing"))?;
    Ok(Made { value, only })
}

pub(crate) fn failure(error: OutboundError) -> Failure {
    match error {
        OutboundError::Timeout => Failure::time(error.code()),
        other => Failure::call(other.code()),
    }
}

/// JSON where that is what it says it is, else text.
fn read(answer: Answer) -> Result<Value, Failure> {
    if !(200..300).contains(&answer.status) {
        let answered = Some(answer.status);
        return Err(Failure { answered, ..Failure::call("http_status") });
    }
    let kind = answer.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let essence = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    match essence == "application/json" || essence.ends_with("+json") {
        // 204 and such say nothing.
        true if answer.body.is_empty() => Ok(Value::Null),
        true => serde_json::from_slice(&answer.body).map_err(|_| Failure::call("not_json")),
        false => {
            String::from_utf8(answer.body).map(Value::String).map_err(|_| Failure::call("not_text"))
        }
    }
}
