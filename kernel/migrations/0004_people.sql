-- Why: people, not only keys, use Reeve: accounts, the sessions they open, the one-time codes that
-- invite and reset, and what an organisation is to those who sign in (its realm, code and host).
set role reeve_ledger;
alter table audit.entry drop constraint entry_actor_kind_check;
alter table audit.entry add constraint entry_actor_kind_check
    check (actor_kind in ('api_key', 'user', 'operator', 'system', 'anonymous'));
reset role;

set role reeve_owner;
-- The realm is the module whose people these are. `code` and `host` are hints at a login (C-10).
alter table kernel.tenant
    add column realm text not null default 'clinic' check (realm ~ '^[a-z]{2,20}$'),
    add column code text check (code ~ '^[A-Za-z0-9_-]{1,40}$'),
    add column host text check (host = lower(host) and length(host) between 1 and 253),
    add column demo boolean not null default false;
create unique index tenant_code_taken on kernel.tenant (lower(code));
create unique index tenant_host_taken on kernel.tenant (host);

create table kernel.account (
    tenant_id           uuid not null,
    id                  uuid not null,
    email               text not null check (email = lower(email) and length(email) between 3 and 254),
    full_name           text not null check (length(full_name) between 1 and 100),
    phone               text,
    preferred_language  text not null default 'en',
    -- Null: the role was taken away; the person may be known and may do nothing.
    role                text,
    state               text not null default 'active' check (state in ('invited', 'active', 'disabled')),
    password_hash       text,
    password_changed_at timestamptz,
    version             integer not null default 1,
    created_at          timestamptz not null default now(),
    updated_at          timestamptz not null default now(),
    created_by          uuid default kernel.setting('app.actor_id')::uuid,
    updated_by          uuid,
    deleted_at          timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, tenant_id) references kernel.tenant (tenant_id, id)
);
-- S-026, S-073: one account for an e-mail address in a tenant, as many as there are tenants.
create unique index account_email_taken on kernel.account (tenant_id, email) where deleted_at is null;
create index account_by_role on kernel.account (tenant_id, role) where state = 'active' and deleted_at is null;
-- Only kernel.find_login looks across tenants, for a login that names none.
create index account_by_email on kernel.account (email) where deleted_at is null;
select kernel.govern('kernel.account', '{password_hash}');
create policy keeper on kernel.account for select to reeve_keeper using (true);
grant select on kernel.account to reeve_keeper;

-- The roles that manage people; a test compares them with the matrix.
create table kernel.administering_role (
    realm text not null,
    role  text not null,
    primary key (realm, role)
);
grant select on kernel.administering_role to reeve_app;
insert into kernel.administering_role values
    ('clinic', 'admin'), ('programs', 'admin'), ('athletics', 'school_admin'), ('civic', 'admin'),
    ('studio', 'org_owner'), ('studio', 'org_admin');
create function kernel.administers(p_tenant uuid, p_role text) returns boolean language sql stable as $$
    select exists (select from kernel.administering_role r join kernel.tenant t on t.realm = r.realm
                    where t.tenant_id = p_tenant and t.id = p_tenant and r.role = p_role);
$$;

-- Z09, the second layer: whoever writes, a tenant keeps the last of those who manage its people. The
-- lock makes two who demote each other take turns.
create function kernel.keep_an_administrator() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('administrators/' || old.tenant_id, 0));
    if kernel.administers(old.tenant_id, old.role)
       and not exists (select from kernel.account
                        where tenant_id = old.tenant_id and state = 'active' and deleted_at is null
                          and kernel.administers(tenant_id, role))
    then
        raise exception 'the last administrator' using errcode = 'RV509';
    end if;
    return null;
end $$;
create trigger keep_an_administrator after update on kernel.account for each row
    when (old.state = 'active' and old.deleted_at is null
          and (new.role is distinct from old.role or new.state <> 'active' or new.deleted_at is not null))
    execute function kernel.keep_an_administrator();
create trigger announce after update on kernel.account
    for each row execute function kernel.announce_credential();

