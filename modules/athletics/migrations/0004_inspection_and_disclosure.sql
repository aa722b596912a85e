-- Why: FERPA. A parent, or the student who has come of age, may inspect the education record (34 CFR 99.10):
-- the live view keeps the trainer's words from them (R-051), an inspection that was reviewed shows what the
-- law gives. And each disclosure is on record, for them to read (34 CFR 99.32).
set role reeve_owner;

create table athletics.inspection (
    tenant_id    uuid not null,
    id           uuid not null,
    athlete_id   uuid not null,
    -- The account of the parent or student who asks.
    requested_by uuid not null,
    requested_at timestamptz not null,
    -- The last day, in the school's calendar, by which it must be answered.
    due_on       date not null,
    reason       text,
    status       text not null default 'requested' check (status in ('requested', 'released', 'refused')),
    reviewed_by  uuid,
    reviewed_at  timestamptz,
    review_note  text,
    version      integer not null default 1,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default kernel.setting('app.actor_id')::uuid,
    updated_by   uuid,
    primary key (tenant_id, id),
    foreign key (tenant_id, athlete_id) references athletics.athlete (tenant_id, id),
    constraint inspection_asked_by_a_person foreign key (tenant_id, requested_by) references kernel.account (tenant_id, id),
    check ((status in ('released', 'refused')) = (reviewed_at is not null)),
    check (status <> 'refused' or kernel.says(review_note))
);
create index inspection_by_due on athletics.inspection (tenant_id, status, due_on, id);
create index inspection_in_order on athletics.inspection (tenant_id, due_on, id);
create index inspection_by_athlete on athletics.inspection (tenant_id, athlete_id, id);
create index inspection_by_requester on athletics.inspection (tenant_id, requested_by, id);
select kernel.govern('athletics.inspection', '{reason,review_note}');

-- What the review keeps back, and why: notes in sole possession, words about another student.
create table athletics.withheld_event (
    tenant_id     uuid not null,
    id            uuid not null default gen_random_uuid(),
    inspection_id uuid not null,
    event_id      uuid not null,
    reason        text not null,
    version       integer not null default 1,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    created_by    uuid default kernel.setting('app.actor_id')::uuid,
    updated_by    uuid,
    primary key (tenant_id, id),
    unique (tenant_id, inspection_id, event_id),
    foreign key (tenant_id, inspection_id) references athletics.inspection (tenant_id, id),
    foreign key (tenant_id, event_id) references athletics.event (tenant_id, id),
    check (kernel.says(reason))
);
create index withheld_event_by_event on athletics.withheld_event (tenant_id, event_id);
select kernel.govern('athletics.withheld_event', '{reason}');

-- 34 CFR 99.32(a): to whom a record was disclosed, and with which interest.
create table athletics.disclosure (
    tenant_id    uuid not null,
    id           uuid not null,
    athlete_id   uuid not null,
    disclosed_at timestamptz not null,
    recipient    text not null,
    -- The legitimate interest of the recipient.
    interest     text not null,
    basis        text not null check (basis in ('consent', 'health_or_safety_emergency', 'other_school', 'judicial_order',
                                                'audit', 'inspection', 'other')),
    -- What of the record.
    what         text not null,
    -- 34 CFR 99.32(a)(5): the threat that an emergency was.
    threat       text,
    inspection_id uuid,
    version      integer not null default 1,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default kernel.setting('app.actor_id')::uuid,
    updated_by   uuid,
    primary key (tenant_id, id),
    unique (tenant_id, inspection_id),
    foreign key (tenant_id, athlete_id) references athletics.athlete (tenant_id, id),
    foreign key (tenant_id, inspection_id) references athletics.inspection (tenant_id, id),
    check (basis <> 'health_or_safety_emergency' or kernel.says(threat)),
    check ((basis = 'inspection') = (inspection_id is not null))
);
create index disclosure_by_athlete on athletics.disclosure (tenant_id, athlete_id, disclosed_at desc, id desc);
select kernel.govern('athletics.disclosure', '{what,threat}');
-- The log is kept as long as the record (34 CFR 99.32(a)(2)) and not rewritten.
revoke update on athletics.disclosure from reeve_app;

-- The law of education records that holds today: from which age on a student holds the rights (34 CFR 99.5),
-- and within how many days a record is to be shown (34 CFR 99.10).
create function athletics.education_law() returns jsonb language sql stable as $$
    select parameters from kernel.statute(athletics.jurisdiction(), 'education_records', athletics.today()) $$;

-- Who holds the rights in an athlete's record now: a guardian of a minor, the student who has come of age,
-- and the guardian whom the student's consent or tax keeps.
create function athletics.holds_rights(p_account uuid, p_athlete uuid) returns boolean language sql stable as $$
    select exists (
        select from athletics.guardian g
          join athletics.athlete a on a.tenant_id = g.tenant_id and a.id = g.athlete_id
         where g.tenant_id = kernel.tenant() and g.account_id = p_account and g.athlete_id = p_athlete
           and g.deleted_at is null
           and case when kernel.age_on(a.date_of_birth, athletics.today())
                         >= (athletics.education_law() ->> 'rights_pass_at')::integer
                    then g.relation = 'self' or g.kept_basis = 'tax_dependent'
                         -- A student who is not of age cannot consent for the time after.
                         or g.kept_basis = 'student_consent' and kernel.age_on(a.date_of_birth, g.kept_on)
                            >= (athletics.education_law() ->> 'rights_pass_at')::integer
                    else g.relation <> 'self' end) $$;

create function athletics.guard_inspection() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        if (new.status = 'requested' and athletics.holds_rights(new.requested_by, new.athlete_id)
            and new.due_on = (new.requested_at at time zone athletics.time_zone())::date
                             + (athletics.education_law() ->> 'inspection_days')::integer) is not true then
            raise exception 'who asks holds no rights in this record' using errcode = 'RV720';
        end if;
        return new;
    end if;
    if (new.athlete_id, new.requested_by, new.requested_at, new.due_on, new.reason)
       is distinct from (old.athlete_id, old.requested_by, old.requested_at, old.due_on, old.reason)
       or old.status <> 'requested' then
        raise exception 'a request is answered once' using errcode = 'RV721';
    end if;
    if new.status = 'released' and not athletics.holds_rights(new.requested_by, new.athlete_id) then
        raise exception 'the rights have passed on since' using errcode = 'RV722';
    end if;
    return new;
end $$;
create trigger guard_inspection before insert or update on athletics.inspection
    for each row execute function athletics.guard_inspection();

create function athletics.log_inspection() returns trigger language plpgsql as $$
begin
    insert into athletics.disclosure (tenant_id, id, athlete_id, disclosed_at, recipient, interest, basis, what, inspection_id)
    select new.tenant_id, gen_random_uuid(), new.athlete_id, new.reviewed_at, a.full_name,
           'the right to inspect (34 CFR 99.10)', 'inspection', 'cases and events up to the review, but for what was withheld',
           new.id
      from kernel.account a where a.tenant_id = new.tenant_id and a.id = new.requested_by;
    return null;
end $$;
create trigger log_inspection after update on athletics.inspection for each row
    when (new.status = 'released' and old.status <> 'released') execute function athletics.log_inspection();
reset role;
