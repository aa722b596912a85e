//! A module: what it stores, who may do what, which routes it answers. And the registry of all of
//! them, which the router, the OpenAPI document, the tests, the lint and the docs read.

use policy::{Classes, Grant, Matrix};

use crate::{
    audit,
    db::{CONTEXT_STATEMENTS, Migration, Statement},
    http::{Constraint, Route, Routes, idempotency},
    identity, keys,
};

/// What a module brings.
pub struct Module {
    /// Its schema's name and its place in URLs of documentation.
    pub name: &'static str,
    pub migrations: Vec<Migration>,
    /// The privacy class of each of its columns (`privacy.toml`).
    pub privacy: &'static str,
    /// Its rows of the role matrix.
    pub grants: &'static [Grant],
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
        let matrix = Matrix::of(all.iter().flat_map(|m| m.grants.iter().copied()));
        let mut registry = Self {
            migrations: vec![],
            classes,
            matrix,
            statements: vec![],
            routes: vec![],
            constraints: vec![],
        };
        for module in all {
            registry.migrations.extend(module.migrations);
            registry.statements.extend(module.statements);
            registry.constraints.push(module.constraints);
            registry.routes.extend(module.routes.into_vec());
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

/// The kernel's own: tenants, keys, the ledger.
fn kernel_module() -> Module {
    let statements =
        [CONTEXT_STATEMENTS, idempotency::ALL, identity::sql::ALL, keys::sql::ALL, audit::sql::ALL];
    let mut routes = Routes::default();
    keys::routes(&mut routes);
    audit::routes(&mut routes);
    Module {
        name: "kernel",
        migrations: migrations!("kernel";
            1 "roles_and_context" "0001_roles_and_context.sql",
            2 "ledger" "0002_ledger.sql",
            3 "tenants_keys_idempotency" "0003_tenants_keys_idempotency.sql",
        ),
        privacy: include_str!("../privacy.toml"),
        grants: &[],
        statements: statements.concat(),
        constraints: keys::sql::constraints,
        routes,
    }
}
