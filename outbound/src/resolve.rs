//! From a name to addresses that may be called.

use std::{
    fmt,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve};

use crate::Allowed;

/// The addresses of a name, later.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Who knows the addresses of names.
pub trait Resolver: Send + Sync + 'static {
    fn resolve(&self, name: &str) -> Resolving;
}

/// The machine's own resolver.
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, name: &str) -> Resolving {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Every address of a name is one that may not be called.
#[derive(Debug)]
pub(crate) struct Blocked;

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no address of this name may be called")
    }
}

impl std::error::Error for Blocked {}

/// A resolver that gives only what may be called: what it gives is what is dialled.
pub(crate) struct Vetting {
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) allowed: Arc<Allowed>,
    /// Whether the connection will be encrypted.
    pub(crate) encrypted: bool,
}

impl Resolve for Vetting {
    fn resolve(&self, name: Name) -> reqwest::dns::Resolving {
        let (found, allowed) = (self.resolver.resolve(name.as_str()), self.allowed.clone());
        let encrypted = self.encrypted;
        Box::pin(async move {
            let mut addresses = found.await?;
            addresses.retain(|address| match encrypted {
                true => allowed.permits(*address),
                false => allowed.names(*address),
            });
            if addresses.is_empty() {
                return Err(Blocked.into());
            }
            // The client puts in the address's own port.
            let dialled = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            let dialled: Addrs = Box::new(dialled.collect::<Vec<_>>().into_iter());
            Ok(dialled)
        })
    }
}
