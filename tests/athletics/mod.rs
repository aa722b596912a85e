//! Athletics: pupils' injuries, told to each as far as FERPA lets them. What several of these files
//! need stands here.

mod canaries;
mod concussion;
mod database;
mod family;
mod ferpa;
mod live;
mod records;
mod sideline;
mod status;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use ::kernel::{
    Clock, Hand,
    people::{NewAccount, People},
    tenant,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use testkit::{EventStream, Options, Organisation, PASSWORD, Persona, Reply, TestApp};
use uuid::Uuid;

/// When most of these tests begin: a Monday noon in Ohio, long enough ago that the database's own clock
/// is always ahead of it.
const BEGIN: &str = "2026-03-02T17:00:00Z";

/// How soon a change must be told, and an end felt.
const FELT: Duration = Duration::from_secs(1);

/// Where the live roster is.
const LIVE: &str = "/api/v1/live/roster";

/// A server whose time a test moves.
fn at(begin: &str) -> (Options, Hand) {
    let (clock, hand) = Clock::movable(begin.parse().unwrap());
    (Options { clock, ..Options::default() }, hand)
}

fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

/// The moment so long after [`BEGIN`], as requests say it.
fn after(minutes: i64) -> String {
    let begin: Timestamp = BEGIN.parse().unwrap();
    (begin + SignedDuration::from_mins(minutes)).to_string()
}

/// A school with two teams, a coach for each, and somebody of each role.
pub struct School {
    people: Organisation,
    /// Coaches the second team.
    other_coach: Persona,
    football: String,
    volleyball: String,
}

impl School {
    pub async fn new(app: &TestApp, name: &str) -> Self {
        let people = app.organisation("athletics", name).await;
        let other_coach = account(app, &people, "coach", "second").await;
        let mut made =
            Self { people, other_coach, football: String::new(), volleyball: String::new() };
        let sports = json!({"config": {"sport_names": {"fb": "Football", "vb": "Volleyball"}}});
        let reply = made.admin().patch("/api/v1/school", &sports).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let team = |name: &str, sport: &str, coach: &Persona| json!({"name": name, "sport": sport, "coach_ids": [coach.id]});
        let football = team("Varsity Football", "fb", made.coach());
        let volleyball = team("Varsity Volleyball", "vb", &made.other_coach);
        made.football = created(made.admin(), "/api/v1/teams", &football).await;
        made.volleyball = created(made.admin(), "/api/v1/teams", &volleyball).await;
        made
    }

    fn id(&self) -> Uuid {
        self.people.id
    }

    fn admin(&self) -> &Persona {
        self.people.role("school_admin")
    }

    fn trainer(&self) -> &Persona {
        self.people.role("athletic_trainer")
    }

    fn coach(&self) -> &Persona {
        self.people.role("coach")
    }

    fn parent(&self) -> &Persona {
        self.people.role("parent")
    }

    fn student(&self) -> &Persona {
        self.people.role("student")
    }

    /// Everybody with their role, the second coach left out.
    fn everybody(&self) -> Vec<(&'static str, &Persona)> {
        self.people.people.iter().map(|(role, who)| (*role, who)).collect()
    }

    /// Another account of this role, signed in.
    async fn another(&self, app: &TestApp, role: &str, name: &str) -> Persona {
        account(app, &self.people, role, name).await
    }

    /// The person of this role with a new token: a token lasts seven days.
    async fn again(&self, role: &str) -> Persona {
        let person = self.people.role(role);
        let reply = person
            .with_token(None)
            .sign_in(&self.id().to_string(), &self.people.email(role), PASSWORD)
            .await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        person.with_tokens(&reply)
    }

    /// The same school with new tokens for everybody but the second coach.
    async fn refreshed(&mut self) {
        let roles: Vec<_> = self.people.people.keys().copied().collect();
        for role in roles {
            let again = self.again(role).await;
            self.people.people.insert(role, again);
        }
    }

    /// A minor of the football team, nobody's child; the id.
    async fn athlete(&self) -> String {
        self.athlete_of(&self.football, "2010-05-10").await
    }

    async fn athlete_of(&self, team: &str, born: &str) -> String {
        created(self.admin(), "/api/v1/athletes", &athlete(team, born)).await
    }

    /// A minor of the football team whose parent is the school's; the id.
    async fn child(&self) -> String {
        let id = self.athlete().await;
        self.link(&id, self.parent(), "parent").await;
        id
    }

    /// Links an account to an athlete; the guardian's id.
    async fn link(&self, athlete: &str, who: &Persona, relation: &str) -> String {
        let body = json!({"full_name": "Dana Reyes", "relation": relation, "account_id": who.id});
        created(self.admin(), &format!("/api/v1/athletes/{athlete}/guardians"), &body).await
    }

    /// Records what was seen at the sideline; what became of it.
    async fn entry(&self, body: &Value) -> Value {
        let reply = self.trainer().post(SIDELINE, body).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        reply.json()
    }

    /// A case of an injury of this body part, now; its id.
    async fn case(&self, athlete: &str, part: &str) -> String {
        text(&self.entry(&seen(athlete, part, "moderate")).await["case_id"])
    }

