//! What happens when the other side does not answer, or somebody here may no longer ask it.

use serde_json::json;

use super::{connect, letters, run, told, until};

#[test]
fn a_server_that_is_down_is_left_alone_and_nothing_is_lost() {
    run(async |app, north, ehr| {
        let path = connect(&north.admin, ehr, "push").await;
        let status = format!("{path}/status");
        ehr.fail("down", 1_000_000).await;
        north.admin.new_patient("1020").await;
        // Each failure is waited for shorter here: somebody asks for the next attempt.
        let mut failures = 0;
        let open = loop {
            let now =
                until(&north.admin, &status, |s| s["failures"].as_i64() > Some(failures)).await;
            if now["circuit"] == "open" {
                break now;
            }
            failures = now["failures"].as_i64().unwrap();
            north.admin.post(&format!("{path}/sync"), &json!({})).await;
        };
        assert_eq!(
            (&open["failures"], &open["last_error"], &open["waiting"]),
            (&json!(5), &json!("refused"), &json!(1))
        );
        let calls = ehr.log().await.len();
        north.admin.new_patient("2030").await;
        north.admin.post(&format!("{path}/sync"), &json!({})).await;
        let ended = "select bool_and(state <> 'running' and (state <> 'queued' or run_after > now())) from kernel.job
                      where kind = 'clinic.push_records'";
        while app.ask(ended).await != ["t"] {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(ehr.log().await.len(), calls, "nobody is called while it is open");
        // Its time comes: one call finds it still down, and it is open again.
        let due = "update clinic.ehr_lane set retry_at = now() - interval '1 second'";
        let admin = app.database.session("reeve_admin").await;
        admin.batch_execute(due).await.unwrap();
        north.admin.post(&format!("{path}/sync"), &json!({})).await;
        until(&north.admin, &status, |s| s["failures"] == 6).await;
        assert_eq!(ehr.log().await.len(), calls + 1, "one probe");
        ehr.fail("ok", 0).await;
        admin.batch_execute(due).await.unwrap();
        north.admin.post(&format!("{path}/sync"), &json!({})).await;
        let closed = until(&north.admin, &status, |s| s["circuit"] == "closed").await;
        assert_eq!(closed["failures"], 0);
        told(&north.admin, &path).await;
        assert_eq!(ehr.all("Patient").await.len(), 2);
        assert_eq!(letters(&north.admin, &path).await, []);
    });
}

#[test]
fn who_is_busy_is_asked_again_when_they_say() {
    run(async |app, north, ehr| {
        let path = connect(&north.admin, ehr, "push").await;
        ehr.fail("busy", 1).await;
        north.admin.new_patient("1020").await;
        told(&north.admin, &path).await;
        let waited =
            "select extract(epoch from max(run_after) - min(finished_at)) >= 1.9 from kernel.job
                       where kind = 'clinic.push_records'";
        assert_eq!(app.ask(waited).await, ["t"]);
        assert_eq!(ehr.all("Patient").await.len(), 1);
    });
}

#[test]
fn what_is_no_fhir_or_leads_elsewhere_changes_nothing() {
    run(async |app, north, ehr| {
        for (mode, code) in [
            ("malformed", "malformed"),
            ("elsewhere", "link_elsewhere"),
            ("denied", "credentials_refused"),
        ] {
            ehr.fail(mode, 1_000_000).await;
            let path = connect(&north.admin, ehr, "pull").await;
            let status = until(&north.admin, &format!("{path}/status"), |s| {
                s["failures"].as_i64() > Some(0)
            })
            .await;
            assert_eq!(
                (&status["last_error"], &status["patients_since"]),
                (&json!(code), &json!(null))
            );
            assert_eq!(north.admin.delete(&path).await.status, 204);
        }
        assert_eq!(app.ask("select count(*)::text from clinic.patient").await, ["0"]);
        assert_eq!(
            app.ask("select count(*)::text from clinic.ehr_connection where secret is not null")
                .await,
            ["0"]
        );
    });
}

#[test]
fn a_private_address_is_refused_when_it_is_saved_and_when_it_is_called() {
    run(async |app, north, ehr| {
        let connection = |url: &str| json!({"name": "x", "base_url": url, "direction": "push"});
        for url in ["https://10.0.0.1/fhir", "http://169.254.169.254/", "https://localhost:8443/"] {
            let reply = north.admin.post("/v1/ehr-connections", &connection(url)).await;
            let expected = if url.contains("localhost") { 201 } else { 422 };
            assert_eq!(reply.status, expected, "{url}: {}", reply.text);
        }
        let path = connect(&north.admin, ehr, "push").await;
        // What was allowed when it was saved is not when it is called.
        let moved = "update clinic.ehr_connection set base_url = 'https://10.0.0.1/fhir' where base_url like '%fhir/r4'";
        let admin = app.database.session("reeve_admin").await;
        admin
            .batch_execute(&format!("set session_replication_role = replica; {moved}"))
            .await
            .unwrap();
        north.admin.new_patient("1020").await;
        let status =
            until(&north.admin, &format!("{path}/status"), |s| s["failures"].as_i64() > Some(0))
                .await;
        assert_eq!(
            (&status["last_error"], &status["waiting"]),
            (&json!("blocked_address"), &json!(1))
        );
    });
}

#[test]
fn whose_permission_is_withdrawn_has_nothing_told_and_another_switches_it_on() {
    run(async |app, north, ehr| {
        let path = connect(&north.admin, ehr, "push").await;
        let admin = app.database.session("reeve_admin").await;
        let role = |role: &str| {
            format!("set session_replication_role = replica; update kernel.api_key set role = '{role}' where id = '{}';
                     set session_replication_role = origin", north.admin.id)
        };
        admin.batch_execute(&role("reader")).await.unwrap();
        north.integration.new_patient("1020").await;
        let stopped = "select state || ' ' || stopped_reason from clinic.ehr_connection";
        while app.ask(stopped).await != ["stopped forbidden"] {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(ehr.all("Patient").await.len(), 0);
        // Nobody who changes a record is kept from it.
        north.integration.new_patient("2030").await;
        admin.batch_execute(&role("admin")).await.unwrap();
        let again = until(&north.admin, &path, |found| found["state"] == "stopped").await;
        assert_eq!(again["stopped_reason"], "forbidden");
        let on = north.admin.patch(&path, &json!({"state": "active"})).await;
        assert_eq!((on.status, &on.json()["stopped_reason"]), (200, &json!(null)), "{}", on.text);
        told(&north.admin, &path).await;
        assert_eq!(ehr.all("Patient").await.len(), 1, "what waited when it stopped");
    });
}

#[test]
fn a_suspended_tenant_waits() {
    run(async |app, north, ehr| {
        let path = connect(&north.admin, ehr, "push").await;
        ehr.fail("busy", 1).await;
        north.admin.new_patient("1020").await;
        until(&north.admin, &format!("{path}/status"), |s| s["failures"] == 1).await;
        let admin = app.database.session("reeve_admin").await;
        admin.batch_execute("set session_replication_role = replica; update kernel.tenant set is_active = false").await.unwrap();
        let due = "select exists (select from kernel.job where kind = 'clinic.push_records' and state = 'queued'
                                     and run_after < now() - interval '1 second')";
        while app.ask(due).await != ["t"] {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(ehr.all("Patient").await.len(), 0);
        admin
            .batch_execute(
                "set session_replication_role = replica; update kernel.tenant set is_active = true",
            )
            .await
            .unwrap();
        told(&north.admin, &path).await;
        assert_eq!(ehr.all("Patient").await.len(), 1);
    });
}
