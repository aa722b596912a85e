//! The handle that carries a request's authority, and the two ways to the database it offers.

use std::{
    marker::PhantomData,
    sync::{Arc, OnceLock},
};

use futures::future::BoxFuture;
use jiff::Timestamp;
use policy::{Role, statutes::Statutes};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{
    Answer, Committed, Disclosed, Discloses, Effect, Encoded, Fetched, Permission, Reads, Sight,
    Writes,
};
use crate::{
    audit::sql,
    core::{Clock, Core, operation_of},
    db::{Actor, Bound, Context, DbError, Disclosing, Done, Origin, Row, Scope, Transaction},
    http::{Counted, Problem, idempotency::Claim},
    privacy::Reveal,
};

/// Who calls, once known.
#[derive(Clone, Debug)]
pub struct Caller {
    pub tenant: Uuid,
    pub actor: Actor,
    /// The module whose person or key this is; empty for operators and the server itself.
    pub realm: &'static str,
    /// `None`: known, and allowed nothing.
    pub role: Option<Role>,
    /// The session, for a person.
    pub session: Option<Uuid>,
    /// `password`, `sso` or `api_key`.
    pub authenticated_by: &'static str,
    /// When the credential ends, where that is known beforehand.
    pub until: Option<Timestamp>,
    /// The tenant wants If-Match on every change.
    pub require_if_match: bool,
}

/// What somebody without a credential is in the matrix.
pub(crate) const ANONYMOUS: Role = Role { realm: "kernel", name: "anonymous" };

impl Caller {
    /// Somebody without a credential, of no tenant.
    pub(crate) fn anonymous() -> Self {
        Self {
            tenant: Uuid::nil(),
            actor: Actor::Anonymous,
            realm: "",
            role: Some(ANONYMOUS),
            session: None,
            authenticated_by: "nothing",
            until: None,
            require_if_match: false,
        }
    }
}

/// One request (or one run of a command) whose caller is known: what every [`Authorized`] of it
/// shares.
#[derive(Clone)]
pub struct Governed {
    pub(crate) core: Arc<Core>,
    pub(crate) caller: Caller,
    pub(crate) origin: Origin,
    pub(crate) route: &'static str,
    /// The realm whose organisations the route is about, and the realm of those who stand above them.
    pub(crate) realm: Option<&'static str>,
    pub(crate) above: Option<&'static str>,
    /// As which role of the database's this request reads, where its caller sees a part of each record.
    pub(crate) slice: Option<&'static str>,
    pub(crate) if_match: Option<String>,
    pub(crate) idempotency: Option<Claim>,
    /// Where the request is itself put on record.
    pub(crate) call: Option<Call>,
    /// The server's, unless an operator loads what was long ago.
    pub(crate) clock: Clock,
    /// What of a limit this request has used, for the edge to tell.
    pub(crate) counted: Arc<OnceLock<Counted>>,
}

/// What the ledger says of a request whose realm puts each change on record: under which permission it came, and
/// which record its path names.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) permission: &'static str,
    pub(crate) record: Option<Uuid>,
}

/// The right to do `P` for one tenant, and the only handle to the database. Made by the kernel
/// alone, after the matrix said yes.
pub struct Authorized<P> {
    pub(crate) governed: Arc<Governed>,
    pub(super) permission: PhantomData<P>,
}

impl<P> Clone for Authorized<P> {
    fn clone(&self) -> Self {
        Self { governed: self.governed.clone(), permission: PhantomData }
    }
}

impl<P: Permission> Authorized<P> {
    /// Asks the matrix.
    pub(crate) fn check(governed: Arc<Governed>) -> Result<Self, Problem> {
        // Whoever may run a command on the server's machine may do what it does; no request is one.
        let operator = matches!(governed.caller.actor, Actor::Operator(_));
        if operator || governed.core.matrix.permits(governed.caller.role, P::NAME) {
            Ok(Self { governed, permission: PhantomData })
        } else {
            Err(governed.forbidden(P::NAME))
        }
    }

    /// The right to do `Q` as well, for a request whose body asks for more than its route does.
    ///
    /// # Errors
    /// 403 when the caller's role does not hold it.
    pub fn also<Q: Permission>(&self) -> Result<Authorized<Q>, Problem> {
        Authorized::<Q>::check(self.governed.clone())
    }

