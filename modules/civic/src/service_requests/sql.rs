//! Statements on service requests.

use jiff::Timestamp;
use kernel::{
    db::Done,
    http::{Constraint, Problem},
    postgres_types::Json,
    privacy::Pii,
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

use super::http::Reporter;

row! {
    /// A request. What is sealed is null once its reporter was erased.
    pub struct RequestRow {
        id: Uuid,
        tenant_id: Uuid,
        number: String,
        reporter_id: Option<Uuid>,
        category: String,
        description: Option<Pii<String>>,
        address: Option<Pii<String>>,
        photo_url: Option<Pii<String>>,
        latitude: Option<f64>,
        longitude: Option<f64>,
        ward: Option<i32>,
        channel: String,
        language: String,
        /// In which the reporter is spoken to.
        message_language: String,
        status: String,
        assigned_to: Option<Uuid>,
        reported_at: Timestamp,
        counted_from: Timestamp,
        response_due_at: Timestamp,
        resolution_due_at: Timestamp,
        responded_at: Option<Timestamp>,
        settled_at: Option<Timestamp>,
        reopened: i32,
        version: i32,
        reporter: Option<Pii<Json<Reporter>>>,
    }
}

row! {
    /// How a request stands, and nothing about a person.
    pub struct StateRow {
        id: Uuid,
        status: String,
        reported_at: Timestamp,
        counted_from: Timestamp,
        response_due_at: Timestamp,
        resolution_due_at: Timestamp,
        responded_at: Option<Timestamp>,
        settled_at: Option<Timestamp>,
        /// Nobody with an account reported it.
        is_nobodys: bool,
        version: i32,
    }
}

row! {
    /// What happened to a request.
    pub struct EventRow {
        id: Uuid,
        kind: String,
        from_status: String,
        to_status: String,
        assigned_to: Option<Uuid>,
        note: Option<Pii<String>>,
        happened_at: Timestamp,
        created_by: Option<Uuid>,
    }
}

row! {
    /// A record by its id.
    pub struct Id { id: Uuid }
}

/// The columns of request `r`. Messages are in the language that the reporter prefers now. A reporter who is to be
/// left alone is seen by themselves alone; how to reach one is there while they consent to it.
macro_rules! columns {
    () => {
        "r.id, r.tenant_id, r.number, r.reporter_id,
         (select c.code from civic.category c where c.tenant_id = r.tenant_id and c.id = r.category_id) as category,
         case when seen.ok then kernel.open(r.description) end as description,
         case when seen.ok then kernel.open(r.address) end as address,
         case when seen.ok then kernel.open(r.photo_url) end as photo_url,
         r.latitude, r.longitude, r.ward, r.channel, r.language,
         coalesce((select a.preferred_language from kernel.account a
                    where a.tenant_id = r.tenant_id and a.id = r.reporter_id), r.language) as message_language,
         r.status, r.assigned_to, r.reported_at, r.counted_from, r.response_due_at, r.resolution_due_at, r.responded_at, r.settled_at,
         r.reopened, r.version,
         (select jsonb_build_object('full_name', kernel.open(a.full_name), 'phone', kernel.open(a.phone))
            from kernel.account a
           where a.tenant_id = r.tenant_id and a.id = r.reporter_id and a.deleted_at is null
             and seen.ok and civic.consented(a.id, 'contact')) as reporter"
    };
}

/// Whether the words of request `r` are shown to who asks.
macro_rules! seen {
    () => {
        " cross join lateral (select r.reporter_id is null or r.reporter_id = kernel.setting('app.actor_id')::uuid
              or not civic.left_alone(r.reporter_id, 'platform_registration') as ok) seen "
    };
}

