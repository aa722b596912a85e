//! Statements of analytics. They run as `reeve_deid`, which can read these views and nothing else.

use jiff::civil::Date;
use kernel::{row, statements};
use uuid::Uuid;

row! {
    /// A participant in a selection: a code, an age band, and how often they were there.
    pub struct TakingPart {
        participant_code: String,
        age_band: Option<String>,
        sessions: i64,
        attended: i64,
    }
}

row! {
    /// A participant with goals.
    pub struct OutcomeRow {
        participant_code: String,
        age_band: Option<String>,
        outcome: String,
    }
}

// A view's columns count as nullable, hence `coalesce`.
statements! {
    fn list_taking_part(from: Option<Date>, to: Option<Date>, program: Option<Uuid>, cohort: Option<Uuid>) -> TakingPart
        = "select coalesce(participant_code, '') as participant_code, age_band, sum(sessions)::bigint as sessions, sum(attended)::bigint as attended
             from deid.attendance
            where ($1::date is null or month >= $1) and ($2::date is null or month < $2)
              and ($3::uuid is null or program_id = $3) and ($4::uuid is null or cohort_id = $4)
            group by 1, age_band";

    fn list_outcomes(program: Option<Uuid>, cohort: Option<Uuid>) -> OutcomeRow
        = "select coalesce(o.participant_code, '') as participant_code, o.age_band, coalesce(o.outcome, '') as outcome from deid.outcome o
            where ($1::uuid is null and $2::uuid is null
                   or o.participant_code in (select m.participant_code from deid.membership m
                                              where ($1::uuid is null or m.program_id = $1)
                                                and ($2::uuid is null or m.cohort_id = $2)))";
}
