//! What was found, as tables in Markdown.

use std::fmt;

use crate::process::Memory;
use crate::round::Figures;
use crate::work::Work;

/// One work in all its rounds.
pub struct Found<'a> {
    pub work: &'a Work,
    pub rounds: Vec<Round>,
}

/// The measurements of one round, which lie side by side in time.
pub struct Round {
    pub limit: Figures,
    pub gateway: Figures,
    pub forgetful: Option<Figures>,
}

/// Median, least and most.
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Self {
            median,
            least: values[0],
            most: values[values.len() - 1],
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            median,
            least,
            most,
        } = self;
        write!(f, "{median:.2} ({least:.2}..{most:.2})")
    }
}

impl<'a> Found<'a> {
    pub fn new(work: &'a Work) -> Self {
        let rounds = Vec::new();
        Self { work, rounds }
    }

    fn spread(&self, of: impl Fn(&Round) -> f64) -> Spread {
        Spread::of(self.rounds.iter().map(of))
    }

    fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        self.spread(of).median
    }
}

/// Rates and processor time.
pub fn rates(all: &[Found<'_>]) -> String {
    let mut rows = vec![
        [
            "work",
            "limit, ops/s",
            "gateway, ops/s",
            "ratio (least..most)",
            "to reach",
            "database at the limit, µs/op",
            "database at the gateway, µs/op",
            "ratio (least..most)",
            "to reach",
            "gateway, µs/op",
            "to reach",
        ]
        .map(str::to_owned),
    ];
    for found in all {
        let aim = found.work.aim;
        rows.push([
            found.work.name.clone(),
            format!("{:.0}", found.median(|round| round.limit.rate)),
            format!("{:.0}", found.median(|round| round.gateway.rate)),
            found
                .spread(|round| round.gateway.rate / round.limit.rate)
                .to_string(),
            bound("≥", aim.rate),
            format!("{:.1}", found.median(|round| round.limit.taken.postgres)),
            format!("{:.1}", found.median(|round| round.gateway.taken.postgres)),
            found
                .spread(|round| round.gateway.taken.postgres / round.limit.taken.postgres)
                .to_string(),
            bound("≤", aim.database),
            format!("{:.1}", found.median(|round| round.gateway.taken.gateway)),
            bound("≤", aim.gateway),
        ]);
    }
    markdown(&rows)
}

/// What the ledger takes of the gateway's rate.
pub fn ledger(all: &[Found<'_>]) -> String {
    let mut rows = vec![
        [
            "work",
            "ledger on, ops/s",
            "ledger off, ops/s",
            "share in % (least..most)",
            "to reach",
        ]
        .map(str::to_owned),
    ];
    let off = |round: &Round| round.forgetful.map_or(f64::NAN, |figures| figures.rate);
    for found in all.iter().filter(|found| found.work.asks_ledger) {
        rows.push([
            found.work.name.clone(),
            format!("{:.0}", found.median(|round| round.gateway.rate)),
            format!("{:.0}", found.median(off)),
            found
                .spread(|round| 100.0 * (1.0 - round.gateway.rate / off(round)))
                .to_string(),
            bound("≤", found.work.aim.ledger.map(|share| 100.0 * share)),
        ]);
    }
    if rows.len() == 1 {
        String::new()
    } else {
        markdown(&rows)
    }
}

/// The gateway's memory before all work and after it.
pub fn memory(idle: Memory, after: Memory) -> String {
    let mib = |kib: u64| format!("{}.{} MiB", kib / 1024, kib % 1024 * 10 / 1024);
    markdown(&[
        ["gateway's memory", "resident", "to reach"].map(str::to_owned),
        ["idle".to_owned(), mib(idle.now), "≤ 20 MiB".to_owned()],
        ["after all".to_owned(), mib(after.now), String::new()],
        ["peak".to_owned(), mib(after.peak), "≤ 64 MiB".to_owned()],
    ])
}

fn bound(sign: &str, value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{sign} {value}"))
}

/// A table, its first row the head, in columns of even width.
fn markdown<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: Vec<usize> = (0..N)
        .map(|at| {
            rows.iter()
                .map(|row| row[at].chars().count())
                .max()
                .unwrap()
        })
        .collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule: [String; N] = std::array::from_fn(|at| "-".repeat(widths[at]));
    let lines = [line(&rows[0]), line(&rule)];
    lines
        .into_iter()
        .chain(rows[1..].iter().map(line))
        .collect()
}
