-- Why: see 0002. Every writer of a case locks its athlete first, so that no two wait for each other.
set role reeve_owner;

create function athletics.worse(a text, b text) returns text language sql immutable parallel safe
    return case when 'out' in (a, b) then 'out' when 'restricted' in (a, b) then 'restricted' else 'cleared' end;

-- The least that a return to play asks: out of everything until non-contact training (stage 4).
create function athletics.rtp_floor(stage integer) returns text language sql immutable parallel safe
    return case when stage <= 3 then 'out' when stage <= 6 then 'restricted' else 'cleared' end;

-- The state of a case by what is known of it: the latest event that says where it leaves the athlete decides,
-- whenever it arrived (S12).
create function athletics.case_state(
    p_case uuid, out status text, out availability text, out opened_at timestamptz,
    out resolved_at timestamptz, out reopened_at timestamptz)
language plpgsql stable as $$
declare
    latest athletics.event;
    r athletics.return_to_play;
begin
    select e.* into latest from athletics.event e
     where e.tenant_id = kernel.tenant() and e.case_id = p_case and e.availability is not null
     order by e.occurred_at desc, e.id desc limit 1;
    select t.* into r from athletics.return_to_play t where t.tenant_id = kernel.tenant() and t.case_id = p_case;
    if latest.kind = 'clearance_granted' then
        status := 'resolved';
        availability := 'cleared';
        resolved_at := latest.occurred_at;
    else
        status := 'active';
        -- A stage says more than what was seen before it began.
        availability := case when r.stage is null then latest.availability
                             when r.stage > 1 and latest.occurred_at < r.entered_at then athletics.rtp_floor(r.stage)
                             else athletics.worse(latest.availability, athletics.rtp_floor(r.stage)) end;
    end if;
    select min(e.occurred_at), max(e.occurred_at) filter (where e.kind = 'reopened') into opened_at, reopened_at
      from athletics.event e
     where e.tenant_id = kernel.tenant() and e.case_id = p_case and e.availability is not null;
end $$;

-- plpgsql, which keeps its plans: SQL's own functions would be planned anew at each entry.
create function athletics.refresh_case(p_case uuid) returns void language plpgsql as $$
begin
    update athletics.injury_case c
       set status = s.status, availability = s.availability, opened_at = s.opened_at, resolved_at = s.resolved_at,
           reopened_at = s.reopened_at
      from athletics.case_state(p_case) s
     where c.tenant_id = kernel.tenant() and c.id = p_case
       and (c.status, c.availability, c.opened_at, c.resolved_at, c.reopened_at)
           is distinct from (s.status, s.availability, s.opened_at, s.resolved_at, s.reopened_at);
end $$;

-- The gate before a head injury's clearance (C-33): a clearance that meets the law is on record, and the
-- return to play has come to its last stage.
create function athletics.gate_is_open(p_case uuid) returns boolean language sql stable as $$
    select not c.head_injury or exists (
        select from athletics.return_to_play r
         where r.tenant_id = c.tenant_id and r.case_id = c.id and r.cleared_at is not null
           and kernel.says(r.clinician_name) and not r.symptomatic and r.stage = 6
           -- A clearance speaks of the blow before it, and of no later one.
           and not exists (select from athletics.event e
                            where e.tenant_id = c.tenant_id and e.case_id = c.id
                              and e.kind in ('sideline_entry', 'reopened') and e.occurred_at >= r.cleared_at))
      from athletics.injury_case c where c.tenant_id = kernel.tenant() and c.id = p_case $$;

create function athletics.guard_event() returns trigger language plpgsql as $$
declare
    c athletics.injury_case;
