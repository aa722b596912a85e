use std::{error::Error, sync::Arc, time::Duration};

use reqwest::{
    Client, Method, Response, Url,
    header::{HeaderMap, RETRY_AFTER},
    redirect, retry,
};

use crate::{
    Allowed, OutboundError, Resolver, RetryAfter, SetupError, SystemResolver, Unfit,
    resolve::{Blocked, Vetting},
};

const CONNECT: Duration = Duration::from_secs(5);

/// How long a call may take, and how much may come back.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the first packet to the last byte.
    pub total: Duration,
    /// Bytes of the answer's body.
    pub bytes: usize,
}

/// What is sent.
pub struct Request {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub limits: Limits,
}

/// What came back, with any status that is no redirect.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn retry_after(&self) -> Option<RetryAfter> {
        RetryAfter::parse(self.headers.get(RETRY_AFTER)?.to_str().ok()?)
    }
}

/// Calls addresses that a customer named.
#[derive(Clone)]
pub struct Outbound {
    allowed: Arc<Allowed>,
    encrypted: Client,
    plain: Client,
}

impl Outbound {
    /// With the machine's own resolver.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(allowed: Allowed) -> Result<Self, SetupError> {
        Self::with_resolver(allowed, Arc::new(SystemResolver))
    }

    /// # Errors
    /// TLS cannot be set up.
    pub fn with_resolver(
        allowed: Allowed,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Self, SetupError> {
        let allowed = Arc::new(allowed);
        let client = |encrypted| {
            let (resolver, allowed) = (resolver.clone(), allowed.clone());
            Client::builder()
                .user_agent(concat!("reeve/", env!("CARGO_PKG_VERSION")))
                .redirect(redirect::Policy::none())
                .retry(retry::never())
                .no_proxy()
                .referer(false)
                .connect_timeout(CONNECT)
                // Each call is judged for itself: none goes over the connection of another.
                .pool_max_idle_per_host(0)
                .dns_resolver(Arc::new(Vetting { resolver, allowed, encrypted }))
                .https_only(encrypted)
                .build()
        };
        Ok(Self { encrypted: client(true)?, plain: client(false)?, allowed })
    }

    /// The address, when it can be saved. A name is not resolved: that says nothing of later.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, text: &str) -> Result<Url, Unfit> {
        self.allowed.check(text)
    }

    /// Sends it once.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn send(&self, request: Request) -> Result<Answer, OutboundError> {
        // The client resolves no IP address, so that the resolver would not see one.
        self.allowed.judge(&request.url).map_err(|_| OutboundError::BlockedAddress)?;
        let client = if request.url.scheme() == "https" { &self.encrypted } else { &self.plain };
        let limits = request.limits;
        let sent = client
            .request(request.method, request.url)
            .headers(request.headers)
            .body(request.body)
            .timeout(limits.total)
            .send()
            .await
            .map_err(|error| failure(&error))?;
        if sent.status().is_redirection() {
            return Err(OutboundError::Redirected);
        }
        read(sent, limits.bytes).await
    }
}

