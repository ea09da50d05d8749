//! A run of random cases: its seed, its totals, and how a case that fails is made small and shown.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::gateway::AT_ONCE;
use rulegate::apply::Paths;

use super::gateway::{Gateway, House, agrees, difference};
use super::judge;
use super::model::{Answer, Upload, World};
use super::print;
use super::reduce::{Case, smaller};
use super::tape::Tape;

/// The draws of a run, told by its seed.
pub struct Run {
    runner: TestRunner,
    pub seed: u64,
    pub cases: usize,
}

impl Run {
    /// A run of `share` percent of the number of worlds.
    pub fn new(share: usize) -> Self {
        let number = |name| {
            std::env::var(name)
                .ok()
                .map(|text| text.parse::<u64>().unwrap())
        };
        let seed = number("RULEGATE_ORACLE_SEED").unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            u64::from(now.subsec_nanos()) ^ now.as_secs()
        });
        let cases = number("RULEGATE_ORACLE_CASES").unwrap_or(250);
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Self {
            runner: TestRunner::new_with_rng(Config::default(), rng),
            seed,
            cases: (usize::try_from(cases).unwrap() * share / 100).max(1),
        }
    }

    /// A law that met nearly nothing has shown nothing: one thing for each four worlds is far below what a run of some length brings.
    pub fn expect(&self, count: usize, what: &str) {
        println!("seed {}, {} worlds: {count} {what}", self.seed, self.cases);
        assert!(
            self.cases < 40 || count * 4 >= self.cases,
            "only {count} {what}"
        );
    }

    pub fn tape(&mut self) -> Tape {
        let draws = proptest::collection::vec(proptest::num::u32::ANY, 4_000);
        Tape::new(draws.new_tree(&mut self.runner).unwrap().current())
    }
}

/// What a run came to.
#[derive(Default)]
pub struct Totals {
    pub worlds: usize,
    uploads: usize,
    operations: usize,
    applied: usize,
    written: usize,
    refused: BTreeMap<String, usize>,
    not_attempted: usize,
}

impl Totals {
    pub fn count(&mut self, upload: &Upload, answers: &[Answer], has_written: bool) {
        self.uploads += 1;
        self.written += usize::from(has_written);
        self.operations += upload.transactions.iter().map(Vec::len).sum::<usize>();
        for answer in answers {
            match answer {
                Answer::Applied => self.applied += 1,
                Answer::NotAttempted => self.not_attempted += 1,
                Answer::Refused(_, codes) => {
                    *self.refused.entry(codes[0].to_string()).or_default() += 1;
                }
            }
        }
    }

    /// Prints them, and holds them against a floor: a run in which nearly everything is allowed, or refused, shows nothing.
    pub fn close(&self, law: &str, seed: u64) {
        let refused: usize = self.refused.values().sum();
        println!(
            "{law}: seed {seed}, {} worlds, {} uploads ({} wrote), {} operations; transactions: {} applied, {refused} refused {:?}, {} not attempted",
            self.worlds,
            self.uploads,
            self.written,
            self.operations,
            self.applied,
            self.refused,
            self.not_attempted
        );
        let judged = self.applied + refused;
        let is_long = self.worlds >= 100;
        assert!(
            !is_long || self.applied * 5 >= judged,
            "too little is allowed"
        );
        assert!(!is_long || refused * 5 >= judged, "too little is refused");
        assert!(
            !is_long || self.written * 10 >= self.uploads,
            "too little is written"
        );
    }
}

impl Totals {
    /// Prints how many transactions took which road, and holds that the fast one was tried by enough of those that are allowed.
    pub fn hold_paths(&self, paths: &Paths) {
        let (at_once, judged) = (paths.at_once(), paths.judged());
        println!("{at_once} transactions at once, {judged} read and judged");
        let metrics = rulegate::observe::exposition();
        for line in metrics
            .lines()
            .filter(|line| line.starts_with("rulegate_paths_total"))
        {
            println!("  {line}");
        }
        if std::env::var_os(AT_ONCE).is_none() {
            assert_eq!(at_once, 0);
        } else if self.worlds >= 100 {
            let applied = u64::try_from(self.applied).unwrap();
            assert!(at_once * 4 >= applied, "{at_once} of {applied} at once");
        }
    }
}

pub fn report(case: &Case, seed: u64, what: &str) -> String {
    let mut text = format!(
        "{what}\n(RULEGATE_ORACLE_SEED={seed})\n\n{}",
        print::sql(&case.world, "w")
    );
    text.push_str(&print::fill(&case.world, "w", &case.rows));
    for (name, file) in print::rules(&case.world, "w") {
        write!(text, "\n--- {name}\n{file}").unwrap();
    }
    let claims = serde_json::to_string(&case.upload.claims).unwrap();
    write!(
        text,
        "\n--- claims\n{claims}\n--- upload\n{}\n",
        print::body(&case.upload)
    )
    .unwrap();
    text
}

/// What is wrong with the product's answers to a case; `None` where it says and does what the oracle does.
pub async fn disagreement(gateway: &Gateway, house: &House, case: &Case) -> Option<String> {
    let mut wanted = case.rows.clone();
    let answers = judge::upload(&case.world, &mut wanted, &case.upload);
    let outcomes = gateway.send(house, &case.upload).await;
    let found = gateway.rows(house, &case.world).await;
    if agrees(&answers, &outcomes) && wanted == found {
        return None;
    }
    let rows = difference(&case.world, &wanted, &found);
    Some(format!(
        "the oracle says {answers:?}\nthe gateway says {outcomes:?}\n{rows}"
    ))
}

/// Tries smaller cases for as long as one of them disagrees.
pub async fn reduced(gateway: &mut Gateway, case: Case, what: String) -> (Case, String) {
    let (mut case, mut what) = (case, what);
    let mut tries = 300;
    'smaller: loop {
        for next in smaller(&case) {
            tries -= 1;
            if tries == 0 {
                return (case, what);
            }
            let Ok(house) = gateway.house(&next.world).await else {
                continue;
            };
            gateway.fill(&house, &next.world, &next.rows).await;
            let found = disagreement(gateway, &house, &next).await;
            gateway.leave(house).await;
            if let Some(found) = found {
                (case, what) = (next, found);
                continue 'smaller;
            }
        }
        return (case, what);
    }
}

/// Loads a world; a world that does not load is a fault of the generators or of the product, and shown.
pub async fn house(gateway: &mut Gateway, world: &World, seed: u64) -> House {
    match gateway.house(world).await {
        Ok(house) => house,
        Err(problems) => {
            let files = print::rules(world, "w")
                .into_values()
                .collect::<Vec<_>>()
                .join("\n---\n");
            let shown = format!("seed {seed}: rules that should load do not\n{problems}\n{files}");
            assert!(problems.is_empty(), "{shown}");
            unreachable!("{shown}")
        }
    }
}
