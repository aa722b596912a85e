-- Why: people meet at one document over sockets. A browser gives a socket's request no header, so it may come
-- with a ticket that works once; and what is said in a room, though kept nowhere, reaches those at other servers.
set role reeve_owner;

create table kernel.socket_ticket (
    tenant_id  uuid not null,
    hash       bytea not null check (length(hash) = 32),
    actor_kind text not null default kernel.setting('app.actor_kind') check (actor_kind in ('api_key', 'user')),
    actor_id   uuid not null default kernel.setting('app.actor_id')::uuid,
    session_id uuid,
    -- When the credential that it was made with is good no more.
    until      timestamptz,
    record_id  uuid not null,
    expires_at timestamptz not null,
    used_at    timestamptz,
    primary key (tenant_id, hash)
);
create index socket_ticket_expired on kernel.socket_ticket (expires_at);
alter table kernel.socket_ticket enable row level security;
alter table kernel.socket_ticket force row level security;
create policy tenant on kernel.socket_ticket to reeve_app, reeve_owner
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy past on kernel.socket_ticket to reeve_keeper using (expires_at < now() - interval '1 hour');
grant select, insert on kernel.socket_ticket to reeve_app;
grant update (used_at) on kernel.socket_ticket to reeve_app;
grant select, delete on kernel.socket_ticket to reeve_keeper;

-- What a server says to the others of its rooms, read by each in one order as kernel.outbox is. Unlogged: after a
-- crash nobody is in a room.
create unlogged table kernel.room_signal (
    tenant_id      uuid not null,
    topic          text not null check (length(topic) between 1 and 80),
    record_id      uuid not null,
    transaction_id xid8 not null default pg_current_xact_id(),
    sequence       bigint not null generated always as identity,
    server         uuid not null,
    kind           text not null check (kind in ('members', 'frame', 'behind')),
    body           text not null check (octet_length(body) <= 524288),
    at             timestamptz not null default now(),
    primary key (tenant_id, topic, record_id, transaction_id, sequence)
);
create index room_signal_in_order on kernel.room_signal (transaction_id, sequence);
create index room_signal_by_age on kernel.room_signal using brin (at);
alter table kernel.room_signal enable row level security;
alter table kernel.room_signal force row level security;
create policy tenant on kernel.room_signal to reeve_app, reeve_owner
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy keeper on kernel.room_signal for select to reeve_keeper using (true);
create policy past on kernel.room_signal for delete to reeve_keeper using (at < now() - interval '1 minute');
grant select, insert (tenant_id, topic, record_id, server, kind, body) on kernel.room_signal to reeve_app;
grant select, delete on kernel.room_signal to reeve_keeper;
reset role;

grant create on schema kernel to reeve_keeper;
set role reeve_keeper;
-- The next signals of all tenants after a place, as far as nothing can come between them any more.
create function kernel.read_signals(p_transaction bigint, p_sequence bigint, p_server uuid, p_most integer)
returns table (transaction_id bigint, sequence bigint, tenant_id uuid, topic text, record_id uuid,
               server uuid, kind text, body text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    -- A statement of its own: the next one looks later.
    ended xid8 := kernel.outbox_end()::text::xid8;
begin
    return query
        select s.transaction_id::text::bigint, s.sequence, s.tenant_id, s.topic, s.record_id,
               s.server, s.kind, case when s.server = p_server then '' else s.body end
          from kernel.room_signal s
         where (s.transaction_id, s.sequence) > (p_transaction::text::xid8, p_sequence)
           and s.transaction_id < ended
         order by s.transaction_id, s.sequence
         limit p_most;
end $$;
revoke all on function kernel.read_signals(bigint, bigint, uuid, integer) from public;
grant execute on function kernel.read_signals(bigint, bigint, uuid, integer) to reeve_app;

create function kernel.sweep_sockets() returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    delete from kernel.socket_ticket where expires_at < now() - interval '1 hour';
    delete from kernel.room_signal where at < now() - interval '1 minute';
end;
revoke all on function kernel.sweep_sockets() from public;
grant execute on function kernel.sweep_sockets() to reeve_app;
reset role;
revoke create on schema kernel from reeve_keeper;
