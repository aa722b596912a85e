//! What is open to everybody, and a key that comes in a form.

use ::kernel::module::{Module, Registry};
use reqwest::Method;
use testkit::run_with;

use super::*;

fn options() -> Options {
    Options { extra: Some(probe::module), ..Options::default() }
}

#[test]
fn a_stranger_reads_in_the_organisation_they_name_and_stays_a_stranger() {
    run_with(options(), async |app| {
        let kwa = place(app, "civic", "kwa").await;
        place(app, "athletics", "central").await;
        let nobody = app.anonymous();
        let peek =
            async |named: &str| nobody.get(&format!("/probe/peek?organisation={named}")).await;
        for named in ["KWA", "Kwa", "kwa", &kwa.id.to_string(), &kwa.id.to_string().to_uppercase()]
        {
            let expected = json!({"tenant": kwa.id, "actor": null, "role": "reeve_app"});
            assert_eq!(peek(named).await.json(), expected, "{named}");
        }
        let at_host = nobody.request(Method::GET, "/probe/peek").header("Host", "KWA.example:80");
        assert_eq!(nobody.send(at_host).await.json()["tenant"], json!(kwa.id));
        for unknown in ["CENTRAL", "central", "nowhere", "%27%20or%201=1", &Uuid::nil().to_string()]
        {
            assert_eq!(peek(unknown).await.problem(), "404 no_such_organisation", "{unknown}");
        }
        assert_eq!(nobody.get("/probe/peek").await.problem(), "404 no_such_organisation");
        let known = signed(app, &kwa).await;
        let reply = known.get("/probe/peek?organisation=KWA").await;
        assert_eq!(reply.json()["actor"], json!(null), "a credential makes nobody of them");
        tenant::suspend(&mut app.platform().await, "kwa", false).await.unwrap();
        assert_eq!(peek("KWA").await.problem(), "400 organisation_inactive");
    });
}

async fn signed(app: &TestApp, there: &Organisation) -> Persona {
    account(app, there, "admin", "admin@people.example").await;
    signed_in(app, there, "admin@people.example").await
}

#[test]
fn an_open_slice_is_what_a_stranger_reads_by() {
    fn sliced() -> Module {
        Module { open_slice: Some("reeve_family"), ..probe::module() }
    }
    run_with(Options { extra: Some(sliced), ..Options::default() }, async |app| {
        let kwa = place(app, "civic", "kwa").await;
        let reply = app.anonymous().get("/probe/peek?organisation=KWA").await;
        assert_eq!(reply.json()["role"], "reeve_family", "{}", reply.text);
        let key = keyed(app, &kwa, "admin").await;
        assert_eq!(key.get("/probe/mine").await.json()["role"], "reeve_app");
    });
}

#[test]
fn a_key_in_a_form_is_judged_and_recorded_as_in_a_header() {
    run_with(options(), async |app| {
        let kwa = place(app, "civic", "kwa").await;
        let north = app.tenant("north").await;
        let report =
            async |key: &str| app.anonymous().post("/probe/report", &json!({"api_key": key})).await;
        let key = keyed(app, &kwa, "admin").await;
        let text = key.key.clone().unwrap();
        let expected = json!({"tenant": kwa.id, "actor": key.id.to_string(), "role": "reeve_app"});
        assert_eq!(report(&text).await.json(), expected);
        for bad in ["", "reeve_sk_", "x"] {
            let reply = report(bad).await;
            assert_eq!(reply.problem(), "401 unauthenticated");
            assert_eq!(recorded(app, &reply).await, ["refused probe:keyed unauthenticated"]);
        }
        let weak = keyed(app, &kwa, "citizen").await;
        for (key, place) in [(&weak, kwa.id), (&north.admin, north.id)] {
            let reply = report(key.key.as_ref().unwrap()).await;
            assert_eq!(reply.problem(), "403 forbidden");
            let id = reply.header("x-request-id").unwrap();
            let rows = format!(
                "select tenant_id || ' ' || actor_id || ' ' || permission from audit.entry where request_id = '{id}'"
            );
            assert_eq!(app.ask(&rows).await, [format!("{place} {} probe:keyed", key.id)]);
        }
    });
}

#[test]
fn no_module_opens_what_another_module_asks_for() {
    fn greedy() -> Module {
        Module { open: &["patient:read"], ..probe::module() }
    }
    let modules = reeve::modules().into_iter().chain([greedy()]).collect();
    let fault = Registry::new(modules).err().expect("a fault");
    assert!(fault.contains("opens") && fault.contains("patients"), "{fault}");
}
