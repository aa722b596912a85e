//! Requests on participants: what they bring, what they get.

use jiff::{Timestamp, civil::Date};
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed},
    http::{
        Body, FromQuery, Item, List, Page, Paging, Patch, Problem, Purpose, Query, QueryReader,
        choice, parameter,
    },
    privacy::{Pii, Reveal},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules::{self, STATUSES},
    sql::{self, ParticipantRow},
};
use crate::{
    fields::day_of,
    permissions::{ReadParticipant, WriteParticipant},
};

/// A participant as a client sends it, whole or in part.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ParticipantBody {
    /// Required on creation.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub first_name: Patch<String>,
    /// Required on creation.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub last_name: Patch<String>,
    /// Required on creation; `birth_date` and `dob` will do too.
    #[serde(default, alias = "birth_date", alias = "dob")]
    #[schema(value_type = Option<String>, format = Date)]
    pub date_of_birth: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub preferred_name: Patch<String>,
    /// What the roster shows; a number when not said, or null.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub roster_name: Patch<String>,
    /// What the organisation's other systems call the participant; no two have the same.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub external_id: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub gender: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub school: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub grade: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub medical_notes: Patch<String>,
    /// `active` (when not said) or `inactive`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub status: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<GuardianBody>>)]
    pub guardians: Patch<Vec<GuardianBody>>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<ContactBody>>)]
    pub contacts: Patch<Vec<ContactBody>>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<AddressBody>>)]
    pub addresses: Patch<Vec<AddressBody>>,
}

/// A parent or guardian as a client sends one.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GuardianBody {
    #[serde(default)]
    #[schema(value_type = String)]
    pub full_name: Patch<String>,
    /// `parent`, `guardian` or `other`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub relation: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub email: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub phone: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub is_primary: Patch<bool>,
}

/// Whom to call in an emergency, as a client sends one.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactBody {
    #[serde(default)]
    #[schema(value_type = String)]
    pub full_name: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub relation: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub phone: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub email: Patch<String>,
    /// 1 (when not said) is called first.
    #[serde(default)]
    #[schema(value_type = Option<i32>)]
    pub priority: Patch<i64>,
}

/// An address as a client sends one.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressBody {
    /// `home` (when not said), `mailing` or `other`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub kind: Patch<String>,
    #[serde(default)]
    #[schema(value_type = String)]
    pub line1: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub line2: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub city: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub state: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub postal_code: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub county: Patch<String>,
}

/// A participant's whole record.
#[derive(Serialize, ToSchema)]
pub struct Participant {
    id: Uuid,
    external_id: Option<String>,
    roster_name: String,
    first_name: String,
    last_name: String,
    preferred_name: Option<String>,
    #[schema(value_type = String, format = Date)]
    date_of_birth: Date,
    gender: Option<String>,
    school: Option<String>,
    grade: Option<String>,
    medical_notes: Option<String>,
    status: String,
    guardians: Vec<Guardian>,
    contacts: Vec<Contact>,
    addresses: Vec<Address>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// A parent or guardian.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct Guardian {
    id: Uuid,
    full_name: String,
    relation: String,
    email: Option<String>,
    phone: Option<String>,
    is_primary: bool,
}

/// Whom to call in an emergency.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct Contact {
    id: Uuid,
    full_name: String,
    relation: Option<String>,
    phone: Option<String>,
    email: Option<String>,
    priority: i32,
}

/// An address.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct Address {
    id: Uuid,
    kind: String,
    line1: String,
    line2: Option<String>,
    city: Option<String>,
    state: Option<String>,
    postal_code: Option<String>,
    county: Option<String>,
}

