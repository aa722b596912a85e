//! Requests on appointments in FHIR.

use fhir::{
    elements::Identifier,
    resources::{self, Searchset},
    search::Token,
};
use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed, Permission, Writes},
    db::{Bound, Disclosing},
    http::{Incoming, Input, InputDoc, Problem, Purpose, parameter},
    postgres_types::Json,
    privacy::{Pii, Reveal},
};
use serde_json::{Value, json, value::RawValue};
use uuid::Uuid;

use super::{
    rules::{self, Imported, Links},
    sql::{self, FhirAppointmentRow, Known},
};
use crate::{
    appointments::{
        Appointment,
        rules::{AppointmentFields, parse},
    },
    catalogues::{parse_with, rules::Catalogues},
    fhir::{
        http::{Asked, BASE, Given, Named, Search, Told, Unless, before, bounds, put_times},
        patients::http::{same_id, several},
        rules::{Mapping, invalid},
    },
    permissions::{Overbook, ReadAppointment, ReadPatient, WriteAppointment},
};

type Page = Told<Searchset<resources::Appointment>>;
type One = Told<resources::Appointment>;

pub(in crate::fhir) fn view(row: FhirAppointmentRow, reveal: &Reveal) -> resources::Appointment {
    let version = row.version;
    let links = Links { patient: row.patient_id, practitioner: Some(row.practitioner_id) };
    let external = row.external_identifier.map(|identifier| identifier.reveal(reveal));
    let appointment = Appointment {
        id: row.id,
        start_utc: row.start_utc.reveal(reveal),
        end_utc: row.end_utc.reveal(reveal),
        patient_doc_type_id: row.patient_doc_type_id.reveal(reveal),
        patient_doc_number: row.patient_doc_number.reveal(reveal),
        doctor_doc_type_id: row.doctor_doc_type_id.reveal(reveal),
        doctor_doc_number: row.doctor_doc_number.reveal(reveal),
        modality: row.modality,
        state: row.state,
        notification_state: row.notification_state,
        appointment_type: row.appointment_type,
        clinic_id: row.clinic_id,
        comment: row.comment.map(|comment| comment.reveal(reveal)),
        overbook_reason: row.overbook_reason,
        custom_fields: row.custom_fields.reveal(reveal).0,
        created_at: row.created_at,
        updated_at: row.updated_at,
    };
    let mut told = rules::export(&appointment, version, links, &Mapping::default());
    told.identifier.extend(external.map(|external| rules::external_identifier(&external)));
    told
}

fn told(row: FhirAppointmentRow, reveal: &Reveal) -> Answer<One> {
    let version = row.version;
    Answer::ok(Told(view(row, reveal))).version(version)
}

fn created(row: FhirAppointmentRow, reveal: &Reveal) -> Answer<One> {
    let (location, version) = (format!("{BASE}/Appointment/{}", row.id), row.version);
    Answer::created(Told(view(row, reveal)), location).version(version)
}

pub async fn read(
    act: Authorized<ReadAppointment>,
    Named(id): Named,
) -> Result<Disclosed<One>, Problem> {
    act.disclose_one(sql::find_fhir_appointment(id), told).await
}

/// By which index a list finds its first row.
enum Order {
    Ids(Vec<Uuid>),
    Identifier(String),
    Patient(Uuid),
    Practitioner(Uuid),
    State(String),
    Start,
    Update,
}

/// Which appointments, and from where on.
pub struct Filter {
    asked: Asked,
    order: Order,
    filter: Value,
    /// From when to when they start, or for [`Order::Update`] changed.
    times: (Timestamp, Timestamp),
    count: i64,
}

