//! The commands. Data goes to standard output, talk to standard error; `--json` makes the data
//! lines of JSON.
//!
//! Exit codes: 0 done · 1 failed · 2 wrong usage or settings · 3 refused · 4 not found ·
//! 5 conflict or rule · 6 the database or a port is not to be had · 7 a check found something.

mod accounts;
mod athletes_of_the_demo;
mod audit;
mod demo;
mod demo_civic;
mod demo_people;
mod demo_programs;
mod demo_requests;
mod demo_school;
mod demo_studio;
mod doctor;
mod gateway;
mod import;
mod jobs;
mod operate;
mod participants_of_the_demo;
mod people;
mod people_of_the_demo;
mod policies;
mod show;
mod statutes;
mod webhook;

pub use gateway::gateway;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use kernel::{
    audit::{AuditError, CheckpointError},
    db::{DbError, MigrateError},
    destinations::DestinationFault,
    identity::rotation::RotationError,
    jobs::JobFault,
    policies::PolicyFault,
    sign_on::ProviderFault,
    statutes::StatuteError,
    tenant::TenantError,
};
use tokio::runtime::Runtime;

use crate::{
    database::{Database, DatabaseError, Use},
    registry,
    run::{StartError, listen},
    settings::{Settings, SettingsError},
};

/// Reeve keeps other people's sensitive records for many organisations at once, on PostgreSQL.
#[derive(Parser)]
#[command(
    version,
    after_help = "Begin with `reeve demo`. Settings come from the environment and .env (see .env.example).\n\
                  Exit codes: 0 done, 1 failed, 2 usage or settings, 3 refused, 4 not found, 5 conflict or rule,\n\
                  6 database or port not to be had, 7 a check found something."
)]
pub struct Cli {
    /// Print data as lines of JSON.
    #[arg(long, global = true)]
    json: bool,
    /// The data folder of the private PostgreSQL (REEVE_DATA).
    #[arg(long, global = true, value_name = "FOLDER")]
    data: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Two clinics with people and keys, served on port 8000: the way to begin.
    ///
    /// Starts a private PostgreSQL in the data folder (or uses DATABASE_URL), migrates it, fills it
    /// once, prints URLs, keys and commands to try, and serves. Ctrl-C ends all of it.
    Demo(DemoArgs),
    /// Serve. Never as an owner or superuser: see `reeve migrate`.
    Serve,
    /// Run jobs and answer no requests: beside servers with JOBS_AT_ONCE=0, or to have more of them.
    Worker,
    /// What is done in the background.
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// Events that are told to other systems.
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Bring the schema up to this binary's.
    ///
    /// Logs in with DATABASE_OWNER_URL, creates the login reeve_app (with REEVE_APP_PASSWORD when it
    /// is set), and applies what is pending, one process at a time.
    Migrate {
        /// Say what is pending and change nothing.
        #[arg(long)]
        status: bool,
    },
    /// Check that the schema keeps the promises; exit code 7 when it does not.
    Doctor,
    /// Organisations, each of which sees only its own records.
    #[command(subcommand)]
    Tenant(TenantCommand),
    /// People of an organisation.
    #[command(subcommand)]
    User(UserCommand),
    /// The keys that sign people's tokens.
    #[command(subcommand)]
    TokenKey(TokenKeyCommand),
    /// Identity providers of an organisation.
    #[command(subcommand)]
    Provider(ProviderCommand),
    /// Put questions to an organization's attribute policies.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// The ledger: signed, verified, given out.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// The law by which youth programmes decide, as dated data.
    #[command(subcommand)]
    Statutes(StatutesCommand),
    /// API keys of an organisation.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Bring in records, one JSON payload a line, through the API's own rules and ledger.
    Import(ImportArgs),
    /// Run the agents of an organization, as they are registered (docs/gateway.md). Uses no database.
    ///
    /// Needs GATEWAY_SECRET; keeps registrations in GATEWAY_DATA; listens on GATEWAY_ADDR.
    Gateway,
    /// Print the OpenAPI document.
    Openapi,
}

#[derive(Args)]
struct DemoArgs {
    /// Fill the database and end.
    #[arg(long)]
    load_only: bool,
    /// Patients and appointments for each clinic; the programme has as many participants, 500 at the
    /// most, and the school as many athletes, 400 at the most.
    #[arg(long, default_value_t = 10_000)]
    records: usize,
}

/// Why an operator looks at what is an organisation's own.
fn parse_reason(given: &str) -> Result<String, String> {
    kernel::audit::parse_purpose(given).map_err(|(_, msg)| msg)
}

