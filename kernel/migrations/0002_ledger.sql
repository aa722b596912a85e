-- Why: a change and its record commit together or not at all (P3), and personal data leaves only
-- after the read of it is recorded (P4). The table belongs to reeve_ledger, which nobody logs in
-- as; those who serve may insert and select, never update, delete or truncate.
set role reeve_ledger;
create schema audit;
grant usage on schema audit to reeve_app, reeve_search, reeve_owner;
create sequence audit.entry_sequence;
grant usage on sequence audit.entry_sequence to reeve_app, reeve_search, reeve_owner;

-- Who acted, for whom, from where and in which transaction are defaults read from the
-- transaction's context, and the grants below leave them out: no statement can claim another actor.
create table audit.entry (
    tenant_id      uuid not null default nullif(current_setting('app.tenant_id', true), '')::uuid,
    at             timestamptz not null default now(),
    sequence       bigint not null default nextval('audit.entry_sequence'),
    id             uuid not null default gen_random_uuid(),
    actor_kind     text not null default nullif(current_setting('app.actor_kind', true), '')
                   check (actor_kind in ('api_key', 'operator', 'system', 'anonymous')),
    actor_id       uuid default nullif(current_setting('app.actor_id', true), '')::uuid,
    permission     text default nullif(current_setting('app.permission', true), ''),
    operation      text not null check (operation in ('CREATE', 'READ', 'UPDATE', 'DELETE')),
    resource       text not null,
    record_id      uuid,
    record_ids     uuid[],
    before         jsonb,
    after          jsonb,
    outcome        text not null default 'allowed' check (outcome in ('allowed', 'refused')),
    reason         text,
    request_id     uuid not null default nullif(current_setting('app.request_id', true), '')::uuid,
    address        inet default nullif(current_setting('app.address', true), '')::inet,
    user_agent     text default nullif(current_setting('app.user_agent', true), ''),
    transaction_id xid8 not null default pg_current_xact_id(),
    primary key (tenant_id, at, sequence),
    check ((outcome = 'refused') = (reason is not null)),
    check (actor_kind = 'anonymous' or actor_id is not null)
) partition by range (at);
create index on audit.entry (tenant_id, record_id) where record_id is not null;
create index on audit.entry using gin (tenant_id, record_ids) where record_ids is not null;
comment on table audit.entry is
    'The ledger: one row for each change, each read of identified records, each refusal. Insert-only.';

alter table audit.entry enable row level security;
alter table audit.entry force row level security;
create policy tenant on audit.entry for select to reeve_app, reeve_owner
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy append on audit.entry for insert to reeve_app, reeve_owner, reeve_search
    with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
-- Everything that touched one record: the search is the policy, as in kernel.govern_search.
create policy search on audit.entry for select to reeve_search
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
           and (record_id = (nullif(current_setting('app.search', true), '')::jsonb ->> 'record_id')::uuid
                or record_ids @> array[(nullif(current_setting('app.search', true), '')::jsonb ->> 'record_id')::uuid]));
grant select on audit.entry to reeve_app, reeve_owner, reeve_search;
grant insert (operation, resource, record_id, record_ids, before, after, outcome, reason)
    on audit.entry to reeve_app, reeve_owner, reeve_search;

-- The row trigger of every governed table. Its arguments are the columns to mask.
create function audit.record() returns trigger language plpgsql as $$
declare
    old_image jsonb;
    new_image jsonb;
    verb text := case tg_op when 'INSERT' then 'CREATE' else tg_op end;
    hidden text;
begin
    if tg_op <> 'INSERT' then old_image := to_jsonb(old); end if;
    if tg_op <> 'DELETE' then new_image := to_jsonb(new); end if;
    if tg_op = 'UPDATE' and old_image ->> 'deleted_at' is null and new_image ->> 'deleted_at' is not null then
        verb := 'DELETE';
    end if;
    for hidden in select unnest(tg_argv) loop
        if old_image ->> hidden is not null then
            old_image := jsonb_set(old_image, array[hidden], '"[masked]"');
        end if;
        if new_image ->> hidden is not null then
            new_image := jsonb_set(new_image, array[hidden], '"[masked]"');
        end if;
    end loop;
    insert into audit.entry (operation, resource, record_id, before, after)
    values (verb, tg_table_schema || '.' || tg_table_name,
            (coalesce(new_image, old_image) ->> 'id')::uuid, old_image, new_image);
    return null;
end $$;

-- Partitions by month (UTC), made ahead of need; called by `migrate` and daily by each server.
-- The partitions carry no grants: they are reached through the parent and its policies alone.
create function audit.make_partitions(months_ahead integer) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
    month timestamptz;
begin
    for month in select generate_series(
        date_trunc('month', now()) - interval '1 month',
        date_trunc('month', now()) + make_interval(months => least(months_ahead, 24)),
        interval '1 month')
    loop
        execute format(
            'create table if not exists audit.%I partition of audit.entry for values from (%L) to (%L)',
            'entry_' || to_char(month, 'YYYY_MM'), month, month + interval '1 month');
    end loop;
end $$;
revoke all on function audit.make_partitions(integer) from public;
grant execute on function audit.make_partitions(integer) to reeve_app, reeve_owner;
reset role;
select audit.make_partitions(12);
