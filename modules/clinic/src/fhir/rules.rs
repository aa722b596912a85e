//! How a tenant's words and FHIR's meet: systems of documents, states, the namespace of extensions. Pure.
//!
//! Sources: HL7 FHIR R4; for Colombia the guide *Resumen Digital de Atención* of the ministry of health, whose
//! documents carry two codings, one of HL7's table 0203 and the national one.

use std::collections::BTreeMap;

use fhir::{
    Issue,
    elements::{CodeableConcept, Coding, Extension, Identifier, Meta, extension},
    search::Token,
};
use jiff::Timestamp;
use kernel::http::{Fault, FieldError, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use utoipa::ToSchema;

use crate::{catalogues::rules::Kind, patients::rules::doc_number};

/// HL7's table 0203: types of identifiers.
const TABLE_0203: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";
/// The national codes of documents.
pub const NATIONAL: &str = "https://fhir.minsalud.gov.co/rda/CodeSystem/ColombianPersonIdentifier";
/// Numbers that the civil registry gives; one system for several types of documents.
const REGISTRY: &str = "https://fhir.minsalud.gov.co/rda/NamingSystem/RNEC";

/// A tenant's mapping. What it does not say is Colombia's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mapping {
    /// What the urls of our extensions and code systems begin with; ends with `/`, `:` or `#`.
    pub namespace: String,
    /// The system of each type of document. Another's is `document-` and its code, in the namespace.
    pub document_systems: BTreeMap<String, String>,
    /// The status of an appointment for each of our states that has another name there.
    pub statuses: BTreeMap<String, String>,
    /// Whether custom fields are told, and taken.
    pub custom_fields: bool,
}

impl Default for Mapping {
    fn default() -> Self {
        let registry = ["CC", "TI", "RC", "NU"].map(|code| (code.to_owned(), REGISTRY.to_owned()));
        Self {
            namespace: "urn:reeve:fhir:".to_owned(),
            document_systems: registry.into(),
            statuses: BTreeMap::new(),
            custom_fields: true,
        }
    }
}

/// Which documents a token of a search means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Our own id.
    Id(String),
    /// Documents of these types, or of any; with this number, or any.
    Document { types: Option<Vec<String>>, number: Option<String> },
    /// None that there can be.
    Nothing,
}

impl Mapping {
    /// Checks what a tenant gives.
    ///
    /// # Errors
    /// The member at fault, and what it must be.
    pub fn check(&self) -> Result<(), (&'static str, Fault)> {
        let address = |text: &str| {
            text.contains(':') && text.len() <= 200 && text.chars().all(|c| c.is_ascii_graphic())
        };
        if !address(&self.namespace) || !self.namespace.ends_with(['/', ':', '#']) {
            let msg = "give an absolute address that ends with `/`, `:` or `#`";
            return Err(("namespace", ("value_error", msg.into())));
        }
        if self.document_systems.len() > 50 || !self.document_systems.values().all(|s| address(s)) {
            let msg = "give an absolute address for each code, for 50 at the most";
            return Err(("document_systems", ("value_error", msg.into())));
        }
        let known = |code: &String| Kind::State.shipped().iter().any(|entry| entry.code == code);
        if !self.statuses.iter().all(|(state, status)| known(state) && known(status)) {
            let msg = "give one of our states and of FHIR's for each";
            return Err(("statuses", ("value_error", msg.into())));
        }
        Ok(())
    }

    /// The url of something of ours.
    pub fn url(&self, name: &str) -> String {
        format!("{}{name}", self.namespace)
    }

    fn system(&self, doc_type: &str) -> String {
        let own = || self.url(&format!("document-{doc_type}"));
        self.document_systems.get(doc_type).cloned().unwrap_or_else(own)
    }

    /// The types of documents whose numbers are in a system.
    fn types(&self, system: &str) -> Vec<String> {
        let own = system.strip_prefix(&self.url("document-"));
        let own = own.filter(|code| !self.document_systems.contains_key(*code) && !code.is_empty());
        let named = self.document_systems.iter().filter(|(_, s)| *s == system);
        named.map(|(code, _)| code.as_str()).chain(own).map(str::to_owned).collect()
    }

    /// A document as an identifier.
    pub fn identifier(&self, doc_type: &str, number: &str) -> Identifier {
        let table = match doc_type {
            "PA" => "PPN",
            "NI" => "TAX",
            _ => "PN",
        };
        let name = Kind::DocType.shipped().iter().find(|entry| entry.code == doc_type);
        let national = match name {
            Some(entry) => Coding::new(NATIONAL, doc_type).shown(entry.name),
            None => Coding::new(self.url("document"), doc_type),
        };
        let coding = vec![Coding::new(TABLE_0203, table), national];
        Identifier {
            usage: Some("official".into()),
            kind: Some(CodeableConcept { coding, text: None }),
            system: Some(self.system(doc_type)),
            value: Some(number.to_owned()),
        }
    }

