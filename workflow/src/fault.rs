use serde::Serialize;

/// What is wrong with a document, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// JSON Pointer (RFC 6901) into the document; empty is the whole of it.
    pub path: String,
    /// Stable, for programs.
    pub code: &'static str,
    /// For people. It repeats no value.
    pub message: String,
}

/// Why a value could not be computed. The text names a place in the workflow and never a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunFault {
    /// A path leads to nothing.
    Missing,
    /// More bytes, or more items, than allowed.
    TooLarge,
    /// A map over what is no list.
    NotAList,
    /// A value that cannot stand where it would.
    Unfit,
}

impl RunFault {
    /// Stable, for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "value_missing",
            Self::TooLarge => "value_too_large",
            Self::NotAList => "not_a_list",
            Self::Unfit => "value_unfit",
        }
    }
}
