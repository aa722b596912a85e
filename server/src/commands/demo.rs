//! `demo`: organisations of every realm with people who can sign in, clinics, a youth programme and a
//! school with records, served, with commands that work when pasted.

use std::{fs, os::unix::fs::OpenOptionsExt, sync::Arc};

use clinic::permissions::{WriteAppointment, WritePatient};
use futures::{StreamExt, TryStreamExt, stream};
use kernel::{
    Clock, Core,
    authz::Operator,
    db::{self, Platform},
    http::{Problem, Route},
    module::Registry,
    tenant::{self, NewTenant, Tenant},
};
use serde::{Deserialize, Serialize};

use super::{
    DemoArgs, Failure, demo_civic,
    demo_people::{self, DemoPeople},
    demo_programs, demo_school,
    demo_studio::{self, DemoGateway},
    operate, people_of_the_demo as people, show,
};
use crate::{
    commands::operate::Work,
    database::Database,
    settings::{Settings, SettingsError},
};

const CLINICS: [(&str, &str); 2] = [("Clínica Norte", "norte"), ("Clínica Sur", "sur")];
/// Creations in flight at once.
const AT_ONCE: usize = 32;

/// What the demo made, as it is kept in the data folder, so that the next start can show it.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    clinics: Vec<Clinic>,
    people: Option<DemoPeople>,
    #[serde(default)]
    programme_loaded: bool,
    #[serde(default)]
    school_loaded: bool,
    /// The codes of the municipalities that are.
    #[serde(default)]
    municipalities_loaded: Vec<String>,
    gateway: Option<DemoGateway>,
}

/// A clinic of the demo.
#[derive(Serialize, Deserialize)]
struct Clinic {
    tenant: uuid::Uuid,
    name: String,
    key: String,
    admin_key: String,
    loaded: bool,
}

pub async fn demo(work: Work<'_>, args: &DemoArgs) -> Result<(), Failure> {
    let mut settings = work.settings.clone();
    // Its gateway is on this machine.
    settings.outbound_allow.extend(outbound::network("127.0.0.1"));
    operate::log(&settings.environment, "warn");
    db::migrate(&work.database.owner, &work.registry.migrations).await?;
    let owned = serving_database(work.database, &settings).await?;
    if settings.environment == "production" {
        let text = "the demo is not for production: everybody knows its passwords".to_owned();
        return Err(Failure::Settings(SettingsError::Production(vec![text])));
    }
    let mut kept = kept(&settings);
    let mut platform = Platform::connect(&work.database.owner, Clock::default().new_id()).await?;
    if kept.clinics.is_empty() {
        kept.clinics = create_clinics(&mut platform, &work.registry).await?;
        keep(&settings, &kept)?;
    }
    if kept.people.is_none() {
        kept.people = Some(DemoPeople::create(&mut platform, &work.registry).await?);
        keep(&settings, &kept)?;
    }
    let routes = work.registry.routes.clone();
    let pool = db::PoolSettings { config: owned, ..work.database.pool(&settings) };
    let secret = match work.database.secret.is_empty() {
        true => kernel::random_bytes().map_err(|e| Failure::Usage(e.to_string()))?.to_vec(),
        false => work.database.secret.clone(),
    };
    let server =
        crate::run::Server::prepare(&settings, work.registry, pool, &secret, Clock::default())
            .await?;
    let gateway = demo_studio::open(&settings, &mut kept.gateway).await?;
    load_records(&server.core, &routes, &mut kept, &mut platform, args.records).await?;
    keep(&settings, &kept)?;
    if args.load_only {
        return Ok(());
    }
    introduce(&settings, &kept, work.database.is_private());
    tokio::select! {
        served = operate::listen_and_run(&settings, server) => served,
        () = gateway => Ok(()),
    }
}

