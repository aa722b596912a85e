//! What is measured on: a private PostgreSQL in a temporary folder, and a server before it.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use kernel::db::{Cluster, Durability};
use tokio::process::{Child, Command};
use tokio_postgres::{Client, NoTls};

use crate::{
    Outcome,
    http::{Connection, request},
    rows::ID_STEM,
};

/// The database's name in a private cluster.
pub const DATABASE: &str = "reeve";

/// The tenant that is measured, and its key.
pub struct Clinic {
    pub tenant: String,
    pub key: String,
}

/// The cluster, for as long as it is kept. The folder is removed at the end.
pub struct Stand {
    pub folder: PathBuf,
    reeve: PathBuf,
    cluster: Option<Cluster>,
}

impl Stand {
    /// Starts the cluster. Call it from the main thread ([`Cluster::start`] says why).
    ///
    /// # Errors
    /// No PostgreSQL, or no release binary to be had.
    pub fn new() -> Outcome<Self> {
        let folder = std::env::temp_dir().join(format!("reeve-bench-{}", std::process::id()));
        let cluster = Cluster::start(&folder, Durability::Full)?;
        Ok(Self { folder, reeve: binary()?, cluster: Some(cluster) })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.reeve);
        command
            .arg("--data")
            .arg(&self.folder)
            .env("METRICS_ADDR", "off")
            .env("SECRET_KEY", "0123456789abcdef0123456789abcdef0123456789")
            .current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Loads the demo, whose first clinic then gets `patients` patients of ours and no others.
    ///
    /// # Errors
    /// The load failed.
    pub async fn load(&self, records: u64, patients: u64) -> Outcome<Clinic> {
        let records = records.to_string();
        let status =
            self.command().args(["demo", "--load-only", "--records", &records]).status().await?;
        if !status.success() {
            return Err("reeve demo did not load".into());
        }
        let kept: serde_json::Value =
            serde_json::from_slice(&fs::read(self.folder.join("demo.json"))?)?;
        let text =
            |pointer: &str| kept.pointer(pointer).and_then(|v| v.as_str()).map(str::to_owned);
        let clinic = Clinic {
            tenant: text("/clinics/0/tenant").ok_or("demo.json names no tenant")?,
            key: text("/clinics/0/key").ok_or("demo.json names no key")?,
        };
        self.fill(&clinic, 1, patients).await?;
        Ok(clinic)
    }

    /// The password of the demo's people.
    ///
    /// # Errors
    /// The demo was not loaded.
    pub fn password(&self) -> Outcome<String> {
        let kept: serde_json::Value =
            serde_json::from_slice(&fs::read(self.folder.join("demo.json"))?)?;
        let password = kept.pointer("/people/password").and_then(|v| v.as_str());
        Ok(password.ok_or("demo.json has no password")?.to_owned())
    }

    /// A connection as the cluster's superuser.
    ///
    /// # Errors
    /// The cluster does not answer.
    #[allow(clippy::disallowed_methods, reason = "the driver's half has no span and no tenant")]
    pub async fn admin(&self) -> Outcome<Client> {
        let config = Cluster::config(&self.folder, "reeve_admin", DATABASE);
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Adds the patients `from..=to` past the ledger, with the secondary indexes built afterwards.
    ///
    /// # Errors
    /// The database's.
    pub async fn fill(&self, clinic: &Clinic, from: u64, to: u64) -> Outcome<()> {
        let client = self.admin().await?;
        let indexes = client
            .query(
                "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index
                  where indrelid = 'clinic.patient'::regclass and not indisprimary",
                &[],
            )
            .await?;
        let mut script =
            "set session_replication_role = replica; set maintenance_work_mem = '1GB';".to_owned();
        for index in &indexes {
            script += &format!("drop index {};", index.try_get::<_, String>(0)?);
        }
        script += &format!(
            "insert into clinic.patient (tenant_id, id, doc_type_id, doc_number, first_name, last_name,
                    birth_date, gender_id, phones, email, eps_id, custom_fields)
             select '{}', ('{ID_STEM}' || lpad(n::text, 12, '0'))::uuid, 'CC', (7000000000 + n)::text,
                    'Ana', 'Rojas', date '1990-01-01' + (n % 9000)::int, 'female',
                    array['+5731' || lpad(n::text, 8, '0')], 'p' || n || '@example.org', 'EPS010',
                    jsonb_build_object('fila', n + 1000000000, 'plan', 'basic')
               from generate_series({from}::bigint, {to}) n;",
            clinic.tenant
        );
        for index in &indexes {
            script += &format!("{};", index.try_get::<_, String>(1)?);
        }
        client.batch_execute(&script).await?;
        client.batch_execute("vacuum analyze clinic.patient").await?;
        Ok(client.batch_execute("checkpoint").await?)
    }

    /// Starts `reeve serve` on the running cluster and waits until it is ready.
    ///
    /// # Errors
    /// It ended, or was not ready within ten seconds.
    pub async fn serve(&self) -> Outcome<Server> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let socket = self.folder.to_string_lossy().replace('/', "%2F");
        let begun = Instant::now();
        let mut child = self
            .command()
            .arg("serve")
            .env("DATABASE_URL", format!("postgres://reeve_app@{socket}/{DATABASE}"))
            .env("PORT", address.port().to_string())
            .spawn()?;
        while begun.elapsed() < Duration::from_secs(10) {
            if let Some(status) = child.try_wait()? {
                return Err(format!("reeve serve ended: {status}").into());
            }
            if let Ok(mut connection) = Connection::open(address).await
                && connection.send(&request("GET", "/ready", "", "")).await? == 200
            {
                return Ok(Server { child, address, ready_after: begun.elapsed() });
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Err("not ready within ten seconds".into())
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        drop(self.cluster.take());
        // A folder that stays is a nuisance and no more.
        let _removed = fs::remove_dir_all(&self.folder);
    }
}

/// A server that serves. Dropped, it is killed.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    pub ready_after: Duration,
}

impl Server {
    /// Its resident memory in MiB.
    ///
    /// # Errors
    /// It has ended, or this is no Linux.
    pub fn resident_mib(&self) -> Outcome<f64> {
        let pid = self.child.id().ok_or("the server has ended")?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let kib =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
        Ok(kib.ok_or("no VmRSS")?.parse::<f64>()? / 1024.0)
    }
}

/// The release binary: beside our own, built first where there is a cargo to do so.
fn binary() -> Outcome<PathBuf> {
    let own = std::env::current_exe()?;
    let beside = own.parent().unwrap_or(Path::new(".")).join("reeve");
    if !beside.is_file() {
        let mut cargo = std::process::Command::new("cargo");
        cargo.args(["build", "--release", "-p", "reeve", "--bin", "reeve"]).status()?;
    }
    match beside.is_file() {
        true => Ok(beside),
        false => Err("no release binary beside this one: cargo build --release -p reeve".into()),
    }
}
