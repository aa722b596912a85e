//! Young people who do not exist, those around them, and what happens to them: the same ones at every
//! start.

use jiff::{Timestamp, ToSpan, civil::Date};
use policy::statutes::age_on;
use serde_json::{Value, json};

use super::people_of_the_demo::{of, pick};

const FIRST: &[&str] = &[
    "Ava", "Noah", "Mia", "Liam", "Zoe", "Elijah", "Amara", "Mateo", "Layla", "Isaiah", "Chloe",
    "Omar", "Nia", "Lucas", "Priya", "Jonah", "Sofia", "Malik", "Hannah", "Diego", "Aaliyah",
    "Ethan", "Yara", "Caleb",
];
const LAST: &[&str] = &[
    "Reyes", "Johnson", "Okafor", "Miller", "Nguyen", "Carter", "Haddad", "Brooks", "Kowalski",
    "Diaz", "Freeman", "Patel", "Schmidt", "Abdi", "Thompson", "Moreno", "Walker", "Kim",
    "Jackson", "Rossi",
];
const STREETS: &[&str] =
    &["Oak Street", "Broad Street", "Livingston Avenue", "Mound Street", "Parsons Avenue"];
const SCHOOLS: &[&str] = &["Lincoln Elementary", "Harbor Middle School", "East High School"];
const TOPICS: &[&str] = &[
    "Falling safely",
    "Balance",
    "Throws",
    "Groundwork",
    "Fair play",
    "Grips",
    "Endurance",
    "Games",
];
const GOALS: &[&str] = &[
    "Come every week for a term",
    "Yellow belt",
    "Read twenty minutes a day",
    "Speak up in the circle",
    "Hand in homework on time",
];

pub fn programs() -> [Value; 3] {
    [
        json!({"name": "Judo", "description": "Judo for all ages."}),
        json!({"name": "After school", "description": "Homework, then play."}),
        json!({"name": "Harbor swimming", "setting": "school"}),
    ]
}

pub fn locations() -> [Value; 3] {
    [
        json!({"name": "Harbor dojo", "address": "12 Front Street", "county": "Franklin"}),
        json!({"name": "Community room", "address": "80 Oak Street", "county": "Franklin"}),
        json!({"name": "East High pool", "county": "Franklin"}),
    ]
}

pub fn instructor(n: usize) -> Value {
    json!({
        "full_name": format!("{} {}", of(FIRST, n + 7, 31), of(LAST, n, 32)),
        "email": format!("instructor{n}@harbor.example"),
        "concussion_trained_on": format!("2025-0{}-10", 1 + n % 9),
    })
}

pub fn cohort(n: usize) -> String {
    let day = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"].get(n % 5).copied();
    format!("{} group {}", day.unwrap_or_default(), n + 1)
}

/// A participant of 5 to 18 years, and the day of birth.
pub fn participant(n: usize, today: Date) -> (Value, Date) {
    let age = i64::try_from(5 + pick(n, 40) % 14).unwrap_or(5);
    let days = i64::try_from(pick(n, 41) % 364).unwrap_or(0);
    let born = today.saturating_sub(age.years()).saturating_sub(days.days());
    let (first, last) = (of(FIRST, n, 42), of(LAST, n, 43));
    let phone = format!("+1614555{:04}", pick(n, 44) % 10_000);
    let body = json!({
        "first_name": first,
        "last_name": last,
        "roster_name": format!("{first} {}.", last.get(..1).unwrap_or_default()),
        "date_of_birth": born.to_string(),
        "external_id": format!("HY-{n:04}"),
        "school": of(SCHOOLS, n, 45),
        "guardians": [{"full_name": format!("{} {last}", of(FIRST, n, 46)), "relation": "parent",
                       "phone": phone, "email": format!("family{n}@example.org"), "is_primary": true}],
        "contacts": [{"full_name": format!("{} {last}", of(FIRST, n, 47)), "relation": "aunt", "phone": phone}],
        "addresses": [{"kind": "home", "line1": format!("{} {}", 10 + n, of(STREETS, n, 48)),
                       "city": "Columbus", "state": "OH", "postal_code": "43215", "county": "Franklin"}],
        "medical_notes": n.is_multiple_of(17).then_some("Inhaler in the bag."),
    });
    (body, born)
}

/// In which of the weeks somebody joined.
pub fn joined_week(n: usize, weeks: i64) -> i64 {
    i64::try_from(pick(n, 49)).unwrap_or(0) % weeks
}

