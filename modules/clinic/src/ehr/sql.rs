//! Statements on connections to other systems of record. Row-level security adds the tenant to each.

use jiff::Timestamp;
use kernel::{
    db::Done,
    http::{Constraint, Problem},
    postgres_types::Json,
    privacy::Pii,
    row, statements,
};
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

row! {
    /// A connection, without its secret.
    pub struct ConnectionRow {
        id: Uuid,
        name: String,
        adapter: String,
        base_url: String,
        auth: String,
        username: Option<String>,
        direction: String,
        mapping: Value,
        poll_seconds: i32,
        state: String,
        stopped_reason: Option<String>,
        owner_id: Uuid,
        version: i32,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

row! {
    /// How it stands with a connection.
    pub struct StatusRow {
        state: String,
        stopped_reason: Option<String>,
        circuit: String,
        failures: i32,
        retry_at: Option<Timestamp>,
        last_error: Option<String>,
        last_failed_at: Option<Timestamp>,
        last_success_at: Option<Timestamp>,
        waiting: i64,
        waiting_since: Option<Timestamp>,
        dead_letters: i64,
        linked: i64,
        patients_since: Option<Timestamp>,
        appointments_since: Option<Timestamp>,
    }
}

row! {
    /// What could not be taken over.
    pub struct DeadLetterRow {
        id: Uuid,
        connection_id: Uuid,
        direction: String,
        record_kind: String,
        record_id: Option<Uuid>,
        external_id: Option<String>,
        code: String,
        detail: String,
        attempts: i32,
        state: String,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

row! {
    /// A connection as one of its jobs finds it.
    pub struct RunRow {
        base_url: String,
        auth: String,
        username: Option<String>,
        secret: Option<Pii<String>>,
        direction: String,
        mapping: Value,
        poll_seconds: i32,
        failures: i32,
        is_probe: bool,
        /// Whether another job is doing the same.
        is_superfluous: bool,
        /// Seconds for which nothing goes out.
        closed_for: Option<f64>,
    }
}

row! {
    /// A record that waits to be told.
    pub struct WaitingRow {
        record_kind: String,
        record_id: Uuid,
        sequence: i64,
        external_id: Option<String>,
        external_version: Option<String>,
    }
}

row! {
    /// Where one is on record there.
    pub struct ExternalRow { external_id: String }
}

row! {
    /// Where something of theirs is on record here, and how far that is known.
    pub struct LocatedRow {
        record_id: Option<Uuid>,
        external_version: Option<String>,
        /// A change of ours waits to be told.
        is_waiting: bool,
    }
}

row! {
    /// From when on one reads, by kind of record.
    pub struct ResumeRow { since: Timestamp }
}

macro_rules! columns {
    () => {
        "c.id, c.name, c.adapter, c.base_url, c.auth, c.username, c.direction, c.mapping, c.poll_seconds, c.state,
         c.stopped_reason, c.owner_id, c.version, c.created_at, c.updated_at"
    };
}

macro_rules! letter {
    () => {
        "d.id, d.connection_id, d.direction, d.record_kind, d.record_id, d.external_id, d.code, d.detail, d.attempts,
         d.state, d.created_at, d.updated_at"
    };
}

statements! {
    fn insert_connection(id: Uuid, columns: Pii<Value>) -> ConnectionRow
        = concat!("insert into clinic.ehr_connection as c (tenant_id, id, name, adapter, base_url, auth, username, secret,
                  direction, mapping, poll_seconds, state)
           select kernel.tenant(), $1, r.name, r.adapter, r.base_url, r.auth, r.username,
                  kernel.seal($1, $2 ->> 'secret'), r.direction, r.mapping, r.poll_seconds, r.state
             from jsonb_populate_record(null::clinic.ehr_connection, $2::jsonb - 'secret'::text) r
           returning ", columns!());

    fn find_connection(id: Uuid) -> ConnectionRow
        = concat!("select ", columns!(), " from clinic.ehr_connection c where c.id = $1 and c.deleted_at is null");

    /// Keys that the change does not have keep their value; a null clears it.
    fn update_connection(id: Uuid, columns: Pii<Value>, expected: Option<i32>) -> ConnectionRow
        = concat!("update clinic.ehr_connection c
              set (name, base_url, auth, username, secret, direction, mapping, poll_seconds, state, stopped_reason)
                = (select r.name, r.base_url, r.auth, r.username,
                          case when $2::jsonb ? 'secret' then kernel.seal(c.id, $2 ->> 'secret') else c.secret end,
                          r.direction, r.mapping, r.poll_seconds, r.state,
                          case when r.state = 'stopped' then c.stopped_reason end
                     from jsonb_populate_record(c, $2::jsonb - 'secret'::text) r)
            where c.id = $1 and c.deleted_at is null and kernel.expect_version(c.version, $3)
           returning ", columns!());

    /// Its secret goes with it, and so does what waits.
    fn delete_connection(id: Uuid, expected: Option<i32>) -> Done
        = "with c as (
             update clinic.ehr_connection c set deleted_at = now(), secret = null
              where c.id = $1 and c.deleted_at is null and kernel.expect_version(c.version, $2) returning c.id),
           forgotten as (select kernel.destroy_key(c.id) from c),
           dropped as (select clinic.take_off_push(c.id, null, null, null) from c)
           select (select count(*) from dropped) = 1 as done from forgotten having count(*) = 1";

    fn list_connections(after: String, after_id: Uuid, limit: i64) -> ConnectionRow
        = concat!("select ", columns!(), " from clinic.ehr_connection c
            where c.tenant_id = kernel.tenant() and (c.name, c.id) > ($1, $2) and c.deleted_at is null
            order by c.name, c.id limit $3");

    fn find_status(id: Uuid) -> StatusRow
        = "select c.state, c.stopped_reason, coalesce(l.circuit, 'closed') as circuit, coalesce(l.failures, 0) as failures,
                  l.retry_at, l.last_error, l.last_failed_at, l.last_success_at,
                  w.waiting, w.waiting_since,
                  (select count(*) from clinic.ehr_dead_letter d where d.tenant_id = c.tenant_id
                      and d.connection_id = c.id and d.state <> 'resolved') as dead_letters,
                  (select count(*) from clinic.ehr_link k where k.tenant_id = c.tenant_id
                      and k.connection_id = c.id) as linked,
                  (select r.since from clinic.ehr_resume r where r.tenant_id = c.tenant_id
                      and r.connection_id = c.id and r.record_kind = 'patient') as patients_since,
                  (select r.since from clinic.ehr_resume r where r.tenant_id = c.tenant_id
                      and r.connection_id = c.id and r.record_kind = 'appointment') as appointments_since
             from clinic.ehr_connection c
             left join clinic.ehr_lane l on l.tenant_id = c.tenant_id and l.connection_id = c.id
             cross join lateral (select count(*) as waiting, min(p.queued_at) as waiting_since from clinic.ehr_push p
                                  where p.tenant_id = c.tenant_id and p.connection_id = c.id) w
            where c.tenant_id = kernel.tenant() and c.id = $1 and c.deleted_at is null";

    fn list_dead_letters(connection: Uuid, before: Uuid, limit: i64) -> DeadLetterRow
        = concat!("select ", letter!(), " from clinic.ehr_dead_letter d
            where d.tenant_id = kernel.tenant() and d.connection_id = $1 and d.id < $2 and d.state <> 'resolved'
            order by d.id desc limit $3");

    /// What waits to be told anew is queued; what is to be read anew, the next reading finds.
    fn retry_dead_letters(connection: Uuid, ids: Option<Vec<Uuid>>) -> DeadLetterRow
        = concat!("with d as (update clinic.ehr_dead_letter d set state = 'retrying'
                    where d.tenant_id = kernel.tenant() and d.id in (
                        select o.id from clinic.ehr_dead_letter o
                         where o.tenant_id = kernel.tenant() and o.connection_id = $1 and o.state <> 'resolved'
                           and ($2::uuid[] is null or o.id = any ($2))
                         order by o.id limit 100)
                   returning d.*),
           queued as (select clinic.queue_push(d.connection_id, d.record_kind, d.record_id)
                        from d where d.direction = 'push')
           select ", letter!(), " from d where (select count(*) from queued) >= 0 order by d.id");

    /// Wants a job: at once, or one that waits will do.
    fn plan(connection: Uuid, direction: &'static str, seconds: f64, at_once: bool) -> Done
        = "select clinic.plan_ehr($1, $2, $3, $4) as done";

    /// Waits for whoever counts on a job that has not begun to read.
    fn take_turn(connection: Uuid) -> Done
        = "select pg_advisory_xact_lock(clinic.ehr_turn($1)) is null as done";

    /// What a job needs to begin, if the connection is switched on. `$3` is the job.
    fn begin_run(connection: Uuid, direction: &'static str, job: Uuid) -> RunRow
        = "with another as (
             select from kernel.job j
              where j.tenant_id = kernel.tenant() and j.record_id = $1 and j.kind = 'clinic.' || $2 || '_records'
                and j.state = 'running' and j.id <> $3),
           admitted as (
             update clinic.ehr_lane l
                set circuit = case l.circuit when 'closed' then 'closed' else 'half_open' end,
                    retry_at = case when l.circuit <> 'closed' then now() + interval '45 seconds' end
              where l.tenant_id = kernel.tenant() and l.connection_id = $1
                and (l.circuit = 'closed' or l.retry_at <= now())
                and not exists (select from another)
             returning l.circuit)
           select c.base_url, c.auth, c.username, kernel.open(c.secret) as secret, c.direction, c.mapping, c.poll_seconds,
                  l.failures, coalesce((select a.circuit = 'half_open' from admitted a), false) as is_probe,
                  exists (select from another) as is_superfluous,
                  case when not exists (select from admitted) and l.circuit <> 'closed'
                       then greatest(extract(epoch from l.retry_at - now())::double precision, 1) end as closed_for
             from clinic.ehr_connection c
             join clinic.ehr_lane l on l.tenant_id = c.tenant_id and l.connection_id = c.id
            where c.tenant_id = kernel.tenant() and c.id = $1 and c.state = 'active' and c.deleted_at is null
              and c.direction in ($2, 'both')";

    fn note_success(connection: Uuid) -> Done
        = "update clinic.ehr_lane l
              set circuit = 'closed', failures = 0, retry_at = null, last_success_at = now()
            where l.tenant_id = kernel.tenant() and l.connection_id = $1 returning true as done";

    /// Opens the circuit for so many seconds after `$3` failures one after the other, or where it was being tried.
    fn note_failure(connection: Uuid, code: &'static str, most: i32, seconds: f64) -> Done
        = "update clinic.ehr_lane l
              set failures = l.failures + 1, last_error = $2, last_failed_at = now(),
                  circuit = case when l.circuit <> 'closed' or l.failures + 1 >= $3 then 'open' else 'closed' end,
                  retry_at = case when l.circuit <> 'closed' or l.failures + 1 >= $3
                                  then now() + make_interval(secs => $4) end
            where l.tenant_id = kernel.tenant() and l.connection_id = $1 returning true as done";

    fn find_waiting(connection: Uuid) -> WaitingRow
        = "select p.record_kind, p.record_id, p.sequence, l.external_id, l.external_version
             from clinic.ehr_push p
             left join clinic.ehr_link l on l.tenant_id = p.tenant_id and l.connection_id = p.connection_id
                                        and l.record_kind = p.record_kind and l.record_id = p.record_id
            where p.tenant_id = kernel.tenant() and p.connection_id = $1
            order by p.sequence limit 1";

    /// Where the patient of an appointment is on record there.
    fn find_patient_there(connection: Uuid, appointment: Uuid) -> ExternalRow
        = "select l.external_id
             from clinic.appointment a
             join clinic.patient p on p.tenant_id = a.tenant_id and p.doc_type_id = a.patient_doc_type_id
                                  and p.doc_number = a.patient_doc_number and p.deleted_at is null
             join clinic.ehr_link l on l.tenant_id = p.tenant_id and l.connection_id = $1
                                   and l.record_kind = 'patient' and l.record_id = p.id
            where a.tenant_id = kernel.tenant() and a.id = $2";

    /// No change comes back to where it came from, for the rest of the transaction.
    fn come_from(connection: Uuid) -> Done
        = "select set_config('app.ehr_connection', $1::uuid::text, true) is not null as done";

    fn put_link(id: Uuid, connection: Uuid, kind: &'static str, record: Uuid, external_id: String,
                external_version: Option<String>) -> Done
        = "insert into clinic.ehr_link as l (tenant_id, id, connection_id, record_kind, record_id, external_id, external_version)
           values (kernel.tenant(), $1, $2, $3, $4, $5, $6)
           on conflict (tenant_id, connection_id, record_kind, record_id)
           do update set external_id = excluded.external_id, external_version = excluded.external_version
            where (l.external_id, l.external_version) is distinct from (excluded.external_id, excluded.external_version)
           returning true as done";

    /// Unless it has changed again since.
    fn take_off(connection: Uuid, kind: &'static str, record: Uuid, sequence: i64) -> Done
        = "select clinic.take_off_push($1, $2, $3, $4) as done";

    fn bury_record(id: Uuid, connection: Uuid, kind: &'static str, record: Uuid, external_id: Option<String>,
                   code: &'static str, detail: String) -> Done
        = "insert into clinic.ehr_dead_letter as d (tenant_id, id, connection_id, direction, record_kind, record_id,
                  external_id, code, detail)
           values (kernel.tenant(), $1, $2, 'push', $3, $4, $5, $6, $7)
           on conflict (tenant_id, connection_id, record_kind, record_id) where direction = 'push' and state <> 'resolved'
           do update set state = 'open', attempts = d.attempts + 1, code = excluded.code, detail = excluded.detail,
                         external_id = excluded.external_id
           returning true as done";

    fn bury_external(id: Uuid, connection: Uuid, kind: &'static str, external_id: String, record: Option<Uuid>,
                     code: String, detail: String) -> Done
        = "insert into clinic.ehr_dead_letter as d (tenant_id, id, connection_id, direction, record_kind, external_id,
                  record_id, code, detail)
           values (kernel.tenant(), $1, $2, 'pull', $3, $4, $5, $6, $7)
           on conflict (tenant_id, connection_id, record_kind, external_id) where direction = 'pull' and state <> 'resolved'
           do update set state = 'open', attempts = d.attempts + 1, code = excluded.code, detail = excluded.detail,
                         record_id = excluded.record_id
           returning true as done";

    fn resolve_record(connection: Uuid, kind: &'static str, record: Uuid) -> Done
        = "update clinic.ehr_dead_letter d set state = 'resolved'
            where d.tenant_id = kernel.tenant() and d.connection_id = $1 and d.record_kind = $2 and d.record_id = $3
              and d.direction = 'push' and d.state <> 'resolved' returning true as done";

    fn resolve_external(connection: Uuid, kind: &'static str, external_id: String) -> Done
        = "update clinic.ehr_dead_letter d set state = 'resolved'
            where d.tenant_id = kernel.tenant() and d.connection_id = $1 and d.record_kind = $2 and d.external_id = $3
              and d.direction = 'pull' and d.state <> 'resolved' returning true as done";

    /// What somebody wants read again.
    fn list_retrying(connection: Uuid, kind: &'static str) -> ExternalRow
        = "select coalesce(d.external_id, '') as external_id from clinic.ehr_dead_letter d
            where d.tenant_id = kernel.tenant() and d.connection_id = $1 and d.record_kind = $2
              and d.direction = 'pull' and d.state = 'retrying' order by d.id limit 50";

    fn find_resume(connection: Uuid, kind: &'static str) -> ResumeRow
        = "select r.since from clinic.ehr_resume r
            where r.tenant_id = kernel.tenant() and r.connection_id = $1 and r.record_kind = $2";

    fn put_resume(connection: Uuid, kind: &'static str, since: Timestamp) -> Done
        = "insert into clinic.ehr_resume as r (tenant_id, connection_id, record_kind, since)
           values (kernel.tenant(), $1, $2, $3)
           on conflict (tenant_id, connection_id, record_kind)
           do update set since = greatest(r.since, excluded.since), read_at = now() returning true as done";

    /// By what is known of it there, else by our own id in it.
    fn locate(connection: Uuid, kind: &'static str, external_id: String, own: Option<Uuid>) -> LocatedRow
        = "select f.record_id, l.external_version,
                  exists (select from clinic.ehr_push p where p.tenant_id = kernel.tenant() and p.connection_id = $1
                             and p.record_kind = $2 and p.record_id = f.record_id) as is_waiting
             from (select 1) one
             left join clinic.ehr_link l on l.tenant_id = kernel.tenant() and l.connection_id = $1
                                        and l.record_kind = $2 and l.external_id = $3
             cross join lateral (select coalesce(l.record_id,
                 case $2 when 'patient'
                      then (select p.id from clinic.patient p where p.tenant_id = kernel.tenant() and p.id = $4)
                      else (select a.id from clinic.appointment a where a.tenant_id = kernel.tenant() and a.id = $4) end)
                 as record_id) f";

    /// A patient by their document.
    fn locate_patient(columns: Pii<Value>) -> PlaceRow
        = "select p.id as record_id from clinic.patient p
            where p.tenant_id = kernel.tenant() and p.doc_type_id = $1::jsonb ->> 'doc_type_id'
              and p.doc_number = $1::jsonb ->> 'doc_number' and p.deleted_at is null";

    /// Where one of ours is on record there.
    fn find_link(connection: Uuid, kind: &'static str, record: Uuid) -> ExternalRow
        = "select l.external_id from clinic.ehr_link l
            where l.tenant_id = kernel.tenant() and l.connection_id = $1 and l.record_kind = $2 and l.record_id = $3";

    /// Whether a change would change anything; no row where the record is deleted.
    fn would_change_patient(id: Uuid, columns: Pii<Value>, custom_fields: Option<Json<Box<RawValue>>>) -> Done
        = "select to_jsonb(jsonb_populate_record(p, $2)) <> to_jsonb(p)
                  or coalesce($3, p.custom_fields) <> p.custom_fields as done
             from clinic.patient p where p.tenant_id = kernel.tenant() and p.id = $1 and p.deleted_at is null";

    /// As of a patient.
    fn would_change_appointment(id: Uuid, columns: Pii<Value>, custom_fields: Option<Json<Box<RawValue>>>) -> Done
        = "select to_jsonb(jsonb_populate_record(a, $2)) <> to_jsonb(a)
                  or coalesce($3, a.custom_fields) <> a.custom_fields as done
             from clinic.appointment a where a.tenant_id = kernel.tenant() and a.id = $1 and a.deleted_at is null";
}

row! {
    /// A record of ours.
    pub struct PlaceRow { record_id: Uuid }
}

pub fn constraints() -> Vec<Constraint> {
    let secret = || {
        Problem::field(
            &["body", "secret"],
            "value_error",
            "what `auth` takes has a secret, and `none` has none",
        )
    };
    let linked = || {
        let detail = "another record of ours is this one there";
        Problem::conflict("linked_elsewhere", detail)
    };
    vec![
        Constraint { name: "ehr_connection_secret_fits", problem: secret },
        Constraint {
            name: "ehr_connection_username_fits",
            problem: || {
                let msg = "`basic` has a user name, and nothing else has one";
                Problem::field(&["body", "username"], "value_error", msg)
            },
        },
        Constraint { name: "ehr_link_external_taken", problem: linked },
        Constraint { name: "ehr_link_record_taken", problem: linked },
    ]
}
