-- Why: what a person may have erased (POPIA s24) must become unreadable everywhere at once: in the tables, in the
-- ledger, which nobody may change, and in backups, which nobody can. So personal values are sealed under a key of
-- that person; to erase is to destroy the key. The keys lie in a schema of their own, backed up apart
-- (`pg_dump --exclude-schema=vault`). docs/decisions/0014-sealed-under-a-persons-key.md
--
-- reeve_vault   owns the keys and the functions that use them; nobody logs in as it.
do $$
begin
    if not exists (select from pg_roles where rolname = 'reeve_vault') then
        create role reeve_vault nologin noinherit;
    end if;
    if not pg_has_role(current_user, 'reeve_vault', 'member') then
        execute format('grant reeve_vault to %I', current_user);
    end if;
    execute format('grant create on database %I to reeve_vault', current_database());
end $$;
-- A trusted extension of PostgreSQL's own contrib, like the two of 0001.
create extension if not exists pgcrypto with schema public;

set role reeve_owner;
grant usage on schema kernel to reeve_vault;
-- `RVS1`, the key's id (16 bytes), a random initialisation vector (16), AES-256-CBC.
create domain kernel.sealed as bytea
    constraint sealed_as_a_whole check (substr(value, 1, 4) = '\x52565331' and length(value) >= 52);
grant create on schema kernel to reeve_vault;
reset role;

set role reeve_vault;
create schema vault;
create table vault.subject_key (
    tenant_id    uuid not null,
    id           uuid not null,
    key          bytea check (length(key) = 32),
    created_at   timestamptz not null default now(),
    destroyed_at timestamptz,
    primary key (tenant_id, id),
    constraint key_until_destroyed check ((key is null) = (destroyed_at is not null))
)
-- A destroyed key is a dead tuple until it is vacuumed: soon, and whatever else there is to do.
with (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0);
alter table vault.subject_key enable row level security;
alter table vault.subject_key force row level security;
create policy tenant on vault.subject_key to reeve_vault
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

-- What blind indexes are keyed with; one for all tenants, since a login may name none.
create table vault.pepper (
    the_only boolean primary key default true check (the_only),
    pepper   bytea not null check (length(pepper) = 32)
);
insert into vault.pepper (pepper) values (public.gen_random_bytes(32));

-- Seals a value under a key of this tenant, which is made at first use. Whoever seals and whoever erases take turns
-- at the key's row. RV701: the key was destroyed.
create function kernel.seal(p_key uuid, p_value text) returns kernel.sealed
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
    iv bytea;
    own bytea;
begin
    if p_value is null then return null; end if;
    select key into own from vault.subject_key where tenant_id = tenant and id = p_key for share;
    if not found then
        insert into vault.subject_key (tenant_id, id, key) values (tenant, p_key, public.gen_random_bytes(32))
        on conflict do nothing;
        select key into own from vault.subject_key where tenant_id = tenant and id = p_key for share;
    end if;
    if own is null then
        raise exception 'this person''s data was erased' using errcode = 'RV701';
    end if;
    iv := public.gen_random_bytes(16);
    return '\x52565331'::bytea || uuid_send(p_key) || iv
        || public.encrypt_iv(convert_to(p_value, 'UTF8'), own, iv, 'aes');
end $$;

-- A key that the running statement has made itself, which a stable function does not see.
create function vault.find_new(p_tenant uuid, p_key uuid) returns bytea language plpgsql volatile as $$
begin
    return (select key from vault.subject_key where tenant_id = p_tenant and id = p_key);
end $$;

-- The value, or null when its key is destroyed or another tenant's.
create function kernel.open(p_value kernel.sealed) returns text
language plpgsql stable security definer cost 1000 set search_path = pg_catalog, pg_temp as $$
declare
    tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
    subject uuid;
    own bytea;
begin
    if p_value is null then return null; end if;
    subject := encode(substr(p_value, 5, 16), 'hex')::uuid;
    select key into own from vault.subject_key where tenant_id = tenant and id = subject;
    if not found then own := vault.find_new(tenant, subject); end if;
    if own is null then return null; end if;
    return convert_from(public.decrypt_iv(substr(p_value, 37), own, substr(p_value, 21, 16), 'aes'), 'UTF8');
end $$;

-- What stands for a value where it must be found or be unique: the same for the same value, and nobody without the
-- pepper can try values.
create function kernel.blind(p_value text) returns bytea
language plpgsql stable security definer cost 1000 set search_path = pg_catalog, pg_temp as $$
begin
    return public.hmac(convert_to(p_value, 'UTF8'), (select pepper from vault.pepper), 'sha256');