/// Fills what a former start has not filled.
async fn load_records(
    core: &Arc<Core>,
    routes: &[Route],
    kept: &mut Kept,
    platform: &mut Platform,
    records: usize,
) -> Result<(), Failure> {
    for clinic in kept.clinics.iter_mut().filter(|clinic| !clinic.loaded) {
        load(core, clinic, records).await?;
        clinic.loaded = true;
    }
    if !kept.programme_loaded {
        let programme = tenant::find(platform, demo_people::PROGRAMME).await?.id;
        demo_programs::Loader::new(core, routes, programme, records).load(platform).await?;
        kept.programme_loaded = true;
        platform.analyze().await?;
    }
    if !kept.school_loaded {
        let school = tenant::find(platform, demo_people::SCHOOL).await?.id;
        demo_school::Loader::new(core, routes, school, records)?.load(platform).await?;
        kept.school_loaded = true;
        platform.analyze().await?;
    }
    if let Some(gateway) = kept.gateway.as_mut().filter(|gateway| gateway.agent.is_none()) {
        let acme = tenant::find(platform, demo_people::STUDIO).await?.id;
        let loader = demo_studio::Loader::new(core, routes, acme, gateway);
        gateway.agent = Some(loader.load().await?);
    }
    for municipality in &demo_civic::MUNICIPALITIES {
        if kept.municipalities_loaded.iter().any(|code| code == municipality.code) {
            continue;
        }
        let tenant = tenant::find(platform, municipality.code).await?.id;
        let loader = demo_civic::Loader::new(core, routes, (tenant, municipality), records);
        loader.load(platform).await?;
        kept.municipalities_loaded.push(municipality.code.to_owned());
    }
    Ok(())
}

/// The serving login. On a database of `DATABASE_URL` that we are given as its owner, reeve_app gets
/// a password for the time of the demo.
async fn serving_database(
    database: &Database,
    settings: &Settings,
) -> Result<kernel::tokio_postgres::Config, Failure> {
    if database.is_private() || database.serving != database.owner {
        return Ok(database.serving.clone());
    }
    let password = match &settings.app_password {
        Some(password) => password.expose().to_owned(),
        None => {
            Clock::default().new_id().simple().to_string()
                + &Clock::default().new_id().simple().to_string()
        }
    };
    db::set_app_password(&database.owner, &password).await?;
    let mut serving = database.owner.clone();
    serving.user("reeve_app").password(password);
    Ok(serving)
}

async fn create_clinics(
    platform: &mut Platform,
    registry: &Registry,
) -> Result<Vec<Clinic>, Failure> {
    let clock = Clock::default();
    let mut clinics = vec![];
    for (name, code) in CLINICS {
        let Tenant { id, name, .. } = match tenant::find(platform, name).await {
            Ok(tenant) => tenant,
            Err(_) => {
                let (name, realm, code) = (name.to_owned(), "clinic".to_owned(), Some(code.into()));
                let new = NewTenant { name, realm, code, demo: true, ..NewTenant::default() };
                tenant::create(platform, &clock, registry, new).await?
            }
        };
        let reference = id.to_string();
        let (_, key) =
            tenant::create_key(platform, &clock, &reference, "demo chatbot", "integration").await?;
        let (_, admin_key) =
            tenant::create_key(platform, &clock, &reference, "demo admin", "admin").await?;
        clinics.push(Clinic {
            tenant: id,
            name,
            key: key.as_str().to_owned(),
            admin_key: admin_key.as_str().to_owned(),
            loaded: false,
        });
    }
    Ok(clinics)
}

