//! What is known to help: the same for all and read-only, and each organisation's documents beside it,
//! found by their words and by nobody else's.

use reqwest::Method;
use serde_json::json;
use testkit::run;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::SimpleQueryMessage;

use super::*;

async fn found(who: &Persona, words: &str) -> Vec<Value> {
    let reply =
        who.send(who.request(Method::GET, "/knowledge/search").query(&[("q", words)])).await;
    assert_eq!(reply.status, 200, "{words}: {}", reply.text);
    reply.json().as_array().unwrap().clone()
}

async fn documents(who: &Persona) -> Vec<(String, i64)> {
    let reply = who.get("/knowledge/documents").await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let shown =
        |d: &Value| (d["title"].as_str().unwrap().to_owned(), d["passages"].as_i64().unwrap());
    reply.json().as_array().unwrap().iter().map(shown).collect()
}

fn document(title: &str, text: &str) -> Value {
    json!({"title": title, "citation": format!("{title}, 2026"), "text": text})
}

#[test]
fn k052_the_spine_is_the_same_for_all_and_no_route_and_no_login_writes_it() {
    run(async |app| {
        let (north, south) =
            (Programme::new(app, "north").await, Programme::new(app, "south").await);
        let admin = north.role("admin");
        let spine = admin.get("/knowledge/interventions").await;
        assert_eq!(spine.status, 200, "{}", spine.text);
        let all = spine.json().as_array().unwrap().clone();
        assert!(all.len() >= 10);
        for known in &all {
            for field in ["code", "name", "domain", "description", "citation"] {
                assert!(!known[field].as_str().unwrap().trim().is_empty(), "{field} of {known}");
            }
            assert!(!known["age_bands"].as_array().unwrap().is_empty());
        }
        assert_eq!(south.role("analyst").get("/knowledge/interventions").await.text, spine.text);
        let crisis = admin.get("/knowledge/interventions?domain=crisis").await.json();
        let wanted: Vec<_> = all.iter().filter(|i| i["domain"] == "crisis").cloned().collect();
        assert_eq!(crisis, json!(wanted));
        assert_eq!(admin.get("/knowledge/interventions?domain=none").await.json(), json!([]));
        for path in
            ["/knowledge/interventions", "/knowledge/interventions/mentoring", "/knowledge/search"]
        {
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let request = admin.request(method.clone(), path).json(&json!({"name": "x"}));
                let status = admin.send(request).await.status;
                assert!([404, 405].contains(&status), "{method} {path}: {status}");
            }
        }
        let session = app.database.session("reeve_app").await;
        for sql in [
            "update programs.intervention set name = 'x'",
            "delete from programs.intervention",
            "insert into programs.intervention (code, name, domain, description, age_bands, citation) values ('x', 'x', 'x', 'x', '{}', 'x')",
        ] {
            let error = session.batch_execute(sql).await.expect_err(sql);
            assert_eq!(error.as_db_error().unwrap().code().code(), "42501", "{sql}");
        }
    });
}

