//! `rulegate explain`: what would become of an upload, and why.

mod json;
mod text;

use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::apply::{self, Crowded, Explained, Outcome, Paths, Road, Sender, Upload};
use crate::auth::{Principal, Verifier, unverified};
use crate::catalog::{ColumnType, Kind};
use crate::cli::arguments::{Explaining, Who};
use crate::cli::say::{note, say};
use crate::cli::trouble::Trouble;
use crate::cli::variables::{KEYS, KEYS_STAND_IN};
use crate::cli::{check, examine, serve, token};
use crate::expr::{Compiled, Variable};
use crate::plan::{Plan, TablePlan};
use crate::policy::Answer;
use crate::reload::{Loading, Stale};
use crate::request::{self, Batch};
use crate::settings::Settings;
use crate::vocabulary::names::FieldName;
use crate::vocabulary::operation::Op;
use crate::vocabulary::value::{self, Timestamp};

/// Runs the upload, prints what would become of it, and keeps nothing.
pub async fn run(arguments: &Explaining) -> Result<(), Trouble> {
    // No token is verified here, so no keys are needed.
    let stand_ins = check::at_home().and(KEYS, KEYS_STAND_IN);
    let flags = arguments.database.flags();
    let loading = examine::load(&arguments.rules, &stand_ins, &flags)?;
    let settings = in_order(&loading)?;
    let body = body(&arguments.upload)?;
    let batch = request::decode(&body, &settings.limits)
        .map_err(|error| Trouble::unable(format!("{}: {error}", arguments.upload.display())))?;
    let time = time(arguments.time.as_deref())?;
    let claims = claims(&arguments.who, &settings)?;
    let arrived = Instant::now();
    let road = road(&settings, &loading)?;
    let snapshot = match road.current.freshen(&road.store, arrived).await {
        Ok(snapshot) => snapshot,
        Err(Stale::Unfit(problems)) => {
            return Err(Trouble::Unfit(examine::text(&problems, &loading)));
        }
        Err(stale @ Stale::Unread(_)) => return Err(Trouble::unable(stale.to_string())),
    };
    let principal =
        snapshot.plan.claims().suppose(claims).map_err(|error| {
            Trouble::unable(format!("a token like that is answered 401: {error}"))
        })?;
    let upload = Upload {
        snapshot,
        principal: principal.into(),
        sender: Sender::default(),
        batch,
        time,
        request_id: "explain".into(),
        arrived,
        deadline: Instant::now() + settings.limits.request_timeout,
    };
    let explained = apply::explain(&road, &upload).await;
    let page = Page {
        plan: &upload.snapshot.plan,
        principal: &upload.principal,
        batch: &upload.batch,
        version: &loading.version,
        explained: &explained,
    };
    say(&if arguments.json {
        format!("{:#}", json::page(&page))
    } else {
        text::page(&page)
    });
    verdict(&explained)
}

/// What is printed.
struct Page<'a> {
    plan: &'a Plan,
    principal: &'a Principal,
    batch: &'a Batch,
    version: &'a str,
    explained: &'a [Explained],
}

/// One condition of a table, and what is told of it beside its text.
struct Asked<'p> {
    /// `guard`, `grant`, `check`, or `deferred` for a check that is asked when all operations are done.
    kind: &'static str,
    condition: &'p Compiled,
    /// The fields that a grant covers; none for all.
    fields: Option<Vec<&'p str>>,
    /// The code of a check.
    code: Option<&'p str>,
}

/// Everything that can be asked for an op, in the order in which it is.
fn asked(table: &TablePlan, op: Op) -> Vec<Asked<'_>> {
    let guards = table.guards.iter().map(|guard| Asked {
        kind: "guard",
        condition: guard,
        fields: None,
        code: None,
    });
    let grants = table.grants.iter().filter(move |grant| grant.op == op);
    let grants = grants.map(|grant| Asked {
        kind: "grant",
        condition: &grant.condition,
        fields: grant
            .fields
            .as_ref()
            .map(|fields| fields.iter().map(FieldName::as_str).collect()),
        code: None,
    });
    let checks = checks(table, op, false);
    guards.chain(grants).chain(checks).collect()
}

