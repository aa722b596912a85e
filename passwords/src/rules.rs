//! What a new password must be. Long and not guessable; no rule about digits or capitals, which
//! people meet with an `1!` at the end.

use crate::{Password, breached, secret::MAX_BYTES};

const SHORTEST: usize = 12;
const LONGEST: usize = 256;

/// What runs of keys and letters are pieces of; each goes on at its beginning.
const RUNS: [&str; 6] = [
    "0123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "1234567890qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
];

/// What is known of the person; a guess begins there. An empty text is left out.
#[derive(Clone, Copy, Default)]
pub struct Person<'a> {
    pub email: &'a str,
    pub full_name: &'a str,
}

/// Why a password cannot be taken. Says what to do, and never what was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("choose a password of at least 12 characters")]
    TooShort,
    #[error("choose a password of at most 256 characters and 1024 bytes")]
    TooLong,
    #[error("choose a password without the character U+0000")]
    Nul,
    #[error("choose a password that is not your e-mail address or your name")]
    Personal,
    #[error("choose a password that is not one character repeated, nor a row of letters or keys")]
    Trivial,
    #[error("choose another password: this one is on public lists of known passwords")]
    Breached,
}

/// Whether `password` may become `person`'s. Nothing is trimmed or normalised: spaces and every
/// character of Unicode count.
///
/// # Errors
/// The first rule that it breaks.
pub fn check(password: &Password, person: &Person<'_>) -> Result<(), Refusal> {
    let text = password.text();
    // The bytes first: whoever sends a megabyte has nothing else done for it.
    if text.len() > MAX_BYTES || text.chars().count() > LONGEST {
        return Err(Refusal::TooLong);
    }
    if text.contains('\0') {
        return Err(Refusal::Nul);
    }
    if text.chars().count() < SHORTEST {
        return Err(Refusal::TooShort);
    }
    if is_personal(text, person) {
        return Err(Refusal::Personal);
    }
    if is_trivial(text) {
        return Err(Refusal::Trivial);
    }
    if breached::contains(text) { Err(Refusal::Breached) } else { Ok(()) }
}

fn is_personal(text: &str, person: &Person<'_>) -> bool {
    let local_part = person.email.rsplit_once('@').map_or("", |(local, _)| local);
    let text = plain(text);
    [person.email, local_part, person.full_name]
        .into_iter()
        .any(|word| repeats(&text, &plain(word)))
}

/// In lower case and without spaces: `Ada Byron` is written `adabyron` as well.
fn plain(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect()
}

/// Whether `text` is `word`, once or more.
fn repeats(text: &str, word: &str) -> bool {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    !word.is_empty()
        && !text.is_empty()
        && text.len().is_multiple_of(word.len())
        && text.chunks(word.len()).all(|chunk| chunk == word)
}

fn is_trivial(text: &str) -> bool {
    let forward: Vec<char> = text.to_lowercase().chars().collect();
    let backward: Vec<char> = forward.iter().rev().copied().collect();
    forward.iter().all(|c| forward.first() == Some(c))
        || RUNS.iter().any(|run| is_piece(&forward, run) || is_piece(&backward, run))
}

