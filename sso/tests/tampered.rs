use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, get_current_timestamp};
use serde_json::{Value, json};

use super::{
    BACK,
    cheat::{CLIENT_ID, Cheat, KEY_ID, Key, signed},
    client, code_of,
};

#[tokio::test]
async fn a_right_token_signs_in() {
    let (cheat, client) = (Cheat::start().await, client());
    for changes in [
        json!({}),
        json!({ "aud": [CLIENT_ID] }),
        json!({ "aud": [CLIENT_ID, "other"], "azp": CLIENT_ID }),
        json!({ "exp": get_current_timestamp() - 30 }),
        json!({ "at_hash": hash_of("access") }),
    ] {
        let who =
            cheat.sign_in(&client, &changes).await.unwrap_or_else(|e| panic!("{changes} {e}"));
        assert_eq!((who.subject.as_str(), who.email_verified), ("ada", true));
    }
    assert_eq!(cheat.times_asked_for_keys(), 1);
}

#[tokio::test]
async fn a_token_that_says_something_else_is_refused() {
    let (cheat, client) = (Cheat::start().await, client());
    let now = get_current_timestamp();
    for (changes, code) in [
        (json!({ "iss": "https://other.example" }), "sso_token_issuer"),
        (json!({ "iss": [cheat.issuer, "https://other.example"] }), "sso_token"),
        (json!({ "iss": null }), "sso_token"),
        (json!({ "aud": "other" }), "sso_token_audience"),
        (json!({ "aud": ["other"] }), "sso_token_audience"),
        (json!({ "aud": [CLIENT_ID, "other"] }), "sso_token_audience"),
        (json!({ "aud": [CLIENT_ID, "other"], "azp": "other" }), "sso_token_audience"),
        (json!({ "azp": "other" }), "sso_token_audience"),
        (json!({ "aud": null }), "sso_token"),
        (json!({ "exp": now - 61 }), "sso_token_time"),
        (json!({ "exp": null }), "sso_token"),
        (json!({ "exp": "never" }), "sso_token"),
        (json!({ "nbf": now + 120 }), "sso_token_time"),
        (json!({ "nonce": "other" }), "sso_token_nonce"),
        (json!({ "nonce": null }), "sso_token_nonce"),
        (json!({ "at_hash": hash_of("other") }), "sso_token_access"),
        (json!({ "sub": null }), "sso_token"),
        (json!({ "sub": "" }), "sso_token"),
        (json!({ "sub": "a\u{0}b" }), "sso_token"),
        (json!({ "sub": "a".repeat(256) }), "sso_token"),
    ] {
        assert_eq!(code_of(cheat.sign_in(&client, &changes).await), code, "{changes}");
    }
}

#[tokio::test]
async fn a_token_that_only_the_provider_could_not_have_signed_is_refused() {
    let (cheat, client) = (Cheat::start().await, client());
    let begin = async || client.begin(&cheat.provider(), BACK, None).await.expect("begun");

    for alg in ["none", "None", "nOnE"] {
        let begun = begin().await;
        let unsigned = joined(&json!({ "alg": alg }), &cheat.claims(&begun, &json!({})), "");
        assert_eq!(code_of(cheat.finish(&client, begun, &unsigned).await), "sso_token");
    }

    // The published key as a shared secret, the oldest trick.
    let begun = begin().await;
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(KEY_ID.to_owned());
    let public = URL_SAFE_NO_PAD.decode(cheat.key.published["x"].as_str().expect("x"));
    let secret = EncodingKey::from_secret(&public.expect("base64"));
    let shared = jsonwebtoken::encode(&header, &cheat.claims(&begun, &json!({})), &secret);
    let refused = cheat.finish(&client, begun, &shared.expect("signed")).await;
    assert_eq!(code_of(refused), "sso_token_algorithm");

    // Another key under the right name, also when the token brings it along.
    let begun = begin().await;
    let other = Key::new(KEY_ID);
    let forged = signed(&cheat.claims(&begun, &json!({})), &other, Some(KEY_ID));
    assert_eq!(code_of(cheat.finish(&client, begun, &forged).await), "sso_token_signature");
    let begun = begin().await;
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(KEY_ID.to_owned());
    header.jwk = serde_json::from_value(other.published.clone()).ok();
    header.jku = Some("http://127.0.0.1:9/keys".to_owned());
    let forged = jsonwebtoken::encode(&header, &cheat.claims(&begun, &json!({})), &other.signing);
    let refused = cheat.finish(&client, begun, &forged.expect("signed")).await;
    assert_eq!(code_of(refused), "sso_token_signature");

    // What the right token says, changed afterwards.
    let begun = begin().await;
    let right = signed(&cheat.claims(&begun, &json!({})), &cheat.key, Some(KEY_ID));
    let parts: Vec<_> = right.split('.').collect();
    let claims = cheat.claims(&begun, &json!({ "sub": "root" })).to_string();
    let changed = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(claims), parts[2]);
    assert_eq!(code_of(cheat.finish(&client, begun, &changed).await), "sso_token_signature");

    for garbage in ["", ".", "..", "a.b.c", "a.b.c.d.e"] {
        let begun = begin().await;
        assert_eq!(code_of(cheat.finish(&client, begun, garbage).await), "sso_token", "{garbage}");
    }
}