begin
    perform from athletics.athlete where tenant_id = new.tenant_id and id = new.athlete_id for no key update;
    select * into c from athletics.injury_case where tenant_id = new.tenant_id and id = new.case_id;
    -- Who waited for the athlete's lock while a record was reviewed is not part of what was reviewed.
    new.created_at := greatest(new.created_at, (
        select max(i.reviewed_at) + interval '1 microsecond' from athletics.inspection i
         where i.tenant_id = new.tenant_id and i.athlete_id = new.athlete_id));
    -- A phone's clock may be a little ahead.
    if new.occurred_at > kernel.now() + interval '5 minutes' then
        raise exception 'nothing happens later than now' using errcode = 'RV710';
    end if;
    if new.kind = 'reopened' then
        -- R-028: within thirty days, the last instant among them.
        if (c.status = 'resolved'
            and new.occurred_at between c.resolved_at and c.resolved_at + interval '720 hours') is not true then
            raise exception 'not to be reopened' using errcode = 'RV711';
        end if;
    elsif c.status = 'resolved' and (new.availability is not null or new.kind like 'rtp%' or new.kind like 'restriction%')
          and not (new.kind = 'sideline_entry' and new.occurred_at < c.resolved_at) then
        raise exception 'the case is resolved' using errcode = 'RV712';
    end if;
    if new.kind = 'clearance_granted' then
        -- A step of the return to play among them: nobody is cleared on the day of the removal by dating it back.
        if exists (select from athletics.event e
                    where e.tenant_id = new.tenant_id and e.case_id = new.case_id
                      and (e.availability is not null or e.kind like 'rtp%') and e.occurred_at > new.occurred_at) then
            raise exception 'something happened after this clearance' using errcode = 'RV713';
        end if;
        if athletics.gate_is_open(new.case_id) is not true then
            raise exception 'the gate of the clearance is closed' using errcode = 'RV714';
        end if;
    end if;
    if new.kind = 'restriction_lifted' and not exists (
        select from athletics.event e where e.tenant_id = new.tenant_id and e.case_id = new.case_id and e.id = new.lifts
           and e.kind = 'restriction_added') then
        raise exception 'that is no restriction' using errcode = 'RV715';
    end if;
    return new;
end $$;
create trigger guard_event before insert on athletics.event
    for each row execute function athletics.guard_event();

create function athletics.apply_event() returns trigger language plpgsql as $$
begin
    perform athletics.refresh_case(new.case_id);
    if new.kind in ('restriction_added', 'restriction_lifted') then
        perform kernel.publish('athletics.roster', new.athlete_id);
    end if;
    return null;
end $$;
create trigger apply_event after insert on athletics.event
    for each row execute function athletics.apply_event();

create function athletics.guard_case() returns trigger language plpgsql as $$
declare s record;
begin
    if new.primary_at_id is not null and (tg_op = 'INSERT' or new.primary_at_id is distinct from old.primary_at_id)
       and not exists (select from kernel.account a where a.tenant_id = new.tenant_id and a.id = new.primary_at_id
                          and a.role = 'athletic_trainer' and a.deleted_at is null) then
        raise exception 'the account is no trainer' using errcode = 'RV704';
    end if;
    if tg_op = 'INSERT' then
        if new.status <> 'active' or new.reopened_at is not null then
            raise exception 'a case opens active' using errcode = 'RV716';
        end if;
        return new;
    end if;
    if (new.athlete_id, new.body_part, new.severity, new.head_injury, new.jurisdiction)
       is distinct from (old.athlete_id, old.body_part, old.severity, old.head_injury, old.jurisdiction) then
        raise exception 'what was found is not rewritten' using errcode = 'RV716';
    end if;
    if (new.status, new.availability, new.opened_at, new.resolved_at, new.reopened_at)
       is distinct from (old.status, old.availability, old.opened_at, old.resolved_at, old.reopened_at) then
        select * into s from athletics.case_state(new.id);
        if (new.status, new.availability, new.opened_at, new.resolved_at, new.reopened_at)
           is distinct from (s.status, s.availability, s.opened_at, s.resolved_at, s.reopened_at) then
            raise exception 'the state of a case follows from its events' using errcode = 'RV716';
        end if;
    end if;
    return new;
end $$;
create trigger guard_case before insert or update on athletics.injury_case
    for each row execute function athletics.guard_case();

