//! Requests on incidents: what they bring, what they get.

use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed, Permission, TenantTx},
    http::{
        Body, EVER, FromQuery, Item, List, OptionalBody, Page, Patch, Problem, Query, QueryReader,
        parameter, words,
    },
    place::law,
    privacy::{Pii, Reveal},
    return_to_play::ReturnToPlay,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, CaseRow},
};
use crate::{
    permissions::{EscalateIncident, ReadIncident, WriteIncident},
    settings::place,
};

/// An incident to be reported.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentBody {
    /// `injury_concussion`, `mandated_report`, `crisis`, `injury`, `illness`, `behavioral`, `bullying`,
    /// `property`, `near_miss` or `other`.
    pub incident_type: String,
    pub participant_id: Option<Uuid>,
    pub session_id: Option<Uuid>,
    pub location_id: Option<Uuid>,
    /// `low`, `moderate`, `high` or `critical`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub severity: Patch<String>,
    /// When; now unless said.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub occurred_at: Option<Timestamp>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub description: Patch<String>,
    /// On what a mandated report is based; needed for one.
    pub report_basis: Option<String>,
    /// Follows from the type; `open` or `escalated` is accepted and only ever raises it.
    pub status: Option<String>,
    /// Follows from the type; `true` raises it.
    pub escalated: Option<bool>,
}

/// A report to an agency.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportBody {
    /// `mandated` or `permissive`.
    pub duty: Option<String>,
    /// `pcsa` (public children services agency) or `peace_officer`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub agency_type: Patch<String>,
    #[serde(default)]
    #[schema(value_type = String)]
    pub agency_name: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub county: Patch<String>,
    /// Who there took it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub contact: Patch<String>,
    /// `phone`, `in_person`, `written` or `online`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub channel: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub reference_no: Patch<String>,
    #[serde(default)]
    #[schema(value_type = String, format = DateTime)]
    pub reported_at: Patch<Timestamp>,
    /// Who reported; confidential.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub reporter_name: Patch<String>,
}

/// A report to an agency, on record.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct ReportFact {
    id: Uuid,
    duty: String,
    pub agency_type: String,
    pub agency_name: String,
    county: Option<String>,
    contact: Option<String>,
    channel: Option<String>,
    reference_no: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub reported_at: Timestamp,
    /// Shown to those who may escalate.
    #[serde(skip_serializing_if = "Option::is_none")]
    reporter_name: Option<String>,
}

/// An escalation.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct Escalation {
    #[schema(value_type = String, format = DateTime)]
    escalated_at: Timestamp,
    reason: String,
}

/// An incident. Its words are there for those who may read incidents.
#[derive(Serialize, ToSchema)]
pub struct Incident {
    id: Uuid,
    incident_type: String,
    participant_id: Option<Uuid>,
    session_id: Option<Uuid>,
    location_id: Option<Uuid>,
    severity: Option<String>,
    /// `open`, `escalated` or `closed`.
    status: String,
    escalated: bool,
    #[schema(value_type = String, format = DateTime)]
    occurred_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report_basis: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<String>,
    jurisdiction: String,
    return_to_play: Option<ReturnToPlay>,
    reports: Vec<ReportFact>,
    escalations: Vec<Escalation>,
    #[schema(value_type = Option<String>, format = DateTime)]
    closed_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    reopened_at: Option<Timestamp>,
    version: i32,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// What of an incident its reader sees.
#[derive(Clone, Copy)]
pub struct Seen {
    words: bool,
    reporter: bool,
}

impl Seen {
    /// What the caller may see.
    pub fn by<P: Permission>(act: &Authorized<P>) -> Self {
        Self {
            words: act.also::<ReadIncident>().is_ok(),
            reporter: act.also::<EscalateIncident>().is_ok(),
        }
    }
}

fn view(row: CaseRow, reveal: &Reveal, seen: &Seen) -> Incident {
    let words =
        |text: Option<Pii<String>>| text.filter(|_| seen.words).map(|text| text.reveal(reveal));
    let report = |fact: ReportFact| ReportFact {
        reporter_name: fact.reporter_name.filter(|_| seen.reporter),
        ..fact
    };
    Incident {
        id: row.id,
        incident_type: row.incident_type,
        participant_id: row.participant_id,
        session_id: row.session_id,
        location_id: row.location_id,
        severity: row.severity,
        status: row.status,
        escalated: row.escalated,
        occurred_at: row.occurred_at.reveal(reveal),
        description: words(row.description),
        report_basis: words(row.report_basis),
        resolution: words(row.resolution),
        jurisdiction: row.jurisdiction,
        return_to_play: row.rtp.map(|fact| ReturnToPlay::of(fact.reveal(reveal).0)),
        reports: row.reports.reveal(reveal).0.into_iter().map(report).collect(),
        escalations: row.escalations.reveal(reveal).0,
        closed_at: row.closed_at,
        reopened_at: row.reopened_at,
        version: row.version,
        created_at: row.created_at,
    }
}

/// The incident as the transaction that writes it sees it.
///
/// # Errors
/// 404, and what [`Problem`] says of the database's failure.
pub async fn found(tx: &mut TenantTx<'_>, id: Uuid, seen: &Seen) -> Result<Incident, Problem> {
    let view = |rows: Vec<CaseRow>, reveal: &Reveal| {
        rows.into_iter().next().map(|row| view(row, reveal, seen))
    };
    tx.judge(sql::find_case(id), view).await?.ok_or_else(Problem::not_found)
}

pub async fn create(
    act: Authorized<WriteIncident>,
    Body(body): Body<IncidentBody>,
) -> Result<Committed<Incident>, Problem> {
    let (place, statutes, now, id) = (place(&act).await?, act.statutes(), act.now(), act.new_id());
    let occurred_on = place.local(body.occurred_at.unwrap_or(now)).date();
    let law = place.law(&statutes, occurred_on)?;
    let new = rules::parse(body, now, &law)?;
    let rtp = new.opening.return_to_play.then(|| act.new_id());
    let reason = new.opening.escalated.then(|| "escalated when it was reported".to_owned());
    let insert = sql::insert_incident(
        id,
        new.columns,
        new.opening.escalated,
        place.jurisdiction.clone(),
        rtp,
        place.protocol.code(),
        occurred_on,
        now,
        reason,
    );
    let seen = Seen::by(&act);
    act.transact(|tx| {
        Box::pin(async move {
            tx.run(insert).await?;
            Ok(Answer::created(found(tx, id, &seen).await?, format!("/incidents/{id}")))
        })
    })
    .await
}

/// How it ended, and who took the report.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseBody {
    resolution: Option<String>,
    recipient: Option<ReportBody>,
}

