-- Why: an organization narrows, by the attributes of a resource, what its roles may do (Z-010). The
-- rules are data, so they are tenant rows like any other and every change of one is in the ledger.
set role reeve_owner;
create table kernel.policy (
    tenant_id   uuid not null,
    id          uuid not null,
    name        text not null check (length(name) between 1 and 80),
    description text,
    effect      text not null check (effect in ('allow', 'deny')),
    resource    text not null,
    actions     text[] not null check (cardinality(actions) > 0),
    conditions  jsonb,
    cedar       text,
    version     integer not null default 1,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    created_by  uuid default kernel.setting('app.actor_id')::uuid,
    updated_by  uuid,
    deleted_at  timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, tenant_id) references kernel.tenant (tenant_id, id),
    check (num_nonnulls(conditions, cedar) = 1)
);
create unique index policy_name_taken on kernel.policy (tenant_id, name) where deleted_at is null;
select kernel.govern('kernel.policy', '{}');
-- Replicas keep compiled rules; a change makes them forget the tenant's.
create function kernel.announce_policy() returns trigger language plpgsql as $$
begin
    insert into kernel.credential_change (id) values (new.tenant_id) on conflict do nothing;
    return null;
end $$;
create trigger announce after insert or update on kernel.policy
    for each row execute function kernel.announce_policy();
reset role;
