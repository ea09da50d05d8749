//! The main road: one request, start to end.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Version};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinError;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::apply::{self, Outcome, Upload};
use crate::auth::{Principal, Verified};
use crate::observe::{Answered, Event, tell};
use crate::reload::Snapshot;
use crate::request::{self, Batch};
use crate::response::{self, Crowd, Failure, Reply};
use crate::serve::body::{self, Body};
use crate::serve::cors;
use crate::serve::gateway::{Gateway, now};
use crate::serve::head::{self, Packing, Route};
use crate::serve::listen::{Answer, Door};
use crate::serve::seats::{Seat, Seats};
use crate::vocabulary::limits::{ANSWER_GRACE, ANSWER_TIMEOUT, Limits};
use crate::vocabulary::operation::Verb;
use crate::vocabulary::value::Timestamp;

/// Bodies beyond this are decoded on a thread of their own.
const INLINE_BYTES_MAX: usize = 64 * 1024;
/// Causes in one line of the log.
const CAUSES_MAX: usize = 3;
/// Hexadecimal digits that name a subject in the log.
const SUBJECT_DIGITS: usize = 12;

impl Answer for Gateway {
    /// Answers in a task of its own: a client that hangs up cuts nothing in half, and its request is told all the same.
    async fn answer(
        self: Arc<Self>,
        door: Door,
        request: Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        let gateway = self.clone();
        let task = tokio::spawn(async move { gateway.handle(door, request).await });
        match task.await {
            Ok(response) => response,
            // Telling of it broke, or the process ends.
            Err(error) => to_response(cors::open(
                response::failure(&broken("telling of it", &error)),
                &self.road.current.edition().live.cors_origins,
                None,
            )),
        }
    }
}

impl Gateway {
    /// One request: its answer, the headers that every answer has, and its line in the log.
    async fn handle(&self, door: Door, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let _underway = self.underway();
        let arrived = Instant::now();
        let (parts, body) = request.into_parts();
        let mut body = Body::new(body, &parts.headers);
        let route = Route::of(parts.uri.path());
        let mut answered = Answered {
            method: parts.method.as_str().chars().take(16).collect(),
            route: route.name(),
            request_id: head::request_id(&parts.headers)
                .map_or_else(|| Uuid::new_v4().to_string(), ToOwned::to_owned),
            ..Answered::default()
        };
        let patience = self.settings.limits.request_timeout + ANSWER_GRACE;
        let limit = arrived + patience.min(ANSWER_TIMEOUT);
        let answering = self.reply(door, route, &parts, &mut body, arrived, &mut answered);
        let reply = match timeout_at(limit, AssertUnwindSafe(answering).catch_unwind()).await {
            Ok(Ok(Ok(reply))) => reply,
            Ok(Ok(Err(failure))) => failed(&failure, &mut answered),
            Ok(Err(_)) => failed(&Failure::Broken("a panic".to_owned()), &mut answered),
            Err(_) => failed(&Failure::OutOfTime, &mut answered),
        };
        // What no rules decided names those that would have.
        let edition = self.road.current.edition();
        let version = answered.rules_version.as_ref().unwrap_or(&edition.version);
        let reply = reply
            .with("x-request-id", &answered.request_id)
            .with("x-rules-version", version.as_ref());
        let origins = &edition.live.cors_origins;
        let reply = cors::open(reply, origins, head::origin(&parts.headers));
        answered.status = reply.status;
        answered.took = arrived.elapsed();
        tell(&Event::RequestAnswered(&answered));
        respond(reply, door, parts.version, body)
    }

    async fn reply(
        &self,
        door: Door,
        route: Route,
        parts: &Parts,
        body: &mut Body,
        arrived: Instant,
        answered: &mut Answered,
    ) -> Result<Reply, Failure> {
        head::within_limits(parts, &self.settings.limits)?;
        if parts.method == Method::OPTIONS {
            return Ok(cors::preflight(route.methods()));
        }
        route.admits(&parts.method)?;
        match route {
            Route::Data => self.upload(door, parts, body, arrived, answered).await,
            Route::Live => Ok(Reply::message(200, "alive")),
            Route::Ready => Ok(self.readiness()),
            Route::Root | Route::Tokens | Route::Unknown => Ok(Reply::message(200, "rulegate")),
        }
    }

