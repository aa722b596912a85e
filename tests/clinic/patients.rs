//! Patients through the front door.

use serde_json::{Value, json};
use testkit::{patient, run};

#[test]
fn a_patient_lives_from_creation_to_deletion() {
    run(async |app| {
        let north = app.tenant("north").await;
        let created = north.integration.post("/v1/patients", &patient("10")).await;
        assert_eq!(created.status, 201, "{}", created.text);
        let path = created.header("location").unwrap().to_owned();

        let read = north.reader.get(&path).await;
        assert_eq!(read.json(), created.json());

        let changed = north.integration.patch(&path, &json!({"email": "ANA@example.org"})).await;
        assert_eq!(changed.json()["email"], "ana@example.org");
        assert_eq!(changed.json()["first_name"], "Ana");

        assert_eq!(north.integration.delete(&path).await.status, 204);
        assert_eq!(north.reader.get(&path).await.problem(), "404 not_found");
        assert_eq!(north.integration.delete(&path).await.problem(), "404 not_found");
        assert_eq!(north.integration.patch(&path, &json!({})).await.problem(), "404 not_found");
        let kept =
            app.ask("select count(*) from clinic.patient where deleted_at is not null").await;
        assert_eq!(kept, ["1"], "a clinical record is kept");
    });
}

/// M-022, M-030, M-033: every canonical field in, in camelCase; out, in snake_case.
#[test]
fn every_canonical_field_comes_back_under_its_own_name() {
    run(async |app| {
        let north = app.tenant("north").await;
        let body = json!({
            "eventType": "PATIENT", "actionType": "CREATE", "docTypeId": 13, "docNumber": "1.020.304",
            "firstName": " José ", "middleName": "María", "lastName": "Ñáñez", "secondLastName": "Peña",
            "birthDate": "2024-02-29", "genderId": "F", "phones": ["+57 300 555 0142", "6015550142"],
            "email": "Jose@Example.org", "epsId": "sura", "habeasData": {"authorized": true, "textVersion": "v2"},
            "customFields": {"Plan": {"nivel": 1.0}},
        });
        let out = north.integration.post("/v1/patients", &body).await.json();
        let wanted = json!({
            "doc_type_id": "CC", "doc_number": "1020304", "first_name": "José", "middle_name": "María",
            "last_name": "Ñáñez", "second_last_name": "Peña", "birth_date": "2024-02-29", "gender_id": "female",
            "phones": ["+573005550142", "6015550142"], "email": "jose@example.org", "eps_id": "EPS010",
            "custom_fields": {"Plan": {"nivel": 1.0}},
        });
        for (field, value) in wanted.as_object().unwrap() {
            assert_eq!(&out[field], value, "{field}");
        }
        assert_eq!(out["habeas_data"]["authorized"], true);
        assert_eq!(out["habeas_data"]["text_version"], "v2");
        assert!(out["habeas_data"]["at"].is_string());
    });
}

#[test]
fn the_same_fields_are_accepted_in_snake_case_and_never_twice() {
    run(async |app| {
        let north = app.tenant("north").await;
        let body = json!({"event_type": "PATIENT", "action_type": "CREATE", "doc_type_id": "CC", "doc_number": 55,
                          "first_name": "Ana", "last_name": "Rojas", "custom_fields": {"a": 1}});
        assert_eq!(north.integration.post("/v1/patients", &body).await.status, 201);
        let both = patient("56").to_string().replace('}', ",\"doc_number\":\"57\"}");
        let request = north.integration.request(reqwest::Method::POST, "/v1/patients");
        let reply = north
            .integration
            .send(request.header("Content-Type", "application/json").body(both))
            .await;
        assert_eq!(
            (reply.status, reply.json()["detail"][0]["type"].clone()),
            (422, json!("duplicate"))
        );
    });
}

/// M-086.
#[test]
fn a_change_keeps_what_is_absent_clears_what_is_null_and_sets_what_is_given() {
    run(async |app| {
        let north = app.tenant("north").await;
        let mut body = patient("1");
        body["email"] = json!("a@example.org");
        body["phones"] = json!(["3005550142"]);
        body["middleName"] = json!("Luz");
        body["customFields"] = json!({"a": 1});
        let id = north.integration.post("/v1/patients", &body).await.id();
        let change = json!({"email": null, "lastName": "Ruiz"});
        let out = north.integration.patch(&format!("/v1/patients/{id}"), &change).await.json();
        assert_eq!(
            (&out["email"], &out["last_name"], &out["middle_name"]),
            (&Value::Null, &json!("Ruiz"), &json!("Luz"))
        );
        assert_eq!(
            (&out["phones"], &out["custom_fields"]),
            (&json!(["3005550142"]), &json!({"a": 1}))
        );
        let cleared = json!({"customFields": {"b": 2}, "phones": null});
        let out = north.integration.patch(&format!("/v1/patients/{id}"), &cleared).await.json();
        assert_eq!((&out["custom_fields"], &out["phones"]), (&json!({"b": 2}), &json!([])));
        let refused = north
            .integration
            .patch(&format!("/v1/patients/{id}"), &json!({"docNumber": null}))
            .await;
        assert_eq!(refused.fields(), ["body.docNumber"]);
    });
}

