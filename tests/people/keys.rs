//! The keys that sign tokens, and how long tokens last.

use ::kernel::{
    Clock,
    identity::{Purpose, rotation},
};
use serde_json::Value;
use testkit::{Options, Persona, run};

use super::*;

async fn lifetime(caller: &Persona) -> i64 {
    let claims = part(caller.token.as_ref().unwrap(), 1);
    claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap()
}

#[test]
fn r007_tokens_of_athletics_last_seven_days_or_what_the_setting_says() {
    run(async |app| {
        let school = app.organisation("athletics", "central high").await;
        assert_eq!(lifetime(school.role("coach")).await, 7 * 24 * 3600);
        assert_eq!(school.role("coach").refresh, None);
        let short = app.add_replica(&with(&[("ACCESS_TOKEN_EXPIRE_MINUTES", "15")])).await;
        let there = app.anonymous().at(app.url(short));
        let reply = there.sign_in(&school.id.to_string(), &school.email("coach"), PASSWORD).await;
        assert_eq!(reply.json()["expires_in"], 900);
        assert_eq!(lifetime(&there.with_tokens(&reply)).await, 900);
        let civic = app.organisation("civic", "kwa").await;
        let reply = there.sign_in(&civic.id.to_string(), &civic.email("admin"), PASSWORD).await;
        assert_eq!(reply.json()["expires_in"], 1800, "the setting is athletics' alone");
    });
}

#[test]
fn o07_a_signing_key_gives_way_to_the_next_without_anybody_noticing() {
    run(async |app| {
        app.add_replica(&Options::default()).await;
        let studio = app.organisation("studio", "kaizen").await;
        let owner = studio.role("org_owner");
        let realm = *reeve::registry().unwrap().realms.iter().find(|r| r.name == "studio").unwrap();
        let purpose = Purpose::Tokens(realm);
        let old = part(owner.token.as_ref().unwrap(), 0)["kid"].clone();
        let secret = testkit::SECRET.as_bytes();
        let kids = async || -> Vec<Value> {
            let keys = app.anonymous().get("/.well-known/jwks.json").await.json();
            keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect()
        };
        let before = kids().await.len();
        let mut platform = app.platform().await;
        rotation::rotate(&mut platform, &Clock::default(), secret, purpose, 2).await.unwrap();
        until(FELT, "the new key's appearance", async || kids().await.len() > before).await;
        assert!(kids().await.contains(&old), "the old key verifies still");
        // From now on until well after the new key signs: everybody is served everywhere.
        let mut newest = signed_in(app, &studio, &studio.email("org_owner")).await;
        let (begun, mut calls) = (Instant::now(), 0);
        while begun.elapsed() < Duration::from_secs(7) {
            for replica in [0, 1] {
                for caller in [owner, &newest] {
                    let reply = caller.at(app.url(replica)).get("/auth/me").await;
                    assert_eq!(reply.status, 200, "after {:?}: {}", begun.elapsed(), reply.text);
                    calls += 1;
                }
            }
            let next = refresh(app, calls % 2, newest.refresh.as_ref().unwrap()).await;
            assert_eq!(next.status, 200, "{}", next.text);
            newest = newest.with_tokens(&next);
        }
        let new = part(newest.token.as_ref().unwrap(), 0)["kid"].clone();
        assert_ne!(new, old, "tokens are signed with the new key");
        assert!(kids().await.contains(&new));
        let login = signed_in(app, &studio, &studio.email("viewer")).await;
        assert_eq!(part(login.token.as_ref().unwrap(), 0)["kid"], new);

        rotation::rotate(&mut platform, &Clock::default(), secret, purpose, 0).await.unwrap();
        felt(app, owner, 2, "401 unauthenticated").await;
        felt(app, &newest, 2, "401 unauthenticated").await;
        let kept = kids().await;
        assert!(!kept.contains(&old) && !kept.contains(&new), "{kept:?}");
        let again = signed_in(app, &studio, &studio.email("org_owner")).await;
        assert_eq!(again.get("/auth/me").await.status, 200);
    });
}

#[test]
fn the_published_keys_are_the_public_halves_of_rs256_and_nothing_else() {
    run(async |app| {
        let reply = app.anonymous().get("/.well-known/jwks.json").await;
        let keys = reply.json()["keys"].as_array().unwrap().clone();
        assert!(!keys.is_empty());
        for key in keys {
            assert_eq!(
                (&key["kty"], &key["alg"], &key["use"]),
                (&json!("RSA"), &json!("RS256"), &json!("sig"))
            );
            for secret in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
                assert!(key.get(secret).is_none(), "{secret} is published");
            }
            assert!(URL_SAFE_NO_PAD.decode(key["n"].as_str().unwrap()).unwrap().len() >= 256);
        }
    });
}

#[test]
fn the_server_does_not_start_with_a_key_that_is_none_or_weak() {
    run(async |app| {
        let weak = std::process::Command::new("openssl").args(["genrsa", "1024"]).output().unwrap();
        let weak = String::from_utf8(weak.stdout).unwrap();
        for pem in [weak.as_str(), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"] {
            let settings =
                reeve::settings::Settings::from_map(&with(&[("JWT_PRIVATE_KEY", pem)]).settings)
                    .unwrap();
            let pool = ::kernel::db::PoolSettings {
                config: app.database.config("reeve_app"),
                size: 1,
                wait: FELT,
            };
            let registry = reeve::registry().unwrap();
            let secret = testkit::SECRET.as_bytes();
            let server =
                reeve::run::Server::prepare(&settings, registry, pool, secret, Clock::default())
                    .await;
            let error = server.err().expect("it refuses").to_string();
            assert!(error.contains("JWT_PRIVATE_KEY"), "{error}");
        }
        let secret = with(&[("JWT_SECRET", "a plain secret of thirty-two bytes")]).settings;
        assert!(reeve::settings::Settings::from_map(&secret).is_err());
    });
}
