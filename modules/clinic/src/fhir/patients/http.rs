//! Requests on patients in FHIR.

use fhir::{
    resources::{self, Searchset},
    search::Token,
};
use jiff::{Timestamp, civil::Date};
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed},
    db::{Bound, Disclosing},
    http::{Incoming, Input, InputDoc, Problem, Purpose, email, parameter, phone},
    postgres_types::Json,
    privacy::{Pii, Reveal},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    rules,
    sql::{self, Known},
};
use crate::{
    catalogues::{parse_with, rules::Catalogues},
    fhir::{
        http::{Asked, BASE, Given, Named, Search, Told, Unless, before, bounds, put_times},
        rules::{Mapping, Wanted, invalid},
    },
    patients::{
        Patient,
        rules::{PatientFields, parse},
        sql::{PatientRow, find_patient, insert_patient, update_patient},
    },
    permissions::{ReadPatient, WritePatient},
};

type Page = Told<Searchset<resources::Patient>>;
type One = Told<resources::Patient>;

pub(in crate::fhir) fn view(row: PatientRow, reveal: &Reveal) -> resources::Patient {
    let version = row.version;
    rules::export(&Patient::of(row, reveal), version, &Mapping::default())
}

fn told(row: PatientRow, reveal: &Reveal) -> Answer<One> {
    let version = row.version;
    Answer::ok(Told(view(row, reveal))).version(version)
}

fn created(row: PatientRow, reveal: &Reveal) -> Answer<One> {
    let (location, version) = (format!("{BASE}/Patient/{}", row.id), row.version);
    Answer::created(Told(view(row, reveal)), location).version(version)
}

pub async fn read(
    act: Authorized<ReadPatient>,
    Named(id): Named,
) -> Result<Disclosed<One>, Problem> {
    act.disclose_one(find_patient(id), told).await
}

/// By which index a list finds its first row.
enum Order {
    Id,
    Ids(Vec<Uuid>),
    Number(String),
    Email(String),
    /// Those born from a day on, before another.
    Birth(Date, Date),
    /// Those changed between two times.
    Update(Timestamp, Timestamp),
    /// By names and a phone.
    Search(Value),
}

/// Which patients, and from where on.
pub struct Filter {
    asked: Asked,
    order: Order,
    filter: Value,
    count: i64,
    /// There can be none.
    nothing: bool,
}

impl Input for Filter {
    fn read(request: &Incoming) -> Result<Self, Problem> {
        let mut search = Search::read(request)?;
        let mut filter = json!({});
        let mut put = |name: &str, value: Value| {
            if let Value::Object(filter) = &mut filter {
                filter.insert(name.to_owned(), value);
            }
        };
        let mut ids = search.ids();
        let wanted = search.identifier("identifier", &Mapping::default(), "patient");
        let nothing = wanted == Some(Wanted::Nothing);
        match wanted {
            Some(Wanted::Id(id)) => ids = Some(id.parse().into_iter().collect()),
            Some(Wanted::Document { types, number }) => {
                types.into_iter().for_each(|types| put("types", json!(types)));
                number.into_iter().for_each(|number| put("number", json!(number)));
            }
            Some(Wanted::Nothing) | None => {}
        }
        let contacts = Contacts::read(&mut search);
        contacts.email.iter().for_each(|email| put("email", json!(email)));
        contacts.phone.iter().for_each(|phone| put("phone", json!(phone)));
        search.codes("gender").into_iter().for_each(|genders| put("genders", json!(genders)));
        let names: Vec<_> = ["given", "family", "name"]
            .into_iter()
            .filter_map(|name| Some((name, search.text(name)?)))
            .collect();
        names.iter().for_each(|(name, text)| put(name, json!(text)));
        let (born, updated) = (search.days("birthdate"), search.instants("_lastUpdated"));
        put_times(&mut filter, "born", &born);
        put_times(&mut filter, "updated", &updated);
        let by_update = search.sort(&["_lastUpdated"]).is_some();
        let count = search.count();
        let asked = search.finish()?;
        let text = |name: &str| filter.get(name).and_then(Value::as_str).map(str::to_owned);
        let keys = keys(&names);
        let order = match (ids, text("number"), text("email")) {
            _ if by_update => Order::Update(bounds(&updated).0, bounds(&updated).1),
            (Some(ids), ..) => Order::Ids(ids),
            (None, Some(number), _) => Order::Number(number),
            (None, None, Some(email)) => Order::Email(email),
            _ if contacts.phone.is_some() || !keys.is_empty() => Order::Search(
                json!({"custom_fields": {}, "phones": contacts.phone.as_slice(), "names": keys}),
            ),
            _ if born.within.from.is_some() || born.within.until.is_some() => {
                let first = born.within.from.unwrap_or(Date::constant(1800, 1, 1));
                Order::Birth(first, born.within.until.unwrap_or(Date::constant(9999, 12, 31)))
            }
            _ if updated.within.from.is_some() => {
                Order::Update(bounds(&updated).0, bounds(&updated).1)
            }
            _ => Order::Id,
        };
        Ok(Self { asked, order, filter, count, nothing: nothing || contacts.nothing })
    }

