-- Why: some stand above the organisations of a module and look into one for a stated purpose; strangers read what
-- an organisation shows to everybody; and neither may ask without end. The database holds who stands above whom, why
-- somebody looked, and how often somebody came; and of which records not even their being there is told to whoever
-- reads the ledger alone.
set role reeve_ledger;
-- FHIR AuditEvent.purposeOfEvent. Like who acted, it comes from the transaction's context alone.
alter table audit.entry
    add column purpose_of_event text default nullif(current_setting('app.purpose_of_event', true), '')
        check (length(purpose_of_event) between 1 and 200);

-- Resources whose entries say too much even with every value covered: when, by whom, how many. Who reads the ledger
-- without its personal values does not see them.
create table audit.confidential_resource (resource text primary key);
grant select on audit.confidential_resource to reeve_app, reeve_search;

-- Called by the migration that makes the table.
create function audit.keep_confidential(p_resource text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into audit.confidential_resource (resource) values (p_resource);
end $$;
revoke all on function audit.keep_confidential(text) from public;
grant execute on function audit.keep_confidential(text) to reeve_owner;

create policy confidential on audit.entry as restrictive for select to reeve_app
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
           and (coalesce(current_setting('app.permission', true), '') <> 'audit:read'
                or resource not in (select c.resource from audit.confidential_resource c)));
-- For a search it stands within each policy: beside a restrictive one no search would find its index (decision 0004).
alter policy search on audit.entry
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
           and (coalesce(current_setting('app.permission', true), '') <> 'audit:read'
                or resource not in (select c.resource from audit.confidential_resource c))
           and (record_id = (nullif(current_setting('app.search', true), '')::jsonb ->> 'record_id')::uuid
                or record_ids @> array[(nullif(current_setting('app.search', true), '')::jsonb ->> 'record_id')::uuid]));
alter policy looked on audit.entry
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
           and (coalesce(current_setting('app.permission', true), '') <> 'audit:read'
                or resource not in (select c.resource from audit.confidential_resource c))
           and (record_id = any ((nullif(current_setting('app.search', true), '')::jsonb ->> 'record_ids')::uuid[])
                or record_ids && (nullif(current_setting('app.search', true), '')::jsonb ->> 'record_ids')::uuid[]));
reset role;

set role reeve_owner;
-- Whose people stand above which realm's organisations; a test compares it with the modules.
create table kernel.above (
    realm text not null primary key,
    above text not null
);
insert into kernel.above values ('civic', 'platform');
insert into kernel.administering_role values ('platform', 'platform_admin');
grant select on kernel.above to reeve_keeper;

-- Narrows what the server's login sees and writes of a governed table: whatever a statement asks, only rows for which
-- the condition holds too. For what a permission may see of a record alone.
create function kernel.restrict(target regclass, name text, condition text, command text default 'all') returns void
language plpgsql as $$
declare
    narrowed text := '(tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid and (' || condition || '))';
begin
    execute format('create policy %I on %s as restrictive for %s to reeve_app', name, target, command)
        || case when command <> 'insert' then ' using ' || narrowed else '' end
        || case when command <> 'select' then ' with check ' || narrowed else '' end;
end $$;

-- How often somebody came, under a keyed hash of the rule and of who it was. Lost in a crash, and then everybody
-- begins anew: it is no record.
create unlogged table kernel.rate (
    who      bytea primary key check (length(who) = 32),
    began_at timestamptz not null,
    requests integer not null
) with (fillfactor = 50);
grant select, insert, update on kernel.rate to reeve_app;
grant select, delete on kernel.rate to reeve_keeper;

-- Counts a request in a window that began with its first: since when, how many there are now, and how many seconds are
-- left.
-- The row's lock makes those of all servers take turns.
create function kernel.count_request(p_who bytea, p_window integer, out began timestamptz, out so_far integer,
                                     out seconds_left integer) language plpgsql as $$
declare
    at timestamptz := kernel.now();
    lasts interval := make_interval(secs => p_window);
