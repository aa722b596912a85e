//! A module: what it stores, who may do what, which routes it answers. And the registry of all of
//! them, which the router, the OpenAPI document, the tests, the lint and the docs read.

use std::sync::Arc;

use policy::{Classes, Entity, Grant, Matrix, ResourceKind, Role, Vocabulary};

use crate::{
    audit,
    authz::{ANONYMOUS, Permission, RELEASE_STATEMENTS},
    consent,
    db::{CONTEXT_STATEMENTS, Migration, Statement},
    destinations::{self, EventType, SENDER},
    http::{Constraint, Home, LIMIT_STATEMENTS, Limit, Route, Routes, idempotency},
    identity::{self, Realm, WATCH},
    jobs::{self, Jobs, WORKER},
    keys, people, place, policies, return_to_play,
    sessions::{self, ReadKeys, Refresh, SignIn, UseCode},
    sign_on::{self, SignOn, StartSignOn},
    sockets, statutes, streams, subjects, tenant,
};

/// Those who stand above a module's organisations, and enter one at a time for a purpose.
#[derive(Clone, Copy)]
pub struct Above {
    pub realm: Realm,
    pub grants: &'static [Grant],
}

/// What a module brings.
pub struct Module {
    /// Its schema's name and its place in URLs of documentation.
    pub name: &'static str,
    /// What its document calls itself: the title of its own page of the OpenAPI documentation.
    pub title: &'static str,
    /// Before its paths, and the kernel's, for gateways that tell modules apart by it (C-07): `/salga`.
    pub prefix: &'static str,
    pub migrations: Vec<Migration>,
    /// The privacy class of each of its columns (`privacy.toml`).
    pub privacy: &'static str,
    /// Its people: how they sign in and what their tokens are like.
    pub realm: Option<Realm>,
    /// Its realm's rows of the role matrix.
    pub grants: &'static [Grant],
    /// Who stands above its organisations.
    pub above: Option<Above>,
    /// What a role may let others hold without holding it: role and permission.
    pub delegates: &'static [(&'static str, &'static str)],
    /// As which role of the database's a role of its realm reads, where it sees a part of each record.
    pub slices: &'static [(&'static str, &'static str)],
    /// What somebody without a credential may do at its routes, and as which role of the database's they read
    /// there.
    pub open: &'static [&'static str],
    pub open_slice: Option<&'static str>,
    /// Which role sees which field of what.
    pub entities: &'static [&'static Entity],
    /// The kinds that attribute policies may speak of.
    pub resources: &'static [ResourceKind],
    pub statements: Vec<&'static Statement>,
    /// What its constraints say when they refuse a row.
    pub constraints: fn() -> Vec<Constraint>,
    /// For its routes that have no limit of their own.
    pub limit: Option<Limit>,
    pub routes: Routes,
    /// What it does in the background.
    pub jobs: Jobs,
    /// What its records tell other systems: what its migrations announce, no more and no less.
    pub events: &'static [EventType],
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
    /// What workers do.
    pub jobs: Jobs,
    /// The types of events, with their realm; the kernel's own are of each.
    pub events: Vec<(Option<&'static str>, EventType)>,
    /// The modules' names and titles.
    pub titles: Vec<(&'static str, &'static str)>,
    /// The modules' names and prefixes.
    pub prefixes: Vec<(&'static str, &'static str)>,
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
        let matrix = matrix(&all);
        let mut realms: Vec<Realm> = all
            .iter()
            .flat_map(|m| [m.realm, m.above.map(|above| above.realm)])
            .flatten()
            .collect();
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
            jobs: Jobs::default(),
            events: vec![],
            titles: all.iter().skip(1).map(|module| (module.name, module.title)).collect(),
            prefixes: all.iter().skip(1).map(|module| (module.name, module.prefix)).collect(),
            constraints: vec![],
        };
        for module in all {
            registry.migrations.extend(module.migrations);
            registry.entities.extend(module.entities);
            registry.statements.extend(module.statements);
            registry.constraints.push(module.constraints);
            registry.jobs.extend(module.jobs);
            let realm = module.realm.map(|realm| realm.name);
            registry.events.extend(module.events.iter().map(|event| (realm, *event)));
            registry.routes.extend(module.routes.at(&Home {
                realm: module.realm.map(|realm| realm.name),
                above: module.above.map(|above| above.realm.name),
                open: module.open,
                open_slice: module.open_slice,
                limit: module.limit,
            }));
        }
        let repeated = registry.repeated_route().or(registry.jobs.repeated());
        match (repeated, registry.route_opened_elsewhere()) {
            (Some(name), _) => Err(format!("{name} is declared twice")),
            (_, Some(route)) => Err(format!("another module opens the permission of {route}")),
            (None, None) => Ok(registry),
        }
    }

    /// A route whose permission strangers hold without its own module having said so.
    fn route_opened_elsewhere(&self) -> Option<&'static str> {
        let held = |route: &&Route| self.matrix.permits(Some(ANONYMOUS), route.permission);
        let of = self.routes.iter().filter(held).find(|route| !route.is_open());
        of.map(|route| route.name)
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

