//! What must not be said: to another tenant, to a log, in an error.

use std::collections::BTreeSet;

use ::kernel::http::Method;
use serde_json::{Value, json};
use testkit::{Persona, Reply, TestApp, TestTenant, patient, run};
use uuid::Uuid;

use super::{Records, canary, everything, example, execute, personas, request, routes};

#[test]
fn d08_no_log_line_and_no_metric_holds_a_personal_value_or_a_key() {
    run(async |app| {
        let north = app.tenant("north").await;
        let word = canary("D08");
        let mut person = patient(&word[..32]);
        for name in ["firstName", "middleName", "lastName", "secondLastName"] {
            person[name] = json!(word);
        }
        person["email"] = json!(format!("{word}@example.org"));
        person["customFields"] = json!({"note": word});
        let made = north.admin.post("/v1/patients", &person).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let path = format!("/v1/patients/{}", made.id());
        say_everywhere(app, &north, &word, &person, &path).await;
        let log = testkit::logged();
        let lines: Vec<Value> =
            log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let mine: Vec<_> =
            lines.iter().filter(|line| line["tenant_id"] == json!(north.id)).collect();
        assert!(mine.len() > 30, "the log was looked at: {}", mine.len());
        for line in log.lines() {
            let lower = line.to_lowercase();
            assert!(!lower.contains(&word.to_lowercase()), "{line}");
            assert!(!lower.contains(&made.id()), "an id in a path: {line}");
            assert!(!line.contains("reeve_sk_"), "{line}");
        }
        let names: BTreeSet<&str> = routes().iter().map(|route| route.name).collect();
        for line in mine {
            assert!(line["request_id"].is_string() && line["trace_id"].is_string(), "{line}");
            assert!(line["latency"].is_number() && line["status"].is_number(), "{line}");
            let template = line["path"].as_str().unwrap();
            assert!(names.contains(template), "{template} is no route's template");
        }
        let metrics = testkit::metrics();
        assert!(metrics.contains("GET /v1/patients/{id}"), "the metrics were looked at");
        for secret in [&word, &word.to_lowercase(), &made.id(), &north.id.to_string(), "reeve_sk_"]
        {
            assert!(!metrics.contains(secret), "{secret} is in the metrics");
        }
    });
}

/// Sends the word on every way that a client has, well and badly.
async fn say_everywhere(app: &TestApp, north: &TestTenant, word: &str, person: &Value, path: &str) {
    let number = &word[..32];
    let queries = [
        format!("/v1/patients?doc_number={number}"),
        format!("/v1/patients?email={word}@example.org"),
        format!("/v1/patients?custom_fields.note={word}"),
        format!("/v1/patients?unknown={word}"),
        format!("/v1/patients?limit={word}"),
        format!("/v1/patients/{word}"),
        format!("/v1/{word}"),
        format!("/{word}?{word}={word}"),
        format!("/v1/audit?resource={word}"),
        path.to_owned(),
    ];
    for (_, persona) in personas(north).into_iter().chain([("anonymous", &app.anonymous())]) {
        for query in &queries {
            let with_agent = persona.request(reqwest::Method::GET, query);
            persona.send(with_agent.header("User-Agent", word)).await;
        }
        // A conflict, a change, a refusal: the same words on other ways.
        persona.post("/v1/patients", person).await;
        persona.patch(path, &json!({"firstName": word, "docNumber": {"x": word}})).await;
        let retried =
            persona.request(reqwest::Method::PATCH, path).json(&json!({"lastName": word}));
        persona.send(retried.header("Idempotency-Key", word).header("If-Match", word)).await;
    }
    let lost = app.persona(Some(format!("{}x", north.admin.key.clone().unwrap())), Uuid::nil());
    assert_eq!(lost.get("/v1/patients").await.status, 401);
}

