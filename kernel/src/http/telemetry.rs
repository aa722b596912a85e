//! What is told of a request: one log line, a few metrics, the trace it belongs to. Never a path
//! with ids in it, never a value, never a key.

use std::time::Duration;

use axum::{
    Router,
    http::{Method, StatusCode},
    routing::get,
};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use uuid::Uuid;

/// The trace of a request (W3C Trace Context, level 1).
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    /// 32 hexadecimal digits.
    pub(crate) id: String,
    span: String,
    flags: String,
}

impl Trace {
    /// The caller's trace when its header is well formed, else a new one named after the request.
    pub(crate) fn continued(header: Option<&str>, request: Uuid) -> Self {
        let simple = request.simple().to_string();
        let span = simple.get(16..).unwrap_or_default().to_owned();
        match header.and_then(parse) {
            Some((id, flags)) => Self { id, span, flags },
            None => Self { id: simple, span, flags: "01".into() },
        }
    }

    /// The header that names our part of the trace.
    pub(crate) fn parent(&self) -> String {
        format!("00-{}-{}-{}", self.id, self.span, self.flags)
    }
}

fn parse(header: &str) -> Option<(String, String)> {
    let parts: Vec<&str> = header.trim().split('-').collect();
    let [version, id, parent, flags] = parts.as_slice() else { return None };
    let hex = |text: &str, len: usize| {
        text.len() == len && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let zero = |text: &str| text.bytes().all(|b| b == b'0');
    let good =
        hex(version, 2) && *version != "ff" && hex(id, 32) && hex(parent, 16) && hex(flags, 2);
    (good && !zero(id) && !zero(parent)).then(|| ((*id).to_owned(), (*flags).to_owned()))
}

/// The one line of a request, and its metrics.
pub(crate) fn log_request(
    method: &Method,
    template: &'static str,
    request_id: Uuid,
    trace: &Trace,
    tenant: Option<Uuid>,
    status: StatusCode,
    latency: Duration,
) {
    let millis = latency.as_secs_f64() * 1000.0;
    tracing::info!(
        request_id = %request_id,
        trace_id = trace.id,
        tenant_id = tenant.map(tracing::field::display),
        method = %method,
        path = template,
        status = status.as_u16(),
        latency = millis,
        "request"
    );
    let labels = [("route", template.to_owned()), ("status", status.as_str().to_owned())];
    metrics::counter!("reeve_requests_total", &labels).increment(1);
    metrics::histogram!("reeve_request_seconds", "route" => template).record(latency.as_secs_f64());
}

/// Installs the recorder for this process.
///
/// # Errors
/// There is one already.
pub fn install_metrics() -> Result<PrometheusHandle, BuildError> {
    let buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
    let of_jobs = [0.01, 0.05, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0];
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("seconds".into()), &buckets)?
        .set_buckets_for_metric(Matcher::Full("reeve_job_seconds".into()), &of_jobs)?
        .install_recorder()
}

/// `/metrics`, for the private listener alone.
pub fn metrics_router(handle: PrometheusHandle) -> Router {
    Router::new().route("/metrics", get(move || std::future::ready(handle.render())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_well_formed_trace_is_continued_under_a_span_of_ours() {
        let trace = Trace::continued(Some(GOOD), Uuid::from_u128(7));
        assert_eq!(trace.id, "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace.parent(), "00-0af7651916cd43dd8448eb211c80319c-0000000000000007-01");
    }

    #[test]
    fn anything_else_begins_a_new_trace() {
        let zero = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        let upper = GOOD.to_uppercase();
        for bad in ["", "x", "ff-a-b-c", zero, &upper, &format!("{GOOD}-extra")] {
            assert_eq!(
                Trace::continued(Some(bad), Uuid::from_u128(7)).id,
                format!("{:032x}", 7),
                "{bad}"
            );
        }
    }
}
