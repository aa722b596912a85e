//! Somebody who asks for an account of their own, for modules whose people register themselves.

use passwords::{Password, PasswordHash};
use uuid::Uuid;

use super::{
    PersonView,
    http::{insert, view},
    rules::NewPerson,
};
use crate::{
    authz::{Authorized, Permission, TenantTx, Writes},
    http::Problem,
    identity::Realm,
    privacy::Reveal,
    sessions::hash_new,
};

/// What somebody says of themselves who asks for an account.
pub struct Asked {
    pub email: String,
    pub password: Password,
    pub full_name: String,
    pub phone: Option<String>,
    /// ISO 639; `en` when not said.
    pub preferred_language: Option<String>,
}

/// Somebody who may have the account they ask for, if its address is free.
pub struct Newcomer {
    id: Uuid,
    person: NewPerson,
    hash: PasswordHash,
    realm: Realm,
}

impl Newcomer {
    /// Looks at what somebody asks and hashes their password, by the rules of the realm that `act` is in.
    ///
    /// # Errors
    /// 422 with the field; 503 when too many passwords wait to be hashed.
    pub async fn check<P: Permission<Effect = Writes>>(
        act: &Authorized<P>,
        asked: Asked,
    ) -> Result<Self, Problem> {
        let Asked { email, password, full_name, phone, preferred_language } = asked;
        let no_realm = || Problem::internal("an account is made in an organisation");
        let realm = *act.core().realm(act.caller().realm).ok_or_else(no_realm)?;
        let person =
            NewPerson::parse((email, full_name), (phone, preferred_language), realm.languages)?;
        let hash = hash_new(act, "password", password, &person.about(), realm.passwords).await?;
        Ok(Self { id: act.new_id(), person, hash, realm })
    }

    /// The id that the account will have.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Makes the account, active and with this role, in the transaction of what else comes with it.
    ///
    /// # Errors
    /// 409 `email_taken`, or what [`Problem`] says of the database's failure.
    pub async fn enrol(
        self,
        tx: &mut TenantTx<'_>,
        role: &'static str,
    ) -> Result<PersonView, Problem> {
        let Self { id, person, hash, realm } = self;
        let rows = tx.run(insert(id, person, Some(role), "active", Some(hash))).await?;
        let row = rows.into_iter().next().ok_or_else(Problem::not_found)?;
        Ok(view(realm.tenant_fields, row, &Reveal::on_record()))
    }
}