end $$;

-- Destroys a key of this tenant, for good: also one that was never used cannot be made any more.
create function kernel.destroy_key(p_key uuid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into vault.subject_key as k (tenant_id, id, destroyed_at)
    values (nullif(current_setting('app.tenant_id', true), '')::uuid, p_key, now())
    on conflict (tenant_id, id) do update set key = null, destroyed_at = excluded.destroyed_at where k.key is not null;
end $$;
revoke all on function kernel.seal(uuid, text), kernel.open(kernel.sealed), kernel.blind(text), kernel.destroy_key(uuid)
    from public;
grant execute on function kernel.seal(uuid, text), kernel.destroy_key(uuid) to reeve_app, reeve_owner;
grant execute on function kernel.open(kernel.sealed) to reeve_app, reeve_owner, reeve_search;
grant execute on function kernel.blind(text) to reeve_app, reeve_owner, reeve_keeper;
reset role;

set role reeve_owner;
revoke create on schema kernel from reeve_vault;

-- Rows there are: rewritten in place. A rewrite is no change of the record, so it leaves no entry.
create function kernel.seal_as(p_tenant uuid, p_key uuid, p_value text) returns kernel.sealed language plpgsql as $$
begin
    perform set_config('app.tenant_id', p_tenant::text, true);
    return kernel.seal(p_key, p_value);
end $$;

drop index kernel.account_email_taken;
drop index kernel.account_by_email;
alter table kernel.account drop constraint account_email_check, drop constraint account_full_name_check,
    add column email_index bytea;
alter table kernel.account
    alter column email_index type bytea using kernel.blind(email),
    alter column email type kernel.sealed using kernel.seal_as(tenant_id, id, email),
    alter column full_name type kernel.sealed using kernel.seal_as(tenant_id, id, full_name),
    alter column phone type kernel.sealed using kernel.seal_as(tenant_id, id, phone);
alter table kernel.account add constraint account_is_found check (email_index is not null or deleted_at is not null);
-- S-026, S-073, as before.
create unique index account_email_taken on kernel.account (tenant_id, email_index) where deleted_at is null;
create index account_by_email on kernel.account (email_index) where deleted_at is null;
drop trigger ledger on kernel.account;
create trigger ledger after insert or update or delete on kernel.account
    for each row execute function audit.record('password_hash', 'email_index');
-- Who somebody is at a provider may be an address: the ledger does not keep it.
drop trigger ledger on kernel.identity;
create trigger ledger after insert or update or delete on kernel.identity
    for each row execute function audit.record('subject');

alter table kernel.consent drop constraint consent_grantor_check,
    add constraint consent_grantor_check check (grantor in ('self', 'parent', 'guardian', 'competent_person', 'other')),
    add column purpose_description kernel.sealed,
    -- POPIA s11(1)(a) to (f), where the organisation says under which it processes.
    add column lawful_basis text constraint consent_lawful_basis check (lawful_basis in
        ('consent', 'contract', 'legal_obligation', 'interest_of_subject', 'public_law_duty', 'legitimate_interest')),
    add column revoked_channel text constraint consent_revoked_channel
        check (revoked_channel is null or revoked_channel ~ '^[a-z][a-z0-9_]{0,31}$' and revoked_at is not null);
alter table kernel.consent
    -- Who consents for themselves is named by their own record.
    alter column grantor_name drop not null,
    alter column grantor_name type kernel.sealed using kernel.seal_as(tenant_id, subject_id, grantor_name),
    alter column relation type kernel.sealed using kernel.seal_as(tenant_id, subject_id, relation),
    alter column document_reference type kernel.sealed using kernel.seal_as(tenant_id, subject_id, document_reference),
    alter column revoked_reason type kernel.sealed using kernel.seal_as(tenant_id, subject_id, revoked_reason);
drop function kernel.seal_as(uuid, uuid, text);
select set_config('app.tenant_id', '', true);

-- As before; the way in which it was revoked comes with the revocation.
create or replace function kernel.guard_consent() returns trigger language plpgsql as $$
declare
    of_the_end constant text[] := '{revoked_at,revoked_reason,revoked_channel,version,updated_at,updated_by}';
begin
    if tg_op = 'INSERT' then
        if new.revoked_at is null then return new; end if;
    elsif old.revoked_at is null and to_jsonb(new) - of_the_end = to_jsonb(old) - of_the_end then
        return new;
    end if;
    raise exception 'a consent is evidence: it can only be revoked, once' using errcode = 'RV601';
end $$;

-- What is held about a person, by table: the rows as they read, without secrets. `p_tables` is what the privacy
-- classes say (policy::Classes::subject_tables).
create function kernel.held_about(p_subject uuid, p_tables jsonb) returns jsonb language plpgsql stable as $$
declare
    part jsonb;
    found_rows jsonb;
    held jsonb := '{}';
begin
    for part in select jsonb_array_elements(p_tables) loop
        execute format('select jsonb_agg(audit.opened($3, to_jsonb(r) - $2)) from %s r'
                       ' where r.tenant_id = kernel.tenant() and r.%I = $1',
                       (part ->> 'table')::regclass, part ->> 'subject')
           into found_rows
          using p_subject, array(select jsonb_array_elements_text(part -> 'secret')), part ->> 'table';
        if found_rows is not null then
            held := held || jsonb_build_object(part ->> 'table', found_rows);
        end if;
    end loop;
    return held;
end $$;

-- What an erasure would do, by table that has rows: how many, which columns become unreadable, which stay and by
-- which rule.
create function kernel.erasure_plan(p_subject uuid, p_tables jsonb) returns jsonb language plpgsql stable as $$
declare
    part jsonb;
    counted bigint;
    plan jsonb := '[]';
begin
    for part in select jsonb_array_elements(p_tables) loop
        execute format('select count(*) from %s r where r.tenant_id = kernel.tenant() and r.%I = $1',
                       (part ->> 'table')::regclass, part ->> 'subject')
           into counted using p_subject;
        continue when counted = 0;
        plan := plan || jsonb_build_object(
            'table', part ->> 'table', 'rows', counted, 'stays', part -> 'keeps',
            'goes', (select coalesce(jsonb_agg(a.attname order by a.attname), '[]') from pg_attribute a
                      where a.attrelid = (part ->> 'table')::regclass and a.atttypid = 'kernel.sealed'::regtype
                        and not a.attisdropped));
    end loop;
    return plan;
end $$;

-- Erasures of a tenant and requests that will keep an answer take turns: those that run may have read what is erased,
-- and keep their answers before the erasure looks for such answers; those that come later find nothing to read.
create function kernel.erasure_turn() returns bigint language plpgsql stable as $$
begin
    return hashtextextended('erasure/' || kernel.tenant(), 0);
end $$;

-- As before, after its turn.
create or replace function kernel.claim_idempotency(p_route text, p_key text, p_hash bytea) returns boolean
language plpgsql as $$
begin
    perform pg_advisory_xact_lock_shared(kernel.erasure_turn());
    if not pg_try_advisory_xact_lock(hashtextextended(
        concat_ws('/', kernel.tenant(), kernel.setting('app.actor_id'), p_route, p_key), 0))
    then
        raise exception 'a request with this key is running' using errcode = 'RV409';
    end if;
    insert into kernel.idempotency as kept (tenant_id, route, key, request_hash)
    values (kernel.tenant(), p_route, p_key, p_hash)
    on conflict (tenant_id, actor_id, route, key) do update
        set request_hash = excluded.request_hash, expires_at = excluded.expires_at,
            status = null, location = null, etag = null, body = null
        where kept.expires_at < now();
    if not found then
        raise exception 'a request with this key has ended' using errcode = 'RV208';
    end if;
    return true;
end $$;

-- Erases a person: destroys their key and ends what they could do here. Its own changes are in the ledger, like any.
create function kernel.erase(p_subject uuid) returns void language plpgsql as $$
begin
    perform pg_advisory_xact_lock(kernel.erasure_turn());
    perform kernel.destroy_key(p_subject);
    update kernel.one_time_code set used_at = now()
     where tenant_id = kernel.tenant() and account_id = p_subject and used_at is null;
    -- Who comes back through a provider is somebody new.
    update kernel.identity set subject = id::text
     where tenant_id = kernel.tenant() and account_id = p_subject and subject <> id::text;
    update kernel.consent set revoked_at = kernel.now()
     where tenant_id = kernel.tenant() and subject_id = p_subject and revoked_at is null
       and (expires_at is null or expires_at > kernel.now());
    update kernel.account
       set deleted_at = coalesce(deleted_at, now()), state = 'disabled', password_hash = null, email_index = null
     where tenant_id = kernel.tenant() and id = p_subject and (deleted_at is null or email_index is not null);
    -- The next sweep removes the rows; a request under the same key begins anew.
    update kernel.idempotency set body = null, location = null, etag = null, expires_at = '-infinity'
     where tenant_id = kernel.tenant()
       and (actor_id = p_subject or strpos(location, p_subject::text) > 0
            or position(convert_to(p_subject::text, 'UTF8') in body) > 0);
end $$;
reset role;

set role reeve_ledger;
-- An image of a table's row with its sealed columns opened, as far as their keys are there. Whatever stands in another
-- column stays as it is: somebody may have typed what looks sealed. So do values of before the column was sealed.
create function audit.opened(p_resource text, p_image jsonb) returns jsonb language plpgsql stable cost 10000 as $$
declare
    field record;
    whole jsonb := p_image;
begin
    if coalesce(strpos(p_image::text, 'x52565331'), 0) = 0 then return p_image; end if;
    for field in
        select a.attname as name, p_image ->> a.attname as value
          from pg_attribute a
         where a.attrelid = to_regclass(p_resource) and a.atttypid = 'kernel.sealed'::regtype and not a.attisdropped
           and p_image ->> a.attname ~ '^\\x52565331[0-9a-f]{96,}$'
    loop
        begin
            whole := jsonb_set(whole, array[field.name],
                               coalesce(to_jsonb(kernel.open(field.value::bytea::kernel.sealed)), 'null'));
        exception when others then
            null;
        end;
    end loop;
    return whole;
end $$;

-- Everything that touched any of several records, as `search` is for one: `{"record_ids": "{…,…}"}`.
create policy looked on audit.entry for select to reeve_search
    using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
           and (record_id = any ((nullif(current_setting('app.search', true), '')::jsonb ->> 'record_ids')::uuid[])
                or record_ids && (nullif(current_setting('app.search', true), '')::jsonb ->> 'record_ids')::uuid[]));
