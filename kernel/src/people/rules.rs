//! What an account may be. Pure.

use serde_json::Value;

use crate::{
    http::{Fault, Fields, Patch, Problem, Purpose, text},
    privacy::Pii,
    sessions::parse_email,
};

/// Somebody who gets an account.
#[cfg_attr(test, derive(Debug))]
pub(crate) struct NewPerson {
    pub(crate) email: String,
    pub(crate) full_name: String,
    pub(crate) phone: Option<String>,
    pub(crate) preferred_language: String,
}

impl NewPerson {
    /// # Errors
    /// 422 with the field.
    pub(crate) fn parse(
        (email, full_name): (String, String),
        (phone, language): (Option<String>, Option<String>),
        languages: Languages,
    ) -> Result<Self, Problem> {
        let fault = |field: &'static str| {
            move |(kind, msg): Fault| Problem::field(&["body", field], kind, msg)
        };
        Ok(Self {
            email: parse_email(&email)?,
            full_name: plain(100)(full_name).map_err(fault("full_name"))?,
            phone: phone.map(|p| plain(40)(p).map_err(fault("phone"))).transpose()?,
            preferred_language: match language {
                Some(code) => {
                    parse_language(languages)(code).map_err(fault("preferred_language"))?
                }
                None => "en".into(),
            },
        })
    }

    /// What a password of theirs may not be.
    pub(crate) fn about(&self) -> passwords::Person<'_> {
        passwords::Person { email: &self.email, full_name: &self.full_name }
    }
}

/// Text of 1 to `longest` characters without markup (S-081): no `<` that would begin a tag, a comment or an
/// instruction (WHATWG HTML section 13.2.5.6). The database holds it sealed and cannot look again.
pub(crate) fn plain(longest: usize) -> impl Fn(String) -> Result<String, Fault> {
    move |given| {
        let given = text(longest)(given)?;
        let begins =
            |rest: &str| rest.starts_with(|c: char| c.is_alphabetic() || "/!?".contains(c));
        match given.split('<').skip(1).any(begins) {
            true => Err(("markup", "send words, not markup".into())),
            false => Ok(given),
        }
    }
}

/// The languages of a realm ([`crate::identity::Realm::languages`]).
pub(crate) type Languages = Option<&'static [&'static str]>;

/// A language: two or three letters (ISO 639), one of the realm's where it has a list.
fn parse_language(languages: Languages) -> impl Fn(String) -> Result<String, Fault> {
    move |code| {
        let code = code.trim().to_lowercase();
        let letters = (2..=3).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_lowercase());
        match languages {
            Some(known) if !known.contains(&code.as_str()) => {
                Err(("language", format!("expected one of {}", known.join(", "))))
            }
            _ if letters => Ok(code),
            _ => Err(("language", "expected an ISO 639 code such as `zu`".into())),
        }
    }
}

/// What people may change of themselves, and administrators of others.
#[derive(Default)]
pub(crate) struct Profile {
    pub(crate) full_name: Patch<String>,
    pub(crate) phone: Patch<String>,
    pub(crate) preferred_language: Patch<String>,
}

impl Profile {
    /// The columns to change.
    ///
    /// # Errors
    /// 422 with every fault.
    pub(crate) fn parse(
        self,
        languages: Languages,
        more: impl FnOnce(&mut Fields),
    ) -> Result<Pii<Value>, Problem> {
        let mut fields = Fields::new(Purpose::Change);
        fields.required("full_name", "full_name", self.full_name, plain(100));
        fields.optional("phone", "phone", self.phone, plain(40));
        let language = self.preferred_language;
        let parse = parse_language(languages);
        fields.required("preferred_language", "preferred_language", language, parse);
        more(&mut fields);
        fields.finish().map(Pii::new)
    }
}

/// Z09: a tenant keeps at least one person who manages its people. `others` are those besides this
/// one; `stays` says whether this one still does afterwards. The database holds the same rule.
pub(crate) fn keep_an_administrator(
    administers: bool,
    stays: bool,
    others: i64,
) -> Result<(), Problem> {
    if administers && !stays && others == 0 { Err(last_administrator()) } else { Ok(()) }
}

/// What to say to the last administrator.
pub(crate) fn last_administrator() -> Problem {
    let detail =
        "this is the last person who manages this organisation's people: let another do so first";
    Problem::conflict("last_administrator", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_administrator_stays_one_and_others_may_go() {
        assert!(keep_an_administrator(true, false, 0).is_err());
        assert!(keep_an_administrator(true, false, 1).is_ok());
        assert!(keep_an_administrator(true, true, 0).is_ok());
        assert!(keep_an_administrator(false, false, 0).is_ok());
    }

    #[test]
    fn a_new_person_has_an_address_a_name_and_english_when_not_said() {
        let parse = |email: &str, name: &str, language: Option<&str>| {
            NewPerson::parse((email.into(), name.into()), (None, language.map(Into::into)), None)
        };
        let person = parse(" A@B.org ", " Ana ", None).expect("a person");
        assert_eq!((person.email.as_str(), person.full_name.as_str()), ("a@b.org", "Ana"));
        assert_eq!(person.preferred_language, "en");
        assert!(parse("a@b.org", "", None).is_err());
        assert!(parse("a", "Ana", None).is_err());
        assert!(parse("a@b.org", "Ana", Some("english")).is_err());
    }

    #[test]
    fn a_name_may_be_less_than_three_but_no_tag() {
        for words in ["Ana < 3", "Ana <3", "a<", "< b", "O'Brien & Sons >"] {
            assert_eq!(plain(100)(words.into()).as_deref(), Ok(words));
        }
        for markup in ["<b>Ana", "Ana</b>", "<!--", "<?php", "a<<script", "<\u{e9}"] {
            assert_eq!(plain(100)(markup.into()).unwrap_err().0, "markup", "{markup}");
        }
    }

    #[test]
    fn a_realm_may_have_languages_and_no_others() {
        let parse = parse_language(Some(&["en", "zu"]));
        assert_eq!(parse("ZU".into()).as_deref(), Ok("zu"));
        assert!(parse("de".into()).is_err());
        assert!(parse_language(None)("de".into()).is_ok());
    }
}
