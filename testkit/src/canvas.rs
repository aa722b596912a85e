//! A client of a canvas, as docs/canvas.md has them: it folds operations by their number, and its document is known by
//! its hash.

use std::{collections::BTreeMap, time::Duration};

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::CloseFrame},
};
use uuid::Uuid;

use crate::Persona;

/// A socket at a canvas.
pub struct Canvas {
    pub socket: WebSocketStream<TcpStream>,
    /// The protocol that the server selected.
    pub protocol: Option<String>,
    pub document: Document,
}

/// Nodes and edges by id, as of an operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    pub seq: i64,
    pub nodes: BTreeMap<String, Value>,
    pub edges: BTreeMap<String, Value>,
}

/// Why a socket was not opened.
#[derive(Debug)]
pub struct Refusal {
    pub status: u16,
    pub body: Value,
}

/// What came: a frame, or the end with its code.
#[derive(Debug, PartialEq)]
pub enum Came {
    Frame(Value),
    End(Option<u16>),
}

impl Persona {
    /// Opens a socket at an address, with these headers and no others of its own.
    pub async fn open(&self, path: &str, headers: &[(&str, &str)]) -> Result<Canvas, Refusal> {
        let host = self.base.trim_start_matches("http://");
        let mut request = format!("ws://{host}{path}").into_client_request().expect("a request");
        for (name, value) in headers {
            let name = name.parse::<reqwest::header::HeaderName>().expect("a name");
            request.headers_mut().insert(name, value.parse().expect("a value"));
        }
        let stream = TcpStream::connect(host).await.expect("a connection");
        stream.set_nodelay(true).expect("it is set");
        match client_async(request, stream).await {
            Ok((socket, response)) => {
                let protocol = response.headers().get("sec-websocket-protocol");
                let protocol = protocol.map(|name| name.to_str().expect("text").to_owned());
                Ok(Canvas { socket, protocol, document: Document::default() })
            }
            Err(Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                let body = serde_json::from_slice(body).unwrap_or_default();
                Err(Refusal { status: response.status().as_u16(), body })
            }
            Err(error) => panic!("no answer: {error}"),
        }
    }

    /// The same as a browser does it, with the caller's token among the protocols.
    pub async fn open_canvas(&self, agent: &str, query: &str) -> Result<Canvas, Refusal> {
        let path = format!("/ws/canvas/{agent}{query}");
        match (&self.token, &self.key) {
            (Some(token), _) => {
                let protocols = format!("reeve.canvas, bearer.{token}");
                self.open(&path, &[("sec-websocket-protocol", &protocols)]).await
            }
            (None, Some(key)) => self.open(&path, &[("x-api-key", key)]).await,
            (None, None) => self.open(&path, &[]).await,
        }
    }

    /// A socket at a canvas, with the document as it is.
    pub async fn canvas(&self, agent: &str) -> Canvas {
        let mut canvas = self.open_canvas(agent, "").await.expect("a socket");
        let snapshot = canvas.next().await;
        assert_eq!(snapshot["type"], "snapshot", "{snapshot}");
        canvas
    }
}

impl Canvas {
    /// What comes next within this time, folded into the document; none when nothing does.
    pub async fn within(&mut self, patience: Duration) -> Option<Came> {
        loop {
            let message = match timeout(patience, self.socket.next()).await.ok()? {
                None | Some(Err(_)) => return Some(Came::End(None)),
                Some(Ok(message)) => message,
            };
            match message {
                Message::Text(text) => {
                    let frame: Value = serde_json::from_str(&text).expect("JSON");
                    self.document.fold(&frame);
                    return Some(Came::Frame(frame));
                }
                Message::Close(frame) => {
                    let code = frame.map(|CloseFrame { code, .. }| code.into());
                    return Some(Came::End(code));
                }
                _ => {}
            }
        }
    }

    /// The next frame that is not about who is here.
    pub async fn next(&mut self) -> Value {
        loop {
            match self.within(Duration::from_secs(10)).await.expect("a frame in time") {
                Came::Frame(frame) if frame["type"] == "presence" => {}
                Came::Frame(frame) => return frame,
                Came::End(code) => panic!("the socket ended: {code:?}"),
            }
        }
    }

