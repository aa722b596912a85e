//! Frames: what a client sends, and what it is told. JSON in text, one object each.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::sql::OperationRow;
use crate::http::Problem;

/// What the server alone says.
const RESERVED: &[&str] = &["snapshot", "presence", "error"];

/// A frame of a client's.
#[derive(Debug, PartialEq)]
pub(crate) enum Frame {
    /// To be put in order and done.
    Operation { id: Uuid, operation: Value },
    /// What was missed since.
    Resume { after: i64 },
    /// Where the client's pointer is, or whatever else it says so of itself.
    Cursor(Map<String, Value>),
    /// Anything else: told to all as it is.
    Plain,
}

/// What is wrong with a frame, and the frame's own id, where it has one.
pub(crate) struct Fault {
    pub(crate) id: Value,
    pub(crate) problem: Box<Problem>,
}

impl Fault {
    pub(crate) fn of(id: Value, problem: Problem) -> Self {
        Self { id, problem: problem.into() }
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::of(Value::Null, problem)
    }
}

/// Reads a frame.
///
/// # Errors
/// 422 for what is no JSON object, or no operation.
pub(crate) fn parse(text: &str) -> Result<Frame, Fault> {
    let Ok(Value::Object(mut members)) = serde_json::from_str(text) else {
        let detail = "send one JSON object in each frame";
        return Err(Problem::new(422, "not_an_object", detail).into());
    };
    match members.get("type").and_then(Value::as_str) {
        Some("operation") => {
            let name = members.get("id").cloned().unwrap_or_default();
            let id = name.as_str().and_then(|id| id.parse().ok());
            let fault = |detail| Problem::new(422, "operation_invalid", detail);
            let Some(id) = id else {
                return Err(fault("`id` is a UUID of your own making").into());
            };
            match members.remove("operation") {
                Some(operation @ Value::Object(_)) => Ok(Frame::Operation { id, operation }),
                _ => Err(Fault::of(name, fault("`operation` is an object"))),
            }
        }
        Some("resume") => {
            let after = members.get("after").and_then(Value::as_i64).filter(|after| *after >= 0);
            let fault =
                || Problem::new(422, "resume_invalid", "`after` is the number of an operation");
            Ok(Frame::Resume { after: after.ok_or_else(fault)? })
        }
        Some("cursor") => Ok(Frame::Cursor(members)),
        Some(kind) if RESERVED.contains(&kind) => {
            let detail = "the server alone says this: choose another `type`";
            Err(Problem::new(422, "type_reserved", detail).into())
        }
        _ => Ok(Frame::Plain),
    }
}

/// An operation, as every member of the room is told.
pub(crate) fn operation(row: &OperationRow) -> String {
    json!({
        "type": "operation",
        "seq": row.seq,
        "id": row.id,
        "author": {"id": row.author_id, "kind": row.author_kind},
        "operation": row.operation,
    })
    .to_string()
}

/// The document as it is after operation `seq`.
pub(crate) fn snapshot(seq: i64, document: Value) -> String {
    let mut members = match document {
        Value::Object(members) => members,
        other => Map::from_iter([("document".to_owned(), other)]),
    };
    members.insert("type".into(), "snapshot".into());
    members.insert("seq".into(), seq.into());
    Value::Object(members).to_string()
}

/// A pointer, with whose it is.
pub(crate) fn cursor(mut members: Map<String, Value>, member: Value) -> String {
    members.insert("member".into(), member);
    Value::Object(members).to_string()
}

/// Why a frame was not done, to who sent it.
pub(crate) fn error(id: Value, problem: &Problem) -> String {
    let mut frame =
        json!({"type": "error", "id": id, "code": problem.code, "detail": problem.detail});
    if let (Value::Object(frame), false) = (&mut frame, problem.errors.is_empty()) {
        frame.insert("errors".into(), json!(problem.errors));
    }
    frame.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> &'static str {
        parse(text).err().map_or("-", |fault| fault.problem.code)
    }

    #[test]
    fn a_frame_is_an_operation_a_resume_a_cursor_or_the_clients_own() {
        let id = Uuid::from_u128(7);
        let text = format!(r#"{{"type":"operation","id":"{id}","operation":{{"type":"x"}}}}"#);
        let operation = json!({"type": "x"});
        assert_eq!(parse(&text).ok(), Some(Frame::Operation { id, operation }));
        let resume = parse(r#"{"type":"resume","after":3}"#).ok();
        assert_eq!(resume, Some(Frame::Resume { after: 3 }));
        for plain in [r#"{}"#, r#"{"type":"node_moved","id":1}"#, r#"{"type":7}"#] {
            assert_eq!(parse(plain).ok(), Some(Frame::Plain), "{plain}");
        }
    }

    #[test]
    fn what_is_no_object_and_what_the_server_alone_says_is_refused() {
        for text in ["", "7", "[]", "null", "{", "\"x\"", "{\"a\":1}{}"] {
            assert_eq!(code(text), "not_an_object", "{text}");
        }
        for kind in RESERVED {
            assert_eq!(code(&format!(r#"{{"type":"{kind}"}}"#)), "type_reserved");
        }
        assert_eq!(code(r#"{"type":"operation","id":"x","operation":{}}"#), "operation_invalid");
        assert_eq!(code(r#"{"type":"resume","after":-1}"#), "resume_invalid");
    }

    #[test]
    fn nobody_says_whose_a_cursor_is_but_the_server() {
        let Ok(Frame::Cursor(members)) = parse(r#"{"type":"cursor","x":1,"member":"another"}"#)
        else {
            panic!("a cursor");
        };
        let told: Value =
            serde_json::from_str(&cursor(members, json!({"id": "me"}))).expect("JSON");
        assert_eq!(told, json!({"type": "cursor", "x": 1, "member": {"id": "me"}}));
    }
}
