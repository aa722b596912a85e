-- Why: what takes long, or must be tried again, outlives its request. A job is a record of its tenant like any
-- other: written in the transaction of the request that wants it, changed on record, run by one worker at a
-- time, whose effect commits with the job's end or not at all.
set role reeve_owner;

-- `created_by`, of `actor_kind` and with `role` then, is who wanted it, and as whom it runs.
create table kernel.job (
    tenant_id       uuid not null,
    id              uuid not null,
    kind            text not null check (kind ~ '^[a-z_]+\.[a-z_]+$' and length(kind) <= 80),
    record_id       uuid,
    payload         jsonb not null check (jsonb_typeof(payload) = 'object' and octet_length(payload::text) <= 8192),
    state           text not null default 'queued'
                    check (state in ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'dead')),
    attempts        integer not null default 0 check (attempts >= 0),
    max_attempts    integer not null check (max_attempts between 1 and 100),
    run_after       timestamptz not null default now(),
    cancel_asked_at timestamptz,
    error_code      text check (length(error_code) <= 80),
    error_detail    text check (length(error_detail) <= 500),
    actor_kind      text not null default kernel.setting('app.actor_kind'),
    role            text,
    request_id      uuid not null default kernel.setting('app.request_id')::uuid,
    finished_at     timestamptz,
    version         integer not null default 1,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    created_by      uuid not null default kernel.setting('app.actor_id')::uuid,
    updated_by      uuid,
    primary key (tenant_id, id),
    check ((finished_at is null) = (state in ('queued', 'running'))),
    check ((error_code is null) = (error_detail is null))
);
create index job_by_state on kernel.job (tenant_id, state, id);
create index job_by_end on kernel.job (tenant_id, finished_at) where finished_at is not null;
select kernel.govern('kernel.job', '{}');
-- No statement says as whom a job runs.
revoke insert, update on kernel.job from reeve_app;
grant insert (tenant_id, id, kind, record_id, payload, max_attempts, run_after) on kernel.job to reeve_app;
grant update (state, attempts, run_after, cancel_asked_at, error_code, error_detail) on kernel.job to reeve_app;
create policy keeper on kernel.job for select to reeve_keeper using (true);
grant select (tenant_id, finished_at) on kernel.job to reeve_keeper;

