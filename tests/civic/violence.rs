//! Reports of gender-based violence: nobody makes them, two roles read them, everybody learns numbers.

use std::collections::BTreeSet;

use ::kernel::{Hand, jiff::SignedDuration, tokio_postgres::Client};
use testkit::{run, run_with};

use super::{
    town::{Town, VIOLENCE, at, count, created, got, keys, list, text, with},
    *,
};

const WORDS: &str = "CANARYwords My neighbour is beaten at night.";

fn beaten(town: &Town) -> Value {
    json!({"municipality_code": town.name, "kind": "physical", "description": WORDS,
           "place": "CANARYplace", "safe_contact": "CANARYcontact", "immediate_danger": true, "language": "zu"})
}

/// What the ledger has of the request that this answers.
async fn entry(app: &TestApp, reply: &Reply, columns: &str) -> String {
    let id = reply.header("x-request-id").expect("an id");
    app.ask(&format!("select concat_ws('|', {columns}) from audit.entry where request_id = '{id}'"))
        .await
        .join("\n")
}

#[test]
fn the_police_liaison_and_the_admin_read_reports_and_nobody_else_does() {
    run(async |app| {
        let (kwa, tsh) = (Town::new(app, "kwa").await, Town::new(app, "tsh").await);
        let made = created(&app.anonymous(), VIOLENCE, &beaten(&kwa)).await;
        assert_eq!(keys(&made), ["code", "reference"].into(), "{made}");
        let report = list(kwa.role("saps_liaison"), VIOLENCE).await.remove(0);
        let path = format!("{VIOLENCE}/{}", text(&report["id"]));
        for role in ["saps_liaison", "admin"] {
            let seen = kwa.role(role).get(&path).await;
            assert_eq!((seen.status, &seen.json()["description"]), (200, &json!(WORDS)), "{role}");
            assert!(entry(app, &seen, "operation, record_id").await.starts_with("READ"), "{role}");
            assert_eq!(tsh.role(role).get(&path).await.problem(), "404 not_found");
            assert_eq!(list(tsh.role(role), VIOLENCE).await, Vec::<Value>::new());
        }
        let change = json!({"status": "in_review"});
        for role in ["citizen", "field_worker", "manager"] {
            let who = kwa.role(role);
            for reply in
                [who.get(VIOLENCE).await, who.get(&path).await, who.patch(&path, &change).await]
            {
                assert_eq!(reply.problem(), "403 forbidden", "{role}");
                assert!(!reply.text.contains("CANARY"), "{role}");
            }
            let data = got(who, "/api/v1/data-rights/my-data").await.to_string();
            assert!(!data.contains("CANARY"), "{role}");
        }
        for nobody in [app.anonymous(), keyed(app, &kwa.people, "manager").await] {
            assert!([401, 403].contains(&nobody.get(&path).await.status));
        }
        let ledger = got(kwa.role("manager"), "/api/v1/audit?limit=200").await.to_string();
        assert!(ledger.contains("gbv") && !ledger.contains("CANARY"), "{ledger}");
        assert!(
            !ledger.contains(&text(&made["code"]))
                && !testkit::logged().contains(&text(&made["code"]))
        );
        assert!(!testkit::logged().contains("CANARYwords"), "the log has its words");
    });
}

#[test]
fn a_report_sent_with_a_token_from_an_address_is_nobodys_from_nowhere() {
    run_with(Options::behind_a_proxy(), async |app| {
        let kwa = Town::new(app, "kwa").await;
        let who = kwa.citizen(app, "thandi").await.coming_from("203.0.113.211");
        let request =
            who.request(reqwest::Method::POST, VIOLENCE).header("User-Agent", "CANARYagent/1");
        let reply = who.send(request.json(&beaten(&kwa))).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let made = reply.json();
        let body = with(json!({"municipality_code": "kwa"}), &made);
        let follow = who.post(&format!("{VIOLENCE}/follow"), &body).await;
        assert_eq!(follow.status, 200, "{}", follow.text);
        for reply in [&reply, &follow] {
            // Not even the request is in the ledger by the id that the application knows it by.
            let id = reply.header("x-request-id").unwrap();
            assert_eq!(count(app, &format!("audit.entry where request_id = '{id}'")).await, 0);
        }
        let ours = "audit.entry where resource = 'civic.gbv_report'";
        let known = format!(
            "{ours} and (actor_kind <> 'anonymous' or actor_id is not null or address is not null
                or user_agent is not null)"
        );
        assert_eq!((count(app, ours).await, count(app, &known).await), (1, 0));
        let id = who.id.to_string();
        for table in town::tables(app).await.iter().filter(|table| table.contains("gbv")) {
            let rows = app.ask(&format!("select t::text from {table} t")).await.join("\n");
            for trace in [id.as_str(), "203.0.113.211", "CANARY"] {
                assert!(!rows.contains(trace), "{trace} is in {table}");
            }
        }
        for (i, line) in
            testkit::logged().lines().enumerate().filter(|(_, line)| line.contains("gbv"))
        {
            assert!(!line.contains("203.0.113.211") && !line.contains(&id), "log {i}: {line}");
        }
        let held = got(&who, "/api/v1/data-rights/my-data").await.to_string();
        assert!(!held.contains("CANARYwords") && !held.contains(&text(&made["reference"])));
        let stale = who.with_token(Some("no token".into())).post(VIOLENCE, &beaten(&kwa)).await;
        assert_eq!(stale.status, 201, "no credential is looked at: {}", stale.text);
    });
}

