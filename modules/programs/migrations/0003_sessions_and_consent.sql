-- Why: no attendance without consent (K-056) and no session beyond what a minor may consent to alone
-- (ORC 5122.04, K-047). The rules that answer with reasons are in rules.rs and policy/; the triggers
-- here refuse the same when those are bypassed.
set role reeve_owner;

create table programs.training_session (
    tenant_id     uuid not null,
    id            uuid not null,
    program_id    uuid not null,
    cohort_id     uuid,
    location_id   uuid,
    instructor_id uuid,
    starts_at     timestamptz not null,
    ends_at       timestamptz,
    topic         text,
    notes         text,
    version       integer not null default 1,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    created_by    uuid default kernel.setting('app.actor_id')::uuid,
    updated_by    uuid,
    primary key (tenant_id, id),
    constraint session_program_known foreign key (tenant_id, program_id) references programs.program (tenant_id, id),
    -- Or a programme with fewer purposes would lend them to a cohort of another.
    constraint session_cohort_known foreign key (tenant_id, cohort_id, program_id)
        references programs.cohort (tenant_id, id, program_id),
    constraint session_location_known foreign key (tenant_id, location_id) references programs.location (tenant_id, id),
    constraint session_instructor_known
        foreign key (tenant_id, instructor_id) references programs.instructor (tenant_id, id),
    constraint session_ends_after_start check (ends_at is null or ends_at > starts_at)
);
create index session_by_start on programs.training_session (tenant_id, starts_at, id);
create index session_by_cohort on programs.training_session (tenant_id, cohort_id, starts_at, id);
create index session_by_program on programs.training_session (tenant_id, program_id, starts_at, id);
create index session_by_location on programs.training_session (tenant_id, location_id);
create index session_by_instructor on programs.training_session (tenant_id, instructor_id);
select kernel.govern('programs.training_session', '{notes}');

-- A consent is kept by the kernel for the modules; here it is a participant's.
create function programs.guard_consent_subject() returns trigger language plpgsql as $$
begin
    if not exists (select from programs.participant
                    where tenant_id = new.tenant_id and id = new.subject_id and deleted_at is null) then
        raise exception 'there is no such participant' using errcode = 'RV606';
    end if;
    return new;
end $$;
create trigger guard_consent_subject before insert on kernel.consent for each row
    when (new.subject_kind = 'programs.participant') execute function programs.guard_consent_subject();

-- A session that was held under a minor's own consent: what is spent of its budget.
create table programs.consent_session (
    tenant_id  uuid not null,
    id         uuid not null,
    consent_id uuid not null,
    held_at    timestamptz not null,
    -- The day in the organisation's time zone.
    held_on    date not null,
    session_id uuid,
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid default kernel.setting('app.actor_id')::uuid,
    updated_by uuid,
    primary key (tenant_id, id),
    constraint consent_session_consent_known
        foreign key (tenant_id, consent_id) references kernel.consent (tenant_id, id),
    constraint consent_session_session_known
        foreign key (tenant_id, session_id) references programs.training_session (tenant_id, id),
    constraint consent_session_once unique (tenant_id, consent_id, session_id)
);
create index consent_session_by_session on programs.consent_session (tenant_id, session_id);
select kernel.govern('programs.consent_session', '{}');

-- The age in whole years on a day; born on 29 February, one comes of age on 1 March.
create function programs.age_on(born date, on_day date) returns integer language sql immutable as $$
    select extract(year from age(on_day, born))::integer $$;

-- The budget is the minor's: another form does not refill it. So two who record at once take turns at the
-- participant's row, and at the consent's with whoever revokes it.
create function programs.guard_consent_session() returns trigger language plpgsql as $$
declare
    consent kernel.consent;
    law jsonb;
    born date;
    held record;
begin
    if tg_op = 'UPDATE' then
        raise exception 'a session that was held stays recorded' using errcode = 'RV607';
    end if;
    select * into consent from kernel.consent
     where tenant_id = new.tenant_id and id = new.consent_id for update;
    select date_of_birth into born from programs.participant
     where tenant_id = new.tenant_id and id = consent.subject_id and deleted_at is null for update;
    select parameters into law from kernel.statute(programs.jurisdiction(), 'minor_consent', new.held_on);
    select count(*) as sessions, least(min(held_on), new.held_on) as first, greatest(max(held_on), new.held_on) as last
      into held from programs.consent_session s
      join kernel.consent c on c.tenant_id = s.tenant_id and c.id = s.consent_id
     where s.tenant_id = new.tenant_id and c.subject_kind = consent.subject_kind
       and c.subject_id = consent.subject_id and c.purpose = consent.purpose;
    if law ->> 'clock_starts' = 'consent' then
        held.first := (consent.granted_at at time zone programs.time_zone())::date;
    end if;
    if (consent.basis = 'orc_5122_04' and consent.grantor = 'self'
        and consent.granted_at <= new.held_at
        and (consent.revoked_at is null or consent.revoked_at > new.held_at)
        and (consent.expires_at is null or consent.expires_at > new.held_at)
        and law is not null
        and law -> 'purposes' ? consent.purpose
        and programs.age_on(born, new.held_on) >= (law ->> 'minimum_age')::integer
        and programs.age_on(born, (consent.granted_at at time zone programs.time_zone())::date)
            >= (law ->> 'minimum_age')::integer
        and programs.age_on(born, new.held_on) < kernel.age_of_majority(programs.jurisdiction())
        and new.held_on = (new.held_at at time zone programs.time_zone())::date
        and held.sessions < (law ->> 'sessions')::integer
        and held.last <= held.first + (law ->> 'days')::integer
                         - case when (law ->> 'first_day_counts')::boolean then 1 else 0 end) is not true
    then
        raise exception 'the consent does not cover this session' using errcode = 'RV608';
    end if;
    return new;
