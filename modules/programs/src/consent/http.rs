//! Requests on consents: what they bring, what they get.

use jiff::{SignedDuration, Timestamp};
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed, Permission},
    consent::sql::{ConsentRow, insert_consent, lock_consent, revoke_consent},
    gates,
    http::{
        Body, FromQuery, Item, List, OptionalBody, Page, Patch, Problem, Query, QueryReader,
        parameter, words,
    },
    privacy::{Pii, Reveal},
};
use policy::consent::{Budget, Participant, Remaining};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    SUBJECT, rules,
    sql::{self, GateRow},
};
use crate::{
    permissions::{ReadConsent, ReadParticipant, WriteConsent},
    settings::place,
};

/// A consent to be recorded.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentBody {
    pub participant_id: Uuid,
    /// To what; `participation` unless said.
    pub purpose: Option<String>,
    /// `guardian` (usual), `own` (of age), or `orc_5122_04` (a minor's own, from 14 on).
    pub basis: Option<String>,
    /// Who gave it, as seen from the participant: `self`, `parent` or `guardian`.
    pub grantor: Option<String>,
    #[serde(default)]
    #[schema(value_type = String)]
    pub grantor_name: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub relation: Patch<String>,
    /// The words that were agreed to; their hash is kept.
    pub text: Option<String>,
    /// SHA-256 of the words, hex, instead of them.
    pub text_hash: Option<String>,
    #[serde(default)]
    #[schema(value_type = String)]
    pub text_version: Patch<String>,
    /// BCP 47; `en` unless said.
    pub language: Option<String>,
    /// `paper`, `electronic` (usual) or `verbal`.
    pub channel: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub document_reference: Patch<String>,
    /// When it was given; now unless said.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub granted_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

/// A consent on record.
#[derive(Serialize, ToSchema)]
pub struct ConsentView {
    id: Uuid,
    participant_id: Uuid,
    purpose: String,
    basis: String,
    grantor: String,
    /// Shown to those who may read records (`participant:read_pii`), as is the relation.
    #[serde(skip_serializing_if = "Option::is_none")]
    grantor_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relation: Option<String>,
    text_version: String,
    text_hash: String,
    language: String,
    channel: String,
    document_reference: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    granted_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    /// `active`, `expired` or `revoked`.
    status: &'static str,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// What of a consent its reader sees, and when that is.
#[derive(Clone, Copy)]
struct Seen {
    names: bool,
    now: Timestamp,
}

impl Seen {
    fn by<P: Permission>(act: &Authorized<P>) -> Self {
        Self { names: act.also::<ReadParticipant>().is_ok(), now: act.now() }
    }
}

fn view(row: ConsentRow, reveal: &Reveal, seen: Seen) -> ConsentView {
    let expires_at = row.expires_at.map(|at| at.reveal(reveal));
    let revoked_at = row.revoked_at.map(|at| at.reveal(reveal));
    ConsentView {
        id: row.id,
        participant_id: row.subject_id,
        purpose: row.purpose,
        basis: row.basis,
        grantor: row.grantor.reveal(reveal),
        grantor_name: row.grantor_name.filter(|_| seen.names).map(|name| name.reveal(reveal)),
        relation: row.relation.filter(|_| seen.names).map(|relation| relation.reveal(reveal)),
        text_version: row.text_version,
        text_hash: row.text_hash,
        language: row.language,
        channel: row.channel,
        document_reference: row.document_reference.map(|reference| reference.reveal(reveal)),
        granted_at: row.granted_at.reveal(reveal),
        expires_at,
        revoked_at,
        status: match (revoked_at, expires_at) {
            (Some(_), _) => "revoked",
            (None, Some(end)) if end <= seen.now => "expired",
            (None, _) => "active",
        },
        created_at: row.created_at,
    }
}

/// The participant as the gate sees them.
fn person(row: &GateRow, reveal: &Reveal) -> Participant {
    Participant { id: row.id, born_on: Some(*row.date_of_birth.peek(reveal)) }
}

pub async fn grant(
    act: Authorized<WriteConsent>,
    Body(body): Body<ConsentBody>,
) -> Result<Committed<ConsentView>, Problem> {
    let seen = Seen::by(&act);
    let (place, statutes) = (place(&act).await?, act.statutes());
    let new = rules::parse(body, seen.now)?;
    let then = place.local(new.evidence.granted_at);
    let participant = new.evidence.participant;
    let id = act.new_id();
    act.transact(|tx| {
        Box::pin(async move {
            let law = place.law(&statutes, then.date())?;
            let judged = tx.judge(sql::find_gates(vec![participant]), |rows, reveal| {
                let person = rows.first().map(|row| person(row, reveal));
                person.map(|person| rules::may_grant(&new.evidence, &person, &then, &law))
            });
            if let Some(Err(found)) = judged.await? {
                return Err(rules::refusal::<WriteConsent>(&found, &law));
            }
            let insert = insert_consent(id, SUBJECT, participant, new.columns);
            tx.judge(insert, |rows, reveal| {
                let row = rows.into_iter().next().ok_or_else(Problem::not_found)?;
                let location = format!("/consent?participant_id={participant}");
                Ok(Answer::created(view(row, reveal, seen), location))
            })
            .await?
        })
    })
    .await
}

/// Whose consents, and for whose eyes.
pub struct Filter {
    participant_id: Option<Uuid>,
    for_guardian: bool,
    limit: i64,
    cursor: Option<String>,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        let audience = query.text("audience", 20);
        if audience.as_deref().is_some_and(|a| a != "guardian" && a != "staff") {
            query.fault("audience", "value_error", "expected staff or guardian");
        }
        Self {
            participant_id: query.parse("participant_id", "a UUID"),
            for_guardian: audience.as_deref() == Some("guardian"),
            limit: query.limit(),
            cursor: query.text("cursor", 2000),
        }
    }

