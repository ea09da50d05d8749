//! The form of rulegate.yaml, environment and flags → [`Settings`].

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread::available_parallelism;
use std::time::Duration;

use crate::document::{Environment, Form, Shape};
use crate::settings::client_auth::client_auth;
use crate::settings::dead_letters::dead_letters;
use crate::settings::lines::{Lines, Show as _};
use crate::settings::{
    Batch, Database, Flags, Idempotency, Line, OnFatalError, OnSchemaDrift, Origin, Secret, Server,
    Settings, SslMode, Unknown,
};
use crate::vocabulary::limits::{ANSWER_TIMEOUT, JSON_DEPTH_CEILING, Limit, Limits};
use crate::vocabulary::problem::{Problem, Problems};

/// Reads the settings. What is broken is told, and stands at its default here.
pub fn read(
    file: &Form,
    environment: &Environment<'_>,
    flags: &Flags,
    problems: &mut Problems,
) -> (Settings, Vec<Line>) {
    let mut lines = Lines::default();
    let settings = Settings {
        server: server(file.get("server"), flags, &mut lines),
        database: database(file.get("database"), environment, flags, &mut lines),
        client_auth: client_auth(file, &mut lines, problems),
        batch: batch(file.get("batch"), &mut lines),
        idempotency: idempotency(file.get("idempotency"), &mut lines, problems),
        dead_letters: dead_letters(file.get("dead_letters"), environment, &mut lines),
        rejections: rejections(file.get("rejections"), &mut lines),
        limits: limits(file.get("limits"), &mut lines, problems),
    };
    (settings, lines.0)
}

fn server(block: Option<&Form>, flags: &Flags, lines: &mut Lines) -> Server {
    let at = |host, port| SocketAddr::new(IpAddr::V4(host), port);
    Server {
        listen: lines.choose(
            "server.listen",
            flags.listen,
            written(block, "listen", address),
            || at(Ipv4Addr::UNSPECIFIED, 6060),
        ),
        admin: lines.choose(
            "server.admin",
            flags.admin,
            written(block, "admin", address),
            || at(Ipv4Addr::LOCALHOST, 6061),
        ),
        cors_origins: lines.choose(
            "server.cors_origins",
            None,
            written(block, "cors_origins", texts),
            || vec!["*".to_owned()],
        ),
        http2: lines.choose(
            "server.http2",
            None,
            written(block, "http2", Form::flag),
            || false,
        ),
    }
}

fn database(
    block: Option<&Form>,
    environment: &Environment<'_>,
    flags: &Flags,
    lines: &mut Lines,
) -> Database {
    lines.choose("database.type", None, written(block, "type", text), || {
        "postgresql".to_owned()
    });
    let uri = written(block, "uri", text).or_else(|| {
        let value = environment("DATABASE_URL").filter(|value| !value.is_empty())?;
        Some((value, Origin::Environment))
    });
    let uri = uri.map(|(uri, origin)| (Some(Secret::new(uri)), origin));
    Database {
        uri: lines.choose(
            "database.uri",
            flags.database.clone().map(Some),
            uri,
            || None,
        ),
        pool: lines.choose("database.pool", None, written(block, "pool", count), pool),
        role: lines.choose(
            "database.role",
            None,
            written(block, "role", |form| {
                Some(form.text().map(ToOwned::to_owned))
            }),
            || None,
        ),
        sslmode: lines.choose(
            "database.sslmode",
            None,
            written(block, "sslmode", |form| Some(SslMode::parse(form.text()?))),
            || None,
        ),
        cacert: lines.choose(
            "database.cacert",
            None,
            written(block, "cacert", |form| Some(form.text().map(Into::into))),
            || None,
        ),
        on_schema_drift: lines.choose(
            "database.on_schema_drift",
            None,
            written(block, "on_schema_drift", |form| match form.text()? {
                "fatal" => Some(OnSchemaDrift::Fatal),
                _ => Some(OnSchemaDrift::Retry),
            }),
            OnSchemaDrift::default,
        ),
        raised_messages: lines.choose(
            "database.raised_messages",
            None,
            written(block, "raised_messages", Form::flag),
            || false,
        ),
    }
}

fn pool() -> usize {
    let cores = available_parallelism().map_or(1, std::num::NonZero::get);
    (4 * cores).min(16)
}

fn batch(block: Option<&Form>, lines: &mut Lines) -> Batch {
    let on_fatal_error = |form: &Form| match form.text()? {
        "skip" => Some(OnFatalError::Skip),
        _ => Some(OnFatalError::Stop),
    };
    let unknown = |form: &Form| match form.text()? {
        "retry" => Some(Unknown::Retry),
        _ => Some(Unknown::Fatal),
    };
    Batch {
        on_fatal_error: lines.choose(
            "batch.on_fatal_error",
            None,
            written(block, "on_fatal_error", on_fatal_error),
            OnFatalError::default,
        ),
        unknown: lines.choose(
            "batch.unknown",
            None,
            written(block, "unknown", unknown),
            Unknown::default,
        ),
        client_handles: lines.choose(
            "batch.client_handles",
            None,
            written(block, "client_handles", texts),
            Vec::new,
        ),
    }
}

