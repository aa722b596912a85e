//! Requests on the school.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use kernel::{
    authz::{Answer, Authorized, Committed, Fetched, Permission},
    http::{Body, Patch, Problem},
    place::Place,
    postgres_types::Json,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, SchoolRow},
};
use crate::{
    ferpa::by_slice,
    permissions::{ReadSchool, WriteSchool},
};

/// What is to change.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SchoolBody {
    /// What other systems call the school.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub external_id: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub domain: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<Config>)]
    pub config: Patch<Config>,
    /// Whose statutes hold, such as `us-oh`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub jurisdiction: Patch<String>,
    /// In whose calendar days and ages are read (IANA name).
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub time_zone: Patch<String>,
    /// For head injuries from now on: `zurich_2012`, `berlin_2016` or `amsterdam_2022`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub rtp_protocol: Patch<String>,
}

/// A school's branding, and what its sports are called.
#[derive(Clone, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_color: Option<String>,
    /// An `https` URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_url: Option<String>,
    /// By the code that athletes and teams have.
    #[serde(default)]
    pub sport_names: BTreeMap<String, String>,
}

/// A school.
#[derive(Serialize, ToSchema)]
pub struct School {
    id: Uuid,
    external_id: Option<String>,
    name: String,
    domain: Option<String>,
    config: Config,
    time_zone: String,
    /// For those who run the school.
    #[serde(skip_serializing_if = "Option::is_none")]
    jurisdiction: Option<String>,
    /// The version of the statute pack in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    statute_pack: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtp_protocol: Option<String>,
}

fn view(row: SchoolRow) -> Answer<School> {
    let version = row.version;
    let school = School {
        id: row.id,
        external_id: row.external_id,
        name: row.name,
        domain: row.domain,
        config: row.config.map(|Json(config)| config).unwrap_or_default(),
        time_zone: row.time_zone,
        jurisdiction: row.jurisdiction,
        statute_pack: row.statute_pack,
        rtp_protocol: row.rtp_protocol,
    };
    match version {
        Some(version) => Answer::ok(school).version(version),
        None => Answer::ok(school),
    }
}

pub async fn read(act: Authorized<ReadSchool>, (): ()) -> Result<Fetched<School>, Problem> {
    let find = by_slice!(act; sql::find_school,
        sql::find_school_for_coach,
        sql::find_school_for_family,
    );
    act.fetch_one(find(), view).await
}

pub async fn change(
    act: Authorized<WriteSchool>,
    Body(body): Body<SchoolBody>,
) -> Result<Committed<School>, Problem> {
    let expected = act.expected_version()?;
    let today = act.now().to_zoned(TimeZone::UTC).date();
    let columns = rules::parse::<WriteSchool>(body, &act.statutes(), today)?;
    act.write(sql::save_school(expected, columns), |row, _| view(row)).await
}

/// The caller's school's place in law and time.
///
/// # Errors
/// What [`Problem`] says of the database's failure.
pub async fn place<P: Permission>(act: &Authorized<P>) -> Result<Place, Problem> {
    let row = act.look_up(sql::find_place()).await?.into_iter().next();
    let row = row.ok_or_else(Problem::not_found)?;
    Place::stored(row.jurisdiction, &row.time_zone, &row.rtp_protocol)
}
