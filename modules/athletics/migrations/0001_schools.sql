-- Why: a school, its teams, its athletes and the adults around them. Who coaches a team and who is whose
-- guardian decides what they see, so a change of it is announced like a change of a role (P7).
set role reeve_owner;
create schema athletics;
select kernel.open_schema('athletics');

-- The tenant as a school (R-020, R-021). Without a row the defaults of the functions below hold.
create table athletics.school (
    tenant_id    uuid not null,
    id           uuid not null check (id = tenant_id),
    external_id  text,
    domain       text,
    -- {"primary_color", "logo_url", "sport_names": {code: name}}
    config       jsonb not null default '{}' check (jsonb_typeof(config) = 'object'),
    jurisdiction text not null default 'us-oh',
    time_zone    text not null default 'America/New_York',
    rtp_protocol text not null default 'amsterdam_2022'
                 check (rtp_protocol in ('zurich_2012', 'berlin_2016', 'amsterdam_2022')),
    version      integer not null default 1,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default kernel.setting('app.actor_id')::uuid,
    updated_by   uuid,
    primary key (tenant_id, id),
    foreign key (tenant_id, id) references kernel.tenant (tenant_id, id)
);
create index school_by_config on athletics.school using gin (tenant_id, config);
select kernel.govern('athletics.school', '{}');

create trigger guard_school before insert or update on athletics.school
    for each row execute function kernel.guard_place();

-- plpgsql, which keeps its plans.
create function athletics.jurisdiction() returns text language plpgsql stable as $$
begin
    return coalesce((select jurisdiction from athletics.school
                      where tenant_id = kernel.tenant() and id = kernel.tenant()), 'us-oh');
end $$;
create function athletics.time_zone() returns text language plpgsql stable as $$
begin
    return coalesce((select time_zone from athletics.school
                      where tenant_id = kernel.tenant() and id = kernel.tenant()), 'America/New_York');
end $$;
create function athletics.today() returns date language sql stable
    return (kernel.now() at time zone athletics.time_zone())::date;

create table athletics.team (
    tenant_id   uuid not null,
    id          uuid not null,
    external_id text,
    name        text not null,
    sport       text not null,
    season      text,
    is_active   boolean not null default true,
    version     integer not null default 1,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    created_by  uuid default kernel.setting('app.actor_id')::uuid,
    updated_by  uuid,
    deleted_at  timestamptz,
    primary key (tenant_id, id)
);
create unique index team_external_id_taken on athletics.team (tenant_id, external_id) where deleted_at is null;
create unique index team_name_taken on athletics.team (tenant_id, lower(name)) where deleted_at is null;
create index team_in_order on athletics.team (tenant_id, name, id);
select kernel.govern('athletics.team', '{}');

create table athletics.athlete (
    tenant_id         uuid not null,
    id                uuid not null,
    external_id       text,
    first_name        text not null,
    last_name         text not null,
    last_name_key     text not null generated always as (lower(last_name)) stored,
    date_of_birth     date not null,
    grade             text,
    sports            text[] not null default '{}',
    -- The worst over the active cases; kept by the trigger of cases (R-024, R-058).
    current_status    text not null default 'cleared' check (current_status in ('cleared', 'restricted', 'out')),
    status_changed_at timestamptz,
    version           integer not null default 1,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),
    created_by        uuid default kernel.setting('app.actor_id')::uuid,
    updated_by        uuid,
    deleted_at        timestamptz,
    primary key (tenant_id, id)
);
create unique index athlete_external_id_taken on athletics.athlete (tenant_id, external_id) where deleted_at is null;
create index athlete_by_name on athletics.athlete (tenant_id, last_name_key, id);
create index athlete_by_status on athletics.athlete (tenant_id, current_status, last_name_key, id);
create index athlete_by_sports on athletics.athlete using gin (tenant_id, sports);
select kernel.govern('athletics.athlete', '{}');

create table athletics.team_member (
    tenant_id  uuid not null,
    id         uuid not null default gen_random_uuid(),
    team_id    uuid not null,
    athlete_id uuid not null,
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid default kernel.setting('app.actor_id')::uuid,
    updated_by uuid,
    deleted_at timestamptz,
    primary key (tenant_id, id),
    constraint team_member_team_known foreign key (tenant_id, team_id) references athletics.team (tenant_id, id),
    foreign key (tenant_id, athlete_id) references athletics.athlete (tenant_id, id)
);
create unique index team_member_once on athletics.team_member (tenant_id, team_id, athlete_id) where deleted_at is null;
create index team_member_by_athlete on athletics.team_member (tenant_id, athlete_id);
select kernel.govern('athletics.team_member', '{}');

