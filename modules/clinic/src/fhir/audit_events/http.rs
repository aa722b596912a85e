//! Requests to the ledger in FHIR: under the ledger's own permissions, and itself on record.

use fhir::resources::{self, Searchset};
use jiff::Timestamp;
use kernel::{
    audit::{self, ReadAudit, disclose_entries},
    authz::{Authorized, Disclosed},
    http::{Incoming, Input, InputDoc, Problem, parameter},
};
use serde_json::json;
use uuid::Uuid;

use super::rules;
use crate::fhir::{
    http::{Asked, Search, Told},
    rules::Mapping,
};

/// Which entries, and from where on.
pub struct Filter {
    asked: Asked,
    entries: audit::Filter,
}

impl Input for Filter {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        let mut search = Search::read(request)?;
        let patient = search.reference("patient", "Patient");
        let entity = search.resource("entity", &["Patient", "Appointment"]);
        let agent = search.token("agent").map(|token| token.code.and_then(|id| id.parse().ok()));
        let times = search.instants("date");
        if times.without.is_some() {
            search.fault("date", "not-supported", "`ne` is not spoken here");
        }
        if patient.is_some() && entity.is_some() {
            search.fault("entity", "not-supported", "give `patient` or `entity`");
        }
        let limit = search.count();
        let asked = search.finish()?;
        let (from, to): (Option<Timestamp>, _) = (times.within.from, times.within.until);
        let actor_id = agent.map(|id| id.unwrap_or(Uuid::nil()));
        let (record_id, cursor) = (patient.or(entity), asked.cursor());
        let entries = audit::Filter {
            record_id,
            actor_id,
            from,
            to,
            limit,
            cursor,
            ..audit::Filter::default()
        };
        Ok(Self { asked, entries })
    }

    fn describe(doc: &mut InputDoc) {
        for (name, what) in [
            ("date", "when it happened, with a prefix or none"),
            ("patient", "`Patient/` and an id"),
            ("entity", "`Patient/` or `Appointment/` and an id"),
            ("agent", "the id of a key or an account"),
        ] {
            doc.parameter(parameter(name, json!({"type": "string"}), what));
        }
        Search::describe(doc);
    }
}

pub async fn list(
    act: Authorized<ReadAudit>,
    Filter { asked, entries }: Filter,
) -> Result<Disclosed<Told<Searchset<resources::AuditEvent>>>, Problem> {
    disclose_entries(&act, entries, |page| {
        let mapping = Mapping::default();
        let page = page.map(|entry| (entry.id.to_string(), rules::export(entry, &mapping)));
        asked.bundle(&act, page)
    })
    .await
}