#[test]
fn a_report_is_followed_by_its_code_alone_which_tells_where_it_stands_and_nothing_else() {
    run(async |app| {
        let (kwa, tsh) = (Town::new(app, "kwa").await, Town::new(app, "tsh").await);
        let made = created(&app.anonymous(), VIOLENCE, &beaten(&kwa)).await;
        let other = created(&app.anonymous(), VIOLENCE, &beaten(&kwa)).await;
        let ask = async |town: &Town, reference: &Value, code: &Value| {
            let body =
                json!({"municipality_code": town.name, "reference": reference, "code": code});
            app.anonymous().post(&format!("{VIOLENCE}/follow"), &body).await
        };
        let (reference, code) = (&made["reference"], &made["code"]);
        let reply = ask(&kwa, reference, code).await;
        assert_eq!(reply.json(), json!({"status": "received", "referred_at": null}));
        let lower = json!(text(reference).to_lowercase());
        assert_eq!(ask(&kwa, &lower, code).await.status, 200);
        for (town, reference, code) in [
            (&kwa, reference, &other["code"]),
            (&kwa, &other["reference"], code),
            (&kwa, &json!("R-0000-0000"), code),
            (&kwa, reference, &json!("")),
            (&kwa, reference, &json!("\u{0}")),
            (&tsh, reference, code),
        ] {
            let reply = ask(town, reference, code).await;
            assert!([404, 422].contains(&reply.status), "{}", reply.text);
        }
        assert_eq!(ask(&kwa, reference, &other["code"]).await.problem(), "404 not_found");
        assert_eq!(ask(&tsh, reference, code).await.problem(), "404 not_found");

        let saps = kwa.role("saps_liaison");
        let report = list(saps, VIOLENCE)
            .await
            .into_iter()
            .find(|one| one["reference"] == *reference)
            .unwrap();
        let path = format!("{VIOLENCE}/{}", text(&report["id"]));
        let reply = saps.patch(&path, &json!({"status": "referred"})).await;
        assert_eq!(reply.fields(), ["body.saps_case_number"], "{}", reply.text);
        for field in ["description", "kind", "reported_at", "reference"] {
            assert_eq!(
                saps.patch(&path, &json!({field: "other"})).await.status,
                422,
                "what was reported stays"
            );
        }
        let referred = json!({"status": "referred", "saps_case_number": "CAS 123/11/2026"});
        assert_eq!(saps.patch(&path, &referred).await.status, 200);
        let reply = ask(&kwa, reference, code).await;
        assert_eq!(reply.json()["status"], "referred");
        assert!(
            reply.json()["referred_at"].is_string() && !reply.text.contains("CAS 123"),
            "{}",
            reply.text
        );
    });
}

#[test]
fn two_strangers_with_the_same_idempotency_key_do_not_get_each_others_code() {
    run_with(Options::behind_a_proxy(), async |app| {
        let kwa = Town::new(app, "kwa").await;
        let mut codes = vec![];
        for address in ["192.0.2.1", "198.51.100.1"] {
            let there = app.anonymous().coming_from(address);
            let request =
                there.request(reqwest::Method::POST, VIOLENCE).header("Idempotency-Key", "1");
            let reply = there.send(request.json(&beaten(&kwa))).await;
            codes.push(reply.json()["code"].clone());
        }
        assert!(codes[0].is_string());
        assert_ne!(codes[0], codes[1]);
        let kept = app
            .ask("select coalesce(convert_from(body, 'UTF8'), '') from kernel.idempotency")
            .await;
        assert!(!kept.join("").contains(&text(&codes[0])), "a code is kept in plain words");
    });
}

