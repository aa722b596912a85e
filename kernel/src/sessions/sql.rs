//! Statements of signing in and of sessions.

use std::net::IpAddr;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    db::{Done, Nothing},
    privacy::Pii,
    row, statements,
};

row! {
    /// The tenant that a login means, and the account in it, if there is one.
    pub struct LoginRow {
        tenant_id: Uuid,
        realm: String,
        tenant_active: bool,
        account_id: Option<Uuid>,
        state: Option<String>,
        role: Option<String>,
        password_hash: Option<String>,
        /// Whether it has signed in from this address before.
        familiar: bool,
    }
}

row! {
    /// Seconds to wait before the next attempt.
    pub struct Wait { seconds: i32 }
}

row! {
    /// A session as its owner sees it.
    pub struct SessionRow {
        id: Uuid,
        authenticated_by: String,
        created_at: Timestamp,
        turned_at: Option<Timestamp>,
        expires_at: Timestamp,
        address: Option<Pii<IpAddr>>,
        user_agent: Option<Pii<String>>,
    }
}

row! {
    /// What became of a refresh token.
    pub struct Turned {
        outcome: String,
        generation: i32,
        role: Option<String>,
        realm: String,
        account_active: bool,
    }
}

row! {
    /// What a change of one's password needs.
    pub struct OwnPassword {
        password_hash: Option<String>,
        email: Pii<String>,
        full_name: Pii<String>,
        realm: String,
    }
}

statements! {
    fn find_login(email: String, hint: Option<String>, host: Option<String>, default_tenant: Option<String>) -> LoginRow
        = "select tenant_id, realm, tenant_active, account_id, state, role, password_hash, familiar
             from kernel.find_login($1, $2, $3, $4)";

    fn begin_attempt(name_hash: Vec<u8>, familiar: bool) -> Wait
        = "select kernel.begin_login($1, $2) as seconds";

    /// An attempt that was not looked at does not count.
    fn take_back_attempt(name_hash: Vec<u8>) -> Nothing
        = "update kernel.login_guard set attempts = greatest(attempts - 1, 0), blocked_until = null
            where tenant_id = kernel.tenant() and name_hash = $1
              and place in ('elsewhere', kernel.setting('app.address'))";

    fn forget_attempts(name_hash: Vec<u8>) -> Done
        = "select kernel.forget_attempts($1) is not null as done";

    /// Opens a session if the account is still what it was when its password was looked at: active,
    /// and with that password. The row's lock makes a reset that comes between take its turn. A hash
    /// that is below the realm's policy gives way to a better one.
    fn open_session(id: Uuid, account: Uuid, authenticated_by: &'static str, expires_at: Timestamp,
                    verified_hash: Option<String>, better_hash: Option<String>) -> Done
        = "with person as materialized (
               select id from kernel.account
                where tenant_id = kernel.tenant() and id = $2 and state = 'active' and deleted_at is null
                  and ($5::text is null or password_hash = $5)
                  for update),
           rehashed as (
               update kernel.account a set password_hash = $6 from person
                where a.tenant_id = kernel.tenant() and a.id = person.id and $6::text is not null)
           insert into kernel.session (tenant_id, id, account_id, authenticated_by, expires_at)
           select kernel.tenant(), $1, person.id, $3, $4 from person
           returning true as done";

    fn turn_session(id: Uuid, account: Uuid, generation: i32) -> Turned
        = "select turned.outcome, turned.generation, a.role, t.realm,
                  a.state = 'active' and a.deleted_at is null as account_active
             from kernel.turn_session($1, $3, interval '10 seconds') as turned
             join kernel.account a on a.tenant_id = kernel.tenant() and a.id = $2
             join kernel.tenant t on t.tenant_id = kernel.tenant() and t.id = kernel.tenant()";

    fn list_sessions(account: Uuid) -> SessionRow, discloses "kernel.session"
        = "select id, authenticated_by, created_at, turned_at, expires_at, address, user_agent
             from kernel.session
            where tenant_id = kernel.tenant() and account_id = $1 and ended_at is null and expires_at > now()
            order by id desc limit 100";

    fn end_session(id: Uuid, account: Uuid, reason: &'static str) -> Done
        = "update kernel.session set ended_at = now(), end_reason = $3
            where tenant_id = kernel.tenant() and id = $1 and account_id = $2 and ended_at is null
           returning true as done";

    fn end_sessions(account: Uuid) -> Done
        = "select kernel.end_sessions($1, 'ended_by_owner', null) is not null as done";

    fn find_own_password(account: Uuid) -> OwnPassword
        = "select a.password_hash, kernel.open(a.email) as email, kernel.open(a.full_name) as full_name, t.realm
             from kernel.account a
             join kernel.tenant t on t.tenant_id = a.tenant_id and t.id = a.tenant_id
            where a.tenant_id = kernel.tenant() and a.id = $1 and a.deleted_at is null";

    /// The new password, and the end of every session but this one.
    fn update_password(account: Uuid, hash: String, but: Option<Uuid>) -> Done
        = "with changed as (
               update kernel.account set password_hash = $2, password_changed_at = now()
                where tenant_id = kernel.tenant() and id = $1 and deleted_at is null
               returning id)
           select kernel.end_sessions(id, 'password_changed', $3) is not null as done from changed";

    fn find_by_code(id: Uuid, hash: Vec<u8>) -> CodeRow
        = "select a.id, kernel.open(a.email) as email, kernel.open(a.full_name) as full_name, t.realm
             from kernel.one_time_code c
             join kernel.account a on a.tenant_id = c.tenant_id and a.id = c.account_id
             join kernel.tenant t on t.tenant_id = c.tenant_id and t.id = c.tenant_id
            where c.tenant_id = kernel.tenant() and c.id = $1 and c.code_hash = $2 and c.purpose = 'password'
              and c.used_at is null and c.expires_at > now()
              and a.state <> 'disabled' and a.deleted_at is null and t.is_active";

    /// Uses the code up and sets the password in one; of two at once, one does.
    fn redeem_password_code(id: Uuid, hash: Vec<u8>, password_hash: String) -> Done
        = "with used as (
               update kernel.one_time_code set used_at = now()
                where tenant_id = kernel.tenant() and id = $1 and code_hash = $2 and purpose = 'password'
                  and used_at is null and expires_at > now()
               returning account_id),
           changed as (
               update kernel.account a
                  set password_hash = $3, password_changed_at = now(),
                      state = case a.state when 'invited' then 'active' else a.state end
                 from used
                where a.tenant_id = kernel.tenant() and a.id = used.account_id and a.deleted_at is null
               returning a.id)
           select kernel.end_sessions(id, 'password_changed', null) is not null as done from changed";
}

row! {
    /// Whose a code is.
    pub struct CodeRow { id: Uuid, email: Pii<String>, full_name: Pii<String>, realm: String }
}