#[test]
fn a_database_error_that_quotes_a_value_is_logged_without_it() {
    run(async |app| {
        let north = app.tenant("north").await;
        let word = canary("QUOTED");
        // PostgreSQL's own messages quote values (`invalid input syntax for type date: "…"`), and
        // its details whole rows.
        let trouble = "create function public.trouble() returns trigger language plpgsql as $$ begin
                if new.last_name = 'detail' then
                    raise exception 'a fault' using errcode = 'XX000', detail = 'Failing row contains ' || new.first_name;
                end if;
                perform new.first_name::date; return new; end $$;
            create trigger trouble before insert on clinic.patient for each row execute function public.trouble()";
        execute(app, trouble).await;
        for last_name in ["detail", "message"] {
            let mut person = patient("1");
            person["firstName"] = json!(word);
            person["lastName"] = json!(last_name);
            let id = Uuid::now_v7().to_string();
            let asked =
                north.integration.request(reqwest::Method::POST, "/v1/patients").json(&person);
            let reply = north.integration.send(asked.header("X-Request-Id", &id)).await;
            assert_eq!(reply.status, 500, "{}", reply.text);
            assert!(!everything(&reply).contains(&word), "{}", reply.text);
            let log = testkit::logged();
            let cause: Vec<_> =
                log.lines().filter(|line| line.contains(&id) && line.contains("ERROR")).collect();
            assert_eq!(cause.len(), 1, "the cause is in the log under the request id");
            assert!(!log.contains(&word), "{last_name}: the log holds a personal value: {cause:?}");
        }
    });
}

/// A value that no field takes, with the word in it, of every shape that JSON has.
fn wrong_values(word: &str) -> Vec<Value> {
    vec![
        json!(format!("{word}\u{0}")),
        json!(format!("{word}{}", "x".repeat(70_000))),
        json!([word, [word]]),
        json!({"x": word}),
        json!({"authorized": word, "at": word}),
        json!(format!("{word} no code, date, mail or number")),
    ]
}

#[test]
fn d09_a_refused_value_is_repeated_neither_to_the_client_nor_to_the_log() {
    run(async |app| {
        let north = app.tenant("north").await;
        let known = Records::create(&north.admin).await;
        let word = canary("D09");
        let mut refused = 0;
        for route in routes().iter().filter(|route| example(route).is_some()) {
            let whole = example(route).unwrap();
            for field in whole.as_object().unwrap().keys() {
                for value in wrong_values(&word) {
                    let mut body = whole.clone();
                    body[field] = value.clone();
                    for accept in ["application/json", "application/problem+json"] {
                        let asked = request(&north.admin, route, &known.path(route)).json(&body);
                        let reply = north.admin.send(asked.header("Accept", accept)).await;
                        assert!(reply.status < 500, "{} {field}: {}", route.name, reply.text);
                        if reply.status >= 400 {
                            assert_silent(
                                &reply,
                                &word,
                                &format!("{} {field} {value:.60}", route.name),
                            );
                            refused += 1;
                        }
                    }
                }
            }
        }
        assert!(refused > 200, "{refused}");
        let log = testkit::logged();
        let line = log.lines().find(|line| line.contains(&word));
        assert_eq!(line, None, "the log repeats what was refused");
    });
}

#[test]
fn nor_is_a_value_repeated_that_came_by_query_or_is_no_json() {
    run(async |app| {
        let north = app.tenant("north").await;
        let known = Records::create(&north.admin).await;
        let word = canary("OTHERWISE");
        // Not JSON at all, half of it; a query.
        let raw = async |text: String| {
            let asked = north.admin.request(reqwest::Method::POST, "/v1/patients");
            north.admin.send(asked.header("Content-Type", "application/json").body(text)).await
        };
        for text in [
            word.clone(),
            format!("{{\"firstName\": \"{word}"),
            format!("\"{word}\""),
            format!("[\"{word}\"]"),
        ] {
            let reply = raw(text.clone()).await;
            assert_eq!(reply.status, 422, "{text}");
            assert_silent(&reply, &word, &text);
        }
        for route in routes().iter().filter(|route| route.method == Method::Get) {
            for name in [
                "limit",
                "cursor",
                "from",
                "record_id",
                "email",
                "phone",
                "doc_number",
                "state",
                "custom_fields",
                "operation",
            ] {
                for value in [format!("{word}%00"), format!("{word}%20%7B"), word.repeat(100)] {
                    let path = format!("{}?{name}={value}", known.path(route));
                    let reply = north.admin.get(&path).await;
                    assert!(reply.status < 500, "{path:.80}: {}", reply.text);
                    if reply.status >= 400 {
                        assert_silent(&reply, &word, &format!("{} {name}", route.name));
                    }
                }
            }
        }
        let log = testkit::logged();
        let line = log.lines().find(|line| line.contains(&word));
        assert_eq!(line, None, "the log repeats what was refused");
    });
}