    /// The next frame of this type.
    pub async fn next_of(&mut self, kind: &str) -> Value {
        loop {
            match self.within(Duration::from_secs(10)).await.expect("a frame in time") {
                Came::Frame(frame) if frame["type"] == kind => return frame,
                Came::Frame(_) => {}
                Came::End(code) => panic!("the socket ended: {code:?}"),
            }
        }
    }

    /// With which code it ends; no operation and no frame of a client's may come before.
    pub async fn end(&mut self) -> Option<u16> {
        loop {
            match self.within(Duration::from_secs(10)).await.expect("the end in time") {
                Came::Frame(frame) if frame["type"] == "presence" || frame["type"] == "error" => {}
                Came::Frame(frame) => panic!("told after its end: {frame}"),
                Came::End(code) => return code,
            }
        }
    }

    pub async fn send(&mut self, frame: &Value) {
        self.socket.send(Message::text(frame.to_string())).await.expect("it is sent");
    }

    /// Sends an operation; its id.
    pub async fn operate(&mut self, operation: Value) -> Uuid {
        let id = Uuid::now_v7();
        self.send(&json!({"type": "operation", "id": id, "operation": operation})).await;
        id
    }

    /// Sends an operation and waits until it is told, or refused; what was said.
    pub async fn done(&mut self, operation: Value) -> Value {
        let id = self.operate(operation).await.to_string();
        self.answer(&id).await
    }

    /// What is said of the operation of this id.
    pub async fn answer(&mut self, id: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["id"] == id {
                return frame;
            }
        }
    }

    /// Reads until the document is as of this operation.
    pub async fn reach(&mut self, seq: i64) {
        while self.document.seq < seq {
            self.next().await;
        }
    }
}

impl Document {
    /// Takes in a frame: an operation that is known already changes nothing.
    pub fn fold(&mut self, frame: &Value) {
        match frame["type"].as_str() {
            Some("snapshot") => {
                let by_id = |elements: &Value| {
                    let elements = elements.as_array().expect("an array").iter();
                    elements
                        .map(|e| (e["id"].as_str().expect("an id").to_owned(), e.clone()))
                        .collect()
                };
                self.seq = frame["seq"].as_i64().expect("a number");
                self.nodes = by_id(&frame["nodes"]);
                self.edges = by_id(&frame["edges"]);
            }
            Some("operation") => {
                let seq = frame["seq"].as_i64().expect("a number");
                if seq > self.seq {
                    assert_eq!(seq, self.seq + 1, "one is missing");
                    self.seq = seq;
                    self.apply(&frame["operation"]);
                }
            }
            _ => {}
        }
    }

    fn apply(&mut self, operation: &Value) {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        match operation["type"].as_str().expect("a type") {
            "node.put" => {
                self.nodes.insert(text(&operation["node"]["id"]), operation["node"].clone());
            }
            "node.move" => {
                let node = self.nodes.get_mut(&text(&operation["id"])).expect("a node");
                node["position"] = operation["position"].clone();
            }
            "node.change" => {
                let node = self.nodes.get_mut(&text(&operation["id"])).expect("a node");
                merge(&mut node["data"], &operation["data"]);
            }
            "node.remove" => {
                let id = text(&operation["id"]);
                self.nodes.remove(&id);
                self.edges.retain(|_, edge| edge["source"] != id && edge["target"] != id);
            }
            "edge.put" => {
                self.edges.insert(text(&operation["edge"]["id"]), operation["edge"].clone());
            }
            "edge.remove" => {
                self.edges.remove(&text(&operation["id"]));
            }
            other => panic!("no such operation: {other}"),
        }
    }

    /// What is hashed: nodes and edges by id, members by name.
    pub fn canonical(&self) -> Value {
        let all =
            |elements: &BTreeMap<String, Value>| elements.values().cloned().collect::<Vec<_>>();
        json!({"edges": all(&self.edges), "nodes": all(&self.nodes)})
    }
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in patch {
        match value {
            Value::Null => drop(target.as_object_mut().expect("an object").remove(name)),
            value => merge(&mut target[name], value),
        }
    }
}
