//! One run: a server, a line, a gateway, devices; faults; and what came of it.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::checker::{Findings, Truth};
use crate::counts::Counts;
use crate::device::{Device, World};
use crate::gateway::{self, Gateway};
use crate::operator::{Fault, Operator};
use crate::proxy::{self, Proxy, Rates};
use crate::random::Random;
use crate::server::{Server, free_port};
use crate::told::Told;

/// The pools of the replicas behind one name, none of which knows of the others.
const POOLS: [usize; 2] = [4, 1];
const USERS: u64 = 3;
/// Of each user; half of them send no id of their own.
const DEVICES: u64 = 4;
/// How long the queues may take to empty once the faults are over.
const PATIENCE: Duration = Duration::from_secs(40);

/// What a run is made of. It goes on until it has had all of it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where all chance comes from.
    pub seed: u64,
    /// Requests sent.
    pub uploads: u64,
    /// Gateways killed.
    pub kills: u64,
    /// Backends killed.
    pub crashes: u64,
    /// COMMITs cut.
    pub cuts: u64,
    /// What happens on the line.
    pub rates: Rates,
    /// What happens otherwise, over and over.
    pub faults: Vec<Fault>,
    /// Added to rulegate.yaml.
    pub settings: &'static str,
    /// Statements that sabotage the database: a planted bug.
    pub sabotage: &'static str,
    /// Whether every "later" becomes a "never" on its way: a planted bug.
    pub is_tampered: bool,
}

/// What came of a run.
pub struct Outcome {
    /// What was wrong.
    pub findings: Findings,
    /// Answers that the contract does not know.
    pub broken: Vec<String>,
    /// For people.
    pub report: String,
}

impl Plan {
    /// Runs it.
    pub async fn run(&self) -> Outcome {
        let began = Instant::now();
        let counts = Counts::default();
        let server = Server::start().await;
        let line = free_port();
        let proxy = Proxy::start(
            line,
            server.port,
            self.seed,
            Rates::default(),
            counts.clone(),
        )
        .await;
        gateway::prepare(&server, self.settings).await;
        let mut gateways = Vec::new();
        for pool in POOLS {
            gateways.push(Gateway::start(&server, line, pool).await);
        }
        server.insist(self.sabotage).await;
        let world = World {
            addresses: gateways.iter().map(|gateway| gateway.address).collect(),
            told: Told::default(),
            is_open: Arc::new(AtomicBool::new(true)),
            uploads: Arc::new(AtomicU64::new(0)),
            answers: Counts::default(),
            broken: Arc::new(Mutex::new(Vec::new())),
            is_tampered: self.is_tampered,
        };
        let mut devices = JoinSet::new();
        for (user, number) in
            (0..USERS).flat_map(|user| (0..DEVICES).map(move |number| (user, number)))
        {
            devices.spawn(Device::new(world.clone(), user, number, self.seed).live());
        }
        proxy.set(self.rates);
        let operator = Operator {
            gateways: &mut gateways,
            server: &server,
            proxy: &proxy,
            counts: &counts,
            random: Random::new(self.seed, 1),
        };
        self.break_things(operator, &world).await;
        proxy.set(Rates::default());
        world.is_open.store(false, Ordering::Relaxed);
        let all = async { while devices.join_next().await.is_some() {} };
        let _ = timeout(PATIENCE, all).await;
        devices.shutdown().await;
        // Nothing is under way any more once it has stopped.
        for gateway in &mut gateways {
            gateway.stop().await;
        }
        self.conclude(&server, &world, &counts, began).await
    }

    async fn break_things(&self, mut operator: Operator<'_>, world: &World) {
        let counts = operator.counts.clone();
        let mut faults: Vec<Fault> = Vec::new();
        loop {
            sleep(Duration::from_millis(operator.random.within(100, 500))).await;
            if faults.is_empty() {
                if self.has_enough(&counts, world) {
                    return;
                }
                if !self.faults.is_empty() {
                    let uploads = world.uploads.load(Ordering::Relaxed);
                    println!("so far: uploads {uploads}, {}", counts.all());
                }
                faults = self.faults.clone();
                operator.random.shuffle(&mut faults);
            }
            if let Some(fault) = faults.pop() {
                operator.strike(fault).await;
            }
        }
    }

    fn has_enough(&self, counts: &Counts, world: &World) -> bool {
        world.uploads.load(Ordering::Relaxed) >= self.uploads
            && counts.of(Fault::GatewayKilled.name()) >= self.kills
            && counts.of(Fault::BackendKilled.name()) >= self.crashes
            && proxy::cut_commits(counts) >= self.cuts
    }

    async fn conclude(
        &self,
        server: &Server,
        world: &World,
        counts: &Counts,
        began: Instant,
    ) -> Outcome {
        let stories = world.told.stories();
        let truth = Truth::read(server, &stories).await;
        let findings = Findings::of(&stories, &truth);
        let broken = world.broken.lock().unwrap().clone();
        let report = format!(
            "seed {} ({:.0?})\nuploads {}, transactions {}, letters {}, cut commits {}\nanswers: {}\nfaults: {}\n{}, broken answers {}",
            self.seed,
            began.elapsed(),
            world.uploads.load(Ordering::Relaxed),
            stories.len(),
            truth.letters(),
            proxy::cut_commits(counts),
            world.answers.all(),
            counts.all(),
            findings.totals(),
            broken.len()
        );
        println!("{report}");
        Outcome {
            findings,
            broken,
            report,
        }
    }
}