/// Reports, and the liaison takes them up: what nobody has looked at is not counted.
async fn reported(app: &TestApp, town: &Town, kind: &str, times: usize) {
    for _ in 0..times {
        created(&app.anonymous(), VIOLENCE, &with(beaten(town), &json!({"kind": kind}))).await;
    }
    let taken_up = "set session_replication_role = replica;
        update civic.gbv_report set status = 'in_review' where status = 'received'";
    let session = app.database.session("reeve_admin").await;
    session.batch_execute(taken_up).await.unwrap();
}

/// The numbers as of the day after the quarter's end; then the clock is set back.
async fn later(app: &TestApp, hand: &Hand, query: &str) -> Value {
    let now = hand.now();
    hand.set(now + SignedDuration::from_hours(24 * 92));
    let numbers = numbers(app, query).await;
    hand.set(now);
    numbers
}

async fn numbers(app: &TestApp, query: &str) -> Value {
    got(&app.anonymous(), &format!("/api/v1/public/gbv?municipality_code=kwa{query}")).await
}

fn of<'v>(answer: &'v Value, kind: &str) -> &'v Value {
    answer["kinds"].as_array().unwrap().iter().find(|one| one["kind"] == kind).expect("the kind")
}

#[test]
fn ten_reports_are_not_told_eleven_are_and_one_more_changes_nothing() {
    let (options, hand) = at("2026-03-02T10:00:00Z");
    run_with(options, async |app| {
        app.without_limits().await;
        let kwa = Town::new(app, "kwa").await;
        let none = later(app, &hand, "").await;
        assert_eq!((&none["year"], &none["total"]["reports"]), (&json!(2026), &json!(0)), "{none}");
        reported(app, &kwa, "physical", 10).await;
        let ten = later(app, &hand, "").await;
        assert_eq!(ten["total"], json!({"reports": null, "suppressed": true}), "{ten}");
        assert_eq!(ten["kinds"], json!([]), "not even which kinds there are none of");
        reported(app, &kwa, "physical", 1).await;
        assert_eq!(numbers(app, "").await["total"]["reports"], 0, "the quarter has not ended");
        let eleven = later(app, &hand, "").await;
        assert_eq!(eleven["total"]["reports"], 11, "{eleven}");
        assert_eq!(of(&eleven, "physical")["quarters"][0]["reports"], 11);
        created(&app.anonymous(), VIOLENCE, &with(beaten(&kwa), &json!({"kind": "economic"})))
            .await;
        assert_eq!(later(app, &hand, "").await, eleven, "a stranger's report alone is not counted");
        reported(app, &kwa, "sexual", 1).await;
        assert_eq!(later(app, &hand, "").await, eleven, "two answers differ by too few");
        assert_eq!(later(app, &hand, "&year=2026").await, eleven);
        reported(app, &kwa, "physical", 8).await;
        assert_eq!(later(app, &hand, "").await, eleven);
        reported(app, &kwa, "physical", 12).await;
        let more = later(app, &hand, "").await;
        assert_ne!(more, eleven, "there is enough that is new");
        assert!(of(&more, "sexual")["total"]["reports"] == json!(null), "{more}");
        assert!(!more.to_string().contains("CANARY"));
        for year in ["1999", "x", "2200", "-1"] {
            let path = format!("/api/v1/public/gbv?municipality_code=kwa&year={year}");
            assert_eq!(app.anonymous().get(&path).await.status, 422, "{year}");
        }
    });
}

/// The number of cells of a sum that are hidden; one alone would be what is missing to the sum.
fn hidden(cells: &[&Value]) -> usize {
    cells.iter().filter(|cell| cell["reports"].is_null()).count()
}

