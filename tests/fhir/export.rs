//! Bulk data.

use serde_json::{Value, json};
use testkit::{Reply, run};

use super::patient;

fn path(url: &str) -> &str {
    &url[url.find("/fhir/").unwrap()..]
}

#[test]
fn an_export_is_its_makers_alone_and_each_file_is_read_on_record() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        for number in ["1", "2", "3"] {
            north.admin.post("/fhir/r4/Patient", &patient(number)).await;
        }
        north.admin.new_appointment("7", "2027-03-01T14:00:00Z", "2027-03-01T15:00:00Z").await;
        let order = north.reader.get("/fhir/r4/Patient/$export").await;
        assert_eq!(order.status, 202, "{}", order.text);
        let status = path(order.header("content-location").unwrap()).to_owned();
        let manifest = north.reader.get(&status).await;
        assert_eq!(manifest.header("content-type"), Some("application/json"));
        let files = manifest.json()["output"].as_array().cloned().unwrap();
        let types: Vec<_> = files.iter().map(|file| file["type"].clone()).collect();
        assert_eq!(types, ["Patient", "Appointment", "Consent"]);
        let file = path(files[0]["url"].as_str().unwrap()).to_owned();
        let lines = north.reader.get(&file).await;
        assert_eq!(lines.header("content-type"), Some("application/fhir+ndjson"));
        let numbers: Vec<_> = lines
            .text
            .lines()
            .map(|line| {
                let one: Value = serde_json::from_str(line).unwrap();
                one["identifier"][0]["value"].clone()
            })
            .collect();
        assert_eq!(numbers, ["1", "2", "3"]);
        let request = lines.header("x-request-id").unwrap();
        let entry = format!(
            "select operation || cardinality(record_ids) from audit.entry where request_id = '{request}'"
        );
        assert_eq!(app.ask(&entry).await, ["READ3"]);

        // What is another's is like what is not there.
        for other in [&north.admin, &south.admin, &south.reader] {
            for path in [&status, &file, &"/fhir/r4/export-files/Patient/garbage".to_owned()] {
                assert_eq!(other.get(path).await.problem(), "404 not_found", "{path}");
            }
        }
        let as_another = file.replace("/Patient/", "/Appointment/");
        assert_eq!(north.reader.get(&as_another).await.problem(), "404 not_found");
        assert_eq!(north.auditor.get("/fhir/r4/$export").await.problem(), "403 forbidden");
    });
}

#[test]
fn an_export_may_be_of_some_types_and_of_what_is_new() {
    run(async |app| {
        let north = app.tenant("north").await;
        north.admin.post("/fhir/r4/Patient", &patient("1")).await;
        let count = async |question: &str| {
            let order: Reply = north.reader.get(&format!("/fhir/r4/$export?{question}")).await;
            assert_eq!(order.status, 202, "{}", order.text);
            let manifest =
                north.reader.get(path(order.header("content-location").unwrap())).await.json();
            let mut counts = json!({});
            for file in manifest["output"].as_array().unwrap() {
                let lines = north.reader.get(path(file["url"].as_str().unwrap())).await.text;
                counts[file["type"].as_str().unwrap()] = json!(lines.lines().count());
            }
            counts
        };
        assert_eq!(count("_type=Patient").await, json!({"Patient": 1}));
        assert_eq!(count("_type=Patient&_since=2099-01-01T00:00:00Z").await, json!({"Patient": 0}));
        assert_eq!(
            count("_type=Patient,Practitioner&_outputFormat=ndjson").await,
            json!({"Patient": 1, "Practitioner": 0})
        );
        for bad in ["_type=Observation", "_since=yesterday", "_outputFormat=parquet"] {
            assert_eq!(
                north.reader.get(&format!("/fhir/r4/$export?{bad}")).await.status,
                400,
                "{bad}"
            );
        }
    });
}
