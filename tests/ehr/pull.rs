//! What changes there comes here.

use serde_json::{Value, json};

use super::{connect, letters, read, run, told};

const NATIONAL: &str = "https://fhir.minsalud.gov.co/rda/CodeSystem/ColombianPersonIdentifier";

fn document(number: &str) -> Value {
    json!({"type": {"coding": [{"system": NATIONAL, "code": "CC"}]}, "value": number})
}

fn patient(number: &str, given: &str) -> Value {
    json!({"resourceType": "Patient", "identifier": [document(number)], "name": [{"family": "Rojas", "given": [given]}]})
}

fn appointment(patient: &Value, doctor: &Value, hour: u32) -> Value {
    let actor = |actor: &Value| json!({"actor": actor, "status": "accepted"});
    json!({"resourceType": "Appointment", "status": "booked", "participant": [actor(patient), actor(doctor)],
           "start": format!("2030-01-01T{hour:02}:00:00Z"), "end": format!("2030-01-01T{hour:02}:30:00Z")})
}

#[test]
fn patients_and_appointments_come_page_by_page_and_come_once() {
    run(async |app, north, ehr| {
        ehr.cut(2).await;
        let mut first = Value::Null;
        for n in 0..5 {
            let there = ehr.put(&patient(&format!("10{n}"), "Ana")).await;
            if n == 0 {
                first = there;
            }
        }
        let doctor =
            ehr.put(&json!({"resourceType": "Practitioner", "identifier": [document("9")]})).await;
        let by = |one: &Value| json!({"reference": format!("{}/{}", one["resourceType"].as_str().unwrap(), one["id"].as_str().unwrap())});
        ehr.put(&appointment(&by(&first), &by(&doctor), 9)).await;
        let path = connect(&north.admin, ehr, "pull").await;
        read(app, &north.admin, &path).await;
        let count = "select (select count(*) from clinic.patient) || ' ' || (select count(*) from clinic.appointment)";
        assert_eq!(app.ask(count).await, ["5 1"], "{:?}", letters(&north.admin, &path).await);
        let found = "select patient_doc_number || doctor_doc_number from clinic.appointment";
        assert_eq!(app.ask(found).await, ["1009"]);
        let entries = "select count(*)::text from audit.entry where resource like 'clinic.%' and operation <> 'READ'";
        let before = app.ask(entries).await;
        read(app, &north.admin, &path).await;
        assert_eq!(app.ask(entries).await, before, "what is known is not written again");
        first["name"][0]["given"] = json!(["Beatriz"]);
        ehr.put(&first).await;
        read(app, &north.admin, &path).await;
        let name = "select first_name from clinic.patient where doc_number = '100'";
        assert_eq!(app.ask(name).await, ["Beatriz"]);
        // As whoever set it up, under the permission of the record.
        let by = format!(
            "select distinct permission from audit.entry where resource = 'clinic.patient'
                            and operation = 'UPDATE' and actor_id = '{}'",
            north.admin.id
        );
        assert_eq!(app.ask(&by).await, ["patient:write"]);
        let status = north.admin.get(&format!("{path}/status")).await.json();
        assert_eq!(status["circuit"], "closed");
        assert!(
            status["patients_since"].is_string() && status["appointments_since"].is_string(),
            "{status}"
        );
    });
}

