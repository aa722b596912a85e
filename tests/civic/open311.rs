//! Open311 GeoReport v2 as its clients speak it: services, requests read and created, by form.

use ::kernel::jiff::SignedDuration;
use futures::{StreamExt, stream};
use testkit::{run, run_with};

use super::{
    town::{REQUESTS, Town, at, created, each, got, keys, lacking, list, text, with},
    *,
};

const HERE: &str = "/open311/v2/requests.json?jurisdiction_id=kwa";

/// What a client sends, as a form.
async fn send(app: &TestApp, fields: &[(&str, &str)]) -> Reply {
    let nobody = app.anonymous();
    nobody
        .send(nobody.request(reqwest::Method::POST, "/open311/v2/requests.json").form(fields))
        .await
}

/// A key of a municipality that may report.
async fn key(app: &TestApp, town: &Town, role: &str) -> String {
    keyed(app, &town.people, role).await.key.expect("a key")
}

fn leak(key: &str) -> Vec<(&str, &str)> {
    vec![
        ("api_key", key),
        ("jurisdiction_id", "kwa"),
        ("service_code", "water"),
        ("lat", "-33.922134"),
        ("long", "18.423187"),
        ("description", "CANARYdescription"),
        ("address_string", "CANARYaddress"),
    ]
}

async fn ids(app: &TestApp, query: &str) -> Vec<String> {
    let all = got(&app.anonymous(), &format!("{HERE}{query}")).await;
    let mut ids = each(all.as_array().expect("an array"), "service_request_id");
    ids.sort();
    ids
}

#[test]
fn services_and_their_definitions_are_there_for_everybody() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let services = got(&app.anonymous(), "/open311/v2/services.json?jurisdiction_id=kwa").await;
        let services = services.as_array().unwrap();
        let fields = "service_code service_name description metadata type keywords group";
        for service in services {
            assert_eq!(lacking(service, fields), [""; 0], "{service}");
            assert_eq!(
                (&service["type"], &service["metadata"]),
                (&json!("realtime"), &json!(false))
            );
            let path = format!(
                "/open311/v2/services/{}.json?jurisdiction_id=kwa",
                text(&service["service_code"])
            );
            let definition = got(&app.anonymous(), &path).await;
            assert_eq!(
                (&definition["service_code"], &definition["attributes"]),
                (&service["service_code"], &json!([]))
            );
        }
        let categories = list(kwa.role("manager"), "/api/v1/categories").await;
        assert_eq!(each(services, "service_code"), each(&categories, "code"));
        let water = categories.iter().find(|one| one["code"] == "water").unwrap();
        let change = format!("/api/v1/categories/{}", text(&water["id"]));
        assert_eq!(
            kwa.role("manager").patch(&change, &json!({"is_active": false})).await.status,
            200
        );
        let fewer = got(&app.anonymous(), "/open311/v2/services.json?jurisdiction_id=kwa").await;
        assert!(!each(fewer.as_array().unwrap(), "service_code").contains(&"water".into()));
        let key = key(app, &kwa, "citizen").await;
        assert!([400, 404, 422].contains(&send(app, &leak(&key)).await.status), "out of use");
        for path in [
            "services.json?jurisdiction_id=nowhere",
            "services/none.json?jurisdiction_id=kwa",
            "services/water?jurisdiction_id=kwa",
            "requests/SR-0000-0000.json?jurisdiction_id=kwa",
        ] {
            assert_eq!(
                app.anonymous().get(&format!("/open311/v2/{path}")).await.status,
                404,
                "{path}"
            );
        }
        let discovery = got(&app.anonymous(), "/open311/v2/discovery.json").await;
        assert_eq!(lacking(&discovery, "changeset key_service endpoints"), [""; 0]);
        let endpoint = &discovery["endpoints"][0];
        assert_eq!(lacking(endpoint, "specification url changeset type formats"), [""; 0]);
    });
}

