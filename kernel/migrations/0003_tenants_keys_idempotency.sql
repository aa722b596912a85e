-- Why: tenants, their API keys, and what replicas must hear of within a second when a key or a
-- tenant is withdrawn (P7).
set role reeve_owner;

-- A tenant is its own row's tenant: `tenant_id` repeats `id`, so that the one policy fits here too.
create table kernel.tenant (
    tenant_id        uuid not null,
    id               uuid not null check (id = tenant_id),
    name             text not null check (length(name) between 1 and 80),
    is_active        boolean not null default true,
    require_if_match boolean not null default false,
    version          integer not null default 1,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    created_by       uuid default kernel.setting('app.actor_id')::uuid,
    updated_by       uuid,
    primary key (tenant_id, id),
    constraint tenant_name_taken unique (name)
);
select kernel.govern('kernel.tenant', '{}');
create policy platform on kernel.tenant for select to reeve_owner, reeve_keeper using (true);
revoke insert, update on kernel.tenant from reeve_app;
grant select on kernel.tenant to reeve_keeper;

create table kernel.api_key (
    tenant_id  uuid not null,
    id         uuid not null,
    name       text not null check (length(name) between 1 and 80),
    role       text not null,
    key_hash   bytea not null check (length(key_hash) = 32),
    last_four  text not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    replaced_by uuid,
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid default kernel.setting('app.actor_id')::uuid,
    updated_by uuid,
    primary key (tenant_id, id),
    foreign key (tenant_id, tenant_id) references kernel.tenant (tenant_id, id),
    foreign key (tenant_id, replaced_by) references kernel.api_key (tenant_id, id)
);
-- Random 256-bit keys: their hashes cannot meet across tenants, so this tells no tenant anything.
create unique index api_key_by_hash on kernel.api_key (key_hash);
select kernel.govern('kernel.api_key', '{key_hash}');
create policy keeper on kernel.api_key for select to reeve_keeper using (true);
grant select on kernel.api_key to reeve_keeper;

-- When a key was last used, apart from the key, so that noting it is no change of the key.
create table kernel.api_key_use (
    tenant_id    uuid not null,
    id           uuid not null,
    last_used_at timestamptz not null,
    primary key (tenant_id, id),
    foreign key (tenant_id, id) references kernel.api_key (tenant_id, id)
);
alter table kernel.api_key_use enable row level security;
alter table kernel.api_key_use force row level security;
create policy tenant on kernel.api_key_use to reeve_app, reeve_owner
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update on kernel.api_key_use to reeve_app;

-- The feed: what each replica must forget. It names keys and tenants by id and holds nothing else.
create table kernel.credential_change (
    at    timestamptz not null default clock_timestamp(),
    id    uuid not null,
    primary key (at, id)
);
grant select, insert on kernel.credential_change to reeve_app;
grant select, delete on kernel.credential_change to reeve_keeper;
create function kernel.announce_credential() returns trigger language plpgsql as $$
begin
    insert into kernel.credential_change (id) values (new.id) on conflict do nothing;
    return null;
end $$;
create trigger announce after update on kernel.tenant
    for each row execute function kernel.announce_credential();
create trigger announce after update on kernel.api_key
    for each row execute function kernel.announce_credential();

-- First answers, kept for a day, so that a retry gets the same one (Idempotency-Key).
create table kernel.idempotency (
    tenant_id    uuid not null,
    actor_id     uuid not null default kernel.setting('app.actor_id')::uuid,
    route        text not null,
    key          text not null check (length(key) between 1 and 255),
    request_hash bytea not null,
    status       smallint,
    location     text,
    etag         text,
    body         bytea,
    expires_at   timestamptz not null default now() + interval '1 day',
    primary key (tenant_id, actor_id, route, key)
);
create index idempotency_expired on kernel.idempotency (expires_at);
alter table kernel.idempotency enable row level security;
alter table kernel.idempotency force row level security;
create policy tenant on kernel.idempotency to reeve_app, reeve_owner
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy expired on kernel.idempotency to reeve_keeper using (expires_at < now());
grant select, insert, update on kernel.idempotency to reeve_app;
grant select, delete on kernel.idempotency to reeve_keeper;

-- Claims an idempotency key inside the business transaction. RV409: the first request is still
-- running. RV208: it has ended; read its answer. An expired row is taken over.
create function kernel.claim_idempotency(p_route text, p_key text, p_hash bytea) returns boolean
language plpgsql as $$
begin
    if not pg_try_advisory_xact_lock(hashtextextended(
        concat_ws('/', kernel.tenant(), kernel.setting('app.actor_id'), p_route, p_key), 0))
    then
        raise exception 'a request with this key is running' using errcode = 'RV409';
    end if;
    insert into kernel.idempotency as kept (tenant_id, route, key, request_hash)
    values (kernel.tenant(), p_route, p_key, p_hash)
    on conflict (tenant_id, actor_id, route, key) do update
        set request_hash = excluded.request_hash, expires_at = excluded.expires_at,
            status = null, location = null, etag = null, body = null
        where kept.expires_at < now();
    if not found then
        raise exception 'a request with this key has ended' using errcode = 'RV208';
    end if;
    return true;
end $$;
reset role;

-- The functions that look across tenants, owned by a role that nobody logs in as.
grant create on schema kernel to reeve_keeper;
set role reeve_keeper;
-- Finds a key by its hash, which only the key's holder can present, with what a request needs.
create function kernel.find_key(p_hash bytea)
returns table (id uuid, tenant_id uuid, role text, expires_at timestamptz, revoked_at timestamptz,
               tenant_active boolean, require_if_match boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select k.id, k.tenant_id, k.role, k.expires_at, k.revoked_at, t.is_active, t.require_if_match
      from kernel.api_key k
      join kernel.tenant t on t.tenant_id = k.tenant_id and t.id = k.tenant_id
     where k.key_hash = p_hash;
end;
revoke all on function kernel.find_key(bytea) from public;
grant execute on function kernel.find_key(bytea) to reeve_app;

-- Removes answers past their day and feed rows that every replica has long read.
create function kernel.sweep() returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    delete from kernel.idempotency where expires_at < now();
    delete from kernel.credential_change where at < now() - interval '1 day';
end;
revoke all on function kernel.sweep() from public;
grant execute on function kernel.sweep() to reeve_app;
reset role;
revoke create on schema kernel from reeve_keeper;
