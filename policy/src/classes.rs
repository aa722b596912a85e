//! Privacy classes: one for every column of every table, read from a module's `privacy.toml`.
//!
//! ```toml
//! [clinic.patient]
//! ledger = "rows"
//! first_name = "identified"
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

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

/// One table's classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub ledger: Ledger,
    pub columns: Vec<Column>,
}

impl Table {
    /// The columns whose values the ledger must mask.
    pub fn masked(&self) -> Vec<&str> {
        let masked = self.columns.iter().filter(|c| c.class.masked_in_ledger());
        masked.map(|c| c.name.as_str()).collect()
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
    let columns = fields
        .into_iter()
        .map(|(name, value)| Ok(Column { name, class: value.try_into().map_err(fault)? }));
    Ok(Table { ledger, columns: columns.collect::<Result<_, String>>()? })
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
}
