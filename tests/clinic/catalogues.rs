//! Catalogues: what Reeve ships, and what a tenant adds.

use serde_json::json;
use testkit::{patient, run};

#[test]
fn a_tenant_adds_an_insurer_for_itself_alone() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let entry = json!({"kind": "eps", "code": "EPS-X", "name": "Aseguradora X"});
        assert_eq!(north.admin.post("/v1/catalogues", &entry).await.status, 201);
        assert_eq!(
            north.admin.post("/v1/catalogues", &entry).await.problem(),
            "409 catalogue_code_taken"
        );
        let mut body = patient("1");
        body["epsId"] = json!("eps-x");
        assert_eq!(north.integration.post("/v1/patients", &body).await.json()["eps_id"], "EPS-X");
        assert_eq!(south.integration.post("/v1/patients", &body).await.fields(), ["body.epsId"]);
        assert_eq!(south.admin.post("/v1/catalogues", &entry).await.status, 201);
        let listed = north.reader.get("/v1/catalogues").await.json();
        assert_eq!(listed.as_array().unwrap().iter().filter(|e| e["own"] == true).count(), 1);
    });
}

#[test]
fn states_cannot_be_added_and_an_unknown_document_type_names_the_known_ones() {
    run(async |app| {
        let north = app.tenant("north").await;
        let entry = json!({"kind": "state", "code": "limbo", "name": "Limbo"});
        assert_eq!(north.admin.post("/v1/catalogues", &entry).await.fields(), ["body.kind"]);
        let mut body = patient("1");
        body["docTypeId"] = json!("XX");
        let reply = north.integration.post("/v1/patients", &body).await;
        assert!(
            reply.json()["detail"][0]["msg"].as_str().unwrap().contains("CC, TI, RC"),
            "{}",
            reply.text
        );
    });
}
