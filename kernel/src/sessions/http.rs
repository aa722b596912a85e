//! Requests of signing in and out.

use std::net::IpAddr;

use jiff::Timestamp;
use passwords::{Password, PasswordHash};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    EndSessions, ReadKeys, ReadSessions, Refresh, SignIn, UseCode,
    login::{self, Attempt, Given},
    rules, sql,
};
use crate::{
    authz::{Answer, Authorized, Caller, Committed, Disclosed, Fetched, Permission},
    db::Actor,
    http::{Body, Form, Hints, Item, Problem},
    identity::{Family, OneTimeCode, TokenText},
    people::OwnAccount,
    privacy::{Pii, Reveal},
};

/// Tokens of a session (RFC 6749 section 5.1).
#[derive(Serialize, ToSchema)]
pub struct TokenResponse {
    #[schema(value_type = String)]
    pub access_token: TokenText,
    /// `bearer`.
    pub token_type: &'static str,
    /// Seconds that the access token lasts.
    pub expires_in: u32,
    /// For the next tokens; realms whose clients know no refresh have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub refresh_token: Option<TokenText>,
}

/// The form of RFC 6749 section 4.3.2. `scope`, `client_id` and `client_secret` are let by.
#[derive(Deserialize, ToSchema)]
pub struct TokenForm {
    /// `password`.
    grant_type: Option<String>,
    /// The e-mail address.
    username: String,
    #[schema(value_type = String, format = Password)]
    password: Password,
    /// The organisation: its id, code or name.
    tenant: Option<String>,
}

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    email: String,
    #[schema(value_type = String, format = Password)]
    password: Password,
    /// The organisation: its id, code or name.
    #[serde(alias = "municipality_code")]
    tenant: Option<String>,
}

pub async fn token(
    act: Authorized<SignIn>,
    (Form(form), hints): (Form<TokenForm>, Hints),
) -> Result<Committed<TokenResponse>, Problem> {
    if form.grant_type.as_deref().is_some_and(|grant| grant != "password") {
        let detail = "grant_type is `password` here; to refresh, use POST /auth/refresh";
        let problem = Problem::new(400, "unsupported_grant_type", detail);
        return Err(problem.oauth("unsupported_grant_type"));
    }
    let attempt = Attempt {
        email: form.username,
        password: form.password,
        hint: form.tenant.or(hints.tenant),
        host: hints.host,
    };
    login::by_password(&act, attempt).await
}

pub async fn login(
    act: Authorized<SignIn>,
    (Body(body), hints): (Body<LoginRequest>, Hints),
) -> Result<Committed<TokenResponse>, Problem> {
    let attempt = Attempt {
        email: body.email,
        password: body.password,
        hint: body.tenant.or(hints.tenant),
        host: hints.host,
    };
    login::by_password(&act, attempt).await
}

/// Hashes a new password that the rules allow.
pub(crate) async fn hash_new<P: Permission>(
    act: &Authorized<P>,
    field: &str,
    password: Password,
    person: &passwords::Person<'_>,
    policy: passwords::Policy,
) -> Result<PasswordHash, Problem> {
    passwords::check(&password, person)
        .map_err(|weak| Problem::field(&["body", field], "weak_password", weak.to_string()))?;
    act.core().hashers.hash(password, policy).await.map_err(login::busy)
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    refresh_token: String,
}