#[test]
fn a_document_is_cut_counted_found_and_once_deleted_found_no_more() {
    run(async |app| {
        let (north, south) =
            (Programme::new(app, "north").await, Programme::new(app, "south").await);
        let manager = north.role("program_manager");
        let long = format!(
            "# Falling\n\n{}\n\n# Rolling\n\nA roll goes over the shoulder.",
            "Ukemi first. ".repeat(200)
        );
        let made = manager.post("/knowledge/documents", &document("Judo", &long)).await;
        assert_eq!((made.status, &made.json()["passages"]), (201, &json!(4)), "{}", made.text);
        assert!(!made.text.contains("Ukemi"));
        manager.post("/knowledge/documents", &document("Alphabet", "A word.")).await;
        assert_eq!(documents(manager).await, [("Alphabet".into(), 1), ("Judo".into(), 4)]);
        let again = manager.post("/knowledge/documents", &document("Judo", "x")).await;
        assert_eq!(again.problem(), "409 document_title_taken");
        let hits = found(manager, "shoulder roll").await;
        assert_eq!(
            (hits.len(), &hits[0]["heading"], &hits[0]["kind"]),
            (1, &json!("Rolling"), &json!("passage"))
        );
        assert_eq!((&hits[0]["id"], &hits[0]["title"]), (&made.json()["id"], &json!("Judo")));
        assert_eq!(found(manager, "ukemi").await.len(), 3);
        let path = format!("/knowledge/documents/{}", made.id());
        assert_eq!(south.role("admin").delete(&path).await.status, 404);
        let stale = manager.request(Method::DELETE, &path).header("If-Match", "\"99\"");
        assert_eq!(manager.send(stale).await.status, 412);
        assert_eq!(found(manager, "ukemi").await.len(), 3);
        assert_eq!(manager.delete(&path).await.status, 204);
        assert_eq!(manager.delete(&path).await.status, 404);
        assert_eq!(found(manager, "ukemi").await, [] as [Value; 0]);
        assert_eq!(documents(manager).await, [("Alphabet".into(), 1)]);
        // The title is free again, and what is under it is the new text.
        created(manager, "/knowledge/documents", &document("Judo", "Kata only.")).await;
        assert_eq!(
            (found(manager, "ukemi").await.len(), found(manager, "kata").await.len()),
            (0, 1)
        );
    });
}

#[test]
fn what_is_no_document_is_422_at_its_field() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let manager = north.role("program_manager");
        for (field, value) in [
            ("title", json!("")),
            ("title", json!("a\u{0}b")),
            ("citation", json!(null)),
            ("text", json!("  \n\n# \n")),
            ("text", json!("x".repeat(200_001))),
            ("text", json!("a\u{0}b")),
            ("text", json!("# a\nb\n".repeat(2_001))),
            ("tenant_id", json!("x")),
        ] {
            let mut body = document("T", "x");
            body[field] = value;
            let reply = manager.post("/knowledge/documents", &body).await;
            assert_eq!(reply.fields(), [format!("body.{field}")], "{}", reply.text);
        }
        // As much as there may be, and words as long as they may be.
        for (title, text) in [
            ("words", "palabra ".repeat(25_000)),
            ("one word", "x".repeat(200_000)),
            ("emoji", "🥋 ".repeat(100_000)),
        ] {
            let reply = manager.post("/knowledge/documents", &document(title, text.trim())).await;
            assert_eq!(reply.status, 201, "{title}: {}", reply.text);
        }
        assert_eq!(documents(manager).await.len(), 3);
    });
}

#[test]
fn search_ranks_a_heading_over_a_text_marks_the_words_and_says_where_they_are_from() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let manager = north.role("program_manager");
        let below = document("A", "Before a match some like breathing in a pattern of four.");
        let above = document("Z", "# Breathing\n\nCount to four, and to four again.");
        created(manager, "/knowledge/documents", &below).await;
        created(manager, "/knowledge/documents", &above).await;
        // In any form of the word.
        let hits = found(manager, "breathe").await;
        let titles: Vec<_> = hits.iter().map(|hit| hit["title"].as_str().unwrap()).collect();
        assert_eq!(titles, ["Z", "A"]);
        assert_eq!((&hits[0]["heading"], &hits[1]["heading"]), (&json!("Breathing"), &Value::Null));
        assert!(hits[1]["snippet"].as_str().unwrap().contains("**breathing**"), "{}", hits[1]);
        assert_eq!(
            (&hits[0]["citation"], &hits[1]["citation"]),
            (&json!("Z, 2026"), &json!("A, 2026"))
        );
        assert!(hits[0]["rank"].as_f64() > hits[1]["rank"].as_f64());
        // The spine is searched beside the documents.
        let hits = found(manager, "mentoring").await;
        assert_eq!(
            (&hits[0]["kind"], &hits[0]["id"]),
            (&json!("intervention"), &json!("mentoring"))
        );
        assert!(hits[0]["citation"].as_str().unwrap().contains("DuBois"));
        assert_eq!(found(manager, "\"pattern of four\"").await.len(), 1);
        assert_eq!(found(manager, "\"four of pattern\"").await.len(), 0);
        assert_eq!(found(manager, "breathing -match").await.len(), 1);
        assert_eq!(found(manager, "pattern or count").await.len(), 2);
        let one = manager.get("/knowledge/search?q=breathing&limit=1").await.json();
        assert_eq!((one.as_array().unwrap().len(), &one[0]["title"]), (1, &json!("Z")));
    });
}

