//! The statements and the schema agree, and the planner finds its indexes through the policies.

use std::collections::BTreeSet;

use testkit::run;

#[test]
fn every_statement_agrees_with_the_schema_in_types_names_and_nullability() {
    run(async |app| {
        let statements = [
            reeve::registry().unwrap().statements,
            ::kernel::tenant::STATEMENTS.to_vec(),
            ::kernel::identity::rotation::STATEMENTS.to_vec(),
            ::kernel::statutes::STATEMENTS.to_vec(),
            ::kernel::audit::STATEMENTS.to_vec(),
        ]
        .concat();
        let session = app.database.session("reeve_admin").await;
        assert_eq!(::kernel::db::check(&session, &statements).await.unwrap(), Vec::<String>::new());
    });
}

#[test]
fn every_constraint_that_input_can_break_has_an_answer_of_its_own() {
    run(async |app| {
        let answered: BTreeSet<_> =
            reeve::registry().unwrap().constraint_names().into_iter().collect();
        let sql =
            "select conname from pg_constraint c join pg_namespace n on n.oid = c.connamespace
             where n.nspname in ('clinic', 'programs', 'athletics', 'civic') and contype in ('c', 'x', 'u') and conparentid = 0
             union select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
              join pg_namespace n on n.oid = c.relnamespace
             where n.nspname in ('clinic', 'programs', 'athletics', 'civic') and i.indisunique and not i.indisprimary";
        // What has no name of its own stands behind a rule that has answered before it.
        let unnamed = |name: &String| name.contains("_check") || name.ends_with("_key");
        for name in app.ask(sql).await.into_iter().filter(|name| !unnamed(name)) {
            assert!(
                answered.contains(name.as_str()),
                "{name}: say in sql.rs what it means to a client"
            );
        }
    });
}

/// As reeve_app (or reeve_search) and under its settings, with the tenant set: no list reads a whole
/// table. 5,000 rows each of two tenants.
#[test]
fn every_list_finds_an_index_that_leads_with_the_tenant_through_the_policies() {
    run(async |app| {
        let tenants = [app.tenant("north").await.id, app.tenant("south").await.id];
        fill(app, &tenants).await;
        let registry = reeve::registry().unwrap();
        let lists = registry
            .statements
            .iter()
            .filter(|s| s.name.starts_with("list_") || s.name.starts_with("search_"));
        let mut seen = 0;
        for statement in lists.filter(|s| {
            ["clinic.", "programs.", "athletics", "civic.", "audit.entry"]
                .iter()
                .any(|of| s.sql.contains(of))
        }) {
            let plan = explain(app, tenants[0], statement).await;
            let searches = statement.name.starts_with("search_");
            // An empty partition is not worth an index: it costs nothing to read.
            let whole =
                plan.lines().any(|l| l.contains("Seq Scan on") && !l.contains("cost=0.00..0.00"));
            assert!(!whole, "{}:\n{plan}", statement.name);
            assert!(plan.contains("tenant_id ="), "{}:\n{plan}", statement.name);
            // What is one page by its nature, of one case or one athlete, may be sorted; so may a slice: a
            // coach's athletes, a family's child.
            let slice = ["athletics_coach.", "athletics_family."]
                .iter()
                .any(|of| statement.sql.contains(of));
            let short = slice || !statement.sql.contains("limit $");
            assert!(
                searches || short || !plan.contains("Sort Key"),
                "{} sorts:\n{plan}",
                statement.name
            );
            assert!(!searches || plan.contains("Bitmap Index Scan"), "{}:\n{plan}", statement.name);
            seen += 1;
        }
        assert!(seen >= 35, "{seen} lists");
    });
}

