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
    let _ = if is_for_people() {
        builder.try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
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
        Event::KeysFetched { error: None, .. } | Event::Gauges(_) => {}
        Event::KeysFetched {
            uri,
            error: Some(error),
            ..
        } => tracing::warn!("keys could not be fetched from {uri}: {error}"),
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
        cause = answered.cause,
        transactions = answered.outcomes.len(),
        body_bytes = answered.body_bytes,
        took_us = u64::try_from(answered.took.as_micros()).unwrap_or(u64::MAX),
        "{answered}"
    );
}
