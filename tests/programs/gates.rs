//! The safety gates stand twice: as rules that answer with what is missing, and as triggers that hold
//! when those are bypassed. Here both are asked the same.

use jiff::{civil::Date, tz::TimeZone};
use policy::{
    return_to_play::{
        Action, Clearance, Closing, IncidentKind, Licence, PhysicianLink, Profession, Progress,
        Protocol, Symptoms, decide, may_close,
    },
    statutes::{PhysicianRelation, Setting, Statutes},
};
use serde_json::json;
use testkit::{run, run_with};
use tokio_postgres::Client;

use super::*;

const SEED: u64 = 0x5EED_2026;
/// Steps in the suite; `REEVE_STEPS=100000 cargo test s07` for the long walk.
const STEPS: usize = 2_000;
const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;
/// What may stand where a name should, the last of it a name.
const WORDS: [Option<&str>; 8] = [
    None,
    Some(""),
    Some(" \t\n"),
    Some("\u{a0}"),
    Some("\u{2003}\u{3000}"),
    Some("\u{200b}"),
    Some("Dr. Mina O'Kafor"),
    Some(" x "),
];
const PROFESSIONS: [Option<&str>; 6] = [
    Some("physician"),
    Some("physician"),
    Some(" Physician "),
    Some("psychologist"),
    Some("\u{a0}"),
    None,
];
const RELATIONS: [Option<&str>; 6] = [
    None,
    Some("consultation"),
    Some("referral"),
    Some("supervision"),
    Some("friendship"),
    Some(""),
];

/// A generator of one's own: the same walk everywhere (xorshift64*).
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % count
    }

    fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }

    fn seconds(&mut self, most: i64) -> SignedDuration {
        SignedDuration::from_secs(self.below(most.unsigned_abs()).cast_signed())
    }
}

/// A row of programs.return_to_play, as far as steps change it.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    stage: i32,
    entered_at: Timestamp,
    symptomatic: bool,
    regressed_at: Option<Timestamp>,
    cleared_at: Option<Timestamp>,
    recorded_at: Option<Timestamp>,
    name: Option<String>,
    profession: Option<String>,
    licence: Option<String>,
    relation: Option<String>,
    physician: Option<String>,
    document: Option<String>,
}

impl Row {
    fn uncleared(self) -> Self {
        Self {
            cleared_at: None,
            recorded_at: None,
            name: None,
            profession: None,
            licence: None,
            relation: None,
            physician: None,
            document: None,
            ..self
        }
    }

    /// What the server reads of it.
    fn clearance(&self) -> Option<Clearance> {
        let kind = self.profession.clone().filter(|name| !name.trim().is_empty());
        let kind = kind.map(|name| match name.trim().eq_ignore_ascii_case("physician") {
            true => Profession::Physician,
            false => Profession::Other(name),
        });
        let relation = match self.relation.as_deref() {
            Some("consultation") => Some(PhysicianRelation::Consultation),
            Some("referral") => Some(PhysicianRelation::Referral),
            Some("supervision") => Some(PhysicianRelation::Supervision),
            _ => None,
        };
        Some(Clearance {
            clinician: self.name.clone().unwrap_or_default(),
            licence: kind
                .zip(self.licence.clone())
                .map(|(profession, number)| Licence { profession, number }),
            physician: relation.map(|relation| PhysicianLink {
                relation,
                name: self.physician.clone().unwrap_or_default(),
            }),
            in_writing: self.document.as_ref().is_some_and(|text| !text.trim().is_empty()),
            at: self.cleared_at?,
        })
    }

    fn progress(&self, case: &Case) -> Option<Progress> {
        Some(Progress {
            protocol: case.protocol,
            stage: u8::try_from(self.stage).ok()?,
            entered_at: self.entered_at,
            symptomatic: self.symptomatic,
            regressed_at: self.regressed_at,
            removed_on: case.removed_on,
            cleared: self.clearance(),
        })
    }

    fn assignments(&self) -> String {
        let text = |value: &Option<String>| {
            value.as_ref().map_or("null".into(), |v| format!("'{}'", v.replace('\'', "''")))
        };
        let time = |value: &Option<Timestamp>| value.map_or("null".into(), |at| format!("'{at}'"));
        format!(
            "stage = {}, entered_at = '{}', symptomatic = {}, regressed_at = {}, cleared_at = {},
             recorded_clear_at = {}, clinician_name = {}, clinician_profession = {}, licence_number = {},
             physician_relation = {}, physician_name = {}, clearance_document = {}",
            self.stage, self.entered_at, self.symptomatic, time(&self.regressed_at), time(&self.cleared_at),
            time(&self.recorded_at), text(&self.name), text(&self.profession), text(&self.licence),
            text(&self.relation), text(&self.physician), text(&self.document),
        )
    }
}

