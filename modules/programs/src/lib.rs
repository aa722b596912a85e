//! Programs: the participants, sessions, incidents, consents and goals of youth programmes
//! (`KATA — API Layer`).
//!
//! About whom: young people, and those who work with them. Who may do what: [`permissions`]. What is
//! kept: `migrations/`; how private each column is: `privacy.toml`.

mod analytics;
mod consent;
mod enrollments;
mod fields;
mod goals;
mod incidents;
mod instructors;
mod knowledge;
mod offerings;
mod participants;
mod permissions;
mod return_to_play;
mod roster;
mod sessions;
mod settings;

use kernel::{
    db::Statement,
    http::{Constraint, Routes},
    identity::{Realm, Signature},
    jobs::Jobs,
    module::Module,
};
use passwords::Policy;

/// Its people: how they sign in and what their tokens are like.
pub const REALM: Realm = Realm {
    name: "programs",
    signature: Signature::Hs256,
    // A working day: clients of the document know no refresh (ASVS 4.0 3.3.2: at most 12 hours).
    access_minutes: 8 * 60,
    refresh_days: None,
    // K-004, to the letter.
    passwords: Policy::Pbkdf2Sha256,
    tenant_fields: &["tenant_id"],
    attribute_policies: false,
    calls_on_record: false,
    languages: None,
    login_limit: None,
};

/// The module, for the server to mount.
pub fn module() -> Module {
    let mut routes = Routes::default();
    settings::routes(&mut routes);
    offerings::routes(&mut routes);
    instructors::routes(&mut routes);
    participants::routes(&mut routes);
    roster::routes(&mut routes);
    enrollments::routes(&mut routes);
    sessions::routes(&mut routes);
    consent::routes(&mut routes);
    incidents::routes(&mut routes);
    return_to_play::routes(&mut routes);
    goals::routes(&mut routes);
    knowledge::routes(&mut routes);
    analytics::routes(&mut routes);
    Module {
        name: "programs",
        title: "KATA",
        prefix: "/kata",
        migrations: kernel::migrations!("programs";
            1 "offerings" "0001_offerings.sql",
            2 "participants" "0002_participants.sql",
            3 "sessions_and_consent" "0003_sessions_and_consent.sql",
            4 "incidents" "0004_incidents.sql",
            5 "goals_and_knowledge" "0005_goals_and_knowledge.sql",
            6 "deidentified" "0006_deidentified.sql",
            7 "return_to_play" "0007_return_to_play.sql",
            8 "events" "0008_events.sql",
        ),
        privacy: include_str!("../privacy.toml"),
        realm: Some(REALM),
        grants: permissions::GRANTS,
        above: None,
        delegates: permissions::DELEGATES,
        slices: &[],
        open: &[],
        open_slice: None,
        entities: &[],
        resources: &[],
        statements: statements(),
        constraints,
        limit: None,
        routes,
        jobs: Jobs::default(),
        events: permissions::EVENTS,
    }
}

fn statements() -> Vec<&'static Statement> {
    [
        settings::sql::ALL,
        offerings::sql::ALL,
        instructors::sql::ALL,
        participants::sql::ALL,
        roster::sql::ALL,
        enrollments::sql::ALL,
        sessions::sql::ALL,
        consent::sql::ALL,
        incidents::sql::ALL,
        return_to_play::sql::ALL,
        goals::sql::ALL,
        knowledge::sql::ALL,
        analytics::sql::ALL,
    ]
    .concat()
}

fn constraints() -> Vec<Constraint> {
    let all = [
        settings::sql::constraints(),
        offerings::sql::constraints(),
        instructors::sql::constraints(),
        participants::sql::constraints(),
        enrollments::sql::constraints(),
        sessions::sql::constraints(),
        consent::sql::constraints(),
        incidents::sql::constraints(),
        goals::sql::constraints(),
        knowledge::sql::constraints(),
    ];
    all.into_iter().flatten().collect()
}
