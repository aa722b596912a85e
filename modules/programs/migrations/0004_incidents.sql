-- Why: the safety workflows (K-020…K-027). Whoever writes, and whatever the request looked like, an
-- incident opens with its effects, closes only through its gate, and a return to play goes step by step.
-- The rules that answer with what is missing are in policy/ and rules.rs; the triggers here refuse the
-- same transitions when those are bypassed.
set role reeve_owner;

-- Whether a text says anything: the blanks are those of Unicode, as in policy/. What a regular
-- expression takes for one hangs on the database's locale.
create function programs.says(words text) returns boolean language sql immutable parallel safe
    return coalesce(btrim(words, U&'\0009\000A\000B\000C\000D\0020\0085\00A0\1680\2000\2001\2002\2003\2004\2005'
        '\2006\2007\2008\2009\200A\2028\2029\202F\205F\3000') <> '', false);

create table programs.incident (
    tenant_id      uuid not null,
    id             uuid not null,
    incident_type  text not null check (incident_type in (
                       'injury', 'injury_concussion', 'illness', 'behavioral', 'bullying', 'property',
                       'near_miss', 'mandated_report', 'crisis', 'other')),
    participant_id uuid,
    session_id     uuid,
    location_id    uuid,
    severity       text check (severity in ('low', 'moderate', 'high', 'critical')),
    status         text not null check (status in ('open', 'escalated', 'closed')),
    escalated      boolean not null,
    occurred_at    timestamptz not null,
    description    text,
    report_basis   text,
    -- Whose law, as of the event.
    jurisdiction   text not null,
    resolution     text,
    closed_at      timestamptz,
    reopened_at    timestamptz,
    reopen_reason  text,
    version        integer not null default 1,
    created_at     timestamptz not null default now(),
    updated_at     timestamptz not null default now(),
    created_by     uuid default kernel.setting('app.actor_id')::uuid,
    updated_by     uuid,
    primary key (tenant_id, id),
    constraint incident_participant_known
        foreign key (tenant_id, participant_id) references programs.participant (tenant_id, id),
    constraint incident_session_known
        foreign key (tenant_id, session_id) references programs.training_session (tenant_id, id),
    constraint incident_location_known
        foreign key (tenant_id, location_id) references programs.location (tenant_id, id),
    check (incident_type <> 'injury_concussion' or participant_id is not null),
    -- K-022.
    constraint incident_report_has_basis
        check (incident_type <> 'mandated_report' or programs.says(report_basis)),
    check ((status = 'closed') = (closed_at is not null)),
    check (status = 'closed' or (status = 'escalated') = escalated)
);
create index incident_by_time on programs.incident (tenant_id, occurred_at desc, id desc);
create index incident_by_status on programs.incident (tenant_id, status, occurred_at desc, id desc);
create index incident_by_type on programs.incident (tenant_id, incident_type, occurred_at desc, id desc);
create index incident_by_participant on programs.incident (tenant_id, participant_id, occurred_at desc, id desc);
create index incident_by_session on programs.incident (tenant_id, session_id);
create index incident_by_location on programs.incident (tenant_id, location_id);
select kernel.govern('programs.incident', '{description,report_basis,resolution,reopen_reason}');

-- One for each concussion.
create table programs.return_to_play (
    tenant_id            uuid not null,
    id                   uuid not null,
    incident_id          uuid not null,
    participant_id       uuid not null,
    protocol             text not null check (protocol in ('zurich_2012', 'berlin_2016', 'amsterdam_2022')),
    setting              text not null check (setting in ('youth_sports', 'school')),
    stage                integer not null check (stage between 1 and 6),
    entered_at           timestamptz not null,
    symptomatic          boolean not null default false,
    regressed_at         timestamptz,
    -- The calendar day of the removal, in the organisation's time zone.
    removed_on           date not null,
    cleared_at           timestamptz,
    clinician_name       text,
    clinician_profession text,
    licence_number       text,
    licence_state        text,
    physician_relation   text,
    physician_name       text,
    clearance_document   text,
    recorded_clear_at    timestamptz,
    version              integer not null default 1,
    created_at           timestamptz not null default now(),
    updated_at           timestamptz not null default now(),
    created_by           uuid default kernel.setting('app.actor_id')::uuid,
    updated_by           uuid,
    primary key (tenant_id, id),
    unique (tenant_id, incident_id),
    foreign key (tenant_id, incident_id) references programs.incident (tenant_id, id),
    foreign key (tenant_id, participant_id) references programs.participant (tenant_id, id)
);
create index return_to_play_by_participant on programs.return_to_play (tenant_id, participant_id);
select kernel.govern('programs.return_to_play', '{}');

