-- Why: who speaks FHIR asks for doctors by an id, for patients by a part of their name, by birth date and by when they
-- changed, and books under an identifier of their own so that a retry books nothing twice.
set role reeve_owner;

-- The id of a doctor, who is on record by a document alone: the same for ever, another at each tenant. A version 8
-- UUID (RFC 9562 section 5.8).
create function clinic.practitioner_id(tenant uuid, doc_type text, doc_number text) returns uuid
language plpgsql immutable strict parallel safe as $$
declare
    hash bytea := substr(sha256(convert_to(concat_ws('/', tenant::text, doc_type, doc_number), 'UTF8')), 1, 16);
begin
    hash := set_byte(hash, 6, (get_byte(hash, 6) & 15) | 128);
    return encode(set_byte(hash, 8, (get_byte(hash, 8) & 63) | 128), 'hex')::uuid;
end $$;

-- A column, for under a policy no expression is an index's.
alter table clinic.appointment
    add column practitioner_id uuid not null
        generated always as (clinic.practitioner_id(tenant_id, doctor_doc_type_id, doctor_doc_number)) stored,
    -- `system|value`, as another system calls it.
    add column external_identifier text;
create index appointment_by_practitioner on clinic.appointment
    (tenant_id, practitioner_id, start_utc, id) where deleted_at is null;
create index appointment_by_update on clinic.appointment (tenant_id, updated_at, id) where deleted_at is null;
create unique index appointment_identifier_taken on clinic.appointment (tenant_id, external_identifier)
    where deleted_at is null and external_identifier is not null;

create index patient_by_update on clinic.patient (tenant_id, updated_at, id) where deleted_at is null;
create index patient_by_birth_date on clinic.patient (tenant_id, birth_date, id) where deleted_at is null;

-- A name as it is compared: in small letters, without accents.
create function clinic.fold(given text) returns text language sql immutable parallel safe
    return translate(lower(btrim(given)), 'áàâäãéèêëíìîïóòôöõúùûüñç', 'aaaaaeeeeiiiiooooouuuunc');

-- The beginnings of a person's names, three and six letters long: `g:` of a given name, `f:` of a family name, `n:` of
-- either. Few, for each is an entry of the index.
create function clinic.name_keys(first text, middle text, last text, second text) returns text[]
language plpgsql immutable parallel safe as $$
begin
    return (select coalesce(array_agg(keys.kind || left(names.name, keys.long)), '{}')
              from (values ('g:', clinic.fold(first)), ('g:', clinic.fold(middle)),
                           ('f:', clinic.fold(concat_ws(' ', last, second))), ('f:', clinic.fold(second))) names (kind, name),
                   lateral (values (names.kind, 3), (names.kind, 6), ('n:', 3), ('n:', 6)) keys (kind, long)
             where length(names.name) >= keys.long);
end $$;

-- What is looked for by name, `f:Rojas`, as the key that it begins with.
create function clinic.name_key(wanted text) returns text language sql immutable parallel safe
    return left(wanted, 2) || left(clinic.fold(substr(wanted, 3)),
                                   case when length(clinic.fold(substr(wanted, 3))) >= 6 then 6 else 3 end);

create index patient_by_name on clinic.patient using gin
    (tenant_id, clinic.name_keys(first_name, middle_name, last_name, second_last_name)) where deleted_at is null;
alter policy search on clinic.patient using (
    tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
    and custom_fields @> (nullif(current_setting('app.search', true), '')::jsonb -> 'custom_fields')
    and phones @> array(select jsonb_array_elements_text(
            nullif(current_setting('app.search', true), '')::jsonb -> 'phones'))
    and clinic.name_keys(first_name, middle_name, last_name, second_last_name) @> array(
            select clinic.name_key(wanted) from jsonb_array_elements_text(
                nullif(current_setting('app.search', true), '')::jsonb -> 'names') wanted));
reset role;