    /// The role of this name in the caller's realm, which the caller may give and take: nobody hands
    /// out more than they hold.
    ///
    /// # Errors
    /// 422 for the body's `field` when there is no such role; 403 when it holds more than the
    /// caller's.
    pub(crate) fn require_covered(&self, field: &str, name: &str) -> Result<Role, Problem> {
        let (matrix, caller) = (&self.governed.core.matrix, &self.governed.caller);
        let Some(role) = matrix.role(caller.realm, name) else {
            let names = matrix.names(caller.realm).join(", ");
            let msg = format!("expected one of {names}");
            return Err(Problem::field(&["body", field], "value_error", msg));
        };
        if matrix.covers(caller.role, role) {
            return Ok(role);
        }
        let detail = "your role does not hold all that this one holds";
        Err(Problem::new(403, "role_not_covered", detail).refusing(P::NAME))
    }

    pub fn now(&self) -> Timestamp {
        self.governed.clock.now()
    }

    /// A new record's id: UUIDv7, so that keys grow with time.
    pub fn new_id(&self) -> Uuid {
        self.governed.core.clock.new_id()
    }

    /// The law by which this request decides; the same for all of it, once taken.
    pub fn statutes(&self) -> Arc<Statutes> {
        self.governed.core.statutes()
    }

    /// The tables that hold rows of persons, for the statements of [`crate::subjects`].
    pub fn subject_tables(&self) -> Value {
        self.governed.core.classes.subject_tables()
    }

    /// Signs `claims` with the notary's key, so that anybody can check them offline, for ever: a compact
    /// JWS (RFC 7515) of the type `typ` (`erasure-receipt+jwt`), with `iss` and `iat` added.
    ///
    /// # Errors
    /// A fault of ours: a type that does not end in `+jwt` or is an access token's, claims that are no
    /// object or have an `iss` or `iat` of their own, no key.
    pub fn sign(&self, typ: &'static str, claims: &impl Serialize) -> Result<String, Problem> {
        self.core().tokens.sign(typ, claims, self.now()).map_err(Problem::internal)
    }

    /// Calls addresses that a customer named.
    ///
    /// # Errors
    /// A fault of ours: TLS cannot be set up on this machine.
    pub fn outbound(&self) -> Result<&outbound::Outbound, Problem> {
        self.core().outbound()
    }

    /// Under which address this server is called.
    pub fn public_url(&self) -> &str {
        &self.core().identity.public_url
    }

    pub fn caller(&self) -> &Caller {
        &self.governed.caller
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.governed.core
    }

    /// Lets this server feel at once what has just been withdrawn from an account; the others hear of it.
    pub fn forget(&self, account: Uuid) {
        self.core().callers.forget(&[account].into());
    }

