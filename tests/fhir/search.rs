//! Searches: what they find, in which order, and what they leave in the ledger.

use serde_json::{Value, json};
use testkit::{Persona, run};

use super::{NATIONAL, REGISTRY, appointment, entries, link, patient};

/// The numbers of the documents of those whom a question finds.
async fn numbers(persona: &Persona, question: &str) -> Vec<String> {
    let found = entries(&persona.get(&format!("/fhir/r4/{question}")).await);
    found.iter().map(|one| one["identifier"][0]["value"].as_str().unwrap().to_owned()).collect()
}

async fn people(persona: &Persona) {
    for (number, first, family, second, born, gender) in [
        ("1", "Ana", "Rojas", "Díaz", "1990-02-28", "female"),
        ("2", "María José", "Ñáñez", "Rojas", "1990-12-31", "female"),
        ("3", "Andrés", "Roldán", "Mora", "2024-02-29", "male"),
        ("4", "Luz", "De la Cruz", "Mora", "1985-07-01", "other"),
    ] {
        let mut person = patient(number);
        let part = |name: &str, value: &str| json!({"url": format!("http://hl7.org/fhir/StructureDefinition/humanname-{name}-family"), "valueString": value});
        person["name"] = json!([{"given": [first], "family": format!("{family} {second}"),
            "_family": {"extension": [part("fathers", family), part("mothers", second)]}}]);
        person["birthDate"] = json!(born);
        person["gender"] = json!(gender);
        person["telecom"] = json!([{"system": "phone", "value": format!("+57300555010{number}")},
                                   {"system": "email", "value": format!("p{number}@example.org")}]);
        let reply = persona.post("/fhir/r4/Patient", &person).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
    }
}

#[test]
fn patients_are_found_by_what_is_known_of_them() {
    run(async |app| {
        let north = app.tenant("north").await;
        people(&north.admin).await;
        for (question, found) in [
            ("", vec!["1", "2", "3", "4"]),
            ("family=rojas", vec!["1", "2"]),
            ("family=Roj%C3%81S", vec!["1", "2"]),
            ("family=ro", vec!["1", "2", "3"]),
            ("family=nanez", vec!["2"]),
            ("family=%C3%91%C3%81%C3%91EZ%20R", vec!["2"]),
            ("family=cruz", vec![]),
            ("given=an", vec!["1", "3"]),
            ("given=mar%C3%ADa", vec!["2"]),
            ("name=and", vec!["3"]),
            ("name=mora&given=luz", vec!["4"]),
            ("birthdate=1990", vec!["1", "2"]),
            ("birthdate=1990-02", vec!["1"]),
            ("birthdate=2024-02-29", vec!["3"]),
            ("birthdate=gt1990-02-28", vec!["2", "3"]),
            ("birthdate=ge1985-07-01&birthdate=lt1990-12", vec!["4", "1"]),
            ("birthdate=ne1990", vec!["3", "4"]),
            ("gender=female", vec!["1", "2"]),
            ("gender=male,other", vec!["3", "4"]),
            ("phone=%2B573005550103", vec!["3"]),
            ("email=P2@example.org", vec!["2"]),
            ("telecom=p2@example.org", vec!["2"]),
            ("telecom=phone%7C%2B573005550101", vec!["1"]),
            ("phone=p2@example.org", vec![]),
            ("identifier=3", vec!["3"]),
            (&format!("identifier={REGISTRY}%7C3"), vec!["3"]),
            ("identifier=urn:elsewhere%7C3", vec![]),
            ("identifier=%7C3", vec![]),
            ("family=rojas&birthdate=1990-12-31", vec!["2"]),
            ("family=%25", vec![]),
            ("family=_ojas", vec![]),
            ("name=*", vec![]),
            ("_lastUpdated=ge2020", vec!["1", "2", "3", "4"]),
            ("_lastUpdated=lt2020", vec![]),
        ] {
            assert_eq!(
                numbers(&north.reader, &format!("Patient?{question}")).await,
                found,
                "{question}"
            );
        }
        let one = entries(&north.reader.get("/fhir/r4/Patient?identifier=1").await).remove(0);
        let id = one["id"].as_str().unwrap();
        assert_eq!(numbers(&north.reader, &format!("Patient?_id={id}")).await, ["1"]);
        let own = format!("Patient?identifier=urn:reeve:fhir:patient%7C{id}");
        assert_eq!(numbers(&north.reader, &own).await, ["1"]);
        assert_eq!(one["identifier"][0]["type"]["coding"][1]["system"], NATIONAL);
    });
}

#[test]
fn pages_follow_one_another_and_end() {
    run(async |app| {
        let north = app.tenant("north").await;
        people(&north.admin).await;
        for question in
            ["", "family=ro", "birthdate=gt1900", "_sort=_lastUpdated", "gender=female,male,other"]
        {
            let (mut seen, mut path) =
                (vec![], Some(format!("/fhir/r4/Patient?{question}&_count=1")));
            while let Some(next) = path {
                let page = north.reader.get(&next).await;
                let found = entries(&page);
                assert!(found.len() <= 1);
                seen.extend(found.iter().map(|one| one["id"].as_str().unwrap().to_owned()));
                path = link(&page, "next");
            }
            let whole = entries(&north.reader.get(&format!("/fhir/r4/Patient?{question}")).await);
            let whole: Vec<_> =
                whole.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
            assert_eq!(seen, whole, "{question}");
            assert!(seen.len() >= 3, "{question}");
        }
    });
}

