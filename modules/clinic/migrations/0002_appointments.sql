-- Why: the canonical appointment (M-024, M-025). A doctor cannot be in two places: the exclusion
-- constraint decides, so no two requests can both believe that the time was free.
set role reeve_owner;

create table clinic.appointment (
    tenant_id           uuid not null,
    id                  uuid not null,
    start_utc           timestamptz not null,
    end_utc             timestamptz not null,
    patient_doc_type_id text not null,
    patient_doc_number  text not null,
    doctor_doc_type_id  text not null,
    doctor_doc_number   text not null,
    modality            text not null,
    state               text not null,
    notification_state  text,
    appointment_type    text,
    clinic_id           text,
    comment             text,
    overbook_reason     text,
    custom_fields       jsonb not null default '{}',
    version             integer not null default 1,
    created_at          timestamptz not null default now(),
    updated_at          timestamptz not null default now(),
    created_by          uuid default kernel.setting('app.actor_id')::uuid,
    updated_by          uuid,
    deleted_at          timestamptz,
    primary key (tenant_id, id),
    constraint appointment_custom_fields_object check (jsonb_typeof(custom_fields) = 'object'),
    -- M-054; equal ends are no appointment either.
    constraint appointment_ends_after_start check (end_utc > start_utc),
    -- Half-open: one may end when the next begins. What is cancelled, missed, deleted or
    -- deliberately overbooked takes no place.
    constraint appointment_doctor_taken exclude using gist (
        tenant_id with =, doctor_doc_type_id with =, doctor_doc_number with =,
        tstzrange(start_utc, end_utc, '[)') with &&)
        where (deleted_at is null and overbook_reason is null
               and state not in ('cancelled', 'noshow', 'entered-in-error'))
);
create index appointment_by_time on clinic.appointment (tenant_id, start_utc, id) where deleted_at is null;
create index appointment_by_state on clinic.appointment (tenant_id, state, start_utc, id) where deleted_at is null;
create index appointment_by_patient on clinic.appointment
    (tenant_id, patient_doc_number, start_utc, id) where deleted_at is null;
create index appointment_by_doctor on clinic.appointment
    (tenant_id, doctor_doc_number, start_utc, id) where deleted_at is null;
create index appointment_search on clinic.appointment
    using gin (tenant_id, custom_fields jsonb_path_ops) where deleted_at is null;

select kernel.govern('clinic.appointment', '{comment}');
select kernel.govern_search('clinic.appointment',
    'custom_fields @> (nullif(current_setting(''app.search'', true), '''')::jsonb -> ''custom_fields'')');

-- The second layer of the overbooking gate (P6): who books over another, or moves such a booking,
-- holds the permission, whatever wrote the row.
create function clinic.guard_overbooking() returns trigger language plpgsql as $$
begin
    if new.overbook_reason is null or kernel.setting('app.permission') = 'appointment:overbook' then
        return new;
    end if;
    if tg_op = 'INSERT'
       or (old.overbook_reason, old.start_utc, old.end_utc, old.doctor_doc_type_id, old.doctor_doc_number)
          is distinct from
          (new.overbook_reason, new.start_utc, new.end_utc, new.doctor_doc_type_id, new.doctor_doc_number)
    then
        raise exception 'overbooking needs appointment:overbook' using errcode = 'RV403';
    end if;
    return new;
end $$;
create trigger guard_overbooking before insert or update on clinic.appointment
    for each row execute function clinic.guard_overbooking();
comment on table clinic.appointment is 'A time with a doctor. Times are UTC; ranges are half-open.';
reset role;
