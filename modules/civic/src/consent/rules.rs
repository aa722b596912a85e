//! What a consent must say, and who may give it. Pure.

use jiff::Timestamp;
use kernel::{
    http::{Fault, Fields, Problem, Purpose as Writing, one_of},
    privacy::Pii,
};
use serde_json::{Value, json};

use super::http::ConsentBody;
use crate::{
    purposes::{Basis, REGISTRATION, hash_of, purpose},
    text::{Message, language, plain},
};

const CHANNELS: &[&str] = &["electronic", "paper", "verbal"];
const GRANTORS: &[&str] = &["self", "competent_person"];

/// Of whom a consent is, as far as it decides who may give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Under 18 on this day (POPIA s1 "child").
    Child,
    Adult,
}

/// A consent that was given, checked.
pub struct Given {
    pub columns: Pii<Value>,
    grantor: String,
}

impl Given {
    /// Checks a body. `preferred` is the language of who gives it, unless the body says another; `place` is where the
    /// body stands in the request.
    ///
    /// # Errors
    /// 422 with every field at fault.
    pub fn parse(
        body: ConsentBody,
        place: &str,
        preferred: &str,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        let mut fields = Fields::new(Writing::Create);
        let field = |name: &str| format!("{place}{name}");
        if !body.consented {
            let msg = "without consent nothing is recorded: send true once it is given";
            fields.fault(&field("consented"), ("not_consented", msg.into()));
        }
        let code = body.purpose.unwrap_or_else(|| REGISTRATION.into());
        if !is_code(&code) {
            let msg = "give lower-case letters, digits and `_`, such as `contact`";
            fields.fault(&field("purpose"), ("value_error", msg.into()));
        }
        let known = purpose(&code);
        let spoken = body.language.map(language).unwrap_or_else(|| language(preferred.to_owned()));
        let spoken = spoken.map_err(|fault| fields.fault(&field("language"), fault)).ok();
        let spoken = spoken.unwrap_or_else(|| "en".into());
        let own = body.text.or(body.purpose_description);
        let own = own.map(plain(4000)).transpose();
        let own = own.map_err(|fault| fields.fault(&field("text"), fault)).ok().flatten();
        let shown = Shown::of(&code, own, body.text_version, spoken);
        let shown = shown.unwrap_or_else(|fault| {
            fields.fault(&field("text"), fault);
            Shown::default()
        });
        let version = parse_version(shown.version);
        let version = version.map_err(|fault| fields.fault(&field("text_version"), fault));
        let giver =
            Giver::parse(&mut fields, place, (body.grantor, body.grantor_name), body.relation);
        let document = body.document_reference.map(plain(160)).transpose();
        let document = document
            .map_err(|fault| fields.fault(&field("document_reference"), fault))
            .ok()
            .flatten();
        let channel = one_of(CHANNELS)(body.channel.unwrap_or_else(|| "electronic".into()));
        let channel = channel.map_err(|fault| fields.fault(&field("channel"), fault));
        if body.expires_at.is_some_and(|end| end <= now) {
            fields
                .fault(&field("expires_at"), ("range", "a consent ends after it was given".into()));
        }
        fields.finish()?;
        let basis = known.map_or(Basis::Consent, |known| known.basis);
        let Giver { grantor, name, relation } = giver;
        let columns = json!({
            "purpose": code, "basis": "popia", "grantor": grantor, "grantor_name": name, "relation": relation,
            "text_version": version.ok(), "text_hash": hash_of(&shown.words), "purpose_description": shown.words,
            "language": shown.spoken, "channel": channel.ok(), "document_reference": document, "granted_at": now,
            "expires_at": body.expires_at, "lawful_basis": basis.code(),
        });
        Ok(Self { columns: Pii::new(columns), grantor })
    }

    /// Whether who gave it may: for a child a competent person alone, for an adult themselves. The database holds the
    /// same rule.
    ///
    /// # Errors
    /// 422 for the grantor.
    pub fn by_whom(&self, subject: Subject, place: &str) -> Result<(), Problem> {
        let msg = match (subject, self.grantor.as_str()) {
            (Subject::Child, "self") => "for a child a competent person consents (POPIA s35(1)(a))",
            (Subject::Adult, "competent_person") => {
                "who is of age consents alone: leave this field out"
            }
            _ => return Ok(()),
        };
        let mut fields = Fields::new(Writing::Create);
        fields.fault(&format!("{place}grantor"), ("not_competent", msg.into()));
        fields.finish().map(drop)
    }
}

/// Who gives a consent.
struct Giver {
    grantor: String,
    name: Option<String>,
    relation: Option<String>,
}

impl Giver {
    /// Notes every fault.
    fn parse(
        fields: &mut Fields,
        place: &str,
        (grantor, name): (Option<String>, Option<String>),
        relation: Option<String>,
    ) -> Self {
        let grantor = one_of(GRANTORS)(grantor.unwrap_or_else(|| "self".into()));
        let grantor = grantor.map_err(|fault| fields.fault(&format!("{place}grantor"), fault));
        let grantor = grantor.unwrap_or_default();
        let competent = grantor == "competent_person";
        let mut check = |field: &str, given: Option<String>, longest: usize| {
            let missing = || ("missing", "say who consents for the child, and as what".to_owned());
            let checked = match given {
                None if competent => Err(missing()),
                given => given.map(plain(longest)).transpose(),
            };
            checked.map_err(|fault| fields.fault(&format!("{place}{field}"), fault)).ok().flatten()
        };
        let (name, relation) = (check("grantor_name", name, 160), check("relation", relation, 80));
        Self { grantor, name, relation }
    }
}

