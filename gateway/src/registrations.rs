//! What is registered: a file for each agent, written beside the old one and renamed over it, so that
//! whoever reads after a crash reads one or the other.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use workflow::Workflow;

/// Former registrations of an agent that are remembered.
const FORMER: usize = 100;

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot use the folder of registrations {0}: {1}")]
    Folder(PathBuf, #[source] io::Error),
    #[error("another gateway uses the folder of registrations {0}: give each its own")]
    Taken(PathBuf),
    #[error("{0} is not a registration of this version: move it away and register it again")]
    Unreadable(PathBuf),
}

/// What somebody registers.
pub(crate) struct New {
    pub(crate) id: Uuid,
    pub(crate) agent_id: Uuid,
    pub(crate) sequence: u64,
    pub(crate) workflow: Workflow,
}

/// The newest registration of an agent.
pub(crate) struct Registered {
    pub(crate) kept: Kept,
    pub(crate) workflow: Workflow,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    pub(crate) id: Uuid,
    pub(crate) agent_id: Uuid,
    pub(crate) sequence: u64,
    pub(crate) version_hash: String,
    pub(crate) status: Status,
    workflow: Value,
    /// The last ones before it, newest first.
    former: Vec<Former>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Former {
    pub(crate) id: Uuid,
    pub(crate) version_hash: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Active,
    Stopped,
    /// Another one of the agent has taken its place; never kept.
    Superseded,
}

/// Why something is not registered.
#[derive(Debug)]
pub(crate) enum Conflict {
    /// A newer one is here already.
    Superseded,
    /// The same sequence of another registration or another workflow.
    SequenceTaken,
    /// It was registered and has been stopped.
    Stopped,
    /// The id is another agent's.
    IdTaken,
    Disk(io::Error),
}

pub(crate) struct Registrations {
    folder: PathBuf,
    agents: RwLock<BTreeMap<Uuid, Arc<Registered>>>,
    /// One is written at a time: what was compared with is still there when it is replaced.
    writing: Mutex<()>,
    /// Held as long as the process lives.
    _lock: File,
}

impl Registrations {
    pub(crate) fn open(folder: PathBuf) -> Result<Arc<Self>, OpenError> {
        let cannot = |error| OpenError::Folder(folder.clone(), error);
        fs::create_dir_all(&folder).map_err(cannot)?;
        let lock = File::create(folder.join("lock")).map_err(cannot)?;
        lock.try_lock().map_err(|_| OpenError::Taken(folder.clone()))?;
        let mut agents = BTreeMap::new();
        for entry in fs::read_dir(&folder).map_err(cannot)? {
            let path = entry.map_err(cannot)?.path();
            match path.extension().and_then(|ending| ending.to_str()) {
                Some("json") => {
                    let registered = read(&path)?;
                    agents.insert(registered.kept.agent_id, Arc::new(registered));
                }
                // What a crash left behind was acknowledged to nobody.
                Some("tmp") => fs::remove_file(&path).map_err(cannot)?,
                _ => {}
            }
        }
        let (agents, writing) = (RwLock::new(agents), Mutex::default());
        Ok(Arc::new(Self { agents, writing, _lock: lock, folder }))
    }

    pub(crate) fn of_agent(&self, agent: Uuid) -> Option<Arc<Registered>> {
        self.agents.read().unwrap_or_else(PoisonError::into_inner).get(&agent).cloned()
    }

    /// The agent that has, or had, this registration.
    pub(crate) fn holder(&self, id: Uuid) -> Option<Arc<Registered>> {
        let agents = self.agents.read().unwrap_or_else(PoisonError::into_inner);
        agents.values().find(|agent| agent.kept.state_of(id).is_some()).cloned()
    }

    /// How many agents can be invoked.
    pub(crate) fn active(&self) -> usize {
        let agents = self.agents.read().unwrap_or_else(PoisonError::into_inner);
        agents.values().filter(|agent| agent.kept.status == Status::Active).count()
    }

    /// Registers it, on disk before it is answered; true when it was not there.
    pub(crate) async fn put(
        self: &Arc<Self>,
        new: New,
    ) -> Result<(bool, Arc<Registered>), Conflict> {
        let own = self.clone();
        // To its end on a thread of its own, also when whoever asks for it goes away.
        let put = tokio::task::spawn_blocking(move || own.put_now(new)).await;
        put.unwrap_or_else(|error| Err(Conflict::Disk(io::Error::other(error))))
    }