    /// Our own id as an identifier, by which another system finds again what it has of us.
    pub fn own_identifier(&self, noun: &str, id: impl std::fmt::Display) -> Identifier {
        Identifier {
            usage: Some("secondary".into()),
            kind: None,
            system: Some(self.url(noun)),
            value: Some(id.to_string()),
        }
    }

    /// The type of the document that an identifier is; `None`: it is no document.
    fn doc_type(&self, identifier: &Identifier) -> Result<Option<String>, &'static str> {
        let types = identifier.system.as_deref().map(|s| self.types(s)).unwrap_or_default();
        let kind = identifier.kind.as_ref();
        let coded = kind.and_then(|kind| {
            kind.code_in(NATIONAL).or_else(|| kind.code_in(&self.url("document")))
        });
        match (coded, types.as_slice()) {
            (Some(code), []) => Ok(Some(code.to_owned())),
            (Some(code), types) if types.iter().any(|known| known == code) => {
                Ok(Some(code.to_owned()))
            }
            (Some(_), _) => Err("this type of document has another system"),
            (None, []) => Ok(None),
            (None, [only]) => Ok(Some(only.clone())),
            (None, _) => Err("several types of documents have this system: say which in `type`"),
        }
    }

    /// The document among identifiers, the official one before others: its place, type and number.
    ///
    /// # Errors
    /// There is none, or it cannot be told what it is; `at` is where they stand.
    pub fn document(&self, all: &[Identifier], at: &str) -> Result<Document, Issue> {
        let official = |(_, one): &(usize, &Identifier)| one.usage.as_deref() != Some("official");
        let mut sorted: Vec<_> = all.iter().enumerate().collect();
        sorted.retain(|(_, one)| one.usage.as_deref() != Some("old"));
        sorted.sort_by_key(official);
        for (index, identifier) in sorted {
            let place = format!("{at}[{index}]");
            match self.doc_type(identifier) {
                Ok(None) => {}
                Err(msg) => return Err(Issue::new("value", format!("{place}.type"), msg)),
                Ok(Some(doc_type)) => {
                    let Some(number) = identifier.value.clone() else {
                        let place = format!("{place}.value");
                        return Err(Issue::new("required", place, "give the document's number"));
                    };
                    return Ok(Document { place, doc_type, number });
                }
            }
        }
        let msg = format!("give an identifier whose type has a code of {NATIONAL}");
        Err(Issue::new("required", at, msg))
    }

    /// What a token means, of identifiers of this noun.
    pub fn wanted(&self, token: Token, noun: &str) -> Wanted {
        let Token { system, code } = token;
        if system.as_deref() == Some(self.url(noun).as_str()) {
            return code.map_or(Wanted::Nothing, Wanted::Id);
        }
        let types = system.map(|system| self.types(&system));
        match (types, code.map(|code| doc_number(&code))) {
            (Some(types), _) if types.is_empty() => Wanted::Nothing,
            (_, Some(Err(_))) => Wanted::Nothing,
            (types, number) => Wanted::Document { types, number: number.and_then(Result::ok) },
        }
    }

    /// An appointment's status for our state.
    pub fn status(&self, state: &str) -> String {
        self.statuses.get(state).cloned().unwrap_or_else(|| state.to_owned())
    }

    /// Our states that have this status; the one of the same name first.
    pub fn states(&self, status: &str) -> Vec<&'static str> {
        let all = Kind::State.shipped().iter().map(|entry| entry.code);
        let mut found: Vec<_> = all.filter(|state| self.status(state) == status).collect();
        found.sort_by_key(|state| *state != status);
        found
    }

    /// The extension that holds custom fields, as JSON in its own words.
    pub fn custom_fields(&self, fields: &RawValue) -> Option<Extension> {
        let told = self.custom_fields && fields.get() != "{}";
        told.then(|| Extension::string(self.url("custom-fields"), fields.get().to_owned()))
    }

    /// The custom fields among extensions.
    ///
    /// # Errors
    /// They are not JSON.
    pub fn read_custom_fields(
        &self,
        all: &[Extension],
        resource: &str,
    ) -> Result<Option<Box<RawValue>>, Issue> {
        let found = extension(all, &self.url("custom-fields")).filter(|_| self.custom_fields);
        let Some(found) = found else { return Ok(None) };
        let text = found.value_string.clone().unwrap_or_default();
        RawValue::from_string(text).map(Some).map_err(|_| {
            let place = self.place_of(all, resource, "custom-fields", "valueString");
            Issue::new("value", place, "expected a JSON object, as text")
        })
    }

    /// Where an extension of ours stands.
    pub fn place_of(&self, all: &[Extension], resource: &str, name: &str, member: &str) -> String {
        let url = self.url(name);
        let index = all.iter().position(|one| one.url.as_deref() == Some(url.as_str()));
        index.map_or_else(
            || format!("{resource}.extension"),
            |index| format!("{resource}.extension[{index}].{member}"),
        )
    }
}

