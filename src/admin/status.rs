//! `/status`: what an operator wants to know at a glance.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::reload::{Snapshot, Standing};
use crate::response::Reply;
use crate::serve::{Gateway, SourceStatus};

pub(super) fn report(gateway: &Gateway) -> Reply {
    let reasons = gateway.reasons();
    let gauges = gateway.gauges();
    let body = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "since": moment(gateway.since),
        "uptime_seconds": seconds(gateway.since.elapsed().unwrap_or_default()),
        "is_ready": reasons.is_empty(),
        "reasons": reasons,
        "rules": rules(gateway),
        "database": {
            "reason": gateway.road.store.health().reason(),
            "pool": {
                "max": gateway.settings.database.pool,
                "connections": gauges.pool_connections,
                "waiting": gauges.pool_waiting,
            },
        },
        "keys": {
            "usable": !gateway.keys.is_empty(),
            "sources": gateway.keys.status().iter().map(source).collect::<Vec<_>>(),
        },
        "requests": {
            "running": gauges.requests,
            "in_flight_body_bytes": gauges.in_flight_bytes,
        },
    });
    Reply::json(200, &body)
}

fn rules(gateway: &Gateway) -> Value {
    let current = &gateway.road.current;
    let snapshot = current.snapshot();
    json!({
        "version": current.edition().version.as_ref(),
        "in_force": snapshot.is_some(),
        "plan": snapshot.as_ref().map(|snapshot| snapshot.plan.digest()),
        "tables": snapshot.as_ref().map(|snapshot| snapshot.plan.tables().count()),
        "catalogue_age_seconds": snapshot.as_ref().map(|snapshot| seconds(snapshot.read_at.elapsed())),
        "unfit": gateway.unfit(),
        "closed": snapshot.as_ref().map(|snapshot| closed(snapshot)),
        "waiting_for_restart": current.waiting_for_restart(),
        "reload": reload(&current.looks().standing()),
    })
}

/// Tables that no upload may touch, each with the reason.
fn closed(snapshot: &Snapshot) -> Value {
    let tables = snapshot.closed.iter();
    tables
        .map(|(table, reason)| (table.to_string(), Value::from(reason.as_str())))
        .collect()
}

/// How the rules in force stand to the folder.
pub(super) fn reload(standing: &Standing) -> Value {
    json!({
        "is_watching": standing.is_watched,
        "failing": standing.failing.as_ref().map(|failing| json!({
            "since": moment(failing.since),
            "problems": failing.text,
        })),
        "last": standing.swapped.as_ref().map(|swapped| json!({
            "at": moment(swapped.at),
            "version": swapped.version,
            "changes": swapped.changes,
        })),
    })
}

fn moment(time: SystemTime) -> u64 {
    seconds(
        time.duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default(),
    )
}

fn source(status: &SourceStatus) -> Value {
    json!({
        "uri": status.uri,
        "age_seconds": status.age.map(seconds),
        "error": status.error,
    })
}

fn seconds(time: Duration) -> u64 {
    time.as_secs()
}
