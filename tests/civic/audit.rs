//! The ledger as the document has it: who reads which, and what of a person is in it.

use testkit::{run, run_with};

use super::{
    town::{
        CONSENT, REQUESTS, RIGHTS, Town, VIOLENCE, count, created, each, got, lacking, list, text,
    },
    *,
};

const AUDIT: &str = "/api/v1/audit";

#[test]
fn s029_s030_an_entry_has_the_fields_of_the_document_and_its_changes_are_json_text() {
    run_with(Options::behind_a_proxy(), async |app| {
        let kwa = Town::new(app, "kwa").await;
        let who = kwa.citizen(app, "thandi").await.coming_from("192.0.2.44");
        let request =
            who.request(reqwest::Method::POST, REQUESTS).header("User-Agent", "browser/7");
        let made = who.send(request.json(&town::leak())).await;
        assert_eq!(made.status, 201, "{}", made.text);
        kwa.moved(&made.json(), "in_progress").await;
        assert_eq!(
            kwa.role("field_worker").get(&format!("{REQUESTS}/{}", made.id())).await.status,
            200
        );
        let manager = kwa.role("manager");
        let entries = list(manager, &format!("{AUDIT}?record_id={}", made.id())).await;
        let fields = "tenant_id user_id operation table_name record_id changes ip_address user_agent timestamp";
        for entry in &entries {
            assert_eq!(lacking(entry, fields), [""; 0], "{entry}");
            assert_eq!(entry["tenant_id"], json!(kwa.id()));
        }
        let of = |operation: &str| {
            let found = entries.iter().find(|entry| entry["operation"] == operation);
            found.unwrap_or_else(|| panic!("{operation}: {entries:?}"))
        };
        let create = of("CREATE");
        assert_eq!(
            (&create["user_id"], &create["ip_address"]),
            (&json!(who.id), &json!("192.0.2.44"))
        );
        assert_eq!(
            (&create["user_agent"], &create["record_id"]),
            (&json!("browser/7"), &json!(made.id()))
        );
        let changes: Value = serde_json::from_str(&text(&create["changes"])).expect("JSON as text");
        assert!(changes["before"].is_null() && changes["after"].is_object(), "{changes}");
        assert_eq!(of("UPDATE")["user_id"], json!(kwa.role("manager").id));
        let read = of("READ");
        assert_eq!(
            (&read["user_id"], &read["changes"]),
            (&json!(kwa.role("field_worker").id), &json!(null))
        );
        let all = list(manager, &format!("{AUDIT}?limit=200")).await;
        let known = ["CREATE", "READ", "UPDATE", "DELETE"];
        for entry in &all {
            let refused = entry["outcome"] == "refused";
            assert!(refused || known.contains(&text(&entry["operation"]).as_str()), "{entry}");
        }
        assert!(
            all.windows(2)
                .all(|two| town::time(&two[0]["timestamp"]) >= town::time(&two[1]["timestamp"]))
        );
        let by_table =
            list(manager, &format!("{AUDIT}?table_name={}&limit=2", text(&create["table_name"])))
                .await;
        assert!(
            by_table.len() > 1
                && by_table.iter().all(|one| one["table_name"] == create["table_name"])
        );
        let by_user = list(manager, &format!("{AUDIT}?user_id={}", who.id)).await;
        assert!(!by_user.is_empty() && by_user.iter().all(|one| one["user_id"] == json!(who.id)));
        for query in
            ["user_id=x", "from=yesterday", "operation=PEEK%00", "limit=0", "cursor=x", "nothing=1"]
        {
            let reply = manager.get(&format!("{AUDIT}?{query}")).await;
            assert!(reply.status < 500, "{query}: {}", reply.text);
        }
    });
}

