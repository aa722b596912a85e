//! Sign-in at an OpenID Connect provider: the authorization code flow with PKCE, for any number of
//! providers, each found by its discovery document.
//!
//! ```text
//! begin  → Begun { url, pending }      send the person to the url, keep `pending` in a sealed cookie
//! finish ← pending, the callback       exchange the code, verify the ID token → Identity
//! ```
//!
//! It knows neither the database nor the server. What an [`Identity`] may do is decided elsewhere.

mod client;
mod discovery;
mod error;
mod http;
mod keys;
mod pending;
mod provider;
#[cfg(feature = "testing")]
pub mod testing;
mod token;

pub use client::{Client, Identity};
pub use error::{Fault, Refusal, SetupError, SsoError};
pub use pending::{Begun, Callback, Pending};
pub use provider::{Provider, Secret};