#[tokio::test]
async fn a_new_key_is_found_and_a_forged_key_id_asks_the_provider_once_in_half_a_minute() {
    let (cheat, client) = (Cheat::start().await, client());
    cheat.sign_in(&client, &json!({})).await.expect("in");
    assert_eq!(cheat.times_asked_for_keys(), 1);

    let new = Key::new("key-2");
    cheat.publish(&[&cheat.key, &new]);
    let with = async |key: &Key, id: Option<&str>| {
        let begun = client.begin(&cheat.provider(), BACK, None).await.expect("begun");
        let token = signed(&cheat.claims(&begun, &json!({})), key, id);
        cheat.finish(&client, begun, &token).await
    };
    with(&new, Some("key-2")).await.expect("the new key is fetched");
    assert_eq!(cheat.times_asked_for_keys(), 2);

    for id in ["forged", "forged-2", "forged-3"] {
        assert_eq!(code_of(with(&cheat.key, Some(id)).await), "sso_token_key");
    }
    assert_eq!(code_of(with(&cheat.key, None).await), "sso_token_key", "two keys would fit");
    assert_eq!(cheat.times_asked_for_keys(), 2);
    with(&cheat.key, Some(KEY_ID)).await.expect("known keys still do");

    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(30)).await;
    tokio::time::resume();
    assert_eq!(code_of(with(&cheat.key, Some("forged")).await), "sso_token_key");
    assert_eq!(code_of(with(&cheat.key, Some("forged")).await), "sso_token_key");
    assert_eq!(cheat.times_asked_for_keys(), 3);
}

#[tokio::test]
async fn a_withdrawn_key_is_forgotten_within_ten_minutes() {
    let (cheat, client) = (Cheat::start().await, client());
    cheat.sign_in(&client, &json!({})).await.expect("in");
    cheat.publish(&[&Key::new("key-2")]);
    cheat.sign_in(&client, &json!({})).await.expect("still known");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(600)).await;
    tokio::time::resume();
    assert_eq!(code_of(cheat.sign_in(&client, &json!({})).await), "sso_token_key");
}

#[tokio::test]
async fn the_token_of_one_provider_is_refused_at_another() {
    let (one, two, client) = (Cheat::start().await, Cheat::start().await, client());
    let begun = client.begin(&two.provider(), BACK, None).await.expect("begun");
    // Both use the same key id, and the second even the keys of the first.
    let token = signed(&one.claims(&begun, &json!({})), &one.key, Some(KEY_ID));
    assert_eq!(code_of(two.finish(&client, begun, &token).await), "sso_token_signature");
    two.publish(&[&one.key]);
    let client = super::client();
    let begun = client.begin(&two.provider(), BACK, None).await.expect("begun");
    let token = signed(&one.claims(&begun, &json!({})), &one.key, Some(KEY_ID));
    assert_eq!(code_of(two.finish(&client, begun, &token).await), "sso_token_issuer");
}

#[tokio::test]
async fn the_user_information_counts_only_for_the_same_person() {
    let (cheat, client) = (Cheat::start().await, client());
    let silent = json!({ "email": null, "email_verified": null });
    cheat.say_person(json!({ "sub": "ada", "email": "a@b.example", "email_verified": "true" }));
    let who = cheat.sign_in(&client, &silent).await.expect("in");
    assert_eq!((who.email.as_deref(), who.email_verified), (Some("a@b.example"), true));

    // An address from one place is not verified by the other.
    cheat.say_person(json!({ "sub": "ada", "email": "a@b.example" }));
    let who = cheat.sign_in(&client, &json!({ "email": null })).await.expect("in");
    assert_eq!((who.email.as_deref(), who.email_verified), (Some("a@b.example"), false));

    // Nothing to verify is not verified.
    cheat.say_person(json!({ "sub": "ada", "email_verified": true }));
    let who = cheat.sign_in(&client, &silent).await.expect("in");
    assert_eq!((who.email, who.email_verified), (None, false));

    cheat.say_person(json!({ "sub": "eve", "email": "a@b.example", "email_verified": true }));
    assert_eq!(code_of(cheat.sign_in(&client, &silent).await), "sso_subject");
    cheat.say_person(json!("nothing"));
    assert_eq!(code_of(cheat.sign_in(&client, &silent).await), "sso_answer");
}

/// The `at_hash` of an access token under ES256.
fn hash_of(access_token: &str) -> String {
    use sha2::{Digest, Sha256};
    URL_SAFE_NO_PAD.encode(&Sha256::digest(access_token)[..16])
}

fn joined(header: &Value, claims: &Value, signature: &str) -> String {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    format!("{header}.{claims}.{signature}")
}
