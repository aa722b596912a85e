//! Resources of R4, as far as we write or read them.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    element::{elements, resources},
    elements::{
        CodeableConcept, Coding, ContactPoint, Extension, HumanName, Identifier, Meta, Period,
        Reference,
    },
};

/// A resource type.
pub trait Resource {
    /// Its name, as in `resourceType` and in paths.
    const TYPE: &'static str;
}

resources! {
    /// <https://hl7.org/fhir/R4/patient.html>
    Patient / PatientType {
        id: Option<String>,
        meta: Option<Meta>,
        extension: Vec<Extension>,
        identifier: Vec<Identifier>,
        active: Option<bool>,
        name: Vec<HumanName>,
        telecom: Vec<ContactPoint>,
        /// `male`, `female`, `other` or `unknown`.
        gender: Option<String>,
        birth_date: Option<String>,
        // Both modify the meaning of the rest; see `clinic`, which takes nobody who is dead or another's double.
        deceased_boolean: Option<bool>,
        deceased_date_time: Option<String>,
        link: Vec<PatientLink>,
    }

    /// <https://hl7.org/fhir/R4/appointment.html>
    Appointment / AppointmentType {
        id: Option<String>,
        meta: Option<Meta>,
        extension: Vec<Extension>,
        identifier: Vec<Identifier>,
        status: Option<String>,
        service_type: Vec<CodeableConcept>,
        appointment_type: Option<CodeableConcept>,
        /// Both are instants; both or neither.
        start: Option<String>,
        end: Option<String>,
        created: Option<String>,
        comment: Option<String>,
        participant: Vec<Participant>,
    }

    /// <https://hl7.org/fhir/R4/practitioner.html>
    Practitioner / PractitionerType {
        id: Option<String>,
        meta: Option<Meta>,
        identifier: Vec<Identifier>,
        active: Option<bool>,
        name: Vec<HumanName>,
    }

    /// <https://hl7.org/fhir/R4/consent.html>
    Consent / ConsentType {
        id: Option<String>,
        meta: Option<Meta>,
        extension: Vec<Extension>,
        status: Option<String>,
        scope: Option<CodeableConcept>,
        category: Vec<CodeableConcept>,
        patient: Option<Reference>,
        date_time: Option<String>,
        policy_rule: Option<CodeableConcept>,
        provision: Option<Provision>,
    }

    /// <https://hl7.org/fhir/R4/auditevent.html>
    AuditEvent / AuditEventType {
        id: Option<String>,
        meta: Option<Meta>,
        #[serde(rename = "type")]
        kind: Option<Coding>,
        subtype: Vec<Coding>,
        /// `C`, `R`, `U`, `D` or `E`.
        action: Option<String>,
        recorded: Option<String>,
        /// `0` success, `4` minor, `8` serious, `12` major failure.
        outcome: Option<String>,
        outcome_desc: Option<String>,
        purpose_of_event: Vec<CodeableConcept>,
        agent: Vec<Agent>,
        source: Option<Source>,
        entity: Vec<AuditEntity>,
    }

    /// <https://hl7.org/fhir/R4/operationoutcome.html>
    OperationOutcome / OperationOutcomeType { issue: Vec<OutcomeIssue> }

    /// A bundle as it comes in: each resource in its own words.
    Bundle / BundleType {
        #[serde(rename = "type")]
        kind: Option<String>,
        link: Vec<Link>,
        entry: Vec<Entry>,
    }
}

elements! {
    /// That this record and another are the same person's.
    PatientLink { #[serde(rename = "type")] kind: Option<String> }

    /// Who or what takes part in an appointment.
    Participant {
        #[serde(rename = "type")]
        kind: Vec<CodeableConcept>,
        actor: Option<Reference>,
        /// `accepted`, `declined`, `tentative` or `needs-action`.
        status: Option<String>,
    }

    /// What is consented to.
    Provision {
        /// `permit` or `deny`.
        #[serde(rename = "type")]
        kind: Option<String>,
        period: Option<Period>,
    }

    /// Who did something.
    Agent {
        #[serde(rename = "type")]
        kind: Option<CodeableConcept>,
        who: Option<Reference>,
        requestor: Option<bool>,
        policy: Vec<String>,
        network: Option<Network>,
    }

    /// From where somebody did it.
    Network {
        address: Option<String>,
        /// `2`: an IP address.
        #[serde(rename = "type")]
        kind: Option<String>,
    }

    /// Who wrote the event down.
    Source {
        observer: Option<Reference>,
        #[serde(rename = "type")]
        kind: Vec<Coding>,
    }

    /// What it was done to.
    AuditEntity {
        what: Option<Reference>,
        #[serde(rename = "type")]
        kind: Option<Coding>,
        description: Option<String>,
        detail: Vec<Detail>,
    }

    /// More about an entity.
    Detail {
        #[serde(rename = "type")]
        kind: Option<String>,
        value_string: Option<String>,
    }

    /// What is wrong.
    OutcomeIssue {
        severity: Option<String>,
        code: Option<String>,
        details: Option<CodeableConcept>,
        diagnostics: Option<String>,
        expression: Vec<String>,
    }

    /// Where a bundle goes on.
    Link { relation: Option<String>, url: Option<String> }
}

/// One of a bundle, as it comes in.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Box<RawValue>>,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        let raw = |entry: &Self| entry.resource.as_ref().map(|resource| resource.get().to_owned());
        self.full_url == other.full_url && raw(self) == raw(other)
    }
}

impl Bundle {
    /// Where this relation leads, such as `next`.
    pub fn link_to(&self, relation: &str) -> Option<&str> {
        let found = self.link.iter().find(|link| link.relation.as_deref() == Some(relation));
        found?.url.as_deref()
    }
}

/// One page of a search, as it goes out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Searchset<R> {
    resource_type: BundleType,
    #[serde(rename = "type")]
    kind: &'static str,
    link: Vec<Link>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entry: Vec<Found<R>>,
}

/// One resource of a page.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found<R> {
    full_url: String,
    resource: R,
    search: Mode,
}

#[derive(Serialize)]
struct Mode {
    mode: &'static str,
}

impl<R: Resource> Searchset<R> {
    /// A page: where it is, where it goes on, and its resources with their ids. `base` is the server's address.
    pub fn new(
        base: &str,
        own: String,
        next: Option<String>,
        found: impl IntoIterator<Item = (String, R)>,
    ) -> Self {
        let link =
            |relation: &str, url: String| Link { relation: Some(relation.into()), url: Some(url) };
        let entry = found.into_iter().map(|(id, resource)| Found {
            full_url: format!("{base}/{}/{id}", R::TYPE),
            resource,
            search: Mode { mode: "match" },
        });
        Self {
            resource_type: BundleType,
            kind: "searchset",
            link: std::iter::once(link("self", own))
                .chain(next.map(|url| link("next", url)))
                .collect(),
            entry: entry.collect(),
        }
    }
}
