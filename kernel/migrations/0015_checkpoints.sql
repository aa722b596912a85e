-- Why: whoever holds the database can rewrite the ledger. So what it says is summed up in a Merkle tree for
-- each tenant, and the tree's roots are signed and kept elsewhere: what was changed, removed, put in or
-- moved since then is found, by anybody (P8).

-- A notary's key signs receipts and checkpoints. It gives way to a newer one, but what it signed is
-- verified for ever.
set role reeve_owner;
alter table kernel.signing_key add constraint notary_verifies_for_ever
    check (realm <> 'notary' or (algorithm = 'RS256' and verifies_until is null));
reset role;

set role reeve_ledger;
-- The text of an entry that goes into the tree, whose format is for good. Top-level nulls are left out, so
-- that a later column changes no earlier text; nulls within an image stay. No setting of a session has a
-- say in it.
create function audit.leaf(e audit.entry) returns text
language plpgsql stable parallel safe set timezone = 'UTC' set search_path = pg_catalog, pg_temp as $$
declare whole jsonb := to_jsonb(e);
begin
    return whole - array(select key from jsonb_each_text(whole) where value is null);
end $$;
revoke all on function audit.leaf(audit.entry) from public;
grant execute on function audit.leaf(audit.entry) to reeve_app, reeve_owner;

-- The first `tree_size` entries of a tenant, in the order of (transaction_id, sequence), under one root
-- (RFC 6962 section 2.1). `frontier` are the roots of the whole subtrees, the largest first, from which the
-- tree goes on. No entry that is left is of a time before `read_from`.
create table audit.checkpoint (
    tenant_id      uuid not null default nullif(current_setting('app.tenant_id', true), '')::uuid,
    tree_size      bigint not null check (tree_size > 0),
    root           bytea not null check (length(root) = 32),
    frontier       bytea not null
                   check (length(frontier) = 32 * length(replace(tree_size::bit(64)::text, '0', ''))),
    transaction_id xid8 not null,
    sequence       bigint not null,
    last_at        timestamptz not null,
    read_from      timestamptz not null,
    made_at        timestamptz not null default now(),
    signed         text not null,
    primary key (tenant_id, tree_size)
);
comment on table audit.checkpoint is 'Signed roots of the ledger. Insert-only.';
alter table audit.checkpoint enable row level security;
alter table audit.checkpoint force row level security;
create policy tenant on audit.checkpoint for select to reeve_app, reeve_owner
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy append on audit.checkpoint for insert to reeve_app
    with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select on audit.checkpoint to reeve_app, reeve_owner;
grant insert (tree_size, root, frontier, transaction_id, sequence, last_at, read_from, signed)
    on audit.checkpoint to reeve_app;

-- Where the keeper sees that there is something to sum up, and nothing of what it is.
create policy keeper on audit.entry for select to reeve_keeper using (true);
create policy keeper on audit.checkpoint for select to reeve_keeper using (true);
grant usage on schema audit to reeve_keeper;
grant select (tenant_id, at, sequence, transaction_id) on audit.entry to reeve_keeper;
grant select (tenant_id, tree_size, sequence, transaction_id, read_from) on audit.checkpoint to reeve_keeper;

-- The edge of what may be summed up. `ended`: entries of transactions before it are all there are. `since`:
-- what a transaction from there on writes is of no earlier time, but for what is written already. An entry
-- bears the time at which its transaction began; so those that run are looked at, and a minute is taken
-- off for one that has its time and is not yet seen to run. Null where somebody runs whose beginning the
-- caller may not know.
create function audit.find_edge(out since timestamptz, out ended bigint)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare looked timestamptz := clock_timestamp();
begin
    perform pg_stat_clear_snapshot();
    select case when bool_or(hidden) then null else least(looked, min(xact_start)) - interval '1 minute' end
      into since
      from (select a.xact_start,
                   not pg_has_role(a.usesysid, 'usage') and exists (
                       select from pg_locks l where l.locktype = 'virtualxid' and l.pid = a.pid) as hidden
              from pg_stat_activity a
             where a.datname = current_database() and a.usesysid is not null and a.pid <> pg_backend_pid()) running;
    ended := kernel.outbox_end();
end $$;
revoke all on function audit.find_edge() from public;
grant execute on function audit.find_edge() to reeve_app;
reset role;

grant create on schema kernel to reeve_keeper;
set role reeve_keeper;
-- The tenants with entries that no checkpoint covers; the nil tenant, whose entries are nobody's, included.
create function kernel.tenants_to_checkpoint() returns setof uuid
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    return query
        select t.id from (select id from kernel.tenant union all
                          select '00000000-0000-0000-0000-000000000000') t
          left join lateral (
               select c.transaction_id, c.sequence, c.read_from from audit.checkpoint c
                where c.tenant_id = t.id order by c.tree_size desc limit 1) c on true
         where exists (select from audit.entry e
                        where e.tenant_id = t.id and e.at >= coalesce(c.read_from, '-infinity')
                          and (c.sequence is null
                               or (e.transaction_id, e.sequence) > (c.transaction_id, c.sequence)));
end $$;
revoke all on function kernel.tenants_to_checkpoint() from public;
grant execute on function kernel.tenants_to_checkpoint() to reeve_app;
reset role;
revoke create on schema kernel from reeve_keeper;
