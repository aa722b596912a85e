//! Callers that were seen lately, so that a request need not ask the database who calls.
//!
//! A credential is a key or a token. Of a token only the signature and the times are believed by
//! themselves; the session, the person's standing and the role are the database's, kept here until
//! the watch hears of a change (P7).

use std::{
    collections::{HashMap, HashSet},
    sync::{PoisonError, RwLock},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use uuid::Uuid;

use super::{ApiKey, sql, token::Presented};
use crate::{
    authz::Caller,
    core::Core,
    db::{Actor, Context, Origin, Scope},
    http::Problem,
    sockets,
};

/// Even a caller that nothing was heard of is looked up again after this long.
const LONGEST: Duration = Duration::from_secs(60);
/// More than this many callers at once, and the cache begins anew.
const MOST: usize = 100_000;

/// What a request was signed with, as it came.
pub(crate) enum Credential<'a> {
    None,
    Key(&'a str),
    Bearer(&'a str),
    /// One made for a socket at this record, shown once.
    Ticket(&'a str, Uuid),
    /// Two at once: nobody may guess which was meant (T13).
    Ambiguous,
}

/// The name under which a caller is kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Name {
    Key([u8; 32]),
    Session(Uuid),
}

#[derive(Clone)]
struct Known {
    /// The key's or the session's id.
    id: Uuid,
    caller: Caller,
    standing: Standing,
    looked_up: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Good,
    /// Withdrawn: revoked, signed out. That is a fact and no time to compare, for it was written by
    /// the database's clock.
    Ended,
    TenantSuspended,
    AccountInactive,
}

/// The cache, and the times of use that wait to be written.
#[derive(Default)]
pub struct Callers {
    known: RwLock<HashMap<Name, Known>>,
    used: RwLock<HashMap<(Uuid, Uuid), Timestamp>>,
}

/// Why a credential was refused: as whom, and with which answer.
pub(crate) struct Refused {
    pub(crate) tenant: Uuid,
    pub(crate) actor: Actor,
    pub(crate) problem: Box<Problem>,
}

impl Refused {
    pub(crate) fn unknown(problem: Problem) -> Self {
        Self { tenant: Uuid::nil(), actor: Actor::Anonymous, problem: problem.into() }
    }

    fn nobody() -> Self {
        Self::unknown(Problem::unauthenticated())
    }
}

impl Callers {
    /// The caller behind a credential.
    pub(crate) async fn identify(
        &self,
        core: &Core,
        origin: &Origin,
        credential: Credential<'_>,
    ) -> Result<Caller, Refused> {
        let known = match credential {
            Credential::None => return Err(Refused::nobody()),
            Credential::Ambiguous => {
                let detail = "send one credential: X-Api-Key or Authorization, not both";
                let problem = Problem::new(400, "ambiguous_credentials", detail);
                return Err(Refused::unknown(problem));
            }
            Credential::Key(text) => self.by_key(core, origin, text).await?,
            Credential::Bearer(text) => self.by_token(core, origin, text).await?,
            Credential::Ticket(text, record) => by_ticket(core, origin, text, record).await?,
        };
        known.judge(core.clock.now())
    }

    async fn by_key(&self, core: &Core, origin: &Origin, text: &str) -> Result<Known, Refused> {
        let key: ApiKey = text.trim().parse().map_err(|_| Refused::nobody())?;
        let hash = key.hash();
        let known = match self.recall(Name::Key(hash)) {
            Some(known) => known,
            None => {
                let row = look_up(core, origin, Uuid::nil(), &sql::find_key(hash.to_vec())).await?;
                self.keep(Name::Key(hash), key_holder(core, row)?)
            }
        };
        let used = (known.caller.tenant, known.id);
        let mut uses = self.used.write().unwrap_or_else(PoisonError::into_inner);
        uses.insert(used, core.clock.now());
        Ok(known)
    }

    async fn by_token(&self, core: &Core, origin: &Origin, text: &str) -> Result<Known, Refused> {
        let presented = core.tokens.verify(text, core.clock.now()).ok_or_else(Refused::nobody)?;
        let name = Name::Session(presented.session);
        if let Some(known) = self.recall(name) {
            let same = known.caller.tenant == presented.tenant
                && known.caller.actor == Actor::User(presented.account);
            return if same { Ok(known.until(presented.until)) } else { Err(Refused::nobody()) };
        }
        let find = sql::find_session(presented.session);
        let row = look_up(core, origin, presented.tenant, &find).await?;
        Ok(self.keep(name, session_holder(core, &presented, row)?).until(presented.until))
    }

    fn recall(&self, name: Name) -> Option<Known> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&name).filter(|known| known.looked_up.elapsed() < LONGEST).cloned()
    }

    fn keep(&self, name: Name, known: Known) -> Known {
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(name, known.clone());
        known
    }

    /// Forgets every caller whose key, session, account or tenant is in `changed`.
    pub(crate) fn forget(&self, changed: &HashSet<Uuid>) {
        if changed.is_empty() {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, k| {
            let actor = k.caller.actor.id().is_some_and(|id| changed.contains(&id));
            !actor && !changed.contains(&k.id) && !changed.contains(&k.caller.tenant)
        });
    }

    /// The uses of keys since the last call, by tenant.
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

impl Known {
    /// The same, by a token that is good until then.
    fn until(mut self, token: Option<Timestamp>) -> Self {
        self.caller.until = self.caller.until.into_iter().chain(token).min();
        self
    }

    /// The caller, if they may come in at this time.
    fn judge(self, now: Timestamp) -> Result<Caller, Refused> {
        let problem = match self.standing {
            Standing::Good if self.caller.until.is_none_or(|until| until > now) => {
                return Ok(self.caller);
            }
            Standing::Good | Standing::Ended => Problem::unauthenticated(),
            Standing::TenantSuspended => Problem::tenant_suspended(),
            Standing::AccountInactive => {
                let detail =
                    "this account is not active: ask an administrator of your organisation";
                Problem::new(403, "account_inactive", detail)
            }
        };
        let Caller { tenant, actor, .. } = self.caller;
        Err(Refused { tenant, actor, problem: problem.into() })
    }
}

/// Whether a caller is still who they were, asked of the database whatever is kept.
pub(crate) async fn confirm(core: &Core, origin: &Origin, caller: &Caller) -> Result<(), Refused> {
    let Caller { tenant, until, .. } = *caller;
    let known = match (caller.actor, caller.session) {
        (Actor::ApiKey(id), _) => {
            key_holder(core, look_up(core, origin, tenant, &sql::find_key_by_id(id)).await?)?
        }
        (Actor::User(account), Some(session)) => {
            let row = look_up(core, origin, tenant, &sql::find_session(session)).await?;
            session_holder(core, &Presented { tenant, account, session, until }, row)?
        }
        _ => return Err(Refused::nobody()),
    };
    let now = known.until(until).judge(core.clock.now())?;
    if now.role == caller.role { Ok(()) } else { Err(Refused::nobody()) }
}

/// Who wanted something done later, as they are now: a key that is good, or somebody whose account is. A session they had
/// may have ended since.
pub(crate) async fn recall(
    core: &Core,
    origin: &Origin,
    tenant: Uuid,
    actor: Actor,
) -> Result<Caller, Refused> {
    let known = match actor {
        Actor::ApiKey(id) => {
            key_holder(core, look_up(core, origin, tenant, &sql::find_key_by_id(id)).await?)?
        }
        Actor::User(id) => {
            let row = look_up(core, origin, tenant, &sql::find_account(id)).await?;
            account_holder(core, (tenant, id), row)?
        }
        _ => return Err(Refused::nobody()),
    };
    let caller = known.judge(core.clock.now())?;
    Ok(Caller { authenticated_by: "job", ..caller })
}

/// Whoever made the ticket, as they stand now.
async fn by_ticket(
    core: &Core,
    origin: &Origin,
    text: &str,
    record: Uuid,
) -> Result<Known, Refused> {
    let ticket = sockets::Presented::read(text.trim()).ok_or_else(Refused::nobody)?;
    let sockets::Presented { tenant, hash } = ticket;
    let used = sockets::sql::use_ticket(hash, record, core.clock.now());
    let row = look_up(core, origin, tenant, &used).await?;
    let (account, until) = (row.actor_id, row.until);
    let known = match row.session_id {
        Some(session) => {
            let found = look_up(core, origin, tenant, &sql::find_session(session)).await?;
            session_holder(core, &Presented { tenant, account, session, until }, found)?
        }
        None => {
            key_holder(core, look_up(core, origin, tenant, &sql::find_key_by_id(account)).await?)?
        }
    };
    Ok(known.until(until))
}

/// The one row of a credential's look-up.
async fn look_up<R: crate::db::Row>(
    core: &Core,
    origin: &Origin,
    tenant: Uuid,
    statement: &crate::db::Bound<R>,
) -> Result<R, Refused> {
    let actor = Actor::Anonymous;
    let context =
        Context { tenant, actor, permission: "identify", origin, scope: Scope::Own, now: None };
    let found = core.flush(&context, statement).await;
    let found = found.map_err(|e| Refused::unknown(Problem::from_db(e, &[])))?;
    found.into_iter().next().ok_or_else(Refused::nobody)
}

fn key_holder(core: &Core, row: sql::KeyRow) -> Result<Known, Refused> {
    let realm = core.realm(&row.realm).ok_or_else(Refused::nobody)?.name;
    let standing = match (row.tenant_active, row.revoked_at) {
        (false, _) => Standing::TenantSuspended,
        (true, Some(_)) => Standing::Ended,
        (true, None) => Standing::Good,
    };
    Ok(Known {
        id: row.id,
        caller: Caller {
            tenant: row.tenant_id,
            actor: Actor::ApiKey(row.id),
            realm,
            role: core.matrix.role(realm, &row.role),
            session: None,
            authenticated_by: "api_key",
            until: row.expires_at,
            require_if_match: row.require_if_match,
        },
        standing,
        looked_up: Instant::now(),
    })
}

fn account_holder(
    core: &Core,
    (tenant, id): (Uuid, Uuid),
    row: sql::AccountRow,
) -> Result<Known, Refused> {
    let realm = core.realm(&row.realm).ok_or_else(Refused::nobody)?.name;
    let standing = match (row.tenant_active, row.account_active) {
        (false, _) => Standing::TenantSuspended,
        (true, false) => Standing::AccountInactive,
        (true, true) => Standing::Good,
    };
    let caller = Caller {
        tenant,
        actor: Actor::User(id),
        realm,
        role: row.role.and_then(|role| core.matrix.role(realm, &role)),
        require_if_match: row.require_if_match,
        ..Caller::anonymous()
    };
    Ok(Known { id, caller, standing, looked_up: Instant::now() })
}

fn session_holder(
    core: &Core,
    presented: &Presented,
    row: sql::SessionRow,
) -> Result<Known, Refused> {
    if row.account_id != presented.account {
        return Err(Refused::nobody());
    }
    let realm = core.realm(&row.realm).ok_or_else(Refused::nobody)?.name;
    let standing = match (row.tenant_active, row.account_active, row.ended_at) {
        (false, _, _) => Standing::TenantSuspended,
        (true, false, _) => Standing::AccountInactive,
        (true, true, Some(_)) => Standing::Ended,
        (true, true, None) => Standing::Good,
    };
    let by_password = row.authenticated_by == "password";
    Ok(Known {
        id: presented.session,
        caller: Caller {
            tenant: presented.tenant,
            actor: Actor::User(row.account_id),
            realm,
            role: row.role.and_then(|role| core.matrix.role(realm, &role)),
            session: Some(presented.session),
            authenticated_by: if by_password { "password" } else { "sso" },
            until: Some(row.expires_at),
            require_if_match: row.require_if_match,
        },
        standing,
        looked_up: Instant::now(),
    })
}
