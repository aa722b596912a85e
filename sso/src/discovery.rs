//! What providers publish about themselves, remembered for ten minutes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jsonwebtoken::{DecodingKey, Header};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use crate::{
    Fault, Provider, Refusal, SetupError, SsoError, http,
    keys::{Keys, Published},
};

pub(crate) const FRESH: Duration = Duration::from_secs(600);
/// Those who queued behind a failed try get its answer instead of ten seconds each.
const REST: Duration = Duration::from_secs(3);

#[derive(Deserialize)]
pub(crate) struct Metadata {
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: Url,
    pub(crate) token_endpoint: Url,
    pub(crate) userinfo_endpoint: Option<Url>,
    jwks_uri: Url,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    fn check(&self, provider: &Provider) -> Result<(), Fault> {
        if !provider.is_issuer(&self.issuer) {
            return Err(Fault::Issuer);
        }
        let fixed = [&self.authorization_endpoint, &self.token_endpoint, &self.jwks_uri];
        let mut endpoints = fixed.into_iter().chain(&self.userinfo_endpoint);
        if endpoints.all(|url| provider.may_name(url)) { Ok(()) } else { Err(Fault::Endpoint) }
    }

    pub(crate) fn always_says_who_answers(&self) -> bool {
        self.authorization_response_iss_parameter_supported
    }

    /// Basic is what holds when nothing is said, and what clients are registered with by default.
    pub(crate) fn takes_basic(&self) -> bool {
        let methods = self.token_endpoint_auth_methods_supported.as_ref();
        methods.is_none_or(|all| all.iter().any(|method| method == "client_secret_basic"))
    }
}

/// What is known of one provider. Its lock is held while it is asked, so that it is asked once; the
/// other providers do not wait.
#[derive(Default)]
struct Known {
    metadata: Option<(Arc<Metadata>, Instant)>,
    keys: Keys,
    failed: Option<Instant>,
}

impl Known {
    async fn ask<T>(&mut self, asking: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        if self.failed.is_some_and(|at| at.elapsed() < REST) {
            return Err(Fault::Resting);
        }
        asking.await.inspect_err(|_| self.failed = Some(Instant::now()))
    }
}

type Slot = Arc<tokio::sync::Mutex<Known>>;

/// All providers that were asked for.
pub(crate) struct Directory {
    pub(crate) http: reqwest::Client,
    slots: Mutex<HashMap<Url, Slot>>,
}

impl Directory {
    pub(crate) fn new() -> Result<Self, SetupError> {
        Ok(Self { http: http::client()?, slots: Mutex::default() })
    }

    fn slot(&self, provider: &Provider) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(provider.metadata().clone()).or_default().clone()
    }

    pub(crate) async fn metadata(&self, provider: &Provider) -> Result<Arc<Metadata>, SsoError> {
        let slot = self.slot(provider);
        let mut known = slot.lock().await;
        if let Some((metadata, at)) = &known.metadata
            && at.elapsed() < FRESH
        {
            return Ok(metadata.clone());
        }
        let asking = async {
            let found: Metadata = http::get(self.http.get(provider.metadata().clone())).await?;
            found.check(provider).map(|()| Arc::new(found))
        };
        let found = known.ask(asking).await.map_err(|fault| fault.of(provider.name()))?;
        known.metadata = Some((found.clone(), Instant::now()));
        Ok(found)
    }

    /// The key that signed a token with this header. An unknown one may be new, so the provider is
    /// asked again, but rarely: who forges key ids must not make us hammer it.
    pub(crate) async fn key(
        &self,
        provider: &Provider,
        metadata: &Metadata,
        header: &Header,
    ) -> Result<DecodingKey, SsoError> {
        let slot = self.slot(provider);
        let mut known = slot.lock().await;
        if known.keys.are_fresh(Instant::now()) {
            if let Some(key) = known.keys.find(header) {
                return Ok(key);
            }
            if !known.keys.may_ask_again(Instant::now()) {
                return Err(Refusal::Key.into());
            }
        }
        let asking = http::get::<Published>(self.http.get(metadata.jwks_uri.clone()));
        let published = known.ask(asking).await.map_err(|fault| fault.of(provider.name()))?;
        known.keys.replace(published, Instant::now());
        known.keys.find(header).ok_or(Refusal::Key.into())
    }
}
