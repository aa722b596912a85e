//! Requests on appointments: what they bring, what they get.

use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed},
    http::{
        Body, Code, FromQuery, Item, Page, Patch, Problem, Purpose, Query, QueryReader, parameter,
    },
    postgres_types::Json,
    privacy::Reveal,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, AppointmentRow},
};
use crate::{
    catalogues::{
        parse_with,
        rules::{Catalogues, Kind},
    },
    custom_fields,
    patients::rules::doc_number,
    permissions::{Overbook, ReadAppointment, WriteAppointment},
};

/// An appointment as a client sends it, whole or in part. Names may be in camelCase or in
/// snake_case.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppointmentBody {
    /// `APPOINTMENT`; obligatorio al crear.
    #[serde(default, alias = "event_type")]
    #[schema(value_type = Option<String>)]
    pub event_type: Patch<String>,
    /// `CREATE` al crear, `UPDATE` al cambiar.
    #[serde(default, alias = "action_type")]
    #[schema(value_type = Option<String>)]
    pub action_type: Patch<String>,
    /// Inicio, con zona horaria (RFC 3339).
    #[serde(default, alias = "start_appointment", alias = "start_utc", alias = "startUtc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub start_appointment: Patch<String>,
    /// Fin, con zona horaria; después del inicio.
    #[serde(default, alias = "end_appointment", alias = "end_utc", alias = "endUtc")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub end_appointment: Patch<String>,
    /// Tipo de documento del paciente.
    #[serde(default, alias = "patient_doc_type_id")]
    #[schema(value_type = Option<String>)]
    pub patient_doc_type_id: Patch<Code>,
    /// Número de documento del paciente.
    #[serde(default, alias = "patient_doc_number")]
    #[schema(value_type = Option<String>)]
    pub patient_doc_number: Patch<Code>,
    /// Tipo de documento del médico.
    #[serde(default, alias = "doctor_doc_type_id")]
    #[schema(value_type = Option<String>)]
    pub doctor_doc_type_id: Patch<Code>,
    /// Número de documento del médico.
    #[serde(default, alias = "doctor_doc_number")]
    #[schema(value_type = Option<String>)]
    pub doctor_doc_number: Patch<Code>,
    /// Modalidad: in_person (presencial), virtual, home (domiciliaria). Si falta, presencial.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub modality: Patch<Code>,
    /// Estado, según FHIR R4: booked (agendada), cancelled (cancelada), … Si falta, booked.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub state: Patch<Code>,
    /// Estado de la notificación: pending, sent, delivered, confirmed, failed.
    #[serde(default, alias = "notification_state")]
    #[schema(value_type = Option<String>)]
    pub notification_state: Patch<Code>,
    /// Tipo de cita, libre.
    #[serde(default, alias = "appointment_type")]
    #[schema(value_type = Option<String>)]
    pub appointment_type: Patch<Code>,
    /// Sede.
    #[serde(default, alias = "clinic_id")]
    #[schema(value_type = Option<String>)]
    pub clinic_id: Patch<Code>,
    /// Comentario clínico; no se copia a la auditoría.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub comment: Patch<String>,
    /// Por qué se agenda sobre otra cita; pide el permiso `appointment:overbook`.
    #[serde(default, alias = "overbook_reason")]
    #[schema(value_type = Option<String>)]
    pub overbook_reason: Patch<String>,
    /// Campos propios de la organización: un objeto JSON que se guarda tal cual.
    #[serde(default, alias = "custom_fields")]
    #[schema(value_type = Option<Object>)]
    pub custom_fields: Patch<Box<RawValue>>,
}

