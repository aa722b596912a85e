//! The kinds of nodes: what each is told, what it takes, what it gives.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use url::Url;

use crate::{
    Condition, Fault, HEADERS, INPUT_FIELDS, MAP_ITEMS, MODEL_TOKENS, Path, Pick, RunFault, Scope,
    TEXT_BYTES, Template, Type, URL_BYTES,
    members::{Members, Place},
    number::exact,
    size,
    template::{is_name, path_member, template},
};

/// The source handle of an edge that names none.
pub(crate) const VALUE: &str = "value";

/// What a node does.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", content = "data", rename_all = "lowercase")]
pub enum Kind {
    /// Where values come in: each field at a handle of its name, all of them at `value`.
    Input(Input),
    /// Makes a text.
    Template(TemplateNode),
    /// Calls an address. Gives its answer: JSON where that is what it says it is, else text.
    Http(Box<Http>),
    /// Passes what it compares on at `true` or at `false`.
    Condition(Condition),
    /// Makes a value of each item of a list.
    Map(Map),
    /// Asks a model. Gives its answer as text.
    Model(Box<Model>),
    /// Where a value goes out, at `value`, under its name.
    Output(Output),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Input {
    pub fields: Vec<InputField>,
}

/// A member of the input; all are required.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InputField {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: Type,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TemplateNode {
    pub text: Template,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Http {
    pub method: Method,
    /// Scheme, host and port stand in it; what comes of values is part of the path or the query and is
    /// encoded.
    pub url: Template,
    /// Names in small letters; none that carries a credential.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// A path is sent as JSON, a template as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Pick>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    const ALL: [Self; 5] = [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// As a request has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Map {
    /// Leads to the list.
    pub over: Path,
    /// What is made of each: `item` is the item.
    pub each: Pick,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Model {
    /// As the provider names it.
    pub model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<Template>,
    pub prompt: Template,
    /// 0 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Output {
    pub name: String,
}

/// The name of the item within a map.
const ITEM: &str = "item";

impl Kind {
    /// As documents write it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Input(_) => "input",
            Self::Template(_) => "template",
            Self::Http(_) => "http",
            Self::Condition(_) => "condition",
            Self::Map(_) => "map",
            Self::Model(_) => "model",
            Self::Output(_) => "output",
        }
    }

    /// The target handles, each with the types that it takes. All of them must be fed.
    pub(crate) fn takes(&self) -> BTreeMap<&str, Vec<Type>> {
        let mut paths: Vec<(&str, Vec<Type>)> = vec![];
        match self {
            Self::Input(_) => {}
            Self::Template(node) => paths.extend(node.text.paths().map(handle)),
            Self::Http(http) => {
                paths.extend(http.url.paths().map(handle));
                paths.extend(http.body.iter().flat_map(Pick::paths).map(handle));
            }
            Self::Condition(condition) => {
                paths.push((condition.path.root(), condition.accepts()));
            }
            Self::Map(map) => {
                let list = match map.over.is_root() {
                    true => vec![Type::List, Type::Json],
                    false => map.over.accepts(),
                };
                paths.push((map.over.root(), list));
                let others = map.each.paths().into_iter().filter(|path| path.root() != ITEM);
                paths.extend(others.map(handle));
            }
            Self::Model(model) => {
                let templates = model.system.iter().chain([&model.prompt]);
                paths.extend(templates.flat_map(Template::paths).map(handle));
            }
            Self::Output(_) => paths.push((VALUE, Type::ALL.to_vec())),
        }
        let mut takes: BTreeMap<&str, Vec<Type>> = BTreeMap::new();
        for (root, types) in paths {
            // What is asked of a handle in two places holds for both.
            takes
                .entry(root)
                .and_modify(|all| all.retain(|one| types.contains(one)))
                .or_insert(types);
        }
        takes
    }

