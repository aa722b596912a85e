//! Requests for bulk data.

use fhir::resources;
use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Disclosed, Fetched, Permission},
    http::{Incoming, Input, InputDoc, Problem, parameter},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::rules::{self, File, IN_A_FILE, Kind, Order};
use crate::{
    fhir::{
        appointments, consents,
        http::{Search, Told, base},
        patients, practitioners,
    },
    permissions::{OrderExport, ReadAppointment, ReadPatient},
};

const NDJSON: &str = "application/fhir+ndjson";
const STATUS: &str = "GET /fhir/r4/export-status/{id}";

/// For which route a file's description is sealed.
fn route(kind: Kind) -> &'static str {
    match kind {
        Kind::Patient => "GET /fhir/r4/export-files/Patient/{id}",
        Kind::Appointment => "GET /fhir/r4/export-files/Appointment/{id}",
        Kind::Consent => "GET /fhir/r4/export-files/Consent/{id}",
        Kind::Practitioner => "GET /fhir/r4/export-files/Practitioner/{id}",
    }
}

/// What is wanted of an export.
pub struct Wanted {
    kinds: Option<Vec<String>>,
    since: Option<Timestamp>,
    query: String,
}

impl Input for Wanted {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        let mut search = Search::for_bulk(request)?;
        let kinds = search.codes("_type");
        let since = search.instants("_since").within.from;
        let format = search.text("_outputFormat");
        // In a query a plus that is not escaped is a blank.
        let format = format.map(|format| format.replace(' ', "+"));
        let known = ["application/fhir+ndjson", "application/ndjson", "ndjson"];
        if format.is_some_and(|format| !known.contains(&format.as_str())) {
            search.fault("_outputFormat", "not-supported", "expected application/fhir+ndjson");
        }
        search.finish()?;
        Ok(Self { kinds, since, query: request.query().to_owned() })
    }

    fn describe(doc: &mut InputDoc) {
        for (name, what) in [
            ("_type", "which types, with commas between them"),
            ("_since", "only what has changed from this instant on"),
            ("_outputFormat", "application/fhir+ndjson"),
        ] {
            doc.parameter(parameter(name, json!({"type": "string"}), what));
        }
    }
}

/// What was sealed, in the path.
pub struct Sealed(String);

impl Input for Sealed {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        request.place("id").map(|id| Self(id.to_owned())).ok_or_else(Problem::not_found)
    }

    fn describe(doc: &mut InputDoc) {
        doc.parameter(
            json!({"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}),
        );
    }
}

impl Sealed {
    /// What another caller's or tenant's is, or none, is nowhere.
    fn open<P: Permission, T: DeserializeOwned>(&self, act: &Authorized<P>) -> Result<T, Problem> {
        act.unseal("export", &self.0).map_err(|_| Problem::not_found())
    }
}

pub async fn of_patients(
    act: Authorized<OrderExport>,
    wanted: Wanted,
) -> Result<Fetched<()>, Problem> {
    order(&act, wanted, &Kind::OF_PATIENTS, "Patient/$export")
}

pub async fn of_all(act: Authorized<OrderExport>, wanted: Wanted) -> Result<Fetched<()>, Problem> {
    order(&act, wanted, &Kind::ALL, "$export")
}

fn order(
    act: &Authorized<OrderExport>,
    wanted: Wanted,
    among: &[Kind],
    path: &str,
) -> Result<Fetched<()>, Problem> {
    let kinds = Kind::choose(wanted.kinds, among)
        .map_err(|msg| Problem::field(&["query", "_type"], "not-supported", msg))?;
    if kinds.iter().any(|kind| matches!(kind, Kind::Appointment | Kind::Practitioner)) {
        act.also::<ReadAppointment>()?;
    }
    let (base, query) = (base(act), wanted.query);
    let ask = if query.is_empty() { "" } else { "?" };
    let request = format!("{base}/{path}{ask}{query}");
    let order = Order { request, kinds, since: wanted.since, at: act.now() };
    let sealed = act.seal_for(STATUS, "export", &order)?;
    act.tell(Answer::accepted(format!("{base}/export-status/{sealed}")))
}

pub async fn status(
    act: Authorized<OrderExport>,
    sealed: Sealed,
) -> Result<Fetched<Told<Value>>, Problem> {
    let order: Order = sealed.open(&act)?;
    let base = base(&act);
    let mut output = vec![];
    for kind in order.kinds.iter().copied() {
        let cuts = match kind {
            Kind::Patient | Kind::Consent => {
                act.look_up(patients::sql::cut_patients(IN_A_FILE)).await?
            }
            Kind::Appointment => {
                act.look_up(appointments::sql::cut_appointments(IN_A_FILE)).await?
            }
            Kind::Practitioner => vec![],
        };
        for file in rules::files(&order, cuts.into_iter().map(|cut| cut.id)) {
            let sealed = act.seal_for(route(kind), "export", &file)?;
            output.push((kind, format!("{base}/export-files/{}/{sealed}", kind.name())));
        }
    }
    let manifest = Told(rules::manifest(&order, &output));
    // The manifest is no resource of FHIR's.
    act.tell(Answer::lines("application/json", [manifest])?)
}

pub async fn file_of_patients(
    act: Authorized<ReadPatient>,
    sealed: Sealed,
) -> Result<Disclosed<Told<resources::Patient>>, Problem> {
    let File { after, until, since, at } = sealed.open(&act)?;
    act.disclose(patients::sql::export_patients(after, until, since, at), |rows, reveal| {
        let view = |row| Told(patients::http::view(row, reveal));
        Answer::lines(NDJSON, rows.into_iter().map(view))
    })
    .await
}

pub async fn file_of_appointments(
    act: Authorized<ReadAppointment>,
    sealed: Sealed,
) -> Result<Disclosed<Told<resources::Appointment>>, Problem> {
    let File { after, until, since, at } = sealed.open(&act)?;
    act.disclose(appointments::sql::export_appointments(after, until, since, at), |rows, reveal| {
        let view = |row| Told(appointments::http::view(row, reveal));
        Answer::lines(NDJSON, rows.into_iter().map(view))
    })
    .await
}

pub async fn file_of_consents(
    act: Authorized<ReadPatient>,
    sealed: Sealed,
) -> Result<Disclosed<Told<resources::Consent>>, Problem> {
    let File { after, until, since, at } = sealed.open(&act)?;
    act.disclose(consents::sql::export_consents(after, until, since, at), |rows, reveal| {
        let view = |row| Told(consents::http::view(row, reveal));
        Answer::lines(NDJSON, rows.into_iter().map(view))
    })
    .await
}

/// The most doctors that an organization has.
const DOCTORS: i64 = 20_000;

pub async fn file_of_practitioners(
    act: Authorized<ReadAppointment>,
    sealed: Sealed,
) -> Result<Disclosed<Told<resources::Practitioner>>, Problem> {
    let File { after, .. } = sealed.open(&act)?;
    act.disclose(practitioners::sql::list_practitioners(after, DOCTORS), |rows, reveal| {
        let view = |row| Told(practitioners::http::view(row, reveal));
        Answer::lines(NDJSON, rows.into_iter().map(view))
    })
    .await
}
