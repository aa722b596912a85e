//! What nobody should send, and what everybody does.

use reqwest::Method;
use serde_json::json;
use testkit::{Persona, run};

use super::{appointment, entries, link, patient};

const TYPE: &str = "application/fhir+json";

#[test]
fn whatever_is_refused_is_an_operation_outcome() {
    run(async |app| {
        let north = app.tenant("north").await;
        let nobody = app.anonymous();
        let capable = nobody.get("/fhir/r4/metadata").await;
        assert_eq!((capable.status, &capable.json()["fhirVersion"]), (200, &json!("4.0.1")));
        let large =
            north.admin.request(Method::POST, "/fhir/r4/Patient").header("content-type", TYPE);
        let large = north.admin.send(large.body(" ".repeat(2 * 1024 * 1024))).await;
        let xml = north
            .admin
            .request(Method::POST, "/fhir/r4/Patient")
            .header("content-type", "application/fhir+xml");
        let xml = north.admin.send(xml.body("<Patient/>")).await;
        let item = format!("/fhir/r4/Patient/{}", uuid::Uuid::now_v7());
        for (reply, problem, code) in [
            (nobody.get("/fhir/r4/Patient").await, "401 unauthenticated", "login"),
            (north.auditor.get("/fhir/r4/Patient").await, "403 forbidden", "forbidden"),
            (north.admin.get(&item).await, "404 not_found", "not-found"),
            (north.admin.get("/fhir/r4/Patient/not-a-uuid").await, "404 not_found", "not-found"),
            (north.admin.get("/fhir/r4/Observation").await, "404 no_such_path", "not-found"),
            (
                north.admin.get("/medical/fhir/r4/Observation").await,
                "404 no_such_path",
                "not-found",
            ),
            (north.admin.delete(&item).await, "405 method_not_allowed", "not-supported"),
            (
                north.admin.get("/fhir/r4/Patient?_format=xml").await,
                "406 not_acceptable",
                "not-supported",
            ),
            (large, "413 content_too_large", "too-long"),
            (xml, "415 unsupported_media_type", "not-supported"),
        ] {
            assert_eq!(reply.problem(), problem, "{}", reply.text);
            assert_eq!(reply.header("content-type"), Some(TYPE), "{problem}");
            let outcome = reply.json();
            assert_eq!(outcome["resourceType"], "OperationOutcome");
            assert_eq!(
                (&outcome["issue"][0]["severity"], &outcome["issue"][0]["code"]),
                (&json!("error"), &json!(code))
            );
        }
        for format in
            ["json", "application/json", "application/fhir%2Bjson", "application/fhir+json"]
        {
            assert_eq!(
                north.admin.get(&format!("/fhir/r4/Patient?_format={format}")).await.status,
                200,
                "{format}"
            );
        }
        for (accept, status) in [
            ("application/fhir+xml", 406),
            ("text/html, */*;q=0.1", 200),
            ("application/json", 200),
        ] {
            let request =
                north.admin.request(Method::GET, "/fhir/r4/Patient").header("accept", accept);
            assert_eq!(north.admin.send(request).await.status, status, "{accept}");
        }
        // What is not FHIR's is told as ever.
        assert_eq!(nobody.get("/v1/patients").await.json()["code"], "unauthenticated");
    });
}

#[test]
fn a_body_that_is_at_fault_is_told_where() {
    run(async |app| {
        let north = app.tenant("north").await;
        let with = |name: &str, value: serde_json::Value| {
            let mut body = patient("1");
            body[name] = value;
            body
        };
        for (body, status, place) in [
            (json!({"resourceType": "Observation"}), 400, "Patient.resourceType"),
            (
                with("modifierExtension", json!([{"url": "urn:x"}])),
                400,
                "Patient.modifierExtension",
            ),
            (
                with("contact", json!([{"modifierExtension": []}])),
                400,
                "Patient.contact[0].modifierExtension",
            ),
            (with("implicitRules", json!("urn:x")), 400, "Patient.implicitRules"),
            (with("name", json!("CANARY")), 400, "Patient.name"),
            (with("active", json!(false)), 400, "Patient.active"),
            (with("birthDate", json!("2024-02-30")), 422, "Patient.birthDate"),
            (with("birthDate", json!("1990")), 422, "Patient.birthDate"),
            (with("birthDate", json!("2023-02-29")), 422, "Patient.birthDate"),
            (with("gender", json!("CANARY")), 422, "Patient.gender"),
            (with("identifier", json!([])), 422, "Patient.identifier"),
        ] {
            let reply = north.admin.post("/fhir/r4/Patient", &body).await;
            assert_eq!(
                (reply.status, reply.expressions()),
                (status, vec![place.to_owned()]),
                "{}",
                reply.text
            );
            assert!(!reply.text.contains("CANARY"), "{}", reply.text);
        }
        let broken = north
            .admin
            .request(Method::POST, "/fhir/r4/Patient")
            .header("content-type", TYPE)
            .body("{");
        assert_eq!(north.admin.send(broken).await.status, 400);
        let leap =
            north.admin.post("/fhir/r4/Patient", &with("birthDate", json!("2024-02-29"))).await;
        assert_eq!(leap.status, 201, "{}", leap.text);
        let mut visit = appointment("7", "2027-03-01T14:00:00Z");
        for bad in
            ["2027-03-01", "2027-03-01T14:00:00", "2027-02-29T14:00:00Z", "2027-03-01T24:00:00Z"]
        {
            visit["start"] = json!(bad);
            let reply = north.admin.post("/fhir/r4/Appointment", &visit).await;
            assert_eq!(reply.expressions(), ["Appointment.start"], "{bad}: {}", reply.text);
        }
        // Half past eleven at night in Bogotá is the next day in UTC.
        visit["start"] = json!("2027-02-28T23:30:00-05:00");
        visit["end"] = json!("2027-03-01T00:30:00-05:00");
        let made = north.admin.post("/fhir/r4/Appointment", &visit).await;
        assert_eq!(made.json()["start"], "2027-03-01T04:30:00Z", "{}", made.text);
    });
}

