//! The server: configuration, the command line, mounting of modules. No rules, no SQL of its own.

pub mod commands;
pub mod database;
pub mod run;
pub mod settings;

use kernel::module::{Module, Registry};

/// The modules of this binary.
pub fn modules() -> Vec<Module> {
    vec![
        clinic::module(),
        programs::module(),
        athletics::module(),
        civic::module(),
        studio::module(),
    ]
}

/// Everything that this binary serves.
///
/// # Errors
/// Two modules that contradict each other; a test would have found it.
pub fn registry() -> Result<Registry, String> {
    Registry::new(modules())
}
