//! A tenant reaches its own rows and no others (promise P1): the cases of group G1.

use ::kernel::http::Method;
use serde_json::json;
use testkit::{Persona, appointment, patient, run};
use uuid::Uuid;

use super::{
    Records, as_tenant, canary, contents, count, everything, example, ids, item_routes, personas,
    records, request, routes, run_without_jobs, sqlstate, tenant_tables, writes,
};

#[test]
fn t01_another_tenants_id_answers_like_a_random_id() {
    run_without_jobs(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let word = canary("T01");
        let theirs = Records::create(&north.admin).await;
        fill(&north.admin, &word).await;
        Records::create(&south.admin).await;
        let before = contents(app, north.id).await;
        let anonymous = app.anonymous();
        let mut callers = personas(&south).to_vec();
        callers.push(("anonymous", &anonymous));
        for (role, caller) in callers {
            for route in &item_routes() {
                let (path, random) = (theirs.path(route), Uuid::now_v7().to_string());
                let nowhere = route.path.replace("{id}", &random);
                for header in [None, Some("If-Match"), Some("Idempotency-Key")] {
                    let what = format!("{} as {role} with {header:?}", route.name);
                    let ask = async |path: &str| {
                        let plain = request(caller, route, path);
                        caller
                            .send(match header {
                                Some("If-Match") => plain.header("If-Match", "\"1\""),
                                Some(name) => plain.header(name, Uuid::now_v7().to_string()),
                                None => plain,
                            })
                            .await
                    };
                    let (real, none) = (ask(&path).await, ask(&nowhere).await);
                    assert_eq!(real.essence(), none.essence(), "{what}");
                    let refused = if role == "anonymous" { 401 } else { 403 };
                    assert!([404, refused].contains(&real.status), "{what}: {}", real.text);
                }
            }
            for route in routes().iter().filter(|route| !route.path.contains('{')) {
                let reply = caller.send(request(caller, route, route.path)).await;
                let said = everything(&reply);
                let leaked = theirs.ids().chain([&word]).find(|secret| said.contains(*secret));
                assert_eq!(leaked, None, "{} as {role}: {said}", route.name);
                assert!(reply.status < 500, "{}: {}", route.name, reply.text);
            }
        }
        assert_eq!(contents(app, north.id).await, before, "nothing changed for the other tenant");
    });
}

#[test]
fn t03_without_a_tenant_no_row_is_seen_and_none_can_be_written() {
    run(async |app| {
        let north = app.tenant("north").await;
        Records::create(&north.admin).await;
        let tables = tenant_tables(app).await;
        assert!(tables.len() >= 8, "{tables:?}");
        let session = app.database.session("reeve_app").await;
        let used =
            "begin; select set_config('app.tenant_id', gen_random_uuid()::text, true); commit";
        for settle in ["select 1", used, "select set_config('app.tenant_id', '', false)"] {
            session.batch_execute(settle).await.unwrap();
            for role in ["reset role", "set role reeve_search", "set role reeve_deid"] {
                session.batch_execute(role).await.unwrap();
                for table in &tables {
                    let seen = sqlstate(&session, &format!("select tenant_id from {table}")).await;
                    let by_functions = ["kernel.job_queue", "kernel.job_turn"];
                    let granted = role == "reset role"
                        && !table.starts_with("vault.")
                        && !by_functions.contains(&table.as_str());
                    let no_grant = !granted && seen == "42501";
                    assert!(seen == "ok 0" || no_grant, "{table} after `{settle}; {role}`: {seen}");
                    let insert = format!("insert into {table} (tenant_id) values ('{}')", north.id);
                    let other =
                        format!("insert into {table} (tenant_id) values (gen_random_uuid())");
                    for insert in [insert, other] {
                        // A gate's trigger may refuse before the policy does; it sees no row either.
                        let refused = sqlstate(&session, &insert).await;
                        let gate = refused.starts_with("RV");
                        assert!(refused == "42501" || gate, "{table} {role}: {refused}");
                    }
                }
            }
            session.batch_execute("reset role").await.unwrap();
        }
        let entry = "insert into audit.entry (operation, resource) values ('READ', 'x')";
        assert_eq!(sqlstate(&session, entry).await, "42501");
    });
}

#[test]
fn t07_no_partition_can_be_read_by_its_own_name() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        north.admin.new_patient("1").await;
        let partitions = app.ask("select oid::regclass::text from pg_class where relispartition and relkind in ('r', 'p')").await;
        assert!(partitions.len() >= 14, "{partitions:?}");
        let session = as_tenant(app, south.id).await;
        for role in ["reset role", "set role reeve_search", "set role reeve_deid"] {
            session.batch_execute(role).await.unwrap();
            for partition in &partitions {
                for sql in ["select 1 from", "delete from", "truncate", "insert into"] {
                    let rest = if sql == "insert into" { " default values" } else { "" };
                    let state = sqlstate(&session, &format!("{sql} {partition}{rest}")).await;
                    assert_eq!(state, "42501", "{role}: {sql} {partition}");
                }
            }
        }
    });
}

