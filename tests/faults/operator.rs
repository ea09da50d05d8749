//! What operators, kernels and other programs do to a gateway and its database. Each fault is followed by its recovery.

use std::process::Command;
use std::time::Duration;

use tokio::time::sleep;

use crate::gateway::Gateway;
use crate::proxy::{Counts, Proxy};
use crate::random::Random;
use crate::server::Server;

/// One kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9` of the gateway.
    GatewayKilled,
    /// `kill -9` of a backend, upon which the server ends all the others and recovers.
    BackendKilled,
    /// The database takes no writes.
    ReadOnly,
    /// The gateway's role has another password.
    WrongPassword,
    /// A privilege on an app's table is gone.
    GrantRevoked,
    /// A privilege on the gateway's own tables is gone.
    JournalRevoked,
    /// Another session holds the rows that everybody writes.
    RowsLocked,
    /// The server takes one connection of the gateway's role.
    PoolFull,
    /// The gateway stands still for a moment.
    GatewayPaused,
    /// Nothing moves between gateway and database.
    LineFrozen,
}

impl Fault {
    /// All.
    pub const ALL: [Self; 10] = [
        Self::GatewayKilled,
        Self::BackendKilled,
        Self::ReadOnly,
        Self::WrongPassword,
        Self::GrantRevoked,
        Self::JournalRevoked,
        Self::RowsLocked,
        Self::PoolFull,
        Self::GatewayPaused,
        Self::LineFrozen,
    ];

    /// For the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::GatewayKilled => "gateway killed",
            Self::BackendKilled => "backend killed",
            Self::ReadOnly => "read-only",
            Self::WrongPassword => "wrong password",
            Self::GrantRevoked => "grant revoked",
            Self::JournalRevoked => "journal's grant revoked",
            Self::RowsLocked => "rows locked",
            Self::PoolFull => "pool full",
            Self::GatewayPaused => "gateway paused",
            Self::LineFrozen => "line frozen",
        }
    }

    /// What breaks the database, and what mends it.
    fn scripts(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::ReadOnly => (
                "ALTER DATABASE app SET default_transaction_read_only = on",
                "ALTER DATABASE app RESET default_transaction_read_only",
            ),
            Self::WrongPassword => (
                "ALTER ROLE gateway PASSWORD 'wrong'",
                "ALTER ROLE gateway PASSWORD 'right'",
            ),
            Self::GrantRevoked => (
                "REVOKE INSERT, UPDATE ON notes, counters FROM gateway",
                "GRANT INSERT, UPDATE ON notes, counters TO gateway",
            ),
            Self::JournalRevoked => (
                "REVOKE INSERT, UPDATE ON ALL TABLES IN SCHEMA rulegate FROM gateway",
                "GRANT INSERT, UPDATE ON ALL TABLES IN SCHEMA rulegate TO gateway",
            ),
            Self::PoolFull => (
                "ALTER ROLE gateway CONNECTION LIMIT 1",
                "ALTER ROLE gateway CONNECTION LIMIT -1",
            ),
            _ => return None,
        })
    }
}

const END_SESSIONS: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'gateway'";

/// Who does it.
pub struct Operator<'a> {
    /// The gateway.
    pub gateway: &'a mut Gateway,
    /// The database.
    pub server: &'a Server,
    /// The line between them.
    pub proxy: &'a Proxy,
    /// What has happened.
    pub counts: &'a Counts,
    /// Chance.
    pub random: Random,
}

impl Operator<'_> {
    /// Does one thing, and mends it.
    pub async fn strike(&mut self, fault: Fault) {
        self.counts.add(fault.name());
        let hold = Duration::from_millis(self.random.within(300, 1200));
        match fault {
            Fault::GatewayKilled => {
                self.gateway.kill();
                self.gateway.rise().await;
            }
            Fault::BackendKilled => self.kill_backend().await,
            Fault::RowsLocked => self.lock_rows(hold).await,
            Fault::GatewayPaused => {
                self.gateway.signal("STOP");
                sleep(hold).await;
                self.gateway.signal("CONT");
            }
            Fault::LineFrozen => {
                self.proxy.freeze(true);
                sleep(hold).await;
                self.proxy.freeze(false);
            }
            _ => {
                let (breaks, mends) = fault.scripts().unwrap();
                self.change(breaks).await;
                sleep(hold).await;
                self.change(mends).await;
            }
        }
    }

    /// Sessions begin anew once it is committed.
    async fn change(&self, script: &str) {
        self.server.insist(script).await;
        self.server.insist(END_SESSIONS).await;
    }

    /// One that works, if one does.
    async fn kill_backend(&mut self) {
        let busiest = "SELECT pid FROM pg_stat_activity WHERE usename = 'gateway' ORDER BY state = 'idle', random() LIMIT 1";
        if let Some([Some(pid)]) = self.server.rows(busiest).await.first().map(Vec::as_slice) {
            // It may have ended by itself.
            let _ = Command::new("kill").args(["-9", pid]).output();
        }
        self.server.insist("SELECT 1").await;
    }

    async fn lock_rows(&mut self, hold: Duration) {
        let client = self.server.connect("app").await;
        let lock = "BEGIN; SELECT 1 FROM counters FOR UPDATE";
        // Somebody may be at them, or the server may go.
        let _ = client.batch_execute(lock).await;
        sleep(hold).await;
        let _ = client.batch_execute("ROLLBACK").await;
    }
}
