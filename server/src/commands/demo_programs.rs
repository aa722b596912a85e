//! The demo's youth programme: 500 participants, two years of sessions, incidents of each kind. It is
//! loaded through the module's own routes, so every gate and the ledger saw it.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};
use kernel::{Core, db::Platform, http::Route};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Failure,
    demo_requests::{AT_ONCE, Requests},
    participants_of_the_demo as data, show,
};

const COHORTS: usize = 12;
/// How many at the most, and over how many weeks: two years.
const PARTICIPANTS: usize = 500;
const WEEKS: i64 = 104;

/// Loads one organisation.
pub struct Loader<'a> {
    requests: Requests<'a>,
    participants: usize,
    weeks: i64,
}

impl<'a> Loader<'a> {
    /// For an organisation whose demo has `records` of a kind: 500 participants and two years, or fewer.
    pub fn new(core: &'a Arc<Core>, routes: &'a [Route], tenant: Uuid, records: usize) -> Self {
        let weeks = i64::try_from(records).unwrap_or(WEEKS).min(WEEKS);
        let participants = records.min(PARTICIPANTS);
        Self { requests: Requests::new(core, routes, tenant), participants, weeks }
    }

    /// Loads all of it. What an interrupted start left is left as it is.
    ///
    /// # Errors
    /// A refusal that the demo did not expect, in words.
    pub async fn load(&self, platform: &Platform) -> Result<(), Failure> {
        let Some(cohorts) = self.offerings().await? else { return Ok(()) };
        let bar = show::progress(Some(self.steps()), "programme", false);
        let participants = stream::iter(0..self.participants)
            .map(|n| self.participant(n, &cohorts))
            .buffered(AT_ONCE)
            .inspect(|_| bar.inc(1))
            .try_collect::<Vec<_>>()
            .await?;
        // The sessions' gates look for consents by plans that were made when there were none.
        platform.analyze().await?;
        let sessions =
            (0..COHORTS).flat_map(|cohort| (0..self.weeks).map(move |week| (cohort, week)));
        stream::iter(sessions)
            .map(|(cohort, week)| self.session(cohort, week, &cohorts, &participants))
            .buffer_unordered(AT_ONCE)
            .inspect(|_| bar.inc(1))
            .try_collect::<()>()
            .await?;
        self.incidents(&participants).await?;
        self.knowledge().await?;
        bar.finish_and_clear();
        Ok(())
    }

    fn steps(&self) -> u64 {
        let sessions = COHORTS * usize::try_from(self.weeks).unwrap_or(0);
        (self.participants + sessions) as u64
    }

    /// Programmes, locations, instructors, and the cohorts' ids; `None` when they are there already.
    async fn offerings(&self) -> Result<Option<Vec<Cohort>>, Failure> {
        let known = self.requests.send("GET /programs", "", &Value::Null).await?;
        if known.as_array().is_some_and(|known| !known.is_empty()) {
            return Ok(None);
        }
        let mut programs = vec![];
        for program in data::programs() {
            programs.push(self.requests.create("POST /programs", &program).await?);
        }
        let (mut locations, mut instructors) = (vec![], vec![]);
        for location in data::locations() {
            locations.push(self.requests.create("POST /locations", &location).await?);
        }
        for n in 0..8 {
            instructors
                .push(self.requests.create("POST /instructors", &data::instructor(n)).await?);
        }
        let mut cohorts = vec![];
        for n in 0..COHORTS {
            let program = cycle(&programs, n).to_owned();
            let body = json!({"program_id": program, "name": data::cohort(n), "capacity": 60});
            cohorts.push(Cohort {
                id: self.requests.create("POST /cohorts", &body).await?,
                location: cycle(&locations, n).to_owned(),
                instructor: cycle(&instructors, n).to_owned(),
            });
        }
        Ok(Some(cohorts))
    }

    /// Somebody with a consent, a cohort and, mostly, a goal. Three have no consent yet.
    async fn participant(&self, n: usize, cohorts: &[Cohort]) -> Result<Participant, Failure> {
        let (body, born) = data::participant(n, self.requests.now.to_zoned(TimeZone::UTC).date());
        let participant = self.requests.create("POST /participants", &body).await?;
        let joined_week = data::joined_week(n, self.weeks);
        let joined = self.weeks_ago(self.weeks - joined_week);
        let consented = n >= 3;
        if consented {
            let signed = joined - SignedDuration::from_hours(7 * 24);
            let consent = data::consent(n, &participant, born, signed);
            self.requests.create("POST /consent", &consent).await?;
        }
        let cohort = n % COHORTS;
        if let Some(at) = cohorts.get(cohort) {
            let started_on = joined.to_zoned(TimeZone::UTC).date().to_string();
            let body = json!({"participant_id": participant, "cohort_id": at.id, "started_on": started_on});
            let enrollment = self.requests.create("POST /enrollments", &body).await?;
            if n % 11 == 10 {
                let ended = json!({"status": "withdrawn", "reason": "The family moved."});
                self.requests.send("PATCH /enrollments/{id}/end", &enrollment, &ended).await?;
            }
        }
        if n % 5 < 3 {
            let goal = self.requests.create("POST /goals", &data::goal(n, &participant)).await?;
            if let Some(progress) = data::goal_progress(n) {
                self.requests.send("PATCH /goals/{id}", &goal, &progress).await?;
            }
        }
        Ok(Participant { id: participant, cohort, joined_week, consented })
    }

