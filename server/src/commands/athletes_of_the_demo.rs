//! Athletes who do not exist, their teams, and what happens to them over a season: the same ones at every
//! start.

use jiff::{ToSpan, civil::Date};
use serde_json::{Value, json};

use super::people_of_the_demo::{of, pick};

/// The child of the demo's parent, and the one whom the demo's student is.
pub const CHILD: usize = 0;
pub const STUDENT: usize = 1;

const FIRST: &[&str] = &[
    "Jordan", "Emma", "Tyler", "Naomi", "Marcus", "Grace", "Andre", "Leah", "Owen", "Imani",
    "Connor", "Rosa", "Devin", "Hana", "Wyatt", "Keisha", "Julian", "Mei", "Darius", "Ellie",
    "Samir", "Tessa", "Logan", "Fatima",
];
const LAST: &[&str] = &[
    "Adams", "Bennett", "Castillo", "Dawson", "Evans", "Foster", "Grant", "Hughes", "Iverson",
    "Jensen", "Keller", "Lopez", "Mitchell", "Novak", "Ortiz", "Perry", "Quinn", "Rivera",
    "Sullivan", "Turner", "Usman", "Vasquez", "Weaver", "Young",
];
const ADULTS: &[&str] =
    &["Dana", "Robert", "Maria", "Kevin", "Alicia", "James", "Thuy", "Michael", "Sharon", "Ahmed"];
/// Name and sport.
const TEAMS: [(&str, &str); 12] = [
    ("Varsity Football", "fb"),
    ("JV Football", "fb"),
    ("Varsity Soccer", "so"),
    ("JV Soccer", "so"),
    ("Varsity Volleyball", "vb"),
    ("JV Volleyball", "vb"),
    ("Cross Country", "xc"),
    ("Varsity Basketball", "bb"),
    ("JV Basketball", "bb"),
    ("Wrestling", "wr"),
    ("Lacrosse", "lx"),
    ("Track and Field", "tf"),
];
/// What is hurt, and how.
const HURT: [(&str, &str); 10] = [
    ("left ankle", "inversion, landing on another foot"),
    ("right ankle", "rolled over on a cut"),
    ("left knee", "twisted with the foot planted"),
    ("right knee", "direct blow from the side"),
    ("right shoulder", "fell on the outstretched arm"),
    ("left wrist", "fell on the hand"),
    ("right hamstring", "sprinting"),
    ("lower back", "lifting in the weight room"),
    ("left hip", "collision"),
    ("right thumb", "caught the ball with the tip"),
];

pub fn school() -> Value {
    json!({
        "external_id": "sch_lincoln",
        "domain": "lincoln.example",
        "config": {
            "primary_color": "#14375e",
            "logo_url": "https://lincoln.example/logo.svg",
            "sport_names": {"fb": "Football", "so": "Soccer", "vb": "Volleyball", "xc": "Cross Country",
                            "bb": "Basketball", "wr": "Wrestling", "lx": "Lacrosse", "tf": "Track and Field"},
        },
    })
}

/// The teams: two of the demo's coach, one of the soccer coach.
pub fn teams(coach: Option<&str>, soccer_coach: Option<&str>) -> Vec<Value> {
    let team = |n: usize, name: &str, sport: &str| {
        let coach = match n {
            0 | 1 => coach,
            2 => soccer_coach,
            _ => None,
        };
        let coach_ids: Vec<_> = coach.into_iter().collect();
        json!({"name": name, "sport": sport, "coach_ids": coach_ids})
    };
    TEAMS.iter().enumerate().map(|(n, (name, sport))| team(n, name, sport)).collect()
}

