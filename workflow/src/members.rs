use serde_json::{Map, Value};

use crate::Fault;

/// Where in the document it is, and all that was found wrong so far.
pub(crate) struct Place<'f> {
    pub(crate) path: String,
    pub(crate) faults: &'f mut Vec<Fault>,
}

impl Place<'_> {
    pub(crate) fn fault(&mut self, code: &'static str, message: impl Into<String>) {
        self.faults.push(Fault { path: self.path.clone(), code, message: message.into() });
    }

    /// One step further down.
    pub(crate) fn at(&mut self, step: &str) -> Place<'_> {
        // RFC 6901 section 3.
        let step = step.replace('~', "~0").replace('/', "~1");
        Place { path: format!("{}/{step}", self.path), faults: self.faults }
    }
}

/// The members of an object, taken by name; what nobody took is unknown.
pub(crate) struct Members<'v, 'f> {
    place: Place<'f>,
    all: Option<&'v Map<String, Value>>,
    known: Vec<&'static str>,
}

impl<'v, 'f> Members<'v, 'f> {
    pub(crate) fn of(value: &'v Value, mut place: Place<'f>) -> Self {
        if !value.is_object() {
            place.fault("type", "expected an object");
        }
        Self { all: value.as_object(), place, known: vec![] }
    }

    /// A member that may be absent; null is absent, as React Flow writes handles.
    pub(crate) fn optional(&mut self, name: &'static str) -> Option<(&'v Value, Place<'_>)> {
        self.known.push(name);
        let value = self.all?.get(name).filter(|value| !value.is_null())?;
        Some((value, self.place.at(name)))
    }

    pub(crate) fn required(&mut self, name: &'static str) -> Option<(&'v Value, Place<'_>)> {
        let absent = self.all.is_some_and(|all| all.get(name).is_none_or(Value::is_null));
        if absent {
            self.place.at(name).fault("missing", "this member is required");
        }
        self.optional(name)
    }

    /// A required text of 1 to `bytes` bytes.
    pub(crate) fn text(&mut self, name: &'static str, bytes: usize) -> Option<&'v str> {
        let (value, place) = self.required(name)?;
        text(value, bytes, place)
    }

    pub(crate) fn optional_text(&mut self, name: &'static str, bytes: usize) -> Option<&'v str> {
        let (value, place) = self.optional(name)?;
        text(value, bytes, place)
    }

    /// Members that say how it is drawn, and nothing of what it does.
    pub(crate) fn ignore(&mut self, names: &[&'static str]) {
        self.known.extend(names);
    }

    pub(crate) fn place(&mut self) -> &mut Place<'f> {
        &mut self.place
    }

    /// Names what is left.
    pub(crate) fn finish(mut self) {
        let known = self.known;
        for name in self.all.into_iter().flat_map(Map::keys) {
            if !known.contains(&name.as_str()) {
                let short: String = name.chars().take(crate::NAME_CHARS).collect();
                self.place.at(&short).fault("unknown_member", "there is no such member");
            }
        }
    }
}

fn text<'v>(value: &'v Value, bytes: usize, mut place: Place<'_>) -> Option<&'v str> {
    let Some(text) = value.as_str() else {
        place.fault("type", "expected text");
        return None;
    };
    if text.is_empty() || text.len() > bytes {
        place.fault("length", format!("give 1 to {bytes} bytes"));
        return None;
    }
    if text.contains('\0') {
        // It could not be stored.
        place.fault("control_character", "the character U+0000 cannot be stored");
        return None;
    }
    Some(text)
}
