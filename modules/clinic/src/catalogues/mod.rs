//! Catalogues: the codes that documents, insurers, modalities and states may have.

mod http;
pub mod rules;
pub(crate) mod sql;

use kernel::{
    authz::{Authorized, Permission},
    http::{Docs, Problem, Routes},
};
use serde_json::json;

use crate::permissions::{ReadCatalogue, WriteCatalogue};

const LIST: Docs = Docs::new(
    "catalogues",
    "List the codes of all catalogues",
    "Los códigos que se aceptan, con sus alias, y los que la organización agregó.",
);
const ADD: Docs = Docs::new(
    "catalogues",
    "Add a code to a catalogue",
    "Agrega un código propio de la organización (por ejemplo una EPS). Los estados no se pueden ampliar.",
)
.status(201)
.example(|| json!({"kind": "eps", "code": "EPS099", "name": "EPS de prueba"}));

pub fn routes(routes: &mut Routes) {
    routes.get(ReadCatalogue, "/v1/catalogues", http::list, LIST);
    routes.post(WriteCatalogue, "/v1/catalogues", http::add, ADD);
}

/// Parses with the shipped catalogues, and once more with the tenant's own codes when one of its
/// codes might be among them: most requests need no second look.
pub async fn parse_with<P: Permission, T>(
    act: &Authorized<P>,
    parse: impl Fn(&rules::Catalogues) -> Result<T, Problem>,
) -> Result<T, Problem> {
    match parse(&rules::Catalogues::default()) {
        Err(problem) if problem.errors.iter().any(|error| error.kind == rules::UNKNOWN) => {
            let rows = act.look_up(sql::list_entries()).await?;
            parse(&rules::Catalogues {
                added: rows.into_iter().map(|row| (row.kind, row.code)).collect(),
            })
        }
        parsed => parsed,
    }
}
