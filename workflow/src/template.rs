//! Paths and templates: the only way in which a document refers to values.

use std::{collections::BTreeMap, fmt};

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::{
    NAME_CHARS, PATH_SEGMENTS, RunFault, TEMPLATE_BYTES, TEMPLATE_PATHS, Type, members::Members,
    size,
};

/// The values at a node's handles, by the handle's name.
pub type Scope<'v> = BTreeMap<&'v str, &'v Value>;

/// A way into a value: a handle's name, then names of members or positions in lists.
/// `input.question`, `page.items.0.title`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    root: String,
    segments: Vec<String>,
}

impl Path {
    /// # Errors
    /// What a path is, for people.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const WHAT: &str =
            "a path is a name, then up to eight names or positions, with dots: input.items.0.title";
        let mut parts = text.split('.');
        let root = parts.next().filter(|root| is_name(root)).ok_or(WHAT)?.to_owned();
        let segments: Vec<String> = parts.map(str::to_owned).collect();
        match segments.len() <= PATH_SEGMENTS && segments.iter().all(|segment| is_segment(segment))
        {
            true => Ok(Self { root, segments }),
            false => Err(WHAT),
        }
    }

    /// The handle that it begins at.
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Where it leads; nothing when there is nothing.
    pub fn find<'v>(&self, scope: &Scope<'v>) -> Option<&'v Value> {
        let start = *scope.get(self.root.as_str())?;
        self.segments.iter().try_fold(start, |value, segment| match value {
            Value::Array(items) => items.get(segment.parse::<usize>().ok()?),
            Value::Object(members) => members.get(segment),
            _ => None,
        })
    }

    /// The types that the handle may have, for this path to lead anywhere.
    pub(crate) fn accepts(&self) -> Vec<Type> {
        match self.segments.first() {
            None => Type::ALL.to_vec(),
            Some(first) if first.bytes().all(|b| b.is_ascii_digit()) => {
                vec![Type::Json, Type::List]
            }
            Some(_) => vec![Type::Json],
        }
    }

    /// Whether it is a handle and nothing in it.
    pub(crate) fn is_root(&self) -> bool {
        self.segments.is_empty()
    }
}

/// The name of a handle: a letter or `_`, then letters, digits and `_`.
pub(crate) fn is_name(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts
        && text.len() <= NAME_CHARS
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_segment(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    (1..=NAME_CHARS).contains(&text.len()) && text.bytes().all(plain)
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root)?;
        self.segments.iter().try_for_each(|segment| write!(f, ".{segment}"))
    }
}

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// Text with paths in double braces: `Answer this: {{input.question}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Path(Path),
}

impl Template {
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(source: &str) -> Result<Self, &'static str> {
        if source.len() > TEMPLATE_BYTES {
            return Err("a template has 32 KiB at the most");
        }
        let (mut parts, mut rest, mut paths) = (vec![], source, 0);
        while let Some((text, after)) = rest.split_once("{{") {
            let (path, after) =
                after.split_once("}}").ok_or("a path in a template ends with `}}`")?;
            if !text.is_empty() {
                parts.push(Part::Text(text.to_owned()));
            }
            parts.push(Part::Path(Path::parse(path.trim())?));
            paths += 1;
            rest = after;
        }
        if paths > TEMPLATE_PATHS {
            return Err("a template has 64 paths at the most");
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { source: source.to_owned(), parts })
    }

    /// The paths in it.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.parts.iter().filter_map(|part| match part {
            Part::Path(path) => Some(path),
            Part::Text(_) => None,
        })
    }

    /// What stands before the first path.
    pub(crate) fn head(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// The text, of `largest` bytes at the most. A text stands as it is, all else as JSON.
    ///
    /// # Errors
    /// A path leads to nothing; the text is longer.
    pub fn render(&self, scope: &Scope<'_>, largest: usize) -> Result<String, RunFault> {
        self.render_with(scope, largest, |text| text.to_owned())
    }

    /// The same with each value through `write`: an address encodes them.
    ///
    /// # Errors
    /// See [`Template::render`].
    pub fn render_with(
        &self,
        scope: &Scope<'_>,
        largest: usize,
        write: impl Fn(&str) -> String,
    ) -> Result<String, RunFault> {
        let mut made = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => made.push_str(text),
                Part::Path(path) => match path.find(scope).ok_or(RunFault::Missing)? {
                    Value::String(text) => made.push_str(&write(text)),
                    // Before it is written: it may be long, and be asked for often.
                    other if size(other) > largest => return Err(RunFault::TooLarge),
                    other => made.push_str(&write(&other.to_string())),
                },
            }
            if made.len() > largest {
                return Err(RunFault::TooLarge);
            }
        }
        Ok(made)
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.source)
    }
}