    /// The languages of the caller's realm, where it has a list.
    pub(crate) fn languages(&self) -> Option<&'static [&'static str]> {
        self.core().realm(self.caller().realm).and_then(|realm| realm.languages)
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.governed.origin
    }

    /// Tells in the answer's headers what of a limit is used.
    ///
    /// # Errors
    /// 429 when it is used up.
    pub(crate) fn tell_count(&self, counted: Option<Counted>) -> Result<(), Problem> {
        counted.map_or(Ok(()), |counted| self.governed.counted.get_or_init(|| counted).check())
    }

    /// The same right for somebody who has just shown who they are, in their tenant: for logins and
    /// codes, whose callers are nobody until then.
    pub(crate) fn on_behalf_of(&self, caller: Caller) -> Self {
        let from = (*self.governed).clone();
        let (if_match, idempotency, call) = (None, None, None);
        let governed = Governed { caller, slice: None, if_match, idempotency, call, ..from };
        Self { governed: Arc::new(governed), permission: PhantomData }
    }

    /// Seals where a page ended, for this caller on this route with this question (see
    /// [`crate::http::Cursor`]).
    pub fn seal(&self, question: &str, place: &impl Serialize) -> Result<String, Problem> {
        let caller = &self.governed.caller;
        self.governed.core.cursors.seal(caller, self.governed.route, question, place)
    }

    /// The same for another route, by its name: where the caller is sent next.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub fn seal_for(
        &self,
        route: &str,
        question: &str,
        place: &impl Serialize,
    ) -> Result<String, Problem> {
        let caller = &self.governed.caller;
        self.governed.core.cursors.seal(caller, route, question, place)
    }

    /// Opens what [`seal`](Self::seal) sealed.
    ///
    /// # Errors
    /// 422 when it was made for another caller, route or question, or is no cursor at all.
    pub fn unseal<T: serde::de::DeserializeOwned>(
        &self,
        question: &str,
        cursor: &str,
    ) -> Result<T, Problem> {
        let caller = &self.governed.caller;
        self.governed.core.cursors.open(caller, self.governed.route, question, cursor)
    }

    /// The version that the caller last saw, from If-Match; `None` when any will do.
    ///
    /// # Errors
    /// 428 when the tenant demands the header; 422 when it is not an ETag of ours.
    pub fn expected_version(&self) -> Result<Option<i32>, Problem> {
        let demanded = self.governed.caller.require_if_match;
        match self.governed.if_match.as_deref().map(str::trim) {
            None if demanded => Err(Problem::new(
                428,
                "if_match_required",
                "send the record's ETag in If-Match, so that no other change is lost",
            )),
            None | Some("*") => Ok(None),
            Some(tag) => {
                let version = tag.trim_start_matches("W/").trim_matches('"').parse();
                version.map(Some).map_err(|_| {
                    Problem::field(
                        &["header", "If-Match"],
                        "etag",
                        "send the ETag as you received it",
                    )
                })
            }
        }
    }

    /// Reads rows that say nothing about a person (such rows cannot be opened without a
    /// disclosure), for a rule that needs them.
    ///
    /// # Errors
    /// What [`Problem`] says of the database's failure.
    pub async fn look_up<R: Row>(&self, statement: Bound<R>) -> Result<Vec<R>, Problem> {
        self.flush(&statement).await
    }

    /// Who sees a part of each record reads by a slice, whatever the handler had in mind.
    pub(super) fn context<'a>(&'a self, scope: Scope<'a>) -> Context<'a> {
        match self.governed.slice {
            Some(role) if <P::Effect as Effect>::BY_SLICE => {
                self.governed.context(P::NAME, Scope::Slice(role))
            }
            _ => self.governed.context(P::NAME, scope),
        }
    }

    /// What the caller sees of the records that an answer shows.
    pub fn sight(&self) -> Sight {
        let caller = &self.governed.caller;
        match (caller.actor, caller.role) {
            (Actor::Operator(_), _) => Sight::everything(),
            (_, Some(role)) => Sight::of(role.name),
            (_, None) => Sight::nothing(),
        }
    }

    async fn flush<R: Row>(&self, bound: &Bound<R>) -> Result<Vec<R>, Problem> {
        self.flush_in(bound.scope(), bound).await
    }

    pub(super) async fn flush_in<R: Row>(
        &self,
        scope: Scope<'_>,
        bound: &Bound<R>,
    ) -> Result<Vec<R>, Problem> {
        let rows = self.core().flush(&self.context(scope), bound).await;
        let rows = rows.map_err(|e| self.problem(e))?;
        if bound.statement.enqueues {
            self.core().wake.wake();
        }
        Ok(rows)
    }

    pub(super) fn problem(&self, error: DbError) -> Problem {
        Problem::from_db(error, &self.governed.core.constraints)
    }
}

impl<P: Permission<Effect = Reads>> Authorized<P> {
    /// Answers what needs no row: nothing about a person.
    ///
    /// # Errors
    /// What cannot be encoded.
    pub fn tell<V: Serialize>(&self, answer: Answer<V>) -> Result<Fetched<V>, Problem> {
        Ok(Fetched::new(answer.encode()?))
    }

    /// Runs one statement in one flush and answers from its rows.
    ///
    /// # Errors
    /// What [`Problem`] says of the database's failure.
    pub async fn fetch<R: Row, V: Serialize>(
        &self,
        statement: Bound<R>,
        view: impl FnOnce(Vec<R>) -> Result<Answer<V>, Problem>,
    ) -> Result<Fetched<V>, Problem> {
        let rows = self.flush(&statement).await?;
        Ok(Fetched::new(view(rows)?.encode()?))
    }
}

impl<P: Permission<Effect = Reads>> Authorized<P> {
    /// The same for one record; none is 404.
    ///
    /// # Errors
    /// 404, and as [`fetch`](Self::fetch).
    pub async fn fetch_one<R: Row, V: Serialize>(
        &self,
        statement: Bound<R>,
        view: impl FnOnce(R) -> Answer<V>,
    ) -> Result<Fetched<V>, Problem> {
        self.fetch(statement, |rows| {
            rows.into_iter().next().map(view).ok_or_else(Problem::not_found)
        })
        .await
    }
}

