//! Those who stand above the municipalities: what they do there, and what stands in whose ledger.

use std::collections::BTreeSet;

use testkit::run_with;

use super::*;

fn options() -> Options {
    Options { extra: Some(probe::module), ..Options::default() }
}

#[test]
fn who_stands_above_enters_for_a_purpose_that_the_organisation_reads() {
    run_with(options(), async |app| {
        let kwa = app.organisation("civic", "kwa").await;
        place(app, "athletics", "central").await;
        let platform = app.organisation("platform", "salga").await;
        let above = platform.role("platform_admin");
        let change = async |who: &Persona, organisation: &str, purpose: &str| {
            let body =
                json!({"organisation": organisation, "purpose": purpose, "name": "kwa the second"});
            who.post("/probe/change", &body).await
        };
        for purpose in ["", "  ", &"x".repeat(201)] {
            let reply = change(above, "kwa", purpose).await;
            assert_eq!((reply.status, reply.fields()), (422, vec!["body.purpose".to_owned()]));
        }
        for nowhere in ["", "central", "salga", "nowhere", &platform.id.to_string()] {
            let reply = change(above, nowhere, "ticket 4711").await;
            assert_eq!(reply.problem(), "404 no_such_organisation", "{nowhere}");
        }
        let inside = kwa.role("admin");
        assert_eq!(change(inside, "kwa", "ticket 4711").await.problem(), "403 forbidden");

        let done = change(above, "kwa", "ticket 4711").await;
        assert_eq!((done.status, &done.json()["id"]), (200, &json!(kwa.id)), "{}", done.text);
        let entries = inside.get("/v1/audit?resource=kernel.tenant&operation=UPDATE").await.json();
        let entry = &entries["items"][0];
        assert_eq!(entry["actor_id"], json!(above.id), "{entries}");
        assert_eq!(
            (&entry["actor_kind"], &entry["purpose_of_event"]),
            (&json!("user"), &json!("ticket 4711"))
        );
        let own = inside.get("/v1/audit?operation=READ").await.json();
        assert_eq!(
            own["items"][0]["purpose_of_event"],
            json!(null),
            "what is one's own needs no reason"
        );
        let home = above.get("/v1/audit?resource=kernel.tenant&operation=UPDATE").await.json();
        assert_eq!(home["items"], json!([]), "it is in the other ledger");
    });
}

#[test]
fn who_stands_above_founds_and_stops_organisations_and_the_database_asks_again() {
    run_with(options(), async |app| {
        let kwa = app.organisation("civic", "kwa").await;
        let platform = app.organisation("platform", "salga").await;
        let above = platform.role("platform_admin");
        let found = async |who: &Persona, name: &str, code: &str| {
            who.post("/probe/found", &json!({"purpose": "on-boarding", "name": name, "code": code}))
                .await
        };
        let made = found(above, "Tshwane", "TSH").await;
        assert_eq!((made.status, &made.json()["realm"]), (201, &json!("civic")), "{}", made.text);
        assert_eq!(found(above, "Tshwane", "OTHER").await.problem(), "409 name_taken");
        assert_eq!(found(above, "Other", "tsh").await.problem(), "409 code_taken");
        assert_eq!(found(above, "Other", "not a code").await.fields(), ["body.code"]);
        assert_eq!(found(above, "", "OTHER").await.fields(), ["body.name"]);
        assert_eq!(found(kwa.role("admin"), "Other", "OTHER").await.problem(), "403 forbidden");
        let entry = format!(
            "select concat_ws(' ', actor_id, operation, resource, purpose_of_event) from audit.entry
              where tenant_id = '{}' and resource not like 'civic.%'",
            made.id()
        );
        assert_eq!(
            app.ask(&entry).await,
            [format!("{} CREATE kernel.tenant on-boarding", above.id)]
        );
        let stop = json!({"organisation": "TSH", "purpose": "unpaid", "is_active": false});
        assert_eq!(above.post("/probe/change", &stop).await.json()["is_active"], false);
        let peek = app.anonymous().get("/probe/peek?organisation=TSH").await;
        assert_eq!(peek.problem(), "400 organisation_inactive");

        // The second layer, without the first: as the server's login, in anybody's name.
        let asked = async |actor: Uuid, sql: &str| {
            let session = app.database.session("reeve_app").await;
            let context = format!(
                "select set_config('app.tenant_id', '{}', false), set_config('app.actor_kind', 'user', false),
                        set_config('app.actor_id', '{actor}', false), set_config('app.request_id', '{actor}', false)",
                Uuid::now_v7()
            );
            session.batch_execute(&context).await.unwrap();
            session.query(sql, &[]).await.unwrap().len()
        };
        let below = "select from kernel.find_below('civic', 'kwa')";
        let new = "select from kernel.found_tenant('By the back door', 'civic', null)";
        assert_eq!(asked(above.id, below).await, 1);
        assert_eq!(asked(above.id, "select from kernel.find_below('platform', 'salga')").await, 0);
        assert_eq!(
            asked(above.id, "select from kernel.found_tenant('x', 'clinic', null)").await,
            0
        );
        let admin = kwa.role("admin").id;
        assert_eq!((asked(admin, below).await, asked(admin, new).await), (0, 0));
        tenant::suspend(&mut app.platform().await, "salga", false).await.unwrap();
        assert_eq!((asked(above.id, below).await, asked(above.id, new).await), (0, 0));
    });
}

#[test]
fn the_realms_that_the_database_knows_above_others_are_the_modules() {
    run_with(Options::default(), async |app| {
        let ours: BTreeSet<String> = reeve::modules()
            .iter()
            .filter_map(|module| {
                Some(format!("{} {}", module.realm?.name, module.above?.realm.name))
            })
            .collect();
        let kept = app.ask("select realm || ' ' || above from kernel.above").await;
        assert_eq!(kept.into_iter().collect::<BTreeSet<_>>(), ours);
    });
}