-- A session is one family of refresh tokens. `generation` counts them: the token of the present
-- generation works once, and the one before it for a moment more, for an answer that was lost.
create table kernel.session (
    tenant_id        uuid not null,
    id               uuid not null,
    account_id       uuid not null,
    authenticated_by text not null check (authenticated_by in ('password', 'sso')),
    generation       integer not null default 0,
    turned_at        timestamptz,
    address          inet default kernel.setting('app.address')::inet,
    user_agent       text default kernel.setting('app.user_agent'),
    expires_at       timestamptz not null,
    ended_at         timestamptz,
    end_reason       text check (end_reason in ('logout', 'ended_by_owner', 'password_changed', 'role_changed',
                                                'account_disabled', 'refresh_reuse', 'code_reuse')),
    version          integer not null default 1,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    created_by       uuid default kernel.setting('app.actor_id')::uuid,
    updated_by       uuid,
    primary key (tenant_id, id),
    foreign key (tenant_id, account_id) references kernel.account (tenant_id, id),
    check ((ended_at is null) = (end_reason is null))
);
create index session_by_account on kernel.session (tenant_id, account_id, id);
select kernel.govern('kernel.session', '{}');
create policy keeper on kernel.session for select to reeve_keeper using (true);
grant select on kernel.session to reeve_keeper;
create trigger announce after update on kernel.session for each row
    when (old.ended_at is null and new.ended_at is not null)
    execute function kernel.announce_credential();

-- Ends the sessions of an account, but for one. Called by whatever makes them worthless.
create function kernel.end_sessions(p_account uuid, p_reason text, p_but uuid) returns void
language sql as $$
    update kernel.session set ended_at = now(), end_reason = p_reason
     where tenant_id = kernel.tenant() and account_id = p_account and ended_at is null
       and id is distinct from p_but;
$$;

-- A disabled, deleted or re-roled account keeps no session, whoever disabled it (A18, S-074).
create function kernel.end_sessions_of_account() returns trigger language plpgsql as $$
begin
    perform kernel.end_sessions(new.id, case
        when new.state <> 'active' or new.deleted_at is not null then 'account_disabled'
        else 'role_changed' end, null);
    return null;
end $$;
create trigger end_sessions after update on kernel.account for each row
    when ((old.state = 'active' and new.state <> 'active')
          or (old.deleted_at is null and new.deleted_at is not null)
          -- A role that is taken away (null) is felt at the next request; a new one begins a new session.
          or (new.role is not null and new.role is distinct from old.role))
    execute function kernel.end_sessions_of_account();

-- Turns a family to its next generation, or tells why not; the row's lock makes twenty at once take
-- turns. `turned`: the token was the present one, or the one before it within the grace, whose
-- successor is then the same. `reuse`: an older one came back, so somebody copied it; the family ends.
create function kernel.turn_session(p_id uuid, p_generation integer, p_grace interval)
returns table (outcome text, generation integer) language plpgsql as $$
declare s kernel.session;
begin
    -- Before anything is turned: a token that was refused for its tenant's sake is still good after.
    if not exists (select from kernel.tenant t
                    where t.tenant_id = kernel.tenant() and t.id = kernel.tenant() and t.is_active) then
        return query select 'suspended', 0;
        return;
    end if;
    select * into s from kernel.session where tenant_id = kernel.tenant() and id = p_id for update;
    if not found or s.ended_at is not null or s.expires_at <= now() then
        return query select 'ended', 0;
    elsif p_generation = s.generation then
        update kernel.session set generation = s.generation + 1, turned_at = clock_timestamp()
         where tenant_id = s.tenant_id and id = s.id;
        return query select 'turned', s.generation + 1;
    elsif p_generation = s.generation - 1 and s.turned_at > clock_timestamp() - p_grace then
        return query select 'turned', s.generation;
    else
        update kernel.session set ended_at = now(), end_reason = 'refresh_reuse'
         where tenant_id = s.tenant_id and id = s.id;
        return query select 'reuse', 0;
    end if;
end $$;

