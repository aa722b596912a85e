//! Requests on people.

use std::collections::BTreeMap;

use jiff::Timestamp;
use passwords::PasswordHash;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    ManagePeople, OwnAccount, ReadPeople, ReadSelf,
    rules::{self, NewPerson, Profile},
    sql::{self, PersonRow},
};
use crate::{
    authz::{Answer, Authorized, Committed, Disclosed, Permission},
    db::Actor,
    http::{Body, FromQuery, Item, Page, Patch, Problem, Query, QueryReader, parameter},
    identity::{OneTimeCode, TokenText},
    privacy::{Pii, Reveal},
};

/// Hours that an invitation and a reset are good for.
const INVITED: i32 = 72;
const RESET: i32 = 1;

/// Somebody's account. It never holds a password or its hash (S-036).
#[derive(Serialize, ToSchema)]
pub struct PersonView {
    pub id: Uuid,
    pub email: String,
    pub full_name: String,
    phone: Option<String>,
    preferred_language: String,
    /// Null when the role was taken away.
    pub role: Option<String>,
    is_active: bool,
    /// `invited` until a password is set or a sign-on has come, then `active`, or `disabled`.
    pub state: String,
    tenant_id: Uuid,
    /// The tenant again, under the realm's own name for it.
    #[serde(flatten)]
    #[schema(value_type = BTreeMap<String, Uuid>)]
    tenant: BTreeMap<&'static str, Uuid>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Whether the account was removed (S-024).
    is_deleted: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    deleted_at: Option<Timestamp>,
}

