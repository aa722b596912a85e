-- Why: single sign-on. Any number of identity providers for a tenant, and the people who came
-- through one, known by what the provider says never changes: its issuer and its subject.
set role reeve_owner;
create table kernel.identity_provider (
    tenant_id     uuid not null,
    id            uuid not null,
    name          text not null check (name ~ '^[a-z0-9-]{1,40}$'),
    discovery     text not null,
    client_id     text not null,
    client_secret bytea,
    -- The e-mail domains that this provider speaks for, vouched for by the operator who adds it.
    domains       text[] not null default '{}',
    -- The role of somebody new; null: only who was invited may come in.
    role          text,
    version       integer not null default 1,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    created_by    uuid default kernel.setting('app.actor_id')::uuid,
    updated_by    uuid,
    deleted_at    timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, tenant_id) references kernel.tenant (tenant_id, id)
);
create unique index identity_provider_name_taken on kernel.identity_provider (tenant_id, name)
    where deleted_at is null;
create index identity_provider_by_domain on kernel.identity_provider using gin (domains)
    where deleted_at is null;
select kernel.govern('kernel.identity_provider', '{client_secret}');
create policy keeper on kernel.identity_provider for select to reeve_keeper using (true);
grant select on kernel.identity_provider to reeve_keeper;

create table kernel.identity (
    tenant_id  uuid not null,
    id         uuid not null,
    account_id uuid not null,
    issuer     text not null,
    subject    text not null,
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid default kernel.setting('app.actor_id')::uuid,
    updated_by uuid,
    primary key (tenant_id, id),
    constraint identity_taken unique (tenant_id, issuer, subject),
    foreign key (tenant_id, account_id) references kernel.account (tenant_id, id)
);
create index identity_by_account on kernel.identity (tenant_id, account_id);
select kernel.govern('kernel.identity', '{}');

-- Redeems the code with which a sign-on came back to its application. Whoever comes second with the
-- same code has copied it, or was copied: the session of the first ends too (RFC 6749 section 4.1.2).
create function kernel.redeem_sign_on(p_id uuid, p_hash bytea)
returns table (outcome text, account_id uuid, session_id uuid) language plpgsql as $$
declare c kernel.one_time_code;
begin
    select * into c from kernel.one_time_code o
     where o.tenant_id = kernel.tenant() and o.id = p_id and o.code_hash = p_hash and o.purpose = 'sign_on'
       for update;
    if not found then
        return;
    elsif c.used_at is not null then
        update kernel.session s set ended_at = now(), end_reason = 'code_reuse'
         where s.tenant_id = c.tenant_id and s.id = c.session_id and s.ended_at is null;
        return query select 'reuse', c.account_id, c.session_id;
    elsif c.expires_at <= now() then
        return query select 'expired', c.account_id, c.session_id;
    else
        update kernel.one_time_code o set used_at = now() where o.tenant_id = c.tenant_id and o.id = c.id;
        return query select 'redeemed', c.account_id, c.session_id;
    end if;
end $$;
reset role;

-- Which provider a sign-on means: by tenant and name, or by the domain of an e-mail address.
grant create on schema kernel to reeve_keeper;
set role reeve_keeper;
create function kernel.find_provider(p_hint text, p_host text, p_name text, p_domain text)
returns table (tenant_id uuid, id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select p.tenant_id, p.id
      from kernel.identity_provider p
      join kernel.tenant t on t.tenant_id = p.tenant_id and t.id = p.tenant_id
     where p.deleted_at is null and t.is_active
       and (p_hint is null or t.id::text = lower(p_hint) or lower(t.code) = lower(p_hint) or t.name = p_hint)
       and (p_hint is not null or p_domain is not null or t.host = lower(p_host))
       and (p_name is null or p.name = p_name)
       and (p_domain is null or p.domains @> array[p_domain])
     limit 2;
end;
revoke all on function kernel.find_provider(text, text, text, text) from public;
grant execute on function kernel.find_provider(text, text, text, text) to reeve_app;
-- The tenants that a provider of the server's own settings can mean: the one that is named, or the
-- only one of its realm.
create function kernel.find_tenant(p_realm text, p_hint text, p_host text)
returns table (id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select t.id from kernel.tenant t
     where t.is_active and t.realm = p_realm
       and (p_hint is null or t.id::text = lower(p_hint) or lower(t.code) = lower(p_hint) or t.name = p_hint)
       and (p_hint is not null or t.host = lower(p_host)
            or not exists (select from kernel.tenant h where h.host = lower(p_host)))
     limit 2;
end;
revoke all on function kernel.find_tenant(text, text, text) from public;
grant execute on function kernel.find_tenant(text, text, text) to reeve_app;
reset role;
revoke create on schema kernel from reeve_keeper;
