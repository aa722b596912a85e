-- Why: everything later hangs on who may do what in the database itself (promises P1, P3).
--
-- reeve_owner   owns the schemas; migrations and platform commands work as it; it never serves.
-- reeve_ledger  owns the ledger and nothing else, so that not even the schema's owner can alter it.
-- reeve_keeper  owns the three functions that must look across tenants (find a key, sweep, ...).
-- reeve_app     serves requests: owns nothing, no superuser, no BYPASSRLS.
-- reeve_search  reeve_app steps down to it for a search (see kernel.govern_search). It must not be
--               inherited, or its policies would be joined to reeve_app's with OR.
do $$
declare role_name text;
begin
    foreach role_name in array array['reeve_owner', 'reeve_ledger', 'reeve_keeper', 'reeve_search'] loop
        if not exists (select from pg_roles where rolname = role_name) then
            execute format('create role %I nologin noinherit', role_name);
        end if;
    end loop;
    if not exists (select from pg_roles where rolname = 'reeve_app') then
        create role reeve_app login noinherit;
    end if;
    if not pg_has_role(current_user, 'reeve_owner', 'member') then
        execute format('grant reeve_owner, reeve_ledger, reeve_keeper to %I', current_user);
    end if;
    execute format('grant create on database %I to reeve_owner, reeve_ledger', current_database());
end $$;
grant reeve_search to reeve_app;

-- The floor under every forgotten timeout: a connection that idles inside a transaction is cut.
-- Generic plans: statements are prepared once and their shapes do not depend on the values.
alter role reeve_app set statement_timeout = '5s';
alter role reeve_app set lock_timeout = '3s';
alter role reeve_app set idle_in_transaction_session_timeout = '5s';
alter role reeve_app set plan_cache_mode = 'force_generic_plan';
alter role reeve_app set jit = off;
-- Every statement finds its rows through an index, and every list is in an index's order. A generic
-- plan knows no values, so it may guess one row where there are thousands and sort them all for each
-- page (measured: thirty times slower). Where there is no other way, these still allow it.
alter role reeve_app set enable_seqscan = off;
alter role reeve_app set enable_sort = off;

-- Both are trusted extensions of PostgreSQL's own contrib: no superuser is needed.
-- btree_gist: a doctor's appointments may not overlap. btree_gin: search indexes lead with the tenant.
create extension if not exists btree_gist with schema public;
create extension if not exists btree_gin with schema public;

set role reeve_owner;
create schema kernel;
grant usage on schema kernel to reeve_app, reeve_search, reeve_keeper, reeve_ledger;

-- The transaction's context, set by the first statement of each transaction (C-15: an unset
-- setting reads as the empty string on a used connection, hence nullif).
create function kernel.setting(name text) returns text language sql stable parallel safe
    return nullif(current_setting(name, true), '');
create function kernel.tenant() returns uuid language sql stable parallel safe
    return nullif(current_setting('app.tenant_id', true), '')::uuid;

-- A row was changed since the caller read it: refuse with 412 (RFC 9110 section 13.1.1).
create function kernel.expect_version(actual integer, expected integer) returns boolean
language plpgsql as $$
begin
    if expected is not null and expected <> actual then
        raise exception 'version is % and not %', actual, expected using errcode = 'RV412';
    end if;
    return true;
end $$;

-- S-021: who wrote a row last, and when; never left to a statement to remember.
create function kernel.stamp() returns trigger language plpgsql as $$
begin
    new.updated_at := now();
    new.updated_by := kernel.setting('app.actor_id')::uuid;
    new.version := old.version + 1;
    return new;
end $$;

-- Puts a table under governance: forced row-level security with the one tenant policy, grants,
-- the ledger trigger and the stamp. `masked` are the columns that the ledger must not hold; it is
-- compared with the privacy file by the lint. No DELETE: records end by `deleted_at` (C-32).
create function kernel.govern(target regclass, masked text[]) returns void
language plpgsql as $$
begin
    execute format('alter table %s enable row level security', target);
    execute format('alter table %s force row level security', target);
    execute format(
        'create policy tenant on %s to reeve_app, reeve_owner'
        ' using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)'
        ' with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)',
        target);
    execute format('grant select, insert, update on %s to reeve_app', target);
    execute format(
        'create trigger stamp before update on %s for each row execute function kernel.stamp()',
        target);
    execute format(
        'create trigger ledger after insert or update or delete on %s'
        ' for each row execute function audit.record(%s)',
        target, (select coalesce(string_agg(quote_literal(m), ', '), '') from unnest(masked) m));
end $$;

-- Makes a governed table searchable by operators that are not leakproof (jsonb and array
-- containment). Under a policy the planner keeps such an operator away from any index, because it
-- could show a hidden row to its author. So the search is itself the policy: reeve_search sees
-- the tenant's rows *that match*, both conditions at one level, and the GIN index serves them.
-- An unset search sees nothing. docs/decisions/0004-search-under-rls.md has the measurements.
create function kernel.govern_search(target regclass, matches text) returns void
language plpgsql as $$
begin
    execute format(
        'create policy search on %s for select to reeve_search'
        ' using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid and (%s))',
        target, matches);
    execute format('grant select on %s to reeve_search', target);
end $$;

-- A module's schema, usable by those who serve. Modules' migrations run as reeve_owner.
create function kernel.open_schema(name text) returns void language plpgsql as $$
begin
    execute format('grant usage on schema %I to reeve_app, reeve_search', name);
end $$;
reset role;
