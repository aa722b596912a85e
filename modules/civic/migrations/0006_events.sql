-- Why: other systems follow what citizens ask of their municipality. They are told that something happened, never what:
-- whoever is told reads the record by its id, under rights of their own. Reports of violence are told to nobody.
set role reeve_owner;
select kernel.announce('civic.service_request', 'service_request', '{created,updated}');
reset role;
