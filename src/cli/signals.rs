//! SIGTERM and Ctrl-C: the first asks to stop, the second does not ask. SIGHUP asks to look at the rules again; from a terminal that is gone it
//! means what it always meant.

use std::io::IsTerminal as _;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::say::note;
use crate::cli::trouble::Trouble;
use crate::reload::Current;

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// A signal that follows the first so soon is its echo: a shell and a wrapper that both pass one Ctrl-C on.
const ECHO: Duration = Duration::from_millis(300);

/// Becomes true with the first signal. `last` runs before the second one ends the process.
pub fn listen(last: impl FnOnce() + Send + 'static) -> Result<watch::Receiver<bool>, Trouble> {
    let unable = |error| Trouble::unable(format!("signals cannot be heard: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(unable)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(unable)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(unable)?;
    had_terminal();
    let (tell, told) = watch::channel(false);
    tokio::spawn(async move {
        let mut heard = async || loop {
            tokio::select! {
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                _ = hangup.recv() => if has_lost_terminal() { break },
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

/// Asks for a look at the rules with each SIGHUP, for ever.
pub async fn reread(current: Arc<Current>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return;
    };
    while hangup.recv().await.is_some() {
        if !has_lost_terminal() {
            current.looks().wish();
        }
    }
}

/// Whether there was a terminal at the first time of asking.
fn had_terminal() -> bool {
    static HAD: OnceLock<bool> = OnceLock::new();
    *HAD.get_or_init(|| std::io::stdin().is_terminal())
}

/// Whether nobody sits there any more who could press Ctrl-C.
fn has_lost_terminal() -> bool {
    had_terminal() && !std::io::stdin().is_terminal()
}
