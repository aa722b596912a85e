-- Why: an injury from the sideline to its clearance. What was done to a case is its events, which are only
-- ever added; the state of the case follows from them, and the athlete's status from the cases, by
-- triggers, so that it holds for every writer (R-024, C-34). The rules that answer with what is missing
-- are in policy/ and rules.rs; the triggers refuse the same when those are bypassed (P6).
set role reeve_owner;

create table athletics.injury_case (
    tenant_id       uuid not null,
    id              uuid not null,
    external_id     text,
    athlete_id      uuid not null,
    title           text not null,
    body_part       text not null,
    -- 'Left ankle', 'left_ankle' and 'left  ankle' are one.
    body_part_key   text not null generated always as
                    (lower(btrim(regexp_replace(body_part, '[\s_-]+', ' ', 'g')))) stored,
    -- Clinical, and as it was found: it never changes (R-026).
    severity        text not null check (severity in ('mild', 'moderate', 'severe')),
    -- Operational, for the day.
    attention_level text not null check (attention_level in ('urgent', 'warning', 'stable')),
    -- A concussion, or an injury of the head that is treated as one (C-33).
    head_injury     boolean not null,
    -- Whose law, as of the event.
    jurisdiction    text not null,
    primary_at_id   uuid,
    -- From here on it follows from the events.
    status          text not null default 'active' check (status in ('active', 'resolved')),
    availability    text not null check (availability in ('cleared', 'restricted', 'out')),
    opened_at       timestamptz not null,
    resolved_at     timestamptz,
    reopened_at     timestamptz,
    version         integer not null default 1,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    created_by      uuid default kernel.setting('app.actor_id')::uuid,
    updated_by      uuid,
    primary key (tenant_id, id),
    unique (tenant_id, id, athlete_id),
    foreign key (tenant_id, athlete_id) references athletics.athlete (tenant_id, id),
    constraint case_trainer_known foreign key (tenant_id, primary_at_id) references kernel.account (tenant_id, id),
    check ((status = 'resolved') = (resolved_at is not null)),
    check ((status = 'resolved') = (availability = 'cleared')),
    -- However it is written; rules.rs has the same.
    check (head_injury or lower(regexp_replace(body_part, '[^A-Za-z]+', '', 'g')) !~ 'head|concuss|brain|skull|crani')
);
-- R-059.
create unique index case_active_once on athletics.injury_case (tenant_id, athlete_id, body_part_key)
    where status = 'active';
create unique index case_external_id_taken on athletics.injury_case (tenant_id, external_id);
create index case_by_athlete on athletics.injury_case (tenant_id, athlete_id, opened_at desc, id desc);
create index case_by_time on athletics.injury_case (tenant_id, opened_at desc, id desc);
create index case_by_trainer on athletics.injury_case (tenant_id, primary_at_id);
select kernel.govern('athletics.injury_case', '{title,body_part,body_part_key}');

create table athletics.event (
    tenant_id         uuid not null,
    id                uuid not null,
    case_id           uuid not null,
    athlete_id        uuid not null,
    kind              text not null check (kind in (
                          'sideline_entry', 'note', 'evaluation', 'restriction_added', 'restriction_lifted',
                          'clearance_granted', 'reopened', 'correction', 'milestone_reached', 'milestone_moved',
                          'rtp_advanced', 'rtp_regressed', 'rtp_cleared')),
    -- When it happened, which a phone without a network tells later.
    occurred_at       timestamptz not null,
    -- Who else may see it (R-031).
    visibility        text[] not null default '{at}'
                      check (visibility @> '{at}' and visibility <@ '{at,coach,parent}'),
    note              text,
    -- What the athlete may not do, and until which day, that one included.
    restriction       text,
    restriction_until date,
    -- The restriction that is lifted; the event that is corrected.
    lifts             uuid,
    corrects          uuid,
    body_part         text,
    mechanism         text,
    severity          text check (severity in ('mild', 'moderate', 'severe')),
    removed_from_play boolean,
    -- Where it leaves the athlete, when it says so.
    availability      text check (availability in ('cleared', 'restricted', 'out')),
    -- The phone's own name of an entry, so that it is taken once.
    client_id         text,
    version           integer not null default 1,
    -- By the clock that an inspection's review is dated by.
    created_at        timestamptz not null default kernel.now(),
    updated_at        timestamptz not null default now(),
    created_by        uuid default kernel.setting('app.actor_id')::uuid,
    updated_by        uuid,
    primary key (tenant_id, id),
    unique (tenant_id, case_id, id),
    foreign key (tenant_id, case_id, athlete_id) references athletics.injury_case (tenant_id, id, athlete_id),
    constraint event_lifts_known foreign key (tenant_id, case_id, lifts) references athletics.event (tenant_id, case_id, id),
    constraint event_corrects_known foreign key (tenant_id, case_id, corrects)
        references athletics.event (tenant_id, case_id, id),
    check ((kind = 'restriction_added') = (restriction is not null)),
    check (restriction is not null or restriction_until is null),
    check ((kind = 'restriction_lifted') = (lifts is not null)),
    check ((kind = 'correction') = (corrects is not null)),
    check (kind <> 'sideline_entry' or severity is not null and body_part is not null),
    check (case kind when 'clearance_granted' then availability = 'cleared'
                     when 'evaluation' then availability is distinct from 'cleared'
                     when 'sideline_entry' then availability in ('restricted', 'out')
                     when 'restriction_added' then availability in ('restricted', 'out')
                     when 'reopened' then availability in ('restricted', 'out')
                     else availability is null end)
);
create unique index event_client_id_taken on athletics.event (tenant_id, client_id);
create unique index event_lifts_once on athletics.event (tenant_id, case_id, lifts) where lifts is not null;
create index event_in_order on athletics.event (tenant_id, case_id, occurred_at desc, id desc);
create index event_by_athlete on athletics.event (tenant_id, athlete_id, occurred_at desc, id desc);
create index event_by_time on athletics.event (tenant_id, occurred_at desc, id desc);
create index event_by_correction on athletics.event (tenant_id, case_id, corrects);
create index event_by_visibility on athletics.event using gin (tenant_id, visibility);
select kernel.govern('athletics.event', '{note,restriction,body_part,mechanism}');
-- What happened is not edited: a correction is a new event.
revoke update on athletics.event from reeve_app;

