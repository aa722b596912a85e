//! The OpenAPI 3.1 document, made from the route registry: what is mounted is what is documented.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    fields::set,
    input::{InputDoc, Schemas},
    route::{Dialect, Method, Route},
};
use crate::authz::{Effect, Follows, Joins};

/// The document of `routes`, under this title.
pub fn document<'r>(title: &str, routes: impl IntoIterator<Item = &'r Route>) -> Value {
    let mut schemas = Named::default();
    let operations: Vec<_> =
        routes.into_iter().map(|route| (route, operation(route, &mut schemas))).collect();
    let shared = schemas.shared();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for (route, mut operation) in operations {
        qualify(&mut operation, route.realm, &shared);
        paths.entry(route.path).or_default().insert(route.method.name().to_lowercase(), operation);
    }
    let mut schemas = schemas.finish(&shared);
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

/// Names under which one realm's routes speak of two different things: a generated client would know one of them.
pub fn ambiguous<'r>(routes: impl IntoIterator<Item = &'r Route>) -> BTreeSet<String> {
    let (mut known, mut found) = (BTreeMap::new(), BTreeSet::new());
    for route in routes {
        let mut schemas = Named::default();
        operation(route, &mut schemas);
        for (name, schema) in schemas
            .0
            .into_iter()
            .flat_map(|(name, of)| of.into_values().map(move |s| (name.clone(), s)))
        {
            let place = (name.clone(), route.realm);
            if known.insert(place, schema.clone()).is_some_and(|before| before != schema) {
                found.insert(name);
            }
        }
    }
    found
}

fn operation(route: &Route, schemas: &mut Named) -> Value {
    let (mut input, mut output) = (InputDoc::default(), InputDoc::default());
    (route.input)(&mut input);
    (route.output)(&mut output);
    schemas.collect(route.realm, std::mem::take(&mut input.schemas));
    schemas.collect(route.realm, std::mem::take(&mut output.schemas));
    let mut parameters = input.parameters;
    if matches!(route.method, Method::Post | Method::Put | Method::Patch) {
        parameters.push(header(
            "Idempotency-Key",
            "a retry under the same key gets the first answer again",
        ));
    }
    if matches!(route.method, Method::Put | Method::Patch | Method::Delete) {
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
        let schema = match docs.required {
            [] => body,
            required => json!({"allOf": [body, {"required": required}]}),
        };
        let mut content = json!({"schema": schema});
        if let Some(example) = docs.example {
            set(&mut content, "example", example());
        }
        set(
            &mut operation,
            "requestBody",
            json!({"required": true, "content": {
                input.media_type.unwrap_or(Dialect::at(route.path).media_type()): content}}),
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

fn responses(route: &Route, body: Option<Value>) -> Value {
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
        _ => ("done", Dialect::at(route.path).media_type()),
    };
    let mut success = json!({"description": description});
    if let Some(body) = body.filter(|_| status != 204) {
        set(&mut success, "content", json!({media_type: {"schema": body}}));
    }
    let (schema, media_type) = match Dialect::at(route.path) {
        Dialect::Json => (reference("Problem"), "application/json"),
        Dialect::Fhir => (json!({"type": "object"}), "application/fhir+json"),
    };
    let problem = |description: &str| json!({"description": description, "content": {media_type: {"schema": schema}}});
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

/// To a schema by its name.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("{SCHEMAS}{name}")})
}

/// Schemas by their names and the realms whose routes speak of them.
#[derive(Default)]
struct Named(BTreeMap<String, BTreeMap<Option<&'static str>, Value>>);

impl Named {
    fn collect(&mut self, realm: Option<&'static str>, found: Schemas) {
        for (name, schema) in found {
            if let Ok(schema) = serde_json::to_value(schema) {
                self.0.entry(name).or_default().insert(realm, schema);
            }
        }
    }

    /// Names that mean different things in different realms: by what is said, or by what that speaks of.
    fn shared(&self) -> BTreeSet<String> {
        let mut shared = BTreeSet::new();
        loop {
            let differs = |of: &BTreeMap<_, Value>| {
                let mut schemas = of.values();
                let first = schemas.next();
                schemas.any(|schema| Some(schema) != first)
                    || of.len() > 1 && first.is_some_and(|schema| speaks_of(schema, &shared))
            };
            let found: BTreeSet<_> =
                self.0.iter().filter(|(_, of)| differs(of)).map(|(name, _)| name.clone()).collect();
            if found.len() == shared.len() {
                return shared;
            }
            shared = found;
        }
    }

    /// All of them, each realm's own under a name of its own where another means something else by it.
    fn finish(self, shared: &BTreeSet<String>) -> BTreeMap<String, Value> {
        let each = |(name, of): (String, BTreeMap<_, Value>)| {
            of.into_iter().map(move |(realm, mut schema)| {
                qualify(&mut schema, realm, shared);
                (qualified(&name, realm, shared), schema)
            })
        };
        self.0.into_iter().flat_map(each).collect()
    }
}

const SCHEMAS: &str = "#/components/schemas/";

/// `Consent`, or `civic.Consent`.
fn qualified(name: &str, realm: Option<&str>, shared: &BTreeSet<String>) -> String {
    match realm {
        Some(realm) if shared.contains(name) => format!("{realm}.{name}"),
        _ => name.to_owned(),
    }
}

fn speaks_of(value: &Value, names: &BTreeSet<String>) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(key, value)| match value.as_str() {
            Some(at) if key == "$ref" => names.contains(at.trim_start_matches(SCHEMAS)),
            _ => speaks_of(value, names),
        }),
        Value::Array(items) => items.iter().any(|item| speaks_of(item, names)),
        _ => false,
    }
}

fn qualify(value: &mut Value, realm: Option<&str>, shared: &BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let name = value.as_str().and_then(|at| at.strip_prefix(SCHEMAS));
                match name {
                    Some(name) if key == "$ref" => {
                        *value = format!("{SCHEMAS}{}", qualified(name, realm, shared)).into();
                    }
                    _ => qualify(value, realm, shared),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| qualify(item, realm, shared)),
        _ => {}
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
