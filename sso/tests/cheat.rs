//! A provider that answers whatever a test tells it to.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use axum::{Json, Router, extract::State, routing};
use jsonwebtoken::{Algorithm, EncodingKey, Header, get_current_timestamp, jwk::Jwk};
use serde_json::{Value, json};
use sso::{Begun, Client, Identity, Provider, SsoError};

use super::{BACK, callback, finish};

pub const CLIENT_ID: &str = "reeve-cheat";
pub const KEY_ID: &str = "key-1";

/// A signing key, and what is published of it.
pub struct Key {
    pub signing: EncodingKey,
    pub published: Value,
}

impl Key {
    pub fn new(id: &str) -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let signing = EncodingKey::from_ec_der(key.expect("a key").as_ref());
        let mut jwk = Jwk::from_encoding_key(&signing, Algorithm::ES256).expect("a public key");
        jwk.common.key_id = Some(id.to_owned());
        Self { signing, published: serde_json::to_value(jwk).expect("JSON") }
    }
}

pub struct Cheat {
    pub issuer: String,
    pub key: Key,
    answers: Arc<Answers>,
}

#[derive(Default)]
struct Answers {
    metadata: Mutex<Value>,
    token: Mutex<Value>,
    person: Mutex<Value>,
    keys: Mutex<Value>,
    asked_for_keys: AtomicUsize,
}

fn told(slot: &Mutex<Value>) -> Json<Value> {
    Json(slot.lock().expect("lock").clone())
}

impl Cheat {
    #[allow(clippy::disallowed_methods, reason = "a server of the test's own")]
    pub async fn start() -> Self {
        let answers = Arc::new(Answers::default());
        let router = Router::new()
            .route(
                "/.well-known/openid-configuration",
                routing::get(async |State(a): State<Arc<Answers>>| told(&a.metadata)),
            )
            .route("/token", routing::post(async |State(a): State<Arc<Answers>>| told(&a.token)))
            .route("/me", routing::get(async |State(a): State<Arc<Answers>>| told(&a.person)))
            .route(
                "/keys",
                routing::get(async |State(a): State<Arc<Answers>>| {
                    a.asked_for_keys.fetch_add(1, Ordering::Relaxed);
                    told(&a.keys)
                }),
            )
            .with_state(answers.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let issuer = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let cheat = Self { issuer, key: Key::new(KEY_ID), answers };
        cheat.say_metadata(&json!({}));
        cheat.publish(&[&cheat.key]);
        cheat
    }

    pub fn provider(&self) -> Provider {
        Provider::new("cheat", &self.issuer, CLIENT_ID, Some("secret".into())).expect("made")
    }

    /// Right metadata, with these changes.
    pub fn say_metadata(&self, changes: &Value) {
        let issuer = &self.issuer;
        let right = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "userinfo_endpoint": format!("{issuer}/me"),
            "jwks_uri": format!("{issuer}/keys"),
        });
        *self.answers.metadata.lock().expect("lock") = changed(right, changes);
    }

    pub fn say_person(&self, person: Value) {
        *self.answers.person.lock().expect("lock") = person;
    }

    pub fn publish(&self, keys: &[&Key]) {
        let keys: Vec<_> = keys.iter().map(|key| &key.published).collect();
        *self.answers.keys.lock().expect("lock") = json!({ "keys": keys });
    }

    pub fn times_asked_for_keys(&self) -> usize {
        self.answers.asked_for_keys.load(Ordering::Relaxed)
    }

    /// The claims of a right ID token for that sign-in, with these changes; null takes one away.
    pub fn claims(&self, begun: &Begun, changes: &Value) -> Value {
        let secrets = serde_json::to_value(&begun.pending).expect("JSON");
        let right = json!({
            "iss": self.issuer,
            "sub": "ada",
            "aud": CLIENT_ID,
            "exp": get_current_timestamp() + 300,
            "iat": get_current_timestamp(),
            "nonce": secrets["nonce"],
            "email": "ada@clinic.example",
            "email_verified": true,
        });
        changed(right, changes)
    }

    /// Ends that sign-in with this ID token.
    pub async fn finish(
        &self,
        client: &Client,
        begun: Begun,
        id_token: &str,
    ) -> Result<Identity, SsoError> {
        let token =
            json!({ "id_token": id_token, "access_token": "access", "token_type": "Bearer" });
        *self.answers.token.lock().expect("lock") = token;
        let secrets = serde_json::to_value(&begun.pending).expect("JSON");
        let state = secrets["state"].as_str().expect("state");
        let back = url::Url::parse_with_params(BACK, [("code", "code"), ("state", state)]);
        let back = callback(&back.expect("an address"));
        finish(client, &self.provider(), begun.pending, back).await
    }

    /// A whole sign-in whose ID token has these changes.
    pub async fn sign_in(&self, client: &Client, changes: &Value) -> Result<Identity, SsoError> {
        let begun = client.begin(&self.provider(), BACK, None).await?;
        let token = signed(&self.claims(&begun, changes), &self.key, Some(KEY_ID));
        self.finish(client, begun, &token).await
    }
}

pub fn signed(claims: &Value, key: &Key, id: Option<&str>) -> String {
    let mut header = Header::new(Algorithm::ES256);
    header.kid = id.map(str::to_owned);
    jsonwebtoken::encode(&header, claims, &key.signing).expect("signed")
}

fn changed(mut right: Value, changes: &Value) -> Value {
    let fields = right.as_object_mut().expect("object");
    for (name, value) in changes.as_object().expect("object") {
        match value {
            Value::Null => fields.remove(name),
            value => fields.insert(name.clone(), value.clone()),
        };
    }
    right
}