-- What was done and what was said at each step; written by the trigger below, so that no step is without.
create table programs.return_to_play_step (
    tenant_id         uuid not null,
    id                uuid not null default gen_random_uuid(),
    return_to_play_id uuid not null,
    action            text not null check (action in ('open', 'advance', 'regress', 'clear')),
    from_stage        integer,
    to_stage          integer not null,
    taken_at          timestamptz not null,
    note              text,
    version           integer not null default 1,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),
    created_by        uuid default kernel.setting('app.actor_id')::uuid,
    updated_by        uuid,
    primary key (tenant_id, id),
    foreign key (tenant_id, return_to_play_id) references programs.return_to_play (tenant_id, id)
);
create index return_to_play_step_in_order
    on programs.return_to_play_step (tenant_id, return_to_play_id, taken_at, id);
select kernel.govern('programs.return_to_play_step', '{note}');

-- A report to an agency (ORC 2151.421). Who reported is confidential.
create table programs.incident_report (
    tenant_id     uuid not null,
    id            uuid not null,
    incident_id   uuid not null,
    duty          text not null check (duty in ('mandated', 'permissive')),
    agency_type   text not null check (agency_type in ('pcsa', 'peace_officer')),
    agency_name   text not null,
    county        text,
    contact       text,
    channel       text check (channel in ('phone', 'in_person', 'written', 'online')),
    reference_no  text,
    reported_at   timestamptz not null,
    reporter_name text,
    version       integer not null default 1,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    created_by    uuid default kernel.setting('app.actor_id')::uuid,
    updated_by    uuid,
    primary key (tenant_id, id),
    foreign key (tenant_id, incident_id) references programs.incident (tenant_id, id),
    check (programs.says(agency_name))
);
create index incident_report_by_incident on programs.incident_report (tenant_id, incident_id, reported_at);
select kernel.govern('programs.incident_report', '{reporter_name}');

create table programs.escalation (
    tenant_id    uuid not null,
    id           uuid not null default gen_random_uuid(),
    incident_id  uuid not null,
    escalated_at timestamptz not null,
    reason       text not null,
    version      integer not null default 1,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default kernel.setting('app.actor_id')::uuid,
    updated_by   uuid,
    primary key (tenant_id, id),
    foreign key (tenant_id, incident_id) references programs.incident (tenant_id, id)
);
create index escalation_by_incident on programs.escalation (tenant_id, incident_id, escalated_at);
select kernel.govern('programs.escalation', '{reason}');

-- The gate before "closed": what K-021 and K-023 ask, whoever closes.
create function programs.gate_is_open(incident programs.incident) returns boolean language sql stable as $$
    select case incident.incident_type
        when 'injury_concussion' then exists (
            select from programs.return_to_play r
             where r.tenant_id = incident.tenant_id and r.incident_id = incident.id
               and r.cleared_at is not null and programs.says(r.clinician_name))
        when 'mandated_report' then exists (
            select from programs.incident_report r
             where r.tenant_id = incident.tenant_id and r.incident_id = incident.id
               and r.reported_at <= incident.closed_at + interval '1 microsecond'
               and coalesce((select parameters -> 'recipients' ? r.agency_type
                               from kernel.statute(incident.jurisdiction, 'mandated_report',
                                    (incident.occurred_at at time zone programs.time_zone())::date)), true))
        else true
    end $$;

