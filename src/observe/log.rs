//! Events → log lines: for people on a terminal, JSON otherwise.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::observe::{Answered, Event};

/// What is logged where nobody says otherwise.
const FILTER: &str = "rulegate=info,warn";

/// Starts the log on standard error, once per process. `filter` narrows or widens it (`rulegate=debug`); the second call does nothing.
pub fn init(filter: Option<&str>) {
    let filter = filter
        .and_then(|text| EnvFilter::try_new(text).ok())
        .unwrap_or_else(|| EnvFilter::new(FILTER));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    let _ = if std::io::stderr().is_terminal() {
        builder.try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
}

pub(super) fn write(event: &Event<'_>) {
    match event {
        Event::Note(text) => tracing::info!("{text}"),
        Event::Warning(text) => tracing::warn!("{text}"),
        Event::Mistake(text) => tracing::error!("{text}"),
        Event::RequestAnswered(answered) => request(answered),
        Event::KeysFetched { error: None, .. } | Event::Gauges(_) => {}
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
