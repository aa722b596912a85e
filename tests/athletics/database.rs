//! The second layer: what PostgreSQL itself shows and refuses when the server's rules are bypassed.

use std::collections::BTreeMap;

use ::athletics::ferpa as matrix;
use policy::Entity;
use testkit::{run, run_with};
use tokio_postgres::{Client, SimpleQueryMessage};

use super::*;

/// A session of the server's own login that speaks for somebody, as one of the roles that serve.
async fn speaking(app: &TestApp, school: Uuid, who: Uuid, role: &str, permission: &str) -> Client {
    let session = app.database.session("reeve_app").await;
    let begin = format!(
        "select set_config('app.tenant_id', '{school}', false), set_config('app.actor_kind', 'user', false),
                set_config('app.actor_id', '{who}', false), set_config('app.permission', '{permission}', false),
                set_config('app.request_id', gen_random_uuid()::text, false), set_config('app.now', '', false);
         set role {role}"
    );
    session.batch_execute(&begin).await.expect("the context");
    session
}

/// The first column of what a statement shows, or its SQLSTATE.
async fn ask(session: &Client, sql: &str) -> Result<Vec<String>, String> {
    let row = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("null").to_owned()),
        _ => None,
    };
    match session.simple_query(sql).await {
        Ok(messages) => Ok(messages.iter().filter_map(row).collect()),
        Err(error) => Err(error.code().map_or(error.to_string(), |state| state.code().to_owned())),
    }
}

async fn refused(session: &Client, sql: &str) {
    let answer = ask(session, sql).await;
    assert!(answer.is_err(), "{sql}: {answer:?}");
}

/// The views of a slice and their columns.
async fn columns(app: &TestApp, schema: &str) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let sql = format!(
        "select table_name || '.' || column_name from information_schema.columns where table_schema = '{schema}'"
    );
    for name in app.ask(&sql).await {
        let (view, column) = name.split_once('.').unwrap();
        all.entry(view.to_owned()).or_default().push(column.to_owned());
    }
    all
}

/// What a view of a slice is shown as; none for what no answer shows field by field.
fn entity(view: &str) -> Option<&'static Entity> {
    match view {
        "enrolled_of_coach" => Some(&matrix::ROSTER),
        "enrolled" => Some(&matrix::ATHLETE),
        "injury_case" => Some(&matrix::CASE),
        "event" => Some(&matrix::EVENT),
        "milestone" => Some(&matrix::MILESTONE),
        "return_to_play" => Some(&matrix::RETURN_TO_PLAY),
        "inspection" => Some(&matrix::INSPECTION),
        "inspected_event" => Some(&matrix::INSPECTED),
        "disclosure" => Some(&matrix::DISCLOSURE),
        "team" | "membership" | "restriction" | "school" | "withheld" => None,
        view => panic!("{view}: say what it is shown as"),
    }
}

/// Columns that stand for a field of another name, or are what rows are found and ordered by.
fn field(view: &str, column: &str) -> Option<&'static str> {
    match (view, column) {
        ("event", "created_at") => Some("recorded_at"),
        (
            "return_to_play",
            "cleared_at"
            | "clinician_name"
            | "clinician_profession"
            | "licence_number"
            | "licence_state"
            | "physician_relation"
            | "physician_name"
            | "clearance_document",
        ) => Some("clearance"),
        _ => None,
    }
}

const KEYS: [(&str, &str); 5] = [
    ("enrolled", "last_name_key"),
    ("return_to_play", "id"),
    ("return_to_play", "case_id"),
    ("inspection", "version"),
    ("inspected_event", "inspection_id"),
];

#[test]
fn no_view_of_a_slice_has_a_column_that_the_matrix_does_not_give_to_its_roles() {
    run(async |app| {
        let mut faults = vec![];
        for (schema, roles) in
            [("athletics_coach", vec!["coach"]), ("athletics_family", vec!["parent", "student"])]
        {
            let views = columns(app, schema).await;
            assert!(views.len() >= 7, "{schema}: {views:?}");
            for (view, columns) in views {
                let shown_as = match (schema, &*view) {
                    ("athletics_coach", "enrolled") => "enrolled_of_coach",
                    (_, view) => view,
                };
                let Some(entity) = entity(shown_as) else { continue };
                for column in columns {
                    let name = field(&view, &column).unwrap_or(&column);
                    let given = roles.iter().all(|role| entity.shows(role, name));
                    if !given && !KEYS.contains(&(&*view, &*column)) {
                        faults.push(format!("{schema}.{view}.{column}"));
                    }
                }
            }
        }
        assert_eq!(faults, Vec::<String>::new());
    });
}

