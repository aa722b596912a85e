//! The law as dated data: one and the same in the binary, in the database, for servers and triggers.

use std::time::Duration;

use ::kernel::{
    Clock,
    statutes::{self, StatuteError},
};
use jiff::civil::date;
use policy::statutes::{BUILT_IN, StatutePack, Statutes};
use testkit::{Options, TestApp, run};
use uuid::Uuid;

use super::{as_tenant, sqlstate};

/// A version of Ohio's pack in which minors may no longer consent from July 2026 on.
fn repealed() -> String {
    let text = BUILT_IN[0].replace("us-oh/2026-11", "us-oh/2027-07");
    let dates = "effective_from = \"1989-07-01\"";
    assert!(text.contains(dates));
    text.replace(dates, &format!("{dates}\neffective_until = \"2026-07-01\""))
}

async fn load(app: &TestApp, text: &str) -> Result<statutes::Loaded, StatuteError> {
    statutes::load(&mut app.platform().await, &Clock::default(), text).await
}

/// The citations of what holds on a day, as a trigger under the serving login sees it.
async fn in_force(app: &TestApp, place: &str, kind: &str, day: &str) -> Vec<String> {
    let session = app.database.session("reeve_app").await;
    let sql = "select citation from kernel.statute($1, $2, $3::text::date)";
    let rows = session.query(sql, &[&place, &kind, &day]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[test]
fn a_migrated_database_holds_the_built_in_packs_word_for_word() {
    run(async |app| {
        let built_in = Statutes::built_in().unwrap();
        assert_eq!(*app.core(0).statutes(), built_in);
        let packs = app.ask("select version from kernel.statute_pack order by 1").await;
        let versions: Vec<_> = built_in.packs().map(|pack| pack.version.clone()).collect();
        assert_eq!(packs, versions);
        let rules =
            "select jsonb_build_array(citation, kind, effective_from, effective_until, parameters)
                       from kernel.statute_rule where version = 'us-oh/2026-11' order by position";
        let stored: Vec<serde_json::Value> =
            app.ask(rules).await.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
        let pack = StatutePack::parse(BUILT_IN[0]).unwrap();
        let wanted: Vec<_> = pack
            .rules
            .iter()
            .map(|rule| {
                let (from, until) = (rule.effective_from, rule.effective_until);
                let law = &rule.law;
                serde_json::json!([rule.citation, law.kind(), from, until, law.parameters()])
            })
            .collect();
        assert_eq!(stored, wanted);
        assert_eq!(
            in_force(app, "us-oh", "concussion", "2026-03-01").await,
            ["ORC 3707.511", "ORC 3313.539"]
        );
        assert_eq!(in_force(app, "us-oh", "concussion", "2014-09-16").await, ["ORC 3313.539"]);
        assert!(in_force(app, "us-xx", "concussion", "2026-03-01").await.is_empty());
        let versions =
            "select kernel.pack_version('us-oh') union all select kernel.pack_version('us-xx')";
        assert_eq!(app.ask(versions).await, ["us-oh/2026-11", "null"]);
    });
}

#[test]
fn a_repeal_holds_from_its_day_and_every_server_hears_of_it_within_a_second() {
    run(async |app| {
        let other = app.add_replica(&Options::default()).await;
        let loaded = load(app, &repealed()).await.unwrap();
        assert!(loaded.is_new);
        assert_eq!((&*loaded.version, &*loaded.newest), ("us-oh/2027-07", "us-oh/2027-07"));
        for (day, wanted) in [
            ("1989-06-30", vec![]),
            ("1989-07-01", vec!["ORC 5122.04"]),
            ("2026-06-30", vec!["ORC 5122.04"]),
            ("2026-07-01", vec![]),
        ] {
            assert_eq!(in_force(app, "us-oh", "minor_consent", day).await, wanted, "{day}");
        }
        let felt = |replica: usize| {
            let statutes = app.core(replica).statutes();
            let on = |day| statutes.as_of("us-oh", day).unwrap().minor_consent().is_some();
            !on(date(2026, 7, 1)) && on(date(2026, 6, 30))
        };
        let begun = std::time::Instant::now();
        while !(felt(0) && felt(other)) {
            assert!(begun.elapsed() < Duration::from_secs(1), "not heard of");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
}

#[test]
fn an_older_version_is_kept_and_does_not_come_into_force() {
    run(async |app| {
        let old = repealed().replace("us-oh/2027-07", "us-oh/2025-12");
        let loaded = load(app, &old).await.unwrap();
        assert_eq!((loaded.is_new, &*loaded.newest), (true, "us-oh/2026-11"));
        assert_eq!(in_force(app, "us-oh", "minor_consent", "2026-07-01").await, ["ORC 5122.04"]);
    });
}

#[test]
fn a_version_once_loaded_keeps_its_text_and_what_is_no_pack_changes_nothing() {
    run(async |app| {
        let count = "select count(*) || '/' || (select count(*) from kernel.statute_rule) from kernel.statute_pack";
        let before = app.ask(count).await;
        assert!(!load(app, BUILT_IN[0]).await.unwrap().is_new, "the same text is no change");
        let other = BUILT_IN[0].replace("sessions = 6", "sessions = 60");
        let refused = load(app, &other).await.unwrap_err().to_string();
        assert!(refused.contains("`us-oh/2026-11`") && refused.contains("of its own"), "{refused}");
        for (garbage, says) in [
            ("}{ not TOML", "statute pack"),
            ("", "jurisdiction"),
            (&*repealed().replace("us-oh/2027-07", "us-oh/newest"), "month or day"),
            (&*repealed().replace("2026-07-01", "1980-01-01"), "ends before it begins"),
        ] {
            let refused = load(app, garbage).await.unwrap_err();
            assert!(matches!(refused, StatuteError::Invalid(_)));
            assert!(refused.to_string().contains(says), "{refused}");
        }
        assert_eq!(app.ask(count).await, before);
    });
}

#[test]
fn the_serving_login_reads_the_law_and_cannot_make_it() {
    run(async |app| {
        let session = as_tenant(app, Uuid::nil()).await;
        assert_eq!(sqlstate(&session, "select from kernel.statute_pack").await, "ok 1");
        for sql in [
            "insert into kernel.statute_pack values ('us-oh', 'us-oh/2027-01', 18, '', now())",
            "update kernel.statute_pack set loaded_at = now()",
            "insert into kernel.statute_rule values ('us-oh/2026-11', 'x', 'concussion', null, null, '{}', 99)",
            "update kernel.statute_rule set effective_until = '2026-01-01'",
            "delete from kernel.statute_rule",
            "truncate kernel.statute_rule, kernel.statute_pack",
        ] {
            assert_eq!(sqlstate(&session, sql).await, "42501", "{sql}");
        }
    });
}
