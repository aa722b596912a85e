-- Why: what citizens report, and what became of it, with the times by which the municipality means to answer.
-- The state of a request follows from its events; nobody writes it beside them. Who reported it is sealed.
set role reeve_owner;

create table civic.category (
    tenant_id        uuid not null,
    id               uuid not null,
    code             text not null check (code ~ '^[a-z][a-z0-9_]{0,39}$'),
    name             text not null,
    description      text,
    department       text,
    -- Hours from the report to the first answer and to the repair.
    response_hours   integer not null check (response_hours between 1 and 8760),
    resolution_hours integer not null check (resolution_hours between 1 and 8760),
    is_active        boolean not null default true,
    version          integer not null default 1,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    created_by       uuid default kernel.setting('app.actor_id')::uuid,
    updated_by       uuid,
    primary key (tenant_id, id),
    constraint category_code_taken unique (tenant_id, code),
    constraint category_answers_before_it_repairs check (response_hours <= resolution_hours)
);
select kernel.govern('civic.category', '{}');

-- What a municipality begins with, however it was founded: it changes them as it likes.
create function civic.begin_municipality() returns trigger language plpgsql as $$
begin
    insert into civic.municipality (tenant_id, id) values (new.id, new.id);
    insert into civic.category (tenant_id, id, code, name, department, response_hours, resolution_hours)
    select new.id, gen_random_uuid(), c.*
      from (values ('water', 'Water leak or burst pipe', 'Water and sanitation', 4, 48),
                   ('sanitation', 'Sewage', 'Water and sanitation', 4, 48),
                   ('electricity', 'Electricity', 'Electricity', 4, 24),
                   ('street_light', 'Street light', 'Electricity', 24, 120),
                   ('roads', 'Road or pothole', 'Roads and stormwater', 24, 168),
                   ('waste', 'Refuse', 'Waste', 24, 72),
                   ('other', 'Something else', 'Customer care', 48, 336)) c;
    return null;
end $$;
create trigger begin_municipality after insert on kernel.tenant for each row
    when (new.realm = 'civic') execute function civic.begin_municipality();

create table civic.service_request (
    tenant_id         uuid not null,
    id                uuid not null,
    -- What citizens call it.
    number            text not null,
    -- None: nobody who has an account.
    reporter_id       uuid,
    category_id       uuid not null,
    description       kernel.sealed not null,
    address           kernel.sealed,
    photo_url         kernel.sealed,
    -- Degrees, WGS 84.
    latitude          double precision check (latitude between -90 and 90),
    longitude         double precision check (longitude between -180 and 180),
    -- Wards are numbered: free text here would be public.
    ward              integer check (ward between 1 and 999),
    channel           text not null check (channel in ('web', 'app', 'phone', 'walk_in', 'whatsapp', 'open311')),
    language          text not null,
    status            text not null default 'open' check (status in ('open', 'in_progress', 'resolved', 'closed', 'rejected')),
    assigned_to       uuid,
    reported_at       timestamptz not null,
    -- From when the targets run: the report, or the last reopening.
    counted_from      timestamptz not null,
    response_due_at   timestamptz not null,
    resolution_due_at timestamptz not null,
    responded_at      timestamptz,
    -- Since when it is no longer open.
    settled_at        timestamptz,
    reopened          integer not null default 0,
    version           integer not null default 1,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),
    created_by        uuid default kernel.setting('app.actor_id')::uuid,
    updated_by        uuid,
    primary key (tenant_id, id),
    constraint request_number_taken unique (tenant_id, number),
    foreign key (tenant_id, reporter_id) references kernel.account (tenant_id, id),
    foreign key (tenant_id, category_id) references civic.category (tenant_id, id),
    constraint request_assignee_known foreign key (tenant_id, assigned_to) references kernel.account (tenant_id, id),
    check ((latitude is null) = (longitude is null)),
    constraint request_has_a_place check (latitude is not null or address is not null),
    check ((status in ('open', 'in_progress')) = (settled_at is null))
);
create index request_in_order on civic.service_request (tenant_id, reported_at, id);
create index request_by_status on civic.service_request (tenant_id, status, reported_at, id);
create index request_by_category on civic.service_request (tenant_id, category_id, reported_at, id);
create index request_by_reporter on civic.service_request (tenant_id, reporter_id, reported_at, id);
create index request_by_assignee on civic.service_request (tenant_id, assigned_to, reported_at, id);
create index request_due on civic.service_request (tenant_id, least(response_due_at, resolution_due_at), id)
    where status in ('open', 'in_progress');
