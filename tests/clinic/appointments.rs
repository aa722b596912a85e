//! Appointments through the front door.

use futures::future::join_all;
use serde_json::json;
use testkit::{Options, appointment, run, run_with};

const NINE: &str = "2027-03-01T09:00:00-05:00";
const HALF_PAST: &str = "2027-03-01T09:30:00-05:00";
const TEN: &str = "2027-03-01T10:00:00-05:00";

#[test]
fn an_appointment_lives_from_booking_to_deletion_and_its_time_is_free_again() {
    run(async |app| {
        let north = app.tenant("north").await;
        let booked =
            north.integration.post("/v1/appointments", &appointment("9", NINE, HALF_PAST)).await;
        assert_eq!(booked.status, 201, "{}", booked.text);
        let path = booked.header("location").unwrap().to_owned();
        assert_eq!(north.reader.get(&path).await.json(), booked.json());
        let changed = north
            .integration
            .patch(&path, &json!({"state": "cumplida", "comment": "Control"}))
            .await;
        assert_eq!(changed.json()["state"], "fulfilled");
        assert_eq!(changed.json()["comment"], "Control");
        assert_eq!(north.integration.delete(&path).await.status, 204);
        assert_eq!(north.reader.get(&path).await.problem(), "404 not_found");
        assert_eq!(
            north
                .integration
                .post("/v1/appointments", &appointment("9", NINE, HALF_PAST))
                .await
                .status,
            201
        );
    });
}

#[test]
fn c08_of_fifty_bookings_for_one_doctor_and_time_one_is_made() {
    run_with(Options { pool: 16, ..Options::default() }, async |app| {
        let north = app.tenant("north").await;
        let body = appointment("9", NINE, HALF_PAST);
        let replies =
            join_all((0..50).map(|_| north.integration.post("/v1/appointments", &body))).await;
        let made = replies.iter().filter(|reply| reply.status == 201).count();
        let taken = replies.iter().filter(|reply| reply.status == 409).count();
        assert_eq!(
            (made, taken),
            (1, 49),
            "{:?}",
            replies.iter().map(|r| r.status).collect::<Vec<_>>()
        );
        let loser = replies.iter().find(|reply| reply.status == 409).unwrap();
        assert_eq!(loser.problem(), "409 doctor_taken");
        for (start, end) in [(HALF_PAST, TEN), ("2027-03-01T08:30:00-05:00", NINE)] {
            let next =
                north.integration.post("/v1/appointments", &appointment("9", start, end)).await;
            assert_eq!(next.status, 201, "adjacent times do not overlap: {}", next.text);
        }
        assert_eq!(
            north.integration.post("/v1/appointments", &appointment("10", NINE, TEN)).await.status,
            201
        );
    });
}

#[test]
fn moving_into_a_taken_time_is_refused_and_cancelling_frees_it() {
    run(async |app| {
        let north = app.tenant("north").await;
        let first = north.integration.new_appointment("9", NINE, HALF_PAST).await;
        let second = north.integration.new_appointment("9", HALF_PAST, TEN).await;
        let path = format!("/v1/appointments/{second}");
        let earlier = json!({"startAppointment": "2027-03-01T09:29:59-05:00"});
        assert_eq!(north.integration.patch(&path, &earlier).await.problem(), "409 doctor_taken");
        north
            .integration
            .patch(&format!("/v1/appointments/{first}"), &json!({"state": "cancelada"}))
            .await;
        assert_eq!(north.integration.patch(&path, &earlier).await.status, 200);
        let back = north
            .integration
            .patch(&format!("/v1/appointments/{first}"), &json!({"state": "booked"}))
            .await;
        assert_eq!(back.problem(), "409 doctor_taken");
    });
}

