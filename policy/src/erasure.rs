//! What may stay readable of a person who was erased: the rules under which a column outlives the person's
//! key, by name, as `keeps` of a privacy file says them.

/// Why a value stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Stable, for answers and privacy files: `consent_evidence`.
    pub name: &'static str,
    /// The section of law.
    pub citation: &'static str,
    /// What it asks for, in a sentence for the person who asks.
    pub sentence: &'static str,
}

/// Every rule there is.
pub const RULES: &[Rule] = &[
    Rule {
        name: "consent_evidence",
        citation: "POPIA s11(2)(a)",
        sentence: "Whoever processes personal information must be able to prove the consent for it.",
    },
    Rule {
        name: "security",
        citation: "POPIA s19",
        sentence: "Who had access, from where and when, is kept to secure the records of others.",
    },
    Rule {
        name: "public_record",
        citation: "National Archives and Records Service Act 43 of 1996 s13",
        sentence: "A public record may not be destroyed without the authority of the national archivist.",
    },
];

/// The rule of this name.
pub fn rule(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_found_by_its_name_and_says_why() {
        for wanted in RULES {
            assert_eq!(rule(wanted.name), Some(wanted));
            assert!(!wanted.citation.is_empty() && wanted.sentence.ends_with('.'));
        }
        assert_eq!(rule("because"), None);
    }
}
