//! Requests on consents in FHIR.

use fhir::resources::{self, Searchset};
use kernel::{
    authz::{Answer, Authorized, Disclosed},
    http::{Incoming, Input, InputDoc, Problem, parameter},
    privacy::Reveal,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    rules,
    sql::{self, ConsentRow},
};
use crate::{
    fhir::{
        http::{Asked, Named, Search, Told},
        rules::Mapping,
    },
    permissions::ReadPatient,
};

pub(in crate::fhir) fn view(row: ConsentRow, reveal: &Reveal) -> resources::Consent {
    let given = row.habeas_data.map_or(Value::Null, |given| given.reveal(reveal));
    rules::export((row.id, row.version, row.updated_at), &given, &Mapping::default())
}

pub async fn read(
    act: Authorized<ReadPatient>,
    Named(id): Named,
) -> Result<Disclosed<Told<resources::Consent>>, Problem> {
    act.disclose_one(sql::find_consent(id), |row, reveal| {
        let version = row.version;
        Answer::ok(Told(view(row, reveal))).version(version)
    })
    .await
}

/// Whose consents, and from where on.
pub struct Filter {
    asked: Asked,
    patient: Option<Uuid>,
    count: i64,
}

impl Input for Filter {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        let mut search = Search::read(request)?;
        let patient = search.reference("patient", "Patient");
        let count = search.count();
        Ok(Self { asked: search.finish()?, patient, count })
    }

    fn describe(doc: &mut InputDoc) {
        doc.parameter(parameter("patient", json!({"type": "string"}), "`Patient/` and an id"));
        Search::describe(doc);
    }
}

pub async fn list(
    act: Authorized<ReadPatient>,
    Filter { asked, patient, count }: Filter,
) -> Result<Disclosed<Told<Searchset<resources::Consent>>>, Problem> {
    let after: Uuid = asked.place(&act)?.unwrap_or(Uuid::nil());
    let statement = match patient {
        Some(patient) => sql::find_consent(patient),
        None => sql::list_consents(after, count + 1),
    };
    act.disclose(statement, |rows, reveal| {
        let place = |row: &ConsentRow| json!(row.id);
        asked.page(&act, (rows, count), place, |row| (row.id.to_string(), view(row, reveal)))
    })
    .await
}