pub(super) fn view(fields: &[&'static str], row: PersonRow, reveal: &Reveal) -> PersonView {
    PersonView {
        id: row.id,
        email: row.email.reveal(reveal),
        full_name: row.full_name.reveal(reveal),
        phone: row.phone.map(|phone| phone.reveal(reveal)),
        preferred_language: row.preferred_language,
        role: row.role,
        is_active: row.state == "active",
        state: row.state,
        tenant_id: row.tenant_id,
        tenant: tenant_names(fields, row.tenant_id),
        created_at: row.created_at,
        updated_at: row.updated_at,
        is_deleted: row.deleted_at.is_some(),
        deleted_at: row.deleted_at,
    }
}

/// `school_id`, `organization_id`: what the realm's clients call the tenant.
fn tenant_names(fields: &[&'static str], tenant: Uuid) -> BTreeMap<&'static str, Uuid> {
    fields.iter().filter(|name| **name != "tenant_id").map(|name| (*name, tenant)).collect()
}

/// Who one is.
#[derive(Serialize, ToSchema)]
pub struct Me {
    /// The account's or the key's id.
    id: Uuid,
    /// `user` or `api_key`.
    kind: &'static str,
    realm: &'static str,
    role: Option<&'static str>,
    /// All that the role may do.
    permissions: Vec<&'static str>,
    tenant_id: Uuid,
    /// The tenant again, under the realm's own name for it.
    #[serde(flatten)]
    #[schema(value_type = BTreeMap<String, Uuid>)]
    tenant: BTreeMap<&'static str, Uuid>,
    /// `password`, `sso` or `api_key`.
    authenticated_by: &'static str,
    session_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    full_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_language: Option<String>,
}

pub async fn me(act: Authorized<ReadSelf>, (): ()) -> Result<Disclosed<Me>, Problem> {
    let (core, caller) = (act.core().clone(), act.caller().clone());
    let id = caller.actor.id().unwrap_or_default();
    act.disclose(sql::find_person(id), move |rows, reveal| {
        let person = rows.into_iter().next();
        let mut me = Me {
            id,
            kind: caller.actor.kind(),
            realm: caller.realm,
            role: caller.role.map(|role| role.name),
            permissions: core.matrix.permissions(caller.role),
            tenant_id: caller.tenant,
            tenant: tenant_names(core.tenant_fields(caller.realm), caller.tenant),
            authenticated_by: caller.authenticated_by,
            session_id: caller.session,
            email: None,
            full_name: None,
            phone: None,
            preferred_language: None,
        };
        if let Some(row) = person {
            me.email = Some(row.email.reveal(reveal));
            me.full_name = Some(row.full_name.reveal(reveal));
            me.phone = row.phone.map(|phone| phone.reveal(reveal));
            me.preferred_language = Some(row.preferred_language);
        }
        Ok(Answer::ok(me))
    })
    .await
}

/// What one may change of oneself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileBody {
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    full_name: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    phone: Patch<String>,
    /// ISO 639.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    preferred_language: Patch<String>,
}

pub async fn change_me(
    act: Authorized<OwnAccount>,
    Body(body): Body<ProfileBody>,
) -> Result<Committed<PersonView>, Problem> {
    let Actor::User(id) = act.caller().actor else {
        return Err(Problem::conflict("no_account", "this is an API key: it has no account"));
    };
    let ProfileBody { full_name, phone, preferred_language } = body;
    let languages = act.languages();
    let columns = Profile { full_name, phone, preferred_language }.parse(languages, |_| {})?;
    let fields = act.core().tenant_fields(act.caller().realm);
    act.write(sql::update_person(id, act.expected_version()?, columns), move |row, reveal| {
        let version = row.version;
        Answer::ok(view(fields, row, reveal)).version(version)
    })
    .await
}

/// Which people.
pub struct PeopleQuery {
    /// Those too whose account was removed.
    deleted: bool,
    limit: i64,
    cursor: Option<String>,
}

impl FromQuery for PeopleQuery {
    fn read(query: &mut QueryReader) -> Self {
        Self {
            deleted: query.parse("deleted", "true or false").unwrap_or(false),
            limit: query.limit(),
            cursor: query.text("cursor", 2000),
        }
    }

    fn parameters() -> Vec<Value> {
        let words = "removed accounts too, for those who manage people";
        let mut all = vec![parameter("deleted", json!({"type": "boolean"}), words)];
        all.extend(Page::<()>::parameters());
        all
    }
}

pub async fn list(
    act: Authorized<ReadPeople>,
    Query(query): Query<PeopleQuery>,
) -> Result<Disclosed<Page<PersonView>>, Problem> {
    let question = if query.deleted { "deleted" } else { "" };
    if query.deleted {
        act.also::<ManagePeople>()?;
    }
    let after = match &query.cursor {
        Some(cursor) => act.unseal(question, cursor)?,
        None => Uuid::nil(),
    };
    let fields = act.core().tenant_fields(act.caller().realm);
    act.disclose(sql::list_people(after, query.limit + 1, query.deleted), |rows, reveal| {
        let page = Page::cut(rows, query.limit, |last| act.seal(question, &last.id))?;
        Ok(Answer::ok(page.map(|row| view(fields, row, reveal))))
    })
    .await
}

pub async fn find(
    act: Authorized<ReadPeople>,
    Item(id): Item<Uuid>,
) -> Result<Disclosed<PersonView>, Problem> {
    let fields = act.core().tenant_fields(act.caller().realm);
    act.disclose_one(sql::find_person(id), |row, reveal| {
        let version = row.version;
        Answer::ok(view(fields, row, reveal)).version(version)
    })
    .await
}

/// Somebody who is invited.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    email: String,
    full_name: String,
    /// A role of the realm that the caller's own covers.
    role: String,
    phone: Option<String>,
    /// ISO 639; `en` when not said.
    preferred_language: Option<String>,
}

/// An account, and the code with which its owner sets a password.
#[derive(Serialize, ToSchema)]
pub struct Invited {
    #[serde(flatten)]
    person: PersonView,
    /// Shown once; for `POST /auth/password/reset`.
    #[schema(value_type = String)]
    code: TokenText,
}

pub async fn invite(
    act: Authorized<ManagePeople>,
    Body(body): Body<Invitation>,
) -> Result<Committed<Invited>, Problem> {
    let role = act.require_covered("role", &body.role)?;
    let person = NewPerson::parse(
        (body.email, body.full_name),
        (body.phone, body.preferred_language),
        act.languages(),
    )?;
    let code = new_code(&act)?;
    let (id, core) = (act.new_id(), act.core());
    let fields = core.tenant_fields(act.caller().realm);
    let insert = insert(id, person, Some(role.name), "invited", None);
    let insert_code = sql::insert_password_code(code.id, id, code.hash(), INVITED);
    act.transact(move |tx| {
        Box::pin(async move {
            let rows = tx.run(insert).await?;
            let row = rows.into_iter().next().ok_or_else(Problem::not_found)?;
            tx.run(insert_code).await?;
            let person = view(fields, row, &Reveal::on_record());
            let invited = Invited { person, code: code.show_once() };
            Ok(Answer::created(invited, format!("/auth/users/{id}")).shown_once())
        })
    })
    .await
}

pub(super) fn insert(
    id: Uuid,
    person: NewPerson,
    role: Option<&str>,
    state: &'static str,
    hash: Option<PasswordHash>,
) -> crate::db::Bound<PersonRow> {
    sql::insert_person(
        id,
        Pii::new(person.email),
        Pii::new(person.full_name),
        person.phone.map(Pii::new),
        person.preferred_language,
        role.map(str::to_owned),
        state,
        hash.map(|hash| hash.as_str().to_owned()),
    )
}

fn new_code<P: Permission>(act: &Authorized<P>) -> Result<OneTimeCode, Problem> {
    OneTimeCode::generate(act.caller().tenant, act.new_id())
        .map_err(|e| Problem::internal(e.to_string()))
}

/// What may change of somebody else.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonBody {
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    full_name: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    phone: Patch<String>,
    /// ISO 639.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    preferred_language: Patch<String>,
    /// A role that the caller's own covers, or null for none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    role: Patch<String>,
    /// False disables the account and ends its sessions.
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    is_active: Patch<bool>,
}

