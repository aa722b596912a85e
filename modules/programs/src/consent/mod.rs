//! Consent: evidence, the verdict of the capture gate, and the budget of a minor's own (K-044…K-048).

mod docs;
mod http;
pub(crate) mod rules;
pub(crate) mod sql;

use kernel::http::Routes;

use crate::permissions::{ReadConsent, WriteConsent};

/// Whose consents these are, for the kernel that keeps them.
pub(crate) const SUBJECT: &str = "programs.participant";

pub fn routes(routes: &mut Routes) {
    routes.post(WriteConsent, "/consent", http::grant, docs::GRANT);
    routes.get(ReadConsent, "/consent", http::list, docs::LIST);
    routes.get(ReadConsent, "/consent/participant/{id}/status", http::status, docs::STATUS);
    routes.post(WriteConsent, "/consent/{id}/record-session", http::record, docs::RECORD);
    routes.patch(WriteConsent, "/consent/{id}/revoke", http::revoke, docs::REVOKE);
    routes.post(WriteConsent, "/consent/{id}/guardian-disclosures", http::disclose, docs::DISCLOSE);
}
