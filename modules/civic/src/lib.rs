//! Civic: municipalities, their citizens, and consent under POPIA (`SALGA Trust Engine`).
//!
//! About whom: citizens, who register themselves, and those who serve them. Who may do what: [`permissions`]. What is
//! kept: `migrations/`; how private each column is, whose it is, and why some stay after an erasure: `privacy.toml`.

mod categories;
mod consent;
mod data_rights;
mod gbv_reports;
mod ledger;
mod municipalities;
mod open311;
mod permissions;
mod public;
mod purposes;
mod registration;
mod service_requests;
mod text;

use kernel::{
    db::Statement,
    http::{Constraint, Limit, Routes},
    identity::{Realm, Signature},
    jobs::Jobs,
    module::{Above, Module},
};
use passwords::Policy;

/// Its people: how they sign in and what their tokens are like.
pub const REALM: Realm = Realm {
    name: "civic",
    signature: Signature::Hs256,
    access_minutes: 30,
    refresh_days: Some(7),
    // S-037.
    passwords: Policy::Argon2id,
    // TokenPayload has `tenant_id`; a user has `municipality_id` too.
    tenant_fields: &["tenant_id", "municipality_id"],
    attribute_policies: false,
    calls_on_record: false,
    languages: Some(text::LANGUAGES),
    login_limit: Some(Limit::per_minute("login", 5)),
};

/// How often a stranger may ask, by address.
pub(crate) const PUBLIC: Limit = Limit::per_minute("public", 120);

/// The platform's own people.
pub const PLATFORM: Realm = Realm {
    name: "platform",
    tenant_fields: &["tenant_id"],
    languages: None,
    login_limit: None,
    ..REALM
};

/// The module, for the server to mount.
pub fn module() -> Module {
    let mut routes = Routes::default();
    municipalities::routes(&mut routes);
    registration::routes(&mut routes);
    purposes::routes(&mut routes);
    consent::routes(&mut routes);
    data_rights::routes(&mut routes);
    ledger::routes(&mut routes);
    categories::routes(&mut routes);
    service_requests::routes(&mut routes);
    gbv_reports::routes(&mut routes);
    public::routes(&mut routes);
    open311::routes(&mut routes);
    Module {
        name: "civic",
        title: "SALGA Trust Engine",
        prefix: "/salga",
        migrations: kernel::migrations!("civic";
            1 "municipalities" "0001_municipalities.sql",
            2 "consent_and_rights" "0002_consent_and_rights.sql",
            3 "service_requests" "0003_service_requests.sql",
            4 "gender_based_violence" "0004_gender_based_violence.sql",
            5 "public" "0005_public.sql",
            6 "events" "0006_events.sql",
        ),
        privacy: include_str!("../privacy.toml"),
        realm: Some(REALM),
        above: Some(Above { realm: PLATFORM, grants: permissions::ABOVE }),
        grants: permissions::GRANTS,
        open: permissions::OPEN,
        open_slice: Some("reeve_public"),
        delegates: &[],
        slices: &[],
        entities: &[],
        resources: &[],
        statements: statements(),
        constraints,
        limit: Some(Limit::per_minute("default", 60)),
        routes,
        jobs: Jobs::default(),
        events: permissions::EVENTS,
    }
}

fn statements() -> Vec<&'static Statement> {
    [
        municipalities::sql::ALL,
        registration::sql::ALL,
        consent::sql::ALL,
        data_rights::sql::ALL,
        categories::sql::ALL,
        service_requests::sql::ALL,
        gbv_reports::sql::ALL,
        public::sql::ALL,
        open311::sql::ALL,
    ]
    .concat()
}

fn constraints() -> Vec<Constraint> {
    let all = [
        consent::sql::constraints(),
        data_rights::sql::constraints(),
        categories::sql::constraints(),
        service_requests::sql::constraints(),
        gbv_reports::sql::constraints(),
    ];
    all.into_iter().flatten().collect()
}
