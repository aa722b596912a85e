//! A client that this project did not write, and everybody else's definitions of the resources.

use std::path::PathBuf;

use serde_json::{Value, json};
use testkit::run;
use tokio::process::Command;

#[test]
fn fhirpy_reads_and_writes_a_tenant_and_all_that_it_gets_is_valid() {
    run(async |app| {
        let north = app.tenant("north").await;
        for (number, family, born) in [
            ("1", "Rojas", "1990-02-28"),
            ("2", "Díaz", "1991-01-01"),
            ("3", "Rojas", "1989-12-31"),
        ] {
            let body = json!({
                "eventType": "PATIENT", "actionType": "CREATE", "docTypeId": "CC", "docNumber": number,
                "firstName": "Ana", "middleName": "Lucía", "lastName": family, "secondLastName": "Mora",
                "birthDate": born, "genderId": "F", "phones": ["+573005550142"], "email": "ana@example.org",
                "epsId": "EPS010", "habeasData": {"authorized": number != "2", "channel": "whatsapp"},
                "customFields": {"plan": "gold"},
            });
            assert_eq!(north.admin.post("/v1/patients", &body).await.status, 201);
        }
        north.admin.new_appointment("7", "2027-03-01T14:00:00Z", "2027-03-01T15:00:00Z").await;
        north.admin.new_appointment("8", "2027-03-01T14:00:00Z", "2027-03-01T15:00:00Z").await;

        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/python");
        let output = Command::new(folder.join(".venv/bin/python"))
            .arg(folder.join("fhir_client.py"))
            .args([&app.url(0), "http://localhost:8000", north.admin.key.as_ref().unwrap()])
            .output()
            .await
            .expect("scripts/python.sh has made an environment");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&told["Patient"], &told["Appointment"]), (&json!(3), &json!(2)));
        assert_eq!((&told["Practitioner"], &told["Consent"]), (&json!(2), &json!(3)));
        assert!(told["AuditEvent"].as_u64().unwrap() >= 5, "{told}");
        assert_eq!(told["family"], json!(["Rojas Mora"]));
        assert_eq!((&told["version"], &told["born"]), (&json!("2"), &json!("2001-09-30")));
        assert_eq!(told["appointments"], json!(["2027-05-01T14:00:00Z"]));
        let exported = json!({"Patient": 4, "Appointment": 3, "Consent": 3, "Practitioner": 2});
        assert_eq!(told["exported"], exported);
        let validated = [
            "Appointment",
            "AuditEvent",
            "Bundle",
            "CapabilityStatement",
            "Consent",
            "Patient",
            "Practitioner",
        ];
        assert_eq!(told["validated"], json!(validated));
    });
}

#[test]
fn each_example_of_the_page_works() {
    run(async |app| {
        let north = app.tenant("north").await;
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let page = std::fs::read_to_string(root.join("docs/fhir.md")).unwrap();
        let examples: Vec<_> =
            page.split("```").skip(1).step_by(2).filter(|text| text.contains("curl")).collect();
        assert_eq!(examples.len(), 2);
        for example in examples {
            let key = format!("key={}\n", north.admin.key.as_ref().unwrap());
            let fails = "curl() { command curl --silent --show-error --fail \"$@\"; }\n";
            let example = example.replace("key=reeve_…\n", "");
            let example = example.replace("http://localhost:8000", &app.url(0));
            let script = format!("set -eu\n{key}{fails}{example}");
            let output = Command::new("bash").args(["-c", &script]).output().await.unwrap();
            let told = String::from_utf8_lossy(&output.stdout);
            assert!(
                output.status.success(),
                "{script}\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
            assert!(told.contains("resourceType") || told.contains("content-location"), "{told}");
        }
        let found = north.reader.get("/fhir/r4/Patient?identifier=1020304050").await;
        assert_eq!(super::entries(&found).len(), 1, "the page's patient was made");
    });
}