    fn parameters() -> Vec<Value> {
        let audience = json!({"type": "string", "enum": ["staff", "guardian"], "default": "staff"});
        let mut all = vec![
            parameter("participant_id", json!({"type": "string", "format": "uuid"}), "of this one"),
            parameter("audience", audience, "as a guardian may see them"),
        ];
        all.extend(Page::<()>::parameters());
        all
    }
}

pub async fn list(
    act: Authorized<ReadConsent>,
    Query(filter): Query<Filter>,
) -> Result<Disclosed<List<ConsentView>>, Problem> {
    let Filter { participant_id, for_guardian, limit, cursor } = filter;
    let question = format!("{participant_id:?} {for_guardian}");
    let after = match &cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => Uuid::nil(),
    };
    let statement = match participant_id {
        Some(id) => sql::list_consents_of_participant(after, limit + 1, for_guardian, id),
        None => sql::list_consents(after, limit + 1, for_guardian),
    };
    let seen = Seen::by(&act);
    act.disclose(statement, |rows, reveal| {
        let page = Page::cut(rows, limit, |last| act.seal(&question, &last.id))?;
        Ok(Answer::list(page.map(|row| view(row, reveal, seen))))
    })
    .await
}

/// For what the gate is asked.
pub struct Purpose(String);

impl FromQuery for Purpose {
    fn read(query: &mut QueryReader) -> Self {
        Self(query.text("purpose", 64).unwrap_or_else(|| rules::PARTICIPATION.into()))
    }

    fn parameters() -> Vec<Value> {
        let text = json!({"type": "string", "default": rules::PARTICIPATION});
        vec![parameter("purpose", text, "for which purpose")]
    }
}