fn kept(settings: &Settings) -> Kept {
    let file = settings.data.join("demo.json");
    fs::read(file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn keep(settings: &Settings, kept: &Kept) -> Result<(), Failure> {
    fs::create_dir_all(&settings.data)?;
    let path = settings.data.join("demo.json");
    let file =
        fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
    serde_json::to_writer_pretty(file, kept).map_err(std::io::Error::from)?;
    Ok(())
}

/// Fills a clinic through the API's own rules and ledger. What an interrupted load left is skipped.
async fn load(core: &Arc<Core>, clinic: &Clinic, records: usize) -> Result<(), Failure> {
    let operator = Operator::new(core, clinic.tenant, Clock::default().new_id(), "reeve demo");
    let patient = operator.authorize::<WritePatient>();
    let appointment = operator.authorize::<WriteAppointment>();
    let bar = show::progress(Some(2 * records as u64), &clinic.name, false);
    let step = |outcome: Result<String, Problem>| {
        bar.inc(1);
        match outcome {
            Err(problem) if problem.status != 409 => Err(Failure::Usage(problem.detail)),
            _ => Ok(()),
        }
    };
    let patients = stream::iter(0..records).map(|n| {
        let (act, line) = (&patient, people::patient(n).to_string());
        async move { clinic::import::patient(act, line.as_bytes()).await }
    });
    patients.buffer_unordered(AT_ONCE).map(step).try_collect::<()>().await?;
    let appointments = stream::iter(0..records).map(|n| {
        let (act, line) = (&appointment, people::appointment(n).to_string());
        async move { clinic::import::appointment(act, line.as_bytes()).await }
    });
    appointments.buffer_unordered(AT_ONCE).map(step).try_collect::<()>().await?;
    bar.finish_and_clear();
    Ok(())
}

fn introduce(settings: &Settings, kept: &Kept, private: bool) {
    let url = format!("http://{}", operate::address(settings));
    let place = match private {
        true => format!("a private PostgreSQL in {}", settings.data.display()),
        false => "the database of DATABASE_URL".to_owned(),
    };
    show::line(&format!("\nReeve serves {url} from {place}.\n"));
    show::line(&format!("  documentation  {url}/docs"));
    for clinic in &kept.clinics {
        show::line(&format!(
            "\n  {}\n    chatbot key  {}\n    admin key    {}",
            clinic.name, clinic.key, clinic.admin_key
        ));
    }
    kept.people.iter().for_each(|people| people.introduce(&url));
    let [first, ..] = kept.clinics.as_slice() else { return };
    let (key, admin) = (&first.key, &first.admin_key);
    let day = "2027-03-01T09:00:00-05:00";
    show::line(&format!(
        "
Try these in another terminal:

  # three patients
  curl -s '{url}/v1/patients?limit=3' -H 'X-Api-Key: {key}'

  # a new patient
  curl -s {url}/v1/patients -H 'X-Api-Key: {key}' -H 'Content-Type: application/json' \\
    -d '{{\"eventType\":\"PATIENT\",\"actionType\":\"CREATE\",\"docTypeId\":\"CC\",\"docNumber\":\"1020304050\",\"firstName\":\"Ana\",\"lastName\":\"Rojas\",\"customFields\":{{\"plan\":\"gold\"}}}}'

  # book her with a doctor; sent twice, the second answer is 409
  curl -s {url}/v1/appointments -H 'X-Api-Key: {key}' -H 'Content-Type: application/json' \\
    -d '{{\"eventType\":\"APPOINTMENT\",\"actionType\":\"CREATE\",\"startAppointment\":\"{day}\",\"endAppointment\":\"2027-03-01T09:30:00-05:00\",\"patientDocTypeId\":\"CC\",\"patientDocNumber\":\"1020304050\",\"doctorDocTypeId\":\"CC\",\"doctorDocNumber\":\"79555123\",\"modality\":\"presencial\"}}'

  # what the ledger says of it all
  curl -s '{url}/v1/audit?limit=3' -H 'X-Api-Key: {admin}'"
    ));
    kept.people.iter().for_each(|people| people.introduce_school(&url));
    kept.gateway.iter().for_each(DemoGateway::introduce);
    show::line(
        "
Ctrl-C ends the server and its PostgreSQL; the data stays for the next start.",
    );
}
