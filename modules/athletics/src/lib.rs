//! Athletics: school athletes, their injuries and their return to play (`RTSport Backend`, FERPA).
//!
//! About whom: pupils, and the trainers who treat them. Who may do what: [`permissions`]; who sees which
//! field of it: [`ferpa`]. What is kept: `migrations/`; how private each column is: `privacy.toml`.

#[macro_use]
mod athletes;
mod cases;
mod disclosures;
mod events;
pub mod ferpa;
mod guardians;
mod inspections;
mod milestones;
mod permissions;
mod return_to_play;
mod roster;
mod schools;
mod sideline;
mod teams;

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
    name: "athletics",
    signature: Signature::Hs256,
    // R-007, C-04: seven days, since the document's clients know no refresh; a session ends at once.
    access_minutes: 10_080,
    refresh_days: None,
    passwords: Policy::Argon2id,
    tenant_fields: &["school_id"],
    attribute_policies: false,
    calls_on_record: false,
    languages: None,
    login_limit: None,
};

/// The module, for the server to mount.
pub fn module() -> Module {
    let mut routes = Routes::default();
    schools::routes(&mut routes);
    teams::routes(&mut routes);
    athletes::routes(&mut routes);
    guardians::routes(&mut routes);
    roster::routes(&mut routes);
    sideline::routes(&mut routes);
    events::routes(&mut routes);
    cases::routes(&mut routes);
    return_to_play::routes(&mut routes);
    milestones::routes(&mut routes);
    inspections::routes(&mut routes);
    disclosures::routes(&mut routes);
    Module {
        name: "athletics",
        title: "RTSport Backend",
        prefix: "/rtsport",
        migrations: kernel::migrations!("athletics";
            1 "schools" "0001_schools.sql",
            2 "cases" "0002_cases.sql",
            3 "case_triggers" "0003_case_triggers.sql",
            4 "inspection_and_disclosure" "0004_inspection_and_disclosure.sql",
            5 "slices" "0005_slices.sql",
            6 "sealed_names" "0006_sealed_names.sql",
            7 "events" "0007_events.sql",
        ),
        privacy: include_str!("../privacy.toml"),
        realm: Some(REALM),
        grants: permissions::GRANTS,
        above: None,
        delegates: permissions::DELEGATES,
        slices: ferpa::SLICES,
        open: &[],
        open_slice: None,
        entities: ferpa::ENTITIES,
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
        schools::sql::ALL,
        teams::sql::ALL,
        athletes::sql::ALL,
        guardians::sql::ALL,
        roster::sql::ALL,
        sideline::sql::ALL,
        events::sql::ALL,
        cases::sql::ALL,
        return_to_play::sql::ALL,
        milestones::sql::ALL,
        inspections::sql::ALL,
        disclosures::sql::ALL,
    ]
    .concat()
}

fn constraints() -> Vec<Constraint> {
    let all = [
        teams::sql::constraints(),
        athletes::sql::constraints(),
        guardians::sql::constraints(),
        events::sql::constraints(),
        cases::sql::constraints(),
        milestones::sql::constraints(),
        inspections::sql::constraints(),
    ];
    all.into_iter().flatten().collect()
}
