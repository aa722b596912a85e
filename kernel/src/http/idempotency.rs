//! `Idempotency-Key`: a retry gets the first answer; the key's row is written in the business
//! transaction, so there is no moment at which one exists without the other.

use sha2::{Digest, Sha256};

use super::{FieldError, Problem};
use crate::{
    authz::Encoded,
    db::{Bound, Done},
    row, statements,
};

/// One request's claim on a key: unique per tenant, actor and route.
#[derive(Clone)]
pub struct Claim {
    route: &'static str,
    key: String,
    request_hash: Vec<u8>,
}

impl Claim {
    /// # Errors
    /// 422 when the key is empty, longer than 255 characters or not visible ASCII.
    pub(crate) fn new(
        route: &'static str,
        path: &str,
        key: &str,
        body: &[u8],
    ) -> Result<Self, Problem> {
        if key.is_empty() || key.len() > 255 || !key.bytes().all(|b| b.is_ascii_graphic()) {
            let loc = vec!["header".into(), "Idempotency-Key".into()];
            let msg = "send 1 to 255 visible ASCII characters, for example a UUID".into();
            return Err(Problem::invalid(vec![FieldError { loc, msg, kind: "idempotency_key" }]));
        }
        let request_hash =
            Sha256::new().chain_update(path).chain_update([0]).chain_update(body).finalize();
        Ok(Self { route, key: key.to_owned(), request_hash: request_hash.to_vec() })
    }

    /// Claims the key inside the transaction; raises RV409 or RV208 when it is taken.
    pub(crate) fn take(&self) -> Bound<Done> {
        claim(self.route, self.key.clone(), self.request_hash.clone())
    }

    pub(crate) fn find(&self) -> Bound<Kept> {
        find_kept(self.route, self.key.clone())
    }

    /// Keeps the answer, in the same transaction.
    pub(crate) fn keep(&self, answer: &Encoded) -> Bound<Done> {
        keep_answer(
            self.route,
            self.key.clone(),
            i16::try_from(answer.status).unwrap_or(0),
            answer.location.clone(),
            answer.etag.clone(),
            (!answer.shown_once).then(|| answer.body.clone()),
        )
    }

    /// The first answer again, or 422 when this request is another one under the same key.
    pub(crate) fn replay(&self, kept: Vec<Kept>) -> Result<Encoded, Problem> {
        let kept = kept.into_iter().next().ok_or_else(|| {
            Problem::unavailable(
                "the first request with this Idempotency-Key has just ended; try again",
            )
        })?;
        if kept.request_hash != self.request_hash {
            return Err(Problem::new(
                422,
                "idempotency_key_reused",
                "this Idempotency-Key was used for another request: send a new key",
            ));
        }
        let body = kept.body.ok_or_else(|| {
            let detail = "this was done, and its answer held a secret that is shown once: see the list, \
                          and rotate what you could not keep";
            Problem::conflict("shown_once", detail)
        })?;
        Ok(Encoded {
            status: u16::try_from(kept.status).unwrap_or(500),
            location: kept.location,
            content_location: None,
            media_type: None,
            etag: kept.etag,
            body,
            events: None,
            switch: None,
            cookie: None,
            next: None,
            shown_once: false,
            replayed: true,
        })
    }
}

row! {
    /// A kept answer.
    pub struct Kept {
        request_hash: Vec<u8>,
        status: i16,
        location: Option<String>,
        etag: Option<String>,
        body: Option<Vec<u8>>,
    }
}

statements! {
    fn claim(route: &'static str, key: String, request_hash: Vec<u8>) -> Done
        = "select kernel.claim_idempotency($1, $2, $3) as done";

    fn find_kept(route: &'static str, key: String) -> Kept
        = "select request_hash, coalesce(status, 0::int2) as status, location, etag, body
             from kernel.idempotency
            where tenant_id = kernel.tenant() and actor_id = kernel.setting('app.actor_id')::uuid
              and route = $1 and key = $2";

    fn keep_answer(route: &'static str, key: String, status: i16, location: Option<String>,
                   etag: Option<String>, body: Option<Vec<u8>>) -> Done
        = "update kernel.idempotency set status = $3, location = $4, etag = $5, body = $6
            where tenant_id = kernel.tenant() and actor_id = kernel.setting('app.actor_id')::uuid
              and route = $1 and key = $2
           returning true as done";
}
