//! Requests on guardians.

use jiff::civil::Date;
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed, Shown, Sight},
    http::{Body, Item, List, Named, Page, Patch, Problem, Purpose},
    privacy::{Pii, Reveal},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, GuardianRow},
};
use crate::{
    athletes::known,
    ferpa::GUARDIAN,
    permissions::{ReadGuardian, WriteGuardian},
    schools::place,
};

/// A guardian as a client sends one, whole or in part.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GuardianBody {
    /// The account under which they sign in.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    pub account_id: Patch<Uuid>,
    /// Required on creation.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub full_name: Patch<String>,
    /// `parent`, `guardian`, `self` (the student) or `other`. Required on creation.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
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
    /// `student_consent` or `tax_dependent`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub kept_basis: Patch<String>,
}

/// A guardian.
#[derive(Serialize, ToSchema)]
pub struct Guardian {
    id: Uuid,
    athlete_id: Uuid,
    account_id: Option<Uuid>,
    full_name: String,
    relation: String,
    email: Option<String>,
    phone: Option<String>,
    is_primary: bool,
    kept_basis: Option<String>,
    #[schema(value_type = Option<String>, format = Date)]
    kept_on: Option<Date>,
}

fn view(row: GuardianRow, reveal: &Reveal, sight: Sight) -> Shown<Guardian> {
    let text = |value: Option<Pii<String>>| value.map(|value| value.reveal(reveal));
    let guardian = Guardian {
        id: row.id,
        athlete_id: row.athlete_id,
        account_id: row.account_id,
        full_name: row.full_name.reveal(reveal),
        relation: row.relation,
        email: text(row.email),
        phone: text(row.phone),
        is_primary: row.is_primary,
        kept_basis: row.kept_basis,
        kept_on: row.kept_on,
    };
    sight.show(&GUARDIAN, guardian)
}

pub async fn create(
    act: Authorized<WriteGuardian>,
    (Named(athlete), Body(body)): (Named, Body<GuardianBody>),
) -> Result<Committed<Shown<Guardian>>, Problem> {
    let today = place(&act).await?.local(act.now()).date();
    let (columns, sight) = (rules::parse(body, Purpose::Create, today)?, act.sight());
    let insert = sql::insert_guardian(act.new_id(), athlete.id, athlete.external_id, columns);
    act.write(insert, move |row, reveal| {
        let location = format!("/api/v1/athletes/{}/guardians", row.athlete_id);
        Answer::created(view(row, reveal, sight), location)
    })
    .await
}

pub async fn change(
    act: Authorized<WriteGuardian>,
    (Item(id), Body(body)): (Item<Uuid>, Body<GuardianBody>),
) -> Result<Committed<Shown<Guardian>>, Problem> {
    let today = place(&act).await?.local(act.now()).date();
    let (columns, sight) = (rules::parse(body, Purpose::Change, today)?, act.sight());
    let update = sql::update_guardian(id, columns, act.expected_version()?);
    act.write(update, move |row, reveal| {
        let version = row.version;
        Answer::ok(view(row, reveal, sight)).version(version)
    })
    .await
}

pub async fn end(
    act: Authorized<WriteGuardian>,
    Item(id): Item<Uuid>,
) -> Result<Committed<()>, Problem> {
    act.write(sql::end_guardian(id, act.expected_version()?), |_, _| Answer::gone()).await
}

/// An athlete has few: they are one page.
pub async fn list(
    act: Authorized<ReadGuardian>,
    Named(athlete): Named,
) -> Result<Disclosed<List<Shown<Guardian>>>, Problem> {
    let athlete = known(&act, athlete).await?;
    act.disclose(sql::list_guardians(athlete), |rows, reveal| {
        let sight = act.sight();
        let items = rows.into_iter().map(|row| view(row, reveal, sight)).collect();
        Ok(Answer::list(Page { items, limit: 0, next_cursor: None }))
    })
    .await
}