#[test]
fn a_slice_reads_its_views_and_no_table_and_writes_neither() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.child().await;
        school.case(&sam, "knee").await;
        let relations = "select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
                          where c.relkind in ('r', 'p', 'v') and not c.relispartition
                            and n.nspname in ('athletics', 'athletics_coach', 'athletics_family', 'kernel', 'clinic', 'programs', 'deid')";
        let relations = app.ask(relations).await;
        assert!(relations.len() > 40);
        for (role, who, own) in [
            ("reeve_coach", school.coach(), "athletics_coach."),
            ("reeve_family", school.parent(), "athletics_family."),
        ] {
            let session = speaking(app, school.id(), who.id, role, "case:read").await;
            for relation in &relations {
                let read = ask(&session, &format!("select count(*) from {relation}")).await;
                match relation.starts_with(own) {
                    true => assert!(read.is_ok(), "{role} {relation}: {read:?}"),
                    false => assert_eq!(read, Err("42501".into()), "{role} {relation}"),
                }
                let write = ask(&session, &format!("delete from {relation}")).await;
                assert!(write.is_err(), "{role} deletes from {relation}");
            }
            for power in
                ["select kernel.sweep()", "set role reeve_owner", "create table athletics.x ()"]
            {
                refused(&session, power).await;
            }
        }
        // The server's own login reads no slice but as the slice.
        let server =
            speaking(app, school.id(), school.trainer().id, "reeve_app", "case:read").await;
        for view in ["athletics_coach.enrolled", "athletics_family.enrolled"] {
            assert_eq!(
                ask(&server, &format!("select count(*) from {view}")).await,
                Err("42501".into())
            );
        }
    });
}

#[test]
fn a_slice_holds_the_rows_of_who_speaks_and_of_nobody_else() {
    run(async |app| {
        let (school, south) = (School::new(app, "central").await, School::new(app, "south").await);
        let sam = school.child().await;
        let kim = school.athlete_of(&school.volleyball, "2010-05-10").await;
        let theirs = south.child().await;
        for (at, who) in [(&school, &sam), (&school, &kim), (&south, &theirs)] {
            let entry =
                with(seen(who, "knee", "mild"), &json!({"visibility": ["at"], "note": "CANARY"}));
            at.entry(&entry).await;
        }
        for (role, schema, who, expected) in [
            ("reeve_coach", "athletics_coach", school.coach().id, vec![sam.clone()]),
            ("reeve_coach", "athletics_coach", school.other_coach.id, vec![kim.clone()]),
            ("reeve_coach", "athletics_coach", school.parent().id, vec![]),
            ("reeve_coach", "athletics_coach", south.coach().id, vec![]),
            ("reeve_family", "athletics_family", school.parent().id, vec![sam.clone()]),
            ("reeve_family", "athletics_family", school.student().id, vec![]),
            ("reeve_family", "athletics_family", school.coach().id, vec![]),
            ("reeve_family", "athletics_family", south.parent().id, vec![]),
        ] {
            let session = speaking(app, school.id(), who, role, "case:read").await;
            let all = ask(&session, &format!("select id from {schema}.enrolled")).await;
            assert_eq!(all, Ok(expected.clone()), "{role} {who}");
            let cases =
                ask(&session, &format!("select athlete_id from {schema}.injury_case")).await;
            assert_eq!(cases, Ok(expected), "{role} {who}");
            let events = ask(&session, &format!("select note from {schema}.event")).await;
            assert_eq!(events, Ok(vec![]), "{role} {who}: marked for the trainer alone");
            session.batch_execute("set app.tenant_id = ''").await.unwrap();
            let nowhere = ask(&session, &format!("select id from {schema}.enrolled")).await;
            assert_eq!(nowhere, Ok(vec![]), "without a school");
        }
    });
}

