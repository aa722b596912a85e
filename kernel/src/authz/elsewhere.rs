//! A right carried to where its caller is not at home: by somebody without a credential who names an organisation, by
//! a key that came in a form, by those who stand above the organisations of a realm.

use std::{marker::PhantomData, sync::Arc};

use uuid::Uuid;

use super::{Authorized, Caller, Governed, Permission, Writes};
use crate::{
    audit,
    db::{Actor, Origin},
    http::Problem,
    identity::Credential,
    tenant::sql,
};

impl<P: Permission> Authorized<P> {
    /// The same right, still nobody's, inside the active organisation of the route's realm that is named by id, code or
    /// name, or that the host means when none is named. What it reads it reads as before, by the same slice.
    ///
    /// # Errors
    /// 404 `no_such_organisation`; 400 `organisation_inactive` when it is suspended.
    pub async fn at(&self, named: Option<&str>, host: Option<&str>) -> Result<Self, Problem> {
        let realm = self.governed.realm.ok_or_else(no_such_organisation)?;
        let find = sql::find_organisation(realm, named.map(str::to_owned), host.map(str::to_owned));
        let found = self.governed.run(P::NAME, &find).await?.into_iter().next();
        let found = found.ok_or_else(no_such_organisation)?;
        if !found.is_active {
            let detail = "this organisation is suspended";
            return Err(Problem::new(400, "organisation_inactive", detail));
        }
        let caller = Caller { tenant: found.id, realm, ..Caller::anonymous() };
        Ok(self.of(Governed { caller, ..(*self.governed).clone() }))
    }

    /// The right to do `Q` as the API key that came in a form, for protocols that send it there. It is judged, and refused
    /// on record, as it would be in a header.
    ///
    /// # Errors
    /// 401 and 403, as at the edge.
    pub async fn by_key<Q: Permission>(&self, key: &str) -> Result<Authorized<Q>, Problem> {
        let from = &self.governed;
        let core = &from.core;
        let caller = match core.callers.identify(core, &from.origin, Credential::Key(key)).await {
            Ok(caller) => caller,
            Err(refused) => {
                let place = (Q::NAME, from.route);
                return Err(core.refuse_credential(refused, place, &from.origin).await);
            }
        };
        let slice = core.matrix.slice(caller.role);
        let governed = Arc::new(Governed { caller, slice, ..(**from).clone() });
        let allowed = match from.realm.is_none_or(|realm| realm == governed.caller.realm) {
            true => Authorized::<Q>::check(governed.clone()),
            false => Err(governed.forbidden(Q::NAME)),
        };
        match allowed {
            Ok(act) => Ok(act),
            // Recorded here, as the key's; the edge would record it as nobody's.
            Err(problem) => Err(Problem { refused: None, ..governed.refuse(problem).await }),
        }
    }

    /// The same right inside one organisation of the route's realm, named by id, code or name, for callers of the realm
    /// above it. They stay who they are; `purpose` (1 to 200 characters) stands in that organisation's ledger. `field` is
    /// where the request says it: `["query", "reason"]`.
    ///
    /// # Errors
    /// 403 for everybody else, 422 for the purpose, 404 when there is no such organisation.
    pub async fn enter(
        &self,
        organisation: &str,
        purpose: &str,
        field: &[&str],
    ) -> Result<Self, Problem> {
        let inside = self.governed.caller.tenant.to_string() == organisation;
        if inside && matches!(self.governed.caller.actor, Actor::Operator(_)) {
            return Ok(self.clone());
        }
        let realm = self.require_above()?;
        let purpose = parse_purpose(purpose, field)?;
        let find = sql::find_below(realm, organisation.to_owned());
        let found = self.governed.run(P::NAME, &find).await?.into_iter().next();
        let found = found.ok_or_else(no_such_organisation)?;
        Ok(self.inside(found.id, found.require_if_match, purpose))
    }

    /// The realm whose organisations the caller stands above.
    fn require_above(&self) -> Result<&'static str, Problem> {
        let Governed { realm, above, caller, .. } = &*self.governed;
        match (realm, caller.actor) {
            (Some(realm), Actor::User(_)) if *above == Some(caller.realm) => Ok(realm),
            _ => Err(self.governed.forbidden(P::NAME)),
        }
    }

    /// The same right, with why it is used in the ledger as `purpose_of_event`.
    ///
    /// # Errors
    /// 422 for a purpose that says nothing, or too much.
    pub fn because(&self, purpose: &str) -> Result<Self, Problem> {
        let Caller { tenant, require_if_match, .. } = self.governed.caller;
        Ok(self.inside(tenant, require_if_match, parse_purpose(purpose, &["purpose"])?))
    }

    /// The same right, from nowhere: neither address nor agent is in the ledger, where they could betray somebody who
    /// reports in confidence, nor an id by which the client calls the request.
    pub fn unseen(&self) -> Self {
        let from = &*self.governed;
        let request_id = self.new_id();
        let origin = Origin { request_id, address: None, user_agent: None, ..from.origin.clone() };
        self.of(Governed { origin, ..from.clone() })
    }

    fn inside(&self, tenant: Uuid, require_if_match: bool, purpose: String) -> Self {
        let from = &*self.governed;
        let caller = Caller { tenant, require_if_match, ..from.caller.clone() };
        let origin = Origin { purpose_of_event: Some(purpose), ..from.origin.clone() };
        self.of(Governed { caller, origin, ..from.clone() })
    }

    fn of(&self, governed: Governed) -> Self {
        Self { governed: Arc::new(governed), permission: PhantomData }
    }
}

impl<P: Permission<Effect = Writes>> Authorized<P> {
    /// The same right inside an organisation that is about to be made by
    /// [`found_tenant`](crate::tenant::found_tenant), for callers of the realm above.
    ///
    /// # Errors
    /// 403 for everybody else, 422 for the purpose.
    pub fn found(&self, purpose: &str) -> Result<Self, Problem> {
        self.require_above()?;
        Ok(self.inside(self.new_id(), false, parse_purpose(purpose, &["purpose"])?))
    }
}

fn parse_purpose(given: &str, field: &[&str]) -> Result<String, Problem> {
    let fault = |(kind, msg)| Problem::field(field, kind, msg);
    audit::parse_purpose(given).map_err(fault)
}

fn no_such_organisation() -> Problem {
    Problem::new(404, "no_such_organisation", "there is no organisation of this id, code or name")
}
