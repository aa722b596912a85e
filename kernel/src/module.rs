//! A module: what it stores, who may do what, which routes it answers. And the registry of all of
//! them, which the router, the OpenAPI document, the tests, the lint and the docs read.

use std::sync::Arc;

use policy::{Classes, Entity, Grant, Matrix, ResourceKind, Role, Vocabulary};

use crate::{
    audit,
    authz::{ANONYMOUS, RELEASE_STATEMENTS},
    consent,
    db::{CONTEXT_STATEMENTS, Migration, Statement},
    http::{Constraint, Route, Routes, idempotency},
    identity::{self, Realm, WATCH},
    keys, people, place, policies, return_to_play, sessions, sign_on, statutes, streams,
};

/// What a module brings.
pub struct Module {
    /// Its schema's name and its place in URLs of documentation.
    pub name: &'static str,
    pub migrations: Vec<Migration>,
    /// The privacy class of each of its columns (`privacy.toml`).
    pub privacy: &'static str,
    /// Its people: how they sign in and what their tokens are like.
    pub realm: Option<Realm>,
    /// Its realm's rows of the role matrix.
    pub grants: &'static [Grant],
    /// What a role may let others hold without holding it: role and permission.
    pub delegates: &'static [(&'static str, &'static str)],
    /// As which role of the database's a role of its realm reads, where it sees a part of each record.
    pub slices: &'static [(&'static str, &'static str)],
    /// Which role sees which field of what.
    pub entities: &'static [&'static Entity],
    /// The kinds that attribute policies may speak of.
    pub resources: &'static [ResourceKind],
    pub statements: Vec<&'static Statement>,
    /// What its constraints say when they refuse a row.
    pub constraints: fn() -> Vec<Constraint>,
    pub routes: Routes,
}

/// The numbered migrations of a module: `migrations!("clinic"; 1 "patients", …)`.
#[macro_export]
macro_rules! migrations {
    ($module:literal; $($number:literal $name:literal $file:literal),* $(,)?) => {
        vec![$($crate::db::Migration {
            module: $module,
            number: $number,
            name: $name,
            sql: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/", $file)),
        }),*]
    };
}

/// All modules, joined.
pub struct Registry {
    pub migrations: Vec<Migration>,
    pub classes: Classes,
    pub matrix: Matrix,
    pub realms: Vec<Realm>,
    pub vocabulary: Arc<Vocabulary>,
    /// Each module's field matrices.
    pub entities: Vec<&'static Entity>,
    pub statements: Vec<&'static Statement>,
    pub routes: Vec<Route>,
    constraints: Vec<fn() -> Vec<Constraint>>,
}

impl Registry {
    /// Joins the kernel and `modules`.
    ///
    /// # Errors
    /// A privacy file that does not parse, or one method and path declared twice.
    pub fn new(modules: Vec<Module>) -> Result<Self, String> {
        let mut all = vec![kernel_module()];
        all.extend(modules);
        let classes = Classes::parse(all.iter().map(|m| m.privacy))?;
        let matrix = Matrix::of(kernel_grants().chain(all.iter().flat_map(module_grants)));
        let matrix = all
            .iter()
            .flat_map(|module| of_realm(module, module.delegates))
            .fold(matrix, |matrix, (role, permission)| matrix.delegating(role, permission));
        let matrix = all
            .iter()
            .flat_map(|module| of_realm(module, module.slices))
            .fold(matrix, |matrix, (role, slice)| matrix.slicing(role, slice));
        let mut realms: Vec<Realm> = all.iter().filter_map(|m| m.realm).collect();
        realms.sort_by_key(|realm| realm.name);
        realms.dedup_by_key(|realm| realm.name);
        let kinds = all.iter().flat_map(|m| m.resources.iter().copied());
        let vocabulary = Arc::new(Vocabulary::new(kinds)?);
        let mut registry = Self {
            migrations: vec![],
            classes,
            matrix,
            realms,
            vocabulary,
            entities: vec![],
            statements: vec![],
            routes: vec![],
            constraints: vec![],
        };
        for module in all {
            registry.migrations.extend(module.migrations);
            registry.entities.extend(module.entities);
            registry.statements.extend(module.statements);
            registry.constraints.push(module.constraints);
            let realm = module.realm.map(|realm| realm.name);
            registry.routes.extend(module.routes.of_realm(realm));
        }
        match registry.repeated_route() {
            Some(route) => Err(format!("{route} is declared twice")),
            None => Ok(registry),
        }
    }