/// An athlete of 13 to 18 years, in one or two of the teams.
pub fn athlete(n: usize, teams: &[String], today: Date) -> Value {
    let (grade, age, days) = match n {
        CHILD => (10, 15, 100),
        STUDENT => (12, 18, 40),
        _ => match (9 + pick(n, 70) % 4, pick(n, 71) % 2) {
            (12, 0) if pick(n, 72).is_multiple_of(3) => (12, 18, pick(n, 73) % 60),
            (grade, late) => (grade, grade + 4 + late, pick(n, 73) % 365),
        },
    };
    let (years, days) = (i64::try_from(age).unwrap_or(0), i64::try_from(days).unwrap_or(0));
    let born = today.saturating_sub(years.years()).saturating_sub(days.days());
    let in_teams: Vec<usize> = match n.is_multiple_of(4) {
        true => vec![n % TEAMS.len(), (n + 6) % TEAMS.len()],
        false => vec![n % TEAMS.len()],
    };
    let sports: Vec<_> =
        in_teams.iter().filter_map(|&at| TEAMS.get(at)).map(|team| team.1).collect();
    let team_ids: Vec<_> = in_teams.iter().filter_map(|&at| teams.get(at)).collect();
    json!({
        "external_id": format!("ath_{}", 1000 + n),
        "first_name": of(FIRST, n, 74),
        "last_name": of(LAST, n, 75),
        "date_of_birth": born.to_string(),
        "grade": grade.to_string(),
        "sports": sports,
        "team_ids": team_ids,
    })
}

/// The parents of an athlete: one, of every third two. The demo's parent is the child's first.
pub fn parents(n: usize, account: Option<&str>) -> Vec<Value> {
    let parent = |which: u64| {
        let phone = format!("+1614555{:04}", pick(n, 76 + which) % 10_000);
        json!({
            "account_id": account.filter(|_| n == CHILD && which == 0),
            "full_name": format!("{} {}", of(ADULTS, n, 78 + which), of(LAST, n, 75)),
            "relation": "parent",
            "phone": phone,
            "email": format!("home{n}.{which}@example.org"),
            "is_primary": which == 0,
        })
    };
    (0..if n.is_multiple_of(3) { 2 } else { 1 }).map(parent).collect()
}

/// The student, who has come of age, as who holds the rights in the own record.
pub fn oneself(account: &str) -> Value {
    json!({"account_id": account, "full_name": "Demo student", "relation": "self"})
}

/// An injury of the season, but for those of the head.
pub struct Injury {
    n: usize,
    severity: &'static str,
    /// From the injury to its clearance.
    pub days: i64,
}

impl Injury {
    pub fn new(n: usize) -> Self {
        let (severity, least, more) = match pick(n, 80) % 20 {
            0..=9 => ("mild", 6, 8),
            10..=16 => ("moderate", 18, 20),
            _ => ("severe", 50, 40),
        };
        let days = i64::try_from(least + pick(n, 81) % more).unwrap_or(0);
        Self { n, severity, days }
    }

    /// What the trainer taps at the sideline.
    pub fn entry(&self, athlete: &str) -> Value {
        let (part, mechanism) =
            HURT.get(pick(self.n, 82) % HURT.len()).copied().unwrap_or_default();
        json!({
            "athlete_id": athlete,
            "body_part": part,
            "mechanism": mechanism,
            "severity": self.severity,
            "removed_from_play": self.severity != "mild",
            "visibility": ["parent"],
            "client_id": format!("demo-{}", self.n),
        })
    }

    /// What is recorded later: after how many hours, and what. A lifting is of the last restriction.
    pub fn later(&self, first_day: Date) -> Vec<(i64, Value)> {
        let hours = self.days * 24;
        let out = if self.severity == "severe" { "out" } else { "restricted" };
        let until = first_day.saturating_add((self.days / 2).days()).to_string();
        let mut events = vec![(
            20,
            json!({
                "kind": "evaluation", "availability": out,
                "note": "Evaluated: ice, compression, and back for a look every second day.",
                "clinical_notes": "Tender on palpation, no laxity; pain 4 of 10 under load. Re-test strength weekly.",
                "visibility": ["parent"],
            }),
        )];
        if self.severity != "mild" {
            events.push((21, json!({
                "kind": "restriction_added", "restriction": "No running, jumping or contact.",
                "restriction_until": until, "availability": out, "visibility": ["coach", "parent"],
            })));
            events.push((hours / 3, json!({
                "kind": "note", "note": "Exercises at home twice a day, the sheet is in the bag.",
                "visibility": ["parent"],
            })));
            events.push((
                hours / 2,
                json!({
                    "kind": "restriction_lifted", "note": "Straight-line running again.",
                    "visibility": ["coach", "parent"],
                }),
            ));
            events.push((hours * 2 / 3, json!({
                "kind": "evaluation", "availability": "restricted", "note": "Back in parts of practice.",
                "visibility": ["coach", "parent"],
            })));
        }
        events.push((hours, clearance()));
        events
    }

