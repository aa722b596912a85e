//! What the OpenAPI document says of deployments.

use kernel::http::Docs;
use serde_json::json;

const TAG: &str = "deployments";

pub(super) const DEPLOY: Docs = Docs::new(
    TAG,
    "Deploy an agent to a gateway",
    "Queues a job, which registers one pinned version with the gateway: the current one, or that of `version`. `GET \
     /api/v1/jobs/{job_id}` says how it goes. Policies are asked with the agent's attributes and the gateway's \
     `environment`, now and when the job runs; a refusal names those that decided. Of two deployments of an agent to a \
     gateway the later one stays.",
)
.example(|| json!({"gateway_id": "00000000-0000-7000-8000-000000000008"}));

pub(super) const LIST: Docs = Docs::new(
    TAG,
    "List deployments",
    "The newest first. What the organization's policies deny is left out, so a page may be short.",
);

pub(super) const READ: Docs = Docs::new(
    TAG,
    "Read a deployment",
    "`pending`, `deploying`, `active`, `failed`, `stopped` or `superseded`; where it is active, `invoke_url` is where \
     the agent answers.",
);

pub(super) const STOP: Docs = Docs::new(
    TAG,
    "Stop a deployment",
    "Queues a job that takes it off its gateway; where one waits already, that is the answer. One that was superseded is 409; one that failed or was stopped is taken \
     off again, in case its gateway has it all the same.",
)
.example(|| json!({}));
