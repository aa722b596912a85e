-- Why: some people may see a part of a record and no more: a coach, a parent. What a role of theirs reads, it
-- reads as a role of the database's, a slice: it holds views with the rows and columns of its part, and
-- nothing else. A handler that asks for more is refused by PostgreSQL, not by somebody's memory.
set role reeve_owner;

-- The time by which the transaction decides: the server's, or an operator's who loads what was long ago.
create function kernel.now() returns timestamptz language sql stable parallel safe
    return coalesce(nullif(current_setting('app.now', true), '')::timestamptz, now());

-- The slices, for the lint: which schema's views each may read.
create table kernel.slice (
    role   name primary key,
    schema name not null unique
);

-- Analytics was the first.
insert into kernel.slice values ('reeve_deid', 'deid');

-- Every role under which requests are served.
create function kernel.serving_role() returns setof name language sql stable as $$
    select unnest(array['reeve_app', 'reeve_search']::name[]) union all select role from kernel.slice $$;

-- Makes `p_schema` the slice of `p_role`. The server's own login enters only to prepare statements; it is
-- granted no view.
create function kernel.open_slice(p_role name, p_schema name) returns void language plpgsql as $$
begin
    insert into kernel.slice values (p_role, p_schema);
    execute format('grant usage on schema kernel, %I to %I', p_schema, p_role);
    execute format('grant usage on schema %I to reeve_app', p_schema);
    -- An ordinary view: its owner's rights read the tables, under the owner's forced tenant policy.
    execute format('revoke all on all tables in schema %I from public, reeve_app, reeve_search, reeve_deid', p_schema);
    execute format('grant select on all tables in schema %I to %I', p_schema, p_role);
end $$;

-- Law of education records (FERPA) beside the others.
alter table kernel.statute_rule drop constraint statute_rule_kind_check;
alter table kernel.statute_rule add constraint statute_rule_kind_check
    check (kind in ('concussion', 'mandated_report', 'minor_consent', 'education_records'));
reset role;

set role reeve_ledger;
-- What a slice shows is recorded like any other reading.
create function audit.record_readings_of(p_role name) returns void language plpgsql as $$
begin
    execute format('grant usage on schema audit to %I', p_role);
    execute format('grant usage on sequence audit.entry_sequence to %I', p_role);
    execute format('grant insert (operation, resource, record_id, record_ids) on audit.entry to %I', p_role);
    execute format('create policy %I on audit.entry for insert to %I with check'
        ' (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)', 'append_' || p_role, p_role);
end $$;
reset role;
