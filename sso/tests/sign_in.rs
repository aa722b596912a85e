//! At the certified provider of `tests/providers`.

use sso::testing::{Account, Options, TestProvider};

use super::{BACK, callback, client, code_of, copy, finish, with};

async fn start(name: &str, subjects: &[&str]) -> TestProvider {
    TestProvider::start(Options::new(name, BACK, subjects)).await
}

#[tokio::test]
async fn a_person_signs_in_and_is_named_by_issuer_and_subject() {
    let north = start("north", &["ada", "bob"]).await;
    let (client, provider) = (client(), north.provider());
    for sub in ["ada", "bob"] {
        let begun = client.begin(&provider, BACK, Some("ada@clinic.example")).await.expect("begun");
        let back = north.sign_in(&begun.url, sub).await;
        let who = finish(&client, &provider, begun.pending, callback(&back)).await.expect("in");
        assert_eq!(who.issuer, north.issuer);
        assert_eq!(who.subject, sub);
        assert_eq!(who.email, Some(format!("{sub}@clinic.example")));
        assert!(who.email_verified);
        assert_eq!(who.name, Some(format!("The person {sub}")));
    }
}

#[tokio::test]
async fn the_id_token_alone_is_enough_and_a_public_client_too() {
    let mut options = Options::new("north", BACK, &[]);
    options.claims_in_id_token = true;
    options.client_secret = None;
    options.accounts = vec![Account { email_verified: false, ..Account::new("eve") }];
    let north = TestProvider::start(options).await;
    let (client, provider) = (client(), north.provider());
    let begun = client.begin(&provider, BACK, None).await.expect("begun");
    let back = north.sign_in(&begun.url, "eve").await;
    let who = finish(&client, &provider, begun.pending, callback(&back)).await.expect("in");
    assert_eq!(who.email.as_deref(), Some("eve@clinic.example"));
    assert!(!who.email_verified);
}

#[tokio::test]
async fn two_providers_are_never_mixed() {
    let (north, south) = tokio::join!(start("north", &["ada"]), start("south", &["zoe"]));
    let (client, a, b) = (client(), north.provider(), south.provider());
    let at_north = client.begin(&a, BACK, None).await.expect("begun");
    let at_south = client.begin(&b, BACK, None).await.expect("begun");
    let from_north = north.sign_in(&at_north.url, "ada").await;
    let from_south = south.sign_in(&at_south.url, "zoe").await;

    // What began at one does not end at the other.
    let crossed = finish(&client, &b, copy(&at_north.pending), callback(&from_north)).await;
    assert_eq!(code_of(crossed), "sso_sender");
    let crossed = finish(&client, &b, copy(&at_south.pending), callback(&from_north)).await;
    assert_eq!(code_of(crossed), "sso_state");
    // A code of one with everything else of the other: whoever sent it says so,
    let mut mixed = callback(&from_south);
    mixed.code = callback(&from_north).code;
    mixed.iss = callback(&from_north).iss;
    let crossed = finish(&client, &b, copy(&at_south.pending), mixed).await;
    assert_eq!(code_of(crossed), "sso_sender");
    // and if that is forged too, the provider does not know the code.
    let mut mixed = callback(&from_south);
    mixed.code = callback(&from_north).code;
    let crossed = finish(&client, &b, copy(&at_south.pending), mixed).await;
    assert_eq!(code_of(crossed), "sso_code");

    let who = finish(&client, &a, at_north.pending, callback(&from_north)).await.expect("in");
    assert_eq!((who.issuer, who.subject.as_str()), (north.issuer.clone(), "ada"));
    let who = finish(&client, &b, at_south.pending, callback(&from_south)).await.expect("in");
    assert_eq!((who.issuer, who.subject.as_str()), (south.issuer.clone(), "zoe"));
}

#[tokio::test]
async fn a_code_is_good_for_one_sign_in_of_one_browser() {
    let north = start("north", &["ada"]).await;
    let (client, provider) = (client(), north.provider());
    for (name, value, refused) in [
        ("nonce", "another nonce", "sso_token_nonce"),
        ("verifier", "another-verifier-another-verifier-another-ver", "sso_code"),
        ("state", "another state", "sso_state"),
    ] {
        let begun = client.begin(&provider, BACK, None).await.expect("begun");
        let back = north.sign_in(&begun.url, "ada").await;
        let changed = with(&begun.pending, name, value);
        assert_eq!(code_of(finish(&client, &provider, changed, callback(&back)).await), refused);
    }
    let begun = client.begin(&provider, BACK, None).await.expect("begun");
    let back = north.sign_in(&begun.url, "ada").await;
    let again = copy(&begun.pending);
    finish(&client, &provider, begun.pending, callback(&back)).await.expect("once");
    assert_eq!(code_of(finish(&client, &provider, again, callback(&back)).await), "sso_code");
}

#[tokio::test]
async fn who_leaves_the_page_is_not_signed_in() {
    let north = start("north", &["ada"]).await;
    let (client, provider) = (client(), north.provider());
    let begun = client.begin(&provider, BACK, None).await.expect("begun");
    let back = north.decline(&begun.url).await;
    let left = finish(&client, &provider, begun.pending, callback(&back)).await;
    assert_eq!(code_of(left), "sso_denied");
}

#[tokio::test]
async fn a_wrong_secret_is_the_settings_fault_and_not_the_persons() {
    let north = start("north", &["ada"]).await;
    let client = client();
    let wrong = Some("wrong".into());
    let provider = sso::Provider::new("north", &north.issuer, "reeve-north", wrong).expect("made");
    let begun = client.begin(&provider, BACK, None).await.expect("begun");
    let back = north.sign_in(&begun.url, "ada").await;
    let refused = finish(&client, &provider, begun.pending, callback(&back)).await;
    assert_eq!(code_of(refused), "sso_client");
}