#[test]
fn a_report_by_form_is_taken_with_a_key_and_shown_without_a_personal_word() {
    run_with(Options::behind_a_proxy(), async |app| {
        let kwa = Town::new(app, "kwa").await;
        let key = key(app, &kwa, "citizen").await;
        let mut form = leak(&key);
        let personal = [
            ("email", "canary@people.example"),
            ("first_name", "CANARYfirst"),
            ("last_name", "CANARYlast"),
            ("phone", "+27825559999"),
            ("device_id", "CANARYdevice"),
            ("account_id", "CANARYaccount"),
            ("attribute[WHISPAWN]", "123456"),
            ("media_url", "https://photos.example/CANARYphoto.jpg"),
        ];
        form.extend(personal);
        let reply = send(app, &form).await;
        let answer = reply.json();
        assert!([200, 201].contains(&reply.status), "{answer}");
        let made = answer[0].clone();
        assert_eq!(answer.as_array().unwrap().len(), 1);
        assert!(
            keys(&made).contains("service_request_id") && !reply.text.contains("CANARY"),
            "{made}"
        );
        let number = text(&made["service_request_id"]);
        let one = got(
            &app.anonymous(),
            &format!("/open311/v2/requests/{number}.json?jurisdiction_id=kwa"),
        )
        .await;
        let fields = "service_request_id status status_notes service_name service_code description \
                      agency_responsible service_notice requested_datetime updated_datetime expected_datetime \
                      address address_id zipcode lat long media_url";
        assert_eq!(lacking(&one[0], fields), [""; 0], "{one}");
        assert_eq!((&one[0]["status"], &one[0]["service_code"]), (&json!("open"), &json!("water")));
        let all = app.anonymous().get(HERE).await;
        let named = app.anonymous().get(&format!("{HERE}&service_request_id={number}")).await;
        for text in [one.to_string(), all.text, named.text] {
            assert!(text.contains(&number), "{text}");
            for word in ["CANARY", "canary@", "+2782555", "-33.922134", "18.423187"] {
                assert!(!text.contains(word), "{word} is public: {text}");
            }
        }
        let inside = list(kwa.role("field_worker"), REQUESTS).await.remove(0);
        assert_eq!(
            (&inside["description"], &inside["address"]),
            (&json!("CANARYdescription"), &json!("CANARYaddress"))
        );
        assert_eq!(
            (&inside["channel"], &inside["latitude"]),
            (&json!("open311"), &json!(-33.922_134))
        );
        assert!(!testkit::logged().contains(&key) && !testkit::logged().contains("CANARYfirst"));
        kwa.moved(&inside, "resolved").await;
        assert_eq!(ids(app, "&status=open").await, [""; 0]);
        assert_eq!(ids(app, "&status=closed").await, [number.as_str()]);
        assert_eq!(ids(app, "&status=open,closed").await, [number]);
    });
}

#[test]
fn a_report_without_a_good_key_place_or_service_is_refused_and_nothing_is_kept() {
    run(async |app| {
        let (kwa, tsh) = (Town::new(app, "kwa").await, Town::new(app, "tsh").await);
        let (good, theirs) = (key(app, &kwa, "citizen").await, key(app, &tsh, "citizen").await);
        let police = key(app, &kwa, "saps_liaison").await;
        let with_key = |key: &'static str| leak(key);
        for wrong in ["", "reeve_no_key", "\u{0}"] {
            assert!(
                [401, 403, 422].contains(&send(app, &with_key(wrong)).await.status),
                "{wrong:?}"
            );
        }
        assert_eq!(send(app, &leak(&police)).await.problem(), "403 forbidden");
        let reply = send(app, &leak(&theirs)).await;
        assert!(
            [400, 403, 404, 422].contains(&reply.status),
            "another municipality's: {}",
            reply.text
        );
        let change = |name: &str, value: Option<&'static str>| {
            let mut form: Vec<(String, String)> =
                leak(&good).into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
            form.retain(|(k, _)| k != name);
            form.extend(value.map(|value| (name.to_owned(), value.to_owned())));
            form
        };
        for (name, value) in [
            ("api_key", None),
            ("service_code", None),
            ("service_code", Some("no_such")),
            ("service_code", Some("")),
            ("lat", Some("91")),
            ("lat", Some("north")),
            ("long", None),
            ("description", Some("\u{0}")),
            ("media_url", Some("javascript:alert(1)")),
            ("jurisdiction_id", Some("nowhere")),
        ] {
            let form = change(name, value);
            let form: Vec<_> = form.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            let reply = send(app, &form).await;
            assert!(
                (400..=422).contains(&reply.status),
                "{name} {value:?}: {} {}",
                reply.status,
                reply.text
            );
        }
        assert_eq!(ids(app, "").await, [""; 0]);
        assert_eq!(list(kwa.role("manager"), REQUESTS).await, Vec::<Value>::new());
        let json =
            app.anonymous().post("/open311/v2/requests.json", &json!({"api_key": good})).await;
        assert!([400, 415, 422].contains(&json.status), "a form: {}", json.text);
        let made = send(app, &leak(&good)).await;
        let number = text(&made.json()[0]["service_request_id"]);
        let there = format!("/open311/v2/requests/{number}.json?jurisdiction_id=tsh");
        assert_eq!(app.anonymous().get(&there).await.status, 404, "another municipality's request");
        assert_eq!(got(&app.anonymous(), &HERE.replace("kwa", "tsh")).await, json!([]));
    });
}

