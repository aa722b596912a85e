//! Law as dated data, in the database: an operator loads a new version when a law changes, servers
//! hear of it within a second, and triggers read the same rows (`kernel.statute`).
//!
//! What a pack says and how it decides is [`policy::statutes`], which is pure.

mod operator;
pub(crate) mod sql;

use std::sync::{Arc, PoisonError};

pub(crate) use operator::load_built_in;
pub use operator::{Loaded, RuleInfo, STATEMENTS, list, load};
use policy::statutes::Statutes;

use crate::{core::Core, db::DbError};

/// Why statutes were not loaded or read; each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StatuteError {
    #[error("{0}")]
    Invalid(String),
    #[error(
        "version `{0}` is there with another text, and records may name it: give the changed text a version of its own"
    )]
    Differs(String),
    #[error("this binary cannot read the statutes in the database, so run a newer Reeve: {0}")]
    Unreadable(String),
    #[error("cannot use the statutes in the database: {0}")]
    Db(#[from] DbError),
}

impl Core {
    /// Reads the newest pack of each jurisdiction; the former ones stay where that fails.
    ///
    /// # Errors
    /// The database's, or a pack of a newer Reeve.
    pub async fn load_statutes(&self) -> Result<(), StatuteError> {
        let packs = self.run_as_watch(&sql::list_newest()).await?;
        let texts = packs.iter().map(|pack| pack.text.as_str());
        let statutes = Arc::new(Statutes::parse(texts).map_err(StatuteError::Unreadable)?);
        *self.statutes.write().unwrap_or_else(PoisonError::into_inner) = statutes;
        Ok(())
    }

    /// The law that this server decides by, as of the last look.
    pub fn statutes(&self) -> Arc<Statutes> {
        self.statutes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
