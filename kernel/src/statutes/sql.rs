//! What a server reads of statutes.

use crate::{row, statements};

row! {
    /// A pack as it was loaded.
    pub struct PackText { text: String }
}

statements! {
    fn list_newest() -> PackText
        = "select text from kernel.statute_pack where version = kernel.pack_version(jurisdiction)";
}
