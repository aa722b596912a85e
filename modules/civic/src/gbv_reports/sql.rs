//! Statements on reports of violence.

use jiff::Timestamp;
use kernel::{
    http::{Constraint, Problem},
    privacy::Pii,
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

row! {
    /// A report.
    pub struct ReportRow {
        id: Uuid,
        reference: String,
        kind: String,
        description: Option<Pii<String>>,
        place: Option<Pii<String>>,
        safe_contact: Option<Pii<String>>,
        immediate_danger: bool,
        language: String,
        reported_at: Timestamp,
        status: String,
        saps_case_number: Option<Pii<String>>,
        referred_at: Option<Timestamp>,
        version: i32,
    }
}

row! {
    /// That a report was kept.
    pub struct Kept { reference: String }
}

row! {
    /// Where a report stands.
    pub struct StandingRow { status: Option<String>, referred_at: Option<Timestamp> }
}

macro_rules! columns {
    () => {
        "g.id, g.reference, g.kind, kernel.open(g.description) as description, kernel.open(g.place) as place,
         kernel.open(g.safe_contact) as safe_contact, g.immediate_danger, g.language, g.reported_at, g.status,
         kernel.open(g.saps_case_number) as saps_case_number, g.referred_at, g.version"
    };
}

statements! {
    /// Sealed under a key of the report's own. Who reports may not read reports, not even this one: nothing is returned
    /// of the row.
    fn insert_report(id: Uuid, reference: String, code_hash: Vec<u8>, columns: Pii<Value>, reported_at: Timestamp) -> Kept
        = "with kept as (insert into civic.gbv_report (tenant_id, id, reference, code_hash, kind, description, place, safe_contact,
                  immediate_danger, language, reported_at)
           select kernel.tenant(), $1, $2, $3, x.kind, kernel.seal($1, x.description), kernel.seal($1, x.place),
                  kernel.seal($1, x.safe_contact), coalesce(x.immediate_danger, false), coalesce(x.language, 'en'), $5
             from jsonb_to_record($4) as x(kind text, description text, place text, safe_contact text,
                  immediate_danger boolean, language text))
           select $2::text as reference";

    fn find_standing(reference: String, code_hash: Vec<u8>) -> StandingRow
        = "select s.status, s.referred_at from civic_public.gbv_status s where s.reference = $1 and s.code_hash = $2";

    fn find_report(id: Uuid) -> ReportRow, discloses "civic.gbv_report"
        = concat!("select ", columns!(), " from civic.gbv_report g where g.tenant_id = kernel.tenant() and g.id = $1");

    fn list_reports(before: Timestamp, before_id: Uuid, limit: i64, status: Option<String>)
        -> ReportRow, discloses "civic.gbv_report"
        = concat!("select ", columns!(), " from civic.gbv_report g
            where g.tenant_id = kernel.tenant() and (g.reported_at, g.id) < ($1, $2) and ($4::text is null or g.status = $4)
            order by g.reported_at desc, g.id desc limit $3");

    fn update_report(id: Uuid, columns: Pii<Value>, expected: Option<i32>) -> ReportRow
        = concat!("update civic.gbv_report g
              set status = coalesce(x.status, g.status),
                  saps_case_number = coalesce(kernel.seal(g.id, x.saps_case_number), g.saps_case_number),
                  referred_at = coalesce(g.referred_at, x.referred_at)
             from jsonb_to_record($2) as x(status text, saps_case_number text, referred_at timestamptz)
            where g.tenant_id = kernel.tenant() and g.id = $1 and kernel.expect_version(g.version, $3)
           returning ", columns!());
}

pub fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "gbv_reference_taken",
            problem: || Problem::unavailable("two references met; try again"),
        },
        Constraint {
            name: "gbv_referred_with_a_number",
            problem: || {
                let msg = "say under which number the police have the case";
                Problem::field(&["body", "saps_case_number"], "missing", msg)
            },
        },
        Constraint {
            name: "RV725",
            problem: || {
                let detail = "a report goes forward, and what was reported stays";
                Problem::conflict("report_goes_forward", detail)
            },
        },
    ]
}
