use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Refusal, SsoError};

/// A sign-in that has begun.
pub struct Begun {
    /// Where to send the person.
    pub url: String,
    /// What [`crate::Client::finish`] needs. Keep it sealed, with the person's browser.
    pub pending: Pending,
}

/// The secrets of one sign-in. They serialise, for a sealed cookie, and do not print.
#[derive(Serialize, Deserialize)]
pub struct Pending {
    pub(crate) provider: String,
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) verifier: String,
}

impl Pending {
    pub(crate) fn new(provider: &str) -> Result<Self, SsoError> {
        Ok(Self {
            provider: provider.to_owned(),
            state: random()?,
            nonce: random()?,
            verifier: random()?,
        })
    }

    pub(crate) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()))
    }
}

/// 256 bits; 43 characters, the least that a PKCE verifier may have.
fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The query with which the provider sends the person back. It does not print.
#[derive(Deserialize)]
pub struct Callback {
    pub code: Option<String>,
    pub state: Option<String>,
    /// Who answers (RFC 9207), if the provider says so.
    pub iss: Option<String>,
    pub error: Option<String>,
}

impl Callback {
    /// The code, if this is the answer to that sign-in.
    pub(crate) fn code_for(&self, pending: &Pending) -> Result<&str, Refusal> {
        if self.state.as_ref() != Some(&pending.state) {
            return Err(Refusal::State);
        }
        match (&self.error, &self.code) {
            (None, Some(code)) => Ok(code),
            _ => Err(Refusal::Denied),
        }
    }

    /// A provider that says who answers always has to, or leaving it out would be the way around.
    pub(crate) fn check_sender(&self, issuer: &str, always: bool) -> Result<(), Refusal> {
        match &self.iss {
            Some(iss) if iss == issuer => Ok(()),
            None if !always => Ok(()),
            _ => Err(Refusal::Sender),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callback(state: &str, code: Option<&str>, iss: Option<&str>) -> Callback {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Callback { code: owned(code), state: owned(Some(state)), iss: owned(iss), error: None }
    }

    #[test]
    fn a_callback_opens_for_its_own_sign_in() {
        let (mine, other) = (Pending::new("a").expect("made"), Pending::new("a").expect("made"));
        assert_eq!(callback(&mine.state, Some("c"), None).code_for(&mine), Ok("c"));
        let stranger = callback(&other.state, Some("c"), None);
        assert_eq!(stranger.code_for(&mine), Err(Refusal::State));
        let nothing = Callback { code: Some("c".into()), state: None, iss: None, error: None };
        assert_eq!(nothing.code_for(&mine), Err(Refusal::State));
    }

    #[test]
    fn an_error_is_a_refusal_even_beside_a_code() {
        let mine = Pending::new("a").expect("made");
        let mut answer = callback(&mine.state, Some("c"), None);
        answer.error = Some("access_denied".into());
        assert_eq!(answer.code_for(&mine), Err(Refusal::Denied));
        assert_eq!(callback(&mine.state, None, None).code_for(&mine), Err(Refusal::Denied));
    }

    #[test]
    fn a_sender_is_checked_when_named_and_missed_when_promised() {
        let sent = |iss, always| callback("s", None, iss).check_sender("https://a", always);
        assert_eq!(sent(Some("https://a"), true), Ok(()));
        assert_eq!(sent(None, false), Ok(()));
        assert_eq!(sent(None, true), Err(Refusal::Sender));
        assert_eq!(sent(Some("https://b"), false), Err(Refusal::Sender));
    }

    #[test]
    fn the_challenge_is_the_one_of_rfc_7636() {
        let mut pending = Pending::new("a").expect("made");
        pending.verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into();
        assert_eq!(pending.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
