//! Which addresses may be called: those of the public internet, and what the operator allows.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};

use crate::Unfit;

const URL_BYTES: usize = 2048;

/// A network in CIDR notation, or one address.
pub fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// What may be called beside the public internet.
#[derive(Clone, Debug, Default)]
pub struct Allowed(Vec<IpNet>);

impl Allowed {
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether the operator named it.
    pub(crate) fn names(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    pub(crate) fn permits(&self, address: IpAddr) -> bool {
        is_public(address) || self.names(address)
    }

    /// Judges an address as written, without asking for the addresses of names.
    pub(crate) fn check(&self, text: &str) -> Result<Url, Unfit> {
        let odd = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
        if text.len() > URL_BYTES || text.contains(odd) {
            return Err(Unfit::Malformed);
        }
        let url = Url::parse(text).map_err(|_| Unfit::Malformed)?;
        let written = authority(text).ok_or(Unfit::Malformed)?;
        if written.contains('@') || !url.username().is_empty() || url.password().is_some() {
            return Err(Unfit::UserInfo);
        }
        if !matches!(url.scheme(), "https" | "http") {
            return Err(Unfit::Scheme);
        }
        self.judge(&url)?;
        match url.host() {
            // 2130706433, 0x7f.1, 0177.0.0.1, %31%32%37.1: who writes so hides something.
            Some(Host::Ipv4(address)) if host(written) != address.to_string() => Err(Unfit::Host),
            Some(_) => Ok(url),
            None => Err(Unfit::Malformed),
        }
    }

    /// Judges what an address says, and the IP address where it is one.
    pub(crate) fn judge(&self, url: &Url) -> Result<(), Unfit> {
        let encrypted = url.scheme() == "https";
        if !encrypted && (url.scheme() != "http" || self.0.is_empty()) {
            return Err(Unfit::Scheme);
        }
        if !matches!(url.port_or_known_default(), Some(80 | 443 | 1024..)) {
            return Err(Unfit::Port);
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(name)) if name.ends_with('.') => return Err(Unfit::Host),
            // RFC 6761 section 6.3.
            Some(Host::Domain(name)) if name == "localhost" || name.ends_with(".localhost") => {
                IpAddr::V4(Ipv4Addr::LOCALHOST)
            }
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(Unfit::Malformed),
        };
        match (self.permits(address), encrypted || self.names(address)) {
            (false, _) => Err(Unfit::Address),
            // Only within networks of the operator does it go unencrypted.
            (true, false) => Err(Unfit::Scheme),
            (true, true) => Ok(()),
        }
    }
}

/// What stands between `//` and the path, as written.
fn authority(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    rest.split(['/', '?', '#']).next()
}

/// The authority without its port.
fn host(authority: &str) -> &str {
    authority.split_once(':').map_or(authority, |(host, _)| host)
}

/// Whether an address is one of the public internet: IANA's registries of special addresses, as of
/// 2026, leave nothing else.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

const fn is_public_v4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        // This network, private ones, loopback; multicast and reserved.
        [0 | 10 | 127 | 224..=255, ..]
        // Shared by carriers (RFC 6598).
        | [100, 64..=127, ..]
        // Link-local, where clouds tell their secrets.
        | [169, 254, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        // Protocol assignments, documentation, relays of 6to4.
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        // Benchmarks, documentation.
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
    )
}

