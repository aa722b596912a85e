//! Access tokens: forged, confused, stale, of another key; and the keys that sign them.

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::OnceLock,
};

use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};
use testkit::{TestApp, run, run_with};
use tokio::{net::TcpListener, time::timeout};

use super::*;

/// An RSA key of our own that the server signs with too.
fn pem() -> &'static str {
    static PEM: OnceLock<String> = OnceLock::new();
    PEM.get_or_init(|| String::from_utf8(openssl(&["genrsa", "2048"], "")).unwrap())
}

fn openssl(arguments: &[&str], input: &str) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("openssl");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap().stdout
}

/// A developer of a studio, their real token, and the key it was signed with.
struct Studio {
    token: String,
    header: Value,
    claims: Value,
    key: EncodingKey,
}

impl Studio {
    async fn new(app: &TestApp) -> Self {
        let studio = app.organisation("studio", "kaizen").await;
        let token = studio.role("developer").token.clone().unwrap();
        assert_eq!(holder(app, &*token).get("/auth/me").await.status, 200);
        let key = EncodingKey::from_rsa_pem(pem().as_bytes()).unwrap();
        Self { header: part(&token, 0), claims: part(&token, 1), token, key }
    }

    fn sign(&self, header: &Value, payload: &str) -> String {
        signed(header, payload, &self.key, Algorithm::RS256)
    }

    /// A well signed token whose claim is this piece of text; none leaves it out.
    fn claim(&self, name: &str, text: Option<&str>) -> String {
        let mut claims = self.claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        let rest = claims.to_string();
        let payload = match text {
            Some(text) => format!("{},\"{name}\":{text}}}", rest.trim_end_matches('}')),
            None => rest,
        };
        self.sign(&self.header, &payload)
    }

    fn header(&self, name: &str, value: Value) -> Value {
        let mut header = self.header.clone();
        header[name] = value;
        header
    }
}

fn signed(header: &Value, payload: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", encode(header.to_string()), encode(payload));
    format!("{message}.{}", crypto::sign(message.as_bytes(), key, algorithm).unwrap())
}

/// The token is refused with the usual 401, on record.
async fn refused(app: &TestApp, what: &str, token: &str) {
    let reply = holder(app, token).get("/auth/me").await;
    assert_eq!(reply.status, 401, "{what}: {}", reply.text);
    assert_eq!(reply.problem(), "401 unauthenticated", "{what}");
    assert_eq!(recorded(app, &reply).await, ["refused self:read unauthenticated"], "{what}");
}

