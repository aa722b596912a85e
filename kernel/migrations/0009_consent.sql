-- Why: consent is evidence, kept once for all modules (C-21): who consented, for whom and by which
-- right, to what, in which words and language, and when it ended. The words themselves are known by
-- hash and version, so that nobody can say later that they were others.
set role reeve_owner;

create table kernel.consent (
    tenant_id          uuid not null,
    id                 uuid not null,
    -- Whose consent: the table of the person, such as `programs.participant`, and the id.
    subject_kind       text not null,
    subject_id         uuid not null,
    purpose            text not null check (purpose ~ '^[a-z][a-z0-9_]{0,63}$'),
    basis              text not null check (basis ~ '^[a-z][a-z0-9_]{0,31}$'),
    grantor            text not null check (grantor in ('self', 'parent', 'guardian', 'other')),
    grantor_name       text not null,
    relation           text,
    text_version       text not null,
    text_hash          text not null check (text_hash ~ '^[0-9a-f]{64}$'),
    language           text not null check (language ~ '^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$'),
    channel            text not null check (channel in ('paper', 'electronic', 'verbal')),
    document_reference text,
    address            inet default nullif(current_setting('app.address', true), '')::inet,
    granted_at         timestamptz not null,
    expires_at         timestamptz,
    revoked_at         timestamptz,
    revoked_reason     text,
    version            integer not null default 1,
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now(),
    created_by         uuid default kernel.setting('app.actor_id')::uuid,
    updated_by         uuid,
    primary key (tenant_id, id),
    constraint consent_ends_after_grant check (expires_at is null or expires_at > granted_at)
);
create index consent_by_subject on kernel.consent (tenant_id, subject_kind, subject_id, purpose, granted_at);
select kernel.govern('kernel.consent', '{revoked_reason}');

-- What was consented to is not rewritten; a consent ends once, and stays ended.
create function kernel.guard_consent() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        if new.revoked_at is null then return new; end if;
    elsif old.revoked_at is null
          and to_jsonb(new) - '{revoked_at,revoked_reason,version,updated_at,updated_by}'::text[]
            = to_jsonb(old) - '{revoked_at,revoked_reason,version,updated_at,updated_by}'::text[]
    then
        return new;
    end if;
    raise exception 'a consent is evidence: it can only be revoked, once' using errcode = 'RV601';
end $$;
create trigger guard_consent before insert or update on kernel.consent
    for each row execute function kernel.guard_consent();
comment on table kernel.consent is 'Consents, as evidence. They change once, when they are revoked.';
reset role;