/// What the gate says, and why.
#[derive(Serialize, ToSchema)]
pub struct Status {
    participant_id: Uuid,
    /// `open` or `closed`.
    verdict: &'static str,
    open: bool,
    purpose: String,
    reasons: Vec<ReasonView>,
    /// What is left of a minor's own consent.
    budgets: Vec<BudgetView>,
    #[schema(value_type = String, format = DateTime)]
    evaluated_at: Timestamp,
}

/// A finding, and under which law.
#[derive(Serialize, ToSchema)]
pub struct ReasonView {
    code: &'static str,
    detail: String,
    statute: Option<String>,
    pack: String,
}

/// What is left under one consent.
#[derive(Serialize, ToSchema)]
pub struct BudgetView {
    consent_id: Uuid,
    sessions_remaining: u16,
    /// Further days after today.
    days_remaining: i32,
    /// The last day on which a session may be.
    window_ends_on: String,
    exhausted: bool,
}

impl BudgetView {
    fn of(consent_id: Uuid, left: Remaining) -> Self {
        Self {
            consent_id,
            sessions_remaining: left.sessions,
            days_remaining: left.days,
            window_ends_on: left.last_day.to_string(),
            exhausted: left.sessions == 0,
        }
    }
}

pub async fn status(
    act: Authorized<ReadConsent>,
    (Item(id), Query(Purpose(purpose))): (Item<Uuid>, Query<Purpose>),
) -> Result<Disclosed<Status>, Problem> {
    let (place, statutes, now) = (place(&act).await?, act.statutes(), act.now());
    let at = place.local(now);
    let law = place.law(&statutes, at.date())?;
    act.disclose_one(sql::read_gate(id), |row, reveal| {
        let person = person(&row, reveal);
        let facts = &row.consents.peek(reveal).0;
        let found = rules::capture(&person, facts, &[&purpose], None, &at, &law).verdict;
        let budget = |fact: &rules::ConsentFact| {
            let consent = fact.evidence(person.id).filter(|consent| consent.purpose == purpose)?;
            let left = Budget::of(&consent, &person)?.remaining(&at, &law).ok()?;
            Some(BudgetView::of(fact.id, left))
        };
        let reasons = found.reasons.iter().map(|reason| ReasonView {
            code: reason.finding.code(),
            detail: reason.finding.advice(),
            statute: reason.authority.citation.clone(),
            pack: reason.authority.pack.clone(),
        });
        Answer::ok(Status {
            participant_id: id,
            verdict: if found.open { "open" } else { "closed" },
            open: found.open,
            reasons: reasons.collect(),
            budgets: facts.iter().filter_map(budget).collect(),
            purpose,
            evaluated_at: now,
        })
    })
    .await
}

/// A session that was held under a minor's own consent.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldBody {
    /// When; now unless said.
    #[schema(value_type = Option<String>, format = DateTime)]
    held_at: Option<Timestamp>,
    /// Which training session it was, if it was one.
    session_id: Option<Uuid>,
}

