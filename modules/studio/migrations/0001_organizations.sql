-- Why: an organization's people build agents in workspaces. Who is in a workspace sees what is in it; so a change of
-- that is announced like a change of a role (P7).
set role reeve_owner;
create schema studio;
select kernel.open_schema('studio');

-- The tenant as an organization, in its own words. Without a row it has the operator's name for it.
create table studio.organization (
    tenant_id    uuid not null,
    id           uuid not null check (id = tenant_id),
    display_name text check (length(display_name) between 1 and 120),
    description  text check (length(description) <= 2000),
    version      integer not null default 1,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default kernel.setting('app.actor_id')::uuid,
    updated_by   uuid,
    primary key (tenant_id, id),
    foreign key (tenant_id, id) references kernel.tenant (tenant_id, id)
);
select kernel.govern('studio.organization', '{}');

create table studio.workspace (
    tenant_id   uuid not null,
    id          uuid not null,
    name        text not null check (length(name) between 1 and 120),
    description text check (length(description) <= 2000),
    version     integer not null default 1,
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    created_by  uuid default kernel.setting('app.actor_id')::uuid,
    updated_by  uuid,
    deleted_at  timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, tenant_id) references kernel.tenant (tenant_id, id)
);
create unique index workspace_name_taken on studio.workspace (tenant_id, lower(name)) where deleted_at is null;
create index workspace_in_order on studio.workspace (tenant_id, name, id) where deleted_at is null;
select kernel.govern('studio.workspace', '{}');

create table studio.workspace_member (
    tenant_id    uuid not null,
    id           uuid not null default gen_random_uuid(),
    workspace_id uuid not null,
    account_id   uuid not null,
    version      integer not null default 1,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    created_by   uuid default kernel.setting('app.actor_id')::uuid,
    updated_by   uuid,
    deleted_at   timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, workspace_id) references studio.workspace (tenant_id, id),
    constraint member_account_known foreign key (tenant_id, account_id) references kernel.account (tenant_id, id)
);
create unique index workspace_member_once on studio.workspace_member (tenant_id, account_id, workspace_id)
    where deleted_at is null;
create index workspace_member_by_workspace on studio.workspace_member (tenant_id, workspace_id, account_id)
    where deleted_at is null;
select kernel.govern('studio.workspace_member', '{}');

-- Replicas forget whoever joined or left, and their streams and sockets end; when they come again they are told what
-- they see now.
create function studio.announce_member() returns trigger language plpgsql as $$
begin
    insert into kernel.credential_change (id) values (new.account_id) on conflict do nothing;
    return null;
end $$;
create trigger announce after insert or update on studio.workspace_member
    for each row execute function studio.announce_member();

-- Whether who acts sees what is in a workspace: its members do, those who run the organization, keys (their role is
-- their limit), operators and the server itself. What is in no workspace everybody sees.
create function studio.sees(p_workspace uuid) returns boolean language plpgsql stable as $$
declare
    actor uuid := nullif(current_setting('app.actor_id', true), '')::uuid;
begin
    return p_workspace is null
        or coalesce(current_setting('app.actor_kind', true), '') <> 'user'
        or exists (select from kernel.account a
                    where a.tenant_id = kernel.tenant() and a.id = actor and a.role in ('org_owner', 'org_admin'))
        or exists (select from studio.workspace_member m
                    where m.tenant_id = kernel.tenant() and m.account_id = actor and m.workspace_id = p_workspace
                      and m.deleted_at is null);
end $$;
select kernel.restrict('studio.workspace', 'members', 'studio.sees(id)', 'select');
reset role;
