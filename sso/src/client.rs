use std::sync::Arc;

use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;
use url::{Url, form_urlencoded::byte_serialize};

use crate::{
    Begun, Callback, Fault, Pending, Provider, Refusal, SetupError, SsoError,
    discovery::{Directory, Metadata},
    http,
    token::{self, Expected, Person},
};

const SCOPE: &str = "openid email profile";

/// Who signed in. Issuer and subject together name a person; an email address does not. It does not
/// print.
pub struct Identity {
    pub issuer: String,
    pub subject: String,
    pub email: Option<String>,
    /// The provider vouches for the address.
    pub email_verified: bool,
    pub name: Option<String>,
}

/// Signs people in. A clone shares what was learnt about providers.
#[derive(Clone)]
pub struct Client {
    directory: Arc<Directory>,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct TokenError {
    error: String,
}

impl Client {
    /// A client that has asked no provider yet.
    ///
    /// # Errors
    /// TLS cannot be set up on this system.
    pub fn new() -> Result<Self, SetupError> {
        Ok(Self { directory: Arc::new(Directory::new()?) })
    }

    /// Begins a sign-in: where to send the person, and what to keep until they are back.
    ///
    /// # Errors
    /// The provider cannot be asked about itself, or says something that is not to be trusted.
    pub async fn begin(
        &self,
        provider: &Provider,
        redirect_uri: &str,
        login_hint: Option<&str>,
    ) -> Result<Begun, SsoError> {
        let metadata = self.directory.metadata(provider).await?;
        let pending = Pending::new(provider.name())?;
        let mut url = metadata.authorization_endpoint.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", provider.client_id())
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", SCOPE)
            .append_pair("state", &pending.state)
            .append_pair("nonce", &pending.nonce)
            .append_pair("code_challenge", &pending.challenge())
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(login_hint.map(|hint| ("login_hint", hint)));
        Ok(Begun { url: url.into(), pending })
    }

    /// Ends a sign-in. It takes what was kept, since that is good for one try.
    ///
    /// # Errors
    /// [`SsoError::Refused`] if the callback is not the answer to that sign-in at that provider, or
    /// the ID token does not hold; [`SsoError::Unavailable`] if the provider does not do its part.
    pub async fn finish(
        &self,
        provider: &Provider,
        redirect_uri: &str,
        pending: Pending,
        callback: Callback,
    ) -> Result<Identity, SsoError> {
        let code = callback.code_for(&pending)?;
        if pending.provider != provider.name() {
            return Err(Refusal::Sender.into());
        }
        let metadata = self.directory.metadata(provider).await?;
        callback.check_sender(&metadata.issuer, metadata.always_says_who_answers())?;
        let tokens = self.exchange(provider, &metadata, redirect_uri, &pending, code).await?;
        let id_token = tokens.id_token.as_deref().ok_or(Refusal::Token)?;
        let header = token::header(id_token)?;
        let key = self.directory.key(provider, &metadata, &header).await?;
        let expected = Expected {
            issuer: &metadata.issuer,
            client_id: provider.client_id(),
            nonce: &pending.nonce,
            access_token: tokens.access_token.as_deref(),
        };
        let mut person = token::verify(id_token, &header, &key, &expected)?;
        if let (None, Some(url), Some(access)) =
            (&person.email, &metadata.userinfo_endpoint, &tokens.access_token)
        {
            self.ask_more(provider, url, access, &mut person).await?;
        }
        Ok(Identity {
            issuer: metadata.issuer.clone(),
            subject: person.sub,
            email_verified: person.email_verified && person.email.is_some(),
            email: person.email,
            name: person.name,
        })
    }

    async fn exchange(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        redirect_uri: &str,
        pending: &Pending,
        code: &str,
    ) -> Result<Tokens, SsoError> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", &pending.verifier),
        ];
        let request = self.directory.http.post(metadata.token_endpoint.clone());
        let request = authenticated(request, provider, metadata.takes_basic(), &mut form);
        let unavailable = |fault: Fault| fault.of(provider.name());
        let (status, body) = http::send(request.form(&form)).await.map_err(unavailable)?;
        if status == StatusCode::OK {
            return serde_json::from_slice(&body).map_err(|_| unavailable(Fault::Answer));
        }
        match serde_json::from_slice::<TokenError>(&body).map(|said| said.error).as_deref() {
            Ok("invalid_grant") => Err(Refusal::Code.into()),
            Ok("invalid_client" | "unauthorized_client") => Err(unavailable(Fault::Client)),
            _ => Err(unavailable(Fault::Status(status.as_u16()))),
        }
    }

    /// The user information is not signed, so it only adds to what the ID token said of the same
    /// person.
    async fn ask_more(
        &self,
        provider: &Provider,
        url: &Url,
        access_token: &str,
        person: &mut Person,
    ) -> Result<(), SsoError> {
        let request = self.directory.http.get(url.clone()).bearer_auth(access_token);
        let more: Person = http::get(request).await.map_err(|fault| fault.of(provider.name()))?;
        if more.sub != person.sub {
            return Err(Refusal::Subject.into());
        }
        // The address and who vouches for it belong together.
        (person.email, person.email_verified) = (more.email, more.email_verified);
        person.name = person.name.take().or(more.name);
        Ok(())
    }
}

fn authenticated<'a>(
    request: RequestBuilder,
    provider: &'a Provider,
    basic: bool,
    form: &mut Vec<(&'static str, &'a str)>,
) -> RequestBuilder {
    match provider.client_secret() {
        Some(secret) if basic => {
            // RFC 6749, section 2.3.1: both are encoded before they are joined.
            let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
            request.basic_auth(encoded(provider.client_id()), Some(encoded(secret.reveal())))
        }
        secret => {
            form.push(("client_id", provider.client_id()));
            form.extend(secret.map(|secret| ("client_secret", secret.reveal())));
            request
        }
    }
}
