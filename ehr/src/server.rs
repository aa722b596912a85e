//! A FHIR server.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use fhir::{MEDIA_TYPE, resources::Bundle};
use jiff::Timestamp;
use outbound::{
    Answer, Limits, Method, Outbound, Request,
    header::{
        ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH,
        LOCATION,
    },
};
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use crate::Fault;

const RESOURCE: Limits = Limits { total: Duration::from_secs(15), bytes: 1024 * 1024 };
const PAGE: Limits = Limits { total: Duration::from_secs(30), bytes: 8 * 1024 * 1024 };
/// Resources that a page is asked to have.
const COUNT: &str = "50";

/// How one says who one is.
pub enum Auth {
    None,
    Bearer(Zeroizing<String>),
    Basic { username: String, password: Zeroizing<String> },
}

impl Auth {
    fn header(&self) -> Result<Option<HeaderValue>, Fault> {
        let text = match self {
            Self::None => return Ok(None),
            Self::Bearer(token) => Zeroizing::new(format!("Bearer {}", token.as_str())),
            Self::Basic { username, password } => {
                let pair = Zeroizing::new(format!("{username}:{}", password.as_str()));
                Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
            }
        };
        let mut value: HeaderValue = text.parse().map_err(|_| Fault::Denied(0))?;
        // Nothing prints it.
        value.set_sensitive(true);
        Ok(Some(value))
    }
}

/// A server where it is, as one caller of it.
pub struct Server {
    outbound: Outbound,
    base: Url,
    authorization: Option<HeaderValue>,
}

/// A resource as the server has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub id: String,
    /// What `If-Match` takes; none where the server keeps no versions.
    pub version: Option<String>,
    pub updated: Option<Timestamp>,
    pub resource: Value,
}

/// What a search for one resource finds.
pub enum Found {
    Nothing,
    One(Held),
    Several,
}

/// One page of what has changed.
pub struct Page {
    /// Each that has an id; what has none is no resource that one could find again.
    pub entries: Vec<Held>,
    pub next: Option<Url>,
}

impl Server {
    /// `base` is without a slash at its end, and without `?` and `#`.
    ///
    /// # Errors
    /// [`Fault::Denied`] for credentials that no header can carry, [`Fault::Malformed`] for an address that is none.
    pub fn new(outbound: &Outbound, base: &str, auth: &Auth) -> Result<Self, Fault> {
        let base = Url::parse(&format!("{base}/")).map_err(|_| Fault::Malformed)?;
        Ok(Self { outbound: outbound.clone(), base, authorization: auth.header()? })
    }

    /// One resource.
    ///
    /// # Errors
    /// [`Fault::Gone`] where it is not there.
    pub async fn read(&self, kind: &str, id: &str) -> Result<Held, Fault> {
        let answer = self.send(Method::GET, self.at(&[kind, id]), vec![], None, RESOURCE).await?;
        held(kind, parse(&answer)?).ok_or(Fault::Malformed)
    }

    /// The resource with this business identifier.
    ///
    /// # Errors
    /// As said of [`Fault`].
    pub async fn find(&self, kind: &str, identifier: (&str, &str)) -> Result<Found, Fault> {
        let mut url = self.at(&[kind]);
        url.query_pairs_mut().append_pair("identifier", &token(identifier));
        let page = self.page(kind, url).await?;
        let mut entries = page.entries.into_iter();
        Ok(match (entries.next(), entries.next()) {
            (None, _) => Found::Nothing,
            (Some(only), None) => Found::One(only),
            (Some(_), Some(_)) => Found::Several,
        })
    }

