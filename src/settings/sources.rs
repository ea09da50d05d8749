//! Where keys may be fetched: https anywhere public, plain http and private addresses only at loopback or where the author allows them.

use std::net::{IpAddr, Ipv6Addr};

/// Scheme and host of a URL, as far as it matters where keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Whether it is https, not plain http.
    pub is_tls: bool,
    /// The host in lower case, without brackets.
    pub host: String,
}

impl Source {
    /// Reads an http or https URL without a user in it.
    pub fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = rest.split(['/', '?', '#']).next()?;
        let (host, port) = match authority.strip_prefix('[') {
            Some(inner) => {
                let (address, port) = inner.split_once(']')?;
                address.parse::<Ipv6Addr>().ok()?;
                (
                    address,
                    port.strip_prefix(':')
                        .or(Some("").filter(|_| port.is_empty()))?,
                )
            }
            None => authority.split_once(':').unwrap_or((authority, "")),
        };
        let is_host = |c: char| c.is_ascii_alphanumeric() || ".-_:".contains(c);
        let is_port = port.is_empty() || port.parse::<u16>().is_ok_and(|port| port > 0);
        (is_port && !host.is_empty() && host.chars().all(is_host)).then(|| Self {
            is_tls,
            host: host.to_ascii_lowercase(),
        })
    }

    /// Whether it is this machine.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.address().is_some_and(|address| address.is_loopback())
    }

    /// Whether its host is an address inside some private network.
    pub fn is_private(&self) -> bool {
        self.address().is_some_and(is_private)
    }

    fn address(&self) -> Option<IpAddr> {
        self.host
            .parse()
            .ok()
            .map(|address: IpAddr| address.to_canonical())
    }
}

/// Whether an address is private, link-local (where clouds keep their metadata), or otherwise nothing on the public network.
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            let is_benchmark = a == 198 && (b == 18 || b == 19);
            a == 0
                || a >= 240
                || is_shared
                || is_benchmark
                || address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
        }
        IpAddr::V6(address) => {
            let [first, ..] = address.segments();
            let is_site_local = first & 0xffc0 == 0xfec0;
            address.is_unspecified()
                || address.is_loopback()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.is_multicast()
                || is_site_local
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_url_has_a_scheme_and_a_host() {
        let rows = [
            (
                "https://login.example.com/keys?x=1",
                Some((true, "login.example.com")),
            ),
            ("HTTP://LocalHost:8080", Some((false, "localhost"))),
            ("https://[::1]:443/keys", Some((true, "::1"))),
            ("https://[::1]x/keys", None),
            ("https://user:secret@example.com/", None),
            ("https://user@example.com/", None),
            ("https:///keys", None),
            ("https://a:99999/", None),
            ("https://a b/", None),
            ("ftp://example.com/", None),
            ("example.com/keys", None),
        ];
        for (url, wanted) in rows {
            let found = Source::parse(url);
            let found = found
                .as_ref()
                .map(|source| (source.is_tls, source.host.as_str()));
            assert_eq!(found, wanted, "{url}");
        }
    }

    #[test]
    fn private_addresses_are_known_however_they_are_written() {
        let private = [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::",
            "::1",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
        ];
        for address in private {
            assert!(is_private(address.parse().unwrap()), "{address}");
        }
        for address in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(!is_private(address.parse().unwrap()), "{address}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(url in "(https?://)?[a-z0-9.:/@\\[\\]?#é -]{0,30}") {
            let _ = Source::parse(&url).map(|source| (source.is_loopback(), source.is_private()));
        }
    }
}
