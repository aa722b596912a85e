//! Analytics: codes, age bands and counts, read under a role that can see nothing else (K-012, K-013,
//! K-053, P5).

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::ReadAnalytics;

pub fn routes(routes: &mut Routes) {
    routes.get(ReadAnalytics, "/analytics/participation", http::participation, docs::PARTICIPATION);
    routes.get(ReadAnalytics, "/analytics/attendance", http::attendance, docs::ATTENDANCE);
    routes.get(ReadAnalytics, "/analytics/outcomes", http::outcomes, docs::OUTCOMES);
}
