//! Requests on cases.

use jiff::{Timestamp, civil::Date};
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed, Permission, Shown, Sight, TenantTx},
    db::Disclosing,
    http::{
        Body, EVER, FromQuery, List, Named, Page, Paging, Patch, Problem, Query, QueryReader,
        Reference, choice, parameter,
    },
    privacy::Reveal,
    return_to_play::ReturnToPlay,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules::{self, ATTENTION},
    sql::{self, CaseRow},
};
use crate::{
    athletes::{self, Restriction},
    ferpa::{CASE, RETURN_TO_PLAY, Slice, by_slice},
    permissions::{ReadCase, WriteCase},
};

const STATUSES: &[&str] = &["active", "resolved"];

/// What of a case can change.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseBody {
    /// What other systems call the case, such as `cas_554433`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub external_id: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub title: Patch<String>,
    /// `urgent`, `warning` or `stable`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub attention_level: Patch<String>,
    /// The account of the trainer who has the case.
    #[serde(default)]
    #[schema(value_type = Option<Uuid>)]
    pub primary_at_id: Patch<Uuid>,
    /// Cannot change.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub severity: Patch<Value>,
}

/// A case.
#[derive(Serialize, ToSchema)]
pub struct Case {
    id: Uuid,
    external_id: Option<String>,
    school_id: Uuid,
    athlete_id: Uuid,
    title: Option<String>,
    body_part: Option<String>,
    /// `mild`, `moderate` or `severe`, as it was found.
    severity: Option<String>,
    /// `urgent`, `warning` or `stable`, for the day.
    attention_level: Option<String>,
    /// Treated as a concussion.
    head_injury: Option<bool>,
    /// `active` or `resolved`.
    status: String,
    /// `cleared`, `restricted` or `out`, for this case alone.
    availability: String,
    restrictions: Vec<Restriction>,
    /// The last target among the milestones.
    #[schema(value_type = Option<String>, format = Date)]
    expected_return_on: Option<Date>,
    #[schema(value_type = Option<ReturnToPlay>)]
    return_to_play: Option<Shown<ReturnToPlay>>,
    #[schema(value_type = String, format = DateTime)]
    opened_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    resolved_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    reopened_at: Option<Timestamp>,
    primary_at_id: Option<Uuid>,
    /// Whose law holds for it.
    jurisdiction: Option<String>,
    version: Option<i32>,
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
}

fn view(row: CaseRow, reveal: &Reveal, sight: Sight) -> Shown<Case> {
    let rtp = row.rtp.map(|fact| ReturnToPlay::of(fact.reveal(reveal).0));
    let case = Case {
        id: row.id,
        external_id: row.external_id,
        school_id: row.tenant_id,
        athlete_id: row.athlete_id,
        title: row.title.map(|title| title.reveal(reveal)),
        body_part: row.body_part.map(|part| part.reveal(reveal)),
        severity: row.severity,
        attention_level: row.attention_level,
        head_injury: row.head_injury,
        status: row.status,
        availability: row.availability,
        restrictions: row.restrictions.reveal(reveal).0,
        expected_return_on: row.expected_return_on,
        return_to_play: rtp.map(|rtp| sight.show(&RETURN_TO_PLAY, rtp)),
        opened_at: row.opened_at,
        resolved_at: row.resolved_at,
        reopened_at: row.reopened_at,
        primary_at_id: row.primary_at_id,
        jurisdiction: row.jurisdiction,
        version: row.version,
        created_at: row.created_at,
    };
    sight.show(&CASE, case)
}

/// The case as the transaction that writes it sees it.
///
/// # Errors
/// 404, and what [`Problem`] says of the database's failure.
pub async fn found(tx: &mut TenantTx<'_>, id: Uuid, sight: Sight) -> Result<Shown<Case>, Problem> {
    let view = |rows: Vec<CaseRow>, reveal: &Reveal| {
        rows.into_iter().next().map(|row| view(row, reveal, sight))
    };
    tx.judge(sql::find_case(id), view).await?.ok_or_else(Problem::not_found)
}

