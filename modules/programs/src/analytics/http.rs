//! Requests for analytics.

use std::collections::BTreeSet;

use jiff::civil::Date;
use kernel::{
    authz::{Authorized, Released},
    http::{FromQuery, Problem, Query, QueryReader, parameter},
};
use policy::deidentification::Threshold;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules::{self, Person},
    sql,
};
use crate::{permissions::ReadAnalytics, settings::place_and_threshold};

/// Which participants. Months and groups, and nothing finer: a filter is a way to point at somebody.
pub struct Selection {
    from: Option<Date>,
    to: Option<Date>,
    program_id: Option<Uuid>,
    cohort_id: Option<Uuid>,
}

impl FromQuery for Selection {
    fn read(query: &mut QueryReader) -> Self {
        let mut month = |name: &str, after: bool| {
            let text = query.text(name, 7)?;
            let month = rules::month(&text, after);
            if month.is_none() {
                query.fault(name, "type_error", "expected a month such as 2026-03");
            }
            month
        };
        Self {
            from: month("from", false),
            to: month("to", true),
            program_id: query.parse("program_id", "a UUID"),
            cohort_id: query.parse("cohort_id", "a UUID"),
        }
    }

    fn parameters() -> Vec<Value> {
        let month = || json!({"type": "string", "pattern": "^\\d{4}-\\d{2}$"});
        let uuid = || json!({"type": "string", "format": "uuid"});
        vec![
            parameter("from", month(), "from this month on"),
            parameter("to", month(), "to this month, itself among them"),
            parameter("program_id", uuid(), "of this programme"),
            parameter("cohort_id", uuid(), "of this cohort"),
        ]
    }
}

impl Selection {
    /// Everybody, at any time.
    fn is_whole(&self) -> bool {
        let Self { from, to, program_id, cohort_id } = self;
        from.is_none() && to.is_none() && program_id.is_none() && cohort_id.is_none()
    }

    fn question(&self, what: &str) -> String {
        let Self { from, to, program_id, cohort_id } = self;
        format!("{what} {from:?} {to:?} {program_id:?} {cohort_id:?}")
    }
}

/// A number of participants; null where it would tell of somebody.
#[derive(Serialize, ToSchema)]
pub struct CellView {
    pub age_band: &'static str,
    pub participants: Option<u64>,
    pub suppressed: bool,
}

/// One row of a table.
#[derive(Serialize, ToSchema)]
pub struct RowView {
    pub label: &'static str,
    pub age_bands: Vec<CellView>,
    pub total: CellView,
}

/// People by row and age band.
#[derive(Serialize, ToSchema)]
pub struct Table {
    pub rows: Vec<RowView>,
    /// Of all rows.
    pub age_bands: Vec<CellView>,
    pub total: CellView,
}

impl Default for Table {
    fn default() -> Self {
        let total = CellView { age_band: "all", participants: None, suppressed: true };
        Self { rows: vec![], age_bands: vec![], total }
    }
}

/// A participant without a name.
#[derive(Serialize, ToSchema)]
pub struct CodedParticipant {
    /// Stable in an organisation; made of a secret and of nothing about the person.
    pub participant_code: String,
    /// Null where the number of the band is suppressed.
    pub age_band: Option<String>,
}

/// Who takes part.
#[derive(Serialize, ToSchema)]
pub struct Participation {
    /// The day to which ages refer.
    as_of: String,
    /// The smallest number, above none, that is shown.
    threshold: u32,
    /// Of the whole organisation only: the codes of two selections, joined, would tell a hidden number.
    participants: Vec<CodedParticipant>,
    age_bands: Vec<CellView>,
    total: CellView,
    /// How often they attended, all together.
    sessions_attended: Option<i64>,
}

/// A table of participants.
#[derive(Serialize, ToSchema)]
pub struct Breakdown {
    as_of: String,
    threshold: u32,
    #[serde(flatten)]
    table: Table,
}

