-- Why: other systems act on what happens here, and must not ask for it again and again. So what happened is written in
-- the transaction in which it did, once for each place that wants to hear of it, and told until it was heard. What is
-- told has ids alone. docs/decisions/0022-events-leave-the-house.md
set role reeve_owner;

create table kernel.event_destination (
    tenant_id       uuid not null,
    id              uuid not null,
    kind            text not null check (kind in ('webhook', 'sqs')),
    url             text not null check (url ~ '^https?://' and length(url) <= 2048),
    description     text check (length(description) between 1 and 500),
    -- As it was asked for: `appointment.created`, `appointment.*`, `*`.
    events          text[] not null check (cardinality(events) between 1 and 50),
    -- The types that this meant, to who asked for it.
    event_types     text[] not null check (cardinality(event_types) between 1 and 500),
    -- Of a queue; the organisation's own, as is the secret then.
    region          text check (length(region) between 1 and 40),
    access_key_id   text check (length(access_key_id) between 1 and 128),
    -- The key that webhooks are signed with, or the queue's secret access key.
    secret          kernel.sealed not null,
    -- The one before, which signs beside it until then.
    former_secret   kernel.sealed,
    former_until    timestamptz,
    -- Whether the events of one record arrive in their order.
    in_order        boolean not null generated always as (kind = 'sqs' and url like '%.fifo') stored,
    state           text not null default 'active' check (state in ('active', 'paused', 'disabled')),
    disabled_reason text check (disabled_reason in ('gone', 'failing')),
    version         integer not null default 1,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    created_by      uuid default kernel.setting('app.actor_id')::uuid,
    updated_by      uuid,
    deleted_at      timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, tenant_id) references kernel.tenant (tenant_id, id),
    constraint destination_of_its_kind
        check ((kind = 'sqs') = (region is not null) and (kind = 'sqs') = (access_key_id is not null)),
    check ((former_secret is null) = (former_until is null)),
    check ((state = 'disabled') = (disabled_reason is not null))
);
-- What every change of an announced record looks at.
create index event_destination_told on kernel.event_destination (tenant_id)
    where state <> 'disabled' and deleted_at is null;
create index event_destination_in_order on kernel.event_destination (tenant_id, id) where deleted_at is null;
select kernel.govern('kernel.event_destination', '{secret,former_secret}');
revoke insert, update on kernel.event_destination from reeve_app;
grant insert (tenant_id, id, kind, url, description, events, event_types, region, access_key_id, secret, state)
    on kernel.event_destination to reeve_app;
grant update (url, description, events, event_types, region, access_key_id, secret, former_secret, former_until, state,
              disabled_reason, deleted_at) on kernel.event_destination to reeve_app;
create policy keeper on kernel.event_destination for select to reeve_keeper using (true);
grant select (tenant_id, id, in_order, state, deleted_at) on kernel.event_destination to reeve_keeper;

-- How it goes with a destination, apart from it, since that is no change of a record: since when nothing but failures,
-- and when it was served last.
create table kernel.destination_health (
    tenant_id      uuid not null,
    destination_id uuid not null,
    failing_since  timestamptz,
    served_at      timestamptz,
    primary key (tenant_id, destination_id)
);

