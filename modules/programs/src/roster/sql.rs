//! Statements on the roster. Row-level security adds the tenant to each.

use jiff::{Timestamp, civil::Date};
use kernel::{postgres_types::Json, privacy::Pii, row, statements};
use uuid::Uuid;

use super::http::RosterCohort;

row! {
    /// A line of the roster; of the birth date only the band leaves.
    pub struct RosterRow {
        id: Uuid,
        roster_name: Pii<String>,
        date_of_birth: Pii<Date>,
        today: Date,
        status: String,
        cohorts: Pii<Json<Vec<RosterCohort>>>,
    }
}

macro_rules! list {
    ($where:literal) => {
        concat!(
            "select p.id, p.roster_name, p.date_of_birth,
                    (select ($4::timestamptz at time zone programs.time_zone())::date) as today, p.status,
                    (select coalesce(jsonb_agg(jsonb_build_object('cohort_id', c.id, 'name', c.name)
                                               order by c.name, c.id), '[]')
                       from programs.enrollment e
                      cross join lateral (select c.id, c.name from programs.cohort c where c.id = e.cohort_id limit 1) c
                      where e.participant_id = p.id and e.status = 'active') as cohorts
               from programs.participant p
              where (p.roster_name, p.id) > ($1, $2) and p.deleted_at is null
                and ($5::text is null or p.status = $5) ",
            $where,
            " order by p.roster_name, p.id limit $3"
        )
    };
}

statements! {
    fn list_roster(after_name: Pii<String>, after_id: Uuid, limit: i64, now: Timestamp, status: Option<String>)
        -> RosterRow, discloses "programs.participant" = list!("");

    fn list_roster_of_cohort(after_name: Pii<String>, after_id: Uuid, limit: i64, now: Timestamp,
                             status: Option<String>, cohort: Uuid)
        -> RosterRow, discloses "programs.participant"
        = list!("and exists (select from programs.enrollment e
                              where e.participant_id = p.id and e.cohort_id = $6 and e.status = 'active')");
}