/// The words that were shown.
struct Shown {
    spoken: String,
    words: String,
    version: String,
}

impl Default for Shown {
    fn default() -> Self {
        Self { spoken: "en".into(), words: String::new(), version: "none".into() }
    }
}

impl Shown {
    /// The client's own words, or ours for the purpose.
    fn of(
        code: &str,
        own: Option<String>,
        version: Option<String>,
        spoken: String,
    ) -> Result<Self, Fault> {
        match (own, purpose(code)) {
            (Some(words), _) => {
                Ok(Self { spoken, words, version: version.unwrap_or_else(|| "unnumbered".into()) })
            }
            (None, Some(known)) => {
                let (spoken, words) = known.words_in(&spoken);
                Ok(Self {
                    spoken: spoken.into(),
                    words: words.into(),
                    version: known.version.into(),
                })
            }
            // What is no purpose has no words either: one fault is enough.
            (None, None) if !is_code(code) => Ok(Self::default()),
            (None, None) => {
                let msg =
                    "there are no words of ours for this purpose: send the `text` that was shown";
                Err(("missing", msg.into()))
            }
        }
    }
}

/// A version as texts have one. It stays when its person is erased, so it can hold no words.
fn parse_version(given: String) -> Result<String, Fault> {
    let fits = (1..=40).contains(&given.len())
        && given.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    if fits { Ok(given) } else { Err(("version", "give letters, digits, `.`, `-` and `_`".into())) }
}

/// Whether this is a purpose's name, as the database takes one.
pub fn is_code(code: &str) -> bool {
    (1..=64).contains(&code.len())
        && code.starts_with(|c: char| c.is_ascii_lowercase())
        && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// The reason of a withdrawal, if one is given, and by which channel it came.
///
/// # Errors
/// 422 with the field.
pub fn parse_withdrawal(
    reason: Option<String>,
    channel: Option<String>,
) -> Result<(Option<Pii<String>>, String), Problem> {
    let fault =
        |field: &'static str| move |(kind, msg): Fault| Problem::field(&["body", field], kind, msg);
    let reason = reason.map(plain(1000)).transpose().map_err(fault("reason"))?;
    let channel = channel.unwrap_or_else(|| "electronic".into());
    let channel = one_of(CHANNELS)(channel).map_err(fault("channel"))?;
    Ok((reason.map(Pii::new), channel))
}

/// What is said to who withdraws.
pub fn withdrawn(basis: Basis) -> &'static Message {
    if basis.ends_with_consent() {
        return &Message {
            en: "Your consent is withdrawn. From now on nothing is done on the strength of it.",
            zu: "Imvume yakho ihoxisiwe. Kusukela manje akukho okuzokwenziwa ngaphansi kwayo.",
            af: "Jou toestemming is teruggetrek. Van nou af word niks meer op grond daarvan gedoen nie.",
        };
    }
    &Message {
        en: "Your consent is withdrawn. What the municipality must do by law goes on without it (POPIA s11(1)(e)); you \
             may object to that (s11(3)).",
        zu: "Imvume yakho ihoxisiwe. Lokho umasipala okumele akwenze ngokomthetho kuyaqhubeka ngaphandle kwayo (POPIA \
             s11(1)(e)); ungakuphikisa lokho (s11(3)).",
        af: "Jou toestemming is teruggetrek. Wat die munisipaliteit volgens wet moet doen, gaan daarsonder voort (POPIA \
             a11(1)(e)); jy mag daarteen beswaar maak (a11(3)).",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(body: Value) -> Result<Given, Vec<String>> {
        let body = kernel::http::parse_json(body.to_string().as_bytes()).expect("the shape fits");
        Given::parse(body, "", "zu", Timestamp::UNIX_EPOCH)
            .map_err(|p| p.errors.into_iter().map(|e| e.loc.join(".")).collect())
    }

    #[test]
    fn what_is_not_consented_to_is_no_consent() {
        assert_eq!(given(json!({"consented": false})).err(), Some(vec!["body.consented".into()]));
        assert!(given(json!({"consented": true})).is_ok());
    }

    #[test]
    fn a_purpose_of_the_clients_own_needs_its_words() {
        let own = json!({"consented": true, "purpose": "newsletter"});
        assert_eq!(given(own).err(), Some(vec!["body.text".into()]));
        let own = json!({"consented": true, "purpose": "newsletter", "purpose_description": "Send me news."});
        assert!(given(own).is_ok());
        let odd = json!({"consented": true, "purpose": "News!"});
        assert_eq!(given(odd).err(), Some(vec!["body.purpose".into()]));
    }

    #[test]
    fn a_child_needs_a_competent_person_and_an_adult_none() {
        let own = given(json!({"consented": true})).expect("given");
        assert!(
            own.by_whom(Subject::Child, "").is_err() && own.by_whom(Subject::Adult, "").is_ok()
        );
        let mother = json!({"consented": true, "grantor": "competent_person", "grantor_name": "Thandi", "relation": "mother"});
        let mother = given(mother).expect("given");
        assert!(
            mother.by_whom(Subject::Child, "").is_ok()
                && mother.by_whom(Subject::Adult, "").is_err()
        );
        let nameless = json!({"consented": true, "grantor": "competent_person"});
        assert_eq!(
            given(nameless).err(),
            Some(vec!["body.grantor_name".into(), "body.relation".into()])
        );
    }

    #[test]
    fn a_consent_that_has_ended_already_is_refused() {
        let ended = json!({"consented": true, "expires_at": "1970-01-01T00:00:00Z"});
        assert_eq!(given(ended).err(), Some(vec!["body.expires_at".into()]));
    }
}
