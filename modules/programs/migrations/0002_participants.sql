-- Why: the participant and the adults around one. Guardians, contacts and addresses are tables of their
-- own, so that the roster and analytics have nothing to leave out by hand (K-012, K-013, K-082).
set role reeve_owner;

create table programs.participant (
    tenant_id      uuid not null,
    id             uuid not null,
    -- Random and never shown: the participant code is made of it and of nothing about the person (K-012).
    deid_id        uuid not null default gen_random_uuid(),
    external_id    text,
    -- What the roster shows: a name that the programme chose for it, or a number.
    roster_name    text not null,
    first_name     text not null,
    last_name      text not null,
    -- What lists go by. A column and not an expression of the index: lower() is not leakproof, so that
    -- behind row-level security no index on it is searched.
    last_name_key  text not null generated always as (lower(last_name)) stored,
    preferred_name text,
    date_of_birth  date not null,
    gender         text,
    school         text,
    grade          text,
    medical_notes  text,
    status         text not null default 'active' check (status in ('active', 'inactive')),
    version        integer not null default 1,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    created_by     uuid default kernel.setting('app.actor_id')::uuid,
    updated_by     uuid,
    deleted_at     timestamptz,
    primary key (tenant_id, id)
);
create unique index participant_external_id_taken on programs.participant (tenant_id, external_id)
    where deleted_at is null;
create index participant_by_name on programs.participant (tenant_id, last_name_key, id) where deleted_at is null;
create index participant_by_roster_name on programs.participant (tenant_id, roster_name, id) where deleted_at is null;
select kernel.govern('programs.participant', '{medical_notes}');

-- The code follows the person for good.
create function programs.guard_participant() returns trigger language plpgsql as $$
begin
    if new.deid_id <> old.deid_id then
        raise exception 'the internal id of a participant does not change' using errcode = 'RV603';
    end if;
    return new;
end $$;
create trigger guard_participant before update on programs.participant
    for each row execute function programs.guard_participant();

create table programs.guardian (
    tenant_id      uuid not null,
    id             uuid not null,
    participant_id uuid not null,
    full_name      text not null,
    relation       text not null check (relation in ('parent', 'guardian', 'other')),
    email          text,
    phone          text,
    is_primary     boolean not null default false,
    version        integer not null default 1,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    created_by     uuid default kernel.setting('app.actor_id')::uuid,
    updated_by     uuid,
    deleted_at     timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, participant_id) references programs.participant (tenant_id, id)
);
create index guardian_by_participant on programs.guardian (tenant_id, participant_id) where deleted_at is null;
select kernel.govern('programs.guardian', '{}');

create table programs.contact (
    tenant_id      uuid not null,
    id             uuid not null,
    participant_id uuid not null,
    full_name      text not null,
    relation       text,
    phone          text,
    email          text,
    priority       integer not null default 1 check (priority between 1 and 9),
    version        integer not null default 1,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    created_by     uuid default kernel.setting('app.actor_id')::uuid,
    updated_by     uuid,
    deleted_at     timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, participant_id) references programs.participant (tenant_id, id)
);
create index contact_by_participant on programs.contact (tenant_id, participant_id) where deleted_at is null;
select kernel.govern('programs.contact', '{}');
comment on table programs.contact is 'Whom to call in an emergency, in this order.';

create table programs.address (
    tenant_id      uuid not null,
    id             uuid not null,
    participant_id uuid not null,
    kind           text not null check (kind in ('home', 'mailing', 'other')),
    line1          text not null,
    line2          text,
    city           text,
    state          text,
    postal_code    text,
    county         text,
    version        integer not null default 1,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    created_by     uuid default kernel.setting('app.actor_id')::uuid,
    updated_by     uuid,
    deleted_at     timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, participant_id) references programs.participant (tenant_id, id)
);
create index address_by_participant on programs.address (tenant_id, participant_id) where deleted_at is null;
select kernel.govern('programs.address', '{}');

create table programs.enrollment (
    tenant_id      uuid not null,
    id             uuid not null,
    participant_id uuid not null,
    cohort_id      uuid not null,
    status         text not null default 'active' check (status in ('active', 'completed', 'withdrawn')),
    started_on     date not null,
    ended_on       date,
    end_reason     text,
    version        integer not null default 1,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    created_by     uuid default kernel.setting('app.actor_id')::uuid,
    updated_by     uuid,
    primary key (tenant_id, id),
    constraint enrollment_participant_known
        foreign key (tenant_id, participant_id) references programs.participant (tenant_id, id),
    constraint enrollment_cohort_known foreign key (tenant_id, cohort_id) references programs.cohort (tenant_id, id),
    constraint enrollment_ended_with_a_day check ((status = 'active') = (ended_on is null)),
    constraint enrollment_ends_after_start check (ended_on is null or ended_on >= started_on)
);
-- One at a time in a cohort; one who has left may come back.
create unique index enrollment_active_once on programs.enrollment (tenant_id, participant_id, cohort_id)
    where status = 'active';
create index enrollment_by_participant on programs.enrollment (tenant_id, participant_id, started_on, id);
create index enrollment_by_cohort on programs.enrollment (tenant_id, cohort_id, started_on, id);
create index enrollment_by_start on programs.enrollment (tenant_id, started_on, id);
select kernel.govern('programs.enrollment', '{}');

-- What has ended has ended (K-091), and no cohort takes more than it can hold. The cohort's row is
-- locked, so that two who enroll for the last place take turns.
create function programs.guard_enrollment() returns trigger language plpgsql as $$
declare
    room integer;
begin
    if tg_op = 'UPDATE' then
        if old.status <> 'active'
           or (new.participant_id, new.cohort_id, new.started_on)
              is distinct from (old.participant_id, old.cohort_id, old.started_on)
        then
            raise exception 'the enrollment has ended, or would be another one' using errcode = 'RV604';
        end if;
        return new;
    end if;
    if new.status <> 'active' then
        raise exception 'an enrollment begins active' using errcode = 'RV604';
    end if;
    select capacity into room from programs.cohort
     where tenant_id = new.tenant_id and id = new.cohort_id for update;
    if room <= (select count(*) from programs.enrollment
                 where tenant_id = new.tenant_id and cohort_id = new.cohort_id and status = 'active') then
        raise exception 'the cohort is full' using errcode = 'RV605';
    end if;
    return new;
end $$;
create trigger guard_enrollment before insert or update on programs.enrollment
    for each row execute function programs.guard_enrollment();
reset role;
