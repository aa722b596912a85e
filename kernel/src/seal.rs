//! Values sealed under the server's secret: nobody reads or changes them, and one made for one use
//! opens for no other.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use sha2::{Digest, Sha256};

const NONCE: usize = 12;

/// Seals and opens under a key derived from the server's secret and a use.
pub(crate) struct Seal {
    cipher: ChaCha20Poly1305,
}

/// There was no randomness, or the value was too long to seal.
#[derive(Debug, thiserror::Error)]
#[error("a value could not be sealed")]
pub struct SealError;

/// The key of one use, from the server's secret.
pub(crate) fn derive(secret: &[u8], what_for: &str) -> [u8; 32] {
    let label = format!("reeve {what_for} v1\0");
    Sha256::new().chain_update(label).chain_update(secret).finalize().into()
}

impl Seal {
    pub(crate) fn new(secret: &[u8], what_for: &str) -> Self {
        Self { cipher: ChaCha20Poly1305::new(&derive(secret, what_for).into()) }
    }

    /// Seals `value` for `owner`, which must be told again to open it.
    pub(crate) fn seal(&self, owner: &[u8], value: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| SealError)?;
        let payload = Payload { msg: value, aad: owner };
        let sealed = self.cipher.encrypt(&Nonce::from(nonce), payload).map_err(|_| SealError)?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// What [`seal`](Self::seal) sealed; nothing when it is another's, or no sealed value at all.
    pub(crate) fn open(&self, owner: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        let payload = Payload { msg: sealed, aad: owner };
        self.cipher.decrypt(&Nonce::from(*nonce), payload).ok()
    }

    /// The same as text for a URL or a cookie.
    pub(crate) fn seal_text(&self, owner: &[u8], value: &[u8]) -> Result<String, SealError> {
        Ok(URL_SAFE_NO_PAD.encode(self.seal(owner, value)?))
    }

    pub(crate) fn open_text(&self, owner: &[u8], sealed: &str) -> Option<Vec<u8>> {
        self.open(owner, &URL_SAFE_NO_PAD.decode(sealed).ok()?)
    }
}
