//! How large a workflow may be.

/// Nodes of a workflow.
pub const NODES: usize = 200;
/// Edges of a workflow.
pub const EDGES: usize = 400;
/// Bytes of a document, written without blanks.
pub const DOCUMENT_BYTES: usize = 256 * 1024;
/// Nodes on the longest way.
pub const DEPTH: usize = 64;
/// Characters of an id of a node or an edge.
pub const ID_CHARS: usize = 100;
/// Bytes of a template.
pub const TEMPLATE_BYTES: usize = 32 * 1024;
/// Paths within a template.
pub const TEMPLATE_PATHS: usize = 64;
/// Segments of a path after its root.
pub const PATH_SEGMENTS: usize = 8;
/// Characters of a handle's name and of a segment.
pub const NAME_CHARS: usize = 64;
/// Fields of the input.
pub const INPUT_FIELDS: usize = 32;
/// Headers of a request.
pub const HEADERS: usize = 16;
/// Bytes of a header's value, of a model's name, of a text that a condition compares with.
pub const TEXT_BYTES: usize = 1024;
/// Bytes of an address that is called.
pub const URL_BYTES: usize = 2048;
/// Items of a list that a map goes through.
pub const MAP_ITEMS: usize = 1000;
/// Tokens that a model may be asked for.
pub const MODEL_TOKENS: u64 = 32_768;