#[test]
fn nor_is_a_value_repeated_that_came_in_a_header() {
    run(async |app| {
        let north = app.tenant("north").await;
        let known = Records::create(&north.admin).await;
        let word = canary("HEADER");
        for header in [
            "If-Match",
            "Idempotency-Key",
            "X-Request-Id",
            "traceparent",
            "X-Api-Key",
            "Content-Type",
            "X-Forwarded-For",
        ] {
            let path =
                known.path(routes().iter().find(|r| r.name == "PATCH /v1/patients/{id}").unwrap());
            let asked = app.anonymous().request(reqwest::Method::PATCH, &path).body("{}");
            let asked = match header {
                "X-Api-Key" => asked,
                _ => asked.header("X-Api-Key", north.admin.key.clone().unwrap()),
            };
            let asked = if header == "Content-Type" {
                asked
            } else {
                asked.header("Content-Type", "application/json")
            };
            let reply = north.admin.send(asked.header(header, format!("{word} {word}"))).await;
            assert!(reply.status < 500, "{header}: {}", reply.text);
            assert_silent(&reply, &word, header);
        }
        let log = testkit::logged();
        let line = log.lines().find(|line| line.contains(&word));
        assert_eq!(line, None, "the log repeats what was refused");
    });
}

fn assert_silent(reply: &Reply, word: &str, what: &str) {
    let said = everything(reply).to_lowercase();
    assert!(!said.contains(&word.to_lowercase()), "{what}: {}", reply.text);
}

