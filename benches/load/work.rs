//! The works that are measured, and what shall be reached (ratios of the gateway to the limit).

use crate::row::Table;
use crate::tenant::Mix;

pub struct Work {
    pub name: String,
    pub table: Table,
    pub mix: Mix,
    /// Devices of the gateway, each with a connection to it.
    pub clients: usize,
    /// Connections of the limit to the database.
    pub connections: usize,
    /// Transactions of one request.
    pub transactions: usize,
    /// Whether the gateway is measured without its ledger, too.
    pub asks_ledger: bool,
    pub aim: Aim,
}

/// What shall be reached, where something is said.
#[derive(Clone, Copy, Default)]
pub struct Aim {
    /// Rate of the gateway ÷ rate of the limit, at least.
    pub rate: Option<f64>,
    /// Processor time of the database for one operation of the gateway ÷ the same of the limit, at most.
    pub database: Option<f64>,
    /// Microseconds of the gateway's processor time for one operation, at most.
    pub gateway: Option<f64>,
    /// The ledger's share of the gateway's rate, at most.
    pub ledger: Option<f64>,
}

impl Work {
    fn of(name: &str, table: Table, mix: Mix, clients: usize) -> Self {
        Self {
            name: name.to_owned(),
            table,
            mix,
            clients,
            connections: clients,
            transactions: 1,
            asks_ledger: false,
            aim: Aim::default(),
        }
    }
}

/// All of them; `pool` is the number of connections that the gateway has.
pub fn all(pool: usize) -> Vec<Work> {
    use Mix::{One, Runs, Turns};
    use Table::{Notes, Todos};
    let one = Aim {
        rate: Some(0.7),
        gateway: Some(80.0),
        ledger: Some(0.15),
        ..Aim::default()
    };
    let hundred = |rate| Aim {
        rate: Some(rate),
        database: Some(1.3),
        gateway: Some(5.0),
        ledger: Some(0.05),
    };
    let batch = Aim {
        rate: Some(5.0),
        ..Aim::default()
    };
    vec![
        Work {
            asks_ledger: true,
            aim: one,
            ..Work::of("1 PUT per request, 32 clients, ownership", Notes, One, 32)
        },
        Work {
            connections: pool.min(32),
            aim: Aim {
                ledger: None,
                ..one
            },
            ..Work::of(
                "1 PUT per request, 32 clients, ownership, the limit on as many connections as the pool",
                Notes,
                One,
                32,
            )
        },
        Work::of("1 PUT per request, 32 clients, relation", Todos, One, 32),
        Work {
            asks_ledger: true,
            aim: hundred(0.8),
            ..Work::of(
                "100 operations in a transaction, 8 clients, ownership",
                Notes,
                Runs(100),
                8,
            )
        },
        Work {
            aim: Aim {
                ledger: None,
                ..hundred(0.7)
            },
            ..Work::of(
                "100 operations in a transaction, 8 clients, relation",
                Todos,
                Runs(100),
                8,
            )
        },
        Work::of(
            "100 operations in a transaction, 8 clients, ownership, kinds in turn",
            Notes,
            Turns(100),
            8,
        ),
        Work {
            transactions: 50,
            aim: batch,
            ..Work::of(
                "50 transactions × 20 operations, 1 client, against 50 commits",
                Notes,
                Runs(20),
                1,
            )
        },
    ]
}