/// What is asked of a row that became so when all operations are done.
fn asked_at_end(table: &TablePlan, op: Op) -> Vec<Asked<'_>> {
    checks(table, op, true).collect()
}

fn checks(table: &TablePlan, op: Op, is_deferred: bool) -> impl Iterator<Item = Asked<'_>> {
    let checks = table.checks.iter();
    let checks =
        checks.filter(move |check| check.is_deferred == is_deferred && check.ops.contains(&op));
    checks.map(move |check| Asked {
        kind: if is_deferred { "deferred" } else { "check" },
        condition: &check.rule,
        fields: None,
        code: Some(&check.code),
    })
}

/// The image that a condition was asked of, where it names `this`.
fn image(answer: &Answer) -> Option<&'static str> {
    answer.this.map(Variable::name)
}

fn in_order(loading: &Loading) -> Result<Settings, Trouble> {
    match &loading.settings {
        Some(settings) if !loading.problems.has_errors() => Ok(settings.clone()),
        _ => Err(Trouble::Unfit(examine::text(&loading.problems, loading))),
    }
}

fn road(settings: &Settings, loading: &Loading) -> Result<Road, Trouble> {
    Ok(Road {
        store: serve::open(settings)?,
        current: serve::current(loading),
        workbench: None,
        crowded: Crowded::default(),
        reads_and_judges: true,
        paths: Paths::default(),
    })
}

fn body(path: &Path) -> Result<bytes::Bytes, Trouble> {
    let read = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    read.map(Into::into)
        .map_err(|error| Trouble::at(path, &error))
}

/// The claims that are told, or those of a token, of which it is said where the server would not take it.
fn claims(who: &Who, settings: &Settings) -> Result<Map<String, Value>, Trouble> {
    let client_auth = &settings.client_auth;
    match (&who.token, &who.sub, &who.claims) {
        (Some(token), _, _) => {
            let claims = unverified(token)
                .ok_or_else(|| Trouble::unable("--token: this is no token (JWT)"))?;
            let verifier = Verifier {
                audience: client_auth.audience.clone(),
                authorized_parties: client_auth.authorized_parties.clone(),
                issuer: client_auth.issuer.clone(),
                ..Verifier::new(&settings.limits)
            };
            let seconds = i64::try_from(now().as_secs()).unwrap_or(i64::MAX);
            if let Err(error) = verifier.check(&claims, seconds) {
                note(&format!(
                    "note: the server answers 401 to this token: {error}"
                ));
            }
            Ok(claims)
        }
        (_, Some(sub), _) => Ok(token::claims(sub, Duration::from_hours(1), client_auth)),
        (_, _, claims) => match serde_json::from_str(claims.as_deref().unwrap_or_default()) {
            Ok(Value::Object(claims)) => Ok(claims),
            Ok(_) => Err(Trouble::unable("--claims: this is no JSON object")),
            Err(error) => Err(Trouble::unable(format!("--claims: {error}"))),
        },
    }
}

/// What `request.time` is.
fn time(told: Option<&str>) -> Result<Timestamp, Trouble> {
    let Some(told) = told else {
        let micros = i128::try_from(now().as_micros()).unwrap_or(i128::MAX / 1000);
        return Ok(Timestamp(micros * 1000));
    };
    let column = ColumnType {
        kind: Kind::Timestamptz(6),
        cast: "timestamptz".into(),
        domain: None,
    };
    match request::convert_text(told, &column).map(|datum| datum.value) {
        Ok(value::Value::Timestamp(time)) => Ok(time),
        _ => Err(Trouble::unable(
            "--time: write it like 2026-01-31T12:00:00Z",
        )),
    }
}

fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// The exit code: the worst of the outcomes.
fn verdict(explained: &[Explained]) -> Result<(), Trouble> {
    let mut is_refused = false;
    for Explained { outcome, .. } in explained {
        match outcome {
            Outcome::Applied | Outcome::Repeated | Outcome::NotAttempted => {}
            Outcome::Refused(_) => is_refused = true,
            Outcome::Retry(retry) => return Err(Trouble::unable(retry.cause.clone())),
        }
    }
    if is_refused {
        Err(Trouble::Refused)
    } else {
        Ok(())
    }
}
