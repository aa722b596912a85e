//! Consent under POPIA: given, shown, withdrawn; each with a receipt that anybody can verify (S-027, C-21).

mod docs;
mod http;
mod rules;
pub(crate) mod sql;

pub(crate) use http::{ConsentBody, ConsentView};
pub(crate) use rules::{Given, Subject, is_code};

use kernel::http::Routes;

use crate::permissions::{ReadOwnConsent, WriteOwnConsent};

/// Whose consents these are, in the kernel's words.
pub(crate) const SUBJECT: &str = "civic.citizen";

pub fn routes(routes: &mut Routes) {
    let (all, one) = ("/api/v1/consent", "/api/v1/consent/{id}");
    routes.post(WriteOwnConsent, all, http::grant, docs::GRANT);
    routes.get(ReadOwnConsent, all, http::list, docs::LIST);
    routes.get(ReadOwnConsent, one, http::find, docs::FIND);
    let part = "/api/v1/consent/{id}/receipt";
    routes.get(ReadOwnConsent, part, http::receipt, docs::RECEIPT);
    let part = "/api/v1/consent/{id}/withdraw";
    routes.post(WriteOwnConsent, part, http::withdraw, docs::WITHDRAW);
}