/// A concussion, as the test believes it to be.
struct Case {
    id: uuid::Uuid,
    protocol: Protocol,
    setting: Setting,
    removed_on: Date,
    row: Row,
    closed_at: Option<Timestamp>,
    reopened_at: Option<Timestamp>,
}

struct Walk {
    dice: Dice,
    zone: TimeZone,
    statutes: Statutes,
    now: Timestamp,
    taken: BTreeMap<&'static str, u32>,
}

impl Walk {
    fn symptoms(&mut self) -> Symptoms {
        let said = [Symptoms::Unsaid, Symptoms::Absent, Symptoms::Absent, Symptoms::Present];
        self.dice.pick(&said)
    }

    /// Whether some step of the rule leads from one row to the other, at the time that the row tells.
    fn leads(&self, case: &Case, new: &Row) -> Option<&'static str> {
        let old = case.row.progress(case)?;
        let law = self.statutes.as_of("us-oh", case.removed_on)?;
        let take = |action: &Action, at: Timestamp| {
            let now = at.to_zoned(self.zone.clone());
            decide(&old, action, &now, &law, case.setting).ok()
        };
        let wanted = new.progress(case)?;
        let symptoms = if new.symptomatic { Symptoms::Present } else { Symptoms::Absent };
        let same = *new
            == Row {
                stage: new.stage,
                entered_at: new.entered_at,
                symptomatic: new.symptomatic,
                ..case.row.clone()
            };
        let advance = Action::Advance { symptoms, to: None };
        if same && take(&advance, new.entered_at).is_some_and(|next| next == wanted) {
            return Some("advance");
        }
        if let (Some(at), None) = (new.recorded_at, case.row.cleared_at) {
            let clear = Action::Clear { symptoms, clearance: new.clearance() };
            if take(&clear, at).is_some_and(|next| next == wanted) {
                return Some("clear");
            }
        }
        // Time does not run back; and a closed incident is opened again first.
        let later = |at: Timestamp| {
            case.row
                .regressed_at
                .is_none_or(|last| at > last || at == last && at >= case.row.entered_at)
        };
        let at = new.regressed_at.filter(|at| case.closed_at.is_none() && later(*at))?;
        let bare = new.clone().uncleared() == *new;
        let next = take(&Action::Regress { symptoms }, at);
        (bare && next.is_some_and(|next| next == wanted)).then_some("regress")
    }

    /// The row of a step as the server would write it, whether or not it may be taken.
    fn row(&mut self, case: &Case) -> Row {
        let (now, old) = (self.now, case.row.clone());
        let said = self.symptoms();
        let symptomatic = match said {
            Symptoms::Unsaid => old.symptomatic,
            Symptoms::Absent => false,
            Symptoms::Present => true,
        };
        match self.dice.below(10) {
            0..5 => Row { stage: old.stage + 1, entered_at: now, symptomatic, ..old },
            5 => Row {
                stage: (old.stage - 1).max(1),
                entered_at: now.max(old.entered_at),
                symptomatic,
                regressed_at: Some(now),
                ..old.uncleared()
            },
            _ => {
                let text = |value: Option<&str>| value.map(str::to_owned);
                let sound = self.dice.percent(50);
                let mut words = || match sound {
                    true => Some("Dr. Lee".to_owned()),
                    false => text(self.dice.pick(&WORDS)),
                };
                let (name, licence, physician, document) = (words(), words(), words(), words());
                let given = match self.dice.below(8) {
                    0 => now + SignedDuration::from_millis(1),
                    1 => now - self.dice.seconds(20 * DAY),
                    2 => old.regressed_at.unwrap_or(now),
                    3 => old.regressed_at.unwrap_or(now) + SignedDuration::from_millis(1),
                    4 => case.removed_on.to_zoned(self.zone.clone()).unwrap().timestamp(),
                    5 => case
                        .removed_on
                        .tomorrow()
                        .unwrap()
                        .to_zoned(self.zone.clone())
                        .unwrap()
                        .timestamp(),
                    _ => now,
                };
                Row {
                    symptomatic,
                    cleared_at: Some(given),
                    recorded_at: Some(now),
                    name,
                    licence,
                    physician,
                    document,
                    profession: text(self.dice.pick(&PROFESSIONS)),
                    relation: text(self.dice.pick(&RELATIONS)),
                    ..old
                }
            }
        }
    }

    /// What somebody writes who has the server's login and no rule.
    fn forge(&mut self, old: &Row, new: &mut Row) {
        let now = self.now;
        let ms = SignedDuration::from_millis(1);
        let times = [
            old.entered_at,
            now,
            now - SignedDuration::from_secs(DAY),
            old.entered_at + SignedDuration::from_secs(DAY),
            old.entered_at + SignedDuration::from_secs(DAY) - ms,
            "2999-01-01T00:00:00Z".parse().unwrap(),
        ];
        let time = self.dice.pick(&times);
        let maybe = self.dice.pick(&[None, Some(time), old.regressed_at, old.cleared_at]);
        let words = self.dice.pick(&WORDS).map(str::to_owned);
        match self.dice.below(12) {
            0 | 1 => new.stage = i32::try_from(self.dice.below(10)).unwrap() - 1,
            2 => new.entered_at = time,
            3 => new.symptomatic = !new.symptomatic,
            4 => new.regressed_at = maybe,
            5 => new.cleared_at = maybe,
            6 => new.recorded_at = maybe,
            7 => new.name = words,
            8 => new.licence = words,
            9 => new.document = words,
            10 => new.relation = self.dice.pick(&RELATIONS).map(str::to_owned),
            _ => new.profession = self.dice.pick(&PROFESSIONS).map(str::to_owned),
        }
    }

    /// A new case, some time in ten years.
    async fn open(&mut self, sql: &Client, participant: &str) -> Case {
        self.now = time("2015-01-01T00:00:00Z") + self.dice.seconds(10 * 365 * DAY);
        let occurred = self.now - self.dice.seconds(2 * DAY);
        let removed_on = occurred.to_zoned(self.zone.clone()).date();
        let protocol = self.dice.pick(&Protocol::ALL);
        let setting = self.dice.pick(&[Setting::YouthSports, Setting::School]);
        let code = if setting == Setting::School { "school" } else { "youth_sports" };
        let (id, now) = (uuid::Uuid::now_v7(), self.now);
        // A day of the session's own calendar must count for nothing.
        let zone = self.dice.pick(&["UTC", "America/New_York", "Pacific/Auckland"]);
        let open = format!(
            "set timezone = '{zone}';
             insert into programs.incident (tenant_id, id, incident_type, participant_id, status, escalated, occurred_at, jurisdiction)
             values (kernel.tenant(), '{id}', 'injury_concussion', '{participant}', 'open', false, '{occurred}', 'us-oh');
             insert into programs.return_to_play (tenant_id, id, incident_id, participant_id, protocol, setting, stage, entered_at, removed_on)
             values (kernel.tenant(), '{id}', '{id}', '{participant}', '{}', '{code}', 1, '{now}', '{removed_on}')",
            protocol.code(),
        );
        sql.batch_execute(&open).await.unwrap();
        let row = Row {
            stage: 1,
            entered_at: now,
            symptomatic: false,
            regressed_at: None,
            cleared_at: None,
            recorded_at: None,
            name: None,
            profession: None,
            licence: None,
            relation: None,
            physician: None,
            document: None,
        };
        Case { id, protocol, setting, removed_on, row, closed_at: None, reopened_at: None }
    }

    /// A step of the return to play, asked of both.
    async fn step(&mut self, sql: &Client, case: &mut Case) -> Result<(), String> {
        let mut new = self.row(case);
        while self.dice.percent(30) {
            self.forge(&case.row, &mut new);
        }
        let ahead = [Some(new.entered_at), new.regressed_at, new.recorded_at];
        let ahead = ahead.into_iter().flatten().any(|at| at.to_string().as_str() > "2900");
        let expected = self.leads(case, &new).filter(|_| !ahead);
        let update = format!(
            "update programs.return_to_play set {} where incident_id = '{}'",
            new.assignments(),
            case.id
        );
        let taken = accepted(sql, &update, &["RV613", "23514"]).await;
        if taken != expected.is_some() {
            return Err(format!(
                "{:?}, removed on {}, closed {:?}: the rule says {expected:?}, the trigger {taken}\nfrom {:?}\n  to {new:?}",
                case.protocol, case.removed_on, case.closed_at, case.row
            ));
        }
        if let Some(what) = expected {
            *self.taken.entry(what).or_default() += 1;
            case.row = new;
        }
        Ok(())
    }

    /// A close or a reopening, asked of both.
    async fn turn(&mut self, sql: &Client, case: &mut Case) -> Result<(), String> {
        let month = SignedDuration::from_hours(30 * 24);
        let (what, set, expected) = match self.dice.below(8) {
            0..4 => {
                let progress = case.row.progress(case);
                let closing = Closing {
                    kind: IncidentKind::InjuryConcussion,
                    progress: progress.as_ref(),
                    recipient: None,
                };
                let law = self.statutes.as_of("us-oh", case.removed_on).unwrap();
                let may = may_close(&closing, self.now, &law, case.setting).is_ok();
                let set = format!("status = 'closed', closed_at = '{}'", self.now);
                ("close", set, may && case.closed_at.is_none())
            }
            4..7 => {
                if let Some(closed) = case.closed_at {
                    let ms = SignedDuration::from_millis(1);
                    let then = [self.now, self.now, closed + month, closed + month + ms];
                    self.now = self.dice.pick(&then).max(self.now);
                }
                let within = case.closed_at.is_some_and(|at| self.now.duration_since(at) <= month);
                let set =
                    format!("status = 'open', closed_at = null, reopened_at = '{}'", self.now);
                // Again at the same instant, it changes nothing.
                let already = case.closed_at.is_none() && case.reopened_at == Some(self.now);
                ("reopen", set, within || already)
            }
            _ => ("retype", "incident_type = 'other'".into(), false),
        };
        let update = format!("update programs.incident set {set} where id = '{}'", case.id);
        let taken = accepted(sql, &update, &["RV610", "RV611", "RV612"]).await;
        if taken != expected {
            return Err(format!(
                "{what} at {}, closed {:?}, reopened {:?}: the rule says {expected}, the trigger {taken}\n{:?}",
                self.now, case.closed_at, case.reopened_at, case.row
            ));
        }
        if taken {
            *self.taken.entry(what).or_default() += 1;
            match what {
                "close" => case.closed_at = Some(self.now),
                _ => (case.closed_at, case.reopened_at) = (None, Some(self.now)),
            }
        }
        Ok(())
    }
}

