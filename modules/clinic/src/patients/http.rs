//! Requests on patients: what they bring, what they get.

use jiff::{Timestamp, civil::Date};
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed},
    db::Bound,
    http::{
        Body, Code, FromQuery, Item, Page, Patch, Problem, Purpose, Query, QueryReader, email,
        parameter, parse_json, phone,
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
    sql::{self, PatientRow},
};
use crate::{
    catalogues::{
        parse_with,
        rules::{Catalogues, Kind},
    },
    custom_fields,
    permissions::{ReadPatient, WritePatient},
};

/// A patient as a client sends it, whole or in part. Names may be in camelCase or in snake_case.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PatientBody {
    /// `PATIENT`; obligatorio al crear.
    #[serde(default, alias = "event_type")]
    #[schema(value_type = Option<String>)]
    pub event_type: Patch<String>,
    /// `CREATE` al crear, `UPDATE` al cambiar.
    #[serde(default, alias = "action_type")]
    #[schema(value_type = Option<String>)]
    pub action_type: Patch<String>,
    /// Tipo de documento: código (CC, TI, RC, …), alias o número de la DIAN.
    #[serde(default, alias = "doc_type_id")]
    #[schema(value_type = Option<String>)]
    pub doc_type_id: Patch<Code>,
    /// Número de documento; los puntos y espacios se quitan.
    #[serde(default, alias = "doc_number")]
    #[schema(value_type = Option<String>)]
    pub doc_number: Patch<Code>,
    /// Primer nombre.
    #[serde(default, alias = "first_name")]
    #[schema(value_type = Option<String>)]
    pub first_name: Patch<String>,
    /// Segundo nombre.
    #[serde(default, alias = "middle_name")]
    #[schema(value_type = Option<String>)]
    pub middle_name: Patch<String>,
    /// Primer apellido.
    #[serde(default, alias = "last_name")]
    #[schema(value_type = Option<String>)]
    pub last_name: Patch<String>,
    /// Segundo apellido.
    #[serde(default, alias = "second_last_name")]
    #[schema(value_type = Option<String>)]
    pub second_last_name: Patch<String>,
    /// Fecha de nacimiento, AAAA-MM-DD.
    #[serde(default, alias = "birth_date")]
    #[schema(value_type = Option<String>, format = Date)]
    pub birth_date: Patch<String>,
    /// Género: male, female, other, unknown, o un alias (M, F, …).
    #[serde(default, alias = "gender_id")]
    #[schema(value_type = Option<String>)]
    pub gender_id: Patch<Code>,
    /// Teléfonos, hasta cinco, de 7 a 15 dígitos.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub phones: Patch<Vec<String>>,
    /// Correo electrónico.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub email: Patch<String>,
    /// EPS (Entidad Promotora de Salud): código del catálogo.
    #[serde(default, alias = "eps_id")]
    #[schema(value_type = Option<String>)]
    pub eps_id: Patch<Code>,
    /// Autorización de tratamiento de datos (Ley 1581 de 2012): booleano u objeto con evidencia.
    #[serde(default, alias = "habeas_data")]
    #[schema(value_type = Option<Value>)]
    pub habeas_data: Patch<HabeasData>,
    /// Campos propios de la organización: un objeto JSON que se guarda tal cual.
    #[serde(default, alias = "custom_fields")]
    #[schema(value_type = Option<Object>)]
    pub custom_fields: Patch<Box<RawValue>>,
}

