//! Somebody to call: answers each request as a test says, and remembers it.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

#[derive(Clone, Debug)]
pub struct Request {
    /// Request line and headers, as they came.
    pub head: String,
    pub body: String,
}

impl Request {
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

type Answering = Pin<Box<dyn Future<Output = String> + Send>>;
type Answer = Arc<dyn Fn(Request) -> Answering + Send + Sync>;

pub struct Target {
    pub url: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// A response of this kind.
pub fn response(status: u16, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    )
}

impl Target {
    /// Always the same.
    pub async fn saying(status: u16, kind: &str, body: &str) -> Self {
        Self::raw(response(status, kind, body)).await
    }

    pub async fn raw(answer: String) -> Self {
        Self::answering(move |_| {
            let answer = answer.clone();
            Box::pin(async move { answer })
        })
        .await
    }

    pub async fn answering(answer: impl Fn(Request) -> Answering + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (connections, requests) = (Arc::default(), Arc::default());
        let target = Self { url, connections, requests };
        let (connections, requests) = (target.connections.clone(), target.requests.clone());
        let answer: Answer = Arc::new(answer);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(one(stream, answer.clone(), requests.clone()));
            }
        });
        target
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

async fn one(mut stream: TcpStream, answer: Answer, requests: Arc<Mutex<Vec<Request>>>) {
    let mut read = Vec::new();
    let request = loop {
        let mut chunk = [0; 4096];
        let Ok(n @ 1..) = stream.read(&mut chunk).await else { return };
        read.extend_from_slice(&chunk[..n]);
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
        });
        if body.len() >= length.map_or(0, Result::unwrap) {
            break Request { head: head.to_owned(), body: body.to_owned() };
        }
    };
    requests.lock().unwrap().push(request.clone());
    let answer = answer(request).await;
    let _sent = stream.write_all(answer.as_bytes()).await;
    let _ended = stream.shutdown().await;
}
