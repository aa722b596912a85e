//! What the OpenAPI document says of Open311.

use kernel::http::Docs;
use serde_json::json;

const TAG: &str = "Open311 GeoReport v2";

pub(super) const DISCOVERY: Docs =
    Docs::new(TAG, "Service discovery", "Where the endpoint is and what it speaks.");

pub(super) const SERVICES: Docs =
    Docs::new(TAG, "GET services", "The municipality's categories, as service types.");

pub(super) const SERVICE: Docs = Docs::new(
    TAG,
    "GET service definition",
    "`{id}` is the service code and `.json`. No service asks for further attributes.",
);

pub(super) const REQUESTS: Docs = Docs::new(
    TAG,
    "GET service requests",
    "Newest first: of 90 days and 1,000 requests at the most. Reporters and their words are not public, nor is a place \
     beyond its street.",
);

pub(super) const REQUEST: Docs =
    Docs::new(TAG, "GET service request", "`{id}` is the `service_request_id` and `.json`.");

pub(super) const CREATE: Docs = Docs::new(
    TAG,
    "POST service request",
    "A form. `api_key` is a key of the municipality whose role may report, such as `citizen`.",
)
.status(201)
.example(|| {
    json!({"api_key": "reeve_…", "jurisdiction_id": "harbor", "service_code": "water", "lat": "-33.9221",
           "long": "18.4231", "description": "Water runs over the pavement."})
});