/// Newest first, with the filters that are not the index's own.
macro_rules! newest {
    ($by:literal) => {
        concat!(
            " from civic.service_request r",
            seen!(),
            "where r.tenant_id = kernel.tenant() and (r.reported_at, r.id) < ($1, $2)",
            $by,
            " and ($4::text is null or r.status = $4)
              and ($5::text is null or r.category_id = (select c.id from civic.category c
                                                         where c.tenant_id = kernel.tenant() and c.code = $5))
              and ($6::uuid is null or r.assigned_to = $6)
            order by r.reported_at desc, r.id desc limit $3"
        )
    };
}

statements! {
    /// A report of `reporter`, who is of this municipality, or of nobody; sealed under the reporter's key, or one of
    /// its own.
    fn insert_request(id: Uuid, number: String, reporter: Option<Uuid>, columns: Pii<Value>, reported_at: Timestamp) -> Id
        = "insert into civic.service_request as r (tenant_id, id, number, reporter_id, category_id, description, address,
                  photo_url, latitude, longitude, ward, channel, language, reported_at)
           select kernel.tenant(), $1, $2, a.id, c.id, kernel.seal(coalesce(a.id, $1), x.description),
                  kernel.seal(coalesce(a.id, $1), x.address), kernel.seal(coalesce(a.id, $1), x.photo_url),
                  x.latitude, x.longitude, x.ward, coalesce(x.channel, 'web'),
                  coalesce(x.language, a.preferred_language, 'en'), $5
             from jsonb_to_record($4) as x(category text, description text, address text, photo_url text,
                  latitude double precision, longitude double precision, ward integer, channel text, language text)
             join civic.category c on c.tenant_id = kernel.tenant() and c.code = x.category
             left join kernel.account a on a.tenant_id = kernel.tenant() and a.id = $3 and a.deleted_at is null
            where ($3::uuid is null) = (a.id is null)
           returning r.id";

    fn find_request(id: Uuid) -> RequestRow, discloses "civic.service_request"
        = concat!("select ", columns!(), " from civic.service_request r", seen!(), "where r.tenant_id = kernel.tenant() and r.id = $1");

    /// As the transaction that changed it sees it.
    fn read_request(id: Uuid) -> RequestRow
        = concat!("select ", columns!(), " from civic.service_request r", seen!(), "where r.tenant_id = kernel.tenant() and r.id = $1");

    fn find_state(id: Uuid) -> StateRow
        = "select r.id, r.status, r.reported_at, r.counted_from, r.response_due_at, r.resolution_due_at, r.responded_at, r.settled_at,
                  r.reporter_id is null as is_nobodys, r.version
             from civic.service_request r where r.tenant_id = kernel.tenant() and r.id = $1";

    /// The same, locked: of two events at once the second sees what the first made of it.
    fn lock_state(id: Uuid, expected: Option<i32>) -> StateRow
        = "select r.id, r.status, r.reported_at, r.counted_from, r.response_due_at, r.resolution_due_at, r.responded_at, r.settled_at,
                  r.reporter_id is null as is_nobodys, r.version
             from civic.service_request r where r.tenant_id = kernel.tenant() and r.id = $1 and kernel.expect_version(r.version, $2) for update";

    fn list_requests(before: Timestamp, before_id: Uuid, limit: i64, status: Option<String>, category: Option<String>,
                     assigned: Option<Uuid>) -> RequestRow, discloses "civic.service_request"
        = concat!("select ", columns!(), newest!(""));

    /// By status; the other filters as they are.
    fn list_requests_by_status(before: Timestamp, before_id: Uuid, limit: i64, status: Option<String>,
                               category: Option<String>, assigned: Option<Uuid>)
        -> RequestRow, discloses "civic.service_request"
        = concat!("select ", columns!(), newest!(" and r.status = $4"));

    fn list_requests_by_category(before: Timestamp, before_id: Uuid, limit: i64, status: Option<String>,
                                 category: Option<String>, assigned: Option<Uuid>)
        -> RequestRow, discloses "civic.service_request"
        = concat!("select ", columns!(), newest!(" and r.category_id = (select c.id from civic.category c
                                                      where c.tenant_id = kernel.tenant() and c.code = $5)"));

    fn list_requests_by_assignee(before: Timestamp, before_id: Uuid, limit: i64, status: Option<String>,
                                 category: Option<String>, assigned: Option<Uuid>)
        -> RequestRow, discloses "civic.service_request"
        = concat!("select ", columns!(), newest!(" and r.assigned_to = $6"));

    fn list_own_requests(before: Timestamp, before_id: Uuid, limit: i64, status: Option<String>, category: Option<String>,
                         reporter: Uuid) -> RequestRow, discloses "civic.service_request"
        = concat!("select ", columns!(), " from civic.service_request r", seen!(), "
            where r.tenant_id = kernel.tenant() and r.reporter_id = $6 and (r.reported_at, r.id) < ($1, $2)
              and ($4::text is null or r.status = $4)
              and ($5::text is null or r.category_id = (select c.id from civic.category c
                                                         where c.tenant_id = kernel.tenant() and c.code = $5))
            order by r.reported_at desc, r.id desc limit $3");

    /// Open requests of which a target has passed, the one that passed first at the front.
    fn list_overdue_requests(after: Timestamp, after_id: Uuid, limit: i64, now: Timestamp)
        -> RequestRow, discloses "civic.service_request"
        = concat!("select ", columns!(), " from civic.service_request r", seen!(), "
            where r.tenant_id = kernel.tenant() and r.status in ('open', 'in_progress')
              and (least(r.response_due_at, r.resolution_due_at), r.id) > ($1, $2)
              and least(r.response_due_at, r.resolution_due_at) < $4
              and (r.responded_at is null or r.resolution_due_at < $4)
            order by least(r.response_due_at, r.resolution_due_at), r.id limit $3");

    fn list_events(request: Uuid) -> EventRow, discloses "civic.request_event"
        = "select e.id, e.kind, e.from_status, e.to_status, e.assigned_to, kernel.open(e.note) as note, e.happened_at, e.created_by
             from civic.request_event e
            where e.tenant_id = kernel.tenant() and e.service_request_id = $1 order by e.id";

    /// The words of a request go with its own key.
    fn destroy_key(id: Uuid) -> Done = "select kernel.destroy_key($1) is not null as done";

    /// Its words are sealed with the request's.
    fn insert_event(id: Uuid, request: Uuid, kind: &'static str, to_status: String, assigned_to: Option<Uuid>,
                    note: Option<Pii<String>>, at: Timestamp) -> Id
        = "insert into civic.request_event (tenant_id, id, service_request_id, kind, to_status, assigned_to, note, happened_at)
           select kernel.tenant(), $1, r.id, $3, $4, $5, kernel.seal(civic.key_of(r.reporter_id, r.id), $6), $7
             from civic.service_request r where r.tenant_id = kernel.tenant() and r.id = $2
           returning id";
}

pub fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "request_number_taken",
            problem: || Problem::unavailable("two numbers met; try again"),
        },
        Constraint {
            name: "request_has_a_place",
            problem: || {
                let msg = "say where: an address, or latitude and longitude";
                Problem::field(&["body", "address"], "missing", msg)
            },
        },
        Constraint { name: "request_assignee_known", problem: no_worker },
        Constraint { name: "event_assignee_known", problem: no_worker },
        Constraint { name: "RV727", problem: no_worker },
        Constraint {
            name: "RV723",
            problem: || {
                let detail = "what was reported stays, and its state follows from its events";
                Problem::conflict("request_state", detail)
            },
        },
        Constraint {
            name: "RV724",
            problem: || {
                Problem::conflict("cannot_follow", "this cannot follow: read the request again")
            },
        },
        Constraint {
            name: "RV726",
            problem: || {
                Problem::field(&["body", "category"], "unknown", "there is no such category in use")
            },
        },
    ]
}

fn no_worker() -> Problem {
    let msg = "there is nobody of this id who works on requests";
    Problem::field(&["body", "assigned_to"], "unknown", msg)
}