reset role;

grant create on schema kernel to reeve_keeper;
set role reeve_keeper;
-- As before, by the blind index.
create or replace function kernel.find_login(p_email text, p_hint text, p_host text, p_default text)
returns table (tenant_id uuid, realm text, tenant_active boolean, account_id uuid, state text, role text,
               password_hash text, familiar boolean)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
    place uuid;
    blinded bytea := kernel.blind(p_email);
begin
    if p_hint is not null then
        select t.id into place from kernel.tenant t
         where t.id::text = lower(p_hint) or lower(t.code) = lower(p_hint) or t.name = p_hint
         order by (t.id::text = lower(p_hint)) desc, (lower(t.code) = lower(p_hint)) desc nulls last limit 1;
    else
        select t.id into place from kernel.tenant t where t.host = lower(p_host);
        if place is null then
            select t.id into place from kernel.tenant t
             where (t.id::text = lower(p_default) or lower(t.code) = lower(p_default) or t.name = p_default)
               and exists (select from kernel.account a
                            where a.tenant_id = t.id and a.email_index = blinded and a.deleted_at is null);
        end if;
        if place is null then
            select (array_agg(a.tenant_id))[1] into place from kernel.account a
             where a.email_index = blinded and a.deleted_at is null having count(*) = 1;
        end if;
    end if;
    return query
        select t.id, t.realm, t.is_active, a.id, a.state, a.role, a.password_hash,
               exists (select from kernel.session s
                        where s.tenant_id = a.tenant_id and s.account_id = a.id
                          and s.address = nullif(current_setting('app.address', true), '')::inet
                          and s.created_at > now() - interval '30 days')
          from kernel.tenant t
          left join kernel.account a on a.tenant_id = t.id and a.email_index = blinded and a.deleted_at is null
         where t.id = place;
end $$;

-- What an actor of this tenant is: an account's present role, a key's name.
create function kernel.actor_standing(p_kind text, p_id uuid) returns text
language plpgsql stable security definer cost 1000 set search_path = pg_catalog, pg_temp as $$
declare here uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
begin
    return case p_kind
        when 'user' then (select a.role from kernel.account a where a.tenant_id = here and a.id = p_id)
        when 'api_key' then (select k.name from kernel.api_key k where k.tenant_id = here and k.id = p_id)
    end;
end $$;
revoke all on function kernel.actor_standing(text, uuid) from public;
grant execute on function kernel.actor_standing(text, uuid) to reeve_app, reeve_search;
reset role;
revoke create on schema kernel from reeve_keeper;
