//! Requests on the settings.

use jiff::tz::TimeZone;
use kernel::{
    authz::{Answer, Authorized, Committed, Fetched, Permission},
    http::{Body, Patch, Problem},
    place::Place,
};
use policy::deidentification::Threshold;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    rules,
    sql::{self, SettingsRow},
};
use crate::permissions::{ReadSettings, WriteSettings};

/// What is to change.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsBody {
    /// Whose statutes hold, such as `us-oh`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub jurisdiction: Patch<String>,
    /// In whose calendar days and ages are read (IANA name).
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub time_zone: Patch<String>,
    /// For return to play that opens from now on: `zurich_2012`, `berlin_2016` or `amsterdam_2022`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub rtp_protocol: Patch<String>,
    /// The smallest number of people, above none, that analytics shows; 5 or more.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub cell_threshold: Patch<i64>,
}

/// The settings in force.
#[derive(Serialize, ToSchema)]
pub struct Settings {
    pub jurisdiction: String,
    /// The version of the statute pack in use.
    pub statute_pack: Option<String>,
    pub time_zone: String,
    pub rtp_protocol: String,
    pub cell_threshold: i32,
}

fn view(row: SettingsRow) -> Settings {
    Settings {
        jurisdiction: row.jurisdiction,
        statute_pack: row.statute_pack,
        time_zone: row.time_zone,
        rtp_protocol: row.rtp_protocol,
        cell_threshold: row.cell_threshold,
    }
}

fn only(rows: Vec<SettingsRow>) -> Result<SettingsRow, Problem> {
    rows.into_iter().next().ok_or_else(Problem::not_found)
}

pub async fn read(act: Authorized<ReadSettings>, (): ()) -> Result<Fetched<Settings>, Problem> {
    act.fetch(sql::find_settings(), |rows| {
        let row = only(rows)?;
        let version = row.version;
        Ok(Answer::ok(view(row)).version(version))
    })
    .await
}

pub async fn change(
    act: Authorized<WriteSettings>,
    Body(body): Body<SettingsBody>,
) -> Result<Committed<Settings>, Problem> {
    let expected = act.expected_version()?;
    let today = act.now().to_zoned(TimeZone::UTC).date();
    let columns = rules::parse(body, &act.statutes(), today)?;
    act.write(sql::save_settings(expected, columns), |row, _| {
        let version = row.version;
        Answer::ok(view(row)).version(version)
    })
    .await
}

/// The caller's organisation's place in law and time.
///
/// # Errors
/// What [`Problem`] says of the database's failure.
pub async fn place<P: Permission>(act: &Authorized<P>) -> Result<Place, Problem> {
    place_and_threshold(act).await.map(|(place, _)| place)
}

/// The same, and from how many people on the organisation counts.
///
/// # Errors
/// What [`Problem`] says of the database's failure.
pub async fn place_and_threshold<P: Permission>(
    act: &Authorized<P>,
) -> Result<(Place, Threshold), Problem> {
    let row = only(act.look_up(sql::find_settings()).await?)?;
    let least = u32::try_from(row.cell_threshold).ok();
    let threshold = least.and_then(|least| Threshold::new(least).ok()).unwrap_or_default();
    Ok((Place::stored(row.jurisdiction, &row.time_zone, &row.rtp_protocol)?, threshold))
}
