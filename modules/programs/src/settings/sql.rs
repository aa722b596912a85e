//! Statements on the settings.

use kernel::{
    http::{Constraint, Problem},
    row, statements,
};
use serde_json::Value;

row! {
    /// The settings in force, the defaults among them.
    pub struct SettingsRow {
        jurisdiction: String,
        statute_pack: Option<String>,
        time_zone: String,
        rtp_protocol: String,
        cell_threshold: i32,
        version: i32,
    }
}

statements! {
    fn find_settings() -> SettingsRow
        = "select d.jurisdiction, kernel.pack_version(d.jurisdiction) as statute_pack, d.time_zone,
                  coalesce(s.rtp_protocol, 'amsterdam_2022') as rtp_protocol,
                  coalesce(s.cell_threshold, 11) as cell_threshold, coalesce(s.version, 0) as version
             from (select programs.jurisdiction() as jurisdiction, programs.time_zone() as time_zone) d
             left join programs.settings s on s.tenant_id = kernel.tenant() and s.id = kernel.tenant()";

    /// What is not given keeps its value.
    fn save_settings(expected: Option<i32>, columns: Value) -> SettingsRow
        = "insert into programs.settings as s (tenant_id, id, jurisdiction, time_zone, rtp_protocol, cell_threshold)
           select kernel.tenant(), kernel.tenant(), coalesce($2::jsonb ->> 'jurisdiction', programs.jurisdiction()),
                  coalesce($2::jsonb ->> 'time_zone', programs.time_zone()),
                  coalesce($2::jsonb ->> 'rtp_protocol', 'amsterdam_2022'), coalesce(($2::jsonb ->> 'cell_threshold')::integer, 11)
           on conflict (tenant_id, id) do update
              set jurisdiction = excluded.jurisdiction, time_zone = excluded.time_zone,
                  rtp_protocol = coalesce($2::jsonb ->> 'rtp_protocol', s.rtp_protocol),
                  cell_threshold = coalesce(($2::jsonb ->> 'cell_threshold')::integer, s.cell_threshold)
            where kernel.expect_version(s.version, $1)
           returning jurisdiction, kernel.pack_version(jurisdiction) as statute_pack, time_zone, rtp_protocol,
                     cell_threshold, version";
}

pub fn constraints() -> Vec<Constraint> {
    let floor = || {
        let detail = "statutory gates and the floor of counts stay as they are";
        Problem::new(403, "statutory_floor", detail).refusing("setting:write")
    };
    vec![Constraint { name: "settings_threshold_floor", problem: floor }]
}