-- R-058: the worst over the active cases, so that clearing one never clears another.
create function athletics.status_of(p_athlete uuid) returns text language plpgsql stable as $$
begin
    return (select case when bool_or(availability = 'out') then 'out'
                        when bool_or(availability = 'restricted') then 'restricted' else 'cleared' end
              from athletics.injury_case
             where tenant_id = kernel.tenant() and athlete_id = p_athlete and status = 'active');
end $$;

create function athletics.apply_case() returns trigger language plpgsql as $$
begin
    -- The lock first, and then a look: two cases of one athlete may change at once.
    perform from athletics.athlete where tenant_id = new.tenant_id and id = new.athlete_id for no key update;
    update athletics.athlete a set current_status = s.status, status_changed_at = kernel.now()
      from athletics.status_of(new.athlete_id) s (status)
     where a.tenant_id = new.tenant_id and a.id = new.athlete_id and a.current_status <> s.status;
    if found then
        perform kernel.publish('athletics.roster', new.athlete_id);
    end if;
    return null;
end $$;
create trigger apply_case after insert or update of status, availability on athletics.injury_case
    for each row execute function athletics.apply_case();

create function athletics.guard_athlete() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' and new.current_status <> 'cleared'
       or tg_op = 'UPDATE' and new.current_status <> old.current_status
          and new.current_status <> athletics.status_of(new.id) then
        raise exception 'the status of an athlete follows from the cases' using errcode = 'RV717';
    end if;
    -- 34 CFR 99.5 hangs on it, and nobody is born tomorrow.
    if (tg_op = 'INSERT' or new.date_of_birth <> old.date_of_birth) and new.date_of_birth > athletics.today() then
        raise exception 'a date of birth has come' using errcode = 'RV718';
    end if;
    return new;
end $$;
create trigger guard_athlete before insert or update on athletics.athlete
    for each row execute function athletics.guard_athlete();

-- No case without the event that opened it, no head injury without its return to play.
create function athletics.require_opening() returns trigger language plpgsql as $$
begin
    if not exists (select from athletics.event where tenant_id = new.tenant_id and case_id = new.id
                      and kind = 'sideline_entry')
       or new.head_injury and not exists (select from athletics.return_to_play
                                           where tenant_id = new.tenant_id and case_id = new.id) then
        raise exception 'a case opens with its first event, a head injury with its return to play'
            using errcode = 'RV716';
    end if;
    return null;
end $$;
create constraint trigger require_opening after insert on athletics.injury_case
    deferrable initially deferred for each row execute function athletics.require_opening();

-- What the kernel's guard asks of a case, and its triggers.
create function athletics.removal(p_tenant uuid, p_case uuid) returns kernel.removal language sql stable as $$
    select c.athlete_id, c.jurisdiction, athletics.time_zone(), c.head_injury, c.status = 'active', c.opened_at
      from athletics.injury_case c where c.tenant_id = p_tenant and c.id = p_case $$;
create trigger guard_return_to_play before insert or update on athletics.return_to_play
    for each row execute function kernel.guard_return_to_play('case_id', 'athlete_id', 'athletics.removal');
create trigger record_step after insert or update on athletics.return_to_play
    for each row execute function kernel.record_return_to_play_step();

-- A step is an event as well, and the bar of phases moves with it.
create function athletics.apply_step() returns trigger language plpgsql as $$
declare
    r athletics.return_to_play;
    event uuid := gen_random_uuid();