async fn accepted(app: &TestApp, what: &str, token: &str) {
    let reply = holder(app, token).get("/auth/me").await;
    assert_eq!(reply.status, 200, "{what}: {}", reply.text);
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[test]
fn a01_a_token_without_an_algorithm_or_a_signature_is_refused_on_record() {
    run(async |app| {
        for realm in ["studio", "civic"] {
            let there = app.organisation(realm, realm).await;
            let real = there.people.values().next().unwrap().token.clone().unwrap();
            let parts: Vec<&str> = real.split('.').collect();
            for alg in ["none", "None", "NONE", "nOnE", ""] {
                let mut header = part(&real, 0);
                header["alg"] = json!(alg);
                let unsigned = format!("{}.{}", encode(header.to_string()), parts[1]);
                for signature in ["", parts[2], "AA"] {
                    refused(app, alg, &format!("{unsigned}.{signature}")).await;
                }
                refused(app, alg, &unsigned).await;
            }
            let body = format!("{}.{}", parts[0], parts[1]);
            refused(app, "no signature", &format!("{body}.")).await;
            refused(app, "no third part", &body).await;
            refused(app, "a fourth part", &format!("{real}.AA")).await;
            refused(app, "padding", &format!("{real}=")).await;
            refused(app, "a key id alone", parts[0]).await;
            refused(app, "other claims", &format!("{}.{}.{}", parts[0], encode("{}"), parts[2]))
                .await;
            accepted(app, "the real one", &real).await;
        }
    });
}

#[test]
fn a02_a_public_key_is_no_secret_of_hs256() {
    run_with(with(&[("JWT_PRIVATE_KEY", pem())]), async |app| {
        let studio = Studio::new(app).await;
        let civic = app.organisation("civic", "kwa").await;
        let jwks = app.anonymous().get("/.well-known/jwks.json").await;
        let ours = jwks.json()["keys"].as_array().unwrap().clone();
        let jwk =
            ours.iter().find(|key| key["kid"] == studio.header["kid"]).expect("our key").clone();
        let n = jwk["n"].as_str().unwrap();
        let text = openssl(&["rsa", "-pubout"], pem());
        let mut secrets = vec![
            n.as_bytes().to_vec(),
            URL_SAFE_NO_PAD.decode(n).unwrap(),
            openssl(&["rsa", "-pubout", "-outform", "DER"], pem()),
            openssl(&["rsa", "-RSAPublicKey_out", "-outform", "DER"], pem()),
            openssl(&["rsa", "-RSAPublicKey_out"], pem()),
            text.trim_ascii().to_vec(),
            text,
            jwk.to_string().into_bytes(),
            vec![],
        ];
        secrets.push(openssl(&["rsa", "-modulus", "-noout"], pem()).trim_ascii().to_vec());
        let kids = [
            studio.header["kid"].clone(),
            part(civic.role("admin").token.as_ref().unwrap(), 0)["kid"].clone(),
        ];
        for secret in &secrets {
            let key = EncodingKey::from_secret(secret);
            for kid in &kids {
                let mut header = studio.header("alg", json!("HS256"));
                header["kid"] = kid.clone();
                let forged = signed(&header, &studio.claims.to_string(), &key, Algorithm::HS256);
                refused(app, "the public key as a secret", &forged).await;
            }
        }
        for alg in ["RS384", "RS512", "PS256", "ES256", "EdDSA", "HS512"] {
            let token = studio.sign(&studio.header("alg", json!(alg)), &studio.claims.to_string());
            refused(app, alg, &token).await;
        }
    });
}

#[test]
fn a03_a_header_that_brings_or_points_at_a_key_is_refused_and_nothing_is_fetched() {
    run_with(with(&[("JWT_PRIVATE_KEY", pem())]), async |app| {
        let studio = Studio::new(app).await;
        let payload = studio.claims.to_string();
        for kid in [
            json!("00000000-0000-7000-8000-000000000000"),
            json!("../../x"),
            json!("/dev/null"),
            json!(""),
            json!("' or 1=1 --"),
            json!("x'; drop table kernel.signing_key; --"),
            json!(null),
            json!(1),
            json!([]),
            json!("a".repeat(4000)),
            json!("\u{0}"),
        ] {
            let token = studio.sign(&studio.header("kid", kid.clone()), &payload);
            refused(app, &kid.to_string(), &token).await;
        }
        let mut without = studio.header.clone();
        without.as_object_mut().unwrap().remove("kid");
        refused(app, "no kid", &studio.sign(&without, &payload)).await;

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let theirs = String::from_utf8(openssl(&["genrsa", "2048"], "")).unwrap();
        let own = EncodingKey::from_rsa_pem(theirs.as_bytes()).unwrap();
        let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&own, Algorithm::RS256).unwrap();
        let headers = [
            ("jku", json!(url)),
            ("x5u", json!(url)),
            ("jwk", json!(jwk)),
            ("x5c", json!(["AAAA"])),
        ];
        for (name, value) in &headers {
            for kid in [&studio.header["kid"], &json!("theirs"), &json!(url)] {
                let mut header = studio.header(name, value.clone());
                header["kid"] = kid.clone();
                refused(app, name, &signed(&header, &payload, &own, Algorithm::RS256)).await;
            }
        }
        let called = timeout(Duration::from_millis(200), listener.accept()).await;
        assert!(called.is_err(), "the server fetched a key from where a token said");
        accepted(app, "the real one", &studio.token).await;
    });
}

#[test]
fn a04_times_that_are_no_whole_seconds_are_refused() {
    run_with(with(&[("JWT_PRIVATE_KEY", pem())]), async |app| {
        let studio = Studio::new(app).await;
        let (soon, ago) = (now() + 600, now() - 600);
        accepted(app, "our own signature", &studio.claim("exp", Some(&soon.to_string()))).await;
        for (name, good) in [("exp", soon), ("nbf", ago)] {
            let mut texts: Vec<String> =
                ["null", "NaN", "Infinity", "1e999", "true", "{}", "[]", "\"\"", "\"never\""]
                    .map(Into::into)
                    .into();
            texts.extend([
                format!("\"{good}\""),
                format!("[{good}]"),
                format!("{good}.5"),
                format!("{{\"at\":{good}}}"),
            ]);
            texts.extend(["18446744073709551616".to_owned(), format!("{good},\"{name}\":null")]);
            texts.push(format!("{good},\"{name}\":{good}"));
            for text in texts {
                refused(app, &format!("{name} {text}"), &studio.claim(name, Some(&text))).await;
            }
        }
        for (name, text) in [("exp", i64::MIN), ("exp", 0), ("exp", -1), ("nbf", i64::MAX)] {
            refused(app, &format!("{name} {text}"), &studio.claim(name, Some(&text.to_string())))
                .await;
        }
    });
}

