//! Statements on the roster.

use jiff::{Timestamp, civil::Date};
use kernel::{postgres_types::Json, privacy::Pii, row, statements};
use uuid::Uuid;

use crate::athletes::{Restriction, TeamRef};

row! {
    /// A line of the roster, as far as the slice goes.
    pub struct RosterRow {
        id: Uuid,
        external_id: Option<String>,
        first_name: Pii<String>,
        last_name: Pii<String>,
        last_name_key: Pii<String>,
        grade: Option<Pii<String>>,
        sports: Vec<String>,
        teams: Json<Vec<TeamRef>>,
        parent_ids: Option<Vec<Uuid>>,
        current_status: String,
        status_changed_at: Option<Timestamp>,
        restrictions: Pii<Json<Vec<Restriction>>>,
        expected_return_on: Option<Date>,
        active_case_ids: Option<Vec<Uuid>>,
        attention_level: Option<String>,
    }
}

row! {
    /// Whether an athlete may play.
    pub struct StatusRow {
        id: Uuid,
        external_id: Option<String>,
        first_name: Pii<String>,
        last_name: Pii<String>,
        current_status: String,
        status_changed_at: Option<Timestamp>,
        restrictions: Pii<Json<Vec<Restriction>>>,
    }
}

macro_rules! line {
    ($schema:literal, $expected:expr, $parents:expr, $cases:expr, $attention:expr) => {
        concat!(
            "select a.id, a.external_id, a.first_name, a.last_name, a.last_name_key, a.grade, a.sports, ",
            teams_of!($schema), " as teams, ", $parents, " as parent_ids, a.current_status, a.status_changed_at, ",
            restrictions_of!($schema), " as restrictions,
            (select max(", $expected, ") from ", $schema, ".injury_case c
              where c.athlete_id = a.id and c.status = 'active') as expected_return_on, ",
            $cases, " as active_case_ids, ", $attention, " as attention_level
             from ", $schema, ".enrolled a "
        )
    };
}

macro_rules! school {
    () => {
        line!("athletics", "(select max(m.target_on) from athletics.milestone m
                where m.tenant_id = c.tenant_id and m.case_id = c.id)", parents_of!(),
            "array(select c.id from athletics.injury_case c
                    where c.tenant_id = a.tenant_id and c.athlete_id = a.id and c.status = 'active')",
            "(select case when bool_or(c.attention_level = 'urgent') then 'urgent'
                          when bool_or(c.attention_level = 'warning') then 'warning'
                          when count(*) > 0 then 'stable' end
                from athletics.injury_case c
               where c.tenant_id = a.tenant_id and c.athlete_id = a.id and c.status = 'active')")
    };
}

macro_rules! coach {
    () => {
        line!(
            "athletics_coach",
            "c.expected_return_on",
            "null::uuid[]",
            "null::uuid[]",
            "null::text"
        )
    };
}

/// By last name. No name that begins with `prefix` comes after it and more of the last character there is
/// than a name can hold. A team is named by its id, by what others call it, or by its name.
macro_rules! listed {
    ($schema:literal) => {
        concat!(
            "where (a.last_name_key, a.id) > (lower($1), $2)
               and a.last_name_key < lower($3) || repeat(chr(1114111), 101)
               and ($5::text is null or $5 = kernel.tenant()::text
                    or $5 = (select s.external_id from ", $schema, ".school s where s.id = kernel.tenant()))
               and ($6::text is null or exists (
                    select from ", $schema, ".membership t where t.athlete_id = a.id
                       and (t.id::text = lower($6) or t.external_id = $6 or lower(t.name) = lower($6))))
               and ($7::text is null or $7 = any (a.sports) or exists (
                    select from ", $schema, ".school s, jsonb_each_text(s.config -> 'sport_names') n
                     where s.id = kernel.tenant() and lower(n.value) = lower($7) and n.key = any (a.sports)))
               and ($8::text is null or a.grade = $8)
               and ($9::text is null or a.current_status = $9)
             order by a.last_name_key, a.id limit $4"
        )
    };
}

/// All of a slice, or those of it among these.
macro_rules! status {
    ($schema:literal) => {
        concat!(
            "select a.id, a.external_id, a.first_name, a.last_name, a.current_status, a.status_changed_at, ",
            restrictions_of!($schema), " as restrictions from ", $schema, ".enrolled a
              where $1::uuid[] is null or a.id = any ($1)"
        )
    };
}

statements! {
    fn find_line(id: Option<Uuid>, external_id: Option<String>) -> RosterRow, discloses "athletics.athlete"
        = concat!(school!(), "where a.id = ", referred!("athletics"));

    fn find_line_of_coach(id: Option<Uuid>, external_id: Option<String>) -> RosterRow, discloses "athletics.athlete"
        = concat!(coach!(), "where a.id = ", referred!("athletics_coach"));

    fn list_roster(after: Pii<String>, after_id: Uuid, prefix: Pii<String>, limit: i64, school: Option<String>,
                   team: Option<String>, sport: Option<String>, grade: Option<String>, status: Option<String>)
        -> RosterRow, discloses "athletics.athlete" = concat!(school!(), listed!("athletics"));

    fn list_roster_of_coach(after: Pii<String>, after_id: Uuid, prefix: Pii<String>, limit: i64, school: Option<String>,
                            team: Option<String>, sport: Option<String>, grade: Option<String>, status: Option<String>)
        -> RosterRow, discloses "athletics.athlete" = concat!(coach!(), listed!("athletics_coach"));

    fn list_status(among: Option<Vec<Uuid>>) -> StatusRow, discloses "athletics.athlete" = status!("athletics");

    fn list_status_of_coach(among: Option<Vec<Uuid>>) -> StatusRow, discloses "athletics.athlete"
        = status!("athletics_coach");

    fn list_status_of_family(among: Option<Vec<Uuid>>) -> StatusRow, discloses "athletics.athlete"
        = status!("athletics_family");
}