pub async fn refresh(
    act: Authorized<Refresh>,
    Body(body): Body<RefreshRequest>,
) -> Result<Committed<TokenResponse>, Problem> {
    let core = act.core().clone();
    let family = core.tokens.read_refresh(&body.refresh_token);
    let family = family.ok_or_else(|| ended(Uuid::nil(), "invalid_refresh_token"))?;
    let Family { tenant, account, session, generation } = family;
    let person =
        act.on_behalf_of(Caller { tenant, actor: Actor::User(account), ..Caller::anonymous() });
    let turn = sql::turn_session(session, account, generation);
    let turned = person.write_then(turn, move |row: sql::Turned, _| {
        if row.outcome == "suspended" {
            return Err(Problem::tenant_suspended().refusing_in(Refresh::NAME, tenant));
        }
        let realm = core.realm(&row.realm).filter(|_| row.account_active);
        match (row.outcome.as_str(), realm) {
            ("turned", Some(realm)) => {
                let next = Family { generation: row.generation, ..family };
                let tokens = login::tokens(&core, realm, row.role.as_deref(), &next)?;
                Ok(Answer::ok(tokens).shown_once())
            }
            ("reuse", _) => Err(ended(tenant, "refresh_reuse")),
            _ => Err(ended(tenant, "invalid_refresh_token")),
        }
    });
    let turned = turned.await;
    if matches!(&turned, Err(problem) if problem.code == "refresh_reuse") {
        act.core().callers.forget(&[session].into());
    }
    turned.map_err(|problem| match problem.status {
        404 => ended(tenant, "invalid_refresh_token"),
        _ => problem,
    })
}

fn ended(tenant: Uuid, code: &'static str) -> Problem {
    let problem = Problem::new(401, code, "this session has ended: sign in again");
    problem.refusing_in(Refresh::NAME, tenant).oauth("invalid_grant")
}

pub async fn logout(act: Authorized<EndSessions>, (): ()) -> Result<Committed<()>, Problem> {
    let (account, session) = own(&act)?;
    end(&act, sql::end_session(session, account, "logout"), session).await
}

pub async fn end_one(
    act: Authorized<EndSessions>,
    Item(session): Item<Uuid>,
) -> Result<Committed<()>, Problem> {
    let (account, _) = own(&act)?;
    end(&act, sql::end_session(session, account, "ended_by_owner"), session).await
}

pub async fn end_all(act: Authorized<EndSessions>, (): ()) -> Result<Committed<()>, Problem> {
    let (account, _) = own(&act)?;
    end(&act, sql::end_sessions(account), account).await
}

/// Ends sessions and forgets them here at once; the feed tells the other replicas.
async fn end<R: crate::db::Row>(
    act: &Authorized<EndSessions>,
    statement: crate::db::Bound<R>,
    forgotten: Uuid,
) -> Result<Committed<()>, Problem> {
    let done = act.write(statement, |_, _| Answer::gone()).await?;
    act.core().callers.forget(&[forgotten].into());
    Ok(done)
}

/// The caller's account and session; a key has neither.
fn own<P: Permission>(act: &Authorized<P>) -> Result<(Uuid, Uuid), Problem> {
    match (act.caller().actor, act.caller().session) {
        (Actor::User(account), Some(session)) => Ok((account, session)),
        _ => Err(Problem::conflict("no_session", "this is an API key: it has no session")),
    }
}

/// One of the caller's sessions.
#[derive(Serialize, ToSchema)]
pub struct SessionView {
    id: Uuid,
    /// Whether it is the one that asks.
    current: bool,
    /// `password` or `sso`.
    authenticated_by: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its tokens were last refreshed.
    #[schema(value_type = Option<String>, format = DateTime)]
    refreshed_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    #[schema(value_type = Option<String>)]
    address: Option<IpAddr>,
    user_agent: Option<String>,
}

pub async fn list(
    act: Authorized<ReadSessions>,
    (): (),
) -> Result<Disclosed<Vec<SessionView>>, Problem> {
    let (account, session) = own(&act)?;
    let view = |row: sql::SessionRow, reveal: &Reveal| SessionView {
        id: row.id,
        current: row.id == session,
        authenticated_by: row.authenticated_by,
        created_at: row.created_at,
        refreshed_at: row.turned_at,
        expires_at: row.expires_at,
        address: row.address.map(|address| address.reveal(reveal)),
        user_agent: row.user_agent.map(|agent| agent.reveal(reveal)),
    };
    act.disclose(sql::list_sessions(account), |rows, reveal| {
        Ok(Answer::ok(rows.into_iter().map(|row| view(row, reveal)).collect()))
    })
    .await
}