    /// Creates it, unless there is one with this identifier; the one there is then, which may be another's or an
    /// earlier attempt's.
    ///
    /// # Errors
    /// [`Fault::Several`] where more than one has the identifier.
    pub async fn create(
        &self,
        kind: &str,
        resource: &Value,
        identifier: (&str, &str),
    ) -> Result<Held, Fault> {
        let mut query = Url::parse("query:").map_err(|_| Fault::Malformed)?;
        query.query_pairs_mut().append_pair("identifier", &token(identifier));
        let condition = query.query().unwrap_or_default().parse().map_err(|_| Fault::Refused(0))?;
        let condition = (HeaderName::from_static("if-none-exist"), condition);
        let body = resource.to_string().into_bytes();
        let sent = self.send(Method::POST, self.at(&[kind]), body, Some(condition), RESOURCE).await;
        match sent {
            Ok(answer) => self.written(kind, &answer).await,
            Err(Fault::Conflict) => Err(Fault::Several),
            Err(fault) => Err(fault),
        }
    }

    /// Replaces it, unless it is another version by now.
    ///
    /// # Errors
    /// [`Fault::Conflict`] where it is.
    pub async fn update(&self, kind: &str, held: &Held, resource: &Value) -> Result<Held, Fault> {
        let etag = held.version.as_ref().map(|version| format!("W/\"{version}\"").parse());
        let condition = etag.transpose().map_err(|_| Fault::Malformed)?;
        let condition = condition.map(|etag| (IF_MATCH, etag));
        let body = resource.to_string().into_bytes();
        let url = self.at(&[kind, &held.id]);
        let answer = self.send(Method::PUT, url, body, condition, RESOURCE).await?;
        self.written(kind, &answer).await
    }

    /// Where what has changed since then begins, the oldest first.
    pub fn changes(&self, kind: &str, since: Timestamp) -> Url {
        let mut url = self.at(&[kind]);
        url.query_pairs_mut()
            .append_pair("_lastUpdated", &format!("ge{since:.3}"))
            .append_pair("_sort", "_lastUpdated")
            .append_pair("_count", COUNT);
        url
    }

    /// A page of a search.
    ///
    /// # Errors
    /// [`Fault::Elsewhere`] where it goes on at another origin: credentials and trust are for this one.
    pub async fn page(&self, kind: &str, url: Url) -> Result<Page, Fault> {
        let answer = self.send(Method::GET, url, vec![], None, PAGE).await?;
        let bundle: Bundle = fhir::parse(&answer.body).map_err(|_| Fault::Malformed)?;
        let next = bundle.link_to("next").map(|next| self.base.join(next));
        let next = next.transpose().map_err(|_| Fault::Malformed)?;
        if next.as_ref().is_some_and(|next| next.origin() != self.base.origin()) {
            return Err(Fault::Elsewhere);
        }
        let entries = bundle.entry.iter().filter_map(|entry| entry.resource.as_ref());
        let entries = entries.filter_map(|raw| serde_json::from_str(raw.get()).ok());
        Ok(Page { entries: entries.filter_map(|resource| held(kind, resource)).collect(), next })
    }

    /// The resource that an answer to a write is about; read, where the answer does not hold it.
    async fn written(&self, kind: &str, answer: &Answer) -> Result<Held, Fault> {
        if let Some(held) = parse(answer).ok().and_then(|resource| held(kind, resource)) {
            return Ok(with_etag(held, answer));
        }
        let place = answer.headers.get(LOCATION).and_then(|place| place.to_str().ok());
        let mut parts = place.ok_or(Fault::Malformed)?.split('/').skip_while(|part| *part != kind);
        let id = parts.nth(1).filter(|id| is_id(id)).ok_or(Fault::Malformed)?;
        self.read(kind, id).await
    }

    fn at(&self, parts: &[&str]) -> Url {
        let mut url = self.base.clone();
        // An address that can be a base has a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }

    async fn send(
        &self,
        method: Method,
        url: Url,
        body: Vec<u8>,
        condition: Option<(HeaderName, HeaderValue)>,
        limits: Limits,
    ) -> Result<Answer, Fault> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(MEDIA_TYPE));
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
            let whole = HeaderValue::from_static("return=representation");
            headers.insert(HeaderName::from_static("prefer"), whole);
        }
        headers.extend(condition);
        headers.extend(self.authorization.clone().map(|value| (AUTHORIZATION, value)));
        let answer = self.outbound.send(Request { method, url, headers, body, limits }).await?;
        match answer.status {
            200 | 201 | 204 => Ok(answer),
            status => Err(Fault::judge(status, answer.retry_after())),
        }
    }
}

