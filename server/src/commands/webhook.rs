//! `webhook`: a receiver to try things with, and what operators send to those of organisations.

use aws_lc_rs::hmac;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use kernel::{
    Clock,
    db::Platform,
    destinations::{self, DeliveryView},
    http::{Limits, serve},
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{Failure, WebhookCommand, operate::Work, show};
use crate::run::{listen as bind, stop_signal};

/// Seconds by which a sender's clock may differ.
const TOLERANCE: i64 = 300;

/// What a receiver knows, and how it tells what it got.
#[derive(Clone)]
struct Receiver {
    key: hmac::Key,
    clock: Clock,
    json: bool,
}

/// Receives on loopback until a signal, and prints each event as a line.
///
/// # Errors
/// The secret is none, or the port is taken.
pub fn listen(port: u16, secret: &str, json: bool, runtime: &Runtime) -> Result<(), Failure> {
    let key = secret.strip_prefix("whsec_").and_then(|key| STANDARD.decode(key).ok());
    let key = key.ok_or_else(|| Failure::Usage("a secret begins with `whsec_`".into()))?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let receiver = Receiver { key, clock: Clock::default(), json };
    runtime.block_on(async {
        let listener = bind(([127, 0, 0, 1], port).into()).await?;
        if let Ok(address) = listener.local_addr() {
            eprintln!("listening on http://{address}/; Ctrl-C ends it");
        }
        let app = Router::new().fallback(receive).with_state(receiver);
        serve(listener, app, Limits::default(), stop_signal()).await;
        Ok(())
    })
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let sent = Sent {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signatures: header("webhook-signature"),
        body: &body,
    };
    let verified = sent.verify(&receiver.key, receiver.clock.now().as_second());
    let id = sent.id.unwrap_or("-");
    let event: Value = serde_json::from_slice(&body).unwrap_or_default();
    match (receiver.json, verified) {
        (true, Ok(())) => show::line(&json!({"id": id, "event": event}).to_string()),
        (true, Err(fault)) => show::line(&json!({"id": id, "refused": fault}).to_string()),
        (false, Ok(())) => show::line(&format!("{id}  {event}")),
        (false, Err(fault)) => show::line(&format!("{id}  refused: {fault}")),
    }
    if verified.is_ok() { StatusCode::NO_CONTENT } else { StatusCode::UNAUTHORIZED }
}

/// A request as it came.
struct Sent<'a> {
    id: Option<&'a str>,
    timestamp: Option<&'a str>,
    signatures: Option<&'a str>,
    body: &'a [u8],
}

impl Sent<'_> {
    /// Whether it is from whoever has the key, and of now: Standard Webhooks 1.0.0. `now` in seconds since 1970.
    fn verify(&self, key: &hmac::Key, now: i64) -> Result<(), &'static str> {
        let (Some(id), Some(timestamp), Some(signatures)) =
            (self.id, self.timestamp, self.signatures)
        else {
            return Err("a header is missing");
        };
        let at: i64 = timestamp.parse().map_err(|_| "the timestamp is no number")?;
        if at.abs_diff(now) > TOLERANCE.unsigned_abs() {
            return Err("the timestamp is not of now");
        }
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", self.body].concat();
        let fits = |signature: &str| {
            let tag = signature.strip_prefix("v1,").and_then(|tag| STANDARD.decode(tag).ok());
            tag.is_some_and(|tag| hmac::verify(key, &signed, &tag).is_ok())
        };
        match signatures.split(' ').any(fits) {
            true => Ok(()),
            false => Err("no signature fits"),
        }
    }
}

/// What operators do with organisations' destinations.
///
/// # Errors
/// There is no such destination or delivery, or the database refuses.
pub async fn webhook(work: Work<'_>, command: WebhookCommand) -> Result<(), Failure> {
    let id = Clock::default().new_id();
    let mut platform = Platform::connect(&work.database.owner, id).await?;
    let sent = match command {
        WebhookCommand::Test { tenant, destination } => {
            destinations::test(&mut platform, id, &tenant, destination).await?
        }
        WebhookCommand::Replay { tenant, delivery } => {
            destinations::replay(&mut platform, id, &tenant, delivery).await?
        }
        // It has run.
        WebhookCommand::Listen { .. } => return Ok(()),
    };
    let columns: [show::Column<DeliveryView>; 4] = [
        ("id", |of| of.id.to_string()),
        ("event", |of| of.event_id.clone()),
        ("type", |of| of.event_type.clone()),
        ("status", |of| of.status.clone()),
    ];
    show::rows(work.json, &[sent], &columns);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail")]
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn j07_what_was_altered_or_is_old_is_refused() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        fn sent<'a>(
            id: Option<&'a str>,
            timestamp: Option<&'a str>,
            signatures: Option<&'a str>,
        ) -> Sent<'a> {
            Sent { id, timestamp, signatures, body: br#"{"test": 2432232314}"# }
        }
        let (id, at) = (Some("msg_p5jXN8AQM9LWM0D4loKWxJek"), Some("1614265330"));
        let now = 1_614_265_330;
        let whole = |signatures: &str| sent(id, at, Some(signatures)).verify(&key, now).is_ok();
        assert!(whole(good));
        assert!(whole(&format!("v1,AAAA {good} v2,x")));
        assert!(!whole("v1,AAAA") && !whole("") && !whole(good.trim_start_matches("v1,")));
        assert!(sent(id, at, Some(good)).verify(&key, now + TOLERANCE).is_ok());
        assert!(sent(id, at, Some(good)).verify(&key, now + TOLERANCE + 1).is_err());
        assert!(sent(id, at, Some(good)).verify(&key, now - TOLERANCE - 1).is_err());
        assert!(sent(Some("msg_other"), at, Some(good)).verify(&key, now).is_err());
        assert!(sent(id, Some("1614265331"), Some(good)).verify(&key, now).is_err());
        assert!(sent(id, Some("x"), Some(good)).verify(&key, now).is_err());
        assert!(sent(None, at, Some(good)).verify(&key, now).is_err());
        assert!(Sent { body: b"{}", ..sent(id, at, Some(good)) }.verify(&key, now).is_err());
    }
}
