//! Requests on data-subject rights.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed, Fetched, Permission, Writes},
    db::Actor,
    http::{
        Body, FromQuery, Item, List, Page, Paging, Problem, Query, QueryReader, choice, parameter,
    },
    privacy::Reveal,
    subjects::sql::{self as subjects, PlanRow, TouchRow},
};
use policy::erasure::{RULES, Rule};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, RightsRow},
};
use crate::{
    permissions::{DecideRight, EraseSelf, PlanErasure, ReadOwnData, RequestRight, ReviewRights},
    text::ZONE,
};

/// How many entries of the ledger are told at the most.
const MOST: i64 = 1000;

/// The caller's account; a key is nobody.
fn person(actor: Actor) -> Result<Uuid, Problem> {
    match actor {
        Actor::User(id) => Ok(id),
        _ => Err(Problem::conflict("no_account", "this is an API key: nothing is held about it")),
    }
}

/// What was done with a record.
#[derive(Clone, Serialize, ToSchema)]
pub struct Activity {
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// `CREATE`, `READ`, `UPDATE` or `DELETE`.
    operation: String,
    table_name: String,
    record_id: Option<Uuid>,
    /// `user`, `api_key`, `operator`, `system` or `anonymous`.
    actor_kind: String,
    actor_id: Option<Uuid>,
    /// The account's role, or the key's name.
    actor: Option<String>,
    permission: Option<String>,
}

impl From<TouchRow> for Activity {
    fn from(row: TouchRow) -> Self {
        Self {
            timestamp: row.at,
            operation: row.operation,
            table_name: row.resource,
            record_id: row.record_id,
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            actor: row.actor,
            permission: row.permission,
        }
    }
}

/// Everything held about somebody.
#[derive(Serialize, ToSchema)]
pub struct MyData {
    /// The account.
    profile: Value,
    consent_records: Value,
    /// Every record, by table, in plain words.
    held: Value,
    /// Who else looked at these records or worked on them, newest first.
    readings: Vec<Activity>,
    /// Each who received them, once (POPIA s23(1)(b)).
    recipients: Vec<Recipient>,
    /// What was done with these records, newest first, of the last thousand entries.
    activity_log: Vec<Activity>,
    #[schema(value_type = String, format = DateTime)]
    export_timestamp: Timestamp,
}

/// Somebody who received records.
#[derive(Serialize, ToSchema)]
pub struct Recipient {
    actor_kind: String,
    actor_id: Option<Uuid>,
    /// The account's role, or the key's name.
    actor: Option<String>,
    /// How often.
    readings: usize,
    #[schema(value_type = String, format = DateTime)]
    last: Timestamp,
}

pub async fn my_data(act: Authorized<ReadOwnData>, (): ()) -> Result<Disclosed<MyData>, Problem> {
    let (subject, tables) = (person(act.caller().actor)?, act.subject_tables());
    let records = act.look_up(subjects::list_records(subject, tables.clone())).await?;
    let records = records.into_iter().next().map_or_else(Vec::new, |row| row.records);
    let touched = act.look_up(subjects::who_touched(records, MOST)).await?;
    // Who read the ledger's images of these records read the records.
    let entries = touched.iter().map(|entry| entry.id).collect();
    let images = act.look_up(subjects::who_touched(entries, MOST)).await?;
    let mut activity_log: Vec<_> = touched.into_iter().chain(images).map(Activity::from).collect();
    activity_log.sort_by_key(|entry| std::cmp::Reverse(entry.timestamp));
    let by_another =
        |entry: &&Activity| entry.actor_id != Some(subject) && entry.actor_id.is_some();
    // Who changes a record is shown it.
    let readings: Vec<_> = activity_log.iter().filter(by_another).cloned().collect();
    let export_timestamp = act.now();
    act.disclose_one(subjects::held_about(subject, tables), |row, reveal| {
        let held = row.held.reveal(reveal);
        let table = |name: &str| held.get(name).cloned().unwrap_or_else(|| json!([]));
        Answer::ok(MyData {
            profile: table("kernel.account").get(0).cloned().unwrap_or_default(),
            consent_records: table("kernel.consent"),
            recipients: recipients(&readings),
            readings,
            activity_log,
            export_timestamp,
            held,
        })
    })
    .await
}

/// Each who looked, the latest first.
fn recipients(readings: &[Activity]) -> Vec<Recipient> {
    let mut all: Vec<Recipient> = vec![];
    for reading in readings {
        let same = |known: &&mut Recipient| {
            (&known.actor_kind, known.actor_id) == (&reading.actor_kind, reading.actor_id)
        };
        match all.iter_mut().find(same) {
            Some(known) => known.readings += 1,
            None => all.push(Recipient {
                actor_kind: reading.actor_kind.clone(),
                actor_id: reading.actor_id,
                actor: reading.actor.clone(),
                readings: 1,
                last: reading.timestamp,
            }),
        }
    }
    all
}

