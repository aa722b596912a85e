//! What handlers return. None of the six proofs can be made outside this folder.

use std::marker::PhantomData;

use futures::stream::BoxStream;
use serde::Serialize;

use crate::http::{List, Page, Problem};

/// An answer as a handler states it.
pub struct Answer<V> {
    status: u16,
    body: Option<V>,
    location: Option<String>,
    content_location: Option<String>,
    lines: Option<Lines>,
    version: Option<i32>,
    cookie: Option<String>,
    next: Option<NextPage>,
    shown_once: bool,
}

/// A body that is no JSON of its own: one in each line.
struct Lines {
    media_type: &'static str,
    body: Vec<u8>,
}

/// Where a list goes on.
pub(crate) struct NextPage {
    pub(crate) cursor: String,
    /// The cursor holds the question too, so that the link repeats none of it.
    pub(crate) alone: bool,
}

impl<V> Answer<List<V>> {
    /// 200 with a page as a bare array; where it goes on stands in the `Link` header (RFC 8288).
    pub fn list(page: Page<V>) -> Self {
        let next = page.next_cursor.map(|cursor| NextPage { cursor, alone: false });
        Self { next, ..Self::ok(List(page.items)) }
    }

    /// The same for a question that holds personal data: it is in the cursor, and not in the link.
    pub fn list_by_cursor_alone(page: Page<V>) -> Self {
        let next = page.next_cursor.map(|cursor| NextPage { cursor, alone: true });
        Self { next, ..Self::ok(List(page.items)) }
    }
}

impl<V> Answer<V> {
    /// 200 with a body.
    pub fn ok(body: V) -> Self {
        Self {
            status: 200,
            body: Some(body),
            location: None,
            content_location: None,
            lines: None,
            version: None,
            cookie: None,
            next: None,
            shown_once: false,
        }
    }

    /// 201 with the new record and where it is.
    pub fn created(body: V, location: String) -> Self {
        Self { status: 201, location: Some(location), ..Self::ok(body) }
    }

    /// 204.
    pub fn gone() -> Self {
        Self {
            status: 204,
            body: None,
            location: None,
            content_location: None,
            lines: None,
            version: None,
            cookie: None,
            next: None,
            shown_once: false,
        }
    }

    /// 202: where its progress is told (RFC 9110 section 8.7).
    pub fn accepted(content_location: String) -> Self {
        Self { status: 202, content_location: Some(content_location), ..Self::gone() }
    }

    /// 200 without a body: what was to be made is there already, and where.
    pub fn there_already(location: String) -> Self {
        Self { status: 200, location: Some(location), ..Self::gone() }
    }

    /// 302 to another place, for a browser.
    pub fn elsewhere(location: String) -> Self {
        Self { status: 302, location: Some(location), ..Self::gone() }
    }

    /// Sets a cookie.
    pub fn cookie(self, cookie: String) -> Self {
        Self { cookie: Some(cookie), ..self }
    }

    /// The body holds a secret: it is never kept, not even for a replay.
    pub fn shown_once(mut self) -> Self {
        self.shown_once = true;
        self
    }

    /// Names the record's version, for ETag and If-Match (RFC 9110 section 8.8.3).
    pub fn version(mut self, version: i32) -> Self {
        self.version = Some(version);
        self
    }
}

/// An answer in bytes, as it leaves and as it is kept for a replay.
pub struct Encoded {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) content_location: Option<String>,
    /// Of the body, where it is not the dialect's own.
    pub(crate) media_type: Option<&'static str>,
    pub(crate) etag: Option<String>,
    pub(crate) cookie: Option<String>,
    /// Where a list that is a bare array goes on.
    pub(crate) next: Option<NextPage>,
    pub(crate) body: Vec<u8>,
    /// What leaves in place of a body, piece by piece; never kept.
    pub(crate) events: Option<Events>,
    /// The connection becomes a socket.
    pub(crate) switch: Option<Switch>,
    pub(crate) shown_once: bool,
    pub(crate) replayed: bool,
}

/// With what the opening handshake of a socket is answered (RFC 6455 section 4.2.2).
pub(crate) struct Switch {
    pub(crate) accept: String,
    pub(crate) protocol: Option<&'static str>,
}

/// Server-sent events, each whole.
pub(crate) type Events = BoxStream<'static, Vec<u8>>;

impl Encoded {
    /// 200 with what comes and comes.
    pub(super) fn streaming(events: Events) -> Self {
        Self { events: Some(events), ..Self::empty(200) }
    }

    /// 101.
    pub(super) fn switching(accept: String, protocol: Option<&'static str>) -> Self {
        Self { switch: Some(Switch { accept, protocol }), ..Self::empty(101) }
    }

    fn empty(status: u16) -> Self {
        Self {
            status,
            location: None,
            content_location: None,
            media_type: None,
            etag: None,
            cookie: None,
            next: None,
            body: vec![],
            events: None,
            switch: None,
            shown_once: false,
            replayed: false,
        }
    }
}

impl<V: Serialize> Answer<V> {
    /// 200 with each of these in a line of its own (<https://github.com/ndjson/ndjson-spec>).
    ///
    /// # Errors
    /// What cannot be encoded.
    pub fn lines(
        media_type: &'static str,
        all: impl IntoIterator<Item = V>,
    ) -> Result<Self, Problem> {
        let mut body = vec![];
        for one in all {
            serde_json::to_writer(&mut body, &one).map_err(Problem::internal)?;
            body.push(b'\n');
        }
        Ok(Self { status: 200, lines: Some(Lines { media_type, body }), ..Self::gone() })
    }

    pub(crate) fn encode(self) -> Result<Encoded, Problem> {
        let (body, media_type) = match (&self.body, self.lines) {
            (_, Some(lines)) => (lines.body, Some(lines.media_type)),
            (Some(body), None) => (serde_json::to_vec(body).map_err(Problem::internal)?, None),
            (None, None) => (vec![], None),
        };
        Ok(Encoded {
            status: self.status,
            location: self.location,
            content_location: self.content_location,
            media_type,
            etag: self.version.map(|version| format!("\"{version}\"")),
            cookie: self.cookie,
            next: self.next,
            body,
            events: None,
            switch: None,
            shown_once: self.shown_once,
            replayed: false,
        })
    }
}

mod sealed {
    pub trait Sealed {}
}

/// Something that may leave: one of the six proofs below.
pub trait Reply<V>: sealed::Sealed {
    #[doc(hidden)]
    fn into_encoded(self) -> Encoded;
}

macro_rules! proof {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        pub struct $name<V> {
            encoded: Encoded,
            body: PhantomData<fn() -> V>,
        }
        impl<V> $name<V> {
            pub(super) fn new(encoded: Encoded) -> Self {
                Self { encoded, body: PhantomData }
            }
        }
        impl<V> $name<V> {
            /// Where the record is, when one was created.
            pub fn location(&self) -> Option<&str> {
                self.encoded.location.as_deref()
            }
        }
        impl<V> sealed::Sealed for $name<V> {}
        impl<V> Reply<V> for $name<V> {
            fn into_encoded(self) -> Encoded {
                self.encoded
            }
        }
    };
}

proof! {
    /// The change and its ledger row are committed: the server confirmed it.
    Committed
}
proof! {
    /// The READ entry is committed with the read.
    Disclosed
}
proof! {
    /// Rows that say nothing about a person.
    Fetched
}
proof! {
    /// What tells of no person: remembered, and far enough from everything else that was released.
    Released
}
proof! {
    /// The caller has a seat in the room, and their standing was asked for after they took it.
    Joined
}
proof! {
    /// The READ entry of each event is committed before it is told.
    Followed
}
