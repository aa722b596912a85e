//! A client of server-sent events, as WHATWG HTML section 9.2.6 reads them.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::Value;
use tokio::time::timeout;

use crate::Persona;

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub name: String,
    pub id: Option<String>,
    pub data: Value,
}

/// An open stream.
pub struct EventStream {
    response: Response,
    text: String,
    /// The comments so far.
    pub comments: usize,
    /// The milliseconds of the last `retry`.
    pub retry: Option<u64>,
}

impl Persona {
    /// Opens a stream, from this event on where there is one.
    pub async fn follow(&self, path: &str, last_event_id: Option<&str>) -> EventStream {
        let request = self.request(Method::GET, path);
        let request = match last_event_id {
            Some(id) => request.header("Last-Event-ID", id),
            None => request,
        };
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200, "{:?}", response.text().await);
        EventStream { response, text: String::new(), comments: 0, retry: None }
    }
}

impl EventStream {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// The next event; none when the stream has ended. Fails when neither comes in time.
    pub async fn next(&mut self, patience: Duration) -> Option<Event> {
        timeout(patience, self.read()).await.expect("an event or the end in time")
    }

    /// Whether nothing comes for so long.
    pub async fn is_silent(&mut self, patience: Duration) -> bool {
        timeout(patience, self.read()).await.is_err()
    }

    async fn read(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if let Some(event) = self.parse(&block) {
                    return Some(event);
                }
            }
            let chunk = self.response.chunk().await.expect("the stream is whole")?;
            self.text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }

    fn parse(&mut self, block: &str) -> Option<Event> {
        let (mut name, mut id, mut data) = (String::new(), None, vec![]);
        for line in block.lines() {
            match line.split_once(':').map(|(field, value)| (field, value.trim_start())) {
                Some(("", _)) => self.comments += 1,
                Some(("event", value)) => name = value.to_owned(),
                Some(("id", value)) => id = Some(value.to_owned()),
                Some(("data", value)) => data.push(value.to_owned()),
                Some(("retry", value)) => self.retry = value.parse().ok(),
                other => panic!("no such line: {other:?}"),
            }
        }
        let text = data.join("\n");
        let event = |data| Event { name, id, data };
        (!text.is_empty()).then(|| event(serde_json::from_str(&text).expect("JSON")))
    }
}
