-- Why: other systems follow a clinic's patients and appointments (M-001). They are told that something happened, never
-- what: whoever is told reads the record by its id, under rights of their own.
set role reeve_owner;
select kernel.announce('clinic.patient', 'patient');
select kernel.announce('clinic.appointment', 'appointment');
reset role;