/// A token of a search: what separates is written with a backslash (R4, section 3.1.1.4.4).
fn token((system, value): (&str, &str)) -> String {
    let plain = |text: &str| {
        text.replace('\\', "\\\\").replace(',', "\\,").replace('|', "\\|").replace('$', "\\$")
    };
    format!("{}|{}", plain(system), plain(value))
}

fn parse(answer: &Answer) -> Result<Value, Fault> {
    serde_json::from_slice(&answer.body).map_err(|_| Fault::Malformed)
}

/// An id of FHIR's (R4, section 2.24.0.1).
fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

fn held(kind: &str, resource: Value) -> Option<Held> {
    if resource.get("resourceType")?.as_str()? != kind {
        return None;
    }
    let id = resource.get("id")?.as_str().filter(|id| is_id(id))?.to_owned();
    let meta = |member: &str| resource.pointer(&format!("/meta/{member}"))?.as_str();
    let version = meta("versionId").filter(|version| is_id(version)).map(str::to_owned);
    let updated = meta("lastUpdated").and_then(fhir::dates::instant);
    Some(Held { id, version, updated, resource })
}

/// A server that tells the version in the header alone.
fn with_etag(held: Held, answer: &Answer) -> Held {
    let tag = answer.headers.get(ETAG).and_then(|tag| tag.to_str().ok());
    let tag = tag.map(|tag| tag.trim_start_matches("W/").trim_matches('"'));
    let tag = tag.filter(|tag| is_id(tag)).map(str::to_owned);
    Held { version: held.version.clone().or(tag), ..held }
}

#[cfg(test)]
mod tests {
    use outbound::Allowed;

    use super::*;

    fn server(base: &str) -> Server {
        let outbound = Outbound::new(Allowed::default()).expect("TLS");
        let Ok(server) = Server::new(&outbound, base, &Auth::None) else { panic!("an address") };
        server
    }

    #[test]
    fn addresses_stay_below_the_base() {
        let server = server("https://ehr.example.org/fhir/r4");
        assert_eq!(
            server.at(&["Patient", "1"]).as_str(),
            "https://ehr.example.org/fhir/r4/Patient/1"
        );
        assert_eq!(
            server.at(&["Patient", "../../x?y"]).as_str(),
            "https://ehr.example.org/fhir/r4/Patient/..%2F..%2Fx%3Fy"
        );
        let since = "2026-02-28T12:00:00Z".parse().expect("a time");
        assert_eq!(
            server.changes("Patient", since).as_str(),
            "https://ehr.example.org/fhir/r4/Patient?_lastUpdated=ge2026-02-28T12%3A00%3A00.000Z&_sort=_lastUpdated&_count=50"
        );
    }

    #[test]
    fn what_separates_in_a_token_is_escaped() {
        assert_eq!(token(("urn:a", "b|c,d\\$")), "urn:a|b\\|c\\,d\\\\\\$");
    }

    #[test]
    fn a_resource_is_known_by_its_type_and_id() {
        let resource = serde_json::json!({"resourceType": "Patient", "id": "a-1",
            "meta": {"versionId": "3", "lastUpdated": "2026-02-28T12:00:00Z"}});
        let known = held("Patient", resource.clone()).expect("a patient");
        assert_eq!((known.id.as_str(), known.version.as_deref()), ("a-1", Some("3")));
        assert!(held("Appointment", resource).is_none());
        for id in ["", "../1", "a/b", &"a".repeat(65)] {
            let resource = serde_json::json!({"resourceType": "Patient", "id": id});
            assert!(held("Patient", resource).is_none(), "{id}");
        }
    }
}
