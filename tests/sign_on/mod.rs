//! Single sign-on against certified providers that run beside the test.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use sso::testing::{Account, TestProvider};
use testkit::{Options, Organisation, Persona, Reply, TestApp, run_with};

const PUBLIC: &str = "http://localhost:8000";
const CALLBACK: &str = "http://localhost:8000/auth/sso/callback";
const APP: &str = "https://app.acme.example";

fn options(settings: &[(&str, &str)]) -> Options {
    let own = [("PUBLIC_URL", PUBLIC), ("ALLOWED_ORIGINS", APP)];
    let all = own.iter().chain(settings).map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Options { settings: all.collect(), ..Options::default() }
}

async fn provider(name: &str, accounts: Vec<Account>) -> TestProvider {
    let mut options = sso::testing::Options::new(name, CALLBACK, &[]);
    options.accounts = accounts;
    TestProvider::start(options).await
}

/// Somebody at `acme.example` whose address is verified.
fn person(sub: &str) -> Account {
    let mut account = Account::new(sub);
    account.email = format!("{sub}@acme.example");
    account
}

/// Adds the provider to an organisation, as `reeve provider add` does.
async fn add(app: &TestApp, at: &Organisation, provider: &TestProvider, role: Option<&str>) {
    let registry = reeve::registry().unwrap();
    let mut platform = app.platform().await;
    let clock = ::kernel::Clock::default();
    let mut providers = ::kernel::sign_on::Providers {
        platform: &mut platform,
        clock: &clock,
        matrix: &registry.matrix,
        tenant: at.id,
        realm: at.realm.clone(),
    };
    let options = provider.options();
    let new = ::kernel::sign_on::NewProvider {
        name: options.name.clone(),
        discovery: provider.issuer.clone(),
        client_id: options.client_id.clone(),
        client_secret: options.client_secret.clone(),
        domains: vec!["acme.example".into()],
        role: role.map(Into::into),
    };
    providers.add(new, testkit::SECRET.as_bytes()).await.unwrap();
}

/// Where the server sends a browser, and the cookie that it keeps meanwhile.
async fn begin(browser: &Persona, query: &str) -> (String, String) {
    let reply = browser.get(&format!("/auth/sso/login?{query}")).await;
    assert_eq!(reply.status, 302, "{}", reply.text);
    let cookie = reply.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let pair = cookie.split(';').next().unwrap().to_owned();
    (reply.header("location").unwrap().to_owned(), pair)
}

/// The browser comes back with this cookie.
async fn back(browser: &Persona, to: &url::Url, cookie: &str) -> Reply {
    let path = format!("{}?{}", to.path(), to.query().unwrap_or_default());
    browser.send(browser.request(Method::GET, &path).header("Cookie", cookie)).await
}

/// A whole sign-on.
async fn sign_on(browser: &Persona, at: &TestProvider, query: &str, sub: &str) -> Reply {
    let (url, cookie) = begin(browser, query).await;
    let to = at.sign_in(&url, sub).await;
    back(browser, &to, &cookie).await
}

async fn me(browser: &Persona, tokens: &Reply) -> Value {
    browser.with_tokens(tokens).get("/auth/me").await.json()
}

async fn invite(at: &Organisation, email: &str, role: &str) -> String {
    let body = json!({"email": email, "full_name": "Ada", "role": role});
    let reply = at.role("org_owner").post("/auth/users", &body).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    reply.id()
}

#[test]
fn an_invitation_is_accepted_by_sign_on_and_the_person_is_known_from_then_on() {
    run_with(options(&[]), async |app| {
        let acme = app.organisation("studio", "acme").await;
        let okta = provider("okta", vec![person("ada")]).await;
        add(app, &acme, &okta, None).await;
        let id = invite(&acme, "ada@acme.example", "developer").await;
        let browser = app.anonymous();
        let first = sign_on(&browser, &okta, "email=ada@acme.example", "ada").await;
        assert_eq!(first.status, 200, "{}", first.text);
        assert!(first.header("set-cookie").unwrap().contains("Max-Age=0"), "the cookie is spent");
        let who = me(&browser, &first).await;
        assert_eq!((&who["id"], &who["role"]), (&json!(id), &json!("developer")), "{who}");
        assert_eq!(who["authenticated_by"], "sso");
        // Known by subject now: another address at the provider changes nothing.
        let again = sign_on(&browser, &okta, &format!("tenant={}", acme.id), "ada").await;
        assert_eq!(me(&browser, &again).await["id"], json!(id));
        let entries =
            app.ask("select operation from audit.entry where resource = 'kernel.identity'").await;
        assert_eq!(entries, ["CREATE"]);
    });
}