create function programs.guard_incident() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        if new.status = 'closed' or new.reopened_at is not null or new.incident_type = 'crisis' and not new.escalated then
            raise exception 'an incident opens with its workflow' using errcode = 'RV610';
        end if;
        return new;
    end if;
    if (new.incident_type, new.participant_id, new.occurred_at, new.report_basis, new.jurisdiction)
       is distinct from (old.incident_type, old.participant_id, old.occurred_at, old.report_basis, old.jurisdiction)
       or old.escalated and not new.escalated
       or old.status <> 'closed' and new.reopened_at is distinct from old.reopened_at
    then
        raise exception 'what happened is not rewritten' using errcode = 'RV610';
    end if;
    -- The time is the server's and may not lie ahead. Hours, since a day of the session's zone may have 25.
    if old.status = 'closed' then
        -- Closed stays as it is, but for a reopening within thirty days, the last instant among them.
        if (new.status <> 'closed' and new.escalated = old.escalated
            and new.reopened_at between old.closed_at and old.closed_at + interval '720 hours'
            and new.reopened_at <= now() + interval '5 minutes') is not true then
            raise exception 'a closed incident can only be reopened, within thirty days' using errcode = 'RV612';
        end if;
    elsif new.status = 'closed' then
        if (new.escalated = old.escalated and new.closed_at <= now() + interval '5 minutes'
            and programs.gate_is_open(new)) is not true then
            raise exception 'the gate of the incident is closed' using errcode = 'RV611';
        end if;
    end if;
    return new;
end $$;
create trigger guard_incident before insert or update on programs.incident
    for each row execute function programs.guard_incident();

-- K-020 in the same transaction: seen when it commits, since the one row needs the other.
create function programs.require_return_to_play() returns trigger language plpgsql as $$
begin
    if not exists (select from programs.return_to_play
                    where tenant_id = new.tenant_id and incident_id = new.id) then
        raise exception 'a concussion opens return to play' using errcode = 'RV610';
    end if;
    return null;
end $$;
create constraint trigger require_return_to_play after insert on programs.incident
    deferrable initially deferred for each row when (new.incident_type = 'injury_concussion')
    execute function programs.require_return_to_play();

-- Whether a clearance meets what the law demands; where no law is in force, a clinician's name is enough.
-- What is unknown of a demand (a null) does not meet it. A time that comes in JSON is rounded to the
-- microsecond, one in a parameter is cut off, and both may be the same: hence one microsecond.
create function programs.clearance_holds(rtp programs.return_to_play) returns boolean language sql stable as $$
    select programs.says(rtp.clinician_name)
       and rtp.stage >= case rtp.protocol when 'amsterdam_2022' then 3 else 4 end
       and not rtp.symptomatic
       and (rtp.cleared_at at time zone programs.time_zone())::date >= rtp.removed_on
       and (rtp.regressed_at is null or rtp.cleared_at > rtp.regressed_at)
       and rtp.cleared_at <= rtp.recorded_clear_at + interval '1 microsecond'
       and rtp.recorded_clear_at <= now() + interval '5 minutes'
       and not exists (
            select from programs.incident i,
                        kernel.statute(i.jurisdiction, 'concussion', rtp.removed_on) law
             where i.tenant_id = rtp.tenant_id and i.id = rtp.incident_id and law.parameters ->> 'setting' = rtp.setting
               and ((not (law.parameters ->> 'bars_same_day_return')::boolean
                     or (rtp.cleared_at at time zone programs.time_zone())::date > rtp.removed_on)
                and (not (law.parameters ->> 'clearance_by_licensed')::boolean
                     or programs.says(rtp.clinician_profession) and programs.says(rtp.licence_number))
                and (not (law.parameters ->> 'clearance_in_writing')::boolean or programs.says(rtp.clearance_document))
                and (lower(btrim(rtp.clinician_profession) collate "C") = 'physician'
                     or not programs.says(rtp.clinician_profession) or rtp.licence_number is null
                     or jsonb_array_length(law.parameters -> 'with_physician') = 0
                     or law.parameters -> 'with_physician' ? rtp.physician_relation
                        and programs.says(rtp.physician_name))) is not true) $$;

