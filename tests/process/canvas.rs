//! A server that is killed while people draw.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use testkit::{Came, Canvas, Document, Persona, run};
use tokio::{sync::Notify, time::timeout};
use uuid::Uuid;

use super::{Server, free_port};
use crate::studio::{agent, put};

/// A client and what it knows to be done.
struct Drawn {
    document: Document,
    acknowledged: Vec<String>,
    /// What was sent and not answered.
    unsure: Value,
}

/// Draws until the socket ends.
async fn draw(persona: Persona, agent: String, document: Document, first: Arc<Notify>) -> Drawn {
    let mut drawn = Drawn { document, acknowledged: vec![], unsure: Value::Null };
    let query = format!("?after={}", drawn.document.seq);
    let opened = persona.open_canvas(&agent, &query).await.expect("a socket");
    let mut canvas = Canvas { document: drawn.document, ..opened };
    loop {
        let id = Uuid::now_v7().to_string();
        drawn.unsure = json!({"type": "operation", "id": id, "operation": put(&id[30..])});
        canvas.send(&drawn.unsure).await;
        loop {
            match canvas.within(Duration::from_secs(10)).await.expect("an answer or the end") {
                Came::Frame(frame) if frame["id"] == id => break,
                Came::Frame(_) => {}
                Came::End(_) => return Drawn { document: canvas.document, ..drawn },
            }
        }
        drawn.acknowledged.push(id);
        first.notify_one();
    }
}

#[test]
fn w09_no_acknowledged_operation_is_lost_or_doubled_when_a_server_is_killed() {
    run(async |app| {
        let acme = app.organisation("studio", "acme").await;
        let id = agent(app, acme.id).await;
        let (developer, port) = (acme.role("developer"), free_port());
        let (mut document, mut acknowledged) = (Document::default(), vec![]);
        for round in 0..5_u64 {
            let server = Server::start(&app.database, port).await;
            let (there, first) = (developer.at(server.url.clone()), Arc::new(Notify::new()));
            let drawing = tokio::spawn(draw(there, id.clone(), document, first.clone()));
            timeout(Duration::from_secs(20), first.notified()).await.expect("an operation");
            // A random instant of a server that writes: there is no event to wait for.
            tokio::time::sleep(Duration::from_millis(30 + round * 37 % 110)).await;
            server.kill().await;
            let drawn = drawing.await.unwrap();
            acknowledged.extend(drawn.acknowledged);
            // The other server knows all that was answered, and does what was not answered once.
            let query = format!("?after={}", drawn.document.seq);
            let opened = developer.open_canvas(&id, &query).await.expect("a socket");
            let mut canvas = Canvas { document: drawn.document, ..opened };
            canvas.send(&drawn.unsure).await;
            let unsure = drawn.unsure["id"].as_str().unwrap().to_owned();
            assert_eq!(canvas.answer(&unsure).await["type"], "operation");
            acknowledged.push(unsure);
            document = canvas.document;
        }
        assert!(acknowledged.len() > 10, "{}", acknowledged.len());
        let log = "select id::text from studio.canvas_operation order by seq";
        assert_eq!(app.ask(log).await, acknowledged);
        let entries = "select count(*) from audit.entry where resource = 'studio.canvas_operation'";
        assert_eq!(app.ask(entries).await, [acknowledged.len().to_string()]);
    });
}
