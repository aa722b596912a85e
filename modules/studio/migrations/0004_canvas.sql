-- Why: several people draw one agent at once. PostgreSQL puts what they do in one order and keeps it, so that
-- every server tells the same and whoever was away hears what was missed.
set role reeve_owner;

create table studio.canvas (
    tenant_id uuid not null,
    agent_id  uuid not null,
    -- The number of the newest operation.
    seq       bigint not null default 0,
    primary key (tenant_id, agent_id),
    foreign key (tenant_id, agent_id) references studio.agent (tenant_id, id)
);

-- What stands on a canvas now; what was removed ends by `deleted_at`.
create table studio.canvas_element (
    tenant_id  uuid not null,
    agent_id   uuid not null,
    kind       text not null check (kind in ('node', 'edge')),
    element_id text not null check (length(element_id) between 1 and 100),
    value      jsonb not null constraint canvas_element_size check (octet_length(value::text) <= 32768),
    seq        bigint not null,
    deleted_at timestamptz,
    primary key (tenant_id, agent_id, kind, element_id),
    foreign key (tenant_id, agent_id) references studio.canvas (tenant_id, agent_id)
);
create index canvas_element_live on studio.canvas_element (tenant_id, agent_id, kind) where deleted_at is null;

-- What was done, in order, once for each `id` of a client's.
create table studio.canvas_operation (
    tenant_id   uuid not null,
    agent_id    uuid not null,
    seq         bigint not null,
    id          uuid not null,
    author_kind text not null default kernel.setting('app.actor_kind'),
    author_id   uuid not null default kernel.setting('app.actor_id')::uuid,
    operation   jsonb not null,
    created_at  timestamptz not null default now(),
    primary key (tenant_id, agent_id, seq),
    unique (tenant_id, agent_id, id),
    foreign key (tenant_id, agent_id) references studio.canvas (tenant_id, agent_id)
);

-- Each operation leaves its entry in the ledger; canvas and elements are what the operations made of them.
do $$
declare target regclass;
begin
    foreach target in array array['studio.canvas', 'studio.canvas_element', 'studio.canvas_operation']::regclass[] loop
        execute format('alter table %s enable row level security', target);
        execute format('alter table %s force row level security', target);
        execute format(
            'create policy tenant on %s to reeve_app, reeve_owner'
            ' using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)'
            ' with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)',
            target);
    end loop;
end $$;
grant select, insert, update on studio.canvas, studio.canvas_element to reeve_app;
grant select, insert (tenant_id, agent_id, seq, id, operation) on studio.canvas_operation to reeve_app;
-- Who does not see the agent does not see its canvas.
select kernel.restrict('studio.canvas', 'members',
    'exists (select from studio.agent a where a.tenant_id = canvas.tenant_id and a.id = canvas.agent_id)');
create trigger ledger after insert or update or delete on studio.canvas_operation
    for each row execute function audit.record();

-- RFC 7396: what is null goes, what is an object is merged, all else takes the place of what was there.
create function studio.merge_patch(target jsonb, patch jsonb) returns jsonb
language plpgsql immutable as $$
declare
    merged jsonb := case when jsonb_typeof(target) = 'object' then target else '{}' end;
    member record;
begin
    if jsonb_typeof(patch) <> 'object' then
        return patch;
    end if;
    for member in select key, value from jsonb_each(patch) loop
        if jsonb_typeof(member.value) = 'null' then
            merged := merged - member.key;
        else
            merged := merged || jsonb_build_object(
                member.key, studio.merge_patch(merged -> member.key, member.value));
        end if;
    end loop;
    return merged;
end $$;

-- Writes an element, in place of the one of its id. RV852: the canvas is full.
create function studio.put_element(p_agent uuid, p_kind text, p_value jsonb, p_seq bigint) returns void
language plpgsql as $$
declare
    most integer := case p_kind when 'node' then 500 else 2000 end;
begin
    insert into studio.canvas_element as e (tenant_id, agent_id, kind, element_id, value, seq)
    values (kernel.tenant(), p_agent, p_kind, p_value ->> 'id', p_value, p_seq)
    on conflict (tenant_id, agent_id, kind, element_id) do update
        set value = excluded.value, seq = excluded.seq, deleted_at = null;
    if (select count(*) from studio.canvas_element e
         where e.tenant_id = kernel.tenant() and e.agent_id = p_agent and e.kind = p_kind
           and e.deleted_at is null) > most
    then
        raise exception 'more than % of kind %', most, p_kind using errcode = 'RV852';
    end if;
end $$;

