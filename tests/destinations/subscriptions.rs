//! Who is told what, and what of it is seen by whom.

use serde_json::{Value, json};

use super::{DESTINATIONS, called, deliveries, header, newest, receiver, run, webhook};
use crate::kernel::{canary, count};

#[test]
fn d13_an_event_has_ids_and_its_type_and_nothing_of_anybody() {
    run(async |app| {
        let north = app.tenant("north").await;
        let target = receiver(204).await;
        let (destination, _) = webhook(&north.admin, &target.url, &["patient.*"]).await;
        let number = canary("")[..30].to_owned();
        let patient = north.integration.new_patient(&number).await;
        let request = called(&target, 1).await.remove(0);
        let told = request.json();
        let expected = json!({
            "type": "patient.created",
            "timestamp": told["timestamp"],
            "data": {"id": patient, "organization_id": north.id.to_string()},
        });
        assert_eq!(told, expected);
        assert!(!format!("{}{}", request.head, request.body).contains(&number));
        assert_eq!(request.line(), "POST / HTTP/1.1");
        assert_eq!(header(&request, "content-type"), "application/json");
        let delivered = newest(&north.admin, &destination, |of| of["status"] == "delivered").await;
        assert_eq!(delivered["event_id"], header(&request, "webhook-id"));
        assert_eq!((&delivered["attempts"], &delivered["last_status"]), (&json!(1), &json!(204)));
        assert_eq!(delivered["log"].as_array().unwrap().len(), 1, "{delivered}");
        assert!(!delivered.to_string().contains(&number));
        let kept =
            format!("select count(*) from kernel.delivery v where v::text like '%{number}%'");
        assert_eq!(count(app, &kept).await, 0);
    });
}

#[test]
fn a_record_is_told_of_when_it_is_made_changed_and_deleted_and_not_when_nothing_changed() {
    run(async |app| {
        let north = app.tenant("north").await;
        let target = receiver(200).await;
        let (destination, _) = webhook(&north.admin, &target.url, &["*"]).await;
        let id = north
            .integration
            .new_appointment("9", "2030-01-01T09:00:00Z", "2030-01-01T10:00:00Z")
            .await;
        let path = format!("/v1/appointments/{id}");
        for comment in ["sooner", "sooner"] {
            let changed = north.admin.patch(&path, &json!({"comment": comment})).await;
            assert_eq!(changed.status, 200, "{}", changed.text);
        }
        assert_eq!(north.admin.delete(&path).await.status, 204);
        let told = deliveries(&north.admin, &destination).await;
        let types: Vec<_> = told.iter().rev().map(|of| of["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["appointment.created", "appointment.updated", "appointment.deleted"]);
        assert!(told.iter().all(|of| of["record_id"] == id.as_str()));
    });
}

#[test]
fn an_event_is_there_with_its_change_or_not_at_all_and_has_one_id_everywhere() {
    run(async |app| {
        let north = app.tenant("north").await;
        let target = receiver(200).await;
        let (first, _) = webhook(&north.admin, &target.url, &["appointment.created"]).await;
        let (second, _) = webhook(&north.admin, &target.url, &["appointment.*"]).await;
        let (other, _) = webhook(&north.admin, &target.url, &["patient.created"]).await;
        let book = async || {
            let (start, end) = ("2030-01-01T09:00:00Z", "2030-01-01T10:00:00Z");
            north.integration.post("/v1/appointments", &testkit::appointment("9", start, end)).await
        };
        assert_eq!(book().await.status, 201);
        assert_eq!(book().await.status, 409, "the doctor is taken");
        let told =
            [deliveries(&north.admin, &first).await, deliveries(&north.admin, &second).await];
        assert_eq!(told[0].len(), 1, "{told:?}");
        assert_eq!(told[1].len(), 1, "{told:?}");
        assert_eq!(told[0][0]["event_id"], told[1][0]["event_id"]);
        assert_ne!(told[0][0]["id"], told[1][0]["id"]);
        assert_eq!(deliveries(&north.admin, &other).await, Vec::<Value>::new());
    });
}

#[test]
fn a_destination_hears_its_own_organisation_and_nobody_else_sees_it() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let target = receiver(200).await;
        let (destination, _) = webhook(&north.admin, &target.url, &["*"]).await;
        south.integration.new_patient("1").await;
        north.integration.new_patient("1").await;
        let delivered = newest(&north.admin, &destination, |of| of["status"] == "delivered").await;
        assert_eq!(deliveries(&north.admin, &destination).await.len(), 1);
        let delivery = format!("/api/v1/event-deliveries/{}", delivered["id"].as_str().unwrap());
        for path in [format!("{DESTINATIONS}/{destination}"), delivery] {
            assert_eq!(north.admin.get(&path).await.status, 200);
            assert_eq!(south.admin.get(&path).await.problem(), "404 not_found");
        }
        assert_eq!(south.admin.get(DESTINATIONS).await.text, "[]");
    });
}