    /// One upload, in the contract's order of checks. The plan is read once, so a reload never changes the rules midway.
    async fn upload(
        &self,
        door: Door,
        parts: &Parts,
        body: &mut Body,
        arrived: Instant,
        answered: &mut Answered,
    ) -> Result<Reply, Failure> {
        let limits = &self.settings.limits;
        let deadline = arrived + limits.request_timeout;
        let token = head::bearer(&parts.headers)?;
        let announced = announced(parts, limits);
        let mut seat = take(&self.seats, door, announced)?;
        within_cap(parts, limits)?;
        let verified = self.keys.verify(token, seconds()).await?;
        let (snapshot, principal) = self.principal(verified)?;
        answered.rules_version = Some(snapshot.version().clone());
        answered.subject = Some(subject_hash(&principal));
        seat.share((principal.issuer.clone(), principal.subject.clone()))
            .await?;
        let packing = head::content(&parts.headers)?;
        seat.hold(announced)?;
        let patience = deadline.min(Instant::now() + limits.body_read_timeout);
        let bytes = body
            .read(&mut seat, limits.body_bytes_max, patience)
            .await?;
        answered.body_bytes = bytes.len();
        let (bytes, mut seat) = unpack(packing, bytes, seat, limits, deadline).await?;
        seat.weigh(bytes.len(), deadline).await?;
        seat.turn(deadline).await?;
        let (batch, seat) = decode(&parts.method, bytes, seat, limits).await?;
        let (shape, transactions) = (batch.shape, batch.transactions.len());
        let upload = Upload {
            snapshot,
            principal: Arc::new(principal),
            sender: head::sender(&parts.headers),
            batch,
            time: clock(),
            request_id: Uuid::new_v4().to_string().into(),
            arrived,
            deadline,
        };
        let outcomes = self.apply(upload, seat).await?;
        answered.is_told = self.road.workbench.is_some();
        note(answered, &outcomes);
        // A device that gets too many results or too few stops its queue for ever.
        if outcomes.len() != transactions {
            return Err(Failure::Broken(format!(
                "{} outcomes for {transactions} transactions",
                outcomes.len()
            )));
        }
        Ok(response::results(shape, &outcomes))
    }

    /// Who asks, by the claims of the plan in force.
    fn principal(&self, verified: Verified) -> Result<(Arc<Snapshot>, Principal), Failure> {
        let snapshot = self.road.current.snapshot().ok_or(Failure::NoPlan)?;
        let claims = snapshot.plan.claims();
        let principal = claims.accept(verified).map_err(Failure::BadToken)?;
        Ok((snapshot, principal))
    }

    /// Applies an upload in a task of its own, which keeps its room until it is done: no time-out of ours cuts a transaction in half.
    async fn apply(&self, upload: Upload, seat: Seat) -> Result<Vec<Outcome>, Failure> {
        let (road, underway) = (self.road.clone(), self.underway());
        let task = tokio::spawn(async move {
            let outcomes = apply::batch(&road, upload).await;
            drop((seat, underway));
            outcomes
        });
        task.await.map_err(|error| broken("applying", &error))
    }

    fn readiness(&self) -> Reply {
        let reasons = self.reasons();
        let is_ready = reasons.is_empty();
        let message = if is_ready { "ready" } else { "not ready" };
        let status = if is_ready { 200 } else { 503 };
        let body = serde_json::json!({ "message": message, "reasons": reasons });
        Reply::json(status, &body)
    }
}

/// Bytes of body that need room: what is over the cap is refused for that, not for want of room.
fn announced(parts: &Parts, limits: &Limits) -> usize {
    let length = head::content_length(&parts.headers).unwrap_or(0);
    length.min(limits.body_bytes_max)
}

fn take(seats: &Arc<Seats>, door: Door, announced: usize) -> Result<Seat, Failure> {
    if !door.has_room {
        return Err(Failure::Crowded(Crowd::Connections));
    }
    seats.take(announced)
}

fn within_cap(parts: &Parts, limits: &Limits) -> Result<(), Failure> {
    let bytes_max = limits.body_bytes_max;
    match head::content_length(&parts.headers) {
        Some(length) if length > bytes_max => Err(Failure::BodyTooLong { bytes_max }),
        _ => Ok(()),
    }
}