async fn explain(
    app: &testkit::TestApp,
    tenant: uuid::Uuid,
    statement: &::kernel::db::Statement,
) -> String {
    let session = app.database.session("reeve_app").await;
    let prepared = session.prepare(statement.sql).await.unwrap();
    let types: Vec<_> = prepared.params().iter().map(ToString::to_string).collect();
    let values = sample_values(&types);
    let role = match statement.sql {
        _ if statement.name.starts_with("search_") => "reeve_search",
        sql if sql.contains("athletics_coach.") => "reeve_coach",
        sql if sql.contains("athletics_family.") => "reeve_family",
        _ => "none",
    };
    let search = r#"{"custom_fields": {"n": 7}, "phones": [], "record_id": "00000000-0000-7000-8000-000000000007", "text": "word7"}"#;
    let run = format!(
        "begin; select set_config('app.tenant_id', '{tenant}', true), set_config('app.search', '{search}', true),
                set_config('role', '{role}', true);
         set local plan_cache_mode = force_generic_plan;
         prepare q {} as {}; explain execute q {values}; rollback",
        parenthesised(&types), statement.sql,
    );
    let messages =
        session.simple_query(&run).await.unwrap_or_else(|e| panic!("{}: {e:?}", statement.name));
    let lines = messages.iter().filter_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) if row.columns()[0].name() == "QUERY PLAN" => {
            row.get(0)
        }
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A first time long ago, later ones to come, a page of 50, and no filter.
fn sample_values(types: &[String]) -> String {
    let mut times = ["'2026-01-01'"].into_iter().chain(std::iter::repeat("'2027-06-01'"));
    let values = types.iter().map(|name| match name.as_str() {
        "timestamptz" => times.next().unwrap(),
        "int8" => "50",
        "date" => "'2026-01-01'",
        "uuid" => "'00000000-0000-0000-0000-000000000000'",
        _ => "null",
    });
    parenthesised(&values.map(str::to_owned).collect::<Vec<_>>())
}

fn parenthesised(items: &[String]) -> String {
    if items.is_empty() { String::new() } else { format!("({})", items.join(", ")) }
}