/// A value made of others: `{"text": template}` or `{"path": path}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pick {
    Text(Template),
    Path(Path),
}

impl Pick {
    /// The paths in it.
    pub fn paths(&self) -> Vec<&Path> {
        match self {
            Self::Text(template) => template.paths().collect(),
            Self::Path(path) => vec![path],
        }
    }

    /// # Errors
    /// See [`Template::render`].
    pub fn make(&self, scope: &Scope<'_>, largest: usize) -> Result<Value, RunFault> {
        match self {
            Self::Text(template) => template.render(scope, largest).map(Value::String),
            Self::Path(path) => {
                let found = path.find(scope).ok_or(RunFault::Missing)?;
                match size(found) <= largest {
                    true => Ok(found.clone()),
                    false => Err(RunFault::TooLarge),
                }
            }
        }
    }

    pub(crate) fn read(mut members: Members<'_, '_>) -> Option<Self> {
        let text = members.optional("text").is_some();
        let path = members.optional("path").is_some();
        let read = match (text, path) {
            (true, false) => template(&mut members, "text").map(Self::Text),
            (false, true) => path_member(&mut members, "path").map(Self::Path),
            _ => {
                members.place().fault("pick", "give either `text` or `path`");
                None
            }
        };
        members.finish();
        read
    }
}

/// A required member that is a template.
pub(crate) fn template(members: &mut Members<'_, '_>, name: &'static str) -> Option<Template> {
    let text = members.text(name, TEMPLATE_BYTES)?;
    Template::parse(text).map_err(|what| members.place().at(name).fault("template", what)).ok()
}

/// A required member that is a path.
pub(crate) fn path_member(members: &mut Members<'_, '_>, name: &'static str) -> Option<Path> {
    let text = members.text(name, crate::TEXT_BYTES)?;
    Path::parse(text).map_err(|what| members.place().at(name).fault("path", what)).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn render(source: &str, value: &Value) -> Result<String, RunFault> {
        Template::parse(source).unwrap().render(&Scope::from([("input", value)]), 100)
    }

    #[test]
    fn paths_find_members_and_positions() {
        let value = json!({"a": [{"b-c": 1}, "x"], "0": "zero"});
        let scope = Scope::from([("input", &value)]);
        for (path, found) in [
            ("input.a.0.b-c", Some(json!(1))),
            ("input.a.1", Some(json!("x"))),
            ("input.0", Some(json!("zero"))),
            ("input.a.2", None),
            ("input.a.x", None),
            ("other", None),
            ("input.a.1.x", None),
        ] {
            assert_eq!(Path::parse(path).unwrap().find(&scope), found.as_ref(), "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_none() {
        for text in ["", ".", "a.", ".a", "a..b", "0a", "a b", "a[0]", "a()", "é", "a.é", "a.b\n"]
        {
            assert!(Path::parse(text).is_err(), "{text}");
        }
        assert!(Path::parse("a.1.2.3.4.5.6.7.8").is_ok());
        assert!(Path::parse("a.1.2.3.4.5.6.7.8.9").is_err());
    }

    #[test]
    fn templates_insert_texts_as_they_are_and_all_else_as_json() {
        let value = json!({"t": "a \"b\" {{input.n}}", "n": 1.5, "l": [1, "x"], "u": null});
        let text = render("{{input.t}}|{{ input.n }}|{{input.l}}|{{input.u}}", &value);
        assert_eq!(text.unwrap(), "a \"b\" {{input.n}}|1.5|[1,\"x\"]|null");
        assert_eq!(render("{{input.x}}", &value), Err(RunFault::Missing));
        let long = json!("x".repeat(60));
        assert_eq!(render("{{input}}{{input}}", &long), Err(RunFault::TooLarge));
        for bad in ["{{input", "{{}}", "{{input.a | upper}}", "{{{{input}}}}"] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }
}