#[test]
fn two_providers_at_once_keep_their_people_apart() {
    run_with(options(&[]), async |app| {
        let acme = app.organisation("studio", "acme").await;
        let mut other = person("same");
        other.email = "second@acme.example".into();
        let (north, south) =
            tokio::join!(provider("north", vec![person("same")]), provider("south", vec![other]));
        add(app, &acme, &north, Some("viewer")).await;
        add(app, &acme, &south, Some("developer")).await;
        let browser = app.anonymous();
        let several = browser.get("/auth/sso/login?email=x@acme.example").await;
        assert_eq!(several.problem(), "400 organization_required");
        let at = |name: &str| format!("tenant={}&provider={name}", acme.id);
        let (to_north, to_south) = (at("north"), at("south"));
        let (a, b) = tokio::join!(
            sign_on(&browser, &north, &to_north, "same"),
            sign_on(&browser, &south, &to_south, "same"),
        );
        let (a, b) = (me(&browser, &a).await, me(&browser, &b).await);
        assert_ne!(a["id"], b["id"], "one subject of two issuers is two people");
        assert_eq!((&a["role"], &b["role"]), (&json!("viewer"), &json!("developer")));
        // What began at one does not end at the other.
        let (url, _) = begin(&browser, &at("north")).await;
        let (_, cookie) = begin(&browser, &at("south")).await;
        let to = north.sign_in(&url, "same").await;
        assert_eq!(back(&browser, &to, &cookie).await.status, 400);
    });
}

#[test]
fn a11_an_address_that_an_account_uses_is_never_linked() {
    run_with(options(&[]), async |app| {
        let acme = app.organisation("studio", "acme").await;
        let mut namesake = person("namesake");
        namesake.email = acme.email("org_owner");
        let mut unverified = person("unverified");
        unverified.email_verified = false;
        let mut stranger = person("stranger");
        stranger.email = "stranger@elsewhere.example".into();
        let okta = provider("okta", vec![namesake, unverified, stranger, person("new")]).await;
        add(app, &acme, &okta, None).await;
        invite(&acme, "unverified@acme.example", "org_admin").await;
        invite(&acme, "stranger@elsewhere.example", "org_admin").await;
        let owner_domain = format!("{}.example", acme.id.simple());
        let allow = format!(
            "set session_replication_role = replica;
             update kernel.identity_provider set domains = array['acme.example', '{owner_domain}']"
        );
        app.database.session("reeve_admin").await.batch_execute(&allow).await.unwrap();
        let browser = app.anonymous();
        let sessions = app.ask("select id from kernel.session").await;
        for (sub, code) in [
            ("namesake", "account_exists"),
            ("unverified", "email_unverified"),
            ("stranger", "domain_not_allowed"),
            ("new", "not_invited"),
        ] {
            let reply = sign_on(&browser, &okta, &format!("tenant={}", acme.id), sub).await;
            assert_eq!(reply.problem(), format!("403 {code}"), "{sub}");
            let refused = format!(
                "select count(*) from audit.entry where outcome = 'refused' and reason = '{code}'
                    and tenant_id = '{}'",
                acme.id
            );
            assert_eq!(app.ask(&refused).await, ["1"], "{sub}");
        }
        assert_eq!(app.ask("select id from kernel.identity").await, Vec::<String>::new());
        assert_eq!(app.ask("select id from kernel.session").await, sessions);
    });
}

#[test]
fn a12_a_wrong_or_used_state_another_browsers_cookie_or_none_opens_nothing() {
    run_with(options(&[]), async |app| {
        let acme = app.organisation("studio", "acme").await;
        let okta = provider("okta", vec![person("ada"), person("eve")]).await;
        add(app, &acme, &okta, Some("viewer")).await;
        let (browser, query) = (app.anonymous(), format!("tenant={}", acme.id));
        let sessions = app.ask("select id from kernel.session").await;
        let (url, cookie) = begin(&browser, &query).await;
        let to = okta.sign_in(&url, "ada").await;
        let (_, other) = begin(&browser, &query).await;
        let forged = format!("{}x", cookie);
        for wrong in [other.as_str(), forged.as_str(), "reeve_sso=", "x=y"] {
            assert_eq!(back(&browser, &to, wrong).await.status, 400, "{wrong}");
        }
        let mut changed = to.clone();
        changed.set_query(Some(&to.query().unwrap().replace("state=", "state=x")));
        assert_eq!(back(&browser, &changed, &cookie).await.problem(), "400 sso_state");
        let denied = okta.decline(&begin(&browser, &query).await.0).await;
        assert_eq!(back(&browser, &denied, &cookie).await.status, 400);
        assert_eq!(app.ask("select id from kernel.session").await, sessions, "no session");
        // The right one works, once: the provider knows its code no more.
        assert_eq!(back(&browser, &to, &cookie).await.status, 200);
        assert_eq!(back(&browser, &to, &cookie).await.problem(), "400 sso_code");
    });
}

