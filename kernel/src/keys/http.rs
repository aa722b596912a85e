//! Requests on API keys.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{KeyName, ListKeys, ManageKeys, Overlap, sql};
use crate::{
    authz::{Answer, Authorized, Committed, Fetched},
    http::{Body, Item, Page, Problem},
    identity::{ApiKey, KeyText, PREFIX},
};

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyCreate {
    /// What or who uses it; for people.
    #[schema(example = "n8n")]
    name: String,
    /// `integration` when not said. It may hold nothing that the caller's own key does not.
    #[schema(example = "integration")]
    role: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyRotate {
    /// How long the old key works on: 0 to 720, 24 when not said.
    overlap_hours: Option<i32>,
}

/// A key without its secret.
#[derive(Serialize, ToSchema)]
pub struct ApiKeyView {
    pub id: Uuid,
    pub name: String,
    pub role: String,
    /// How the key begins, and how it ends.
    pub prefix: &'static str,
    pub last_four: String,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
    /// Within half a minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

/// A key at the only moment it is shown.
#[derive(Serialize, ToSchema)]
pub struct ApiKeyCreated {
    #[serde(flatten)]
    pub key: ApiKeyView,
    /// The secret. It is not stored and cannot be shown again.
    #[schema(value_type = String)]
    pub api_key: KeyText,
}

impl From<sql::KeyRow> for ApiKeyView {
    fn from(row: sql::KeyRow) -> Self {
        let sql::KeyRow {
            id,
            name,
            role,
            last_four,
            created_at,
            expires_at,
            revoked_at,
            last_used_at,
        } = row;
        Self {
            id,
            name,
            role,
            prefix: PREFIX,
            last_four,
            created_at,
            expires_at,
            revoked_at,
            last_used_at,
        }
    }
}

pub async fn create(
    act: Authorized<ManageKeys>,
    Body(new): Body<ApiKeyCreate>,
) -> Result<Committed<ApiKeyCreated>, Problem> {
    let invalid = |field: &str, msg: &str| Problem::field(&["body", field], "value_error", msg);
    let name = KeyName::parse(&new.name).map_err(|msg| invalid("name", msg))?;
    let role = new.role.unwrap_or_else(|| "integration".into());
    act.require_covered("role", &role)?;
    if new.expires_at.is_some_and(|end| end <= act.now()) {
        return Err(invalid("expires_at", "this time has passed"));
    }
    let key = ApiKey::generate().map_err(|e| Problem::internal(e.to_string()))?;
    let statement = sql::insert_key(
        act.new_id(),
        name.into_string(),
        role,
        key.hash().to_vec(),
        key.last_four().to_owned(),
        new.expires_at,
    );
    act.write(statement, |row, _| created(row, key)).await
}

pub async fn list(act: Authorized<ListKeys>, (): ()) -> Result<Fetched<Page<ApiKeyView>>, Problem> {
    act.fetch(sql::list_keys(), |rows| {
        let page = Page::cut(rows, 1000, |_| Ok(String::new()))?;
        Ok(Answer::ok(page.map(ApiKeyView::from)))
    })
    .await
}

pub async fn rotate(
    act: Authorized<ManageKeys>,
    (Item(id), Body(how)): (Item<Uuid>, Body<ApiKeyRotate>),
) -> Result<Committed<ApiKeyCreated>, Problem> {
    let overlap = Overlap::parse(how.overlap_hours)
        .map_err(|msg| Problem::field(&["body", "overlap_hours"], "range", msg))?;
    let key = ApiKey::generate().map_err(|e| Problem::internal(e.to_string()))?;
    let statement = sql::rotate_key(
        id,
        act.new_id(),
        key.hash().to_vec(),
        key.last_four().to_owned(),
        overlap.hours(),
    );
    act.write(statement, |row, _| created(row, key)).await
}

pub async fn revoke(
    act: Authorized<ManageKeys>,
    Item(id): Item<Uuid>,
) -> Result<Committed<()>, Problem> {
    act.write(sql::revoke_key(id), |_, _| Answer::gone()).await
}

fn created(row: sql::KeyRow, key: ApiKey) -> Answer<ApiKeyCreated> {
    let location = format!("/v1/auth/api-keys/{}", row.id);
    Answer::created(ApiKeyCreated { key: row.into(), api_key: key.show_once() }, location)
        .shown_once()
}
