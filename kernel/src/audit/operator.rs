//! The ledger at the command line: verified against its checkpoints, and given out leaf by leaf, so that
//! others can do the same with `docs/verify-ledger.mjs`.

use std::{
    collections::BTreeMap,
    io::{self, BufRead},
};

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{
    checkpoints::{Checkpoint, Claims, TYPE, claims_of},
    sql::CheckpointRow,
    tree::{Tree, hex},
};
use crate::{
    db::{DbError, Nothing, Platform, Statement},
    identity::{LoadError, SigningKey, notary},
    privacy::{Pii, Reveal},
    row, statements,
};

row! {
    /// The text of an entry in the tree.
    pub struct LeafRow { leaf: Pii<String> }
}

statements! {
    /// All of a tenant's, in the tree's order.
    fn read_leaves() -> LeafRow
        = "select audit.leaf(e) as leaf from audit.entry e where e.tenant_id = kernel.tenant()
            order by e.transaction_id, e.sequence";

    fn read_checkpoints() -> CheckpointRow
        = "select tree_size, root, last_at, made_at, signed from audit.checkpoint
            where tenant_id = kernel.tenant() order by tree_size";

    fn insert_reading() -> Nothing
        = "insert into audit.entry (operation, resource) values ('READ', 'audit.entry')";
}

/// Statements of the platform, for the schema check.
pub const STATEMENTS: &[&Statement] = ALL;

/// What was found of one tenant.
#[derive(Debug, Serialize)]
pub struct Verified {
    pub tenant_id: Uuid,
    pub entries: u64,
    /// How many of them, from the first on, are as a checkpoint says.
    pub verified: u64,
    pub checkpoints: usize,
    /// The time of the last entry that was verified.
    pub until: Option<Timestamp>,
    /// The first fault.
    pub fault: Option<Fault>,
}

/// Where the ledger is not what was signed: after one size of it (a checkpoint that is right, or none)
/// and up to another.
#[derive(Debug, Serialize)]
pub struct Fault {
    pub after: u64,
    pub up_to: u64,
    /// The times of the last entries at both ends, as far as a signature tells them.
    pub from: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub what: &'static str,
}

const ALTERED: &str = "an entry was altered, removed, put in or moved";
const GONE: &str = "entries that a checkpoint covers are gone from the end";
const FORGED: &str = "the notary did not sign the checkpoint that lies in the database";
const TAKEN_OUT: &str = "the checkpoint is kept outside and is gone from the database";