begin
    select * into r from athletics.return_to_play where tenant_id = new.tenant_id and id = new.return_to_play_id;
    if new.action = 'open' then
        perform athletics.refresh_case(r.case_id);
        return null;
    end if;
    insert into athletics.event (tenant_id, id, case_id, athlete_id, kind, occurred_at)
    values (new.tenant_id, event, r.case_id, r.athlete_id,
            case new.action when 'advance' then 'rtp_advanced' when 'regress' then 'rtp_regressed' else 'rtp_cleared' end,
            new.taken_at);
    -- What was said with it are the trainer's words, and part of the record that is inspected.
    insert into athletics.clinical_note (tenant_id, id, words)
    select new.tenant_id, event, new.note where kernel.says(new.note);
    update athletics.milestone m
       set reached_on = case when m.rtp_stage <= r.stage - 1 or r.stage = 6 then coalesce(m.reached_on, athletics.today()) end
     where m.tenant_id = r.tenant_id and m.case_id = r.case_id and m.rtp_stage is not null
       and (m.reached_on is not null) <> (m.rtp_stage <= r.stage - 1 or r.stage = 6);
    return null;
end $$;
create trigger apply_step after insert on athletics.return_to_play_step
    for each row execute function athletics.apply_step();

-- A milestone's target moves and is reached; the trigger tells so in the timeline. Those of a return to
-- play go with it, back too.
create function athletics.record_milestone() returns trigger language plpgsql as $$
begin
    if (new.case_id, new.title, new.phase, new.position, new.rtp_stage)
       is distinct from (old.case_id, old.title, old.phase, old.position, old.rtp_stage)
       or old.rtp_stage is null and old.reached_on is not null
          and (new.reached_on, new.target_on) is distinct from (old.reached_on, old.target_on)
       -- A stage is reached by its steps, and not by hand.
       or new.rtp_stage is not null and new.reached_on <> old.reached_on
       or new.rtp_stage is not null and new.reached_on is distinct from old.reached_on and not exists (
           select from athletics.return_to_play r
            where r.tenant_id = new.tenant_id and r.case_id = new.case_id
              and (new.reached_on is not null) = (new.rtp_stage < r.stage or r.stage = 6)) then
        raise exception 'a milestone is not rewritten' using errcode = 'RV719';
    end if;
    if new.target_on is distinct from old.target_on or new.rtp_stage is null and new.reached_on is distinct from old.reached_on then
        insert into athletics.event (tenant_id, id, case_id, athlete_id, kind, occurred_at, note)
        select c.tenant_id, gen_random_uuid(), c.id, c.athlete_id,
               case when new.reached_on is distinct from old.reached_on then 'milestone_reached' else 'milestone_moved' end,
               kernel.now(),
               concat_ws(': ', new.title, concat_ws(' to ', old.target_on::text, new.target_on::text),
                         kernel.setting('app.step_note'))
          from athletics.injury_case c where c.tenant_id = new.tenant_id and c.id = new.case_id;
    end if;
    return null;
end $$;
create trigger record_milestone after update on athletics.milestone
    for each row execute function athletics.record_milestone();

-- The same three views as in each slice, for those who see the school: whom it has, in which teams, and
-- what they may not do now.
create view athletics.enrolled with (security_invoker = true) as
select a.* from athletics.athlete a where a.deleted_at is null;

create view athletics.membership with (security_invoker = true) as
select m.athlete_id, t.id, t.external_id, t.name, t.sport
  from athletics.team_member m
  join athletics.team t on t.tenant_id = m.tenant_id and t.id = m.team_id and t.deleted_at is null and t.is_active
 where m.deleted_at is null;

create view athletics.restriction with (security_invoker = true) as
select e.id, e.case_id, e.athlete_id, e.restriction, e.restriction_until, e.occurred_at
  from athletics.event e
  join athletics.injury_case c on c.tenant_id = e.tenant_id and c.id = e.case_id and c.status = 'active'
  left join athletics.school s on s.tenant_id = e.tenant_id and s.id = e.tenant_id
 where e.kind = 'restriction_added'
   and (e.restriction_until is null
        or e.restriction_until >= (kernel.now() at time zone coalesce(s.time_zone, 'America/New_York'))::date)
   and not exists (select from athletics.event l
                    where l.tenant_id = e.tenant_id and l.case_id = e.case_id and l.lifts = e.id);
grant select on athletics.enrolled, athletics.membership, athletics.restriction to reeve_app;
reset role;