#[test]
fn a_question_that_is_not_understood_is_refused_or_told() {
    run(async |app| {
        let north = app.tenant("north").await;
        let (path, strict) = ("/fhir/r4/Patient?favourite-colour=blue&_count=9", "handling=strict");
        let lenient = north.reader.get(path).await;
        assert_eq!(
            (lenient.status, link(&lenient, "self").unwrap()),
            (200, "/fhir/r4/Patient?_count=9".into())
        );
        let strict = north.reader.request(Method::GET, path).header("prefer", strict);
        let strict = north.reader.send(strict).await;
        assert_eq!(
            (strict.status, strict.expressions()),
            (400, vec!["http.favourite-colour".into()])
        );
        for (question, name) in [
            ("family:exact=Rojas", "family:exact"),
            ("general-practitioner.name=x", "general-practitioner.name"),
            ("_has:Appointment:patient:status=booked", "_has:Appointment:patient:status"),
            ("_filter=name", "_filter"),
            ("birthdate=2024-02-30", "birthdate"),
            ("birthdate=ap1990", "birthdate"),
            ("birthdate=1990-01-01T00:00:00Z", "birthdate"),
            ("_lastUpdated=yesterday", "_lastUpdated"),
            ("_count=-1", "_count"),
            ("_count=0", "_count"),
            ("_count=many", "_count"),
            ("_sort=shoe-size", "_sort"),
            ("identifier=", "identifier"),
            ("identifier=%7C", "identifier"),
            ("family=", "family"),
            ("family=a&family=b", "family"),
            ("_cursor=garbage", "_cursor"),
        ] {
            let reply = north.reader.get(&format!("/fhir/r4/Patient?{question}")).await;
            let at = vec![format!("http.{name}")];
            assert_eq!(
                (reply.status, reply.expressions()),
                (400, at),
                "{question}: {}",
                reply.text
            );
        }
        for giant in ["1000000", "99999999999999999999999999"] {
            assert_eq!(
                north.reader.get(&format!("/fhir/r4/Patient?_count={giant}")).await.status,
                200
            );
        }
        let of_another = north.reader.get("/fhir/r4/Appointment?patient=Practitioner/1").await;
        assert_eq!(of_another.expressions(), ["http.patient"]);
    });
}

#[test]
fn a_page_is_its_callers_and_its_questions_alone() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        for tenant in [&north, &south] {
            for number in ["1", "2"] {
                tenant.admin.post("/fhir/r4/Patient", &patient(number)).await;
            }
        }
        let page = north.reader.get("/fhir/r4/Patient?family=rojas&_count=1").await;
        let next = link(&page, "next").expect("there is more");
        assert_eq!(entries(&north.reader.get(&next).await).len(), 1);
        let garbage = next.split("_cursor=").next().unwrap().to_owned() + "_cursor=garbage";
        let steal = async |who: &Persona, path: &str| who.get(path).await.essence();
        for thief in [&north.admin, &south.reader, &south.admin] {
            assert_eq!(steal(thief, &next).await, steal(thief, &garbage).await);
        }
        let other = next.replace("family=rojas", "family=diaz");
        assert_eq!(north.reader.get(&other).await.expressions(), ["http._cursor"]);
        let theirs = entries(&south.reader.get("/fhir/r4/Patient?_count=1").await)[0]["id"].clone();
        let theirs = theirs.as_str().unwrap();
        let missing = uuid::Uuid::now_v7();
        for kind in ["Patient", "Appointment", "Practitioner", "Consent"] {
            let real = north.reader.get(&format!("/fhir/r4/{kind}/{theirs}")).await;
            let none = north.reader.get(&format!("/fhir/r4/{kind}/{missing}")).await;
            assert_eq!(real.essence(), none.essence(), "{kind}");
            assert_eq!(real.problem(), "404 not_found");
        }
        assert!(
            entries(&north.reader.get(&format!("/fhir/r4/Patient?_id={theirs}")).await).is_empty()
        );
    });
}
