//! Privacy classes: one for every column of every table, read from a module's `privacy.toml`.
//!
//! ```toml
//! [clinic.patient]
//! ledger = "rows"
//! subject = "id"                              # the column in which the id of the person stands, or { none = "why" }
//! keeps = { first_name = "public_record" }    # what stays readable, by a rule of `erasure::RULES`
//! first_name = "identified"
//! columns = { subject = "technical" }         # a column that is called like one of the words above
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::erasure::{self, Rule};

/// How private a column is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Says nothing about a person: identifiers of our own, counters, times of writing.
    Technical,
    /// About the tenant's business, not about a person.
    Business,
    /// Points at a person, alone or with others (name, document, phone, birth date).
    Identified,
    /// Clinical words. Masked in the ledger, so that it is no second copy of the record.
    Clinical,
    /// Who spoke in confidence, such as the reporter of abuse. Masked in the ledger.
    Confidential,
    /// A credential or a key. Masked in the ledger, never shown.
    Secret,
}

impl Class {
    /// Whether the ledger must never hold the value.
    pub fn masked_in_ledger(self) -> bool {
        matches!(self, Class::Clinical | Class::Confidential | Class::Secret)
    }

    /// Whether only somebody who may read the person's record may see the value.
    pub fn personal(self) -> bool {
        self >= Class::Identified
    }

    /// Whether the value is told to the person whom it is about, and goes with them. A secret is neither: it
    /// is a hash or a key, and what it opens ends.
    pub fn about_somebody(self) -> bool {
        self.personal() && self != Class::Secret
    }
}

/// What the ledger keeps of a table.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Ledger {
    /// Each row written leaves an entry with before and after.
    Rows,
    /// None, for the reason given.
    None(String),
}

/// A column and its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub class: Class,
}

/// Whose person a row is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Person {
    /// The one whose id stands in the column.
    Of {
        column: String,
        /// Personal columns that stay readable.
        keeps: Vec<Kept>,
    },
    /// Nobody's, for the reason given.
    None(String),
}

/// A column that stays readable when its person is erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub column: String,
    pub rule: &'static Rule,
}

/// One table's classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub ledger: Ledger,
    /// `None` where the file does not say.
    pub subject: Option<Person>,
    pub columns: Vec<Column>,
}

impl Table {
    /// The columns whose values the ledger must mask.
    pub fn masked(&self) -> Vec<&str> {
        let masked = self.columns.iter().filter(|c| c.class.masked_in_ledger());
        masked.map(|c| c.name.as_str()).collect()
    }

    fn secret(&self) -> Vec<&str> {
        let secret = self.columns.iter().filter(|c| c.class == Class::Secret);
        secret.map(|c| c.name.as_str()).collect()
    }
}

/// The classes of all tables, by `schema.table`.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    tables: BTreeMap<String, Table>,
}

impl Classes {
    /// Reads the classes of several modules.
    ///
    /// # Errors
    /// A sentence that names the file's fault: not TOML, an unknown class, a table without `ledger`.
    pub fn parse<'a>(files: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut tables = BTreeMap::new();
        for file in files {
            let schemas: BTreeMap<String, BTreeMap<String, toml::Table>> =
                toml::from_str(file).map_err(|e| format!("privacy file: {e}"))?;
            for (schema, entries) in schemas {
                for (table, fields) in entries {
                    let name = format!("{schema}.{table}");
                    tables.insert(name.clone(), parse_table(&name, fields)?);
                }
            }
        }
        Ok(Self { tables })
    }

    pub fn tables(&self) -> impl Iterator<Item = (&str, &Table)> {
        self.tables.iter().map(|(name, table)| (name.as_str(), table))
    }

    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(name)
    }

    /// The tables that hold rows of persons, as the database's functions `kernel.held_about` and
    /// `kernel.erasure_plan` take them: a list of objects with `table`, `subject`, `secret` (columns to leave
    /// out) and `keeps` (`column`, `rule`).
    pub fn subject_tables(&self) -> Value {
        let of = |(name, table): (&str, &Table)| match &table.subject {
            Some(Person::Of { column, keeps }) => {
                let kept = |kept: &Kept| json!({"column": kept.column, "rule": kept.rule.name});
                let keeps: Vec<_> = keeps.iter().map(kept).collect();
                let secret = table.secret();
                Some(json!({"table": name, "subject": column, "secret": secret, "keeps": keeps}))
            }
            _ => None,
        };
        self.tables().filter_map(of).collect()
    }

    /// A ledger image with every personal value replaced by `"[redacted]"`. A column without a class
    /// counts as personal: unknown means closed.
    pub fn redact(&self, table: &str, image: Map<String, Value>) -> Map<String, Value> {
        let known = self.table(table);
        let open = |name: &str| {
            known.is_some_and(|t| t.columns.iter().any(|c| c.name == name && !c.class.personal()))
        };
        let cover = |(name, value): (String, Value)| {
            let value = if open(&name) || value.is_null() { value } else { "[redacted]".into() };
            (name, value)
        };
        image.into_iter().map(cover).collect()
    }
}

fn parse_table(name: &str, mut fields: toml::Table) -> Result<Table, String> {
    let fault = |e: toml::de::Error| format!("privacy file: {name}: {e}");
    let ledger = match fields.remove("ledger") {
        Some(value) if value.as_str() == Some("rows") => Ledger::Rows,
        Some(value) => value.try_into().map_err(fault)?,
        None => return Err(format!("privacy file: {name}: say what the ledger keeps (`ledger`)")),
    };
    let said: Said = Said::take(&mut fields).map_err(fault)?;
    fields.extend(said.columns.clone());
    let columns = fields
        .into_iter()
        .map(|(name, value)| Ok(Column { name, class: value.try_into().map_err(fault)? }));
    let columns = columns.collect::<Result<Vec<_>, String>>()?;
    let subject = said.person(&columns).map_err(|what| format!("privacy file: {name}: {what}"))?;
    Ok(Table { ledger, subject, columns })
}