/// Global unicast is 2000::/3; all else, with 64:ff9b::/96 that leads back into IPv4, is not.
const fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let special = match first {
        // Protocol assignments with Teredo; documentation.
        0x2001 => second < 0x0200 || second == 0x0db8,
        // 6to4: an IPv4 address of any kind is inside.
        0x2002 => true,
        // Documentation.
        0x3fff => second < 0x1000,
        _ => false,
    };
    matches!(first, 0x2000..=0x3fff) && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Option<Unfit> {
        Allowed::default().check(text).err()
    }

    #[test]
    fn the_public_internet_may_be_called() {
        for text in [
            "https://hooks.example.org/a?b=c",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]:8443/",
            "https://[::ffff:8.8.8.8]/",
            "https://xn--mnchen-3ya.example/",
            "https://172.32.0.1/",
            "https://100.128.0.1/",
            "https://192.0.1.1/",
        ] {
            assert_eq!(check(text), None, "{text}");
        }
    }

    #[test]
    fn j04_no_other_address_may() {
        for host in [
            "127.0.0.1",
            "127.255.255.254",
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[fc00::1]",
            "[fdff::1]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b:1::1]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[2001:db8::1]",
            "[100::1]",
            "[::7f00:1]",
            "[3fff::1]",
            "[5f00::1]",
            "localhost",
            "a.localhost",
            "LOCALHOST",
        ] {
            assert_eq!(check(&format!("https://{host}/")), Some(Unfit::Address), "{host}");
        }
    }

    #[test]
    fn j04_other_ways_of_writing_an_address_are_refused() {
        for host in [
            "2130706433",
            "017700000001",
            "0x7f000001",
            "0x7f.1",
            "127.1",
            "0177.0.0.1",
            "127.0.0.1.",
            "%31%32%37.0.0.1",
            "１２７.0.0.1",
            "8.8.8.8.",
            "134744072",
            "0x8.8.8.8",
        ] {
            let found = check(&format!("https://{host}/"));
            assert!(matches!(found, Some(Unfit::Address | Unfit::Host)), "{host}: {found:?}");
        }
        for host in ["example.org.", "localhost."] {
            assert_eq!(check(&format!("https://{host}/")), Some(Unfit::Host), "{host}");
        }
        for text in [
            "https://user@example.org/",
            "https://user:pass@example.org/",
            "https://example.org@127.0.0.1/",
            "https://@example.org/",
            "https://127.0.0.1#@example.org/",
        ] {
            let found = check(text);
            assert!(matches!(found, Some(Unfit::UserInfo | Unfit::Address)), "{text}: {found:?}");
        }
        for text in [
            "https:/\\127.0.0.1/",
            "https://exa\tmple.org",
            "https://",
            "//example.org",
            "x",
            "https:example.org",
            "https://example.org\\@127.0.0.1/",
            "https://a b/",
        ] {
            assert_eq!(check(text), Some(Unfit::Malformed), "{text}");
        }
        for text in
            ["http://example.org/", "ftp://example.org/", "file:///etc/passwd", "gopher://h/"]
        {
            assert_eq!(check(text), Some(Unfit::Scheme), "{text}");
        }
        for port in [0, 22, 25, 1023] {
            assert_eq!(check(&format!("https://example.org:{port}/")), Some(Unfit::Port), "{port}");
        }
        assert_eq!(
            check(&format!("https://example.org/{}", "a".repeat(2048))),
            Some(Unfit::Malformed)
        );
    }

    #[test]
    fn an_operator_allows_networks_and_in_them_plain_http() {
        let networks = ["10.0.0.0/8", "::1", "127.0.0.1"].map(|text| network(text).unwrap());
        let allowed = Allowed::new(networks.to_vec());
        for text in [
            "http://10.1.2.3:8080/",
            "https://10.1.2.3/",
            "http://[::1]/",
            "http://localhost:8000/",
            "http://[::ffff:10.0.0.1]/",
            "http://hooks.example.org/",
        ] {
            assert_eq!(allowed.check(text).err(), None, "{text}");
        }
        for (text, unfit) in [
            ("http://8.8.8.8/", Unfit::Scheme),
            ("http://127.0.0.2/", Unfit::Address),
            ("https://192.168.0.1/", Unfit::Address),
        ] {
            assert_eq!(allowed.check(text).err(), Some(unfit), "{text}");
        }
        assert_eq!(network("10.0.0.0/33"), None);
        assert_eq!(network("everywhere"), None);
    }
}