#[test]
fn no_query_however_hostile_is_the_servers_fault() {
    run(async |app| {
        let north = Programme::new(app, "north").await;
        let who = north.role("analyst");
        for nothing in [
            "the and of",
            "a",
            "  ",
            "\"",
            "\"\"",
            "((",
            "))",
            ":*",
            "!",
            "-",
            "& | !",
            "<->",
            "…",
            "🥋",
            "\u{202e}",
        ] {
            assert_eq!(found(who, nothing).await, [] as [Value; 0], "{nothing}");
        }
        for odd in [
            "a & | b",
            "concussion:*",
            "concussion <-> steps",
            "or or or",
            "or",
            "\"concussion",
            "-concussion",
            "concussion' or '1'='1",
            "'; drop table programs.intervention; --",
            "$1 $2 ${x} {\"text\": 1}",
            "%' %s \\",
            "\\u0000 \\",
            "\u{1}\u{7f}",
            "{\"a\":",
            "((concussion))",
            "concussion\n\tsteps",
            "- - -",
            "\"\"\"\"\" or -\"",
        ] {
            found(who, odd).await;
        }
        found(who, &"é".repeat(200)).await;
        // Signs that wait for a word: a parser's stack of them ends at 32.
        for signs in ["- ", "-\"\" ", "-the ", "a -", "a or -", "-² "] {
            found(who, &signs.repeat(16)).await;
            let request =
                who.request(Method::GET, "/knowledge/search").query(&[("q", signs.repeat(17))]);
            assert_eq!(who.send(request).await.fields(), ["query.q"], "{signs}");
        }
        for many in ["or ", "\" ", "a or ", "\"a\" ", "( ", "well-being ", "x-"] {
            found(who, many.repeat(200 / many.chars().count()).trim()).await;
        }
        assert_eq!(found(who, "concussion").await.len(), found(who, "CONCUSSIONS").await.len());
        for bad in [
            "",
            "?q=",
            "?q=%00",
            "?q=a%00b",
            "?q=a&q=b",
            "?q=a&limit=0",
            "?q=a&limit=x",
            "?q=a&cursor=b",
        ] {
            let reply = who.get(&format!("/knowledge/search{bad}")).await;
            assert_eq!(reply.problem(), "422 invalid", "{bad}");
        }
        for length in [201, 60_000] {
            let reply = who.get(&format!("/knowledge/search?q={}", "x".repeat(length))).await;
            assert_eq!(reply.problem(), "422 invalid", "{length}");
            assert!(reply.fields().iter().all(|field| field == "query.q"), "{length}");
        }
        // Longer than any address may be (65,534 octets), by hand: no client sends it.
        let mut stream = tokio::net::TcpStream::connect(app.address()).await.unwrap();
        let (key, long) = (who.key.as_ref().unwrap(), "x".repeat(100_000));
        let head = format!(
            "GET /knowledge/search?q={long} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {key}\r\n\r\n"
        );
        let _cut_off_early = stream.write_all(head.as_bytes()).await;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
        let broken = who.get("/knowledge/search?q=%ff%fe").await;
        assert!(broken.status < 500, "{}", broken.text);
    });
}

