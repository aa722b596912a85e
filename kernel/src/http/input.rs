//! What a request brings, parsed into the handler's own types or refused with the fields named.
//! Values are never repeated in an error: they may be about a person.

use std::str::FromStr;

use axum::http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use bytes::Bytes;
use hyper::upgrade::OnUpgrade;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error, IgnoredAny},
};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{FieldError, Problem, openapi::reference};

/// A request's parts after its body was read.
pub struct Incoming {
    pub(crate) params: Vec<(String, String)>,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// How the connection becomes another thing, where that was asked for.
    pub(crate) upgrade: Option<OnUpgrade>,
}

impl Incoming {
    /// A request of the server's own with a JSON body.
    pub(crate) fn json(id: &str, body: &Value) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self {
            params: vec![("id".to_owned(), id.to_owned())],
            query: String::new(),
            headers,
            body: Bytes::from(body.to_string()),
            upgrade: None,
        }
    }

    /// What the path has in this place, such as `{id}`.
    pub fn place(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The query as it was written.
    pub fn query(&self) -> &str {
        &self.query
    }

    /// The query's parameters in their order.
    ///
    /// # Errors
    /// 422 when it is no query string.
    pub fn parameters(&self) -> Result<Vec<(String, String)>, Problem> {
        QueryReader::new(&self.query).map(|reader| reader.pairs)
    }

    /// The body as it came, where it is said to be JSON.
    ///
    /// # Errors
    /// 415 when it is not.
    pub fn json_body(&self) -> Result<&Bytes, Problem> {
        require_json(self.header("content-type"))?;
        Ok(&self.body)
    }

    /// A header's text, when it is ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
    }
}

/// What an operation's documentation says about its input.
#[derive(Default)]
pub struct InputDoc {
    pub(crate) parameters: Vec<Value>,
    /// The schema of the body, or where it stands.
    pub(crate) body: Option<Value>,
    /// The body's media type, where it is not JSON.
    pub(crate) media_type: Option<&'static str>,
    pub(crate) schemas: Schemas,
}

impl InputDoc {
    /// One more parameter, as OpenAPI has them.
    pub fn parameter(&mut self, parameter: Value) {
        self.parameters.push(parameter);
    }

    /// The body is a `T`: under its name, or as it is where the name is that of all lists.
    pub fn speak_of<T: ToSchema>(&mut self) {
        let (name, schema) = (T::name().into_owned(), T::schema());
        if std::any::type_name::<T>().contains('<') {
            self.body = serde_json::to_value(schema).ok();
        } else {
            self.body = Some(reference(&name));
            self.schemas.push((name, schema));
        }
        T::schemas(&mut self.schemas);
    }
}

/// Named schemas, as utoipa collects them.
pub type Schemas = Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>;

/// The input of a handler.
pub trait Input: Sized + Send {
    /// # Errors
    /// 415, 413 or 422 with the fields at fault.
    fn read(request: &Incoming) -> Result<Self, Problem>;
    fn describe(doc: &mut InputDoc);
}

impl Input for () {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        QueryReader::new(&request.query)?.finish(())
    }

    fn describe(_: &mut InputDoc) {}
}

impl<A: Input, B: Input> Input for (A, B) {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        Ok((A::read(request)?, B::read(request)?))
    }

    fn describe(doc: &mut InputDoc) {
        A::describe(doc);
        B::describe(doc);
    }
}

/// The record named in the path, as `{id}`.
pub struct Item<T>(pub T);

impl<T: FromStr + Send> Input for Item<T> {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        let text =
            request.params.iter().find(|(name, _)| name == "id").map(|(_, value)| value.as_str());
        let parsed = text.and_then(|text| text.parse().ok()).map(Self);
        parsed.ok_or_else(|| Problem::field(&["path", "id"], "uuid", "this is not a UUID"))
    }

    fn describe(doc: &mut InputDoc) {
        doc.parameters.push(json!({
            "name": "id", "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"},
        }));
    }
}

/// A record by its opaque id: our own, or what another system calls it (C-17).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    pub id: Option<Uuid>,
    pub external_id: Option<String>,
}

impl FromStr for Reference {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        match (fits, text.parse()) {
            // In the one form that we give ids: other systems may have ids of 32 digits.
            (true, Ok(id)) if text.len() == 36 => Ok(Self { id: Some(id), external_id: None }),
            (true, _) => Ok(Self { id: None, external_id: Some(text.to_owned()) }),
            (false, _) => Err("an id of 1 to 100 characters"),
        }
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// The record named in the path by whichever id; what no record can have is nowhere (R-016).
pub struct Named(pub Reference);

impl Input for Named {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        let text = request.params.iter().find(|(name, _)| name == "id").map(|(_, value)| value);
        let parsed = text.and_then(|text| text.parse().ok()).map(Self);
        parsed.ok_or_else(Problem::not_found)
    }

