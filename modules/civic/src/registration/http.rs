//! Requests to register.

use jiff::tz::TimeZone;
use kernel::{
    authz::{Answer, Authorized, Committed},
    consent::sql::insert_consent,
    http::{Body, Hints, Item, Problem},
    people::{Asked, Newcomer, PersonView},
    privacy::Pii,
};
use passwords::Password;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{rules, sql};
use crate::{
    consent::{ConsentBody, ConsentView, Given, SUBJECT, Subject},
    permissions::{DecideRight, Register},
    text::ZONE,
};

/// An account that somebody makes for themselves.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterRequest {
    email: String,
    #[schema(value_type = String, format = Password)]
    password: Password,
    full_name: String,
    phone: Option<String>,
    /// One of South Africa's official languages; `en` unless said.
    preferred_language: Option<String>,
    /// The municipality: its code, id or name.
    #[serde(alias = "tenant")]
    municipality_code: Option<String>,
    /// Of a child alone (POPIA s10): whoever is under 18 needs a competent person's consent.
    date_of_birth: Option<String>,
    /// To `platform_registration` unless it says otherwise.
    consent: ConsentBody,
}

/// The account, and the consent that came with it.
#[derive(Serialize, ToSchema)]
pub struct Registered {
    #[serde(flatten)]
    person: PersonView,
    consent: ConsentView,
    /// A JWS of type `consent-receipt+jwt`.
    receipt: String,
}

pub async fn register(
    act: Authorized<Register>,
    (Body(body), hints): (Body<RegisterRequest>, Hints),
) -> Result<Committed<Registered>, Problem> {
    let named = body.municipality_code.or(hints.tenant);
    let there = act.at(named.as_deref(), hints.host.as_deref()).await?;
    let language = rules::parse_language(body.preferred_language)?;
    let now = there.now();
    let zone = TimeZone::get(ZONE).map_err(Problem::internal)?;
    let born = rules::parse_birth(body.date_of_birth, now.to_zoned(zone).date())?;
    rules::check_purpose(body.consent.purpose.as_deref())?;
    let given = Given::parse(body.consent, "consent.", &language, now)?;
    given.by_whom(if born.is_some() { Subject::Child } else { Subject::Adult }, "consent.")?;
    let asked = Asked {
        email: body.email,
        password: body.password,
        full_name: body.full_name,
        phone: body.phone,
        preferred_language: Some(language),
    };
    let newcomer = Newcomer::check(&there, asked).await?;
    let (id, tenant, signer) = (newcomer.id(), there.caller().tenant, there.clone());
    let insert = insert_consent(there.new_id(), SUBJECT, id, given.columns);
    there
        .transact(move |tx| {
            Box::pin(async move {
                let person = newcomer.enrol(tx, "citizen").await?;
                if let Some(born) = born {
                    tx.run(sql::upsert_citizen(id, Pii::new(born.to_string()))).await?;
                }
                let kept = tx.judge(insert, |rows, reveal| {
                    rows.into_iter().next().map(|row| ConsentView::of(tenant, row, reveal))
                });
                let consent = kept.await?.ok_or_else(Problem::not_found)?;
                let receipt = consent.receipt(&signer)?;
                let location = format!("/auth/users/{id}");
                Ok(Answer::created(Registered { person, consent, receipt }, location))
            })
        })
        .await
}

/// When somebody was born.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BirthBody {
    date_of_birth: String,
}

pub async fn record_birth(
    act: Authorized<DecideRight>,
    (Item(id), Body(body)): (Item<Uuid>, Body<BirthBody>),
) -> Result<Committed<()>, Problem> {
    let zone = TimeZone::get(ZONE).map_err(Problem::internal)?;
    let today = act.now().to_zoned(zone).date();
    // Also of who has come of age since: it may be the correction of a child's.
    let born = rules::parse_date(&body.date_of_birth, today)?;
    act.write(sql::upsert_citizen(id, Pii::new(born.to_string())), |_, _| Answer::gone()).await
}