/// A rule under which something stays.
#[derive(Serialize, ToSchema)]
pub struct RuleView {
    name: &'static str,
    /// The section of law.
    citation: &'static str,
    sentence: &'static str,
}

/// What an erasure does.
#[derive(Serialize, ToSchema)]
pub struct Plan {
    /// SHA-256 of the tables' part: the same as long as the plan is.
    plan: String,
    /// By table: `rows`, the columns that become unreadable (`goes`), and those that stay, each with its
    /// rule (`stays`).
    tables: Value,
    /// The rules by which something stays.
    rules: Vec<RuleView>,
}

impl Plan {
    fn of(row: PlanRow) -> Self {
        let said = row.tables.to_string();
        let named = |rule: &&Rule| said.contains(&format!("\"{}\"", rule.name));
        let view = |rule: &Rule| RuleView {
            name: rule.name,
            citation: rule.citation,
            sentence: rule.sentence,
        };
        let rules = RULES.iter().filter(named).map(view).collect();
        Self { plan: row.plan, tables: row.tables, rules }
    }
}

pub async fn erasure_plan(act: Authorized<PlanErasure>, (): ()) -> Result<Fetched<Plan>, Problem> {
    let subject = person(act.caller().actor)?;
    let plan = subjects::erasure_plan(subject, act.subject_tables());
    act.fetch_one(plan, |row| Answer::ok(Plan::of(row))).await
}

/// Under which plan.
pub struct UnderPlan(Option<String>);

impl FromQuery for UnderPlan {
    fn read(query: &mut QueryReader) -> Self {
        Self(query.text("plan", 64))
    }

    fn parameters() -> Vec<Value> {
        let plan = json!({"type": "string"});
        vec![parameter("plan", plan, "the id of the plan that was shown: another is refused")]
    }
}

/// What an erasure did.
#[derive(Serialize, ToSchema)]
pub struct Erasure {
    /// `account_deleted`.
    status: &'static str,
    /// In the language of who it was.
    message: &'static str,
    #[schema(value_type = String, format = DateTime)]
    deleted_at: Timestamp,
    #[serde(flatten)]
    plan: Plan,
    /// A JWS of type `erasure-receipt+jwt`.
    receipt: String,
}

pub async fn erase_self(
    act: Authorized<EraseSelf>,
    Query(UnderPlan(plan)): Query<UnderPlan>,
) -> Result<Committed<Erasure>, Problem> {
    let subject = person(act.caller().actor)?;
    erase(&act, subject, plan).await
}

/// How a citizen asked to be erased. No words: they would outlive the erasure in the ledger.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureBody {
    /// `writing`, `counter`, `telephone` or `court_order`.
    asked_by: String,
    /// The id of the plan that was shown: another is refused.
    plan: Option<String>,
}

pub async fn erase_other(
    act: Authorized<DecideRight>,
    (Item(id), Body(body)): (Item<Uuid>, Body<ErasureBody>),
) -> Result<Committed<Erasure>, Problem> {
    let purpose = rules::parse_asked_by(&body.asked_by)?;
    erase(&act.because(purpose)?, id, body.plan).await
}

async fn erase<P: Permission<Effect = Writes>>(
    act: &Authorized<P>,
    subject: Uuid,
    shown: Option<String>,
) -> Result<Committed<Erasure>, Problem> {
    let (tables, now, signer) = (act.subject_tables(), act.now(), act.clone());
    let erased = act.transact(|tx| {
        Box::pin(async move {
            let spoken = tx.run(sql::lock_person(subject)).await?.into_iter().next();
            let language = spoken.ok_or_else(Problem::not_found)?.preferred_language;
            let plan = tx.run(subjects::erasure_plan(subject, tables)).await?;
            let plan = plan.into_iter().next().map(Plan::of).ok_or_else(Problem::not_found)?;
            if shown.is_some_and(|shown| shown != plan.plan) {
                let detail = "more is held than when the plan was shown: look at it again";
                return Err(Problem::conflict("plan_changed", detail));
            }
            tx.run(sql::lapse_rights_requests(subject, now)).await?;
            tx.run(subjects::erase(subject)).await?;
            let claims = json!({"sub": subject, "plan": plan.plan, "erased_at": now});
            Ok(Answer::ok(Erasure {
                status: "account_deleted",
                message: rules::ERASED.in_language(&language),
                deleted_at: now,
                receipt: signer.sign("erasure-receipt+jwt", &claims)?,
                plan,
            }))
        })
    });
    let erased = erased.await?;
    act.forget(subject);
    Ok(erased)
}

