//! Page cursors: opaque, sealed to the tenant, the caller, the route and the question, so that a
//! link made for one opens nothing for another (HAPI FHIR's issue 3357 is what happens otherwise).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::Problem;
use crate::authz::Caller;

const NONCE: usize = 12;

/// Seals and opens cursors under a key derived from the server's secret.
pub(crate) struct Cursors {
    cipher: ChaCha20Poly1305,
}

impl Cursors {
    pub(crate) fn new(secret: &[u8]) -> Self {
        let key = Sha256::new().chain_update("reeve cursor v1\0").chain_update(secret).finalize();
        Self { cipher: ChaCha20Poly1305::new(&key) }
    }

    pub(crate) fn seal(
        &self,
        caller: &Caller,
        route: &str,
        question: &str,
        place: &impl Serialize,
    ) -> Result<String, Problem> {
        let place = serde_json::to_vec(place).map_err(Problem::internal)?;
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|e| Problem::internal(e.to_string()))?;
        let owner = owner(caller, route, question);
        let payload = Payload { msg: &place, aad: &owner };
        let sealed = self.cipher.encrypt(&Nonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| Problem::internal("a cursor could not be sealed"))?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    pub(crate) fn open<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        route: &str,
        question: &str,
        cursor: &str,
    ) -> Result<T, Problem> {
        let opened = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| {
            let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
            let owner = owner(caller, route, question);
            let payload = Payload { msg: sealed, aad: &owner };
            let place = self.cipher.decrypt(&Nonce::from(*nonce), payload).ok()?;
            serde_json::from_slice(&place).ok()
        });
        opened.ok_or_else(|| {
            let msg = "send `next_cursor` as you received it, with the same filters and key";
            Problem::field(&["query", "cursor"], "cursor", msg)
        })
    }
}

fn owner(caller: &Caller, route: &str, question: &str) -> Vec<u8> {
    format!("{}\0{:?}\0{route}\0{question}", caller.tenant, caller.actor).into_bytes()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::db::Actor;

    fn caller(tenant: u128, key: u128) -> Caller {
        Caller {
            tenant: Uuid::from_u128(tenant),
            actor: Actor::ApiKey(Uuid::from_u128(key)),
            role: "reader".into(),
            require_if_match: false,
        }
    }

    fn opens(caller: &Caller, route: &str, question: &str, cursor: &str) -> bool {
        Cursors::new(b"secret").open::<u32>(caller, route, question, cursor).is_ok()
    }

    #[test]
    fn a_cursor_opens_for_its_caller_route_and_question_only() {
        let me = caller(1, 1);
        let cursor = Cursors::new(b"secret").seal(&me, "/a", "q", &7).expect("sealed");
        assert!(opens(&me, "/a", "q", &cursor));
        assert!(!opens(&caller(2, 1), "/a", "q", &cursor));
        assert!(!opens(&caller(1, 2), "/a", "q", &cursor));
        assert!(!opens(&me, "/b", "q", &cursor));
        assert!(!opens(&me, "/a", "p", &cursor));
    }

    #[test]
    fn garbage_is_refused_and_not_a_panic() {
        for garbage in ["", "x", "AAAA", "ñ", &"A".repeat(4096)] {
            assert!(!opens(&caller(1, 1), "/a", "q", garbage), "{garbage}");
        }
    }
}
