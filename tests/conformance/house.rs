//! The house: every module looks like its sisters, and the walls hold.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(below: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn module_sources() -> Vec<PathBuf> {
    let modules = fs::read_dir(root().join("modules")).unwrap();
    modules.flat_map(|module| sources(&module.unwrap().path().join("src"))).collect()
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap()
}

#[test]
fn a_noun_has_its_own_files_and_no_others() {
    for path in module_sources() {
        let in_noun = !path.parent().unwrap().ends_with("src");
        let usual = ["mod.rs", "docs.rs", "http.rs", "rules.rs", "jobs.rs", "sql.rs"];
        assert!(
            !in_noun || usual.contains(&name(&path)),
            "{}: put it into one of {usual:?}",
            path.display()
        );
    }
}

#[test]
fn rules_are_pure() {
    for path in module_sources().iter().filter(|path| name(path) == "rules.rs") {
        let text = fs::read_to_string(path).unwrap();
        for forbidden in ["async ", ".await", "tokio", "Timestamp::now", "kernel::db"] {
            assert!(!text.contains(forbidden), "{}: a rule has no `{forbidden}`", path.display());
        }
    }
}

#[test]
fn sql_stands_in_sql_rs_alone() {
    for path in module_sources().iter().filter(|path| name(path) != "sql.rs") {
        let text = fs::read_to_string(path).unwrap().to_lowercase();
        for verb in ["\"select ", "\"insert into", "\"update ", "\"delete from", "set_config"] {
            assert!(!text.contains(verb), "{}: `{verb}` belongs in sql.rs", path.display());
        }
    }
}

#[test]
fn no_module_names_the_driver_or_another_module() {
    let modules: Vec<_> =
        fs::read_dir(root().join("modules")).unwrap().map(|m| m.unwrap().file_name()).collect();
    for module in &modules {
        let manifest =
            fs::read_to_string(root().join("modules").join(module).join("Cargo.toml")).unwrap();
        for forbidden in modules
            .iter()
            .filter(|other| *other != module)
            .filter_map(|m| m.to_str())
            .chain(["tokio-postgres", "deadpool-postgres", "tokio"])
        {
            assert!(
                !manifest.contains(&format!("\n{forbidden} =")),
                "{module:?} depends on {forbidden}"
            );
        }
    }
}

#[test]
fn migrations_say_why_and_are_numbered_without_gaps() {
    let registry = reeve::registry().unwrap();
    let mut last = ("", 0);
    for migration in &registry.migrations {
        assert!(migration.sql.starts_with("-- Why:"), "{}/{}", migration.module, migration.number);
        let expected = if migration.module == last.0 { last.1 + 1 } else { 1 };
        assert_eq!(migration.number, expected, "{}", migration.module);
        last = (migration.module, migration.number);
    }
}
