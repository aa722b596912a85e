//! Requests of Open311's clients.

use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Committed, Fetched},
    http::{Form, FromQuery, Hints, Named, Problem, Query, QueryReader, parameter},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    rules,
    sql::{self, PublicRow, ServiceRow},
};
use crate::{
    permissions::{CreateRequest, ReadPublic, SubmitOpen311},
    service_requests::submit,
};

/// Of which municipality.
pub struct Jurisdiction(Option<String>);

impl FromQuery for Jurisdiction {
    fn read(query: &mut QueryReader) -> Self {
        Self(query.text("jurisdiction_id", 100))
    }

    fn parameters() -> Vec<Value> {
        let text = json!({"type": "string"});
        vec![parameter(
            "jurisdiction_id",
            text,
            "the municipality's code; the host's own unless said",
        )]
    }
}

pub async fn discovery(act: Authorized<ReadPublic>, (): ()) -> Result<Fetched<Value>, Problem> {
    let endpoint = json!({
        "specification": "http://wiki.open311.org/GeoReport_v2", "url": "/open311/v2", "type": "production",
        "formats": ["application/json"], "changeset": "2026-11-21T00:00:00Z",
    });
    act.tell(Answer::ok(json!({
        "changeset": "2026-11-21T00:00:00Z", "key_service": "ask the municipality for a key of the role `citizen`",
        "endpoints": [endpoint],
    })))
}

/// A service type.
#[derive(Serialize, ToSchema)]
pub struct Service {
    service_code: String,
    service_name: String,
    description: String,
    /// Whether it asks for further attributes.
    metadata: bool,
    /// `realtime`: the id of a request is known at once.
    #[serde(rename = "type")]
    kind: &'static str,
    keywords: String,
    group: String,
}

fn service_view(row: ServiceRow) -> Service {
    Service {
        description: row.description.unwrap_or_else(|| row.name.clone()),
        service_code: row.code,
        service_name: row.name,
        metadata: false,
        kind: "realtime",
        keywords: String::new(),
        group: row.department.unwrap_or_default(),
    }
}

pub async fn services(
    act: Authorized<ReadPublic>,
    (Query(Jurisdiction(code)), hints): (Query<Jurisdiction>, Hints),
) -> Result<Fetched<Vec<Service>>, Problem> {
    let act = act.at(code.as_deref(), hints.host.as_deref()).await?;
    act.fetch(sql::read_services(), |rows| {
        Ok(Answer::ok(rows.into_iter().map(service_view).collect()))
    })
    .await
}

/// What a service asks for beyond the usual: nothing.
#[derive(Serialize, ToSchema)]
pub struct Definition {
    service_code: String,
    attributes: Vec<String>,
}

pub async fn service(
    act: Authorized<ReadPublic>,
    (Named(path), (Query(Jurisdiction(code)), hints)): (Named, (Query<Jurisdiction>, Hints)),
) -> Result<Fetched<Definition>, Problem> {
    let act = act.at(code.as_deref(), hints.host.as_deref()).await?;
    let path = path.external_id.unwrap_or_default();
    let wanted = rules::without_format(&path).ok_or_else(Problem::not_found)?.to_owned();
    act.fetch(sql::read_services(), |rows| {
        let found = rows.into_iter().find(|row| row.code == wanted);
        let service_code = found.ok_or_else(Problem::not_found)?.code;
        Ok(Answer::ok(Definition { service_code, attributes: vec![] }))
    })
    .await
}

/// A request in the protocol's fields.
#[derive(Serialize, ToSchema)]
pub struct Open311Request {
    service_request_id: String,
    /// `open` or `closed`.
    status: &'static str,
    status_notes: Option<String>,
    service_name: String,
    service_code: String,
    /// Not public.
    description: Option<String>,
    agency_responsible: Option<String>,
    service_notice: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    requested_datetime: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_datetime: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expected_datetime: Timestamp,
    /// The ward, where it is known.
    address: Option<String>,
    address_id: Option<String>,
    zipcode: Option<String>,
    lat: Option<f64>,
    long: Option<f64>,
    media_url: Option<String>,
}

fn view(row: PublicRow) -> Open311Request {
    Open311Request {
        service_request_id: row.number,
        status: rules::status(&row.status),
        status_notes: Some(row.status),
        service_name: row.category_name,
        service_code: row.category,
        description: None,
        agency_responsible: row.department,
        service_notice: None,
        requested_datetime: row.reported_at,
        updated_datetime: row.updated_at,
        expected_datetime: row.resolution_due_at,
        address: row.ward.map(|ward| format!("Ward {ward}")),
        address_id: None,
        zipcode: None,
        lat: row.latitude,
        long: row.longitude,
        media_url: None,
    }
}

