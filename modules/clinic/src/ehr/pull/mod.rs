//! What has changed there comes here, through the same rules and gates as what a client sends.

use std::collections::HashMap;

use ehr::{Fault, Held};
use jiff::{SignedDuration, Timestamp};
use kernel::{
    authz::{Authorized, Permission, Writes},
    http::{Patch, Problem, Purpose},
    jobs::{Failure, Finished, Run},
    postgres_types::Json,
    privacy::Pii,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    jobs::{self, Halt, Nothing, Noun, Opened, Session},
    sql,
};
use crate::{
    CustomFields, appointments,
    catalogues::{parse_with, rules::Catalogues},
    fhir::{self, rules::invalid},
    patients,
    permissions::{Overbook, WriteAppointment, WriteEhr, WritePatient},
};

const DIRECTION: &str = "pull";
/// How far before the last reading one begins: a server may show late what it wrote earlier. What is known already is
/// passed over.
const OVERLAP: SignedDuration = SignedDuration::from_secs(60);
/// Pages of one job; more are the next one's.
const MOST_PAGES: usize = 200;

/// Who takes part in appointments, by `Practitioner/7`; nobody, where they have no document.
type Actors = HashMap<String, Option<Value>>;

/// What is to be written of a resource of theirs.
struct Taken {
    noun: Noun,
    held: Held,
    record: Option<Uuid>,
    columns: Pii<Value>,
    custom_fields: Option<CustomFields>,
    overbooks: bool,
    /// How far one has read with it, where they come in order.
    resume: Option<Timestamp>,
}

/// Reads what has changed since the last time, patients first. What does not fit goes to the dead letters.
pub async fn pull(act: Authorized<WriteEhr>, run: Run<Nothing>) -> Result<Finished, Failure> {
    let mut session = match jobs::open(&act, &run, DIRECTION).await? {
        Opened::Go(session) => session,
        Opened::Over(again) => return jobs::pass(&act, run, DIRECTION, again).await,
    };
    let worked = read_all(&act, &run, &mut session).await;
    jobs::close(&act, run, &session, worked).await
}

async fn read_all(
    act: &Authorized<WriteEhr>,
    run: &Run<Nothing>,
    session: &mut Session,
) -> Result<Option<f64>, Halt> {
    let mut actors = Actors::new();
    for noun in [Noun::Patient, Noun::Appointment] {
        read_again(act, run, session, noun, &mut actors).await?;
        if !read_changes(act, run, session, noun, &mut actors).await? {
            return Ok(Some(0.0));
        }
    }
    Ok(Some(f64::from(session.poll_seconds)))
}

/// What somebody wants to have tried again.
async fn read_again(
    act: &Authorized<WriteEhr>,
    run: &Run<Nothing>,
    session: &mut Session,
    noun: Noun,
    actors: &mut Actors,
) -> Result<(), Halt> {
    let letters = act.look_up(sql::list_retrying(session.connection, noun.name())).await?;
    for external_id in letters.into_iter().map(|row| row.external_id) {
        run.checkpoint().await?;
        match session.server.read(noun.resource(), &external_id).await {
            Ok(held) => take(act, run, session, noun, held, None, actors, true).await?,
            Err(fault) if fault.is_of_resource() => {
                let fault = Problem::new(422, fault.code(), fault.to_string());
                bury(act, run, session, noun, external_id, None, &fault, None).await?;
            }
            Err(fault) => return Err(fault.into()),
        }
        jobs::answered(act, run, session).await?;
    }
    Ok(())
}

