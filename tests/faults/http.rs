//! One HTTP exchange as a phone has it: a connection, a body, perhaps an answer.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What came back.
#[derive(Debug)]
pub enum Heard {
    /// Nobody was there.
    Nobody,
    /// It was sent, and no whole answer came in time.
    Silence,
    /// An answer.
    Answer(u16, Value),
}

/// Sends a request and hangs up after `patience`.
pub async fn exchange(address: SocketAddr, request: &str, patience: Duration) -> Heard {
    let Ok(mut stream) = TcpStream::connect(address).await else {
        return Heard::Nobody;
    };
    let mut bytes = Vec::new();
    let work = async {
        stream.write_all(request.as_bytes()).await?;
        stream.read_to_end(&mut bytes).await
    };
    match timeout(patience, work).await {
        Ok(Ok(_)) => answer(&bytes).unwrap_or(Heard::Silence),
        _ => Heard::Silence,
    }
}

/// Whether a gateway answers there.
pub async fn lives(address: SocketAddr) -> bool {
    let request = "GET /livez HTTP/1.1\r\nhost: faults\r\nconnection: close\r\n\r\n";
    let heard = exchange(address, request, Duration::from_secs(1)).await;
    matches!(heard, Heard::Answer(200, _))
}

/// Half an answer is none.
fn answer(bytes: &[u8]) -> Option<Heard> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    if length.and_then(|(_, text)| text.parse().ok()) != Some(body.len()) {
        return None;
    }
    Some(Heard::Answer(
        status,
        serde_json::from_str(body).unwrap_or(Value::Null),
    ))
}
