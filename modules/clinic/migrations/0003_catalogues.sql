-- Why: a tenant may add to a catalogue (an insurer, a modality) without a new release.
set role reeve_owner;

create table clinic.catalogue_entry (
    tenant_id  uuid not null,
    id         uuid not null,
    kind       text not null,
    code       text not null,
    name       text not null,
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    created_by uuid default kernel.setting('app.actor_id')::uuid,
    updated_by uuid,
    deleted_at timestamptz,
    primary key (tenant_id, id),
    constraint catalogue_code_taken unique (tenant_id, kind, code)
);
select kernel.govern('clinic.catalogue_entry', '{}');
comment on table clinic.catalogue_entry is 'Codes that a tenant added to the catalogues that Reeve ships.';
reset role;