/// Which requests.
pub struct Filter {
    jurisdiction: Jurisdiction,
    numbers: Option<Vec<String>>,
    services: Option<Vec<String>>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    open: Option<bool>,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        let several = |all: String| all.split(',').map(|one| one.trim().to_owned()).collect();
        let numbers = query.text("service_request_id", 2000).map(several);
        let services = query.text("service_code", 2000).map(several);
        let status = query.text("status", 20);
        let open = match status.as_deref() {
            None | Some("open,closed" | "closed,open") => None,
            Some("open") => Some(true),
            Some("closed") => Some(false),
            Some(_) => {
                query.fault("status", "enum", "expected open or closed");
                None
            }
        };
        Self {
            jurisdiction: Jurisdiction::read(query),
            numbers,
            services,
            start: query.parse("start_date", "a time such as 2026-03-01T00:00:00Z"),
            end: query.parse("end_date", "a time such as 2026-04-01T00:00:00Z"),
            open,
        }
    }

    fn parameters() -> Vec<Value> {
        let text = || json!({"type": "string"});
        let time = || json!({"type": "string", "format": "date-time"});
        let mut all = vec![
            parameter("service_request_id", text(), "these, with commas between them"),
            parameter("service_code", text(), "of these services, with commas between them"),
            parameter("start_date", time(), "from this time on"),
            parameter("end_date", time(), "to this time"),
            parameter("status", text(), "open or closed"),
        ];
        all.extend(Jurisdiction::parameters());
        all
    }
}

pub async fn requests(
    act: Authorized<ReadPublic>,
    (Query(filter), hints): (Query<Filter>, Hints),
) -> Result<Fetched<Vec<Open311Request>>, Problem> {
    let act = act.at(filter.jurisdiction.0.as_deref(), hints.host.as_deref()).await?;
    let read = match filter.numbers {
        // Who names requests is asked for nothing else.
        Some(numbers) => sql::read_by_numbers(numbers, rules::MOST),
        None => {
            let (start, end) = rules::span(filter.start, filter.end, act.now());
            sql::read_requests(start, end, rules::MOST, filter.services, filter.open)
        }
    };
    act.fetch(read, |rows| Ok(Answer::ok(rows.into_iter().map(view).collect()))).await
}

pub async fn request(
    act: Authorized<ReadPublic>,
    (Named(path), (Query(Jurisdiction(code)), hints)): (Named, (Query<Jurisdiction>, Hints)),
) -> Result<Fetched<Vec<Open311Request>>, Problem> {
    let act = act.at(code.as_deref(), hints.host.as_deref()).await?;
    let path = path.external_id.unwrap_or_default();
    let number = rules::without_format(&path).ok_or_else(Problem::not_found)?.to_owned();
    act.fetch_one(sql::find_by_number(number), |row| Answer::ok(vec![view(row)])).await
}

/// A report as the protocol sends it. What it does not know is let by.
#[derive(Deserialize, ToSchema)]
pub struct ServiceRequestForm {
    api_key: String,
    /// The municipality is the key's own; another is refused.
    pub jurisdiction_id: Option<String>,
    pub service_code: String,
    pub lat: Option<f64>,
    pub long: Option<f64>,
    pub address_string: Option<String>,
    pub description: Option<String>,
    pub media_url: Option<String>,
}

/// That a report was taken.
#[derive(Serialize, ToSchema)]
pub struct Accepted {
    service_request_id: String,
    service_notice: Option<String>,
    account_id: Option<String>,
}

pub async fn create(
    act: Authorized<SubmitOpen311>,
    (Form(form), hints): (Form<ServiceRequestForm>, Hints),
) -> Result<Committed<Vec<Accepted>>, Problem> {
    let portal = act.by_key::<CreateRequest>(&form.api_key).await?;
    if form.jurisdiction_id.is_some() {
        let named = act.at(form.jurisdiction_id.as_deref(), hints.host.as_deref()).await?;
        if named.caller().tenant != portal.caller().tenant {
            let msg = "this is not the municipality of your api_key";
            return Err(Problem::field(&["body", "jurisdiction_id"], "value_error", msg));
        }
    }
    submit(&portal, rules::report(form), |row, _| {
        let location = format!("/open311/v2/requests/{}.json", row.number);
        let service_request_id = row.number;
        Answer::created(
            vec![Accepted { service_request_id, service_notice: None, account_id: None }],
            location,
        )
    })
    .await
}
