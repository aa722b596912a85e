-- Why: other systems follow participants, sessions, incidents and goals. They are told that something happened, never
-- what: whoever is told reads the record by its id, under rights of their own.
set role reeve_owner;
select kernel.announce('programs.participant', 'participant');
select kernel.announce('programs.training_session', 'session', '{created,updated}');
select kernel.announce('programs.incident', 'incident', '{created,updated}');
select kernel.announce('programs.goal', 'goal', '{created,updated}');
reset role;
