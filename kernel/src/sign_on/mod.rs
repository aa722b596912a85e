//! Single sign-on by OpenID Connect: any number of providers for a tenant, by discovery; the
//! authorization code flow with PKCE, state and nonce.
//!
//! A person is known by issuer and subject, which a provider never gives to another. An e-mail
//! address never links to an account that somebody uses: only an invitation that nobody has accepted
//! yet may be accepted so, when the provider has verified the address and speaks for its domain.

mod http;
mod operator;
mod rules;
pub(crate) mod sql;

pub use operator::{NewProvider, ProviderFault, ProviderInfo, Providers};

use serde_json::json;

use crate::{
    http::{Docs, Routes},
    permissions,
};

permissions! {
    /// Go to a provider to sign in there.
    StartSignOn = "auth:sso_start", Reads;
    /// Come back from it.
    SignOn = "auth:sso", Writes;
}

const TAG: &str = "sso";
const START: Docs = Docs::new(
    TAG,
    "Sign in at an identity provider",
    "Sends the browser there. Which provider: by the domain of `email`, or by `tenant` and `provider`. \
     With `return_to` (an address at one of ALLOWED_ORIGINS) the browser comes back there with a \
     one-time `code` for `POST /auth/sso/token`; without it, the tokens are the answer.",
)
.status(302);
const CALLBACK: Docs = Docs::new(
    TAG,
    "Back from the identity provider",
    "The redirect URI to register at a provider.",
);
const TOKEN: Docs = Docs::new(
    TAG,
    "Exchange a sign-on's code for tokens",
    "The code works once and for a minute; used twice, it ends the session.",
)
.example(|| json!({"code": "reeve_ot_…"}));

pub(crate) fn routes(routes: &mut Routes) {
    routes.get(StartSignOn, "/auth/sso/login", http::start, START);
    routes.get(SignOn, "/auth/sso/callback", http::callback, CALLBACK);
    routes.post(SignOn, "/auth/sso/token", http::token, TOKEN);
}