-- The jobs that wait or run, of all tenants, and who runs them: apart from the jobs, so that a heartbeat is no
-- change of one, and so that what has ended costs a claim nothing. It is claimed by who comes first after `due_at`,
-- which is when its turn comes, or when its worker's lease ends. Nobody who serves reads or writes it but by the
-- functions below.
create table kernel.job_queue (
    tenant_id uuid not null,
    job_id    uuid not null,
    due_at    timestamptz not null,
    lease     uuid,
    primary key (tenant_id, job_id)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
create index job_queue_in_order on kernel.job_queue (tenant_id, due_at, job_id);
create index job_queue_leased on kernel.job_queue (tenant_id) where lease is not null;
-- When a tenant's job was claimed last.
create table kernel.job_turn (
    tenant_id uuid not null primary key,
    served_at timestamptz not null
);
do $$
declare name text;
begin
    foreach name in array array['job_queue', 'job_turn'] loop
        execute format('alter table kernel.%I enable row level security', name);
        execute format('alter table kernel.%I force row level security', name);
        execute format('create policy keeper on kernel.%I to reeve_keeper using (true) with check (true)', name);
        execute format('grant select, insert, update, delete on kernel.%I to reeve_keeper', name);
    end loop;
end $$;

-- The last tick of what is done again and again. Of no tenant.
create table kernel.schedule (
    name text primary key check (length(name) between 1 and 80),
    tick timestamptz not null
);
grant select, insert, update on kernel.schedule to reeve_app;

-- Whether a tick of this many seconds has begun that nobody has begun yet: for one of all who ask, by the
-- database's clock. Ticks count from 1970 on, in UTC.
create function kernel.begin_tick(p_name text, p_seconds integer) returns boolean language plpgsql as $$
declare this timestamptz := to_timestamp(floor(extract(epoch from now()) / p_seconds) * p_seconds);
begin
    if exists (select from kernel.schedule s where s.name = p_name and s.tick >= this) then
        return false;
    end if;
    insert into kernel.schedule as s (name, tick) values (p_name, this)
    on conflict (name) do update set tick = excluded.tick where s.tick < excluded.tick;
    return found;
end $$;

-- Wants a job done, if the transaction commits; its id. `p_most` attempts, the first one `p_seconds` from now.
create function kernel.enqueue(p_id uuid, p_kind text, p_record uuid, p_payload jsonb, p_most integer,
                               p_seconds integer default 0) returns uuid language plpgsql as $$
begin
    insert into kernel.job (tenant_id, id, kind, record_id, payload, max_attempts, run_after)
    values (kernel.tenant(), p_id, p_kind, p_record, p_payload, p_most, now() + make_interval(secs => p_seconds));
    return p_id;
end $$;
reset role;

grant create on schema kernel to reeve_keeper;
set role reeve_keeper;
-- RV463: the transaction's lease (`app.job_lease`) is not the job's, or no longer. While the transaction runs nobody
-- takes it.
create function kernel.hold_job(p_job uuid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform from kernel.job_queue q
      where q.tenant_id = kernel.tenant() and q.job_id = p_job
        and q.lease = kernel.setting('app.job_lease')::uuid
        for update;
    if not found then
        raise exception 'the lease is not held' using errcode = 'RV463';
    end if;
end $$;
revoke all on function kernel.hold_job(uuid) from public;
grant execute on function kernel.hold_job(uuid) to reeve_app, reeve_owner;

-- Puts a job into the queue and takes it out, as its state says.
create function kernel.queue_job() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if new.state = 'queued' then
        insert into kernel.job_queue (tenant_id, job_id, due_at) values (new.tenant_id, new.id, new.run_after)
        on conflict (tenant_id, job_id) do update set due_at = excluded.due_at, lease = null;
    elsif new.state <> 'running' then
        delete from kernel.job_queue q where q.tenant_id = new.tenant_id and q.job_id = new.id;
    end if;
    return null;
end $$;
revoke all on function kernel.queue_job() from public;
grant execute on function kernel.queue_job() to reeve_owner;

-- The next job of all tenants, under this lease for so many seconds. Tenants take turns: first who has the fewest under
-- way, then who was served longest ago; however many jobs one has, another's is not behind them. Those in `p_full` are
-- passed over; so are suspended ones, whose jobs wait. The nil tenant's are the server's own.
create function kernel.claim_job(p_lease uuid, p_seconds integer, p_full uuid[])
returns table (tenant_id uuid, job_id uuid)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    looked timestamptz := clock_timestamp();
begin
    -- A step from tenant to tenant along the index, whatever lies between.
    for tenant_id in
        with recursive waiting (id) as (
            (select q.tenant_id from kernel.job_queue q order by q.tenant_id limit 1)
            union all
            select (select q.tenant_id from kernel.job_queue q where q.tenant_id > w.id order by q.tenant_id limit 1)
              from waiting w where w.id is not null)
        select w.id
          from waiting w left join kernel.tenant t on t.tenant_id = w.id and t.id = w.id
                         left join kernel.job_turn u on u.tenant_id = w.id
         where (t.is_active or w.id = '00000000-0000-0000-0000-000000000000') and w.id <> all (p_full)
           and exists (select from kernel.job_queue q where q.tenant_id = w.id and q.due_at <= looked)
         order by (select count(*) from kernel.job_queue q where q.tenant_id = w.id and q.lease is not null),
                  u.served_at nulls first, w.id
    loop
        select q.job_id into job_id from kernel.job_queue q
         where q.tenant_id = claim_job.tenant_id and q.due_at <= looked
         order by q.due_at, q.job_id limit 1 for update skip locked;
        if found then
            update kernel.job_queue q set lease = p_lease, due_at = looked + make_interval(secs => p_seconds)
             where q.tenant_id = claim_job.tenant_id and q.job_id = claim_job.job_id;
            insert into kernel.job_turn as u values (claim_job.tenant_id, looked)
            on conflict on constraint job_turn_pkey do update set served_at = excluded.served_at;
            return next;
            return;
        end if;
    end loop;
end $$;
revoke all on function kernel.claim_job(uuid, integer, uuid[]) from public;
grant execute on function kernel.claim_job(uuid, integer, uuid[]) to reeve_app;

-- Lengthens a lease; whether it is still held.
create function kernel.renew_job(p_job uuid, p_lease uuid, p_seconds integer) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update kernel.job_queue q set due_at = clock_timestamp() + make_interval(secs => p_seconds)
     where q.tenant_id = kernel.tenant() and q.job_id = p_job and q.lease = p_lease;
    return found;
end $$;
revoke all on function kernel.renew_job(uuid, uuid, integer) from public;
grant execute on function kernel.renew_job(uuid, uuid, integer) to reeve_app;

-- The tenants with jobs that ended thirty days ago; the nil tenant included.
create function kernel.tenants_with_old_jobs() returns setof uuid
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query
        select t.id from (select id from kernel.tenant union all
                          select '00000000-0000-0000-0000-000000000000') t
         where exists (select from kernel.job j
                        where j.tenant_id = t.id and j.finished_at < now() - interval '30 days');
end $$;
revoke all on function kernel.tenants_with_old_jobs() from public;
grant execute on function kernel.tenants_with_old_jobs() to reeve_app;

-- As before, and turns of yesterday.
create or replace function kernel.sweep() returns void
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
    delete from kernel.idempotency where expires_at < now();
    delete from kernel.credential_change where at < now() - interval '1 day';
    delete from kernel.login_guard where last_at < now() - interval '1 day';
    delete from kernel.outbox where at < now() - interval '1 day';
    delete from kernel.rate where began_at < now() - interval '1 day';
    delete from kernel.job_turn where served_at < now() - interval '1 day';
end;
reset role;
revoke create on schema kernel from reeve_keeper;

set role reeve_owner;
-- Holds what a job may become, whoever writes. RV460: who wants it is nobody of this tenant, and could not be asked for
-- again when it runs. RV461: it does not go from that state to this. RV462: somebody asked for its end. RV464: its tenant
-- is suspended. From `running`, and to it, it goes for who holds its lease.
create function kernel.guard_job() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        new.role := case new.actor_kind
            when 'user' then (select a.role from kernel.account a
                               where a.tenant_id = new.tenant_id and a.id = new.created_by and a.deleted_at is null)
            when 'api_key' then (select k.role from kernel.api_key k
                                  where k.tenant_id = new.tenant_id and k.id = new.created_by) end;
        if new.role is null and new.actor_kind is distinct from 'system' then
            raise exception 'nobody of this tenant' using errcode = 'RV460';
        end if;
        if (new.state, new.attempts) <> ('queued', 0) then
            raise exception 'a job begins queued' using errcode = 'RV461';
        end if;
        return new;
    end if;
    if (new.kind, new.record_id, new.payload, new.max_attempts, new.actor_kind, new.created_by, new.role, new.request_id)
       is distinct from
       (old.kind, old.record_id, old.payload, old.max_attempts, old.actor_kind, old.created_by, old.role, old.request_id)
       or (old.state, new.state) not in (
           ('queued', 'running'), ('queued', 'cancelled'), ('running', 'running'), ('running', 'queued'),
           ('running', 'succeeded'), ('running', 'failed'), ('running', 'dead'), ('running', 'cancelled'),
           ('failed', 'queued'), ('dead', 'queued'))
    then
        raise exception 'a job does not go from % to %', old.state, new.state using errcode = 'RV461';
    end if;
    -- That its end is asked for is no step of a worker's.
    if 'running' in (old.state, new.state) and (new.state <> old.state or new.attempts <> old.attempts) then
        perform kernel.hold_job(new.id);
    end if;
    if new.state in ('running', 'succeeded') then
        if new.state = 'succeeded' and old.cancel_asked_at is not null then
            raise exception 'its end was asked for' using errcode = 'RV462';
        end if;
        if exists (select from kernel.tenant t
                    where t.tenant_id = new.tenant_id and t.id = new.tenant_id and not t.is_active) then
            raise exception 'the tenant is suspended' using errcode = 'RV464';
        end if;
    end if;
    new.finished_at := case when new.state not in ('queued', 'running') then now() end;
    return new;
end $$;
create trigger guard before insert or update on kernel.job for each row execute function kernel.guard_job();
create trigger queue after insert or update of state on kernel.job for each row execute function kernel.queue_job();

-- A claimed job begins, or begins again; what it now is. One whose end was asked for while its worker was lost has ended,
-- and so has one that was lost with its worker in its last attempt.
create function kernel.start_job(p_job uuid, p_lease uuid) returns setof kernel.job language plpgsql as $$
begin
    perform set_config('app.job_lease', p_lease::text, true);
    return query
        update kernel.job j
           set state = x.state,
               attempts = j.attempts + case when x.state = 'running' then 1 else 0 end,
               error_code = case when x.state = 'dead' then 'worker_lost' else j.error_code end,
               error_detail = case when x.state = 'dead' then 'its worker was lost in its last attempt'
                                   else j.error_detail end
          from (select o.id, case when o.state = 'running' and o.cancel_asked_at is not null then 'cancelled'
                                  when o.state = 'running' and o.attempts >= o.max_attempts then 'dead'
                                  else 'running' end as state
                  from kernel.job o where o.tenant_id = kernel.tenant() and o.id = p_job) x
         where j.tenant_id = kernel.tenant() and j.id = x.id and j.state in ('queued', 'running')
        returning j.*;
end $$;

-- A running job ends, or goes back for another attempt after `p_seconds`, with the reason; if its end was asked for, it
-- does not go back. Without a reason it was given back, and that was no attempt.
create function kernel.end_attempt(p_job uuid, p_lease uuid, p_state text, p_seconds double precision,
                                   p_code text, p_detail text) returns boolean language plpgsql as $$
begin
    perform set_config('app.job_lease', p_lease::text, true);
    update kernel.job j
       set state = case when p_state = 'queued' and j.cancel_asked_at is not null then 'cancelled' else p_state end,
           error_code = p_code, error_detail = p_detail,
           attempts = j.attempts - case when p_state = 'queued' and p_code is null then 1 else 0 end,
           run_after = case when p_state = 'queued' then now() + make_interval(secs => p_seconds) else j.run_after end
     where j.tenant_id = kernel.tenant() and j.id = p_job;
    return found;
end $$;

-- For a transaction of a job before its last one: it commits only while the lease is held.
create function kernel.keep_lease(p_job uuid, p_lease uuid) returns boolean language plpgsql as $$
begin
    perform set_config('app.job_lease', p_lease::text, true);
    perform kernel.hold_job(p_job);
    return true;
end $$;

-- Removes jobs of the tenant that ended thirty days ago, a thousand at a time; how many.
create function kernel.remove_old_jobs() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare removed integer;
begin
    delete from kernel.job j
     where j.tenant_id = kernel.tenant()
       and j.id in (select o.id from kernel.job o
                     where o.tenant_id = kernel.tenant() and o.finished_at < now() - interval '30 days'
                     order by o.finished_at limit 1000);
    get diagnostics removed = row_count;
    return removed;
end $$;
revoke all on function kernel.remove_old_jobs() from public;
grant execute on function kernel.remove_old_jobs() to reeve_app;
reset role;