    /// The type at a source handle; a condition gives what it is `given`. Nothing where there is no such
    /// handle.
    pub(crate) fn gives(&self, handle: &str, given: Option<Type>) -> Option<Type> {
        match (self, handle) {
            (Self::Input(input), name) if name != VALUE => {
                input.fields.iter().find(|field| field.name == name).map(|field| field.kind)
            }
            (Self::Condition(_), "true" | "false") => Some(given.unwrap_or(Type::Json)),
            (Self::Template(_) | Self::Model(_), VALUE) => Some(Type::Text),
            (Self::Input(_) | Self::Http(_), VALUE) => Some(Type::Json),
            (Self::Map(_), VALUE) => Some(Type::List),
            _ => None,
        }
    }

    pub(crate) fn read(kind: &str, data: &Value, place: Place<'_>) -> Option<Self> {
        let mut members = Members::of(data, place);
        match kind {
            "input" => Input::read(members).map(Self::Input),
            "template" => {
                let text = template(&mut members, "text");
                members.finish();
                Some(Self::Template(TemplateNode { text: text? }))
            }
            "http" => Http::read(members).map(|http| Self::Http(Box::new(http))),
            "condition" => Condition::read(members).map(Self::Condition),
            "map" => Map::read(members).map(Self::Map),
            "model" => Model::read(members).map(|model| Self::Model(Box::new(model))),
            "output" => {
                let name = name(&mut members);
                members.finish();
                Some(Self::Output(Output { name: name? }))
            }
            _ => None,
        }
    }

    /// The kinds there are.
    pub(crate) const NAMES: [&str; 7] =
        ["input", "template", "http", "condition", "map", "model", "output"];
}

fn handle(path: &Path) -> (&str, Vec<Type>) {
    (path.root(), path.accepts())
}

fn name(members: &mut Members<'_, '_>) -> Option<String> {
    let text = members.text("name", crate::NAME_CHARS)?;
    if !is_name(text) {
        let what = "a name is a letter or `_`, then letters, digits and `_`";
        members.place().at("name").fault("name", what);
        return None;
    }
    Some(text.to_owned())
}

impl Input {
    /// What is wrong with a value that is given to a workflow; paths lead into that value.
    pub fn faults(&self, given: &Value) -> Vec<Fault> {
        let mut faults = vec![];
        let mut place = Place { path: String::new(), faults: &mut faults };
        let Some(members) = given.as_object() else {
            place.fault("type", "expected an object");
            return faults;
        };
        for field in &self.fields {
            match members.get(&field.name) {
                None => place.at(&field.name).fault("missing", "this member is required"),
                Some(value) if !field.kind.admits(value) => {
                    let what = format!("expected {}", field.kind.name());
                    place.at(&field.name).fault("type", what);
                }
                Some(_) => {}
            }
        }
        for name in members.keys() {
            if !self.fields.iter().any(|field| field.name == *name) {
                let short: String = name.chars().take(crate::NAME_CHARS).collect();
                place.at(&short).fault("unknown_member", "there is no such member");
            }
        }
        faults
    }

    fn read(mut members: Members<'_, '_>) -> Option<Self> {
        let (mut fields, mut complete) = (vec![], true);
        if let Some((value, mut place)) = members.required("fields") {
            let all = value.as_array().filter(|all| all.len() <= INPUT_FIELDS);
            if all.is_none() {
                place.fault("type", "expected a list of 32 fields at the most");
            }
            for (i, field) in all.into_iter().flatten().enumerate() {
                let field = InputField::read(Members::of(field, place.at(&i.to_string())));
                let Some(field) = field else {
                    complete = false;
                    continue;
                };
                let known = fields.iter().any(|other: &InputField| other.name == field.name);
                if known || field.name == VALUE {
                    let what = "a field's name is its own, and not `value`";
                    place.at(&i.to_string()).at("name").fault("duplicate", what);
                    complete = false;
                }
                fields.push(field);
            }
            complete &= all.is_some();
        } else {
            complete = false;
        }
        members.finish();
        // Handles in no order: where a field stands says nothing.
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        complete.then_some(Self { fields })
    }
}