/// Whether the database took it; a refusal has one of these codes.
async fn accepted(sql: &Client, statement: &str, codes: &[&str]) -> bool {
    let Err(error) = sql.batch_execute(statement).await else { return true };
    let code = error.as_db_error().unwrap().code().code().to_owned();
    assert!(codes.contains(&code.as_str()), "{code}: {error:?}\n{statement}");
    false
}

/// The server's own login, with a transaction's settings for this tenant.
async fn login(app: &TestApp, tenant: uuid::Uuid) -> Client {
    let session = app.database.session("reeve_app").await;
    let context = format!(
        "select set_config('app.tenant_id', '{tenant}', false), set_config('app.actor_kind', 'system', false),
                set_config('app.actor_id', gen_random_uuid()::text, false),
                set_config('app.request_id', gen_random_uuid()::text, false)"
    );
    session.batch_execute(&context).await.unwrap();
    session
}

#[test]
fn s07_rule_and_trigger_agree_on_thousands_of_random_steps() {
    let wanted = std::env::var("REEVE_STEPS").ok().and_then(|text| text.parse().ok());
    let steps = wanted.unwrap_or(STEPS);
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let participant = north.participant("2012-05-10").await;
        let sql = login(app, north.tenant.id).await;
        let mut walk = Walk {
            dice: Dice(SEED),
            zone: TimeZone::get("America/New_York").unwrap(),
            statutes: Statutes::built_in().unwrap(),
            now: time(BEGIN),
            taken: BTreeMap::new(),
        };
        let mut case = walk.open(&sql, &participant).await;
        for step in 0..steps {
            if walk.dice.percent(3) {
                case = walk.open(&sql, &participant).await;
            }
            let wait = [0, 0, MINUTE, DAY - 1, DAY, DAY, DAY + 60 * MINUTE, 3 * DAY];
            walk.now += SignedDuration::from_secs(walk.dice.pick(&wait));
            let agreed = match walk.dice.percent(80) {
                true => walk.step(&sql, &mut case).await,
                false => walk.turn(&sql, &mut case).await,
            };
            if let Err(difference) = agreed {
                panic!("seed {SEED:#x}, step {step}: {difference}");
            }
        }
        for what in ["advance", "regress", "clear", "close", "reopen"] {
            let count = walk.taken.get(what).copied().unwrap_or_default();
            assert!(count as usize > steps / 500, "{what} {count} of {steps}: {:?}", walk.taken);
        }
    });
}

