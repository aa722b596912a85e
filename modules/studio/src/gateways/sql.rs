//! Statements on gateways.

use jiff::Timestamp;
use kernel::{
    db::Done,
    http::{Constraint, Problem},
    policies::AttributesRow,
    privacy::Pii,
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// A gateway, without its secret.
    pub struct GatewayRow {
        id: Uuid,
        name: String,
        description: Option<String>,
        url: String,
        environment: String,
        status: String,
        created_by: Option<Uuid>,
        created_at: Timestamp,
        updated_at: Timestamp,
        version: i32,
        attributes: Value,
    }
}

row! {
    /// How many deployments are on one, or on their way.
    pub struct RunningRow { running: i64 }
}

/// What policies know of a gateway.
macro_rules! attributes {
    () => {
        "jsonb_strip_nulls(jsonb_build_object('name', g.name, 'status', g.status,
             'environment', g.environment, 'created_by', g.created_by)) as attributes"
    };
}

macro_rules! columns {
    () => {
        concat!(
            "g.id, g.name, g.description, g.url, g.environment, g.status, g.created_by, g.created_at, g.updated_at,
             g.version, ",
            attributes!()
        )
    };
}

statements! {
    fn find_attributes(id: Uuid) -> AttributesRow
        = concat!("select ", attributes!(), " from studio.gateway g where g.id = $1 and g.deleted_at is null");

    fn insert_gateway(id: Uuid, columns: Pii<Value>) -> GatewayRow
        = concat!("insert into studio.gateway as g (tenant_id, id, name, description, url, environment, status, secret)
           select kernel.tenant(), $1, r.name, r.description, r.url, r.environment, r.status,
                  kernel.seal($1, $2 ->> 'secret')
             from jsonb_populate_record(null::studio.gateway, $2::jsonb - 'secret'::text) r
           returning ", columns!());

    fn find_gateway(id: Uuid) -> GatewayRow
        = concat!("select ", columns!(), " from studio.gateway g where g.id = $1 and g.deleted_at is null");

    fn update_gateway(id: Uuid, columns: Pii<Value>, expected: Option<i32>) -> GatewayRow
        = concat!("update studio.gateway g set (name, description, url, environment, status, secret)
                = (select r.name, r.description, r.url, r.environment, r.status,
                          case when $2::jsonb ? 'secret' then kernel.seal(g.id, $2 ->> 'secret') else g.secret end
                     from jsonb_populate_record(g, $2::jsonb - 'secret'::text) r)
            where g.id = $1 and g.deleted_at is null and kernel.expect_version(g.version, $3)
           returning ", columns!());

    /// Takes turns with whoever deploys to it.
    fn hold_gateway(id: Uuid) -> RunningRow
        = "with g as (select g.id from studio.gateway g where g.id = $1 and g.deleted_at is null for update)
           select (select count(*) from studio.deployment d where d.gateway_id = g.id
                      and d.status in ('pending', 'deploying', 'active')) as running
             from g";

    /// Its secret goes with it.
    fn delete_gateway(id: Uuid, expected: Option<i32>) -> Done
        = "with g as (
             update studio.gateway g set deleted_at = now()
              where g.id = $1 and g.deleted_at is null and kernel.expect_version(g.version, $2) returning g.id),
           forgotten as (select kernel.destroy_key(g.id) from g)
           select count(*) = 1 as done from forgotten having count(*) = 1";

    fn list_gateways(after: String, after_id: Uuid, limit: i64) -> GatewayRow
        = concat!("select ", columns!(), " from studio.gateway g
            where (g.name, g.id) > ($1, $2) and g.deleted_at is null order by g.name, g.id limit $3");
}

pub fn constraints() -> Vec<Constraint> {
    vec![Constraint {
        name: "gateway_name_taken",
        problem: || Problem::conflict("name_taken", "there is a gateway of this name"),
    }]
}