    fn describe(doc: &mut InputDoc) {
        for (name, what) in [
            ("identifier", "system|value, or the number of a document"),
            ("name", "how a given or family name begins"),
            ("family", "how a family name begins"),
            ("given", "how a given name begins"),
            ("birthdate", "a date, with a prefix or none"),
            ("gender", "male, female, other, unknown"),
            ("phone", "a phone"),
            ("email", "an e-mail address"),
            ("telecom", "a phone or an e-mail address"),
            ("_id", "the id"),
            ("_lastUpdated", "when it changed, with a prefix or none"),
            ("_sort", "`_lastUpdated`, or the order of creation"),
        ] {
            doc.parameter(parameter(name, json!({"type": "string"}), what));
        }
        Search::describe(doc);
    }
}

/// What a search says of phones and e-mail addresses.
#[derive(Default)]
struct Contacts {
    phone: Option<String>,
    email: Option<String>,
    /// What it says is neither.
    nothing: bool,
}

impl Contacts {
    fn read(search: &mut Search) -> Self {
        let mut found = Self::default();
        for name in ["phone", "email", "telecom"] {
            // A telecom's system may stand before it.
            let Some(given) = search.codes(name).and_then(|all| all.into_iter().next()) else {
                continue;
            };
            let (is_phone, is_email) = (name != "email", name != "phone");
            let (kept, given) = match (phone(&given), email(&given)) {
                (Ok(phone), _) if is_phone => (&mut found.phone, phone),
                (_, Ok(email)) if is_email => (&mut found.email, email),
                _ => {
                    found.nothing = true;
                    continue;
                }
            };
            found.nothing |= kept.as_ref().is_some_and(|kept| *kept != given);
            *kept = Some(given);
        }
        found
    }
}

/// The keys of names that are long enough to have one (`clinic.name_keys`).
fn keys(names: &[(&str, String)]) -> Vec<String> {
    let long = names.iter().filter(|(_, text)| text.chars().count() >= 3);
    let kind = |name: &str| name.chars().next().unwrap_or('n');
    long.map(|(name, text)| format!("{}:{text}", kind(name))).collect()
}

pub async fn list(
    act: Authorized<ReadPatient>,
    filter: Filter,
) -> Result<Disclosed<Page>, Problem> {
    let Filter { asked, order, filter, count, nothing } = filter;
    let by_birth = matches!(order, Order::Birth(..));
    let by_update = matches!(order, Order::Update(..));
    let statement = match nothing {
        true => sql::find_fhir_patients(Uuid::nil(), 1, Pii::new(filter), vec![]),
        false => statement(&act, &asked, order, filter, count)?,
    };
    act.disclose(statement, |rows, reveal| {
        let place = |row: &PatientRow| match (&row.birth_date, by_birth, by_update) {
            (Some(born), true, _) => json!([row.id, born.peek(reveal)]),
            (_, _, true) => json!([row.id, row.updated_at]),
            _ => json!([row.id]),
        };
        asked.page(&act, (rows, count), place, |row| (row.id.to_string(), view(row, reveal)))
    })
    .await
}

