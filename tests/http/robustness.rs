//! Input of every kind gets a clear 4xx: never a 500, never a panic, nothing lost.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Options, Persona, Reply, TestApp, patient, run, run_with};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn patients(app: &TestApp) -> usize {
    app.ask("select id from clinic.patient").await.len()
}

async fn post_text(persona: &Persona, content_type: Option<&str>, body: Vec<u8>) -> Reply {
    let mut request = persona.request(reqwest::Method::POST, "/v1/patients").body(body);
    if let Some(content_type) = content_type {
        request = request.header("Content-Type", content_type);
    }
    persona.send(request).await
}

#[test]
fn r02_nul_is_refused_in_every_string_key_query_and_path() {
    run(async |app| {
        let north = app.tenant("north").await;
        for field in [
            "docNumber",
            "firstName",
            "middleName",
            "lastName",
            "email",
            "birthDate",
            "genderId",
            "epsId",
            "docTypeId",
        ] {
            let mut body = patient("1");
            body[field] = json!("a\u{0}b");
            let reply = north.integration.post("/v1/patients", &body).await;
            assert_eq!((reply.status, reply.fields()), (422, vec![format!("body.{field}")]));
        }
        for (custom, place) in [
            (json!({"a": "\u{0}"}), "a"),
            (json!({"a\u{0}": 1}), "a"),
            (json!({"a": [{"b": "x\u{0}"}]}), "a.0.b"),
        ] {
            let mut body = patient("1");
            body["customFields"] = custom;
            assert_eq!(
                north.integration.post("/v1/patients", &body).await.fields(),
                [format!("body.customFields.{place}")]
            );
        }
        for path in [
            "/v1/patients?email=%00",
            "/v1/patients?custom_fields.a=%00",
            "/v1/patients?%00=1",
            "/v1/patients/%00",
        ] {
            assert_eq!(north.integration.get(path).await.status, 422, "{path}");
        }
        assert_eq!(patients(app).await, 0);
    });
}

#[test]
fn r03_deep_wide_and_large_bodies_are_refused_at_once() {
    run(async |app| {
        let north = app.tenant("north").await;
        let with_custom = |custom: String| {
            let mut body = patient("1").to_string();
            body.insert_str(body.len() - 1, &format!(",\"customFields\":{custom}"));
            body.into_bytes()
        };
        let deep = with_custom(format!("{}1{}", "{\"a\":".repeat(1000), "}".repeat(1000)));
        let wide = with_custom(format!(
            "{{{}}}",
            (0..100_000).map(|i| format!("\"{i}\":1")).collect::<Vec<_>>().join(",")
        ));
        let large = with_custom(format!("\"{}\"", "x".repeat(10_000_000)));
        for (name, body, expected) in
            [("deep", deep, 422), ("wide", wide, 413), ("large", large, 413)]
        {
            let begun = Instant::now();
            let reply = post_text(&north.integration, Some("application/json"), body).await;
            assert!(
                reply.status == expected || (name == "wide" && reply.status == 422),
                "{name}: {}",
                reply.text
            );
            assert!(begun.elapsed() < Duration::from_secs(2), "{name}");
        }
        let gzip = north
            .integration
            .request(reqwest::Method::POST, "/v1/patients")
            .header("Content-Encoding", "gzip");
        let reply = north
            .integration
            .send(gzip.header("Content-Type", "application/json").body(vec![0x1f, 0x8b, 8]))
            .await;
        assert!(
            [415, 422].contains(&reply.status),
            "compressed bodies are not inflated: {}",
            reply.status
        );
        assert_eq!(patients(app).await, 0);
    });
}

#[test]
fn r05_limits_and_cursors_out_of_bounds_are_422() {
    run(async |app| {
        let north = app.tenant("north").await;
        for list in ["/v1/patients", "/v1/appointments", "/v1/audit"] {
            for bad in [
                "limit=1000000000",
                "limit=-1",
                "limit=0",
                "limit=201",
                "limit=x",
                "limit=1&limit=2",
                "cursor=garbage",
                "cursor=AAAA",
                "offset=99999999999",
                "limit=99999999999999999999",
            ] {
                let reply = north.admin.get(&format!("{list}?{bad}")).await;
                assert_eq!(reply.status, 422, "{list}?{bad}: {}", reply.text);
            }
        }
    });
}