/// The rows of all modules, what they delegate and by which slices they read.
fn matrix(all: &[Module]) -> Matrix {
    let scheduled = all.iter().flat_map(|module| &module.jobs.schedules);
    let system = scheduled.map(|schedule| schedule.account).chain([WATCH, WORKER, SENDER]);
    let system = system.map(|account| account.grant());
    let matrix = Matrix::of(all.iter().flat_map(module_grants).chain(system));
    let delegates = all.iter().flat_map(|module| of_realm(module, module.delegates));
    let matrix =
        delegates.fold(matrix, |matrix, (role, permission)| matrix.delegating(role, permission));
    let slices = all.iter().flat_map(|module| of_realm(module, module.slices));
    slices.fold(matrix, |matrix, (role, slice)| matrix.slicing(role, slice))
}

/// A module's rows and those of the realm above, each with what everybody may do about themselves; and what it
/// opens to strangers.
fn module_grants(module: &Module) -> impl Iterator<Item = (&'static str, Grant)> + use<> {
    let realm = module.realm.map_or("", |realm| realm.name);
    let ours = module.grants.iter().map(move |grant| (realm, *grant));
    let above = module.above.into_iter();
    let above = above.flat_map(|a| a.grants.iter().map(move |grant| (a.realm.name, *grant)));
    let own = |(realm, grant): (&'static str, Grant)| {
        [(realm, grant), (realm, Grant { permissions: people::OWN, ..grant })]
    };
    let open = Grant { role: ANONYMOUS.name, permissions: module.open };
    ours.chain(above).flat_map(own).chain([(ANONYMOUS.realm, open)])
}

/// What a module says of its roles, by role.
fn of_realm(
    module: &Module,
    said: &'static [(&'static str, &'static str)],
) -> impl Iterator<Item = (Role, &'static str)> + use<> {
    let realm = module.realm.map_or("", |realm| realm.name);
    said.iter().map(move |(role, what)| (Role { realm, name: role }, *what))
}

/// What anybody may do at the kernel's own routes who has no credential yet.
const OPEN: &[&str] =
    &[SignIn::NAME, Refresh::NAME, UseCode::NAME, ReadKeys::NAME, StartSignOn::NAME, SignOn::NAME];

/// The kernel's own: tenants, people, keys, the ledger.
fn kernel_module() -> Module {
    let statements = [
        CONTEXT_STATEMENTS,
        idempotency::ALL,
        LIMIT_STATEMENTS,
        tenant::sql::ALL,
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
        sockets::sql::ALL,
        subjects::sql::ALL,
        audit::sql::ALL,
        jobs::sql::ALL,
        destinations::sql::ALL,
    ];
    let mut routes = Routes::default();
    sessions::routes(&mut routes);
    people::routes(&mut routes);
    keys::routes(&mut routes);
    policies::routes(&mut routes);
    sign_on::routes(&mut routes);
    audit::routes(&mut routes);
    jobs::routes(&mut routes);
    destinations::routes(&mut routes);
    Module {
        name: "kernel",
        title: "Reeve",
        prefix: "",
        migrations: kernel_migrations(),
        privacy: include_str!("../privacy.toml"),
        realm: None,
        grants: &[],
        above: None,
        delegates: &[],
        slices: &[],
        open: OPEN,
        open_slice: None,
        entities: &[],
        resources: &[],
        statements: statements.concat(),
        constraints: kernel_constraints,
        limit: None,
        routes,
        jobs: jobs::jobs(),
        events: destinations::EVENTS,
    }
}

fn kernel_constraints() -> Vec<Constraint> {
    let all = [
        tenant::sql::constraints(),
        keys::sql::constraints(),
        people::sql::constraints(),
        policies::sql::constraints(),
        consent::sql::constraints(),
        place::constraints(),
        return_to_play::sql::constraints(),
        subjects::sql::constraints(),
        jobs::constraints(),
        destinations::constraints(),
    ];
    all.into_iter().flatten().collect()
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
        13 "vault" "0013_vault.sql",
        14 "above_and_limits" "0014_above_and_limits.sql",
        15 "checkpoints" "0015_checkpoints.sql",
        16 "jobs" "0016_jobs.sql",
        17 "sockets" "0017_sockets.sql",
        18 "destinations" "0018_destinations.sql",
    )
}