/// A parent's consent, or one's own from 18 on.
pub fn consent(n: usize, participant: &str, born: Date, signed: Timestamp) -> Value {
    let signed_on = signed.to_zoned(jiff::tz::TimeZone::UTC).date();
    let grown = age_on(born, signed_on).is_some_and(|age| age >= 18);
    // A guardian who was appointed stays one when the ward comes of age; a parent does not.
    let (basis, grantor) = if grown { ("own", "self") } else { ("guardian", "guardian") };
    json!({
        "participant_id": participant,
        "basis": basis,
        "grantor": grantor,
        "grantor_name": format!("{} {}", of(FIRST, n, 46), of(LAST, n, 43)),
        "relation": if grown { "self" } else { "legal guardian" },
        "text": "I agree to participation in the programmes of Harbor Youth.",
        "text_version": "2024-08",
        "language": if n.is_multiple_of(6) { "es" } else { "en" },
        "channel": "paper",
        "document_reference": format!("binder 3, sheet {n}"),
        "granted_at": signed.to_string(),
    })
}

pub fn goal(n: usize, participant: &str) -> Value {
    json!({"participant_id": participant, "title": of(GOALS, n, 50), "category": "growth"})
}

/// How far somebody has come, where they have begun.
pub fn goal_progress(n: usize) -> Option<Value> {
    match pick(n, 51) % 6 {
        0 => None,
        1 | 2 => Some(json!({"status": "achieved", "note": "Celebrated in the circle."})),
        3 => Some(json!({"status": "on_hold", "note": "After the exams."})),
        4 => Some(json!({"progress": 40})),
        _ => Some(json!({"progress": 75, "note": "Nearly there."})),
    }
}

pub fn attendance(n: usize, week: i64, participant: &str) -> Value {
    let status = match pick(n, 60 + week.unsigned_abs()) % 12 {
        0 => "absent",
        1 => "excused",
        2 => "late",
        _ => "present",
    };
    json!({"participant_id": participant, "status": status})
}

pub fn topic(week: i64) -> &'static str {
    let n = usize::try_from(week).unwrap_or(0);
    TOPICS.get(n % TOPICS.len()).copied().unwrap_or_default()
}

/// The `n`th incident; every kind comes round.
pub fn incident(n: usize, participant: &str, at: Timestamp) -> Value {
    let kinds = [
        "injury",
        "injury_concussion",
        "behavioral",
        "mandated_report",
        "illness",
        "crisis",
        "property",
        "bullying",
    ];
    let kind = kinds.get(n % kinds.len()).copied().unwrap_or("other");
    let mut body = json!({
        "incident_type": kind,
        "participant_id": participant,
        "severity": if kind == "crisis" { "critical" } else { "low" },
        "occurred_at": at.to_string(),
        "description": "Written down on the day by the instructor.",
    });
    if kind == "mandated_report"
        && let Some(body) = body.as_object_mut()
    {
        body.insert(
            "report_basis".into(),
            "Marks that the account of them does not explain.".into(),
        );
    }
    body
}

/// What an incident closes with.
pub fn closing(n: usize, at: Timestamp) -> Value {
    match n % 8 {
        3 => json!({"resolution": "With the agency.", "recipient": {
            "agency_type": "pcsa", "agency_name": "Franklin County Children Services", "county": "Franklin",
            "channel": "phone", "reported_at": at.to_string(), "reference_no": format!("FC-{n:03}"),
        }}),
        _ => json!({"resolution": "Talked over with the family."}),
    }
}

pub fn clinician() -> Value {
    json!({"name": "Dr. Mina Okafor", "profession": "physician", "licence_number": "35.123456",
           "licence_state": "OH", "document_reference": "form on file"})
}

pub fn handbook() -> Value {
    json!({
        "title": "Harbor handbook for instructors",
        "citation": "Harbor Youth Programme, 2026",
        "text": "# Heads\n\nWhoever hits their head stops. No talking it down, no last round. The instructor \
                 writes the incident the same day and calls the family; the way back has six steps of a day \
                 each and a clinician's word on paper.\n\n# Circles\n\nWe open and close with a circle. Who \
                 speaks holds the ball. After a quarrel the circle asks what happened, who was hurt and what \
                 will put it right.\n\n# Reports\n\nWho sees signs of harm at home tells children services at \
                 once, by telephone, and writes down whom they told.",
    })
}
