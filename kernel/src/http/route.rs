//! The route table: method, path, permission, handler. One list, read by the router, the OpenAPI
//! document and the tests. A handler that names another permission, or none, does not fit in.

use std::{future::Future, sync::Arc};

use futures::future::BoxFuture;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    Limit, Problem,
    input::{Incoming, Input, InputDoc},
};
use crate::authz::{Attributes, Authorized, Effect, Encoded, Governed, Joins, Permission, Reply};

/// The methods in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// The words in which what is under a path is told, errors and all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Json,
    /// HL7 FHIR R4: `application/fhir+json`, errors as OperationOutcome.
    Fhir,
}

impl Dialect {
    /// That of a path, whether there is a route there or not, under a module's prefix or none.
    pub fn at(path: &str) -> Self {
        let mut segments = path.split('/').skip(1).take(3);
        let first = segments.next();
        let fhir = |one: Option<&str>, two: Option<&str>| (one, two) == (Some("fhir"), Some("r4"));
        let second = segments.next();
        match fhir(first, second) || fhir(second, segments.next()) {
            true => Self::Fhir,
            false => Self::Json,
        }
    }

    /// FHIR's are weak: what is told of a version may be told in other words (R4, section 3.1.0.5).
    pub(crate) fn etag(self, strong: String) -> String {
        match self {
            Self::Json => strong,
            Self::Fhir => format!("W/{strong}"),
        }
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Fhir => "application/fhir+json",
        }
    }
}

type Handler = Arc<
    dyn Fn(Arc<Governed>, &Incoming) -> BoxFuture<'static, Result<Encoded, Problem>> + Send + Sync,
>;

/// One operation.
#[derive(Clone)]
pub struct Route {
    pub method: Method,
    pub path: &'static str,
    /// `GET /v1/patients/{id}`: the name in logs, metrics and the ledger.
    pub name: &'static str,
    pub permission: &'static str,
    /// The realm whose callers it serves; `None`: every realm's.
    pub realm: Option<&'static str>,
    /// The realm above, whose callers it serves as well.
    pub above: Option<&'static str>,
    open: bool,
    /// As which role of the database's somebody without a credential reads.
    pub(crate) open_slice: Option<&'static str>,
    pub limit: Option<Limit>,
    /// `read`, `write`, `disclose`, `deidentify`, `follow` or `join`.
    pub effect: &'static str,
    pub docs: Docs,
    pub(crate) attributes: Option<Attributes>,
    pub(crate) input: fn(&mut InputDoc),
    pub(crate) output: fn(&mut InputDoc),
    pub(crate) handler: Handler,
}

/// What the OpenAPI document says about an operation beyond its types.
#[derive(Clone, Copy)]
pub struct Docs {
    pub tag: &'static str,
    pub summary: &'static str,
    pub description: &'static str,
    pub status: u16,
    /// A request body that works as it stands; a test sends each.
    pub example: Option<fn() -> Value>,
    /// Members of the body that this operation demands, where another may leave them out.
    pub required: &'static [&'static str],
}

impl Docs {
    pub const fn new(tag: &'static str, summary: &'static str, description: &'static str) -> Self {
        Self { tag, summary, description, status: 200, example: None, required: &[] }
    }

    pub const fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub const fn example(self, example: fn() -> Value) -> Self {
        Self { example: Some(example), ..self }
    }

    pub const fn required(self, required: &'static [&'static str]) -> Self {
        Self { required, ..self }
    }
}

/// A module's routes in the making.
#[derive(Default)]
pub struct Routes {
    routes: Vec<Route>,
}

/// What a module says of all its routes.
pub(crate) struct Home {
    pub(crate) realm: Option<&'static str>,
    pub(crate) above: Option<&'static str>,
    /// What somebody without a credential may do.
    pub(crate) open: &'static [&'static str],
    pub(crate) open_slice: Option<&'static str>,
    /// Where a route has no limit of its own.
    pub(crate) limit: Option<Limit>,
}

/// A handler: a function of `Authorized<P>` and an input, whose answer is the one that `P`'s effect
/// demands. Every function of that shape is one.
pub trait Handle<P: Permission, I, V>: Send + Sync + 'static {
    #[doc(hidden)]
    fn call(&self, act: Authorized<P>, input: I) -> BoxFuture<'static, Result<Encoded, Problem>>;
}

