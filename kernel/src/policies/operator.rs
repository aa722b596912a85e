//! Policies at the command line: the default ones of a new organization, and questions put to those
//! of one that exists.

use jiff::Timestamp;
use policy::{Matrix, PolicySet, Rule, Vocabulary};
use uuid::Uuid;

use super::{
    engine::{self, Case, Verdict},
    http::Stored,
    sql,
};
use crate::{
    core::Clock,
    db::{DbError, Platform},
};

/// Why policies could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum PolicyFault {
    #[error("this realm has no attribute policies: its matrix alone decides")]
    None,
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// The policies of one organization, to be asked.
pub struct Questions<'a> {
    matrix: &'a Matrix,
    vocabulary: &'a Vocabulary,
    realm: String,
    set: PolicySet,
}

impl<'a> Questions<'a> {
    /// Reads the policies of `tenant`.
    ///
    /// # Errors
    /// The database's.
    pub async fn of(
        platform: &mut Platform,
        (matrix, vocabulary): (&'a Matrix, &'a Vocabulary),
        (tenant, realm): (Uuid, String),
    ) -> Result<Self, PolicyFault> {
        let rows = platform.run(tenant, "policy:read", &sql::list_policies()).await?;
        let rules: Vec<Rule> = rows.into_iter().map(engine::rule).collect();
        Ok(Self { matrix, vocabulary, realm, set: PolicySet::of(vocabulary.restore(&rules)) })
    }

    /// What would be decided.
    ///
    /// # Errors
    /// There is no such role.
    pub fn ask(&self, case: &Case, now: Timestamp) -> Result<Verdict, PolicyFault> {
        let name = case.role.as_deref().unwrap_or_default();
        let role = self.matrix.role(&self.realm, name).ok_or_else(|| {
            let names = self.matrix.names(&self.realm).join(", ");
            PolicyFault::Invalid(format!("`role` is one of {names}"))
        })?;
        Ok(engine::evaluate((self.matrix, self.vocabulary), &self.set, Some(role), case, now))
    }
}

/// Writes the default policies of a new organization: everybody's role decides, until somebody
/// narrows it.
pub(crate) async fn insert_defaults(
    platform: &mut Platform,
    clock: &Clock,
    vocabulary: &Vocabulary,
    tenant: Uuid,
) -> Result<(), DbError> {
    for rule in vocabulary.default_rules(|| clock.new_id()) {
        let id = rule.id;
        let stored = Stored::check(vocabulary, rule).map_err(|p| DbError::Internal(p.detail))?;
        let insert = sql::insert_policy(
            id,
            stored.name,
            Some("Made with the organization: narrow or remove it as you like.".into()),
            stored.effect,
            stored.resource,
            stored.actions,
            stored.conditions,
            stored.cedar,
        );
        platform.run(tenant, "policy:write", &insert).await?;
    }
    Ok(())
}
