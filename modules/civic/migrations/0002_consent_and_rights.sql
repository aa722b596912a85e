-- Why: a citizen's consent is evidence with its own gates (POPIA s11, s34, s35), seen by its giver alone; and what
-- a citizen asks of the municipality under POPIA s11(3), s14(6) and s24 is answered on record, in time.
set role reeve_owner;

-- Where a citizen reads or writes of their own, the database shows nothing of another's, whatever a statement asks.
select kernel.restrict('kernel.consent', 'own_consent', $$
    coalesce(current_setting('app.permission', true), '') not in ('own_consent:read', 'own_consent:write')
    or subject_kind = 'civic.citizen' and subject_id = nullif(current_setting('app.actor_id', true), '')::uuid $$);

-- The years of somebody's age on a day; null where no birth date is known, which is so of adults.
create function civic.age(p_account uuid, p_at timestamptz) returns integer language sql stable
    return (select kernel.age_on(kernel.open(c.date_of_birth)::date, (p_at at time zone civic.zone())::date)
              from civic.citizen c where c.tenant_id = kernel.tenant() and c.id = p_account);

-- Whose consent it is must be somebody of this municipality, and for a child a competent person gives it
-- (POPIA s35(1)(a)); for who is of age nobody else does.
create function civic.guard_consent() returns trigger language plpgsql as $$
begin
    if not exists (select from kernel.account a
                    where a.tenant_id = new.tenant_id and a.id = new.subject_id and a.deleted_at is null) then
        raise exception 'a consent is of somebody of this municipality' using errcode = 'RV720';
    end if;
    if (new.grantor <> case when civic.age(new.subject_id, new.granted_at) < 18 then 'competent_person' else 'self' end) then
        raise exception 'a child''s consent comes from a competent person, an adult''s from themselves' using errcode = 'RV721';
    end if;
    return new;
end $$;
create trigger guard_consent_of_citizen before insert on kernel.consent for each row
    when (new.subject_kind = 'civic.citizen') execute function civic.guard_consent();

-- What a citizen asks for: a correction (s24(1)(a)), a restriction (s14(6)), to be heard with an objection
-- (s11(3)(a)). An objection and a restriction hold from the moment they are made until they are refused.
create table civic.rights_request (
    tenant_id       uuid not null,
    id              uuid not null,
    account_id      uuid not null,
    kind            text not null check (kind in ('correction', 'restriction', 'objection')),
    -- Of which processing, for an objection.
    purpose         text check (purpose ~ '^[a-z][a-z0-9_]{0,63}$'),
    -- Which record is wrong, for a correction; none: the account itself.
    record_id       uuid,
    statement       kernel.sealed not null,
    received_at     timestamptz not null,
    -- The last day, in the country's calendar, by which it is answered (PAIA s25(1): 30 days).
    due_on          date not null,
    status          text not null default 'received' check (status in ('received', 'upheld', 'refused', 'withdrawn', 'lapsed')),
    -- When it was decided, withdrawn, or lapsed with who asked.
    ended_at        timestamptz,
    decided_by      uuid,
    decision_reason kernel.sealed,
    -- Under which law an objection is refused (s11(3)(a): "unless legislation provides for such processing").
    legislation     text,
    version         integer not null default 1,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    created_by      uuid default kernel.setting('app.actor_id')::uuid,
    updated_by      uuid,
    primary key (tenant_id, id),
    foreign key (tenant_id, account_id) references kernel.account (tenant_id, id),
    check ((kind = 'objection') = (purpose is not null)),
    check ((status = 'received') = (ended_at is null)),
    check ((status in ('upheld', 'refused')) = (decided_by is not null)),
    check (status <> 'refused' or decision_reason is not null),
    constraint objection_refused_by_law check (kind <> 'objection' or status <> 'refused' or kernel.says(legislation))
);
create index rights_request_by_account on civic.rights_request (tenant_id, account_id, id);
create index rights_request_in_order on civic.rights_request (tenant_id, status, due_on, id);
select kernel.govern('civic.rights_request', '{}');
select kernel.restrict('civic.rights_request', 'own_request', $$
    coalesce(current_setting('app.permission', true), '') not in
        ('data_rights:read', 'data_rights:plan', 'data_rights:request', 'data_rights:erase')
    or account_id = nullif(current_setting('app.actor_id', true), '')::uuid $$);
-- One that holds of a kind and purpose is enough.
create unique index rights_request_open_once on civic.rights_request (tenant_id, account_id, kind, (coalesce(purpose, '')))
    where status in ('received', 'upheld') and kind <> 'correction';

-- What was asked for is not rewritten; it ends once.
create function civic.guard_rights_request() returns trigger language plpgsql as $$
declare
    decision constant text[] := '{status,ended_at,decided_by,decision_reason,legislation,version,updated_at,updated_by}';
    under constant text := coalesce(current_setting('app.permission', true), '');
begin
    -- Who asked may take it back, also once it was upheld; who decides is somebody else's permission.
    if (case new.status
            when 'withdrawn' then old.status in ('received', 'upheld') and under = 'data_rights:request'
            when 'lapsed' then old.status = 'received' and under in ('data_rights:erase', 'data_rights:decide')
            when 'received' then false
            else old.status = 'received' and under = 'data_rights:decide'
        end) is not true or to_jsonb(new) - decision <> to_jsonb(old) - decision then
        raise exception 'a request is decided once and not rewritten' using errcode = 'RV722';
    end if;
    return new;
end $$;
create trigger guard_rights_request before update on civic.rights_request
    for each row execute function civic.guard_rights_request();

-- Whether who asked for a restriction (s14(6)), or objected to a purpose (s11(3)), is to be left alone for now: neither
-- was refused nor taken back.
create function civic.left_alone(p_account uuid, p_purpose text) returns boolean language plpgsql stable as $$
begin
    return exists (select from civic.rights_request r
                    where r.tenant_id = kernel.tenant() and r.account_id = p_account and r.status in ('received', 'upheld')
                      and (r.kind = 'restriction' or r.kind = 'objection' and r.purpose = p_purpose));
end $$;

-- Whether somebody may be processed for a purpose that rests on consent: it stands, and neither an objection nor a
-- restriction is against it. Asked where the data is read, so that a withdrawal is felt by the next reader.
create function civic.consented(p_account uuid, p_purpose text) returns boolean language plpgsql stable as $$
begin
    return exists (select from kernel.consent c
                    where c.tenant_id = kernel.tenant() and c.subject_kind = 'civic.citizen' and c.subject_id = p_account
                      and c.purpose = p_purpose and c.granted_at <= kernel.now() and c.revoked_at is null
                      and (c.expires_at is null or c.expires_at > kernel.now()))
       and not civic.left_alone(p_account, p_purpose);
end $$;

-- Nobody registers without consent to the registration (S-063): whatever registers, the transaction ends with both.
create function civic.guard_registration() returns trigger language plpgsql as $$
begin
    if current_setting('app.permission', true) = 'auth:register'
       and not exists (select from kernel.consent c
                        where c.tenant_id = new.tenant_id and c.subject_kind = 'civic.citizen' and c.subject_id = new.id
                          and c.purpose = 'platform_registration') then
        raise exception 'nobody registers without consent' using errcode = 'RV728';
    end if;
    return null;
end $$;
create constraint trigger guard_registration after insert on kernel.account deferrable initially deferred
    for each row when (new.role = 'citizen') execute function civic.guard_registration();
reset role;