async fn fill(app: &testkit::TestApp, tenants: &[uuid::Uuid]) {
    let session = app.database.session("reeve_admin").await;
    for tenant in tenants {
        let sql = format!(
            "set session_replication_role = replica;
             select set_config('app.tenant_id', '{tenant}', false);
             insert into clinic.patient (tenant_id, id, doc_type_id, doc_number, first_name, last_name, email, custom_fields)
             select '{tenant}', gen_random_uuid(), 'CC', n::text, 'A', 'B', n || '@example.org', jsonb_build_object('n', n)
               from generate_series(1, 5000) n;
             insert into clinic.appointment (tenant_id, id, start_utc, end_utc, patient_doc_type_id, patient_doc_number,
                    doctor_doc_type_id, doctor_doc_number, modality, state, custom_fields)
             select '{tenant}', gen_random_uuid(), at, at + interval '30 minutes', 'CC', n::text, 'CC', (n % 50)::text,
                    'in_person', case when n % 20 = 0 then 'cancelled' else 'booked' end, jsonb_build_object('n', n)
               from generate_series(1, 5000) n, lateral (select timestamptz '2026-01-01' + n * interval '1 hour' as at) t;
             insert into audit.entry (tenant_id, actor_kind, actor_id, operation, resource, record_id, request_id)
             select '{tenant}', 'system', gen_random_uuid(), 'CREATE', 'clinic.patient', gen_random_uuid(), gen_random_uuid()
               from generate_series(1, 5000);
             insert into clinic.catalogue_entry (tenant_id, id, kind, code, name)
             select '{tenant}', gen_random_uuid(), 'eps', n::text, 'x' from generate_series(1, 2000) n;
             insert into programs.program (tenant_id, id, name)
             select '{tenant}', gen_random_uuid(), n::text from generate_series(1, 2000) n;
             insert into programs.location (tenant_id, id, name)
             select '{tenant}', gen_random_uuid(), n::text from generate_series(1, 2000) n;
             insert into programs.instructor (tenant_id, id, full_name)
             select '{tenant}', gen_random_uuid(), n::text from generate_series(1, 2000) n;
             insert into programs.cohort (tenant_id, id, program_id, name)
             select tenant_id, gen_random_uuid(), id, name from programs.program where tenant_id = '{tenant}';
             insert into programs.participant (tenant_id, id, external_id, roster_name, first_name, last_name, date_of_birth)
             select '{tenant}', gen_random_uuid(), 'E' || n, 'P-' || n, 'A', 'B' || n, '2012-05-10' from generate_series(1, 5000) n;
             insert into programs.enrollment (tenant_id, id, participant_id, cohort_id, status, started_on)
             select p.tenant_id, gen_random_uuid(), p.id, c.id, 'active', date '2026-01-01' + (right(p.roster_name, 1))::integer
               from programs.participant p join programs.cohort c on c.tenant_id = p.tenant_id and c.name = substr(p.roster_name, 3)
              where p.tenant_id = '{tenant}';
             insert into programs.training_session (tenant_id, id, program_id, cohort_id, starts_at)
             select tenant_id, gen_random_uuid(), program_id, id, timestamptz '2026-01-01' + name::integer * interval '1 hour'
               from programs.cohort where tenant_id = '{tenant}';
             insert into programs.incident (tenant_id, id, incident_type, participant_id, status, escalated, closed_at, occurred_at, jurisdiction)
             select tenant_id, gen_random_uuid(), case when right(roster_name, 1) = '7' then 'crisis' else 'injury' end, id,
                    case when right(roster_name, 1) = '8' then 'closed' else 'open' end, false,
                    case when right(roster_name, 1) = '8' then now() end,
                    timestamptz '2026-01-01' + substr(roster_name, 3)::integer * interval '1 hour', 'us-oh'
               from programs.participant where tenant_id = '{tenant}';
             insert into programs.goal (tenant_id, id, participant_id, title, status)
             select tenant_id, gen_random_uuid(), id, 'x', case when right(roster_name, 1) = '7' then 'on_hold' else 'active' end
               from programs.participant where tenant_id = '{tenant}';
             insert into kernel.consent (tenant_id, id, subject_kind, subject_id, purpose, basis, grantor, grantor_name,
                    text_version, text_hash, language, channel, granted_at)
             select tenant_id, gen_random_uuid(), 'programs.participant', id, 'participation', 'guardian', 'parent', kernel.seal(id, 'A'), '1',
                    repeat('0', 64), 'en', 'paper', now() from programs.participant where tenant_id = '{tenant}';
             insert into programs.knowledge_document (tenant_id, id, title, citation)
             select '{tenant}', gen_random_uuid(), n::text, 'x' from generate_series(1, 2000) n;
             insert into programs.knowledge_passage (tenant_id, document_id, ordinal, body)
             select tenant_id, id, 1, 'word' || title || ' filler' from programs.knowledge_document where tenant_id = '{tenant}';
             insert into athletics.team (tenant_id, id, name, sport)
             select '{tenant}', gen_random_uuid(), n::text, 'fb' from generate_series(1, 50) n;
             insert into athletics.athlete (tenant_id, id, external_id, first_name, last_name, date_of_birth)
             select '{tenant}', gen_random_uuid(), 'ath_' || n, 'A', 'B' || n, '2010-05-10' from generate_series(1, 5000) n;
             insert into athletics.team_member (tenant_id, team_id, athlete_id)
             select a.tenant_id, t.id, a.id from athletics.athlete a join athletics.team t on t.tenant_id = a.tenant_id
                and t.name = (substr(a.external_id, 5)::integer % 50 + 1)::text where a.tenant_id = '{tenant}';
             insert into athletics.team_coach (tenant_id, team_id, account_id)
             select '{tenant}', id, gen_random_uuid() from athletics.team where tenant_id = '{tenant}';
             insert into athletics.guardian (tenant_id, id, athlete_id, account_id, full_name, relation)
             select tenant_id, gen_random_uuid(), id, gen_random_uuid(), 'x', 'parent' from athletics.athlete where tenant_id = '{tenant}';
             insert into athletics.injury_case (tenant_id, id, external_id, athlete_id, title, body_part, severity, attention_level,
                    head_injury, jurisdiction, availability, opened_at)
             select tenant_id, gen_random_uuid(), external_id, id, 'x', 'knee', 'mild', 'stable', false, 'us-oh', 'out',
                    timestamptz '2026-01-01' + substr(external_id, 5)::integer * interval '1 hour'
               from athletics.athlete where tenant_id = '{tenant}';
             insert into athletics.event (tenant_id, id, case_id, athlete_id, kind, occurred_at, body_part, severity, availability, visibility)
             select tenant_id, gen_random_uuid(), id, athlete_id, 'sideline_entry', opened_at, body_part, severity, 'out', '{{at,coach,parent}}'
               from athletics.injury_case where tenant_id = '{tenant}';
             insert into athletics.milestone (tenant_id, id, case_id, title, phase, position)
             select tenant_id, gen_random_uuid(), id, 'x', 'acute', 1 from athletics.injury_case where tenant_id = '{tenant}';
             insert into athletics.inspection (tenant_id, id, athlete_id, requested_by, requested_at, due_on)
             select tenant_id, gen_random_uuid(), id, gen_random_uuid(), now(), date '2026-01-01' + substr(external_id, 5)::integer
               from athletics.athlete where tenant_id = '{tenant}';
             insert into civic.category (tenant_id, id, code, name, response_hours, resolution_hours)
             select '{tenant}', gen_random_uuid(), 'c' || n, 'x', 4, 48 from generate_series(1, 2000) n;
             insert into civic.service_request (tenant_id, id, number, reporter_id, category_id, description, address, channel, language,
                    status, reported_at, counted_from, response_due_at, resolution_due_at, settled_at)
             select tenant_id, gen_random_uuid(), code, gen_random_uuid(), id, kernel.seal(id, 'x'), kernel.seal(id, 'x'), 'web', 'en',
                    case when right(code, 1) = '7' then 'open' else 'closed' end, at, at, at, at, case when right(code, 1) <> '7' then at end
               from civic.category, lateral (select timestamptz '2026-01-01' + substr(code, 2)::integer * interval '1 hour' as at) t
              where tenant_id = '{tenant}';
             insert into civic.request_event (tenant_id, id, service_request_id, reporter_id, kind, to_status, happened_at)
             select tenant_id, gen_random_uuid(), id, reporter_id, 'status', 'closed', reported_at
               from civic.service_request where tenant_id = '{tenant}';
             insert into civic.gbv_report (tenant_id, id, reference, code_hash, kind, description, language, reported_at, status)
             select tenant_id, gen_random_uuid(), number, sha256('x'), 'other', description, 'en', reported_at,
                    case when right(number, 1) = '7' then 'received' else 'closed' end
               from civic.service_request where tenant_id = '{tenant}';
             insert into civic.rights_request (tenant_id, id, account_id, kind, statement, received_at, due_on)
             select tenant_id, gen_random_uuid(), reporter_id, 'correction', description, reported_at, reported_at::date
               from civic.service_request where tenant_id = '{tenant}';
             insert into athletics.disclosure (tenant_id, id, athlete_id, disclosed_at, recipient, interest, basis, what)
             select tenant_id, gen_random_uuid(), id, now(), 'x', 'x', 'consent', 'x' from athletics.athlete where tenant_id = '{tenant}'"
        );
        session.batch_execute(&sql).await.unwrap();
    }
    session.batch_execute("analyze").await.unwrap();
}

#[test]
fn the_roles_that_the_database_lets_manage_people_are_the_matrixs() {
    run(async |app| {
        let matrix = reeve::registry().unwrap().matrix;
        let mut managing: Vec<String> = matrix
            .roles()
            .filter(|role| matrix.permits(Some(*role), "user:write"))
            .map(|role| format!("{}/{}", role.realm, role.name))
            .collect();
        managing.sort();
        let kept = "select realm || '/' || role from kernel.administering_role order by 1";
        assert_eq!(app.ask(kept).await, managing, "a migration tells the database of a new one");
    });
}
