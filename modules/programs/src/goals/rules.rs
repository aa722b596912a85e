//! What a goal must be. Pure.

use kernel::{
    http::{Fields, Patch, Problem, Purpose, day, defaulted, id, one_of, text, whole},
    privacy::Pii,
};
use serde_json::Value;

use super::http::{GoalBody, GoalChange};

/// Where a goal stands.
pub const STATUSES: &[&str] = &["active", "on_hold", "achieved", "abandoned"];

/// A change of a goal, checked.
pub struct Change {
    pub columns: Pii<Value>,
    /// What is said of it, for the history.
    pub note: Option<Pii<String>>,
}

/// # Errors
/// 422 with every field at fault.
pub fn parse(body: GoalBody) -> Result<Pii<Value>, Problem> {
    let mut fields = Fields::new(Purpose::Create);
    fields.required("participant_id", "participant_id", body.participant_id, id);
    fields.required("title", "title", body.title, text(200));
    fields.optional("description", "description", body.description, text(4000));
    fields.optional("category", "category", body.category, text(60));
    standing(&mut fields, body.status, body.progress);
    fields.optional("target_date", "target_date", body.target_date, day);
    fields.finish().map(Pii::new)
}

/// # Errors
/// 422 with every field at fault.
pub fn parse_change(body: GoalChange) -> Result<Change, Problem> {
    let mut fields = Fields::new(Purpose::Change);
    fields.required("title", "title", body.title, text(200));
    fields.optional("description", "description", body.description, text(4000));
    fields.optional("category", "category", body.category, text(60));
    standing(&mut fields, body.status, body.progress);
    fields.optional("target_date", "target_date", body.target_date, day);
    let note = body.note.try_map(text(2000)).unwrap_or_else(|fault| {
        fields.fault("note", fault);
        Patch::Absent
    });
    let columns = Pii::new(fields.finish()?);
    Ok(Change { columns, note: note.value().map(Pii::new) })
}

/// Status and progress go together: what is achieved is complete.
fn standing(fields: &mut Fields, status: Patch<String>, progress: Patch<i64>) {
    let achieved = matches!(&status, Patch::Value(status) if status == "achieved");
    let progress = match progress {
        Patch::Absent if achieved => Patch::Value(100),
        Patch::Value(given) if achieved && given != 100 => {
            let msg = "a goal that is achieved has a progress of 100: leave it out";
            fields.fault("progress", ("range", msg.into()));
            Patch::Absent
        }
        given => given,
    };
    defaulted(fields, "status", status, one_of(STATUSES));
    defaulted(fields, "progress", progress, whole(0, 100));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn errors(body: Value) -> Vec<String> {
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        let errors = parse_change(body).err().map(|problem| problem.errors).unwrap_or_default();
        errors.into_iter().map(|e| format!("{} {}", e.loc[1], e.kind)).collect()
    }

    fn standing_of(status: Patch<String>, progress: Patch<i64>) -> Option<Value> {
        let mut fields = Fields::new(Purpose::Change);
        standing(&mut fields, status, progress);
        fields.finish().ok()
    }

    #[test]
    fn a_goal_has_a_participant_and_a_title() {
        let body = kernel::http::parse_json(b"{}").expect("the shape fits");
        let problem = parse(body).expect_err("faults");
        let named: Vec<_> = problem.errors.iter().map(|e| e.loc[1].as_str()).collect();
        assert_eq!(named, ["participant_id", "title"]);
    }

    #[test]
    fn what_is_achieved_is_complete() {
        let achieved = || Patch::Value("achieved".to_owned());
        let complete = json!({"status": "achieved", "progress": 100});
        assert_eq!(standing_of(achieved(), Patch::Absent), Some(complete.clone()));
        assert_eq!(standing_of(achieved(), Patch::Value(100)), Some(complete));
        assert_eq!(standing_of(achieved(), Patch::Value(99)), None);
        assert_eq!(standing_of(achieved(), Patch::Null), None);
    }

    #[test]
    fn progress_alone_is_a_number_from_0_to_100() {
        assert_eq!(standing_of(Patch::Absent, Patch::Value(0)), Some(json!({"progress": 0})));
        for bad in [-1, 101] {
            assert_eq!(errors(json!({"progress": bad})), ["progress range"]);
        }
        assert_eq!(errors(json!({"progress": null})), ["progress missing"]);
    }

    #[test]
    fn a_note_alone_is_a_change() {
        let body = kernel::http::parse_json(br#"{"note": "Talked."}"#).expect("the shape fits");
        assert!(parse_change(body).expect("no fault").note.is_some());
        assert_eq!(errors(json!({"note": " ", "title": null})), ["title missing", "note length"]);
        assert!(errors(json!({"note": null})).is_empty());
    }

    #[test]
    fn no_fault_repeats_a_value() {
        let body = json!({"title": "CANARY\u{1}", "status": "CANARY", "target_date": "CANARY", "note": "CANARY\u{1}"});
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        let problem = parse_change(body).err().expect("faults");
        assert_eq!(problem.errors.len(), 4);
        assert!(!format!("{problem:?}").contains("CANARY"));
    }
}