/// Whom an answer tells of. Of fewer than the threshold it tells nothing: all of it is hidden.
fn members(people: &[Person], threshold: Threshold) -> BTreeSet<String> {
    let few = threshold.hides(u64::try_from(people.len()).unwrap_or(u64::MAX));
    people.iter().filter(|_| !few).map(|person| person.code.clone()).collect()
}

pub async fn participation(
    act: Authorized<ReadAnalytics>,
    Query(selection): Query<Selection>,
) -> Result<Released<Participation>, Problem> {
    let question = selection.question("participation");
    let (place, threshold) = place_and_threshold(&act).await?;
    let whole = selection.is_whole();
    let today = place.local(act.now()).date();
    let Selection { from, to, program_id, cohort_id } = selection;
    let taking_part = sql::list_taking_part(from, to, program_id, cohort_id);
    let rows = act.aggregate(today, taking_part).await?;
    let attended = rows.iter().map(|row| row.attended).sum();
    let people: Vec<_> = rows
        .into_iter()
        .map(|row| Person {
            code: row.participant_code,
            age_band: row.age_band,
            row: "participants",
        })
        .collect();
    let table = rules::table(&people, &["participants"], threshold);
    let answer = Participation {
        as_of: today.to_string(),
        threshold: threshold.get(),
        participants: if whole { rules::participants(&people, &table) } else { vec![] },
        sessions_attended: (!table.total.suppressed).then_some(attended),
        age_bands: table.age_bands,
        total: table.total,
    };
    act.release(question, members(&people, threshold), threshold, answer).await
}

pub async fn attendance(
    act: Authorized<ReadAnalytics>,
    Query(selection): Query<Selection>,
) -> Result<Released<Breakdown>, Problem> {
    let question = selection.question("attendance");
    let Selection { from, to, program_id, cohort_id } = selection;
    let (place, threshold) = place_and_threshold(&act).await?;
    let taking_part = sql::list_taking_part(from, to, program_id, cohort_id);
    let today = place.local(act.now()).date();
    let rows = act.aggregate(today, taking_part).await?;
    let people = rows.into_iter().map(|row| Person {
        row: rules::share(row.sessions, row.attended),
        code: row.participant_code,
        age_band: row.age_band,
    });
    breakdown(&act, (today, threshold), question, people.collect(), &rules::shares()).await
}

/// Of which programme or cohort.
pub struct Group {
    program_id: Option<Uuid>,
    cohort_id: Option<Uuid>,
}

impl FromQuery for Group {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            program_id: query.parse("program_id", "a UUID"),
            cohort_id: query.parse("cohort_id", "a UUID"),
        }
    }

    fn parameters() -> Vec<Value> {
        Selection::parameters().into_iter().skip(2).collect()
    }
}

pub async fn outcomes(
    act: Authorized<ReadAnalytics>,
    Query(Group { program_id, cohort_id }): Query<Group>,
) -> Result<Released<Breakdown>, Problem> {
    let question = format!("outcomes {program_id:?} {cohort_id:?}");
    let (place, threshold) = place_and_threshold(&act).await?;
    let outcomes = sql::list_outcomes(program_id, cohort_id);
    let today = place.local(act.now()).date();
    let rows = act.aggregate(today, outcomes).await?;
    let people = rows.into_iter().map(|row| Person {
        row: rules::outcome(&row.outcome),
        code: row.participant_code,
        age_band: row.age_band,
    });
    breakdown(&act, (today, threshold), question, people.collect(), &rules::OUTCOMES).await
}

async fn breakdown(
    act: &Authorized<ReadAnalytics>,
    (today, threshold): (Date, Threshold),
    question: String,
    people: Vec<Person>,
    rows: &[&'static str],
) -> Result<Released<Breakdown>, Problem> {
    let answer = Breakdown {
        as_of: today.to_string(),
        threshold: threshold.get(),
        table: rules::table(&people, rows, threshold),
    };
    act.release(question, members(&people, threshold), threshold, answer).await
}
