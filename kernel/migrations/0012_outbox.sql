-- Why: streams tell callers what changed, on every replica, and go on after a gap without a loss. So what
-- changed is written in the transaction that changed it, and read by all in one order.
set role reeve_owner;

-- What changed, by id alone: who reads it reads the record under their own rights. The order is that of
-- (transaction_id, sequence); no statement may set either.
create table kernel.outbox (
    tenant_id      uuid not null,
    topic          text not null check (length(topic) between 1 and 80),
    transaction_id xid8 not null default pg_current_xact_id(),
    sequence       bigint not null generated always as identity,
    record_id      uuid not null,
    at             timestamptz not null default now(),
    primary key (tenant_id, topic, transaction_id, sequence)
);
create index outbox_in_order on kernel.outbox (transaction_id, sequence);
create index outbox_by_age on kernel.outbox using brin (at);
alter table kernel.outbox enable row level security;
alter table kernel.outbox force row level security;
create policy tenant on kernel.outbox to reeve_app, reeve_owner
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy keeper on kernel.outbox for select to reeve_keeper using (true);
create policy past on kernel.outbox for delete to reeve_keeper using (at < now() - interval '1 day');
grant select, insert (tenant_id, topic, record_id) on kernel.outbox to reeve_app;
grant select, delete on kernel.outbox to reeve_keeper;

-- Says that a record changed, in the transaction that changes it. For triggers and statements of modules.
create function kernel.publish(p_topic text, p_record uuid) returns void language plpgsql as $$
begin
    insert into kernel.outbox (tenant_id, topic, record_id) values (kernel.tenant(), p_topic, p_record);
end $$;
reset role;

grant create on schema kernel to reeve_keeper;
set role reeve_keeper;
-- The first transaction that may still be running in this database: all before it have ended, and who
-- looks after this sees what they wrote. pg_snapshot_xmin says the same of all databases of the server,
-- whose long transactions would hold the streams of this one. The newest is taken first: one that begins
-- after it is none of those before. `backend_xid` has the lower half of a transaction's number; at more
-- than half its range away it is one that has just begun.
create function kernel.outbox_end() returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    newest bigint := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
    back bigint;
begin
    -- Within a transaction the list of who runs would be that of the first look at it.
    perform pg_stat_clear_snapshot();
    select max(distance) into back
      from (select (newest - a.backend_xid::text::bigint) & 4294967295 as distance
              from pg_stat_activity a
             where a.datname = current_database() and a.backend_xid is not null) running
     where distance < 2147483648;
    return newest - coalesce(back, 0);
end $$;
revoke all on function kernel.outbox_end() from public;
grant execute on function kernel.outbox_end() to reeve_app;

-- The next rows of all tenants after a place, as far as nothing can come between them any more.
create function kernel.read_outbox(p_transaction bigint, p_sequence bigint, p_most integer)
returns table (transaction_id bigint, sequence bigint, tenant_id uuid, topic text, record_id uuid)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    -- A statement of its own: the next one looks later.
    ended xid8 := kernel.outbox_end()::text::xid8;
begin
    return query
        select o.transaction_id::text::bigint, o.sequence, o.tenant_id, o.topic, o.record_id
          from kernel.outbox o
         where (o.transaction_id, o.sequence) > (p_transaction::text::xid8, p_sequence)
           and o.transaction_id < ended
         order by o.transaction_id, o.sequence
         limit p_most;
end $$;
revoke all on function kernel.read_outbox(bigint, bigint, integer) from public;
grant execute on function kernel.read_outbox(bigint, bigint, integer) to reeve_app;

-- As before, and what was told a day ago.
create or replace function kernel.sweep() returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    delete from kernel.idempotency where expires_at < now();
    delete from kernel.credential_change where at < now() - interval '1 day';
    delete from kernel.login_guard where last_at < now() - interval '1 day';
    delete from kernel.outbox where at < now() - interval '1 day';
end;
reset role;
revoke create on schema kernel from reeve_keeper;
