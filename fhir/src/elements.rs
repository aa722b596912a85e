//! Data types of R4 (<https://hl7.org/fhir/R4/datatypes.html>), as far as we write or read them.

use crate::element::elements;

elements! {
    /// What a server says of a resource beside its content.
    Meta {
        version_id: Option<String>,
        /// An instant.
        last_updated: Option<String>,
        profile: Vec<String>,
        tag: Vec<Coding>,
    }

    /// A value for which R4 has no member of its own; the url says which.
    Extension {
        url: Option<String>,
        value_string: Option<String>,
        value_code: Option<String>,
        value_coding: Option<Coding>,
        value_boolean: Option<bool>,
    }

    /// What stands beside a primitive, in the member of its name with a `_` before it.
    Beside { extension: Vec<Extension> }

    /// A code of a system.
    Coding {
        system: Option<String>,
        code: Option<String>,
        display: Option<String>,
    }

    /// A concept: codes that mean it, and words.
    CodeableConcept {
        coding: Vec<Coding>,
        text: Option<String>,
    }

    /// A business identifier: a document's number, a record number.
    Identifier {
        /// `usual`, `official`, `temp`, `secondary` or `old`.
        #[serde(rename = "use")]
        usage: Option<String>,
        #[serde(rename = "type")]
        kind: Option<CodeableConcept>,
        system: Option<String>,
        value: Option<String>,
    }

    /// Another resource: by its address (literal), by a business identifier (logical), or both.
    Reference {
        reference: Option<String>,
        #[serde(rename = "type")]
        kind: Option<String>,
        identifier: Option<Identifier>,
        display: Option<String>,
    }

    /// A person's name.
    HumanName {
        #[serde(rename = "use")]
        usage: Option<String>,
        text: Option<String>,
        family: Option<String>,
        /// The parts of the family name, where there are two.
        #[serde(rename = "_family")]
        family_parts: Option<Beside>,
        given: Vec<String>,
    }

    /// A phone, an e-mail address.
    ContactPoint {
        /// `phone`, `fax`, `email`, `pager`, `url`, `sms` or `other`.
        system: Option<String>,
        value: Option<String>,
        #[serde(rename = "use")]
        usage: Option<String>,
    }

    /// From when to when.
    Period {
        start: Option<String>,
        end: Option<String>,
    }
}

impl Extension {
    pub fn string(url: String, value: String) -> Self {
        Self { url: Some(url), value_string: Some(value), ..Self::default() }
    }

    pub fn code(url: String, value: String) -> Self {
        Self { url: Some(url), value_code: Some(value), ..Self::default() }
    }

    pub fn coding(url: String, value: Coding) -> Self {
        Self { url: Some(url), value_coding: Some(value), ..Self::default() }
    }
}

impl Coding {
    pub fn new(system: impl Into<String>, code: impl Into<String>) -> Self {
        Self { system: Some(system.into()), code: Some(code.into()), display: None }
    }

    pub fn shown(self, display: impl Into<String>) -> Self {
        Self { display: Some(display.into()), ..self }
    }
}

impl CodeableConcept {
    pub fn of(coding: Coding) -> Self {
        Self { coding: vec![coding], text: None }
    }

    pub fn text(text: impl Into<String>) -> Self {
        Self { coding: vec![], text: Some(text.into()) }
    }

    /// The code that the concept has in a system.
    pub fn code_in(&self, system: &str) -> Option<&str> {
        let found = self.coding.iter().find(|coding| coding.system.as_deref() == Some(system));
        found?.code.as_deref()
    }
}

impl Reference {
    /// To a resource of this server.
    pub fn to(kind: &str, id: impl std::fmt::Display) -> Self {
        let reference = Some(format!("{kind}/{id}"));
        Self { reference, kind: Some(kind.to_owned()), ..Self::default() }
    }

    /// The id, where the reference is to a resource of this type: `Patient/1`, or the same behind a server's address.
    pub fn id_of(&self, kind: &str) -> Option<&str> {
        let (before, id) = self.reference.as_deref()?.rsplit_once('/')?;
        (before == kind || before.ends_with(&format!("/{kind}"))).then_some(id)
    }
}

/// The extension of this url among several.
pub fn extension<'e>(all: &'e [Extension], url: &str) -> Option<&'e Extension> {
    all.iter().find(|extension| extension.url.as_deref() == Some(url))
}