#[test]
fn an_event_never_changes_and_no_statement_sets_what_follows_from_events() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let entry = with(seen(&sam, "knee", "severe"), &json!({"clinical_notes": "lax"}));
        school.entry(&entry).await;
        let server =
            speaking(app, school.id(), school.trainer().id, "reeve_app", "case:write").await;
        let facts = "select concat_ws(' ', c.severity, c.status, c.availability, c.resolved_at, c.head_injury, c.body_part,
                            a.current_status, e.kind, e.note, e.occurred_at, e.visibility)
                       from athletics.injury_case c join athletics.athlete a on a.id = c.athlete_id
                       join athletics.event e on e.case_id = c.id";
        let before = app.ask(facts).await;
        for forged in [
            "update athletics.event set note = 'x'",
            "update athletics.event set occurred_at = now()",
            "update athletics.event set visibility = '{at,coach,parent}'",
            "delete from athletics.event",
            "update athletics.injury_case set severity = 'mild'",
            "update athletics.injury_case set status = 'resolved'",
            "update athletics.injury_case set availability = 'cleared'",
            "update athletics.injury_case set resolved_at = now()",
            "update athletics.injury_case set body_part = 'wrist'",
            "update athletics.injury_case set head_injury = true",
            "delete from athletics.injury_case",
            "update athletics.athlete set current_status = 'cleared'",
            "delete from athletics.athlete",
            "truncate athletics.event",
        ] {
            refused(&server, forged).await;
            assert_eq!(app.ask(facts).await, before, "{forged}");
        }
        let words = "update athletics.clinical_note set words = 'x'";
        let done = ask(&server, words).await;
        let kept = app.ask("select words from athletics.clinical_note").await;
        assert_eq!(kept, ["lax"], "{done:?}");
    });
}

/// Inserts an event beside every rule of the server's.
fn insert_event(
    school: &School,
    case: &str,
    athlete: &str,
    kind: &str,
    more: (&str, &str),
) -> String {
    format!(
        "insert into athletics.event (tenant_id, id, case_id, athlete_id, kind, occurred_at, visibility{})
         values ('{}', gen_random_uuid(), '{case}', '{athlete}', '{kind}', now(), '{{at}}'{})",
        more.0,
        school.id(),
        more.1
    )
}

#[test]
fn a_head_injury_is_not_resolved_without_its_gate_whoever_writes() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let case = school.case(&sam, "head").await;
        let knee = school.case(&sam, "knee").await;
        let server =
            speaking(app, school.id(), school.trainer().id, "reeve_app", "case:clear").await;
        let grant = |case: &str| {
            insert_event(
                &school,
                case,
                &sam,
                "clearance_granted",
                (", availability", ", 'cleared'"),
            )
        };
        let bare = |case: &str| insert_event(&school, case, &sam, "clearance_granted", ("", ""));
        refused(&server, &grant(&case)).await;
        refused(&server, &bare(&case)).await;
        for forged in [
            "update athletics.return_to_play set stage = 6",
            "update athletics.return_to_play set stage = 2, entered_at = '2099-01-01'",
            "update athletics.return_to_play set cleared_at = now(), clinician_name = 'x'",
            "update athletics.return_to_play set removed_on = '2020-01-01'",
            "delete from athletics.return_to_play",
        ] {
            refused(&server, forged).await;
        }
        assert_eq!(school.case_of(&sam, &case).await["status"], "active");
        // An injury without a gate resolves by the same statement: the refusals were the gate's.
        let one = ask(&server, &bare(&knee)).await;
        let other = ask(&server, &grant(&knee)).await;
        assert!(one.is_ok() || other.is_ok(), "{one:?} {other:?}");
        hand.advance(hours(1));
        assert_eq!(school.case_of(&sam, &knee).await["status"], "resolved");
    });
}

#[test]
fn a_case_is_not_opened_again_after_thirty_days_whoever_writes() {
    let (options, hand) = at(BEGIN);
    run_with(options, async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let case = school.case(&sam, "knee").await;
        school.clear(&case).await;
        let reopen = json!({"reason": "The pain is back."});
        let path = format!("/api/v1/cases/{case}/reopen");
        hand.advance(hours(1));
        assert_eq!(school.trainer().post(&path, &reopen).await.status, 200);
        let kind = app
            .ask("select kind from athletics.event order by occurred_at desc limit 1")
            .await
            .remove(0);
        hand.advance(hours(1));
        school.clear(&case).await;
        // For the database's own clock it is more than half a year later.
        let server =
            speaking(app, school.id(), school.trainer().id, "reeve_app", "case:write").await;
        let again = insert_event(&school, &case, &sam, &kind, (", availability", ", 'restricted'"));
        refused(&server, &again).await;
        refused(&server, "update athletics.injury_case set status = 'active', resolved_at = null")
            .await;
        // Within the days the same statement passes.
        server.batch_execute("set app.now = '2026-03-20T17:00:00Z'").await.unwrap();
        let within = again.replace("now()", "'2026-03-20T17:00:00Z'");
        assert!(ask(&server, &within).await.is_ok(), "{:?}", ask(&server, &within).await);
        assert_eq!(school.case_of(&sam, &case).await["status"], "active");
    });
}

