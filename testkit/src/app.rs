//! A server for one test, and the invariants that must hold when the test is over.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use kernel::{
    Clock, Core,
    db::{Platform, PoolSettings},
    http::Limits,
    module::{Module, Registry},
    people::{NewAccount, People},
    tenant::{self, NewTenant},
};
use reeve::{run::Server, settings::Settings};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use uuid::Uuid;

use crate::{Organisation, PASSWORD, Persona, TestDatabase, TestTenant, logs};

/// The secret of every server of the tests.
pub const SECRET: &str = "a secret of the tests, 32 bytes..";

/// How a test's server differs from the usual one.
#[derive(Clone)]
pub struct Options {
    pub pool: usize,
    /// How long a request waits for a connection.
    pub wait: Duration,
    /// How long a head may take.
    pub head: Duration,
    pub settings: HashMap<String, String>,
    /// A module of the test's own, mounted beside the real ones.
    pub extra: Option<fn() -> Module>,
    /// The server's time; a test holds the hand of a [`Clock::movable`].
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            pool: 4,
            wait: Duration::from_secs(10),
            head: Duration::from_secs(15),
            settings: HashMap::new(),
            extra: None,
            clock: Clock::default(),
        }
    }
}

impl Options {
    /// A server that believes the proxy before it, so that a [`Persona`] may come from any address.
    pub fn behind_a_proxy() -> Self {
        let settings = [("TRUSTED_PROXIES".to_owned(), "127.0.0.1".to_owned())].into();
        Self { settings, ..Self::default() }
    }
}

/// A database and the replicas that serve it.
pub struct TestApp {
    pub database: TestDatabase,
    pub http: reqwest::Client,
    replicas: Vec<Replica>,
}

/// One server in this process.
struct Replica {
    address: SocketAddr,
    core: Arc<Core>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Runs one test against its own database and server, then checks what must hold after any test.
pub fn run(test: impl AsyncFnOnce(&mut TestApp)) {
    run_with(Options::default(), test);
}

/// The same with other options.
pub fn run_with(options: Options, test: impl AsyncFnOnce(&mut TestApp)) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        logs::install();
        let mut app = TestApp::start(&options).await;
        test(&mut app).await;
        app.finish().await;
    });
}