/// Page after page, as long as they are of the server's own origin; whether that was all.
async fn read_changes(
    act: &Authorized<WriteEhr>,
    run: &Run<Nothing>,
    session: &mut Session,
    noun: Noun,
    actors: &mut Actors,
) -> Result<bool, Halt> {
    let kind = noun.name();
    let resume = act.look_up(sql::find_resume(session.connection, kind)).await?.into_iter().next();
    let since = resume.map_or(Timestamp::UNIX_EPOCH, |row| row.since);
    let begin = since.saturating_sub(OVERLAP).unwrap_or(since).max(Timestamp::UNIX_EPOCH);
    let mut next = Some(session.server.changes(noun.resource(), begin));
    let (mut newest, mut in_order) = (since, true);
    for _ in 0..MOST_PAGES {
        let Some(url) = next else { return Ok(true) };
        run.checkpoint().await?;
        let page = session.server.page(noun.resource(), url).await?;
        jobs::answered(act, run, session).await?;
        next = page.next;
        let mut last = begin;
        for held in page.entries {
            let updated = held.updated.unwrap_or(last);
            // Where they do not come in order, nothing is known before all of them are here.
            in_order = in_order && updated >= last;
            (last, newest) = (updated, newest.max(updated));
            let resume = in_order.then_some(updated);
            take(act, run, session, noun, held, resume, actors, false).await?;
        }
        if in_order || next.is_none() {
            let (put, at) = (sql::put_resume(session.connection, kind, newest), newest);
            if at > since {
                run.step(act, move |tx| Box::pin(async move { tx.run(put).await.map(drop) }))
                    .await?;
            }
        }
    }
    Ok(next.is_none())
}