/// `true`, or the evidence.
#[derive(Clone, Deserialize)]
#[serde(untagged, expecting = "true, false, or an object with `authorized`")]
pub enum HabeasData {
    Plain(bool),
    Evidence(Evidence),
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Evidence {
    pub authorized: bool,
    pub at: Option<Timestamp>,
    #[serde(alias = "text_version")]
    pub text_version: Option<String>,
    pub channel: Option<String>,
}

/// A patient: canonical fields and `custom_fields`.
#[derive(Serialize, ToSchema)]
pub struct Patient {
    pub id: Uuid,
    pub doc_type_id: String,
    pub doc_number: String,
    pub first_name: String,
    pub middle_name: Option<String>,
    pub last_name: String,
    pub second_last_name: Option<String>,
    #[schema(value_type = Option<String>, format = Date)]
    pub birth_date: Option<Date>,
    pub gender_id: Option<String>,
    pub phones: Vec<String>,
    pub email: Option<String>,
    pub eps_id: Option<String>,
    /// `{authorized, at, text_version, channel}`.
    #[schema(value_type = Option<Object>)]
    pub habeas_data: Option<Box<RawValue>>,
    #[schema(value_type = Object)]
    pub custom_fields: Box<RawValue>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl Patient {
    pub(crate) fn of(row: PatientRow, reveal: &Reveal) -> Self {
        Self {
            id: row.id,
            doc_type_id: row.doc_type_id.reveal(reveal),
            doc_number: row.doc_number.reveal(reveal),
            first_name: row.first_name.reveal(reveal),
            middle_name: row.middle_name.map(|name| name.reveal(reveal)),
            last_name: row.last_name.reveal(reveal),
            second_last_name: row.second_last_name.map(|name| name.reveal(reveal)),
            birth_date: row.birth_date.map(|date| date.reveal(reveal)),
            gender_id: row.gender_id.map(|code| code.reveal(reveal)),
            phones: row.phones.reveal(reveal),
            email: row.email.map(|email| email.reveal(reveal)),
            eps_id: row.eps_id.map(|code| code.reveal(reveal)),
            habeas_data: row.habeas_data.map(|evidence| evidence.reveal(reveal).0),
            custom_fields: row.custom_fields.reveal(reveal).0,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

pub async fn create(
    act: Authorized<WritePatient>,
    Body(body): Body<PatientBody>,
) -> Result<Committed<Patient>, Problem> {
    let statement = insertion(&act, body).await?;
    act.write(statement, |row, reveal| {
        let (location, version) = (format!("/v1/patients/{}", row.id), row.version);
        Answer::created(Patient::of(row, reveal), location).version(version)
    })
    .await
}

async fn insertion(
    act: &Authorized<WritePatient>,
    body: PatientBody,
) -> Result<Bound<PatientRow>, Problem> {
    let now = act.now();
    let parse =
        |catalogues: &Catalogues| rules::parse(body.clone(), Purpose::Create, catalogues, now);
    let new = parse_with(act, parse).await?;
    Ok(sql::insert_patient(act.new_id(), new.columns, new.custom_fields.map(|c| Json(c.0))))
}

/// The insertion of one line of an import.
pub(crate) async fn prepare(
    act: &Authorized<WritePatient>,
    line: &str,
) -> Result<Bound<PatientRow>, Problem> {
    insertion(act, parse_json(line.as_bytes())?).await
}

pub async fn read(
    act: Authorized<ReadPatient>,
    Item(id): Item<Uuid>,
) -> Result<Disclosed<Patient>, Problem> {
    act.disclose_one(sql::find_patient(id), |row, reveal| {
        let version = row.version;
        Answer::ok(Patient::of(row, reveal)).version(version)
    })
    .await
}

pub async fn change(
    act: Authorized<WritePatient>,
    (Item(id), Body(body)): (Item<Uuid>, Body<PatientBody>),
) -> Result<Committed<Patient>, Problem> {
    let (now, expected) = (act.now(), act.expected_version()?);
    let parse =
        |catalogues: &Catalogues| rules::parse(body.clone(), Purpose::Change, catalogues, now);
    let change = parse_with(&act, parse).await?;
    let statement =
        sql::update_patient(id, expected, change.columns, change.custom_fields.map(|c| Json(c.0)));
    act.write(statement, |row, reveal| {
        let version = row.version;
        Answer::ok(Patient::of(row, reveal)).version(version)
    })
    .await
}

pub async fn remove(
    act: Authorized<WritePatient>,
    Item(id): Item<Uuid>,
) -> Result<Committed<()>, Problem> {
    let expected = act.expected_version()?;
    act.write(sql::delete_patient(id, expected), |_, _| Answer::gone()).await
}

/// Which patients, and from where on.
pub struct Filter {
    doc_type_id: Option<String>,
    doc_number: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    custom_fields: Option<Value>,
    limit: i64,
    cursor: Option<String>,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        let mut checked = |name: &str, parse: fn(&str) -> Result<String, kernel::http::Fault>| {
            let parsed = parse(&query.text(name, 254)?);
            parsed.map_err(|(kind, msg)| query.fault(name, kind, &msg)).ok()
        };
        Self {
            doc_type_id: checked("doc_type_id", |given| {
                let known = Catalogues::default().resolve(Kind::DocType, given);
                Ok(known.unwrap_or_else(|_| given.to_owned()))
            }),
            doc_number: checked("doc_number", rules::doc_number),
            email: checked("email", email),
            phone: checked("phone", phone),
            custom_fields: custom_fields::filter(query),
            limit: query.limit(),
            cursor: query.text("cursor", 2000),
        }
    }

    fn parameters() -> Vec<Value> {
        let text = || json!({"type": "string"});
        let mut all = vec![
            parameter("doc_type_id", text(), "tipo de documento: código, alias o número"),
            parameter("doc_number", text(), "número de documento"),
            parameter("email", text(), "correo electrónico"),
            parameter("phone", text(), "uno de los teléfonos"),
            parameter(
                "custom_fields",
                text(),
                "contención: un objeto JSON, por ejemplo {\"plan\":\"gold\"}",
            ),
        ];
        all.extend(Page::<()>::parameters());
        all
    }
}

impl Filter {
    /// What a cursor is bound to: everything but the place.
    fn question(&self) -> String {
        let Self { doc_type_id, doc_number, email, phone, custom_fields, .. } = self;
        format!("{doc_type_id:?} {doc_number:?} {email:?} {phone:?} {custom_fields:?}")
    }
}

pub async fn list(
    act: Authorized<ReadPatient>,
    Query(filter): Query<Filter>,
) -> Result<Disclosed<Page<Patient>>, Problem> {
    let question = filter.question();
    let after: Uuid = match &filter.cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => Uuid::nil(),
    };
    let Filter { doc_type_id, doc_number, email, phone, custom_fields, limit, .. } = filter;
    let more = limit + 1;
    let statement = match (&doc_number, &email) {
        _ if custom_fields.is_some() || phone.is_some() => {
            let search = json!({"custom_fields": custom_fields.unwrap_or(json!({})), "phones": phone.as_slice()});
            sql::search_patients(after, more, doc_type_id, doc_number, email).searching(search)
        }
        (Some(_), _) => sql::list_patients_by_number(after, more, doc_type_id, doc_number, email),
        (None, Some(_)) => sql::list_patients_by_email(after, more, doc_type_id, doc_number, email),
        (None, None) => sql::list_patients(after, more, doc_type_id, doc_number, email),
    };
    act.disclose(statement, |rows, reveal| {
        let page = Page::cut(rows, limit, |last| act.seal(&question, &last.id))?;
        Ok(Answer::ok(page.map(|row| Patient::of(row, reveal))))
    })
    .await
}