impl Participant {
    fn of(row: ParticipantRow, reveal: &Reveal) -> Self {
        let text = |value: Option<Pii<String>>| value.map(|value| value.reveal(reveal));
        Self {
            id: row.id,
            external_id: text(row.external_id),
            roster_name: row.roster_name.reveal(reveal),
            first_name: row.first_name.reveal(reveal),
            last_name: row.last_name.reveal(reveal),
            preferred_name: text(row.preferred_name),
            date_of_birth: row.date_of_birth.reveal(reveal),
            gender: text(row.gender),
            school: text(row.school),
            grade: text(row.grade),
            medical_notes: text(row.medical_notes),
            status: row.status,
            guardians: row.guardians.reveal(reveal).0,
            contacts: row.contacts.reveal(reveal).0,
            addresses: row.addresses.reveal(reveal).0,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

pub async fn create(
    act: Authorized<WriteParticipant>,
    Body(body): Body<ParticipantBody>,
) -> Result<Committed<Participant>, Problem> {
    let new = rules::parse(body, Purpose::Create, day_of(act.now()))?;
    let id = act.new_id();
    let statement =
        sql::insert_participant(id, new.columns, new.guardians, new.contacts, new.addresses);
    act.write(statement, |row, reveal| {
        let (location, version) = (format!("/participants/{}", row.id), row.version);
        Answer::created(Participant::of(row, reveal), location).version(version)
    })
    .await
}

fn current(row: ParticipantRow, reveal: &Reveal) -> Answer<Participant> {
    let version = row.version;
    Answer::ok(Participant::of(row, reveal)).version(version)
}

pub async fn read(
    act: Authorized<ReadParticipant>,
    Item(id): Item<Uuid>,
) -> Result<Disclosed<Participant>, Problem> {
    act.disclose_one(sql::find_participant(id), current).await
}

pub async fn change(
    act: Authorized<WriteParticipant>,
    (Item(id), Body(body)): (Item<Uuid>, Body<ParticipantBody>),
) -> Result<Committed<Participant>, Problem> {
    let expected = act.expected_version()?;
    let new = rules::parse(body, Purpose::Change, day_of(act.now()))?;
    let (columns, addresses) = (new.columns, new.addresses);
    let statement =
        sql::update_participant(id, columns, new.guardians, new.contacts, addresses, expected);
    act.write(statement, current).await
}

/// Which participants, and from where on.
pub struct Filter {
    name: Option<String>,
    external_id: Option<String>,
    status: Option<String>,
    paging: Paging,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            name: query.text("name", 100),
            external_id: query.text("external_id", 100),
            status: choice(query, "status", STATUSES),
            paging: Paging::read(query),
        }
    }

    fn parameters() -> Vec<Value> {
        let text = || json!({"type": "string"});
        let mut all = vec![
            parameter("name", text(), "how the last name begins, in small letters or capitals"),
            parameter("external_id", text(), "the one with this external id"),
            parameter(
                "status",
                json!({"type": "string", "enum": STATUSES}),
                "those of this status",
            ),
        ];
        all.extend(Paging::parameters());
        all
    }
}

/// What was asked, and where a page ended.
#[derive(Serialize, Deserialize)]
struct Last {
    name: Option<String>,
    status: Option<String>,
    after: String,
    id: Uuid,
}

pub async fn list(
    act: Authorized<ReadParticipant>,
    Query(Filter { name, external_id, status, paging }): Query<Filter>,
) -> Result<Disclosed<List<Participant>>, Problem> {
    let limit = paging.limit;
    // A name does not belong into a link (D10): the cursor holds what was asked.
    let Last { name, status, after, id } = match &paging.cursor {
        Some(cursor) => act.unseal("participants", cursor)?,
        None => Last { after: name.clone().unwrap_or_default(), name, status, id: Uuid::nil() },
    };
    let asked = (name.clone(), status.clone());
    let (after, prefix) = (Pii::new(after), Pii::new(name.unwrap_or_default()));
    let statement = match external_id.map(Pii::new) {
        Some(known) => sql::list_participants_by_external_id(known, prefix, status),
        None => sql::list_participants(after, id, prefix, limit + 1, status),
    };
    act.disclose(statement, |rows, reveal| {
        let seal = |last: &ParticipantRow| {
            let (name, status) = asked;
            let after = last.last_name_key.peek(reveal).clone();
            act.seal("participants", &Last { name, status, after, id: last.id })
        };
        let page = Page::cut(rows, limit, seal)?.map(|row| Participant::of(row, reveal));
        Ok(Answer::list_by_cursor_alone(page))
    })
    .await
}