impl TestApp {
    async fn start(options: &Options) -> Self {
        let database = TestDatabase::migrated().await;
        // Loopback only: no certificates to read, and a redirect is an answer to be looked at.
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(60))
            .no_proxy()
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none())
            .build();
        let mut app = Self { database, http: http.expect("a client"), replicas: vec![] };
        app.add_replica(options).await;
        app
    }

    /// One more server on the same database; the number by which [`at`](Self::at) knows it.
    pub async fn add_replica(&mut self, options: &Options) -> usize {
        let settings = Settings::from_map(&options.settings).expect("settings");
        let pool = PoolSettings {
            config: self.database.config("reeve_app"),
            size: options.pool,
            wait: options.wait,
        };
        let modules = reeve::modules().into_iter().chain(options.extra.map(|module| module()));
        let registry = Registry::new(modules.collect()).expect("a registry");
        let clock = options.clock.clone();
        let server = Server::prepare(&settings, registry, pool, SECRET.as_bytes(), clock)
            .await
            .expect("a server");
        let core = server.core.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, mut stopped) = watch::channel(false);
        let limits = Limits { head: options.head, ..Limits::default() };
        let task = tokio::spawn(async move {
            let stop = async move {
                let _asked = stopped.wait_for(|stop| *stop).await;
            };
            server.run(listener, None, limits, stop).await.expect("it served");
        });
        self.replicas.push(Replica { address, core, stop, task });
        self.replicas.len() - 1
    }

    /// Ends the newest replica as SIGTERM would, and waits until it has ended.
    pub async fn stop_newest_replica(&mut self) {
        let replica = self.replicas.pop().expect("a replica");
        let _gone = replica.stop.send(true);
        replica.task.await.expect("the server ended well");
    }

    pub fn address(&self) -> SocketAddr {
        self.replicas[0].address
    }

    /// What the requests of a replica share.
    pub fn core(&self, replica: usize) -> &Arc<Core> {
        &self.replicas[replica].core
    }

    pub fn url(&self, replica: usize) -> String {
        format!("http://{}", self.replicas[replica].address)
    }

    /// A new tenant with a key for each role.
    pub async fn tenant(&self, name: &str) -> TestTenant {
        self.tenant_with(name, false).await
    }

    /// The same for a tenant that may demand If-Match.
    pub async fn tenant_with(&self, name: &str, require_if_match: bool) -> TestTenant {
        let clock = Clock::default();
        let mut platform = self.platform().await;
        let new = NewTenant {
            name: name.into(),
            realm: "clinic".into(),
            require_if_match,
            ..NewTenant::default()
        };
        let registry = reeve::registry().expect("a registry");
        let tenant = tenant::create(&mut platform, &clock, &registry, new).await.expect("a tenant");
        let id = tenant.id.to_string();
        let mut personas = vec![];
        for role in ["admin", "integration", "reader", "auditor"] {
            let key =
                tenant::create_key(&mut platform, &clock, &id, role, role).await.expect("a key");
            personas.push(self.persona(Some(key.1.as_str().to_owned()), key.0.id));
        }
        let mut personas = personas.into_iter();
        let mut next = || personas.next().expect("four");
        TestTenant {
            id: tenant.id,
            admin: next(),
            integration: next(),
            reader: next(),
            auditor: next(),
        }
    }

    /// A new organisation of a realm, with somebody of each role, signed in.
    pub async fn organisation(&self, realm: &str, name: &str) -> Organisation {
        let registry = reeve::registry().expect("a registry");
        let mut platform = self.platform().await;
        let clock = Clock::default();
        let new = NewTenant { name: name.into(), realm: realm.into(), ..NewTenant::default() };
        let tenant = tenant::create(&mut platform, &clock, &registry, new).await.expect("a tenant");
        let known = *registry.realms.iter().find(|r| r.name == realm).expect("a realm");
        let mut organisation =
            Organisation { id: tenant.id, realm: realm.into(), people: BTreeMap::new() };
        let matrix = &registry.matrix;
        let mut people =
            People { platform: &mut platform, clock: &clock, matrix, realm: known, tenant };
        let mut first = None;
        for role in matrix.names(realm) {
            let (email, full_name) = (organisation.email(role), format!("Person of {role}"));
            let id = match first {
                None => {
                    let password = Some(passwords::Password::new(PASSWORD));
                    let account = NewAccount { email, full_name, role: role.into(), password };
                    people.create(account).await.expect("an account").0.id
                }
                Some(first) => self.colleague(first, role, &email, &full_name).await,
            };
            first = first.or(Some(id));
            let nobody = self.persona(None, id);
            let id = organisation.id.to_string();
            let reply = nobody.sign_in(&id, &organisation.email(role), PASSWORD).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            organisation.people.insert(role, nobody.with_tokens(&reply));
        }
        organisation
    }

    /// Another account with the password of the first: its hash is dear, and one is enough.
    async fn colleague(&self, first: Uuid, role: &str, email: &str, full_name: &str) -> Uuid {
        let id = Uuid::now_v7();
        let copy = format!(
            "set session_replication_role = replica;
             select set_config('app.tenant_id', tenant_id::text, false) from kernel.account where id = '{first}';
             insert into kernel.account (tenant_id, id, email, email_index, full_name, role, password_hash,
                                         password_changed_at)
             select tenant_id, '{id}', kernel.seal('{id}', '{email}'), kernel.blind('{email}'),
                    kernel.seal('{id}', '{full_name}'), '{role}', password_hash, password_changed_at
               from kernel.account where id = '{first}'"
        );
        self.database.session("reeve_admin").await.batch_execute(&copy).await.expect("an account");
        id
    }

    pub async fn platform(&self) -> Platform {
        Platform::connect(&self.database.config("reeve_admin"), Uuid::now_v7())
            .await
            .expect("the platform")
    }

    /// Somebody without a credential.
    pub fn anonymous(&self) -> Persona {
        self.persona(None, Uuid::nil())
    }

    /// Somebody with this text as key.
    pub fn persona(&self, key: Option<String>, id: Uuid) -> Persona {
        let (http, base) = (self.http.clone(), self.url(0));
        Persona { http, base, key, token: None, refresh: None, address: None, id }
    }

    /// Lets everybody come as often as they like, for a test that is about something else. Answers still tell of
    /// their limits.
    pub async fn without_limits(&self) {
        let always_first =
            "create or replace function kernel.count_request(p_who bytea, p_window integer,
                 out began timestamptz, out so_far integer, out seconds_left integer)
             language sql as $$ select now(), 1, p_window $$";
        let session = self.database.session("reeve_admin").await;
        session.batch_execute(always_first).await.expect("no limits");
    }

    /// The rows of a question to the whole database, the first column as text.
    pub async fn ask(&self, sql: &str) -> Vec<String> {
        let session = self.database.session("reeve_admin").await;
        let rows = session.simple_query(sql).await.expect("an answer");
        let row = |message: &kernel::tokio_postgres::SimpleQueryMessage| match message {
            kernel::tokio_postgres::SimpleQueryMessage::Row(row) => {
                Some(row.get(0).unwrap_or("null").to_owned())
            }
            _ => None,
        };
        rows.iter().filter_map(row).collect()
    }

    /// What must hold after any test: a clean catalogue, no transaction left open, and a server that
    /// ends when asked.
    async fn finish(self) {
        let registry = reeve::registry().expect("a registry");
        let idle =
            "select state || ': ' || query from pg_stat_activity where datname = current_database()
                     and usename = 'reeve_app' and state like 'idle in transaction%'
                     and now() - state_change > interval '1 second'";
        assert_eq!(self.ask(idle).await, Vec::<String>::new(), "a transaction was left open");
        let platform = self.platform().await;
        let findings =
            kernel::db::lint(platform.client(), &registry.classes).await.expect("the lint runs");
        assert_eq!(findings, [], "the catalogue must be clean after a test");
        for replica in self.replicas {
            let _gone = replica.stop.send(true);
            replica.task.await.expect("the server ended well");
        }
        self.database.remove().await;
    }
}
