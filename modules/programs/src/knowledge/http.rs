//! Requests on knowledge: what they bring, what they get.

use jiff::Timestamp;
use kernel::{
    authz::{Answer, Authorized, Committed, Fetched},
    http::{
        Body, FromQuery, Item, List, Page, Paging, Patch, Problem, Query, QueryReader, demanded,
        parameter,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rules,
    sql::{self, DocumentRow, HitRow, InterventionRow},
};
use crate::permissions::{ReadKnowledge, WriteKnowledge};

/// What is known to help.
#[derive(Serialize, ToSchema)]
pub struct Intervention {
    code: String,
    name: String,
    domain: String,
    description: String,
    /// For whom.
    age_bands: Vec<String>,
    /// Where it is from.
    citation: String,
}

impl From<InterventionRow> for Intervention {
    fn from(row: InterventionRow) -> Self {
        let InterventionRow { code, name, domain, description, age_bands, citation } = row;
        Self { code, name, domain, description, age_bands, citation }
    }
}

/// Which interventions.
pub struct Domain(Option<String>);

impl FromQuery for Domain {
    fn read(query: &mut QueryReader) -> Self {
        Self(query.text("domain", 64))
    }

    fn parameters() -> Vec<Value> {
        vec![parameter(
            "domain",
            json!({"type": "string"}),
            "those of this domain, such as `crisis`",
        )]
    }
}

pub async fn interventions(
    act: Authorized<ReadKnowledge>,
    Query(Domain(domain)): Query<Domain>,
) -> Result<Fetched<List<Intervention>>, Problem> {
    let statement = match domain {
        Some(domain) => sql::interventions_of_domain(domain),
        None => sql::interventions(),
    };
    act.fetch(statement, |rows| {
        Ok(Answer::ok(List(rows.into_iter().map(Intervention::from).collect())))
    })
    .await
}

/// A document as a client sends it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentBody {
    /// One of its own in the organisation.
    #[serde(default)]
    #[schema(value_type = String)]
    pub title: Patch<String>,
    /// Where it is from; every hit shows it.
    #[serde(default)]
    #[schema(value_type = String)]
    pub citation: Patch<String>,
    /// Plain text of up to 200,000 characters, with blank lines between paragraphs.
    #[serde(default)]
    #[schema(value_type = String)]
    pub text: Patch<String>,
}

/// A document, without its text.
#[derive(Serialize, ToSchema)]
pub struct Document {
    id: Uuid,
    title: String,
    citation: String,
    /// How many it was cut into.
    passages: i64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<DocumentRow> for Document {
    fn from(row: DocumentRow) -> Self {
        let DocumentRow { id, title, citation, passages, created_at, .. } = row;
        Self { id, title, citation, passages, created_at }
    }
}

pub async fn add(
    act: Authorized<WriteKnowledge>,
    Body(body): Body<DocumentBody>,
) -> Result<Committed<Document>, Problem> {
    let new = rules::parse(body)?;
    let statement = sql::insert_document(act.new_id(), new.title, new.citation, new.passages);
    act.write(statement, |row, _| {
        let (location, version) = (format!("/knowledge/documents/{}", row.id), row.version);
        Answer::created(row.into(), location).version(version)
    })
    .await
}

pub async fn list(
    act: Authorized<ReadKnowledge>,
    Query(Paging { limit, cursor }): Query<Paging>,
) -> Result<Fetched<List<Document>>, Problem> {
    let after: String = match &cursor {
        Some(cursor) => act.unseal("", cursor)?,
        None => String::new(),
    };
    act.fetch(sql::list_documents(after, limit + 1), |rows| {
        let page = Page::cut(rows, limit, |last| act.seal("", &last.title))?;
        Ok(Answer::list(page.map(Document::from)))
    })
    .await
}

/// A passage of a document.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub struct Passage {
    heading: Option<String>,
    body: String,
}

/// A document with its text.
#[derive(Serialize, ToSchema)]
pub struct WholeDocument {
    id: Uuid,
    title: String,
    citation: String,
    passages: Vec<Passage>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

pub async fn read(
    act: Authorized<ReadKnowledge>,
    Item(id): Item<Uuid>,
) -> Result<Fetched<WholeDocument>, Problem> {
    act.fetch_one(sql::find_document(id), |row| {
        let sql::WholeRow { id, title, citation, passages, version, created_at } = row;
        let passages = passages.0;
        Answer::ok(WholeDocument { id, title, citation, passages, created_at }).version(version)
    })
    .await
}

pub async fn remove(
    act: Authorized<WriteKnowledge>,
    Item(id): Item<Uuid>,
) -> Result<Committed<()>, Problem> {
    let expected = act.expected_version()?;
    act.write(sql::delete_document(id, expected), |_, _| Answer::gone()).await
}

/// What is looked for.
pub struct Search {
    text: String,
    limit: i64,
}

impl FromQuery for Search {
    fn read(query: &mut QueryReader) -> Self {
        let given = query.text("q", 200);
        if given.is_none() {
            query.fault("q", "missing", "say which words to find, in up to 200 characters");
        }
        if given.as_deref().is_some_and(rules::excludes_too_much) {
            query.fault("q", "exclusions", "exclude 16 words at the most");
        }
        Self { text: given.unwrap_or_default(), limit: query.limit() }
    }

    fn parameters() -> Vec<Value> {
        let limit = json!({"type": "integer", "minimum": 1, "maximum": 200, "default": 50});
        vec![
            demanded("q", json!({"type": "string"}), "the words to be found"),
            parameter("limit", limit, "how many hits at the most"),
        ]
    }
}

/// A place where the words were found.
#[derive(Serialize, ToSchema)]
pub struct Hit {
    /// `intervention` or `passage`.
    kind: String,
    /// The intervention's code, or the document's id.
    id: String,
    /// The intervention's name, or the document's title.
    title: String,
    heading: Option<String>,
    /// What was found stands between `**`.
    snippet: String,
    citation: String,
    rank: f32,
}

impl From<HitRow> for Hit {
    fn from(row: HitRow) -> Self {
        let HitRow { kind, id, title, heading, snippet, citation, rank } = row;
        Self { kind, id, title, heading, snippet, citation, rank }
    }
}

pub async fn search(
    act: Authorized<ReadKnowledge>,
    Query(Search { text, limit }): Query<Search>,
) -> Result<Fetched<List<Hit>>, Problem> {
    let search = json!({"text": text});
    act.fetch(sql::search_knowledge(text, limit).searching(search), |rows| {
        Ok(Answer::ok(List(rows.into_iter().map(Hit::from).collect())))
    })
    .await
}
