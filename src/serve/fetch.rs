//! Fetching a key set: https, or plain http where that is allowed; no redirects; no addresses inside our own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::header::{ACCEPT, HOST, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::vocabulary::limits::{JWKS_BYTES_MAX, JWKS_FETCH_TIMEOUT};

/// A metadata service that answers at a public address.
const METADATA: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// Where a key set is fetched. Only [`Address::parse`] makes one.
#[derive(Clone, Debug)]
pub(super) struct Address {
    uri: Uri,
    host: String,
    port: u16,
    is_https: bool,
    reach: Reach,
}

/// Which addresses a host may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Public ones.
    Public,
    /// Our own machine: the host is written so.
    Loopback,
    /// Any: the host is listed.
    Any,
}

impl Address {
    /// Reads a `jwks_uri`.
    pub(super) fn parse(text: &str, allow_hosts: &[String]) -> Result<Self, String> {
        let uri: Uri = text
            .parse()
            .map_err(|error| format!("`{text}` is no URI: {error}"))?;
        let host = uri
            .host()
            .ok_or_else(|| format!("`{text}` names no host"))?
            .trim_matches(['[', ']'])
            .to_ascii_lowercase();
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(format!("`{text}` is neither https nor http")),
        };
        if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
            return Err("a jwks_uri holds no user name".to_owned());
        }
        let reach = if allow_hosts
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(&host))
        {
            Reach::Any
        } else if is_loopback(&host) {
            Reach::Loopback
        } else {
            Reach::Public
        };
        if !is_https && reach == Reach::Public {
            return Err(format!(
                "`{text}` is plain http: use https, or add `{host}` to `client_auth.jwks_allow_hosts`"
            ));
        }
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        Ok(Self {
            uri,
            host,
            port,
            is_https,
            reach,
        })
    }

    /// Where it is, without its query, which may hold a secret: for the log.
    pub(super) fn describe(&self) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        let authority = self.uri.authority().map_or("", |a| a.as_str());
        format!("{scheme}://{authority}{}", self.uri.path())
    }

    /// The first address that may be asked.
    async fn resolve(&self) -> Result<SocketAddr, String> {
        let found = lookup_host((self.host.as_str(), self.port))
            .await
            .map_err(|error| format!("`{}` has no address: {error}", self.host))?;
        let mut refused = None;
        for address in found {
            if self.reach.admits(address.ip()) {
                return Ok(address);
            }
            refused = Some(address.ip());
        }
        Err(match refused {
            Some(address) => format!(
                "`{0}` has the address {address}, which is not public; add `{0}` to `client_auth.jwks_allow_hosts` where that is meant",
                self.host
            ),
            None => format!("`{}` has no address", self.host),
        })
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

impl Reach {
    fn admits(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match self {
            Self::Any => true,
            Self::Loopback => address.is_loopback(),
            Self::Public => match address {
                IpAddr::V4(address) => is_public(address),
                IpAddr::V6(address) => is_public_v6(address),
            },
        }
    }
}

fn is_public(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_shared = a == 100 && (64..128).contains(&b);
    let is_assigned = a == 192 && b == 0 && c == 0;
    let is_benchmark = a == 198 && (b == 18 || b == 19);
    !(a == 0
        || a >= 224
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_documentation()
        || is_shared
        || is_assigned
        || is_benchmark
        || address == METADATA)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let [first, second, ..] = segments;
    // NAT64 and 6to4 carry an IPv4 address, which is then what is reached.
    if segments.starts_with(&[0x64, 0xff9b]) {
        let [.., high, low] = segments;
        return is_public(embedded(high, low));
    }
    if let [0x2002, high, low, ..] = segments {
        return is_public(embedded(high, low));
    }
    // Global unicast, without the documentation and the special-purpose blocks.
    (0x2000..0x4000).contains(&first) && !(first == 0x2001 && (second < 0x200 || second == 0xdb8))
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}

/// Fetches key sets. Certificate authorities are read when https is first needed.
#[derive(Default)]
pub(super) struct Fetcher {
    tls: OnceCell<TlsConnector>,
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fetcher")
    }
}

impl Fetcher {
    /// Fetches a key set within the limits of time and size.
    pub(super) async fn fetch(&self, address: &Address) -> Result<serde_json::Value, String> {
        let fetched = timeout(JWKS_FETCH_TIMEOUT, self.ask(address)).await;
        let body = fetched.map_err(|_| "it did not answer in time".to_owned())??;
        serde_json::from_slice(&body).map_err(|_| "its answer is no JSON".to_owned())
    }

