//! HTTP: routes, what comes in, what goes out, and the edge where every request passes.

mod cursor;
mod docs;
mod edge;
mod fields;
pub(crate) mod idempotency;
mod input;
mod limit;
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
    Body, Form, FromQuery, Hints, Incoming, Input, InputDoc, Item, Named, OptionalBody, Query,
    QueryReader, Reference, Resume, demanded, parameter, parse_json,
};
pub use limit::Limit;
pub(crate) use limit::{ALL as LIMIT_STATEMENTS, Counted, place};
pub use metrics_exporter_prometheus::PrometheusHandle as MetricsHandle;
pub use openapi::{ambiguous, document};
pub use page::{List, Page, Paging};
pub use problem::{Constraint, FieldError, Problem};
pub(crate) use route::Home;
pub use route::{Dialect, Docs, Method, Route, Routes};
pub use serve::{Limits, serve};
pub use telemetry::{install_metrics, metrics_router};
pub use values::{
    EVER, choice, date, day, defaulted, email, id, one_of, or, phone, whole, words, words_or_none,
};