#[test]
fn who_may_not_read_a_record_does_not_hear_of_it_nor_send_it_elsewhere() {
    run(async |app| {
        let school = app.organisation("athletics", "north").await;
        let (principal, trainer) = (school.role("school_admin"), school.role("athletic_trainer"));
        let target = receiver(200).await;
        let types = principal.get("/api/v1/event-types").await.text;
        assert!(types.contains("athlete.created") && !types.contains("case."), "{types}");
        for events in ["case.*", "case.cleared"] {
            let asked = json!({"url": target.url, "events": [events]});
            let refused = principal.post(DESTINATIONS, &asked).await;
            assert_eq!(refused.problem(), "403 event_not_permitted");
        }
        for unknown in ["gbv_report.created", "appointment.created", "x"] {
            let asked = json!({"url": target.url, "events": [unknown]});
            assert_eq!(principal.post(DESTINATIONS, &asked).await.problem(), "422 invalid");
        }
        // All means all that one may hear of.
        let (everything, _) = webhook(principal, &target.url, &["*"]).await;
        let meant = principal.get(&format!("{DESTINATIONS}/{everything}")).await.json();
        assert!(!meant["event_types"].to_string().contains("case."), "{meant}");
        // Who may not hear of cases does not turn the trainer's destination to an address of their own.
        let (cases, _) = webhook(trainer, &target.url, &["case.*"]).await;
        let path = format!("{DESTINATIONS}/{cases}");
        let turned = principal.patch(&path, &json!({"url": target.url})).await;
        assert_eq!(turned.problem(), "403 event_not_permitted");
        for what in ["rotate-secret", "test", "replay"] {
            let body = json!({"since": "2026-01-01T00:00:00Z"});
            let body = if what == "replay" { body } else { json!({}) };
            let refused = principal.post(&format!("{path}/{what}"), &body).await;
            assert_eq!(refused.problem(), "403 event_not_permitted", "{what}");
        }
        let refused = principal.get(&format!("{path}/deliveries")).await;
        assert_eq!(refused.problem(), "403 event_not_permitted");
        assert_eq!(trainer.patch(&path, &json!({"url": target.url})).await.status, 200);
        assert_eq!(school.role("coach").get(DESTINATIONS).await.problem(), "403 forbidden");
    });
}

