//! The gateway under load against the limit: the same rows through tokio-postgres alone, alternately, in several rounds. `cargo bench --bench load`.
//!
//! It starts a Postgres of its own (in `TMPDIR`, which must lie on a disk) and the release build of the program, and holds every answer and the rows at the end.
//! `RULEGATE_LOAD_SECONDS` (3) is the time of one measurement, `RULEGATE_LOAD_ROUNDS` (5) their number, `RULEGATE_LOAD_ONLY` a part of the name of the works that are
//! measured, `RULEGATE_LOAD_POOL` the gateway's connections (its own default).
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench that cannot run shall stop"
)]

mod client;
mod gateway;
mod ground;
mod limit;
mod process;
mod round;
mod row;
mod server;
mod table;
mod tenant;
mod work;

use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Duration;

use rulegate::auth::development::SigningKey;
use tokio::signal::unix::{SignalKind, signal};

use gateway::Founder;
use ground::Ground;
use round::{Contender, Stand};
use server::Server;
use table::{Found, Round};
use work::Work;

/// Everything runs on one thread: the fewer the driver takes, the more is left for what is measured.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // `cargo test --benches` runs us too, without this word.
    if !std::env::args().any(|word| word == "--bench") {
        return ExitCode::SUCCESS;
    }
    let mut interrupted = signal(SignalKind::interrupt()).unwrap();
    let mut terminated = signal(SignalKind::terminate()).unwrap();
    // Whichever comes first, what was started is ended when `run` is dropped.
    tokio::select! {
        () = run() => ExitCode::SUCCESS,
        _ = interrupted.recv() => ExitCode::FAILURE,
        _ = terminated.recv() => ExitCode::FAILURE,
    }
}

async fn run() {
    let pool = count("RULEGATE_LOAD_POOL").unwrap_or_else(pool);
    let rounds = count("RULEGATE_LOAD_ROUNDS").unwrap_or(5).max(1);
    let seconds = count("RULEGATE_LOAD_SECONDS").unwrap_or(3).max(1);
    let only = std::env::var("RULEGATE_LOAD_ONLY").unwrap_or_default();
    let works: Vec<Work> = work::all(pool)
        .into_iter()
        .filter(|work| work.name.contains(&only))
        .collect();

    let server = Server::start().await;
    let ground = Ground::lay(&server).await;
    let key = SigningKey::generate().unwrap();
    let founder = Founder {
        server: &server,
        key: &key,
        pool,
    };
    founder.migrate();
    let stand = Stand {
        gateway: founder.start("with-ledger", "").await,
        forgetful: founder.start("without-ledger", "idempotency: off").await,
        founder,
        ground,
        time: Duration::from_secs(seconds as u64),
    };
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = process::memory(stand.gateway.id());

    let mut all: Vec<Found> = works.iter().map(Found::new).collect();
    for at in 0..rounds {
        for found in &mut all {
            eprintln!("round {} of {rounds}: {}", at + 1, found.work.name);
            found.rounds.push(round(&stand, found.work, at).await);
        }
    }

    println!(
        "{rounds} rounds of {seconds} s; {}; {} cores; the gateway has {pool} connections\n",
        stand.ground.describe().await,
        cores()
    );
    println!("{}", table::rates(&all));
    println!("{}", table::ledger(&all));
    println!(
        "{}",
        table::memory(idle, process::memory(stand.gateway.id()))
    );
}

/// All contenders once, in an order that turns with each round: what drifts favours none of them.
async fn round(stand: &Stand<'_>, work: &Work, at: usize) -> Round {
    let mut order = vec![Contender::Limit, Contender::Gateway];
    if work.asks_ledger {
        order.push(Contender::Forgetful);
    }
    let length = order.len();
    order.rotate_left(at % length);
    let mut figures = Vec::new();
    for contender in order {
        let found = stand.measure(work, contender).await;
        eprintln!("  {contender:?}: {found:.1?}");
        figures.push((contender, found));
    }
    let of = |wanted| {
        let mut found = figures.iter().filter(|(contender, _)| *contender == wanted);
        found.next().map(|(_, figures)| *figures)
    };
    Round {
        limit: of(Contender::Limit).unwrap(),
        gateway: of(Contender::Gateway).unwrap(),
        forgetful: of(Contender::Forgetful),
    }
}

/// A number of the environment.
fn count(name: &str) -> Option<usize> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: {text}")))
}

fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// As many connections as the gateway has by itself.
fn pool() -> usize {
    (4 * cores()).min(16)
}