#[test]
fn another_organisations_words_are_never_found_and_an_analyst_reads_without_writing() {
    run(async |app| {
        let (north, south) =
            (Programme::new(app, "north").await, Programme::new(app, "south").await);
        let secret = document("CANARY title", "# CANARY heading\n\nThe CANARY sings.");
        let id = created(north.role("admin"), "/knowledge/documents", &secret).await;
        let reader = north.role("analyst");
        assert_eq!(found(reader, "canary").await.len(), 1);
        assert_eq!(documents(reader).await.len(), 1);
        let own = document("CANARY title", "Not the same.");
        for role in ["analyst", "instructor", "clinician", "case_manager"] {
            assert_eq!(
                north.role(role).post("/knowledge/documents", &own).await.problem(),
                "403 forbidden",
                "{role}"
            );
            let delete = north.role(role).delete(&format!("/knowledge/documents/{id}")).await;
            assert_eq!(delete.problem(), "403 forbidden", "{role}");
        }
        for role in ["admin", "analyst", "program_manager"] {
            let stranger = south.role(role);
            for words in ["canary", "sings", "-xyzzy", "canary or mentoring", "\"canary sings\""] {
                let hits = found(stranger, words).await;
                assert!(hits.iter().all(|hit| hit["kind"] == "intervention"), "{words}: {hits:?}");
                assert!(!json!(hits).to_string().contains("CANARY"), "{words}");
            }
            assert_eq!(documents(stranger).await, []);
        }
        created(south.role("admin"), "/knowledge/documents", &own).await;
        assert_eq!(found(reader, "canary").await.len(), 1);
        // With the login of searches and no search, or no tenant, there is nothing.
        let session = app.database.session("reeve_app").await;
        for (tenant, search) in [
            (north.tenant.id.to_string(), ""),
            (String::new(), r#"{"text": "canary"}"#),
            (north.tenant.id.to_string(), r#"{"words": "canary"}"#),
        ] {
            let ask = format!(
                "begin; select set_config('app.tenant_id', '{tenant}', true), set_config('app.search', '{search}', true),
                        set_config('role', 'reeve_search', true);
                 select 'n' || count(*) from programs.knowledge_passage; rollback"
            );
            let rows = session.simple_query(&ask).await.unwrap();
            assert!(
                rows.iter()
                    .any(|m| matches!(m, SimpleQueryMessage::Row(row) if row.get(0) == Some("n0")))
            );
        }
    });
}

#[test]
fn a_search_walks_the_index_of_words_and_not_the_passages() {
    run(async |app| {
        let (north, south) =
            (Programme::new(app, "north").await, Programme::new(app, "south").await);
        let filling = app.database.session("reeve_admin").await;
        for tenant in [north.tenant.id, south.tenant.id] {
            let sql = format!(
                "set session_replication_role = replica;
                 insert into programs.knowledge_document (tenant_id, id, title, citation)
                 select '{tenant}', gen_random_uuid(), 'T' || n, 'c' from generate_series(1, 50) n;
                 insert into programs.knowledge_passage (tenant_id, document_id, ordinal, body)
                 select d.tenant_id, d.id, n, 'word' || n || ' common text of passage ' || n
                   from programs.knowledge_document d, generate_series(1, 100) n where d.tenant_id = '{tenant}'"
            );
            filling.batch_execute(&sql).await.unwrap();
        }
        filling.batch_execute("analyze").await.unwrap();
        let registry = reeve::registry().unwrap();
        let statement = registry.statements.iter().find(|s| s.name == "search_knowledge").unwrap();
        let session = app.database.session("reeve_app").await;
        let explain = format!(
            r#"begin; select set_config('app.tenant_id', '{}', true), set_config('app.search', '{{"text": "word7"}}', true),
                      set_config('role', 'reeve_search', true);
               prepare q (text, int8) as {}; explain (analyze, costs off, timing off) execute q ('word7', 50); rollback"#,
            north.tenant.id, statement.sql
        );
        let rows = session.simple_query(&explain).await.unwrap();
        let lines = rows.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) if row.columns()[0].name() == "QUERY PLAN" => row.get(0),
            _ => None,
        });
        let plan = lines.collect::<Vec<_>>().join("\n");
        assert!(plan.contains("Bitmap Index Scan on passage_words"), "{plan}");
        assert!(plan.contains("tenant_id =") && !plan.contains("Seq Scan"), "{plan}");
        // Fifty of ten thousand: one of each document, and none of the other organisation's.
        let scan = plan.lines().find(|line| line.contains("Index Scan on passage_words")).unwrap();
        assert!(scan.contains("rows=50 "), "{plan}");
        assert_eq!(found(north.role("analyst"), "word7").await.len(), 50);
    });
}
