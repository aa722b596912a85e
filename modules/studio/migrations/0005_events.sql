-- Why: other systems follow an organization's agents, their versions and where they run. They are told that something
-- happened, never what: whoever is told reads the record by its id, under rights of their own.
set role reeve_owner;
select kernel.announce('studio.agent', 'agent');
select kernel.announce('studio.agent_version', 'agent_version', '{created}');
select kernel.announce('studio.deployment', 'deployment', '{created,updated}');
reset role;
