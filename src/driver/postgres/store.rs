//! The pool of connections.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
    TimeoutType,
};
use futures_util::future::try_join_all;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::types::{ToSql, Type};

use crate::catalog::{Catalog, Column};
use crate::dialect::postgres;
use crate::driver::postgres::connect::{ConfigError, Connector};
use crate::driver::postgres::error::{DriverError, Phase};
use crate::driver::postgres::health::Health;
use crate::driver::postgres::introspect;
use crate::driver::postgres::transaction::{
    Rushed, Session, Step, Transaction, TransactionId, texts, within,
};
use crate::settings;
use crate::vocabulary::limits::Limits;
use crate::vocabulary::names::Target;

/// The database, as everybody reaches it. Cheap to clone; connects when first asked.
#[derive(Clone, Debug)]
pub struct Store {
    pool: Pool,
    limits: Arc<Limits>,
    role: Option<Arc<str>>,
    begin: Arc<str>,
    health: Health,
    notes: Arc<[String]>,
    is_leaving: Arc<AtomicBool>,
    renewed: Renewed,
}

/// Since when a session counts: older ones are closed instead of being used again.
#[derive(Clone, Debug)]
struct Renewed(Arc<Mutex<std::time::Instant>>);

impl Renewed {
    fn now() -> Self {
        Self(Arc::new(Mutex::new(std::time::Instant::now())))
    }

    fn renew(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = std::time::Instant::now();
    }

    fn since(&self) -> std::time::Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hook(&self) -> Hook {
        let renewed = self.clone();
        Hook::sync_fn(move |_, metrics| {
            if metrics.created < renewed.since() {
                return Err(HookError::message("the database has changed since"));
            }
            Ok(())
        })
    }
}

impl Store {
    /// Reads the settings; no connection is made yet.
    pub fn open(database: &settings::Database, limits: &Limits) -> Result<Self, ConfigError> {
        let connector = Connector::of(database)?;
        let notes = connector.notes.clone().into();
        let config = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = Manager::from_config(connector.config, connector.tls, config);
        let renewed = Renewed::now();
        let pool = Pool::builder(manager)
            .max_size(database.pool.max(1))
            .runtime(Runtime::Tokio1)
            .pre_recycle(renewed.hook())
            .build()
            .map_err(|error| ConfigError::new(error.to_string()))?;
        let text = postgres::begin(
            millis(limits.statement_timeout),
            millis(limits.lock_timeout),
            millis(limits.idle_in_transaction_timeout),
        );
        Ok(Self {
            pool,
            limits: Arc::new(limits.clone()),
            role: database.role.as_deref().map(Arc::from),
            begin: text.into(),
            health: Health::default(),
            notes,
            is_leaving: Arc::default(),
            renewed,
        })
    }

