//! The OpenAPI 3.1 document, made from the route registry: what is mounted is what is documented.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    fields::set,
    input::{InputDoc, Schemas},
    route::{Method, Route},
};
use crate::authz::{Effect, Follows, Joins};

/// The document of `routes`, under this title.
pub fn document<'r>(title: &str, routes: impl IntoIterator<Item = &'r Route>) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut schemas = BTreeMap::new();
    for route in routes {
        let operation = operation(route, &mut schemas);
        paths.entry(route.path).or_default().insert(route.method.name().to_lowercase(), operation);
    }
    schemas.insert("Problem".to_owned(), problem_schema());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Sensitive records of many organisations, governed. A request carries an API \
                            key in `X-Api-Key` or a person's token in `Authorization: Bearer`; every \
                            change and every read of identified records is in the ledger.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
                "password": {"type": "oauth2", "flows": {"password": {"tokenUrl": "/auth/token", "scopes": {}}}},
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
        "security": [{"apiKey": []}, {"password": []}, {"bearer": []}],
    })
}

fn operation(route: &Route, schemas: &mut BTreeMap<String, Value>) -> Value {
    let (mut input, mut output) = (InputDoc::default(), InputDoc::default());
    (route.input)(&mut input);
    (route.output)(&mut output);
    collect(schemas, std::mem::take(&mut input.schemas));
    collect(schemas, std::mem::take(&mut output.schemas));
    let mut parameters = input.parameters;
    if matches!(route.method, Method::Post | Method::Patch) {
        parameters.push(header(
            "Idempotency-Key",
            "a retry under the same key gets the first answer again",
        ));
    }
    if matches!(route.method, Method::Patch | Method::Delete) {
        parameters.push(header(
            "If-Match",
            "the ETag you last saw; 412 when the record has changed since",
        ));
    }
    let docs = &route.docs;
    let mut operation = json!({
        "operationId": operation_id(route),
        "tags": [docs.tag],
        "summary": docs.summary,
        "description": description(route),
        "parameters": parameters,
        "responses": responses(route, output.body),
        "x-permission": route.permission,
    });
    if route.is_open() {
        set(&mut operation, "security", json!([]));
    }
    if let Some(body) = input.body {
        let mut content = json!({"schema": reference(&body)});
        if let Some(example) = docs.example {
            set(&mut content, "example", example());
        }
        set(
            &mut operation,
            "requestBody",
            json!({"required": true, "content": {input.media_type.unwrap_or("application/json"): content}}),
        );
    }
    operation
}

fn description(route: &Route) -> String {
    let limit = route.limit.map(|limit| format!(" {}", limit.describe())).unwrap_or_default();
    format!("{}\n\nPermission: `{}`.{limit}", route.docs.description, route.permission)
}

/// `POST /v1/auth/api-keys/{id}/rotate` is `post_v1_auth_api_keys_id_rotate`.
fn operation_id(route: &Route) -> String {
    let words =
        route.name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_lowercase()
}

fn responses(route: &Route, body: Option<String>) -> Value {
    let status = route.docs.status;
    let (description, media_type) = match route.effect {
        Follows::NAME => (
            "server-sent events: `snapshot` has an array of these, `changed` one of them",
            "text/event-stream",
        ),
        Joins::NAME => (
            "the connection is a WebSocket from here on (RFC 6455): each frame in text is one of these",
            "application/json",
        ),
        _ => ("done", "application/json"),
    };
    let mut success = json!({"description": description});
    if let Some(body) = body.filter(|_| status != 204) {
        set(&mut success, "content", json!({media_type: {"schema": reference(&body)}}));
    }
    let problem = |description: &str| {
        let schema = reference("Problem");
        json!({"description": description, "content": {"application/json": {"schema": schema}}})
    };
    let mut responses = json!({
        status.to_string(): success,
        "400": problem("the request is broken"),
        "401": problem("no valid credential"),
        "403": problem("the caller's role does not hold the permission, a policy is against it, or the organisation is suspended"),
        "404": problem("no such record, or not of this organisation"),
        "408": problem("the body took too long"),
        "409": problem("the state of things is against it"),
        "412": problem("the record has changed since"),
        "413": problem("the body is too large"),
        "415": problem("not JSON"),
        "422": problem("the input is not valid; the fields are named"),
        "428": problem("this organisation demands If-Match"),
        "429": problem("too many attempts; wait as long as Retry-After says"),
        "503": problem("try again after Retry-After"),
    });
    if route.joins() {
        set(&mut responses, "426", problem("no handshake of a WebSocket"));
    }
    responses
}

fn header(name: &str, description: &str) -> Value {
    json!({"name": name, "in": "header", "required": false, "schema": {"type": "string"}, "description": description})
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn collect(schemas: &mut BTreeMap<String, Value>, found: Schemas) {
    for (name, schema) in found {
        if let Ok(schema) = serde_json::to_value(schema) {
            schemas.insert(name, schema);
        }
    }
}

fn problem_schema() -> Value {
    let text = || json!({"type": "string"});
    json!({
        "type": "object",
        "description": "RFC 9457. With status 422, `detail` is an array of faults, unless you accept \
                        application/problem+json: then it is text, and the array is `errors`.",
        "required": ["type", "title", "status", "detail", "code", "request_id", "trace_id"],
        "properties": {
            "type": text(), "title": text(), "status": {"type": "integer"}, "code": text(),
            "request_id": {"type": "string", "format": "uuid"}, "trace_id": text(),
            "detail": {"oneOf": [text(), {"type": "array", "items": {
                "type": "object",
                "required": ["loc", "msg", "type"],
                "properties": {"loc": {"type": "array", "items": text()}, "msg": text(), "type": text()},
            }}]},
        },
    })
}
