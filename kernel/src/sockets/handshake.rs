//! The opening handshake (RFC 6455 section 4.2), and with what a browser may show who it is: it can name protocols
//! and an address, and no headers. A token never stands in an address, where logs keep it; a ticket may.

use axum::http::HeaderMap;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hyper::upgrade::OnUpgrade;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    core::random_bytes,
    http::{FromQuery, Incoming, Input, InputDoc, Problem, QueryReader, parameter},
};

const PREFIX: &str = "reeve_ws_";
/// Before a token, where it is named among the protocols.
const BEARER: &str = "bearer.";

/// A request for a socket.
pub struct Upgrade {
    pub(crate) on: OnUpgrade,
    pub(crate) accept: String,
    offered: Vec<String>,
}

impl Input for Upgrade {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        let text = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
        let lists = |name, word: &str| {
            words(&request.headers, name).any(|given| given.eq_ignore_ascii_case(word))
        };
        let asked = lists("connection", "upgrade") && lists("upgrade", "websocket");
        let (true, Some("13"), Some(on)) =
            (asked, text("sec-websocket-version"), request.upgrade.clone())
        else {
            let detail = "this is a WebSocket: send Upgrade: websocket, Sec-WebSocket-Version: 13";
            return Err(Problem::new(426, "upgrade_required", detail));
        };
        let key = text("sec-websocket-key").filter(|key| key.len() == 24);
        let msg = "send 16 random bytes in base64";
        let key =
            key.ok_or_else(|| Problem::field(&["header", "Sec-WebSocket-Key"], "key", msg))?;
        let offered = words(&request.headers, "sec-websocket-protocol").map(str::to_owned);
        Ok(Self { on, accept: derive_accept_key(key.as_bytes()), offered: offered.collect() })
    }

    fn describe(doc: &mut InputDoc) {
        doc.parameters.push(json!({
            "name": "Sec-WebSocket-Protocol", "in": "header", "required": false,
            "schema": {"type": "string"},
            "description": "the protocol of the room, and `bearer.` with a token where no other header can hold one",
        }));
    }
}

impl Upgrade {
    /// The protocol to select: ours, if it was offered.
    pub(crate) fn select(&self, protocol: &'static str) -> Option<&'static str> {
        self.offered.iter().any(|offered| offered == protocol).then_some(protocol)
    }
}

fn words<'h>(headers: &'h HeaderMap, name: &'h str) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// The tokens that stand among the protocols.
pub(crate) fn offered_token(headers: &HeaderMap) -> Vec<String> {
    let tokens =
        words(headers, "sec-websocket-protocol").filter_map(|word| word.strip_prefix(BEARER));
    tokens.map(str::to_owned).collect()
}

/// From which operation on a client wants to be told.
pub struct After(pub(crate) Option<i64>);

impl FromQuery for After {
    fn read(query: &mut QueryReader) -> Self {
        let after = query.parse("after", "the number of an operation");
        // The edge has looked at it.
        let _ticket = query.text("ticket", 200);
        if after.is_some_and(|after: i64| after < 0) {
            query.fault("after", "range", "give the number of an operation");
        }
        Self(after)
    }

    fn parameters() -> Vec<Value> {
        let text = "the number of the last operation that arrived: what was missed is sent, and no snapshot";
        vec![
            parameter("after", json!({"type": "integer", "minimum": 0}), text),
            parameter("ticket", json!({"type": "string"}), "who has no header for a credential"),
        ]
    }
}

/// The ticket in an address; none where the query has none, or cannot be read.
pub(crate) fn query_ticket(query: Option<&str>) -> Option<String> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query?).ok()?;
    pairs.into_iter().find(|(name, _)| name == "ticket").map(|(_, ticket)| ticket)
}

/// What lets a browser in once, where it can send no header.
#[derive(Serialize, ToSchema)]
pub struct Ticket {
    ticket: String,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) expires_at: Timestamp,
}

/// How long a ticket is good.
const GOOD_FOR: SignedDuration = SignedDuration::from_secs(30);

impl Ticket {
    /// A new one, and what is stored of it.
    pub(crate) fn new(tenant: Uuid, now: Timestamp) -> Result<(Self, Vec<u8>), Problem> {
        let random = random_bytes().map_err(|e| Problem::internal(e.to_string()))?;
        let bytes = [tenant.as_bytes().as_slice(), random.as_slice()].concat();
        let ticket = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        Ok((Self { ticket, expires_at: now + GOOD_FOR }, Sha256::digest(random).to_vec()))
    }
}

/// A ticket as it was shown: whose, and the hash under which it is known.
pub(crate) struct Presented {
    pub(crate) tenant: Uuid,
    pub(crate) hash: Vec<u8>,
}

impl Presented {
    pub(crate) fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (tenant, random) = bytes.split_at_checked(16)?;
        let whole = random.len() == 32;
        let tenant = Uuid::from_slice(tenant).ok()?;
        whole.then(|| Self { tenant, hash: Sha256::digest(random).to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_known_by_the_hash_of_its_secret_and_by_nothing_else() {
        let tenant = Uuid::from_u128(7);
        let (ticket, hash) = Ticket::new(tenant, Timestamp::UNIX_EPOCH).expect("a ticket");
        let read = Presented::read(&ticket.ticket).expect("it reads");
        assert_eq!((read.tenant, read.hash), (tenant, hash));
        assert_eq!(ticket.expires_at, Timestamp::from_second(30).expect("a time"));
        for wrong in ["", "reeve_ws_", "reeve_ws_AAAA", &ticket.ticket[1..], &ticket.ticket[..60]] {
            assert!(Presented::read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_token_may_stand_among_the_protocols() {
        let mut headers = HeaderMap::new();
        let value = "reeve.canvas, bearer.abc.def".parse().expect("a value");
        headers.insert("sec-websocket-protocol", value);
        assert_eq!(offered_token(&headers), ["abc.def"]);
        assert!(offered_token(&HeaderMap::new()).is_empty());
    }

    #[test]
    fn a_ticket_is_found_in_an_address_whatever_else_stands_there() {
        assert_eq!(query_ticket(Some("after=3&ticket=t")).as_deref(), Some("t"));
        assert_eq!(query_ticket(Some("after=3")), None);
        assert_eq!(query_ticket(None), None);
    }
}
