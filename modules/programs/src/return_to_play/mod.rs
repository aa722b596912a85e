//! Return to play: the steps back after a concussion, one at a time, to a written clearance (K-043).

mod docs;
mod http;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::EscalateIncident;

pub fn routes(routes: &mut Routes) {
    routes.patch(EscalateIncident, "/incidents/{id}/rtp", http::step, docs::STEP);
}
