//! Statements on people.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    http::{Constraint, Problem},
    privacy::Pii,
    row, statements,
};

row! {
    /// Somebody's account.
    pub struct PersonRow {
        id: Uuid,
        tenant_id: Uuid,
        email: Pii<String>,
        full_name: Pii<String>,
        phone: Option<Pii<String>>,
        preferred_language: String,
        role: Option<String>,
        state: String,
        created_at: Timestamp,
        updated_at: Timestamp,
        deleted_at: Option<Timestamp>,
        version: i32,
    }
}

row! {
    /// What decides whether somebody may be changed by somebody.
    pub struct Standing {
        role: Option<String>,
        administers: bool,
        other_administrators: i64,
    }
}

row! {
    /// An account or a code, by id.
    pub struct Id { id: Uuid }
}

macro_rules! columns {
    () => {
        "id, tenant_id, kernel.open(email) as email, kernel.open(full_name) as full_name, kernel.open(phone) as phone,
         preferred_language, role, state, created_at, updated_at, deleted_at,
         version"
    };
}

statements! {
    fn insert_person(id: Uuid, email: Pii<String>, full_name: Pii<String>, phone: Option<Pii<String>>,
                     preferred_language: String, role: Option<String>, state: &'static str,
                     password_hash: Option<String>) -> PersonRow
        = concat!("insert into kernel.account (tenant_id, id, email, email_index, full_name, phone, preferred_language, role,
                                       state, password_hash, password_changed_at)
           values (kernel.tenant(), $1, kernel.seal($1, $2), kernel.blind($2), kernel.seal($1, $3), kernel.seal($1, $4),
                   $5, $6, $7, $8,
                   case when $8::text is not null then now() end)
           returning ", columns!());

    fn find_person(id: Uuid) -> PersonRow, discloses "kernel.account"
        = concat!("select ", columns!(), " from kernel.account
            where tenant_id = kernel.tenant() and id = $1 and deleted_at is null");

    /// `removed`: those too whose account was removed; nobody who was erased.
    fn list_people(after: Uuid, limit: i64, removed: bool) -> PersonRow, discloses "kernel.account"
        = concat!("select ", columns!(), " from kernel.account
            where tenant_id = kernel.tenant() and id > $1 and (deleted_at is null or $3 and email_index is not null)
            order by id limit $2");

    /// By address or id, for the command line.
    fn find_by_name(name: String) -> Id
        = "select id from kernel.account
            where tenant_id = kernel.tenant() and (email_index = kernel.blind($1) or id::text = $1) and deleted_at is null";

    /// The row is locked until the change is made.
    fn find_standing(id: Uuid) -> Standing
        = "select a.role, kernel.administers(a.tenant_id, a.role) and a.state = 'active' as administers,
                  (select count(*) from kernel.account o
                    where o.tenant_id = kernel.tenant() and o.id <> a.id
                      and o.role in (select r.role from kernel.administering_role r)
                      and kernel.administers(o.tenant_id, o.role)
                      and o.state = 'active' and o.deleted_at is null) as other_administrators
             from kernel.account a
            where a.tenant_id = kernel.tenant() and a.id = $1 and a.deleted_at is null
              for update of a";

    /// `columns` holds what changes, as JSON: full_name, phone, preferred_language, role, state.
    fn update_person(id: Uuid, expected: Option<i32>, columns: Pii<Value>) -> PersonRow
        = concat!("update kernel.account a
              set (full_name, phone, preferred_language, role, state)
                = (select case when $3 ? 'full_name' then kernel.seal(a.id, $3 ->> 'full_name') else a.full_name end,
                          case when $3 ? 'phone' then kernel.seal(a.id, $3 ->> 'phone') else a.phone end,
                          r.preferred_language, r.role,
                          -- An invitation is accepted by who was invited alone, however often it was stopped.
                          case when r.state = 'active' and a.password_hash is null
                                and not exists (select from kernel.identity i
                                                 where i.tenant_id = a.tenant_id and i.account_id = a.id)
                               then 'invited' else r.state end
                     from jsonb_populate_record(a, $3::jsonb - '{full_name,phone}'::text[]) r)
            where tenant_id = kernel.tenant() and id = $1 and deleted_at is null
              and kernel.expect_version(version, $2)
           returning ", columns!());

    fn delete_person(id: Uuid, expected: Option<i32>) -> Id
        = "update kernel.account set deleted_at = now()
            where tenant_id = kernel.tenant() and id = $1 and deleted_at is null
              and kernel.expect_version(version, $2)
           returning id";

    /// A code for a person's password; those before it end.
    fn insert_password_code(id: Uuid, account: Uuid, hash: Vec<u8>, hours: i32) -> Id
        = "with person as (
               select id from kernel.account
                where tenant_id = kernel.tenant() and id = $2 and state <> 'disabled' and deleted_at is null),
           former as (
               update kernel.one_time_code c set used_at = now() from person
                where c.tenant_id = kernel.tenant() and c.account_id = person.id and c.purpose = 'password'
                  and c.used_at is null)
           insert into kernel.one_time_code (tenant_id, id, account_id, purpose, code_hash, expires_at)
           select kernel.tenant(), $1, person.id, 'password', $3, now() + make_interval(hours => $4) from person
           returning id";
}

pub(crate) fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "account_email_taken",
            problem: || {
                let detail = "there is an account with this e-mail address in this organisation";
                Problem::conflict("email_taken", detail)
            },
        },
        Constraint {
            name: "identity_taken",
            problem: || {
                let detail = "this sign-on has been completed in another window: begin again";
                Problem::conflict("sign_on_twice", detail)
            },
        },
        Constraint { name: "RV509", problem: super::rules::last_administrator },
    ]
}