end $$;
-- A consent ends after every session that was held under it.
create function programs.guard_consent_end() returns trigger language plpgsql as $$
begin
    if exists (select from programs.consent_session
                where tenant_id = new.tenant_id and consent_id = new.id and held_at >= new.revoked_at) then
        raise exception 'a session was held later than this' using errcode = 'RV608';
    end if;
    return new;
end $$;
create trigger guard_consent_end before update on kernel.consent for each row
    when (new.subject_kind = 'programs.participant' and new.revoked_at is distinct from old.revoked_at)
    execute function programs.guard_consent_end();
create trigger guard_consent_session before insert or update on programs.consent_session
    for each row execute function programs.guard_consent_session();

-- ORC 5122.04 (A): a guardian hears of it with the minor's consent, or for a compelling need after the
-- minor was told.
create table programs.guardian_disclosure (
    tenant_id         uuid not null,
    id                uuid not null,
    consent_id        uuid not null,
    ground            text not null check (ground in ('minor_agreement', 'compelling_need')),
    reason            text,
    minor_informed_at timestamptz not null,
    version           integer not null default 1,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),
    created_by        uuid default kernel.setting('app.actor_id')::uuid,
    updated_by        uuid,
    primary key (tenant_id, id),
    constraint disclosure_consent_known
        foreign key (tenant_id, consent_id) references kernel.consent (tenant_id, id),
    constraint disclosure_says_why check (ground <> 'compelling_need' or reason is not null)
);
create index disclosure_by_consent on programs.guardian_disclosure (tenant_id, consent_id);
select kernel.govern('programs.guardian_disclosure', '{reason}');

-- What a guardian may see of the consents: a minor's own is not there, unless it was disclosed.
create view programs.consent_for_guardian with (security_invoker = true) as
    select c.tenant_id, c.id from kernel.consent c
     where c.subject_kind = 'programs.participant'
       and (c.basis <> 'orc_5122_04'
            or exists (select from programs.guardian_disclosure d
                        where d.tenant_id = c.tenant_id and d.consent_id = c.id));
grant select on programs.consent_for_guardian to reeve_app;

create table programs.attendance (
    tenant_id      uuid not null,
    id             uuid not null,
    session_id     uuid not null,
    participant_id uuid not null,
    status         text not null check (status in ('present', 'late', 'absent', 'excused')),
    note           text,
    version        integer not null default 1,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    created_by     uuid default kernel.setting('app.actor_id')::uuid,
    updated_by     uuid,
    primary key (tenant_id, id),
    foreign key (tenant_id, session_id) references programs.training_session (tenant_id, id),
    foreign key (tenant_id, participant_id) references programs.participant (tenant_id, id),
    unique (tenant_id, session_id, participant_id)
);
create index attendance_by_participant on programs.attendance (tenant_id, participant_id, session_id);
select kernel.govern('programs.attendance', '{note}');

-- Whether a consent covers a participant for a purpose at a session. A minor's own does when the
-- session is among those recorded under it.
create function programs.consented(participant uuid, for_purpose text, session uuid, at timestamptz)
returns boolean language sql stable as $$
    select exists (
        select from kernel.consent c join programs.participant p on p.tenant_id = c.tenant_id and p.id = c.subject_id
         where c.tenant_id = kernel.tenant() and c.subject_kind = 'programs.participant'
           and c.subject_id = participant and c.purpose = for_purpose and p.deleted_at is null
           and c.granted_at <= at
           and (c.expires_at is null or c.expires_at > at) and (c.revoked_at is null or c.revoked_at > at)
           and case c.basis
                when 'guardian' then c.grantor = 'guardian'
                    or c.grantor = 'parent'
                       and programs.age_on(p.date_of_birth, (at at time zone programs.time_zone())::date)
                           < kernel.age_of_majority(programs.jurisdiction())
                when 'own' then c.grantor = 'self'
                    and programs.age_on(p.date_of_birth, (c.granted_at at time zone programs.time_zone())::date)
                        >= kernel.age_of_majority(programs.jurisdiction())
                when 'orc_5122_04' then exists (
                    select from programs.consent_session s
                     where s.tenant_id = c.tenant_id and s.consent_id = c.id and s.session_id = session)
                else false
               end) $$;

create function programs.guard_attendance() returns trigger language plpgsql as $$
declare
    held record;
begin
    if tg_op = 'UPDATE' and (new.session_id, new.participant_id) is distinct from (old.session_id, old.participant_id) then
        raise exception 'attendance stays with its session and person' using errcode = 'RV609';
    end if;
    if new.status not in ('present', 'late') then return new; end if;
    select s.starts_at, p.consent_purposes as purposes into held
      from programs.training_session s join programs.program p on p.tenant_id = s.tenant_id and p.id = s.program_id
     where s.tenant_id = new.tenant_id and s.id = new.session_id;
    if exists (select from unnest(held.purposes) purpose
                where not programs.consented(new.participant_id, purpose, new.session_id, held.starts_at)) then
        raise exception 'the participant''s consent gate is closed' using errcode = 'RV609';
    end if;
    return new;
end $$;
create trigger guard_attendance before insert or update on programs.attendance
    for each row execute function programs.guard_attendance();
reset role;