pub async fn change(
    act: Authorized<ManagePeople>,
    (Item(id), Body(body)): (Item<Uuid>, Body<PersonBody>),
) -> Result<Committed<PersonView>, Problem> {
    let role = match body.role {
        Patch::Value(name) => Patch::Value(act.require_covered("role", &name)?),
        Patch::Null => Patch::Null,
        Patch::Absent => Patch::Absent,
    };
    let core = act.core().clone();
    let manages = |role| core.matrix.permits(Some(role), ManagePeople::NAME);
    let administers = match &role {
        Patch::Value(role) => Some(manages(*role)),
        Patch::Null => Some(false),
        Patch::Absent => None,
    };
    let stays = administers.unwrap_or(true) && body.is_active != Patch::Value(false);
    let profile = Profile {
        full_name: body.full_name,
        phone: body.phone,
        preferred_language: body.preferred_language,
    };
    let columns = profile.parse(act.languages(), |fields| {
        fields.optional("role", "role", role, |role| Ok(role.name));
        fields.required("state", "is_active", body.is_active, |active| {
            Ok(if active { "active" } else { "disabled" })
        });
    })?;
    let update = sql::update_person(id, act.expected_version()?, columns);
    manage(&act, id, stays, move |act| {
        let fields = act.core().tenant_fields(act.caller().realm);
        (update, move |row: PersonRow| {
            let version = row.version;
            Answer::ok(view(fields, row, &Reveal::on_record())).version(version)
        })
    })
    .await
}

pub async fn remove(
    act: Authorized<ManagePeople>,
    Item(id): Item<Uuid>,
) -> Result<Committed<()>, Problem> {
    let delete = sql::delete_person(id, act.expected_version()?);
    manage(&act, id, false, move |_| (delete, |_: sql::Id| Answer::gone())).await
}

/// Changes somebody, when the caller's role covers theirs and an administrator stays; then the
/// change is felt here at once.
async fn manage<R: crate::db::Row, V: Serialize, A>(
    act: &Authorized<ManagePeople>,
    id: Uuid,
    stays: bool,
    change: impl FnOnce(&Authorized<ManagePeople>) -> (crate::db::Bound<R>, A),
) -> Result<Committed<V>, Problem>
where
    A: FnOnce(R) -> Answer<V> + Send + 'static,
{
    let (statement, answer) = change(act);
    let who = act.clone();
    let done = act.transact(|tx| {
        Box::pin(async move {
            let standing = tx.run(sql::find_standing(id)).await?.into_iter().next();
            let standing = standing.ok_or_else(Problem::not_found)?;
            if let Some(role) = &standing.role {
                who.require_covered("role", role)?;
            }
            let others = standing.other_administrators;
            rules::keep_an_administrator(standing.administers, stays, others)?;
            let row = tx.run(statement).await?.into_iter().next();
            Ok(answer(row.ok_or_else(Problem::not_found)?))
        })
    });
    let done = done.await?;
    act.core().callers.forget(&[id].into());
    Ok(done)
}

/// A code, and where it is used.
#[derive(Serialize, ToSchema)]
pub struct CodeCreated {
    /// The code's own id; it is no secret.
    id: Uuid,
    account_id: Uuid,
    /// Shown once; for `POST /auth/password/reset`.
    #[schema(value_type = String)]
    code: TokenText,
}

/// Nothing to say.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

pub async fn reset(
    act: Authorized<ManagePeople>,
    (Item(id), Body(Nothing {})): (Item<Uuid>, Body<Nothing>),
) -> Result<Committed<CodeCreated>, Problem> {
    let standing = act.look_up(sql::find_standing(id)).await?.into_iter().next();
    let standing = standing.ok_or_else(Problem::not_found)?;
    if let Some(role) = &standing.role {
        act.require_covered("role", role)?;
    }
    let code = new_code(&act)?;
    let insert = sql::insert_password_code(code.id, id, code.hash(), RESET);
    act.write(insert, move |_, _| {
        let body = CodeCreated { id: code.id, account_id: id, code: code.show_once() };
        Answer::created(body, format!("/auth/users/{id}")).shown_once()
    })
    .await
}
