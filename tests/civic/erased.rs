//! Words of one citizen in every field that takes text: after the erasure they are nowhere (D11).

use std::process::Command;

use ::kernel::http::Method;
use testkit::{run, socket_folder};

use super::{
    town::{CONSENT, REQUESTS, RIGHTS, Town, created, got, list, text, with},
    *,
};
use crate::conformance::routes::{all, call};

const PHONE: &str = "+27825551973";
const BORN: &str = "2013-07-19";

/// What one citizen left, and the ids by which it is found.
struct Citizen {
    person: Persona,
    ids: Vec<String>,
}

fn words() -> Vec<String> {
    let names = [
        "email",
        "name",
        "description",
        "address",
        "photo",
        "statement",
        "own-note",
        "staff-note",
        "words",
        "shown",
        "grantor",
        "relation",
        "paper",
        "withdrawal",
        "decision",
    ];
    names
        .iter()
        .map(|name| format!("canary-{name}"))
        .chain([PHONE.to_owned(), BORN.to_owned()])
        .collect()
}

impl Citizen {
    /// A child, so that a grantor is named too.
    async fn new(app: &TestApp, kwa: &Town) -> Self {
        let consent = json!({"consented": true, "grantor": "competent_person", "grantor_name": "canary-grantor",
                             "relation": "canary-relation", "document_reference": "canary-paper",
                             "text": "canary-words", "text_version": "1", "purpose_description": "canary-shown"});
        let form = with(
            kwa.form("x"),
            &json!({"email": "canary-email@citizens.example", "full_name": "canary-name",
                        "phone": PHONE, "date_of_birth": BORN, "consent": consent}),
        );
        let person = kwa.registered(app, &form).await;
        let mut ids = vec![person.id.to_string(), text(&list(&person, CONSENT).await[0]["id"])];
        let contact = with(consent, &json!({"purpose": "contact"}));
        ids.push(text(&created(&person, CONSENT, &contact).await["id"]));
        let report = json!({"description": "canary-description", "address": "canary-address",
                            "photo_url": "https://photos.example/canary-photo.jpg"});
        let request =
            person.request(reqwest::Method::POST, REQUESTS).header("Idempotency-Key", "canaries");
        let made = person.send(request.json(&with(town::leak(), &report))).await;
        assert_eq!(made.status, 201, "{}", made.text);
        ids.push(made.id());
        let path = format!("{REQUESTS}/{}", made.id());
        let manager = kwa.role("manager");
        let told = json!({"assigned_to": kwa.role("field_worker").id, "note": "canary-staff-note"});
        assert_eq!(manager.post(&format!("{path}/assign"), &told).await.status, 200);
        let settled = json!({"status": "resolved", "note": "canary-staff-note"});
        assert_eq!(manager.patch(&format!("{path}/status"), &settled).await.status, 200);
        let again = json!({"note": "canary-own-note"});
        assert_eq!(person.post(&format!("{path}/reopen"), &again).await.status, 200);
        let asked =
            json!({"kind": "correction", "statement": "canary-statement", "record_id": made.id()});
        let asked = text(&created(&person, RIGHTS, &asked).await["id"]);
        let decision = json!({"decision": "upheld", "reason": "canary-decision"});
        let decide = format!("{RIGHTS}/{asked}/decision");
        assert_eq!(kwa.role("admin").post(&decide, &decision).await.status, 200);
        ids.push(asked);
        let end = format!("{CONSENT}/{}/withdraw", ids[2]);
        assert_eq!(person.post(&end, &json!({"reason": "canary-withdrawal"})).await.status, 200);
        Self { person, ids }
    }
}

fn assert_nowhere(text: &str, place: &str) {
    let text = text.to_lowercase();
    for word in words() {
        let hex: String = word.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!text.contains(&word) && !text.contains(&hex), "{word} is in {place}");
    }
}

async fn assert_in_no_table(app: &TestApp, when: &str, but: &[&str]) {
    for table in town::tables(app).await.iter().filter(|table| !but.contains(&table.as_str())) {
        let rows = app.ask(&format!("select t::text from {table} t")).await.join("\n");
        assert_nowhere(&rows, &format!("{table} {when}"));
    }
}

/// What a backup holds that leaves apart the keys and the answers kept for a retry.
async fn backup(app: &TestApp) -> String {
    let folder = one(app, "select setting from pg_config where name = 'BINDIR'").await;
    let dump = Command::new(format!("{folder}/pg_dump"))
        .args(["--exclude-schema=vault", "--exclude-table-data=kernel.idempotency"])
        .args(["--username=reeve_admin", "--host"])
        .arg(socket_folder())
        .arg(one(app, "select current_database()").await)
        .output()
        .expect("pg_dump runs");
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    String::from_utf8(dump.stdout).expect("UTF-8")
}

#[test]
fn d11_the_words_of_a_citizen_who_was_erased_are_nowhere() {
    run(async |app| {
        let kwa = Town::new(app, "kwa").await;
        let admin = kwa.role("admin");
        let who = Citizen::new(app, &kwa).await;
        // They are alive: a search that finds nothing afterwards means something.
        let held = got(&who.person, "/api/v1/data-rights/my-data").await.to_string();
        let ledger = list(admin, "/api/v1/audit?limit=200").await;
        let ledger = serde_json::to_string(&ledger).unwrap();
        for word in
            words().iter().filter(|word| !["canary-words", "canary-shown"].contains(&word.as_str()))
        {
            assert!(held.contains(word) || ledger.contains(word), "{word} is not alive");
        }
        let dump = backup(app).await;
        assert!(dump.contains(&who.ids[0]) && !dump.contains("COPY vault."), "it is a backup");
        assert_nowhere(&dump, "a backup of before");
        assert_in_no_table(app, "before", &["kernel.idempotency"]).await;

        assert_eq!(who.person.delete("/api/v1/data-rights/delete-account").await.status, 200);
        assert_in_no_table(app, "after", &[]).await;
        assert_nowhere(&backup(app).await, "a backup of after");
        assert_nowhere(&testkit::logged(), "the log");
        for route in
            all().iter().filter(|route| route.serves("civic") && route.method == Method::Get)
        {
            if route.effect == "follow" {
                continue;
            }
            let mut paths: Vec<_> =
                who.ids.iter().map(|id| route.path.replace("{id}", id)).collect();
            paths.dedup();
            paths.extend(who.ids.iter().filter(|_| !route.path.contains('{')).flat_map(|id| {
                [
                    "limit=200",
                    "user_id=",
                    "record_id=",
                    "status=upheld&limit=200",
                    "municipality_code=kwa&x=",
                ]
                .map(|query| {
                    format!(
                        "{}?{query}{}",
                        route.path,
                        if query.ends_with("id=") { id } else { "" }
                    )
                })
            }));
            for path in paths {
                for reader in
                    [admin, kwa.role("manager"), kwa.role("saps_liaison"), &app.anonymous()]
                {
                    let reply = call(reader, route, &path).await;
                    assert_nowhere(&format!("{} {:?}", reply.text, reply.headers), &path);
                }
            }
        }
        let seen = admin.get(&format!("{REQUESTS}/{}", who.ids[3])).await;
        assert_eq!(
            (seen.status, &seen.json()["description"]),
            (200, &json!(null)),
            "{}",
            seen.text
        );
    });
}
