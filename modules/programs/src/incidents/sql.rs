//! Statements on incidents.

use jiff::Timestamp;
use kernel::{
    http::{Constraint, Problem},
    postgres_types::Json,
    privacy::Pii,
    return_to_play::RtpFact,
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

use super::http::{Escalation, ReportFact};

row! {
    /// An incident with all that belongs to it.
    pub struct CaseRow {
        id: Uuid,
        incident_type: String,
        participant_id: Option<Uuid>,
        session_id: Option<Uuid>,
        location_id: Option<Uuid>,
        severity: Option<String>,
        status: String,
        escalated: bool,
        occurred_at: Pii<Timestamp>,
        description: Option<Pii<String>>,
        report_basis: Option<Pii<String>>,
        jurisdiction: String,
        resolution: Option<Pii<String>>,
        closed_at: Option<Timestamp>,
        reopened_at: Option<Timestamp>,
        setting: String,
        rtp: Option<Pii<Json<RtpFact>>>,
        reports: Pii<Json<Vec<ReportFact>>>,
        escalations: Pii<Json<Vec<Escalation>>>,
        version: i32,
        created_at: Timestamp,
    }
}

row! {
    /// A row that was written.
    pub struct Written { id: Uuid }
}

macro_rules! case {
    () => {
        "select i.id, i.incident_type, i.participant_id, i.session_id, i.location_id, i.severity, i.status, i.escalated,
                i.occurred_at, i.description, i.report_basis, i.jurisdiction, i.resolution, i.closed_at, i.reopened_at,
                coalesce((select t.setting from programs.return_to_play t
                           where t.tenant_id = i.tenant_id and t.incident_id = i.id), 'youth_sports') as setting,
                (select to_jsonb(t) || jsonb_build_object('steps', (
                            select coalesce(jsonb_agg(jsonb_build_object('action', s.action, 'from_stage', s.from_stage,
                                       'to_stage', s.to_stage, 'taken_at', s.taken_at, 'note', s.note)
                                       order by s.taken_at, s.created_at, s.id), '[]'::jsonb)
                              from programs.return_to_play_step s
                             where s.tenant_id = t.tenant_id and s.return_to_play_id = t.id))
                   from programs.return_to_play t where t.tenant_id = i.tenant_id and t.incident_id = i.id) as rtp,
                coalesce((select jsonb_agg(to_jsonb(r) order by r.reported_at, r.id) from programs.incident_report r
                           where r.tenant_id = i.tenant_id and r.incident_id = i.id), '[]'::jsonb) as reports,
                coalesce((select jsonb_agg(jsonb_build_object('escalated_at', e.escalated_at, 'reason', e.reason)
                                           order by e.escalated_at, e.id) from programs.escalation e
                           where e.tenant_id = i.tenant_id and e.incident_id = i.id), '[]'::jsonb) as escalations,
                i.version, i.created_at
           from programs.incident i where i.tenant_id = kernel.tenant() "
    };
}

/// Newest first, by keyset, with every filter that is not the index's own.
macro_rules! list {
    ($where:literal) => {
        concat!(
            case!(),
            "and (i.occurred_at, i.id) < ($1, $2) and i.occurred_at >= $3 ",
            $where,
            " and ($5::text is null or i.status = $5) and ($6::text is null or i.incident_type = $6)
              and ($7::uuid is null or i.participant_id = $7)
            order by i.occurred_at desc, i.id desc limit $4"
        )
    };
}

statements! {
    /// The incident and what opens with it, in one: return to play at stage 1 (K-020), an escalation
    /// (K-024).
    fn insert_incident(id: Uuid, columns: Pii<Value>, escalated: bool, jurisdiction: String, rtp: Option<Uuid>,
                       protocol: &'static str, removed_on: jiff::civil::Date, now: Timestamp, reason: Option<String>)
        -> Written
        = "with made as (
             insert into programs.incident (tenant_id, id, incident_type, participant_id, session_id, location_id, severity,
                    status, escalated, occurred_at, description, report_basis, jurisdiction)
             select kernel.tenant(), $1, r.incident_type, r.participant_id, r.session_id, r.location_id, r.severity,
                    case when $3 then 'escalated' else 'open' end, $3, r.occurred_at, r.description, r.report_basis, $4
               from jsonb_populate_record(null::programs.incident, $2) r
             returning tenant_id, id, participant_id, session_id),
           returning_to_play as (
             insert into programs.return_to_play (tenant_id, id, incident_id, participant_id, protocol, setting, stage,
                    entered_at, removed_on)
             select m.tenant_id, $5, m.id, m.participant_id, $6,
                    coalesce((select p.setting from programs.training_session s
                                join programs.program p on p.tenant_id = s.tenant_id and p.id = s.program_id
                               where s.tenant_id = m.tenant_id and s.id = m.session_id), 'youth_sports'),
                    1, $8, $7
               from made m where $5::uuid is not null
             returning id),
           escalating as (
             insert into programs.escalation (tenant_id, incident_id, escalated_at, reason)
             select m.tenant_id, m.id, $8, $9 from made m where $9::text is not null
             returning id)
           select made.id from made";

    /// As the transaction that writes it sees it.
    fn find_case(id: Uuid) -> CaseRow = concat!(case!(), "and i.id = $1");

    /// Locks it, so that two who change it take turns.
    fn lock_case(id: Uuid) -> CaseRow = concat!(case!(), "and i.id = $1 for update of i");

    fn read_case(id: Uuid) -> CaseRow, discloses "programs.incident" = concat!(case!(), "and i.id = $1");

    fn list_cases(before_at: Timestamp, before: Uuid, from: Timestamp, limit: i64, status: Option<String>,
                  incident_type: Option<String>, participant: Option<Uuid>)
        -> CaseRow, discloses "programs.incident" = list!("");

    fn list_cases_of_participant(before_at: Timestamp, before: Uuid, from: Timestamp, limit: i64, status: Option<String>,
                                 incident_type: Option<String>, participant: Option<Uuid>)
        -> CaseRow, discloses "programs.incident" = list!("and i.participant_id = $7");

    fn list_cases_of_type(before_at: Timestamp, before: Uuid, from: Timestamp, limit: i64, status: Option<String>,
                          incident_type: Option<String>, participant: Option<Uuid>)
        -> CaseRow, discloses "programs.incident" = list!("and i.incident_type = $6");

    fn list_cases_in_status(before_at: Timestamp, before: Uuid, from: Timestamp, limit: i64, status: Option<String>,
                            incident_type: Option<String>, participant: Option<Uuid>)
        -> CaseRow, discloses "programs.incident" = list!("and i.status = $5");

    fn insert_report(id: Uuid, incident: Uuid, columns: Pii<Value>) -> Written
        = "insert into programs.incident_report (tenant_id, id, incident_id, duty, agency_type, agency_name, county, contact,
                  channel, reference_no, reported_at, reporter_name)
           select kernel.tenant(), $1, $2, duty, agency_type, agency_name, county, contact, channel, reference_no,
                  reported_at, reporter_name
             from jsonb_populate_record(null::programs.incident_report, $3)
           returning id";

    fn close_incident(id: Uuid, at: Timestamp, resolution: Option<Pii<String>>, expected: Option<i32>) -> Written
        = "update programs.incident set status = 'closed', closed_at = $2, resolution = $3
            where tenant_id = kernel.tenant() and id = $1 and kernel.expect_version(version, $4) returning id";

    fn reopen_incident(id: Uuid, at: Timestamp, reason: Option<Pii<String>>) -> Written
        = "update programs.incident
              set status = case when escalated then 'escalated' else 'open' end, closed_at = null, reopened_at = $2,
                  reopen_reason = $3
            where tenant_id = kernel.tenant() and id = $1 returning id";

    fn escalate_incident(id: Uuid, at: Timestamp, reason: Pii<String>) -> Written
        = "with raised as (
             update programs.incident set escalated = true, status = 'escalated'
              where tenant_id = kernel.tenant() and id = $1 returning tenant_id, id),
           noted as (
             insert into programs.escalation (tenant_id, incident_id, escalated_at, reason)
             select tenant_id, id, $2, $3 from raised returning id)
           select id from raised";
}