    fn describe(doc: &mut InputDoc) {
        doc.parameters.push(json!({
            "name": "id", "in": "path", "required": true, "schema": {"type": "string"},
            "description": "the record's id, or its `external_id`",
        }));
    }
}

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + ToSchema + Send> Input for Body<T> {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        require_json(request.header("content-type"))?;
        let parsed = parse_json(&request.body)?;
        require_object(&request.body)?;
        refuse_nul(&request.body)?;
        Ok(Self(parsed))
    }

    fn describe(doc: &mut InputDoc) {
        doc.speak_of::<T>();
    }
}

/// A JSON body that may be left out, and is then as if it were empty.
pub struct OptionalBody<T>(pub T);

impl<T: DeserializeOwned + Default + ToSchema + Send> Input for OptionalBody<T> {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        match request.body.is_empty() {
            true => Ok(Self(T::default())),
            false => Body::read(request).map(|Body(body)| Self(body)),
        }
    }

    fn describe(doc: &mut InputDoc) {
        Body::<T>::describe(doc);
    }
}

/// A form in the body, as RFC 6749 has its requests; what it does not know it leaves alone.
pub struct Form<T>(pub T);

const FORM: &str = "application/x-www-form-urlencoded";

impl<T: DeserializeOwned + ToSchema + Send> Input for Form<T> {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        let given = request.header("content-type").unwrap_or_default().to_ascii_lowercase();
        if given.split(';').next().map(str::trim) != Some(FORM) {
            let detail = format!("send a form, with Content-Type: {FORM}");
            return Err(Problem::new(415, "unsupported_media_type", detail));
        }
        serde_urlencoded::from_bytes(&request.body).map(Self).map_err(|error| {
            let text = error.to_string();
            match (quoted(&text), text.starts_with("missing field")) {
                (Some(name), true) => {
                    Problem::field(&["body", name], "missing", "this field is required")
                }
                (Some(name), false) if text.starts_with("duplicate field") => {
                    Problem::field(&["body", name], "duplicate", "give this field once")
                }
                _ => Problem::field(&["body"], "form_invalid", "this is not a form in UTF-8"),
            }
        })
    }

    fn describe(doc: &mut InputDoc) {
        Body::<T>::describe(doc);
        doc.media_type = Some(FORM);
    }
}

/// What a request says of its tenant besides its credential: a hint for a login (C-10).
pub struct Hints {
    /// `X-Tenant-ID`.
    pub tenant: Option<String>,
    /// The host that was called, without the port.
    pub host: Option<String>,
    pub(crate) cookie: Option<String>,
}

impl Input for Hints {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        let tenant = request.header("x-tenant-id").map(str::to_owned);
        if tenant.as_deref().is_some_and(|id| id.parse::<uuid::Uuid>().is_err()) {
            return Err(Problem::field(&["header", "X-Tenant-ID"], "uuid", "this is not a UUID"));
        }
        let host = request.header("host");
        let host = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned());
        Ok(Self { tenant, host, cookie: request.header("cookie").map(str::to_owned) })
    }

    fn describe(doc: &mut InputDoc) {
        doc.parameters.push(json!({
            "name": "X-Tenant-ID", "in": "header", "required": false,
            "schema": {"type": "string", "format": "uuid"},
            "description": "the organisation, where an e-mail address may be known to several",
        }));
    }
}

/// Up to where the client of a stream knows everything, as it was told: the id of the last event
/// (WHATWG HTML section 9.2.4). What it is not is no fault: then everything is told.
pub struct Resume(pub(crate) Option<String>);

impl Input for Resume {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        Ok(Self(request.header("last-event-id").map(str::to_owned)))
    }

    fn describe(doc: &mut InputDoc) {
        doc.parameters.push(json!({
            "name": "Last-Event-ID", "in": "header", "required": false, "schema": {"type": "string"},
            "description": "the id of the last event that arrived: only what has changed since is sent",
        }));
    }
}