impl Input for Filter {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        let mut search = Search::read(request)?;
        let (mut filter, mapping) = (json!({}), Mapping::default());
        let mut put = |name: &str, value: Value| {
            if let Value::Object(filter) = &mut filter {
                filter.insert(name.to_owned(), value);
            }
        };
        let mut ids = search.ids();
        let identifier = search.token("identifier");
        let own = mapping.url("appointment");
        let external = match identifier {
            Some(Token { system: Some(system), code: Some(code) }) if system == own => {
                ids = Some(code.parse().into_iter().collect());
                None
            }
            Some(Token { system: Some(system), code: Some(code) }) => {
                Some(rules::joined(&system, &code))
            }
            Some(_) => {
                search.fault("identifier", "value", "expected system|value");
                None
            }
            None => None,
        };
        let status = search.codes("status");
        let states: Option<Vec<&str>> =
            status.map(|all| all.iter().flat_map(|status| mapping.states(status)).collect());
        let (patient, practitioner) = (
            search.reference("patient", "Patient"),
            search.reference("practitioner", "Practitioner"),
        );
        states.iter().for_each(|states| put("states", json!(states)));
        patient.iter().for_each(|id| put("patient", json!(id)));
        practitioner.iter().for_each(|id| put("practitioner", json!(id)));
        external.iter().for_each(|identifier| put("identifier", json!(identifier)));
        let (start, updated) = (search.instants("date"), search.instants("_lastUpdated"));
        put_times(&mut filter, "start", &start);
        put_times(&mut filter, "updated", &updated);
        let sort = search.sort(&["date", "_lastUpdated"]);
        let count = search.count();
        let only = states.as_deref().and_then(|states| match states {
            [one] => Some((*one).to_owned()),
            _ => None,
        });
        let order = match (ids, external, patient, practitioner, only) {
            _ if sort == Some("_lastUpdated") => Order::Update,
            (Some(ids), ..) => Order::Ids(ids),
            (_, Some(identifier), ..) => Order::Identifier(identifier),
            (_, _, Some(patient), ..) => Order::Patient(patient),
            (_, _, _, Some(practitioner), _) => Order::Practitioner(practitioner),
            (.., Some(state)) => Order::State(state),
            _ if sort.is_none() && updated.within.from.is_some() => Order::Update,
            _ => Order::Start,
        };
        let times = bounds(if matches!(order, Order::Update) { &updated } else { &start });
        Ok(Self { asked: search.finish()?, order, filter, times, count })
    }

    fn describe(doc: &mut InputDoc) {
        for (name, what) in [
            ("date", "when it starts, with a prefix or none"),
            ("patient", "`Patient/` and an id"),
            ("practitioner", "`Practitioner/` and an id"),
            ("status", "one or several, with commas between them"),
            ("identifier", "system|value"),
            ("_id", "the id"),
            ("_lastUpdated", "when it changed, with a prefix or none"),
            ("_sort", "`date` or `_lastUpdated`"),
        ] {
            doc.parameter(parameter(name, json!({"type": "string"}), what));
        }
        Search::describe(doc);
    }
}

pub async fn list(
    act: Authorized<ReadAppointment>,
    filter: Filter,
) -> Result<Disclosed<Page>, Problem> {
    let Filter { asked, order, filter, times, count } = filter;
    let by_update = matches!(order, Order::Update);
    let statement = statement(&act, &asked, order, (filter, times, count))?;
    act.disclose(statement, |rows, reveal| {
        let place = |row: &FhirAppointmentRow| match by_update {
            true => json!([row.id, row.updated_at]),
            false => json!([row.id, row.start_utc.peek(reveal)]),
        };
        asked.page(&act, (rows, count), place, |row| (row.id.to_string(), view(row, reveal)))
    })
    .await
}

fn statement(
    act: &Authorized<ReadAppointment>,
    asked: &Asked,
    order: Order,
    (filter, (from, until), count): (Value, (Timestamp, Timestamp), i64),
) -> Result<Disclosing<FhirAppointmentRow>, Problem> {
    let place: Option<(Uuid, Timestamp)> = asked.place(act)?;
    let (more, filter) = (count + 1, Pii::new(filter));
    // The place before a time is the moment before it, with the greatest id.
    let (last, at) = place.unwrap_or((Uuid::max(), before(from)));
    let first = place.map_or(Uuid::nil(), |(id, _)| id);
    Ok(match order {
        Order::Ids(ids) => sql::find_fhir_appointments(first, more, filter, ids),
        Order::Identifier(one) => {
            sql::find_fhir_appointments_by_identifier(first, more, filter, one)
        }
        Order::Patient(id) => {
            sql::list_fhir_appointments_of_patient(last, more, filter, at, until, id)
        }
        Order::Practitioner(id) => {
            sql::list_fhir_appointments_of_practitioner(last, more, filter, at, until, id)
        }
        Order::State(state) => {
            sql::list_fhir_appointments_in_state(last, more, filter, at, until, state)
        }
        Order::Start => sql::list_fhir_appointments(last, more, filter, at, until),
        Order::Update => sql::list_fhir_appointments_by_update(last, more, filter, at, until),
    })
}

/// An Appointment that somebody sent, by the rules of our own.
struct Change {
    fields: AppointmentFields,
    links: Links,
    identifier: Option<Pii<String>>,
}

async fn change(
    act: &Authorized<WriteAppointment>,
    given: &resources::Appointment,
) -> Result<Change, Problem> {
    let mapping = Mapping::default();
    let Imported { body, places, links } = rules::import(given, &mapping).map_err(invalid)?;
    if links.patient.is_some() {
        // The answer tells the document of whoever is named by an id.
        act.also::<ReadPatient>()?;
    }
    let identifier = external(&given.identifier, &mapping)?;
    let judge = |catalogues: &Catalogues| parse(body.clone(), Purpose::Change, catalogues);
    let fields = parse_with(act, judge).await.map_err(|problem| places.locate(problem))?;
    Ok(Change { fields, links, identifier })
}