#[test]
fn d14_an_internal_error_shows_a_request_id_and_nothing_of_the_inside() {
    run(async |app| {
        let north = app.tenant("north").await;
        let known = Records::create(&north.admin).await;
        let tables = "select string_agg(c.oid::regclass::text, ', ') from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname in ('clinic') and c.relkind = 'r'";
        let tables = app.ask(tables).await.remove(0);
        execute(app, &format!("revoke all on {tables} from reeve_app, reeve_search")).await;
        let kernel = "revoke all on audit.entry, audit.checkpoint, kernel.api_key, kernel.account,
                      kernel.event_destination, kernel.delivery from reeve_app, reeve_search";
        execute(app, kernel).await;
        // The types of events are told from the registry alone.
        for route in routes().iter().filter(|route| route.path != "/api/v1/event-types") {
            for kept in [false, true] {
                let id = Uuid::now_v7().to_string();
                let asked =
                    request(&north.admin, route, &known.path(route)).header("X-Request-Id", &id);
                let asked = if kept { asked.header("Idempotency-Key", &id) } else { asked };
                let reply = north.admin.send(asked).await;
                assert_eq!(reply.problem(), "500 internal", "{}: {}", route.name, reply.text);
                let (told, fhir) = (reply.json(), route.path.starts_with("/fhir/"));
                let request = if fhir { &told["id"] } else { &told["request_id"] };
                assert_eq!(request, &json!(id), "{}", route.name);
                assert_eq!(reply.header("x-request-id"), Some(id.as_str()));
                assert!(fhir || told["trace_id"].is_string());
                let said = everything(&reply).to_lowercase();
                for inside in [
                    "permission denied",
                    "select ",
                    "insert ",
                    "update ",
                    "clinic.",
                    "kernel.",
                    "audit.",
                    "reeve_",
                    "postgres",
                    "sqlstate",
                    "42501",
                    ".rs",
                    "panicked",
                    "backtrace",
                    "relation",
                    "/work",
                    "src/",
                ] {
                    assert!(!said.contains(inside), "{}: `{inside}` in {said}", route.name);
                }
                let log = testkit::logged();
                let told = log.lines().any(|line| line.contains(&id) && line.contains("ERROR"));
                assert!(told, "{}: it is in the log under the request id", route.name);
            }
        }
        let restore = format!("grant select, insert, update on {tables} to reeve_app; grant select on clinic.patient, clinic.appointment to reeve_search;
            grant select, insert, update on kernel.api_key to reeve_app; grant select on audit.entry to reeve_app, reeve_search");
        execute(app, &restore).await;
        super::mend_ledger(app).await;
        assert_eq!(north.admin.get("/v1/patients").await.status, 200, "it recovers");
    });
}

#[test]
fn the_log_names_the_cause_of_an_internal_error_by_its_sqlstate() {
    run(async |app| {
        let north = app.tenant("north").await;
        let trouble = "create function public.trouble() returns trigger language plpgsql as
                $$ begin raise exception 'a fault' using errcode = 'XX001'; end $$;
            create trigger trouble before insert on clinic.patient for each row execute function public.trouble()";
        execute(app, trouble).await;
        let id = Uuid::now_v7().to_string();
        let asked =
            north.integration.request(reqwest::Method::POST, "/v1/patients").json(&patient("1"));
        assert_eq!(north.integration.send(asked.header("X-Request-Id", &id)).await.status, 500);
        let log = testkit::logged();
        let line = log.lines().find(|line| line.contains(&id) && line.contains("ERROR")).unwrap();
        assert!(line.contains("XX001"), "whoever is on call reads only: {line}");
    });
}

#[test]
fn canaries_in_every_text_column_of_one_tenant_are_nowhere_that_another_can_see() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let theirs = Records::create(&north.admin).await;
        let own = Records::create(&south.admin).await;
        let visit = Uuid::now_v7().to_string();
        let kept = north.admin.request(reqwest::Method::POST, "/v1/patients").json(&patient("8"));
        assert_eq!(north.admin.send(kept.header("Idempotency-Key", visit)).await.status, 201);
        assert_eq!(north.reader.post("/v1/patients", &patient("9")).await.status, 403);
        people_of_every_kind(app, north.id).await;
        let word = canary("");
        let of_modules = |table: &str| {
            ["programs.", "athletics", "civic", "studio"].iter().any(|of| table.starts_with(of))
                || table == "kernel.consent"
        };
        let unfilled = plant(app, north.id, &word, |table| {
            // Programmes and athletics have tests of their own; the law is nobody's.
            !of_modules(table) && !table.starts_with("kernel.statute_")
        })
        .await;
        // Columns whose few words are fixed by a constraint have no room for a canary.
        let fixed = [
            "audit.confidential_resource.resource",
            "audit.entry.actor_kind",
            "audit.entry.operation",
            "audit.entry.outcome",
            "clinic.ehr_connection.adapter",
            "clinic.ehr_connection.auth",
            "clinic.ehr_connection.base_url",
            "clinic.ehr_connection.direction",
            "clinic.ehr_connection.state",
            "clinic.ehr_connection.stopped_reason",
            "clinic.ehr_connection.username",
            "clinic.ehr_dead_letter.direction",
            "clinic.ehr_dead_letter.external_id",
            "clinic.ehr_dead_letter.record_kind",
            "clinic.ehr_dead_letter.state",
            "clinic.ehr_lane.circuit",
            "clinic.ehr_link.external_id",
            "clinic.ehr_link.external_version",
            "clinic.ehr_link.record_kind",
            "clinic.ehr_push.record_kind",
            "clinic.ehr_resume.record_kind",
            "kernel.above.above",
            "kernel.above.realm",
            "kernel.account.state",
            "kernel.delivery.state",
            "kernel.delivery_order.kind",
            "kernel.event_destination.access_key_id",
            "kernel.event_destination.disabled_reason",
            "kernel.event_destination.former_secret",
            "kernel.event_destination.kind",
            "kernel.event_destination.region",
            "kernel.event_destination.state",
            "kernel.event_destination.url",
            "kernel.identity_provider.name",
            "kernel.job.kind",
            "kernel.job.state",
            "kernel.one_time_code.purpose",
            "kernel.policy.cedar",
            "kernel.policy.effect",
            "kernel.room_signal.kind",
            "kernel.schedule.name",
            "kernel.session.authenticated_by",
            "kernel.session.end_reason",
            "kernel.socket_ticket.actor_kind",
            "kernel.tenant.code",
            "kernel.tenant.host",
            "kernel.tenant.realm",
        ];
        assert_eq!(unfilled, fixed);

        let anonymous = app.anonymous();
        let mut callers: Vec<(&str, &Persona)> = personas(&south).to_vec();
        callers.push(("anonymous", &anonymous));
        let pages = ["/health", "/ready", "/docs", "/openapi.json", "/metrics", "/", "/v1"];
        for (role, caller) in &callers {
            for page in pages {
                assert_unseen(&caller.get(page).await, &word, &format!("{page} as {role}"));
            }
            for route in &routes() {
                let mut paths = vec![own.path(route), theirs.path(route)];
                if route.method == Method::Get && !route.path.contains('{') {
                    for query in [
                        "limit=200",
                        "limit=1",
                        "custom_fields=%7B%7D",
                        "outcome=allowed",
                        "phone=%2B573005550142",
                        "doc_type_id=CC",
                        "state=booked",
                        "from=2020-01-01T00:00:00Z",
                    ] {
                        paths.push(format!("{}?{query}", route.path));
                    }
                    for id in theirs.ids() {
                        paths.push(format!("{}?record_id={id}", route.path));
                    }
                }
                for path in paths {
                    let reply = caller.send(request(caller, route, &path)).await;
                    assert_unseen(&reply, &word, &format!("{path} as {role}"));
                    assert!(reply.status < 500, "{path} as {role}: {}", reply.text);
                }
            }
        }
        assert!(!testkit::logged().contains(&word), "a canary is in the log");
        assert!(!testkit::metrics().contains(&word), "a canary is in the metrics");
        let seen = north.reader.get("/v1/patients").await;
        assert!(seen.text.contains(&word), "the canaries were alive: {}", seen.text);
    });
}

