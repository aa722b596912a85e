//! From the words of GeoReport v2 to ours and back. Pure.

use jiff::{SignedDuration, Timestamp};
use kernel::http::{EVER, Patch};

use super::http::ServiceRequestForm;
use crate::service_requests::RequestBody;

/// The longest span of a question, in days, and the most requests of an answer (GeoReport v2).
const DAYS: i64 = 90;
pub const MOST: i64 = 1000;

/// Whether a status is open in the protocol's two.
pub fn status(ours: &str) -> &'static str {
    match ours {
        "open" | "in_progress" => "open",
        _ => "closed",
    }
}

/// From when to when a question goes: 90 days, ending now unless it is said.
pub fn span(
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    now: Timestamp,
) -> (Timestamp, Timestamp) {
    let longest = SignedDuration::from_hours(DAYS * 24);
    let end = end
        .unwrap_or_else(|| start.map_or(now, |start| start.saturating_add(longest).unwrap_or(now)));
    // Within what the database knows of time.
    let end = end.clamp(EVER.0, EVER.1);
    let earliest = end.saturating_sub(longest).unwrap_or(EVER.0).max(EVER.0);
    (start.unwrap_or(earliest).clamp(earliest, EVER.1), end)
}

/// A code or number, without the format that the path ends in.
pub fn without_format(id: &str) -> Option<&str> {
    id.strip_suffix(".json")
}

/// The form as a report of ours. What it says of the reporter is not kept: a key speaks for a portal, and who wants
/// to be told signs in.
pub fn report(form: ServiceRequestForm) -> RequestBody {
    let text = |value: Option<String>| {
        value.filter(|v| !v.trim().is_empty()).map_or(Patch::Absent, Patch::Value)
    };
    RequestBody {
        category: Patch::Value(form.service_code),
        description: text(form.description),
        address: text(form.address_string),
        latitude: form.lat.map_or(Patch::Absent, Patch::Value),
        longitude: form.long.map_or(Patch::Absent, Patch::Value),
        photo_url: text(form.media_url),
        channel: Patch::Value("open311".into()),
        ..RequestBody::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_goes_over_ninety_days_at_the_most() {
        let at = |days: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(days * 24);
        assert_eq!(span(None, None, at(200)), (at(110), at(200)));
        assert_eq!(span(Some(at(150)), None, at(200)), (at(150), at(240)));
        assert_eq!(span(Some(at(1)), Some(at(200)), at(300)), (at(110), at(200)));
    }

    #[test]
    fn what_is_settled_is_closed_to_the_protocol() {
        assert_eq!(["open", "in_progress"].map(status), ["open"; 2]);
        assert_eq!(["resolved", "closed", "rejected"].map(status), ["closed"; 3]);
    }

    #[test]
    fn a_path_ends_in_its_format() {
        assert_eq!(without_format("SR-1234-5678.json"), Some("SR-1234-5678"));
        assert_eq!(without_format("SR-1234-5678"), None);
    }
}