fn idempotency(block: Option<&Form>, lines: &mut Lines, problems: &mut Problems) -> Idempotency {
    let default = Idempotency::default();
    let off = block.and_then(|form| Some((text(form)?, origin(form))));
    let is_on = lines.choose("idempotency", None, off, || "on".to_owned()) == "on";
    let keep = written(block, "keep", time);
    let keep = lines.choose("idempotency.keep", None, keep, || default.keep);
    let read = Idempotency {
        is_on,
        keep,
        keep_anonymous: lines.choose(
            "idempotency.keep_anonymous",
            None,
            written(block, "keep_anonymous", time),
            || default.keep_anonymous.min(keep),
        ),
        client_claim: lines.choose(
            "idempotency.client_claim",
            None,
            written(block, "client_claim", |form| Some(text(form))),
            || None,
        ),
    };
    if let Some(form) = block.and_then(|block| block.get("keep_anonymous"))
        && read.keep_anonymous > read.keep
    {
        let message = "`keep_anonymous` must not be longer than `keep`";
        problems.push(Problem::error(form.place.clone(), message).help(
            "the numbers of a client without an id may start again, so it is remembered for a shorter time",
        ));
    }
    read
}

fn rejections(block: Option<&Form>, lines: &mut Lines) -> Option<String> {
    let table = written(block, "table", |form| Some(text(form)));
    lines.choose("rejections.table", None, table, || None)
}

fn limits(block: Option<&Form>, lines: &mut Lines, problems: &mut Problems) -> Limits {
    let mut limits = Limits::default();
    for name in Limits::NAMES {
        let form = block.and_then(|block| block.get(name));
        let value = limits.with(name, |limit| match (limit, form.map(|form| &form.shape)) {
            (Limit::Count(count), Some(Shape::Count(written))) => {
                *count = *written;
                amount(name, *count)
            }
            (Limit::Time(time), Some(Shape::Time(written))) => {
                *time = *written;
                time.show()
            }
            (Limit::Count(count), _) => amount(name, *count),
            (Limit::Time(time), _) => time.show(),
        });
        lines.0.push(Line {
            name: format!("limits.{name}"),
            value: value.unwrap_or_default(),
            origin: form.map_or(Origin::Default, origin),
        });
    }
    if let Some(form) = block.and_then(|block| block.get("request_timeout"))
        && limits.request_timeout > ANSWER_TIMEOUT
    {
        let message = "`limits.request_timeout` must be at most `27s`";
        problems.push(
            Problem::error(form.place.clone(), message)
                .help("a device gives up after 30 s, and then sends the same upload again"),
        );
    }
    if let Some(form) = block.and_then(|block| block.get("json_depth_max"))
        && limits.json_depth_max > JSON_DEPTH_CEILING
    {
        let message = format!("`limits.json_depth_max` must be at most {JSON_DEPTH_CEILING}");
        problems.push(
            Problem::error(form.place.clone(), message)
                .help("whoever reads a body goes as deep as it is nested"),
        );
    }
    limits
}

/// A count; bytes in the largest unit that divides them.
fn amount(name: &str, count: usize) -> String {
    match count {
        _ if !name.ends_with("_bytes_max") => count.to_string(),
        bytes if bytes % (1 << 20) == 0 => format!("{}MiB", bytes >> 20),
        bytes if bytes % (1 << 10) == 0 => format!("{}KiB", bytes >> 10),
        bytes => bytes.to_string(),
    }
}

/// What a block says under a key, and whether it took it from the environment.
pub(super) fn written<T>(
    block: Option<&Form>,
    name: &str,
    read: impl Fn(&Form) -> Option<T>,
) -> Option<(T, Origin)> {
    let form = block?.get(name)?;
    Some((read(form)?, origin(form)))
}

fn origin(form: &Form) -> Origin {
    if form.is_env || form.list().iter().any(|item| item.is_env) {
        Origin::Environment
    } else {
        Origin::File
    }
}

pub(super) fn text(form: &Form) -> Option<String> {
    form.text().map(ToOwned::to_owned)
}

pub(super) fn texts(form: &Form) -> Option<Vec<String>> {
    matches!(form.shape, Shape::List(_)).then(|| form.list().iter().filter_map(text).collect())
}

pub(super) fn count(form: &Form) -> Option<usize> {
    match form.shape {
        Shape::Count(count) => Some(count),
        _ => None,
    }
}

pub(super) fn time(form: &Form) -> Option<Duration> {
    match form.shape {
        Shape::Time(time) => Some(time),
        _ => None,
    }
}

fn address(form: &Form) -> Option<SocketAddr> {
    match form.shape {
        Shape::Address(address) => Some(address),
        _ => None,
    }
}
