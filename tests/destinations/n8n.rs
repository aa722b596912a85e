//! `docs/n8n.md`: each line of it, and each node of its two workflows, against a server.

use std::{collections::HashMap, fs, path::PathBuf, process::Stdio};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

use super::{SOON, run};
use crate::kernel::until;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn root(path: &str) -> PathBuf {
    PathBuf::from(ROOT).join(path)
}

/// What a program was told, beside the path by which it finds others.
type Surroundings = HashMap<&'static str, String>;

fn workflow(file: &str, surroundings: &Surroundings) -> Child {
    Command::new("node")
        .arg(root("tests/receivers/n8n.mjs"))
        .arg(root("docs/n8n").join(file))
        .envs(surroundings)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// What the nodes of a workflow gave, that ran to its end.
async fn ran(file: &str, surroundings: &Surroundings) -> Vec<Value> {
    let output = workflow(file, surroundings).wait_with_output().await.unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> Value {
    let line = tokio::time::timeout(SOON, lines.next_line()).await.expect("in time").unwrap();
    serde_json::from_str(&line.unwrap()).unwrap()
}

/// The page's commands, in their order.
fn commands() -> Vec<String> {
    let page = fs::read_to_string(root("docs/n8n.md")).unwrap();
    let blocks = page.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// One of the page's commands; what it printed, a line each.
async fn shell(command: &str, surroundings: &Surroundings) -> Vec<String> {
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", command]).envs(surroundings);
    let output = bash.output().await.unwrap();
    let (said, failed) = (output.stdout, String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(output.status.success(), "{command}\n{failed}");
    String::from_utf8(said).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn from_a_key_to_a_booked_appointment_to_a_verified_event_as_the_page_says() {
    run(async |app| {
        let north = app.tenant("north").await;
        let key = |persona: &testkit::Persona| persona.key.clone().unwrap();
        let mut here = Surroundings::from([
            ("REEVE", app.url(0)),
            ("KEY", key(&north.integration)),
            ("ADMIN_KEY", key(&north.admin)),
        ]);
        let [see, tell, test] = <[String; 3]>::try_from(commands()).unwrap();
        assert_eq!(shell(&see, &here).await.concat().matches("\"items\"").count(), 1);

        let booked = ran("book.json", &here).await;
        let nodes: Vec<_> = booked.iter().map(|of| of["node"].as_str().unwrap()).collect();
        let path =
            ["Start", "Who", "Make the patient", "Book the appointment", "List what is booked"];
        assert_eq!(nodes, path);
        assert_eq!(booked[4]["json"]["items"][0]["id"], booked[3]["json"]["id"]);
        // n8n runs it again: the same answers, and nothing twice.
        let again = ran("book.json", &here).await;
        assert_eq!(
            again[3],
            json!({"node": path[3], "json": booked[3]["json"], "replayed": "true"})
        );

        // Where it is to be heard is known before the secret is.
        let port = crate::process::free_port();
        here.extend([("PORT", port.to_string()), ("N8N", format!("http://127.0.0.1:{port}"))]);
        let secret = shell(&tell, &here).await.remove(0);
        assert!(secret.starts_with("whsec_"), "{secret}");
        here.insert("WEBHOOK_SECRET", secret);
        let mut hearing = workflow("hear.json", &here);
        let mut heard = BufReader::new(hearing.stdout.take().unwrap()).lines();
        assert_eq!(next(&mut heard).await["port"], port);
        north
            .integration
            .new_appointment("9", "2030-01-01T09:00:00Z", "2030-01-01T10:00:00Z")
            .await;
        let mut nodes = vec![];
        for _ in 0..4 {
            nodes.push(next(&mut heard).await);
        }
        assert_eq!(nodes[1]["json"]["event"]["type"], "appointment.created");
        assert_eq!(nodes[3]["json"]["doctor_doc_number"], "9", "{}", nodes[3]);

        assert_eq!(shell(&test, &here).await[0], "destination.test");
        until(SOON, "the test event", async || {
            let list =
                test.lines().next().unwrap().to_owned() + "\n" + test.lines().last().unwrap();
            shell(&list, &here).await == [r#"["destination.test",1]"#]
        })
        .await;

        // Somebody who does not know the secret is not believed.
        let forged = reqwest::Client::new()
            .post(format!("http://127.0.0.1:{port}/webhook/reeve"))
            .header("webhook-id", "evt_1")
            .header("webhook-timestamp", jiff::Timestamp::now().as_second().to_string())
            .header("webhook-signature", "v1,AAAA")
            .body("{}")
            .send()
            .await
            .unwrap();
        assert_eq!(forged.status(), 500);
        hearing.kill().await.unwrap();
    });
}
