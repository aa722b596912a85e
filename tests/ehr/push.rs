//! What changes here is told there.

use std::{collections::HashMap, path::PathBuf, process::Stdio};

use serde_json::{Value, json};
use testkit::{Options, TestApp, run_with};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
};

use super::{connect, letters, run, target::Ehr, told, until};
use crate::process::reeve;

fn writes(log: &[Value]) -> Vec<&Value> {
    log.iter().filter(|one| one["method"] != "GET").collect()
}

#[test]
fn a_patient_and_an_appointment_are_told_and_told_anew_when_they_change() {
    run(async |app, north, ehr| {
        let path = connect(&north.admin, ehr, "push").await;
        // Whoever changes a record need not know of connections.
        let id = north.integration.new_patient("1020").await;
        told(&north.admin, &path).await;
        let patients = ehr.all("Patient").await;
        assert_eq!(patients.len(), 1, "{:?}", letters(&north.admin, &path).await);
        let own = json!({"use": "secondary", "system": "urn:reeve:fhir:patient", "value": id});
        assert!(patients[0]["identifier"].as_array().unwrap().contains(&own), "{}", patients[0]);
        let appointment = north
            .integration
            .new_appointment("9", "2030-01-01T09:00:00Z", "2030-01-01T10:00:00Z")
            .await;
        told(&north.admin, &path).await;
        let there = ehr.all("Appointment").await;
        assert_eq!((there.len(), &there[0]["status"]), (1, &json!("booked")));
        let change = json!({"state": "cancelled"});
        north.integration.patch(&format!("/v1/appointments/{appointment}"), &change).await;
        let change = json!({"firstName": "Beatriz"});
        north.integration.patch(&format!("/v1/patients/{id}"), &change).await;
        told(&north.admin, &path).await;
        assert_eq!(ehr.all("Appointment").await[0]["status"], "cancelled");
        let patients = ehr.all("Patient").await;
        assert_eq!((patients.len(), &patients[0]["name"][0]["given"][0]), (1, &json!("Beatriz")));
        // Each that was told is in the ledger, as read by who set the connection up.
        let read = format!(
            "select count(*) > 0 from audit.entry where operation = 'READ' and record_id = '{id}'
                              and actor_id = '{}' and permission = 'ehr:write'",
            north.admin.id
        );
        assert_eq!(app.ask(&read).await, ["t"]);
        let log = ehr.log().await;
        let calls = log.iter().filter(|one| one["authorization"] == "Bearer token-CANARY").count();
        assert!(calls > 6, "{log:?}");
        assert_eq!(letters(&north.admin, &path).await, []);
    });
}

#[test]
fn what_they_keep_stays_and_what_is_deleted_counts_no_more() {
    run(async |_, north, ehr| {
        // They know the patient already, by the document.
        let registry = "https://fhir.minsalud.gov.co/rda/NamingSystem/RNEC";
        ehr.put(
            &json!({"resourceType": "Patient", "identifier": [{"system": registry, "value": "1020"},
                        {"system": "urn:mrn", "value": "m-1"}], "photo": [{"title": "a photo"}],
                        "name": [{"use": "nickname", "text": "Anita"}]}),
        )
        .await;
        let path = connect(&north.admin, ehr, "push").await;
        let id = north.admin.new_patient("1020").await;
        told(&north.admin, &path).await;
        let patients = ehr.all("Patient").await;
        assert_eq!(patients.len(), 1, "{patients:?}");
        let patient = &patients[0];
        assert_eq!(patient["photo"][0]["title"], "a photo");
        assert_eq!(patient["name"].as_array().unwrap().len(), 2, "{patient}");
        let systems: Vec<_> =
            patient["identifier"].as_array().unwrap().iter().map(|one| &one["system"]).collect();
        assert_eq!(systems, ["urn:mrn", registry, "urn:reeve:fhir:patient"]);
        let before = writes(&ehr.log().await).len();
        // A change that FHIR does not tell is no write there.
        let change = json!({"habeasData": true});
        assert_eq!(north.admin.patch(&format!("/v1/patients/{id}"), &change).await.status, 200);
        told(&north.admin, &path).await;
        assert_eq!(writes(&ehr.log().await).len(), before);
        assert_eq!(north.admin.delete(&format!("/v1/patients/{id}")).await.status, 204);
        told(&north.admin, &path).await;
        assert_eq!(ehr.all("Patient").await[0]["active"], false);
    });
}

#[test]
fn a_push_whose_answer_is_lost_has_one_effect() {
    run(async |app, north, ehr| {
        let path = connect(&north.admin, ehr, "push").await;
        // The searches are answered, and of the creation nobody hears.
        ehr.fail("deaf", 3).await;
        north.admin.new_patient("1020").await;
        told(&north.admin, &path).await;
        assert_eq!(ehr.all("Patient").await.len(), 1);
        assert_eq!(app.ask("select count(*)::text from clinic.ehr_link").await, ["1"]);
        assert_eq!(letters(&north.admin, &path).await, []);
    });
}

#[test]
fn what_they_refuse_is_a_dead_letter_that_can_be_told_again() {
    run(async |_, north, ehr| {
        let path = connect(&north.admin, ehr, "push").await;
        ehr.fail("rejecting", 1).await;
        north.admin.new_patient("1020").await;
        told(&north.admin, &path).await;
        assert_eq!(letters(&north.admin, &path).await, [("push".into(), "refused_there".into())]);
        assert_eq!(ehr.all("Patient").await.len(), 0);
        let reply = north.admin.get(&format!("{path}/dead-letters")).await;
        assert!(!reply.text.contains("1020"), "{}", reply.text);
        let again = north.admin.post(&format!("{path}/dead-letters/retry"), &json!({})).await;
        assert_eq!(
            (again.status, &again.json()["dead_letters"][0]["state"]),
            (200, &json!("retrying"))
        );
        told(&north.admin, &path).await;
        assert_eq!(ehr.all("Patient").await.len(), 1);
        assert_eq!(letters(&north.admin, &path).await, []);
    });
}