-- An event on its way to one destination. A reference to the destination would lock its row with every event.
create table kernel.delivery (
    tenant_id      uuid not null,
    id             uuid not null default gen_random_uuid(),
    destination_id uuid not null,
    -- The same in all deliveries of one event.
    event_id       uuid not null,
    event_type     text not null check (length(event_type) between 3 and 120),
    record_id      uuid not null,
    occurred_at    timestamptz not null default now(),
    transaction_id xid8 not null default pg_current_xact_id(),
    -- The order of one record's events is that in which their transactions commit: who changes a record holds its row
    -- from before this number is drawn until the commit. Between records it says nothing.
    sequence       bigint not null generated always as identity,
    state          text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
    -- Since it was written, or was asked for again.
    attempts       integer not null default 0 check (attempts >= 0),
    -- When the next attempt is made, or when the lease of the running one ends.
    due_at         timestamptz not null default now(),
    lease          uuid,
    ended_at       timestamptz,
    primary key (tenant_id, id),
    check ((state = 'pending') = (ended_at is null)),
    check (lease is null or state = 'pending')
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
create index delivery_due on kernel.delivery (tenant_id, destination_id, due_at, sequence) where state = 'pending';
create index delivery_of_record on kernel.delivery (tenant_id, destination_id, record_id, sequence)
    where state = 'pending';
create index delivery_leased on kernel.delivery (tenant_id, destination_id) where lease is not null;
create index delivery_in_order on kernel.delivery (tenant_id, destination_id, sequence);
create index delivery_by_state on kernel.delivery (tenant_id, destination_id, state, sequence);
create index delivery_by_age on kernel.delivery using brin (occurred_at);

-- What became of each attempt. Of the receiver's answer only its status.
create table kernel.delivery_attempt (
    tenant_id   uuid not null,
    delivery_id uuid not null,
    sequence    bigint not null generated always as identity,
    at          timestamptz not null,
    -- Milliseconds.
    duration    integer not null check (duration >= 0),
    status      integer check (status between 100 and 999),
    error_code  text check (length(error_code) between 1 and 80),
    primary key (tenant_id, delivery_id, sequence),
    check (status is not null or error_code is not null)
);
create index delivery_attempt_by_age on kernel.delivery_attempt using brin (at);

-- Those who serve read them, and write by the functions below alone.
do $$
declare name text;
begin
    foreach name in array array['destination_health', 'delivery', 'delivery_attempt'] loop
        execute format('alter table kernel.%I enable row level security', name);
        execute format('alter table kernel.%I force row level security', name);
        execute format('create policy tenant on kernel.%I to reeve_app, reeve_owner'
                       ' using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)'
                       ' with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', name);
        execute format('create policy keeper on kernel.%I to reeve_keeper using (true) with check (true)', name);
        execute format('grant select on kernel.%I to reeve_app', name);
        execute format('grant select, update, delete on kernel.%I to reeve_keeper', name);
    end loop;
end $$;

-- RV471: an organisation has so many destinations at the most, since each takes a row of every event.
create function kernel.guard_destination() returns trigger language plpgsql as $$
begin
    if (select count(*) from kernel.event_destination d
         where d.tenant_id = new.tenant_id and d.deleted_at is null) >= 20 then
        raise exception 'there are 20 destinations' using errcode = 'RV471';
    end if;
    return new;
end $$;
create trigger guard before insert on kernel.event_destination
    for each row execute function kernel.guard_destination();

-- A new destination has done nothing wrong yet, nor has one that is let in again.
create function kernel.begin_destination() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into kernel.destination_health as h (tenant_id, destination_id) values (new.tenant_id, new.id)
    on conflict (tenant_id, destination_id) do update set failing_since = null;
    return null;
end $$;
revoke all on function kernel.begin_destination() from public;
create trigger begin after insert on kernel.event_destination
    for each row execute function kernel.begin_destination();
create trigger begin_again after update on kernel.event_destination
    for each row when (old.state = 'disabled' and new.state = 'active') execute function kernel.begin_destination();

-- Writes an event of a record for each destination of the tenant that wants its type. One that is paused gets it when
-- it goes on. In one transaction a record's event of a type is one; of `p_unless`, too, there was none in it.
create function kernel.tell_event(p_type text, p_record uuid, p_unless text default null) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare event uuid := gen_random_uuid();
begin
    insert into kernel.delivery (tenant_id, destination_id, event_id, event_type, record_id)
    select d.tenant_id, d.id, event, p_type, p_record
      from kernel.event_destination d
     where d.tenant_id = kernel.tenant() and d.state <> 'disabled' and d.deleted_at is null
       and p_type = any (d.event_types)
       and not exists (select from kernel.delivery v
                        where v.tenant_id = d.tenant_id and v.destination_id = d.id and v.record_id = p_record
                          and v.state = 'pending' and v.transaction_id = pg_current_xact_id()
                          and v.event_type in (p_type, p_unless));
end $$;
revoke all on function kernel.tell_event(text, uuid, text) from public;
grant execute on function kernel.tell_event(text, uuid, text) to reeve_app, reeve_owner;

-- Whether anybody listens: what announcing costs an organisation that has no destination.
create function kernel.is_heard() returns boolean language plpgsql stable as $$
begin
    return exists (select from kernel.event_destination d
                    where d.tenant_id = kernel.tenant() and d.state <> 'disabled' and d.deleted_at is null);
end $$;

-- The trigger of kernel.announce. Its arguments: the noun, and what may become of one. A change that leaves all as it
-- was, but for who wrote it and when, is none; a sealed value is compared as it reads.
create function kernel.announce_row() returns trigger language plpgsql as $$
declare
    stamps constant text[] := '{version,updated_at,updated_by}';
    verb text := 'created';
    was jsonb;
    is_now jsonb;
    unless text;
begin
    if not kernel.is_heard() then return null; end if;
    if tg_op = 'UPDATE' then
        was := to_jsonb(old) - stamps;
        is_now := to_jsonb(new) - stamps;
        if was = is_now or was ->> 'deleted_at' is not null and is_now ->> 'deleted_at' is not null then
            return null;
        end if;
        if is_now ->> 'deleted_at' is not null then
            verb := 'deleted';
        elsif was ->> 'deleted_at' is null then
            verb := 'updated';
            unless := tg_argv[0] || '.created';
            was := audit.opened(tg_table_schema || '.' || tg_table_name, was);
            if was = audit.opened(tg_table_schema || '.' || tg_table_name, is_now) then return null; end if;
        end if;
    end if;
    if verb = any (tg_argv[1:]) then
        perform kernel.tell_event(tg_argv[0] || '.' || verb, new.id, unless);
    end if;
    return null;
end $$;

-- Announces what becomes of a table's records to the destinations of their tenant: `kernel.announce('clinic.appointment',
-- 'appointment')` tells of `appointment.created`, `.updated` and `.deleted`, which is when `deleted_at` is set. The
-- module's `events` names the same types, and who may hear of them.
create function kernel.announce(target regclass, noun text, verbs text[] default '{created,updated,deleted}')
returns void language plpgsql as $$
begin
    execute format(
        'create trigger announce_event after %s on %s for each row execute function kernel.announce_row(%L, %s)',
        case when verbs = '{created}' then 'insert' else 'insert or update' end, target, noun,
        (select string_agg(quote_literal(v), ', ') from unnest(verbs) v));
end $$;

-- For a module's own trigger, on what has a name of its own: its arguments are the type and the column with the record
-- that it is about.
create function kernel.announce_event() returns trigger language plpgsql as $$
begin
    if kernel.is_heard() then
        perform kernel.tell_event(tg_argv[0], (to_jsonb(new) ->> tg_argv[1])::uuid);
    end if;
    return null;
end $$;

-- An attempt has ended: it was `delivered`; or is made again, `retry`, so many seconds from now; or `failed` for good;
-- or the receiver is `gone`. False when the lease is another's by now: what this attempt did is then done again.
-- Five days of nothing but failures disable the destination.
create function kernel.end_delivery(p_delivery uuid, p_lease uuid, p_outcome text, p_status integer, p_code text,
                                    p_duration integer, p_wait double precision) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v kernel.delivery;
    since timestamptz;
    why text;
begin
    update kernel.delivery d
       set attempts = d.attempts + 1, lease = null,
           state = case p_outcome when 'delivered' then 'delivered' when 'retry' then 'pending' else 'failed' end,
           due_at = case p_outcome when 'retry' then now() + make_interval(secs => p_wait) else d.due_at end,
           ended_at = case when p_outcome <> 'retry' then now() end
     where d.tenant_id = kernel.tenant() and d.id = p_delivery and d.lease = p_lease and d.state = 'pending'
    returning * into v;
    if not found then return false; end if;
    insert into kernel.delivery_attempt (tenant_id, delivery_id, at, duration, status, error_code)
    values (v.tenant_id, v.id, clock_timestamp() - make_interval(secs => p_duration / 1000.0), p_duration, p_status, p_code);
    if v.state <> 'pending' then
        -- The next of its record, which waits where there is an order.
        update kernel.delivery d set due_at = now()
         where d.tenant_id = v.tenant_id and d.lease is null and d.due_at > now() and d.id = (
                select n.id from kernel.delivery n
                 where n.tenant_id = v.tenant_id and n.destination_id = v.destination_id and n.record_id = v.record_id
                   and n.state = 'pending' order by n.sequence limit 1)
           and exists (select from kernel.event_destination o
                        where o.tenant_id = v.tenant_id and o.id = v.destination_id and o.in_order);
    end if;
    if v.state = 'delivered' then
        update kernel.destination_health h set failing_since = null
         where h.tenant_id = v.tenant_id and h.destination_id = v.destination_id and h.failing_since is not null;
        return true;
    end if;
    update kernel.destination_health h set failing_since = now()
     where h.tenant_id = v.tenant_id and h.destination_id = v.destination_id and h.failing_since is null;
    select h.failing_since into since from kernel.destination_health h
     where h.tenant_id = v.tenant_id and h.destination_id = v.destination_id;
    why := case when p_outcome = 'gone' then 'gone' when since < now() - interval '5 days' then 'failing' end;
    if why is not null then
        update kernel.event_destination d set state = 'disabled', disabled_reason = why
         where d.tenant_id = v.tenant_id and d.id = v.destination_id and d.state <> 'disabled' and d.deleted_at is null;
        if found then
            perform kernel.tell_event('destination.disabled', v.destination_id);
        end if;
    end if;
    return true;
end $$;
revoke all on function kernel.end_delivery(uuid, uuid, text, integer, text, integer, double precision) from public;
grant execute on function kernel.end_delivery(uuid, uuid, text, integer, text, integer, double precision) to reeve_app;

-- What somebody asked to have sent: a test, one event again, or all that failed since some time.
create table kernel.delivery_order (
    tenant_id      uuid not null,
    id             uuid not null,
    kind           text not null check (kind in ('test', 'replay', 'replay_failed')),
    destination_id uuid not null,
    delivery_id    uuid,
    since          timestamptz,
    -- How many are sent.
    deliveries     integer not null check (deliveries >= 0),
    version        integer not null default 1,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    created_by     uuid default kernel.setting('app.actor_id')::uuid,
    updated_by     uuid,
    primary key (tenant_id, id),
    check ((kind = 'replay_failed') = (since is not null)),
    check ((kind = 'replay_failed') = (delivery_id is null))
);
select kernel.govern('kernel.delivery_order', '{}');
revoke insert, update on kernel.delivery_order from reeve_app;
grant insert (tenant_id, id, kind, destination_id, delivery_id, since, deliveries) on kernel.delivery_order to reeve_app;

-- An event of no record, to see whether a destination hears. Nothing when it is not active.
create function kernel.test_destination(p_destination uuid) returns setof kernel.delivery
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query
        insert into kernel.delivery (tenant_id, destination_id, event_id, event_type, record_id)
        select d.tenant_id, d.id, gen_random_uuid(), 'destination.test', d.id
          from kernel.event_destination d
         where d.tenant_id = kernel.tenant() and d.id = p_destination and d.state = 'active' and d.deleted_at is null
        returning *;
end $$;
revoke all on function kernel.test_destination(uuid) from public;
grant execute on function kernel.test_destination(uuid) to reeve_app;

-- Makes a delivery now, under the event's own id and with all its attempts, whether it has ended or waits. An attempt
-- that is under way goes on.
create function kernel.replay_delivery(p_delivery uuid) returns setof kernel.delivery
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query
        update kernel.delivery d
           set state = 'pending', attempts = 0, ended_at = null,
               due_at = case when d.lease is not null and d.due_at > now() then d.due_at else now() end
         where d.tenant_id = kernel.tenant() and d.id = p_delivery
        returning d.*;
end $$;
revoke all on function kernel.replay_delivery(uuid) from public;
grant execute on function kernel.replay_delivery(uuid) to reeve_app;

-- The same for what failed at a destination since then, the oldest first, so many at the most; how many.
create function kernel.replay_failed(p_destination uuid, p_since timestamptz, p_most integer) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare replayed integer;
begin
    update kernel.delivery d set state = 'pending', attempts = 0, due_at = now(), ended_at = null
     where d.tenant_id = kernel.tenant() and d.id in (
            select f.id from kernel.delivery f
             where f.tenant_id = kernel.tenant() and f.destination_id = p_destination and f.state = 'failed'
               and f.occurred_at >= p_since
             order by f.sequence limit p_most);
    get diagnostics replayed = row_count;
    return replayed;
end $$;
revoke all on function kernel.replay_failed(uuid, timestamptz, integer) from public;
grant execute on function kernel.replay_failed(uuid, timestamptz, integer) to reeve_app;
reset role;

grant create on schema kernel to reeve_keeper;
set role reeve_keeper;
-- The destinations of all tenants to which something is under way: a step from one to the next along the index,
-- whatever lies between.
create function kernel.destinations_with_deliveries() returns table (tenant_id uuid, destination_id uuid)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query
        with recursive waiting (tenant, destination) as (
            (select q.tenant_id, q.destination_id from kernel.delivery q where q.state = 'pending'
              order by q.tenant_id, q.destination_id limit 1)
            union all
            select n.tenant_id, n.destination_id
              from waiting w cross join lateral (
                   select q.tenant_id, q.destination_id from kernel.delivery q
                    where q.state = 'pending' and (q.tenant_id, q.destination_id) > (w.tenant, w.destination)
                    order by q.tenant_id, q.destination_id limit 1) n)
        select w.tenant, w.destination from waiting w
          join kernel.tenant t on t.tenant_id = w.tenant and t.id = w.tenant and t.is_active
          join kernel.event_destination d on d.tenant_id = w.tenant and d.id = w.destination
                                         and d.state = 'active' and d.deleted_at is null;
end $$;
revoke all on function kernel.destinations_with_deliveries() from public;

-- Up to so many deliveries of all tenants that are due, under this lease for so many seconds. Tenants take turns, and
-- so do the destinations of each: of one tenant 8 are under way at most, of one destination 4, of one that has only
-- failed lately 1. Those are claimed apart (`p_failing`), so that what is dead takes no place of what is alive.
-- Where there is an order, nothing is claimed before an earlier event of the same record has ended; it waits until
-- that is tried again.
create function kernel.claim_deliveries(p_lease uuid, p_seconds integer, p_most integer, p_failing boolean)
returns table (tenant_id uuid, delivery_id uuid)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    looked timestamptz := clock_timestamp();
    room integer := p_most;
    place record;
    due record;
    here integer;
    waits_for timestamptz;
begin
    for place in
        select w.tenant_id, w.destination_id, d.in_order
          from kernel.destinations_with_deliveries() w
          join kernel.event_destination d on d.tenant_id = w.tenant_id and d.id = w.destination_id
          join kernel.destination_health h on h.tenant_id = w.tenant_id and h.destination_id = w.destination_id
         where (h.failing_since is not null) = p_failing
           and exists (select from kernel.delivery q
                        where q.tenant_id = w.tenant_id and q.destination_id = w.destination_id
                          and q.state = 'pending' and q.due_at <= looked)
         order by (select count(*) from kernel.delivery q where q.tenant_id = w.tenant_id and q.lease is not null),
                  h.served_at nulls first
    loop
        exit when room <= 0;
        -- Another server is at it.
        perform from kernel.destination_health h
          where h.tenant_id = place.tenant_id and h.destination_id = place.destination_id for update skip locked;
        continue when not found;
        select least(room, 8 - count(*),
                     case when p_failing then 1 else 4 end
                         - count(*) filter (where q.destination_id = place.destination_id)) into here
          from kernel.delivery q
         where q.tenant_id = place.tenant_id and q.lease is not null and q.due_at > looked;
        continue when here <= 0;
        for due in
            select q.id, q.record_id, q.sequence from kernel.delivery q
             where q.tenant_id = place.tenant_id and q.destination_id = place.destination_id
               and q.state = 'pending' and q.due_at <= looked
             order by q.due_at, q.sequence limit case when place.in_order then 64 else here end
               for update skip locked
        loop
            exit when here <= 0;
            if place.in_order then
                select e.due_at into waits_for from kernel.delivery e
                 where e.tenant_id = place.tenant_id and e.destination_id = place.destination_id
                   and e.record_id = due.record_id and e.state = 'pending' and e.sequence < due.sequence
                 order by e.sequence limit 1;
                if found then
                    update kernel.delivery q set due_at = greatest(waits_for, looked + interval '1 second')
                     where q.tenant_id = place.tenant_id and q.id = due.id;
                    continue;
                end if;
            end if;
            update kernel.delivery q set lease = p_lease, due_at = looked + make_interval(secs => p_seconds)
             where q.tenant_id = place.tenant_id and q.id = due.id;
            here := here - 1;
            room := room - 1;
            tenant_id := place.tenant_id;
            delivery_id := due.id;
            return next;
        end loop;
        update kernel.destination_health h set served_at = looked
         where h.tenant_id = place.tenant_id and h.destination_id = place.destination_id;
    end loop;
end $$;
revoke all on function kernel.claim_deliveries(uuid, integer, integer, boolean) from public;
grant execute on function kernel.claim_deliveries(uuid, integer, integer, boolean) to reeve_app;

-- For how many seconds the delivery that is due longest has been; 0 when none is.
create function kernel.oldest_due_delivery() returns double precision
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return (select coalesce(greatest(extract(epoch from now() - min(q.due_at)), 0), 0)
              from kernel.destinations_with_deliveries() w
             cross join lateral (select q.due_at from kernel.delivery q
                                  where q.tenant_id = w.tenant_id and q.destination_id = w.destination_id
                                    and q.state = 'pending' order by q.due_at limit 1) q);
end $$;
revoke all on function kernel.oldest_due_delivery() from public;
grant execute on function kernel.oldest_due_delivery() to reeve_app;

-- As before, and what was told thirty days ago, or was for a destination that is gone.
create or replace function kernel.sweep() returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    delete from kernel.idempotency where expires_at < now();
    delete from kernel.credential_change where at < now() - interval '1 day';
    delete from kernel.login_guard where last_at < now() - interval '1 day';
    delete from kernel.outbox where at < now() - interval '1 day';
    delete from kernel.rate where began_at < now() - interval '1 day';
    delete from kernel.job_turn where served_at < now() - interval '1 day';
    delete from kernel.delivery where occurred_at < now() - interval '30 days';
    delete from kernel.delivery v using kernel.event_destination d
     where d.deleted_at is not null and v.tenant_id = d.tenant_id and v.destination_id = d.id;
    delete from kernel.delivery_attempt where at < now() - interval '30 days';
end;
reset role;
revoke create on schema kernel from reeve_keeper;
