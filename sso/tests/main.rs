//! Sign-in at a real provider, and at one that cheats.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "tests may fail, and tell a story to its end"
)]

mod cheat;
mod down;
mod metadata;
mod sign_in;
mod tampered;

use sso::{Callback, Client, Identity, Pending, Provider, SsoError};
use url::Url;

const BACK: &str = "http://127.0.0.1:9/callback";

fn client() -> Client {
    Client::new().expect("TLS")
}

fn callback(url: &Url) -> Callback {
    let value =
        |name: &str| url.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned());
    Callback {
        code: value("code"),
        state: value("state"),
        iss: value("iss"),
        error: value("error"),
    }
}

/// The secrets with one of them changed, as by someone who could open the cookie.
fn with(pending: &Pending, name: &str, value: &str) -> Pending {
    let mut fields = serde_json::to_value(pending).expect("JSON");
    assert!(fields[name].is_string(), "{name}");
    fields[name] = value.into();
    serde_json::from_value(fields).expect("secrets")
}

fn copy(pending: &Pending) -> Pending {
    serde_json::from_value(serde_json::to_value(pending).expect("JSON")).expect("secrets")
}

fn code_of(result: Result<Identity, SsoError>) -> &'static str {
    result.err().expect("refused").code()
}

async fn finish(
    client: &Client,
    provider: &Provider,
    pending: Pending,
    callback: Callback,
) -> Result<Identity, SsoError> {
    client.finish(provider, BACK, pending, callback).await
}