/// The identifier of another system's, as it is kept.
fn external(all: &[Identifier], mapping: &Mapping) -> Result<Option<Pii<String>>, Problem> {
    let found = rules::read_external(all, mapping).map_err(|issue| invalid(vec![issue]))?;
    Ok(found.map(Pii::new))
}

impl Change {
    fn insert(&self, id: Uuid) -> Bound<FhirAppointmentRow> {
        let Self { fields, links, identifier } = self;
        sql::insert_fhir_appointment(
            id,
            fields.columns.clone(),
            self.custom_fields(),
            identifier.clone(),
            links.patient,
            links.practitioner,
        )
    }

    fn custom_fields(&self) -> Option<Json<Box<RawValue>>> {
        self.fields.custom_fields.clone().map(|fields| Json(fields.0))
    }
}

/// What is written where a reference leads nowhere: nothing.
fn unresolved(links: Links) -> impl Fn(Problem) -> Problem {
    move |problem| match problem.status {
        404 if links.patient.or(links.practitioner).is_some() => {
            let msg =
                "a reference leads to nobody here: name them by their document in `identifier`";
            Problem::field(&["Appointment.participant"], "value", msg)
        }
        _ => problem,
    }
}

pub async fn create(
    act: Authorized<WriteAppointment>,
    (Given(given), Unless(condition)): (Given<resources::Appointment>, Unless),
) -> Result<Committed<One>, Problem> {
    let new = change(&act, &given).await?;
    match new.fields.overbooks {
        true => create_as(&act.also::<Overbook>()?, new, condition).await,
        false => create_as(&act, new, condition).await,
    }
}

async fn create_as<P: Permission<Effect = Writes>>(
    act: &Authorized<P>,
    new: Change,
    condition: Option<Token>,
) -> Result<Committed<One>, Problem> {
    if let Some(known) = known(act, condition.clone()).await? {
        return known_already(act, known).await;
    }
    match act.write(new.insert(act.new_id()), created).await {
        // Where another has made it in this moment, it is there now; else the doctor is taken by somebody else.
        Err(problem) if problem.status == 409 && condition.is_some() => {
            let known = known(act, condition).await?.ok_or(problem)?;
            known_already(act, known).await
        }
        answered => answered.map_err(unresolved(new.links)),
    }
}

/// What fits the condition, where there is one.
async fn known<P: Permission>(
    act: &Authorized<P>,
    condition: Option<Token>,
) -> Result<Option<Known>, Problem> {
    let own = Mapping::default().url("appointment");
    let statement = match condition {
        None => return Ok(None),
        Some(Token { system: Some(system), code: Some(code) }) if system == own => {
            let Ok(id) = code.parse() else { return Ok(None) };
            sql::find_known_appointment(id)
        }
        Some(Token { system: Some(system), code: Some(code) }) => {
            sql::find_known_appointments(Pii::new(rules::joined(&system, &code)))
        }
        Some(_) => {
            let msg = "expected the system and the value of an identifier";
            return Err(Problem::field(&["header", "If-None-Exist"], "value", msg));
        }
    };
    let mut known = act.look_up(statement).await?;
    if known.len() > 1 {
        return Err(several());
    }
    Ok(known.pop())
}

async fn known_already<P: Permission<Effect = Writes>>(
    act: &Authorized<P>,
    known: Known,
) -> Result<Committed<One>, Problem> {
    let answer = Answer::there_already(format!("{BASE}/Appointment/{}", known.id));
    let answer = answer.version(known.version);
    act.transact(|_| Box::pin(async move { Ok(answer) })).await
}

pub async fn replace(
    act: Authorized<WriteAppointment>,
    (Named(id), Given(given)): (Named, Given<resources::Appointment>),
) -> Result<Committed<One>, Problem> {
    same_id(given.id.as_deref(), id, "Appointment.id")?;
    let expected = act.expected_version()?;
    let change = change(&act, &given).await?;
    let custom_fields = change.custom_fields();
    let Change { fields, links, identifier } = change;
    let statement = sql::update_fhir_appointment(
        id,
        expected,
        fields.columns,
        custom_fields,
        identifier,
        links.patient,
        links.practitioner,
    );
    let known = act.look_up(sql::find_known_appointment(id)).await?;
    if known.is_empty() {
        return Err(Problem::not_found());
    }
    let written = match fields.overbooks {
        true => act.also::<Overbook>()?.write(statement, told).await,
        false => act.write(statement, told).await,
    };
    written.map_err(unresolved(links))
}