fn require_json(content_type: Option<&str>) -> Result<(), Problem> {
    let refused = || {
        Problem::new(
            415,
            "unsupported_media_type",
            "send JSON in UTF-8, with Content-Type: application/json",
        )
    };
    let content_type = content_type.ok_or_else(refused)?.to_ascii_lowercase();
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let utf8 =
        parts.all(|p| p.strip_prefix("charset=").is_none_or(|c| c.trim_matches('"') == "utf-8"));
    if utf8 && (essence == "application/json" || essence.ends_with("+json")) {
        Ok(())
    } else {
        Err(refused())
    }
}

/// Parses a body: one fault at a time, since the parser stops at the first.
///
/// # Errors
/// 422 with the place of the fault and what was expected there.
pub fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut parser = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut parser);
    let parsed = parsed.map_err(|error| shape_problem(error.path(), error.inner(), body))?;
    match parser.end() {
        Ok(()) => Ok(parsed),
        Err(error) => Err(shape_problem(&serde_path_to_error::Track::new().path(), &error, body)),
    }
}

/// A body is an object: the parser would take an array's items for the fields in their order.
fn require_object(body: &[u8]) -> Result<(), Problem> {
    match body.trim_ascii_start().first() {
        Some(b'{') => Ok(()),
        _ => Err(Problem::field(&["body"], "object", "send a JSON object")),
    }
}

/// PostgreSQL's text knows no U+0000, wherever in the body it stands. JSON has it as an escape alone, so that almost no
/// body is looked at twice.
fn refuse_nul(body: &[u8]) -> Result<(), Problem> {
    if !body.windows(6).any(|six| six == br"\u0000") {
        return Ok(());
    }
    let whole: Value = serde_json::from_slice(body).unwrap_or_default();
    match find_nul(&whole) {
        Some(path) => Err(nul(std::iter::once("body".to_owned()).chain(path).collect())),
        None => Ok(()),
    }
}

/// The way to the first text or name that holds a U+0000.
fn find_nul(value: &Value) -> Option<Vec<String>> {
    let within = |name: String, value: &Value| {
        find_nul(value).map(|path| std::iter::once(name).chain(path).collect())
    };
    match value {
        Value::String(text) => text.contains('\0').then(Vec::new),
        Value::Array(all) => {
            all.iter().enumerate().find_map(|(i, value)| within(i.to_string(), value))
        }
        Value::Object(all) => all.iter().find_map(|(name, value)| match name.contains('\0') {
            true => Some(vec![clip(name)]),
            false => within(clip(name), value),
        }),
        _ => None,
    }
}

fn nul(loc: Vec<String>) -> Problem {
    let msg = "the character U+0000 cannot be stored".into();
    Problem::invalid(vec![FieldError { loc, msg, kind: "control_character" }])
}

fn shape_problem(
    path: &serde_path_to_error::Path,
    error: &serde_json::Error,
    body: &[u8],
) -> Problem {
    use serde_path_to_error::Segment;
    let mut loc = vec!["body".to_owned()];
    loc.extend(path.iter().map(|segment| match segment {
        Segment::Seq { index } => index.to_string(),
        Segment::Map { key } | Segment::Enum { variant: key } => clip(key),
        Segment::Unknown => "?".to_owned(),
    }));
    if error.is_syntax() || error.is_eof() {
        // A scalar of the wrong type is a data error; only text that is not JSON comes here.
        let whole: Result<IgnoredAny, _> = serde_json::from_slice(body);
        let at =
            whole.err().map(|e| (e.line(), e.column())).unwrap_or((error.line(), error.column()));
        let msg = format!("this is not JSON, at line {} column {}", at.0, at.1);
        return Problem::invalid(vec![FieldError {
            loc: vec!["body".into()],
            msg,
            kind: "json_invalid",
        }]);
    }
    let text = error.to_string();
    // serde's own messages repeat the value; only what was expected may be said.
    let (kind, msg) = match text.as_str() {
        t if t.starts_with("unknown field") => {
            ("extra_forbidden", "there is no such field".to_owned())
        }
        t if t.starts_with("duplicate field") => {
            ("duplicate", "this field is given twice".to_owned())
        }
        t if t.starts_with("missing field") => ("missing", "this field is required".to_owned()),
        t => match t.split_once(", expected ") {
            Some((_, expected)) => {
                ("type_error", format!("expected {}", without_position(expected)))
            }
            None => ("value_error", without_position(t).to_owned()),
        },
    };
    if let (Some(name), "missing" | "duplicate") = (quoted(&text), kind)
        && loc.last().map(String::as_str) != Some(name)
    {
        loc.push(clip(name));
    }
    Problem::invalid(vec![FieldError { loc, msg, kind }])
}