#[test]
fn r06_the_wrong_content_type_is_415_and_broken_json_names_its_place() {
    run(async |app| {
        let north = app.tenant("north").await;
        let good = patient("1").to_string().into_bytes();
        for wrong in [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("application/json; charset=latin-1"),
        ] {
            let reply = post_text(&north.integration, wrong, good.clone()).await;
            assert_eq!(reply.problem(), "415 unsupported_media_type", "{wrong:?}");
        }
        for broken in ["", "{", "{\"a\":}", "nul", "{\"eventType\":\"\\ud800\"}", "[]", "1", "{}}"]
        {
            let reply =
                post_text(&north.integration, Some("application/json"), broken.into()).await;
            assert_eq!(reply.status, 422, "{broken}: {}", reply.text);
        }
        let latin = post_text(
            &north.integration,
            Some("application/json"),
            b"{\"firstName\":\"\xe9\"}".to_vec(),
        )
        .await;
        assert_eq!(latin.status, 422);
        assert_eq!(patients(app).await, 0);
        assert_eq!(
            post_text(&north.integration, Some("application/json; charset=UTF-8"), good)
                .await
                .status,
            201
        );
    });
}

#[test]
fn r07_sql_in_values_is_a_value_and_in_names_it_is_422() {
    run(async |app| {
        let north = app.tenant("north").await;
        let nasty = "'; drop table clinic.patient; --";
        let mut body = patient("1");
        body["firstName"] = json!(nasty);
        body["customFields"] = json!({nasty: nasty});
        let created = north.integration.post("/v1/patients", &body).await;
        assert_eq!(created.json()["first_name"], nasty);
        assert_eq!(created.json()["custom_fields"], json!({nasty: nasty}));
        for name in ["sort", "order", "id", "first_name", "email'--", "custom_field"] {
            let request =
                north.reader.request(reqwest::Method::GET, "/v1/patients").query(&[(name, nasty)]);
            let reply = north.reader.send(request).await;
            assert_eq!((reply.status, reply.fields().len()), (422, 1), "{name}");
        }
        let found = north
            .reader
            .request(reqwest::Method::GET, "/v1/patients")
            .query(&[(format!("custom_fields.{nasty}"), nasty)]);
        assert_eq!(north.reader.send(found).await.json()["items"].as_array().unwrap().len(), 1);
        assert_eq!(patients(app).await, 1);
    });
}

#[test]
fn r08_what_is_no_uuid_is_422_with_the_parameter_named() {
    run(async |app| {
        let north = app.tenant("north").await;
        for id in [
            "1",
            "x",
            "%20",
            "0192a",
            "..%2f..%2fetc",
            "01920000-0000-7000-8000-00000000000g",
            "%F0%9F%92%A9",
        ] {
            for noun in ["patients", "appointments"] {
                let path = format!("/v1/{noun}/{id}");
                for reply in [
                    north.admin.get(&path).await,
                    north.admin.delete(&path).await,
                    north.admin.patch(&path, &json!({})).await,
                ] {
                    assert_eq!(
                        (reply.status, reply.fields()),
                        (422, vec!["path.id".to_owned()]),
                        "{path}"
                    );
                }
            }
        }
    });
}

