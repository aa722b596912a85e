//! Statements on the school.

use kernel::{postgres_types::Json, row, statements};
use serde_json::Value;
use uuid::Uuid;

use super::http::Config;

row! {
    /// A school; what runs it is there for those who do.
    pub struct SchoolRow {
        id: Uuid,
        external_id: Option<String>,
        name: String,
        domain: Option<String>,
        config: Option<Json<Config>>,
        time_zone: String,
        jurisdiction: Option<String>,
        statute_pack: Option<String>,
        rtp_protocol: Option<String>,
        version: Option<i32>,
    }
}

row! {
    /// Where the school is, in law and in time.
    pub struct PlaceRow { jurisdiction: String, time_zone: String, rtp_protocol: String }
}

/// A school as a slice shows it.
macro_rules! shown {
    ($schema:literal) => {
        concat!(
            "select s.id, s.external_id, s.name, s.domain, s.config, coalesce(s.time_zone, 'America/New_York') as time_zone,
                    null::text as jurisdiction, null::text as statute_pack, null::text as rtp_protocol,
                    null::integer as version from ",
            $schema,
            ".school s"
        )
    };
}

statements! {
    fn find_school() -> SchoolRow
        = "select t.id, s.external_id, t.name, s.domain, s.config, athletics.time_zone() as time_zone,
                  athletics.jurisdiction() as jurisdiction, kernel.pack_version(athletics.jurisdiction()) as statute_pack,
                  coalesce(s.rtp_protocol, 'amsterdam_2022') as rtp_protocol, coalesce(s.version, 0) as version
             from kernel.tenant t left join athletics.school s on s.tenant_id = t.tenant_id and s.id = t.id
            where t.tenant_id = kernel.tenant() and t.id = kernel.tenant()";

    fn find_school_for_coach() -> SchoolRow = shown!("athletics_coach");

    fn find_school_for_family() -> SchoolRow = shown!("athletics_family");

    fn find_place() -> PlaceRow
        = "select athletics.jurisdiction() as jurisdiction, athletics.time_zone() as time_zone,
                  coalesce((select rtp_protocol from athletics.school s
                             where s.tenant_id = kernel.tenant() and s.id = kernel.tenant()), 'amsterdam_2022') as rtp_protocol";

    /// What is not given keeps its value.
    fn save_school(expected: Option<i32>, columns: Value) -> SchoolRow
        = "with given as (select r.* from jsonb_populate_record(
               coalesce((select s from athletics.school s where s.tenant_id = kernel.tenant() and s.id = kernel.tenant()),
                        (null, null, null, null, '{}', athletics.jurisdiction(), athletics.time_zone(), 'amsterdam_2022',
                         0, null, null, null, null)::athletics.school), $2) r),
           saved as (
             insert into athletics.school as s (tenant_id, id, external_id, domain, config, jurisdiction, time_zone, rtp_protocol)
             select kernel.tenant(), kernel.tenant(), external_id, domain, config, jurisdiction, time_zone, rtp_protocol from given
             on conflict (tenant_id, id) do update
                set external_id = excluded.external_id, domain = excluded.domain, config = excluded.config,
                    jurisdiction = excluded.jurisdiction, time_zone = excluded.time_zone, rtp_protocol = excluded.rtp_protocol
              where kernel.expect_version(s.version, $1)
             returning s.*)
           select s.id, s.external_id, t.name, s.domain, s.config, s.time_zone, s.jurisdiction,
                  kernel.pack_version(s.jurisdiction) as statute_pack, s.rtp_protocol, s.version
             from saved s join kernel.tenant t on t.tenant_id = s.tenant_id and t.id = s.id";
}