    fn repeated_route(&self) -> Option<&'static str> {
        let mut names: Vec<_> = self.routes.iter().map(|route| route.name).collect();
        names.sort_unstable();
        names
            .windows(2)
            .find(|pair| pair.first() == pair.last())
            .and_then(|pair| pair.first().copied())
    }

    pub(crate) fn constraints(&self) -> Vec<Constraint> {
        self.constraints.iter().flat_map(|of| of()).collect()
    }

    /// The names of all constraints that have an answer of their own.
    pub fn constraint_names(&self) -> Vec<&'static str> {
        self.constraints().iter().map(|c| c.name).collect()
    }
}

/// A module's rows, each with what everybody may do about themselves.
fn module_grants(module: &Module) -> impl Iterator<Item = (&'static str, Grant)> + use<> {
    let realm = module.realm.map_or("", |realm| realm.name);
    let own = |grant: &Grant| [*grant, Grant { role: grant.role, permissions: people::OWN }];
    module.grants.iter().flat_map(own).map(move |grant| (realm, grant))
}

/// What a module says of its roles, by role.
fn of_realm(
    module: &Module,
    said: &'static [(&'static str, &'static str)],
) -> impl Iterator<Item = (Role, &'static str)> + use<> {
    let realm = module.realm.map_or("", |realm| realm.name);
    said.iter().map(move |(role, what)| (Role { realm, name: role }, *what))
}

/// Who has no credential, and the accounts under which the server itself acts.
fn kernel_grants() -> impl Iterator<Item = (&'static str, Grant)> {
    let open = [sessions::OPEN, sign_on::OPEN];
    let anonymous = open.map(|permissions| Grant { role: ANONYMOUS.name, permissions });
    anonymous.map(|grant| (ANONYMOUS.realm, grant)).into_iter().chain([WATCH.grant()])
}

/// The kernel's own: tenants, people, keys, the ledger.
fn kernel_module() -> Module {
    let statements = [
        CONTEXT_STATEMENTS,
        idempotency::ALL,
        identity::sql::ALL,
        RELEASE_STATEMENTS,
        sessions::sql::ALL,
        people::sql::ALL,
        keys::sql::ALL,
        policies::sql::ALL,
        sign_on::sql::ALL,
        consent::sql::ALL,
        return_to_play::sql::ALL,
        statutes::sql::ALL,
        streams::sql::ALL,
        audit::sql::ALL,
    ];
    let mut routes = Routes::default();
    sessions::routes(&mut routes);
    people::routes(&mut routes);
    keys::routes(&mut routes);
    policies::routes(&mut routes);
    sign_on::routes(&mut routes);
    audit::routes(&mut routes);
    Module {
        name: "kernel",
        migrations: kernel_migrations(),
        privacy: include_str!("../privacy.toml"),
        realm: None,
        grants: &[],
        delegates: &[],
        slices: &[],
        entities: &[],
        resources: &[],
        statements: statements.concat(),
        constraints: || {
            let all = [
                keys::sql::constraints(),
                people::sql::constraints(),
                policies::sql::constraints(),
                consent::sql::constraints(),
                place::constraints(),
                return_to_play::sql::constraints(),
            ];
            all.into_iter().flatten().collect()
        },
        routes,
    }
}

fn kernel_migrations() -> Vec<Migration> {
    migrations!("kernel";
        1 "roles_and_context" "0001_roles_and_context.sql",
        2 "ledger" "0002_ledger.sql",
        3 "tenants_keys_idempotency" "0003_tenants_keys_idempotency.sql",
        4 "people" "0004_people.sql",
        5 "sign_on" "0005_sign_on.sql",
        6 "attribute_policies" "0006_attribute_policies.sql",
        7 "statutes" "0007_statutes.sql",
        8 "deidentified" "0008_deidentified.sql",
        9 "consent" "0009_consent.sql",
        10 "slices" "0010_slices.sql",
        11 "return_to_play" "0011_return_to_play.sql",
        12 "outbox" "0012_outbox.sql",
        15 "checkpoints" "0015_checkpoints.sql",
    )
}
