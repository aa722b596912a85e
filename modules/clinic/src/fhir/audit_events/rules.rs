//! An entry of the ledger as an AuditEvent. Pure. What a record was before and after stands in `GET /v1/audit` alone.

use fhir::{
    elements::{CodeableConcept, Coding, Reference},
    resources::{Agent, AuditEntity, AuditEvent, Detail, Network, Source},
};
use kernel::audit::AuditEntry;
use uuid::Uuid;

use crate::fhir::rules::Mapping;

const TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
const INTERACTION: &str = "http://hl7.org/fhir/restful-interaction";

/// An entry as FHIR has one.
pub fn export(entry: AuditEntry, mapping: &Mapping) -> AuditEvent {
    let (action, interaction) = match entry.operation.as_str() {
        "CREATE" => ("C", "create"),
        "UPDATE" => ("U", "update"),
        "DELETE" => ("D", "delete"),
        _ if entry.record_id.is_some() => ("R", "read"),
        _ => ("R", "search-type"),
    };
    let refused = entry.outcome == "refused";
    let ids = entry.record_id.into_iter().chain(entry.record_ids.into_iter().flatten());
    let mut entities: Vec<_> = ids.map(|id| entity(&entry.resource, id)).collect();
    if entities.is_empty() {
        let description = Some(entry.resource.clone());
        entities.push(AuditEntity { description, ..AuditEntity::default() });
    }
    if let Some(first) = entities.first_mut() {
        first.detail = detail(entry.permission.as_deref(), entry.request_id);
    }
    let who = mapping.own_identifier(&entry.actor_kind, entry.actor_id.unwrap_or(Uuid::nil()));
    let network =
        entry.address.map(|address| Network { address: Some(address), kind: Some("2".into()) });
    AuditEvent {
        id: Some(entry.id.to_string()),
        kind: Some(Coding::new(TYPE, "rest")),
        subtype: vec![Coding::new(INTERACTION, interaction)],
        action: Some(action.to_owned()),
        recorded: Some(entry.at.to_string()),
        outcome: Some(if refused { "4" } else { "0" }.to_owned()),
        outcome_desc: entry.reason,
        purpose_of_event: entry.purpose_of_event.into_iter().map(CodeableConcept::text).collect(),
        agent: vec![Agent {
            kind: Some(CodeableConcept::text(entry.actor_kind)),
            who: Some(Reference { identifier: Some(who), ..Reference::default() }),
            requestor: Some(true),
            network,
            ..Agent::default()
        }],
        source: Some(Source {
            observer: Some(Reference { display: Some("Reeve".to_owned()), ..Reference::default() }),
            ..Source::default()
        }),
        entity: entities,
        ..AuditEvent::default()
    }
}

/// A record of ours, as the resource that it is here.
fn entity(table: &str, id: Uuid) -> AuditEntity {
    let kind = match table {
        "clinic.patient" => Some("Patient"),
        "clinic.appointment" => Some("Appointment"),
        _ => None,
    };
    AuditEntity {
        what: kind.map(|kind| Reference::to(kind, id)),
        description: kind.is_none().then(|| format!("{table}/{id}")),
        ..AuditEntity::default()
    }
}

fn detail(permission: Option<&str>, request: Uuid) -> Vec<Detail> {
    let one = |kind: &str, value: String| Detail {
        kind: Some(kind.to_owned()),
        value_string: Some(value),
    };
    let permission = permission.map(|permission| one("permission", permission.to_owned()));
    permission.into_iter().chain([one("request", request.to_string())]).collect()
}