pub fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "incident_participant_known",
            problem: || {
                let loc = &["body", "participant_id"];
                Problem::field(loc, "unknown", "there is no such participant")
            },
        },
        Constraint {
            name: "incident_session_known",
            problem: || {
                Problem::field(&["body", "session_id"], "unknown", "there is no such session")
            },
        },
        Constraint {
            name: "incident_location_known",
            problem: || {
                Problem::field(&["body", "location_id"], "unknown", "there is no such location")
            },
        },
        Constraint {
            name: "incident_report_has_basis",
            problem: || {
                let loc = &["body", "report_basis"];
                Problem::field(loc, "missing", "say on what the report is based")
            },
        },
        Constraint {
            name: "RV610",
            problem: || {
                let detail = "an incident opens with its safety workflow, and what happened is not rewritten";
                Problem::conflict("gate_blocked", detail).refusing("incident:write")
            },
        },
        Constraint {
            name: "RV611",
            problem: || {
                let detail = "the incident's gate is closed: read it for what is missing";
                Problem::conflict("gate_blocked", detail).refusing("incident:write")
            },
        },
        Constraint {
            name: "RV612",
            problem: || {
                let detail = "a closed incident can only be reopened, within thirty days";
                Problem::conflict("incident_closed", detail).refusing("incident:write")
            },
        },
    ]
}