#[test]
fn s079_a_manager_reads_the_ledger_of_the_own_municipality_and_lower_roles_read_none() {
    run(async |app| {
        let (kwa, tsh) = (Town::new(app, "kwa").await, Town::new(app, "tsh").await);
        kwa.report(kwa.role("citizen")).await;
        tsh.report(tsh.role("citizen")).await;
        for role in ["manager", "admin"] {
            let entries = list(kwa.role(role), &format!("{AUDIT}?limit=200")).await;
            assert!(!entries.is_empty());
            assert!(entries.iter().all(|entry| entry["tenant_id"] == json!(kwa.id())));
            for other in
                ["tsh".to_owned(), tsh.id().to_string(), "kwa".into(), kwa.id().to_string()]
            {
                let reply = kwa
                    .role(role)
                    .get(&format!("{AUDIT}?municipality={other}&reason=curious"))
                    .await;
                assert_eq!(reply.problem(), "403 forbidden", "{role} {other}: {}", reply.text);
            }
        }
        for role in ["citizen", "field_worker", "saps_liaison"] {
            assert_eq!(kwa.role(role).get(AUDIT).await.problem(), "403 forbidden", "{role}");
        }
        assert_eq!(app.anonymous().get(AUDIT).await.status, 401);
    });
}

#[test]
fn u12_personal_values_are_covered_for_a_manager_and_open_for_the_admin() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let who = kwa.citizen(app, "thandi").await;
        let body = json!({"full_name": "CANARYname", "phone": "+27825557777"});
        assert_eq!(who.patch("/auth/me", &body).await.status, 200);
        let report = town::with(
            town::leak(),
            &json!({"description": "CANARYdescription", "address": "CANARYaddress"}),
        );
        created(&who, REQUESTS, &report).await;
        let consent = json!({"purpose": "contact", "consented": true, "document_reference": "CANARYreference"});
        created(&who, CONSENT, &consent).await;
        created(&who, RIGHTS, &json!({"kind": "restriction", "statement": "CANARYstatement"}))
            .await;
        let words = [
            "CANARYname",
            "+27825557777",
            "CANARYdescription",
            "CANARYaddress",
            "CANARYreference",
            "CANARYstatement",
            "thandi@citizens.example",
        ];
        for path in [AUDIT, "/v1/audit"] {
            let covered = kwa.role("manager").get(&format!("{path}?limit=200")).await;
            assert_eq!(covered.status, 200);
            for word in words {
                assert!(!covered.text.contains(word), "{path} shows a manager {word}");
            }
            let open = kwa.role("admin").get(&format!("{path}?limit=200")).await.text;
            for word in words {
                assert!(open.contains(word), "{path} hides {word} from the admin");
            }
        }
    });
}

#[test]
fn s079_the_platform_needs_a_reason_and_the_municipality_finds_it() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let platform = app.organisation("platform", "salga").await;
        let above = platform.role("platform_admin");
        let who = kwa.citizen(app, "thandi").await;
        let body = json!({"full_name": "CANARYname"});
        assert_eq!(who.patch("/auth/me", &body).await.status, 200);
        for reason in ["", "&reason=", "&reason=%20%20"] {
            let reply = above.get(&format!("{AUDIT}?municipality=kwa{reason}")).await;
            assert_eq!(reply.status, 422, "{reason}: {}", reply.text);
        }
        let reply = above.get(&format!("{AUDIT}?municipality=nowhere&reason=x")).await;
        assert_eq!(reply.status, 404, "{}", reply.text);
        for named in ["kwa".to_owned(), kwa.id().to_string()] {
            let path = format!("{AUDIT}?municipality={named}&reason=complaint%204711&limit=200");
            let reply = above.get(&path).await;
            let entries = reply.json();
            assert!(!entries.as_array().unwrap().is_empty());
            assert!(
                entries.as_array().unwrap().iter().all(|one| one["tenant_id"] == json!(kwa.id()))
            );
            assert!(!reply.text.contains("CANARYname"), "the platform sees nobody's name");
        }
        let found = list(kwa.role("manager"), &format!("{AUDIT}?user_id={}", above.id)).await;
        assert!(found.len() >= 2, "{found:?}");
        for entry in &found {
            assert_eq!(
                (&entry["purpose_of_event"], &entry["operation"]),
                (&json!("complaint 4711"), &json!("READ"))
            );
        }
        let own = list(above, &format!("{AUDIT}?limit=200")).await;
        assert!(
            own.iter().all(|one| one["tenant_id"] == json!(platform.id)),
            "without a name: one's own"
        );
    });
}

