//! The three requests of a sign-on: away to the provider, back from it, and its code for tokens.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sso::{Callback, Pending, Provider, Secret, SsoError};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    SignOn, StartSignOn,
    rules::{Arrival, Welcome},
    sql::{self, Known, ProviderRow},
};
use crate::{
    authz::{Answer, Authorized, Caller, Committed, Fetched, Permission},
    core::Core,
    db::{Actor, Bound},
    http::{Body, FromQuery, Hints, Problem, Query, QueryReader, parameter},
    identity::{Family, OneTimeCode},
    people,
    privacy::Pii,
    sessions::{self, Hashes, TokenResponse},
};

/// What the browser keeps while it is away, sealed.
#[derive(Serialize, Deserialize)]
struct Away {
    tenant: Uuid,
    /// The provider's id; `None` for one of the server's settings, by name.
    provider: Option<Uuid>,
    name: String,
    return_to: Option<String>,
    pending: Pending,
    /// Seconds since 1970.
    until: i64,
}

/// How long somebody may take at the provider, in seconds.
const AWAY: i64 = 600;
const OWNER: &[u8] = b"sign-on";

/// A provider, ready to be used, and what follows from coming through it.
struct Gate {
    provider: Provider,
    id: Option<Uuid>,
    domains: Vec<String>,
    role: Option<String>,
}

/// Where to sign in.
pub struct StartQuery {
    provider: Option<String>,
    email: Option<String>,
    tenant: Option<String>,
    return_to: Option<String>,
}

impl FromQuery for StartQuery {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            provider: query.text("provider", 40),
            email: query.text("email", 254),
            tenant: query.text("tenant", 80),
            return_to: query.text("return_to", 500),
        }
    }

    fn parameters() -> Vec<Value> {
        let text = || json!({"type": "string"});
        vec![
            parameter("email", text(), "its domain finds the provider"),
            parameter("tenant", text(), "the organisation: id, code or name"),
            parameter("provider", text(), "one of the organisation's providers, by name"),
            parameter("return_to", text(), "where the browser comes back with a code"),
        ]
    }
}

pub async fn start(
    act: Authorized<StartSignOn>,
    (Query(query), hints): (Query<StartQuery>, Hints),
) -> Result<Fetched<()>, Problem> {
    let core = act.core().clone();
    let return_to = query.return_to.map(|to| core.identity.check_return(to)).transpose()?;
    let hint = query.tenant.or(hints.tenant);
    let domain = query.email.as_deref().map(|email| sessions::domain(email).to_lowercase());
    let (tenant, gate) = find_gate(&act, hint, hints.host, query.provider, domain).await?;
    let client = core.sso()?;
    let redirect = core.identity.redirect_uri();
    let begun = client.begin(&gate.provider, &redirect, query.email.as_deref()).await;
    let begun = begun.map_err(|error| problem(error, tenant))?;
    let away = Away {
        tenant,
        provider: gate.id,
        name: gate.provider.name().to_owned(),
        return_to,
        pending: begun.pending,
        until: act.now().as_second() + AWAY,
    };
    let value = serde_json::to_vec(&away).map_err(Problem::internal)?;
    let sealed = core.browser_seal.seal_text(OWNER, &value).map_err(Problem::internal)?;
    act.tell(Answer::elsewhere(begun.url).cookie(core.identity.cookie(&sealed, AWAY)))
}

