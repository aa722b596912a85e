//! A queue, and what is put into it.

use std::fmt;

use url::Url;
use zeroize::Zeroizing;

/// The secret half of an access key. It does not print.
#[derive(Clone)]
pub struct SecretKey(Zeroizing<String>);

impl SecretKey {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Whether it can be a region of AWS: `eu-west-1`.
pub fn is_region(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// Whether it can be the public half of an access key.
pub fn is_access_key_id(text: &str) -> bool {
    (16..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// A customer's queue, with what they gave us to write into it.
#[derive(Clone, Debug)]
pub struct Queue {
    /// As AWS shows it: `https://sqs.eu-west-1.amazonaws.com/123456789012/orders.fifo`. Its origin is what is called.
    pub url: Url,
    /// A signature holds in one region. See [`is_region`].
    pub region: String,
    /// See [`is_access_key_id`].
    pub access_key_id: String,
    pub secret_access_key: SecretKey,
}

impl Queue {
    /// Whether it keeps the order in a group. The name of such a queue ends so, always.
    pub fn is_fifo(&self) -> bool {
        self.url.path().ends_with(".fifo")
    }
}

/// What is put into a queue.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// At most what the queue allows, attributes included: 256 KiB, or up to 1 MiB where its owner said so.
    pub body: String,
    /// In a FIFO queue: those of one group are read in the order in which they were accepted. Others are not told.
    pub group: Option<String>,
    /// In a FIFO queue: of several with the same within five minutes the first counts. Others are not told.
    pub deduplication: Option<String>,
    /// Names with texts, ten at the most.
    pub attributes: Vec<(String, String)>,
}
