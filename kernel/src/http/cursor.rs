//! Page cursors: opaque, sealed to the tenant, the caller, the route and the question, so that a
//! link made for one opens nothing for another (HAPI FHIR's issue 3357 is what happens otherwise).

use serde::{Serialize, de::DeserializeOwned};

use super::Problem;
use crate::{authz::Caller, seal::Seal};

/// Seals and opens cursors.
pub(crate) struct Cursors {
    seal: Seal,
}

impl Cursors {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self { seal: Seal::new(secret, "cursor") }
    }

    pub(crate) fn seal(
        &self,
        caller: &Caller,
        route: &str,
        question: &str,
        place: &impl Serialize,
    ) -> Result<String, Problem> {
        let place = serde_json::to_vec(place).map_err(Problem::internal)?;
        self.seal.seal_text(&owner(caller, route, question), &place).map_err(Problem::internal)
    }

    pub(crate) fn open<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        route: &str,
        question: &str,
        cursor: &str,
    ) -> Result<T, Problem> {
        let opened = self.seal.open_text(&owner(caller, route, question), cursor);
        opened.and_then(|place| serde_json::from_slice(&place).ok()).ok_or_else(|| {
            let msg = "send `next_cursor` as you received it, with the same filters and key";
            Problem::field(&["query", "cursor"], "cursor", msg)
        })
    }
}

fn owner(caller: &Caller, route: &str, question: &str) -> Vec<u8> {
    format!("{}\0{:?}\0{route}\0{question}", caller.tenant, caller.actor).into_bytes()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::db::Actor;

    fn caller(tenant: u128, key: u128) -> Caller {
        Caller {
            tenant: Uuid::from_u128(tenant),
            actor: Actor::ApiKey(Uuid::from_u128(key)),
            realm: "clinic",
            role: None,
            session: None,
            authenticated_by: "api_key",
            until: None,
            require_if_match: false,
        }
    }

    fn opens(caller: &Caller, route: &str, question: &str, cursor: &str) -> bool {
        Cursors::new(b"secret").open::<u32>(caller, route, question, cursor).is_ok()
    }

    #[test]
    fn a_cursor_opens_for_its_caller_route_and_question_only() {
        let me = caller(1, 1);
        let cursor = Cursors::new(b"secret").seal(&me, "/a", "q", &7).expect("sealed");
        assert!(opens(&me, "/a", "q", &cursor));
        assert!(!opens(&caller(2, 1), "/a", "q", &cursor));
        assert!(!opens(&caller(1, 2), "/a", "q", &cursor));
        assert!(!opens(&me, "/b", "q", &cursor));
        assert!(!opens(&me, "/a", "p", &cursor));
    }

    #[test]
    fn garbage_is_refused_and_not_a_panic() {
        for garbage in ["", "x", "AAAA", "ñ", &"A".repeat(4096)] {
            assert!(!opens(&caller(1, 1), "/a", "q", garbage), "{garbage}");
        }
    }
}
