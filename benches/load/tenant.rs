//! A user with rows of its own: what each transaction does to them, and what must be there at the end.

use crate::row::{Id, Kind, Moment, Operation, Random, Row, Table};

/// Users that there are; each work has some of them.
pub const TENANTS: usize = 32;

/// Of what a transaction consists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// One PUT of a new row.
    One,
    /// So many operations: half of them PUT, of new rows and of rows that are there, then PATCH, then DELETE.
    Runs(usize),
    /// The same operations, kinds in turn.
    Turns(usize),
}

impl Mix {
    pub fn operations(self) -> usize {
        match self {
            Self::One => 1,
            Self::Runs(count) | Self::Turns(count) => count,
        }
    }
}

/// One user. Its rows are known here, so that they can be compared with the database's.
pub struct Tenant {
    pub table: Table,
    pub user: Id,
    lists: [Id; 2],
    held: Vec<Held>,
    random: Random,
    /// The client's own count of transactions.
    number: u64,
    position: i64,
}

/// A row that is there.
#[derive(Clone, Copy)]
struct Held {
    id: Id,
    list: Id,
    position: i64,
}

/// How many rows there are, and the sum of their positions, which each write changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub rows: i64,
    pub positions: i64,
}

/// A user's name.
pub fn user(index: usize) -> Id {
    Id(0xa000 + index as u128)
}

/// A list that the user owns, and one that it edits as a member.
pub fn lists(index: usize) -> [Id; 2] {
    [Id(0xb000 + index as u128), Id(0xc000 + index as u128)]
}

impl Tenant {
    pub fn new(index: usize, table: Table) -> Self {
        Self {
            table,
            user: user(index),
            lists: lists(index),
            held: Vec::new(),
            random: Random::new(),
            number: 0,
            position: 0,
        }
    }

    /// New rows, to begin with.
    pub fn settle(&mut self, count: usize) -> Vec<Operation> {
        (0..count).map(|_| self.create()).collect()
    }

    /// What the client calls its next transaction.
    pub fn number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// The operations of a transaction, each on another row.
    pub fn transaction(&mut self, mix: Mix) -> Vec<Operation> {
        let count = match mix {
            Mix::One => return vec![self.create()],
            Mix::Runs(count) | Mix::Turns(count) => count / 4,
        };
        let mut picked: Vec<Held> = (0..3 * count).map(|_| self.pick()).collect();
        let deleted = picked.split_off(2 * count);
        let patched = picked.split_off(count);
        let mut operations: Vec<Operation> = (0..count).map(|_| self.create()).collect();
        operations.extend(picked.into_iter().map(|held| self.change(Kind::Put, held)));
        operations.extend(
            patched
                .into_iter()
                .map(|held| self.change(Kind::Patch, held)),
        );
        operations.extend(deleted.into_iter().map(|held| self.row(Kind::Delete, held)));
        if matches!(mix, Mix::Turns(_)) {
            in_turn(operations, count)
        } else {
            operations
        }
    }

    /// What must be there when each transaction has been applied once.
    pub fn sum(&self) -> Sum {
        Sum {
            rows: self.held.len().try_into().unwrap(),
            positions: self.held.iter().map(|held| held.position).sum(),
        }
    }

    fn pick(&mut self) -> Held {
        let at = self.random.below(self.held.len());
        self.held.swap_remove(at)
    }

    fn create(&mut self) -> Operation {
        let held = Held {
            id: self.random.id(),
            list: self.lists[self.random.below(2)],
            position: 0,
        };
        self.change(Kind::Put, held)
    }

    fn change(&mut self, kind: Kind, held: Held) -> Operation {
        self.position += 1;
        let held = Held {
            position: self.position,
            ..held
        };
        self.held.push(held);
        self.row(kind, held)
    }

    fn row(&mut self, kind: Kind, held: Held) -> Operation {
        let row = Row {
            id: held.id,
            list: held.list,
            title: format!("Buy {} loaves of bread on the way", held.position),
            is_done: held.position % 2 == 0,
            position: held.position,
            edited_at: Moment(self.random.next() % 86_400_000_000),
        };
        Operation { kind, row }
    }
}

/// Puts each part's first operations first, then the second ones.
fn in_turn(mut operations: Vec<Operation>, part: usize) -> Vec<Operation> {
    let mut parts: Vec<_> = Vec::new();
    while !operations.is_empty() {
        let rest = operations.split_off(part.min(operations.len()));
        parts.push(std::mem::replace(&mut operations, rest).into_iter());
    }
    let mut mixed = Vec::new();
    for _ in 0..part {
        // New row, PATCH, row that is there, DELETE: no two neighbours are alike.
        for at in [0, 2, 1, 3] {
            mixed.extend(parts[at].next());
        }
    }
    mixed
}
