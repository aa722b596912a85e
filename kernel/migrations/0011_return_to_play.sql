-- Why: return to play is the same wherever it is kept (K-043), and so is the place in law and time. Its guard and the record of its steps stand
-- here once, for the tables `return_to_play` and `return_to_play_step` of any module's schema. They have
-- the same columns but for two, which the trigger names: what it hangs on, and whose it is.
set role reeve_owner;

-- Whether a text says anything: the blanks are those of Unicode, as in policy/. What a regular
-- expression takes for one hangs on the database's locale.
create function kernel.says(words text) returns boolean language sql immutable parallel safe
    return coalesce(btrim(words, U&'\0009\000A\000B\000C\000D\0020\0085\00A0\1680\2000\2001\2002\2003\2004\2005'
        '\2006\2007\2008\2009\200A\2028\2029\202F\205F\3000') <> '', false);

-- The age in whole years on a day; born on 29 February, one comes of age on 1 March.
create function kernel.age_on(born date, on_day date) returns integer language sql immutable as $$
    select extract(year from age(on_day, born))::integer $$;

-- A jurisdiction without a pack has no statutory gates: that would be a way around them. For the settings of any
-- module, which have the columns `jurisdiction` and `time_zone`.
create function kernel.guard_place() returns trigger language plpgsql as $$
begin
    if kernel.pack_version(new.jurisdiction) is null then
        raise exception 'there is no statute pack of this jurisdiction' using errcode = 'RV602';
    end if;
    perform now() at time zone new.time_zone;
    return new;
exception when invalid_parameter_value then
    raise exception 'PostgreSQL does not know this time zone' using errcode = 'RV614';
end $$;

-- What a module tells of that on which a return to play hangs: who was removed, whose law as of then, in
-- whose calendar, whether for a concussion, whether it is still open, when it occurred.
create type kernel.removal as (
    person        uuid,
    jurisdiction  text,
    time_zone     text,
    is_concussion boolean,
    is_open       boolean,
    occurred_at   timestamptz
);

-- Whether a clearance meets what the law demands; where no law is in force, a clinician's name is enough.
-- What is unknown of a demand (a null) does not meet it. A time that comes in JSON is rounded to the
-- microsecond, one in a parameter is cut off, and both may be the same: hence one microsecond.
create function kernel.clearance_holds(rtp record, removal kernel.removal) returns boolean language plpgsql stable as $$
declare
    cleared_on date := (rtp.cleared_at at time zone removal.time_zone)::date;
begin
    return kernel.says(rtp.clinician_name)
       and rtp.stage >= case rtp.protocol when 'amsterdam_2022' then 3 else 4 end
       and not rtp.symptomatic
       and cleared_on >= rtp.removed_on
       and (rtp.regressed_at is null or rtp.cleared_at > rtp.regressed_at)
       and rtp.cleared_at <= rtp.recorded_clear_at + interval '1 microsecond'
       and rtp.recorded_clear_at <= now() + interval '5 minutes'
       and not exists (
            select from kernel.statute(removal.jurisdiction, 'concussion', rtp.removed_on) law
             where law.parameters ->> 'setting' = rtp.setting
               and ((not (law.parameters ->> 'bars_same_day_return')::boolean or cleared_on > rtp.removed_on)
                and (not (law.parameters ->> 'clearance_by_licensed')::boolean
                     or kernel.says(rtp.clinician_profession) and kernel.says(rtp.licence_number))
                and (not (law.parameters ->> 'clearance_in_writing')::boolean or kernel.says(rtp.clearance_document))
                and (lower(btrim(rtp.clinician_profession) collate "C") = 'physician'
                     or not kernel.says(rtp.clinician_profession) or rtp.licence_number is null
                     or jsonb_array_length(law.parameters -> 'with_physician') = 0
                     or law.parameters -> 'with_physician' ? rtp.physician_relation
                        and kernel.says(rtp.physician_name))) is not true);
end $$;

-- Its arguments: the column of what it hangs on, the column of the person, and the module's function
-- (tenant uuid, id uuid) that returns the kernel.removal, or null where there is none.
create function kernel.guard_return_to_play() returns trigger language plpgsql as $$
declare
    base text := tg_argv[0];
    person text := tg_argv[1];
    removal kernel.removal;
    was jsonb := to_jsonb(old);
    becomes jsonb := to_jsonb(new);
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
    execute format('select * from %s($1, $2)', tg_argv[2]::regproc)
       into removal using new.tenant_id, (becomes ->> base)::uuid;
    -- Times are the server's. The database cannot tell how late it is there, only that nothing lies ahead.
    if tg_op = 'INSERT' then
        legal := new.stage = 1 and no_clearance and new.regressed_at is null
            and new.entered_at <= now() + interval '5 minutes'
            and removal.is_concussion and removal.person = (becomes ->> person)::uuid
            and removal.occurred_at <= new.entered_at + interval '1 microsecond'
            and (removal.occurred_at at time zone removal.time_zone)::date = new.removed_on;
    elsif (becomes -> base, becomes -> person, new.protocol, new.setting, new.removed_on)
          is distinct from (was -> base, was -> person, old.protocol, old.setting, old.removed_on) then
        legal := false;
    elsif new.stage = old.stage + 1 then
        -- On by one, after a day, without symptoms, not on the day of the removal, and into contact
        -- only with a clearance.
        legal := new.entered_at >= old.entered_at + interval '24 hours'
            and new.entered_at <= now() + interval '5 minutes'
            and (new.entered_at at time zone removal.time_zone)::date > new.removed_on
            and not new.symptomatic
            and (new.stage < case new.protocol when 'amsterdam_2022' then 4 else 5 end or new.cleared_at is not null)
            and same_clearance and new.regressed_at is not distinct from old.regressed_at;
    elsif new.cleared_at is not null then
        legal := old.cleared_at is null and new.stage = old.stage and new.entered_at = old.entered_at
            and new.regressed_at is not distinct from old.regressed_at and kernel.clearance_holds(new, removal);
    else
        -- Back by one, and the clearance with it; so what it hangs on must be open for a new one. Twice at
        -- the same instant is twice, unless there was a step on in between.
        legal := new.stage = greatest(old.stage - 1, 1) and no_clearance
            and new.regressed_at <= now() + interval '5 minutes'
            and new.entered_at = greatest(old.entered_at, new.regressed_at)
            and (old.regressed_at is null or new.regressed_at > old.regressed_at
                 or new.regressed_at = old.regressed_at and old.regressed_at >= old.entered_at)
            and removal.is_open;
    end if;
    if legal is not true then
        raise exception 'not a step of the protocol' using errcode = 'RV613';
    end if;
    return new;
end $$;

-- What was done at each step, so that none is without. Its note comes in a setting of the transaction.
create function kernel.record_return_to_play_step() returns trigger language plpgsql as $$
declare
    did text := case when tg_op = 'INSERT' then 'open'
                     when new.stage > old.stage then 'advance'
                     when new.cleared_at is not null and old.cleared_at is null then 'clear'
                     else 'regress' end;
begin
    execute format(
        'insert into %I.return_to_play_step (tenant_id, return_to_play_id, action, from_stage, to_stage, taken_at, note)'
        ' values ($1, $2, $3, $4, $5, $6, $7)', tg_table_schema)
      using new.tenant_id, new.id, did, case when tg_op = 'UPDATE' then old.stage end, new.stage,
            case did when 'clear' then new.recorded_clear_at when 'regress' then new.regressed_at else new.entered_at end,
            kernel.setting('app.step_note');
    return null;
end $$;
reset role;
