//! The role × permission matrix.

use std::collections::{BTreeMap, BTreeSet};

/// One role's row: the permissions it holds, by name. Modules declare these as constants.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    pub role: &'static str,
    pub permissions: &'static [&'static str],
}

/// A role of a realm. `admin` of the clinic and `admin` of a programme are two roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role {
    pub realm: &'static str,
    pub name: &'static str,
}

/// All roles and what each holds. What is not in it holds nothing; there are no wildcards.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    rows: BTreeMap<Role, BTreeSet<&'static str>>,
    delegated: BTreeSet<(Role, &'static str)>,
    slices: BTreeMap<Role, &'static str>,
}

impl Matrix {
    /// Joins the rows of all realms; a role named twice holds the union.
    pub fn of(grants: impl IntoIterator<Item = (&'static str, Grant)>) -> Self {
        let mut rows: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (realm, Grant { role, permissions }) in grants {
            rows.entry(Role { realm, name: role }).or_default().extend(permissions);
        }
        Self { rows, ..Self::default() }
    }

    /// The same, where `role` may make others hold a permission that it does not hold itself: who
    /// administrates a clinician's account does not clear anybody for play.
    pub fn delegating(mut self, role: Role, permission: &'static str) -> Self {
        self.delegated.insert((role, permission));
        self
    }

    /// The same, where what `role` reads it reads as the database's role `slice`, which sees a part of each
    /// record.
    pub fn slicing(mut self, role: Role, slice: &'static str) -> Self {
        self.slices.insert(role, slice);
        self
    }

    /// As which role of the database's a role reads, where it sees a part of each record.
    pub fn slice(&self, role: Option<Role>) -> Option<&'static str> {
        self.slices.get(&role?).copied()
    }

    /// The role of this name in this realm, if there is one.
    pub fn role(&self, realm: &str, name: &str) -> Option<Role> {
        self.rows.keys().copied().find(|role| role.realm == realm && role.name == name)
    }

    /// Whether the role holds the permission. Who has no role holds nothing.
    pub fn permits(&self, role: Option<Role>, permission: &str) -> bool {
        self.held(role).is_some_and(|held| held.contains(permission))
    }

    /// What the role holds, in order of name.
    pub fn permissions(&self, role: Option<Role>) -> Vec<&'static str> {
        self.held(role).into_iter().flatten().copied().collect()
    }

    pub fn roles(&self) -> impl Iterator<Item = Role> + '_ {
        self.rows.keys().copied()
    }

    /// The names of a realm's roles.
    pub fn names(&self, realm: &str) -> Vec<&'static str> {
        self.roles().filter(|role| role.realm == realm).map(|role| role.name).collect()
    }

    /// Whether `giver` holds, or is delegated, everything that `taken` holds, in the same realm: nobody
    /// hands out more than they have.
    pub fn covers(&self, giver: Option<Role>, taken: Role) -> bool {
        let (Some(giver), Some(wants)) = (giver, self.held(Some(taken))) else { return false };
        let has = |wanted: &&'static str| {
            self.permits(Some(giver), wanted) || self.delegated.contains(&(giver, *wanted))
        };
        giver.realm == taken.realm && self.rows.contains_key(&giver) && wants.iter().all(has)
    }

    fn held(&self, role: Option<Role>) -> Option<&BTreeSet<&'static str>> {
        self.rows.get(&role?)
    }

    /// The matrix as text, a table for each realm, that a person can review; the golden file of the
    /// tests.
    pub fn render(&self) -> String {
        let realms: BTreeSet<_> = self.roles().map(|role| role.realm).collect();
        let tables: Vec<_> = realms.into_iter().map(|realm| self.render_realm(realm)).collect();
        tables.join("\n")
    }

    fn render_realm(&self, realm: &str) -> String {
        let rows: Vec<_> = self.rows.iter().filter(|(role, _)| role.realm == realm).collect();
        let columns: BTreeSet<_> = rows.iter().flat_map(|(_, held)| held.iter()).copied().collect();
        let longest = columns.iter().map(|name| name.len()).max().unwrap_or(0);
        let width = longest.max(realm.len());
        let heads: Vec<_> = rows.iter().map(|(role, _)| role.name).collect();
        let mut text = format!("{realm:width$}  {}\n", heads.join("  "));
        for permission in columns {
            let mark = |(role, held): &(&Role, &BTreeSet<&str>)| {
                let mark = match held.contains(permission) {
                    true => "yes",
                    false if self.delegated.contains(&(**role, permission)) => "gives",
                    false => "-",
                };
                format!("{mark:<len$}", len = role.name.len())
            };
            let marks: Vec<_> = rows.iter().map(mark).collect();
            text += format!("{permission:width$}  {}", marks.join("  ")).trim_end();
            text += "\n";
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_delegated_may_be_given_and_not_used() {
        let matrix = Matrix::of([
            ("clinic", Grant { role: "admin", permissions: &["user:write"] }),
            ("clinic", Grant { role: "nurse", permissions: &["dose:give"] }),
        ]);
        let (admin, nurse) = (matrix.role("clinic", "admin"), matrix.role("clinic", "nurse"));
        assert!(!matrix.covers(admin, nurse.unwrap()));
        let matrix = matrix.delegating(admin.unwrap(), "dose:give");
        assert!(matrix.covers(admin, nurse.unwrap()));
        assert!(!matrix.permits(admin, "dose:give"));
        assert!(matrix.render().contains("dose:give   gives  yes"), "{}", matrix.render());
    }

    fn matrix() -> Matrix {
        Matrix::of([
            ("clinic", Grant { role: "reader", permissions: &["patient:read"] }),
            ("clinic", Grant { role: "admin", permissions: &["patient:read", "patient:write"] }),
            ("clinic", Grant { role: "reader", permissions: &["appointment:read"] }),
            ("programs", Grant { role: "admin", permissions: &["goal:write"] }),
        ])
    }

    fn clinic(name: &'static str) -> Option<Role> {
        Some(Role { realm: "clinic", name })
    }

    #[test]
    fn an_unknown_role_and_no_role_hold_nothing_and_cover_nothing() {
        assert!(!matrix().permits(clinic("root"), "patient:read"));
        assert!(!matrix().permits(None, "patient:read"));
        assert!(!matrix().covers(clinic("root"), clinic("reader").expect("a role")));
        assert!(!matrix().covers(clinic("admin"), clinic("root").expect("a role")));
        assert_eq!(matrix().role("clinic", "root"), None);
    }

    #[test]
    fn a_role_of_one_realm_is_nothing_in_another() {
        let matrix = matrix();
        assert!(!matrix.permits(matrix.role("programs", "admin"), "patient:read"));
        assert!(!matrix.covers(clinic("admin"), Role { realm: "programs", name: "admin" }));
        assert_eq!(matrix.role("programs", "reader"), None);
    }

    #[test]
    fn rows_of_one_role_are_joined() {
        assert!(matrix().permits(clinic("reader"), "patient:read"));
        assert!(matrix().permits(clinic("reader"), "appointment:read"));
        assert!(!matrix().permits(clinic("reader"), "patient:write"));
    }

    #[test]
    fn a_giver_covers_only_subsets_of_what_it_holds() {
        let reader = Role { realm: "clinic", name: "reader" };
        assert!(!matrix().covers(clinic("admin"), reader), "reader also reads appointments");
        assert!(matrix().covers(clinic("reader"), reader));
    }

    #[test]
    fn rendering_shows_every_permission_once_under_its_realm() {
        let text = matrix().render();
        assert_eq!(text.matches("patient:read").count(), 1);
        assert_eq!(text.lines().count(), 7, "{text}");
    }
}
