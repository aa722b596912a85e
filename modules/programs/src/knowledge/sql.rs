//! Statements on knowledge. Row-level security adds the tenant to each that is of one.

use jiff::Timestamp;
use kernel::{
    http::{Constraint, Problem},
    postgres_types::Json,
    row, statements,
};
use serde_json::Value;
use uuid::Uuid;

use super::http::Passage;

row! {
    /// What is known to help.
    pub struct InterventionRow {
        code: String,
        name: String,
        domain: String,
        description: String,
        age_bands: Vec<String>,
        citation: String,
    }
}

row! {
    /// A document without its text.
    pub struct DocumentRow {
        id: Uuid,
        title: String,
        citation: String,
        passages: i64,
        version: i32,
        created_at: Timestamp,
    }
}

row! {
    /// A document with its passages in order.
    pub struct WholeRow {
        id: Uuid,
        title: String,
        citation: String,
        passages: Json<Vec<Passage>>,
        version: i32,
        created_at: Timestamp,
    }
}

row! {
    /// A deleted document.
    pub struct Removed { id: Uuid }
}

row! {
    /// A place where words were found.
    pub struct HitRow {
        kind: String,
        id: String,
        title: String,
        heading: Option<String>,
        snippet: String,
        citation: String,
        rank: f32,
    }
}

macro_rules! interventions {
    ($where:literal) => {
        concat!(
            "select code, name, domain, description, age_bands, citation from programs.intervention ",
            $where,
            " order by code limit 200"
        )
    };
}

statements! {
    fn interventions() -> InterventionRow = interventions!("");

    fn interventions_of_domain(domain: String) -> InterventionRow = interventions!("where domain = $1");

    fn insert_document(id: Uuid, title: String, citation: String, passages: Value) -> DocumentRow
        = "with document as (
               insert into programs.knowledge_document (tenant_id, id, title, citation)
               values (kernel.tenant(), $1, $2, $3)
               returning *),
           passages as (
               insert into programs.knowledge_passage (tenant_id, document_id, ordinal, heading, body)
               select kernel.tenant(), d.id, r.ordinal, r.heading, r.body
                 from document d, jsonb_to_recordset($4) r(ordinal integer, heading text, body text)
               returning id)
           select d.id, d.title, d.citation, (select count(*) from passages) as passages, d.version, d.created_at
             from document d";

    /// No two have the same title, so the title alone says where a page ended.
    fn list_documents(after: String, limit: i64) -> DocumentRow
        = "select d.id, d.title, d.citation,
                  (select count(*) from programs.knowledge_passage p
                    where p.document_id = d.id and p.deleted_at is null) as passages,
                  d.version, d.created_at
             from programs.knowledge_document d
            where d.title > $1 and d.deleted_at is null order by d.title limit $2";

    fn find_document(id: Uuid) -> WholeRow
        = "select d.id, d.title, d.citation, coalesce((
                  select jsonb_agg(jsonb_build_object('heading', nullif(p.heading, ''), 'body', p.body) order by p.ordinal)
                    from programs.knowledge_passage p
                   where p.tenant_id = d.tenant_id and p.document_id = d.id and p.deleted_at is null),
                  '[]'::jsonb) as passages, d.version, d.created_at
             from programs.knowledge_document d where d.id = $1 and d.deleted_at is null";

    fn delete_document(id: Uuid, expected: Option<i32>) -> Removed
        = "with document as (
               update programs.knowledge_document set deleted_at = now()
                where id = $1 and deleted_at is null and kernel.expect_version(version, $2)
               returning id),
           passages as (
               update programs.knowledge_passage p set deleted_at = now() from document d
                where p.document_id = d.id and p.deleted_at is null)
           select id from document";

    /// Passages by the policy of the role that this runs as, under the same text; `offset 0` keeps everything
    /// else out of that search. Interventions are of nobody, and found by a plain condition.
    fn search_knowledge(text: String, limit: i64) -> HitRow
        = "with hit as (
               select 'passage' as kind, f.document_id::text as id, d.title, f.heading, f.body, d.citation,
                      ts_rank_cd(f.words, websearch_to_tsquery('english', $1)) as rank, f.ordinal
                 from (select document_id, ordinal, heading, body, words from programs.knowledge_passage
                        where deleted_at is null offset 0) f
                 join programs.knowledge_document d on d.id = f.document_id and d.deleted_at is null
               union all
               select 'intervention', i.code, i.name, '', i.description, i.citation,
                      ts_rank_cd(i.words, websearch_to_tsquery('english', $1)), 0
                 from programs.intervention i where i.words @@ websearch_to_tsquery('english', $1)),
           best as (select * from hit order by rank desc, title, ordinal, id limit $2)
           select kind, id, title, nullif(heading, '') as heading,
                  ts_headline('english', body, websearch_to_tsquery('english', $1),
                              'StartSel=**, StopSel=**, MaxFragments=2, MaxWords=30, MinWords=10') as snippet,
                  citation, rank
             from best order by rank desc, title, ordinal, id";
}

pub fn constraints() -> Vec<Constraint> {
    vec![Constraint {
        name: "document_title_taken",
        problem: || {
            let detail =
                "there is a document of this title: delete it first, or choose another title";
            Problem::conflict("document_title_taken", detail)
        },
    }]
}
