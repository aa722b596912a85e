//! What requests in FHIR have in common: searches, resources in bodies, conditions, media types.

use std::borrow::Cow;

use fhir::{
    resources::{Resource, Searchset},
    search::{self, Token},
};
use jiff::{Timestamp, civil::Date};
use kernel::{
    authz::{Answer, Authorized, Fetched, Permission},
    http::{EVER, FieldError, Incoming, Input, InputDoc, Page, Problem, parameter},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use url::form_urlencoded;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema},
};
use uuid::Uuid;

use super::rules::{Mapping, Wanted, capabilities, invalid};
use crate::permissions::ReadCapabilities;

/// Under which path everything of FHIR is.
pub const BASE: &str = "/fhir/r4";

/// What is told in FHIR's own words.
#[derive(Serialize)]
#[serde(transparent)]
pub struct Told<R>(pub R);

impl<R> PartialSchema for Told<R> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().description(Some("A resource of HL7 FHIR R4")).build().into()
    }
}

impl<R> ToSchema for Told<R> {
    fn name() -> Cow<'static, str> {
        "FhirResource".into()
    }
}

/// Reads what a client accepts: FHIR's JSON, and no XML.
fn require_json(request: &Incoming) -> Result<(), Problem> {
    let refused = || {
        let detail = "answers are application/fhir+json: ask for it in Accept or _format";
        Problem::new(406, "not_acceptable", detail)
    };
    let is_json = |media_type: &str| {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let known = ["*/*", "application/*", "json", "text/json"];
        known.contains(&essence.as_str())
            || essence.starts_with("application/") && essence.contains("json")
    };
    for (name, value) in request.parameters()? {
        // In a query a plus that is not escaped is a blank.
        if name == "_format" && !is_json(&value.replace(' ', "+")) {
            return Err(refused());
        }
    }
    match request.header("accept") {
        Some(accept) if !accept.split(',').any(is_json) => Err(refused()),
        _ => Ok(()),
    }
}

/// The resource named in the path; an id that none can have is nowhere.
pub struct Named(pub Uuid);

impl Input for Named {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        require_json(request)?;
        let id = request.place("id").and_then(|id| id.parse().ok());
        id.map(Self).ok_or_else(Problem::not_found)
    }

    fn describe(doc: &mut InputDoc) {
        doc.parameter(
            json!({"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}),
        );
    }
}

/// A question without parameters.
pub struct Plain;

impl Input for Plain {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        require_json(request).map(|()| Self)
    }

    fn describe(_: &mut InputDoc) {}
}

/// A resource in the body.
pub struct Given<R>(pub R);

impl<R: Resource + DeserializeOwned + Send> Input for Given<R> {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        require_json(request)?;
        let parsed = fhir::parse(request.json_body()?);
        parsed.map(Self).map_err(|issue| invalid(vec![issue]))
    }

    fn describe(doc: &mut InputDoc) {
        doc.speak_of::<Told<R>>();
    }
}

/// Under which condition something is made: `If-None-Exist: identifier=…` (R4, section 3.1.0.8.1).
pub struct Unless(pub Option<Token>);

impl Input for Unless {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        let Some(given) = request.header("if-none-exist") else { return Ok(Self(None)) };
        let query = given.split_once('?').map_or(given, |(_, query)| query);
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
        let token = match pairs.as_slice() {
            [(name, value)] if name == "identifier" => search::tokens(value).ok().and_then(one),
            _ => None,
        };
        token.map(|token| Self(Some(token))).ok_or_else(|| {
            let msg = "expected identifier= and system|value, once";
            Problem::field(&["header", "If-None-Exist"], "value", msg)
        })
    }

    fn describe(doc: &mut InputDoc) {
        doc.parameter(json!({
            "name": "If-None-Exist", "in": "header", "required": false, "schema": {"type": "string"},
            "description": "`identifier=system|value`: made unless there is one already, and then told where",
        }));
    }
}

fn one<T>(all: Vec<T>) -> Option<T> {
    let mut all = all.into_iter();
    all.next().filter(|_| all.next().is_none())
}

/// A search as it was asked. Parameters are taken by name; what is left over is unknown.
pub struct Search {
    left: Vec<(String, String)>,
    used: Vec<(String, String)>,
    errors: Vec<FieldError>,
    strict: bool,
}

