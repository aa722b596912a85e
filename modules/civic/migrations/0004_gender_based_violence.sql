-- Why: who reports gender-based violence may be in danger from whoever holds their phone. So a report is tied to no
-- account, is followed by a reference and a code that only the reporter has, is sealed under a key of its own, and
-- is readable by the police liaison and the admin alone: the database shows it to their permissions and no other.
set role reeve_owner;

create table civic.gbv_report (
    tenant_id         uuid not null,
    id                uuid not null,
    -- Says nothing of what it is.
    reference         text not null,
    code_hash         bytea not null check (length(code_hash) = 32),
    kind              text not null check (kind in ('physical', 'sexual', 'emotional', 'economic', 'stalking', 'other')),
    description       kernel.sealed not null,
    place             kernel.sealed,
    -- How to reach the reporter safely, if they want it.
    safe_contact      kernel.sealed,
    -- Whether somebody is in danger now.
    immediate_danger  boolean not null default false,
    language          text not null,
    reported_at       timestamptz not null,
    status            text not null default 'received' check (status in ('received', 'in_review', 'referred', 'closed')),
    -- The police's number of the case; from then on the report is theirs too.
    saps_case_number  kernel.sealed,
    referred_at       timestamptz,
    version           integer not null default 1,
    created_at        timestamptz not null default now(),
    updated_at        timestamptz not null default now(),
    created_by        uuid default kernel.setting('app.actor_id')::uuid,
    updated_by        uuid,
    primary key (tenant_id, id),
    constraint gbv_reference_taken unique (tenant_id, reference),
    check ((saps_case_number is null) = (referred_at is null)),
    constraint gbv_referred_with_a_number check (status <> 'referred' or referred_at is not null)
);
create index gbv_report_in_order on civic.gbv_report (tenant_id, reported_at, id);
create index gbv_report_by_status on civic.gbv_report (tenant_id, status, reported_at, id);
select kernel.govern('civic.gbv_report', '{code_hash}');
select kernel.restrict('civic.gbv_report', 'read_firewall', $$
    coalesce(current_setting('app.permission', true), '') in ('gbv_report:read', 'gbv_report:write') $$, 'select');
select kernel.restrict('civic.gbv_report', 'create_firewall', $$
    current_setting('app.permission', true) = 'gbv_report:create' $$, 'insert');
select kernel.restrict('civic.gbv_report', 'change_firewall', $$
    current_setting('app.permission', true) = 'gbv_report:write' $$, 'update');
-- Nor does the ledger show to others that there is a report.
select audit.keep_confidential('civic.gbv_report');

-- What was reported stays; a report goes forward.
create function civic.guard_gbv_report() returns trigger language plpgsql as $$
declare
    state constant text[] := '{status,saps_case_number,referred_at,version,updated_at,updated_by}';
begin
    if to_jsonb(new) - state <> to_jsonb(old) - state
       or (old.status, new.status) not in (('received', 'received'), ('received', 'in_review'), ('received', 'referred'),
            ('received', 'closed'), ('in_review', 'in_review'), ('in_review', 'referred'), ('in_review', 'closed'),
            ('referred', 'referred'), ('referred', 'closed'))
       or old.referred_at is not null and new.referred_at is distinct from old.referred_at
    then
        raise exception 'a report goes forward, and what was reported stays' using errcode = 'RV725';
    end if;
    return new;
end $$;
create trigger guard_gbv_report before update on civic.gbv_report
    for each row execute function civic.guard_gbv_report();

-- For the public: how many, by kind and month, read as the role that sees nobody and released with small numbers
-- hidden.
create view deid.gbv_report as
    select deid.code(g.id) as code, g.kind, date_trunc('month', g.reported_at at time zone 'Africa/Johannesburg')::date as month
      from civic.gbv_report g
     -- What nobody has looked at may be a stranger's, to find out what is hidden.
     where g.status <> 'received';
select kernel.deid_view('deid.gbv_report');
reset role;
