//! A password is looked at: whose it may be, how often it was tried, whether it is right. Every way
//! to be wrong takes the same steps and ends in the same answer (S-084).

use std::time::Duration;

use aws_lc_rs::hmac;
use jiff::ToSpan;
use passwords::{HashError, Password, PasswordHash, Policy, Verdict};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::{SignIn, TokenResponse, rules, sql};
use crate::{
    authz::{Answer, Authorized, Caller, Committed, Permission},
    core::Core,
    db::{Actor, Bound, Done},
    http::{Counted, Problem, place},
    identity::{Bearer, Family, Realm},
    seal::derive,
};

/// No wrong answer comes sooner: realms hash at different costs, and the difference would tell
/// which realm an address belongs to, and so that it exists.
const SOONEST: Duration = Duration::from_millis(400);

/// What a login brings.
pub(super) struct Attempt {
    pub(super) email: String,
    pub(super) password: Password,
    pub(super) hint: Option<String>,
    pub(super) host: Option<String>,
}

/// The one refusal of every login.
pub(super) fn refused(tenant: Uuid, permission: &'static str) -> Problem {
    let detail = "the e-mail address or the password is wrong";
    let problem = Problem::new(401, "invalid_credentials", detail);
    problem.refusing_in(permission, tenant).oauth("invalid_grant")
}

/// Signs in with a password.
pub(super) async fn by_password(
    act: &Authorized<SignIn>,
    attempt: Attempt,
) -> Result<Committed<TokenResponse>, Problem> {
    let soonest = Instant::now() + SOONEST;
    let outcome = judge(act, attempt).await;
    let wrong = |problem: &Problem| problem.status == 401 || problem.code == "too_many_requests";
    if outcome.as_ref().is_err_and(wrong) {
        sleep_until(soonest).await;
    }
    let (found, account, verdict) = outcome?;
    let core = act.core();
    let realm = *core.realm(&found.realm).ok_or_else(|| refused(found.tenant_id, SignIn::NAME))?;
    let person = act.on_behalf_of(Caller {
        tenant: found.tenant_id,
        actor: Actor::User(account),
        ..Caller::anonymous()
    });
    let hashes = Hashes {
        verified: found.password_hash,
        better: verdict.rehash.map(|hash| hash.as_str().to_owned()),
    };
    let who = (account, found.role);
    let Opening { tokens, statement, .. } = prepare(&person, &realm, who, "password", hashes)?;
    let opened = person.write_then(statement, |_, _| Ok(Answer::ok(tokens).shown_once())).await;
    // No row: the account is no longer what it was a moment ago.
    opened.map_err(|problem| match problem.status {
        404 => refused(found.tenant_id, SignIn::NAME),
        _ => problem,
    })
}

/// The account whose password this is.
async fn judge(
    act: &Authorized<SignIn>,
    attempt: Attempt,
) -> Result<(sql::LoginRow, Uuid, Verdict), Problem> {
    let core = act.core();
    if attempt.hint.as_ref().is_some_and(|hint| hint.contains('\0')) {
        let msg = "the character U+0000 cannot be stored";
        return Err(Problem::field(&["body", "tenant"], "control_character", msg));
    }
    if !attempt.password.is_possible() {
        return Err(busy(HashError::Unchecked));
    }
    let email = rules::email(&attempt.email).unwrap_or_default();
    let default = core.identity.default_tenant.clone();
    let named = attempt.hint.is_some();
    let find = sql::find_login(email.clone(), attempt.hint, attempt.host, default);
    let found = act.look_up(find).await?.into_iter().next();
    let tenant = found.as_ref().map_or(Uuid::nil(), |row| row.tenant_id);
    let account = found.as_ref().and_then(|row| row.account_id);
    let realm = found.as_ref().and_then(|row| core.realm(&row.realm));
    let counted = count(act, realm, named, &email).await?;
    if named {
        act.tell_count(counted)?;
    }
    let given = Given {
        email,
        password: attempt.password,
        hash: found.as_ref().and_then(|row| row.password_hash.clone()),
        // Where nothing is known, the dearest: nobody learns by the time that it is nobody's.
        policy: realm.map_or(Policy::Pbkdf2Sha256, |realm| realm.passwords),
        familiar: found.as_ref().is_some_and(|row| row.familiar),
        tenant,
    };
    let verdict = check(act, given).await?;
    let unlimited = realm.is_some_and(|realm| realm.login_limit.is_none());
    if !(unlimited && verdict.right) {
        act.tell_count(counted)?;
    }
    match (found, account) {
        (Some(row), Some(_)) if verdict.right && !row.tenant_active => {
            Err(Problem::tenant_suspended().refusing_in(SignIn::NAME, tenant))
        }
        (Some(row), Some(account)) if verdict.right && row.state.as_deref() == Some("active") => {
            Ok((row, account, verdict))
        }
        _ => Err(refused(tenant, SignIn::NAME)),
    }
}