impl InputField {
    fn read(mut members: Members<'_, '_>) -> Option<Self> {
        let name = name(&mut members);
        let kind = members.text("type", TEXT_BYTES).map(Type::named);
        if kind == Some(None) {
            let what = "one of text, number, boolean, json, list";
            members.place().at("type").fault("choice", what);
        }
        members.finish();
        Some(Self { name: name?, kind: kind?? })
    }
}

impl Http {
    /// Scheme, host and port, which hang on no value.
    pub fn origin(&self) -> Option<String> {
        let url = Url::parse(self.url.head()).ok()?;
        Some(url.origin().ascii_serialization())
    }

    /// The address that it calls. Values are encoded, and climb out of no folder.
    ///
    /// # Errors
    /// See [`Template::render`]; more than [`URL_BYTES`]; a value that would be a step up.
    pub fn address(&self, scope: &Scope<'_>) -> Result<String, RunFault> {
        let made = self.url.render_with(scope, URL_BYTES, encode)?;
        let path = made.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
        let steps_up = path.replace("%2e", ".").split('/').any(|step| step == "." || step == "..");
        if steps_up { Err(RunFault::Unfit) } else { Ok(made) }
    }

    fn read(mut members: Members<'_, '_>) -> Option<Self> {
        let method = members.text("method", TEXT_BYTES);
        let known = method.and_then(|name| Method::ALL.into_iter().find(|m| m.name() == name));
        if method.is_some() && known.is_none() {
            members.place().at("method").fault("choice", "one of GET, POST, PUT, PATCH, DELETE");
        }
        let url = template(&mut members, "url");
        let fixed = url.as_ref().is_some_and(is_fixed);
        if url.is_some() && !fixed {
            let what = "give scheme, host and `/` before the first path: https://api.example.org/";
            members.place().at("url").fault("address", what);
        }
        let headers = match members.optional("headers") {
            Some((value, place)) => headers(value, place),
            None => Some(BTreeMap::new()),
        };
        let body = members.optional("body");
        let sent = body.is_some();
        let body = body.and_then(|(value, place)| Pick::read(Members::of(value, place)));
        if sent && matches!(known, Some(Method::Get | Method::Delete)) {
            members.place().at("body").fault("body", "GET and DELETE send no body");
        }
        members.finish();
        let complete = fixed && sent == body.is_some();
        complete.then_some(Self { method: known?, url: url?, headers: headers?, body })
    }
}

/// Everything but what RFC 3986 section 2.3 calls unreserved.
fn encode(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                made.push(char::from(byte));
            }
            _ => {
                made.push('%');
                for half in [byte >> 4, byte & 15] {
                    let digit = char::from_digit(half.into(), 16).unwrap_or_default();
                    made.push(digit.to_ascii_uppercase());
                }
            }
        }
    }
    made
}

/// Whose address it is does not hang on a value: else whoever calls an agent would choose where it
/// calls.
fn is_fixed(template: &Template) -> bool {
    let head = template.head();
    let after_scheme = head.strip_prefix("https://").or_else(|| head.strip_prefix("http://"));
    let Some(authority) = after_scheme else { return false };
    let ends = template.paths().next().is_none() || authority.contains('/');
    let parsed = Url::parse(head);
    ends && parsed.is_ok_and(|url| url.has_host() && url.fragment().is_none())
}

/// Headers that the client sets, or that carry a credential: a workflow holds none.
const REFUSED: [&str; 14] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-api-key",
];

