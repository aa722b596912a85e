//! How an element is written as a Rust type, once: members in camelCase, none that is empty.

/// Whether a member is left out: FHIR's JSON has no null and nothing empty (R4, section 2.6.2).
pub(crate) trait Absent {
    fn is_absent(&self) -> bool;
}

impl<T> Absent for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T> Absent for Vec<T> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

pub(crate) fn absent(member: &impl Absent) -> bool {
    member.is_absent()
}

/// Declares elements: every member is an `Option` or a `Vec`.
macro_rules! elements {
    ($($(#[$meta:meta])* $name:ident { $($(#[$on:meta])* $member:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            $($(#[$on])* #[serde(skip_serializing_if = "crate::element::absent")] pub $member: $type,)*
        }
    )*};
}

/// Declares resources: elements that begin with their `resourceType`, which must be theirs.
macro_rules! resources {
    ($($(#[$meta:meta])* $name:ident / $tag:ident { $($(#[$on:meta])* $member:ident: $type:ty),* $(,)? })*) => {$(
        /// The `resourceType` of its resource, and no other.
        #[derive(Clone, Copy, Default, PartialEq)]
        pub struct $tag;

        impl serde::Serialize for $tag {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(stringify!($name))
            }
        }

        impl<'de> serde::Deserialize<'de> for $tag {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                match String::deserialize(from)? == stringify!($name) {
                    true => Ok(Self),
                    false => Err(serde::de::Error::custom(concat!("expected `", stringify!($name), "`"))),
                }
            }
        }

        $(#[$meta])*
        #[derive(Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            pub resource_type: $tag,
            $($(#[$on])* #[serde(default, skip_serializing_if = "crate::element::absent")] pub $member: $type,)*
        }

        impl crate::resources::Resource for $name {
            const TYPE: &'static str = stringify!($name);
        }
    )*};
}

pub(crate) use elements;
pub(crate) use resources;
