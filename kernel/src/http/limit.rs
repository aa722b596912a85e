//! How often somebody may come. Counted in PostgreSQL, so that all servers count together, and told as
//! draft-ietf-httpapi-ratelimit-headers-10 has it.

use std::net::IpAddr;

use aws_lc_rs::hmac;
use jiff::Timestamp;
use uuid::Uuid;

use super::Problem;
use crate::{
    core::Core,
    db::{Actor, Context, Done, Origin, Scope},
    row,
    seal::derive,
    statements,
};

/// So many requests in a window that begins with the first of them. Routes under limits of one name share a count.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    name: &'static str,
    requests: u32,
    /// How long the window is.
    seconds: u32,
    /// Whether a request that fails is taken back.
    successes: bool,
}

impl Limit {
    pub const fn per_minute(name: &'static str, requests: u32) -> Self {
        Self { name, requests, seconds: 60, successes: false }
    }

    pub const fn per_hour(name: &'static str, requests: u32) -> Self {
        Self { name, requests, seconds: 3600, successes: false }
    }

    /// A request counts while it runs, and stays counted when it is done as asked.
    pub const fn successes_per_day(name: &'static str, requests: u32) -> Self {
        Self { name, requests, seconds: 86_400, successes: true }
    }

    /// Counts one more of `who`, by the server's clock.
    ///
    /// # Errors
    /// What [`Problem`] says of the database's failure: who cannot be counted is not let in.
    pub(crate) async fn count(
        self,
        core: &Core,
        origin: &Origin,
        who: &str,
    ) -> Result<Counted, Problem> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &derive(&core.identity.secret, "rate"));
        let key = hmac::sign(&key, format!("{}\0{who}", self.name).as_bytes());
        let who = key.as_ref().try_into().map_err(Problem::internal)?;
        let window = i32::try_from(self.seconds).unwrap_or(i32::MAX);
        let count = count_request(key.as_ref().to_vec(), window);
        let rows = core.flush(&context(core, origin), &count).await;
        let rows = rows.map_err(|e| Problem::from_db(e, &core.constraints))?;
        let row = rows.first().ok_or_else(|| Problem::internal("a count has one row"))?;
        let whole = |number| u32::try_from(number).unwrap_or(0);
        let (so_far, seconds_left) = (whole(row.so_far), whole(row.seconds_left));
        Ok(Counted { limit: self, who, began: row.began, so_far, seconds_left })
    }

    /// In words, for the document.
    pub(super) fn describe(self) -> String {
        let Self { requests, seconds, successes, .. } = self;
        let failed = if successes { " One that fails does not count." } else { "" };
        format!("At most {requests} requests in {seconds} seconds; 429 beyond them.{failed}")
    }
}

fn context<'a>(core: &Core, origin: &'a Origin) -> Context<'a> {
    Context {
        tenant: Uuid::nil(),
        actor: Actor::Anonymous,
        permission: "limit",
        origin,
        scope: Scope::Own,
        now: Some(core.clock.now()),
    }
}

/// Where a request comes from, as it is counted: of IPv6 the network that one subscriber has (RFC 6177).
pub(crate) fn place(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V6(six)) => format!("{:x}/64", six.to_bits() >> 64),
        Some(four) => four.to_string(),
        None => "nowhere".into(),
    }
}

/// A request that was counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    limit: Limit,
    /// The keyed hash under which it was counted.
    who: [u8; 32],
    /// When the window began.
    began: Timestamp,
    /// This one included.
    so_far: u32,
    /// Until the window ends.
    seconds_left: u32,
}

impl Counted {
    /// Takes the request back, which failed, where the limit is one of successes: what is then told. A count that cannot
    /// be taken back stands, and the log says so.
    pub(super) async fn take_back(self, core: &Core, request_id: Uuid) -> Self {
        if !self.limit.successes {
            return self;
        }
        let origin = Origin::internal(request_id);
        let uncount = uncount_request(self.who.to_vec(), self.began);
        match core.flush(&context(core, &origin), &uncount).await {
            Ok(_) => Self { so_far: self.so_far.saturating_sub(1), ..self },
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "a failed request stays counted");
                self
            }
        }
    }

    /// # Errors
    /// 429 for one more than the limit allows.
    pub(crate) fn check(self) -> Result<(), Problem> {
        if self.so_far <= self.limit.requests {
            return Ok(());
        }
        metrics::counter!("reeve_refusals_total", "reason" => "too_many_requests").increment(1);
        let detail = "too many requests: wait as long as Retry-After says";
        let problem = Problem::new(429, "too_many_requests", detail);
        Err(Problem { retry_after: Some(self.seconds_left), ..problem })
    }

    /// `RateLimit-Policy` and `RateLimit`.
    pub(super) fn headers(self) -> [(&'static str, String); 2] {
        let Self { limit: Limit { name, requests, seconds, .. }, so_far, seconds_left, .. } = self;
        let rest = requests.saturating_sub(so_far);
        [
            ("ratelimit-policy", format!("\"{name}\";q={requests};w={seconds}")),
            ("ratelimit", format!("\"{name}\";r={rest};t={seconds_left}")),
        ]
    }
}

row! {
    /// How many requests there were in the window, and how long it lasts still.
    pub struct Window { began: Timestamp, so_far: i32, seconds_left: i32 }
}

statements! {
    fn count_request(key: Vec<u8>, seconds: i32) -> Window
        = "select began, so_far, seconds_left from kernel.count_request($1, $2)";

    /// Of a window that is still the same.
    fn uncount_request(key: Vec<u8>, began: Timestamp) -> Done
        = "update kernel.rate set requests = requests - 1 where who = $1 and began_at = $2 and requests > 0
           returning true as done";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(so_far: u32, seconds_left: u32) -> Counted {
        let (limit, began) = (Limit::per_minute("default", 60), Timestamp::UNIX_EPOCH);
        Counted { limit, who: [0; 32], began, so_far, seconds_left }
    }

    #[test]
    fn the_headers_tell_the_rule_and_what_is_left_of_it() {
        let policy = ("ratelimit-policy", "\"default\";q=60;w=60".to_owned());
        for (so_far, left, rest) in [
            (1, 60, "\"default\";r=59;t=60"),
            (60, 7, "\"default\";r=0;t=7"),
            (90, 1, "\"default\";r=0;t=1"),
        ] {
            let expected = [policy.clone(), ("ratelimit", rest.to_owned())];
            assert_eq!(counted(so_far, left).headers(), expected);
        }
    }

    #[test]
    fn the_last_that_is_allowed_is_and_the_next_waits_for_the_window() {
        assert!(counted(60, 7).check().is_ok());
        let refused = counted(61, 7).check().unwrap_err();
        assert_eq!((refused.status, refused.retry_after), (429, Some(7)));
    }

    #[test]
    fn of_ipv6_the_network_is_counted_and_an_old_address_in_new_dress_is_itself() {
        let at = |address: &str| place(Some(address.parse().unwrap()));
        assert_eq!(at("2001:db8:1:2::3"), at("2001:db8:1:2:ffff::4"));
        assert_ne!(at("2001:db8:1:2::3"), at("2001:db8:1:3::3"));
        assert_eq!(at("::ffff:192.0.2.7"), at("192.0.2.7"));
        assert_ne!(at("192.0.2.7"), at("192.0.2.8"));
    }
}