/// What somebody asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RightsBody {
    /// `correction`, `restriction` or `objection`.
    pub kind: String,
    /// To which purpose, for an objection.
    pub purpose: Option<String>,
    /// Which record is wrong, for a correction; none: the account.
    pub record_id: Option<Uuid>,
    pub statement: String,
}

/// A request and how it was decided.
#[derive(Serialize, ToSchema)]
pub struct RightsRequest {
    id: Uuid,
    user_id: Uuid,
    kind: String,
    purpose: Option<String>,
    record_id: Option<Uuid>,
    statement: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
    /// The last day by which it is answered.
    #[schema(value_type = String, format = Date)]
    due_on: Date,
    /// `received`, `upheld`, `refused`, `withdrawn`, or `lapsed` with who asked.
    status: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    decision_reason: Option<String>,
    legislation: Option<String>,
}

fn view(row: RightsRow, reveal: &Reveal) -> RightsRequest {
    RightsRequest {
        id: row.id,
        user_id: row.account_id,
        kind: row.kind,
        purpose: row.purpose,
        record_id: row.record_id,
        statement: row.statement.map(|statement| statement.reveal(reveal)),
        received_at: row.received_at,
        due_on: row.due_on,
        status: row.status,
        ended_at: row.ended_at,
        decision_reason: row.decision_reason.map(|reason| reason.reveal(reveal)),
        legislation: row.legislation,
    }
}

pub async fn request(
    act: Authorized<RequestRight>,
    Body(body): Body<RightsBody>,
) -> Result<Committed<RightsRequest>, Problem> {
    let (subject, now, record) = (person(act.caller().actor)?, act.now(), body.record_id);
    let asked = rules::parse(body)?;
    let due = rules::due(now, &TimeZone::get(ZONE).map_err(Problem::internal)?);
    let rules::Asked { kind, purpose, statement } = asked;
    let id = act.new_id();
    let insert =
        sql::insert_rights_request(id, subject, kind, purpose, record, statement, now, due);
    act.write(insert, |row, reveal| {
        Answer::created(view(row, reveal), "/api/v1/data-rights/requests".to_owned())
    })
    .await
}

/// Which requests.
pub struct Filter {
    status: Option<String>,
    paging: Paging,
}

const STATUSES: &[&str] = &["received", "upheld", "refused", "withdrawn", "lapsed"];

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        Self { status: choice(query, "status", STATUSES), paging: Paging::read(query) }
    }

    fn parameters() -> Vec<Value> {
        let status = json!({"type": "string", "enum": STATUSES, "default": "received"});
        let mut all = vec![parameter("status", status, "for who reviews them")];
        all.extend(Paging::parameters());
        all
    }
}

pub async fn list(
    act: Authorized<ReadOwnData>,
    Query(Filter { status, paging: Paging { limit, cursor } }): Query<Filter>,
) -> Result<Disclosed<List<RightsRequest>>, Problem> {
    let question = format!("{status:?}");
    let (due, id) = match &cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => (Date::constant(1970, 1, 1), Uuid::nil()),
    };
    let page = |rows: Vec<RightsRow>, reveal: &Reveal| {
        let page = Page::cut(rows, limit, |last| act.seal(&question, &(last.due_on, last.id)))?;
        Ok(Answer::list(page.map(|row| view(row, reveal))))
    };
    match act.also::<ReviewRights>() {
        Ok(all) => {
            let status = status.unwrap_or_else(|| "received".into());
            all.disclose(sql::list_rights_requests(status, due, id, limit + 1), page).await
        }
        Err(_) => {
            let own = person(act.caller().actor)?;
            act.disclose(sql::list_own_rights_requests(own, id, limit + 1), page).await
        }
    }
}

pub async fn withdraw(
    act: Authorized<RequestRight>,
    Item(id): Item<Uuid>,
) -> Result<Committed<RightsRequest>, Problem> {
    act.write(sql::withdraw_rights_request(id, act.now()), |row, reveal| {
        let version = row.version;
        Answer::ok(view(row, reveal)).version(version)
    })
    .await
}

/// How a request is decided.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionBody {
    /// `upheld` or `refused`.
    pub decision: String,
    pub reason: String,
    /// Which provides for the processing, where an objection is refused.
    pub legislation: Option<String>,
}

pub async fn decide(
    act: Authorized<DecideRight>,
    (Item(id), Body(body)): (Item<Uuid>, Body<DecisionBody>),
) -> Result<Committed<RightsRequest>, Problem> {
    let rules::Decision { status, reason, legislation } = rules::parse_decision(body)?;
    let expected = act.expected_version()?;
    let decide = sql::decide_rights_request(id, status, reason, legislation, act.now(), expected);
    act.write(decide, |row, reveal| {
        let version = row.version;
        Answer::ok(view(row, reveal)).version(version)
    })
    .await
}