/// Takes one over, unless it is known as it is: what we told them ourselves comes back so.
#[allow(clippy::too_many_arguments, reason = "what one resource needs, once")]
async fn take(
    act: &Authorized<WriteEhr>,
    run: &Run<Nothing>,
    session: &Session,
    noun: Noun,
    held: Held,
    resume: Option<Timestamp>,
    actors: &mut Actors,
    anew: bool,
) -> Result<(), Halt> {
    let own = own_id(session, noun, &held.resource);
    let find = sql::locate(session.connection, noun.name(), held.id.clone(), own);
    let Some(located) = act.look_up(find).await?.into_iter().next() else { return Ok(()) };
    let is_known = held.version.is_some() && located.external_version == held.version;
    // A change of ours that waits to be told wins: telling it finds theirs, and says so.
    if !anew && (is_known || located.is_waiting) {
        return Ok(());
    }
    let (external_id, record) = (held.id.clone(), located.record_id);
    let taken = match read(act, session, noun, held, record, actors).await {
        Ok(taken) => apply(act, run, session, Taken { resume, ..taken }).await,
        Err(Halt::Failure(failure)) => Err(failure),
        Err(fault) => return Err(fault),
    };
    match taken {
        Ok(()) => Ok(()),
        Err(Failure::Final(problem)) if (400..500).contains(&problem.status) => {
            Ok(bury(act, run, session, noun, external_id, record, &problem, resume).await?)
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Our own id among its identifiers.
fn own_id(session: &Session, noun: Noun, resource: &Value) -> Option<Uuid> {
    let system = session.mapping.url(noun.name());
    let all = resource.get("identifier")?.as_array()?.iter();
    let own = all.filter(|one| one.get("system").and_then(Value::as_str) == Some(system.as_str()));
    own.filter_map(|one| one.get("value")?.as_str()?.parse().ok()).next()
}

/// Reads a resource as what a client could have sent.
async fn read(
    act: &Authorized<WriteEhr>,
    session: &Session,
    noun: Noun,
    mut held: Held,
    record: Option<Uuid>,
    actors: &mut Actors,
) -> Result<Taken, Halt> {
    if noun == Noun::Appointment {
        name_actors(session, &mut held.resource, actors).await?;
    }
    let bytes = serde_json::to_vec(&held.resource).map_err(Problem::internal)?;
    let (columns, custom_fields, overbooks) = match noun {
        Noun::Patient => patient(act, session, &bytes).await?,
        Noun::Appointment => appointment(act, session, &bytes).await?,
    };
    let mut record = record;
    if record.is_none() && noun == Noun::Patient {
        let found = act.look_up(sql::locate_patient(columns.clone())).await?;
        record = found.into_iter().next().map(|row| row.record_id);
    }
    Ok(Taken { noun, held, record, columns, custom_fields, overbooks, resume: None })
}

type Fields = (Pii<Value>, Option<CustomFields>, bool);

async fn patient(
    act: &Authorized<WriteEhr>,
    session: &Session,
    bytes: &[u8],
) -> Result<Fields, Problem> {
    let given = ::fhir::parse(bytes).map_err(|issue| invalid(vec![issue]))?;
    let (body, places) = fhir::patients::rules::import(&given, Purpose::Create, &session.mapping)
        .map_err(invalid)?;
    let now = act.now();
    let parse = |catalogues: &Catalogues| {
        patients::rules::parse(body.clone(), Purpose::Create, catalogues, now)
    };
    let parsed = parse_with(act, parse).await.map_err(|problem| places.locate(problem))?;
    Ok((parsed.columns, parsed.custom_fields, false))
}

async fn appointment(
    act: &Authorized<WriteEhr>,
    session: &Session,
    bytes: &[u8],
) -> Result<Fields, Problem> {
    let given = ::fhir::parse(bytes).map_err(|issue| invalid(vec![issue]))?;
    let mut imported =
        fhir::appointments::rules::import(&given, &session.mapping).map_err(invalid)?;
    imported.body.action_type = Patch::Value("CREATE".to_owned());
    let parse = |catalogues: &Catalogues| {
        appointments::rules::parse(imported.body.clone(), Purpose::Create, catalogues)
    };
    let parsed = parse_with(act, parse).await.map_err(|problem| imported.places.locate(problem))?;
    Ok((parsed.columns, parsed.custom_fields, parsed.overbooks))
}

/// Whoever takes part and is referred to is named by their document, which is how we know people.
async fn name_actors(
    session: &Session,
    appointment: &mut Value,
    actors: &mut Actors,
) -> Result<(), Fault> {
    let all =
        appointment.get_mut("participant").and_then(Value::as_array_mut).into_iter().flatten();
    for actor in all.filter_map(|one| one.get_mut("actor")?.as_object_mut()) {
        let reference =
            actor.get("reference").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some((kind @ ("Patient" | "Practitioner"), id)) = reference.split_once('/') else {
            continue;
        };
        if actor.get("identifier").is_some_and(|one| document(session, &json!([one])).is_some()) {
            continue;
        }
        if !actors.contains_key(&reference) {
            let found = match session.server.read(kind, id).await {
                Ok(held) => held.resource.get("identifier").and_then(|all| document(session, all)),
                Err(fault) if fault.is_of_resource() => None,
                Err(fault) => return Err(fault),
            };
            actors.insert(reference.clone(), found);
        }
        if let Some(Some(identifier)) = actors.get(&reference) {
            actor.insert("identifier".to_owned(), identifier.clone());
            actor.insert("type".to_owned(), json!(kind));
        }
    }
    Ok(())
}

/// The document among identifiers, as one.
fn document(session: &Session, identifiers: &Value) -> Option<Value> {
    let all: Vec<_> = serde_json::from_value(identifiers.clone()).ok()?;
    let found = session.mapping.document(&all, "identifier").ok()?;
    serde_json::to_value(session.mapping.identifier(&found.doc_type, &found.number)).ok()
}

async fn apply(
    act: &Authorized<WriteEhr>,
    run: &Run<Nothing>,
    session: &Session,
    taken: Taken,
) -> Result<(), Failure> {
    match (taken.noun, taken.overbooks) {
        (Noun::Patient, _) => write(&act.also::<WritePatient>()?, run, session, taken).await,
        (Noun::Appointment, true) => write(&act.also::<Overbook>()?, run, session, taken).await,
        (Noun::Appointment, false) => {
            write(&act.also::<WriteAppointment>()?, run, session, taken).await
        }
    }
}

/// Writes it, where it is and how far one has read with it, in one transaction. What would change nothing changes
/// nothing.
async fn write<P: Permission<Effect = Writes>>(
    act: &Authorized<P>,
    run: &Run<Nothing>,
    session: &Session,
    taken: Taken,
) -> Result<(), Failure> {
    let (connection, kind) = (session.connection, taken.noun.name());
    let Taken { noun, held, record, columns, custom_fields, resume, .. } = taken;
    let fields = move || custom_fields.clone().map(|fields| Json(fields.0));
    run.step(act, move |tx| {
        Box::pin(async move {
            tx.run(sql::come_from(connection)).await?;
            let id = record.unwrap_or_else(|| tx.new_id());
            if record.is_some() {
                let linked = tx.run(sql::find_link(connection, kind, id)).await?;
                if linked.iter().any(|row| row.external_id != held.id) {
                    return Err(several());
                }
                let ask = match noun {
                    Noun::Patient => sql::would_change_patient(id, columns.clone(), fields()),
                    Noun::Appointment => {
                        sql::would_change_appointment(id, columns.clone(), fields())
                    }
                };
                let asked = tx.run(ask).await?.into_iter().next().ok_or_else(deleted)?;
                match (noun, asked.done) {
                    (_, false) => {}
                    (Noun::Patient, true) => {
                        let update = patients::sql::update_patient(id, None, columns, fields());
                        tx.run(update).await.map(drop)?;
                    }
                    (Noun::Appointment, true) => {
                        let update =
                            appointments::sql::update_appointment(id, None, columns, fields());
                        tx.run(update).await.map(drop)?;
                    }
                }
            } else {
                match noun {
                    Noun::Patient => {
                        tx.run(patients::sql::insert_patient(id, columns, fields()))
                            .await
                            .map(drop)?;
                    }
                    Noun::Appointment => {
                        let insert = appointments::sql::insert_appointment(id, columns, fields());
                        tx.run(insert).await.map(drop)?;
                    }
                }
            }
            let (link, external) = (tx.new_id(), held.id.clone());
            tx.run(sql::put_link(link, connection, kind, id, held.id, held.version)).await?;
            tx.run(sql::resolve_external(connection, kind, external)).await?;
            match resume {
                Some(at) => tx.run(sql::put_resume(connection, kind, at)).await.map(drop),
                None => Ok(()),
            }
        })
    })
    .await
}

fn several() -> Problem {
    let detail = "a record of ours is another resource there already: join the two there";
    Problem::conflict("several_there", detail)
}

fn deleted() -> Problem {
    Problem::conflict("deleted_here", "this record was deleted here")
}

/// Puts it among the dead letters, with what is wrong and where, and nothing of what it says.
#[allow(clippy::too_many_arguments, reason = "what one letter says")]
async fn bury(
    act: &Authorized<WriteEhr>,
    run: &Run<Nothing>,
    session: &Session,
    noun: Noun,
    external_id: String,
    record: Option<Uuid>,
    problem: &Problem,
    resume: Option<Timestamp>,
) -> Result<(), Failure> {
    let (connection, kind) = (session.connection, noun.name());
    let (code, detail) = (problem.code.to_owned(), reason(problem));
    run.step(act, move |tx| {
        Box::pin(async move {
            let letter = tx.new_id();
            tx.run(sql::bury_external(letter, connection, kind, external_id, record, code, detail))
                .await?;
            match resume {
                Some(at) => tx.run(sql::put_resume(connection, kind, at)).await.map(drop),
                None => Ok(()),
            }
        })
    })
    .await
}

/// The places at fault, each with what is wrong there.
fn reason(problem: &Problem) -> String {
    let faults = problem.errors.iter().map(|e| format!("{}: {}", e.loc.join("."), e.msg));
    let all = faults.collect::<Vec<_>>().join("; ");
    let text = if all.is_empty() { problem.detail.clone() } else { all };
    text.chars().take(500).collect()
}
