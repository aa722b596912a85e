//! Statements on participants. Row-level security adds the tenant to each.

use jiff::{Timestamp, civil::Date};
use kernel::{
    http::{Constraint, Problem},
    postgres_types::Json,
    privacy::Pii,
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

use super::http::{Address, Contact, Guardian};

row! {
    /// A participant, with everything around.
    pub struct ParticipantRow {
        id: Uuid,
        external_id: Option<Pii<String>>,
        roster_name: Pii<String>,
        first_name: Pii<String>,
        last_name: Pii<String>,
        last_name_key: Pii<String>,
        preferred_name: Option<Pii<String>>,
        date_of_birth: Pii<Date>,
        gender: Option<Pii<String>>,
        school: Option<Pii<String>>,
        grade: Option<Pii<String>>,
        medical_notes: Option<Pii<String>>,
        status: String,
        guardians: Pii<Json<Vec<Guardian>>>,
        contacts: Pii<Json<Vec<Contact>>>,
        addresses: Pii<Json<Vec<Address>>>,
        version: i32,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

/// The row of participant `p`, whose guardians, contacts and addresses are these expressions.
macro_rules! columns {
    ($guardians:expr, $contacts:expr, $addresses:expr) => {
        concat!(
            "p.id, p.external_id, p.roster_name, p.first_name, p.last_name, p.last_name_key, p.preferred_name,
             p.date_of_birth, p.gender, p.school, p.grade, p.medical_notes, p.status, ",
            $guardians, " as guardians, ", $contacts, " as contacts, ", $addresses, " as addresses,
             p.version, p.created_at, p.updated_at"
        )
    };
}

macro_rules! guardians {
    ($from:expr) => {
        concat!(
            "(select coalesce(jsonb_agg(jsonb_build_object('id', g.id, 'full_name', g.full_name,
                     'relation', g.relation, 'email', g.email, 'phone', g.phone, 'is_primary', g.is_primary)
                     order by g.is_primary desc, g.full_name, g.id), '[]') from ", $from, ")"
        )
    };
}
macro_rules! contacts {
    ($from:expr) => {
        concat!(
            "(select coalesce(jsonb_agg(jsonb_build_object('id', c.id, 'full_name', c.full_name,
                     'relation', c.relation, 'phone', c.phone, 'email', c.email, 'priority', c.priority)
                     order by c.priority, c.full_name, c.id), '[]') from ", $from, ")"
        )
    };
}
macro_rules! addresses {
    ($from:expr) => {
        concat!(
            "(select coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'kind', a.kind, 'line1', a.line1,
                     'line2', a.line2, 'city', a.city, 'state', a.state, 'postal_code', a.postal_code,
                     'county', a.county) order by a.kind, a.line1, a.id), '[]') from ", $from, ")"
        )
    };
}

/// As they are kept.
macro_rules! kept {
    (guardians) => {
        guardians!("programs.guardian g where g.participant_id = p.id and g.deleted_at is null")
    };
    (contacts) => {
        contacts!("programs.contact c where c.participant_id = p.id and c.deleted_at is null")
    };
    (addresses) => {
        addresses!("programs.address a where a.participant_id = p.id and a.deleted_at is null")
    };
}

/// The lists of the participant in `written`, where they were sent.
macro_rules! insert_lists {
    () => {
        "guardians as (
             insert into programs.guardian (tenant_id, id, participant_id, full_name, relation, email, phone, is_primary)
             select kernel.tenant(), gen_random_uuid(), p.id, r.full_name, r.relation, r.email, r.phone,
                    coalesce(r.is_primary, false)
               from written p, jsonb_to_recordset($3) r(full_name text, relation text, email text, phone text,
                                                        is_primary boolean)
             returning *),
         contacts as (
             insert into programs.contact (tenant_id, id, participant_id, full_name, relation, phone, email, priority)
             select kernel.tenant(), gen_random_uuid(), p.id, r.full_name, r.relation, r.phone, r.email,
                    coalesce(r.priority, 1)
               from written p, jsonb_to_recordset($4) r(full_name text, relation text, phone text, email text,
                                                        priority integer)
             returning *),
         addresses as (
             insert into programs.address (tenant_id, id, participant_id, kind, line1, line2, city, state,
                    postal_code, county)
             select kernel.tenant(), gen_random_uuid(), p.id, coalesce(r.kind, 'home'), r.line1, r.line2, r.city,
                    r.state, r.postal_code, r.county
               from written p, jsonb_to_recordset($5) r(kind text, line1 text, line2 text, city text, state text,
                                                        postal_code text, county text)
             returning *) "
    };
}

/// What the roster calls somebody for whom no name was chosen: it says nothing about the person.
macro_rules! roster_name {
    ($id:literal) => {
        concat!("coalesce(r.roster_name, 'P-' || upper(right(", $id, "::text, 5)))")
    };
}

