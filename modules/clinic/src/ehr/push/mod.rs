//! What has changed here is told there.

use ehr::{Fault, Found, Held, merge};
use kernel::{
    authz::Authorized,
    http::Problem,
    jobs::{Failure, Finished, Run},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    jobs::{self, Halt, Nothing, Noun, Opened, Session},
    sql::{self, WaitingRow},
};
use crate::{
    appointments::{self, Appointment},
    fhir::{self, appointments::rules::Links},
    patients::{self, Patient},
    permissions::{ReadAppointment, ReadPatient, WriteEhr},
};

const DIRECTION: &str = "push";
/// Records of one job; more are the next one's.
const MOST: usize = 200;
/// How often one begins anew with a resource that somebody else is changing too.
const ROUNDS: usize = 3;

/// A record that is told.
struct Told {
    noun: Noun,
    waiting: WaitingRow,
    /// As it is now; without, it is deleted.
    ours: Option<Value>,
}

/// What telling has come to.
struct There {
    /// Where it is; nowhere, for what was deleted before they heard of it.
    held: Option<Held>,
    /// Whether it took the place of a change of theirs.
    overwrote: bool,
}

/// Tells what waits, in the order in which it came to wait. What they do not take goes to the dead letters; where they
/// cannot be reached, all of it waits on.
pub async fn push(act: Authorized<WriteEhr>, run: Run<Nothing>) -> Result<Finished, Failure> {
    let mut session = match jobs::open(&act, &run, DIRECTION).await? {
        Opened::Go(session) => session,
        Opened::Over(again) => return jobs::pass(&act, run, DIRECTION, again).await,
    };
    let worked = tell_all(&act, &run, &mut session).await;
    jobs::close(&act, run, &session, worked).await
}

async fn tell_all(
    act: &Authorized<WriteEhr>,
    run: &Run<Nothing>,
    session: &mut Session,
) -> Result<Option<f64>, Halt> {
    // Whoever may not read a record cannot have it told to others.
    let _may = (act.also::<ReadPatient>()?, act.also::<ReadAppointment>()?);
    for _ in 0..MOST {
        run.checkpoint().await?;
        let Some(told) = next(act, run, session).await? else { return Ok(None) };
        match tell(session, &told).await {
            Ok(there) => settle(act, run, session, told, there).await?,
            Err(fault) if fault.is_of_resource() => bury(act, run, session, told, fault).await?,
            Err(fault) => return Err(fault.into()),
        }
        jobs::answered(act, run, session).await?;
    }
    Ok(Some(0.0))
}

/// The record that has waited longest, as they are to have it; that it is told is in the ledger.
async fn next(
    act: &Authorized<WriteEhr>,
    run: &Run<Nothing>,
    session: &Session,
) -> Result<Option<Told>, Failure> {
    let (connection, mapping) = (session.connection, session.mapping.clone());
    run.step(act, move |tx| {
        Box::pin(async move {
            let waiting = tx.run(sql::find_waiting(connection)).await?.into_iter().next();
            let Some(waiting) = waiting else { return Ok(None) };
            let unknown = || Problem::internal("a kind of record that is not told");
            let noun = Noun::parse(&waiting.record_kind).ok_or_else(unknown)?;
            let id = waiting.record_id;
            let ours = match noun {
                Noun::Patient => {
                    let find = patients::sql::find_patient(id);
                    tx.disclose(find, |rows, reveal| {
                        rows.into_iter().next().map(|row| {
                            let version = row.version;
                            let patient = Patient::of(row, reveal);
                            outgoing(&fhir::patients::rules::export(&patient, version, &mapping))
                        })
                    })
                    .await?
                }
                Noun::Appointment => {
                    let place = tx.run(sql::find_patient_there(connection, id)).await?;
                    let patient = place.into_iter().next().map(|row| row.external_id);
                    let find = appointments::sql::find_appointment(id);
                    tx.disclose(find, |rows, reveal| {
                        rows.into_iter().next().map(|row| {
                            let version = row.version;
                            let appointment = Appointment::of(row, reveal);
                            let links = Links::default();
                            let told = fhir::appointments::rules::export(
                                &appointment,
                                version,
                                links,
                                &mapping,
                            );
                            outgoing(&told).map(|ours| referring(ours, patient))
                        })
                    })
                    .await?
                }
            };
            Ok(Some(Told { noun, waiting, ours: ours.transpose()? }))
        })
    })
    .await
}

/// Without our id and version: those are the other server's to give.
fn outgoing(resource: &impl serde::Serialize) -> Result<Value, Problem> {
    let mut resource = serde_json::to_value(resource).map_err(Problem::internal)?;
    if let Some(resource) = resource.as_object_mut() {
        resource.remove("id");
        if let Some(meta) = resource.get_mut("meta").and_then(Value::as_object_mut) {
            meta.retain(|member, _| member == "tag");
        }
        resource.retain(|_, value| value != &json!({}));
    }
    Ok(resource)
}

/// The patient is referred to as they are known there.
fn referring(mut ours: Value, patient: Option<String>) -> Value {
    let of_patient = |one: &&mut Map<String, Value>| one.get("type") == Some(&json!("Patient"));
    let actors = ours.get_mut("participant").and_then(Value::as_array_mut).into_iter().flatten();
    let mut actors = actors.filter_map(|one| one.get_mut("actor")?.as_object_mut());
    if let (Some(id), Some(actor)) = (patient, actors.find(of_patient)) {
        actor.insert("reference".to_owned(), json!(format!("Patient/{id}")));
    }
    ours
}

