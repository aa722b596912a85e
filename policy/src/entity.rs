//! Which role sees which field of what: a matrix as data (C-20: field masks are part of the decision).

use std::fmt::Write;

/// Something that answers show, and to whom each of its fields.
#[derive(Debug)]
pub struct Entity {
    pub name: &'static str,
    /// A field and the roles that see it. What is not in it nobody sees.
    pub fields: &'static [(&'static str, &'static [&'static str])],
}

impl Entity {
    pub fn shows(&self, role: &str, field: &str) -> bool {
        self.fields.iter().any(|(name, roles)| *name == field && roles.contains(&role))
    }

    /// The fields that a role sees.
    pub fn seen_by<'a>(&'a self, role: &'a str) -> impl Iterator<Item = &'static str> + 'a {
        self.fields.iter().filter(move |(_, roles)| roles.contains(&role)).map(|(name, _)| *name)
    }

    /// The matrix as a table in Markdown, a column for each role.
    pub fn render(&self, roles: &[&str]) -> String {
        let mut text = format!(
            "| {} | {} |\n|---|{}\n",
            self.name,
            roles.join(" | "),
            "---|".repeat(roles.len())
        );
        for (field, seers) in self.fields {
            let marks: Vec<_> =
                roles.iter().map(|role| if seers.contains(role) { "yes" } else { "–" }).collect();
            let _ = writeln!(text, "| `{field}` | {} |", marks.join(" | "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: Entity =
        Entity { name: "note", fields: &[("id", &["nurse", "clerk"]), ("words", &["nurse"])] };

    #[test]
    fn what_is_not_named_is_not_seen() {
        assert!(NOTE.shows("nurse", "words") && !NOTE.shows("clerk", "words"));
        assert!(!NOTE.shows("nurse", "other") && !NOTE.shows("other", "id"));
        assert_eq!(NOTE.seen_by("clerk").collect::<Vec<_>>(), ["id"]);
    }

    #[test]
    fn the_table_has_a_row_a_field_and_a_column_a_role() {
        let table = NOTE.render(&["nurse", "clerk"]);
        let wanted = "| note | nurse | clerk |\n|---|---|---|\n| `id` | yes | yes |\n| `words` | yes | – |\n";
        assert_eq!(table, wanted);
    }
}