/// Two moments at which it was closed, and those at which it was reopened: before the first of them,
/// within thirty days of it, and later.
const CLOSED: &str = "2026-03-10T12:00:00Z";
const CLOSED_LATER: &str = "2026-03-20T12:00:00Z";
const AHEAD: &str = "2999-01-01T00:00:00Z";
const BEFORE: &str = "2026-03-05T12:00:00Z";
const WITHIN: &str = "2026-04-09T12:00:00Z";
const TOO_LATE: &str = "2026-04-09T12:00:01Z";

/// Status, escalated, closed_at, reopened_at.
type State = (&'static str, bool, Option<&'static str>, Option<&'static str>);

/// All that may become of an incident without a gate.
const LEGAL: [(State, &[State]); 7] = [
    (
        ("open", false, None, None),
        &[
            ("open", false, None, None),
            ("escalated", true, None, None),
            ("closed", false, Some(CLOSED), None),
            ("closed", false, Some(CLOSED_LATER), None),
        ],
    ),
    (
        ("open", false, None, Some(BEFORE)),
        &[
            ("open", false, None, Some(BEFORE)),
            ("escalated", true, None, Some(BEFORE)),
            ("closed", false, Some(CLOSED), Some(BEFORE)),
            ("closed", false, Some(CLOSED_LATER), Some(BEFORE)),
        ],
    ),
    (
        ("escalated", true, None, None),
        &[
            ("escalated", true, None, None),
            ("closed", true, Some(CLOSED), None),
            ("closed", true, Some(CLOSED_LATER), None),
        ],
    ),
    (
        ("escalated", true, None, Some(BEFORE)),
        &[
            ("escalated", true, None, Some(BEFORE)),
            ("closed", true, Some(CLOSED), Some(BEFORE)),
            ("closed", true, Some(CLOSED_LATER), Some(BEFORE)),
        ],
    ),
    (("closed", false, Some(CLOSED), None), &[("open", false, None, Some(WITHIN))]),
    (("closed", true, Some(CLOSED), None), &[("escalated", true, None, Some(WITHIN))]),
    (("closed", false, Some(CLOSED), Some(BEFORE)), &[("open", false, None, Some(WITHIN))]),
];

fn columns((status, escalated, closed_at, reopened_at): State) -> String {
    let time = |at: Option<&str>| at.map_or("null".to_owned(), |at| format!("'{at}'"));
    format!(
        "status = '{status}', escalated = {escalated}, closed_at = {}, reopened_at = {}",
        time(closed_at),
        time(reopened_at)
    )
}

#[test]
fn s07_of_all_changes_of_an_incident_by_sql_the_few_of_the_table_are_legal() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let sql = login(app, north.tenant.id).await;
        let mut targets: Vec<State> = vec![];
        for status in ["open", "escalated", "closed"] {
            for escalated in [false, true] {
                for closed_at in [None, Some(CLOSED), Some(CLOSED_LATER), Some(AHEAD)] {
                    for reopened_at in
                        [None, Some(BEFORE), Some(WITHIN), Some(TOO_LATE), Some(AHEAD)]
                    {
                        targets.push((status, escalated, closed_at, reopened_at));
                    }
                }
            }
        }
        for (from, legal) in LEGAL {
            let id = uuid::Uuid::now_v7();
            let (first, raised) = if from.1 { ("escalated", true) } else { ("open", false) };
            let mut made = format!(
                "insert into programs.incident (tenant_id, id, incident_type, status, escalated, occurred_at, jurisdiction)
                 values (kernel.tenant(), '{id}', 'injury', '{first}', {raised}, '2026-03-01T12:00:00Z', 'us-oh');"
            );
            if from.3.is_some() {
                let closed = ("closed", raised, Some("2026-03-02T12:00:00Z"), None);
                for state in [closed, (first, raised, None, from.3)] {
                    made += &format!(
                        "update programs.incident set {} where id = '{id}';",
                        columns(state)
                    );
                }
            }
            if from.2.is_some() {
                made +=
                    &format!("update programs.incident set {} where id = '{id}';", columns(from));
            }
            sql.batch_execute(&made).await.unwrap();
            for to in &targets {
                for kind in ["injury", "other"] {
                    let set = format!("{}, incident_type = '{kind}'", columns(*to));
                    sql.batch_execute("begin").await.unwrap();
                    let update = format!("update programs.incident set {set} where id = '{id}'");
                    let taken =
                        accepted(&sql, &update, &["RV610", "RV611", "RV612", "23514"]).await;
                    sql.batch_execute("rollback").await.unwrap();
                    let expected = kind == "injury" && legal.contains(to);
                    assert_eq!(taken, expected, "from {from:?} to {to:?} as {kind}");
                }
            }
        }
    });
}