/// The provider that is meant, and its tenant.
async fn find_gate(
    act: &Authorized<StartSignOn>,
    hint: Option<String>,
    host: Option<String>,
    name: Option<String>,
    domain: Option<String>,
) -> Result<(Uuid, Gate), Problem> {
    let find = sql::find_provider(hint.clone(), host.clone(), name.clone(), domain);
    let found = act.look_up(find).await?;
    match found.as_slice() {
        [one] => {
            let within = act.on_behalf_of(Caller { tenant: one.tenant_id, ..Caller::anonymous() });
            let row = within.look_up(sql::read_provider(one.id)).await?.into_iter().next();
            let row = row.ok_or_else(no_provider)?;
            return Ok((one.tenant_id, gate(act.core(), one.tenant_id, row)?));
        }
        [] => {}
        _ => return Err(ambiguous("several identity providers answer to this: name one")),
    }
    let (realm, role) = ("studio", "viewer");
    let configured = &act.core().identity.providers;
    let provider = match (&name, configured.as_slice()) {
        (Some(name), all) => all.iter().find(|p| p.name() == name),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    let provider = provider.ok_or_else(no_provider)?.clone();
    let tenants = act.look_up(sql::find_tenant(realm.into(), hint, host)).await?;
    let [tenant] = tenants.as_slice() else {
        return Err(ambiguous("name the organisation: `tenant` is its id, code or name"));
    };
    Ok((tenant.id, Gate { provider, id: None, domains: vec![], role: Some(role.into()) }))
}

fn no_provider() -> Problem {
    let detail = "no identity provider answers to this: see `provider`, `tenant` and `email`";
    Problem::new(404, "no_such_provider", detail)
}

fn ambiguous(detail: &str) -> Problem {
    Problem::new(400, "organization_required", detail)
}

fn gate(core: &Core, tenant: Uuid, row: ProviderRow) -> Result<Gate, Problem> {
    let secret = row.client_secret.map(|sealed| {
        let opened = core.seal.open(row.id.as_bytes(), &sealed);
        let text = opened.and_then(|bytes| String::from_utf8(bytes).ok());
        text.map(Secret::from)
            .ok_or_else(|| Problem::internal("a provider's secret was sealed under another key"))
    });
    let name = format!("{}@{tenant}", row.name);
    let provider = Provider::new(&name, &row.discovery, &row.client_id, secret.transpose()?);
    Ok(Gate {
        provider: provider.map_err(Problem::internal)?,
        id: Some(row.id),
        domains: row.domains,
        role: row.role,
    })
}

/// What the provider sends the browser back with.
pub struct CallbackQuery(Callback);

impl FromQuery for CallbackQuery {
    fn read(query: &mut QueryReader) -> Self {
        let code = query.text("code", 4000);
        let (state, iss) = (query.text("state", 200), query.text("iss", 500));
        let error = query.text("error", 200);
        // Providers send more than we ask for.
        drop(query.with_prefix(""));
        Self(Callback { code, state, iss, error })
    }

    fn parameters() -> Vec<Value> {
        let text = || json!({"type": "string"});
        vec![
            parameter("code", text(), "the provider's code"),
            parameter("state", text(), "what we sent"),
            parameter("iss", text(), "who answers (RFC 9207)"),
            parameter("error", text(), "why not"),
        ]
    }
}

pub async fn callback(
    act: Authorized<SignOn>,
    (Query(CallbackQuery(callback)), hints): (Query<CallbackQuery>, Hints),
) -> Result<Committed<TokenResponse>, Problem> {
    let core = act.core().clone();
    let away = read_cookie(&core, hints.cookie.as_deref(), act.now().as_second());
    let away = away.ok_or_else(|| broken(Uuid::nil(), "sso_cookie"))?;
    let tenant = away.tenant;
    let within = act.on_behalf_of(Caller { tenant, ..Caller::anonymous() });
    let gate = match away.provider {
        Some(id) => {
            let row = within.look_up(sql::read_provider(id)).await?.into_iter().next();
            gate(&core, tenant, row.ok_or_else(no_provider)?)?
        }
        None => {
            let known = core.identity.providers.iter().find(|p| p.name() == away.name);
            let provider = known.ok_or_else(no_provider)?.clone();
            Gate { provider, id: None, domains: vec![], role: Some("viewer".into()) }
        }
    };
    let redirect = core.identity.redirect_uri();
    let finished = core.sso()?.finish(&gate.provider, &redirect, away.pending, callback).await;
    let identity = finished.map_err(|error| problem(error, tenant))?;
    admit(&within, gate, identity, away.return_to).await
}

fn read_cookie(core: &Core, header: Option<&str>, now: i64) -> Option<Away> {
    let name = core.identity.cookie_name();
    let value = header?.split(';').find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    })?;
    let opened = core.browser_seal.open_text(OWNER, value)?;
    serde_json::from_slice::<Away>(&opened).ok().filter(|away| now < away.until)
}

/// Lets somebody in whom a provider vouches for: known, invited or new.
async fn admit(
    act: &Authorized<SignOn>,
    gate: Gate,
    identity: sso::Identity,
    return_to: Option<String>,
) -> Result<Committed<TokenResponse>, Problem> {
    let (core, tenant) = (act.core().clone(), act.caller().tenant);
    let email = identity.email.clone().unwrap_or_default().trim().to_lowercase();
    let find = sql::find_known(identity.issuer.clone(), identity.subject.clone(), email.clone());
    let known = act.look_up(find).await?.into_iter().next();
    let known = known.ok_or_else(Problem::tenant_suspended)?;
    let realm = *core.realm(&known.realm).ok_or_else(no_provider)?;
    let entry = enter(act, &gate, &known, (identity, email));
    let on_record = |problem: Problem| problem.refusing_in(SignOn::NAME, tenant);
    let Entry { account, role, statements } = entry.map_err(on_record)?;
    let person =
        act.on_behalf_of(Caller { tenant, actor: Actor::User(account), ..Caller::anonymous() });
    let opened = sessions::prepare(&person, &realm, (account, role), "sso", Hashes::default())?;
    let code = match &return_to {
        Some(_) => Some(new_code(&core, tenant)?),
        None => None,
    };
    let clear = core.identity.cookie("", 0);
    person
        .transact(move |tx| {
            Box::pin(async move {
                for statement in statements {
                    let done = tx.run(statement).await?;
                    done.first().ok_or_else(|| Problem::conflict("sign_on_twice", TWICE))?;
                }
                let opened_now = tx.run(opened.statement).await?;
                opened_now.first().ok_or_else(|| Problem::conflict("sign_on_twice", TWICE))?;
                let answer = match (code, return_to) {
                    (Some(code), Some(to)) => {
                        let hash = code.hash();
                        tx.run(sql::insert_code(code.id, account, opened.session, hash)).await?;
                        let join = if to.contains('?') { '&' } else { '?' };
                        let code = code.show_once();
                        Answer::elsewhere(format!("{to}{join}code={}", code.as_str()))
                    }
                    _ => Answer::ok(opened.tokens).shown_once(),
                };
                Ok(answer.cookie(clear))
            })
        })
        .await
}

