//! What the OpenAPI document says of categories.

use kernel::http::Docs;
use serde_json::json;

pub(super) const LIST: Docs =
    Docs::new("categories", "List categories", "Those out of use too; by code.");

pub(super) const CREATE: Docs = Docs::new(
    "categories",
    "Add a category",
    "`response_hours` and `resolution_hours` are the times, from the report, by which the municipality means to \
     answer and to repair. A request keeps the times that held when it was reported.",
)
.status(201)
.example(|| {
    json!({"code": "graffiti", "name": "Graffiti", "department": "Roads and stormwater",
           "response_hours": 24, "resolution_hours": 120})
})
.required(&["code", "name", "response_hours", "resolution_hours"]);

pub(super) const CHANGE: Docs = Docs::new(
    "categories",
    "Change a category",
    "`is_active` false takes it out of use: nothing new is reported under it.",
)
.example(|| json!({"resolution_hours": 96}));