select kernel.govern('civic.service_request', '{}');

-- Under whose key what is said of a request is sealed: the reporter's, and the request's own once they were erased or
-- where nobody is known.
create function civic.key_of(p_reporter uuid, p_request uuid) returns uuid language plpgsql stable as $$
begin
    return coalesce((select a.id from kernel.account a
                      where a.tenant_id = kernel.tenant() and a.id = p_reporter and a.email_index is not null), p_request);
end $$;

-- What happened to a request. Insert-only: the request's state follows.
create table civic.request_event (
    tenant_id          uuid not null,
    id                 uuid not null,
    service_request_id uuid not null,
    -- Whose the request is, so that its words go with the person.
    reporter_id        uuid,
    kind               text not null check (kind in ('status', 'assigned', 'reopened', 'erased')),
    from_status        text not null default 'open',
    to_status          text not null,
    assigned_to        uuid,
    note               kernel.sealed,
    happened_at        timestamptz not null,
    version            integer not null default 1,
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now(),
    created_by         uuid default kernel.setting('app.actor_id')::uuid,
    updated_by         uuid,
    primary key (tenant_id, id),
    foreign key (tenant_id, service_request_id) references civic.service_request (tenant_id, id),
    foreign key (tenant_id, reporter_id) references kernel.account (tenant_id, id),
    constraint event_assignee_known foreign key (tenant_id, assigned_to) references kernel.account (tenant_id, id),
    check ((kind = 'assigned') = (assigned_to is not null)),
    check (to_status <> 'rejected' or kind <> 'status' or note is not null)
);
create index request_event_by_request on civic.request_event (tenant_id, service_request_id, id);
create index request_event_by_reporter on civic.request_event (tenant_id, reporter_id, id);
create index request_event_by_assignee on civic.request_event (tenant_id, assigned_to);
select kernel.govern('civic.request_event', '{}');
revoke update on civic.request_event from reeve_app;

select kernel.restrict('civic.service_request', 'own_request', $$
    coalesce(current_setting('app.permission', true), '') not in
        ('own_request:read', 'own_request:reopen', 'data_rights:read', 'data_rights:plan', 'data_rights:erase')
    or reporter_id = nullif(current_setting('app.actor_id', true), '')::uuid $$);
select kernel.restrict('civic.request_event', 'own_event', $$
    coalesce(current_setting('app.permission', true), '') not in
        ('own_request:read', 'own_request:reopen', 'data_rights:read', 'data_rights:plan', 'data_rights:erase')
    or reporter_id = nullif(current_setting('app.actor_id', true), '')::uuid $$);

-- The state of a request is its events' to change; what was reported stays. The times come from the category.
create function civic.guard_service_request() returns trigger language plpgsql as $$
declare
    state constant text[] := '{status,assigned_to,responded_at,settled_at,reopened,counted_from,response_due_at,resolution_due_at,version,updated_at,updated_by}';
    c civic.category;
begin
    if tg_op = 'INSERT' then
        if new.status <> 'open' or new.responded_at is not null or new.assigned_to is not null or new.reopened <> 0 then
            raise exception 'a request begins open' using errcode = 'RV723';
        end if;
        select * into c from civic.category x where x.tenant_id = new.tenant_id and x.id = new.category_id;
        if c.is_active is not true then
            raise exception 'there is no such category in use' using errcode = 'RV726';
        end if;
        new.counted_from := new.reported_at;
        new.response_due_at := new.reported_at + make_interval(hours => c.response_hours);
        new.resolution_due_at := new.reported_at + make_interval(hours => c.resolution_hours);
    elsif pg_trigger_depth() < 2 or to_jsonb(new) - state <> to_jsonb(old) - state then
        raise exception 'the state of a request follows from its events, and what was reported stays' using errcode = 'RV723';
    end if;
    return new;