#[derive(Subcommand)]
enum TenantCommand {
    /// Create an organisation: reeve tenant create "Clínica Norte"
    Create {
        name: String,
        /// Whose people these are: clinic, programs, athletics, civic, platform or studio.
        #[arg(long, default_value = "clinic")]
        realm: String,
        /// A short name by which a login may name it, such as a municipality's code.
        #[arg(long)]
        code: Option<String>,
        /// The host name under which its people call.
        #[arg(long)]
        host: Option<String>,
        /// Demand If-Match on every change.
        #[arg(long)]
        require_if_match: bool,
    },
    /// List all organisations.
    List,
    /// Stop an organisation's keys, within a second, everywhere.
    Suspend { tenant: String },
    /// Let a suspended organisation work again.
    Resume { tenant: String },
}

#[derive(Subcommand)]
enum UserCommand {
    /// Give somebody an account: reeve user create --tenant North --email ana@example.org --role admin
    ///
    /// Prints a code with which they set a password at POST /auth/password/reset; or, with
    /// --password-stdin, takes the password from standard input.
    Create {
        #[arg(long)]
        tenant: String,
        #[arg(long)]
        email: String,
        /// The e-mail address when not said.
        #[arg(long)]
        name: Option<String>,
        #[arg(long)]
        role: String,
        /// Read the password from the first line of standard input.
        #[arg(long)]
        password_stdin: bool,
    },
    /// List an organisation's people. The look and its reason stand in their ledger.
    List {
        #[arg(long)]
        tenant: String,
        /// Why you look: a ticket, a request of theirs.
        #[arg(long, value_parser = parse_reason)]
        reason: String,
    },
    /// End somebody's sessions and let them in no more; within a second, everywhere.
    Disable {
        #[arg(long)]
        tenant: String,
        /// E-mail address or id.
        who: String,
    },
    /// Let somebody in again.
    Enable {
        #[arg(long)]
        tenant: String,
        who: String,
    },
    /// Give somebody another role; their sessions end.
    Role {
        #[arg(long)]
        tenant: String,
        who: String,
        role: String,
    },
    /// Print a code, good for an hour, with which somebody sets a new password.
    Reset {
        #[arg(long)]
        tenant: String,
        who: String,
    },
}

#[derive(Subcommand)]
enum ProviderCommand {
    /// Add one: reeve provider add --tenant acme --name okta --discovery https://acme.okta.com --client-id …
    ///
    /// The client secret is read from standard input; without one the client is public, held by PKCE.
    Add {
        #[arg(long)]
        tenant: String,
        #[arg(long)]
        name: String,
        /// The issuer, or the full address of its metadata.
        #[arg(long)]
        discovery: String,
        #[arg(long)]
        client_id: String,
        /// Read the client secret from the first line of standard input.
        #[arg(long)]
        secret_stdin: bool,
        /// An e-mail domain that it speaks for; may be given again.
        #[arg(long = "domain")]
        domains: Vec<String>,
        /// The role of somebody new; without it only who was invited comes in.
        #[arg(long)]
        role: Option<String>,
    },
    /// List an organisation's providers.
    List {
        #[arg(long)]
        tenant: String,
    },
    /// Remove one; sessions go on to their end.
    Remove {
        #[arg(long)]
        tenant: String,
        name: String,
    },
}

#[derive(Subcommand)]
enum PolicyCommand {
    /// Say what would be decided, and by which rule.
    ///
    /// reeve policy explain --tenant acme '{"role":"developer","action":"deploy","resource":"agent","attributes":{"name":"x"}}'
    Explain {
        #[arg(long)]
        tenant: String,
        /// As for POST /api/v1/policies/evaluate.
        question: String,
    },
    /// Put many questions, one JSON object a line, each with `"expect": true` or `false`; exit code 7
    /// when one is answered otherwise.
    Test {
        #[arg(long)]
        tenant: String,
        /// The file; `-` is standard input.
        file: PathBuf,
    },
}

#[derive(Subcommand)]
enum StatutesCommand {
    /// List the rules of all versions, with the days between which each holds.
    List,
    /// Load a changed law: reeve statutes load us-oh.toml
    ///
    /// Every server decides by it within a second, for events of the days that it names. A version
    /// that is there stays as it is: a changed text has a version of its own. Exit code 5 when the
    /// file is no pack or its version is taken by another text.
    Load {
        /// The pack, in TOML; `-` is standard input.
        file: PathBuf,
    },
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Sum up what is new in each ledger and sign it, as a server does about every minute.
    Checkpoint,
    /// Compute the ledgers' trees again and compare them with the signed checkpoints.
    ///
    /// Exit code 7 when entries are not as they were signed; the first span between two checkpoints in
    /// which something was altered, removed, put in or moved is named.
    Verify {
        /// One organisation's; of all when not said.
        #[arg(long)]
        tenant: Option<String>,
        /// Checkpoints that were kept elsewhere, one JSON object a line; by default the files in
        /// REEVE_CHECKPOINTS.
        #[arg(long)]
        checkpoints: Option<PathBuf>,
    },
    /// Print an organisation's ledger, one entry a line, as it is signed; see docs/verify-ledger.mjs.
    ///
    /// It holds personal values. The look and its reason stand in the ledger.
    Export {
        #[arg(long)]
        tenant: String,
        /// Why you look: a ticket, a request of theirs.
        #[arg(long, value_parser = clap::builder::NonEmptyStringValueParser::new())]
        reason: String,
    },
}