fn quoted(text: &str) -> Option<&str> {
    text.split('`').nth(1)
}

fn without_position(text: &str) -> &str {
    text.split(" at line ").next().unwrap_or(text)
}

/// A name that a client sent, no longer than a name is.
fn clip(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// A query string, as a type.
pub trait FromQuery: Sized + Send {
    /// Reads what it knows.
    fn read(query: &mut QueryReader) -> Self;
    /// OpenAPI parameter objects.
    fn parameters() -> Vec<Value>;
}

/// The query string of a request.
pub struct Query<T>(pub T);

impl<T: FromQuery> Input for Query<T> {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        let mut reader = QueryReader::new(&request.query)?;
        let query = T::read(&mut reader);
        reader.finish(Self(query))
    }

    fn describe(doc: &mut InputDoc) {
        doc.parameters.extend(T::parameters());
    }
}

/// One query parameter of the documentation.
pub fn parameter(name: &str, schema: Value, description: &str) -> Value {
    json!({"name": name, "in": "query", "required": false, "schema": schema, "description": description})
}

/// One that must be given: it is read with [`QueryReader::demand`].
pub fn demanded(name: &str, schema: Value, description: &str) -> Value {
    json!({"name": name, "in": "query", "required": true, "schema": schema, "description": description})
}

/// Takes parameters by name and collects what is wrong with them; what nobody took is unknown.
pub struct QueryReader {
    pairs: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl QueryReader {
    fn new(query: &str) -> Result<Self, Problem> {
        let bad = |msg: &str| Problem::field(&["query"], "query", msg);
        let pairs: Vec<(String, String)> =
            serde_urlencoded::from_str(query).map_err(|_| bad("this is not a query string"))?;
        match pairs.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
            true => Err(bad("the character U+0000 cannot be stored")),
            false => Ok(Self { pairs, errors: vec![] }),
        }
    }

    /// The parameter's text; given twice is a fault.
    pub fn text(&mut self, name: &str, longest: usize) -> Option<String> {
        let mut found = self.take(|key| key == name).into_iter().map(|(_, value)| value);
        let first = found.next();
        if found.next().is_some() {
            self.fault(name, "duplicate", "give this parameter once");
        }
        let first = first?;
        if first.is_empty() || first.chars().count() > longest {
            self.fault(name, "length", &format!("give 1 to {longest} characters"));
            return None;
        }
        Some(first)
    }

    /// The parameter through its parser; `what` says what is expected.
    pub fn parse<T: FromStr>(&mut self, name: &str, what: &str) -> Option<T> {
        let text = self.text(name, 128)?;
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.fault(name, "type_error", &format!("expected {what}"));
        }
        parsed
    }

    /// As [`parse`](Self::parse); at fault when it is absent, and then what `T` is without a value.
    pub fn demand<T: FromStr + Default>(&mut self, name: &str, what: &str) -> T {
        if !self.pairs.iter().any(|(key, _)| key == name) {
            self.fault(name, "missing", &format!("give {what}"));
        }
        self.parse(name, what).unwrap_or_default()
    }

    /// How many items a page may have: 1 to 200, 50 when not said.
    pub fn limit(&mut self) -> i64 {
        match self.parse::<i64>("limit", "a whole number from 1 to 200") {
            None => 50,
            Some(limit @ 1..=200) => limit,
            Some(_) => {
                self.fault("limit", "range", "give a whole number from 1 to 200");
                50
            }
        }
    }

    /// All parameters whose name begins with `prefix`, without it.
    pub fn with_prefix(&mut self, prefix: &str) -> Vec<(String, String)> {
        let found = self.take(|key| key.starts_with(prefix));
        found
            .into_iter()
            .map(|(key, value)| (key.trim_start_matches(prefix).to_owned(), value))
            .collect()
    }

    pub fn fault(&mut self, name: &str, kind: &'static str, msg: &str) {
        let loc = vec!["query".to_owned(), clip(name)];
        self.errors.push(FieldError { loc, msg: msg.to_owned(), kind });
    }

    fn take(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
        let (taken, left) =
            std::mem::take(&mut self.pairs).into_iter().partition(|(key, _)| wanted(key));
        self.pairs = left;
        taken
    }

    fn finish<T>(mut self, value: T) -> Result<T, Problem> {
        for name in self.pairs.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            self.fault(&name, "extra_forbidden", "there is no such parameter");
        }
        if self.errors.is_empty() { Ok(value) } else { Err(Problem::invalid(self.errors)) }
    }
}