/// Counts a login by address and name where the realm of the organisation limits them. Where the organisation is not
/// named, and so follows from the e-mail address, every login is counted: what a wrong password is answered must not
/// tell whose the address is.
async fn count(
    act: &Authorized<SignIn>,
    realm: Option<&Realm>,
    named: bool,
    email: &str,
) -> Result<Option<Counted>, Problem> {
    let core = act.core();
    let limit = match realm.filter(|_| named) {
        Some(realm) => realm.login_limit,
        None => core.realms.iter().find_map(|realm| realm.login_limit),
    };
    let Some(limit) = limit else { return Ok(None) };
    let who = format!("{} {email}", place(act.origin().address));
    limit.count(core, act.origin(), &who).await.map(Some)
}

/// A password to be looked at.
pub(super) struct Given {
    /// As it is compared; empty when it was none.
    pub(super) email: String,
    pub(super) password: Password,
    pub(super) hash: Option<String>,
    pub(super) policy: Policy,
    /// Whether the account has signed in from this address before.
    pub(super) familiar: bool,
    /// In whose ledger a refusal belongs.
    pub(super) tenant: Uuid,
}

/// Looks at a password under the count of attempts, which is taken before; given back when the
/// hashers are busy, and begun anew when the password is right.
pub(super) async fn check<P: Permission>(
    act: &Authorized<P>,
    given: Given,
) -> Result<Verdict, Problem> {
    let counter = act.on_behalf_of(Caller::anonymous());
    let name = name_hash(act.core(), given.email.as_bytes());
    let waits = counter.look_up(sql::begin_attempt(name.clone(), given.familiar)).await?;
    let seconds = waits.first().map_or(0, |wait| wait.seconds);
    if let Ok(seconds @ 1..) = u32::try_from(seconds) {
        let detail = "too many attempts: wait as long as Retry-After says";
        let problem = Problem::new(429, "too_many_attempts", detail);
        let problem = problem.refusing_in(P::NAME, given.tenant);
        return Err(Problem { retry_after: Some(seconds), ..problem });
    }
    let hash = given.hash.map(PasswordHash::from_stored);
    match act.core().hashers.verify(given.password, hash, given.policy).await {
        Ok(verdict) if verdict.right => {
            counter.look_up(sql::forget_attempts(name)).await?;
            Ok(verdict)
        }
        Ok(verdict) => Ok(verdict),
        Err(HashError::Unreadable(error)) => {
            tracing::warn!(%error, tenant = %given.tenant, "a stored password cannot be verified");
            Ok(Verdict::default())
        }
        Err(error) => {
            counter.look_up(sql::take_back_attempt(name)).await?;
            Err(busy(error))
        }
    }
}

/// What to say when no hash could be computed.
pub(crate) fn busy(error: HashError) -> Problem {
    match error {
        HashError::Busy { retry_after_seconds } => Problem {
            retry_after: Some(retry_after_seconds),
            ..Problem::unavailable("too many people sign in at this moment; try again shortly")
        },
        HashError::Unchecked => {
            let msg = "a password has at most 256 characters, none of them U+0000";
            Problem::field(&["body", "password"], "too_long", msg)
        }
        other => Problem::internal(other),
    }
}

/// Names are counted under a keyed hash, so that the table tells nobody who tried.
fn name_hash(core: &Core, name: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &derive(&core.identity.secret, "login name"));
    hmac::sign(&key, name).as_ref().to_vec()
}

/// The hash that a password was found right by, and its successor; none for a sign-on.
#[derive(Default)]
pub(crate) struct Hashes {
    verified: Option<String>,
    better: Option<String>,
}

/// A session about to be opened, and its first tokens.
pub(crate) struct Opening {
    pub(crate) session: Uuid,
    pub(crate) tokens: TokenResponse,
    pub(crate) statement: Bound<Done>,
}

/// Prepares a session for who has shown who they are.
pub(crate) fn prepare<P: Permission>(
    person: &Authorized<P>,
    realm: &Realm,
    (account, role): (Uuid, Option<String>),
    authenticated_by: &'static str,
    hashes: Hashes,
) -> Result<Opening, Problem> {
    let core = person.core();
    let (session, now) = (person.new_id(), person.now());
    let expires_at = match realm.refresh_days {
        Some(days) => now + (i64::from(days) * 24).hours(),
        None => now + i64::from(core.identity.minutes(realm)).minutes(),
    };
    let family = Family { tenant: person.caller().tenant, account, session, generation: 0 };
    let tokens = tokens(core, realm, role.as_deref(), &family)?;
    let Hashes { verified, better } = hashes;
    let statement =
        sql::open_session(session, account, authenticated_by, expires_at, verified, better);
    Ok(Opening { session, tokens, statement })
}

/// The tokens of a session's generation.
pub(crate) fn tokens(
    core: &Core,
    realm: &Realm,
    role: Option<&str>,
    family: &Family,
) -> Result<TokenResponse, Problem> {
    let &Family { tenant, account, session, .. } = family;
    let bearer = Bearer { realm, tenant, account, session, role };
    let minutes = core.identity.minutes(realm);
    let issued = core.tokens.issue(&bearer, core.clock.now(), minutes, core.clock.new_id());
    let access_token =
        issued.ok_or_else(|| Problem::internal("the ring holds no key that signs"))?;
    Ok(TokenResponse {
        access_token,
        token_type: "bearer",
        expires_in: minutes * 60,
        refresh_token: realm.refresh_days.map(|_| core.tokens.refresh_token(family)),
    })
}
