//! What operators, kernels and other programs do to a gateway and its database. Each fault is followed by its recovery.

use std::process::Command;
use std::time::Duration;

use tokio::time::sleep;

use crate::counts::Counts;
use crate::gateway::Gateway;
use crate::proxy::Proxy;
use crate::random::Random;
use crate::server::Server;

/// One kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9` of a gateway.
    GatewayKilled,
    /// A gateway is asked to stop, and started again.
    GatewayRestarted,
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
    /// The gateway's own tables are not there.
    JournalAway,
    /// Another session holds the rows that everybody writes.
    RowsLocked,
    /// The server takes one connection of the gateway's role.
    PoolFull,
    /// A table has another name for a while.
    TableRenamed,
    /// A column has another name for a while.
    ColumnRenamed,
    /// A gateway stands still for a moment.
    GatewayPaused,
    /// Nothing moves between gateway and database.
    LineFrozen,
}

impl Fault {
    /// All.
    pub const ALL: [Self; 14] = [
        Self::GatewayKilled,
        Self::GatewayRestarted,
        Self::BackendKilled,
        Self::ReadOnly,
        Self::WrongPassword,
        Self::GrantRevoked,
        Self::JournalRevoked,
        Self::JournalAway,
        Self::RowsLocked,
        Self::PoolFull,
        Self::TableRenamed,
        Self::ColumnRenamed,
        Self::GatewayPaused,
        Self::LineFrozen,
    ];

    /// For the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::GatewayKilled => "gateway killed",
            Self::GatewayRestarted => "gateway restarted",
            Self::BackendKilled => "backend killed",
            Self::ReadOnly => "read-only",
            Self::WrongPassword => "wrong password",
            Self::GrantRevoked => "grant revoked",
            Self::JournalRevoked => "journal's grant revoked",
            Self::JournalAway => "journal away",
            Self::RowsLocked => "rows locked",
            Self::PoolFull => "pool full",
            Self::TableRenamed => "table renamed",
            Self::ColumnRenamed => "column renamed",
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
            Self::JournalAway => (
                "ALTER TABLE IF EXISTS rulegate.applied RENAME TO applied_away;
                 ALTER TABLE IF EXISTS rulegate.dead_letters RENAME TO dead_letters_away",
                "ALTER TABLE IF EXISTS rulegate.applied_away RENAME TO applied;
                 ALTER TABLE IF EXISTS rulegate.dead_letters_away RENAME TO dead_letters",
            ),
            Self::PoolFull => (
                "ALTER ROLE gateway CONNECTION LIMIT 1",
                "ALTER ROLE gateway CONNECTION LIMIT -1",
            ),
            Self::TableRenamed => (
                "ALTER TABLE IF EXISTS notes RENAME TO notes_away",
                "ALTER TABLE IF EXISTS notes_away RENAME TO notes",
            ),
            Self::ColumnRenamed => (
                "DO $$ BEGIN ALTER TABLE notes RENAME n TO m; EXCEPTION WHEN undefined_column THEN NULL; END $$",
                "DO $$ BEGIN ALTER TABLE notes RENAME m TO n; EXCEPTION WHEN undefined_column THEN NULL; END $$",
            ),
            _ => return None,
        })
    }
}

const END_SESSIONS: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'gateway'";

/// Who does it.
pub struct Operator<'a> {
    /// The gateways.
    pub gateways: &'a mut [Gateway],
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
        let hold = Duration::from_millis(self.random.within(300, 1200));
        let chosen = self.random.within(0, self.gateways.len() as u64);
        let gateway = &mut self.gateways[usize::try_from(chosen).unwrap()];
        match fault {
            Fault::GatewayKilled => {
                gateway.kill();
                gateway.rise().await;
            }
            Fault::GatewayRestarted => {
                gateway.stop().await;
                gateway.rise().await;
            }
            Fault::BackendKilled => {
                if !self.kill_backend().await {
                    return;
                }
            }
            Fault::RowsLocked => self.lock_rows(hold).await,
            Fault::GatewayPaused => {
                gateway.signal("STOP");
                sleep(hold).await;
                gateway.signal("CONT");
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
        self.counts.add(fault.name());
    }

    /// Sessions begin anew once it is committed.
    async fn change(&self, script: &str) {
        self.server.insist(script).await;
        self.server.insist(END_SESSIONS).await;
    }

    /// One that works, if one does; whether one was there to be killed.
    async fn kill_backend(&mut self) -> bool {
        let busiest = "SELECT pid FROM pg_stat_activity WHERE usename = 'gateway' ORDER BY state = 'idle', random() LIMIT 1";
        let rows = self.server.rows(busiest).await;
        let Some([Some(pid)]) = rows.first().map(Vec::as_slice) else {
            return false;
        };
        let killed = Command::new("kill").args(["-9", pid]).output().unwrap();
        self.server.insist("SELECT 1").await;
        killed.status.success()
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
