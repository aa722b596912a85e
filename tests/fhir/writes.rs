//! What is made and changed in FHIR goes by the rules, gates and constraints of the clinic's own routes.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Persona, Reply, run};

use super::{REGISTRY, appointment, patient};

async fn make_unless(persona: &Persona, path: &str, condition: &str, body: &Value) -> Reply {
    let request = persona.request(Method::POST, path).header("If-None-Exist", condition).json(body);
    persona.send(request).await
}

async fn replace(persona: &Persona, path: &str, etag: &str, body: &Value) -> Reply {
    persona.send(persona.request(Method::PUT, path).header("If-Match", etag).json(body)).await
}

#[test]
fn a_patient_is_made_read_by_both_ways_and_replaced_whole() {
    run(async |app| {
        let north = app.tenant("north").await;
        let mut body = patient("1.020");
        body["gender"] = json!("female");
        body["telecom"] = json!([{"system": "email", "value": "Ana@Example.org"}]);
        let made = north.integration.post("/fhir/r4/Patient", &body).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let path = format!("/fhir/r4/Patient/{}", made.id());
        assert_eq!(made.header("location"), Some(path.as_str()));
        let ours = north.reader.get(&format!("/v1/patients/{}", made.id())).await.json();
        assert_eq!(
            (&ours["doc_number"], &ours["email"]),
            (&json!("1020"), &json!("ana@example.org"))
        );
        let habeas = json!({"habeasData": true, "customFields": {"plan": "gold"}});
        north.admin.patch(&format!("/v1/patients/{}", made.id()), &habeas).await;

        let stale = replace(&north.integration, &path, "W/\"1\"", &patient("1020")).await;
        assert_eq!(stale.problem(), "412 version_changed");
        let replaced = replace(&north.integration, &path, "W/\"2\"", &patient("1020")).await;
        assert_eq!((replaced.status, replaced.header("etag")), (200, Some("W/\"3\"")));
        let ours = north.reader.get(&format!("/v1/patients/{}", made.id())).await.json();
        assert_eq!((&ours["email"], &ours["gender_id"]), (&Value::Null, &Value::Null));
        assert_eq!(ours["habeas_data"]["authorized"], true, "a Consent is not a Patient's");
        assert_eq!(ours["custom_fields"], json!({"plan": "gold"}), "not said, not cleared");
        let mut other = patient("1020");
        other["id"] = json!(north.id);
        assert_eq!(
            replace(&north.integration, &path, "*", &other).await.expressions(),
            ["Patient.id"]
        );
        let nowhere = format!("/fhir/r4/Patient/{}", uuid::Uuid::now_v7());
        assert_eq!(
            replace(&north.integration, &nowhere, "*", &patient("5")).await.problem(),
            "404 not_found"
        );
        assert_eq!(
            north.reader.post("/fhir/r4/Patient", &patient("6")).await.problem(),
            "403 forbidden"
        );
        let again = north.admin.post("/fhir/r4/Patient", &patient("1020")).await;
        assert_eq!(again.problem(), "409 document_taken");
    });
}

