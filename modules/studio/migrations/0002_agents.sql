-- Why: an agent is drawn, published as versions that nobody can alter, and deployed to gateways. What runs is named by
-- the hash of its content; that holds for every writer.
set role reeve_owner;
create table studio.agent (
    tenant_id          uuid not null,
    id                 uuid not null,
    name               text not null check (length(name) between 1 and 120),
    description        text check (length(description) <= 2000),
    workspace_id       uuid,
    status             text not null default 'draft' check (status in ('draft', 'active', 'archived')),
    -- What is deployed when nothing else is said.
    current_version_id uuid,
    -- How many deployments were asked for: the order among them.
    deployments        integer not null default 0,
    version            integer not null default 1,
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now(),
    created_by         uuid default kernel.setting('app.actor_id')::uuid,
    updated_by         uuid,
    deleted_at         timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, tenant_id) references kernel.tenant (tenant_id, id),
    constraint agent_workspace_known foreign key (tenant_id, workspace_id) references studio.workspace (tenant_id, id),
    constraint agent_active_is_published check (status <> 'active' or current_version_id is not null)
);
create index agent_in_order on studio.agent (tenant_id, id) where deleted_at is null;
create index agent_by_status on studio.agent (tenant_id, status, id) where deleted_at is null;
create index agent_by_workspace on studio.agent (tenant_id, workspace_id, id) where deleted_at is null;
select kernel.govern('studio.agent', '{}');
select kernel.restrict('studio.agent', 'members', 'studio.sees(workspace_id)');

-- What was published: its content, and the name that follows from it.
create table studio.agent_version (
    tenant_id  uuid not null,
    id         uuid not null,
    agent_id   uuid not null,
    -- 1, 2, … within the agent.
    number     integer not null check (number > 0),
    -- Of the canonical content; the same content is the same version.
    hash       text not null check (hash ~ '^sha256:[0-9a-f]{64}$'),
    workflow   jsonb not null check (jsonb_typeof(workflow) = 'object'),
    note       text check (length(note) <= 500),
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid default kernel.setting('app.actor_id')::uuid,
    updated_by uuid,
    primary key (tenant_id, id),
    constraint version_number_taken unique (tenant_id, agent_id, number),
    constraint version_hash_taken unique (tenant_id, agent_id, hash),
    unique (tenant_id, agent_id, id),
    foreign key (tenant_id, agent_id) references studio.agent (tenant_id, id)
);
select kernel.govern('studio.agent_version', '{}');
select kernel.restrict('studio.agent_version', 'members',
    'exists (select from studio.agent a where a.tenant_id = agent_version.tenant_id and a.id = agent_version.agent_id)');
alter table studio.agent add constraint agent_version_known
    foreign key (tenant_id, id, current_version_id) references studio.agent_version (tenant_id, agent_id, id);

create function studio.refuse_rewriting() returns trigger language plpgsql as $$
begin
    raise exception 'what was published stays as it is' using errcode = 'RV731';
end $$;
create trigger immutable before update on studio.agent_version
    for each row execute function studio.refuse_rewriting();

-- RV732: a draft becomes active by its first version, and neither becomes a draft again.
create function studio.guard_agent() returns trigger language plpgsql as $$
begin
    if new.status <> old.status and (old.status, new.status) not in
        (('draft', 'active'), ('draft', 'archived'), ('active', 'archived'), ('archived', 'active'), ('archived', 'draft'))
        or new.status = 'draft' and new.current_version_id is not null then
        raise exception 'an agent that is % does not become %', old.status, new.status using errcode = 'RV732';
    end if;
    return new;
end $$;
create trigger guard_agent before update on studio.agent for each row execute function studio.guard_agent();

-- Who sees an agent has changed: whoever might see it no more is looked at again, and so are their sockets.
create function studio.announce_agent() returns trigger language plpgsql as $$
begin
    insert into kernel.credential_change (id)
    select a.id from kernel.account a
     where a.tenant_id = new.tenant_id and a.deleted_at is null and a.role not in ('org_owner', 'org_admin')
    on conflict do nothing;
    return null;
end $$;
create trigger announce after update on studio.agent for each row
    when (new.workspace_id is distinct from old.workspace_id or new.deleted_at is distinct from old.deleted_at)
    execute function studio.announce_agent();

-- Where agents run. The secret is sealed under the gateway's own id; no answer holds it.
create table studio.gateway (
    tenant_id   uuid not null,
    id          uuid not null,
    name        text not null check (length(name) between 1 and 120),
    description text check (length(description) <= 2000),
    -- Without a slash at its end.
    url         text not null check (url ~ '^https?://' and length(url) <= 500),
    environment text not null check (environment in ('development', 'staging', 'production')),
    status      text not null default 'active' check (status in ('active', 'disabled')),
    secret      kernel.sealed not null,
    version     integer not null default 1,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    created_by  uuid default kernel.setting('app.actor_id')::uuid,
    updated_by  uuid,
    deleted_at  timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, tenant_id) references kernel.tenant (tenant_id, id)
);
create unique index gateway_name_taken on studio.gateway (tenant_id, lower(name)) where deleted_at is null;
create index gateway_in_order on studio.gateway (tenant_id, name, id) where deleted_at is null;
select kernel.govern('studio.gateway', '{secret}');
reset role;
