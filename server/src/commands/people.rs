//! `tenant` and `key`.

use kernel::{
    Clock,
    db::Platform,
    identity::KeyText,
    keys::ApiKeyView,
    tenant::{self, NewTenant, Tenant},
};
use serde_json::json;

use super::{Failure, KeyCommand, TenantCommand, operate::Work, show};

pub async fn tenant(work: Work<'_>, command: TenantCommand) -> Result<(), Failure> {
    let clock = Clock::default();
    let mut platform = Platform::connect(&work.database.owner, clock.new_id()).await?;
    let tenants = match command {
        TenantCommand::Create { name, realm, code, host, require_if_match } => {
            let realms: Vec<_> = work.registry.realms.iter().map(|realm| realm.name).collect();
            if !realms.contains(&realm.as_str()) {
                return Err(Failure::Usage(format!("--realm is one of {}", realms.join(", "))));
            }
            let new = NewTenant { name, realm, code, host, require_if_match, demo: false };
            vec![tenant::create(&mut platform, &clock, &work.registry, new).await?]
        }
        TenantCommand::List => tenant::list(&mut platform).await?,
        TenantCommand::Suspend { tenant } => {
            vec![tenant::suspend(&mut platform, &tenant, false).await?]
        }
        TenantCommand::Resume { tenant } => {
            vec![tenant::suspend(&mut platform, &tenant, true).await?]
        }
    };
    let columns: [show::Column<Tenant>; 6] = [
        ("id", |t| t.id.to_string()),
        ("name", |t| t.name.clone()),
        ("realm", |t| t.realm.clone()),
        ("code", |t| t.code.clone().unwrap_or_default()),
        ("state", |t| if t.is_active { "active".into() } else { "suspended".into() }),
        ("created", |t| t.created_at.to_string()),
    ];
    show::rows(work.json, &tenants, &columns);
    Ok(())
}

pub async fn key(work: Work<'_>, command: KeyCommand) -> Result<(), Failure> {
    let clock = Clock::default();
    let mut platform = Platform::connect(&work.database.owner, clock.new_id()).await?;
    match command {
        KeyCommand::Create { tenant, name, role } => {
            let realm = tenant::find(&mut platform, &tenant).await?.realm;
            if work.registry.matrix.role(&realm, &role).is_none() {
                let roles = work.registry.matrix.names(&realm).join(", ");
                return Err(Failure::Usage(format!("--role is one of {roles}")));
            }
            let (key, text) =
                tenant::create_key(&mut platform, &clock, &tenant, &name, &role).await?;
            show_once(work.json, &key, &text);
        }
        KeyCommand::List { tenant } => {
            show_keys(work.json, &tenant::list_keys(&mut platform, &tenant).await?)
        }
        KeyCommand::Rotate { tenant, id, overlap_hours } => {
            let (key, text) =
                tenant::rotate_key(&mut platform, &clock, &tenant, id, overlap_hours).await?;
            show_once(work.json, &key, &text);
        }
        KeyCommand::Revoke { tenant, id } => {
            show_keys(work.json, &[tenant::revoke_key(&mut platform, &tenant, id).await?]);
        }
    }
    Ok(())
}

fn show_once(json: bool, key: &ApiKeyView, text: &KeyText) {
    if json {
        show::line(
            &json!({"id": key.id, "name": key.name, "role": key.role, "api_key": text}).to_string(),
        );
        return;
    }
    show::line(text.as_str());
    eprintln!(
        "key `{}` ({}), id {}: shown this once, stored as a hash",
        key.name, key.role, key.id
    );
}

fn show_keys(json: bool, keys: &[ApiKeyView]) {
    let columns: [show::Column<ApiKeyView>; 6] = [
        ("id", |k| k.id.to_string()),
        ("name", |k| k.name.clone()),
        ("role", |k| k.role.clone()),
        ("ends", |k| format!("…{}", k.last_four)),
        ("last used", |k| k.last_used_at.map_or("never".into(), |at| at.to_string())),
        ("state", |k| match (k.revoked_at, k.expires_at) {
            (Some(at), _) => format!("revoked {at}"),
            (None, Some(at)) => format!("expires {at}"),
            (None, None) => "active".into(),
        }),
    ];
    show::rows(json, keys, &columns);
}
