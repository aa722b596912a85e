//! The purposes that are shipped, and their words. Pure.

use sha2::{Digest, Sha256};

use crate::text::Message;

/// A ground of POPIA s11(1) for processing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// (a): consent.
    Consent,
    /// (b): a contract with the data subject.
    Contract,
    /// (c): an obligation imposed by law.
    LegalObligation,
    /// (d): the data subject's legitimate interest.
    InterestOfSubject,
    /// (e): the proper performance of a public-law duty by a public body.
    PublicLawDuty,
    /// (f): a legitimate interest of the responsible party or a third party.
    LegitimateInterest,
}

impl Basis {
    const ALL: [Self; 6] = [
        Self::Consent,
        Self::Contract,
        Self::LegalObligation,
        Self::InterestOfSubject,
        Self::PublicLawDuty,
        Self::LegitimateInterest,
    ];

    /// The name in records and answers.
    pub fn code(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::Contract => "contract",
            Self::LegalObligation => "legal_obligation",
            Self::InterestOfSubject => "interest_of_subject",
            Self::PublicLawDuty => "public_law_duty",
            Self::LegitimateInterest => "legitimate_interest",
        }
    }

    /// The section.
    pub fn section(self) -> &'static str {
        match self {
            Self::Consent => "POPIA s11(1)(a)",
            Self::Contract => "POPIA s11(1)(b)",
            Self::LegalObligation => "POPIA s11(1)(c)",
            Self::InterestOfSubject => "POPIA s11(1)(d)",
            Self::PublicLawDuty => "POPIA s11(1)(e)",
            Self::LegitimateInterest => "POPIA s11(1)(f)",
        }
    }

    /// The basis of this name; what is not said rests on consent.
    pub fn of_code(code: Option<&str>) -> Self {
        let known = Self::ALL.into_iter().find(|basis| Some(basis.code()) == code);
        known.unwrap_or(Self::Consent)
    }

    /// Whether withdrawing the consent ends the processing: only where it rests on consent (s11(2)(b)).
    pub fn ends_with_consent(self) -> bool {
        self == Self::Consent
    }

    /// Whether the data subject may object (s11(3)(a)): to (d), (e) and (f).
    pub fn takes_objection(self) -> bool {
        matches!(self, Self::InterestOfSubject | Self::PublicLawDuty | Self::LegitimateInterest)
    }
}

/// A purpose.
pub struct Purpose {
    pub code: &'static str,
    pub basis: Basis,
    /// Of all of the words.
    pub version: &'static str,
    pub words: Message,
}

/// What everybody who registers agrees to.
pub const REGISTRATION: &str = "platform_registration";

/// The purposes that are shipped; a municipality's clients may ask for consent to others, in words of their own.
pub static PURPOSES: [Purpose; 2] = [
    Purpose {
        code: REGISTRATION,
        // A municipality serves its residents by law: Municipal Systems Act 32 of 2000 s4(2), s17.
        basis: Basis::PublicLawDuty,
        version: "2026-11",
        words: Message {
            en: "I agree that my municipality keeps my name, my e-mail address, my phone number and my reports, in order \
                 to register me, to deal with what I report, and to tell me what became of it.",
            zu: "Ngiyavuma ukuthi umasipala wami agcine igama lami, ikheli lami le-imeyili, inombolo yami yocingo \
                 nemibiko yami, ukuze angibhalise, asebenze ngalokho engikubikayo, futhi angazise ngomphumela.",
            af: "Ek stem in dat my munisipaliteit my naam, my e-posadres, my telefoonnommer en my aanmeldings hou om my \
                 te registreer, te hanteer wat ek aanmeld, en my te laat weet wat daarvan geword het.",
        },
    },
    Purpose {
        code: "contact",
        basis: Basis::Consent,
        version: "2026-11",
        words: Message {
            en: "I agree that those who work on my report see my name and my phone number, so that they can reach me \
                 about it.",
            zu: "Ngiyavuma ukuthi labo abasebenza ngombiko wami babone igama lami nenombolo yami yocingo, ukuze bakwazi \
                 ukungithinta ngawo.",
            af: "Ek stem in dat dié wat aan my aanmelding werk my naam en my telefoonnommer sien, sodat hulle my daaroor \
                 kan bereik.",
        },
    },
];

/// The shipped purpose of this code.
pub fn purpose(code: &str) -> Option<&'static Purpose> {
    PURPOSES.iter().find(|purpose| purpose.code == code)
}

impl Purpose {
    /// The words in a language, and in which they are: English where there are none in this one.
    pub fn words_in(&self, language: &str) -> (&'static str, &'static str) {
        let language = match language {
            "zu" => "zu",
            "af" => "af",
            _ => "en",
        };
        (language, self.words.in_language(language))
    }
}

/// SHA-256 of the words, UTF-8, in hex.
pub fn hash_of(words: &str) -> String {
    Sha256::digest(words).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn withdrawing_ends_what_rests_on_consent_and_nothing_else() {
        for basis in Basis::ALL {
            assert_eq!(basis.ends_with_consent(), basis == Basis::Consent, "{basis:?}");
            assert_eq!(Basis::of_code(Some(basis.code())), basis);
        }
        assert_eq!(Basis::of_code(None), Basis::Consent);
    }

    #[test]
    fn one_objects_to_interests_and_duties() {
        let objectionable: Vec<_> = Basis::ALL
            .into_iter()
            .filter(|basis| basis.takes_objection())
            .map(Basis::section)
            .collect();
        assert_eq!(objectionable, ["POPIA s11(1)(d)", "POPIA s11(1)(e)", "POPIA s11(1)(f)"]);
    }

    #[test]
    fn words_that_are_not_there_are_english_and_say_so() {
        let registration = purpose(REGISTRATION).expect("shipped");
        assert_eq!(registration.words_in("zu").0, "zu");
        assert_eq!(registration.words_in("xh"), ("en", registration.words.en));
    }

    #[test]
    fn the_hash_is_of_the_bytes() {
        assert_eq!(hash_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
