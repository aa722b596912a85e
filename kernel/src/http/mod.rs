//! HTTP: routes, what comes in, what goes out, and the edge where every request passes.

mod cursor;
mod docs;
mod edge;
mod fields;
pub(crate) mod idempotency;
mod input;
mod openapi;
mod page;
mod problem;
mod route;
mod serve;
mod telemetry;
mod values;

pub(crate) use cursor::Cursors;
pub use edge::{Edge, router};
pub use fields::{Code, Fault, Fields, Patch, Purpose, text};
pub use input::{
    Body, Form, FromQuery, Hints, Incoming, Input, Item, OptionalBody, Query, QueryReader, Resume,
    parameter, parse_json,
};
pub use metrics_exporter_prometheus::PrometheusHandle as MetricsHandle;
pub use openapi::document;
pub use page::{List, Page};
pub use problem::{Constraint, FieldError, Problem};
pub use route::{Docs, Method, Route, Routes};
pub use serve::{Limits, serve};
pub use telemetry::{install_metrics, metrics_router};
pub use values::{email, phone};