#[test]
fn s07_no_incident_becomes_another_kind_of_incident() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let sql = login(app, north.tenant.id).await;
        let kinds = [
            "injury",
            "injury_concussion",
            "illness",
            "behavioral",
            "bullying",
            "property",
            "near_miss",
            "mandated_report",
            "crisis",
            "other",
        ];
        let participant = north.participant("2012-05-10").await;
        for from in kinds {
            let body = json!({"incident_type": from, "participant_id": participant, "report_basis": "A bruise."});
            let id = north.incident(&body).await;
            for to in kinds {
                let update = format!(
                    "update programs.incident set incident_type = '{to}' where id = '{id}'"
                );
                assert_eq!(accepted(&sql, &update, &["RV610"]).await, from == to, "{from} to {to}");
            }
        }
    });
}

#[test]
fn s01_no_return_to_play_begins_late_cleared_or_on_another_day() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let participant = north.participant("2012-05-10").await;
        let sql = login(app, north.tenant.id).await;
        let sound = [
            ("stage", "1"),
            ("entered_at", "'2026-03-02T18:00:00Z'"),
            ("removed_on", "'2026-03-02'"),
            ("regressed_at", "null"),
            ("cleared_at", "null"),
            ("clinician_name", "null"),
            ("participant_id", "(select participant_id from made)"),
        ];
        let other = north.participant("2012-05-11").await;
        let other = format!("'{other}'");
        for (column, value, opens) in [
            ("stage", "1", true),
            ("stage", "2", false),
            ("stage", "0", false),
            ("entered_at", "'2026-02-27T18:00:00Z'", false),
            ("entered_at", "'2999-01-01'", false),
            ("removed_on", "'2026-03-01'", false),
            ("removed_on", "'2026-03-03'", false),
            ("regressed_at", "'2026-03-02T18:00:00Z'", false),
            ("cleared_at", "'2026-03-03T18:00:00Z'", false),
            ("clinician_name", "'Dr. Lee'", false),
            ("participant_id", other.as_str(), false),
        ] {
            let values: Vec<_> = sound
                .iter()
                .map(|(name, usual)| if *name == column { value } else { usual })
                .collect();
            let names: Vec<_> = sound.iter().map(|(name, _)| *name).collect();
            let insert = format!(
                "with made as (
                   insert into programs.incident (tenant_id, id, incident_type, participant_id, status, escalated, occurred_at, jurisdiction)
                   values (kernel.tenant(), gen_random_uuid(), 'injury_concussion', '{participant}', 'open', false, '2026-03-02T17:00:00Z', 'us-oh')
                   returning id, participant_id)
                 insert into programs.return_to_play (tenant_id, id, incident_id, protocol, setting, {})
                 select kernel.tenant(), gen_random_uuid(), id, 'berlin_2016', 'school', {} from made",
                names.join(", "),
                values.join(", ")
            );
            assert_eq!(
                accepted(&sql, &insert, &["RV613", "23514"]).await,
                opens,
                "{column} {value}"
            );
        }
        assert_eq!(app.ask("select count(*) from programs.incident").await, ["1"]);
    });
}