pub async fn record(
    act: Authorized<WriteConsent>,
    (Item(id), OptionalBody(body)): (Item<Uuid>, OptionalBody<HeldBody>),
) -> Result<Committed<BudgetView>, Problem> {
    let given = body.held_at.map(|at| rules::past(at, act.now()).map(|_| at)).transpose();
    let given = given.map_err(|(kind, msg)| Problem::field(&["body", "held_at"], kind, msg))?;
    let (place, statutes, spent) = (place(&act).await?, act.statutes(), act.new_id());
    let clock = act.clone();
    act.transact(|tx| {
        Box::pin(async move {
            // The lock makes a hundred at once take turns, and a revocation with them; what is now is
            // asked behind it.
            let consent = tx.run(lock_consent(id, SUBJECT)).await?.into_iter().next();
            let subject = consent.ok_or_else(Problem::not_found)?.subject_id;
            let held_at = given.unwrap_or_else(|| clock.now());
            let at = place.local(held_at);
            let law = place.law(&statutes, at.date())?;
            let spend = tx.judge(sql::find_gates(vec![subject]), |rows, reveal| {
                let row = rows.first().ok_or_else(Problem::not_found)?;
                let person = person(row, reveal);
                let fact = row.consents.peek(reveal).0.iter().find(|fact| fact.id == id);
                let consent = fact.and_then(|fact| fact.evidence(person.id));
                let budget = consent.as_ref().and_then(|consent| Budget::of(consent, &person));
                let detail = "only a minor's own consent (orc_5122_04) has sessions to spend";
                let budget = budget.ok_or_else(|| Problem::conflict("no_budget", detail))?;
                budget.spend(&at, &law).map_err(|refusal| {
                    let missing: Vec<_> = refusal.missing.iter().map(|f| rules::step(*f)).collect();
                    gates::closed::<WriteConsent>(&missing, &refusal.authority)
                        .with("next", json!(["terminate", "escalate_to_guardian_consent"]))
                })
            });
            let left = spend.await??;
            tx.run(sql::insert_spent(spent, id, held_at, at.date(), body.session_id)).await?;
            Ok(Answer::ok(BudgetView::of(id, left)))
        })
    })
    .await
}

/// Why it ends.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeBody {
    reason: Option<String>,
}

pub async fn revoke(
    act: Authorized<WriteConsent>,
    (Item(id), OptionalBody(body)): (Item<Uuid>, OptionalBody<RevokeBody>),
) -> Result<Committed<ConsentView>, Problem> {
    let reason = body.reason.map(|reason| words("reason", 400, reason)).transpose()?;
    let (seen, clock) = (Seen::by(&act), act.clone());
    act.transact(|tx| {
        Box::pin(async move {
            tx.run(lock_consent(id, SUBJECT)).await?;
            // After every session that was held, whichever server's clock it was held by.
            let held = tx.run(sql::find_last_held(id)).await?.into_iter().next();
            let after =
                held.and_then(|row| row.held_at).map(|at| at + SignedDuration::from_micros(1));
            let now = clock.now();
            let end = revoke_consent(
                id,
                SUBJECT,
                after.map_or(now, |after| after.max(now)),
                reason.map(Pii::new),
                None,
            );
            tx.judge(end, |rows, reveal| {
                let row = rows.into_iter().next().ok_or_else(Problem::not_found)?;
                Ok(Answer::ok(view(row, reveal, seen)))
            })
            .await?
        })
    })
    .await
}

/// That a guardian is told of a minor's own consent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DisclosureBody {
    /// `minor_agreement` or `compelling_need`.
    pub ground: String,
    /// For a compelling need: which substantial probability of harm.
    pub reason: Option<String>,
    /// When the minor agreed, or was told.
    #[schema(value_type = String, format = DateTime)]
    pub minor_informed_at: Timestamp,
}

/// A disclosure on record.
#[derive(Serialize, ToSchema)]
pub struct Disclosure {
    id: Uuid,
    consent_id: Uuid,
    ground: String,
    #[schema(value_type = String, format = DateTime)]
    minor_informed_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

pub async fn disclose(
    act: Authorized<WriteConsent>,
    (Item(id), Body(body)): (Item<Uuid>, Body<DisclosureBody>),
) -> Result<Committed<Disclosure>, Problem> {
    rules::parse_disclosure(&body, act.now())?;
    let reason = body.reason.map(|reason| words("reason", 2000, reason)).transpose()?;
    let (ground, informed_at) = (body.ground, body.minor_informed_at);
    let insert =
        sql::insert_disclosure(act.new_id(), id, ground, reason.map(Pii::new), informed_at);
    act.write(insert, |row, _| {
        let location = "/consent?audience=guardian".to_owned();
        let disclosure = Disclosure {
            id: row.id,
            consent_id: row.consent_id,
            ground: row.ground,
            minor_informed_at: row.minor_informed_at,
            created_at: row.created_at,
        };
        Answer::created(disclosure, location)
    })
    .await
}
