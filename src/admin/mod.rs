//! The admin listener: metrics and status, for the operator alone.

mod host;
mod status;

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Request, Response};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::observe::{Answered, Event, exposition, tell};
use crate::response::{Crowd, Failure, Reply, failure};
use crate::serve::{Answer, Door, Gateway, Listener, Phase, to_response};
use crate::vocabulary::limits::ADMIN_CONNECTIONS_MAX;

const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves the admin listener until the gateway has stopped: what goes on while it stops can be watched.
pub async fn run(gateway: Arc<Gateway>, socket: TcpListener) {
    let mut limits = gateway.settings.limits.clone();
    limits.connections_max = limits.connections_max.min(ADMIN_CONNECTIONS_MAX);
    let listener = Listener::new(&limits, false);
    let desk = Arc::new(Desk {
        gateway: gateway.clone(),
    });
    let stop = gateway.reached(Phase::Stopped);
    // A scraper that keeps its connection open must not keep the process.
    let patience = async {
        gateway.reached(Phase::Stopped).await;
        tokio::time::sleep(limits.drain_notice).await;
    };
    tokio::select! {
        () = listener.serve(socket, desk, stop) => {}
        () = patience => {}
    }
}

/// What the operator asks.
struct Desk {
    gateway: Arc<Gateway>,
}

impl Answer for Desk {
    async fn answer(
        self: Arc<Self>,
        door: Door,
        request: Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        let arrived = Instant::now();
        let (parts, _) = request.into_parts();
        let result = self.reply(door, &parts).await;
        let cause = result.as_ref().err().map(ToString::to_string);
        let reply = result.unwrap_or_else(|cause| failure(&cause));
        let answered = Answered {
            method: parts.method.as_str().chars().take(16).collect(),
            route: route(parts.uri.path()),
            status: reply.status,
            request_id: Uuid::new_v4().to_string(),
            cause,
            took: arrived.elapsed(),
            ..Answered::default()
        };
        tell(&Event::RequestAnswered(&answered));
        to_response(reply.with("cache-control", "no-store"))
    }
}

/// A path's name in logs and metrics.
fn route(path: &str) -> &'static str {
    match path.strip_suffix('/').unwrap_or(path) {
        "/metrics" => "admin /metrics",
        "/status" => "admin /status",
        "/reload" => "admin /reload",
        _ => "admin (unknown)",
    }
}

impl Desk {
    async fn reply(&self, door: Door, parts: &Parts) -> Result<Reply, Failure> {
        if !host::is_own(&parts.headers, &parts.uri, door.local) {
            return Err(Failure::Foreign);
        }
        if !door.has_room {
            return Err(Failure::Crowded(Crowd::Connections));
        }
        match (parts.method.as_str(), route(parts.uri.path())) {
            ("GET" | "HEAD", "admin /metrics") => Ok(self.metrics()),
            ("GET" | "HEAD", "admin /status") => Ok(status::report(&self.gateway)),
            ("POST", "admin /reload") => self.reload().await,
            (_, "admin (unknown)") => Err(Failure::UnknownPath),
            (_, "admin /reload") => Err(Failure::WrongMethod { allowed: "POST" }),
            _ => Err(Failure::WrongMethod {
                allowed: "GET, HEAD",
            }),
        }
    }

    /// Looks at the rules folder now, and says what came of it.
    async fn reload(&self) -> Result<Reply, Failure> {
        let current = &self.gateway.road.current;
        if !current.looks().standing().is_watched {
            return Err(Failure::Unbuilt("reloading without a rules folder"));
        }
        let limit = self.gateway.settings.limits.request_timeout;
        let Ok(standing) = timeout(limit, current.looks().ask()).await else {
            return Err(Failure::OutOfTime);
        };
        let (status, message) = match standing.failing {
            None => (200, "these rules are in force"),
            Some(_) => (422, "these rules are not in force, the last good ones are"),
        };
        let body = json!({
            "message": message,
            "version": current.edition().version.as_ref(),
            "reload": status::reload(&standing),
        });
        Ok(Reply::json(status, &body))
    }

    fn metrics(&self) -> Reply {
        tell(&Event::Gauges(&self.gateway.gauges()));
        Reply {
            body: exposition().into(),
            ..Reply::empty(200)
        }
        .with("content-type", PROMETHEUS_TEXT)
    }
}