/// A row of each table about people, in a tenant of keys.
async fn people_of_every_kind(app: &TestApp, tenant: Uuid) {
    let rows = format!(
        "set session_replication_role = replica;
         insert into kernel.session (tenant_id, id, account_id, authenticated_by, expires_at)
         select tenant_id, gen_random_uuid(), id, 'password', now() + interval '1 day' from kernel.account where tenant_id = '{tenant}';
         insert into kernel.identity (tenant_id, id, account_id, issuer, subject)
         select tenant_id, gen_random_uuid(), id, 'https://issuer', 'subject' from kernel.account where tenant_id = '{tenant}';
         insert into kernel.identity_provider (tenant_id, id, name, discovery, client_id, role)
         values ('{tenant}', gen_random_uuid(), 'provider', 'https://issuer', 'client', 'reader');
         insert into kernel.policy (tenant_id, id, name, effect, resource, actions, conditions)
         values ('{tenant}', gen_random_uuid(), 'policy', 'allow', 'agent', '{{*}}', '[]');
         insert into kernel.release (tenant_id, id, question, members, members_hash, answer)
         values ('{tenant}', gen_random_uuid(), 'question', '{{code}}', 'x', '[]');
         insert into kernel.job (tenant_id, id, kind, payload, state, max_attempts, finished_at, error_code, error_detail,
                                 actor_kind, created_by, request_id)
         values ('{tenant}', gen_random_uuid(), 'a.b', '{{}}', 'dead', 1, now(), 'x', 'y', 'user', gen_random_uuid(),
                 gen_random_uuid());
         insert into kernel.outbox (tenant_id, topic, record_id) values ('{tenant}', 'topic', gen_random_uuid());
         insert into kernel.room_signal (tenant_id, topic, record_id, server, kind, body)
         values ('{tenant}', 'topic', gen_random_uuid(), gen_random_uuid(), 'frame', '{{}}');
         insert into kernel.socket_ticket (tenant_id, hash, actor_kind, actor_id, record_id, expires_at)
         values ('{tenant}', sha256('ticket'), 'api_key', gen_random_uuid(), gen_random_uuid(), now());
         insert into kernel.login_guard (tenant_id, name_hash, place) values ('{tenant}', 'x', 'elsewhere');
         insert into audit.checkpoint (tenant_id, tree_size, root, frontier, transaction_id, sequence, last_at, read_from, signed)
         values ('{tenant}', 1, sha256('x'), sha256('x'), '3', 1, now(), now(), 'x');
         update clinic.ehr_connection set state = 'paused' where tenant_id = '{tenant}';
         delete from kernel.job where tenant_id = '{tenant}' and error_code is null;
         insert into clinic.ehr_link (tenant_id, id, connection_id, record_kind, record_id, external_id, external_version)
         select tenant_id, gen_random_uuid(), id, 'patient', gen_random_uuid(), 'x', 'x' from clinic.ehr_connection
          where tenant_id = '{tenant}';
         insert into clinic.ehr_dead_letter (tenant_id, id, connection_id, direction, record_kind, external_id, code, detail)
         select tenant_id, gen_random_uuid(), id, 'pull', 'patient', 'x', 'x', 'x' from clinic.ehr_connection
          where tenant_id = '{tenant}';
         insert into clinic.ehr_push (tenant_id, connection_id, record_kind, record_id)
         select tenant_id, id, 'patient', gen_random_uuid() from clinic.ehr_connection where tenant_id = '{tenant}';
         insert into clinic.ehr_resume (tenant_id, connection_id, record_kind, since)
         select tenant_id, id, 'patient', now() from clinic.ehr_connection where tenant_id = '{tenant}'
             on conflict do nothing;
         insert into clinic.ehr_lane (tenant_id, connection_id, last_error)
         select tenant_id, id, 'x' from clinic.ehr_connection where tenant_id = '{tenant}' on conflict do nothing"
    );
    execute(app, &rows).await;
}