/// M-093.
#[test]
fn a_document_is_one_patients_until_that_one_is_deleted() {
    run(async |app| {
        let north = app.tenant("north").await;
        let id = north.integration.new_patient("7").await;
        assert_eq!(
            north.integration.post("/v1/patients", &patient("7")).await.problem(),
            "409 document_taken"
        );
        let other = north.integration.new_patient("8").await;
        let clash = north
            .integration
            .patch(&format!("/v1/patients/{other}"), &json!({"docNumber": "7"}))
            .await;
        assert_eq!(clash.problem(), "409 document_taken");
        north.integration.delete(&format!("/v1/patients/{id}")).await;
        assert_eq!(north.integration.post("/v1/patients", &patient("7")).await.status, 201);
    });
}

#[test]
fn c07_of_two_changes_with_one_etag_one_is_made_and_the_other_is_412() {
    run(async |app| {
        let north = app.tenant("north").await;
        let id = north.integration.new_patient("1").await;
        let path = format!("/v1/patients/{id}");
        let etag = north.reader.get(&path).await.header("etag").unwrap().to_owned();
        let change = |name: &str| {
            let request =
                north.integration.request(reqwest::Method::PATCH, &path).header("If-Match", &etag);
            north.integration.send(request.json(&json!({"firstName": name})))
        };
        let (a, b) = tokio::join!(change("Eva"), change("Luz"));
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412]);
        let loser = if a.status == 412 { a } else { b };
        assert_eq!(loser.problem(), "412 version_changed");

        let strict = app.tenant_with("strict", true).await;
        let id = strict.integration.new_patient("1").await;
        let path = format!("/v1/patients/{id}");
        assert_eq!(
            strict.integration.patch(&path, &json!({})).await.problem(),
            "428 if_match_required"
        );
        assert_eq!(strict.integration.delete(&path).await.problem(), "428 if_match_required");
        let request =
            strict.integration.request(reqwest::Method::DELETE, &path).header("If-Match", "\"1\"");
        assert_eq!(strict.integration.send(request).await.status, 204);
    });
}

#[test]
fn c11_custom_fields_come_back_exactly_and_a_key_given_twice_is_422() {
    run(async |app| {
        let north = app.tenant("north").await;
        let send = async |number: u32, custom: &str| {
            let body = patient(&number.to_string()).to_string();
            let body = format!("{},\"customFields\":{custom}}}", body.trim_end_matches('}'));
            let request = north.integration.request(reqwest::Method::POST, "/v1/patients");
            north
                .integration
                .send(request.header("Content-Type", "application/json").body(body))
                .await
        };
        let exact = [
            r#"{"big": 9007199254740993}"#,
            r#"{"scale": 1.0, "tiny": 0.10}"#,
            r#"{"Ñandú 🩺": {"deep": [{"más": "ü\u202e\u200b"}]}}"#,
            r#"{"caseKept": 1, "CaseKept": 2, "snake_case": null}"#,
            r#"{"long": 123456789012345678901234567890.123456789}"#,
        ];
        for (number, custom) in (1..).zip(exact) {
            let reply = send(number, custom).await;
            assert_eq!(reply.status, 201, "{custom}: {}", reply.text);
            let unescaped = custom.replace("\\u202e", "\u{202e}").replace("\\u200b", "\u{200b}");
            let kept = app.ask(&format!("select custom_fields = '{unescaped}'::jsonb from clinic.patient where id = '{}'", reply.id())).await;
            assert_eq!(kept, ["t"], "{custom}");
            for number in
                ["9007199254740993", "1.0", "0.10", "123456789012345678901234567890.123456789"]
            {
                assert!(!custom.contains(number) || reply.text.contains(number), "{}", reply.text);
            }
        }
        let zero = send(90, r#"{"zero": -0}"#).await;
        assert_eq!(zero.json()["custom_fields"]["zero"], 0, "PostgreSQL's numbers have one zero");
        for twice in [r#"{"a":1,"a":2}"#, r#"{"x":{"a":1,"\u0061":1}}"#] {
            assert_eq!(send(91, twice).await.fields(), ["body.customFields"]);
        }
    });
}

#[test]
fn habeas_data_may_be_a_boolean() {
    run(async |app| {
        let north = app.tenant("north").await;
        let mut body = patient("1");
        body["habeasData"] = json!(false);
        let out = north.integration.post("/v1/patients", &body).await.json();
        assert_eq!(out["habeas_data"]["authorized"], false);
        body["habeasData"] = json!("yes");
        assert_eq!(
            north.integration.post("/v1/patients", &body).await.fields(),
            ["body.habeasData"]
        );
    });
}
