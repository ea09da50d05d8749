//! SIGTERM and Ctrl-C: the first asks to stop, the second does not ask.

use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::say::note;
use crate::cli::trouble::Trouble;

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// A signal that follows the first so soon is its echo: a shell and a wrapper that both pass one Ctrl-C on.
const ECHO: Duration = Duration::from_millis(300);

/// Becomes true with the first signal. `last` runs before the second one ends the process.
pub fn listen(last: impl FnOnce() + Send + 'static) -> Result<watch::Receiver<bool>, Trouble> {
    let unable = |error| Trouble::unable(format!("signals cannot be heard: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unable)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(unable)?;
    let (tell, told) = watch::channel(false);
    tokio::spawn(async move {
        let mut heard = async || {
            tokio::select! {
                _ = interrupt.recv() => (),
                _ = terminate.recv() => (),
            }
        };
        heard().await;
        note("stopping: what runs is finished first; a second signal stops at once");
        let _ = tell.send(true);
        let first = Instant::now();
        while first.elapsed() < ECHO {
            heard().await;
        }
        last();
        std::process::exit(INTERRUPTED);
    });
    Ok(told)
}

/// Waits for the first signal.
pub async fn stopped(mut told: watch::Receiver<bool>) {
    // An error means that the sender is gone, and with it every signal.
    if told.wait_for(|told| *told).await.is_err() {
        std::future::pending::<()>().await;
    }
}