#[derive(Subcommand)]
enum JobsCommand {
    /// List an organisation's jobs, the newest 1,000.
    List {
        #[arg(long)]
        tenant: String,
        /// queued, running, succeeded, failed, cancelled or dead.
        #[arg(long, value_parser = kernel::jobs::STATES)]
        status: Option<String>,
    },
    /// List the dead jobs of all organisations; the server's own are those of the nil one.
    Dead,
    /// Let a failed or dead job wait anew, with all its attempts.
    Retry {
        /// The server's own when not said.
        #[arg(long)]
        tenant: Option<String>,
        id: uuid::Uuid,
    },
}

#[derive(Subcommand)]
enum WebhookCommand {
    /// Receive webhooks on loopback, verify them and print each as a line. Uses no database.
    ///
    /// The server must be allowed to call it: OUTBOUND_ALLOW=127.0.0.1
    Listen {
        #[arg(long, default_value_t = 9500)]
        port: u16,
        /// The destination's secret: `whsec_…`.
        #[arg(long, env = "WEBHOOK_SECRET", hide_env_values = true)]
        secret: String,
    },
    /// Send a test event to an organisation's destination.
    Test {
        #[arg(long)]
        tenant: String,
        destination: uuid::Uuid,
    },
    /// Send an event of an organisation again.
    Replay {
        #[arg(long)]
        tenant: String,
        delivery: uuid::Uuid,
    },
}

#[derive(Subcommand)]
enum TokenKeyCommand {
    /// List the keys, without what is secret.
    List,
    /// Make a new key, which signs from five seconds on; the former ones verify during the overlap, and
    /// the notary's for ever.
    Rotate {
        /// clinic, programs, athletics, civic, platform, studio or notary.
        #[arg(long, required_unless_present = "all")]
        realm: Option<String>,
        /// Every realm's, and the notary's.
        #[arg(long)]
        all: bool,
        /// 0 ends the former keys at once: everybody signs in again.
        #[arg(long, default_value_t = 192, value_parser = clap::value_parser!(i64).range(0..=2160))]
        overlap_hours: i64,
    },
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Create a key; it is shown once: reeve key create --tenant "Clínica Norte" --name n8n
    Create {
        #[arg(long)]
        tenant: String,
        #[arg(long)]
        name: String,
        /// A role of the organisation's realm; in a clinic admin, integration, reader or auditor.
        #[arg(long, default_value = "integration")]
        role: String,
    },
    /// List an organisation's keys, without their secrets.
    List {
        #[arg(long)]
        tenant: String,
    },
    /// Make a successor of a key; both work during the overlap.
    Rotate {
        #[arg(long)]
        tenant: String,
        id: uuid::Uuid,
        #[arg(long, default_value_t = 24)]
        overlap_hours: i32,
    },
    /// End a key at once.
    Revoke {
        #[arg(long)]
        tenant: String,
        id: uuid::Uuid,
    },
}

#[derive(Args)]
struct ImportArgs {
    /// What the lines are.
    what: ImportKind,
    /// The file; `-` is standard input.
    file: PathBuf,
    #[arg(long)]
    tenant: String,
    /// One transaction for all lines: the first fault leaves nothing behind.
    #[arg(long)]
    all_or_nothing: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ImportKind {
    Patients,
    Appointments,
}

impl Cli {
    /// It runs agents: with settings of its own, and no database.
    pub fn is_gateway(&self) -> bool {
        matches!(self.command, Command::Gateway)
    }