async fn read(mut response: Response, bytes: usize) -> Result<Answer, OutboundError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        if body.len() + chunk.len() > bytes {
            return Err(OutboundError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    let status = response.status().as_u16();
    Ok(Answer { status, headers: std::mem::take(response.headers_mut()), body })
}

fn failure(error: &reqwest::Error) -> OutboundError {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        if error.is::<Blocked>() {
            return OutboundError::BlockedAddress;
        }
        cause = error.source();
    }
    if error.is_timeout() { OutboundError::Timeout } else { OutboundError::Refused }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        net::IpAddr,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::{Resolving, network};

    /// Answers with the first addresses first, and with the last ones from then on.
    struct Turning(Vec<Vec<&'static str>>, AtomicUsize);

    impl Resolver for Turning {
        fn resolve(&self, _: &str) -> Resolving {
            let turn = self.1.fetch_add(1, Ordering::Relaxed).min(self.0.len() - 1);
            let found = self.0[turn].iter().map(|text| text.parse::<IpAddr>().unwrap()).collect();
            Box::pin(async move { Ok(found) })
        }
    }

    fn outbound(allowed: &[&str], answers: Vec<Vec<&'static str>>) -> Outbound {
        let networks = allowed.iter().map(|text| network(text).unwrap()).collect();
        let resolver = Arc::new(Turning(answers, AtomicUsize::new(0)));
        Outbound::with_resolver(Allowed::new(networks), resolver).unwrap()
    }

    fn request(url: &str) -> Request {
        Request {
            method: Method::GET,
            url: url.parse().unwrap(),
            headers: HeaderMap::new(),
            body: vec![],
            limits: Limits { total: Duration::from_secs(5), bytes: 10 },
        }
    }

    /// Answers every request with the same bytes; counts connections.
    async fn target(answer: &'static str) -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        #[allow(clippy::disallowed_methods, reason = "a test")]
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
                let mut head = [0; 2048];
                let _read = stream.read(&mut head).await;
                let _sent = stream.write_all(answer.as_bytes()).await;
                if answer.is_empty() {
                    // Says nothing for as long as the other side listens.
                    let _end: io::Result<usize> = stream.read(&mut head).await;
                }
            }
        });
        (port, count)
    }

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

    #[tokio::test]
    async fn an_allowed_address_is_called() {
        let (port, count) = target(OK).await;
        let outbound = outbound(&["127.0.0.1"], vec![vec!["127.0.0.1"]]);
        for host in ["127.0.0.1", "name.example"] {
            let answer = outbound.send(request(&format!("http://{host}:{port}/"))).await.unwrap();
            assert_eq!((answer.status, answer.body.as_slice()), (200, b"hi".as_slice()));
        }
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn j04_a_private_address_gets_no_packet_however_it_is_named() {
        let (port, count) = target(OK).await;
        // Something is allowed, so that http is.
        let outbound = outbound(&["10.9.9.9"], vec![vec!["127.0.0.1", "::1"]]);
        for host in ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]", "name.example", "localhost"] {
            for scheme in ["http", "https"] {
                let sent = outbound.send(request(&format!("{scheme}://{host}:{port}/"))).await;
                assert_eq!(sent.unwrap_err(), OutboundError::BlockedAddress, "{scheme} {host}");
            }
        }
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn j06_what_is_dialled_is_what_was_judged() {
        let (port, count) = target(OK).await;
        // Public when it is asked first, ours from then on.
        let ours = outbound(&["10.9.9.9"], vec![vec!["127.0.0.1"]]);
        let url = ours.check(&format!("https://name.example:{port}/")).unwrap();
        let sent = ours.send(request(url.as_str())).await;
        assert_eq!(sent.unwrap_err(), OutboundError::BlockedAddress);
        assert_eq!(count.load(Ordering::Relaxed), 0);
        // Of several addresses the one that may be dialled is.
        let mixed = outbound(
            &["127.0.0.1"],
            vec![vec!["169.254.169.254", "127.0.0.1"], vec!["169.254.169.254"]],
        );
        let url = format!("http://name.example:{port}/");
        assert!(mixed.send(request(&url)).await.is_ok());
        assert_eq!(count.load(Ordering::Relaxed), 1);
        assert_eq!(mixed.send(request(&url)).await.unwrap_err(), OutboundError::BlockedAddress);
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn plain_http_goes_to_allowed_addresses_alone() {
        let outbound = outbound(&["10.9.9.9"], vec![vec!["8.8.8.8"]]);
        let sent = outbound.send(request("http://name.example:8080/")).await;
        assert_eq!(sent.unwrap_err(), OutboundError::BlockedAddress);
    }

    #[tokio::test]
    async fn what_goes_wrong_has_a_name() {
        let ours = outbound(&["127.0.0.1"], vec![vec![]]);
        for (answer, error) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nhello world", OutboundError::TooLarge),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nhello \r\n6\r\nworlds\r\n0\r\n\r\n",
                OutboundError::TooLarge,
            ),
            (
                "HTTP/1.1 301 M\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
                OutboundError::Redirected,
            ),
            (
                "HTTP/1.1 307 T\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n",
                OutboundError::Redirected,
            ),
            ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi", OutboundError::Refused),
            ("nonsense\r\n\r\n", OutboundError::Refused),
        ] {
            let (port, _) = target(answer).await;
            let sent = ours.send(request(&format!("http://127.0.0.1:{port}/"))).await;
            assert_eq!(sent.unwrap_err(), error, "{answer}");
        }
        let (port, _) = target("").await;
        let mut slow = request(&format!("http://127.0.0.1:{port}/"));
        slow.limits.total = Duration::from_millis(50);
        assert_eq!(ours.send(slow).await.unwrap_err(), OutboundError::Timeout);
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let sent = ours.send(request(&format!("http://127.0.0.1:{nobody}/"))).await;
        assert_eq!(sent.unwrap_err(), OutboundError::Refused);
    }

    #[tokio::test]
    async fn a_busy_target_says_when_to_come_back() {
        let (port, _) =
            target("HTTP/1.1 429 N\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n").await;
        let outbound = outbound(&["127.0.0.1"], vec![vec![]]);
        let answer = outbound.send(request(&format!("http://127.0.0.1:{port}/"))).await.unwrap();
        assert_eq!((answer.status, answer.retry_after()), (429, Some(RetryAfter::Seconds(7))));
    }
}
