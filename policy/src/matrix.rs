//! The role × permission matrix.

use std::collections::{BTreeMap, BTreeSet};

/// One role's row: the permissions it holds, by name. Modules declare these as constants.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    pub role: &'static str,
    pub permissions: &'static [&'static str],
}

/// All roles and what each holds. An unknown role holds nothing.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    rows: BTreeMap<&'static str, BTreeSet<&'static str>>,
}

impl Matrix {
    /// Joins the rows of all modules; a role named twice holds the union.
    pub fn of(grants: impl IntoIterator<Item = Grant>) -> Self {
        let mut rows: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for grant in grants {
            rows.entry(grant.role).or_default().extend(grant.permissions);
        }
        Self { rows }
    }

    pub fn permits(&self, role: &str, permission: &str) -> bool {
        self.rows.get(role).is_some_and(|held| held.contains(permission))
    }

    pub fn has_role(&self, role: &str) -> bool {
        self.rows.contains_key(role)
    }

    pub fn roles(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.rows.keys().copied()
    }

    /// Whether `giver` holds everything that `taken` holds: nobody hands out more than they have.
    pub fn covers(&self, giver: &str, taken: &str) -> bool {
        match (self.rows.get(giver), self.rows.get(taken)) {
            (Some(giver), Some(taken)) => taken.is_subset(giver),
            _ => false,
        }
    }

    /// The matrix as a text table that a person can review; the golden file of the tests.
    pub fn render(&self) -> String {
        let columns: BTreeSet<_> = self.rows.values().flatten().copied().collect();
        let width = columns.iter().map(|name| name.len()).max().unwrap_or(0);
        let heads: Vec<_> = self.rows.keys().copied().collect();
        let mut text = format!("{:width$}  {}\n", "", heads.join("  "));
        for permission in columns {
            let marks: Vec<_> = heads
                .iter()
                .map(|role| {
                    let mark = if self.permits(role, permission) { "yes" } else { "-" };
                    format!("{mark:<len$}", len = role.len())
                })
                .collect();
            text += format!("{permission:width$}  {}", marks.join("  ")).trim_end();
            text += "\n";
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix() -> Matrix {
        Matrix::of([
            Grant { role: "reader", permissions: &["patient:read"] },
            Grant { role: "admin", permissions: &["patient:read", "patient:write"] },
            Grant { role: "reader", permissions: &["appointment:read"] },
        ])
    }

    #[test]
    fn an_unknown_role_holds_nothing_and_covers_nothing() {
        assert!(!matrix().permits("root", "patient:read"));
        assert!(!matrix().covers("root", "reader"));
        assert!(!matrix().covers("admin", "root"));
    }

    #[test]
    fn rows_of_one_role_from_two_modules_are_joined() {
        assert!(matrix().permits("reader", "patient:read"));
        assert!(matrix().permits("reader", "appointment:read"));
        assert!(!matrix().permits("reader", "patient:write"));
    }

    #[test]
    fn a_giver_covers_only_subsets_of_what_it_holds() {
        assert!(!matrix().covers("admin", "reader"), "reader also reads appointments");
        assert!(matrix().covers("reader", "reader"));
    }

    #[test]
    fn rendering_shows_every_permission_once() {
        let text = matrix().render();
        assert_eq!(text.matches("patient:read").count(), 1);
        assert_eq!(text.lines().count(), 4);
    }
}