pub async fn close(
    act: Authorized<WriteIncident>,
    (Item(id), OptionalBody(body)): (Item<Uuid>, OptionalBody<CloseBody>),
) -> Result<Committed<Incident>, Problem> {
    let (now, expected, report) = (act.now(), act.expected_version()?, act.new_id());
    let resolution = body.resolution.map(|text| words("resolution", 8000, text)).transpose()?;
    let parse = |recipient| rules::parse_report(recipient, "recipient.", now, "mandated");
    let recipient = body.recipient.map(parse).transpose()?;
    let (place, statutes, seen) = (place(&act).await?, act.statutes(), Seen::by(&act));
    act.transact(|tx| {
        Box::pin(async move {
            lock(tx, id).await?;
            if let Some(columns) = recipient {
                tx.run(sql::insert_report(report, id, columns)).await?;
            }
            let judged = tx.judge(sql::lock_case(id), |rows, reveal| {
                let case = rows.first().ok_or_else(Problem::not_found)?;
                let day = place.local(*case.occurred_at.peek(reveal)).date();
                let law = law(&statutes, &case.jurisdiction, day)?;
                let may = rules::may_close_case(case, reveal, now, &law);
                may.map_err(|blocked| rules::refuse_close(&blocked))
            });
            judged.await??;
            tx.run(sql::close_incident(id, now, resolution.map(Pii::new), expected)).await?;
            Ok(Answer::ok(found(tx, id, &seen).await?))
        })
    })
    .await
}

/// Locks an open incident.
async fn lock(tx: &mut TenantTx<'_>, id: Uuid) -> Result<(), Problem> {
    let case =
        tx.run(sql::lock_case(id)).await?.into_iter().next().ok_or_else(Problem::not_found)?;
    match case.closed_at {
        None => Ok(()),
        Some(_) => {
            let detail =
                "the incident is closed; reopen it first, within thirty days of its closing";
            Err(Problem::conflict("incident_closed", detail).refusing(WriteIncident::NAME))
        }
    }
}

/// Why.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonBody {
    #[serde(default)]
    reason: String,
}

pub async fn reopen(
    act: Authorized<WriteIncident>,
    (Item(id), Body(body)): (Item<Uuid>, Body<ReasonBody>),
) -> Result<Committed<Incident>, Problem> {
    let (now, seen) = (act.now(), Seen::by(&act));
    let reason = words("reason", 2000, body.reason)?;
    act.transact(|tx| {
        Box::pin(async move {
            let case = tx.run(sql::lock_case(id)).await?.into_iter().next();
            rules::may_reopen(case.ok_or_else(Problem::not_found)?.closed_at, now)?;
            tx.run(sql::reopen_incident(id, now, Some(Pii::new(reason)))).await?;
            Ok(Answer::ok(found(tx, id, &seen).await?))
        })
    })
    .await
}

