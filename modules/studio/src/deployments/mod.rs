//! Deployments: which version of an agent runs on which gateway. A request wants one; a job makes it so.

mod docs;
mod http;
mod jobs;
mod rules;
pub(crate) mod sql;

pub use jobs::jobs;

use kernel::http::Routes;

use crate::permissions::{DeployAgent, ReadDeployment, UpdateDeployment};

pub fn routes(routes: &mut Routes) {
    routes.post(DeployAgent, "/api/v1/agents/{id}/deploy", http::deploy, docs::DEPLOY);
    routes.get(ReadDeployment, "/api/v1/deployments", http::list, docs::LIST);
    routes.get(ReadDeployment, "/api/v1/deployments/{id}", http::read, docs::READ);
    routes.post(UpdateDeployment, "/api/v1/deployments/{id}/stop", http::stop, docs::STOP);
}