/// Brings them to where we are. Done twice it has one effect: what is there already is found again, and what is as it
/// should be is not written.
async fn tell(session: &Session, told: &Told) -> Result<There, Fault> {
    let (server, mapping) = (&session.server, &session.mapping);
    let kind = told.noun.resource();
    let own = mapping.own_identifier(told.noun.name(), told.waiting.record_id);
    let own = (own.system.unwrap_or_default(), own.value.unwrap_or_default());
    let own = (own.0.as_str(), own.1.as_str());
    let mut held = match &told.waiting.external_id {
        Some(id) => Some(server.read(kind, id).await?),
        None => find(session, told, own).await?,
    };
    let known = told.waiting.external_version.as_ref();
    let moved = |held: &Held| known.is_some() && held.version.as_ref() != known;
    let overwrote = held.as_ref().is_some_and(moved);
    for _ in 0..ROUNDS {
        let there = match (held.take(), &told.ours) {
            (None, None) => return Ok(There { held: None, overwrote: false }),
            (None, Some(ours)) => server.create(kind, ours, own).await?,
            (Some(there), _) => there,
        };
        let wanted = match &told.ours {
            Some(ours) => merge(&there.resource, ours, &told.noun.managed(), &mapping.namespace),
            None => ended(&there.resource, told.noun),
        };
        if wanted == there.resource {
            return Ok(There { held: Some(there), overwrote: false });
        }
        match server.update(kind, &there, &wanted).await {
            Ok(there) => return Ok(There { held: Some(there), overwrote }),
            Err(Fault::Conflict) => held = Some(server.read(kind, &there.id).await?),
            Err(fault) => return Err(fault),
        }
    }
    Err(Fault::Conflict)
}

/// What they have of a record that we know no id of: an earlier attempt whose answer was lost, or a patient with the
/// same document.
async fn find(session: &Session, told: &Told, own: (&str, &str)) -> Result<Option<Held>, Fault> {
    let kind = told.noun.resource();
    let mut identifiers = vec![own];
    let document = told.ours.as_ref().filter(|_| told.noun == Noun::Patient);
    let document = document.and_then(|ours| {
        let first = ours.pointer("/identifier/0")?;
        Some((first.get("system")?.as_str()?, first.get("value")?.as_str()?))
    });
    identifiers.extend(document);
    for identifier in identifiers {
        match session.server.find(kind, identifier).await? {
            Found::Nothing => {}
            Found::One(held) => return Ok(Some(held)),
            Found::Several => return Err(Fault::Several),
        }
    }
    Ok(None)
}

/// What they have of a record that is deleted here: it stays with them, and counts no more.
fn ended(theirs: &Value, noun: Noun) -> Value {
    let mut ended = theirs.clone();
    if let Some(resource) = ended.as_object_mut() {
        match noun {
            Noun::Patient => resource.insert("active".to_owned(), json!(false)),
            Noun::Appointment => resource.insert("status".to_owned(), json!("entered-in-error")),
        };
    }
    ended
}

/// Writes down where it is, and that it waits no more unless it has changed again.
async fn settle(
    act: &Authorized<WriteEhr>,
    run: &Run<Nothing>,
    session: &Session,
    told: Told,
    there: There,
) -> Result<(), Failure> {
    let (connection, kind) = (session.connection, told.noun.name());
    let WaitingRow { record_id, sequence, .. } = told.waiting;
    let notice = there.overwrote && session.reads();
    run.step(act, move |tx| {
        Box::pin(async move {
            if let Some(Held { id, version, .. }) = there.held {
                let link = tx.new_id();
                if notice {
                    let detail = "a change of theirs was overwritten by one of ours that waited; it is in their history";
                    let letter = (id.clone(), Some(record_id), "overwritten".to_owned(), detail.to_owned());
                    let (external, record, code, detail) = letter;
                    let letter = tx.new_id();
                    tx.run(sql::bury_external(letter, connection, kind, external, record, code, detail)).await?;
                }
                tx.run(sql::put_link(link, connection, kind, record_id, id, version)).await?;
            }
            tx.run(sql::take_off(connection, kind, record_id, sequence)).await?;
            tx.run(sql::resolve_record(connection, kind, record_id)).await.map(drop)
        })
    })
    .await
}

/// Puts it among the dead letters.
async fn bury(
    act: &Authorized<WriteEhr>,
    run: &Run<Nothing>,
    session: &Session,
    told: Told,
    fault: Fault,
) -> Result<(), Failure> {
    let (connection, kind) = (session.connection, told.noun.name());
    let WaitingRow { record_id, sequence, external_id, .. } = told.waiting;
    run.step(act, move |tx| {
        Box::pin(async move {
            let (letter, detail): (Uuid, String) = (tx.new_id(), fault.to_string());
            let code = fault.code();
            tx.run(sql::bury_record(
                letter,
                connection,
                kind,
                record_id,
                external_id,
                code,
                detail,
            ))
            .await?;
            tx.run(sql::take_off(connection, kind, record_id, sequence)).await.map(drop)
        })
    })
    .await
}