fn headers(value: &Value, mut place: Place<'_>) -> Option<BTreeMap<String, String>> {
    let Some(all) = value.as_object().filter(|all| all.len() <= HEADERS) else {
        place.fault("type", "expected an object of 16 headers at the most");
        return None;
    };
    let mut read = BTreeMap::new();
    for (name, value) in all {
        let mut place = place.at(&name.chars().take(crate::NAME_CHARS).collect::<String>());
        let small = name.to_ascii_lowercase();
        let token = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if name.is_empty() || name.len() > crate::NAME_CHARS || !name.bytes().all(token) {
            place.fault("name", "a header's name has letters, digits, `-` and `_`");
        } else if REFUSED.contains(&small.as_str()) {
            place.fault("header", "this header cannot be set: a workflow holds no credentials");
        } else if let Some(text) = value.as_str().filter(|text| is_field_value(text)) {
            if read.insert(small, text.to_owned()).is_some() {
                place.fault("duplicate", "give this header once");
            }
        } else {
            place.fault("type", "expected 1 to 1024 visible characters of ASCII");
        }
    }
    (read.len() == all.len()).then_some(read)
}

/// RFC 9110 section 5.5, without what is obsolete.
fn is_field_value(text: &str) -> bool {
    let visible = text.bytes().all(|b| (b' '..=b'~').contains(&b));
    (1..=TEXT_BYTES).contains(&text.len()) && visible && text.trim() == text
}

impl Map {
    /// The list, of `largest` bytes at the most.
    ///
    /// # Errors
    /// There is no list, or a path leads to nothing; it is too long.
    pub fn make(&self, scope: &Scope<'_>, largest: usize) -> Result<Vec<Value>, RunFault> {
        let list = self.over.find(scope).ok_or(RunFault::Missing)?;
        let items = list.as_array().ok_or(RunFault::NotAList)?;
        if items.len() > MAP_ITEMS {
            return Err(RunFault::TooLarge);
        }
        let (mut made, mut left) = (vec![], largest);
        for item in items {
            let mut scope = scope.clone();
            scope.insert(ITEM, item);
            let value = self.each.make(&scope, left)?;
            left = left.checked_sub(size(&value)).ok_or(RunFault::TooLarge)?;
            made.push(value);
        }
        Ok(made)
    }

    fn read(mut members: Members<'_, '_>) -> Option<Self> {
        let over = path_member(&mut members, "over");
        let each = members
            .required("each")
            .and_then(|(value, place)| Pick::read(Members::of(value, place)));
        if over.as_ref().is_some_and(|over| over.root() == ITEM) {
            members.place().at("over").fault("path", "`item` is the name of each item");
        }
        members.finish();
        let over = over.filter(|over| over.root() != ITEM);
        Some(Self { over: over?, each: each? })
    }
}

impl Model {
    fn read(mut members: Members<'_, '_>) -> Option<Self> {
        let model = members.text("model", TEXT_BYTES).map(str::to_owned);
        let given = members.optional("system").is_some();
        let system = if given { template(&mut members, "system") } else { None };
        let prompt = template(&mut members, "prompt");
        let temperature = number(&mut members, "temperature", 0.0, 2.0);
        #[allow(clippy::cast_precision_loss, reason = "a small number")]
        let tokens = number(&mut members, "max_tokens", 1.0, MODEL_TOKENS as f64);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole and within bounds"
        )]
        let max_tokens = tokens.map(|tokens| tokens.map(|n| n as u64));
        let whole = tokens.flatten().is_none_or(|n| n.fract() == 0.0);
        if !whole {
            members.place().at("max_tokens").fault("range", "give a whole number");
        }
        members.finish();
        (whole && given == system.is_some()).then_some(Self {
            model: model?,
            system,
            prompt: prompt?,
            temperature: temperature?,
            max_tokens: max_tokens?,
        })
    }
}

/// An optional number between two; nothing when it is at fault.
fn number(
    members: &mut Members<'_, '_>,
    name: &'static str,
    least: f64,
    most: f64,
) -> Option<Option<f64>> {
    let Some((value, mut place)) = members.optional(name) else { return Some(None) };
    let Some(number) = value.as_number() else {
        place.fault("type", "expected a number");
        return None;
    };
    let read = exact(number, &mut place)?;
    if !(least..=most).contains(&read) {
        place.fault("range", format!("give a number from {least} to {most}"));
        return None;
    }
    Some(Some(read))
}
