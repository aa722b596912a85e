//! Checkpoints: about every minute the ledger of each tenant that has grown is summed up in the root of a
//! Merkle tree, which the notary signs and which is kept outside of the database too (P8).
//!
//! The tree's order is that of `(transaction_id, sequence)`, as far as no running transaction can come
//! between, and a checkpoint goes on from the one before it: entries are read once.
//! docs/decisions/0015-ledger-checkpoints.md.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::{
    fs::{self, File, OpenOptions},
    io::AsyncWriteExt,
    time::{Instant, MissedTickBehavior, interval_at},
};
use uuid::Uuid;

use super::{
    sql::{self, LastRow, NewRow},
    tree::{Hash, Tree, hex},
};
use crate::{
    core::Core,
    db::{Context, DbError, Origin, Scope, Transaction},
    identity::{NotaryError, WATCH},
    privacy::Reveal,
};

/// The `typ` of a signed checkpoint.
pub(super) const TYPE: &str = "ledger-checkpoint+jwt";
const EVERY: Duration = Duration::from_secs(60);

/// What a checkpoint says, signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub tenant_id: Uuid,
    /// How many entries it covers, from the first on.
    pub tree_size: u64,
    /// The root of their tree (RFC 6962 section 2.1), in hexadecimal digits.
    pub root: String,
    /// The time of the last of them.
    pub last_at: Timestamp,
}

/// A checkpoint as it is kept outside, one a line.
#[derive(Serialize, Deserialize)]
pub struct Checkpoint {
    #[serde(flatten)]
    pub claims: Claims,
    /// The same as a compact JWS, which alone proves it.
    pub signed: String,
}

/// Why there is no checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error(transparent)]
    Notary(#[from] NotaryError),
    #[error(
        "the last checkpoint of organisation {0} is not what the notary signed, and nothing is built on it: run `reeve audit verify`"
    )]
    Broken(Uuid),
    #[error("a checkpoint could not be kept in {0}: {1}")]
    Outside(String, #[source] io::Error),
}

/// Makes checkpoints; [`run`](Self::run) it beside the server.
pub struct Checkpoints {
    core: Arc<Core>,
    /// Where they are kept outside of the database.
    folder: Option<PathBuf>,
}

impl Checkpoints {
    pub fn new(core: Arc<Core>, folder: Option<PathBuf>) -> Self {
        Self { core, folder }
    }

    /// Runs until `stop` resolves.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut tick = interval_at(Instant::now() + EVERY, EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let work = async {
            loop {
                tick.tick().await;
                self.make_all().await;
            }
        };
        tokio::select! {
            () = stop => {}
            () = work => {}
        }
    }

    async fn make_all(&self) {
        let warn = |error: &CheckpointError| {
            let error = error as &dyn std::error::Error;
            tracing::warn!(error, "could not make a checkpoint of the ledger; will try again");
        };
        match self.due().await {
            Ok(tenants) => {
                for tenant in tenants {
                    if let Err(error) = self.make(tenant).await {
                        warn(&error);
                    }
                }
            }
            Err(error) => warn(&error),
        }
    }

    /// The tenants with entries that no checkpoint covers; the nil one stands for what is nobody's.
    ///
    /// # Errors
    /// The database's.
    pub async fn due(&self) -> Result<Vec<Uuid>, CheckpointError> {
        let rows = self.core.run_as_watch(&sql::list_tenants_to_checkpoint()).await?;
        Ok(rows.into_iter().map(|row| row.tenant_id).collect())
    }

    /// Sums up what is new in a tenant's ledger. `None` where nothing is, or where another server is at
    /// it.
    ///
    /// # Errors
    /// See [`CheckpointError`]. [`Outside`](CheckpointError::Outside) comes after it was made.
    pub async fn make(&self, tenant: Uuid) -> Result<Option<Checkpoint>, CheckpointError> {
        let origin = Origin::internal(self.core.clock.new_id());
        let context = Context {
            tenant,
            actor: WATCH.actor(),
            permission: "server:watch",
            origin: &origin,
            scope: Scope::Own,
            now: None,
        };
        let (mut transaction, turn) =
            Transaction::begin(&self.core.db, &context, &[&sql::take_turn()]).await?;
        if !turn.iter().flatten().any(|row| row.done) {
            return Ok(None);
        }
        // In this order: the edge, then what lies before it.
        let edge = transaction.run(&sql::find_edge()).await?.into_iter().next();
        let edge = edge.ok_or_else(|| DbError::Internal("no edge".into()))?;
        let last = transaction.run(&sql::find_last_checkpoint()).await?.into_iter().next();
        let mut growth = self.resume(tenant, last)?;
        let place = growth.place;
        let new = sql::read_new_entries(growth.read_from, place.0, place.1, edge.ended);
        transaction.each(&new, |row| growth.take(row)).await?;
        let Some(last_at) = growth.last_at else { return Ok(None) };
        let root = growth.tree.root();
        let checkpoint = self.sign(tenant, growth.tree.size(), &root, last_at)?;
        let insert = sql::insert_checkpoint(
            growth.tree.size().cast_signed(),
            root.to_vec(),
            growth.tree.frontier(),
            growth.place.0,
            growth.place.1,
            last_at,
            growth.read_from_next(edge.since),
            checkpoint.signed.clone(),
        );
        transaction.commit(&[&insert]).await?;
        self.keep(&checkpoint).await?;
        Ok(Some(checkpoint))
    }

    /// The tree as the notary last signed it: a frontier that somebody else wrote is not gone on from.
    fn resume(&self, tenant: Uuid, last: Option<LastRow>) -> Result<Growth, CheckpointError> {
        let Some(last) = last else { return Ok(Growth::default()) };
        let tree = Tree::resume(last.tree_size, &last.frontier);
        let claims = claims_of(self.core.tokens.read_signed(TYPE, &last.signed));
        match (tree, claims) {
            (Some(tree), Some(claims))
                if claims.tenant_id == tenant
                    && claims.tree_size == tree.size()
                    && claims.root == hex(&tree.root()) =>
            {
                let place = (last.transaction_id, last.sequence);
                Ok(Growth { tree, place, read_from: last.read_from, ..Growth::default() })
            }
            _ => Err(CheckpointError::Broken(tenant)),
        }
    }

    fn sign(
        &self,
        tenant_id: Uuid,
        tree_size: u64,
        root: &Hash,
        last_at: Timestamp,
    ) -> Result<Checkpoint, NotaryError> {
        let claims = Claims { tenant_id, tree_size, root: hex(root), last_at };
        let signed = self.core.tokens.sign(TYPE, &claims, self.core.clock.now())?;
        Ok(Checkpoint { claims, signed })
    }

    /// Appends it to the tenant's file outside, and waits until it lies on the disk.
    async fn keep(&self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let path = folder.join(format!("{}.jsonl", checkpoint.claims.tenant_id));
        let kept = async {
            fs::create_dir_all(folder).await?;
            let mut line = serde_json::to_vec(checkpoint)?;
            line.push(b'\n');
            let mut file = OpenOptions::new().create(true).append(true).open(&path).await?;
            file.write_all(&line).await?;
            file.sync_all().await?;
            File::open(folder).await?.sync_all().await
        };
        kept.await.map_err(|e| CheckpointError::Outside(path.display().to_string(), e))
    }
}

