//! The two sockets, taken before anything else is started.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpListener;

use crate::cli::trouble::Trouble;
use crate::settings::Server;

/// The public one and the operator's.
pub struct Listeners {
    /// Where uploads are taken.
    pub public: TcpListener,
    /// Where operators look.
    pub admin: TcpListener,
}

impl Listeners {
    /// Takes both.
    pub async fn bind(server: &Server) -> Result<Self, Trouble> {
        Ok(Self {
            public: bind("--listen", server.listen).await?,
            admin: bind("--admin", server.admin).await?,
        })
    }

    /// Where they listen: a port that was asked for as 0 has its number now.
    pub fn addresses(&self) -> Result<(SocketAddr, SocketAddr), Trouble> {
        let unable = |error| Trouble::unable(format!("a socket has no address: {error}"));
        Ok((
            self.public.local_addr().map_err(unable)?,
            self.admin.local_addr().map_err(unable)?,
        ))
    }
}

async fn bind(flag: &str, address: SocketAddr) -> Result<TcpListener, Trouble> {
    TcpListener::bind(address).await.map_err(|error| {
        let why = match error.kind() {
            ErrorKind::AddrInUse => "somebody else listens there".to_owned(),
            ErrorKind::PermissionDenied => "this user may not listen there".to_owned(),
            _ => error.to_string(),
        };
        let other = SocketAddr::new(address.ip(), address.port().wrapping_add(1000).max(1024));
        Trouble::unable(format!(
            "cannot listen on {address}: {why}. Choose another place with `{flag} {other}`"
        ))
    })
}

/// "All addresses" cannot be asked; the loopback one of the same kind can.
pub fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