/// The body as JSON. Unpacking takes a turn of its own, beside the runtime.
async fn unpack(
    packing: Packing,
    bytes: Bytes,
    mut seat: Seat,
    limits: &Limits,
    deadline: Instant,
) -> Result<(Bytes, Seat), Failure> {
    if packing == Packing::Plain {
        return Ok((bytes, seat));
    }
    seat.turn(deadline).await?;
    let bytes_max = limits.body_bytes_max;
    let task = tokio::task::spawn_blocking(move || {
        let unpacked = body::unpack(&bytes, &mut seat, bytes_max)?;
        seat.rest();
        Ok((unpacked, seat))
    });
    task.await
        .unwrap_or_else(|error| Err(broken("unpacking", &error)))
}

/// Decodes; what takes long does so beside the runtime.
async fn decode(
    method: &Method,
    bytes: Bytes,
    seat: Seat,
    limits: &Limits,
) -> Result<(Batch, Seat), Failure> {
    // The older shapes say by their method what happens to one row.
    let verb = Verb::parse(method.as_str());
    if bytes.len() <= INLINE_BYTES_MAX {
        return Ok((read(verb, &bytes, limits)?, seat));
    }
    let limits = limits.clone();
    let task = tokio::task::spawn_blocking(move || Ok((read(verb, &bytes, &limits)?, seat)));
    task.await
        .unwrap_or_else(|error| Err(broken("decoding", &error)))
}

/// A task of ours that did not end as it should. What a panic says can quote values, so it is not told.
fn broken(doing: &str, error: &JoinError) -> Failure {
    let what = if error.is_panic() {
        "a panic"
    } else {
        "an end"
    };
    Failure::Broken(format!("{what} while {doing}"))
}

fn read(verb: Option<Verb>, bytes: &Bytes, limits: &Limits) -> Result<Batch, Failure> {
    let batch = match verb {
        Some(verb) => request::decode_one(bytes, verb, limits),
        None => request::decode(bytes, limits),
    };
    batch.map_err(Failure::Undecodable)
}

fn failed(failure: &Failure, answered: &mut Answered) -> Reply {
    answered.cause = Some(failure.to_string());
    response::failure(failure)
}

/// What of the outcomes the log tells: kinds, codes, and causes, which hold no values.
fn note(answered: &mut Answered, outcomes: &[Outcome]) {
    let mut causes: Vec<&str> = Vec::new();
    for outcome in outcomes {
        let (word, code, cause) = match outcome {
            Outcome::Applied => ("applied", None, None),
            Outcome::Repeated => ("applied before", None, None),
            Outcome::Refused(refusal) => (
                "refused",
                Some(refusal.code.to_string()),
                Some(refusal.cause.as_str()),
            ),
            Outcome::Retry(retry) => ("retryable", None, Some(retry.cause.as_str())),
            Outcome::NotAttempted => ("not attempted", None, None),
        };
        answered.outcomes.push((word, code));
        causes.extend(cause);
    }
    causes.dedup();
    causes.truncate(CAUSES_MAX);
    if !causes.is_empty() {
        answered.cause = Some(causes.join("; "));
    }
}

/// A name for a subject that tells nobody who it is.
fn subject_hash(principal: &Principal) -> String {
    let issuer = principal.issuer.as_deref().unwrap_or_default();
    let digest = Sha256::new()
        .chain_update(issuer)
        .chain_update([0])
        .chain_update(&principal.subject)
        .finalize();
    let hex = digest.iter().map(|byte| format!("{byte:02x}"));
    hex.take(SUBJECT_DIGITS / 2).collect()
}

fn seconds() -> i64 {
    i64::try_from(now().as_secs()).unwrap_or(i64::MAX)
}

/// `request.time`: microseconds, as columns hold them.
fn clock() -> Timestamp {
    Timestamp(i128::try_from(now().as_micros()).unwrap_or(i128::MAX / 1000) * 1000)
}

/// The answer as it goes out. The connection closes after it where the body was not read to its end, or where there was no room for
/// the connection: the next one may find some.
fn respond(reply: Reply, door: Door, version: Version, body: Body) -> Response<Full<Bytes>> {
    let mut response = to_response(reply);
    let is_unread = body.is_unread();
    if (is_unread || !door.has_room) && version < Version::HTTP_2 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    if is_unread {
        tokio::spawn(body.drain());
    }
    response
}

/// A reply in the HTTP library's terms.
pub fn to_response(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(reply.body));
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response
                .headers_mut()
                .append(HeaderName::from_static(name), value);
        }
    }
    response
}
