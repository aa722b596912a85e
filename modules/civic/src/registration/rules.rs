//! What consent to an account must say. Pure.

use kernel::http::{FieldError, Problem, text};

use super::http::RegistrationConsent;

/// # Errors
/// 422 with every fault; consent that is not given is one.
pub(super) fn check(consent: &RegistrationConsent) -> Result<(), Problem> {
    let fault = |field: &str, kind, msg: String| FieldError {
        loc: ["body", "consent", field].map(str::to_owned).to_vec(),
        msg,
        kind,
    };
    let words = [
        ("purpose", &consent.purpose, 80),
        ("purpose_description", &consent.purpose_description, 2000),
        ("language", &consent.language, 10),
    ];
    let mut faults = vec![];
    for (field, given, longest) in words {
        if let Some(Err((kind, msg))) = given.clone().map(text(longest)) {
            faults.push(fault(field, kind, msg));
        }
    }
    if !consent.consented {
        let msg = "an account is made with the consent of its owner alone";
        faults.push(fault("consented", "value_error", msg.into()));
    }
    if faults.is_empty() { Ok(()) } else { Err(Problem::invalid(faults)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consent(purpose: Option<&str>, consented: bool) -> RegistrationConsent {
        RegistrationConsent {
            purpose: purpose.map(Into::into),
            purpose_description: None,
            language: None,
            consented,
        }
    }

    #[test]
    fn consent_is_given_or_there_is_no_account() {
        assert!(check(&consent(Some("platform_access"), true)).is_ok());
        assert!(check(&consent(None, true)).is_ok());
        let faults = check(&consent(Some(" "), false)).unwrap_err().errors;
        let named: Vec<_> = faults.iter().map(|fault| fault.loc.join(".")).collect();
        assert_eq!(named, ["body.consent.purpose", "body.consent.consented"]);
    }
}