impl Input for Search {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        require_json(request)?;
        let mut left = request.parameters()?;
        left.retain(|(name, _)| !matches!(name.as_str(), "_format" | "_pretty"));
        let strict = search::is_strict(request.header("prefer"));
        Ok(Self { left, used: vec![], errors: vec![], strict })
    }

    fn describe(doc: &mut InputDoc) {
        let count = json!({"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL});
        doc.parameter(parameter("_count", count, "how many at the most"));
        let text = json!({"type": "string"});
        doc.parameter(parameter("_cursor", text, "of the link `next` of the page before"));
    }
}

/// How many resources a page has, and may have.
const USUAL: i64 = 50;
const MOST: i64 = 200;

impl Search {
    /// An order of bulk data, whose answer is no resource: it may be asked for in any media type.
    ///
    /// # Errors
    /// 400 when it is no query string.
    pub fn for_bulk(request: &Incoming) -> Result<Self, Problem> {
        let strict = search::is_strict(request.header("prefer"));
        Ok(Self { left: request.parameters()?, used: vec![], errors: vec![], strict })
    }

    pub fn fault(&mut self, name: &str, kind: &'static str, msg: &str) {
        let name = name.chars().filter(|c| !c.is_control()).take(64).collect();
        let loc = vec!["query".to_owned(), name];
        self.errors.push(FieldError { loc, msg: msg.to_owned(), kind });
    }

    /// All values of a parameter: what is found fits each of them.
    fn take(&mut self, name: &str) -> Vec<String> {
        let (taken, left) =
            std::mem::take(&mut self.left).into_iter().partition(|(n, _)| n == name);
        self.left = left;
        let taken: Vec<(String, String)> = taken;
        self.used.extend(taken.iter().cloned());
        taken.into_iter().map(|(_, value)| value).collect()
    }

    /// The value of a parameter that may be given once.
    fn single(&mut self, name: &str) -> Option<String> {
        let all = self.take(name);
        if all.len() > 1 {
            self.fault(name, "value", "give this parameter once");
        }
        all.into_iter().next()
    }

    fn judge<T>(&mut self, name: &str, parsed: Result<T, search::Fault>) -> Option<T> {
        parsed.map_err(|msg| self.fault(name, "value", msg)).ok()
    }

    /// One text, which may begin what it is compared with.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let parsed = search::alternatives(&self.single(name)?)
            .and_then(|all| one(all).ok_or("give one value"));
        self.judge(name, parsed).map(|text| text.trim().to_owned())
    }

    /// Codes, any of which may be.
    pub fn codes(&mut self, name: &str) -> Option<Vec<String>> {
        let parsed = search::tokens(&self.single(name)?);
        let codes = self.judge(name, parsed)?.into_iter().filter_map(|token| token.code);
        Some(codes.collect())
    }

    /// One identifier.
    pub fn token(&mut self, name: &str) -> Option<Token> {
        let parsed = search::tokens(&self.single(name)?);
        let token = parsed.and_then(|all| one(all).ok_or("give one identifier"));
        self.judge(name, token)
    }

    /// An identifier of a noun of ours, or of a document.
    pub fn identifier(&mut self, name: &str, mapping: &Mapping, noun: &str) -> Option<Wanted> {
        self.token(name).map(|token| mapping.wanted(token, noun))
    }

    /// A reference to a resource of this type; an id that none can have is nobody's.
    pub fn reference(&mut self, name: &str, kind: &str) -> Option<Uuid> {
        let text = self.single(name)?;
        let parsed = search::reference(kind, &text).map(|id| id.parse().unwrap_or(Uuid::nil()));
        self.judge(name, parsed)
    }

    /// A reference to a resource of one of these types.
    pub fn resource(&mut self, name: &str, kinds: &[&str]) -> Option<Uuid> {
        let text = self.single(name)?;
        let named =
            |kind: &&str| text.contains('/').then(|| search::reference(kind, &text).ok())?;
        let found = kinds.iter().find_map(named).ok_or("give a type, `/` and an id");
        self.judge(name, found.map(|id| id.parse().unwrap_or(Uuid::nil())))
    }

    /// The resources of these ids, any of them.
    pub fn ids(&mut self) -> Option<Vec<Uuid>> {
        let parsed = search::alternatives(&self.single("_id")?);
        Some(self.judge("_id", parsed)?.into_iter().filter_map(|id| id.parse().ok()).collect())
    }

    pub fn instants(&mut self, name: &str) -> search::Times<Timestamp> {
        let parsed = search::instants(&self.take(name));
        self.judge(name, parsed).unwrap_or_default()
    }

    pub fn days(&mut self, name: &str) -> search::Times<Date> {
        let parsed = search::days(&self.take(name));
        self.judge(name, parsed).unwrap_or_default()
    }

    /// The order that is asked for, where it is one of these.
    pub fn sort(&mut self, known: &[&'static str]) -> Option<&'static str> {
        let given = self.single("_sort")?;
        let found = known.iter().find(|name| **name == given).copied();
        if found.is_none() {
            self.fault("_sort", "not-supported", "there is no such order");
        }
        found
    }

    /// How many a page may have: what is more than there may be is as many as there may be.
    pub fn count(&mut self) -> i64 {
        let Some(given) = self.single("_count") else { return USUAL };
        let is_number = !given.is_empty() && given.bytes().all(|b| b.is_ascii_digit());
        match given.parse::<i64>() {
            Ok(0) => {}
            Ok(count) if is_number => return count.min(MOST),
            Err(_) if is_number => return MOST,
            _ => {}
        }
        self.fault("_count", "value", "expected a whole number from 1 on");
        USUAL
    }

    /// The question, once all that is known of it has been taken.
    ///
    /// # Errors
    /// 400 with all faults: a value that is none, a modifier or a chain, and where handling is strict a parameter that
    /// is not known.
    pub fn finish(mut self) -> Result<Asked, Problem> {
        let cursor = self.single("_cursor");
        for (name, _) in std::mem::take(&mut self.left) {
            if name.contains([':', '.']) || matches!(name.as_str(), "_has" | "_filter" | "_query") {
                self.fault(
                    &name,
                    "not-supported",
                    "modifiers, chains and filters are not spoken here",
                );
            } else if self.strict {
                self.fault(&name, "not-supported", "there is no such parameter");
            }
        }
        match self.errors.is_empty() {
            false => Err(Problem::invalid(self.errors)),
            true => {
                self.used.retain(|(name, _)| name != "_cursor");
                Ok(Asked { used: self.used, cursor })
            }
        }
    }
}

/// A question that can be answered.
pub struct Asked {
    used: Vec<(String, String)>,
    cursor: Option<String>,
}

impl Asked {
    /// What a cursor is bound to: all that was taken of the question.
    fn question(&self) -> String {
        format!("{:?}", self.used)
    }

    /// Where the page before ended.
    ///
    /// # Errors
    /// 400 for a cursor of another question, caller or tenant.
    pub fn place<P: Permission, T: DeserializeOwned>(
        &self,
        act: &Authorized<P>,
    ) -> Result<Option<T>, Problem> {
        let place = self.cursor.as_deref().map(|cursor| act.unseal(&self.question(), cursor));
        place.transpose().map_err(|_: Problem| {
            let msg = "follow the link `next` as you received it, with the same key";
            Problem::field(&["query", "_cursor"], "value", msg)
        })
    }

    /// A page as a bundle: what was found, and where it goes on.
    ///
    /// # Errors
    /// The cursor could not be sealed.
    pub fn page<P: Permission, Row, R: Resource>(
        &self,
        act: &Authorized<P>,
        (rows, count): (Vec<Row>, i64),
        place: impl FnOnce(&Row) -> Value,
        view: impl FnMut(Row) -> (String, R),
    ) -> Result<Answer<Told<Searchset<R>>>, Problem> {
        let page = Page::cut(rows, count, |last| act.seal(&self.question(), &place(last)))?;
        Ok(self.bundle(act, page.map(view)))
    }

    /// The same for a page that is cut already.
    pub fn bundle<P: Permission, R: Resource>(
        &self,
        act: &Authorized<P>,
        page: Page<(String, R)>,
    ) -> Answer<Told<Searchset<R>>> {
        let base = base(act);
        let link = |cursor: Option<&str>| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(&self.used).extend_pairs(cursor.map(|cursor| ("_cursor", cursor)));
            match query.finish() {
                query if query.is_empty() => format!("{base}/{}", R::TYPE),
                query => format!("{base}/{}?{query}", R::TYPE),
            }
        };
        let next = page.next_cursor.as_deref().map(|cursor| link(Some(cursor)));
        Answer::ok(Told(Searchset::new(&base, link(self.cursor.as_deref()), next, page.items)))
    }

    /// The cursor as it was given, for a list that opens it itself.
    pub fn cursor(&self) -> Option<String> {
        self.cursor.clone()
    }
}

/// The address of this server's FHIR.
pub fn base<P: Permission>(act: &Authorized<P>) -> String {
    format!("{}{BASE}", act.public_url())
}

/// From when to when, within what the database knows of time.
pub fn bounds(times: &search::Times<Timestamp>) -> (Timestamp, Timestamp) {
    let within = |at: Timestamp| at.clamp(EVER.0, EVER.1);
    let from = times.within.from.map_or(EVER.0, within);
    (from, times.within.until.map_or(EVER.1, within))
}

/// The place just before a time.
pub fn before(at: Timestamp) -> Timestamp {
    at.checked_sub(jiff::SignedDuration::from_micros(1)).unwrap_or(at)
}

/// Adds a span to a filter of a statement, where it has ends.
pub fn put_times<T: ToString>(filter: &mut Value, name: &str, times: &search::Times<T>) {
    let ends = [
        ("from", times.within.from.as_ref()),
        ("until", times.within.until.as_ref()),
        ("not_from", times.without.as_ref().map(|(from, _)| from)),
        ("not_until", times.without.as_ref().map(|(_, until)| until)),
    ];
    for (end, at) in ends {
        if let (Some(at), Value::Object(filter)) = (at, &mut *filter) {
            filter.insert(format!("{name}_{end}"), json!(at.to_string()));
        }
    }
}

pub async fn metadata(
    act: Authorized<ReadCapabilities>,
    _: Plain,
) -> Result<Fetched<Told<Value>>, Problem> {
    act.tell(Answer::ok(Told(capabilities(&base(&act)))))
}
