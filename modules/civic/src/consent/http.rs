//! Requests on consent.

use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Committed, Disclosed, Discloses, Permission, Writes},
    consent::sql::{ConsentRow, insert_consent, lock_consent, revoke_consent},
    db::Actor,
    http::{
        Body, FromQuery, Item, List, OptionalBody, Page, Paging, Problem, Query, QueryReader,
        parameter,
    },
    privacy::{Pii, Reveal},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    SUBJECT,
    rules::{self, Given, Subject},
    sql,
};
use crate::{
    permissions::{ReadConsent, ReadOwnConsent, WriteConsent, WriteOwnConsent},
    purposes::Basis,
};

/// A consent to be recorded.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentBody {
    /// `platform_registration` unless said; see `GET /api/v1/purposes`.
    pub purpose: Option<String>,
    /// The words that were shown, where they are not `text`.
    pub purpose_description: Option<String>,
    /// The words that were agreed to; their hash is the evidence.
    pub text: Option<String>,
    pub text_version: Option<String>,
    /// One of the official languages; the preferred one unless said.
    pub language: Option<String>,
    pub consented: bool,
    /// `electronic` (usual), `paper` or `verbal`.
    pub channel: Option<String>,
    /// `self` (usual), or `competent_person` for a child.
    pub grantor: Option<String>,
    pub grantor_name: Option<String>,
    /// As what: mother, guardian.
    pub relation: Option<String>,
    /// Where the paper is, or what shows the relation.
    pub document_reference: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// Whose, for staff who record what a citizen signed.
    pub user_id: Option<Uuid>,
}

/// What goes on after a withdrawal, and why.
#[derive(Serialize, ToSchema)]
pub struct Continues {
    lawful_basis: &'static str,
    section: &'static str,
    /// Whether one may object to it.
    takes_objection: bool,
}