#[test]
fn a_list_reaches_back_ninety_days_and_what_is_named_reaches_back_further() {
    let (options, hand) = at("2026-03-02T08:00:00Z");
    run_with(options, async |app| {
        let kwa = Town::new(app, "kwa").await;
        let first = text(&kwa.report(kwa.role("citizen")).await["number"]);
        hand.advance(SignedDuration::from_hours(24 * 50));
        let second = text(&kwa.report(&kwa.again("citizen").await).await["number"]);
        let mut both = vec![first.clone(), second.clone()];
        both.sort();
        hand.advance(SignedDuration::from_hours(24 * 39));
        assert_eq!(ids(app, "").await, both, "89 days");
        hand.advance(SignedDuration::from_hours(24 * 2));
        assert_eq!(ids(app, "").await, [second.as_str()], "91 days");
        assert_eq!(
            ids(app, "&start_date=2026-03-01T00:00:00Z&end_date=2026-03-05T00:00:00Z").await,
            [first.as_str()]
        );
        assert_eq!(ids(app, "&start_date=2026-04-01T00:00:00Z").await, [second]);
        assert_eq!(ids(app, "&end_date=2026-03-02T07:59:59Z").await, [""; 0]);
        assert_eq!(ids(app, &format!("&service_request_id={first}")).await, [first]);
        assert_eq!(ids(app, &format!("&service_request_id={}", both.join(","))).await, both);
        for query in ["start_date=yesterday", "status=lost", "end_date=2026-13-01T00:00:00Z"] {
            assert_eq!(
                app.anonymous().get(&format!("{HERE}&{query}")).await.status,
                422,
                "{query}"
            );
        }
    });
}

#[test]
fn a_list_holds_a_thousand_requests_at_the_most_and_those_are_the_newest() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let who = kwa.role("citizen");
        let oldest = text(&kwa.report(who).await["number"]);
        let body = town::leak();
        let more = stream::iter(0..1000).map(|_| created(who, REQUESTS, &body));
        assert_eq!(more.buffer_unordered(4).count().await, 1000);
        let shown = ids(app, "").await;
        assert_eq!((shown.len(), shown.contains(&oldest)), (1000, false));
    });
}

#[test]
fn a_list_is_of_one_service_where_one_is_named() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        for code in ["water", "roads", "waste"] {
            created(kwa.role("citizen"), REQUESTS, &with(town::leak(), &json!({"category": code})))
                .await;
        }
        assert_eq!(ids(app, "").await.len(), 3);
        assert_eq!(ids(app, "&service_code=roads").await.len(), 1);
        assert_eq!(ids(app, "&service_code=none").await.len(), 0);
    });
}

#[test]
fn a_list_is_of_several_services_where_they_are_named_with_commas() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        for code in ["water", "roads", "waste"] {
            created(kwa.role("citizen"), REQUESTS, &with(town::leak(), &json!({"category": code})))
                .await;
        }
        assert_eq!(
            ids(app, "&service_code=water,roads").await.len(),
            2,
            "GeoReport v2: comma delimited"
        );
    });
}
