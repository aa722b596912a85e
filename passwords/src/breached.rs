//! The list of passwords that everybody's guessing begins with.

use sha2::{Digest, Sha256};

/// The first eight bytes of the SHA-256 of each, sorted; made by `scripts/breached-passwords.py`.
static PREFIXES: &[u8] = include_bytes!("breached.bin");

/// Whether `password`, in any letter case, is on the list. By chance one in 10^14 others is too.
pub(crate) fn contains(password: &str) -> bool {
    let digest: [u8; 32] = Sha256::digest(password.to_lowercase().as_bytes()).into();
    let (prefixes, _) = PREFIXES.as_chunks::<8>();
    digest.first_chunk().is_some_and(|wanted| prefixes.binary_search(wanted).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_without_doubles_and_of_the_size_it_was_made_with() {
        let (prefixes, rest) = PREFIXES.as_chunks::<8>();
        assert!(rest.is_empty());
        assert!(prefixes.is_sorted_by(|a, b| a < b));
        assert!((70_000..100_000).contains(&prefixes.len()), "{}", prefixes.len());
    }

    #[test]
    fn known_passwords_are_found_in_any_case() {
        for known in ["1qaz2wsx3edc", "123qweasdzxc", "unbelievable", "september2015"] {
            assert!(contains(known), "{known}");
            assert!(contains(&known.to_uppercase()), "{known}");
        }
    }

    #[test]
    fn others_are_not() {
        for other in ["", "seven wet otters", "unbelievable seven", "1qaz2wsx3edc "] {
            assert!(!contains(other), "{other}");
        }
    }
}