/// Whether `text` is what one reads going round `run` from somewhere. No character is twice in it.
fn is_piece(text: &[char], run: &str) -> bool {
    let begins = |c: char| text.first() == Some(&c);
    run.find(begins).is_some_and(|at| run.chars().cycle().skip(at).zip(text).all(|(a, b)| a == *b))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: Person<'_> =
        Person { email: "Ada.Byron@clinic.example", full_name: "Ada Byron Lovelace" };

    fn refusal(text: &str) -> Option<Refusal> {
        check(&Password::new(text), &ADA).err()
    }

    /// `count` characters of which no rule but that of the length can complain.
    fn long(count: usize) -> String {
        "wet otters! ".chars().cycle().take(count).collect()
    }

    #[test]
    fn the_length_is_counted_in_characters() {
        for (text, expected) in [
            (String::new(), Some(Refusal::TooShort)),
            (long(11), Some(Refusal::TooShort)),
            (long(12), None),
            (long(256), None),
            (long(257), Some(Refusal::TooLong)),
            ("ñandú y ñuño".to_owned(), None),
            ("ñandú y ñuñ".to_owned(), Some(Refusal::TooShort)),
            ("🦦🐑🦦🐑🐐🦦🐑🦦🐑🐐🦦🐑".to_owned(), None),
            ("🦦🐑🦦🐑🐐🦦🐑🦦🐑🐐🦦".to_owned(), Some(Refusal::TooShort)),
            ("🦦🐑".repeat(128), None),
            (format!("{}🦦", "🦦🐑".repeat(128)), Some(Refusal::TooLong)),
            ("x".repeat(1_000_000), Some(Refusal::TooLong)),
        ] {
            assert_eq!(refusal(&text), expected, "{} characters", text.chars().count());
        }
    }

    #[test]
    fn spaces_count_and_nothing_is_trimmed() {
        assert_eq!(refusal("  wet otter "), None);
        assert_eq!(refusal("            "), Some(Refusal::Trivial));
    }

    #[test]
    fn a_nul_is_refused() {
        assert_eq!(refusal("wet\0otters!!"), Some(Refusal::Nul));
    }

    #[test]
    fn what_is_known_of_the_person_is_refused() {
        for text in [
            "ada.byron@clinic.example",
            "ADA.BYRON@CLINIC.EXAMPLE",
            "ada.byronAda.Byron",
            "Ada Byron Lovelace",
            "adabyronlovelace",
            "ada byron lovelace ADA BYRON LOVELACE",
        ] {
            assert_eq!(refusal(text), Some(Refusal::Personal), "{text}");
        }
        for text in ["ada.byron likes otters", "ada.byron@other.example", "lovelace lovelace"] {
            assert_eq!(refusal(text), None, "{text}");
        }
    }

    #[test]
    fn a_person_of_whom_nothing_is_known_has_all_other_rules() {
        let nobody = Person::default();
        assert_eq!(check(&Password::new("seven wet otters"), &nobody), Ok(()));
        assert_eq!(check(&Password::new("seven"), &nobody), Err(Refusal::TooShort));
        let odd = Person { email: "@", full_name: " " };
        assert_eq!(check(&Password::new("seven wet otters"), &odd), Ok(()));
    }

    #[test]
    fn runs_are_refused_in_both_directions_and_in_any_case() {
        for text in [
            "aaaaaaaaaaaa",
            "AAAAAAaaaaaa",
            "ññññññññññññ",
            "123456789012",
            "012345678901",
            "098765432109",
            "abcdefghijkl",
            "ABCdefGHIjkl",
            "zyxwvutsrqpo",
            "qwertyuiopas",
            "sapoiuytrewq",
            "1234567890qwerty",
            "qwertzuiopas",
            "azertyuiopqs",
        ] {
            assert_eq!(refusal(text), Some(Refusal::Trivial), "{text}");
        }
        for text in ["abcdefghijkm", "1234567890123x", "aaaaaaaaaaab, no"] {
            assert_eq!(refusal(text), None, "{text}");
        }
    }

    #[test]
    fn known_passwords_are_refused_in_any_case() {
        for text in ["1qaz2wsx3edc", "1QAZ2WSX3EDC", "Unbelievable"] {
            assert_eq!(refusal(text), Some(Refusal::Breached), "{text}");
        }
    }

    #[test]
    fn no_refusal_repeats_the_password() {
        for text in ["seven", "1qaz2wsx3edc", "Ada Byron Lovelace", "qwertyuiopas"] {
            let said = refusal(text).expect("refused").to_string();
            assert!(said.starts_with("choose") && !said.contains(text), "{said}");
        }
    }
}
