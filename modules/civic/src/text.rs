//! Free text and the languages it comes in.

use kernel::http::{Fault, text};

/// South Africa's official languages (Constitution s6(1) as amended in 2023), by ISO 639 code; `sfs` is South
/// African Sign Language.
pub const LANGUAGES: &[&str] =
    &["af", "en", "nr", "nso", "sfs", "ss", "st", "tn", "ts", "ve", "xh", "zu"];

/// In whose calendar days and ages are read: the country's one.
pub const ZONE: &str = "Africa/Johannesburg";

/// One of the official languages.
///
/// # Errors
/// The languages.
pub fn language(given: String) -> Result<String, Fault> {
    kernel::http::one_of(LANGUAGES)(given.trim().to_lowercase())
}

/// Free text of 1 to `longest` characters in which no markup is left (S-081). What holds none is kept to the byte.
///
/// # Errors
/// The fault, without the value.
pub fn plain(longest: usize) -> impl Fn(String) -> Result<String, Fault> {
    move |given| {
        let given = text(longest)(given)?;
        if !begins_markup(&given) {
            return Ok(given);
        }
        let cleaned = ammonia::Builder::empty().clean(&given).to_string();
        let said = text(longest)(cleaned);
        said.map_err(|_| ("markup", "send words, not markup".to_owned()))
    }
}

/// Whether a tag, a comment or a declaration begins anywhere (WHATWG HTML section 13.2.5.6), ended or not.
fn begins_markup(text: &str) -> bool {
    let begins = |c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?');
    text.split('<').skip(1).any(|rest| rest.starts_with(begins))
}

/// A message in the languages that it has been written in.
pub struct Message {
    pub en: &'static str,
    pub zu: &'static str,
    pub af: &'static str,
}

impl Message {
    /// The words in this language, or in English where there are none.
    pub fn in_language(&self, language: &str) -> &'static str {
        match language {
            "zu" => self.zu,
            "af" => self.af,
            _ => self.en,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_markup_is_kept_to_the_byte() {
        for text in
            ["Fish & chips, 3 < 5", "Amanzi ayavuza ngaphandle \u{1f6b0}", "a\nb", "&lt;b&gt;"]
        {
            assert_eq!(plain(200)(text.into()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn markup_goes_and_the_words_stay() {
        let cleaned = plain(200)("A <b>leak</b><script>steal()</script> here".into());
        assert_eq!(cleaned.as_deref(), Ok("A leak here"));
        assert!(plain(200)("<script>steal()</script>".into()).is_err(), "nothing is left");
        let open = plain(200)("x <img src=x onerror=alert(1) ".into());
        assert_eq!(open.as_deref(), Ok("x"), "a tag that another's `>` would end");
        let image = plain(200)("x<img src=x onerror=alert(1)>y".into());
        assert_eq!(image.as_deref(), Ok("xy"));
    }

    #[test]
    fn the_official_languages_are_twelve_and_others_are_refused() {
        assert_eq!(LANGUAGES.len(), 12);
        assert_eq!(language(" ZU ".into()).as_deref(), Ok("zu"));
        assert!(language("de".into()).is_err());
    }
}
