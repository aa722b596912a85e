//! People as an operator at the command line sees them.

use passwords::{Hashers, Password, PasswordHash};
use policy::Matrix;
use uuid::Uuid;

use super::{
    ManagePeople, PersonView,
    http::{insert, view},
    rules::NewPerson,
    sql,
};
use crate::{
    authz::Permission,
    core::Clock,
    db::{DbError, Platform},
    http::Problem,
    identity::{OneTimeCode, Realm, TokenText},
    privacy::Reveal,
    tenant::{Tenant, TenantError},
};

/// Somebody to be given an account.
pub struct NewAccount {
    pub email: String,
    pub full_name: String,
    pub role: String,
    /// None: they get a code and set one themselves.
    pub password: Option<Password>,
}

/// A tenant at the command line, with what decides about its people.
pub struct People<'a> {
    pub platform: &'a mut Platform,
    pub clock: &'a Clock,
    pub matrix: &'a Matrix,
    pub realm: Realm,
    pub tenant: Tenant,
}

impl People<'_> {
    /// Gives an account: active with a password, else invited with a code.
    ///
    /// # Errors
    /// No such role, an address that is taken or none, a weak password.
    pub async fn create(
        &mut self,
        new: NewAccount,
    ) -> Result<(PersonView, Option<TokenText>), TenantError> {
        self.require_role(&new.role)?;
        let person =
            NewPerson::parse((new.email, new.full_name), (None, None), None).map_err(refused)?;
        let hash = match new.password {
            Some(password) => Some(self.hash(password, &person).await?),
            None => None,
        };
        let state = if hash.is_some() { "active" } else { "invited" };
        let id = self.clock.new_id();
        let insert = insert(id, person, Some(&new.role), state, hash.clone());
        let row = match self.platform.run(self.tenant.id, ManagePeople::NAME, &insert).await {
            Err(DbError::Constraint(c)) if c == "account_email_taken" => {
                let text = "there is an account with this e-mail address in this tenant";
                return Err(TenantError::Refused(text.into()));
            }
            rows => rows?.into_iter().next().ok_or(TenantError::NoPerson)?,
        };
        let view = view(self.realm.tenant_fields, row, &Reveal::on_record());
        let code = if hash.is_none() { Some(self.code(id, 72).await?) } else { None };
        Ok((view, code))
    }

    /// Everybody, in the order in which they came. The list is in the ledger, as any reading is.
    ///
    /// # Errors
    /// The database's.
    pub async fn list(&mut self) -> Result<Vec<PersonView>, TenantError> {
        let mut all: Vec<PersonView> = vec![];
        loop {
            let after = all.last().map_or(Uuid::nil(), |last| last.id);
            let list = sql::list_people(after, 200, false).bound;
            let rows = self.platform.run(self.tenant.id, "user:read", &list).await?;
            let full = rows.len() == 200;
            let fields = self.realm.tenant_fields;
            all.extend(rows.into_iter().map(|row| view(fields, row, &Reveal::on_record())));
            if !full {
                return Ok(all);
            }
        }
    }

    /// Changes one's standing or role.
    ///
    /// # Errors
    /// Nobody of this address or id, no such role, or the last who manages the tenant's people.
    pub async fn change(
        &mut self,
        who: &str,
        active: Option<bool>,
        role: Option<&str>,
    ) -> Result<PersonView, TenantError> {
        let id = self.find(who).await?;
        let mut columns = serde_json::Map::new();
        if let Some(active) = active {
            columns.insert("state".into(), if active { "active" } else { "disabled" }.into());
        }
        if let Some(role) = role {
            self.require_role(role)?;
            columns.insert("role".into(), role.into());
        }
        let columns = crate::privacy::Pii::new(serde_json::Value::Object(columns));
        let update = sql::update_person(id, None, columns);
        let rows = match self.platform.run(self.tenant.id, ManagePeople::NAME, &update).await {
            Err(DbError::Rule(code)) if code == "RV509" => {
                return Err(refused(super::rules::last_administrator()));
            }
            rows => rows?,
        };
        let row = rows.into_iter().next().ok_or(TenantError::NoPerson)?;
        Ok(view(self.realm.tenant_fields, row, &Reveal::on_record()))
    }

    /// A code, good for an hour, with which somebody sets a new password.
    ///
    /// # Errors
    /// Nobody of this address or id.
    pub async fn reset(&mut self, who: &str) -> Result<TokenText, TenantError> {
        let id = self.find(who).await?;
        self.code(id, 1).await
    }

    async fn code(&mut self, account: Uuid, hours: i32) -> Result<TokenText, TenantError> {
        let code = OneTimeCode::generate(self.tenant.id, self.clock.new_id())
            .map_err(|_| TenantError::Random)?;
        let insert = sql::insert_password_code(code.id, account, code.hash(), hours);
        let rows = self.platform.run(self.tenant.id, ManagePeople::NAME, &insert).await?;
        rows.first().ok_or(TenantError::NoPerson)?;
        Ok(code.show_once())
    }

    async fn find(&mut self, who: &str) -> Result<Uuid, TenantError> {
        let find = sql::find_by_name(who.trim().to_lowercase());
        let rows = self.platform.run(self.tenant.id, "user:read", &find).await?;
        Ok(rows.first().ok_or(TenantError::NoPerson)?.id)
    }

    fn require_role(&self, role: &str) -> Result<(), TenantError> {
        if self.matrix.role(self.realm.name, role).is_some() {
            return Ok(());
        }
        let names = self.matrix.names(self.realm.name).join(", ");
        Err(TenantError::Refused(format!("--role is one of {names}")))
    }

    async fn hash(
        &self,
        password: Password,
        person: &NewPerson,
    ) -> Result<PasswordHash, TenantError> {
        let fault = |e: &dyn std::fmt::Display| TenantError::Refused(e.to_string());
        passwords::check(&password, &person.about()).map_err(|e| fault(&e))?;
        let hashers = Hashers::for_this_machine();
        hashers.hash(password, self.realm.passwords).await.map_err(|e| fault(&e))
    }
}

fn refused(problem: Problem) -> TenantError {
    let said: Vec<_> = problem.errors.iter().map(|error| error.msg.clone()).collect();
    TenantError::Refused(if said.is_empty() { problem.detail } else { said.join("; ") })
}
