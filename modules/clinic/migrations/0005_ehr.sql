-- Why: a clinic has another system of record beside this one. What changes here is told there, and what changes there
-- comes here, through connections that the clinic sets up: what waits to be told is written in the transaction that
-- changes it, and how far one has read there stands with the rows that came of it. docs/decisions/0024-ehr-adapters.md
set role reeve_owner;

create table clinic.ehr_connection (
    tenant_id      uuid not null,
    id             uuid not null,
    name           text not null check (length(name) between 1 and 120),
    adapter        text not null check (adapter in ('fhir_r4')),
    -- Without a slash at its end.
    base_url       text not null check (base_url ~ '^https?://' and length(base_url) <= 500),
    auth           text not null check (auth in ('none', 'bearer', 'basic')),
    username       text check (length(username) between 1 and 200),
    secret         kernel.sealed,
    direction      text not null check (direction in ('push', 'pull', 'both')),
    mapping        jsonb not null default '{}' check (jsonb_typeof(mapping) = 'object'),
    -- How long after one look at what has changed there the next one is.
    poll_seconds   integer not null default 300 check (poll_seconds between 5 and 86400),
    state          text not null default 'active' check (state in ('active', 'paused', 'stopped')),
    stopped_reason text check (length(stopped_reason) <= 80),
    -- Who switched it on, and as whom its jobs run.
    owner_kind     text not null default kernel.setting('app.actor_kind'),
    owner_id       uuid not null default kernel.setting('app.actor_id')::uuid,
    version        integer not null default 1,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    created_by     uuid default kernel.setting('app.actor_id')::uuid,
    updated_by     uuid,
    deleted_at     timestamptz,
    primary key (tenant_id, id),
    check ((stopped_reason is not null) = (state = 'stopped')),
    constraint ehr_connection_username_fits check ((username is not null) = (auth = 'basic')),
    constraint ehr_connection_secret_fits check ((secret is not null) = (auth <> 'none') or deleted_at is not null)
);
create index ehr_connection_in_order on clinic.ehr_connection (tenant_id, name, id) where deleted_at is null;
-- What every change of a record asks.
create index ehr_connection_pushing on clinic.ehr_connection (tenant_id, id)
    where state = 'active' and direction <> 'pull' and deleted_at is null;
select kernel.govern('clinic.ehr_connection', '{secret}');

-- Which record is which there, and which version of theirs was the same.
create table clinic.ehr_link (
    tenant_id        uuid not null,
    id               uuid not null,
    connection_id    uuid not null,
    record_kind      text not null check (record_kind in ('patient', 'appointment')),
    record_id        uuid not null,
    external_id      text not null check (external_id ~ '^[A-Za-z0-9.-]{1,64}$'),
    external_version text check (length(external_version) <= 64),
    version          integer not null default 1,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    created_by       uuid default kernel.setting('app.actor_id')::uuid,
    updated_by       uuid,
    primary key (tenant_id, id),
    constraint ehr_link_connection foreign key (tenant_id, connection_id) references clinic.ehr_connection (tenant_id, id),
    constraint ehr_link_record_taken unique (tenant_id, connection_id, record_kind, record_id),
    constraint ehr_link_external_taken unique (tenant_id, connection_id, record_kind, external_id)
);
select kernel.govern('clinic.ehr_link', '{}');

-- What could not be taken over, in one direction or the other, and why; nothing personal is in the reason.
create table clinic.ehr_dead_letter (
    tenant_id        uuid not null,
    id               uuid not null,
    connection_id    uuid not null,
    direction        text not null check (direction in ('push', 'pull')),
    record_kind      text not null check (record_kind in ('patient', 'appointment')),
    record_id        uuid,
    external_id      text check (external_id ~ '^[A-Za-z0-9.-]{1,64}$'),
    code             text not null check (length(code) between 1 and 80),
    detail           text not null check (length(detail) <= 500),
    attempts         integer not null default 1,
    state            text not null default 'open' check (state in ('open', 'retrying', 'resolved')),
    version          integer not null default 1,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    created_by       uuid default kernel.setting('app.actor_id')::uuid,
    updated_by       uuid,
    primary key (tenant_id, id),
    constraint ehr_dead_letter_connection foreign key (tenant_id, connection_id)
        references clinic.ehr_connection (tenant_id, id),
    check (case direction when 'push' then record_id is not null else external_id is not null end)
);
create unique index ehr_dead_letter_of_record_key on clinic.ehr_dead_letter (tenant_id, connection_id, record_kind, record_id)
    where direction = 'push' and state <> 'resolved';
create unique index ehr_dead_letter_of_external_key on clinic.ehr_dead_letter
    (tenant_id, connection_id, record_kind, external_id) where direction = 'pull' and state <> 'resolved';