/// A new password in place of the present one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    #[schema(value_type = String, format = Password)]
    current_password: Password,
    #[schema(value_type = String, format = Password)]
    new_password: Password,
}

pub async fn change_password(
    act: Authorized<OwnAccount>,
    Body(body): Body<PasswordChange>,
) -> Result<Committed<()>, Problem> {
    let (account, session) = own(&act)?;
    let core = act.core().clone();
    let own = act.look_up(sql::find_own_password(account)).await?.into_iter().next();
    let own = own.ok_or_else(Problem::not_found)?;
    let realm = core.realm(&own.realm).ok_or_else(Problem::not_found)?;
    let about = About::of(&own.email, &own.full_name);
    let given = Given {
        email: about.email.clone(),
        password: body.current_password,
        hash: own.password_hash,
        policy: realm.passwords,
        familiar: true,
        tenant: act.caller().tenant,
    };
    let verdict = login::check(&act, given).await?;
    if !verdict.right {
        let tenant = act.caller().tenant;
        return Err(login::refused(tenant, OwnAccount::NAME));
    }
    let hash =
        hash_new(&act, "new_password", body.new_password, &about.person(), realm.passwords).await?;
    let update = sql::update_password(account, hash.as_str().to_owned(), Some(session));
    act.write(update, |_, _| Answer::gone()).await
}

/// A password in exchange for a code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordReset {
    code: String,
    #[schema(value_type = String, format = Password)]
    new_password: Password,
}

pub async fn reset_password(
    act: Authorized<UseCode>,
    Body(body): Body<PasswordReset>,
) -> Result<Committed<()>, Problem> {
    let code = OneTimeCode::read(&body.code).ok_or_else(|| bad_code(Uuid::nil()))?;
    let within = act.on_behalf_of(Caller { tenant: code.tenant, ..Caller::anonymous() });
    let found = within.look_up(sql::find_by_code(code.id, code.hash())).await?;
    let found = found.into_iter().next().ok_or_else(|| bad_code(code.tenant))?;
    let realm = *act.core().realm(&found.realm).ok_or_else(|| bad_code(code.tenant))?;
    let about = About::of(&found.email, &found.full_name);
    let hash =
        hash_new(&act, "new_password", body.new_password, &about.person(), realm.passwords).await?;
    let person = act.on_behalf_of(Caller {
        tenant: code.tenant,
        actor: Actor::User(found.id),
        ..Caller::anonymous()
    });
    let redeem = sql::redeem_password_code(code.id, code.hash(), hash.as_str().to_owned());
    let redeemed = person.write_then(redeem, |_, _| Ok(Answer::gone())).await;
    redeemed.map_err(|problem| match problem.status {
        404 => bad_code(code.tenant),
        _ => problem,
    })
}

fn bad_code(tenant: Uuid) -> Problem {
    let detail = "this code is wrong, was used or has ended: ask for another";
    Problem::new(400, "invalid_code", detail).refusing_in(UseCode::NAME, tenant)
}

/// What a password may not be: its owner's address or name.
struct About {
    email: String,
    full_name: String,
}

impl About {
    fn of(email: &Pii<String>, full_name: &Pii<String>) -> Self {
        // Nothing of it leaves: it is only compared.
        let reveal = Reveal::on_record();
        Self { email: email.peek(&reveal).clone(), full_name: full_name.peek(&reveal).clone() }
    }

    fn person(&self) -> passwords::Person<'_> {
        passwords::Person { email: &self.email, full_name: &self.full_name }
    }
}

pub async fn jwks(act: Authorized<ReadKeys>, (): ()) -> Result<Fetched<Value>, Problem> {
    act.tell(Answer::ok(act.core().tokens.ring.jwks(act.now())))
}

/// The e-mail address of a new account.
pub(crate) fn parse_email(given: &str) -> Result<String, Problem> {
    rules::email(given).map_err(|(kind, msg)| Problem::field(&["body", "email"], kind, msg))
}