#[test]
fn s05_no_report_of_tomorrow_and_no_blank_agency_opens_the_gate_by_sql() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let sql = login(app, north.tenant.id).await;
        let insert = "insert into programs.incident (tenant_id, id, incident_type, status, escalated, occurred_at, jurisdiction, report_basis)
                      values (kernel.tenant(), gen_random_uuid(), 'mandated_report', 'open', false, now(), 'us-oh', ";
        for blank in ["null", "''", "U&'\\00A0'", "U&'\\2003\\3000'"] {
            assert!(!accepted(&sql, &format!("{insert}{blank})"), &["23514"]).await, "{blank}");
        }
        let body = json!({"incident_type": "mandated_report", "report_basis": "A bruise."});
        let id = north.incident(&body).await;
        let report = |agency: &str, at: &str| {
            format!(
            "insert into programs.incident_report (tenant_id, id, incident_id, duty, agency_type, agency_name, reported_at)
             values (kernel.tenant(), gen_random_uuid(), '{id}', 'mandated', 'pcsa', {agency}, {at})"
        )
        };
        assert!(!accepted(&sql, &report("U&'\\00A0'", "now()"), &["23514"]).await);
        assert!(accepted(&sql, &report("'County'", "now() + interval '2 days'"), &[]).await);
        for at in ["now()", "now() + interval '1 day'", "now() + interval '3 days'"] {
            let close = format!(
                "update programs.incident set status = 'closed', closed_at = {at} where id = '{id}'"
            );
            assert!(!accepted(&sql, &close, &["RV611"]).await, "{at}");
        }
        assert!(accepted(&sql, &report("'County'", "now() - interval '1 day'"), &[]).await);
        let close = format!(
            "update programs.incident set status = 'closed', closed_at = now() where id = '{id}'"
        );
        assert!(accepted(&sql, &close, &[]).await);
    });
}