create index ehr_dead_letter_in_order on clinic.ehr_dead_letter (tenant_id, connection_id, id);
select kernel.govern('clinic.ehr_dead_letter', '{}');

-- What waits to be told: a row for each record, and the newest of its changes. `sequence` is the order in which they
-- came; a change while a record is being told gives its row another one.
create sequence clinic.ehr_push_sequence;
create table clinic.ehr_push (
    tenant_id     uuid not null,
    connection_id uuid not null,
    record_kind   text not null check (record_kind in ('patient', 'appointment')),
    record_id     uuid not null,
    sequence      bigint not null default nextval('clinic.ehr_push_sequence'),
    queued_at     timestamptz not null default now(),
    primary key (tenant_id, connection_id, record_kind, record_id)
);
create index ehr_push_in_order on clinic.ehr_push (tenant_id, connection_id, sequence);

-- How far one has read there: everything up to `since` is here, or among the dead letters.
create table clinic.ehr_resume (
    tenant_id     uuid not null,
    connection_id uuid not null,
    record_kind   text not null check (record_kind in ('patient', 'appointment')),
    since         timestamptz not null,
    read_at       timestamptz not null default now(),
    primary key (tenant_id, connection_id, record_kind)
);

-- The circuit breaker, for all servers, and the job of each direction. Closed: calls go out. Open: none does before
-- `retry_at`. Half open: one does, and decides; one whose caller was lost gives way at `retry_at` too.
create table clinic.ehr_lane (
    tenant_id       uuid not null,
    connection_id   uuid not null,
    circuit         text not null default 'closed' check (circuit in ('closed', 'open', 'half_open')),
    failures        integer not null default 0,
    retry_at        timestamptz,
    last_error      text check (length(last_error) <= 80),
    last_failed_at  timestamptz,
    last_success_at timestamptz,
    push_job        uuid,
    pull_job        uuid,
    primary key (tenant_id, connection_id),
    check ((retry_at is not null) = (circuit <> 'closed'))
);
do $$
declare target text;
begin
    foreach target in array array['clinic.ehr_push', 'clinic.ehr_resume', 'clinic.ehr_lane'] loop
        execute format('alter table %s enable row level security', target);
        execute format('alter table %s force row level security', target);
        execute format(
            'create policy tenant on %s to reeve_app, reeve_owner'
            ' using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)'
            ' with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)',
            target);
    end loop;
end $$;
grant select on clinic.ehr_push to reeve_app;
grant select, insert, update on clinic.ehr_resume, clinic.ehr_lane to reeve_app;

-- Whoever switches a connection on, or says where it leads, answers for it.
create function clinic.own_ehr_connection() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' or (new.state = 'active' and old.state <> 'active')
       or (new.base_url, new.direction) is distinct from (old.base_url, old.direction) then
        new.owner_kind := kernel.setting('app.actor_kind');
        new.owner_id := kernel.setting('app.actor_id')::uuid;
    end if;
    return new;
end $$;
create trigger own before insert or update on clinic.ehr_connection
    for each row execute function clinic.own_ehr_connection();

-- Sees to it that a job of this direction waits for the connection; whether one was made. Without `p_now` the one that
-- waits already will do. It runs as the connection's owner; where that is nobody any more, the connection stops:
-- whoever changed a record has nothing to do with that.
create function clinic.plan_ehr(p_connection uuid, p_direction text, p_seconds double precision, p_now boolean)
returns boolean language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    own clinic.ehr_connection;
    current uuid;
    -- UUIDv7, as all ids of jobs: they are listed in that order.
    job uuid := encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing
        substring(int8send(floor(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
        52, 1), 53, 1), 'hex')::uuid;
begin
    select c.* into own from clinic.ehr_connection c
     where c.tenant_id = kernel.tenant() and c.id = p_connection and c.state = 'active' and c.deleted_at is null
       and c.direction in (p_direction, 'both');
    if not found then return false; end if;
    -- First without a lock: most find one that waits.
    select case p_direction when 'push' then l.push_job else l.pull_job end into current
      from clinic.ehr_lane l where l.tenant_id = own.tenant_id and l.connection_id = own.id;
    if not p_now and exists (select from kernel.job j
                              where j.tenant_id = own.tenant_id and j.id = current and j.state = 'queued') then
        return false;
    end if;
    insert into clinic.ehr_lane (tenant_id, connection_id) values (own.tenant_id, own.id) on conflict do nothing;
    select case p_direction when 'push' then l.push_job else l.pull_job end into current
      from clinic.ehr_lane l where l.tenant_id = own.tenant_id and l.connection_id = own.id for update;
    if not p_now and exists (select from kernel.job j
                              where j.tenant_id = own.tenant_id and j.id = current and j.state = 'queued') then
        return false;
    end if;
    if not exists (select from kernel.account a
                    where own.owner_kind = 'user' and a.tenant_id = own.tenant_id and a.id = own.owner_id
                      and a.deleted_at is null)
       and not exists (select from kernel.api_key k
                        where own.owner_kind = 'api_key' and k.tenant_id = own.tenant_id and k.id = own.owner_id) then
        update clinic.ehr_connection c set state = 'stopped', stopped_reason = 'owner_gone'
         where c.tenant_id = own.tenant_id and c.id = own.id;
        return false;
    end if;
    insert into kernel.job (tenant_id, id, kind, record_id, payload, max_attempts, run_after, actor_kind, created_by)
    values (own.tenant_id, job, 'clinic.' || p_direction || '_records', own.id, '{}', 20,
            now() + make_interval(secs => p_seconds), own.owner_kind, own.owner_id);
    update clinic.ehr_lane l
       set push_job = case p_direction when 'push' then job else l.push_job end,
           pull_job = case p_direction when 'pull' then job else l.pull_job end
     where l.tenant_id = own.tenant_id and l.connection_id = own.id;
    return true;
