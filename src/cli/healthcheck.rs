//! `rulegate healthcheck`: asks /livez on the loopback address.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::cli::arguments::Asking;
use crate::cli::examine;
use crate::cli::listeners::reachable;
use crate::cli::trouble::Trouble;
use crate::cli::variables::StandIns;
use crate::settings::Flags;

const PATIENCE: Duration = Duration::from_secs(3);

/// The default of `server.listen`, for a folder that does not load any more under a server that still runs.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 6060);

/// Whether a server on this machine lives.
pub fn run(arguments: &Asking) -> Result<(), Trouble> {
    let listen = match arguments.listen {
        Some(listen) => listen,
        None => settled(arguments)?,
    };
    let address = reachable(listen);
    let unable = |why: &str| Trouble::unable(format!("{address} does not live: {why}"));
    match ask(address) {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") => Ok(()),
        Ok(answer) => Err(unable(answer.lines().next().unwrap_or("no answer"))),
        Err(error) => Err(unable(&error.to_string())),
    }
}

fn settled(arguments: &Asking) -> Result<SocketAddr, Trouble> {
    let loading = examine::load(&arguments.rules, &StandIns::all(), &Flags::default())?;
    Ok(loading
        .settings
        .map_or(LISTEN, |settings| settings.server.listen))
}

fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET /livez HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )?;
    let mut head = [0; 64];
    let length = stream.read(&mut head)?;
    Ok(String::from_utf8_lossy(head.get(..length).unwrap_or_default()).into_owned())
}
