//! The demo's school: 400 athletes, and a season from the sideline to clearance. It is loaded through the
//! module's own routes, so every gate and the ledger saw it.

use std::{collections::HashMap, sync::Arc};

use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date, tz::TimeZone};
use kernel::{Core, db::Platform, http::Route};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Failure, athletes_of_the_demo as data,
    athletes_of_the_demo::{Concussion, Injury},
    demo_requests::{AT_ONCE, Requests, field},
    show,
};

/// How many at the most.
const ATHLETES: usize = 400;
const INJURIES: usize = 130;
/// Fourteen weeks, in days.
const SEASON: i64 = 98;

/// Loads one organisation.
pub struct Loader<'a> {
    requests: Requests<'a>,
    zone: TimeZone,
    athletes: usize,
    injuries: usize,
}

/// The ids of accounts, by what stands before the @ of their addresses.
type Accounts = HashMap<String, String>;

impl<'a> Loader<'a> {
    /// For an organisation whose demo has `records` of a kind: 400 athletes and 130 injuries, or fewer.
    ///
    /// # Errors
    /// The system does not know Ohio's time zone.
    pub fn new(
        core: &'a Arc<Core>,
        routes: &'a [Route],
        tenant: Uuid,
        records: usize,
    ) -> Result<Self, Failure> {
        let zone = TimeZone::get("America/New_York").map_err(|e| Failure::Usage(e.to_string()))?;
        let (athletes, injuries) = (records.min(ATHLETES), records.min(INJURIES));
        Ok(Self { requests: Requests::new(core, routes, tenant), zone, athletes, injuries })
    }

    /// Loads all of it. What an interrupted start left is left as it is.
    ///
    /// # Errors
    /// A refusal that the demo did not expect, in words.
    pub async fn load(&self, platform: &Platform) -> Result<(), Failure> {
        let known = self.requests.send("GET /api/v1/teams", "", &Value::Null).await?;
        if known.as_array().is_some_and(|known| !known.is_empty()) {
            return Ok(());
        }
        let bar = show::progress(Some((self.athletes + self.injuries) as u64), "school", false);
        let accounts = self.accounts().await?;
        let teams = self.teams(&accounts).await?;
        let athletes = stream::iter(0..self.athletes)
            .map(|n| self.athlete(n, &teams, &accounts))
            .buffered(AT_ONCE)
            .inspect(|_| bar.inc(1))
            .try_collect::<Vec<_>>()
            .await?;
        // What follows looks for cases by plans that were made when there was nobody.
        platform.analyze().await?;
        stream::iter(athletes.iter().take(self.injuries).enumerate())
            .map(|(n, athlete)| async move {
                match data::concussion(n) {
                    Some(concussion) => self.concussion(n, athlete, &concussion).await,
                    None => self.injury(n, athlete).await,
                }
            })
            .buffer_unordered(AT_ONCE)
            .inspect(|_| bar.inc(1))
            .try_collect::<()>()
            .await?;
        self.rights(&athletes, &accounts).await?;
        bar.finish_and_clear();
        Ok(())
    }

    async fn accounts(&self) -> Result<Accounts, Failure> {
        let people = self.requests.send("GET /auth/users", "", &Value::Null).await?;
        let people = people.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        let named = |person: &Value| {
            let email = field(person, "email");
            let name = email.split_once('@').map_or("", |(name, _)| name).to_owned();
            (name, field(person, "id"))
        };
        Ok(people.iter().map(named).collect())
    }

    async fn teams(&self, accounts: &Accounts) -> Result<Vec<String>, Failure> {
        self.requests.send("PATCH /api/v1/school", "", &data::school()).await?;
        let account = |name: &str| accounts.get(name).map(String::as_str);
        let mut teams = vec![];
        for team in data::teams(account("coach"), account("soccer.coach")) {
            teams.push(self.requests.create("POST /api/v1/teams", &team).await?);
        }
        Ok(teams)
    }

    /// Somebody with the adults around them.
    async fn athlete(
        &self,
        n: usize,
        teams: &[String],
        accounts: &Accounts,
    ) -> Result<String, Failure> {
        let body = data::athlete(n, teams, self.day(self.requests.now));
        let athlete = self.requests.create("POST /api/v1/athletes", &body).await?;
        let route = "POST /api/v1/athletes/{id}/guardians";
        for parent in data::parents(n, accounts.get("parent").map(String::as_str)) {
            self.requests.send(route, &athlete, &parent).await?;
        }
        if let Some(account) = accounts.get("student").filter(|_| n == data::STUDENT) {
            self.requests.send(route, &athlete, &data::oneself(account)).await?;
        }
        Ok(athlete)
    }

    fn day(&self, at: Timestamp) -> Date {
        at.to_zoned(self.zone.clone()).date()
    }

    /// A time of practice in Ohio, some days ago.
    fn practice(&self, days_ago: i64, n: usize) -> Result<Timestamp, Failure> {
        let minute = i8::try_from(n * 7 % 60).unwrap_or(0);
        let day = self.requests.now.to_zoned(self.zone.clone()).checked_sub(days_ago.days());
        let time = day.and_then(|day| {
            day.with().hour(17).minute(minute).second(0).subsec_nanosecond(0).build()
        });
        Ok(time.map_err(|e| Failure::Usage(e.to_string()))?.timestamp())
    }

    /// When the `n`th injury was, if not of the head: one after another over the season.
    fn of_the_season(&self, n: usize) -> Result<Timestamp, Failure> {
        let [n_th, all] = [n, self.injuries.max(1)].map(|n| i64::try_from(n).unwrap_or(1));
        self.practice(SEASON - SEASON * n_th / all, n)
    }

