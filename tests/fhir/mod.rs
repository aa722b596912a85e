//! The clinic in FHIR R4, seen from outside.

mod client;
mod export;
mod hostile;
mod search;
mod writes;

use serde_json::{Value, json};
use testkit::Reply;

const NATIONAL: &str = "https://fhir.minsalud.gov.co/rda/CodeSystem/ColombianPersonIdentifier";
/// Whose numbers those of a cédula are.
const REGISTRY: &str = "https://fhir.minsalud.gov.co/rda/NamingSystem/RNEC";

fn document(number: &str) -> Value {
    json!({"type": {"coding": [{"system": NATIONAL, "code": "CC"}]}, "value": number})
}

fn patient(number: &str) -> Value {
    json!({
        "resourceType": "Patient",
        "identifier": [document(number)],
        "name": [{"family": "Rojas", "given": ["Ana"]}],
    })
}

/// An appointment of an hour's length.
fn appointment(doctor: &str, start: &str) -> Value {
    let start: jiff::Timestamp = start.parse().unwrap();
    let actor = |kind: &str, number: &str| json!({"actor": {"type": kind, "identifier": document(number)}, "status": "accepted"});
    json!({
        "resourceType": "Appointment",
        "status": "booked",
        "start": start.to_string(),
        "end": (start + jiff::SignedDuration::from_hours(1)).to_string(),
        "participant": [actor("Patient", "1"), actor("Practitioner", doctor)],
    })
}

/// The resources of a searchset.
fn entries(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200, "{}", reply.text);
    let bundle = reply.json();
    assert_eq!((&bundle["resourceType"], &bundle["type"]), (&json!("Bundle"), &json!("searchset")));
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    entries.into_iter().map(|entry| entry["resource"].clone()).collect()
}

/// Where a bundle goes on: path and query.
fn link(reply: &Reply, relation: &str) -> Option<String> {
    let links = reply.json()["link"].as_array().cloned().unwrap_or_default();
    let url = links.into_iter().find(|link| link["relation"] == relation)?["url"].clone();
    let url = url.as_str().unwrap().to_owned();
    Some(url[url.find("/fhir/").unwrap()..].to_owned())
}
