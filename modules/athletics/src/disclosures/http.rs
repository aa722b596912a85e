//! Requests on disclosures.

use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed, Shown, Sight},
    http::{Body, EVER, List, Named, Page, Paging, Patch, Problem, Query},
    privacy::{Pii, Reveal},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, DisclosureRow},
};
use crate::{
    athletes::known,
    ferpa::{DISCLOSURE, by_slice},
    permissions::{ReadDisclosure, WriteDisclosure},
};

/// A disclosure to be recorded.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DisclosureBody {
    /// To whom.
    #[serde(default)]
    #[schema(value_type = String)]
    pub recipient: Patch<String>,
    /// The legitimate interest of the recipient.
    #[serde(default)]
    #[schema(value_type = String)]
    pub interest: Patch<String>,
    /// `consent`, `health_or_safety_emergency`, `other_school`, `judicial_order`, `audit` or `other`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub basis: Patch<String>,
    /// What of the record.
    #[serde(default)]
    #[schema(value_type = String)]
    pub what: Patch<String>,
    /// Of an emergency.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub threat: Patch<String>,
    /// When; now unless said.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disclosed_at: Option<Timestamp>,
}

/// A disclosure on record.
#[derive(Serialize, ToSchema)]
pub struct Disclosure {
    id: Uuid,
    athlete_id: Uuid,
    #[schema(value_type = String, format = DateTime)]
    disclosed_at: Timestamp,
    recipient: String,
    interest: String,
    /// As recorded, or `inspection`.
    basis: String,
    what: String,
    threat: Option<String>,
    recorded_by: Option<Uuid>,
}

fn view(row: DisclosureRow, reveal: &Reveal, sight: Sight) -> Shown<Disclosure> {
    let disclosure = Disclosure {
        id: row.id,
        athlete_id: row.athlete_id,
        disclosed_at: row.disclosed_at,
        recipient: row.recipient.reveal(reveal),
        interest: row.interest.reveal(reveal),
        basis: row.basis,
        what: row.what.reveal(reveal),
        threat: row.threat.map(|threat| threat.reveal(reveal)),
        recorded_by: row.recorded_by,
    };
    sight.show(&DISCLOSURE, disclosure)
}

pub async fn create(
    act: Authorized<WriteDisclosure>,
    (Named(athlete), Body(body)): (Named, Body<DisclosureBody>),
) -> Result<Committed<Shown<Disclosure>>, Problem> {
    let (columns, sight): (Pii<_>, _) = (rules::parse(body, act.now())?, act.sight());
    let insert = sql::insert_disclosure(act.new_id(), athlete.id, athlete.external_id, columns);
    act.write(insert, move |row, reveal| {
        let location = format!("/api/v1/athletes/{}/disclosures", row.athlete_id);
        Answer::created(view(row, reveal, sight), location)
    })
    .await
}

/// Where a page ended.
#[derive(Serialize, Deserialize)]
struct Last(Timestamp, Uuid);

pub async fn list(
    act: Authorized<ReadDisclosure>,
    (Named(athlete), Query(paging)): (Named, Query<Paging>),
) -> Result<Disclosed<List<Shown<Disclosure>>>, Problem> {
    let athlete = known(&act, athlete).await?;
    let (limit, question) = (paging.limit, format!("disclosures {athlete}"));
    let Last(at, id) = match &paging.cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => Last(EVER.1, Uuid::nil()),
    };
    let family = sql::list_disclosures_of_family;
    let list = by_slice!(act; sql::list_disclosures, family, family);
    act.disclose(list(athlete, at, id, limit + 1), |rows, reveal| {
        let seal = |last: &DisclosureRow| act.seal(&question, &Last(last.disclosed_at, last.id));
        let page = Page::cut(rows, limit, seal)?;
        Ok(Answer::list(page.map(|row| view(row, reveal, act.sight()))))
    })
    .await
}