-- Codes that work once: an invitation, a reset of a password, a sign-on on its way to its application.
create table kernel.one_time_code (
    tenant_id  uuid not null,
    id         uuid not null,
    account_id uuid not null,
    session_id uuid,
    purpose    text not null check (purpose in ('password', 'sign_on')),
    code_hash  bytea not null check (length(code_hash) = 32),
    expires_at timestamptz not null,
    used_at    timestamptz,
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid default kernel.setting('app.actor_id')::uuid,
    updated_by uuid,
    primary key (tenant_id, id),
    foreign key (tenant_id, account_id) references kernel.account (tenant_id, id),
    foreign key (tenant_id, session_id) references kernel.session (tenant_id, id),
    check ((purpose = 'sign_on') = (session_id is not null))
);
create index one_time_code_by_account on kernel.one_time_code (tenant_id, account_id);
select kernel.govern('kernel.one_time_code', '{code_hash}');

-- How often an e-mail address was tried, so that guessing becomes slow. It is a keyed hash, and counted
-- under no tenant (the nil one), so that addresses that do not exist, or exist twice, are counted like
-- those that do. `place` is where an account of it has signed in from before, or 'elsewhere': an attacker
-- elsewhere does not slow down the owner at home.
create table kernel.login_guard (
    tenant_id     uuid not null,
    name_hash     bytea not null,
    place         text not null,
    attempts      integer not null default 0,
    blocked_until timestamptz,
    last_at       timestamptz not null default now(),
    primary key (tenant_id, name_hash, place)
);
create index login_guard_by_age on kernel.login_guard (last_at);
alter table kernel.login_guard enable row level security;
alter table kernel.login_guard force row level security;
create policy tenant on kernel.login_guard to reeve_app, reeve_owner
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy forgotten on kernel.login_guard to reeve_keeper using (last_at < now() - interval '1 day');
grant select, insert, update on kernel.login_guard to reeve_app;
grant select, delete on kernel.login_guard to reeve_keeper;

-- Counts an attempt before the password is looked at, so that many at once cannot slip through; 0 or
-- the seconds to wait. Five in a row are free; then 10 seconds, doubled each time up to a minute
-- (ASVS 4.0 2.2.1: no more than 100 an hour). While it waits nothing counts; an hour forgets.
create function kernel.begin_login(p_name_hash bytea, p_familiar boolean) returns integer
language plpgsql as $$
declare
    here text := case when p_familiar then coalesce(kernel.setting('app.address'), 'elsewhere') else 'elsewhere' end;
    tried kernel.login_guard;
begin
    insert into kernel.login_guard as g (tenant_id, name_hash, place)
    values (kernel.tenant(), p_name_hash, here)
    on conflict (tenant_id, name_hash, place) do update set last_at = g.last_at
    returning * into tried;
    if tried.blocked_until > clock_timestamp() then
        return ceil(extract(epoch from tried.blocked_until - clock_timestamp()));
    end if;
    if tried.last_at < now() - interval '1 hour' then
        tried.attempts := 0;
    end if;
    update kernel.login_guard
       set attempts = tried.attempts + 1, last_at = now(),
           blocked_until = case when tried.attempts >= 4 then
               clock_timestamp() + least(10 * 2 ^ (least(tried.attempts, 20) - 4), 60) * interval '1 second' end
     where tenant_id = kernel.tenant() and name_hash = p_name_hash and place = here;
    return 0;
end $$;

-- The password was right: the count begins anew, here and elsewhere alike.
create function kernel.forget_attempts(p_name_hash bytea) returns void language sql as $$
    update kernel.login_guard set attempts = 0, blocked_until = null
     where tenant_id = kernel.tenant() and name_hash = p_name_hash
       and (place = 'elsewhere' or place = kernel.setting('app.address'));
$$;

