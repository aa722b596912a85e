//! Lists: filters, pages, cursors.

use std::collections::HashSet;

use serde_json::json;
use testkit::{Persona, patient, run};

async fn numbers(persona: &Persona, query: &str) -> Vec<String> {
    let reply = persona.get(&format!("/v1/patients?{query}")).await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.text);
    let items = reply.json()["items"].as_array().unwrap().clone();
    items.iter().map(|item| item["doc_number"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn patients_are_found_by_document_email_phone_and_custom_fields() {
    run(async |app| {
        let north = app.tenant("north").await;
        for n in 1..=4 {
            let mut body = patient(&n.to_string());
            body["docTypeId"] = json!(if n == 4 { "TI" } else { "CC" });
            body["email"] = json!(format!("p{n}@example.org"));
            body["phones"] = json!([format!("+57300000000{n}"), "6015550142"]);
            body["customFields"] = json!({"n": n, "plan": if n % 2 == 0 { "gold" } else { "basic" },
                                          "flags": {"vip": n == 2}, "code": n.to_string(), "tags": ["a", n]});
            assert_eq!(north.integration.post("/v1/patients", &body).await.status, 201);
        }
        let me = &north.reader;
        assert_eq!(numbers(me, "doc_number=3").await, ["3"]);
        assert_eq!(numbers(me, "doc_type_id=12").await, ["4"]);
        assert_eq!(numbers(me, "doc_type_id=CC&doc_number=4").await, Vec::<String>::new());
        assert_eq!(numbers(me, "email=P2@Example.org").await, ["2"]);
        assert_eq!(numbers(me, "phone=%2B57%20300%20000%200003").await, ["3"]);
        assert_eq!(numbers(me, "phone=6015550142").await, ["1", "2", "3", "4"]);
        assert_eq!(numbers(me, "custom_fields.plan=gold").await, ["2", "4"]);
        assert_eq!(numbers(me, "custom_fields.n=3").await, ["3"]);
        assert_eq!(numbers(me, "custom_fields.code=%223%22").await, ["3"]);
        assert_eq!(
            numbers(me, "custom_fields.code=3").await,
            Vec::<String>::new(),
            "3 is a number, \"3\" a text"
        );
        assert_eq!(
            numbers(me, "custom_fields=%7B%22flags%22:%7B%22vip%22:true%7D%7D").await,
            ["2"]
        );
        assert_eq!(numbers(me, "custom_fields=%7B%22tags%22:%5B4%5D%7D").await, ["4"]);
        assert_eq!(numbers(me, "custom_fields.plan=gold&email=p4@example.org").await, ["4"]);
        assert_eq!(numbers(me, "custom_fields.plan=gold&phone=%2B573000000002").await, ["2"]);
        assert_eq!(me.get("/v1/patients?custom_fields=%5B%5D").await.status, 422);
        assert_eq!(me.get("/v1/patients?phone=abc").await.fields(), ["query.phone"]);
    });
}

#[test]
fn c10_each_record_that_was_there_appears_once_while_others_are_added() {
    run(async |app| {
        let north = app.tenant("north").await;
        for n in 0..25 {
            north.integration.new_patient(&format!("{n}")).await;
        }
        let (mut seen, mut cursor, mut pages) = (vec![], String::new(), 0);
        loop {
            let reply = north.reader.get(&format!("/v1/patients?limit=4{cursor}")).await.json();
            seen.extend(
                reply["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|i| i["doc_number"].as_str().unwrap().to_owned()),
            );
            pages += 1;
            north.integration.new_patient(&format!("{}", 1000 + pages)).await;
            match reply["next_cursor"].as_str() {
                Some(next) if pages < 50 => cursor = format!("&cursor={next}"),
                _ => break,
            }
        }
        let unique: HashSet<_> = seen.iter().collect();
        assert_eq!(unique.len(), seen.len());
        assert!((0..25).all(|n| seen.contains(&n.to_string())));
    });
}

#[test]
fn a_cursor_opens_for_the_caller_the_list_and_the_filters_it_was_made_for_only() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        for n in 0..3 {
            north.integration.new_patient(&n.to_string()).await;
        }
        let page = north.reader.get("/v1/patients?limit=1").await.json();
        let cursor = page["next_cursor"].as_str().unwrap();
        assert_eq!(north.reader.get(&format!("/v1/patients?cursor={cursor}")).await.status, 200);
        for (persona, path) in [
            (&south.reader, format!("/v1/patients?cursor={cursor}")),
            (&north.admin, format!("/v1/patients?cursor={cursor}")),
            (&north.reader, format!("/v1/appointments?cursor={cursor}")),
            (&north.reader, format!("/v1/patients?doc_number=1&cursor={cursor}")),
        ] {
            let reply = persona.get(&path).await;
            assert_eq!(
                (reply.status, reply.fields()),
                (422, vec!["query.cursor".to_owned()]),
                "{path}"
            );
        }
    });
}

/// M-095.
#[test]
fn a_range_of_appointments_is_half_open_and_pages_keep_its_order() {
    run(async |app| {
        let north = app.tenant("north").await;
        for hour in 8..14 {
            let (start, end) =
                (format!("2027-03-01T{hour:02}:00:00Z"), format!("2027-03-01T{hour:02}:30:00Z"));
            let mut body = testkit::appointment("9", &start, &end);
            body["modality"] = json!(if hour % 2 == 0 { "virtual" } else { "presencial" });
            body["customFields"] = json!({"hour": hour});
            assert_eq!(north.integration.post("/v1/appointments", &body).await.status, 201);
        }
        let hours = async |query: &str| {
            let reply = north.reader.get(&format!("/v1/appointments?{query}")).await;
            assert_eq!(reply.status, 200, "{query}: {}", reply.text);
            let items = reply.json()["items"].as_array().unwrap().clone();
            let hours = items
                .iter()
                .map(|item| item["start_utc"].as_str().unwrap()[11..13].to_owned())
                .collect::<Vec<_>>();
            (hours, reply.json()["next_cursor"].as_str().map(str::to_owned))
        };
        let range = "from=2027-03-01T09:00:00Z&to=2027-03-01T12:00:00Z";
        assert_eq!(hours(range).await.0, ["09", "10", "11"]);
        assert_eq!(
            hours("from=2027-03-01T04:00:00-05:00&to=2027-03-01T12:00:00.000001Z").await.0,
            ["09", "10", "11", "12"]
        );
        let (first, cursor) = hours(&format!("{range}&limit=2")).await;
        assert_eq!(first, ["09", "10"]);
        assert_eq!(
            hours(&format!("{range}&limit=2&cursor={}", cursor.unwrap())).await,
            (vec!["11".to_owned()], None)
        );
        assert_eq!(hours("modality=telemedicina").await.0, ["08", "10", "12"]);
        assert_eq!(hours("state=agendada&patient_doc_number=1&limit=1").await.0, ["08"]);
        assert_eq!(hours("state=cancelled").await.0, Vec::<String>::new());
        assert_eq!(hours("doctor_doc_number=9&from=2027-03-01T13:00:00Z").await.0, ["13"]);
        assert_eq!(hours("custom_fields.hour=11").await.0, ["11"]);
        assert_eq!(
            north.reader.get("/v1/appointments?state=limbo").await.fields(),
            ["query.state"]
        );
    });
}