    /// Stops it where it is the newest; else it runs nothing already.
    pub(crate) async fn stop(self: &Arc<Self>, id: Uuid) -> io::Result<()> {
        let own = self.clone();
        let stopped = tokio::task::spawn_blocking(move || own.stop_now(id)).await;
        stopped.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    fn put_now(&self, new: New) -> Result<(bool, Arc<Registered>), Conflict> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let version_hash = workflow::hash(&new.workflow);
        if self.holder(new.id).is_some_and(|other| other.kept.agent_id != new.agent_id) {
            return Err(Conflict::IdTaken);
        }
        let current = self.of_agent(new.agent_id);
        if let Some(current) = &current {
            let kept = &current.kept;
            let same = kept.id == new.id && kept.version_hash == version_hash;
            match new.sequence.cmp(&kept.sequence) {
                std::cmp::Ordering::Less => return Err(Conflict::Superseded),
                std::cmp::Ordering::Equal if !same => return Err(Conflict::SequenceTaken),
                std::cmp::Ordering::Equal if kept.status == Status::Active => {
                    return Ok((false, current.clone()));
                }
                std::cmp::Ordering::Equal => return Err(Conflict::Stopped),
                std::cmp::Ordering::Greater => {}
            }
        }
        let kept = Kept {
            id: new.id,
            agent_id: new.agent_id,
            sequence: new.sequence,
            version_hash,
            status: Status::Active,
            workflow: serde_json::from_str(&workflow::canonical(&new.workflow))
                .map_err(|error| Conflict::Disk(error.into()))?,
            former: current.map(|current| current.kept.with_former(new.id)).unwrap_or_default(),
        };
        let registered = self.write(Registered { kept, workflow: new.workflow });
        Ok((true, registered.map_err(Conflict::Disk)?))
    }

    fn stop_now(&self, id: Uuid) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(current) = self.holder(id) else { return Ok(()) };
        if current.kept.id != id || current.kept.status != Status::Active {
            return Ok(());
        }
        let kept = Kept { status: Status::Stopped, ..current.kept.clone() };
        self.write(Registered { kept, workflow: current.workflow.clone() }).map(drop)
    }

    fn write(&self, registered: Registered) -> io::Result<Arc<Registered>> {
        write(&self.folder, &registered.kept)?;
        let registered = Arc::new(registered);
        let mut agents = self.agents.write().unwrap_or_else(PoisonError::into_inner);
        agents.insert(registered.kept.agent_id, registered.clone());
        Ok(registered)
    }
}

impl Kept {
    /// What has become of a registration of this agent, and the hash of its workflow.
    pub(crate) fn state_of(&self, id: Uuid) -> Option<(Status, &String)> {
        if id == self.id {
            return Some((self.status, &self.version_hash));
        }
        let former = self.former.iter().find(|former| former.id == id)?;
        Some((Status::Superseded, &former.version_hash))
    }

    /// Those before the one of id `new`, which takes the place of this one.
    fn with_former(&self, new: Uuid) -> Vec<Former> {
        let own = Former { id: self.id, version_hash: self.version_hash.clone() };
        let all = std::iter::once(own).chain(self.former.iter().cloned());
        all.filter(|former| former.id != new).take(FORMER).collect()
    }
}

fn write(folder: &Path, kept: &Kept) -> io::Result<()> {
    let temporary = folder.join(format!("{}.tmp", kept.agent_id));
    let mut file = File::create(&temporary)?;
    file.write_all(&serde_json::to_vec(kept)?)?;
    file.sync_all()?;
    fs::rename(&temporary, folder.join(format!("{}.json", kept.agent_id)))?;
    // The name is in the folder: a crash of the machine must not lose it.
    File::open(folder)?.sync_all()
}

fn read(path: &Path) -> Result<Registered, OpenError> {
    let unreadable = || OpenError::Unreadable(path.to_owned());
    let bytes = fs::read(path).map_err(|error| OpenError::Folder(path.to_owned(), error))?;
    let kept: Kept = serde_json::from_slice(&bytes).map_err(|_| unreadable())?;
    let workflow = workflow::validate(&kept.workflow).map_err(|_| unreadable())?;
    match workflow::hash(&workflow) == kept.version_hash {
        true => Ok(Registered { kept, workflow }),
        false => Err(unreadable()),
    }
}