end $$;
create trigger guard_service_request before insert or update on civic.service_request
    for each row execute function civic.guard_service_request();

-- Which event may come after which state, and what it makes of the request.
create function civic.take_request_event() returns trigger language plpgsql as $$
declare
    r civic.service_request;
    c civic.category;
begin
    if current_setting('app.permission', true) = 'own_request:reopen' and new.kind <> 'reopened' then
        raise exception 'a citizen reopens, and settles nothing' using errcode = 'RV724';
    end if;
    select * into r from civic.service_request s
     where s.tenant_id = new.tenant_id and s.id = new.service_request_id for update;
    if not found then
        raise exception 'there is no such request' using errcode = 'RV724';
    end if;
    new.from_status := r.status;
    new.reporter_id := r.reporter_id;
    if new.happened_at < coalesce((select max(e.happened_at) from civic.request_event e
                                    where e.tenant_id = r.tenant_id and e.service_request_id = r.id), r.reported_at) then
        raise exception 'an event comes after those before it' using errcode = 'RV724';
    end if;
    if (case new.kind
            when 'assigned' then r.status in ('open', 'in_progress') and new.to_status = r.status
            -- The words of a request that nobody with an account reported.
            when 'erased' then new.to_status = r.status and r.reporter_id is null
                               and current_setting('app.permission', true) = 'data_rights:decide'
            when 'reopened' then r.status in ('resolved', 'closed', 'rejected') and new.to_status = 'open'
                                 and new.happened_at <= r.settled_at + interval '30 days'
            else (r.status, new.to_status) in (('open', 'in_progress'), ('open', 'resolved'), ('open', 'rejected'),
                                               ('in_progress', 'open'), ('in_progress', 'resolved'),
                                               ('in_progress', 'rejected'), ('resolved', 'closed'))
        end) is not true
    then
        raise exception 'this cannot follow' using errcode = 'RV724';
    end if;
    if new.assigned_to is not null
       and not exists (select from kernel.account a
                        where a.tenant_id = r.tenant_id and a.id = new.assigned_to and a.state = 'active'
                          and a.deleted_at is null and a.role in ('field_worker', 'manager', 'admin'))
    then
        raise exception 'a request is assigned to somebody who works on requests' using errcode = 'RV727';
    end if;
    select * into c from civic.category x where x.tenant_id = r.tenant_id and x.id = r.category_id;
    update civic.service_request s
       set status = new.to_status,
           assigned_to = coalesce(new.assigned_to, s.assigned_to),
           -- Somebody was answered when the status changed.
           responded_at = case new.kind when 'reopened' then null when 'assigned' then s.responded_at
                               when 'erased' then s.responded_at else coalesce(s.responded_at, new.happened_at) end,
           settled_at = case when new.to_status in ('open', 'in_progress') then null
                             else coalesce(s.settled_at, new.happened_at) end,
           reopened = s.reopened + (new.kind = 'reopened')::integer,
           counted_from = case when new.kind = 'reopened' then new.happened_at else s.counted_from end,
           response_due_at = case when new.kind = 'reopened' then new.happened_at + make_interval(hours => c.response_hours)
                                  else s.response_due_at end,
           resolution_due_at = case when new.kind = 'reopened' then new.happened_at + make_interval(hours => c.resolution_hours)
                                    else s.resolution_due_at end
     where s.tenant_id = r.tenant_id and s.id = r.id;
    return new;
end $$;
create trigger take_request_event before insert on civic.request_event
    for each row execute function civic.take_request_event();

reset role;