    /// Records an event of a case.
    async fn event(&self, case: &str, body: &Value) -> Value {
        let reply = self.trainer().post(&format!("/api/v1/cases/{case}/events"), body).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        reply.json()
    }

    /// Clears a case that has no gate.
    async fn clear(&self, case: &str) {
        self.event(case, &json!({"kind": "clearance_granted"})).await;
    }

    /// The line of the roster.
    async fn line(&self, athlete: &str) -> Value {
        let reply = self.admin().get(&format!("/api/v1/roster/{athlete}")).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply.json()
    }

    async fn status(&self, athlete: &str) -> String {
        text(&self.line(athlete).await["current_status"])
    }

    /// The case as the trainer sees it.
    async fn case_of(&self, athlete: &str, case: &str) -> Value {
        let all = list(self.trainer(), &format!("/api/v1/cases/{athlete}")).await;
        all.into_iter().find(|one| one["id"] == case).expect("the case")
    }

    /// The events of a case as somebody sees them.
    async fn timeline(&self, who: &Persona, case: &str) -> Vec<Value> {
        list(who, &format!("/api/v1/cases/{case}/timeline")).await
    }
}

const SIDELINE: &str = "/api/v1/events/sideline-entry";

/// One more account of a school, signed in.
async fn account(app: &TestApp, there: &Organisation, role: &str, name: &str) -> Persona {
    let registry = reeve::registry().unwrap();
    let (mut platform, clock) = (app.platform().await, Clock::default());
    let tenant = tenant::find(&mut platform, &there.id.to_string()).await.unwrap();
    let realm = *registry.realms.iter().find(|r| r.name == there.realm).unwrap();
    let matrix = &registry.matrix;
    let mut people = People { platform: &mut platform, clock: &clock, matrix, realm, tenant };
    let email = format!("{name}@{}.example", there.id.simple());
    let new = NewAccount {
        email: email.clone(),
        full_name: format!("{name} person of {role}"),
        role: role.into(),
        password: Some(passwords::Password::new(PASSWORD)),
    };
    let id = people.create(new).await.unwrap().0.id;
    let nobody = app.persona(None, id);
    let reply = nobody.sign_in(&there.id.to_string(), &email, PASSWORD).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    nobody.with_tokens(&reply)
}

/// Creates a record; its id.
async fn created(persona: &Persona, path: &str, body: &Value) -> String {
    let reply = persona.post(path, body).await;
    assert_eq!(reply.status, 201, "{path}: {}", reply.text);
    reply.id()
}

/// The least that an athlete of a team needs.
fn athlete(team: &str, born: &str) -> Value {
    json!({
        "first_name": "Sam", "last_name": "Reyes", "date_of_birth": born, "grade": "10",
        "sports": ["fb"], "team_ids": [team],
    })
}

/// Three taps: athlete, body part, severity.
fn seen(athlete: &str, part: &str, severity: &str) -> Value {
    json!({"athlete_id": athlete, "body_part": part, "severity": severity})
}

/// `body` with these fields too.
fn with(mut body: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    body
}

/// The written clearance of a physician.
fn physician() -> Value {
    json!({
        "name": "Dr. Mina Okafor", "profession": "physician", "licence_number": "35.123456",
        "licence_state": "OH", "document_reference": "clearance-2026-017",
    })
}

/// All of a list that fits on a page.
async fn list(who: &Persona, path: &str) -> Vec<Value> {
    let reply = who.get(path).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text);
    reply.json().as_array().unwrap_or_else(|| panic!("{path}: {}", reply.text)).clone()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// The values of a field, in order.
fn each(items: &[Value], field: &str) -> Vec<String> {
    items.iter().map(|item| text(&item[field])).collect()
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// The codes of what a refusal says is missing.
fn missing(reply: &Reply) -> Vec<String> {
    let steps = reply.json()["missing"].as_array().cloned().unwrap_or_default();
    steps.iter().map(|step| step["code"].as_str().unwrap_or("-").to_owned()).collect()
}

/// The snapshot with which a stream begins.
async fn snapshot(stream: &mut EventStream) -> Vec<Value> {
    let event = stream.next(FELT * 5).await.expect("a snapshot");
    assert_eq!(event.name, "snapshot");
    event.data.as_array().expect("all that there is").clone()
}

/// A stream and its snapshot, opened until it stays: one that is opened just after its caller's rights
/// have changed ends when the server hears of it.
async fn open(who: &Persona) -> (EventStream, Vec<Value>) {
    for _ in 0..10 {
        let mut stream = who.follow(LIVE, None).await;
        let there = snapshot(&mut stream).await;
        if stream.is_silent(FELT / 2).await {
            return (stream, there);
        }
    }
    panic!("no stream stays");
}

/// The data of the next event, which is a change.
async fn changed(stream: &mut EventStream) -> Value {
    let event = stream.next(FELT).await.expect("a change");
    assert_eq!(event.name, "changed");
    event.data
}

/// The stream ends, and tells nothing before it does.
async fn ends(stream: &mut EventStream, what: &str) {
    let begun = Instant::now();
    assert_eq!(stream.next(FELT * 5).await, None, "{what}");
    assert!(begun.elapsed() < FELT, "{what}: {:?}", begun.elapsed());
}