begin
    insert into kernel.rate as r (who, began_at, requests) values (p_who, at, 1)
    on conflict (who) do update set
        began_at = case when at >= r.began_at + lasts then at else r.began_at end,
        requests = case when at >= r.began_at + lasts then 1 else r.requests + 1 end
    returning r.began_at, r.requests into began, so_far;
    seconds_left := least(ceil(extract(epoch from began + lasts - at)), p_window);
end $$;
reset role;

grant create on schema kernel to reeve_keeper;
set role reeve_keeper;
-- An organisation of a realm, by its id, code or name, or by the host that was called.
create function kernel.find_organisation(p_realm text, p_named text, p_host text)
returns table (id uuid, is_active boolean, require_if_match boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select t.id, t.is_active, t.require_if_match
      from kernel.tenant t
     where t.realm = p_realm
       and case when p_named is null then t.host = lower(p_host)
                else t.id::text = lower(p_named) or lower(t.code) = lower(p_named) or t.name = p_named end
     order by (t.id::text = lower(p_named)) desc, (lower(t.code) = lower(p_named)) desc nulls last
     limit 1;
end;
revoke all on function kernel.find_organisation(text, text, text) from public;
grant execute on function kernel.find_organisation(text, text, text) to reeve_app;

-- Whether the actor stands above the organisations of a realm now: an active account with a role, in an active
-- organisation of the realm above. The second layer of Authorized::enter and Authorized::found.
create function kernel.stands_above(p_realm text) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select exists (
        select from kernel.above b
          join kernel.tenant t on t.realm = b.above and t.is_active
          join kernel.account a on a.tenant_id = t.id
                               and a.id = nullif(current_setting('app.actor_id', true), '')::uuid
         where b.realm = p_realm and current_setting('app.actor_kind', true) = 'user'
           and a.state = 'active' and a.deleted_at is null and a.role is not null);
end;
revoke all on function kernel.stands_above(text) from public;
grant execute on function kernel.stands_above(text) to reeve_owner;

-- An organisation that the actor stands above; nothing for everybody else.
create function kernel.find_below(p_realm text, p_named text)
returns table (id uuid, is_active boolean, require_if_match boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select o.id, o.is_active, o.require_if_match
      from kernel.find_organisation(p_realm, p_named, null) o
     where kernel.stands_above(p_realm);
end;
revoke all on function kernel.find_below(text, text) from public;
grant execute on function kernel.find_below(text, text) to reeve_app;

-- As before, and counts of yesterday.
create or replace function kernel.sweep() returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    delete from kernel.idempotency where expires_at < now();
    delete from kernel.credential_change where at < now() - interval '1 day';
    delete from kernel.login_guard where last_at < now() - interval '1 day';
    delete from kernel.outbox where at < now() - interval '1 day';
    delete from kernel.rate where began_at < now() - interval '1 day';
end;
reset role;
revoke create on schema kernel from reeve_keeper;

-- reeve_app neither inserts nor updates an organisation. Who stands above does, through these two, which work as
-- the owner and so under the one tenant policy: on the organisation of the transaction and no other.
set role reeve_owner;
create function kernel.found_tenant(p_name text, p_realm text, p_code text) returns setof kernel.tenant
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query
        insert into kernel.tenant (tenant_id, id, name, realm, code)
        select kernel.tenant(), kernel.tenant(), p_name, p_realm, p_code where kernel.stands_above(p_realm)
        returning *;
end $$;
revoke all on function kernel.found_tenant(text, text, text) from public;
grant execute on function kernel.found_tenant(text, text, text) to reeve_app;

create function kernel.change_tenant(p_name text, p_is_active boolean) returns setof kernel.tenant
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query
        update kernel.tenant t
           set name = coalesce(p_name, t.name), is_active = coalesce(p_is_active, t.is_active)
         where t.tenant_id = kernel.tenant() and t.id = kernel.tenant() and kernel.stands_above(t.realm)
        returning t.*;
end $$;
revoke all on function kernel.change_tenant(text, boolean) from public;
grant execute on function kernel.change_tenant(text, boolean) to reeve_app;
reset role;
