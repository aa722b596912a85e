//! Requests to register.

use kernel::{
    authz::{Answer, Authorized, Committed},
    http::{Body, Hints, Problem},
    people::{Asked, Newcomer, PersonView},
};
use passwords::Password;
use serde::Deserialize;
use utoipa::ToSchema;

use super::rules;
use crate::permissions::Register;

/// An account that somebody makes for themselves.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterRequest {
    email: String,
    #[schema(value_type = String, format = Password)]
    password: Password,
    full_name: String,
    phone: Option<String>,
    /// ISO 639; `en` when not said.
    preferred_language: Option<String>,
    /// The municipality: its id, code or name.
    #[serde(alias = "tenant")]
    municipality_code: Option<String>,
    consent: RegistrationConsent,
}

/// That their data may be processed, and for what.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistrationConsent {
    pub(super) purpose: Option<String>,
    pub(super) purpose_description: Option<String>,
    /// In which language it was asked, ISO 639.
    pub(super) language: Option<String>,
    pub(super) consented: bool,
}

pub async fn register(
    act: Authorized<Register>,
    (Body(body), hints): (Body<RegisterRequest>, Hints),
) -> Result<Committed<PersonView>, Problem> {
    rules::check(&body.consent)?;
    let named = body.municipality_code.or(hints.tenant);
    let there = act.at(named.as_deref(), hints.host.as_deref()).await?;
    let asked = Asked {
        email: body.email,
        password: body.password,
        full_name: body.full_name,
        phone: body.phone,
        preferred_language: body.preferred_language,
    };
    let newcomer = Newcomer::check(&there, asked).await?;
    let location = format!("/auth/users/{}", newcomer.id());
    there
        .transact(move |tx| {
            Box::pin(async move {
                let person = newcomer.enrol(tx, "citizen").await?;
                Ok(Answer::created(person, location))
            })
        })
        .await
}