#[test]
fn what_is_made_unless_it_exists_is_made_once_whoever_asks() {
    run(async |app| {
        let north = app.tenant("north").await;
        let condition = format!("identifier={REGISTRY}|77");
        let body = patient("77");
        let all = join_all(
            (0..8).map(|_| make_unless(&north.admin, "/fhir/r4/Patient", &condition, &body)),
        );
        let mut statuses: Vec<_> = all.await.iter().map(|reply| reply.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 201]);
        let again = make_unless(&north.admin, "/fhir/r4/Patient", &condition, &body).await;
        assert!(again.header("location").unwrap().starts_with("/fhir/r4/Patient/"));
        assert_eq!((again.text.as_str(), again.header("etag")), ("", Some("W/\"1\"")));

        let mut visit = appointment("7", "2027-03-01T14:00:00Z");
        visit["identifier"] = json!([{"system": "urn:his", "value": "A|1"}]);
        let condition = "identifier=urn:his|A\\|1";
        let all = join_all(
            (0..8).map(|_| make_unless(&north.admin, "/fhir/r4/Appointment", condition, &visit)),
        );
        let mut statuses: Vec<_> = all.await.iter().map(|reply| reply.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 200, 200, 200, 200, 200, 201]);
        let found = north.reader.get("/fhir/r4/Appointment?identifier=urn:his%7CA%5C%7C1").await;
        assert_eq!(
            super::entries(&found)[0]["identifier"][1],
            json!({"system": "urn:his", "value": "A|1"})
        );

        // The number of one document may be that of another.
        let mut minor = patient("77");
        minor["identifier"][0]["type"]["coding"][0]["code"] = json!("TI");
        assert_eq!(north.admin.post("/fhir/r4/Patient", &minor).await.status, 201);
        let both = make_unless(&north.admin, "/fhir/r4/Patient", "identifier=77", &body).await;
        assert_eq!(both.problem(), "412 several_match");
        for bad in
            ["family=Rojas", "identifier=", "identifier=a|1&identifier=a|2", "identifier=a|1,a|2"]
        {
            let reply = make_unless(&north.admin, "/fhir/r4/Patient", bad, &body).await;
            assert_eq!(
                (reply.status, reply.expressions()),
                (400, vec!["http.If-None-Exist".into()]),
                "{bad}"
            );
        }
    });
}

#[test]
fn a_doctor_is_booked_twice_by_nobody_who_may_not() {
    run(async |app| {
        let north = app.tenant("north").await;
        let path = "/fhir/r4/Appointment";
        let visit = appointment("7", "2027-03-01T14:00:00Z");
        let made = north.integration.post(path, &visit).await;
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(north.integration.post(path, &visit).await.problem(), "409 doctor_taken");
        let mut over = visit.clone();
        over["extension"] =
            json!([{"url": "urn:reeve:fhir:overbook-reason", "valueString": "urgent"}]);
        assert_eq!(north.integration.post(path, &over).await.problem(), "403 forbidden");
        assert_eq!(north.admin.post(path, &over).await.status, 201);

        let item = format!("{path}/{}", made.id());
        let mut moved = appointment("7", "2027-03-01T16:00:00Z");
        moved["status"] = json!("arrived");
        let replaced = replace(&north.integration, &item, "W/\"1\"", &moved).await;
        assert_eq!(
            (replaced.status, &replaced.json()["status"]),
            (200, &json!("arrived")),
            "{}",
            replaced.text
        );
        assert_eq!(replaced.json()["start"], "2027-03-01T16:00:00Z");
        let ours = north.reader.get(&format!("/v1/appointments/{}", made.id())).await.json();
        assert_eq!(ours["state"], "arrived");
    });
}

#[test]
fn who_takes_part_may_be_named_by_reference() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let who = north.admin.new_patient("31").await;
        let theirs = south.admin.new_patient("32").await;
        north.admin.post("/fhir/r4/Appointment", &appointment("7", "2027-03-01T14:00:00Z")).await;
        let doctors = super::entries(&north.admin.get("/fhir/r4/Practitioner").await);
        let doctor = format!("Practitioner/{}", doctors[0]["id"].as_str().unwrap());
        let mut visit = appointment("7", "2027-03-01T16:00:00Z");
        let refer = |patient: String| {
            json!([{"actor": {"reference": patient}, "status": "accepted"},
                   {"actor": {"reference": doctor}, "status": "accepted"}])
        };
        visit["participant"] = refer(format!("Patient/{who}"));
        let made = north.integration.post("/fhir/r4/Appointment", &visit).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let named: Vec<_> = [0, 1]
            .map(|i| {
                made.json()["participant"][i]["actor"]["identifier"]["value"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .into();
        assert_eq!(named, ["31", "7"]);
        for nobody in [theirs, uuid::Uuid::now_v7().to_string()] {
            visit["participant"] = refer(format!("Patient/{nobody}"));
            let reply = north.integration.post("/fhir/r4/Appointment", &visit).await;
            assert_eq!(
                (reply.status, reply.expressions()),
                (422, vec!["Appointment.participant".into()])
            );
        }
    });
}
