//! Requests from the sideline.

use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Committed, TenantTx},
    http::{Body, Patch, Problem, Reference},
    place::Place,
    privacy::Reveal,
};
use policy::statutes::Statutes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules::{self, NewEntry},
    sql::{self, EntryRow, LockedAthlete},
};
use crate::{permissions::WriteEvent, return_to_play};

/// What was seen.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryBody {
    /// The caller's own, when it is said.
    pub school_id: Option<String>,
    /// The athlete's id or `external_id`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub athlete_id: Patch<Reference>,
    #[serde(default)]
    #[schema(value_type = String)]
    pub body_part: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub mechanism: Patch<String>,
    /// `mild`, `moderate` or `severe`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub severity: Patch<String>,
    #[serde(default)]
    pub removed_from_play: bool,
    /// Then it is a case of the head, whatever was hit; an injury of the head is one in any case.
    #[serde(default)]
    pub suspected_concussion: bool,
    /// When; now unless said.
    #[serde(alias = "timestamp")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub occurred_at: Option<Timestamp>,
    /// For all who see the event.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub note: Patch<String>,
    /// For the trainer alone.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub clinical_notes: Patch<String>,
    /// `at` (always), `coach`, `parent`.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub visibility: Patch<Vec<String>>,
    /// The phone's own name of the entry, so that it is taken once.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub client_id: Patch<String>,
}

/// What became of an entry.
#[derive(Serialize, ToSchema)]
pub struct Entry {
    case_id: Uuid,
    event_id: Uuid,
    school_id: Uuid,
    athlete_id: Uuid,
    /// Whose name a trainer sees on the phone.
    athlete: String,
    body_part: String,
    severity: String,
    /// `cleared`, `restricted` or `out`: the worst over the athlete's active cases.
    athlete_status: String,
    /// The case was opened by this entry.
    case_opened: bool,
    #[schema(value_type = String, format = DateTime)]
    occurred_at: Timestamp,
}

fn view(row: EntryRow, reveal: &Reveal) -> Entry {
    let (first, last) = (row.first_name.reveal(reveal), row.last_name.reveal(reveal));
    Entry {
        case_id: row.case_id,
        event_id: row.id,
        school_id: row.tenant_id,
        athlete_id: row.athlete_id,
        athlete: format!("{first} {last}"),
        body_part: row.body_part.reveal(reveal),
        severity: row.severity,
        athlete_status: row.athlete_status,
        case_opened: row.case_opened,
        occurred_at: row.occurred_at,
    }
}

pub async fn create(
    act: Authorized<WriteEvent>,
    Body(body): Body<EntryBody>,
) -> Result<Committed<Entry>, Problem> {
    let (now, statutes, school) = (act.now(), act.statutes(), body.school_id.clone());
    let entry = rules::parse(body, now)?;
    act.transact(|tx| {
        Box::pin(async move {
            let Reference { id, external_id } = entry.athlete.clone();
            let athlete = tx.run(sql::lock_athlete(id, external_id, school)).await?;
            let athlete = athlete.into_iter().next().ok_or_else(unknown_athlete)?;
            if !athlete.of_school {
                let msg = "your credential is of another school: leave this field out";
                return Err(Problem::field(&["body", "school_id"], "unknown", msg));
            }
            let LockedAthlete { jurisdiction, time_zone, rtp_protocol, .. } = &athlete;
            let place = Place::stored(jurisdiction.clone(), time_zone, rtp_protocol)?;
            let event = match known(tx, athlete.id, &entry).await? {
                Some(event) => return Ok(Answer::ok(found(tx, event).await?)),
                None => record(tx, athlete.id, entry, &place, (&statutes, now)).await?,
            };
            let entry = found(tx, event).await?;
            let timeline = format!("/api/v1/cases/{}/timeline", entry.case_id);
            Ok(Answer::created(entry, timeline))
        })
    })
    .await
}

fn unknown_athlete() -> Problem {
    Problem::field(&["body", "athlete_id"], "unknown", "there is no such athlete")
}

/// The entry that this one is a copy of.
async fn known(
    tx: &mut TenantTx<'_>,
    athlete: Uuid,
    entry: &NewEntry,
) -> Result<Option<Uuid>, Problem> {
    let Some(client_id) = entry.client_id.clone() else { return Ok(None) };
    let find = sql::find_copy(client_id, athlete, entry.columns.clone());
    match tx.run(find).await?.into_iter().next() {
        Some(copy) if copy.same => Ok(Some(copy.id)),
        Some(_) => {
            let detail = "another entry has this client_id: give each a name of its own";
            Err(Problem::conflict("client_id_taken", detail))
        }
        None => Ok(None),
    }
}

async fn record(
    tx: &mut TenantTx<'_>,
    athlete: Uuid,
    entry: NewEntry,
    place: &Place,
    (statutes, now): (&Statutes, Timestamp),
) -> Result<Uuid, Problem> {
    let head_injury = entry.head_injury;
    let (case, event) = (tx.new_id(), tx.new_id());
    let rtp = entry.head_injury.then(|| {
        json!({
            "id": tx.new_id(),
            "protocol": place.protocol.code(),
            "entered_at": now.to_string(),
            "removed_on": place.local(entry.occurred_at).date().to_string(),
            "stages": rules::stages(place.protocol),
        })
    });
    let (at, law) = (entry.occurred_at, place.jurisdiction.clone());
    let insert = sql::record_entry(athlete, case, event, at, entry.columns, entry.words, law, rtp);
    let written = tx.run(insert).await?.into_iter().next().ok_or_else(Problem::not_found)?;
    if head_injury && written.joined_open {
        // Another blow: what was cleared was the one before.
        return_to_play::go_back(tx, written.case_id, place, statutes, now).await?;
    }
    Ok(event)
}

async fn found(tx: &mut TenantTx<'_>, event: Uuid) -> Result<Entry, Problem> {
    let view =
        |rows: Vec<EntryRow>, reveal: &Reveal| rows.into_iter().next().map(|row| view(row, reveal));
    tx.judge(sql::find_entry(event), view).await?.ok_or_else(Problem::not_found)
}
