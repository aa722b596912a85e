-- Why: an account's name is sealed under its person's key (kernel 0013). The disclosure names who inspected by the
-- name, as before, and by the account once that is erased.
set role reeve_owner;
create or replace function athletics.log_inspection() returns trigger language plpgsql as $$
begin
    insert into athletics.disclosure (tenant_id, id, athlete_id, disclosed_at, recipient, interest, basis, what, inspection_id)
    select new.tenant_id, gen_random_uuid(), new.athlete_id, new.reviewed_at, coalesce(kernel.open(a.full_name), a.id::text),
           'the right to inspect (34 CFR 99.10)', 'inspection', 'cases and events up to the review, but for what was withheld',
           new.id
      from kernel.account a where a.tenant_id = new.tenant_id and a.id = new.requested_by;
    return null;
end $$;
reset role;