/// What a file says of a table beside its ledger and its columns.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    subject: Option<SaidSubject>,
    #[serde(default)]
    keeps: BTreeMap<String, String>,
    #[serde(default)]
    columns: toml::Table,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum SaidSubject {
    Column(String),
    Nobody { none: String },
}

impl Said {
    fn take(fields: &mut toml::Table) -> Result<Self, toml::de::Error> {
        let words = ["subject", "keeps", "columns"];
        let said: toml::Table =
            words.into_iter().filter_map(|word| fields.remove_entry(word)).collect();
        said.try_into()
    }

    fn person(self, columns: &[Column]) -> Result<Option<Person>, String> {
        let column = match self.subject {
            Some(SaidSubject::Column(column)) => column,
            _ if !self.keeps.is_empty() => return Err("`keeps` wants a `subject`".into()),
            Some(SaidSubject::Nobody { none }) => return Ok(Some(Person::None(none))),
            None => return Ok(None),
        };
        for name in std::iter::once(&column).chain(self.keeps.keys()) {
            if !columns.iter().any(|column| column.name == *name) {
                return Err(format!("there is no column `{name}`"));
            }
        }
        let kept = |(column, name): (String, String)| match erasure::rule(&name) {
            Some(rule) => Ok(Kept { column, rule }),
            None => Err(format!("there is no rule `{name}` to keep `{column}` by")),
        };
        let keeps = self.keeps.into_iter().map(kept).collect::<Result<_, _>>()?;
        Ok(Some(Person::Of { column, keeps }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [clinic.patient]
        ledger = "rows"
        id = "technical"
        first_name = "identified"
        note = "clinical"
        [kernel.use]
        ledger = { none = "one row a minute" }
        id = "technical"
    "#;

    fn classes() -> Classes {
        Classes::parse([FILE]).expect("the sample parses")
    }

    #[test]
    fn the_ledger_masks_clinical_words_and_not_names() {
        assert_eq!(classes().table("clinic.patient").expect("there").masked(), ["note"]);
    }

    #[test]
    fn a_table_that_says_nothing_of_the_ledger_is_refused() {
        let fault = Classes::parse(["[a.b]\nid = \"technical\""]).expect_err("refused");
        assert!(fault.contains("a.b"), "{fault}");
    }

    #[test]
    fn an_unknown_class_is_refused_by_table() {
        assert!(Classes::parse(["[a.b]\nledger = \"rows\"\nid = \"public\""]).is_err());
    }

    #[test]
    fn a_reason_is_kept_where_the_ledger_keeps_no_rows() {
        let classes = classes();
        let ledger = &classes.table("kernel.use").expect("there").ledger;
        assert_eq!(ledger, &Ledger::None("one row a minute".into()));
    }

    #[test]
    fn redaction_closes_personal_and_unknown_columns_and_never_widens() {
        let image = serde_json::json!({"id": 1, "first_name": "Ada", "new": "x", "note": null});
        let Value::Object(image) = image else { unreachable!("an object") };
        let once = classes().redact("clinic.patient", image);
        assert_eq!(once["id"], 1);
        assert_eq!(once["first_name"], "[redacted]");
        assert_eq!(once["new"], "[redacted]");
        assert!(once["note"].is_null());
        assert_eq!(classes().redact("clinic.patient", once.clone()), once);
        assert_eq!(classes().redact("no.table", once)["id"], "[redacted]");
    }

    fn table(said: &str) -> Result<Table, String> {
        let file =
            format!("[a.b]\nledger = \"rows\"\n{said}\nid = \"technical\"\nname = \"identified\"");
        let classes = Classes::parse([file.as_str()])?;
        Ok(classes.table("a.b").expect("there").clone())
    }

    #[test]
    fn whose_a_row_is_and_what_stays_of_it_is_told_to_the_database() {
        let said = "subject = \"id\"\nkeeps = { name = \"security\" }\nhash = \"secret\"\ncolumns = { subject = \"technical\" }";
        let table = table(said).expect("it parses");
        assert!(table.columns.iter().any(|column| column.name == "subject"));
        let classes = Classes { tables: [("a.b".to_owned(), table)].into() };
        let wanted = json!([{"table": "a.b", "subject": "id", "secret": ["hash"],
                             "keeps": [{"column": "name", "rule": "security"}]}]);
        assert_eq!(classes.subject_tables(), wanted);
    }

    #[test]
    fn a_table_of_nobody_says_why_and_is_not_told() {
        let table = table("subject = { none = \"a reason\" }").expect("it parses");
        assert_eq!(table.subject, Some(Person::None("a reason".into())));
        let classes = Classes { tables: [("a.b".to_owned(), table)].into() };
        assert_eq!(classes.subject_tables(), json!([]));
    }

    #[test]
    fn what_is_said_of_a_person_without_sense_is_refused() {
        for (said, word) in [
            ("keeps = { name = \"security\" }", "wants a `subject`"),
            ("subject = { none = \"why\" }\nkeeps = { name = \"security\" }", "wants a `subject`"),
            ("subject = \"whom\"", "no column `whom`"),
            ("subject = \"id\"\nkeeps = { nick = \"security\" }", "no column `nick`"),
            ("subject = \"id\"\nkeeps = { name = \"because\" }", "no rule `because`"),
            ("subject = 1", "a.b"),
        ] {
            let fault = table(said).expect_err(said);
            assert!(fault.contains(word), "{said}: {fault}");
        }
    }
}