#[test]
fn appointments_are_found_by_time_people_and_state() {
    run(async |app| {
        let north = app.tenant("north").await;
        let who = north.admin.new_patient("1").await;
        for (doctor, start) in [
            ("7", "2027-03-01T04:30:00Z"),
            ("8", "2027-03-01T05:00:00Z"),
            ("7", "2027-03-02T04:59:59Z"),
        ] {
            let made = north.admin.post("/fhir/r4/Appointment", &appointment(doctor, start)).await;
            assert_eq!(made.status, 201, "{}", made.text);
        }
        let of = async |question: &str| -> Vec<String> {
            let found =
                entries(&north.reader.get(&format!("/fhir/r4/Appointment?{question}")).await);
            found.iter().map(|one| one["start"].as_str().unwrap()[8..16].to_owned()).collect()
        };
        let all = ["01T04:30", "01T05:00", "02T04:59"];
        assert_eq!(of("").await, all);
        // A day begins at midnight of its offset, UTC unless it is said.
        assert_eq!(of("date=2027-03-01").await, all[..2]);
        assert_eq!(
            of("date=ge2027-03-01T00:00:00-05:00&date=lt2027-03-02T00:00:00-05:00").await,
            all[1..]
        );
        assert_eq!(of("date=2027-03-01T04:30Z").await, all[..1]);
        assert_eq!(of("date=gt2027-03-01T05:00:00Z").await, all[2..]);
        assert_eq!(of("date=2028").await, Vec::<String>::new());
        assert_eq!(of(&format!("patient=Patient/{who}")).await, all);
        assert_eq!(of(&format!("patient={who}&date=2027-03-02")).await, all[2..]);
        assert_eq!(of("patient=Patient/nobody").await, Vec::<String>::new());
        let doctors = entries(&north.reader.get("/fhir/r4/Practitioner?identifier=7").await);
        let doctor = doctors[0]["id"].as_str().unwrap();
        assert_eq!(of(&format!("practitioner=Practitioner/{doctor}")).await, [all[0], all[2]]);
        assert_eq!(of("status=booked").await, all);
        assert_eq!(of("status=cancelled,noshow").await, Vec::<String>::new());
        assert_eq!(of("_sort=_lastUpdated&_lastUpdated=ge2020").await, all);
        let one = &entries(&north.reader.get("/fhir/r4/Appointment?_count=1").await)[0];
        assert_eq!(one["participant"][0]["actor"]["reference"], json!(format!("Patient/{who}")));
        let read = north.reader.get(&format!("/fhir/r4/Practitioner/{doctor}")).await;
        assert_eq!(read.json()["identifier"][0]["value"], "7");
    });
}

#[test]
fn the_ledger_is_told_under_its_own_permission_and_each_read_is_in_it() {
    run(async |app| {
        let north = app.tenant("north").await;
        let id = north.admin.post("/fhir/r4/Patient", &patient("1")).await.id();
        let read = north.reader.get(&format!("/fhir/r4/Patient/{id}")).await;
        assert_eq!(read.header("etag"), Some("W/\"1\""));
        assert_eq!(read.header("content-type"), Some("application/fhir+json"));
        let question = format!("/fhir/r4/AuditEvent?patient=Patient/{id}");
        let events = entries(&north.auditor.get(&question).await);
        let actions: Vec<_> = events.iter().map(|event| event["action"].clone()).collect();
        assert_eq!(actions, ["R", "C"]);
        let agent = &events[0]["agent"][0]["who"]["identifier"]["value"];
        assert_eq!(agent, &json!(north.reader.id));
        let by = format!("/fhir/r4/AuditEvent?agent={}", north.reader.id);
        assert_eq!(entries(&north.auditor.get(&by).await).len(), 1);
        let whole = north.auditor.get(&question).await.text;
        assert!(!whole.contains("Rojas"), "what a record was is not told: {whole}");
        assert_eq!(north.reader.get(&question).await.problem(), "403 forbidden");
        assert_eq!(north.auditor.get("/fhir/r4/Patient").await.problem(), "403 forbidden");
        let consent = north.reader.get(&format!("/fhir/r4/Consent/{id}")).await;
        assert_eq!(consent.problem(), "404 not_found");
        let given = json!({"habeasData": {"authorized": true, "textVersion": "v3"}});
        north.admin.patch(&format!("/v1/patients/{id}"), &given).await;
        let consent: Value = north.reader.get(&format!("/fhir/r4/Consent/{id}")).await.json();
        assert_eq!(
            (&consent["status"], &consent["provision"]["type"]),
            (&json!("active"), &json!("permit"))
        );
    });
}
