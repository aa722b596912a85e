//! Those whom the records are about, whatever the tables: what is held about a person, what an erasure would
//! do and does, and who looked. Which table is whose, what stays and why is said by the privacy classes
//! ([`crate::authz::Authorized::subject_tables`]); nothing here names a table of a module. Routes are the
//! modules' own.

pub mod sql;