/// A concussion three stages on, with the doctor who is to clear it.
async fn ready(app: &TestApp, north: &Programme, hand: &Hand) -> (String, Persona) {
    let id = north.concussion().await;
    for _ in 0..2 {
        hand.advance(hours(24));
        let body = json!({"action": "advance", "symptoms": false});
        let path = format!("/incidents/{id}/rtp");
        let reply = north.role("clinician").patch(&path, &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    (id, north.person(app, "clinician").await)
}

#[test]
fn s03_a_physician_is_one_however_it_is_written_and_a_clearance_may_be_of_this_instant() {
    // Half a microsecond and more: what is rounded and what is cut off differ.
    let (options, hand) = at("2026-03-02T17:00:00.123456789Z");
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let (id, doctor) = ready(app, &north, &hand).await;
        let mut physician = physician();
        physician["profession"] = json!(" Physician ");
        let body = json!({"action": "clear", "symptoms": false, "clinician": physician});
        let reply = doctor.patch(&format!("/incidents/{id}/rtp"), &body).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let close = north.role("admin").patch(&format!("/incidents/{id}/close"), &json!({})).await;
        assert_eq!(close.status, 200, "{}", close.text);
    });
}

#[test]
fn two_regressions_at_one_instant_are_two_and_a_case_closes_and_opens_twice() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let (id, doctor) = ready(app, &north, &hand).await;
        let rtp = format!("/incidents/{id}/rtp");
        for stage in [2, 1, 1] {
            let body = json!({"action": "regress", "symptoms": true});
            let reply = doctor.patch(&rtp, &body).await;
            assert_eq!(
                (reply.status, &reply.json()["return_to_play"]["stage"]),
                (200, &json!(stage)),
                "{}",
                reply.text
            );
        }
        let id = north.incident(&json!({"incident_type": "injury"})).await;
        for _ in 0..2 {
            let close = doctor.patch(&format!("/incidents/{id}/close"), &json!({})).await;
            assert_eq!(close.status, 200, "{}", close.text);
            let again =
                doctor.patch(&format!("/incidents/{id}/reopen"), &json!({"reason": "More."})).await;
            assert_eq!(again.status, 200, "{}", again.text);
        }
    });
}

#[test]
fn no_words_of_a_clearance_however_hostile_are_the_servers_fault() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let north = Programme::new(app, "north").await;
        let (id, doctor) = ready(app, &north, &hand).await;
        for field in ["name", "profession", "licence_number", "licence_state", "document_reference"]
        {
            for hostile in ["Dr\u{0}Lee".to_owned(), "x".repeat(100_000), "\u{1}".into()] {
                let mut clinician = physician();
                clinician[field] = json!(hostile);
                let body = json!({"action": "clear", "symptoms": false, "clinician": clinician});
                let reply = doctor.patch(&format!("/incidents/{id}/rtp"), &body).await;
                let head: String = reply.text.chars().take(300).collect();
                assert_eq!(reply.status, 422, "{field} {:?}: {head}", &hostile[..1]);
            }
        }
    });
}
