-- Why: an organization builds agents.
set role reeve_owner;
create schema studio;
select kernel.open_schema('studio');
create table studio.agent (
    tenant_id    uuid not null,
    id           uuid not null,
    name         text not null check (length(name) between 1 and 120),
    status       text not null default 'draft',
    workspace_id uuid,
    version      integer not null default 1,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default kernel.setting('app.actor_id')::uuid,
    updated_by   uuid,
    deleted_at   timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, tenant_id) references kernel.tenant (tenant_id, id)
);
select kernel.govern('studio.agent', '{}');
reset role;
