//! Requests on purposes.

use kernel::{
    authz::{Answer, Authorized, Fetched},
    http::{FromQuery, List, Page, Problem, Query, QueryReader, choice, parameter},
};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::rules::{PURPOSES, Purpose, hash_of};
use crate::{permissions::ReadPublic, text::LANGUAGES};

/// The words of a purpose in one language.
#[derive(Serialize, ToSchema)]
pub struct Words {
    language: &'static str,
    text: &'static str,
    text_version: &'static str,
    /// SHA-256, hex.
    text_hash: String,
}

/// A purpose.
#[derive(Serialize, ToSchema)]
pub struct PurposeView {
    purpose: &'static str,
    lawful_basis: &'static str,
    /// The section of POPIA.
    section: &'static str,
    /// Whether withdrawing the consent ends the processing.
    ends_with_consent: bool,
    /// Whether one may object to it (POPIA s11(3)).
    takes_objection: bool,
    words: Vec<Words>,
}

/// In which language.
pub struct InLanguage(Option<String>);

impl FromQuery for InLanguage {
    fn read(query: &mut QueryReader) -> Self {
        Self(choice(query, "language", LANGUAGES))
    }

    fn parameters() -> Vec<Value> {
        let language = json!({"type": "string", "enum": LANGUAGES});
        vec![parameter("language", language, "the words in this language, or in English")]
    }
}

fn view(purpose: &'static Purpose, language: Option<&str>) -> PurposeView {
    let languages = match language {
        Some(language) => vec![language],
        None => vec!["en", "zu", "af"],
    };
    let words = languages.into_iter().map(|language| {
        let (language, text) = purpose.words_in(language);
        Words { language, text, text_version: purpose.version, text_hash: hash_of(text) }
    });
    PurposeView {
        purpose: purpose.code,
        lawful_basis: purpose.basis.code(),
        section: purpose.basis.section(),
        ends_with_consent: purpose.basis.ends_with_consent(),
        takes_objection: purpose.basis.takes_objection(),
        words: words.collect(),
    }
}

pub async fn list(
    act: Authorized<ReadPublic>,
    Query(InLanguage(language)): Query<InLanguage>,
) -> Result<Fetched<List<PurposeView>>, Problem> {
    let items = PURPOSES.iter().map(|purpose| view(purpose, language.as_deref())).collect();
    act.tell(Answer::list(Page { items, limit: 0, next_cursor: None }))
}
