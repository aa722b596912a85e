//! What all requests of one server share.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use jiff::{SignedDuration, Timestamp};
use outbound::{Allowed, Outbound, Resolver, SetupError};
use passwords::Hashers;
use policy::{Classes, Matrix, Vocabulary, statutes::Statutes};
use uuid::Uuid;

use crate::{
    audit,
    authz::Call,
    codes::Codes,
    db::{Bound, Context, Db, DbError, Origin, PoolSettings, Row, Scope},
    destinations::EventType,
    http::{Constraint, Cursors, Problem},
    identity::{Callers, IdentitySettings, Realm, Refused, Tokens},
    jobs::Wake,
    module::Registry,
    policies::Policies,
    seal::Seal,
    sockets::Rooms,
    streams::{Hub, StreamSettings},
};

/// Time and ids. Nothing else in Reeve reads the clock, so that a test can hold it still and move it.
/// Clones tell the same time.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Real time where there is none.
    hand: Option<Hand>,
}

/// What moves a clock that stands still, from outside of a server that runs by it.
#[derive(Clone, Debug)]
pub struct Hand {
    at: Arc<RwLock<Timestamp>>,
}

impl Hand {
    /// The time that the clock shows.
    pub fn now(&self) -> Timestamp {
        *self.at.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns the clock to this time, which may be an earlier one.
    pub fn set(&self, at: Timestamp) {
        *self.at.write().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// Turns the clock on by this much.
    pub fn advance(&self, by: SignedDuration) {
        *self.at.write().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Clock {
    /// A clock that stands still.
    pub fn fixed(at: Timestamp) -> Self {
        Self::movable(at).0
    }

    /// A clock that stands still until its hand is moved.
    pub fn movable(start: Timestamp) -> (Self, Hand) {
        let hand = Hand { at: Arc::new(RwLock::new(start)) };
        (Self { hand: Some(hand.clone()) }, hand)
    }

    /// To the microsecond, which is what PostgreSQL keeps: a time that were rounded on its way there
    /// could lie ahead of itself.
    #[allow(clippy::disallowed_methods, reason = "this is where the time comes from")]
    pub fn now(&self) -> Timestamp {
        let now = self.hand.as_ref().map_or_else(Timestamp::now, Hand::now);
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// UUIDv7 (RFC 9562 section 5.7).
    #[allow(clippy::disallowed_methods, reason = "this is where ids come from")]
    pub fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// 32 bytes of randomness, for a key.
///
/// # Errors
/// The system has none to give.
pub fn random_bytes() -> Result<[u8; 32], getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// The parts that every request uses.
pub struct Core {
    pub(crate) db: Db,
    pub(crate) matrix: Matrix,
    pub(crate) classes: Classes,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) cursors: Cursors,
    pub(crate) callers: Callers,
    pub(crate) tokens: Tokens,
    pub(crate) hashers: Hashers,
    pub(crate) realms: Vec<Realm>,
    pub(crate) vocabulary: Arc<Vocabulary>,
    pub(crate) policies: Policies,
    /// The newest pack of each jurisdiction, as of the last look.
    pub(crate) statutes: RwLock<Arc<Statutes>>,
    /// Seals what lies in the database or a browser: signing keys, secrets of providers, sign-ons.
    pub(crate) seal: Seal,
    /// Seals what a browser keeps while it is away at a provider.
    pub(crate) browser_seal: Seal,
    /// Under which codes analytics knows people.
    pub(crate) codes: Codes,
    pub(crate) streams: Arc<Hub>,
    pub(crate) stream_settings: StreamSettings,
    /// Of this server's worker.
    pub(crate) wake: Wake,
    /// Of this server's sender.
    pub(crate) telling: Wake,
    events: Vec<(Option<&'static str>, EventType)>,
    pub(crate) rooms: Arc<Rooms>,
    sso: OnceLock<Result<sso::Client, String>>,
    outbound_allowed: Allowed,
    outbound: OnceLock<Result<Outbound, String>>,
    pub(crate) identity: IdentitySettings,
    pub clock: Clock,
}

impl Core {
    /// Puts the parts together.
    ///
    /// # Errors
    /// Pool settings that cannot work.
    pub fn new(
        registry: &Registry,
        pool: &PoolSettings,
        identity: IdentitySettings,
        stream_settings: StreamSettings,
        outbound_allowed: Allowed,
        clock: Clock,
    ) -> Result<Arc<Self>, DbError> {
        Ok(Arc::new(Self {
            db: Db::new(pool)?,
            matrix: registry.matrix.clone(),
            classes: registry.classes.clone(),
            constraints: registry.constraints(),
            cursors: Cursors::new(&identity.secret),
            callers: Callers::default(),
            tokens: Tokens::new(identity.issuer.clone(), &identity.secret),
            hashers: Hashers::for_this_machine(),
            realms: registry.realms.clone(),
            vocabulary: registry.vocabulary.clone(),
            policies: Policies::default(),
            statutes: RwLock::default(),
            seal: Seal::new(&identity.secret, "stored secret"),
            browser_seal: Seal::new(identity.browser_secret(), "sign-on"),
            codes: Codes::new(&identity.code_salt()),
            streams: Arc::default(),
            stream_settings,
            wake: Wake::default(),
            telling: Wake::default(),
            events: registry.events.clone(),
            rooms: Arc::new(Rooms::new(&clock)),
            sso: OnceLock::new(),
            outbound_allowed,
            outbound: OnceLock::new(),
            identity,
            clock,
        }))
    }

    pub fn db(&self) -> &Db {
        &self.db
    }

    /// The client of identity providers, made when the first sign-on comes.
    pub(crate) fn sso(&self) -> Result<&sso::Client, Problem> {
        let made = self.sso.get_or_init(|| sso::Client::new().map_err(|e| e.to_string()));
        made.as_ref().map_err(|fault| Problem::internal(fault.clone()))
    }

    /// Calls addresses that a customer named; made when the first is named.
    pub(crate) fn outbound(&self) -> Result<&Outbound, Problem> {
        let make = || Outbound::new(self.outbound_allowed.clone()).map_err(|e| e.to_string());
        let made = self.outbound.get_or_init(make);
        made.as_ref().map_err(|fault| Problem::internal(fault.clone()))
    }

    /// The types of events of a realm's organisations, the kernel's own among them.
    pub(crate) fn event_types(&self, realm: &str) -> impl Iterator<Item = EventType> {
        let of = move |of: &Option<&'static str>| of.is_none_or(|of| of == realm);
        self.events.iter().filter(move |(realm, _)| of(realm)).map(|(_, event)| *event)
    }

    /// Asks this resolver for the addresses of names that customers give, if nobody has been called yet.
    ///
    /// # Errors
    /// TLS cannot be set up on this machine.
    pub fn resolve_by(&self, resolver: Arc<dyn Resolver>) -> Result<(), SetupError> {
        let made = Outbound::with_resolver(self.outbound_allowed.clone(), resolver)?;
        // Whoever was first stays.
        let _first = self.outbound.set(Ok(made));
        Ok(())
    }

    /// What a realm calls its tenant.
    pub(crate) fn tenant_fields(&self, realm: &str) -> &'static [&'static str] {
        self.realm(realm).map_or(&[], |realm| realm.tenant_fields)
    }

    /// The realm of this name, if it is mounted.
    pub(crate) fn realm(&self, name: &str) -> Option<&Realm> {
        self.realms.iter().find(|realm| realm.name == name)
    }

    /// One statement in one governed flush.
    pub(crate) async fn flush<R: Row>(
        &self,
        context: &Context<'_>,
        bound: &Bound<R>,
    ) -> Result<Vec<R>, DbError> {
        self.db.flush(context, bound).await
    }

    pub(crate) async fn record_refusal(
        &self,
        context: &Context<'_>,
        route: &str,
        reason: &'static str,
        call: Option<&Call>,
        status: u16,
    ) {
        metrics::counter!("reeve_refusals_total", "reason" => reason).increment(1);
        let status = call.map(|_| i32::from(status));
        let record = call.and_then(|call| call.record);
        let (operation, route) = (operation_of(route), route.to_owned());
        let entry = audit::sql::insert_refusal(operation, route.clone(), reason, record, status);
        if let Err(error) = self.flush(context, &entry).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                route,
                reason,
                "refusal not recorded"
            );
        }
    }
}

impl Core {
    /// Records that a credential was refused, and says what to answer.
    pub(crate) async fn refuse_credential(
        &self,
        refused: Refused,
        (permission, route): (&'static str, &str),
        origin: &Origin,
    ) -> Problem {
        let Refused { tenant, actor, problem } = refused;
        let context = Context { tenant, actor, permission, origin, scope: Scope::Own, now: None };
        if matches!(problem.status, 400 | 401 | 403) {
            self.record_refusal(&context, route, problem.code, None, problem.status).await;
        }
        *problem
    }
}

/// `POST /v1/patients` is an attempt to create.
pub(crate) fn operation_of(route: &str) -> &'static str {
    match route.split(' ').next() {
        Some("POST") => "CREATE",
        Some("PATCH" | "PUT") => "UPDATE",
        Some("DELETE") => "DELETE",
        _ => "READ",
    }
}
