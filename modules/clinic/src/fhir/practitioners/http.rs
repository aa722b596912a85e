//! Requests on doctors in FHIR.

use fhir::resources::{self, Searchset};
use kernel::{
    authz::{Answer, Authorized, Disclosed},
    http::{Incoming, Input, InputDoc, Problem, parameter},
    privacy::Reveal,
};
use serde_json::json;
use uuid::Uuid;

use super::sql::{self, PractitionerRow};
use crate::{
    fhir::{
        http::{Asked, Named, Search, Told},
        rules::{Mapping, Wanted},
    },
    permissions::ReadAppointment,
};

pub(in crate::fhir) fn view(row: PractitionerRow, reveal: &Reveal) -> resources::Practitioner {
    let (doc_type, number) = (row.doc_type_id.reveal(reveal), row.doc_number.reveal(reveal));
    resources::Practitioner {
        id: Some(row.id.to_string()),
        identifier: vec![Mapping::default().identifier(&doc_type, &number)],
        ..resources::Practitioner::default()
    }
}

pub async fn read(
    act: Authorized<ReadAppointment>,
    Named(id): Named,
) -> Result<Disclosed<Told<resources::Practitioner>>, Problem> {
    act.disclose_one(sql::find_practitioner(id), |row, reveal| Answer::ok(Told(view(row, reveal))))
        .await
}

/// Which doctors, and from where on.
pub struct Filter {
    asked: Asked,
    ids: Option<Vec<Uuid>>,
    wanted: Option<Wanted>,
    count: i64,
}

impl Input for Filter {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        let mut search = Search::read(request)?;
        let ids = search.ids();
        let wanted = search.identifier("identifier", &Mapping::default(), "practitioner");
        if matches!(wanted, Some(Wanted::Document { number: None, .. })) {
            search.fault("identifier", "value", "give the number of a document");
        }
        if ids.as_ref().is_some_and(|ids| ids.len() > 1) {
            search.fault("_id", "not-supported", "give one id");
        }
        let count = search.count();
        Ok(Self { asked: search.finish()?, ids, wanted, count })
    }

    fn describe(doc: &mut InputDoc) {
        for (name, what) in
            [("identifier", "system|value, or the number of a document"), ("_id", "the id")]
        {
            doc.parameter(parameter(name, json!({"type": "string"}), what));
        }
        Search::describe(doc);
    }
}

pub async fn list(
    act: Authorized<ReadAppointment>,
    filter: Filter,
) -> Result<Disclosed<Told<Searchset<resources::Practitioner>>>, Problem> {
    let Filter { asked, ids, wanted, count } = filter;
    let after: Uuid = asked.place(&act)?.unwrap_or(Uuid::nil());
    let by_id = |id: Option<Uuid>| sql::find_practitioner(id.unwrap_or(Uuid::nil()));
    let statement = match (ids, wanted) {
        (Some(ids), _) => by_id(ids.first().copied()),
        (None, Some(Wanted::Id(id))) => by_id(id.parse().ok()),
        (None, Some(Wanted::Nothing)) => by_id(None),
        (None, Some(Wanted::Document { types, number })) => {
            sql::find_practitioners_by_number(after, count + 1, types, number.unwrap_or_default())
        }
        (None, None) => sql::list_practitioners(after, count + 1),
    };
    act.disclose(statement, |rows, reveal| {
        let place = |row: &PractitionerRow| json!(row.id);
        asked.page(&act, (rows, count), place, |row| (row.id.to_string(), view(row, reveal)))
    })
    .await
}
