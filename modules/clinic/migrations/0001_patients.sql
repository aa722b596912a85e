-- Why: the canonical patient (M-022, M-023), findable by document, e-mail, phone and custom fields.
set role reeve_owner;
create schema clinic;
select kernel.open_schema('clinic');

create table clinic.patient (
    tenant_id        uuid not null,
    id               uuid not null,
    doc_type_id      text not null,
    doc_number       text not null,
    first_name       text not null,
    middle_name      text,
    last_name        text not null,
    second_last_name text,
    birth_date       date,
    gender_id        text,
    phones           text[] not null default '{}',
    email            text,
    eps_id           text,
    habeas_data      jsonb,
    custom_fields    jsonb not null default '{}',
    version          integer not null default 1,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now(),
    created_by       uuid default kernel.setting('app.actor_id')::uuid,
    updated_by       uuid,
    deleted_at       timestamptz,
    primary key (tenant_id, id),
    constraint patient_custom_fields_object check (jsonb_typeof(custom_fields) = 'object')
);
-- A document is one patient's, among those that are not deleted (M-093).
create unique index patient_document_taken on clinic.patient (tenant_id, doc_type_id, doc_number)
    where deleted_at is null;
create index patient_by_number on clinic.patient (tenant_id, doc_number, id) where deleted_at is null;
create index patient_by_email on clinic.patient (tenant_id, email, id) where deleted_at is null;
-- M-027. One index serves custom fields and phones; the tenant leads it.
create index patient_search on clinic.patient
    using gin (tenant_id, custom_fields jsonb_path_ops, phones) where deleted_at is null;

select kernel.govern('clinic.patient', '{}');
select kernel.govern_search('clinic.patient',
    'custom_fields @> (nullif(current_setting(''app.search'', true), '''')::jsonb -> ''custom_fields'')
     and phones @> array(select jsonb_array_elements_text(
             nullif(current_setting(''app.search'', true), '''')::jsonb -> ''phones''))');
comment on table clinic.patient is 'A person whom a tenant treats. Deleted ones stay: clinical records are kept by law.';
reset role;