/// Opens a closed incident again because symptoms are back.
///
/// # Errors
/// 409 when it is too late, and what [`Problem`] says of the database's failure.
pub async fn open_again(
    tx: &mut TenantTx<'_>,
    id: Uuid,
    closed_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Problem> {
    rules::may_reopen(closed_at, now)?;
    let reason = Pii::new("symptoms are back".to_owned());
    tx.run(sql::reopen_incident(id, now, Some(reason))).await.map(drop)
}

pub async fn report(
    act: Authorized<WriteIncident>,
    (Item(id), Body(body)): (Item<Uuid>, Body<ReportBody>),
) -> Result<Committed<Incident>, Problem> {
    let (now, seen, report) = (act.now(), Seen::by(&act), act.new_id());
    let columns = rules::parse_report(body, "", now, "mandated")?;
    act.transact(|tx| {
        Box::pin(async move {
            lock(tx, id).await?;
            tx.run(sql::insert_report(report, id, columns)).await?;
            Ok(Answer::created(found(tx, id, &seen).await?, format!("/incidents/{id}")))
        })
    })
    .await
}

pub async fn escalate(
    act: Authorized<EscalateIncident>,
    (Item(id), Body(body)): (Item<Uuid>, Body<ReasonBody>),
) -> Result<Committed<Incident>, Problem> {
    let (now, seen) = (act.now(), Seen::by(&act));
    let reason = words("reason", 2000, body.reason)?;
    act.transact(|tx| {
        Box::pin(async move {
            lock(tx, id).await?;
            tx.run(sql::escalate_incident(id, now, Pii::new(reason))).await?;
            Ok(Answer::ok(found(tx, id, &seen).await?))
        })
    })
    .await
}

pub async fn read(
    act: Authorized<ReadIncident>,
    Item(id): Item<Uuid>,
) -> Result<Disclosed<Incident>, Problem> {
    let seen = Seen::by(&act);
    act.disclose_one(sql::read_case(id), |row, reveal| {
        let version = row.version;
        Answer::ok(view(row, reveal, &seen)).version(version)
    })
    .await
}

/// Which incidents, and from where on.
pub struct Filter {
    status: Option<String>,
    incident_type: Option<String>,
    participant_id: Option<Uuid>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    limit: i64,
    cursor: Option<String>,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        let time = "a time such as 2026-03-01T00:00:00Z";
        Self {
            status: query.text("status", 20),
            incident_type: query.text("incident_type", 40),
            participant_id: query.parse("participant_id", "a UUID"),
            from: query.parse("from", time),
            to: query.parse("to", time),
            limit: query.limit(),
            cursor: query.text("cursor", 2000),
        }
    }

    fn parameters() -> Vec<Value> {
        let (text, time) =
            (json!({"type": "string"}), json!({"type": "string", "format": "date-time"}));
        let uuid = json!({"type": "string", "format": "uuid"});
        let mut all = vec![
            parameter("status", text.clone(), "open, escalated or closed"),
            parameter("incident_type", text, "of this type"),
            parameter("participant_id", uuid, "of this participant"),
            parameter("from", time.clone(), "from this time on"),
            parameter("to", time, "before this time"),
        ];
        all.extend(Page::<()>::parameters());
        all
    }
}

/// Where a page ended.
#[derive(Serialize, Deserialize)]
struct Last(Timestamp, Uuid);

pub async fn list(
    act: Authorized<ReadIncident>,
    Query(filter): Query<Filter>,
) -> Result<Disclosed<List<Incident>>, Problem> {
    let Filter { status, incident_type, participant_id, from, to, limit, cursor } = filter;
    let question = format!("{status:?} {incident_type:?} {participant_id:?} {from:?} {to:?}");
    let ((first, last), seen) = (EVER, Seen::by(&act));
    let Last(at, before) = match &cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => Last(to.unwrap_or(last).clamp(first, last), Uuid::nil()),
    };
    let list = match (&participant_id, &incident_type, &status) {
        (Some(_), _, _) => sql::list_cases_of_participant,
        (None, Some(_), _) => sql::list_cases_of_type,
        (None, None, Some(_)) => sql::list_cases_in_status,
        (None, None, None) => sql::list_cases,
    };
    let from = from.unwrap_or(first).clamp(first, last);
    let statement = list(at, before, from, limit + 1, status, incident_type, participant_id);
    act.disclose(statement, |rows, reveal| {
        let seal =
            |row: &CaseRow| act.seal(&question, &Last(*row.occurred_at.peek(reveal), row.id));
        let page = Page::cut(rows, limit, seal)?;
        Ok(Answer::list(page.map(|row| view(row, reveal, &seen))))
    })
    .await
}
