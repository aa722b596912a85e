//! Z-053: each change that somebody asks for is on record with its method, path and status, whatever became of it.

use serde_json::json;
use testkit::{Reply, TestApp, run};

/// What the ledger says of the request that was answered so, beside what it changed.
async fn calls(app: &TestApp, reply: &Reply) -> Vec<String> {
    let question = format!(
        "select concat_ws(' ', outcome, resource, coalesce(after ->> 'status', '-'), coalesce(reason, '-'), actor_kind,
                          (record_id is not null)::text)
           from audit.entry where request_id = '{}' and resource like '% /%'",
        reply.header("x-request-id").unwrap()
    );
    app.ask(&question).await
}

#[test]
fn z053_each_change_leaves_an_entry_of_its_request_in_its_own_transaction() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let developer = acme.role("developer");
        let made = developer.post("/api/v1/agents", &json!({"name": "Triage"})).await;
        let told = "allowed POST /api/v1/agents 201 - user false";
        assert_eq!(calls(app, &made).await, [told]);
        let path = format!("/api/v1/agents/{}", made.id());
        let changed = developer.patch(&path, &json!({"name": "Sorting"})).await;
        assert_eq!(
            calls(app, &changed).await,
            ["allowed PATCH /api/v1/agents/{id} 200 - user true"]
        );
        let transactions = format!(
            "select count(distinct transaction_id)::text || ' of ' || count(*)::text from audit.entry where request_id = '{}'",
            changed.header("x-request-id").unwrap()
        );
        assert_eq!(app.ask(&transactions).await, ["1 of 2"], "with what it changed");
        assert!(calls(app, &developer.get(&path).await).await.is_empty());
    });
}

#[test]
fn z053_a_change_that_fails_is_on_record_once_with_the_reason() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let (developer, viewer) = (acme.role("developer"), acme.role("viewer"));
        let agent = developer.post("/api/v1/agents", &json!({"name": "Triage"})).await.id();
        let path = format!("/api/v1/agents/{agent}");
        for (reply, told) in [
            (
                developer.patch(&path, &json!({"name": ""})).await,
                "refused PATCH /api/v1/agents/{id} 422 invalid user true",
            ),
            (
                developer.patch(&path, &json!({"status": "active"})).await,
                "refused PATCH /api/v1/agents/{id} 409 illegal_transition user true",
            ),
            (
                viewer.patch(&path, &json!({})).await,
                "refused PATCH /api/v1/agents/{id} 403 forbidden user true",
            ),
            (
                viewer.post("/api/v1/agents", &json!({})).await,
                "refused POST /api/v1/agents 403 forbidden user false",
            ),
        ] {
            assert_eq!(calls(app, &reply).await, [told], "{}", reply.text);
        }
        // Whoever shows nothing is nobody's: the refusal is on record where the tenant is known.
        let nobody = app.anonymous().post("/api/v1/agents", &json!({})).await;
        assert_eq!(nobody.status, 401);
    });
}
