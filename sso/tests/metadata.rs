use serde_json::json;
use sso::Provider;
use url::Url;

use super::{
    BACK, callback,
    cheat::{CLIENT_ID, Cheat, KEY_ID, signed},
    client, code_of, finish,
};

#[tokio::test]
async fn a_sign_in_asks_for_a_code_with_state_nonce_and_a_hashed_verifier() {
    let (cheat, client) = (Cheat::start().await, client());
    cheat.say_metadata(&json!({ "authorization_endpoint": format!("{}/in?p=1", cheat.issuer) }));
    let begin = async || client.begin(&cheat.provider(), BACK, Some("a&b@c.example")).await;
    let (begun, other) = (begin().await.expect("begun"), begin().await.expect("begun"));
    let value = |url: &str, name: &str| {
        let url = Url::parse(url).expect("an address");
        url.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned())
    };
    for (name, expected) in [
        ("p", "1"),
        ("response_type", "code"),
        ("client_id", "reeve-cheat"),
        ("redirect_uri", BACK),
        ("scope", "openid email profile"),
        ("code_challenge_method", "S256"),
        ("login_hint", "a&b@c.example"),
    ] {
        assert_eq!(value(&begun.url, name).as_deref(), Some(expected), "{name}");
    }
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(value(&begun.url, name).expect(name).len(), 43, "{name}");
        assert_ne!(value(&begun.url, name), value(&other.url, name), "{name}");
    }
    let secrets = serde_json::to_value(&begun.pending).expect("JSON");
    assert!(!begun.url.contains(secrets["verifier"].as_str().expect("verifier")));
}

#[tokio::test]
async fn metadata_that_is_not_to_be_trusted_is_refused() {
    for (changes, code) in [
        (json!({ "issuer": "https://other.example" }), "sso_metadata_issuer"),
        (json!({ "issuer": "https://login.example/{tenantid}/v2.0" }), "sso_metadata_issuer"),
        (json!({ "token_endpoint": "http://intern.example/token" }), "sso_metadata_endpoint"),
        (json!({ "jwks_uri": "file:///etc/passwd" }), "sso_metadata_endpoint"),
        (json!({ "userinfo_endpoint": "http://169.254.169.254/" }), "sso_metadata_endpoint"),
        (json!({ "authorization_endpoint": "javascript:alert(1)" }), "sso_metadata_endpoint"),
        (json!({ "jwks_uri": null }), "sso_answer"),
        (json!({ "token_endpoint": "not an address" }), "sso_answer"),
        (json!({ "extra": "x".repeat(1 << 20) }), "sso_answer"),
    ] {
        let cheat = Cheat::start().await;
        cheat.say_metadata(&changes);
        let refused = client().begin(&cheat.provider(), BACK, None).await.err().expect("refused");
        assert_eq!(refused.code(), code);
    }
}

#[tokio::test]
async fn what_began_at_one_provider_does_not_end_at_another() {
    let (cheat, client) = (Cheat::start().await, client());
    // Even if all else is the same, as with two clients at one provider.
    let other = Provider::new("other", &cheat.issuer, CLIENT_ID, None).expect("made");
    let begun = client.begin(&other, BACK, None).await.expect("begun");
    let token = signed(&cheat.claims(&begun, &json!({})), &cheat.key, Some(KEY_ID));
    assert_eq!(code_of(cheat.finish(&client, begun, &token).await), "sso_sender");
}

#[tokio::test]
async fn a_provider_that_promises_to_name_itself_must() {
    let (cheat, client) = (Cheat::start().await, client());
    cheat.say_metadata(&json!({ "authorization_response_iss_parameter_supported": true }));
    let begun = client.begin(&cheat.provider(), BACK, None).await.expect("begun");
    let secrets = serde_json::to_value(&begun.pending).expect("JSON");
    let state = secrets["state"].as_str().expect("state");
    let back = Url::parse_with_params(BACK, [("code", "c"), ("state", state)]).expect("made");
    let refused = finish(&client, &cheat.provider(), begun.pending, callback(&back)).await;
    assert_eq!(code_of(refused), "sso_sender");
}