    /// Whether it is back some days after the clearance.
    pub fn comes_back(&self) -> bool {
        self.n % 30 == 7
    }

    /// Where it is to go, and after how many days; the longer ones alone have that.
    pub fn milestones(&self, first_day: Date) -> Vec<(i64, Value)> {
        let goals = [
            ("Walks without a limp", "acute", self.days / 5),
            ("Full range of motion", "recovery", self.days / 2),
            ("Full practice", "return", self.days - 1),
        ];
        let goals = goals.into_iter().filter(|_| self.severity == "severe");
        let milestone = |(title, phase, days): (&str, &str, i64)| {
            let target = first_day.saturating_add(days.days());
            (days, json!({"title": title, "phase": phase, "target_on": target.to_string()}))
        };
        goals.map(milestone).collect()
    }
}

pub fn clearance() -> Value {
    json!({"kind": "clearance_granted", "note": "Cleared for full play.", "visibility": ["coach", "parent"]})
}

/// Of the concussions: how many days ago, and the stage that it has come to.
const COURSES: [(i64, i64); 9] =
    [(70, 6), (48, 6), (27, 6), (1, 1), (3, 2), (6, 4), (5, 3), (3, 2), (9, 6)];

/// A concussion, and how far it has come since.
pub struct Concussion {
    pub days_ago: i64,
    pub stage: i64,
    /// Symptoms came back at this stage.
    pub regressed: bool,
    pub resolved: bool,
}

/// Whether the `n`th injury is one.
pub fn concussion(n: usize) -> Option<Concussion> {
    let (days_ago, stage) = *COURSES.get(n / 14).filter(|_| n % 14 == 10)?;
    let (regressed, resolved) = (n / 14 == 4, n / 14 < 3);
    Some(Concussion { days_ago, stage, regressed, resolved })
}

/// A blow to the head, as it is entered.
pub fn blow(athlete: &str, n: usize) -> Value {
    json!({
        "athlete_id": athlete, "body_part": "head", "mechanism": "helmet to helmet, dizzy for some minutes",
        "severity": "moderate", "removed_from_play": true, "suspected_concussion": true,
        "visibility": ["parent"], "client_id": format!("demo-{n}"),
    })
}

pub fn rest() -> Value {
    json!({
        "kind": "evaluation", "note": "Rest from practice and screens; call at once if a headache grows.",
        "clinical_notes": "SCAT6: symptom score 14, delayed recall 6 of 10, balance 5 errors.",
        "visibility": ["parent"],
    })
}

pub fn clinician() -> Value {
    json!({"name": "Dr. Ruth Calder", "profession": "physician", "licence_number": "35.098765",
           "licence_state": "OH", "document_reference": "clearance form in the office"})
}

/// Who outside of the school was shown a record, by the athlete.
pub fn disclosures() -> [(usize, Value); 2] {
    [
        (
            17,
            json!({"recipient": "Franklin County EMS", "interest": "treatment on the field",
                    "basis": "health_or_safety_emergency", "what": "the entry of the day",
                    "threat": "could not feel the left hand after a collision"}),
        ),
        (
            CHILD,
            json!({"recipient": "Olentangy Physical Therapy", "interest": "treatment after school",
                       "basis": "consent", "what": "the events of one case, but for the trainer's notes"}),
        ),
    ]
}
