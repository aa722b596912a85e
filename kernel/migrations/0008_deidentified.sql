-- Why: analytics must not be able to see a person (P5). So it is read under a role that holds views in
-- one schema and nothing else, and what was released is remembered, because two releases that differ by
-- a few people tell of those people.
--
-- reeve_deid  reeve_app steps down to it for analytics. It must not be inherited, or reeve_app could
--             read the views beside the names, and who reads both joins them.
do $$
begin
    if not exists (select from pg_roles where rolname = 'reeve_deid') then
        create role reeve_deid nologin noinherit;
    end if;
end $$;
grant reeve_deid to reeve_app;

set role reeve_owner;
-- reeve_app enters only to prepare statements; it is granted no view.
create schema deid;
grant usage on schema deid to reeve_deid, reeve_app;

-- What the server says of this transaction: the salt's padded keys, the day. Without it nothing is told;
-- a null here would be one code for everybody.
create function deid.setting(name text) returns text language plpgsql stable parallel safe as $$
declare
    value text := nullif(current_setting('app.search', true), '')::jsonb ->> name;
begin
    if value is null then
        raise exception 'the transaction has no setting "%" for de-identified data', name
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    return value;
end $$;

-- The tenant, or an error: codes without one would be the same in all tenants.
create function deid.tenant() returns uuid language plpgsql stable parallel safe as $$
declare
    value text := nullif(current_setting('app.tenant_id', true), '');
begin
    if value is null then
        raise exception 'the transaction has no tenant' using errcode = 'object_not_in_prerequisite_state';
    end if;
    return value::uuid;
end $$;

-- A participant's code: HMAC-SHA-256 (RFC 2104) of tenant and record under the salt, its first 128 bits.
-- The server sends the key already padded, so that PostgreSQL's own sha256 is all it takes.
create function deid.code(id uuid) returns text language sql stable parallel safe
    return left(encode(
        sha256(decode(deid.setting('outer'), 'hex')
            || sha256(decode(deid.setting('inner'), 'hex') || uuid_send(deid.tenant()) || uuid_send(id))),
        'hex'), 32);

-- The server's day, so that an answer and its `as_of` agree.
create function deid.today() returns date language sql stable parallel safe
    return deid.setting('today')::date;

-- policy::deidentification::AgeBand, of which a test compares every edge. Born on 29 February means a
-- birthday on 1 March in a common year, hence months and days and no interval.
create function deid.age_band(birth date, day date) returns text language sql immutable parallel safe
    return case when birth <= day then
        (array['<5', '5-8', '9-11', '12-13', '14-15', '16-17', '18+'])[1 + width_bucket(
            extract(year from day) - extract(year from birth)
                - ((extract(month from day), extract(day from day))
                   < (extract(month from birth), extract(day from birth)))::integer,
            array[5, 9, 12, 14, 16, 18])]
    end;

revoke all on all functions in schema deid from public;
grant execute on all functions in schema deid to reeve_deid;

-- Opens a view of `deid` to analytics and to nobody else. It is an ordinary view: its owner's rights read
-- the tables, under the owner's forced tenant policy, so that reeve_deid needs none.
create function kernel.deid_view(name regclass) returns void language plpgsql as $$
begin
    if not exists (select from pg_class where oid = name and relkind = 'v'
                      and relnamespace = 'deid'::regnamespace) then
        raise exception '% is no view of the schema deid', name;
    end if;
    execute format('revoke all on %s from public, reeve_app, reeve_search', name);
    execute format('grant select on %s to reeve_deid', name);
end $$;

-- What was released, of whom (their codes), and the answer. Nothing of it may be forgotten or changed
-- by who serves, or the next release is compared with less than was had.
create table kernel.release (
    tenant_id    uuid not null,
    id           uuid not null,
    question     text not null check (octet_length(question) between 1 and 2000),
    members      text[] not null check (cardinality(members) > 0),
    members_hash bytea not null,
    answer       jsonb not null,
    version      integer not null default 1,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default kernel.setting('app.actor_id')::uuid,
    updated_by   uuid,
    deleted_at   timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, tenant_id) references kernel.tenant (tenant_id, id),
    unique (tenant_id, question, members_hash)
);
select kernel.govern('kernel.release', '{members}');
revoke update on kernel.release from reeve_app;

-- One release of a tenant at a time: two at once would not see each other.
create function kernel.lock_releases() returns boolean language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended(concat_ws('/', 'release', kernel.tenant()), 0));
    return true;
end $$;
reset role;
