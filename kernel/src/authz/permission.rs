//! Permissions as types.

use uuid::Uuid;

use super::answer::{Committed, Disclosed, Fetched, Followed, Joined, Released, Reply};
use crate::{db::Bound, policies::AttributesRow};

/// A permission: a name of the form `resource:action`, and what holding it does.
pub trait Permission: Copy + Send + Sync + 'static {
    const NAME: &'static str;
    /// Finds what is known of the resource that a request names, for the attribute policies of
    /// realms that have them.
    const ATTRIBUTES: Option<Attributes> = None;
    type Effect: Effect;
}

/// Finds what is known of the resource of this id, and of what else the request names, for attribute policies.
#[derive(Clone, Copy)]
pub enum Attributes {
    Of(fn(Uuid) -> Bound<AttributesRow>),
    /// With the record whose id stands in this member of the body.
    With(&'static str, fn(Uuid, Uuid) -> Bound<AttributesRow>),
}

/// What a permission does, and so what a handler under it must return.
pub trait Effect: Send + Sync + 'static {
    /// For the documentation: `read`, `write`, `disclose`, `deidentify`, `follow`, `join`.
    const NAME: &'static str;
    /// Whether a caller of a slice does it by the slice.
    const BY_SLICE: bool = true;
    /// What the handler returns, for a body of type `V`.
    type Answer<V>: Reply<V> + Send;
}

/// Reads nothing about people.
pub struct Reads;
/// Changes records.
pub struct Writes;
/// Reads records about people.
pub struct Discloses;
/// Reads what was made of records about people and points at none of them.
pub struct Deidentifies;
/// Reads records about people, and goes on reading them as they change.
pub struct Follows;
/// Is with others at one document, for as long as it may.
pub struct Joins;

impl Effect for Reads {
    const NAME: &'static str = "read";
    type Answer<V> = Fetched<V>;
}
impl Effect for Writes {
    const NAME: &'static str = "write";
    const BY_SLICE: bool = false;
    type Answer<V> = Committed<V>;
}
impl Effect for Discloses {
    const NAME: &'static str = "disclose";
    type Answer<V> = Disclosed<V>;
}
impl Effect for Deidentifies {
    const NAME: &'static str = "deidentify";
    const BY_SLICE: bool = false;
    type Answer<V> = Released<V>;
}
impl Effect for Follows {
    const NAME: &'static str = "follow";
    type Answer<V> = Followed<V>;
}
impl Effect for Joins {
    const NAME: &'static str = "join";
    const BY_SLICE: bool = false;
    type Answer<V> = Joined<V>;
}

/// Declares permissions: `ReadPatient = "patient:read", Discloses;`. With `about find_attributes`
/// the tenant's attribute policies are asked too, and the statement tells them of the resource; with
/// `about find_attributes, with gateway_id` of the record, too, that the body names.
#[macro_export]
macro_rules! permissions {
    ($($(#[$meta:meta])* $name:ident = $text:literal, $effect:ident
       $(, about $attributes:path $(, with $member:ident)?)?;)*) => {
        $($(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;
        impl $crate::authz::Permission for $name {
            const NAME: &'static str = $text;
            $(const ATTRIBUTES: Option<$crate::authz::Attributes> =
                Some($crate::attributes!($attributes $(, $member)?));)?
            type Effect = $crate::authz::$effect;
        })*
    };
}

/// One or two records (see [`permissions!`](crate::permissions)).
#[doc(hidden)]
#[macro_export]
macro_rules! attributes {
    ($attributes:path) => {
        $crate::authz::Attributes::Of($attributes)
    };
    ($attributes:path, $member:ident) => {
        $crate::authz::Attributes::With(stringify!($member), $attributes)
    };
}