fn statement(
    act: &Authorized<ReadPatient>,
    asked: &Asked,
    order: Order,
    filter: Value,
    count: i64,
) -> Result<Disclosing<PatientRow>, Problem> {
    let place: Vec<Value> = asked.place(act)?.unwrap_or_default();
    let text = |index: usize| place.get(index).and_then(Value::as_str).unwrap_or_default();
    let after: Option<Uuid> = text(0).parse().ok();
    let (first, more, filter) = (after.unwrap_or(Uuid::nil()), count + 1, Pii::new(filter));
    // The place before a date or time is the moment before it, with the greatest id.
    let last = after.unwrap_or(Uuid::max());
    Ok(match order {
        Order::Id => sql::list_fhir_patients(first, more, filter),
        Order::Ids(ids) => sql::find_fhir_patients(first, more, filter, ids),
        Order::Number(number) => sql::list_fhir_patients_by_number(first, more, filter, number),
        Order::Email(email) => sql::list_fhir_patients_by_email(first, more, filter, email),
        Order::Search(search) => sql::search_fhir_patients(first, more, filter).searching(search),
        Order::Birth(from, until) => {
            let from = text(1).parse().ok().or(from.yesterday().ok()).unwrap_or(from);
            sql::list_fhir_patients_by_birth(last, more, filter, from, until)
        }
        Order::Update(from, until) => {
            let from = text(1).parse().unwrap_or(before(from));
            sql::list_fhir_patients_by_update(last, more, filter, from, until)
        }
    })
}

/// The fields of a Patient that somebody sent, by the rules of our own.
async fn fields(
    act: &Authorized<WritePatient>,
    given: &resources::Patient,
    purpose: Purpose,
) -> Result<PatientFields, Problem> {
    let (body, places) = rules::import(given, purpose, &Mapping::default()).map_err(invalid)?;
    let now = act.now();
    let judge = |catalogues: &Catalogues| parse(body.clone(), purpose, catalogues, now);
    parse_with(act, judge).await.map_err(|problem| places.locate(problem))
}

pub async fn create(
    act: Authorized<WritePatient>,
    (Given(given), Unless(condition)): (Given<resources::Patient>, Unless),
) -> Result<Committed<One>, Problem> {
    let new = fields(&act, &given, Purpose::Create).await?;
    let insert = || {
        let custom_fields = new.custom_fields.clone().map(|fields| Json(fields.0));
        insert_patient(act.new_id(), new.columns.clone(), custom_fields)
    };
    let Some(token) = condition else { return act.write(insert(), created).await };
    let first = create_unless(&act, token.clone(), insert()).await;
    match first {
        // Another has made it in this moment: now it is there.
        Err(problem) if problem.code == "document_taken" => {
            create_unless(&act, token, insert()).await
        }
        answered => answered,
    }
}

/// Makes a patient unless somebody has the document of the condition.
async fn create_unless(
    act: &Authorized<WritePatient>,
    token: Token,
    insert: Bound<PatientRow>,
) -> Result<Committed<One>, Problem> {
    let known = match Mapping::default().wanted(token, "patient") {
        Wanted::Document { types, number: Some(number) } => {
            Some(sql::find_known_patients(types, number))
        }
        Wanted::Id(id) => id.parse().ok().map(sql::find_known_patient),
        Wanted::Document { .. } | Wanted::Nothing => None,
    };
    let Some(known) = known else {
        let msg = "expected the system of a document and its number";
        return Err(Problem::field(&["header", "If-None-Exist"], "value", msg));
    };
    let known: Vec<Known> = act.look_up(known).await?;
    match known.as_slice() {
        [] => act.write(insert, created).await,
        [one] => {
            let (location, version) = (format!("{BASE}/Patient/{}", one.id), one.version);
            act.transact(|_| {
                Box::pin(async move { Ok(Answer::there_already(location).version(version)) })
            })
            .await
        }
        _ => Err(several()),
    }
}

/// R4, section 3.1.0.8.1: more than one fits the condition.
pub(in crate::fhir) fn several() -> Problem {
    let detail = "more than one record fits If-None-Exist: name the system too";
    Problem::new(412, "several_match", detail)
}

/// A resource's own id must be that of the path, where it has one.
pub(in crate::fhir) fn same_id(given: Option<&str>, id: Uuid, place: &str) -> Result<(), Problem> {
    match given {
        Some(own) if own != id.to_string() => {
            Err(Problem::field(&[place], "structure", "this is not the id of the path"))
        }
        _ => Ok(()),
    }
}

pub async fn replace(
    act: Authorized<WritePatient>,
    (Named(id), Given(given)): (Named, Given<resources::Patient>),
) -> Result<Committed<One>, Problem> {
    same_id(given.id.as_deref(), id, "Patient.id")?;
    let expected = act.expected_version()?;
    let change = fields(&act, &given, Purpose::Change).await?;
    let custom_fields = change.custom_fields.map(|fields| Json(fields.0));
    act.write(update_patient(id, expected, change.columns, custom_fields), told).await
}