-- A node that stands on the canvas. RV850: there is none of this id.
create function studio.canvas_node(p_agent uuid, p_id text) returns jsonb
language plpgsql as $$
declare found_value jsonb;
begin
    select e.value into found_value from studio.canvas_element e
     where e.tenant_id = kernel.tenant() and e.agent_id = p_agent and e.kind = 'node' and e.element_id = p_id
       and e.deleted_at is null;
    if not found then
        raise exception 'no such node' using errcode = 'RV850';
    end if;
    return found_value;
end $$;

-- Does what an operation says. RV851: there is no edge of this id.
create function studio.change_canvas(p_agent uuid, p_operation jsonb, p_seq bigint) returns void
language plpgsql as $$
declare
    named text := p_operation ->> 'id';
    node jsonb;
begin
    case p_operation ->> 'type'
    when 'node.put' then
        perform studio.put_element(p_agent, 'node', p_operation -> 'node', p_seq);
    when 'node.move' then
        node := studio.canvas_node(p_agent, named);
        perform studio.put_element(
            p_agent, 'node', node || jsonb_build_object('position', p_operation -> 'position'), p_seq);
    when 'node.change' then
        node := studio.canvas_node(p_agent, named);
        perform studio.put_element(
            p_agent, 'node',
            node || jsonb_build_object('data', studio.merge_patch(node -> 'data', p_operation -> 'data')), p_seq);
    when 'node.remove' then
        perform studio.canvas_node(p_agent, named);
        update studio.canvas_element e set deleted_at = now(), seq = p_seq
         where e.tenant_id = kernel.tenant() and e.agent_id = p_agent and e.deleted_at is null
           and (e.kind = 'node' and e.element_id = named
                or e.kind = 'edge' and named in (e.value ->> 'source', e.value ->> 'target'));
    when 'edge.put' then
        perform studio.canvas_node(p_agent, p_operation #>> '{edge,source}');
        perform studio.canvas_node(p_agent, p_operation #>> '{edge,target}');
        perform studio.put_element(p_agent, 'edge', p_operation -> 'edge', p_seq);
    when 'edge.remove' then
        update studio.canvas_element e set deleted_at = now(), seq = p_seq
         where e.tenant_id = kernel.tenant() and e.agent_id = p_agent and e.kind = 'edge'
           and e.element_id = named and e.deleted_at is null;
        if not found then
            raise exception 'no such edge' using errcode = 'RV851';
        end if;
    end case;
end $$;

-- The one way to change a canvas: takes the next number, does it, keeps it, says so to the other servers. One that
-- is sent again under its id is answered as it was, and done once. No row where there is no such agent. RV853: the agent is
-- archived.
create function studio.apply_operation(p_agent uuid, p_id uuid, p_operation jsonb)
returns table (seq bigint, id uuid, author_kind text, author_id uuid, operation jsonb, fresh boolean)
language plpgsql as $$
#variable_conflict use_column
declare
    newest bigint;
    standing text;
begin
    insert into studio.canvas (tenant_id, agent_id)
    select a.tenant_id, a.id from studio.agent a
     where a.tenant_id = kernel.tenant() and a.id = p_agent and a.deleted_at is null
       and not exists (select from studio.canvas c where c.tenant_id = a.tenant_id and c.agent_id = a.id)
    on conflict do nothing;
    -- From here to the end one after the other.
    select c.seq, a.status into newest, standing from studio.canvas c
      join studio.agent a on a.tenant_id = c.tenant_id and a.id = c.agent_id
     where c.tenant_id = kernel.tenant() and c.agent_id = p_agent and a.deleted_at is null
       for no key update of c;
    if not found then
        return;
    end if;
    return query select o.seq, o.id, o.author_kind, o.author_id, o.operation, false
                   from studio.canvas_operation o
                  where o.tenant_id = kernel.tenant() and o.agent_id = p_agent and o.id = p_id;
    if found then
        return;
    end if;
    if standing = 'archived' then
        raise exception 'the agent is archived' using errcode = 'RV853';
    end if;
    newest := newest + 1;
    update studio.canvas c set seq = newest where c.tenant_id = kernel.tenant() and c.agent_id = p_agent;
    perform studio.change_canvas(p_agent, p_operation, newest);
    perform kernel.publish('studio.canvas', p_agent);
    return query insert into studio.canvas_operation as o (tenant_id, agent_id, seq, id, operation)
                 values (kernel.tenant(), p_agent, newest, p_id, p_operation)
                 returning o.seq, o.id, o.author_kind, o.author_id, o.operation, true;
end $$;
reset role;