#[test]
fn a_paused_destination_is_told_later_and_a_removed_one_never() {
    run(async |app| {
        let north = app.tenant("north").await;
        let target = receiver(200).await;
        let (destination, _) = webhook(&north.admin, &target.url, &["patient.*"]).await;
        let path = format!("{DESTINATIONS}/{destination}");
        let set = async |status: &str| north.admin.patch(&path, &json!({"status": status})).await;
        assert_eq!(set("paused").await.json()["status"], "paused");
        assert_eq!(set("disabled").await.problem(), "422 invalid", "that is for the sender to say");
        let test = north.admin.post(&format!("{path}/test"), &json!({})).await;
        assert_eq!(test.problem(), "409 destination_not_active");
        north.integration.new_patient("1").await;
        // What came later for another is told by then.
        let (second, _) = webhook(&north.admin, &target.url, &["patient.*"]).await;
        north.integration.new_patient("2").await;
        newest(&north.admin, &second, |of| of["status"] == "delivered").await;
        assert_eq!(target.requests().len(), 1);
        let waiting = deliveries(&north.admin, &destination).await;
        assert!(waiting.iter().all(|of| of["status"] == "pending" && of["attempts"] == 0));
        assert_eq!(set("active").await.json()["status"], "active");
        called(&target, 3).await;
        assert_eq!(north.admin.delete(&path).await.status, 204);
        assert_eq!(north.admin.get(&path).await.problem(), "404 not_found");
        let sealed = "select count(*) from vault.subject_key where key is not null and id = ";
        assert_eq!(count(app, &format!("{sealed}'{destination}'")).await, 0, "its secret is gone");
        north.integration.new_patient("3").await;
        called(&target, 4).await;
        newest(&north.admin, &second, |of| of["status"] == "delivered").await;
        assert_eq!(target.requests().len(), 4);
    });
}

#[test]
fn a_test_event_goes_the_same_way() {
    run(async |app| {
        let north = app.tenant("north").await;
        let target = receiver(200).await;
        let (destination, _) = webhook(&north.admin, &target.url, &["patient.*"]).await;
        let sent =
            north.admin.post(&format!("{DESTINATIONS}/{destination}/test"), &json!({})).await;
        assert_eq!(sent.status, 201, "{}", sent.text);
        let request = called(&target, 1).await.remove(0);
        assert_eq!(request.json()["type"], "destination.test");
        assert_eq!(request.json()["data"]["id"], destination);
        assert_eq!(sent.json()["event_id"], header(&request, "webhook-id"));
    });
}

#[test]
fn no_more_than_twenty_destinations() {
    run(async |app| {
        let north = app.tenant("north").await;
        for _ in 0..20 {
            webhook(&north.admin, "https://hooks.example.org/", &["patient.deleted"]).await;
        }
        let one_more = json!({"url": "https://hooks.example.org/", "events": ["*"]});
        let refused = north.admin.post(DESTINATIONS, &one_more).await;
        assert_eq!(refused.problem(), "409 too_many_destinations");
    });
}

/// What is announced in the migrations and what the registry says are one list, so that nothing is told that nobody may
/// hear of, and nothing is offered that is never told.
#[test]
fn what_is_announced_is_what_the_registry_says() {
    run(async |app| {
        let announced = "select c.relnamespace::regnamespace || ' ' || e from pg_trigger t
               join pg_class c on c.oid = t.tgrelid
              cross join lateral (select string_to_array(encode(t.tgargs, 'escape'), '\\000') as a) args
              cross join lateral (select a[1] || '.' || v as e from unnest(a[2:cardinality(a) - 1]) v
                                   where t.tgfoid = 'kernel.announce_row'::regproc
                                  union all select a[1] where t.tgfoid = 'kernel.announce_event'::regproc) told
              order by 1";
        let mut said: Vec<String> = reeve::modules()
            .iter()
            .flat_map(|of| of.events.iter().map(|event| format!("{} {}", of.name, event.name)))
            .collect();
        said.sort();
        let mut announced = app.ask(announced).await;
        announced.sort();
        assert_eq!(announced, said);
        let registry = reeve::registry().unwrap();
        let known: Vec<_> =
            registry.matrix.roles().flat_map(|r| registry.matrix.permissions(Some(r))).collect();
        for (_, event) in &registry.events {
            assert!(known.contains(&event.permission), "{}: who may?", event.name);
            assert!(!event.name.contains("gbv"), "reports of violence are told to nobody");
        }
    });
}