#[test]
fn s079_a_platform_administrator_reads_no_record_of_a_citizens() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let platform = app.organisation("platform", "salga").await;
        let above = platform.role("platform_admin");
        let who = kwa.citizen(app, "thandi").await;
        let request = kwa.report(&who).await;
        let consent = list(&who, CONSENT).await.remove(0);
        let asked =
            created(&who, RIGHTS, &json!({"kind": "restriction", "statement": "Mine."})).await;
        let violence =
            json!({"municipality_code": "kwa", "kind": "other", "description": "Words."});
        created(&app.anonymous(), VIOLENCE, &violence).await;
        let report = list(kwa.role("admin"), VIOLENCE).await.remove(0);
        let ids = [&request["id"], &consent["id"], &asked["id"], &report["id"]].map(text);
        let may = ["/api/v1/audit", "/api/v1/municipalities", "/api/v1/municipalities/{id}"];
        for route in reeve::registry().unwrap().routes {
            let civic = route.realm == Some("civic") && !crate::conformance::routes::open(&route);
            if !civic || may.contains(&route.path) {
                continue;
            }
            for id in &ids {
                let path = route.path.replace("{id}", id);
                let reply = crate::conformance::routes::call(above, &route, &path).await;
                assert_eq!(
                    reply.problem(),
                    "403 forbidden",
                    "{} {path}: {}",
                    route.name,
                    reply.text
                );
            }
        }
        let found = above.get(&format!("/auth/users/{}", who.id)).await;
        assert_eq!(found.problem(), "404 not_found");
        assert_eq!(
            each(&got(above, "/auth/users").await["items"].as_array().unwrap().clone(), "role"),
            ["platform_admin"]
        );
    });
}

#[test]
fn s083_no_login_that_serves_changes_or_deletes_an_entry() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        kwa.report(kwa.role("citizen")).await;
        let before =
            one(app, "select md5(string_agg(e::text, '' order by id)) from audit.entry e").await;
        for permission in
            ["audit:read", "audit:read_personal", "data_rights:erase", "service_request:work"]
        {
            let session = app.database.session("reeve_app").await;
            let context = format!(
                "select set_config('app.tenant_id', '{}', false), set_config('app.actor_kind', 'user', false),
                        set_config('app.actor_id', '{}', false), set_config('app.permission', '{permission}', false),
                        set_config('app.request_id', gen_random_uuid()::text, false)",
                kwa.id(),
                kwa.role("admin").id
            );
            session.batch_execute(&context).await.unwrap();
            for write in [
                "update audit.entry set reason = 'other'",
                "update audit.entry set actor_id = gen_random_uuid()",
                "delete from audit.entry",
                "truncate audit.entry",
                "drop table audit.entry",
                "insert into audit.entry (tenant_id, operation, resource) values (gen_random_uuid(), 'READ', 'x')",
                "insert into audit.entry (actor_id, operation, resource) values (gen_random_uuid(), 'READ', 'x')",
                "alter table audit.entry disable trigger all",
            ] {
                let done = session.execute(write, &[]).await;
                assert!(done.is_err(), "{permission}: {write} was done");
            }
        }
        let after = "select md5(string_agg(e::text, '' order by id)) from audit.entry e";
        assert_eq!(one(app, after).await, before);
        assert_ne!(count(app, "audit.entry").await, 0);
    });
}
