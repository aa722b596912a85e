//! Statements on destinations of events, and on what was told there.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::{db::Done, privacy::Pii, row, statements};

row! {
    /// A destination, without its secret.
    pub struct DestinationRow {
        id: Uuid,
        kind: String,
        url: String,
        description: Option<String>,
        events: Vec<String>,
        event_types: Vec<String>,
        region: Option<String>,
        access_key_id: Option<String>,
        former_until: Option<Timestamp>,
        state: String,
        disabled_reason: Option<String>,
        failing_since: Option<Timestamp>,
        created_by: Option<Uuid>,
        created_at: Timestamp,
        updated_at: Timestamp,
        version: i32,
    }
}

row! {
    /// What one is, for a rule.
    pub struct HeldRow { kind: String, event_types: Vec<String> }
}

row! {
    /// An event on its way to a destination, and the last attempt.
    pub struct DeliveryRow {
        id: Uuid,
        destination_id: Uuid,
        event_id: Uuid,
        event_type: String,
        record_id: Uuid,
        occurred_at: Timestamp,
        sequence: i64,
        state: String,
        attempts: i32,
        due_at: Timestamp,
        ended_at: Option<Timestamp>,
        last_status: Option<i32>,
        last_error: Option<String>,
    }
}

row! {
    /// The same with all attempts.
    pub struct LoggedRow {
        id: Uuid,
        destination_id: Uuid,
        event_id: Uuid,
        event_type: String,
        record_id: Uuid,
        occurred_at: Timestamp,
        sequence: i64,
        state: String,
        attempts: i32,
        due_at: Timestamp,
        ended_at: Option<Timestamp>,
        last_status: Option<i32>,
        last_error: Option<String>,
        log: Value,
    }
}

row! {
    /// A number.
    pub struct CountRow { replayed: i32 }
}

row! {
    /// A delivery of whichever tenant, whose lease was given.
    pub struct ClaimedRow { tenant_id: Uuid, delivery_id: Uuid }
}

row! {
    /// What an attempt needs.
    pub struct DueRow {
        event_id: Uuid,
        event_type: String,
        record_id: Uuid,
        occurred_at: Timestamp,
        attempts: i32,
        kind: String,
        url: String,
        region: Option<String>,
        access_key_id: Option<String>,
        in_order: bool,
        secret: Option<Pii<String>>,
        former_secret: Option<Pii<String>>,
    }
}

row! {
    /// Seconds.
    pub struct AgeRow { seconds: f64 }
}

macro_rules! columns {
    () => {
        "d.id, d.kind, d.url, d.description, d.events, d.event_types, d.region, d.access_key_id,
         case when d.former_until > now() then d.former_until end as former_until, d.state, d.disabled_reason,
         (select h.failing_since from kernel.destination_health h
           where h.tenant_id = d.tenant_id and h.destination_id = d.id) as failing_since,
         d.created_by, d.created_at, d.updated_at, d.version"
    };
}

macro_rules! delivery {
    () => {
        "v.id, v.destination_id, v.event_id, v.event_type, v.record_id, v.occurred_at, v.sequence, v.state, v.attempts,
         v.due_at, v.ended_at, a.status as last_status, a.error_code as last_error"
    };
}

/// The last attempt of a delivery.
macro_rules! last {
    () => {
        " left join lateral (select l.status, l.error_code from kernel.delivery_attempt l
             where l.tenant_id = v.tenant_id and l.delivery_id = v.id order by l.sequence desc limit 1) a on true "
    };
}