    fn weeks_ago(&self, weeks: i64) -> Timestamp {
        self.requests.now - SignedDuration::from_hours(weeks * 7 * 24)
    }

    /// A cohort's session of a week, with those who had joined by then.
    async fn session(
        &self,
        cohort: usize,
        week: i64,
        cohorts: &[Cohort],
        participants: &[Participant],
    ) -> Result<(), Failure> {
        let Some(at) = cohorts.get(cohort) else { return Ok(()) };
        // Half past four in the afternoon in Ohio, whatever the clocks do.
        let zone = TimeZone::get("America/New_York").map_err(|e| Failure::Usage(e.to_string()))?;
        let day = self.weeks_ago(self.weeks - week).to_zoned(zone);
        let days = i64::try_from(cohort % 5).unwrap_or(0);
        let day = day
            .checked_add(days.days())
            .and_then(|day| day.with().hour(16).minute(30).second(0).subsec_nanosecond(0).build());
        let starts = day.map_err(|e| Failure::Usage(e.to_string()))?.timestamp();
        if starts >= self.requests.now {
            return Ok(());
        }
        let there = participants
            .iter()
            .enumerate()
            .filter(|(_, p)| p.cohort == cohort && p.joined_week <= week && p.consented);
        let attendance: Vec<_> = there.map(|(n, p)| data::attendance(n, week, &p.id)).collect();
        let body = json!({
            "cohort_id": at.id,
            "location_id": at.location,
            "instructor_id": at.instructor,
            "starts_at": starts.to_string(),
            "ends_at": (starts + SignedDuration::from_mins(90)).to_string(),
            "topic": data::topic(week),
            "attendance": attendance,
        });
        self.requests.create("POST /sessions", &body).await.map(drop)
    }

    /// Incidents of each kind over the two years; among them a concussion that waits for clearance.
    async fn incidents(&self, participants: &[Participant]) -> Result<(), Failure> {
        for n in 0..40 {
            let at = self.weeks_ago(i64::try_from(n).unwrap_or(0) * 2 + 3);
            let who = participants.get(n * 7 % self.participants.max(1)).map(|p| p.id.as_str());
            let body = data::incident(n, who.unwrap_or_default(), at);
            let incident = self.requests.create_at(at, "POST /incidents", "", &body).await?;
            if body.get("incident_type") == Some(&json!("injury_concussion")) {
                self.return_to_play(&incident, at, 6, true).await?;
            }
            if n % 8 != 7 {
                let closed = at + SignedDuration::from_hours(9 * 24);
                let body = data::closing(n, at);
                self.requests
                    .send_at(closed, "PATCH /incidents/{id}/close", &incident, &body)
                    .await?;
            }
        }
        // Taken off the mat four days ago, and every step since without symptoms.
        let at = self.requests.now - SignedDuration::from_hours(4 * 24);
        let who = participants
            .get(12 % self.participants.max(1))
            .map(|p| p.id.as_str())
            .unwrap_or_default();
        let body = json!({"incident_type": "injury_concussion", "participant_id": who, "severity": "moderate",
                          "description": "Fell backwards in a throw; dizzy for some minutes."});
        let incident = self.requests.create_at(at, "POST /incidents", "", &body).await?;
        self.return_to_play(&incident, at, 3, false).await
    }

    /// Goes on a day a stage, up to `stage`, with a clearance on the way where there is one to be.
    async fn return_to_play(
        &self,
        incident: &str,
        opened: Timestamp,
        stage: i64,
        cleared: bool,
    ) -> Result<(), Failure> {
        let route = "PATCH /incidents/{id}/rtp";
        for next in 2..=stage {
            let at = opened + SignedDuration::from_hours((next - 1) * 24);
            if next == 4 && cleared {
                let clear =
                    json!({"action": "clear", "symptoms": false, "clinician": data::clinician()});
                self.requests
                    .send_at(at - SignedDuration::from_hours(1), route, incident, &clear)
                    .await?;
            }
            let advance = json!({"action": "advance", "symptoms": false});
            self.requests.send_at(at, route, incident, &advance).await?;
        }
        Ok(())
    }

    async fn knowledge(&self) -> Result<(), Failure> {
        self.requests.create("POST /knowledge/documents", &data::handbook()).await.map(drop)
    }
}

struct Cohort {
    id: String,
    location: String,
    instructor: String,
}

struct Participant {
    id: String,
    cohort: usize,
    joined_week: i64,
    consented: bool,
}

fn cycle(list: &[String], n: usize) -> &str {
    list.get(n % list.len().max(1)).map_or("", String::as_str)
}
