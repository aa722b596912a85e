-- Why: law changes without a release. What a statute asks is data with dates: the server decides by it,
-- and triggers read the same rows, so that neither can hold another law than the other.
set role reeve_owner;

-- Reference data of no tenant. A version is never changed: a changed law is a new version, and records
-- go on naming the one that they were decided under. Versions sort as text, byte by byte.
create table kernel.statute_pack (
    jurisdiction    text not null,
    version         text collate "C" primary key check (starts_with(version, jurisdiction || '/')),
    -- In years: from then on a person consents alone.
    age_of_majority integer not null,
    text            text not null,
    loaded_at       timestamptz not null
);
create index statute_pack_by_jurisdiction on kernel.statute_pack (jurisdiction, version);
create table kernel.statute_rule (
    version         text collate "C" not null references kernel.statute_pack (version),
    citation        text not null,
    kind            text not null check (kind in ('concussion', 'mandated_report', 'minor_consent')),
    effective_from  date,
    effective_until date,
    -- The law's own fields, under the names that the pack's file has.
    parameters      jsonb not null check (jsonb_typeof(parameters) = 'object'),
    position        integer not null,
    primary key (version, position)
);
grant select on kernel.statute_pack, kernel.statute_rule to reeve_app;

-- The version by which a jurisdiction's events are decided now; null where there is no pack.
create function kernel.pack_version(p_jurisdiction text) returns text language sql stable as $$
    select max(version) from kernel.statute_pack where jurisdiction = p_jurisdiction;
$$;

create function kernel.age_of_majority(p_jurisdiction text) returns integer language sql stable as $$
    select age_of_majority from kernel.statute_pack where version = kernel.pack_version(p_jurisdiction);
$$;

-- The rules of one kind that hold on the day of an event, in the pack's order. No row may mean that
-- there is no pack: who opens a gate by an absent rule asks kernel.pack_version too.
create function kernel.statute(p_jurisdiction text, p_kind text, p_day date) returns setof kernel.statute_rule
language sql stable as $$
    select r.* from kernel.statute_rule r
     where r.version = kernel.pack_version(p_jurisdiction) and r.kind = p_kind
       and (r.effective_from is null or r.effective_from <= p_day)
       and (r.effective_until is null or p_day < r.effective_until)
     order by r.position;
$$;

-- Replicas keep the packs read; a new one makes them read again.
alter table kernel.credential_change add column of_statutes boolean not null default false;
create function kernel.announce_statutes() returns trigger language plpgsql as $$
begin
    insert into kernel.credential_change (id, of_statutes) values (gen_random_uuid(), true);
    return null;
end $$;
create trigger announce after insert on kernel.statute_pack
    for each row execute function kernel.announce_statutes();
reset role;