    async fn ask(&self, address: &Address) -> Result<Bytes, String> {
        let socket = address.resolve().await?;
        let stream = TcpStream::connect(socket)
            .await
            .map_err(|error| format!("no connection to {socket}: {error}"))?;
        if !address.is_https {
            return exchange(stream, address).await;
        }
        let name = ServerName::try_from(address.host.clone())
            .map_err(|_| format!("`{}` is no name for a certificate", address.host))?;
        let tls = self.tls.get_or_try_init(connector).await?;
        let stream = tls
            .connect(name, stream)
            .await
            .map_err(|error| format!("no TLS with {}: {error}", address.host))?;
        exchange(stream, address).await
    }
}

/// TLS with the certificate authorities of this machine.
async fn connector() -> Result<TlsConnector, String> {
    let loaded = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs)
        .await
        .map_err(|error| error.to_string())?;
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    if roots.is_empty() {
        return Err("this machine has no certificate authorities".to_owned());
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// One request and its answer.
async fn exchange<S>(stream: S, address: &Address) -> Result<Bytes, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broke = |error: hyper::Error| format!("the exchange broke: {error}");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broke)?;
    let connection = AbortOnDrop(tokio::spawn(async move {
        let _ = connection.await;
    }));
    let response = sender
        .send_request(request(address)?)
        .await
        .map_err(broke)?;
    // A redirect could lead anywhere, so it is an answer like any other that is not a key set.
    if response.status() != StatusCode::OK {
        return Err(format!("it answered {}", response.status()));
    }
    let body = Limited::new(response.into_body(), JWKS_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| format!("its answer cannot be read: {error}"))?;
    drop(connection);
    Ok(body.to_bytes())
}

/// A task that ends with its owner, so that a time-out leaves no connection behind.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn request(address: &Address) -> Result<Request<Empty<Bytes>>, String> {
    let target = address
        .uri
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let authority = address.uri.authority().map_or("", |a| a.as_str());
    Request::get(target)
        .header(HOST, authority)
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, "rulegate")
        .body(Empty::new())
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_asked() {
        let rows = [
            ("8.8.8.8", true),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("168.63.129.16", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("172.32.0.1", true),
            ("192.0.0.192", false),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:4700::1111", true),
            ("::", false),
            ("::1", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("::10.0.0.1", false),
            ("64:ff9b::a00:1", false),
            ("64:ff9b::808:808", true),
            ("2002:a00:1::1", false),
            ("2001:db8::1", false),
            ("2001::1", false),
            ("fd00:ec2::254", false),
            ("fe80::1", false),
            ("ff02::1", false),
        ];
        for (address, admitted) in rows {
            assert_eq!(
                Reach::Public.admits(address.parse().unwrap()),
                admitted,
                "{address}"
            );
        }
    }

    #[test]
    fn loopback_is_asked_only_where_the_host_is_written_so() {
        let loopback: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
        assert!(Reach::Loopback.admits(loopback));
        assert!(!Reach::Loopback.admits("10.0.0.1".parse().unwrap()));
        assert!(!Reach::Public.admits(loopback));
        assert!(Reach::Any.admits(loopback));
    }

    #[test]
    fn a_uri_is_https_or_stands_in_the_list_or_is_on_this_machine() {
        let listed = ["Keys.internal".to_owned()];
        let rows = [
            ("https://login.example.com/keys", Some(Reach::Public)),
            ("https://10.0.0.1/keys", Some(Reach::Public)),
            ("http://login.example.com/keys", None),
            ("http://10.0.0.1/keys", None),
            ("http://127.0.0.1:9000/keys", Some(Reach::Loopback)),
            ("http://localhost/keys", Some(Reach::Loopback)),
            ("http://[::1]:9000/keys", Some(Reach::Loopback)),
            ("http://localhost.example.com/keys", None),
            ("http://keys.internal/keys", Some(Reach::Any)),
            ("ftp://keys.internal/keys", None),
            ("https://user@login.example.com/keys", None),
            ("/keys", None),
        ];
        for (uri, reach) in rows {
            let parsed = Address::parse(uri, &listed).ok().map(|a| a.reach);
            assert_eq!(parsed, reach, "{uri}");
        }
    }

    #[tokio::test]
    async fn a_private_address_is_refused_after_resolving() {
        let address = Address::parse("https://10.0.0.1/keys", &[]).unwrap();
        let refused = Fetcher::default().fetch(&address).await.unwrap_err();
        assert!(refused.contains("not public"), "{refused}");
    }
}
