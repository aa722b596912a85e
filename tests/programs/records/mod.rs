//! Participants and what surrounds them: kept as sent, changed only whole, listed without loss.

mod courses;
mod lists;
mod participants;

use std::collections::BTreeSet;

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;
use testkit::{Reply, run, run_with};

use super::*;

/// What people really have as names, and what they should not be able to do with them.
const HOSTILE: [&str; 8] = [
    "=cmd|' /C calc'!A0",
    "+1-@SUM(A1)",
    "👩‍👧‍👦 Zoë 🥋",
    "\u{202e}evil\u{202c} مريم بنت عمر",
    "'; drop table programs.participant; --",
    "<script>alert(1)</script>",
    "${jndi:ldap://x} {{7*7}} %00 \\u0000",
    "line one\n\tline two",
];

fn status_of(replies: &[Reply], status: u16) -> usize {
    replies.iter().filter(|reply| reply.status == status).count()
}

/// All pages of a list, two at a time, each found by the Link of the one before.
async fn walked(who: &Persona, path: &str) -> Vec<Value> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let (mut next, mut seen) = (Some(format!("{path}{separator}limit=2")), vec![]);
    while let Some(page) = next {
        let reply = who.get(&page).await;
        assert_eq!(reply.status, 200, "{page}: {}", reply.text);
        let rows = reply.json().as_array().unwrap().clone();
        assert!(rows.len() <= 2, "{page}");
        next = reply.header("link").map(|link| {
            assert!(link.starts_with('<') && link.ends_with(">; rel=\"next\""), "{link}");
            link[1..link.find('>').unwrap()].to_owned()
        });
        assert!(next.is_none() || rows.len() == 2, "{page}: a page that is not the last is full");
        seen.extend(rows);
        assert!(seen.len() < 500, "{path} does not end");
    }
    let distinct: BTreeSet<_> = seen.iter().map(ToString::to_string).collect();
    assert_eq!(distinct.len(), seen.len(), "{path}: a record twice");
    seen
}

fn named(last: &str) -> Value {
    json!({"first_name": "Ava", "last_name": last, "date_of_birth": "2013-05-10"})
}

/// A session of this cohort with this attendance.
fn session(cohort: &str, starts_at: &str, attendance: &[(&str, &str)]) -> Value {
    let entry = |(who, status): &(&str, &str)| json!({"participant_id": who, "status": status});
    let attendance: Vec<_> = attendance.iter().map(entry).collect();
    json!({"cohort_id": cohort, "starts_at": starts_at, "attendance": attendance})
}
