//! Whom the admin listener answers: a web page in the operator's browser must not reach it (contract, *The admin listener*).

use std::net::{IpAddr, SocketAddr};

use hyper::header::{HOST, ORIGIN};
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Uri};

/// Whether a request names us, and comes from no foreign page. A page that points a name of its own at our address shows by its `Host`.
pub(super) fn is_own(headers: &HeaderMap, uri: &Uri, local: SocketAddr) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let Some(host) = host.to_str().ok().and_then(|text| text.parse().ok()) else {
        return false;
    };
    let names_us = names(&host, local) && uri.authority().is_none_or(|named| *named == host);
    names_us
        && headers.get_all(ORIGIN).iter().all(|origin| {
            let origin = origin
                .to_str()
                .ok()
                .and_then(|text| text.parse::<Uri>().ok());
            // The same host with another port is another server's page.
            origin.is_some_and(|origin| origin.authority() == Some(&host))
        })
}

/// `localhost`, or the address the connection came to. The port may be another one: containers map theirs.
fn names(host: &Authority, local: SocketAddr) -> bool {
    let name = host.host().trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical() == local.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn only_our_own_host_and_no_foreign_page_is_answered() {
        let own = "127.0.0.1:6061";
        let rows: [(&[&'static str], &[&'static str], bool); 14] = [
            (&[own], &[], true),
            (&["127.0.0.1"], &[], true),
            (&["localhost:6061"], &[], true),
            (&["LOCALHOST"], &[], true),
            (&["localhost:6061"], &["http://localhost:6061"], true),
            (&[], &[], false),
            (&[own, own], &[], false),
            (&["rebound.example.com:6061"], &[], false),
            (&["localhost.example.com"], &[], false),
            (&["127.0.0.2:6061"], &[], false),
            (&[own], &["https://evil.example.com"], false),
            (&[own], &["http://127.0.0.1:8080"], false),
            (&[own], &["null"], false),
            (&["not a host"], &[], false),
        ];
        for (hosts, origins, answered) in rows {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(HOST, HeaderValue::from_static(host));
            }
            for origin in origins {
                headers.append(ORIGIN, HeaderValue::from_static(origin));
            }
            let local = own.parse().unwrap();
            let uri = Uri::from_static("/status");
            assert_eq!(
                is_own(&headers, &uri, local),
                answered,
                "{hosts:?} {origins:?}"
            );
        }
    }

    #[test]
    fn an_address_of_ipv6_is_ours_in_brackets() {
        let headers = [(HOST, HeaderValue::from_static("[::1]:6061"))];
        let headers = HeaderMap::from_iter(headers);
        let uri = Uri::from_static("/status");
        assert!(is_own(&headers, &uri, "[::1]:6061".parse().unwrap()));
        assert!(!is_own(&headers, &uri, "[::2]:6061".parse().unwrap()));
    }
}
