//! One PostgreSQL for the test process, one database for each test, cloned from a migrated one.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    time::Duration,
};

use kernel::{
    Clock,
    db::{Cluster, Durability, PoolSettings},
    tokio_postgres::{Client, Config, NoTls},
};
use reeve::{run::Server, settings::Settings};
use tokio::sync::{Mutex, OnceCell};

use crate::app::SECRET;

const TEMPLATE: &str = "reeve_template";
static FOLDER: OnceLock<PathBuf> = OnceLock::new();
static MIGRATED: OnceCell<()> = OnceCell::const_new();
/// A template may have no other session while it is copied.
static CLONING: Mutex<()> = Mutex::const_new(());
static NEXT: AtomicU32 = AtomicU32::new(0);

/// The socket's folder of this process's PostgreSQL.
pub fn socket_folder() -> &'static Path {
    FOLDER.get_or_init(|| {
        let parent = parent();
        remove_leftovers(&parent);
        let folder = parent.join(format!("reeve-test-{}", std::process::id()));
        let (started, wait) = mpsc::channel();
        let own = folder.clone();
        // PostgreSQL is told to stop when the thread that started it ends: this one ends with the
        // process and no sooner.
        std::thread::spawn(move || {
            let cluster = Cluster::start(&own, Durability::None);
            let _heard = started.send(cluster.as_ref().map(|_| ()).map_err(ToString::to_string));
            loop {
                std::thread::park();
            }
        });
        wait.recv().expect("the thread answers").expect("PostgreSQL starts");
        folder
    })
}

/// In memory where there is room: each test's database is a thousand small files, which a disk's file
/// system takes longer to make than the test takes to run.
fn parent() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let free = rustix::fs::statvfs(memory).map(|at| at.f_bavail * at.f_frsize).unwrap_or(0);
    if free > 4 << 30 { memory.to_owned() } else { std::env::temp_dir() }
}

/// Folders of test processes that have ended.
fn remove_leftovers(parent: &Path) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(pid) = name.strip_prefix("reeve-test-") else { continue };
        if !Path::new("/proc").join(pid).exists() {
            let _gone = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// A database of one test.
pub struct TestDatabase {
    pub name: String,
}

impl TestDatabase {
    /// A migrated, empty database.
    pub async fn migrated() -> Self {
        let server = Cluster::config(socket_folder(), "reeve_admin", "postgres");
        MIGRATED
            .get_or_init(|| async {
                kernel::db::create_database(&server, TEMPLATE).await.expect("a template");
                let registry = reeve::registry().expect("a registry");
                let template = Cluster::config(socket_folder(), "reeve_admin", TEMPLATE);
                kernel::db::migrate(&template, &registry.migrations).await.expect("migrated");
                // The first start makes the signing keys, which takes a while: once is enough.
                let serving = PoolSettings {
                    config: Cluster::config(socket_folder(), "reeve_app", TEMPLATE),
                    size: 1,
                    wait: Duration::from_secs(10),
                };
                let settings = Settings::from_map(&HashMap::new()).expect("settings");
                let clock = Clock::default();
                let first =
                    Server::prepare(&settings, registry, serving, SECRET.as_bytes(), clock).await;
                first.expect("a first start").core.db().close();
            })
            .await;
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let _one_at_a_time = CLONING.lock().await;
        let client = connect(&server).await;
        let clone = format!("create database {name} template {TEMPLATE} strategy file_copy");
        client.batch_execute(&clone).await.expect("a clone");
        Self { name }
    }

    pub fn config(&self, role: &str) -> Config {
        Cluster::config(socket_folder(), role, &self.name)
    }

    /// A session as this role: `reeve_admin` is the superuser.
    pub async fn session(&self, role: &str) -> Client {
        connect(&self.config(role)).await
    }

    /// A URL for a server process.
    pub fn url(&self, role: &str) -> String {
        format!("postgresql:///{}?user={role}&host={}", self.name, socket_folder().display())
    }

    pub(crate) async fn remove(&self) {
        let client = connect(&Cluster::config(socket_folder(), "reeve_admin", "postgres")).await;
        client
            .batch_execute(&format!("drop database {} with (force)", self.name))
            .await
            .expect("dropped");
    }
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("a session");
    tokio::spawn(connection);
    client
}
