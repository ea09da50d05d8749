//! The line between gateway and Postgres, on which things happen to a COMMIT.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout_at};

use crate::counts::Counts;
use crate::random::Random;
use crate::wire::{Message, Wire};

/// How long the server may take over a COMMIT whose answer the gateway will not see.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long a black hole lasts: longer than the gateway waits.
const HOLE: Duration = Duration::from_secs(8);

/// How often something happens to a message, in a thousand; what remains is passed on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    /// A COMMIT waits.
    pub delay: u64,
    /// A COMMIT waits so long that the gateway has given up, and asked, before it arrives.
    pub late: u64,
    /// The connection ends, and the server never sees the COMMIT.
    pub cut_before: u64,
    /// The connection ends as soon as the COMMIT is on its way.
    pub cut_after: u64,
    /// The server commits, and then the connection ends before its answer.
    pub cut_answer: u64,
    /// From before the COMMIT, or from after it, nothing passes any more, though the connection stands.
    pub hole: u64,
    /// Any message ends the connection, before or after it is passed on.
    pub cut_anywhere: u64,
}

impl Rates {
    /// Enough for many retries, little enough for progress.
    pub const ROUGH: Self = Self {
        delay: 80,
        late: 4,
        cut_before: 40,
        cut_after: 40,
        cut_answer: 60,
        hole: 4,
        cut_anywhere: 3,
    };

    /// The same with a quarter of all COMMITs cut.
    pub const ROUGHER: Self = Self {
        cut_before: 70,
        cut_after: 80,
        cut_answer: 100,
        ..Self::ROUGH
    };
}

const CUT_BEFORE: &str = "cut before COMMIT";
const CUT_AFTER: &str = "cut after COMMIT";
const CUT_ANSWER: &str = "cut before COMMIT's answer";

/// COMMITs whose connection was cut.
pub fn cut_commits(counts: &Counts) -> u64 {
    let kinds = [CUT_BEFORE, CUT_AFTER, CUT_ANSWER];
    kinds.iter().map(|kind| counts.of(kind)).sum()
}

/// What becomes of one message.
#[derive(Clone, Copy)]
enum Fate {
    Pass,
    Delay(Duration),
    CutBefore,
    CutAfter,
    CutAnswer,
    HoleBefore,
    HoleAfter,
}

/// The proxy.
pub struct Proxy {
    server: u16,
    seed: u64,
    rates: Mutex<Rates>,
    is_frozen: AtomicBool,
    connections: AtomicU64,
    counts: Counts,
}

impl Proxy {
    /// Listens on `port` for the server at another one.
    pub async fn start(
        port: u16,
        server: u16,
        seed: u64,
        rates: Rates,
        counts: Counts,
    ) -> Arc<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let proxy = Arc::new(Self {
            server,
            seed,
            rates: Mutex::new(rates),
            is_frozen: AtomicBool::new(false),
            connections: AtomicU64::new(0),
            counts,
        });
        tokio::spawn(proxy.clone().accept(listener));
        proxy
    }

    /// Other rates from now on.
    pub fn set(&self, rates: Rates) {
        *self.rates.lock().unwrap() = rates;
    }

    /// Stops every message of every connection, or lets them go on.
    pub fn freeze(&self, is_frozen: bool) {
        self.is_frozen.store(is_frozen, Ordering::Relaxed);
    }

    async fn accept(self: Arc<Self>, listener: TcpListener) {
        while let Ok((gateway, _)) = listener.accept().await {
            let number = self.connections.fetch_add(1, Ordering::Relaxed);
            let proxy = self.clone();
            tokio::spawn(
                async move { proxy.carry(gateway, Random::new(proxy.seed, number)).await },
            );
        }
    }

    /// One connection, until a side closes it or chance does.
    async fn carry(&self, mut gateway: TcpStream, mut random: Random) {
        let Ok(mut server) = TcpStream::connect(("127.0.0.1", self.server)).await else {
            return;
        };
        let _ = (gateway.set_nodelay(true), server.set_nodelay(true));
        let mut wire = Wire::default();
        let (mut said, mut answered) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
        loop {
            let is_open = tokio::select! {
                read = gateway.read(&mut said) => match read {
                    Ok(length) if length > 0 => {
                        wire.feed(&said[..length]);
                        self.pass(&mut wire, &mut gateway, &mut server, &mut random).await
                    }
                    _ => false,
                },
                read = server.read(&mut answered) => match read {
                    Ok(length) if length > 0 => {
                        self.thawed().await;
                        gateway.write_all(&answered[..length]).await.is_ok()
                    }
                    _ => false,
                },
            };
            if !is_open {
                return;
            }
        }
    }

    /// Passes on the messages that are complete; false where the connection ends.
    async fn pass(
        &self,
        wire: &mut Wire,
        gateway: &mut TcpStream,
        server: &mut TcpStream,
        random: &mut Random,
    ) -> bool {
        while let Some(message) = wire.next() {
            self.thawed().await;
            let fate = self.fate(&message, random);
            if let Fate::Delay(time) = fate {
                sleep(time).await;
            }
            let is_passed = !matches!(fate, Fate::CutBefore | Fate::HoleBefore);
            if is_passed && server.write_all(&message.bytes).await.is_err() {
                return false;
            }
            match fate {
                Fate::Pass | Fate::Delay(_) => continue,
                Fate::CutBefore | Fate::CutAfter => {}
                Fate::CutAnswer => committed(server).await,
                Fate::HoleBefore | Fate::HoleAfter => swallow(gateway).await,
            }
            return false;
        }
        true
    }

    fn fate(&self, message: &Message, random: &mut Random) -> Fate {
        let rates = *self.rates.lock().unwrap();
        if !message.is_commit {
            if !random.happens(rates.cut_anywhere) {
                return Fate::Pass;
            }
            self.counts.add("cut elsewhere");
            return *random.one(&[Fate::CutBefore, Fate::CutAfter]);
        }
        let delay = Fate::Delay(Duration::from_millis(random.within(5, 120)));
        let late = Fate::Delay(Duration::from_millis(random.within(3200, 5500)));
        let hole = *random.one(&[Fate::HoleBefore, Fate::HoleAfter]);
        let mut drawn = random.within(0, 1000);
        for (kind, rate, fate) in [
            ("COMMIT delayed", rates.delay, delay),
            ("COMMIT late", rates.late, late),
            (CUT_BEFORE, rates.cut_before, Fate::CutBefore),
            (CUT_AFTER, rates.cut_after, Fate::CutAfter),
            (CUT_ANSWER, rates.cut_answer, Fate::CutAnswer),
            ("black hole at COMMIT", rates.hole, hole),
        ] {
            if drawn < rate {
                self.counts.add(kind);
                return fate;
            }
            drawn -= rate;
        }
        Fate::Pass
    }

    async fn thawed(&self) {
        while self.is_frozen.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Waits until the server has said that it committed, or is gone.
async fn committed(server: &mut TcpStream) {
    let limit = Instant::now() + PATIENCE;
    let mut answer = Vec::new();
    while !answer.windows(7).any(|word| word == b"COMMIT\0") {
        match timeout_at(limit, server.read_buf(&mut answer)).await {
            Ok(Ok(length)) if length > 0 => {}
            _ => return,
        }
    }
}

/// Reads and forgets until the gateway gives up.
async fn swallow(gateway: &mut TcpStream) {
    let limit = Instant::now() + HOLE;
    let mut bytes = vec![0; 4096];
    while let Ok(Ok(length)) = timeout_at(limit, gateway.read(&mut bytes)).await {
        if length == 0 {
            return;
        }
    }
}