#[test]
fn the_trainers_words_open_under_one_permission_alone() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let entry = with(seen(&sam, "knee", "mild"), &json!({"clinical_notes": "lax"}));
        school.entry(&entry).await;
        let words = "select words from athletics.clinical_note";
        for permission in
            ["", "event:read", "case:read", "audit:read", "athlete:read", "clinical_note"]
        {
            let server =
                speaking(app, school.id(), school.trainer().id, "reeve_app", permission).await;
            assert_eq!(ask(&server, words).await, Ok(vec![]), "{permission}");
        }
        let server =
            speaking(app, school.id(), school.trainer().id, "reeve_app", "clinical_note:read")
                .await;
        assert_eq!(ask(&server, words).await, Ok(vec!["lax".into()]));
        let south = School::new(app, "south").await;
        let server =
            speaking(app, south.id(), south.trainer().id, "reeve_app", "clinical_note:read").await;
        assert_eq!(ask(&server, words).await, Ok(vec![]));
    });
}

#[test]
fn the_trainers_words_do_not_open_under_another_permission() {
    run(async |app| {
        let school = School::new(app, "central").await;
        let sam = school.athlete().await;
        let entry = with(seen(&sam, "knee", "mild"), &json!({"clinical_notes": "lax"}));
        school.entry(&entry).await;
        for permission in ["event:read", "case:write", "inspection:review", "roster:read"] {
            let who = school.trainer().id;
            let server = speaking(app, school.id(), who, "reeve_app", permission).await;
            let words = ask(&server, "select words from athletics.clinical_note").await;
            assert_eq!(words, Ok(vec![]), "{permission}");
        }
    });
}

#[test]
fn r060_every_table_and_every_reference_has_an_index_that_leads_with_the_school() {
    run(async |app| {
        let tables = "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
              where n.nspname = 'athletics' and c.relkind = 'r'
                and not exists (select from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
                                 where i.indrelid = c.oid and a.attname = 'tenant_id')";
        assert_eq!(app.ask(tables).await, Vec::<String>::new());
        // An index begins with the school and the record that is referred to.
        let references = "select k.conrelid::regclass || ' ' || k.conname from pg_constraint k
              join pg_namespace n on n.oid = k.connamespace
             where n.nspname = 'athletics' and k.contype = 'f'
               and not exists (select from pg_index i where i.indrelid = k.conrelid
                    and (i.indkey::int2[])[0:least(array_length(k.conkey, 1), 2) - 1] <@ k.conkey)";
        assert_eq!(app.ask(references).await, Vec::<String>::new());
    });
}

/// T11 without the server: the composite reference refuses what the rule would have.
#[test]
fn a_reference_into_another_school_is_refused_by_the_database_too() {
    run(async |app| {
        let (school, south) = (School::new(app, "central").await, School::new(app, "south").await);
        let (sam, theirs) = (school.athlete().await, south.athlete().await);
        let case = school.case(&sam, "knee").await;
        let server =
            speaking(app, school.id(), school.trainer().id, "reeve_app", "case:write").await;
        refused(&server, &insert_event(&school, &case, &theirs, "note", ("", ""))).await;
        for forged in [
            format!(
                "insert into athletics.team_member (tenant_id, id, team_id, athlete_id) values ('{}', gen_random_uuid(), '{}', '{theirs}')",
                school.id(),
                school.football
            ),
            format!(
                "insert into athletics.team_coach (tenant_id, id, team_id, account_id) values ('{}', gen_random_uuid(), '{}', '{}')",
                school.id(),
                school.football,
                south.coach().id
            ),
            format!(
                "insert into athletics.guardian (tenant_id, id, athlete_id, full_name, relation) values ('{}', gen_random_uuid(), '{theirs}', 'x', 'parent')",
                school.id()
            ),
            format!(
                "insert into athletics.guardian (tenant_id, id, athlete_id, full_name, relation) values ('{}', gen_random_uuid(), '{theirs}', 'x', 'parent')",
                south.id()
            ),
        ] {
            refused(&server, &forged).await;
        }
    });
}
