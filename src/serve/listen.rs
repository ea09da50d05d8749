//! A listener: accepted connections, each served within its limits, until it is told to stop.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::serve::wire::{Pace, Wire};
use crate::vocabulary::limits::{CONNECTIONS_OVERFLOW, Limits, STREAMS_MAX};

/// How far beyond our own limits the HTTP library reads, so that what is too much gets an answer of ours.
const SLACK: usize = 4;
/// Time before another attempt where no connection could be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where a request came in.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    /// Our address, as the client reached it.
    pub local: SocketAddr,
    /// Whether the connection is within the limit.
    pub has_room: bool,
}

/// What answers requests.
pub trait Answer: Send + Sync + 'static {
    /// Answers one.
    fn answer(
        self: Arc<Self>,
        door: Door,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;
}

/// A listener and what holds for its connections.
#[derive(Debug)]
pub struct Listener {
    builder: auto::Builder<TokioExecutor>,
    header_timeout: Duration,
    idle_timeout: Duration,
    connections: Arc<Semaphore>,
    overflow: Arc<Semaphore>,
}

impl Listener {
    /// A listener with these limits.
    pub fn new(limits: &Limits, http2: bool) -> Self {
        Self {
            builder: builder(limits, http2),
            header_timeout: limits.header_read_timeout,
            idle_timeout: limits.keep_alive_timeout,
            connections: Arc::new(Semaphore::new(
                limits.connections_max.min(Semaphore::MAX_PERMITS),
            )),
            overflow: Arc::new(Semaphore::new(CONNECTIONS_OVERFLOW)),
        }
    }

    /// Serves connections until `stop`; then lets those that are open finish what runs, and ends when they have.
    pub async fn serve<A: Answer>(
        &self,
        socket: TcpListener,
        answer: Arc<A>,
        stop: impl Future<Output = ()>,
    ) {
        let graceful = GracefulShutdown::new();
        tokio::pin!(stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                accepted = socket.accept() => match accepted {
                    Ok((stream, _)) => self.take(stream, &answer, graceful.watcher()),
                    // Out of file descriptors, most likely; a connection that ends gives one back.
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
            }
        }
        drop(socket);
        graceful.shutdown().await;
    }

    /// Serves one connection in a task of its own. One that is far beyond the limit is closed at once.
    fn take<A: Answer>(&self, stream: TcpStream, answer: &Arc<A>, watcher: Watcher) {
        let within = self.connections.clone().try_acquire_owned().ok();
        let has_room = within.is_some();
        let Some(permit) = within.or_else(|| self.overflow.clone().try_acquire_owned().ok()) else {
            return;
        };
        let Ok(local) = stream.local_addr() else {
            return;
        };
        let _ = stream.set_nodelay(true);
        let pace = Arc::new(Pace::default());
        let wire = Wire::new(stream, pace.clone(), self.header_timeout, self.idle_timeout);
        let door = Door { local, has_room };
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let underway = pace.begin();
            let answered = answer.clone().answer(door, request);
            async move {
                let response = answered.await;
                drop(underway);
                Ok::<_, Infallible>(response)
            }
        });
        let connection = self.builder.serve_connection(TokioIo::new(wire), service);
        let watched = watcher.watch(connection.into_owned());
        tokio::spawn(async move {
            // What goes wrong on a connection is the client's; each request that came through it is told on its own.
            let _ = watched.await;
            drop(permit);
        });
    }
}

fn builder(limits: &Limits, http2: bool) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let header_bytes = limits.header_bytes_max.saturating_mul(SLACK);
    builder
        .http1()
        .timer(TokioTimer::new())
        // The socket keeps both times apart; this is the belt to its braces.
        .header_read_timeout(limits.keep_alive_timeout + limits.header_read_timeout)
        .max_headers(limits.headers_max.saturating_mul(SLACK))
        .max_buf_size(header_bytes.max(64 * 1024));
    if !http2 {
        return builder.http1_only();
    }
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS_MAX);
    builder
}