statements! {
    fn insert_participant(id: Uuid, columns: Pii<Value>, guardians: Option<Pii<Value>>,
                          contacts: Option<Pii<Value>>, addresses: Option<Pii<Value>>) -> ParticipantRow
        = concat!("with written as (
             insert into programs.participant (tenant_id, id, external_id, roster_name, first_name, last_name,
                    preferred_name, date_of_birth, gender, school, grade, medical_notes, status)
             select kernel.tenant(), $1::uuid, r.external_id, ", roster_name!("$1::uuid"), ", r.first_name,
                    r.last_name, r.preferred_name, r.date_of_birth, r.gender, r.school, r.grade, r.medical_notes,
                    coalesce(r.status, 'active')
               from jsonb_populate_record(null::programs.participant, $2) r
             returning *), ",
         insert_lists!(),
         "select ", columns!(guardians!("guardians g"), contacts!("contacts c"), addresses!("addresses a")),
         " from written p");

    fn find_participant(id: Uuid) -> ParticipantRow, discloses "programs.participant"
        = concat!("select ", columns!(kept!(guardians), kept!(contacts), kept!(addresses)),
            " from programs.participant p where p.id = $1 and p.deleted_at is null");

    /// By last name. No name that begins with `prefix` comes after it and more of the last character there is
    /// than a name can hold.
    fn list_participants(after_name: Pii<String>, after_id: Uuid, prefix: Pii<String>, limit: i64,
                         status: Option<String>) -> ParticipantRow, discloses "programs.participant"
        = concat!("select ", columns!(kept!(guardians), kept!(contacts), kept!(addresses)),
            " from programs.participant p
              where (p.last_name_key, p.id) > (lower($1), $2) and p.last_name_key < lower($3) || repeat(chr(1114111), 101)
                and p.deleted_at is null and ($5::text is null or p.status = $5)
              order by p.last_name_key, p.id limit $4");

    /// There is one at the most, and so no order and no next page.
    fn list_participants_by_external_id(external_id: Pii<String>, prefix: Pii<String>, status: Option<String>)
        -> ParticipantRow, discloses "programs.participant"
        = concat!("select ", columns!(kept!(guardians), kept!(contacts), kept!(addresses)),
            " from programs.participant p
              where p.external_id = $1 and p.deleted_at is null and starts_with(p.last_name_key, lower($2))
                and ($3::text is null or p.status = $3)");

    /// Keys that the change does not have keep their value; a null clears it. The answer's lists are those
    /// just written, since the tables show what was there before the statement began.
    fn update_participant(id: Uuid, columns: Pii<Value>, guardians: Option<Pii<Value>>,
                          contacts: Option<Pii<Value>>, addresses: Option<Pii<Value>>, expected: Option<i32>)
        -> ParticipantRow
        = concat!("with written as (
             update programs.participant p
                set (external_id, roster_name, first_name, last_name, preferred_name, date_of_birth, gender,
                     school, grade, medical_notes, status)
                  = (select r.external_id, ", roster_name!("p.id"), ", r.first_name, r.last_name, r.preferred_name,
                            r.date_of_birth, r.gender, r.school, r.grade, r.medical_notes, r.status
                       from jsonb_populate_record(p, $2) r)
              where p.id = $1 and p.deleted_at is null and kernel.expect_version(p.version, $6)
             returning *),
         former_guardians as (
             update programs.guardian g set deleted_at = now() from written p
              where $3::jsonb is not null and g.participant_id = p.id and g.deleted_at is null),
         former_contacts as (
             update programs.contact c set deleted_at = now() from written p
              where $4::jsonb is not null and c.participant_id = p.id and c.deleted_at is null),
         former_addresses as (
             update programs.address a set deleted_at = now() from written p
              where $5::jsonb is not null and a.participant_id = p.id and a.deleted_at is null), ",
         insert_lists!(),
         "select ", columns!(
             concat!("case when $3::jsonb is null then ", kept!(guardians), " else ", guardians!("guardians g"), " end"),
             concat!("case when $4::jsonb is null then ", kept!(contacts), " else ", contacts!("contacts c"), " end"),
             concat!("case when $5::jsonb is null then ", kept!(addresses), " else ", addresses!("addresses a"), " end")),
         " from written p");
}

pub fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "participant_external_id_taken",
            problem: || {
                let detail = "there is a participant with this external_id: find it with GET /participants?external_id=";
                Problem::conflict("external_id_taken", detail)
            },
        },
        Constraint {
            name: "participant_status_check",
            problem: || {
                Problem::field(&["body", "status"], "enum", "expected one of active, inactive")
            },
        },
        Constraint {
            name: "guardian_relation_check",
            problem: || {
                let msg = "a guardian's relation is one of parent, guardian, other";
                Problem::field(&["body", "guardians"], "enum", msg)
            },
        },
        Constraint {
            name: "contact_priority_check",
            problem: || {
                let msg = "a contact's priority is a whole number from 1 to 9";
                Problem::field(&["body", "contacts"], "range", msg)
            },
        },
        Constraint {
            name: "address_kind_check",
            problem: || {
                let msg = "an address's kind is one of home, mailing, other";
                Problem::field(&["body", "addresses"], "enum", msg)
            },
        },
    ]
}