/// The case of this reference, if the caller's slice has it.
///
/// # Errors
/// 404, and what [`Problem`] says of the database's failure.
pub async fn known<P: Permission>(
    act: &Authorized<P>,
    Reference { id, external_id }: Reference,
) -> Result<Uuid, Problem> {
    let found = match Slice::of(act.caller().role) {
        Slice::School => act.look_up(sql::find_reference(id, external_id)).await?,
        Slice::Family => act.look_up(sql::find_reference_of_family(id, external_id)).await?,
        // A coach knows the cases of the athletes by their own ids alone.
        Slice::Coach => act.look_up(sql::find_reference_of_coach(id)).await?,
    };
    found.into_iter().next().map(|row| row.id).ok_or_else(Problem::not_found)
}

pub async fn change(
    act: Authorized<WriteCase>,
    (Named(case), Body(body)): (Named, Body<CaseBody>),
) -> Result<Committed<Shown<Case>>, Problem> {
    let (expected, sight) = (act.expected_version()?, act.sight());
    let columns = rules::parse(body)?;
    act.transact(|tx| {
        Box::pin(async move {
            let update = sql::update_case(case.id, case.external_id, columns, expected);
            let row = tx.run(update).await?.into_iter().next().ok_or_else(Problem::not_found)?;
            Ok(Answer::ok(found(tx, row.id, sight).await?).version(row.version))
        })
    })
    .await
}

/// Which cases, and from where on.
pub struct Filter {
    status: Option<String>,
    attention_level: Option<String>,
    paging: Paging,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            status: choice(query, "status", STATUSES),
            attention_level: choice(query, "attention_level", ATTENTION),
            paging: Paging::read(query),
        }
    }

    fn parameters() -> Vec<Value> {
        let words = |words: &[&str]| json!({"type": "string", "enum": words});
        let mut all = vec![
            parameter("status", words(STATUSES), "of this status"),
            parameter("attention_level", words(ATTENTION), "of this level; for the trainer"),
        ];
        all.extend(Paging::parameters());
        all
    }
}

/// Where a page ended.
#[derive(Serialize, Deserialize)]
struct Last(Timestamp, Uuid);

type ListOf =
    fn(Timestamp, Uuid, i64, Option<Uuid>, Option<String>, Option<String>) -> Disclosing<CaseRow>;

/// The list of the caller's slice, by the narrowest index.
fn listing(act: &Authorized<ReadCase>, athlete: bool) -> ListOf {
    let school: ListOf = if athlete { sql::list_cases_of_athlete } else { sql::list_cases };
    let coach: ListOf =
        if athlete { sql::list_coach_cases_of_athlete } else { sql::list_coach_cases };
    let family: ListOf =
        if athlete { sql::list_family_cases_of_athlete } else { sql::list_family_cases };
    by_slice!(act; school, coach, family)
}

async fn page(
    act: &Authorized<ReadCase>,
    athlete: Option<Uuid>,
    Filter { status, attention_level, paging }: Filter,
) -> Result<Disclosed<List<Shown<Case>>>, Problem> {
    if attention_level.is_some() && !matches!(Slice::of(act.caller().role), Slice::School) {
        let msg = "there is no such parameter for your role";
        return Err(Problem::field(&["query", "attention_level"], "extra_forbidden", msg));
    }
    let question = format!("{athlete:?} {status:?} {attention_level:?}");
    let Last(at, id) = match &paging.cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => Last(EVER.1, Uuid::nil()),
    };
    let limit = paging.limit;
    let list = listing(act, athlete.is_some());
    let list = list(at, id, limit + 1, athlete, status, attention_level);
    act.disclose(list, |rows, reveal| {
        let seal = |last: &CaseRow| act.seal(&question, &Last(last.opened_at, last.id));
        let page = Page::cut(rows, limit, seal)?;
        Ok(Answer::list(page.map(|row| view(row, reveal, act.sight()))))
    })
    .await
}

pub async fn list(
    act: Authorized<ReadCase>,
    Query(filter): Query<Filter>,
) -> Result<Disclosed<List<Shown<Case>>>, Problem> {
    page(&act, None, filter).await
}

pub async fn list_of_athlete(
    act: Authorized<ReadCase>,
    (Named(athlete), Query(filter)): (Named, Query<Filter>),
) -> Result<Disclosed<List<Shown<Case>>>, Problem> {
    let athlete = athletes::known(&act, athlete).await?;
    page(&act, Some(athlete), filter).await
}
