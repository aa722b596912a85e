//! Requests to addresses that a customer named. Whoever names one must not reach through us what only
//! we can reach: our own network, our machine, the metadata of our cloud.
//!
//! - [`Outbound::check`] judges an address when it is saved: what it says, and the address in it.
//! - [`Outbound::send`] judges it again when it is called. Names are resolved once, and what is dialled
//!   is an address that was judged: a name that has changed its mind in between changes nothing.
//!
//! No redirects, no proxies, no connection is used twice; what comes back is read to a limit.

mod address;
mod call;
mod error;
mod resolve;
mod retry_after;

pub use address::{Allowed, network};
pub use call::{Answer, Limits, Outbound, Request};
pub use error::{OutboundError, SetupError, Unfit};
pub use ipnet::IpNet;
pub use reqwest::{Method, Url, header};
pub use resolve::{Resolver, Resolving, SystemResolver};
pub use retry_after::RetryAfter;
