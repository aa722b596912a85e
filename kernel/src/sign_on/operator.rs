//! Identity providers at the command line. The operator vouches for what a provider may say: which
//! domains are its own, and which role somebody new gets.

use policy::Matrix;
use serde::Serialize;
use sso::{Provider, Secret, SetupError};
use uuid::Uuid;

use super::sql;
use crate::{
    core::Clock,
    db::{DbError, Platform},
    seal::Seal,
};

/// Why a provider was not added.
#[derive(Debug, thiserror::Error)]
pub enum ProviderFault {
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("{0}")]
    Invalid(String),
    #[error("there is no provider of this name: see `reeve provider list`")]
    NotThere,
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A provider to be added.
pub struct NewProvider {
    pub name: String,
    pub discovery: String,
    pub client_id: String,
    pub client_secret: Option<String>,
    pub domains: Vec<String>,
    /// The role of somebody new; `None`: only who was invited comes in.
    pub role: Option<String>,
}

/// A provider, without its secret.
#[derive(Serialize)]
pub struct ProviderInfo {
    pub id: Uuid,
    pub name: String,
    pub discovery: String,
    pub client_id: String,
    pub domains: Vec<String>,
    pub role: Option<String>,
}

/// The providers of one tenant.
pub struct Providers<'a> {
    pub platform: &'a mut Platform,
    pub clock: &'a Clock,
    pub matrix: &'a Matrix,
    pub tenant: Uuid,
    pub realm: String,
}

impl Providers<'_> {
    /// Adds one. It is not called: a provider that is down today may be added all the same.
    ///
    /// # Errors
    /// An address that cannot be used, no such role, a name that is taken.
    pub async fn add(&mut self, new: NewProvider, secret: &[u8]) -> Result<(), ProviderFault> {
        let client_secret = new.client_secret.as_deref().map(Secret::from);
        Provider::new(&new.name, &new.discovery, &new.client_id, client_secret)?;
        if let Some(role) = &new.role
            && self.matrix.role(&self.realm, role).is_none()
        {
            let names = self.matrix.names(&self.realm).join(", ");
            return Err(ProviderFault::Invalid(format!("--role is one of {names}")));
        }
        if new.role.is_some() && new.domains.is_empty() {
            let text = "--role needs at least one --domain: else everybody that the provider knows would come in";
            return Err(ProviderFault::Invalid(text.into()));
        }
        let id = self.clock.new_id();
        let seal = Seal::new(secret, "stored secret");
        let sealed = new.client_secret.map(|text| seal.seal(id.as_bytes(), text.as_bytes()));
        let sealed = sealed.transpose().map_err(|e| ProviderFault::Invalid(e.to_string()))?;
        let domains = new.domains.iter().map(|domain| domain.trim().to_lowercase()).collect();
        let insert = sql::insert_provider(
            id,
            new.name,
            new.discovery,
            new.client_id,
            sealed,
            domains,
            new.role,
        );
        match self.platform.run(self.tenant, "provider:write", &insert).await {
            Err(DbError::Constraint(_)) => Err(ProviderFault::Invalid(
                "--name has 1 to 40 small letters, digits or `-`, and no other provider of the tenant has it".into(),
            )),
            done => Ok(done.map(drop)?),
        }
    }

    /// All of them.
    ///
    /// # Errors
    /// The database's.
    pub async fn list(&mut self) -> Result<Vec<ProviderInfo>, ProviderFault> {
        let rows = self.platform.run(self.tenant, "provider:read", &sql::list_providers()).await?;
        let info = |row: sql::ProviderRow| ProviderInfo {
            id: row.id,
            name: row.name,
            discovery: row.discovery,
            client_id: row.client_id,
            domains: row.domains,
            role: row.role,
        };
        Ok(rows.into_iter().map(info).collect())
    }

    /// Removes one; people keep their accounts and their sessions.
    ///
    /// # Errors
    /// There is none of this name.
    pub async fn remove(&mut self, name: &str) -> Result<(), ProviderFault> {
        let delete = sql::delete_provider(name.to_owned());
        let rows = self.platform.run(self.tenant, "provider:write", &delete).await?;
        rows.first().map(drop).ok_or(ProviderFault::NotThere)
    }
}
