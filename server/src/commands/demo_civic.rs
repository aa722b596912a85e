//! The demo's municipalities: what was reported in two months and what became of it. Loaded through the module's own
//! routes, so every gate and the ledger saw it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kernel::{Core, db::Platform, http::Route};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Failure, demo_requests::Requests, show};

/// How many at the most, in each municipality.
const REPORTS: usize = 60;

/// A municipality of the demo: its code, and what is public of it.
pub struct Municipality {
    pub code: &'static str,
    province: &'static str,
    population: i64,
    /// Degrees of its middle.
    at: (f64, f64),
}

pub const MUNICIPALITIES: [Municipality; 3] = [
    Municipality {
        code: "kwa-example",
        province: "KwaZulu-Natal",
        population: 410_000,
        at: (-28.78, 32.04),
    },
    Municipality {
        code: "voorbeeld",
        province: "Western Cape",
        population: 92_000,
        at: (-33.93, 18.86),
    },
    Municipality {
        code: "sample-hills",
        province: "Gauteng",
        population: 640_000,
        at: (-26.2, 28.05),
    },
];

/// What people report: category, words, language, street.
const REPORTED: [(&str, &str, &str, &str); 8] = [
    ("water", "Amanzi ayavuza emgwaqweni.", "zu", "Main Road"),
    ("street_light", "Die straatlig brand nie.", "af", "Kerkstraat"),
    ("roads", "A pothole deep enough for a wheel.", "en", "Long Street"),
    ("waste", "The bins were not emptied this week.", "en", "Market Square"),
    ("sanitation", "Sewage comes up through the manhole.", "en", "River Lane"),
    ("electricity", "Awukho ugesi kusukela izolo.", "zu", "Hill Street"),
    ("water", "'n Pyp het gebars voor die skool.", "af", "Skoolstraat"),
    ("other", "A tree lies over the footpath.", "en", "Park Avenue"),
];

/// Loads one municipality.
pub struct Loader<'a> {
    requests: Requests<'a>,
    municipality: &'static Municipality,
    reports: usize,
}

impl<'a> Loader<'a> {
    pub fn new(
        core: &'a Arc<Core>,
        routes: &'a [Route],
        (tenant, municipality): (Uuid, &'static Municipality),
        records: usize,
    ) -> Self {
        let requests = Requests::new(core, routes, tenant);
        Self { requests, municipality, reports: records.min(REPORTS) }
    }

    /// Loads all of it. What an interrupted start left is left as it is.
    ///
    /// # Errors
    /// A refusal that the demo did not expect, in words.
    pub async fn load(&self, platform: &Platform) -> Result<(), Failure> {
        let known = self.requests.send("GET /api/v1/service-requests", "", &Value::Null).await?;
        if known.as_array().is_some_and(|known| !known.is_empty()) {
            return Ok(());
        }
        let Municipality { code, province, population, .. } = *self.municipality;
        let public = json!({"province": province, "population": population,
                            "contact_email": format!("info@{code}.example")});
        let id = self.requests.tenant().to_string();
        self.requests.send("PATCH /api/v1/municipalities/{id}", &id, &public).await?;
        platform.analyze().await?;
        let bar = show::progress(Some(self.reports as u64), code, false);
        for n in 0..self.reports {
            self.report(n).await?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// The n-th report, the last the newest, and what became of it: of five two are settled, one is worked on, one was
    /// answered late and one waits.
    async fn report(&self, n: usize) -> Result<(), Failure> {
        let (category, words, language, street) = REPORTED
            .get(n % REPORTED.len())
            .copied()
            .unwrap_or(("other", "Something", "en", "Here"));
        let number = i64::try_from(n).unwrap_or(0);
        let age = SignedDuration::from_hours((self.reports as i64 - number) * 24);
        let at = self.requests.now - age;
        let shift = |step: i64| (number * step % 100) as f64 / 2000.0;
        let (latitude, longitude) = self.municipality.at;
        let body = json!({
            "category": category, "description": words, "language": language, "channel": "app",
            "address": format!("{} {street}", number + 1), "ward": number % 9 + 1,
            "latitude": latitude + shift(7), "longitude": longitude + shift(13),
        });
        let create = "POST /api/v1/service-requests";
        let id = self.requests.create_at(at, create, "", &body).await?;
        match n % 5 {
            0 | 1 => {
                self.turn(at, 3, &id, "in_progress").await?;
                self.turn(at, 20, &id, "resolved").await
            }
            2 => self.turn(at, 4, &id, "in_progress").await,
            3 => self.turn(at, 23, &id, "in_progress").await,
            _ => Ok(()),
        }
    }

    /// A new status, so many hours after the report.
    async fn turn(&self, at: Timestamp, hours: i64, id: &str, status: &str) -> Result<(), Failure> {
        let route = "PATCH /api/v1/service-requests/{id}/status";
        let at = at + SignedDuration::from_hours(hours);
        self.requests.send_at(at, route, id, &json!({"status": status})).await.map(drop)
    }
}
