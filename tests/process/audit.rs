//! The ledger at the command line: signed, verified and given out.

use std::{fs, process::Output};

use serde_json::{Value, json};
use testkit::{TestApp, run};
use uuid::Uuid;

use super::reeve;

async fn ask(app: &TestApp, outside: &std::path::Path, words: &[&str]) -> Output {
    let mut command = reeve(words);
    command
        .env("DATABASE_URL", app.database.url("reeve_app"))
        .env("DATABASE_OWNER_URL", app.database.url("reeve_admin"))
        .env("SECRET_KEY", testkit::SECRET)
        .env("REEVE_CHECKPOINTS", outside);
    command.output().await.unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn p8_a_ledger_is_signed_verified_and_given_out_and_a_fault_is_exit_code_7() {
    run(async |app| {
        let outside = std::env::temp_dir().join(format!("reeve-outside-{}", Uuid::now_v7()));
        let north = app.tenant("north").await;
        north.admin.new_patient("1").await;
        let made = ask(app, &outside, &["--json", "audit", "checkpoint"]).await;
        assert!(made.status.success(), "{made:?}");
        let made = lines(&made);
        let of_north = made.iter().find(|line| line["tenant_id"] == json!(north.id)).unwrap();
        let file = outside.join(format!("{}.jsonl", north.id));
        let kept: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(kept, *of_north, "a line outside is what was printed");

        let verify = ["--json", "audit", "verify"];
        let verified = ask(app, &outside, &verify).await;
        assert!(verified.status.success(), "{verified:?}");
        let verified = lines(&verified);
        assert_eq!(verified.len(), 2, "north, and what is nobody's: {verified:?}");
        let of_north = verified.iter().find(|line| line["tenant_id"] == json!(north.id)).unwrap();
        assert_eq!(of_north["verified"], kept["tree_size"]);

        let export = ["audit", "export", "--tenant", "north"];
        let refused = ask(app, &outside, &export).await;
        assert_eq!(refused.status.code(), Some(2), "no reason, no look");
        let leaves =
            ask(app, &outside, &[&export[..], &["--reason", "ticket 4711"]].concat()).await;
        assert!(leaves.status.success(), "{leaves:?}");
        assert!(lines(&leaves).len() as u64 > kept["tree_size"].as_u64().unwrap());
        let look = north.auditor.get("/v1/audit?operation=READ&resource=audit.entry").await.json();
        assert_eq!(look["items"][0]["purpose_of_event"], "ticket 4711", "{look}");

        let session = app.database.session("reeve_admin").await;
        let cut = "delete from audit.entry; delete from audit.checkpoint";
        session.batch_execute(cut).await.unwrap();
        let file = file.to_str().unwrap();
        for words in
            [&verify[1..], &["audit", "verify", "--tenant", "north", "--checkpoints", file]]
        {
            let found = ask(app, &outside, words).await;
            let said = String::from_utf8_lossy(&found.stdout).into_owned();
            assert_eq!(found.status.code(), Some(7), "{said}");
            assert!(said.contains("gone from the end"), "{said}");
        }
        fs::write(file, "{}\n").unwrap();
        let broken = ask(app, &outside, &verify).await;
        assert_eq!(broken.status.code(), Some(7), "{broken:?}");
        assert_eq!(
            ask(app, &outside, &["audit", "verify", "--tenant", "x"]).await.status.code(),
            Some(4)
        );
        fs::remove_dir_all(&outside).unwrap();
    });
}
