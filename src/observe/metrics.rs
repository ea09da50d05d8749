//! Events → metrics, and their text for Prometheus.

use std::sync::OnceLock;

use metrics::{Label, counter, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::observe::{Answered, Event};

/// Upper bounds of the buckets of every histogram, in seconds.
const BUCKETS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 25.0,
];

static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// What the gauges stand at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Whether writes can be taken.
    pub is_ready: bool,
    /// Requests in the house: waiting or executing.
    pub requests: usize,
    /// Body bytes in flight.
    pub in_flight_bytes: usize,
    /// Connections of the pool.
    pub pool_connections: usize,
    /// Those who wait for one.
    pub pool_waiting: usize,
    /// Whether the rules folder holds what cannot come into force.
    pub is_reload_failing: bool,
    /// Tables that a change of the database closed.
    pub closed_tables: usize,
}

/// The recorder of this process; made when the first event is told. `None` where a host program brought one of its own.
fn handle() -> Option<&'static PrometheusHandle> {
    let made = HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new()
            .set_buckets(&BUCKETS)
            .ok()?
            .build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).ok()?;
        Some(handle)
    });
    made.as_ref()
}

/// The metrics as Prometheus reads them.
pub fn exposition() -> String {
    handle().map(PrometheusHandle::render).unwrap_or_default()
}

/// Puts what the histograms saw into their buckets. Without it an unread exporter grows.
pub fn upkeep() {
    if let Some(handle) = handle() {
        handle.run_upkeep();
    }
}

pub(super) fn count(event: &Event<'_>) {
    if handle().is_none() {
        return;
    }
    match event {
        Event::RequestAnswered(answered) => request(answered),
        Event::KeysFetched { error, took, .. } => {
            let result = if error.is_none() {
                "success"
            } else {
                "failure"
            };
            counter!("rulegate_key_fetches_total", "result" => result).increment(1);
            histogram!("rulegate_key_fetch_seconds").record(took.as_secs_f64());
        }
        Event::Letter(result) => {
            counter!("rulegate_dead_letters_total", "result" => *result).increment(1);
        }
        Event::Path("") => path("at_once", ""),
        Event::Path(why) => path("judged", why),
        Event::OpenLetters(count) => count_of("rulegate_dead_letters_open", *count),
        Event::Gauges(gauges) => stand(gauges),
        Event::Mistake(_) => counter!("rulegate_mistakes_total").increment(1),
        Event::Reloaded(_) => reload("success"),
        Event::ReloadFailed { .. } => reload("failure"),
        Event::Note(_)
        | Event::Warning(_)
        | Event::Decided(_)
        | Event::Readiness(_)
        | Event::ReloadMended(_) => {}
    }
}

fn path(path: &'static str, why: &'static str) {
    counter!("rulegate_paths_total", "path" => path, "why" => why).increment(1);
}

fn reload(result: &'static str) {
    counter!("rulegate_reloads_total", "result" => result).increment(1);
}

fn request(answered: &Answered) {
    let route = answered.route;
    let status = answered.status.to_string();
    counter!("rulegate_requests_total", "route" => route, "status" => status).increment(1);
    histogram!("rulegate_request_seconds", "route" => route).record(answered.took.as_secs_f64());
    for (outcome, code) in &answered.outcomes {
        let labels = [
            Label::new("outcome", *outcome),
            Label::new("code", code.clone().unwrap_or_default()),
        ];
        counter!("rulegate_transactions_total", labels.iter()).increment(1);
    }
}

fn stand(gauges: &Gauges) {
    let flags = [
        ("rulegate_ready", gauges.is_ready),
        ("rulegate_reload_failing", gauges.is_reload_failing),
    ];
    for (name, flag) in flags {
        gauge!(name).set(if flag { 1.0 } else { 0.0 });
    }
    let counts = [
        ("rulegate_closed_tables", gauges.closed_tables),
        ("rulegate_requests", gauges.requests),
        ("rulegate_in_flight_body_bytes", gauges.in_flight_bytes),
        ("rulegate_pool_connections", gauges.pool_connections),
        ("rulegate_pool_waiting", gauges.pool_waiting),
    ];
    for (name, count) in counts {
        count_of(name, count);
    }
}

fn count_of(name: &'static str, count: usize) {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    gauge!(name).set(count as f64);
}