impl<P, I, V, H, F> Handle<P, I, V> for H
where
    P: Permission,
    H: Fn(Authorized<P>, I) -> F + Send + Sync + 'static,
    F: Future<Output = Result<<P::Effect as Effect>::Answer<V>, Problem>> + Send + 'static,
{
    fn call(&self, act: Authorized<P>, input: I) -> BoxFuture<'static, Result<Encoded, Problem>> {
        let answer = self(act, input);
        Box::pin(async move { Ok(answer.await?.into_encoded()) })
    }
}

impl Route {
    /// Whether somebody without a credential may call it.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Whether it becomes a socket.
    pub(crate) fn joins(&self) -> bool {
        self.effect == Joins::NAME
    }

    /// Whether it is under the prefix of the module of this name: its own routes and the kernel's are.
    pub(crate) fn serves_at(&self, module: &str) -> bool {
        self.realm.is_none_or(|ours| ours == module)
    }

    /// Whether it is there for callers of this realm; what they may do the matrix says.
    pub fn serves(&self, realm: &str) -> bool {
        self.open || self.realm.is_none_or(|ours| ours == realm) || self.above == Some(realm)
    }
}

impl Routes {
    pub fn get<P: Permission, I: Input + 'static, V: ToSchema>(
        &mut self,
        permission: P,
        path: &'static str,
        handler: impl Handle<P, I, V>,
        docs: Docs,
    ) {
        self.add(Method::Get, permission, path, handler, docs);
    }

    pub fn post<P: Permission, I: Input + 'static, V: ToSchema>(
        &mut self,
        permission: P,
        path: &'static str,
        handler: impl Handle<P, I, V>,
        docs: Docs,
    ) {
        self.add(Method::Post, permission, path, handler, docs);
    }

    /// The whole of a record, where `patch` takes what changes of it.
    pub fn put<P: Permission, I: Input + 'static, V: ToSchema>(
        &mut self,
        permission: P,
        path: &'static str,
        handler: impl Handle<P, I, V>,
        docs: Docs,
    ) {
        self.add(Method::Put, permission, path, handler, docs);
    }

    pub fn patch<P: Permission, I: Input + 'static, V: ToSchema>(
        &mut self,
        permission: P,
        path: &'static str,
        handler: impl Handle<P, I, V>,
        docs: Docs,
    ) {
        self.add(Method::Patch, permission, path, handler, docs);
    }

    pub fn delete<P: Permission, I: Input + 'static, V: ToSchema>(
        &mut self,
        permission: P,
        path: &'static str,
        handler: impl Handle<P, I, V>,
        docs: Docs,
    ) {
        self.add(Method::Delete, permission, path, handler, docs);
    }

    fn add<P: Permission, I: Input + 'static, V: ToSchema>(
        &mut self,
        method: Method,
        _: P,
        path: &'static str,
        handler: impl Handle<P, I, V>,
        docs: Docs,
    ) {
        let handler: Handler = Arc::new(move |governed, incoming| {
            let called = Authorized::<P>::check(governed)
                .and_then(|act| Ok(handler.call(act, I::read(incoming)?)));
            match called {
                Ok(answer) => answer,
                Err(problem) => Box::pin(std::future::ready(Err(problem))),
            }
        });
        self.routes.push(Route {
            method,
            path,
            name: format!("{} {path}", method.name()).leak(),
            permission: P::NAME,
            realm: None,
            above: None,
            open: false,
            open_slice: None,
            limit: None,
            effect: <P::Effect as Effect>::NAME,
            docs,
            attributes: P::ATTRIBUTES,
            input: I::describe,
            output: describe_output::<V>,
            handler,
        });
    }

    /// Adds routes under a limit of their own.
    pub fn limited(&mut self, limit: Limit, add: impl FnOnce(&mut Self)) {
        let mut own = Self::default();
        add(&mut own);
        self.routes.extend(own.routes.into_iter().map(|r| Route { limit: Some(limit), ..r }));
    }

    /// The routes, at home in a module.
    pub(crate) fn at(self, home: &Home) -> Vec<Route> {
        let settle = |route: Route| Route {
            realm: home.realm,
            above: home.above,
            open: home.open.contains(&route.permission),
            open_slice: home.open_slice,
            limit: route.limit.or(home.limit),
            ..route
        };
        self.routes.into_iter().map(settle).collect()
    }
}

fn describe_output<V: ToSchema>(doc: &mut InputDoc) {
    doc.speak_of::<V>();
}
