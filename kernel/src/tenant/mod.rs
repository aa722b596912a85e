//! Tenants and their keys as an operator sees them: from the command line, above all tenants.

macro_rules! columns {
    () => {
        "id, name, is_active, require_if_match, realm, code, host, created_at"
    };
}

pub(crate) mod sql;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    core::Clock,
    db::{DbError, Platform, Statement},
    identity::{ApiKey, KeyText},
    keys::{self, ApiKeyView},
    module::Registry,
    policies::insert_defaults,
    row, statements,
};
pub use sql::{change_tenant, found_tenant};

row! {
    /// A tenant.
    #[derive(Clone, Serialize)]
    pub struct Tenant {
        id: Uuid,
        name: String,
        is_active: bool,
        require_if_match: bool,
        realm: String,
        code: Option<String>,
        host: Option<String>,
        created_at: Timestamp,
    }
}

/// A tenant to be made.
#[derive(Clone, Default)]
pub struct NewTenant {
    pub name: String,
    /// The module whose people these are.
    pub realm: String,
    /// By which a login may name it, besides id and name.
    pub code: Option<String>,
    /// The host name under which its people call; in lower case, without a port.
    pub host: Option<String>,
    pub require_if_match: bool,
    /// Made for a demonstration: a production server refuses to serve beside it.
    pub demo: bool,
}

