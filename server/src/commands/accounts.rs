//! `user`, `provider` and `token-key`.

use std::io::BufRead;

use kernel::{
    Clock,
    db::Platform,
    identity::{
        Purpose, Realm, TokenText,
        rotation::{self, KeyInfo},
    },
    people::{NewAccount, People, PersonView},
    sign_on::{NewProvider, ProviderInfo, Providers},
    tenant,
};
use passwords::Password;
use serde_json::json;

use super::{Failure, ProviderCommand, TokenKeyCommand, UserCommand, operate::Work, show};

pub async fn user(work: Work<'_>, command: UserCommand) -> Result<(), Failure> {
    let clock = Clock::default();
    let mut platform = Platform::connect(&work.database.owner, clock.new_id()).await?;
    let tenant = match &command {
        UserCommand::Create { tenant, .. }
        | UserCommand::List { tenant, .. }
        | UserCommand::Disable { tenant, .. }
        | UserCommand::Enable { tenant, .. }
        | UserCommand::Role { tenant, .. }
        | UserCommand::Reset { tenant, .. } => tenant::find(&mut platform, tenant).await?,
    };
    if let UserCommand::List { reason, .. } = &command {
        platform.because(reason);
    }
    let realm = *realm(&work, &tenant.realm)?;
    let matrix = &work.registry.matrix;
    let mut people = People { platform: &mut platform, clock: &clock, matrix, realm, tenant };
    match command {
        UserCommand::Create { email, name, role, password_stdin, .. } => {
            let password =
                if password_stdin { Some(Password::new(line_of_input()?)) } else { None };
            let full_name = name.unwrap_or_else(|| email.clone());
            let new = NewAccount { email, full_name, role, password };
            let (person, code) = people.create(new).await?;
            show_people(work.json, &[person]);
            code.iter().for_each(|code| show_code(work.json, code));
        }
        UserCommand::List { .. } => show_people(work.json, &people.list().await?),
        UserCommand::Disable { who, .. } => {
            show_people(work.json, &[people.change(&who, Some(false), None).await?]);
        }
        UserCommand::Enable { who, .. } => {
            show_people(work.json, &[people.change(&who, Some(true), None).await?]);
        }
        UserCommand::Role { who, role, .. } => {
            show_people(work.json, &[people.change(&who, None, Some(&role)).await?]);
        }
        UserCommand::Reset { who, .. } => show_code(work.json, &people.reset(&who).await?),
    }
    Ok(())
}

/// A secret is never an argument: others on the machine see those.
fn line_of_input() -> Result<String, Failure> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn realm<'a>(work: &'a Work<'_>, name: &str) -> Result<&'a Realm, Failure> {
    work.registry.realms.iter().find(|realm| realm.name == name).ok_or_else(|| {
        let names: Vec<_> = work.registry.realms.iter().map(|realm| realm.name).collect();
        Failure::Usage(format!("--realm is one of {}", names.join(", ")))
    })
}

fn show_people(json: bool, people: &[PersonView]) {
    let columns: [show::Column<PersonView>; 5] = [
        ("id", |p| p.id.to_string()),
        ("e-mail", |p| p.email.clone()),
        ("name", |p| p.full_name.clone()),
        ("role", |p| p.role.clone().unwrap_or_else(|| "none".into())),
        ("state", |p| p.state.clone()),
    ];
    show::rows(json, people, &columns);
}

fn show_code(json: bool, code: &TokenText) {
    if json {
        show::line(&json!({"code": code}).to_string());
        return;
    }
    show::line(code.as_str());
    eprintln!(
        "a code, shown this once: they send it with a new password to POST /auth/password/reset"
    );
}

pub async fn provider(work: Work<'_>, command: ProviderCommand) -> Result<(), Failure> {
    let clock = Clock::default();
    let mut platform = Platform::connect(&work.database.owner, clock.new_id()).await?;
    let (ProviderCommand::Add { tenant, .. }
    | ProviderCommand::List { tenant }
    | ProviderCommand::Remove { tenant, .. }) = &command;
    let tenant = tenant::find(&mut platform, tenant).await?;
    let mut providers = Providers {
        platform: &mut platform,
        clock: &clock,
        matrix: &work.registry.matrix,
        tenant: tenant.id,
        realm: tenant.realm,
    };
    match command {
        ProviderCommand::Add {
            name, discovery, client_id, secret_stdin, domains, role, ..
        } => {
            let client_secret = if secret_stdin { Some(line_of_input()?) } else { None };
            let new = NewProvider { name, discovery, client_id, client_secret, domains, role };
            providers.add(new, work.database.require_secret()?).await?;
        }
        ProviderCommand::List { .. } => {}
        ProviderCommand::Remove { name, .. } => providers.remove(&name).await?,
    }
    let columns: [show::Column<ProviderInfo>; 5] = [
        ("name", |p| p.name.clone()),
        ("discovery", |p| p.discovery.clone()),
        ("client id", |p| p.client_id.clone()),
        ("domains", |p| p.domains.join(", ")),
        ("role of the new", |p| p.role.clone().unwrap_or_else(|| "none".into())),
    ];
    show::rows(work.json, &providers.list().await?, &columns);
    Ok(())
}

pub async fn token_key(work: Work<'_>, command: TokenKeyCommand) -> Result<(), Failure> {
    let clock = Clock::default();
    let mut platform = Platform::connect(&work.database.owner, clock.new_id()).await?;
    if let TokenKeyCommand::Rotate { realm: name, all, overlap_hours } = command {
        let secret = work.database.require_secret()?;
        let named = match &name {
            Some(name) if !all && name == Purpose::Notary.name() => vec![Purpose::Notary],
            Some(name) if !all => vec![Purpose::Tokens(*realm(&work, name)?)],
            _ => {
                let realms = work.registry.realms.iter().copied().map(Purpose::Tokens);
                realms.chain([Purpose::Notary]).collect()
            }
        };
        for purpose in named {
            rotation::rotate(&mut platform, &clock, secret, purpose, overlap_hours).await?;
        }
    }
    let columns: [show::Column<KeyInfo>; 5] = [
        ("kid", |k| k.id.to_string()),
        ("realm", |k| k.realm.clone()),
        ("algorithm", |k| k.algorithm.clone()),
        ("signs from", |k| k.signs_from.to_string()),
        ("verifies until", |k| {
            k.verifies_until.map_or("further notice".into(), |at| at.to_string())
        }),
    ];
    show::rows(work.json, &rotation::list(&mut platform).await?, &columns);
    Ok(())
}
