//! Requests on instructors: what they bring, what they get.

use jiff::{Timestamp, civil::Date};
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed},
    http::{Body, Item, List, Page, Paging, Patch, Problem, Purpose, Query},
    privacy::{Pii, Reveal},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, InstructorRow},
};
use crate::permissions::{ReadInstructor, WriteInstructor};

/// An instructor as a client sends it, whole or in part.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InstructorBody {
    /// Required on creation.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub full_name: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub email: Patch<String>,
    /// The instructor's own account.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    pub account_id: Patch<String>,
    /// When the training in concussions was completed.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub concussion_trained_on: Patch<String>,
    /// The last day of a pupil-activity permit.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub activity_permit_until: Patch<String>,
}

/// An instructor.
#[derive(Serialize, ToSchema)]
pub struct Instructor {
    id: Uuid,
    full_name: String,
    email: Option<String>,
    account_id: Option<Uuid>,
    #[schema(value_type = Option<String>, format = Date)]
    concussion_trained_on: Option<Date>,
    #[schema(value_type = Option<String>, format = Date)]
    activity_permit_until: Option<Date>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl Instructor {
    fn of(row: InstructorRow, reveal: &Reveal) -> Self {
        Self {
            id: row.id,
            full_name: row.full_name.reveal(reveal),
            email: row.email.map(|email| email.reveal(reveal)),
            account_id: row.account_id,
            concussion_trained_on: row.concussion_trained_on.map(|day| day.reveal(reveal)),
            activity_permit_until: row.activity_permit_until.map(|day| day.reveal(reveal)),
            created_at: row.created_at,
        }
    }
}

pub async fn create(
    act: Authorized<WriteInstructor>,
    Body(body): Body<InstructorBody>,
) -> Result<Committed<Instructor>, Problem> {
    let columns = rules::parse(body, Purpose::Create)?;
    act.write(sql::insert_instructor(act.new_id(), columns), |row, reveal| {
        let (location, version) = (format!("/instructors/{}", row.id), row.version);
        Answer::created(Instructor::of(row, reveal), location).version(version)
    })
    .await
}

pub async fn list(
    act: Authorized<ReadInstructor>,
    Query(Paging { limit, cursor }): Query<Paging>,
) -> Result<Disclosed<List<Instructor>>, Problem> {
    let (name, id): (String, Uuid) = match &cursor {
        Some(cursor) => act.unseal("", cursor)?,
        None => (String::new(), Uuid::nil()),
    };
    act.disclose(sql::list_instructors(Pii::new(name), id, limit + 1), |rows, reveal| {
        let seal = |last: &InstructorRow| act.seal("", &(last.full_name.peek(reveal), last.id));
        Ok(Answer::list(Page::cut(rows, limit, seal)?.map(|row| Instructor::of(row, reveal))))
    })
    .await
}

pub async fn read(
    act: Authorized<ReadInstructor>,
    Item(id): Item<Uuid>,
) -> Result<Disclosed<Instructor>, Problem> {
    act.disclose_one(sql::find_instructor(id), |row, reveal| {
        let version = row.version;
        Answer::ok(Instructor::of(row, reveal)).version(version)
    })
    .await
}

pub async fn change(
    act: Authorized<WriteInstructor>,
    (Item(id), Body(body)): (Item<Uuid>, Body<InstructorBody>),
) -> Result<Committed<Instructor>, Problem> {
    let expected = act.expected_version()?;
    let columns = rules::parse(body, Purpose::Change)?;
    act.write(sql::update_instructor(id, expected, columns), |row, reveal| {
        let version = row.version;
        Answer::ok(Instructor::of(row, reveal)).version(version)
    })
    .await
}