impl<P: Permission<Effect = Discloses>> Authorized<P> {
    /// Runs one statement that records its own reading, in one flush, and answers from its rows.
    ///
    /// # Errors
    /// What [`Problem`] says of the database's failure; then nothing has left.
    pub async fn disclose<R: Row, V: Serialize>(
        &self,
        statement: Disclosing<R>,
        view: impl FnOnce(Vec<R>, &Reveal) -> Result<Answer<V>, Problem>,
    ) -> Result<Disclosed<V>, Problem> {
        let rows = self.flush(&statement.bound).await?;
        Ok(Disclosed::new(view(rows, &Reveal::on_record())?.encode()?))
    }

    /// The same for one record; none is 404.
    ///
    /// # Errors
    /// 404, and as [`disclose`](Self::disclose).
    pub async fn disclose_one<R: Row, V: Serialize>(
        &self,
        statement: Disclosing<R>,
        view: impl FnOnce(R, &Reveal) -> Answer<V>,
    ) -> Result<Disclosed<V>, Problem> {
        self.disclose(statement, |rows, reveal| match rows.into_iter().next() {
            Some(row) => Ok(view(row, reveal)),
            None => Err(Problem::not_found()),
        })
        .await
    }
}

impl<P: Permission<Effect = Writes>> Authorized<P> {
    /// Runs one writing statement and commits, in one flush; no row written is 404. Under an
    /// `Idempotency-Key`, or where requests are on record, the answer is kept in the same transaction, which takes a
    /// second flush.
    ///
    /// # Errors
    /// 404, a constraint's own problem, 412, or what [`Problem`] says of the database's failure.
    pub async fn write<R: Row, V: Serialize + Send + 'static>(
        &self,
        statement: Bound<R>,
        view: impl FnOnce(R, &Reveal) -> Answer<V> + Send + 'static,
    ) -> Result<Committed<V>, Problem> {
        let answer = |rows: Vec<R>| match rows.into_iter().next() {
            Some(row) => Ok(view(row, &Reveal::on_record())),
            None => Err(Problem::not_found()),
        };
        if self.governed.idempotency.is_none() && self.governed.call.is_none() {
            return Ok(Committed::new(answer(self.flush(&statement).await?)?.encode()?));
        }
        self.transact(|tx| Box::pin(async move { answer(tx.run(statement).await?) })).await
    }

    /// Runs one writing statement and commits, and only then decides from its row what to answer:
    /// for a write that must stand although the request is refused. Never kept for a replay.
    pub(crate) async fn write_then<R: Row, V: Serialize>(
        &self,
        statement: Bound<R>,
        answer: impl FnOnce(R, &Reveal) -> Result<Answer<V>, Problem>,
    ) -> Result<Committed<V>, Problem> {
        let row = self.flush(&statement).await?.into_iter().next();
        let row = row.ok_or_else(Problem::not_found)?;
        Ok(Committed::new(answer(row, &Reveal::on_record())?.encode()?))
    }

    /// Runs `work` in an interactive transaction, for rules that must see rows before they decide,
    /// and commits when it ends well; any error rolls back.
    ///
    /// # Errors
    /// Those of `work`, and what [`Problem`] says of the database's failure.
    pub async fn transact<V: Serialize>(
        &self,
        work: impl for<'t> FnOnce(&'t mut TenantTx<'_>) -> BoxFuture<'t, Result<Answer<V>, Problem>>,
    ) -> Result<Committed<V>, Problem> {
        let core = &*self.governed.core;
        let context = self.context(Scope::Own);
        let claim = self.governed.idempotency.as_ref();
        let take = claim.map(Claim::take);
        let begun = Transaction::begin(&core.db, &context, take.as_ref().as_slice()).await;
        let transaction = match (begun, claim) {
            (Ok((transaction, _)), _) => transaction,
            (Err(DbError::Rule(code)), Some(claim)) if code == "RV208" => {
                let kept =
                    core.flush(&context, &claim.find()).await.map_err(|e| self.problem(e))?;
                return Ok(Committed::new(claim.replay(kept)?));
            }
            (Err(error), _) => return Err(self.problem(error)),
        };
        let mut tx = TenantTx { transaction, core, enqueued: false };
        let encoded = work(&mut tx).await?.encode()?;
        let keep = claim.map(|claim| claim.keep(&encoded));
        let call =
            self.governed.call.as_ref().map(|call| call.entry(self.governed.route, &encoded));
        let last: Vec<_> = keep.iter().chain(&call).collect();
        let ended = tx.transaction.commit(&last).await;
        ended.map_err(|e| self.problem(e))?;
        if tx.enqueued {
            core.wake.wake();
        }
        Ok(Committed::new(encoded))
    }
}