/// An appointment: canonical fields and `custom_fields`. Times are UTC.
#[derive(Serialize, ToSchema)]
pub struct Appointment {
    pub id: Uuid,
    #[schema(value_type = String, format = DateTime)]
    pub start_utc: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub end_utc: Timestamp,
    pub patient_doc_type_id: String,
    pub patient_doc_number: String,
    pub doctor_doc_type_id: String,
    pub doctor_doc_number: String,
    pub modality: String,
    pub state: String,
    pub notification_state: Option<String>,
    pub appointment_type: Option<String>,
    pub clinic_id: Option<String>,
    pub comment: Option<String>,
    pub overbook_reason: Option<String>,
    #[schema(value_type = Object)]
    pub custom_fields: Box<RawValue>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl Appointment {
    pub(crate) fn of(row: AppointmentRow, reveal: &Reveal) -> Self {
        Self {
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
        }
    }
}

fn changed(row: AppointmentRow, reveal: &Reveal) -> Answer<Appointment> {
    let version = row.version;
    Answer::ok(Appointment::of(row, reveal)).version(version)
}

fn created(row: AppointmentRow, reveal: &Reveal) -> Answer<Appointment> {
    let (location, version) = (format!("/v1/appointments/{}", row.id), row.version);
    Answer::created(Appointment::of(row, reveal), location).version(version)
}

pub async fn create(
    act: Authorized<WriteAppointment>,
    Body(body): Body<AppointmentBody>,
) -> Result<Committed<Appointment>, Problem> {
    let parse = |catalogues: &Catalogues| rules::parse(body.clone(), Purpose::Create, catalogues);
    let new = parse_with(&act, parse).await?;
    let statement =
        sql::insert_appointment(act.new_id(), new.columns, new.custom_fields.map(|c| Json(c.0)));
    match new.overbooks {
        true => act.also::<Overbook>()?.write(statement, created).await,
        false => act.write(statement, created).await,
    }
}

pub async fn read(
    act: Authorized<ReadAppointment>,
    Item(id): Item<Uuid>,
) -> Result<Disclosed<Appointment>, Problem> {
    act.disclose_one(sql::find_appointment(id), changed).await
}

pub async fn change(
    act: Authorized<WriteAppointment>,
    (Item(id), Body(body)): (Item<Uuid>, Body<AppointmentBody>),
) -> Result<Committed<Appointment>, Problem> {
    let expected = act.expected_version()?;
    let parse = |catalogues: &Catalogues| rules::parse(body.clone(), Purpose::Change, catalogues);
    let change = parse_with(&act, parse).await?;
    let statement = sql::update_appointment(
        id,
        expected,
        change.columns,
        change.custom_fields.map(|c| Json(c.0)),
    );
    match change.overbooks {
        true => act.also::<Overbook>()?.write(statement, changed).await,
        false => act.write(statement, changed).await,
    }
}

pub async fn remove(
    act: Authorized<WriteAppointment>,
    Item(id): Item<Uuid>,
) -> Result<Committed<()>, Problem> {
    let expected = act.expected_version()?;
    act.write(sql::delete_appointment(id, expected), |_, _| Answer::gone()).await
}

/// Which appointments, and from where on.
pub struct Filter {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    modality: Option<String>,
    state: Option<String>,
    patient_doc_number: Option<String>,
    doctor_doc_number: Option<String>,
    custom_fields: Option<Value>,
    limit: i64,
    cursor: Option<String>,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        let time = "a time such as 2027-03-01T00:00:00Z";
        let mut checked = |name: &str, parse: fn(&str) -> Result<String, kernel::http::Fault>| {
            let parsed = parse(&query.text(name, 80)?);
            parsed.map_err(|(kind, msg)| query.fault(name, kind, &msg)).ok()
        };
        Self {
            modality: checked("modality", |given| {
                let known = Catalogues::default().resolve(Kind::Modality, given);
                Ok(known.unwrap_or_else(|_| given.to_owned()))
            }),
            state: checked("state", |given| Catalogues::default().resolve(Kind::State, given)),
            patient_doc_number: checked("patient_doc_number", doc_number),
            doctor_doc_number: checked("doctor_doc_number", doc_number),
            from: query.parse("from", time),
            to: query.parse("to", time),
            custom_fields: custom_fields::filter(query),
            limit: query.limit(),
            cursor: query.text("cursor", 2000),
        }
    }

    fn parameters() -> Vec<Value> {
        let text = || json!({"type": "string"});
        let time = || json!({"type": "string", "format": "date-time"});
        let mut all = vec![
            parameter("from", time(), "desde esta hora, incluida"),
            parameter("to", time(), "antes de esta hora"),
            parameter("modality", text(), "modalidad: código o alias"),
            parameter("state", text(), "estado: código o alias"),
            parameter("patient_doc_number", text(), "documento del paciente"),
            parameter("doctor_doc_number", text(), "documento del médico"),
            parameter("custom_fields", text(), "contención: un objeto JSON"),
        ];
        all.extend(Page::<()>::parameters());
        all
    }
}

impl Filter {
    /// What a cursor is bound to: everything but the place.
    fn question(&self) -> String {
        let Self {
            from,
            to,
            modality,
            state,
            patient_doc_number,
            doctor_doc_number,
            custom_fields,
            ..
        } = self;
        format!(
            "{from:?} {to:?} {modality:?} {state:?} {patient_doc_number:?} {doctor_doc_number:?} {custom_fields:?}"
        )
    }
}

/// Where a page ended.
#[derive(Serialize, Deserialize)]
struct Place(Timestamp, Uuid);

/// The earliest and the latest time that an appointment can have.
const EVER: (i64, i64) = (-62_135_596_800, 253_402_200_000);

pub async fn list(
    act: Authorized<ReadAppointment>,
    Query(filter): Query<Filter>,
) -> Result<Disclosed<Page<Appointment>>, Problem> {
    let question = filter.question();
    let ever = |second| Timestamp::from_second(second).map_err(Problem::internal);
    let (first, last) = (ever(EVER.0)?, ever(EVER.1)?);
    // A microsecond before `from`, with the greatest id, is the place just before it.
    let before = |at: Timestamp| at.checked_sub(jiff::SignedDuration::from_micros(1)).unwrap_or(at);
    let Place(start, id) = match &filter.cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => Place(before(filter.from.unwrap_or(first).clamp(first, last)), Uuid::max()),
    };
    let to = filter.to.unwrap_or(last).clamp(first, last);
    let Filter {
        modality,
        state,
        patient_doc_number: patient,
        doctor_doc_number: doctor,
        custom_fields,
        limit,
        ..
    } = filter;
    let list = match (&patient, &doctor, &state) {
        _ if custom_fields.is_some() => sql::search_appointments,
        (Some(_), _, _) => sql::list_appointments_of_patient,
        (None, Some(_), _) => sql::list_appointments_of_doctor,
        (None, None, Some(_)) => sql::list_appointments_in_state,
        (None, None, None) => sql::list_appointments,
    };
    let mut statement = list(start, id, to, limit + 1, modality, state, patient, doctor);
    if let Some(wanted) = custom_fields {
        statement = statement.searching(json!({"custom_fields": wanted}));
    }
    act.disclose(statement, |rows, reveal| {
        let page = Page::cut(rows, limit, |last| {
            act.seal(&question, &Place(*last.start_utc.peek(reveal), last.id))
        })?;
        Ok(Answer::ok(page.map(|row| Appointment::of(row, reveal))))
    })
    .await
}