    /// Words of the command line win over the environment.
    pub fn apply(&self, settings: &mut Settings) {
        if let Some(data) = &self.data {
            settings.data.clone_from(data);
        }
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Tenant(#[from] TenantError),
    #[error(transparent)]
    Rotation(#[from] RotationError),
    #[error(transparent)]
    Provider(#[from] ProviderFault),
    #[error(transparent)]
    Policy(#[from] PolicyFault),
    #[error(transparent)]
    Statutes(#[from] StatuteError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Job(JobFault),
    #[error(transparent)]
    Destination(DestinationFault),
    #[error(transparent)]
    Gateway(#[from] ::gateway::StartError),
    #[error("the database refused: {0}")]
    Db(#[from] DbError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Registry(String),
    #[error("{0}")]
    Usage(String),
    #[error("{0} findings: see above")]
    Findings(usize),
    #[error("{0} of the lines were refused: see above")]
    Lines(u64),
}

impl From<JobFault> for Failure {
    fn from(fault: JobFault) -> Self {
        match fault {
            JobFault::Tenant(fault) => Self::Tenant(fault),
            JobFault::Db(error) => Self::Db(error),
            none @ JobFault::NotThere => Self::Job(none),
        }
    }
}

impl From<DestinationFault> for Failure {
    fn from(fault: DestinationFault) -> Self {
        match fault {
            DestinationFault::Tenant(fault) => Self::Tenant(fault),
            DestinationFault::Db(error) => Self::Db(error),
            none => Self::Destination(none),
        }
    }
}

impl Failure {
    /// The exit code that the help documents.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(_)
            | Self::Usage(_)
            | Self::Database(DatabaseError::Url { .. } | DatabaseError::NoSecret) => 2,
            Self::Start(StartError::TooStrong { .. } | StartError::Demo) => 3,
            Self::Tenant(TenantError::NoTenant(_) | TenantError::NoKey | TenantError::NoPerson) => {
                4
            }
            Self::Tenant(
                TenantError::NameTaken(_)
                | TenantError::HintTaken
                | TenantError::Invalid(_)
                | TenantError::Refused(_),
            )
            | Self::Lines(_) => 5,
            Self::Database(_)
            | Self::Start(
                StartError::Taken(_) | StartError::Listen(..) | StartError::Database(_),
            )
            | Self::Migrate(MigrateError::Connect(_) | MigrateError::Busy)
            | Self::Db(DbError::Unavailable(_) | DbError::Timeout)
            | Self::Audit(AuditError::Db(DbError::Unavailable(_))) => 6,
            Self::Provider(ProviderFault::NotThere) | Self::Job(_) | Self::Destination(_) => 4,
            Self::Provider(ProviderFault::Setup(_) | ProviderFault::Invalid(_))
            | Self::Policy(PolicyFault::None | PolicyFault::Invalid(_))
            | Self::Statutes(StatuteError::Invalid(_) | StatuteError::Differs(_)) => 5,
            Self::Findings(_)
            | Self::Audit(AuditError::Line(_))
            | Self::Checkpoint(CheckpointError::Broken(_)) => 7,
            _ => 1,
        }
    }
}

/// Runs one command. The database is opened here, on the caller's thread.
///
/// # Errors
/// See [`Failure`].
pub fn run(cli: Cli, settings: &Settings, runtime: &Runtime) -> Result<(), Failure> {
    let registry = registry().map_err(Failure::Registry)?;
    if let Command::Openapi = cli.command {
        show::line(&format!("{:#}", kernel::http::document("Reeve", &registry.routes)));
        return Ok(());
    }
    if let Command::Webhook(WebhookCommand::Listen { port, secret }) = &cli.command {
        return webhook::listen(*port, secret, cli.json, runtime);
    }
    let serves = match &cli.command {
        Command::Demo(args) => !args.load_only,
        command => matches!(command, Command::Serve),
    };
    if serves {
        // Before anything slow: a port that is taken is said at once.
        runtime.block_on(listen(operate::address(settings))).map(drop)?;
    }
    let what_for = if serves { Use::Serve } else { Use::Command };
    let database = Database::open(settings, what_for)?;
    let mut settings = settings.clone();
    if database.is_private() {
        settings.checkpoints.get_or_insert_with(|| settings.data.join("checkpoints"));
    }
    let settings = &settings;
    runtime.block_on(async {
        database.ensure().await?;
        let work = operate::Work { settings, registry, database: &database, json: cli.json };
        match cli.command {
            Command::Demo(args) => demo::demo(work, &args).await,
            Command::Serve => operate::serve(work).await,
            Command::Worker => operate::worker(work).await,
            Command::Jobs(command) => jobs::jobs(work, command).await,
            Command::Webhook(command) => webhook::webhook(work, command).await,
            Command::Migrate { status } => operate::migrate(work, status).await,
            Command::Doctor => doctor::doctor(work).await,
            Command::Tenant(command) => people::tenant(work, command).await,
            Command::Key(command) => people::key(work, command).await,
            Command::User(command) => accounts::user(work, command).await,
            Command::Provider(command) => accounts::provider(work, command).await,
            Command::Policy(command) => policies::policy(work, command).await,
            Command::Statutes(command) => statutes::statutes(work, command).await,
            Command::Audit(command) => audit::audit(work, command).await,
            Command::TokenKey(command) => accounts::token_key(work, command).await,
            Command::Import(args) => import::import(work, &args).await,
            // These have run.
            Command::Openapi | Command::Gateway => Ok(()),
        }
    })
}