/// A consent on record.
#[derive(Serialize, ToSchema)]
pub struct ConsentView {
    id: Uuid,
    user_id: Uuid,
    tenant_id: Uuid,
    municipality_id: Uuid,
    purpose: String,
    purpose_description: Option<String>,
    language: String,
    consented: bool,
    #[schema(value_type = String, format = DateTime)]
    consented_at: Timestamp,
    ip_address: Option<String>,
    withdrawn: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    withdrawn_at: Option<Timestamp>,
    withdrawn_channel: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// `consent`, `public_law_duty`, …: on what the processing rests.
    lawful_basis: &'static str,
    text_version: String,
    text_hash: String,
    channel: String,
    grantor: String,
    grantor_name: Option<String>,
    relation: Option<String>,
    document_reference: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl ConsentView {
    pub(crate) fn of(tenant: Uuid, row: ConsentRow, reveal: &Reveal) -> Self {
        let text = |value: Option<Pii<String>>| value.map(|value| value.reveal(reveal));
        let withdrawn_at = row.revoked_at.map(|at| at.reveal(reveal));
        Self {
            id: row.id,
            user_id: row.subject_id,
            tenant_id: tenant,
            municipality_id: tenant,
            purpose: row.purpose,
            purpose_description: text(row.purpose_description),
            language: row.language,
            consented: true,
            consented_at: row.granted_at.reveal(reveal),
            ip_address: row.address.map(|address| address.reveal(reveal).to_string()),
            withdrawn: withdrawn_at.is_some(),
            withdrawn_at,
            withdrawn_channel: row.revoked_channel,
            expires_at: row.expires_at.map(|at| at.reveal(reveal)),
            lawful_basis: Basis::of_code(row.lawful_basis.as_deref()).code(),
            text_version: row.text_version,
            text_hash: row.text_hash,
            channel: row.channel,
            grantor: row.grantor.reveal(reveal),
            grantor_name: text(row.grantor_name),
            relation: text(row.relation),
            document_reference: text(row.document_reference),
            created_at: row.created_at,
        }
    }

    /// The same as a receipt, signed: what was agreed to, by its hash, and who agreed, by id.
    pub(crate) fn receipt<P: Permission>(&self, act: &Authorized<P>) -> Result<String, Problem> {
        let claims = json!({
            "jti": self.id, "sub": self.user_id, "municipality_id": self.municipality_id, "purpose": self.purpose,
            "lawful_basis": self.lawful_basis, "text_version": self.text_version, "text_hash": self.text_hash,
            "language": self.language, "channel": self.channel, "grantor": self.grantor,
            "consented_at": self.consented_at, "expires_at": self.expires_at, "withdrawn_at": self.withdrawn_at,
        });
        act.sign("consent-receipt+jwt", &claims)
    }
}

/// A consent with its receipt, and what is said about it.
#[derive(Serialize, ToSchema)]
pub struct ConsentAnswer {
    #[serde(flatten)]
    consent: ConsentView,
    /// A JWS of type `consent-receipt+jwt`.
    receipt: String,
    /// In the language of who it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    /// What goes on without consent; null when nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    continues: Option<Continues>,
}

pub async fn grant(
    act: Authorized<WriteOwnConsent>,
    Body(body): Body<ConsentBody>,
) -> Result<Committed<ConsentAnswer>, Problem> {
    let own = act.caller().actor.id().unwrap_or_default();
    match body.user_id {
        Some(subject) if subject != own => {
            record(&act.also::<WriteConsent>()?, subject, body).await
        }
        _ => record(&act, person(act.caller().actor)?, body).await,
    }
}

/// The caller's account; a key has none.
fn person(actor: Actor) -> Result<Uuid, Problem> {
    match actor {
        Actor::User(id) => Ok(id),
        _ => Err(Problem::field(
            &["body", "user_id"],
            "missing",
            "an API key consents for nobody: say for whom",
        )),
    }
}

async fn record<P: Permission<Effect = Writes>>(
    act: &Authorized<P>,
    subject: Uuid,
    body: ConsentBody,
) -> Result<Committed<ConsentAnswer>, Problem> {
    let giver = act.look_up(sql::find_giver(subject)).await?.into_iter().next();
    let unknown = || Problem::field(&["body", "user_id"], "unknown", "there is no such person");
    let giver = giver.ok_or_else(unknown)?;
    let given = Given::parse(body, "", &giver.preferred_language, act.now())?;
    given.by_whom(if giver.is_child { Subject::Child } else { Subject::Adult }, "")?;
    let insert = insert_consent(act.new_id(), SUBJECT, subject, given.columns);
    let (tenant, signer) = (act.caller().tenant, act.clone());
    act.transact(|tx| {
        Box::pin(async move {
            tx.judge(insert, |rows, reveal| {
                let row = rows.into_iter().next().ok_or_else(Problem::not_found)?;
                let location = format!("/api/v1/consent/{}", row.id);
                let consent = ConsentView::of(tenant, row, reveal);
                let receipt = consent.receipt(&signer)?;
                let answer = ConsentAnswer { consent, receipt, message: None, continues: None };
                Ok(Answer::created(answer, location))
            })
            .await?
        })
    })
    .await
}

/// Whose consents.
pub struct Filter {
    user_id: Option<Uuid>,
    paging: Paging,
}

impl FromQuery for Filter {
    fn read(query: &mut QueryReader) -> Self {
        Self { user_id: query.parse("user_id", "a UUID"), paging: Paging::read(query) }
    }

