//! Jobs: what takes long, or must be tried again, and outlives its request.
//!
//! A module names a [`Kind`] and what does it ([`Jobs::on`]). Whoever wants one writes it in the transaction of
//! their request ([`Kind::enqueue`]), and a [`Worker`] of some server does it: as the person who wanted it, whose
//! right is asked for again, and under a lease, without which nothing is committed. Its effect and its end are one
//! transaction ([`Run::finish`]). docs/decisions/0018-jobs.md.

mod house;
mod http;
mod kind;
mod operator;
mod rules;
mod run;
pub(crate) mod sql;
mod worker;

use serde_json::json;
use tokio::sync::Notify;

pub use http::{JobError, JobView, STATES};
pub use kind::{Jobs, Kind};
pub use operator::{JobFault, dead, list, retry};
pub use run::{Failure, Finished, Run, Stop};
pub use worker::Worker;

pub(crate) use house::jobs;
pub(crate) use kind::Task;
pub(crate) use worker::WORKER;

use crate::{
    http::{Constraint, Docs, Problem, Routes},
    permissions,
};

permissions! {
    /// See what is done in the background, and how it went.
    ReadJobs = "job:read", Reads;
    /// End what waits, and do again what failed.
    WriteJobs = "job:write", Writes;
}

/// Wakes this server's worker, or its sender, when something was wanted here; the others look four times a second.
#[derive(Default)]
pub(crate) struct Wake(Notify);

impl Wake {
    pub(crate) fn wake(&self) {
        self.0.notify_one();
    }

    pub(crate) async fn woken(&self) {
        self.0.notified().await;
    }
}

const TAG: &str = "jobs";
const LIST: Docs = Docs::new(TAG, "List the organization's jobs", "The newest first.");
const FIND: Docs = Docs::new(TAG, "See how a job goes", "");
const CANCEL: Docs = Docs::new(
    TAG,
    "Cancel a job",
    "One that waits is cancelled at once. One that runs is asked to end: it has no effect from then on, and is \
     `cancelled` when it has come to its next checkpoint.",
)
.example(|| json!({}));
const REPLAY: Docs = Docs::new(
    TAG,
    "Do a job again",
    "One that is `failed` or `dead` waits anew, with all its attempts; as whoever wanted it, if they still may.",
)
.example(|| json!({}));

pub(crate) fn routes(routes: &mut Routes) {
    routes.get(ReadJobs, "/api/v1/jobs", http::list, LIST);
    routes.get(ReadJobs, "/api/v1/jobs/{id}", http::find, FIND);
    routes.post(WriteJobs, "/api/v1/jobs/{id}/cancel", http::cancel, CANCEL);
    routes.post(WriteJobs, "/api/v1/jobs/{id}/replay", http::replay, REPLAY);
}

/// The lease is another worker's by now.
const LOST: &str = "job_lease_lost";
/// Its end was asked for.
const CANCELLED: &str = "job_cancelled";
/// Its tenant was suspended.
const HELD: &str = "job_held";

pub(crate) fn constraints() -> Vec<Constraint> {
    vec![
        Constraint {
            name: "RV460",
            problem: || {
                let detail = "a job is done for somebody of the organisation itself";
                Problem::new(403, "job_needs_a_member", detail)
            },
        },
        Constraint {
            name: "RV461",
            problem: || Problem::conflict("job_has_moved_on", "the job is no longer in that state"),
        },
        Constraint {
            name: "RV462",
            problem: || Problem::conflict(CANCELLED, "somebody asked for the job's end"),
        },
        Constraint {
            name: "RV463",
            problem: || Problem::conflict(LOST, "another worker has the job"),
        },
        Constraint {
            name: "RV464",
            problem: || Problem::conflict(HELD, "the organisation is suspended: its jobs wait"),
        },
    ]
}