#[test]
fn what_we_told_comes_back_without_a_loop() {
    run(async |app, north, ehr| {
        let path = connect(&north.admin, ehr, "both").await;
        let own = north.admin.new_patient("1020").await;
        told(&north.admin, &path).await;
        let mut there = ehr.put(&patient("2030", "Eva")).await;
        for _ in 0..3 {
            read(app, &north.admin, &path).await;
            told(&north.admin, &path).await;
        }
        let versions = "select doc_number || ' ' || version from clinic.patient order by 1";
        assert_eq!(app.ask(versions).await, ["1020 1", "2030 1"]);
        let writes = ehr
            .log()
            .await
            .iter()
            .filter(|one| one["authorization"].is_string() && one["method"] != "GET")
            .count();
        assert_eq!(writes, 1, "the patient that was made here, and none that came from there");
        // A change on either side comes to the other, once.
        there["name"][0]["given"] = json!(["Evangelina"]);
        ehr.put(&there).await;
        north.admin.patch(&format!("/v1/patients/{own}"), &json!({"firstName": "Beatriz"})).await;
        told(&north.admin, &path).await;
        read(app, &north.admin, &path).await;
        told(&north.admin, &path).await;
        assert_eq!(app.ask(versions).await, ["1020 2", "2030 2"]);
        let mut names: Vec<_> =
            ehr.all("Patient").await.iter().map(|one| one["name"][0]["given"][0].clone()).collect();
        names.sort_by_key(ToString::to_string);
        assert_eq!(names, ["Beatriz", "Evangelina"]);
        assert_eq!(letters(&north.admin, &path).await, []);
    });
}

#[test]
fn what_does_not_fit_is_a_dead_letter_with_its_place_and_without_its_values() {
    run(async |app, north, ehr| {
        let mut bad = patient("1020", "Ana");
        bad["birthDate"] = json!("1850-01-01");
        let mut bad = ehr.put(&bad).await;
        let nameless = ehr.put(&json!({"resourceType": "Patient", "identifier": [{"system": "urn:mrn", "value": "CANARY"}]})).await;
        let good = ehr.put(&patient("2030", "Eva")).await;
        let logical =
            |number: &str, kind: &str| json!({"type": kind, "identifier": document(number)});
        let (who, doctor) = (logical("2030", "Patient"), logical("9", "Practitioner"));
        ehr.put(&appointment(&who, &doctor, 9)).await;
        let taken = ehr.put(&appointment(&logical("1020", "Patient"), &doctor, 9)).await;
        let path = connect(&north.admin, ehr, "pull").await;
        read(app, &north.admin, &path).await;
        let reply = north.admin.get(&format!("{path}/dead-letters")).await;
        assert!(!reply.text.contains("CANARY") && !reply.text.contains("1850"), "{}", reply.text);
        let all = reply.json();
        let found = |there: &Value| {
            let one = all.as_array().unwrap().iter().find(|one| one["external_id"] == there["id"]);
            one.unwrap_or_else(|| panic!("{there} is not in {all}")).clone()
        };
        assert_eq!(all.as_array().unwrap().len(), 3, "{all}");
        assert_eq!(found(&taken)["code"], "doctor_taken");
        assert!(
            found(&bad)["detail"].as_str().unwrap().starts_with("Patient.birthDate: "),
            "{all}"
        );
        assert!(
            found(&nameless)["detail"].as_str().unwrap().starts_with("Patient.identifier: "),
            "{all}"
        );
        assert_eq!(app.ask("select doc_number from clinic.patient").await, ["2030"]);
        assert!(good["id"].is_string());
        // Put right there, it comes by itself; what was in the way here is out of it, and somebody says so.
        bad["birthDate"] = json!("1985-01-01");
        ehr.put(&bad).await;
        let id = app.ask("select id::text from clinic.appointment").await.remove(0);
        assert_eq!(north.admin.delete(&format!("/v1/appointments/{id}")).await.status, 204);
        let again = json!({"ids": [found(&taken)["id"]]});
        let again = north.admin.post(&format!("{path}/dead-letters/retry"), &again).await;
        assert_eq!(
            (again.status, again.json()["dead_letters"].as_array().unwrap().len()),
            (200, 1)
        );
        read(app, &north.admin, &path).await;
        let left = letters(&north.admin, &path).await;
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(app.ask("select count(*)::text from clinic.patient").await, ["2"]);
        assert_eq!(
            app.ask("select count(*)::text from clinic.appointment where deleted_at is null").await,
            ["1"]
        );
    });
}
