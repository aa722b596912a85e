//! What an entry at the sideline must be, and what it opens. Pure.

use jiff::Timestamp;
use kernel::{
    http::{Fields, Patch, Problem, Purpose, Reference, one_of, text},
    privacy::Pii,
};
use policy::return_to_play::Protocol;
use serde_json::{Value, json};

use super::http::EntryBody;
use crate::events::rules::{happened, visibility, words};

const SEVERITIES: &[&str] = &["mild", "moderate", "severe"];
/// Parts of the body whose injury is treated as a concussion; `sql` has the same.
const HEAD: &[&str] = &["head", "concuss", "brain", "skull", "crani"];

/// An entry, checked, on its way to the database.
pub struct NewEntry {
    pub athlete: Reference,
    pub occurred_at: Timestamp,
    pub head_injury: bool,
    pub client_id: Option<String>,
    /// Those of the event and, if one is opened, of the case.
    pub columns: Pii<Value>,
    pub words: Option<Pii<String>>,
}

/// Checks a body.
///
/// # Errors
/// 422 with every field at fault.
pub fn parse(body: EntryBody, now: Timestamp) -> Result<NewEntry, Problem> {
    let mut fields = Fields::new(Purpose::Create);
    let athlete = body.athlete_id.clone().value().unwrap_or_default();
    fields.required("athlete_id", "athlete_id", body.athlete_id, |_| Ok(Value::Null));
    let occurred_at = happened(&mut fields, body.occurred_at, now);
    let school = body.school_id.map_or(Patch::Absent, Patch::Value);
    if let Err(fault) = school.try_map(text(100)) {
        fields.fault("school_id", fault);
    }
    let part = body.body_part.clone().value().unwrap_or_default();
    let head_injury = of_the_head(&part) || body.suspected_concussion;
    // Forehead, skull, or a blow to the jaw that may have shaken the brain: one case of the head.
    let case_part = if head_injury { "head".to_owned() } else { part.clone() };
    let severe = body.severity.clone().value().is_some_and(|severity| severity == "severe");
    let out = body.removed_from_play || severe || head_injury;
    let title = title(&case_part);
    fields.required("body_part", "body_part", body.body_part, |given| {
        text(60)(given).and_then(|part| match key(&part).is_empty() {
            false => Ok(part),
            true => Err(("value_error", "name a part of the body".into())),
        })
    });
    fields.required("severity", "severity", body.severity.clone(), one_of(SEVERITIES));
    fields.optional("mechanism", "mechanism", body.mechanism, text(200));
    fields.optional("note", "note", body.note, text(8000));
    if body.visibility != Patch::Absent {
        fields.required("visibility", "visibility", body.visibility, visibility);
    }
    let client_id = body.client_id.clone().value().map(|id| id.trim().to_owned());
    fields.optional("client_id", "client_id", body.client_id, text(100));
    let words = words(&mut fields, body.clinical_notes);
    let mut columns = fields.finish()?;
    let attention = match (head_injury, body.severity.value().as_deref()) {
        (true, _) | (_, Some("severe")) => "urgent",
        (_, Some("moderate")) => "warning",
        _ => "stable",
    };
    if let Value::Object(columns) = &mut columns {
        columns.remove("athlete_id");
        let follows = [
            ("title", json!(title)),
            ("case_part", json!(case_part.trim())),
            ("removed_from_play", json!(body.removed_from_play)),
            ("availability", json!(if out { "out" } else { "restricted" })),
            ("attention_level", json!(attention)),
            ("head_injury", json!(head_injury)),
        ];
        columns.extend(follows.map(|(name, value)| (name.to_owned(), value)));
    }
    Ok(NewEntry { athlete, occurred_at, head_injury, client_id, columns: Pii::new(columns), words })
}

/// Whether letters of it speak of the head, however it is written.
fn of_the_head(part: &str) -> bool {
    let letters: String = part.chars().filter(char::is_ascii_alphabetic).collect();
    let letters = letters.to_ascii_lowercase();
    HEAD.iter().any(|word| letters.contains(word))
}

/// Under which a part of the body is found: `Left_Ankle` and `left  ankle` are one. The table has the same.
fn key(part: &str) -> String {
    let words = part.split(|c: char| c.is_whitespace() || c == '_' || c == '-');
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ").to_lowercase()
}

/// What a case of it is called until somebody says otherwise.
fn title(part: &str) -> String {
    let key = key(part);
    let mut letters = key.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The stages of a return to play as the milestones of its case: titles and phases, in order.
pub fn stages(protocol: Protocol) -> Vec<Value> {
    let phase = |number: u8| match number {
        1 => "acute",
        2 => "recovery",
        3 | 4 => "sport_specific",
        _ => "return",
    };
    let stages = protocol.stages().iter();
    stages.map(|stage| json!({"title": stage.name, "phase": phase(stage.number)})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(body: Value) -> Result<(Value, bool), Vec<String>> {
        let now: Timestamp = "2026-11-02T22:00:00Z".parse().expect("a time");
        let loc = |p: Problem| p.errors.iter().map(|e| e.loc[1..].join(".")).collect::<Vec<_>>();
        let body: EntryBody = kernel::http::parse_json(body.to_string().as_bytes()).map_err(loc)?;
        let known = body.body_part.clone().value().unwrap_or_default();
        let entry = parse(body, now).map_err(loc)?;
        assert_eq!(format!("{:?}", entry.columns), "[personal]", "{known}");
        Ok((Value::Null, entry.head_injury))
    }

    fn least(part: &str) -> Value {
        json!({"athlete_id": "ath_102938", "body_part": part, "severity": "mild"})
    }

    #[test]
    fn athlete_body_part_and_severity_are_enough_and_all_three_are_needed() {
        assert!(entry(least("left knee")).is_ok());
        let wanted = ["athlete_id", "body_part", "severity"];
        assert_eq!(entry(json!({})).expect_err("nothing said"), wanted);
    }

    #[test]
    fn c33_an_injury_of_the_head_is_one_however_it_is_written() {
        for part in [
            "head",
            "Head",
            "forehead",
            "head/neck",
            "Concussion?",
            "skull fracture",
            "he\u{200b}ad",
        ] {
            assert!(entry(least(part)).expect("taken").1, "{part}");
        }
        assert!(!entry(least("shoulder")).expect("taken").1);
        let mut jaw = least("jaw");
        jaw["suspected_concussion"] = json!(true);
        assert!(entry(jaw).expect("taken").1, "whatever was hit");
    }

    #[test]
    fn a_part_of_the_body_has_one_key() {
        for part in ["Left Ankle", "left_ankle", " left -  ankle ", "LEFT\tANKLE"] {
            assert_eq!(key(part), "left ankle");
        }
        assert_eq!(title("left_ankle"), "Left ankle");
        assert_eq!(entry(least("_")).expect_err("nothing"), ["body_part"]);
    }

    #[test]
    fn every_protocol_has_a_milestone_a_stage() {
        for protocol in Protocol::ALL {
            let stages = stages(protocol);
            assert_eq!((stages.len(), &stages[5]["phase"]), (6, &json!("return")));
        }
    }
}
