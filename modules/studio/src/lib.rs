//! Studio: organizations that build AI agents, and what they deploy (`Kaizen Studio`).
//!
//! About whom: the developers of an organization. Who may do what: [`permissions`], narrowed by the
//! organization's own attribute policies. What is kept: `migrations/`; how private each column is:
//! `privacy.toml`.

mod agents;
pub mod canvas;
mod deployments;
mod gateways;
mod members;
mod organizations;
pub mod permissions;
mod versions;
mod workspaces;

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
    name: "studio",
    // Z-005: others verify these tokens too.
    signature: Signature::Rs256,
    access_minutes: 60,
    refresh_days: Some(7),
    // Z-063's bcrypt hashes are verified and upgraded (C-01).
    passwords: Policy::Argon2id,
    tenant_fields: &["organization_id"],
    attribute_policies: true,
    calls_on_record: true,
    languages: None,
    login_limit: None,
};

/// The module, for the server to mount.
pub fn module() -> Module {
    let mut routes = Routes::default();
    organizations::routes(&mut routes);
    workspaces::routes(&mut routes);
    members::routes(&mut routes);
    agents::routes(&mut routes);
    canvas::routes(&mut routes);
    versions::routes(&mut routes);
    gateways::routes(&mut routes);
    deployments::routes(&mut routes);
    let mut jobs = Jobs::default();
    deployments::jobs(&mut jobs);
    Module {
        name: "studio",
        title: "Kaizen Studio",
        prefix: "/studio",
        migrations: kernel::migrations!("studio";
            1 "organizations" "0001_organizations.sql",
            2 "agents" "0002_agents.sql",
            3 "deployments" "0003_deployments.sql",
            4 "canvas" "0004_canvas.sql",
            5 "events" "0005_events.sql",
        ),
        privacy: include_str!("../privacy.toml"),
        realm: Some(REALM),
        grants: permissions::GRANTS,
        above: None,
        delegates: &[],
        slices: &[],
        open: &[],
        open_slice: None,
        entities: &[],
        resources: permissions::RESOURCES,
        statements: statements(),
        constraints,
        limit: None,
        routes,
        jobs,
        events: permissions::EVENTS,
    }
}

fn statements() -> Vec<&'static Statement> {
    [
        organizations::sql::ALL,
        workspaces::sql::ALL,
        members::sql::ALL,
        agents::sql::ALL,
        canvas::sql::ALL,
        versions::sql::ALL,
        gateways::sql::ALL,
        deployments::sql::ALL,
    ]
    .concat()
}

fn constraints() -> Vec<Constraint> {
    let all = [
        workspaces::sql::constraints(),
        members::sql::constraints(),
        agents::sql::constraints(),
        canvas::sql::constraints(),
        versions::sql::constraints(),
        gateways::sql::constraints(),
        deployments::sql::constraints(),
    ];
    all.into_iter().flatten().collect()
}