    /// What of the database's URI was taken out, for the log.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Why writes fail, while they do.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// The limits it keeps.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Connections open, and waiting requests: for `/status`.
    pub fn pool_status(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size, status.waiting)
    }

    /// From now on no upload begins another transaction; those that run are finished.
    pub fn leave(&self) {
        self.is_leaving.store(true, Ordering::SeqCst);
    }

    /// Whether the gateway is about to stop, so that no further transaction of an upload shall begin.
    pub fn is_leaving(&self) -> bool {
        self.is_leaving.load(Ordering::SeqCst)
    }

    /// Closes connections as they come back, and opens no more.
    pub fn close(&self) {
        self.pool.close();
    }

    pub(super) fn role(&self) -> Option<&str> {
        self.role.as_deref()
    }

    pub(super) fn begin_text(&self) -> &str {
        &self.begin
    }

    /// Begins a transaction that is rolled back whatever happens in it.
    pub async fn rehearse(&self, session: Session<'_>) -> Result<Transaction, DriverError> {
        Transaction::rehearse(self, session).await
    }

    /// Begins a transaction for a caller; `None` where it has happened.
    pub async fn begin(&self, session: Session<'_>) -> Result<Option<Transaction>, DriverError> {
        Transaction::begin(self, session).await
    }

    /// Begins a transaction, and sends it all but its COMMIT in one flush; the positions that each step answers with. `None` where it has happened.
    pub async fn rush(
        &self,
        session: Session<'_>,
        steps: &[Step<'_>],
    ) -> Result<Option<(Transaction, Vec<Vec<usize>>)>, Rushed> {
        Transaction::rush(self, session, steps).await
    }

    /// Whether writes are done under another role than reads.
    pub fn has_role(&self) -> bool {
        self.role.is_some()
    }

    /// Forgets every prepared statement.
    pub fn forget_statements(&self) {
        self.pool.manager().statement_caches.clear();
    }

    /// Uses no session again that is open now: functions of the database keep plans in a session, and those of another schema fail for ever.
    pub fn renew(&self) {
        self.renewed.renew();
    }

    /// Reads the whole catalogue.
    pub async fn introspect(&self) -> Result<Catalog, DriverError> {
        let limit = self.patience();
        let client = self.connection(limit).await?;
        let read = within(limit, Phase::Read, introspect::read(&client, self.role())).await;
        given_back(client, read)
    }

    /// Whether tables have the columns that were read of them before.
    pub async fn still_has(&self, known: &[(&Target, &[Column])]) -> Result<bool, DriverError> {
        if known.is_empty() {
            return Ok(true);
        }
        let limit = self.patience();
        let client = self.connection(limit).await?;
        let targets: Vec<&Target> = known.iter().map(|(target, _)| *target).collect();
        let reading = introspect::columns_of(&client, self.role(), &targets);
        let now = within(limit, Phase::Read, reading).await;
        let now = given_back(client, now)?;
        let is_same = |(target, columns): &(&Target, &[Column])| {
            now.get(target).is_some_and(|now| now == columns)
        };
        Ok(known.iter().all(is_same))
    }

    /// Has the database read statements, so that what it does not understand shows before an upload needs it. Nothing is kept.
    pub async fn try_out(&self, texts: &[String]) -> Result<(), DriverError> {
        let limit = self.patience();
        let client = self.connection(limit).await?;
        let preparing = texts.iter().map(|text| client.prepare(text));
        within(limit, Phase::Read, try_join_all(preparing)).await?;
        Ok(())
    }

    /// Asks whether the database takes writes; notes the answer in [`Store::health`].
    pub async fn probe(&self) -> Option<String> {
        let reason = match self.writable().await {
            Ok(true) => None,
            Ok(false) => Some("the database is read-only".to_owned()),
            // All connections are at work: that says nothing against the database.
            Err(_) if self.is_busy() => return None,
            Err(error) => Some(error.told()),
        };
        self.health.probed(reason.clone());
        reason
    }

    fn is_busy(&self) -> bool {
        let status = self.pool.status();
        status.size >= status.max_size && status.available == 0
    }

    async fn writable(&self) -> Result<bool, DriverError> {
        let limit = self.patience();
        let client = self.connection(limit).await?;
        let text =
            "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'";
        let row = within(limit, Phase::Read, client.query_one(text, &[])).await;
        let row = given_back(client, row)?;
        Ok(row.try_get(0).unwrap_or(false))
    }

    /// Runs statements of our own making, one after the other; the first column of the last rows.
    pub async fn administer(&self, text: &str) -> Result<(), DriverError> {
        let limit = self.patience();
        let client = self.connection(limit).await?;
        let result = within(limit, Phase::Session, client.batch_execute(text)).await;
        given_back(client, result)
    }

    /// Rows of a statement on our own schema, as text; its parameters are text.
    pub async fn journal(
        &self,
        limit: Instant,
        text: &str,
        parameters: &[&str],
    ) -> Result<Vec<Vec<Option<String>>>, DriverError> {
        let client = self.connection(limit).await?;
        let work = async {
            let types = vec![Type::TEXT; parameters.len()];
            let statement = client.prepare_typed(text, &types).await?;
            let parameters: Vec<&(dyn ToSql + Sync)> = parameters
                .iter()
                .map(|text| text as &(dyn ToSql + Sync))
                .collect();
            client.query(&statement, &parameters).await
        };
        let rows = within(limit, Phase::Journal, work).await;
        let rows = given_back(client, rows)?;
        Ok(rows.iter().map(texts).collect())
    }

    /// The first value of such a statement; `None` where there is no row.
    pub async fn ask(&self, text: &str) -> Result<Option<String>, DriverError> {
        let rows = self.journal(self.patience(), text, &[]).await?;
        Ok(rows
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next().flatten()))
    }

    /// Whether a transaction with that number was committed; `None` while it is still under way.
    pub async fn committed(
        &self,
        id: &TransactionId,
        limit: Instant,
    ) -> Result<Option<bool>, DriverError> {
        let rows = self
            .journal(limit, postgres::TRANSACTION_STATUS, &[&id.0])
            .await?;
        let status = rows
            .into_iter()
            .find_map(|row| row.into_iter().next().flatten());
        Ok(match status.as_deref() {
            Some("committed") => Some(true),
            Some("aborted") => Some(false),
            _ => None,
        })
    }

    /// How long a statement of ours may take.
    pub fn patience(&self) -> Instant {
        Instant::now() + self.limits.statement_timeout
    }

    /// A connection of the pool, within the wait limit.
    pub(super) async fn connection(&self, deadline: Instant) -> Result<Object, DriverError> {
        let wait: Duration = self.limits.pool_wait_timeout;
        let limit = (Instant::now() + wait).min(deadline);
        match timeout_at(limit, self.pool.get()).await {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(error)) => Err(pool_error(&error)),
            Err(_) => Err(DriverError::local(
                Phase::Session,
                "no connection of the pool was free in time",
            )),
        }
    }
}

/// A time as the server takes it: an `int4`, of which 0 would mean no limit at all.
fn millis(time: Duration) -> u128 {
    time.as_millis().clamp(1, 0x7fff_ffff)
}

/// What was done on a connection, which goes back to the pool only where that went well: after an error, or a time-out, it may not be idle.
fn given_back<T>(client: Object, done: Result<T, DriverError>) -> Result<T, DriverError> {
    if done.is_err() {
        drop(Object::take(client));
    }
    done
}

fn pool_error(error: &PoolError) -> DriverError {
    match error {
        PoolError::Backend(error) => DriverError::of(Phase::Session, error),
        PoolError::Timeout(TimeoutType::Wait) => {
            DriverError::local(Phase::Session, "no connection of the pool was free in time")
        }
        other => DriverError::local(Phase::Session, other.to_string()),
    }
}
