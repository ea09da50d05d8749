//! What processes took: time of the processor and memory, as Linux counts them.

use std::fs;
use std::ops::Sub;

/// Linux counts in hundredths of a second for user space, on every machine.
const TICKS: f64 = 100.0;

/// Seconds of processor time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    pub gateway: f64,
    pub postgres: f64,
    /// Ourselves.
    pub driver: f64,
}

impl Sub for Taken {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            gateway: self.gateway - before.gateway,
            postgres: self.postgres - before.postgres,
            driver: self.driver - before.driver,
        }
    }
}

/// Resident memory in KiB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub now: u64,
    pub peak: u64,
}

/// What was taken so far by a gateway, where there is one, by Postgres with all its children, and by us.
pub fn taken(gateway: Option<u32>, postgres: u32) -> Taken {
    Taken {
        gateway: gateway.map(of_one).unwrap_or_default(),
        postgres: of_tree(postgres),
        driver: of_one(std::process::id()),
    }
}

/// The memory of a process.
pub fn memory(id: u32) -> Memory {
    let text = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    Memory {
        now: line("VmRSS:"),
        peak: line("VmHWM:"),
    }
}

/// Fields of `/proc/ID/stat` behind the name, which may hold anything.
fn fields(id: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, after) = text.rsplit_once(')')?;
    Some(after.split_whitespace().map(str::to_owned).collect())
}

fn seconds(fields: &[String], places: &[usize]) -> f64 {
    let ticks = places.iter().map(|place| fields[*place].parse::<f64>());
    ticks.map(Result::unwrap).sum::<f64>() / TICKS
}

/// utime and stime.
fn of_one(id: u32) -> f64 {
    fields(id).map_or(0.0, |fields| seconds(&fields, &[11, 12]))
}

/// The same with the children, those that have ended too.
fn of_tree(id: u32) -> f64 {
    let ended = fields(id).map_or(0.0, |fields| seconds(&fields, &[11, 12, 13, 14]));
    let children = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let child = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let fields = fields(child)?;
        (fields[1] == id.to_string()).then(|| seconds(&fields, &[11, 12]))
    });
    ended + children.sum::<f64>()
}
