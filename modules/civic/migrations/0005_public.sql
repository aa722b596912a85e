-- Why: everybody may see what is done about what was reported, and nobody who reported it. Who asks without a
-- credential reads as this role, which holds these views and nothing else.
do $$
begin
    if not exists (select from pg_roles where rolname = 'reeve_public') then
        create role reeve_public nologin noinherit;
    end if;
end $$;
grant reeve_public to reeve_app;

set role reeve_owner;
create schema civic_public;

create view civic_public.category with (security_barrier = true) as
select c.id, c.code, c.name, c.description, c.department, c.response_hours, c.resolution_hours
  from civic.category c
 where c.tenant_id = kernel.tenant() and c.is_active;

-- A place to the third decimal of a degree, about a hundred metres: the street, not the door.
create view civic_public.request with (security_barrier = true) as
select r.id, r.number, c.code as category, c.name as category_name, c.department, r.status, r.ward,
       round(r.latitude::numeric, 3)::double precision as latitude,
       round(r.longitude::numeric, 3)::double precision as longitude,
       r.reported_at, r.resolution_due_at, r.responded_at, r.settled_at, r.updated_at
  from civic.service_request r
  join civic.category c on c.tenant_id = r.tenant_id and c.id = r.category_id
 where r.tenant_id = kernel.tenant();

-- Where a report of violence stands, for who has its reference and code.
create view civic_public.gbv_status with (security_barrier = true) as
select g.reference, g.code_hash, g.status, g.referred_at
  from civic.gbv_report g
 where g.tenant_id = kernel.tenant();

select kernel.open_slice('reeve_public', 'civic_public');
reset role;

set role reeve_keeper;
comment on function civic.list_municipalities(uuid, text, bigint, boolean) is
    'Open to slices: which municipalities there are is public, and whoever registers must know.';
grant execute on function civic.list_municipalities(uuid, text, bigint, boolean) to reeve_public;
reset role;
grant usage on schema civic to reeve_public;