create function programs.guard_return_to_play() returns trigger language plpgsql as $$
declare
    legal boolean;
    same_clearance boolean :=
        (new.cleared_at, new.clinician_name, new.clinician_profession, new.licence_number, new.licence_state,
         new.physician_relation, new.physician_name, new.clearance_document, new.recorded_clear_at)
        is not distinct from
        (old.cleared_at, old.clinician_name, old.clinician_profession, old.licence_number, old.licence_state,
         old.physician_relation, old.physician_name, old.clearance_document, old.recorded_clear_at);
    no_clearance boolean :=
        (new.cleared_at, new.clinician_name, new.clinician_profession, new.licence_number, new.licence_state,
         new.physician_relation, new.physician_name, new.clearance_document, new.recorded_clear_at) is null;
begin
    -- Times are the server's. The database cannot tell how late it is there, only that nothing lies ahead.
    if tg_op = 'INSERT' then
        legal := new.stage = 1 and no_clearance and new.regressed_at is null
            and new.entered_at <= now() + interval '5 minutes'
            and exists (select from programs.incident i
                         where i.tenant_id = new.tenant_id and i.id = new.incident_id
                           and i.incident_type = 'injury_concussion' and i.participant_id = new.participant_id
                           and i.occurred_at <= new.entered_at + interval '1 microsecond'
                           and (i.occurred_at at time zone programs.time_zone())::date = new.removed_on);
    elsif (new.incident_id, new.participant_id, new.protocol, new.setting, new.removed_on)
          is distinct from (old.incident_id, old.participant_id, old.protocol, old.setting, old.removed_on) then
        legal := false;
    elsif new.stage = old.stage + 1 then
        -- On by one, after a day, without symptoms, not on the day of the removal, and into contact
        -- only with a clearance.
        legal := new.entered_at >= old.entered_at + interval '24 hours'
            and new.entered_at <= now() + interval '5 minutes'
            and (new.entered_at at time zone programs.time_zone())::date > new.removed_on
            and not new.symptomatic
            and (new.stage < case new.protocol when 'amsterdam_2022' then 4 else 5 end or new.cleared_at is not null)
            and same_clearance and new.regressed_at is not distinct from old.regressed_at;
    elsif new.cleared_at is not null then
        legal := old.cleared_at is null and new.stage = old.stage and new.entered_at = old.entered_at
            and new.regressed_at is not distinct from old.regressed_at and programs.clearance_holds(new);
    else
        -- Back by one, and the clearance with it; so the incident must be open for a new one. Twice at
        -- the same instant is twice, unless there was a step on in between.
        legal := new.stage = greatest(old.stage - 1, 1) and no_clearance
            and new.regressed_at <= now() + interval '5 minutes'
            and new.entered_at = greatest(old.entered_at, new.regressed_at)
            and (old.regressed_at is null or new.regressed_at > old.regressed_at
                 or new.regressed_at = old.regressed_at and old.regressed_at >= old.entered_at)
            and exists (select from programs.incident
                         where tenant_id = new.tenant_id and id = new.incident_id and status <> 'closed');
    end if;
    if legal is not true then
        raise exception 'not a step of the protocol' using errcode = 'RV613';
    end if;
    return new;
end $$;
create trigger guard_return_to_play before insert or update on programs.return_to_play
    for each row execute function programs.guard_return_to_play();

-- The note of a step comes in a setting of the transaction.
create function programs.record_step() returns trigger language plpgsql as $$
declare
    did text := case when tg_op = 'INSERT' then 'open'
                     when new.stage > old.stage then 'advance'
                     when new.cleared_at is not null and old.cleared_at is null then 'clear'
                     else 'regress' end;
begin
    insert into programs.return_to_play_step (tenant_id, return_to_play_id, action, from_stage, to_stage, taken_at, note)
    values (new.tenant_id, new.id, did, case when tg_op = 'UPDATE' then old.stage end, new.stage,
            case did when 'clear' then new.recorded_clear_at when 'regress' then new.regressed_at else new.entered_at end,
            kernel.setting('app.step_note'));
    return null;
end $$;
create trigger record_step after insert or update on programs.return_to_play
    for each row execute function programs.record_step();
reset role;