-- The keys that sign tokens, sealed under the server's secret. A key signs from `signs_from` on, so
-- that every replica and every reader of the JWKS knows it by then, and verifies until its end.
create table kernel.signing_key (
    id             uuid primary key,
    realm          text not null,
    algorithm      text not null check (algorithm in ('HS256', 'RS256')),
    sealed         bytea not null,
    created_at     timestamptz not null default now(),
    signs_from     timestamptz not null default now(),
    verifies_until timestamptz
);
grant select, insert on kernel.signing_key to reeve_app;
alter table kernel.credential_change add column of_ring boolean not null default false;
create function kernel.announce_ring() returns trigger language plpgsql as $$
begin
    insert into kernel.credential_change (id, of_ring) values (new.id, true) on conflict do nothing;
    return null;
end $$;
create trigger announce after insert or update on kernel.signing_key
    for each row execute function kernel.announce_ring();
reset role;

-- As before, with the tenant's realm.
grant create on schema kernel to reeve_keeper;
set role reeve_keeper;
drop function kernel.find_key(bytea);
create function kernel.find_key(p_hash bytea)
returns table (id uuid, tenant_id uuid, role text, expires_at timestamptz, revoked_at timestamptz,
               tenant_active boolean, require_if_match boolean, realm text)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select k.id, k.tenant_id, k.role, k.expires_at, k.revoked_at, t.is_active, t.require_if_match, t.realm
      from kernel.api_key k
      join kernel.tenant t on t.tenant_id = k.tenant_id and t.id = k.tenant_id
     where k.key_hash = p_hash;
end;
revoke all on function kernel.find_key(bytea) from public;
grant execute on function kernel.find_key(bytea) to reeve_app;

-- The one look across tenants that a login needs. A hint decides (C-10: the body, X-Tenant-ID, the
-- host); then the default tenant, when the address is known there; then the only account there is.
-- One row whenever the tenant is known, with or without an account; none of it leaves the server.
create function kernel.find_login(p_email text, p_hint text, p_host text, p_default text)
returns table (tenant_id uuid, realm text, tenant_active boolean, account_id uuid, state text, role text,
               password_hash text, familiar boolean)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare place uuid;
begin
    if p_hint is not null then
        select t.id into place from kernel.tenant t
         where t.id::text = lower(p_hint) or lower(t.code) = lower(p_hint) or t.name = p_hint
         order by (t.id::text = lower(p_hint)) desc, (lower(t.code) = lower(p_hint)) desc nulls last limit 1;
    else
        select t.id into place from kernel.tenant t where t.host = lower(p_host);
        if place is null then
            select t.id into place from kernel.tenant t
             where (t.id::text = lower(p_default) or lower(t.code) = lower(p_default) or t.name = p_default)
               and exists (select from kernel.account a
                            where a.tenant_id = t.id and a.email = p_email and a.deleted_at is null);
        end if;
        if place is null then
            select (array_agg(a.tenant_id))[1] into place from kernel.account a
             where a.email = p_email and a.deleted_at is null having count(*) = 1;
        end if;
    end if;
    return query
        select t.id, t.realm, t.is_active, a.id, a.state, a.role, a.password_hash,
               exists (select from kernel.session s
                        where s.tenant_id = a.tenant_id and s.account_id = a.id
                          and s.address = nullif(current_setting('app.address', true), '')::inet
                          and s.created_at > now() - interval '30 days')
          from kernel.tenant t
          left join kernel.account a on a.tenant_id = t.id and a.email = p_email and a.deleted_at is null
         where t.id = place;
end $$;
revoke all on function kernel.find_login(text, text, text, text) from public;
grant execute on function kernel.find_login(text, text, text, text) to reeve_app;

-- Whether anybody could sign in with a password of the demonstration.
create function kernel.has_demo() returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select exists (select from kernel.tenant where demo and is_active);
end;
revoke all on function kernel.has_demo() from public;
grant execute on function kernel.has_demo() to reeve_app;

create or replace function kernel.sweep() returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    delete from kernel.idempotency where expires_at < now();
    delete from kernel.credential_change where at < now() - interval '1 day';
    delete from kernel.login_guard where last_at < now() - interval '1 day';
end;
reset role;
revoke create on schema kernel from reeve_keeper;
