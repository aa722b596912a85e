//! Authorization: a permission is a type, and the only handle to the database names one (P2).
//!
//! A route declares its permission; the kernel checks the caller's role against the matrix and only
//! then makes an [`Authorized`] of that permission. What the permission *does* ([`Reads`],
//! [`Writes`], [`Discloses`], [`Deidentifies`], [`Follows`], [`Joins`]) decides which methods the handle has and
//! what the handler must return:
//!
//! | effect | the handle can | the handler returns | which proves that |
//! |---|---|---|---|
//! | [`Reads`] | `fetch` | [`Fetched`] | nothing about a person left: such rows cannot be opened |
//! | [`Discloses`] | `disclose` | [`Disclosed`] | the READ entry was committed with the read |
//! | [`Follows`] | `follow` | [`Followed`] | the READ entry of each event was committed before it left |
//! | [`Joins`] | `join` | [`Joined`] | the caller has a seat in the room, and was judged after taking it |
//! | [`Writes`] | `write`, `begin` | [`Committed`] | the server confirmed COMMIT, ledger row included |
//! | [`Deidentifies`] | `aggregate`, `release` | [`Released`] | it was read as `reeve_deid`, and the release is remembered |
//!
//! # What does not compile
//!
//! A handler of the right shape mounts:
//!
//! ```
//! # kernel::permissions! { ReadNote = "note:read", Discloses; WriteNote = "note:write", Writes; }
//! use kernel::{authz::{Authorized, Disclosed}, http::{Docs, Problem, Routes}};
//! async fn read(act: Authorized<ReadNote>, _: ()) -> Result<Disclosed<String>, Problem> {
//!     Err(Problem::not_found())
//! }
//! Routes::default().get(ReadNote, "/notes", read, Docs::new("notes", "Read", ""));
//! ```
//!
//! One that names another permission than its route does not:
//!
//! ```compile_fail
//! # kernel::permissions! { ReadNote = "note:read", Discloses; WriteNote = "note:write", Writes; }
//! use kernel::{authz::{Authorized, Disclosed}, http::{Docs, Problem, Routes}};
//! async fn read(act: Authorized<WriteNote>, _: ()) -> Result<Disclosed<String>, Problem> {
//!     Err(Problem::not_found())
//! }
//! Routes::default().get(ReadNote, "/notes", read, Docs::new("notes", "Read", ""));
//! ```
//!
//! Nor does one that takes no permission, or returns something that proves nothing:
//!
//! ```compile_fail
//! # kernel::permissions! { ReadNote = "note:read", Discloses; WriteNote = "note:write", Writes; }
//! use kernel::http::{Docs, Problem, Routes};
//! async fn read(_: ()) -> Result<String, Problem> {
//!     Ok("a patient's name".into())
//! }
//! Routes::default().get(ReadNote, "/notes", read, Docs::new("notes", "Read", ""));
//! ```
//!
//! ```compile_fail
//! # kernel::permissions! { ReadNote = "note:read", Discloses; WriteNote = "note:write", Writes; }
//! use kernel::{authz::{Authorized, Fetched}, http::{Docs, Problem, Routes}};
//! async fn read(act: Authorized<ReadNote>, _: ()) -> Result<Fetched<String>, Problem> {
//!     Err(Problem::not_found())
//! }
//! Routes::default().get(ReadNote, "/notes", read, Docs::new("notes", "Read", ""));
//! ```
//!
//! What is read for analytics leaves as a release or not at all:
//!
//! ```compile_fail
//! # kernel::permissions! { ReadReport = "report:read", Deidentifies; }
//! use kernel::{authz::{Authorized, Fetched}, http::{Docs, Problem, Routes}};
//! async fn read(act: Authorized<ReadReport>, _: ()) -> Result<Fetched<String>, Problem> {
//!     Err(Problem::not_found())
//! }
//! Routes::default().get(ReadReport, "/report", read, Docs::new("reports", "Read", ""));
//! ```
//!
//! ```
//! # kernel::permissions! { ReadReport = "report:read", Deidentifies; }
//! use kernel::{authz::{Authorized, Released}, http::{Docs, Problem, Routes}};
//! async fn read(act: Authorized<ReadReport>, _: ()) -> Result<Released<String>, Problem> {
//!     Err(Problem::not_found())
//! }
//! Routes::default().get(ReadReport, "/report", read, Docs::new("reports", "Read", ""));
//! ```
//!
//! What is followed is no answer of once, and the other way round:
//!
//! ```compile_fail
//! # kernel::permissions! { FollowNotes = "note:follow", Follows; }
//! use kernel::{authz::{Authorized, Disclosed}, http::{Docs, Problem, Routes}};
//! async fn follow(act: Authorized<FollowNotes>, _: ()) -> Result<Disclosed<String>, Problem> {
//!     Err(Problem::not_found())
//! }
//! Routes::default().get(FollowNotes, "/notes", follow, Docs::new("notes", "Follow", ""));
//! ```
//!
//! ```
//! # kernel::permissions! { FollowNotes = "note:follow", Follows; }
//! use kernel::{authz::{Authorized, Followed}, http::{Docs, Problem, Routes}};
//! async fn follow(act: Authorized<FollowNotes>, _: ()) -> Result<Followed<String>, Problem> {
//!     Err(Problem::not_found())
//! }
//! Routes::default().get(FollowNotes, "/notes", follow, Docs::new("notes", "Follow", ""));
//! ```
//!
//! A permission to read cannot write, and one to write cannot disclose:
//!
//! ```compile_fail
//! # kernel::permissions! { ReadNote = "note:read", Discloses; }
//! use kernel::{authz::{Answer, Authorized, Committed}, db::{Bound, Nothing}, http::Problem};
//! async fn read(act: Authorized<ReadNote>, write: Bound<Nothing>) -> Result<Committed<()>, Problem> {
//!     act.write(write, |_, _| Answer::gone()).await
//! }
//! ```
//!
//! A personal value neither prints nor is serialised, and opens only with what a disclosure or a
//! write hands out:
//!
//! ```compile_fail
//! println!("{}", kernel::privacy::Pii::new("Ana"));
//! ```
//!
//! ```compile_fail
//! serde_json::to_string(&kernel::privacy::Pii::new("Ana")).unwrap();
//! ```
//!
//! ```compile_fail
//! kernel::privacy::Pii::new("Ana").reveal(&kernel::privacy::Reveal(()));
//! ```
//!
//! And nobody makes an `Authorized`, a `Committed` or a connection for themselves:
//!
//! ```compile_fail
//! # kernel::permissions! { WriteNote = "note:write", Writes; }
//! fn forge(governed: std::sync::Arc<kernel::authz::Governed>) -> kernel::authz::Authorized<WriteNote> {
//!     kernel::authz::Authorized::check(governed).ok().unwrap()
//! }
//! ```
//!
//! ```compile_fail
//! fn forge(encoded: kernel::authz::Encoded) -> kernel::authz::Committed<()> {
//!     kernel::authz::Committed::new(encoded)
//! }
//! ```
//!
//! ```compile_fail
//! async fn around(db: &kernel::db::Db) {
//!     db.connection().await.unwrap();
//! }
//! ```

mod answer;
mod authorized;
mod elsewhere;
mod follow;
mod join;
mod operator;
mod permission;
mod release;
mod sight;

pub use answer::{Answer, Committed, Disclosed, Fetched, Followed, Joined, Released, Reply};
pub(crate) use answer::{Encoded, Events, NextPage, Switch};
pub(crate) use authorized::ANONYMOUS;
pub(crate) use authorized::Call;
pub use authorized::{Authorized, Caller, Governed, TenantTx};
pub use operator::Operator;
pub use permission::{
    Attributes, Deidentifies, Discloses, Effect, Follows, Joins, Permission, Reads, Writes,
};
pub(crate) use release::ALL as RELEASE_STATEMENTS;
pub use sight::{Shown, Sight};