create table athletics.team_coach (
    tenant_id  uuid not null,
    id         uuid not null default gen_random_uuid(),
    team_id    uuid not null,
    account_id uuid not null,
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid default kernel.setting('app.actor_id')::uuid,
    updated_by uuid,
    deleted_at timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, team_id) references athletics.team (tenant_id, id),
    constraint team_coach_known foreign key (tenant_id, account_id) references kernel.account (tenant_id, id)
);
create unique index team_coach_once on athletics.team_coach (tenant_id, account_id, team_id) where deleted_at is null;
create index team_coach_by_team on athletics.team_coach (tenant_id, team_id);
select kernel.govern('athletics.team_coach', '{}');

-- A parent or guardian, or the student for themselves; with an account they see what is theirs.
create table athletics.guardian (
    tenant_id      uuid not null,
    id             uuid not null,
    athlete_id     uuid not null,
    account_id     uuid,
    full_name      text not null,
    relation       text not null check (relation in ('parent', 'guardian', 'self', 'other')),
    email          text,
    phone          text,
    is_primary     boolean not null default false,
    -- Why a parent still sees the record of one who has come of age: the student consents, or is a
    -- dependent for tax (34 CFR 99.31(a)(8)); on which day it was recorded.
    kept_basis     text check (kept_basis in ('student_consent', 'tax_dependent')),
    kept_on        date,
    version        integer not null default 1,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    created_by     uuid default kernel.setting('app.actor_id')::uuid,
    updated_by     uuid,
    deleted_at     timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, athlete_id) references athletics.athlete (tenant_id, id),
    constraint guardian_account_known foreign key (tenant_id, account_id) references kernel.account (tenant_id, id),
    check ((kept_basis is null) = (kept_on is null)),
    constraint guardian_self_keeps_nothing check (relation <> 'self' or kept_basis is null)
);
create unique index guardian_account_once on athletics.guardian (tenant_id, account_id, athlete_id)
    where deleted_at is null;
create unique index guardian_self_once on athletics.guardian (tenant_id, account_id)
    where relation = 'self' and deleted_at is null;
create index guardian_by_athlete on athletics.guardian (tenant_id, athlete_id, id);
select kernel.govern('athletics.guardian', '{}');

-- Who is linked as what must be that: a coach's account coaches, a student's is the student's own.
create function athletics.guard_link() returns trigger language plpgsql as $$
declare
    held text := (select role from kernel.account
                   where tenant_id = new.tenant_id and id = new.account_id and deleted_at is null);
    -- Only the table of the trigger has the column: plpgsql looks at neither before it must.
    wanted text := case when tg_table_name = 'team_coach' then 'coach'
                        when to_jsonb(new) ->> 'relation' = 'self' then 'student'
                        else 'parent' end;
begin
    if new.account_id is not null and new.deleted_at is null and held is distinct from wanted then
        raise exception 'the account is no %', wanted using errcode = 'RV704';
    end if;
    return new;
end $$;
create trigger guard_link before insert or update on athletics.team_coach
    for each row execute function athletics.guard_link();
create trigger guard_link before insert or update on athletics.guardian
    for each row execute function athletics.guard_link();

-- What somebody may see has changed: replicas forget them, and their streams end (P7). When they come again
-- they are told of the athletes who have come into their sight.
create function athletics.announce_link() returns trigger language plpgsql as $$
begin
    if tg_table_name = 'team_coach' then
        perform kernel.publish('athletics.roster', m.athlete_id) from athletics.team_member m
          where m.tenant_id = new.tenant_id and m.team_id = (to_jsonb(new) ->> 'team_id')::uuid and m.deleted_at is null;
    else
        perform kernel.publish('athletics.roster', (to_jsonb(new) ->> 'athlete_id')::uuid);
    end if;
    insert into kernel.credential_change (id)
    select distinct id from unnest(array[new.account_id, case when tg_op = 'UPDATE' then old.account_id end]) id
     where id is not null
    on conflict do nothing;
    return null;
end $$;
create trigger announce after insert or update on athletics.team_coach
    for each row execute function athletics.announce_link();
create trigger announce after insert or update on athletics.guardian
    for each row execute function athletics.announce_link();

create function athletics.publish_athlete() returns trigger language plpgsql as $$
begin
    perform kernel.publish('athletics.roster',
        case tg_table_name when 'athlete' then new.id else (to_jsonb(new) ->> 'athlete_id')::uuid end);
    return null;
end $$;
create trigger publish after insert on athletics.athlete
    for each row execute function athletics.publish_athlete();
create trigger publish after insert on athletics.team_member
    for each row execute function athletics.publish_athlete();
reset role;