#[test]
fn a10_a_code_redeemed_twice_at_once_gives_one_session_and_ends_it() {
    run_with(options(&[]), async |app| {
        let acme = app.organisation("studio", "acme").await;
        let okta = provider("okta", vec![person("ada")]).await;
        add(app, &acme, &okta, Some("viewer")).await;
        let browser = app.anonymous();
        let query = format!("tenant={}&return_to={APP}/welcome", acme.id);
        let reply = sign_on(&browser, &okta, &query, "ada").await;
        assert_eq!(reply.status, 302, "{}", reply.text);
        let to = reply.header("location").unwrap().to_owned();
        let code = to.strip_prefix(&format!("{APP}/welcome?code=")).unwrap().to_owned();
        let body = json!({"code": code});
        let both = join_all((0..2).map(|_| browser.post("/auth/sso/token", &body))).await;
        let mut statuses: Vec<_> = both.iter().map(|reply| reply.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400], "{both:?}");
        let (good, bad): (Vec<_>, Vec<_>) = both.iter().partition(|reply| reply.status == 200);
        assert_eq!(bad[0].json()["error"], "invalid_grant");
        let person = browser.with_tokens(good[0]);
        assert_eq!(person.get("/auth/me").await.problem(), "401 unauthenticated");
        let refresh = json!({"refresh_token": person.refresh});
        assert_eq!(person.post("/auth/refresh", &refresh).await.status, 401);
        let ended = app.ask("select end_reason from kernel.session where authenticated_by = 'sso'");
        assert_eq!(ended.await, ["code_reuse"]);
    });
}

#[test]
fn a_browser_comes_back_to_a_listed_origin_only() {
    run_with(options(&[]), async |app| {
        let acme = app.organisation("studio", "acme").await;
        let okta = provider("okta", vec![person("ada")]).await;
        add(app, &acme, &okta, Some("viewer")).await;
        for bad in [
            "https://evil.example/",
            "https://app.acme.example.evil.example/",
            "https://app.acme.example@evil.example/",
            "//evil.example",
            "/relative",
            "https://app.acme.example/%0d%0aSet-Cookie:x",
            "javascript:alert(1)",
        ] {
            let path = format!("/auth/sso/login?tenant={}&return_to={bad}", acme.id);
            let reply = app.anonymous().get(&path).await;
            let harmless = reply.status == 302 && bad.starts_with(&format!("{APP}/"));
            assert!(reply.status == 422 || harmless, "{bad}: {} {}", reply.status, reply.text);
        }
    });
}

#[test]
fn the_documents_settings_for_azure_and_okta_work_as_they_stand() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (azure, okta) = runtime.block_on(async {
        tokio::join!(provider("azure", vec![person("ada")]), provider("okta", vec![person("zoe")]))
    });
    let settings = [
        ("AZURE_TENANT", azure.issuer.as_str()),
        ("AZURE_CLIENT_ID", &azure.options().client_id),
        ("AZURE_CLIENT_SECRET", azure.options().client_secret.as_deref().unwrap()),
        ("OKTA_DOMAIN", okta.issuer.as_str()),
        ("OKTA_CLIENT_ID", &okta.options().client_id),
        ("OKTA_CLIENT_SECRET", okta.options().client_secret.as_deref().unwrap()),
    ];
    run_with(options(&settings), async |app| {
        app.organisation("studio", "acme").await;
        let browser = app.anonymous();
        for (name, at, sub) in [("azure", &azure, "ada"), ("okta", &okta, "zoe")] {
            let reply = sign_on(&browser, at, &format!("provider={name}"), sub).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            let who = me(&browser, &reply).await;
            assert_eq!(who["email"], format!("{sub}@acme.example"));
            // Somebody new may look, and somebody here may give more.
            assert_eq!(who["role"], "viewer");
        }
        app.organisation("studio", "second").await;
        let unclear = browser.get("/auth/sso/login?provider=okta").await;
        assert_eq!(unclear.problem(), "400 organization_required");
    });
}

#[test]
fn a_provider_that_is_down_is_503_and_others_go_on() {
    run_with(options(&[]), async |app| {
        let acme = app.organisation("studio", "acme").await;
        let okta = provider("okta", vec![person("ada")]).await;
        add(app, &acme, &okta, Some("viewer")).await;
        let move_away = "set session_replication_role = replica;
            update kernel.identity_provider set discovery = 'http://127.0.0.1:9'";
        app.database.session("reeve_admin").await.batch_execute(move_away).await.unwrap();
        let reply = app.anonymous().get(&format!("/auth/sso/login?tenant={}", acme.id)).await;
        assert_eq!(reply.status, 503, "{}", reply.text);
        assert!(reply.header("retry-after").is_some());
        assert_eq!(acme.role("viewer").get("/auth/me").await.status, 200);
    });
}