/// The claims of a checkpoint that was signed.
pub(super) fn claims_of(signed: Option<Map<String, Value>>) -> Option<Claims> {
    serde_json::from_value(Value::Object(signed?)).ok()
}

/// A tree while it grows, and what is seen beyond the edge.
#[derive(Default)]
struct Growth {
    tree: Tree,
    /// Transaction and sequence of the last entry covered.
    place: (i64, i64),
    /// From which time on entries are looked for.
    read_from: Timestamp,
    /// The time of the last of the new entries.
    last_at: Option<Timestamp>,
    /// The earliest time of those beyond the edge.
    left: Option<Timestamp>,
}

impl Growth {
    fn take(&mut self, row: NewRow) {
        match row.leaf {
            Some(leaf) => {
                // Nothing of it leaves: it is hashed.
                self.tree.push(leaf.peek(&Reveal::on_record()).as_bytes());
                self.place = (row.transaction_id, row.sequence);
                self.last_at = Some(row.at);
            }
            None => self.left = Some(self.left.map_or(row.at, |left| left.min(row.at))),
        }
    }

    /// From which time on the next checkpoint looks: nothing that is not covered is earlier, neither what
    /// was seen beyond the edge nor what a transaction writes that had not ended. Where that is not
    /// known, what held before holds still.
    fn read_from_next(&self, since: Option<Timestamp>) -> Timestamp {
        let known = since.map(|since| self.left.map_or(since, |left| left.min(since)));
        known.map_or(self.read_from, |known| known.max(self.read_from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_look_begins_no_later_than_what_is_left_and_no_earlier_than_this_one() {
        let at = |second| Timestamp::from_second(second).ok();
        let next = |read_from: Option<Timestamp>, left, since| {
            let read_from = read_from.unwrap_or_default();
            Some(Growth { read_from, left, ..Growth::default() }.read_from_next(since))
        };
        assert_eq!(next(at(5), None, at(9)), at(9), "nothing is left");
        assert_eq!(next(at(5), at(7), at(9)), at(7), "an entry beyond the edge");
        assert_eq!(next(at(5), at(10), at(9)), at(9));
        assert_eq!(next(at(5), None, None), at(5), "somebody runs since who knows when");
        assert_eq!(next(None, at(7), None), at(0));
        assert_eq!(next(None, None, at(9)), at(9));
        assert_eq!(next(at(5), None, at(4)), at(5), "what held before holds still");
    }
}