-- The trainer's words (R-032, R-049 to R-051), apart from the event, so that no row of an event has them to
-- lose. The server's login sees them in a transaction of a permission that is the trainer's alone.
create table athletics.clinical_note (
    tenant_id  uuid not null,
    id         uuid not null,
    words      text not null,
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid default kernel.setting('app.actor_id')::uuid,
    updated_by uuid,
    primary key (tenant_id, id),
    foreign key (tenant_id, id) references athletics.event (tenant_id, id)
);
select kernel.govern('athletics.clinical_note', '{words}');
revoke update on athletics.clinical_note from reeve_app;
create policy trainer on athletics.clinical_note as restrictive for select to reeve_app
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
           and current_setting('app.permission', true) in ('clinical_note:read', 'event:write'));

-- Return to play of a head injury: the kernel's engine.
create table athletics.return_to_play (
    tenant_id            uuid not null,
    id                   uuid not null,
    case_id              uuid not null,
    athlete_id           uuid not null,
    protocol             text not null check (protocol in ('zurich_2012', 'berlin_2016', 'amsterdam_2022')),
    setting              text not null default 'school' check (setting = 'school'),
    stage                integer not null check (stage between 1 and 6),
    entered_at           timestamptz not null,
    symptomatic          boolean not null default false,
    regressed_at         timestamptz,
    -- The calendar day of the removal, in the school's time zone.
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
    unique (tenant_id, case_id),
    foreign key (tenant_id, case_id, athlete_id) references athletics.injury_case (tenant_id, id, athlete_id)
);
create index return_to_play_by_athlete on athletics.return_to_play (tenant_id, athlete_id);
select kernel.govern('athletics.return_to_play', '{}');

create table athletics.return_to_play_step (
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
    foreign key (tenant_id, return_to_play_id) references athletics.return_to_play (tenant_id, id)
);
create index return_to_play_step_in_order
    on athletics.return_to_play_step (tenant_id, return_to_play_id, taken_at, id);
select kernel.govern('athletics.return_to_play_step', '{note}');

-- Where a case is to go (R-029). A target may move and be reached, both of which are events.
create table athletics.milestone (
    tenant_id  uuid not null,
    id         uuid not null,
    case_id    uuid not null,
    title      text not null,
    phase      text not null check (phase in ('acute', 'recovery', 'strengthening', 'sport_specific', 'return')),
    position   integer not null,
    -- The stage of the return to play that it stands for.
    rtp_stage  integer check (rtp_stage between 1 and 6),
    target_on  date,
    reached_on date,
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid default kernel.setting('app.actor_id')::uuid,
    updated_by uuid,
    primary key (tenant_id, id),
    unique (tenant_id, case_id, rtp_stage),
    foreign key (tenant_id, case_id) references athletics.injury_case (tenant_id, id)
);
create index milestone_in_order on athletics.milestone (tenant_id, case_id, position, id);
select kernel.govern('athletics.milestone', '{title}');
reset role;