statements! {
    fn insert_destination(id: Uuid, columns: Pii<Value>) -> DestinationRow
        = concat!("insert into kernel.event_destination as d (tenant_id, id, kind, url, description, events, event_types,
                  region, access_key_id, state, secret)
           select kernel.tenant(), $1, r.kind, r.url, r.description, r.events, r.event_types, r.region, r.access_key_id,
                  r.state, kernel.seal($1, $2 ->> 'secret')
             from jsonb_populate_record(null::kernel.event_destination, $2::jsonb - 'secret'::text) r
           returning ", columns!());

    fn find_destination(id: Uuid) -> DestinationRow
        = concat!("select ", columns!(), " from kernel.event_destination d
            where d.tenant_id = kernel.tenant() and d.id = $1 and d.deleted_at is null");

    fn list_destinations() -> DestinationRow
        = concat!("select ", columns!(), " from kernel.event_destination d
            where d.tenant_id = kernel.tenant() and d.deleted_at is null order by d.id");

    fn hold_destination(id: Uuid) -> HeldRow
        = "select d.kind, d.event_types from kernel.event_destination d
            where d.tenant_id = kernel.tenant() and d.id = $1 and d.deleted_at is null for update";

    fn find_wanted(id: Uuid) -> HeldRow
        = "select d.kind, d.event_types from kernel.event_destination d
            where d.tenant_id = kernel.tenant() and d.id = $1 and d.deleted_at is null";

    fn update_destination(id: Uuid, columns: Pii<Value>, expected: Option<i32>) -> DestinationRow
        = concat!("update kernel.event_destination d
              set (url, description, events, event_types, region, access_key_id, state, disabled_reason, secret)
                = (select r.url, r.description, r.events, r.event_types, r.region, r.access_key_id, r.state,
                          case when r.state = 'disabled' then d.disabled_reason end,
                          case when $2::jsonb ? 'secret' then kernel.seal(d.id, $2 ->> 'secret') else d.secret end
                     from jsonb_populate_record(d, $2::jsonb - 'secret'::text) r)
            where d.tenant_id = kernel.tenant() and d.id = $1 and d.deleted_at is null
              and kernel.expect_version(d.version, $3)
           returning ", columns!());

    fn rotate_secret(id: Uuid, secret: Pii<String>, hours: i32, expected: Option<i32>) -> DestinationRow
        = concat!("update kernel.event_destination d
              set former_secret = d.secret, former_until = now() + make_interval(hours => $3),
                  secret = kernel.seal(d.id, $2)
            where d.tenant_id = kernel.tenant() and d.id = $1 and d.deleted_at is null
              and kernel.expect_version(d.version, $4)
           returning ", columns!());

    /// Its secret goes with it.
    fn delete_destination(id: Uuid, expected: Option<i32>) -> Done
        = "with d as (
             update kernel.event_destination d set deleted_at = now()
              where d.tenant_id = kernel.tenant() and d.id = $1 and d.deleted_at is null
                and kernel.expect_version(d.version, $2) returning d.id),
           forgotten as (select kernel.destroy_key(d.id) from d)
           select count(*) = 1 as done from forgotten having count(*) = 1";

    /// The order is on record. No row when the destination is not active.
    fn test_destination(order: Uuid, id: Uuid) -> DeliveryRow
        = concat!("with v as materialized (select * from kernel.test_destination($2)),
                ordered as (insert into kernel.delivery_order (tenant_id, id, kind, destination_id, delivery_id, deliveries)
                            select v.tenant_id, $1, 'test', v.destination_id, v.id, 1 from v)
           select ", delivery!(), " from v cross join (select null::integer as status, null::text as error_code) a");

    fn list_deliveries(destination: Uuid, before: i64, most: i64) -> DeliveryRow
        = concat!("select ", delivery!(), " from kernel.delivery v", last!(), "
            where v.tenant_id = kernel.tenant() and v.destination_id = $1 and v.sequence < $2
            order by v.sequence desc limit $3");

    fn list_deliveries_by_state(destination: Uuid, before: i64, most: i64, state: String) -> DeliveryRow
        = concat!("select ", delivery!(), " from kernel.delivery v", last!(), "
            where v.tenant_id = kernel.tenant() and v.destination_id = $1 and v.state = $4 and v.sequence < $2
            order by v.sequence desc limit $3");

    fn find_delivery(id: Uuid) -> LoggedRow
        = concat!("select ", delivery!(), ",
                  (select coalesce(jsonb_agg(jsonb_build_object('at', l.at, 'duration_ms', l.duration, 'status', l.status,
                          'error', l.error_code) order by l.sequence), '[]')
                     from kernel.delivery_attempt l where l.tenant_id = v.tenant_id and l.delivery_id = v.id) as log
             from kernel.delivery v", last!(), "
            where v.tenant_id = kernel.tenant() and v.id = $1 and exists (
                  select from kernel.event_destination d
                   where d.tenant_id = v.tenant_id and d.id = v.destination_id and d.deleted_at is null)");

    /// The order is on record.
    fn replay_delivery(order: Uuid, id: Uuid) -> DeliveryRow
        = concat!("with v as materialized (select * from kernel.replay_delivery($2)),
                ordered as (insert into kernel.delivery_order (tenant_id, id, kind, destination_id, delivery_id, deliveries)
                            select v.tenant_id, $1, 'replay', v.destination_id, v.id, 1 from v)
           select ", delivery!(), " from v", last!());

    /// The order is on record.
    fn replay_failed(order: Uuid, destination: Uuid, since: Timestamp, most: i32) -> CountRow
        = "with sent as materialized (select kernel.replay_failed($2, $3, $4) as replayed),
                ordered as (insert into kernel.delivery_order (tenant_id, id, kind, destination_id, since, deliveries)
                            select kernel.tenant(), $1, 'replay_failed', $2, $3, replayed from sent)
           select replayed from sent";

    fn claim_deliveries(lease: Uuid, seconds: i32, most: i32, failing: bool) -> ClaimedRow
        = "select tenant_id, delivery_id from kernel.claim_deliveries($1, $2, $3, $4)";

    fn find_due(id: Uuid, lease: Uuid) -> DueRow
        = "select v.event_id, v.event_type, v.record_id, v.occurred_at, v.attempts,
                  d.kind, d.url, d.region, d.access_key_id, d.in_order, kernel.open(d.secret) as secret,
                  case when d.former_until > now() then kernel.open(d.former_secret) end as former_secret
             from kernel.delivery v
             join kernel.event_destination d on d.tenant_id = v.tenant_id and d.id = v.destination_id
            where v.tenant_id = kernel.tenant() and v.id = $1 and v.lease = $2 and d.deleted_at is null";

    fn end_delivery(id: Uuid, lease: Uuid, outcome: &'static str, status: Option<i32>, code: Option<String>,
                    millis: i32, wait: Option<f64>) -> Done
        = "select kernel.end_delivery($1, $2, $3, $4, $5, $6, $7) as done";

    fn find_oldest_due() -> AgeRow = "select kernel.oldest_due_delivery() as seconds";
}