    /// The `n`th injury, and what became of it up to now.
    async fn injury(&self, n: usize, athlete: &str) -> Result<(), Failure> {
        let begun = self.of_the_season(n)?;
        let injury = Injury::new(n);
        let case = self.enter(begun, &injury.entry(athlete)).await?;
        self.milestones(&injury, &case, begun).await?;
        let mut restriction = String::new();
        for (hours, mut event) in injury.later(self.day(begun)) {
            let at = begun + SignedDuration::from_hours(hours);
            if at >= self.requests.now {
                return Ok(());
            }
            let kind = field(&event, "kind");
            if let Some(event) = event.as_object_mut().filter(|_| kind == "restriction_lifted") {
                event.insert("lifts".into(), json!(restriction));
            }
            let id = self.record(at, &case, &event).await?;
            if kind == "restriction_added" {
                restriction = id;
            }
        }
        let again = begun + SignedDuration::from_hours((injury.days + 3) * 24);
        if injury.comes_back() && again < self.requests.now {
            let reason = json!({"reason": "The pain is back after the game."});
            self.requests.send_at(again, "POST /api/v1/cases/{id}/reopen", &case, &reason).await?;
        }
        Ok(())
    }

    /// An entry at the sideline: the case that it opened.
    async fn enter(&self, at: Timestamp, entry: &Value) -> Result<String, Failure> {
        let entered = self.requests.send_at(at, "POST /api/v1/events/sideline-entry", "", entry);
        Ok(field(&entered.await?, "case_id"))
    }

    async fn record(&self, at: Timestamp, case: &str, event: &Value) -> Result<String, Failure> {
        self.requests.create_at(at, "POST /api/v1/cases/{id}/events", case, event).await
    }

    /// Set two days after the injury, and reached in time; those that have not come move.
    async fn milestones(
        &self,
        injury: &Injury,
        case: &str,
        begun: Timestamp,
    ) -> Result<(), Failure> {
        let set = begun + SignedDuration::from_hours(48);
        if set >= self.requests.now {
            return Ok(());
        }
        for (days, body) in injury.milestones(self.day(begun)) {
            let milestone = self
                .requests
                .create_at(set, "POST /api/v1/cases/{id}/milestones", case, &body)
                .await?;
            let route = "PATCH /api/v1/milestones/{id}";
            let at = begun + SignedDuration::from_hours(days * 24);
            if at < self.requests.now {
                let reached = json!({"reached_on": self.day(at).to_string()});
                self.requests.send_at(at, route, &milestone, &reached).await?;
            } else {
                let later = self.day(at).saturating_add(5.days()).to_string();
                let moved = json!({"target_on": later, "reason": "Swelling persists."});
                self.requests.send_at(self.requests.now, route, &milestone, &moved).await?;
            }
        }
        Ok(())
    }

    /// On a day a stage, with a clearance in writing before the fourth.
    async fn concussion(&self, n: usize, athlete: &str, story: &Concussion) -> Result<(), Failure> {
        let removed = self.practice(story.days_ago, n)?;
        let case = self.enter(removed, &data::blow(athlete, n)).await?;
        self.record(removed + SignedDuration::from_mins(30), &case, &data::rest()).await?;
        let (rtp, hours) = ("PATCH /api/v1/cases/{id}/rtp", SignedDuration::from_hours);
        for next in 2..=story.stage {
            let at = removed + hours((next - 1) * 25);
            if next == 4 {
                let clear =
                    json!({"action": "clear", "symptoms": false, "clinician": data::clinician()});
                self.requests.send_at(at - hours(1), rtp, &case, &clear).await?;
            }
            let advance = json!({"action": "advance", "symptoms": false});
            self.requests.send_at(at, rtp, &case, &advance).await?;
        }
        let after = removed + hours((story.stage - 1) * 25 + 5);
        if story.regressed {
            let regress = json!({"action": "regress", "symptoms": ["headache"]});
            self.requests.send_at(after, rtp, &case, &regress).await?;
        }
        if story.resolved {
            self.record(after, &case, &data::clearance()).await?;
        }
        Ok(())
    }

    /// An inspection that waits for its answer and one that has it, and whom else the school told.
    async fn rights(&self, athletes: &[String], accounts: &Accounts) -> Result<(), Failure> {
        let now = self.requests.now;
        self.ask(now, athletes.get(data::CHILD), accounts.get("parent")).await?;
        let asked = now - SignedDuration::from_hours(20 * 24);
        let inspection =
            self.ask(asked, athletes.get(data::STUDENT), accounts.get("student")).await?;
        if let Some(inspection) = inspection {
            // The record is what was written down by the time of the answer, and that was just now.
            let note = json!({"note": "Reviewed with the school nurse."});
            let route = "POST /api/v1/inspections/{id}/release";
            self.requests.send_at(self.requests.later(), route, &inspection, &note).await?;
        }
        for (n, body) in data::disclosures() {
            if let Some(athlete) = athletes.get(n) {
                let route = "POST /api/v1/athletes/{id}/disclosures";
                let at = self.of_the_season(n)? + SignedDuration::from_hours(1);
                self.requests.send_at(at, route, athlete, &body).await?;
            }
        }
        Ok(())
    }

    /// The rights in a record are an account's, so the run that asks has its id.
    async fn ask(
        &self,
        at: Timestamp,
        athlete: Option<&String>,
        account: Option<&String>,
    ) -> Result<Option<String>, Failure> {
        let account = account.and_then(|account| account.parse().ok());
        let Some((athlete, account)) = athlete.zip(account) else { return Ok(None) };
        let body = json!({"athlete_id": athlete, "reason": "For a second opinion."});
        let asked = self.requests.send_in(account, at, "POST /api/v1/inspections", "", &body);
        Ok(Some(field(&asked.await?, "id")))
    }
}