#[test]
fn slow_heads_and_slow_bodies_are_cut_while_others_are_served() {
    let options = Options { head: Duration::from_millis(700), ..Options::default() };
    run_with(options, async |app| {
        let north = app.tenant("north").await;
        let mut slow = vec![];
        for _ in 0..50 {
            let mut stream = TcpStream::connect(app.address()).await.unwrap();
            stream.write_all(b"GET /v1/patients HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
            slow.push(stream);
        }
        assert_eq!(north.reader.get("/v1/patients").await.status, 200);
        for mut stream in slow {
            let mut rest = vec![];
            let ended =
                tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
            assert!(ended.is_ok(), "the connection must be cut");
        }
    });
}

#[test]
fn a_body_that_drips_is_answered_408_and_holds_no_connection_to_the_database() {
    run_with(Options { pool: 1, ..Options::default() }, async |app| {
        let north = app.tenant("north").await;
        let mut slow = TcpStream::connect(app.address()).await.unwrap();
        let head = format!(
            "POST /v1/patients HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\nContent-Type: application/json\r\n\
             Content-Length: 1000\r\n\r\n{{",
            north.integration.key.as_deref().unwrap(),
        );
        slow.write_all(head.as_bytes()).await.unwrap();
        let begun = Instant::now();
        assert_eq!(
            north.reader.get("/v1/patients").await.status,
            200,
            "the one connection is free"
        );
        let mut answer = vec![0; 12];
        tokio::time::timeout(Duration::from_secs(20), slow.read_exact(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(answer, b"HTTP/1.1 408");
        assert!(begun.elapsed() > Duration::from_secs(5), "patience comes first");
    });
}

#[test]
fn a_statement_that_fails_inside_leaves_the_server_and_the_pool_in_health() {
    run_with(Options { pool: 1, ..Options::default() }, async |app| {
        let north = app.tenant("north").await;
        let session = app.database.session("reeve_admin").await;
        let broken = "create function public.broken() returns trigger language plpgsql as
            $$ begin raise exception 'CANARY-BROKEN %', new.doc_number; end $$;
            create trigger broken before insert on clinic.patient for each row execute function public.broken()";
        session.batch_execute(broken).await.unwrap();
        for _ in 0..20 {
            let reply = north.integration.post("/v1/patients", &patient("1")).await;
            assert_eq!(reply.problem(), "500 internal");
            assert!(!reply.text.contains("CANARY"), "{}", reply.text);
        }
        session
            .batch_execute("drop trigger broken on clinic.patient; drop function public.broken()")
            .await
            .unwrap();
        assert_eq!(north.integration.post("/v1/patients", &patient("1")).await.status, 201);
        assert_eq!(patients(app).await, 1);
    });
}

#[test]
fn the_input_is_read_only_after_the_credential_was_judged() {
    run(async |app| {
        let north = app.tenant("north").await;
        let garbage = post_text(&app.anonymous(), None, vec![0; 100]).await;
        assert_eq!(garbage.problem(), "401 unauthenticated");
        let garbage = post_text(&north.reader, None, vec![0; 100]).await;
        assert_eq!(garbage.problem(), "403 forbidden");
        let _: Value = garbage.json();
    });
}

mod trouble {
    //! A module whose one handler panics in the middle of its transaction.

    use ::kernel::{
        authz::{Answer, Authorized, Committed},
        db::Nothing,
        http::{Docs, Problem, Routes},
        module::Module,
        permissions, statements,
    };
    use policy::Grant;

    permissions! {
        MakeTrouble = "trouble:make", Writes;
    }

    statements! {
        fn insert_half(id: uuid::Uuid) -> Nothing
            = "insert into clinic.catalogue_entry (tenant_id, id, kind, code, name)
               values (kernel.tenant(), $1, 'eps', 'HALF', 'half')";
    }

    async fn panics(act: Authorized<MakeTrouble>, (): ()) -> Result<Committed<()>, Problem> {
        let id = act.new_id();
        act.transact(|tx| {
            Box::pin(async move {
                tx.run(insert_half(id)).await?;
                if id.is_max() { Ok(Answer::gone()) } else { panic!("CANARY-PANIC") }
            })
        })
        .await
    }

    pub fn module() -> Module {
        let mut routes = Routes::default();
        routes.post(MakeTrouble, "/trouble", panics, Docs::new("trouble", "Panic", "").status(204));
        Module {
            name: "trouble",
            title: "probe",
            prefix: "/probes",
            migrations: vec![],
            privacy: "",
            realm: Some(clinic::REALM),
            grants: &[Grant { role: "admin", permissions: &["trouble:make"] }],
            above: None,
            delegates: &[],
            slices: &[],
            open: &[],
            open_slice: None,
            entities: &[],
            resources: &[],
            statements: ALL.to_vec(),
            constraints: Vec::new,
            limit: None,
            routes,
            jobs: Default::default(),
            events: &[],
        }
    }
}

#[test]
fn x11_a_handler_that_panics_is_a_500_rolls_back_and_leaves_process_and_pool_in_health() {
    let options = Options { pool: 1, extra: Some(trouble::module), ..Options::default() };
    run_with(options, async |app| {
        let north = app.tenant("north").await;
        for _ in 0..10 {
            let reply = north.admin.post("/trouble", &json!({})).await;
            assert_eq!(reply.problem(), "500 internal");
            assert_eq!(reply.json()["request_id"].as_str(), reply.header("x-request-id"));
            assert!(!reply.text.contains("CANARY"), "{}", reply.text);
            assert_eq!(north.reader.get("/v1/patients").await.status, 200);
        }
        assert_eq!(app.ask("select code from clinic.catalogue_entry").await, Vec::<String>::new());
        let half = "select id from audit.entry where resource = 'clinic.catalogue_entry'";
        assert_eq!(app.ask(half).await, Vec::<String>::new());
    });
}
