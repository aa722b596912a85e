-- Why: schools keep a place in law and a return to play too, so their guards and the record of its steps are
-- the kernel's. Here
-- stays what an incident of a programme tells the guard. The rows stay as they are.
set role reeve_owner;

create function programs.removal(p_tenant uuid, p_incident uuid) returns kernel.removal language sql stable as $$
    select participant_id, jurisdiction, programs.time_zone(), incident_type = 'injury_concussion',
           status <> 'closed', occurred_at
      from programs.incident where tenant_id = p_tenant and id = p_incident $$;

drop trigger guard_return_to_play on programs.return_to_play;
drop trigger record_step on programs.return_to_play;
drop function programs.guard_return_to_play();
drop function programs.clearance_holds(programs.return_to_play);
drop function programs.record_step();
create trigger guard_return_to_play before insert or update on programs.return_to_play
    for each row execute function
    kernel.guard_return_to_play('incident_id', 'participant_id', 'programs.removal');
create trigger record_step after insert or update on programs.return_to_play
    for each row execute function kernel.record_return_to_play_step();

drop trigger guard_settings on programs.settings;
drop function programs.guard_settings();
create trigger guard_settings before insert or update on programs.settings
    for each row execute function kernel.guard_place();

-- Constraints and functions of the earlier files call these by name.
create or replace function programs.says(words text) returns boolean language sql immutable parallel safe
    return kernel.says(words);
create or replace function programs.age_on(born date, on_day date) returns integer language sql immutable as $$
    select kernel.age_on(born, on_day) $$;
reset role;
