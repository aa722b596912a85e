//! Requests on reports of violence.

use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed, Fetched},
    http::{
        Body, EVER, FromQuery, Hints, Item, List, Page, Paging, Patch, Problem, Query, QueryReader,
        choice, parameter,
    },
    privacy::{Pii, Reveal},
    random_bytes,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules::{self, STATUSES},
    sql::{self, ReportRow},
};
use crate::{
    permissions::{FollowViolence, ReadViolence, ReportViolence, WorkOnViolence},
    service_requests::number,
};

/// A report. Nothing in it says who made it, unless they write it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportBody {
    /// To which municipality: its code, id or name.
    pub municipality_code: Option<String>,
    /// `physical`, `sexual`, `emotional`, `economic`, `stalking` or `other`. Required, as is the description.
    #[serde(default)]
    #[schema(value_type = String)]
    pub kind: Patch<String>,
    #[serde(default)]
    #[schema(value_type = String)]
    pub description: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub place: Patch<String>,
    /// How to reach the reporter without danger to them.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub safe_contact: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub immediate_danger: Patch<bool>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub language: Patch<String>,
}

/// A report that was kept.
#[derive(Serialize, ToSchema)]
pub struct Reported {
    reference: String,
    /// Shown once; with the reference it tells where the report stands.
    code: String,
}

pub async fn create(
    act: Authorized<ReportViolence>,
    (Body(mut body), hints): (Body<ReportBody>, Hints),
) -> Result<Committed<Reported>, Problem> {
    let act =
        act.at(body.municipality_code.take().as_deref(), hints.host.as_deref()).await?.unseen();
    let columns = rules::parse(body)?;
    let code = rules::code(random_bytes().map_err(Problem::internal)?);
    let id = act.new_id();
    let insert = sql::insert_report(id, number("R", id), rules::hash(&code), columns, act.now());
    act.write(insert, |row, _| {
        let location = "/api/v1/gbv-reports/follow".to_owned();
        Answer::created(Reported { reference: row.reference, code }, location).shown_once()
    })
    .await
}

/// Which report.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FollowBody {
    municipality_code: Option<String>,
    reference: String,
    code: String,
}

/// Where a report stands.
#[derive(Serialize, ToSchema)]
pub struct Standing {
    /// `received`, `in_review`, `referred` or `closed`.
    status: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    referred_at: Option<Timestamp>,
}

pub async fn follow(
    act: Authorized<FollowViolence>,
    (Body(body), hints): (Body<FollowBody>, Hints),
) -> Result<Fetched<Standing>, Problem> {
    let act = act.at(body.municipality_code.as_deref(), hints.host.as_deref()).await?.unseen();
    let find = sql::find_standing(body.reference.trim().to_uppercase(), rules::hash(&body.code));
    act.fetch_one(find, |row| {
        Answer::ok(Standing { status: row.status, referred_at: row.referred_at })
    })
    .await
}

/// A report as the police liaison and the admin see it.
#[derive(Serialize, ToSchema)]
pub struct Report {
    id: Uuid,
    reference: String,
    kind: String,
    description: Option<String>,
    place: Option<String>,
    safe_contact: Option<String>,
    immediate_danger: bool,
    language: String,
    #[schema(value_type = String, format = DateTime)]
    reported_at: Timestamp,
    status: String,
    saps_case_number: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    referred_at: Option<Timestamp>,
}

fn view(row: ReportRow, reveal: &Reveal) -> Report {
    let text = |value: Option<Pii<String>>| value.map(|value| value.reveal(reveal));
    Report {
        id: row.id,
        reference: row.reference,
        kind: row.kind,
        description: text(row.description),
        place: text(row.place),
        safe_contact: text(row.safe_contact),
        immediate_danger: row.immediate_danger,
        language: row.language,
        reported_at: row.reported_at,
        status: row.status,
        saps_case_number: text(row.saps_case_number),
        referred_at: row.referred_at,
    }
}

/// Which reports.
pub struct Filter {
    status: Option<String>,
    paging: Paging,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        Self { status: choice(query, "status", STATUSES), paging: Paging::read(query) }
    }

    fn parameters() -> Vec<Value> {
        let status = json!({"type": "string", "enum": STATUSES});
        let mut all = vec![parameter("status", status, "of this status")];
        all.extend(Paging::parameters());
        all
    }
}

pub async fn list(
    act: Authorized<ReadViolence>,
    Query(Filter { status, paging: Paging { limit, cursor } }): Query<Filter>,
) -> Result<Disclosed<List<Report>>, Problem> {
    let question = format!("{status:?}");
    let (at, id) = match &cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => (EVER.1, Uuid::max()),
    };
    act.disclose(sql::list_reports(at, id, limit + 1, status), |rows, reveal| {
        let page =
            Page::cut(rows, limit, |last| act.seal(&question, &(last.reported_at, last.id)))?;
        Ok(Answer::list(page.map(|row| view(row, reveal))))
    })
    .await
}

pub async fn find(
    act: Authorized<ReadViolence>,
    Item(id): Item<Uuid>,
) -> Result<Disclosed<Report>, Problem> {
    act.disclose_one(sql::find_report(id), |row, reveal| {
        let version = row.version;
        Answer::ok(view(row, reveal)).version(version)
    })
    .await
}

/// How a report is taken further.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeBody {
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub status: Patch<String>,
    /// Required to refer.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub saps_case_number: Patch<String>,
}

pub async fn change(
    act: Authorized<WorkOnViolence>,
    (Item(id), Body(body)): (Item<Uuid>, Body<ChangeBody>),
) -> Result<Committed<Report>, Problem> {
    let columns = rules::parse_change(body, act.now())?;
    let update = sql::update_report(id, columns, act.expected_version()?);
    act.write(update, |row, reveal| {
        let version = row.version;
        Answer::ok(view(row, reveal)).version(version)
    })
    .await
}
