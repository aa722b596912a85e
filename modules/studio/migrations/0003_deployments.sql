-- Why: a deployment says which version of an agent is on which gateway, and how it came there. At most one of an agent
-- is active on a gateway, and the later one wins; both hold for every writer.
set role reeve_owner;
create table studio.deployment (
    tenant_id       uuid not null,
    id              uuid not null,
    agent_id        uuid not null,
    gateway_id      uuid not null,
    version_id      uuid not null,
    -- The order in which deployments of the agent were asked for: the later one wins.
    sequence        integer not null,
    status          text not null default 'pending'
                    check (status in ('pending', 'deploying', 'active', 'failed', 'stopped', 'superseded')),
    job_id          uuid not null,
    -- What the gateway calls it.
    registration_id text check (length(registration_id) between 1 and 200),
    invoke_url      text check (length(invoke_url) <= 1000),
    error           text check (length(error) <= 500),
    active_at       timestamptz,
    ended_at        timestamptz,
    version         integer not null default 1,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    created_by      uuid default kernel.setting('app.actor_id')::uuid,
    updated_by      uuid,
    primary key (tenant_id, id),
    unique (tenant_id, agent_id, sequence),
    foreign key (tenant_id, agent_id) references studio.agent (tenant_id, id),
    foreign key (tenant_id, agent_id, version_id) references studio.agent_version (tenant_id, agent_id, id),
    constraint deployment_gateway_known foreign key (tenant_id, gateway_id) references studio.gateway (tenant_id, id),
    check (status <> 'active' or registration_id is not null)
);
create unique index deployment_one_active on studio.deployment (tenant_id, agent_id, gateway_id) where status = 'active';
create index deployment_by_agent on studio.deployment (tenant_id, agent_id, id);
create index deployment_by_job on studio.deployment (tenant_id, job_id);
create index deployment_by_gateway on studio.deployment (tenant_id, gateway_id, id);
select kernel.govern('studio.deployment', '{}');
select kernel.restrict('studio.deployment', 'members',
    'exists (select from studio.agent a where a.tenant_id = deployment.tenant_id and a.id = deployment.agent_id)');

-- RV733: which state may come after which; what is deployed where, and in which order, is not rewritten. When one
-- becomes active, what was active there before it is superseded; one that comes too late is superseded itself.
create function studio.guard_deployment() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        if new.status <> 'pending' then
            raise exception 'a deployment begins pending' using errcode = 'RV733';
        end if;
        return new;
    end if;
    if (new.agent_id, new.gateway_id, new.version_id, new.sequence) is distinct from
       (old.agent_id, old.gateway_id, old.version_id, old.sequence) then
        raise exception 'what is deployed where stays as it is' using errcode = 'RV733';
    end if;
    if new.status <> old.status and (old.status, new.status) not in
        (('pending', 'deploying'), ('pending', 'failed'), ('pending', 'stopped'), ('pending', 'superseded'),
         ('deploying', 'active'), ('deploying', 'failed'), ('deploying', 'stopped'), ('deploying', 'superseded'),
         ('failed', 'deploying'), ('failed', 'superseded'), ('active', 'stopped'), ('active', 'superseded')) then
        raise exception 'a deployment that is % does not become %', old.status, new.status using errcode = 'RV733';
    end if;
    if new.status = 'active' and old.status <> 'active' then
        -- Those of one agent take turns.
        perform from studio.agent a where a.tenant_id = new.tenant_id and a.id = new.agent_id for update;
        if exists (select from studio.deployment d
                    where d.tenant_id = new.tenant_id and d.agent_id = new.agent_id and d.gateway_id = new.gateway_id
                      and d.status = 'active' and d.sequence > new.sequence) then
            new.status := 'superseded';
        else
            update studio.deployment d set status = 'superseded', ended_at = kernel.now()
             where d.tenant_id = new.tenant_id and d.agent_id = new.agent_id and d.gateway_id = new.gateway_id
               and d.status = 'active' and d.id <> new.id;
            new.active_at := kernel.now();
        end if;
    end if;
    if new.status in ('failed', 'stopped', 'superseded') and new.status <> old.status then
        new.ended_at := kernel.now();
    end if;
    return new;
end $$;
create trigger guard_deployment before insert or update on studio.deployment
    for each row execute function studio.guard_deployment();

-- Who does not see an agent does not see what is done about it.
select kernel.restrict('kernel.job', 'studio_members', $$
    (kind <> 'studio.deploy_agent' or exists (
         select from studio.agent a where a.tenant_id = job.tenant_id and a.id = job.record_id))
    and (kind <> 'studio.stop_deployment' or exists (
         select from studio.deployment d where d.tenant_id = job.tenant_id and d.id = job.record_id)) $$, 'select');

-- A job that ends without having done it leaves no deployment waiting. As the owner: whoever wanted the job may not
-- see the agent any more.
create function studio.follow_job() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update studio.deployment d
       set status = case when new.state = 'cancelled' then 'stopped' else 'failed' end,
           error = case when new.state <> 'cancelled' then coalesce(new.error_detail, new.state) end
     where d.tenant_id = new.tenant_id and d.job_id = new.id and d.status in ('pending', 'deploying');
    return null;
end $$;
revoke all on function studio.follow_job() from public;
create trigger studio_follows after update of state on kernel.job for each row
    when (new.kind = 'studio.deploy_agent' and new.state in ('failed', 'dead', 'cancelled'))
    execute function studio.follow_job();
reset role;
