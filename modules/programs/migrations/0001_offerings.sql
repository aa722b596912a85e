-- Why: what a programme offers, where and by whom; and the few things that an organisation sets. The
-- floors under those settings stand here as constraints, so that nobody can lower them (S14).
set role reeve_owner;
create schema programs;
select kernel.open_schema('programs');

-- One row a tenant; without it the defaults of the functions below hold.
create table programs.settings (
    tenant_id      uuid not null,
    id             uuid not null check (id = tenant_id),
    jurisdiction   text not null default 'us-oh',
    time_zone      text not null default 'America/New_York',
    rtp_protocol   text not null default 'amsterdam_2022'
                   check (rtp_protocol in ('zurich_2012', 'berlin_2016', 'amsterdam_2022')),
    cell_threshold integer not null default 11,
    version        integer not null default 1,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    created_by     uuid default kernel.setting('app.actor_id')::uuid,
    updated_by     uuid,
    primary key (tenant_id, id),
    constraint settings_threshold_floor check (cell_threshold >= 5)
);
select kernel.govern('programs.settings', '{}');

-- A jurisdiction without a pack has no statutory gates: that would be a way around them.
create function programs.guard_settings() returns trigger language plpgsql as $$
begin
    if kernel.pack_version(new.jurisdiction) is null then
        raise exception 'there is no statute pack of this jurisdiction' using errcode = 'RV602';
    end if;
    perform now() at time zone new.time_zone;
    return new;
exception when invalid_parameter_value then
    raise exception 'PostgreSQL does not know this time zone' using errcode = 'RV614';
end $$;
create trigger guard_settings before insert or update on programs.settings
    for each row execute function programs.guard_settings();

create function programs.jurisdiction() returns text language sql stable as $$
    select coalesce((select jurisdiction from programs.settings
                      where tenant_id = kernel.tenant() and id = kernel.tenant()), 'us-oh') $$;
create function programs.time_zone() returns text language sql stable as $$
    select coalesce((select time_zone from programs.settings
                      where tenant_id = kernel.tenant() and id = kernel.tenant()), 'America/New_York') $$;

create table programs.program (
    tenant_id        uuid not null,
    id               uuid not null,
    name             text not null,
    description      text,
    -- Which section of the law of concussions speaks to it: ORC 3707.511 or ORC 3313.539.
    setting          text not null default 'youth_sports' check (setting in ('youth_sports', 'school')),
    -- What a participant's gate must be open for at its sessions (K-056).
    consent_purposes text[] not null default '{participation}',
    starts_on        date,
    ends_on          date,
    version          integer not null default 1,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    created_by       uuid default kernel.setting('app.actor_id')::uuid,
    updated_by       uuid,
    deleted_at       timestamptz,
    primary key (tenant_id, id),
    constraint program_has_purposes check (cardinality(consent_purposes) > 0),
    constraint program_ends_after_start check (ends_on is null or starts_on is null or ends_on >= starts_on)
);
create unique index program_name_taken on programs.program (tenant_id, name) where deleted_at is null;
select kernel.govern('programs.program', '{}');

create table programs.location (
    tenant_id  uuid not null,
    id         uuid not null,
    name       text not null,
    address    text,
    county     text,
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid default kernel.setting('app.actor_id')::uuid,
    updated_by uuid,
    deleted_at timestamptz,
    primary key (tenant_id, id)
);
create unique index location_name_taken on programs.location (tenant_id, name) where deleted_at is null;
select kernel.govern('programs.location', '{}');

create table programs.instructor (
    tenant_id                 uuid not null,
    id                        uuid not null,
    full_name                 text not null,
    email                     text,
    account_id                uuid,
    -- ORC 3707.511 (C): a permit, or training within the last three years.
    concussion_trained_on     date,
    activity_permit_until     date,
    version                   integer not null default 1,
    created_at                timestamptz not null default now(),
    updated_at                timestamptz not null default now(),
    created_by                uuid default kernel.setting('app.actor_id')::uuid,
    updated_by                uuid,
    deleted_at                timestamptz,
    primary key (tenant_id, id),
    constraint instructor_account_known foreign key (tenant_id, account_id) references kernel.account (tenant_id, id)
);
create index instructor_by_name on programs.instructor (tenant_id, full_name, id) where deleted_at is null;
create index instructor_by_account on programs.instructor (tenant_id, account_id);
select kernel.govern('programs.instructor', '{}');

create table programs.cohort (
    tenant_id  uuid not null,
    id         uuid not null,
    program_id uuid not null,
    name       text not null,
    capacity   integer check (capacity > 0),
    starts_on  date,
    ends_on    date,
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid default kernel.setting('app.actor_id')::uuid,
    updated_by uuid,
    deleted_at timestamptz,
    primary key (tenant_id, id),
    -- A session of a cohort is one of the cohort's programme.
    unique (tenant_id, id, program_id),
    constraint cohort_program_known foreign key (tenant_id, program_id) references programs.program (tenant_id, id),
    constraint cohort_ends_after_start check (ends_on is null or starts_on is null or ends_on >= starts_on)
);
create unique index cohort_name_taken on programs.cohort (tenant_id, program_id, name) where deleted_at is null;
create index cohort_by_name on programs.cohort (tenant_id, name, id) where deleted_at is null;
select kernel.govern('programs.cohort', '{}');
comment on table programs.cohort is 'A group of participants that goes through a programme together.';
reset role;
