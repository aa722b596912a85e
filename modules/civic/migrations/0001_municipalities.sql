-- Why: a municipality is an organisation (its name, code and standing are the tenant's own: S-022, S-042) and
-- what the public asks of it. Above it stands the platform, which founds and suspends municipalities.
set role reeve_owner;
create schema civic;
select kernel.open_schema('civic');

create table civic.municipality (
    tenant_id     uuid not null,
    id            uuid not null check (id = tenant_id),
    -- None: it was founded at the command line, which asks for no more than a name.
    province      text,
    population    integer check (population >= 0),
    contact_email text check (contact_email = lower(contact_email)),
    version       integer not null default 1,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    created_by    uuid default kernel.setting('app.actor_id')::uuid,
    updated_by    uuid,
    primary key (tenant_id, id),
    foreign key (tenant_id, id) references kernel.tenant (tenant_id, id),
    check (province in ('Eastern Cape', 'Free State', 'Gauteng', 'KwaZulu-Natal', 'Limpopo', 'Mpumalanga',
                        'Northern Cape', 'North West', 'Western Cape'))
);
select kernel.govern('civic.municipality', '{}');
create policy keeper on civic.municipality for select to reeve_keeper using (true);
grant select on civic.municipality to reeve_keeper;

-- Days and ages are read in the country's one calendar.
create function civic.zone() returns text language sql immutable parallel safe return 'Africa/Johannesburg';

-- A citizen of whom more is known than the account says: who was a child when they registered. The birth date is
-- asked for a child alone (POPIA s10).
create table civic.citizen (
    tenant_id     uuid not null,
    id            uuid not null,
    date_of_birth kernel.sealed not null,
    version       integer not null default 1,
    created_at    timestamptz not null default now(),
    updated_at    timestamptz not null default now(),
    created_by    uuid default kernel.setting('app.actor_id')::uuid,
    updated_by    uuid,
    primary key (tenant_id, id),
    foreign key (tenant_id, id) references kernel.account (tenant_id, id)
);
select kernel.govern('civic.citizen', '{}');
reset role;

-- Municipalities are public, whoever asks and from wherever (S-042): the one list that goes across them.
grant usage on schema civic to reeve_keeper;
grant create on schema civic to reeve_keeper;
set role reeve_keeper;
create function civic.list_municipalities(p_id uuid, p_after text, p_limit bigint, p_active boolean)
returns table (id uuid, name text, code text, province text, population integer, contact_email text,
               is_active boolean, version integer, created_at timestamptz, updated_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select t.id, t.name, t.code, m.province, m.population, m.contact_email, t.is_active,
           m.version + t.version, t.created_at, greatest(t.updated_at, m.updated_at)
      from kernel.tenant t
      join civic.municipality m on m.tenant_id = t.id and m.id = t.id
     where t.realm = 'civic' and (p_id is null or t.id = p_id) and t.name > p_after and (p_active is null or t.is_active = p_active)
     order by t.name limit p_limit;
end;
revoke all on function civic.list_municipalities(uuid, text, bigint, boolean) from public;
grant execute on function civic.list_municipalities(uuid, text, bigint, boolean) to reeve_app;
reset role;
revoke create on schema civic from reeve_keeper;