#[test]
fn a_hidden_number_cannot_be_worked_out_from_those_beside_it() {
    let (options, hand) = at("2026-02-02T10:00:00Z");
    run_with(options, async |app| {
        app.without_limits().await;
        let kwa = Town::new(app, "kwa").await;
        for (kind, times) in [("physical", 14), ("sexual", 3), ("economic", 12)] {
            reported(app, &kwa, kind, times).await;
        }
        hand.advance(SignedDuration::from_hours(24 * 100));
        for (kind, times) in [("physical", 13), ("economic", 2)] {
            reported(app, &kwa, kind, times).await;
        }
        let answer = later(app, &hand, "").await;
        assert_eq!(of(&answer, "sexual")["total"]["reports"], json!(null), "{answer}");
        let kinds = answer["kinds"].as_array().unwrap();
        for kind in kinds {
            let quarters: Vec<_> = kind["quarters"].as_array().unwrap().iter().collect();
            for cell in &quarters {
                assert!(cell["reports"].as_u64().is_none_or(|n| n == 0 || n > 10), "{kind}");
                assert_eq!(cell["suppressed"], cell["reports"].is_null(), "{kind}");
            }
            let sum_is_told = kind["total"]["reports"].is_u64();
            assert!(
                !sum_is_told || hidden(&quarters) != 1,
                "one quarter follows from the others: {kind}"
            );
            let told = quarters.iter().filter_map(|cell| cell["reports"].as_u64()).sum::<u64>();
            let rest = kind["total"]["reports"].as_u64().unwrap_or(told) - told;
            assert!(rest == 0 || rest > 10, "{rest} are hidden in all: {kind}");
        }
        let totals: Vec<_> = kinds.iter().map(|kind| &kind["total"]).collect();
        assert!(answer["total"]["reports"].is_null() || hidden(&totals) != 1, "{answer}");
        let told = totals.iter().filter_map(|cell| cell["reports"].as_u64()).sum::<u64>();
        let rest = answer["total"]["reports"].as_u64().unwrap_or(told) - told;
        assert!(rest == 0 || rest > 10, "{rest} are hidden in all: {answer}");
    });
}

#[test]
fn a_year_begins_at_midnight_in_south_africa() {
    let (options, hand) = at("2026-12-31T22:30:00Z");
    run_with(options, async |app| {
        app.without_limits().await;
        let kwa = Town::new(app, "kwa").await;
        reported(app, &kwa, "stalking", 11).await;
        let now = later(app, &hand, "").await;
        assert_eq!((&now["year"], &now["as_of"]), (&json!(2027), &json!("2027-04-03")));
        assert_eq!(of(&now, "stalking")["quarters"][0]["reports"], 11, "{now}");
        assert_eq!(later(app, &hand, "&year=2026").await["total"]["reports"], 0);
    });
}

/// Every permission that somebody of a municipality, or a stranger, has.
fn permissions() -> BTreeSet<&'static str> {
    let granted =
        ::civic::module().grants.iter().flat_map(|grant| grant.permissions.iter().copied());
    granted.chain(::civic::module().open.iter().copied()).chain(["", "audit:read"]).collect()
}

/// A session of the server's login that acts under a permission.
async fn under(app: &TestApp, kwa: &Town, permission: &str) -> Client {
    let session = app.database.session("reeve_app").await;
    let context = format!(
        "select set_config('app.tenant_id', '{}', false), set_config('app.actor_kind', 'user', false),
                set_config('app.actor_id', '{}', false), set_config('app.permission', '{permission}', false),
                set_config('app.request_id', gen_random_uuid()::text, false)",
        kwa.id(),
        kwa.role("manager").id
    );
    session.batch_execute(&context).await.unwrap();
    session
}

/// The permissions under which the database shows a report.
async fn shown(app: &TestApp) -> Vec<&'static str> {
    let kwa = Town::new(app, "kwa").await;
    created(&app.anonymous(), VIOLENCE, &beaten(&kwa)).await;
    let mut shown = vec![];
    for permission in permissions() {
        let session = under(app, &kwa, permission).await;
        let rows = session.query("select from civic.gbv_report", &[]).await;
        if rows.is_ok_and(|rows| !rows.is_empty()) {
            shown.push(permission);
        }
    }
    shown
}

#[test]
fn the_database_itself_shows_no_report_under_a_permission_for_something_else() {
    run(async |app| {
        let mut shown = shown(app).await;
        assert!(shown.contains(&"gbv_report:read"), "{shown:?}");
        shown.retain(|permission| !permission.starts_with("gbv_report:"));
        assert_eq!(shown, [""; 0]);
    });
}

#[test]
fn the_database_itself_shows_no_report_under_a_permission_that_everybody_has() {
    run(async |app| {
        let mut shown = shown(app).await;
        shown.retain(|permission| ::civic::module().open.contains(permission));
        assert_eq!(shown, [""; 0]);
    });
}

#[test]
fn the_database_itself_lets_reports_be_changed_by_who_works_on_them_alone() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        created(&app.anonymous(), VIOLENCE, &beaten(&kwa)).await;
        let mut written = vec![];
        for permission in permissions() {
            let session = under(app, &kwa, permission).await;
            for write in [
                "delete from civic.gbv_report",
                "update civic.gbv_report set status = 'closed'",
                "update civic.gbv_report set description = null",
            ] {
                let done = session.execute(write, &[]).await.unwrap_or(0);
                if done > 0 && (permission != "gbv_report:write" || !write.ends_with("'closed'")) {
                    written.push(format!("{permission}: {write}"));
                }
            }
        }
        assert_eq!(written, [""; 0]);
    });
}
