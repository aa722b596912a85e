//! Permissions as types.

use super::answer::{Committed, Disclosed, Fetched, Reply};

/// A permission: a name of the form `resource:action`, and what holding it does.
pub trait Permission: Copy + Send + Sync + 'static {
    const NAME: &'static str;
    type Effect: Effect;
}

/// What a permission does, and so what a handler under it must return.
pub trait Effect: Send + Sync + 'static {
    /// For the documentation: `read`, `write`, `disclose`.
    const NAME: &'static str;
    /// What the handler returns, for a body of type `V`.
    type Answer<V>: Reply<V> + Send;
}

/// Reads nothing about people.
pub struct Reads;
/// Changes records.
pub struct Writes;
/// Reads records about people.
pub struct Discloses;

impl Effect for Reads {
    const NAME: &'static str = "read";
    type Answer<V> = Fetched<V>;
}
impl Effect for Writes {
    const NAME: &'static str = "write";
    type Answer<V> = Committed<V>;
}
impl Effect for Discloses {
    const NAME: &'static str = "disclose";
    type Answer<V> = Disclosed<V>;
}

/// Declares permissions: `ReadPatient = "patient:read", Discloses;`
#[macro_export]
macro_rules! permissions {
    ($($(#[$meta:meta])* $name:ident = $text:literal, $effect:ident;)*) => {
        $($(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;
        impl $crate::authz::Permission for $name {
            const NAME: &'static str = $text;
            type Effect = $crate::authz::$effect;
        })*
    };
}
