//! Events → log lines: for people on a terminal, JSON otherwise.

use std::io::IsTerminal as _;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, registry};

use crate::observe::{Answered, Event};

/// What is logged where nobody says otherwise.
const FILTER: &str = "rulegate=info,warn";

/// Starts the log on standard error, once per process. `filter` narrows or widens it (`rulegate=debug`); the second call does nothing.
///
/// From here on a panic is told by its place alone: its message can quote what was being worked on.
pub fn init(filter: Option<&str>) {
    let filter = filter
        .and_then(|text| EnvFilter::try_new(text).ok())
        .unwrap_or_else(|| EnvFilter::new(FILTER));
    let layer = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let layer = if is_for_people() {
        layer.boxed()
    } else {
        layer.json().flatten_event(true).boxed()
    };
    let subscriber = registry()
        .with(filter)
        .with(filter_fn(holds_no_value))
        .with(layer);
    if subscriber.try_init().is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            tracing::error!("a panic at {}", place.unwrap_or_default());
        }));
    }
}

/// Whether a line can hold no value and no token. The libraries below us print parameters and headers at their finer levels, so of them
/// nothing finer than a warning is logged, whatever the filter says.
fn holds_no_value(line: &Metadata<'_>) -> bool {
    let target = line.target();
    *line.level() <= Level::WARN || target == "rulegate" || target.starts_with("rulegate::")
}

/// Whether a person reads the log: a sentence then stands alone, without its parts beside it.
fn is_for_people() -> bool {
    std::io::stderr().is_terminal()
}

pub(super) fn write(event: &Event<'_>) {
    match event {
        Event::Note(text) => tracing::info!("{text}"),
        Event::Warning(text) => tracing::warn!("{text}"),
        Event::Mistake(text) => tracing::error!("{text}"),
        Event::RequestAnswered(answered) if is_for_people() => sentence(answered),
        Event::RequestAnswered(answered) => request(answered),
        Event::Decided(decided) => tracing::info!("{decided}"),
        Event::KeysFetched { error: None, .. }
        | Event::Letter(_)
        | Event::OpenLetters(_)
        | Event::Path(_)
        | Event::Gauges(_) => {}
        Event::KeysFetched {
            uri,
            error: Some(error),
            ..
        } => tracing::warn!("keys could not be fetched from {uri}: {error}"),
        Event::Reloaded(reloaded) => tracing::info!("{reloaded}"),
        Event::ReloadFailed { text, version } => {
            tracing::error!(
                "the rules were not reloaded, version {version} stays in force\n{text}"
            );
        }
        Event::ReloadMended(version) => {
            tracing::info!("the rules folder holds again what is in force, version {version}");
        }
        Event::Readiness(None) => tracing::info!("ready"),
        Event::Readiness(Some(reason)) => tracing::error!("not ready: {reason}"),
    }
}

/// The one line of a request, for people.
fn sentence(answered: &Answered) {
    let (request_id, cause) = (&answered.request_id, answered.cause.as_deref());
    if answered.is_told {
        tracing::debug!(request_id, cause, "{answered}");
    } else {
        tracing::info!(request_id, cause, "{answered}");
    }
}

/// The one line of a request.
fn request(answered: &Answered) {
    tracing::info!(
        method = answered.method,
        route = answered.route,
        status = answered.status,
        request_id = answered.request_id,
        subject = answered.subject,
        rules = answered.rules_version.as_deref(),
        cause = answered.cause,
        transactions = answered.outcomes.len(),
        body_bytes = answered.body_bytes,
        took_us = u64::try_from(answered.took.as_micros()).unwrap_or(u64::MAX),
        "{answered}"
    );
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What was written.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn libraries_tell_no_more_than_warnings_whatever_the_filter_says() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = registry()
            .with(EnvFilter::new("trace"))
            .with(filter_fn(holds_no_value))
            .with(fmt::layer().with_writer(move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(target: "tokio_postgres::query", "parameters s3cr3t");
            tracing::info!(target: "h2::codec", "authorization s3cr3t");
            tracing::trace!(target: "rulegated", "s3cr3t");
            tracing::warn!(target: "hyper", "a warning");
            tracing::trace!(target: "rulegate::serve", "a trace");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("s3cr3t"), "{text}");
        assert!(
            text.contains("a warning") && text.contains("a trace"),
            "{text}"
        );
    }
}
