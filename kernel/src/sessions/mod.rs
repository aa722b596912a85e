//! Signing in and out: by password, by refresh token, by a code; and the sessions that come of it.
//!
//! The paths are the documents' own (C-09): `POST /auth/token` takes the form of RFC 6749,
//! `/auth/login` takes JSON, both ask the same question. A session is one family of refresh tokens.

mod http;
mod login;
mod rules;
pub(crate) mod sql;

pub use http::{SessionView, TokenResponse};
pub(crate) use http::{hash_new, parse_email};
pub(crate) use login::{Hashes, prepare, tokens};
pub(crate) use rules::domain;

use serde_json::json;

use crate::{
    http::{Docs, Routes},
    people::OwnAccount,
    permissions,
};

permissions! {
    /// Sign in with a password.
    SignIn = "auth:login", Writes;
    /// Get the next tokens of a session.
    Refresh = "auth:refresh", Writes;
    /// Set a password with a code.
    UseCode = "auth:reset", Writes;
    /// Read the public keys of tokens.
    ReadKeys = "auth:keys", Reads;
    /// See where one is signed in.
    ReadSessions = "self:sessions", Discloses;
    /// Sign out.
    EndSessions = "self:sign_out", Writes;
}

const TAG: &str = "auth";
const TOKEN: Docs = Docs::new(
    TAG,
    "Sign in (OAuth2 password form)",
    "RFC 6749 section 4.3. Where an e-mail address is known to several organisations, name one: \
     `tenant` in the form, or `X-Tenant-ID`. Every refusal is the same 401.",
)
.example(|| json!({"grant_type": "password", "username": "ana@example.org", "password": "a long enough secret"}));
const LOGIN: Docs = Docs::new(
    TAG,
    "Sign in (JSON)",
    "As `POST /auth/token`; `tenant` or `municipality_code` names the organisation.",
)
.example(|| json!({"email": "ana@example.org", "password": "a long enough secret"}));
const REFRESH: Docs = Docs::new(
    TAG,
    "Get the next tokens",
    "The refresh token works once; ask again within ten seconds, when the answer was lost, and the \
     same successor comes. An older one means that somebody copied it: the session ends.",
)
.example(|| json!({"refresh_token": "reeve_rt_…"}));
const LOGOUT: Docs = Docs::new(TAG, "Sign out", "Ends the session of this token.").status(204);
const SESSIONS: Docs =
    Docs::new(TAG, "Where one is signed in", "The caller's own sessions, newest first.");
const END_ALL: Docs =
    Docs::new(TAG, "Sign out everywhere", "Ends every session of the caller, this one too.")
        .status(204);
const END_ONE: Docs = Docs::new(TAG, "End one session", "One of the caller's own.").status(204);
const CHANGE: Docs = Docs::new(
    TAG,
    "Change one's password",
    "At least 12 characters, none of the shipped list of breached ones. Every other session ends.",
)
.status(204)
.example(
    || json!({"current_password": "a long enough secret", "new_password": "an even longer secret"}),
);
const RESET: Docs = Docs::new(
    TAG,
    "Set a password with a code",
    "The code comes with an invitation or from an administrator; it works once. Every session ends.",
)
.status(204)
.example(|| json!({"code": "reeve_ot_…", "new_password": "an even longer secret"}));
const JWKS: Docs = Docs::new(
    TAG,
    "The public keys of tokens",
    "RFC 7517: the keys of realms that sign with RS256, those about to sign included.",
);

pub(crate) fn routes(routes: &mut Routes) {
    routes.post(SignIn, "/auth/token", http::token, TOKEN);
    routes.post(SignIn, "/auth/login", http::login, LOGIN);
    routes.post(Refresh, "/auth/refresh", http::refresh, REFRESH);
    routes.post(EndSessions, "/auth/logout", http::logout, LOGOUT);
    routes.get(ReadSessions, "/auth/sessions", http::list, SESSIONS);
    routes.delete(EndSessions, "/auth/sessions", http::end_all, END_ALL);
    routes.delete(EndSessions, "/auth/sessions/{id}", http::end_one, END_ONE);
    routes.post(OwnAccount, "/auth/password", http::change_password, CHANGE);
    routes.post(UseCode, "/auth/password/reset", http::reset_password, RESET);
    routes.get(ReadKeys, "/.well-known/jwks.json", http::jwks, JWKS);
}