#[test]
fn a05_a_token_of_another_issuer_audience_type_or_environment_is_refused() {
    run_with(with(&[("JWT_PRIVATE_KEY", pem())]), async |app| {
        let studio = Studio::new(app).await;
        let wrong = [
            ("iss", "\"https://evil.example\""),
            ("iss", "\"\""),
            ("iss", "null"),
            ("iss", "\"urn:reeve:production\""),
            ("aud", "\"civic\""),
            ("aud", "\"clinic\""),
            ("aud", "\"\""),
            ("aud", "null"),
            ("aud", "[\"civic\"]"),
            ("sub", "\"x\""),
            ("sub", "null"),
            ("sid", "null"),
            ("sid", "\"00000000-0000-7000-8000-000000000000\""),
            ("organization_id", "null"),
        ];
        for (name, text) in wrong {
            refused(app, &format!("{name} {text}"), &studio.claim(name, Some(text))).await;
        }
        for name in ["iss", "aud", "exp", "nbf", "sub", "sid", "organization_id"] {
            refused(app, &format!("no {name}"), &studio.claim(name, None)).await;
        }
        for typ in [json!("JWT"), json!(""), json!(null), json!("rt+jwt"), json!("at+jwt ")] {
            let token = studio.sign(&studio.header("typ", typ.clone()), &studio.claims.to_string());
            refused(app, &format!("typ {typ}"), &token).await;
        }
        for payload in ["", "null", "[]", "\"x\"", "{", "{}"] {
            refused(app, payload, &studio.sign(&studio.header, payload)).await;
        }

        // One realm's token under another realm's key, and where another realm's people go.
        let civic = app.organisation("civic", "kwa").await;
        let theirs = civic.role("admin").token.clone().unwrap();
        let mut parts: Vec<String> = theirs.split('.').map(Into::into).collect();
        parts[0] = encode(studio.header.to_string());
        refused(app, "civic under studio's key", &parts.join(".")).await;
        let kid = studio.header("kid", part(&theirs, 0)["kid"].clone());
        refused(app, "studio under civic's key", &studio.sign(&kid, &studio.claims.to_string()))
            .await;
        refused(app, "civic's claims", &studio.sign(&studio.header, &part(&theirs, 1).to_string()))
            .await;
        let elsewhere = civic.role("admin").get("/v1/patients").await;
        assert_eq!(elsewhere.problem(), "403 forbidden");

        let other =
            app.add_replica(&with(&[("JWT_PRIVATE_KEY", pem()), ("ENVIRONMENT", "staging")])).await;
        let there = |token: &str| holder(app, token).at(app.url(other));
        for token in [&studio.token, &theirs] {
            assert_eq!(there(token).get("/auth/me").await.problem(), "401 unauthenticated");
        }
        let visitor = app.anonymous().at(app.url(other));
        let reply = visitor.sign_in(&civic.id.to_string(), &civic.email("admin"), PASSWORD).await;
        let staged = visitor.with_tokens(&reply);
        assert_eq!(staged.get("/auth/me").await.status, 200);
        refused(app, "of staging", staged.token.as_ref().unwrap()).await;
    });
}

#[test]
fn a_token_at_odds_with_its_own_session_is_refused_whether_or_not_the_session_is_known_here() {
    run_with(with(&[("JWT_PRIVATE_KEY", pem())]), async |app| {
        let cold = app.add_replica(&with(&[("JWT_PRIVATE_KEY", pem())])).await;
        let studio = Studio::new(app).await;
        for name in ["sub", "organization_id"] {
            let token = studio.claim(name, Some("\"01a1fde4-2202-74d0-829e-ef368d88ed1c\""));
            let there = holder(app, &*token).at(app.url(cold));
            assert_eq!(there.get("/auth/me").await.problem(), "401 unauthenticated", "{name}");
            refused(app, name, &token).await;
        }
    });
}

#[test]
fn a06_a_token_ends_at_its_time_with_at_most_a_minute_for_crooked_clocks() {
    run_with(with(&[("JWT_PRIVATE_KEY", pem())]), async |app| {
        let studio = Studio::new(app).await;
        let at =
            |name: &str, seconds: i64| studio.claim(name, Some(&(now() + seconds).to_string()));
        for ago in [31, 61, 3600] {
            refused(app, "ended", &at("exp", -ago)).await;
        }
        for ahead in [33, 62, 3600] {
            refused(app, "not yet begun", &at("nbf", ahead)).await;
        }
        accepted(app, "a clock that is a little slow", &at("nbf", 20)).await;
        accepted(app, "a clock that is a little fast", &at("exp", -20)).await;
    });
}
