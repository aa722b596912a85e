//! Statutes at the command line: listed, and loaded when a law changes.

use jiff::{Timestamp, civil::Date};
use policy::statutes::{BUILT_IN, StatutePack};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{StatuteError, sql::PackText};
use crate::{
    core::Clock,
    db::{Platform, Statement},
    row, statements,
};

row! {
    /// A version: the one just written, or the one in force.
    pub struct Version { version: Option<String> }
}

row! {
    /// A rule of a pack; a pack without rules has one line without them.
    #[derive(Serialize)]
    pub struct RuleInfo {
        jurisdiction: String,
        version: String,
        /// Whether it is the jurisdiction's newest version, by which servers decide.
        newest: bool,
        citation: Option<String>,
        kind: Option<String>,
        effective_from: Option<Date>,
        effective_until: Option<Date>,
    }
}

statements! {
    /// The pack and its rules in one; nothing where the version is there already.
    fn insert_pack(jurisdiction: String, version: String, majority: i32, text: String, loaded_at: Timestamp, rules: Value)
        -> Version
        = "with pack as (
               insert into kernel.statute_pack (jurisdiction, version, age_of_majority, text, loaded_at)
               values ($1, $2, $3, $4, $5)
               on conflict (version) do nothing returning version),
           written as (
               insert into kernel.statute_rule
                      (version, position, citation, kind, effective_from, effective_until, parameters)
               select pack.version, r.position, r.citation, r.kind, r.effective_from, r.effective_until, r.parameters
                 from pack, jsonb_to_recordset($6) as r (position integer, citation text, kind text,
                      effective_from date, effective_until date, parameters jsonb))
           select version from pack";

    fn find_pack(version: String) -> PackText
        = "select text from kernel.statute_pack where version = $1";

    fn find_newest(jurisdiction: String) -> Version = "select kernel.pack_version($1) as version";

    fn list_rules() -> RuleInfo
        = "select p.jurisdiction, p.version, p.version = kernel.pack_version(p.jurisdiction) as newest,
                  r.citation, r.kind, r.effective_from, r.effective_until
             from kernel.statute_pack p left join kernel.statute_rule r on r.version = p.version
            order by p.jurisdiction, p.version desc, r.position";
}

/// Statements of the platform, for the schema check.
pub const STATEMENTS: &[&Statement] = ALL;

/// What became of a pack.
#[derive(Debug, Serialize)]
pub struct Loaded {
    pub jurisdiction: String,
    pub version: String,
    /// False where this very text was there already.
    pub is_new: bool,
    /// The version by which servers decide now: the greatest, which need not be this one.
    pub newest: String,
}

/// Loads one pack from the text of its file; servers decide by it within a second, if it is the
/// newest of its jurisdiction. What is there already stays as it is.
///
/// # Errors
/// A text that is no pack, or one whose version is there with another text.
pub async fn load(
    platform: &mut Platform,
    clock: &Clock,
    text: &str,
) -> Result<Loaded, StatuteError> {
    let pack = StatutePack::parse(text).map_err(StatuteError::Invalid)?;
    let rules = rules_of(&pack);
    let StatutePack { jurisdiction, version, age_of_majority, .. } = pack;
    let insert = insert_pack(
        jurisdiction.clone(),
        version.clone(),
        i32::from(age_of_majority),
        text.to_owned(),
        clock.now(),
        rules,
    );
    let is_new = !run(platform, &insert).await?.is_empty();
    if !is_new {
        let kept = run(platform, &find_pack(version.clone())).await?;
        if kept.iter().any(|kept| kept.text != text) {
            return Err(StatuteError::Differs(version));
        }
    }
    let newest = run(platform, &find_newest(jurisdiction.clone())).await?;
    let newest = newest.into_iter().next().and_then(|row| row.version);
    let newest = newest.unwrap_or_else(|| version.clone());
    Ok(Loaded { jurisdiction, version, is_new, newest })
}

/// The packs that Reeve comes with, so that no migrated database is without law.
pub(crate) async fn load_built_in(platform: &mut Platform) -> Result<(), StatuteError> {
    for text in BUILT_IN {
        load(platform, &Clock::default(), text).await?;
    }
    Ok(())
}

/// All rules of all versions, the newest version of each jurisdiction first.
///
/// # Errors
/// The database's.
pub async fn list(platform: &mut Platform) -> Result<Vec<RuleInfo>, StatuteError> {
    Ok(platform.run(Uuid::nil(), "statute:read", &list_rules()).await?)
}

fn rules_of(pack: &StatutePack) -> Value {
    let rules = pack.rules.iter().enumerate().map(|(position, rule)| {
        json!({
            "position": position,
            "citation": rule.citation,
            "kind": rule.law.kind(),
            "effective_from": rule.effective_from,
            "effective_until": rule.effective_until,
            "parameters": rule.law.parameters(),
        })
    });
    rules.collect()
}

async fn run<R: crate::db::Row>(
    platform: &mut Platform,
    bound: &crate::db::Bound<R>,
) -> Result<Vec<R>, StatuteError> {
    Ok(platform.run(Uuid::nil(), "statute:write", bound).await?)
}
