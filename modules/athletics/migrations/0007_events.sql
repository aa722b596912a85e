-- Why: other systems follow a school's athletes and their cases. They are told that something happened, never what:
-- whoever is told reads the record by its id, under rights of their own.
set role reeve_owner;
select kernel.announce('athletics.athlete', 'athlete');
select kernel.announce('athletics.injury_case', 'case', '{created,updated}');
-- That somebody may play again has a name of its own, and is about the case.
create trigger announce_clearance after insert on athletics.event for each row
    when (new.kind in ('clearance_granted', 'rtp_cleared'))
    execute function kernel.announce_event('case.cleared', 'case_id');
reset role;
