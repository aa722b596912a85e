//! The clinic: patients and appointments of medical organisations, kept for their chatbots and
//! connected systems (`Multi-Tenant Medical Integration API`).
//!
//! About whom: patients, and the doctors who see them. Who may do what: [`permissions`]. What is
//! kept: `migrations/`; how private each column is: `privacy.toml`.

// Before those that use the list of its columns.
#[macro_use]
pub mod patients;

mod appointments;
mod catalogues;
mod custom_fields;
mod ehr;
pub mod fhir;
pub mod import;
pub mod permissions;

use kernel::{
    authz::Permission,
    http::Routes,
    identity::{Realm, Signature},
    jobs::Jobs,
    module::Module,
};
use passwords::Policy;

pub use custom_fields::CustomFields;

/// Its people: how they sign in and what their tokens are like.
pub const REALM: Realm = Realm {
    name: "clinic",
    signature: Signature::Hs256,
    access_minutes: 30,
    refresh_days: Some(7),
    passwords: Policy::Argon2id,
    tenant_fields: &["tenant_id"],
    attribute_policies: false,
    calls_on_record: false,
    languages: None,
    login_limit: None,
};

/// The module, for the server to mount.
pub fn module() -> Module {
    let mut routes = Routes::default();
    patients::routes(&mut routes);
    appointments::routes(&mut routes);
    catalogues::routes(&mut routes);
    fhir::routes(&mut routes);
    ehr::routes(&mut routes);
    let mut jobs = Jobs::default();
    ehr::jobs(&mut jobs);
    Module {
        name: "clinic",
        title: "Multi-Tenant Medical Integration API",
        prefix: "/medical",
        migrations: kernel::migrations!("clinic";
            1 "patients" "0001_patients.sql",
            2 "appointments" "0002_appointments.sql",
            3 "catalogues" "0003_catalogues.sql",
            4 "fhir" "0004_fhir.sql",
            5 "ehr" "0005_ehr.sql",
            6 "events" "0006_events.sql",
        ),
        privacy: include_str!("../privacy.toml"),
        realm: Some(REALM),
        grants: permissions::GRANTS,
        above: None,
        delegates: &[],
        slices: &[],
        open: &[permissions::ReadCapabilities::NAME],
        open_slice: None,
        entities: &[],
        resources: &[],
        statements: [
            patients::sql::ALL,
            appointments::sql::ALL,
            catalogues::sql::ALL,
            ehr::sql::ALL,
            &fhir::statements(),
        ]
        .concat(),
        constraints: || {
            let all = [
                patients::sql::constraints(),
                appointments::sql::constraints(),
                catalogues::sql::constraints(),
                ehr::sql::constraints(),
                fhir::constraints(),
            ];
            all.into_iter().flatten().collect()
        },
        limit: None,
        routes,
        jobs,
        events: permissions::EVENTS,
    }
}