#[test]
fn a_deliberate_overbook_needs_its_own_permission_and_a_reason() {
    run(async |app| {
        let north = app.tenant("north").await;
        north.integration.new_appointment("9", NINE, TEN).await;
        let mut body = appointment("9", NINE, TEN);
        body["overbookReason"] = json!("urgencia");
        let refused = north.integration.post("/v1/appointments", &body).await;
        assert_eq!(refused.problem(), "403 forbidden");
        let recorded = "select permission from audit.entry where outcome = 'refused'";
        assert_eq!(app.ask(recorded).await, ["appointment:overbook"]);
        body["overbookReason"] = json!("  ");
        assert_eq!(
            north.admin.post("/v1/appointments", &body).await.fields(),
            ["body.overbookReason"]
        );
        body["overbookReason"] = json!("urgencia");
        let booked = north.admin.post("/v1/appointments", &body).await;
        assert_eq!(booked.json()["overbook_reason"], "urgencia");
        // What does not touch the reason needs no special permission.
        let path = format!("/v1/appointments/{}", booked.id());
        assert_eq!(north.integration.patch(&path, &json!({"state": "arrived"})).await.status, 200);
        let moved = north.integration.patch(&path, &json!({"endAppointment": HALF_PAST})).await;
        assert_eq!(moved.problem(), "403 forbidden", "moving it is overbooking again");
        assert_eq!(app.ask(recorded).await.len(), 2);
        assert_eq!(
            north
                .admin
                .patch(&path, &json!({"endAppointment": HALF_PAST, "overbookReason": "urgencia"}))
                .await
                .status,
            200
        );
    });
}

/// P6: the second layer, with the handler out of the way.
#[test]
fn the_database_refuses_an_overbook_whose_transaction_does_not_hold_the_permission() {
    run(async |app| {
        let north = app.tenant("north").await;
        let session = app.database.session("reeve_app").await;
        let insert = |permission: &str| {
            format!(
            "begin; select set_config('app.tenant_id', '{0}', true), set_config('app.permission', '{permission}', true),
                    set_config('app.actor_kind', 'system', true), set_config('app.actor_id', '{0}', true),
                    set_config('app.request_id', '{0}', true);
             insert into clinic.appointment (tenant_id, id, start_utc, end_utc, patient_doc_type_id, patient_doc_number,
                    doctor_doc_type_id, doctor_doc_number, modality, state, overbook_reason)
             values ('{0}', gen_random_uuid(), '2027-01-01', '2027-01-02', 'CC', '1', 'CC', '2', 'in_person', 'booked', 'x');
             commit", north.id)
        };
        let refused = session.batch_execute(&insert("appointment:write")).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "RV403");
        session.batch_execute("rollback").await.unwrap();
        session.batch_execute(&insert("appointment:overbook")).await.unwrap();
    });
}

#[test]
fn c09_times_that_never_were_or_run_backwards_are_422_and_offsets_keep_the_instant() {
    run(async |app| {
        let north = app.tenant("north").await;
        let bad = [
            (TEN, NINE, "body.endAppointment"),
            (NINE, NINE, "body.endAppointment"),
            ("2026-02-30T09:00:00Z", TEN, "body.startAppointment"),
            ("10000-01-01T00:00:00Z", TEN, "body.startAppointment"),
            ("2027-03-01T09:00:00", TEN, "body.startAppointment"),
            ("2027-03-14T02:30:00[America/New_York]", TEN, "body.startAppointment"),
        ];
        for (start, end, field) in bad {
            let reply =
                north.integration.post("/v1/appointments", &appointment("9", start, end)).await;
            assert_eq!(
                (reply.status, reply.fields()),
                (422, vec![field.to_owned()]),
                "{start} {end}"
            );
        }
        let id = north
            .integration
            .new_appointment("9", "2027-03-01T23:59:59.123456-05:00", "2027-03-02T11:00:00+05:30")
            .await;
        let out = north.reader.get(&format!("/v1/appointments/{id}")).await.json();
        assert_eq!(out["start_utc"], "2027-03-02T04:59:59.123456Z");
        assert_eq!(out["end_utc"], "2027-03-02T05:30:00Z");
        // One end alone, moved before the other: the table decides.
        let change = json!({"endAppointment": "2027-03-02T04:00:00Z"});
        let reply = north.integration.patch(&format!("/v1/appointments/{id}"), &change).await;
        assert_eq!((reply.status, reply.fields()), (422, vec!["body.endAppointment".to_owned()]));
    });
}

#[test]
fn a_comment_is_masked_in_the_ledger() {
    run(async |app| {
        let north = app.tenant("north").await;
        let mut body = appointment("9", NINE, TEN);
        body["comment"] = json!("CANARY-CLINICAL");
        let id = north.integration.post("/v1/appointments", &body).await.id();
        north
            .integration
            .patch(&format!("/v1/appointments/{id}"), &json!({"state": "arrived"}))
            .await;
        assert_eq!(
            app.ask("select id from audit.entry where concat(before, after) like '%CANARY%'").await,
            Vec::<String>::new()
        );
        let masked =
            app.ask("select after ->> 'comment' from audit.entry where operation = 'UPDATE' and resource = 'clinic.appointment'")
                .await;
        assert_eq!(masked, ["[masked]"]);
    });
}
