//! Programmes: gates that no request can skip, consent that is spent and withdrawn, analytics that
//! see nobody. What several of these files need stands here.

mod canaries;
mod consent;
mod deidentified;
mod gates;
mod incidents;
mod knowledge;
mod records;
mod return_to_play;
mod roles;
mod statutes;

use std::collections::BTreeMap;

use ::kernel::{
    Clock, Hand,
    people::{NewAccount, People},
    tenant::{self, NewTenant, Tenant},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use testkit::{Options, PASSWORD, Persona, TestApp};

/// When most of these tests begin: a Monday noon in Ohio, long enough ago that the database's own clock
/// is always ahead of it.
const BEGIN: &str = "2026-03-02T17:00:00Z";

/// A server whose time a test moves.
fn at(begin: &str) -> (Options, Hand) {
    let (clock, hand) = Clock::movable(begin.parse().unwrap());
    (Options { clock, ..Options::default() }, hand)
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn hours(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count)
}

/// An organisation with a programme, a cohort, and a key for each role.
pub struct Programme {
    pub tenant: Tenant,
    keys: BTreeMap<&'static str, Persona>,
    pub program: String,
    pub cohort: String,
}

impl Programme {
    pub async fn new(app: &TestApp, name: &str) -> Self {
        let registry = reeve::registry().unwrap();
        let mut platform = app.platform().await;
        let clock = Clock::default();
        let new = NewTenant { name: name.into(), realm: "programs".into(), ..NewTenant::default() };
        let tenant = tenant::create(&mut platform, &clock, &registry, new).await.unwrap();
        let id = tenant.id.to_string();
        let mut keys = BTreeMap::new();
        for role in registry.matrix.names("programs") {
            let key = tenant::create_key(&mut platform, &clock, &id, role, role).await.unwrap();
            keys.insert(role, app.persona(Some(key.1.as_str().to_owned()), key.0.id));
        }
        let mut made = Self { tenant, keys, program: String::new(), cohort: String::new() };
        let admin = made.role("admin").clone();
        made.program = created(&admin, "/programs", &json!({"name": "Judo"})).await;
        let cohort = json!({"program_id": made.program, "name": "Mondays"});
        made.cohort = created(&admin, "/cohorts", &cohort).await;
        made
    }

    /// A program's key of this role.
    pub fn role(&self, role: &str) -> &Persona {
        &self.keys[role]
    }

    /// A person of this role, signed in.
    async fn person(&self, app: &TestApp, role: &str) -> Persona {
        let registry = reeve::registry().unwrap();
        let mut platform = app.platform().await;
        let realm = *registry.realms.iter().find(|r| r.name == "programs").unwrap();
        let email = format!("{role}@{}.example", self.tenant.id.simple());
        let account = NewAccount {
            email: email.clone(),
            full_name: format!("Person of {role}"),
            role: role.into(),
            password: Some(passwords::Password::new(PASSWORD)),
        };
        let (clock, matrix, tenant) = (Clock::default(), &registry.matrix, self.tenant.clone());
        let mut people = People { platform: &mut platform, clock: &clock, matrix, realm, tenant };
        people.create(account).await.unwrap();
        let nobody = app.anonymous();
        self.signed_in(&nobody, &email).await
    }

    async fn signed_in(&self, nobody: &Persona, email: &str) -> Persona {
        let reply = nobody.sign_in(&self.tenant.id.to_string(), email, PASSWORD).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        nobody.with_tokens(&reply)
    }

    /// The same person with a new token: a token lasts eight hours.
    async fn again(&self, person: &Persona, role: &str) -> Persona {
        let email = format!("{role}@{}.example", self.tenant.id.simple());
        self.signed_in(&person.with_token(None), &email).await
    }

    /// A participant of this birth date; the id.
    pub async fn participant(&self, born: &str) -> String {
        created(self.role("admin"), "/participants", &participant(born)).await
    }

    /// One with a parent's consent to take part, given long ago.
    async fn consented(&self, born: &str) -> String {
        let id = self.participant(born).await;
        created(self.role("admin"), "/consent", &consent(&id)).await;
        id
    }

    /// A minor's own consent to mental-health services; its id.
    pub async fn own_consent(&self, participant: &str, granted_at: &str) -> String {
        let body = json!({
            "participant_id": participant, "purpose": "mental_health", "basis": "orc_5122_04",
            "grantor_name": "The participant", "text": "I ask for this myself.", "text_version": "1",
            "granted_at": granted_at,
        });
        created(self.role("clinician"), "/consent", &body).await
    }

    /// An incident that this body reports; its id.
    pub async fn incident(&self, body: &Value) -> String {
        created(self.role("instructor"), "/incidents", body).await
    }

    /// A concussion of somebody new, now; its id.
    pub async fn concussion(&self) -> String {
        let participant = self.participant("2012-05-10").await;
        self.incident(&json!({"incident_type": "injury_concussion", "participant_id": participant}))
            .await
    }
}

/// Creates a record; its id.
pub async fn created(persona: &Persona, path: &str, body: &Value) -> String {
    let reply = persona.post(path, body).await;
    assert_eq!(reply.status, 201, "{path}: {}", reply.text);
    reply.id()
}

fn participant(born: &str) -> Value {
    json!({
        "first_name": "Ava", "last_name": "Reyes", "date_of_birth": born,
        "guardians": [{"full_name": "Dana Reyes", "relation": "parent", "phone": "+1 614 555 0142"}],
    })
}

/// A parent's consent to take part, of the beginning of the year.
fn consent(participant: &str) -> Value {
    json!({
        "participant_id": participant, "purpose": "participation", "basis": "guardian", "grantor": "parent",
        "grantor_name": "Dana Reyes", "relation": "mother", "text": "My child may take part.",
        "text_version": "2026-01", "language": "en", "channel": "paper",
        "granted_at": "2026-01-05T15:00:00Z",
    })
}

/// The written clearance of a physician.
fn physician() -> Value {
    json!({
        "name": "Dr. Mina Okafor", "profession": "physician", "licence_number": "35.123456",
        "licence_state": "OH", "document_reference": "clearance-2026-017",
    })
}

/// The codes of what a refusal says is missing.
fn missing(reply: &testkit::Reply) -> Vec<String> {
    let steps = reply.json()["missing"].as_array().cloned().unwrap_or_default();
    steps.iter().map(|step| step["code"].as_str().unwrap_or("-").to_owned()).collect()
}