impl Call {
    fn entry(&self, route: &'static str, answer: &Encoded) -> Bound<Done> {
        sql::insert_call(operation_of(route), route, self.record, i32::from(answer.status))
    }
}

/// An open transaction of one tenant.
pub struct TenantTx<'a> {
    transaction: Transaction,
    core: &'a Core,
    /// Whether a job was wanted.
    enqueued: bool,
}

impl TenantTx<'_> {
    /// A new record's id.
    pub fn new_id(&self) -> Uuid {
        self.core.clock.new_id()
    }

    /// Runs one statement; its rows.
    ///
    /// # Errors
    /// A constraint's own problem, or what [`Problem`] says of the database's failure. The
    /// transaction is then lost. A search cannot run here: this transaction's role is the server's own,
    /// which sees the rows that do not match as well.
    pub async fn run<R: Row>(&mut self, statement: Bound<R>) -> Result<Vec<R>, Problem> {
        if !matches!(statement.scope(), Scope::Own) {
            return Err(Problem::internal("a search takes a flush of its own: look_up or fetch"));
        }
        self.enqueued |= statement.statement.enqueues;
        let rows = self.transaction.run(&statement).await;
        rows.map_err(|e| Problem::from_db(e, &self.core.constraints))
    }

    /// Runs one statement and lets a rule look at its rows' personal values, for a decision about the
    /// change that this transaction is. What `decide` makes of them must not hold them.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn judge<R: Row, T>(
        &mut self,
        statement: Bound<R>,
        decide: impl FnOnce(Vec<R>, &Reveal) -> T,
    ) -> Result<T, Problem> {
        let rows = self.run(statement).await?;
        Ok(decide(rows, &Reveal::on_record()))
    }

    /// Reads rows for somebody else than the caller, whom this transaction tells of them: each read is in the ledger
    /// when it commits.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn disclose<R: Row, T>(
        &mut self,
        statement: Disclosing<R>,
        tell: impl FnOnce(Vec<R>, &Reveal) -> T,
    ) -> Result<T, Problem> {
        self.judge(statement.bound, tell).await
    }
}

impl Governed {
    pub(crate) fn context<'a>(&'a self, permission: &'static str, scope: Scope<'a>) -> Context<'a> {
        Context {
            tenant: self.caller.tenant,
            actor: self.caller.actor,
            permission,
            origin: &self.origin,
            scope,
            now: Some(self.clock.now()),
        }
    }

    /// 403 for a permission that the role does not hold, in the words of the realm's document.
    pub(crate) fn forbidden(&self, permission: &'static str) -> Problem {
        let problem = Problem::forbidden(permission);
        match self.core.realm(self.caller.realm) {
            // Z-007.
            Some(realm) if realm.attribute_policies => {
                Problem { detail: "Permission denied".into(), ..problem }
            }
            _ => problem,
        }
    }

    /// One statement in one flush, in the caller's name.
    pub(crate) async fn run<R: Row>(
        &self,
        permission: &'static str,
        bound: &Bound<R>,
    ) -> Result<Vec<R>, Problem> {
        let rows = self.core.flush(&self.context(permission, bound.scope()), bound).await;
        rows.map_err(|e| Problem::from_db(e, &self.core.constraints))
    }

    /// Records the refusal of a permission, if that is what `problem` is, or any failure where requests are on record. It has no transaction to
    /// ride on; when it cannot be written the refusal stands all the same, and the log says so.
    pub(crate) async fn refuse(&self, problem: Problem) -> Problem {
        let refused = problem.refused.as_ref().map(|refusal| (refusal.permission, refusal.tenant));
        let call = self.call.as_ref().map(|call| (call.permission, None));
        if let Some((permission, tenant)) = refused.or(call) {
            let mut context = self.context(permission, Scope::Own);
            context.tenant = tenant.unwrap_or(context.tenant);
            let (call, status) = (self.call.as_ref(), problem.status);
            self.core.record_refusal(&context, self.route, problem.code, call, status).await;
        }
        problem
    }
}