/// Why a ledger cannot be verified.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error(transparent)]
    Keys(#[from] LoadError),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("line {0} of the checkpoints is none that this server's notary signed")]
    Line(usize),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// What is known of the tree at one size.
#[derive(Default)]
struct Point {
    /// The roots that were signed: one, unless somebody began anew.
    roots: Vec<String>,
    last_at: Option<Timestamp>,
    in_database: bool,
    forged: bool,
}

type Points = BTreeMap<u64, Point>;

/// Verifies ledgers with the notary's keys.
pub struct Verifier {
    keys: Vec<SigningKey>,
}

impl Verifier {
    /// # Errors
    /// The keys cannot be loaded.
    pub async fn new(platform: &mut Platform, secret: &[u8]) -> Result<Self, AuditError> {
        Ok(Self { keys: notary::load_keys(platform, secret).await? })
    }

    /// Computes the tree of a tenant's entries again and compares it with the checkpoints in the
    /// database and with those of `outside`, whose lines may be of other tenants too.
    ///
    /// # Errors
    /// The database's, or a line outside that is no signed checkpoint.
    pub async fn verify(
        &self,
        platform: &mut Platform,
        tenant: Uuid,
        outside: Option<Box<dyn BufRead + Send>>,
    ) -> Result<Verified, AuditError> {
        let mut points = Points::new();
        // Checkpoints before entries: those that are made meanwhile cover what is read too.
        platform
            .each(tenant, "audit:verify", &read_checkpoints(), |row| {
                self.note_kept(tenant, &row, &mut points);
                Ok::<_, AuditError>(())
            })
            .await?;
        if let Some(lines) = outside {
            self.note_outside(tenant, lines, &mut points)?;
        }
        let mut walk = Walk { points, ..Walk::default() };
        platform
            .each(tenant, "audit:verify", &read_leaves(), |row| {
                // Nothing of it leaves: it is hashed.
                walk.step(row.leaf.peek(&Reveal::on_record()));
                Ok::<_, AuditError>(())
            })
            .await?;
        Ok(walk.end(tenant))
    }

    fn claims(&self, tenant: Uuid, signed: &str) -> Option<Claims> {
        let claims = claims_of(notary::read(&self.keys, TYPE, signed))?;
        (claims.tenant_id == tenant).then_some(claims)
    }

    fn note_kept(&self, tenant: Uuid, row: &CheckpointRow, points: &mut Points) {
        let point = points.entry(row.tree_size.cast_unsigned()).or_default();
        point.in_database = true;
        let told = Claims {
            tenant_id: tenant,
            tree_size: row.tree_size.cast_unsigned(),
            root: hex(&row.root),
            last_at: row.last_at,
        };
        if self.claims(tenant, &row.signed).as_ref() == Some(&told) {
            point.roots.push(told.root);
            point.last_at = Some(told.last_at);
        } else {
            point.forged = true;
        }
    }

    fn note_outside(
        &self,
        tenant: Uuid,
        lines: Box<dyn BufRead + Send>,
        points: &mut Points,
    ) -> Result<(), AuditError> {
        for (i, line) in lines.lines().enumerate() {
            let wrong = AuditError::Line(i + 1);
            let Ok(line) = serde_json::from_str::<Checkpoint>(&line?) else { return Err(wrong) };
            if line.claims.tenant_id != tenant {
                continue;
            }
            let Some(claims) = self.claims(tenant, &line.signed) else { return Err(wrong) };
            let point = points.entry(claims.tree_size).or_default();
            point.roots.push(claims.root);
            point.last_at = Some(claims.last_at);
        }
        Ok(())
    }
}

/// A walk along the entries, past the checkpoints.
#[derive(Default)]
struct Walk {
    points: Points,
    tree: Tree,
    /// The last checkpoint that is right: its size and its time.
    good: (u64, Option<Timestamp>),
    fault: Option<Fault>,
}

impl Walk {
    fn step(&mut self, leaf: &str) {
        self.tree.push(leaf.as_bytes());
        let size = self.tree.size();
        let Some(point) = self.points.get(&size) else { return };
        if self.fault.is_some() {
            return;
        }
        let root = hex(&self.tree.root());
        let what = match point {
            point if point.roots.iter().any(|signed| *signed != root) => ALTERED,
            point if point.forged => FORGED,
            point if !point.in_database => TAKEN_OUT,
            point => {
                self.good = (size, point.last_at);
                return;
            }
        };
        self.fault = Some(self.fault_at(size, point.last_at, what));
    }

    fn fault_at(&self, size: u64, until: Option<Timestamp>, what: &'static str) -> Fault {
        let (after, from) = self.good;
        Fault { after, up_to: size, from, until, what }
    }

    fn end(mut self, tenant_id: Uuid) -> Verified {
        let entries = self.tree.size();
        let beyond = self.points.range(entries + 1..).next();
        if let (None, Some((size, point))) = (&self.fault, beyond) {
            let what = if point.roots.is_empty() { FORGED } else { GONE };
            self.fault = Some(self.fault_at(*size, point.last_at, what));
        }
        let (verified, until) = self.good;
        let checkpoints = self.points.len();
        Verified { tenant_id, entries, verified, checkpoints, until, fault: self.fault }
    }
}

/// Gives out a tenant's entries in the tree's order, each as the very text that is hashed. Who looks, and
/// why ([`Platform::because`]), stands in the ledger before the first leaves.
///
/// # Errors
/// The database's, or those of `write`.
pub async fn export(
    platform: &mut Platform,
    tenant: Uuid,
    mut write: impl FnMut(&str) -> io::Result<()>,
) -> Result<(), AuditError> {
    platform.run(tenant, "audit:export", &insert_reading()).await?;
    let leaves = read_leaves();
    platform
        .each(tenant, "audit:export", &leaves, |row: LeafRow| {
            Ok::<_, AuditError>(write(row.leaf.peek(&Reveal::on_record()))?)
        })
        .await
}