end $$;
revoke all on function clinic.plan_ehr(uuid, text, double precision, boolean) from public;
grant execute on function clinic.plan_ehr(uuid, text, double precision, boolean) to reeve_app;

-- Those who queue hold it together, and who begins to read the queue holds it alone: so that whoever counted on a job
-- that waited has committed before that job reads.
create function clinic.ehr_turn(p_connection uuid) returns bigint language sql immutable
    return hashtextextended('ehr/' || p_connection::text, 0);

create function clinic.queue_push(p_connection uuid, p_kind text, p_record uuid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform pg_advisory_xact_lock_shared(clinic.ehr_turn(p_connection));
    insert into clinic.ehr_push as p (tenant_id, connection_id, record_kind, record_id)
    values (kernel.tenant(), p_connection, p_kind, p_record)
    on conflict (tenant_id, connection_id, record_kind, record_id)
    do update set sequence = nextval('clinic.ehr_push_sequence'), queued_at = now();
    -- A little later, so that what changes together goes together.
    perform clinic.plan_ehr(p_connection, 'push', 1, false);
end $$;
revoke all on function clinic.queue_push(uuid, text, uuid) from public;
grant execute on function clinic.queue_push(uuid, text, uuid) to reeve_app;

-- What was told waits no more, unless it has changed again since; without a sequence nothing of the connection waits.
create function clinic.take_off_push(p_connection uuid, p_kind text, p_record uuid, p_sequence bigint) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    delete from clinic.ehr_push p
     where p.tenant_id = kernel.tenant() and p.connection_id = p_connection
       and (p_sequence is null or (p.record_kind, p.record_id, p.sequence) = (p_kind, p_record, p_sequence));
    return found;
end $$;
revoke all on function clinic.take_off_push(uuid, text, uuid, bigint) from public;
grant execute on function clinic.take_off_push(uuid, text, uuid, bigint) to reeve_app;

-- A change goes to every connection but the one that it came from (`app.ehr_connection`).
create function clinic.announce_to_ehr() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare connection uuid;
begin
    for connection in
        select c.id from clinic.ehr_connection c
         where c.tenant_id = new.tenant_id and c.state = 'active' and c.direction <> 'pull' and c.deleted_at is null
           and c.id is distinct from nullif(current_setting('app.ehr_connection', true), '')::uuid
         order by c.id
    loop
        perform clinic.queue_push(connection, tg_argv[0], new.id);
    end loop;
    return null;
end $$;
revoke all on function clinic.announce_to_ehr() from public;
create trigger announce_to_ehr after insert or update on clinic.patient
    for each row execute function clinic.announce_to_ehr('patient');
create trigger announce_to_ehr after insert or update on clinic.appointment
    for each row execute function clinic.announce_to_ehr('appointment');

-- A connection whose job ended without doing it, because its owner may no longer do it, somebody cancelled it, or it
-- failed again and again, has stopped, and says so.
create function clinic.follow_ehr_job() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update clinic.ehr_connection c set state = 'stopped', stopped_reason = coalesce(new.error_code, new.state)
      from clinic.ehr_lane l
     where c.tenant_id = new.tenant_id and c.id = new.record_id and c.state = 'active'
       and l.tenant_id = c.tenant_id and l.connection_id = c.id and new.id in (l.push_job, l.pull_job);
    return null;
end $$;
revoke all on function clinic.follow_ehr_job() from public;
create trigger clinic_follows after update of state on kernel.job for each row
    when (new.kind in ('clinic.push_records', 'clinic.pull_records') and new.state in ('failed', 'dead', 'cancelled'))
    execute function clinic.follow_ehr_job();

comment on table clinic.ehr_connection is 'Another system of record that a clinic connects. Its secret is sealed.';
comment on table clinic.ehr_link is 'Which record of ours is which there.';
comment on table clinic.ehr_dead_letter is 'What could not be taken over, and why.';
reset role;