    fn parameters() -> Vec<Value> {
        let uuid = json!({"type": "string", "format": "uuid"});
        let mut all = vec![parameter("user_id", uuid, "of this person; one's own unless said")];
        all.extend(Paging::parameters());
        all
    }
}

pub async fn list(
    act: Authorized<ReadOwnConsent>,
    Query(filter): Query<Filter>,
) -> Result<Disclosed<List<ConsentView>>, Problem> {
    let own = act.caller().actor.id().unwrap_or_default();
    match filter.user_id {
        Some(other) if other != own => {
            page(&act.also::<ReadConsent>()?, other, filter.paging).await
        }
        _ => page(&act, own, filter.paging).await,
    }
}

async fn page<P: Permission<Effect = Discloses>>(
    act: &Authorized<P>,
    subject: Uuid,
    Paging { limit, cursor }: Paging,
) -> Result<Disclosed<List<ConsentView>>, Problem> {
    let (question, tenant) = (subject.to_string(), act.caller().tenant);
    let before = match &cursor {
        Some(cursor) => act.unseal(&question, cursor)?,
        None => Uuid::max(),
    };
    act.disclose(sql::list_consents(subject, before, limit + 1), |rows, reveal| {
        let page = Page::cut(rows, limit, |last| act.seal(&question, &last.id))?;
        Ok(Answer::list(page.map(|row| ConsentView::of(tenant, row, reveal))))
    })
    .await
}

pub async fn find(
    act: Authorized<ReadOwnConsent>,
    Item(id): Item<Uuid>,
) -> Result<Disclosed<ConsentView>, Problem> {
    let tenant = act.caller().tenant;
    let shown = |row: ConsentRow, reveal: &Reveal| Answer::ok(ConsentView::of(tenant, row, reveal));
    match act.also::<ReadConsent>() {
        Ok(all) => all.disclose_one(sql::find_consent(id), shown).await,
        Err(_) => act.disclose_one(sql::find_consent(id), shown).await,
    }
}

/// A receipt.
#[derive(Serialize, ToSchema)]
pub struct Receipt {
    /// A JWS of type `consent-receipt+jwt`.
    receipt: String,
}

pub async fn receipt(
    act: Authorized<ReadOwnConsent>,
    Item(id): Item<Uuid>,
) -> Result<Disclosed<Receipt>, Problem> {
    let tenant = act.caller().tenant;
    act.disclose(sql::find_consent(id), |rows, reveal| {
        let row = rows.into_iter().next().ok_or_else(Problem::not_found)?;
        let receipt = ConsentView::of(tenant, row, reveal).receipt(&act)?;
        Ok(Answer::ok(Receipt { receipt }))
    })
    .await
}

/// How a consent is withdrawn. Nothing of it need be said.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    reason: Option<String>,
    /// `electronic` (usual), `paper` or `verbal`.
    channel: Option<String>,
}

pub async fn withdraw(
    act: Authorized<WriteOwnConsent>,
    (Item(id), OptionalBody(body)): (Item<Uuid>, OptionalBody<Withdrawal>),
) -> Result<Committed<ConsentAnswer>, Problem> {
    match act.also::<WriteConsent>() {
        Ok(staff) => end(&staff, id, body).await,
        Err(_) => end(&act, id, body).await,
    }
}

async fn end<P: Permission<Effect = Writes>>(
    act: &Authorized<P>,
    id: Uuid,
    Withdrawal { reason, channel }: Withdrawal,
) -> Result<Committed<ConsentAnswer>, Problem> {
    let (reason, channel) = rules::parse_withdrawal(reason, channel)?;
    let (now, tenant, signer) = (act.now(), act.caller().tenant, act.clone());
    act.transact(|tx| {
        Box::pin(async move {
            // Of several at once the later ones see what the first did.
            tx.run(lock_consent(id, SUBJECT)).await?;
            let revoke = revoke_consent(id, SUBJECT, now, reason, Some(channel.clone()));
            let found = tx.judge(revoke, |rows, reveal| {
                rows.into_iter().next().map(|row| ConsentView::of(tenant, row, reveal))
            });
            let consent = found.await?.ok_or_else(Problem::not_found)?;
            tx.run(sql::revoke_others(id, now, channel)).await?;
            let giver = tx.run(sql::find_giver(consent.user_id)).await?.into_iter().next();
            let language = giver.map_or_else(|| "en".into(), |giver| giver.preferred_language);
            let basis = Basis::of_code(Some(consent.lawful_basis));
            let continues = (!basis.ends_with_consent()).then(|| Continues {
                lawful_basis: basis.code(),
                section: basis.section(),
                takes_objection: basis.takes_objection(),
            });
            let message = Some(rules::withdrawn(basis).in_language(&language));
            let receipt = consent.receipt(&signer)?;
            Ok(Answer::ok(ConsentAnswer { consent, receipt, message, continues }))
        })
    })
    .await
}
