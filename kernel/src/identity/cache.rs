//! Keys that were used lately, so that a request need not ask the database who calls.

use std::{
    collections::{HashMap, HashSet},
    sync::{PoisonError, RwLock},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use uuid::Uuid;

use super::{ApiKey, sql};
use crate::{
    authz::Caller,
    core::Core,
    db::{Actor, Context, Origin},
    http::Problem,
};

/// Even a key that nothing was heard of is looked up again after this long.
const LONGEST: Duration = Duration::from_secs(60);
/// More than this many keys at once, and the cache begins anew.
const MOST: usize = 100_000;

#[derive(Clone)]
struct Known {
    id: Uuid,
    caller: Caller,
    ends_at: Option<Timestamp>,
    tenant_active: bool,
    looked_up: Instant,
}

/// The cache, and the times of use that wait to be written.
#[derive(Default)]
pub struct Keys {
    known: RwLock<HashMap<[u8; 32], Known>>,
    used: RwLock<HashMap<(Uuid, Uuid), Timestamp>>,
}

/// Why a credential was refused: as whom, and with which answer.
pub(crate) struct Refused {
    pub(crate) tenant: Uuid,
    pub(crate) actor: Actor,
    pub(crate) problem: Problem,
}

impl Refused {
    fn unknown(problem: Problem) -> Self {
        Self { tenant: Uuid::nil(), actor: Actor::Anonymous, problem }
    }
}

impl Keys {
    /// The caller behind the text of an `X-Api-Key` header.
    pub(crate) async fn identify(
        &self,
        core: &Core,
        origin: &Origin,
        header: Option<&str>,
    ) -> Result<Caller, Refused> {
        let key: ApiKey = header
            .and_then(|text| text.trim().parse().ok())
            .ok_or_else(|| Refused::unknown(Problem::unauthenticated()))?;
        let hash = key.hash();
        let cached = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned();
        let known = match cached.filter(|known| known.looked_up.elapsed() < LONGEST) {
            Some(known) => known,
            None => self.look_up(core, origin, hash).await?,
        };
        let now = core.clock.now();
        let refused =
            |problem| Refused { tenant: known.caller.tenant, actor: known.caller.actor, problem };
        if known.ends_at.is_some_and(|end| end <= now) {
            return Err(refused(Problem::unauthenticated()));
        }
        if !known.tenant_active {
            let detail = "this organisation is suspended: ask the operator of this service";
            return Err(refused(Problem::new(403, "tenant_suspended", detail)));
        }
        let used = (known.caller.tenant, known.id);
        self.used.write().unwrap_or_else(PoisonError::into_inner).insert(used, now);
        Ok(known.caller)
    }

    async fn look_up(
        &self,
        core: &Core,
        origin: &Origin,
        hash: [u8; 32],
    ) -> Result<Known, Refused> {
        let context = Context {
            tenant: Uuid::nil(),
            actor: Actor::Anonymous,
            permission: "identify",
            origin,
            search: None,
        };
        let found = core.flush(&context, &sql::find_key(hash.to_vec())).await;
        let found = found.map_err(|e| Refused::unknown(Problem::from_db(e, &[])))?;
        let Some(row) = found.into_iter().next() else {
            return Err(Refused::unknown(Problem::unauthenticated()));
        };
        let known = Known {
            id: row.id,
            caller: Caller {
                tenant: row.tenant_id,
                actor: Actor::ApiKey(row.id),
                role: row.role,
                require_if_match: row.require_if_match,
            },
            ends_at: [row.revoked_at, row.expires_at].into_iter().flatten().min(),
            tenant_active: row.tenant_active,
            looked_up: Instant::now(),
        };
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(hash, known.clone());
        Ok(known)
    }

    /// Forgets every key that is in `changed`, or whose tenant is.
    pub(crate) fn forget(&self, changed: &HashSet<Uuid>) {
        if changed.is_empty() {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, k| !changed.contains(&k.id) && !changed.contains(&k.caller.tenant));
    }

    /// The uses since the last call, by tenant.
    pub(crate) fn take_used(&self) -> HashMap<Uuid, (Vec<Uuid>, Vec<Timestamp>)> {
        let used = std::mem::take(&mut *self.used.write().unwrap_or_else(PoisonError::into_inner));
        let mut by_tenant: HashMap<Uuid, (Vec<Uuid>, Vec<Timestamp>)> = HashMap::new();
        for ((tenant, id), at) in used {
            let (ids, times) = by_tenant.entry(tenant).or_default();
            ids.push(id);
            times.push(at);
        }
        by_tenant
    }
}