/// What this server speaks of FHIR; nothing of a tenant's.
pub fn capabilities(base: &str) -> Value {
    let security = "An API key in X-Api-Key, or a person's token in Authorization: Bearer. Every answer with \
                    identified records leaves an entry in the ledger.";
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-22",
        "kind": "instance",
        "software": {"name": "Reeve", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": "The records of clinics", "url": base},
        "fhirVersion": fhir::VERSION,
        "format": ["json"],
        "rest": [{
            "mode": "server",
            "security": {"description": security},
            "resource": resources(),
            "operation": [operation("export")],
        }],
    })
}

fn resources() -> Vec<Value> {
    let read = ["read", "search-type"];
    let whole = ["read", "search-type", "create", "update"];
    let of_patients = ["identifier", "gender", "phone", "email", "telecom", "_id"];
    vec![
        resource(
            "Patient",
            &whole,
            [
                named("token", &of_patients),
                named("string", &["name", "family", "given"]),
                named("date", &["birthdate", "_lastUpdated"]),
            ],
        ),
        resource(
            "Appointment",
            &whole,
            [
                named("token", &["identifier", "status", "_id"]),
                named("date", &["date", "_lastUpdated"]),
                named("reference", &["patient", "practitioner"]),
            ],
        ),
        resource("Practitioner", &read, [named("token", &["identifier", "_id"]), vec![], vec![]]),
        resource("Consent", &read, [vec![], vec![], named("reference", &["patient"])]),
        resource(
            "AuditEvent",
            &["search-type"],
            [
                named("token", &["agent"]),
                named("date", &["date"]),
                named("reference", &["patient", "entity"]),
            ],
        ),
    ]
}

/// Search parameters of one kind.
fn named(kind: &'static str, names: &[&'static str]) -> Vec<(&'static str, &'static str)> {
    names.iter().map(|name| (*name, kind)).collect()
}

fn resource(kind: &str, interactions: &[&str], parameters: [Vec<(&str, &str)>; 3]) -> Value {
    let writes = interactions.contains(&"update");
    let interaction: Vec<_> = interactions.iter().map(|code| json!({"code": code})).collect();
    let parameters = parameters.into_iter().flatten();
    let parameters: Vec<_> =
        parameters.map(|(name, kind)| json!({"name": name, "type": kind})).collect();
    let mut resource = json!({
        "type": kind,
        "interaction": interaction,
        "versioning": if writes { "versioned-update" } else { "no-version" },
        "readHistory": false,
        "updateCreate": false,
        "conditionalCreate": writes,
        "conditionalUpdate": false,
        "conditionalDelete": "not-supported",
        "searchParam": parameters,
    });
    if let (Value::Object(resource), "Patient") = (&mut resource, kind) {
        resource.insert("operation".into(), json!([operation("patient-export")]));
    }
    resource
}

/// An operation of the guide *Bulk Data Access*.
fn operation(name: &str) -> Value {
    json!({"name": "export", "definition": format!("http://hl7.org/fhir/uv/bulkdata/OperationDefinition/{name}")})
}

/// A document as it was found.
pub struct Document {
    /// Which identifier it is, such as `Patient.identifier[0]`.
    pub place: String,
    pub doc_type: String,
    pub number: String,
}

/// What is said of a record beside its content.
pub fn meta(version: i32, updated: Timestamp) -> Meta {
    let (version_id, last_updated) = (Some(version.to_string()), Some(updated.to_string()));
    Meta { version_id, last_updated, ..Meta::default() }
}

/// Where each field of a body stood in the resource that it was read from.
#[derive(Default)]
pub struct Places(Vec<(&'static str, String)>);

impl Places {
    pub fn put(&mut self, field: &'static str, place: impl Into<String>) {
        self.0.push((field, place.into()));
    }

    /// The problem with its fields named by their places in the resource.
    pub fn locate(&self, problem: Problem) -> Problem {
        if problem.errors.is_empty() {
            return problem;
        }
        let place = |error: FieldError| {
            let field = error.loc.get(1).map(String::as_str);
            let known = self.0.iter().find(|(name, _)| Some(*name) == field);
            let loc = known.map_or(error.loc.clone(), |(_, place)| vec![place.clone()]);
            FieldError { loc, ..error }
        };
        Problem::invalid(problem.errors.into_iter().map(place).collect())
    }
}

/// The faults of a resource as a problem.
pub fn invalid(issues: Vec<Issue>) -> Problem {
    let error = |issue: Issue| FieldError {
        loc: vec![issue.expression],
        msg: issue.diagnostics,
        kind: issue.code,
    };
    Problem::invalid(issues.into_iter().map(error).collect())
}

/// A record in a property's hands, which print what they hold: a record does not print.
#[cfg(test)]
pub(super) struct Quiet<T>(pub T);

#[cfg(test)]
impl<T> std::fmt::Debug for Quiet<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a record")
    }
}