#[test]
fn t10_a_body_that_names_another_tenant_is_refused() {
    run_without_jobs(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let own = Records::create(&south.admin).await;
        let before = (contents(app, north.id).await, records(app, south.id).await);
        let names = [
            "tenant_id",
            "tenantId",
            "tenant",
            "school_id",
            "schoolId",
            "municipality_id",
            "municipalityId",
            "organization_id",
            "organizationId",
            "org_id",
        ];
        // FHIR lets members by that it does not know: see `fhir`.
        let with_body = routes().into_iter().filter(|r| example(r).is_some());
        let with_body: Vec<_> = with_body.filter(|r| !r.path.starts_with("/fhir/")).collect();
        assert!(with_body.len() >= 7);
        for route in &with_body {
            for name in names {
                let mut body = example(route).unwrap();
                body[name] = json!(north.id);
                let reply = south
                    .admin
                    .send(request(&south.admin, route, &own.path(route)).json(&body))
                    .await;
                assert_eq!(reply.problem(), "422 invalid", "{} {name}", route.name);
                assert!(reply.fields().iter().any(|f| f.ends_with(name)), "{name}: {}", reply.text);
                assert!(!everything(&reply).contains(&north.id.to_string()), "{}", reply.text);
            }
        }
        for route in routes().iter().filter(|r| r.method == Method::Get) {
            let path = format!("{}?tenant_id={}", own.path(route), north.id);
            let reply = south.admin.get(&path).await;
            let shown = everything(&reply);
            assert!(!shown.contains(&north.id.to_string()), "{}: {shown}", route.name);
        }
        let after = (contents(app, north.id).await, records(app, south.id).await);
        assert_eq!(before, after);
    });
}

#[test]
fn t11_a_reference_to_another_tenants_record_is_like_one_to_nothing() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        let theirs = Records::create(&north.admin).await;
        Records::create(&south.admin).await;
        // References that a request can carry: a record or an actor to look for, a cursor.
        let random = Uuid::now_v7().to_string();
        for id in theirs.ids().chain([&north.admin.id.to_string(), &north.id.to_string()]) {
            for name in ["record_id", "actor_id", "request_id"] {
                let real = south.auditor.get(&format!("/v1/audit?{name}={id}")).await;
                let none = south.auditor.get(&format!("/v1/audit?{name}={random}")).await;
                assert_eq!(real.essence(), none.essence(), "{name}");
            }
        }
        for path in ["/v1/patients", "/v1/appointments", "/v1/audit"] {
            north.admin.new_patient(&format!("5{}", path.len())).await;
            let start = format!("2027-03-02T{:02}:00:00Z", path.len());
            north.admin.new_appointment("1", &start, &start.replace(":00:00Z", ":30:00Z")).await;
            let page = north.admin.get(&format!("{path}?limit=1")).await.json();
            let cursor = page["next_cursor"].as_str().unwrap().to_owned();
            let stolen = south.admin.get(&format!("{path}?limit=1&cursor={cursor}")).await;
            let garbage = south.admin.get(&format!("{path}?limit=1&cursor=garbage")).await;
            assert_eq!(stolen.essence(), garbage.essence(), "{path}");
            assert_eq!(stolen.problem(), "422 invalid");
        }
        // With the application out of the way, the foreign keys themselves refuse.
        let (key, session) = (north.admin.id, as_tenant(app, south.id).await);
        let reference = format!(
            "insert into kernel.api_key (tenant_id, id, name, role, key_hash, last_four, replaced_by)
             values ('{}', gen_random_uuid(), 'x', 'reader', sha256('x'), 'xxxx', '{key}')",
            south.id
        );
        let used = format!(
            "insert into kernel.api_key_use (tenant_id, id, last_used_at) values ('{}', '{key}', now())",
            south.id
        );
        for sql in [reference, used] {
            assert_eq!(sqlstate(&session, &sql).await, "23503", "{sql}");
        }
        // And so does every other: it carries the tenant on both sides.
        let crossing = "select c.conrelid::regclass || ' ' || c.conname from pg_constraint c
            join pg_attribute a on a.attrelid = c.conrelid and a.attname = 'tenant_id'
            join pg_attribute f on f.attrelid = c.confrelid and f.attname = 'tenant_id'
            where c.contype = 'f' and c.conparentid = 0 and not exists (
                  select from unnest(c.conkey, c.confkey) as k (mine, other)
                   where k.mine = a.attnum and k.other = f.attnum)";
        assert_eq!(app.ask(crossing).await, Vec::<String>::new());
    });
}

