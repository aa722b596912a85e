//! Requests on catalogues.

use kernel::{
    authz::{Answer, Authorized, Committed, Fetched},
    http::{Body, Problem, text},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    rules::{Kind, parse_code},
    sql,
};
use crate::permissions::{ReadCatalogue, WriteCatalogue};

/// A code to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CatalogueEntryCreate {
    /// `doc_type`, `gender`, `eps`, `modality` or `notification_state`.
    kind: String,
    code: String,
    name: String,
}

/// A code of a catalogue.
#[derive(Serialize, ToSchema)]
pub struct CatalogueEntry {
    kind: String,
    code: String,
    name: String,
    /// Other ways to write it.
    aliases: Vec<&'static str>,
    /// Whether the organisation added it.
    own: bool,
}

impl From<sql::EntryRow> for CatalogueEntry {
    fn from(row: sql::EntryRow) -> Self {
        Self { kind: row.kind, code: row.code, name: row.name, aliases: vec![], own: true }
    }
}

pub async fn list(
    act: Authorized<ReadCatalogue>,
    (): (),
) -> Result<Fetched<Vec<CatalogueEntry>>, Problem> {
    act.fetch(sql::list_entries(), |rows| {
        let shipped = Kind::ALL.into_iter().flat_map(|kind| {
            kind.shipped().iter().map(move |entry| CatalogueEntry {
                kind: kind.name().into(),
                code: entry.code.into(),
                name: entry.name.into(),
                aliases: entry.aliases.to_vec(),
                own: false,
            })
        });
        Ok(Answer::ok(shipped.chain(rows.into_iter().map(Into::into)).collect()))
    })
    .await
}

pub async fn add(
    act: Authorized<WriteCatalogue>,
    Body(new): Body<CatalogueEntryCreate>,
) -> Result<Committed<CatalogueEntry>, Problem> {
    let invalid =
        |field: &str, (kind, msg): kernel::http::Fault| Problem::field(&["body", field], kind, msg);
    let kind = Kind::parse(&new.kind).filter(|kind| kind.open());
    let kind = kind.ok_or_else(|| {
        invalid("kind", ("enum", "expected a catalogue that can be added to".into()))
    })?;
    let code = parse_code(new.code).map_err(|fault| invalid("code", fault))?;
    let name = text(120)(new.name).map_err(|fault| invalid("name", fault))?;
    let statement = sql::insert_entry(act.new_id(), kind.name().into(), code, name);
    act.write(statement, |row, _| Answer::created(row.into(), "/v1/catalogues".into())).await
}
