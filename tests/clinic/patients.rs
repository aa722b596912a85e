//! Patients through the front door.

use serde_json::json;
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
        assert_eq!(changed.status, 200, "{}", changed.text);
        assert_eq!(changed.json()["email"], "ana@example.org");
        assert_eq!(changed.json()["first_name"], "Ana");

        assert_eq!(north.integration.delete(&path).await.status, 204);
        assert_eq!(north.reader.get(&path).await.problem(), "404 not_found");
        assert_eq!(north.integration.delete(&path).await.problem(), "404 not_found");
    });
}