#[test]
fn t12_what_one_tenant_has_is_free_for_the_next() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        for tenant in [&north, &south] {
            // The same documents, doctor, time, codes and key names, by the registry's examples.
            let made = Records::create(&tenant.admin).await;
            assert!(made.ids().count() >= 3);
            tenant.integration.new_patient("10").await;
            let again = tenant.integration.post("/v1/patients", &patient("10")).await;
            assert_eq!(
                again.problem(),
                "409 document_taken",
                "unique within a tenant all the same"
            );
        }
        for route in writes().iter().filter(|r| r.method == Method::Post && !r.path.contains('{')) {
            let mine = request(&north.admin, route, route.path).header("Idempotency-Key", "same");
            let other = request(&south.admin, route, route.path).header("Idempotency-Key", "same");
            let (first, second) = (north.admin.send(mine).await, south.admin.send(other).await);
            assert_eq!(first.status, second.status, "{}", route.name);
            assert_eq!(second.header("idempotent-replayed"), None, "{}", route.name);
        }
    });
}

#[test]
fn t15_no_filter_or_page_betrays_that_another_tenant_has_a_match() {
    run(async |app| {
        let (north, south) = (app.tenant("north").await, app.tenant("south").await);
        fill(&south.admin, "SOUTH").await;
        let questions = [
            "/v1/patients",
            "/v1/patients?limit=1",
            "/v1/patients?doc_type_id=CC",
            "/v1/patients?doc_number=NORTH-0",
            "/v1/patients?email=north0@example.org",
            "/v1/patients?phone=%2B573005550100",
            "/v1/patients?custom_fields.word=NORTH",
            "/v1/patients?custom_fields=%7B%7D&limit=1",
            "/v1/appointments",
            "/v1/appointments?limit=1",
            "/v1/appointments?state=booked&limit=1",
            "/v1/appointments?doctor_doc_number=NORTH-0",
            "/v1/appointments?patient_doc_number=NORTH-0",
            "/v1/appointments?from=2027-01-01T00:00:00Z&to=2028-01-01T00:00:00Z&limit=1",
            "/v1/appointments?custom_fields.word=NORTH",
            "/v1/appointments?modality=home",
            "/v1/catalogues",
            "/v1/auth/api-keys",
        ];
        let ask = async || {
            let mut answers = vec![];
            for question in questions {
                let reply = south.admin.get(question).await;
                assert_eq!(reply.status, 200, "{question}: {}", reply.text);
                answers.push((question, reply.essence()));
            }
            answers
        };
        let alone = ask().await;
        fill(&north.admin, "NORTH").await;
        for (with, without) in ask().await.into_iter().zip(alone) {
            assert_eq!(with, without);
        }
        let own = south.admin.get("/v1/patients?custom_fields.word=SOUTH").await;
        assert_eq!(ids(&own).len(), 1, "a filter that matches finds: {}", own.text);
        let mine = format!("select count(*) from audit.entry where tenant_id = '{}'", south.id);
        let mine = count(app, &mine).await;
        let ledger = south.admin.get("/v1/audit?limit=200").await;
        assert_eq!(ids(&ledger).len() as u64, mine, "as many entries as are the tenant's own");
    });
}

/// Records of every kind with `word` in every text that a client can send.
async fn fill(admin: &Persona, word: &str) {
    let text = |what: &str| format!("{word} {what}");
    let mut person = patient(&format!("{word}-0").chars().take(32).collect::<String>());
    for name in ["firstName", "middleName", "lastName", "secondLastName"] {
        person[name] = json!(text(name));
    }
    person["email"] = json!(format!("{word}0@example.org"));
    person["phones"] = json!(["+573005550100"]);
    person["habeasData"] =
        json!({"authorized": true, "textVersion": text("version"), "channel": text("channel")});
    person["customFields"] = json!({"word": word, word: [word]});
    assert_eq!(admin.post("/v1/patients", &person).await.status, 201);
    let number = format!("{word}-0").chars().take(32).collect::<String>();
    let mut visit = appointment(&number, "2027-03-01T09:00:00Z", "2027-03-01T10:00:00Z");
    visit["patientDocNumber"] = json!(number);
    for name in ["comment", "appointmentType", "clinicId", "overbookReason"] {
        visit[name] = json!(text(name));
    }
    visit["customFields"] = json!({"word": word});
    let booked = admin.post("/v1/appointments", &visit).await;
    assert_eq!(booked.status, 201, "{}", booked.text);
    let code: String = word.chars().take(40).collect();
    let entry = json!({"kind": "eps", "code": code, "name": text("insurer")});
    assert_eq!(admin.post("/v1/catalogues", &entry).await.status, 201);
    let key = json!({"name": text("key"), "role": "reader"});
    assert_eq!(admin.post("/v1/auth/api-keys", &key).await.status, 201);
}
