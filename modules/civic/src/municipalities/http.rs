//! Requests on municipalities.

use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Committed, Fetched, TenantTx},
    http::{
        Body, FromQuery, Item, List, Page, Paging, Patch, Problem, Purpose, Query, QueryReader,
        parameter,
    },
    tenant::{change_tenant, found_tenant},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, MunicipalityRow},
};
use crate::permissions::{ReadMunicipality, ReadPublic, WriteMunicipality};

/// Why the platform goes into a municipality that it changes; the municipality's ledger shows it.
const ADMINISTRATION: &str = "administration of the platform";

/// A municipality as a client sends one, whole or in part.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MunicipalityBody {
    /// Required on creation, as are code and province.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name: Patch<String>,
    /// By which people register; it stays.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub code: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub province: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub population: Patch<i64>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub contact_email: Patch<String>,
    /// False suspends it.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub is_active: Patch<bool>,
}

/// A municipality.
#[derive(Serialize, ToSchema)]
pub struct Municipality {
    id: Uuid,
    name: String,
    code: Option<String>,
    province: Option<String>,
    population: Option<i32>,
    is_active: bool,
    contact_email: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

fn view(row: MunicipalityRow) -> Municipality {
    Municipality {
        id: row.id,
        name: row.name,
        code: row.code,
        province: row.province,
        population: row.population,
        is_active: row.is_active,
        contact_email: row.contact_email,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

/// A municipality as everybody knows it.
#[derive(Serialize, ToSchema)]
pub struct PublicMunicipality {
    id: Uuid,
    name: String,
    code: Option<String>,
    province: Option<String>,
}

pub async fn list_public(
    act: Authorized<ReadPublic>,
    Query(paging): Query<Paging>,
) -> Result<Fetched<List<PublicMunicipality>>, Problem> {
    let after = after(&act, "", &paging)?;
    act.fetch(sql::find_municipalities(None, after, paging.limit + 1, Some(true)), |rows| {
        let page = Page::cut(rows, paging.limit, |last| act.seal("", &last.name))?;
        Ok(Answer::list(page.map(|MunicipalityRow { id, name, code, province, .. }| {
            PublicMunicipality { id, name, code, province }
        })))
    })
    .await
}

fn after<P: kernel::authz::Permission>(
    act: &Authorized<P>,
    question: &str,
    paging: &Paging,
) -> Result<String, Problem> {
    match &paging.cursor {
        Some(cursor) => act.unseal(question, cursor),
        None => Ok(String::new()),
    }
}

/// Which municipalities.
pub struct Filter {
    is_active: Option<bool>,
    paging: Paging,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        Self { is_active: query.parse("is_active", "true or false"), paging: Paging::read(query) }
    }

    fn parameters() -> Vec<Value> {
        let active = json!({"type": "boolean"});
        let mut all = vec![parameter("is_active", active, "those that are, or are not")];
        all.extend(Paging::parameters());
        all
    }
}

pub async fn list(
    act: Authorized<ReadMunicipality>,
    Query(Filter { is_active, paging }): Query<Filter>,
) -> Result<Fetched<List<Municipality>>, Problem> {
    let question = format!("{is_active:?}");
    let after = after(&act, &question, &paging)?;
    act.fetch(sql::find_municipalities(None, after, paging.limit + 1, is_active), |rows| {
        let page = Page::cut(rows, paging.limit, |last| act.seal(&question, &last.name))?;
        Ok(Answer::list(page.map(view)))
    })
    .await
}

pub async fn find(
    act: Authorized<ReadMunicipality>,
    Item(id): Item<Uuid>,
) -> Result<Fetched<Municipality>, Problem> {
    act.fetch_one(sql::find_municipalities(Some(id), String::new(), 1, None), |row| {
        let version = row.version;
        Answer::ok(view(row)).version(version)
    })
    .await
}

pub async fn create(
    act: Authorized<WriteMunicipality>,
    Body(body): Body<MunicipalityBody>,
) -> Result<Committed<Municipality>, Problem> {
    let new = rules::parse(body, Purpose::Create)?;
    let within = act.found(ADMINISTRATION)?;
    within
        .transact(|tx| {
            Box::pin(async move {
                let (name, code) = (new.name.unwrap_or_default(), new.code);
                tx.run(found_tenant(name, "civic", code)).await?;
                if new.is_active == Some(false) {
                    tx.run(change_tenant(None, Some(false))).await?;
                }
                tx.run(sql::update_municipality(new.columns)).await?;
                let row = written(tx, None).await?;
                let (version, location) =
                    (row.version, format!("/api/v1/municipalities/{}", row.id));
                Ok(Answer::created(view(row), location).version(version))
            })
        })
        .await
}

pub async fn change(
    act: Authorized<WriteMunicipality>,
    (Item(id), Body(body)): (Item<Uuid>, Body<MunicipalityBody>),
) -> Result<Committed<Municipality>, Problem> {
    let change = rules::parse(body, Purpose::Change)?;
    let expected = act.expected_version()?;
    let within = act.enter(&id.to_string(), ADMINISTRATION, &["purpose"]).await?;
    within
        .transact(|tx| {
            Box::pin(async move {
                written(tx, expected).await?;
                if change.name.is_some() || change.is_active.is_some() {
                    tx.run(change_tenant(change.name, change.is_active)).await?;
                }
                tx.run(sql::update_municipality(change.columns)).await?;
                let row = written(tx, None).await?;
                let version = row.version;
                Ok(Answer::ok(view(row)).version(version))
            })
        })
        .await
}

async fn written(tx: &mut TenantTx<'_>, expected: Option<i32>) -> Result<MunicipalityRow, Problem> {
    let rows = tx.run(sql::read_municipality(expected)).await?;
    rows.into_iter().next().ok_or_else(Problem::not_found)
}
