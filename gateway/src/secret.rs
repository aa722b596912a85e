use std::fmt;

use aws_lc_rs::{constant_time, digest};

/// A secret that callers show. It is kept as its hash.
#[derive(Clone)]
pub struct Bearer(digest::Digest);

impl Bearer {
    /// Of 32 bytes or more; nothing when it is shorter.
    pub fn new(secret: &str) -> Option<Self> {
        (secret.len() >= 32).then(|| Self(hash(secret)))
    }

    /// Compared in a time that tells nothing of how alike they are.
    pub(crate) fn is(&self, shown: &str) -> bool {
        constant_time::verify_slices_are_equal(self.0.as_ref(), hash(shown).as_ref()).is_ok()
    }
}

fn hash(secret: &str) -> digest::Digest {
    digest::digest(&digest::SHA256, secret.as_bytes())
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
