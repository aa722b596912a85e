//! Against a server that answers as SQS does, and against some that do not.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::{io, time::Duration};

use outbound::{Allowed, Outbound, OutboundError, RetryAfter, network};
use sqs::{
    Message, Queue, SecretKey, SqsError, send,
    testing::{Queues, Received},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};

fn outbound() -> Outbound {
    Outbound::new(Allowed::new(vec![network("127.0.0.1").unwrap()])).unwrap()
}

fn message(body: impl Into<String>, group: &str, deduplication: &str) -> Message {
    Message {
        body: body.into(),
        group: Some(group.into()),
        deduplication: Some(deduplication.into()),
        attributes: vec![("type".into(), "appointment.created".into())],
    }
}

fn bodies(received: &[Received]) -> Vec<&str> {
    received.iter().map(|message| message.body.as_str()).collect()
}

#[tokio::test]
async fn a_message_arrives_with_its_attributes() {
    let (queues, outbound) = (Queues::start().await, outbound());
    let queue = queues.plain();
    assert!(!queue.is_fifo());
    send(&outbound, &queue, &message("{\"ñ\":\"…\"}", "a", "1")).await.unwrap();
    let received = queues.receive(&queue).await;
    assert_eq!(bodies(&received), ["{\"ñ\":\"…\"}"]);
    assert_eq!(received[0].attributes["type"], "appointment.created");
    // Sent twice is there twice: this kind of queue promises no less.
    for _ in 0..2 {
        send(&outbound, &queue, &message("again", "a", "1")).await.unwrap();
    }
    assert_eq!(bodies(&queues.receive(&queue).await), ["again", "again"]);
}

#[tokio::test]
async fn a_fifo_queue_keeps_order_in_a_group_and_counts_a_repetition_once() {
    let (queues, outbound) = (Queues::start().await, outbound());
    let queue = queues.fifo();
    assert!(queue.is_fifo());
    for n in 0..10 {
        let group = if n % 2 == 0 { "even" } else { "odd" };
        let one = message(n.to_string(), group, &n.to_string());
        for _ in 0..2 {
            send(&outbound, &queue, &one).await.unwrap();
        }
    }
    let received = queues.receive(&queue).await;
    for (group, expected) in
        [("even", ["0", "2", "4", "6", "8"]), ("odd", ["1", "3", "5", "7", "9"])]
    {
        let of_group = received.iter().filter(|one| one.group.as_deref() == Some(group));
        assert_eq!(of_group.map(|one| one.body.as_str()).collect::<Vec<_>>(), expected);
    }
    assert_eq!(received.len(), 10);
    let without = Message { body: "x".into(), ..Message::default() };
    assert_eq!(send(&outbound, &queue, &without).await, Err(SqsError::Rejected));
}

#[tokio::test]
async fn what_a_queue_refuses_has_a_name() {
    let (queues, outbound) = (Queues::start().await, outbound());
    let queue = queues.plain();
    let some = message("x", "a", "1");
    let other = |change: &dyn Fn(&mut Queue)| {
        let mut other = queue.clone();
        change(&mut other);
        other
    };
    let unknown = other(&|q| q.url.set_path("/123456789012/elsewhere"));
    let forged = other(&|q| q.secret_access_key = SecretKey::new("wrong"));
    let nobody = other(&|q| q.access_key_id = "AKIAIOSFODNN7EXAMPLE".into());
    let stranger = other(&|q| {
        q.access_key_id.clone_from(&queues.stranger().id);
        q.secret_access_key = SecretKey::new(&queues.stranger().secret);
    });
    for (queue, error) in [
        (unknown, SqsError::NoSuchQueue),
        (forged, SqsError::AccessDenied),
        (nobody, SqsError::AccessDenied),
        (stranger, SqsError::AccessDenied),
        (other(&|q| q.region = "no\nregion".into()), SqsError::Rejected),
        (other(&|q| q.access_key_id = "no\nkey".into()), SqsError::Rejected),
    ] {
        assert_eq!(send(&outbound, &queue, &some).await, Err(error), "{queue:?}");
    }
    // Attributes count too.
    let mut full = Message { body: "a".repeat(256 * 1024), ..Message::default() };
    send(&outbound, &queue, &full).await.unwrap();
    full.body.push('a');
    let refused = send(&outbound, &queue, &full).await.unwrap_err();
    assert_eq!((refused, refused.is_final()), (SqsError::Rejected, true));
    assert_eq!(queues.receive(&queue).await.len(), 1);
}

/// Answers one request with these bytes; without any it says nothing for as long as the other side listens.
async fn answering(answer: &'static str) -> Queue {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    #[allow(clippy::disallowed_methods, reason = "a test")]
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 4096];
        let _read = stream.read(&mut head).await;
        let _sent = stream.write_all(answer.as_bytes()).await;
        let _end: io::Result<usize> = stream.read(&mut head).await;
    });
    at(&format!("http://127.0.0.1:{port}/123456789012/events"))
}

fn at(url: &str) -> Queue {
    Queue {
        url: url.parse().unwrap(),
        region: "eu-west-1".into(),
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        secret_access_key: SecretKey::new("CANARY"),
    }
}

#[tokio::test]
async fn what_is_no_queue_has_a_name_too() {
    let outbound = outbound();
    for (answer, error) in [
        (
            "HTTP/1.1 307 T\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n",
            OutboundError::Redirected.into(),
        ),
        (
            "HTTP/1.1 503 S\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n",
            SqsError::Unavailable(Some(RetryAfter::Seconds(7))),
        ),
        ("HTTP/1.1 429 T\r\ncontent-length: 2\r\n\r\n{}", SqsError::Throttled(None)),
        ("HTTP/1.1 404 N\r\ncontent-length: 6\r\n\r\n<html>", SqsError::Unanswerable),
        ("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>", SqsError::Unanswerable),
        ("nonsense\r\n\r\n", OutboundError::Refused.into()),
    ] {
        let queue = answering(answer).await;
        let sent = send(&outbound, &queue, &message("x", "a", "1")).await;
        assert_eq!(sent, Err(error), "{answer}");
    }
}

#[tokio::test]
async fn a_private_address_is_not_called_and_no_secret_prints() {
    let closed = Outbound::new(Allowed::default()).unwrap();
    for url in ["https://127.0.0.1/1/q", "https://169.254.169.254/1/q", "https://localhost/1/q"] {
        let queue = at(url);
        let message = Message::default();
        let sent = timeout(Duration::from_secs(5), send(&closed, &queue, &message)).await;
        let error = sent.unwrap().unwrap_err();
        assert_eq!(error.code(), "blocked_address", "{url}");
        assert!(!format!("{queue:?}").contains("CANARY"));
    }
}