fn assert_unseen(reply: &Reply, word: &str, what: &str) {
    assert!(!everything(reply).contains(word), "{what}: {}", reply.text);
}

/// Writes the canary into every text, text[], jsonb and sealed column of a tenant, whatever the triggers
/// say. The columns that could not take it.
pub async fn plant(
    app: &TestApp,
    tenant: Uuid,
    word: &str,
    which: impl Fn(&str) -> bool,
) -> Vec<String> {
    let session = app.database.session("reeve_admin").await;
    let begin = format!(
        "set session_replication_role = replica; select set_config('app.tenant_id', '{tenant}', false)"
    );
    session.batch_execute(&begin).await.unwrap();
    let registry = reeve::registry().unwrap();
    let mut unfilled = vec![];
    for (table, described) in registry.classes.tables().filter(|(table, _)| {
        // A view of `deid` has no rows of its own.
        !table.starts_with("deid.")
            && which(table)
            && !["reeve.migration", "kernel.signing_key", "kernel.administering_role"]
                .contains(table)
    }) {
        for column in &described.columns {
            let name = &column.name;
            let kind = format!(
                "select format_type(atttypid, null) from pg_attribute where attrelid = '{table}'::regclass and attname = '{name}'"
            );
            let text = format!("{word}-{table}-{name}");
            let value = match app.ask(&kind).await.remove(0).as_str() {
                // The roles of the keys stay, so that the tenant itself can look.
                "text" if name == "role" => continue,
                "text" => format!("'{text}' || '-' || ctid::text"),
                "kernel.sealed" => format!("kernel.seal(id, '{text}')"),
                "text[]" => format!("array['{text}']"),
                "jsonb" => format!("jsonb_build_object('{text}', '{text}')"),
                "bytea" if name == "body" => format!("convert_to('{text}', 'UTF8')"),
                _ => continue,
            };
            // A reason belongs to a refusal.
            let only = if name == "reason" && table == "audit.entry" {
                "and outcome = 'refused'"
            } else {
                ""
            };
            let update =
                format!("update {table} set {name} = {value} where tenant_id = '{tenant}' {only}");
            let done = session.execute(&update, &[]).await;
            match done {
                Ok(0) => panic!("{table}.{name} has no row"),
                Ok(_) => {}
                Err(_) => unfilled.push(format!("{table}.{name}")),
            }
        }
    }
    unfilled
}