#[test]
fn where_both_have_changed_ours_wins_and_it_is_said() {
    run(async |_, north, ehr| {
        let path = connect(&north.admin, ehr, "both").await;
        let id = north.admin.new_patient("1020").await;
        told(&north.admin, &path).await;
        // Nothing is told for a moment, and both change.
        ehr.fail("busy", 1).await;
        north.admin.patch(&format!("/v1/patients/{id}"), &json!({"firstName": "Beatriz"})).await;
        let status = format!("{path}/status");
        until(&north.admin, &status, |s| s["last_error"] == "busy").await;
        let mut there = ehr.all("Patient").await.remove(0);
        there["name"][0]["given"] = json!(["Carmen"]);
        there["maritalStatus"] = json!({"text": "theirs"});
        ehr.put(&there).await;
        told(&north.admin, &path).await;
        let patient = ehr.all("Patient").await.remove(0);
        assert_eq!(patient["name"][0]["given"], json!(["Beatriz"]), "{patient}");
        assert_eq!(patient["maritalStatus"]["text"], "theirs");
        assert_eq!(letters(&north.admin, &path).await, [("pull".into(), "overwritten".into())]);
    });
}

#[test]
fn what_is_told_is_fhir_by_somebody_elses_word() {
    run(async |_, north, ehr| {
        let path = connect(&north.admin, ehr, "push").await;
        let patient = json!({"eventType": "PATIENT", "actionType": "CREATE", "docTypeId": "PA", "docNumber": "X-1",
            "firstName": "Ana", "middleName": "María", "lastName": "Rojas", "secondLastName": "Peña", "birthDate": "1990-02-28",
            "genderId": "female", "phones": ["3005550142"], "email": "ana@example.org", "epsId": "EPS010",
            "customFields": {"plan": "gold", "n": 9_007_199_254_740_993_i64}});
        assert_eq!(north.admin.post("/v1/patients", &patient).await.status, 201);
        let appointment = json!({"eventType": "APPOINTMENT", "actionType": "CREATE", "patientDocTypeId": "PA",
            "patientDocNumber": "X-1", "doctorDocTypeId": "CC", "doctorDocNumber": "9", "modality": "virtual",
            "startAppointment": "2030-03-01T09:00:00-05:00", "endAppointment": "2030-03-01T09:30:00-05:00",
            "notificationState": "sent", "appointmentType": "control", "clinicId": "north-1", "comment": "fasting"});
        assert_eq!(north.admin.post("/v1/appointments", &appointment).await.status, 201);
        told(&north.admin, &path).await;
        let mut all = ehr.all("Patient").await;
        all.extend(ehr.all("Appointment").await);
        assert_eq!(all.len(), 2, "{:?}", letters(&north.admin, &path).await);
        let reference = format!("Patient/{}", all[0]["id"].as_str().unwrap());
        assert_eq!(all[1]["participant"][0]["actor"]["reference"], json!(reference));
        validate(&all).await;
    });
}

/// Validates resources by definitions that this project did not write.
async fn validate(all: &[Value]) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/python");
    let mut process = Command::new(folder.join(".venv/bin/python"))
        .arg(folder.join("fhir_valid.py"))
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("scripts/python.sh has made an environment");
    let text = serde_json::to_vec(all).unwrap();
    process.stdin.take().unwrap().write_all(&text).await.unwrap();
    let output = process.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn worker(app: &TestApp) -> Child {
    let mut command = reeve(&["worker"]);
    command.env("DATABASE_URL", app.database.url("reeve_app")).env("SECRET_KEY", testkit::SECRET);
    command.env("OUTBOUND_ALLOW", "127.0.0.1").env("LOG_LEVEL", "error");
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_worker_that_is_killed_midway_has_told_each_once() {
    const PATIENTS: usize = 25;
    let settings = [("OUTBOUND_ALLOW", "127.0.0.1"), ("JOBS_AT_ONCE", "0")];
    let settings: HashMap<_, _> = settings.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    run_with(Options { settings, ..Options::default() }, async |app| {
        app.without_limits().await;
        let (north, ehr) = (app.tenant("north").await, Ehr::start().await);
        let path = connect(&north.admin, &ehr, "push").await;
        for n in 0..PATIENTS {
            north.admin.new_patient(&format!("10{n}")).await;
        }
        let admin = app.database.session("reeve_admin").await;
        let mut left = PATIENTS;
        for _ in 0..4 {
            let mut worker = worker(app);
            let before = i64::try_from(left).unwrap();
            let status = until(&north.admin, &format!("{path}/status"), |s| {
                s["waiting"].as_i64() < Some(before.max(1))
            })
            .await;
            worker.kill().await.unwrap();
            left = usize::try_from(status["waiting"].as_i64().unwrap()).unwrap();
            // Nobody waits for the lease of who was killed.
            admin.batch_execute("update kernel.job_queue set due_at = now()").await.unwrap();
        }
        let _worker = worker(app);
        told(&north.admin, &path).await;
        let mut there: Vec<_> = ehr
            .all("Patient")
            .await
            .iter()
            .map(|one| one["identifier"][1]["value"].to_string())
            .collect();
        assert_eq!(there.len(), PATIENTS);
        there.sort_unstable();
        there.dedup();
        assert_eq!(there.len(), PATIENTS, "each once");
        assert_eq!(letters(&north.admin, &path).await, []);
    });
}