statements! {
    fn insert_tenant(name: String, realm: String, code: Option<String>, host: Option<String>,
                     require_if_match: bool, demo: bool) -> Tenant
        = concat!("insert into kernel.tenant (tenant_id, id, name, realm, code, host, require_if_match, demo)
           values (kernel.tenant(), kernel.tenant(), $1, $2, $3, $4, $5, $6)
           returning ", columns!());

    fn list_tenants() -> Tenant
        = concat!("select ", columns!(), " from kernel.tenant order by name");

    fn find_tenant(name: String) -> Tenant
        = concat!("select ", columns!(), " from kernel.tenant
            where id::text = $1 or name = $1 or lower(code) = lower($1)
            order by (id::text = $1) desc, (name = $1) desc limit 1");

    fn set_active(is_active: bool) -> Tenant
        = concat!("update kernel.tenant set is_active = $1
            where tenant_id = kernel.tenant() and id = kernel.tenant()
           returning ", columns!());
}

/// Statements of the platform, for the schema check. They run under another login than the
/// server's, whose connections do not prepare them.
pub const STATEMENTS: &[&Statement] = ALL;

/// Why an operator's command failed.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    #[error("there is no tenant `{0}` by id, name or code: see `reeve tenant list`")]
    NoTenant(String),
    #[error("there is no such key, or it has ended: see `reeve key list`")]
    NoKey,
    #[error("there is a tenant named `{0}`: choose another name")]
    NameTaken(String),
    #[error("another tenant has this code or host: choose another")]
    HintTaken,
    #[error("there is no such person in this tenant: see `reeve user list`")]
    NoPerson,
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Invalid(&'static str),
    #[error("there is no randomness to make a key of")]
    Random,
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Creates a tenant, with the default policies of its realm, so that it can be used at once.
///
/// # Errors
/// The name is taken or is no name.
pub async fn create(
    platform: &mut Platform,
    clock: &Clock,
    registry: &Registry,
    new: NewTenant,
) -> Result<Tenant, TenantError> {
    let NewTenant { name, realm, code, host, require_if_match, demo } = new;
    let name = keys::KeyName::parse(&name).map_err(TenantError::Invalid)?.into_string();
    let statement = insert_tenant(name.clone(), realm, code, host, require_if_match, demo);
    match platform.run(clock.new_id(), "tenant:write", &statement).await {
        Err(DbError::Constraint(c)) => Err(match c.as_str() {
            "tenant_name_taken" => TenantError::NameTaken(name),
            "tenant_code_taken" | "tenant_host_taken" => TenantError::HintTaken,
            _ => TenantError::Invalid(
                "a code has 1 to 40 letters, digits, `_` or `-`; a host is a name in lower case",
            ),
        }),
        rows => {
            let tenant = one(rows?).ok_or(TenantError::NoTenant(name))?;
            let realm = registry.realms.iter().find(|realm| realm.name == tenant.realm);
            if realm.is_some_and(|realm| realm.attribute_policies) {
                insert_defaults(platform, clock, &registry.vocabulary, tenant.id).await?;
            }
            Ok(tenant)
        }
    }
}

/// All tenants, by name.
///
/// # Errors
/// The database's.
pub async fn list(platform: &mut Platform) -> Result<Vec<Tenant>, TenantError> {
    Ok(platform.run(Uuid::nil(), "tenant:read", &list_tenants()).await?)
}

/// The tenant of this name or id.
///
/// # Errors
/// There is none.
pub async fn find(platform: &mut Platform, name_or_id: &str) -> Result<Tenant, TenantError> {
    let found =
        platform.run(Uuid::nil(), "tenant:read", &find_tenant(name_or_id.to_owned())).await?;
    one(found).ok_or_else(|| TenantError::NoTenant(name_or_id.to_owned()))
}

/// Suspends a tenant or lets it work again; servers feel it within a second.
///
/// # Errors
/// There is no such tenant.
pub async fn suspend(
    platform: &mut Platform,
    name_or_id: &str,
    active: bool,
) -> Result<Tenant, TenantError> {
    let tenant = find(platform, name_or_id).await?;
    let rows = platform.run(tenant.id, "tenant:write", &set_active(active)).await?;
    one(rows).ok_or_else(|| TenantError::NoTenant(name_or_id.to_owned()))
}

/// Makes a key; its text is shown once.
///
/// # Errors
/// No such tenant, or a name that is none.
pub async fn create_key(
    platform: &mut Platform,
    clock: &Clock,
    tenant: &str,
    name: &str,
    role: &str,
) -> Result<(ApiKeyView, KeyText), TenantError> {
    let tenant = find(platform, tenant).await?;
    let name = keys::KeyName::parse(name).map_err(TenantError::Invalid)?.into_string();
    let key = ApiKey::generate().map_err(|_| TenantError::Random)?;
    let four = key.last_four().to_owned();
    let insert = keys::sql::insert_key(
        clock.new_id(),
        name,
        role.to_owned(),
        key.hash().to_vec(),
        four,
        None,
    );
    let row =
        one(platform.run(tenant.id, "key:write", &insert).await?).ok_or(TenantError::NoKey)?;
    Ok((row.into(), key.show_once()))
}

/// A tenant's keys.
///
/// # Errors
/// No such tenant.
pub async fn list_keys(
    platform: &mut Platform,
    tenant: &str,
) -> Result<Vec<ApiKeyView>, TenantError> {
    let tenant = find(platform, tenant).await?;
    let rows = platform.run(tenant.id, "key:read", &keys::sql::list_keys()).await?;
    Ok(rows.into_iter().map(ApiKeyView::from).collect())
}

/// Makes a successor of a key, which works on for a while.
///
/// # Errors
/// No such tenant or key, or an overlap that is not allowed.
pub async fn rotate_key(
    platform: &mut Platform,
    clock: &Clock,
    tenant: &str,
    id: Uuid,
    overlap_hours: i32,
) -> Result<(ApiKeyView, KeyText), TenantError> {
    let tenant = find(platform, tenant).await?;
    let overlap = keys::Overlap::parse(Some(overlap_hours)).map_err(TenantError::Invalid)?;
    let key = ApiKey::generate().map_err(|_| TenantError::Random)?;
    let four = key.last_four().to_owned();
    let rotate =
        keys::sql::rotate_key(id, clock.new_id(), key.hash().to_vec(), four, overlap.hours());
    let row =
        one(platform.run(tenant.id, "key:write", &rotate).await?).ok_or(TenantError::NoKey)?;
    Ok((row.into(), key.show_once()))
}

/// Ends a key at once.
///
/// # Errors
/// No such tenant or key.
pub async fn revoke_key(
    platform: &mut Platform,
    tenant: &str,
    id: Uuid,
) -> Result<ApiKeyView, TenantError> {
    let tenant = find(platform, tenant).await?;
    let rows = platform.run(tenant.id, "key:write", &keys::sql::revoke_key(id)).await?;
    Ok(one(rows).ok_or(TenantError::NoKey)?.into())
}

fn one<R>(rows: Vec<R>) -> Option<R> {
    rows.into_iter().next()
}