const TWICE: &str = "this sign-on has been completed in another window: begin again";

/// Who comes in, and what is written for it.
struct Entry {
    account: Uuid,
    role: Option<String>,
    statements: Vec<Bound<sql::FoundTenant>>,
}

fn enter(
    act: &Authorized<SignOn>,
    gate: &Gate,
    known: &Known,
    (identity, email): (sso::Identity, String),
) -> Result<Entry, Problem> {
    if let Some(account) = known.account_id {
        return match known.state.as_deref() {
            Some("active") => Ok(Entry { account, role: known.role.clone(), statements: vec![] }),
            _ => {
                let detail =
                    "this account is not active: ask an administrator of your organisation";
                Err(Problem::new(403, "account_inactive", detail))
            }
        };
    }
    let domain = sessions::domain(&email);
    let verified = identity.email_verified && !domain.is_empty();
    let arrival = Arrival {
        verified_domain: verified.then_some(domain),
        domains: &gate.domains,
        account_state: known.namesake_state.as_deref(),
        role: gate.role.as_deref(),
    };
    let link = |account| {
        sql::insert_identity(
            act.new_id(),
            account,
            identity.issuer.clone(),
            identity.subject.clone(),
        )
    };
    match (arrival.welcome()?, known.namesake_id) {
        (Welcome::Accept, Some(account)) => Ok(Entry {
            account,
            role: known.namesake_role.clone(),
            statements: vec![sql::accept_invitation(account), link(account)],
        }),
        _ => {
            let account = act.new_id();
            let role = gate.role.clone().unwrap_or_default();
            let clipped = |name: &String| name.chars().take(100).collect::<String>();
            let name =
                identity.name.as_ref().and_then(|name| people::plain(100)(clipped(name)).ok());
            let name = name.unwrap_or_else(|| clipped(&email));
            let insert =
                sql::insert_account(account, Pii::new(email), Pii::new(name), role.clone());
            Ok(Entry { account, role: Some(role), statements: vec![insert, link(account)] })
        }
    }
}

fn new_code(core: &Core, tenant: Uuid) -> Result<OneTimeCode, Problem> {
    OneTimeCode::generate(tenant, core.clock.new_id()).map_err(|e| Problem::internal(e.to_string()))
}

/// What a failed sign-on looks like: the provider's fault, or the caller's.
fn problem(error: SsoError, tenant: Uuid) -> Problem {
    match &error {
        SsoError::Unavailable { .. } => {
            tracing::warn!(error = &error as &dyn std::error::Error, "identity provider");
            Problem { code: error.code(), ..Problem::unavailable(error.to_string()) }
        }
        SsoError::Refused(_) => broken(tenant, error.code()),
        SsoError::Random(_) => Problem::internal(error),
    }
}

fn broken(tenant: Uuid, code: &'static str) -> Problem {
    let detail = "this sign-on cannot be completed: begin again";
    Problem::new(400, code, detail).refusing_in(SignOn::NAME, tenant)
}

/// A sign-on's code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeRequest {
    code: String,
}

pub async fn token(
    act: Authorized<SignOn>,
    Body(body): Body<CodeRequest>,
) -> Result<Committed<TokenResponse>, Problem> {
    let refused = |tenant| broken(tenant, "invalid_code").oauth("invalid_grant");
    let code = OneTimeCode::read(&body.code).ok_or_else(|| refused(Uuid::nil()))?;
    let (core, tenant) = (act.core().clone(), code.tenant);
    let within = act.on_behalf_of(Caller { tenant, ..Caller::anonymous() });
    let redeemed = within.write_then(sql::redeem_code(code.id, code.hash()), move |row, _| {
        let realm = core.realm(&row.realm).filter(|_| row.good);
        match (row.outcome.as_str(), realm) {
            ("redeemed", Some(realm)) => {
                let (account, session) = (row.account_id, row.session_id);
                let family = Family { tenant, account, session, generation: 0 };
                let tokens = sessions::tokens(&core, realm, row.role.as_deref(), &family)?;
                Ok(Answer::ok(tokens).shown_once())
            }
            ("reuse", _) => {
                core.callers.forget(&[row.session_id].into());
                Err(refused(tenant))
            }
            _ => Err(refused(tenant)),
        }
    });
    redeemed.await.map_err(|problem| if problem.status == 404 { refused(tenant) } else { problem })
}
