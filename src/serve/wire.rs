//! One client's socket, with the time-outs that the HTTP library does not tell apart: sending a header, and being idle.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::vocabulary::limits::WRITE_TIMEOUT;

/// The bytes that begin a connection of HTTP/2.
const HTTP2_PREFACE: &[u8] = b"PRI";

/// How many requests of a connection began, and how many are under way: the socket's clock stands still meanwhile.
#[derive(Debug, Default)]
pub(super) struct Pace {
    began: AtomicUsize,
    ended: AtomicUsize,
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Underway(Arc<Pace>);

impl Pace {
    /// Notes that a request's header is there.
    pub(super) fn begin(self: &Arc<Self>) -> Underway {
        self.began.fetch_add(1, Ordering::SeqCst);
        Underway(self.clone())
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The header is on its way; so is the first one, from the start.
    Header,
    /// Between two requests.
    Idle,
    /// HTTP/2, where requests interleave: only silence counts.
    Interleaved,
}

/// A socket that gives up on clients which are too slow.
pub(super) struct Wire {
    stream: TcpStream,
    pace: Arc<Pace>,
    header_timeout: Duration,
    idle_timeout: Duration,
    stage: Stage,
    /// `ended` as last seen; a change means that the connection is idle again.
    seen: usize,
    is_fresh: bool,
    alarm: Pin<Box<Sleep>>,
    write_alarm: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    pub(super) fn new(
        stream: TcpStream,
        pace: Arc<Pace>,
        header_timeout: Duration,
        idle_timeout: Duration,
    ) -> Self {
        Self {
            stream,
            pace,
            header_timeout,
            idle_timeout,
            stage: Stage::Header,
            seen: 0,
            is_fresh: true,
            alarm: Box::pin(sleep_until(Instant::now() + header_timeout)),
            write_alarm: None,
        }
    }

    fn enter(&mut self, stage: Stage) {
        let patience = match stage {
            Stage::Header => self.header_timeout,
            Stage::Idle | Stage::Interleaved => self.idle_timeout,
        };
        self.stage = stage;
        self.alarm.as_mut().reset(Instant::now() + patience);
    }

    fn is_busy(&self) -> bool {
        self.pace.began.load(Ordering::SeqCst) != self.pace.ended.load(Ordering::SeqCst)
    }

    /// Begins the idle time where a request ended since the last look.
    fn look(&mut self) {
        let ended = self.pace.ended.load(Ordering::SeqCst);
        if ended != self.seen {
            self.seen = ended;
            if self.stage == Stage::Interleaved {
                self.enter(Stage::Interleaved);
            } else {
                self.enter(Stage::Idle);
            }
        }
    }

    fn took(&mut self, bytes: &[u8]) {
        if std::mem::take(&mut self.is_fresh) && bytes.starts_with(HTTP2_PREFACE) {
            self.stage = Stage::Interleaved;
        }
        match self.stage {
            Stage::Idle => self.enter(Stage::Header),
            Stage::Interleaved => self.enter(Stage::Interleaved),
            Stage::Header => {}
        }
    }

    /// Whether our bytes have been left unread for too long.
    fn stalled(&mut self, cx: &mut Context<'_>) -> bool {
        let alarm = self
            .write_alarm
            .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + WRITE_TIMEOUT)));
        alarm.as_mut().poll(cx).is_ready()
    }

    fn written<T>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match result {
            Poll::Pending if self.stalled(cx) => Poll::Ready(Err(too_slow())),
            Poll::Pending => Poll::Pending,
            ready @ Poll::Ready(_) => {
                self.write_alarm = None;
                ready
            }
        }
    }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client is too slow")
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.look();
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if self.is_busy() {
            return result;
        }
        match result {
            Poll::Ready(Ok(())) => {
                self.took(buffer.filled().get(before..).unwrap_or_default());
                Poll::Ready(Ok(()))
            }
            Poll::Pending if self.alarm.as_mut().poll(cx).is_ready() => {
                Poll::Ready(Err(too_slow()))
            }
            other => other,
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
