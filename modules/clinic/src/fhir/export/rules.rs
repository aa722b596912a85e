//! What an export holds, and in which files. Pure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// How many resources a file has.
pub const IN_A_FILE: i64 = 2000;

/// A type that can be exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Patient,
    Appointment,
    Consent,
    Practitioner,
}

impl Kind {
    /// Those about patients; a system has doctors too.
    pub const OF_PATIENTS: [Kind; 3] = [Kind::Patient, Kind::Appointment, Kind::Consent];
    pub const ALL: [Kind; 4] =
        [Kind::Patient, Kind::Appointment, Kind::Consent, Kind::Practitioner];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Patient => "Patient",
            Kind::Appointment => "Appointment",
            Kind::Consent => "Consent",
            Kind::Practitioner => "Practitioner",
        }
    }

    /// Those that are named, among those that there are.
    ///
    /// # Errors
    /// One that there is not.
    pub fn choose(named: Option<Vec<String>>, among: &[Kind]) -> Result<Vec<Kind>, &'static str> {
        let Some(named) = named else { return Ok(among.to_vec()) };
        let find = |name: String| among.iter().copied().find(|kind| kind.name() == name);
        let chosen: Option<Vec<_>> = named.into_iter().map(find).collect();
        chosen.ok_or("expected types that can be exported here: see the CapabilityStatement")
    }
}

/// An order.
#[derive(Serialize, Deserialize)]
pub struct Order {
    pub request: String,
    pub kinds: Vec<Kind>,
    /// Only what has changed from this time on.
    pub since: Option<Timestamp>,
    /// What was made later is not in it.
    pub at: Timestamp,
}

/// A file: the resources behind a key, up to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    pub after: Uuid,
    pub until: Uuid,
    pub since: Option<Timestamp>,
    pub at: Timestamp,
}

/// The files of an order, cut behind each of these keys; the last has no end.
pub fn files(order: &Order, cuts: impl IntoIterator<Item = Uuid>) -> Vec<File> {
    let mut after = Uuid::nil();
    let mut file = |until: Uuid| {
        let cut = File { after, until, since: order.since, at: order.at };
        after = until;
        cut
    };
    cuts.into_iter().chain([Uuid::max()]).map(&mut file).collect()
}

/// The answer to who asks how an order stands: it is ready.
pub fn manifest(order: &Order, output: &[(Kind, String)]) -> Value {
    let output: Vec<_> =
        output.iter().map(|(kind, url)| json!({"type": kind.name(), "url": url})).collect();
    json!({
        "transactionTime": order.at,
        "request": order.request,
        "requiresAccessToken": true,
        "output": output,
        "error": [],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_in_one_file() {
        let order =
            Order { request: String::new(), kinds: vec![], since: None, at: Timestamp::UNIX_EPOCH };
        let cuts = [3, 7].map(Uuid::from_u128);
        let files: Vec<_> = files(&order, cuts).into_iter().map(|f| (f.after, f.until)).collect();
        assert_eq!(files, [(Uuid::nil(), cuts[0]), (cuts[0], cuts[1]), (cuts[1], Uuid::max())]);
    }

    #[test]
    fn types_are_chosen_among_those_there_are() {
        let named = |names: &[&str]| Some(names.iter().map(|n| (*n).to_owned()).collect());
        assert_eq!(Kind::choose(named(&["Consent"]), &Kind::ALL), Ok(vec![Kind::Consent]));
        assert!(Kind::choose(named(&["Practitioner"]), &Kind::OF_PATIENTS).is_err());
        assert!(Kind::choose(named(&["Observation"]), &Kind::ALL).is_err());
    }
}
