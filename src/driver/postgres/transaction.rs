//! One database transaction: BEGIN with its settings, reads, writes, COMMIT.

use std::time::Duration;

use deadpool_postgres::Object;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::catalog::Rls;
use crate::dialect::postgres::{self, Statement};
use crate::driver::postgres::error::{DriverError, Phase};
use crate::driver::postgres::store::Store;
use crate::vocabulary::names::Target;

/// Prepared statements kept for one connection; beyond it they are dropped and prepared again.
const STATEMENTS_MAX: usize = 512;
/// How much longer than the server's own limits we wait for an answer, before the connection is given up.
const GRACE: Duration = Duration::from_secs(2);

/// What row-level security policies may read of the caller.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a> {
    /// The claims as JSON text, for `request.jwt.claims`.
    pub claims: &'a str,
    /// The subject, for `app.user_id`.
    pub subject: &'a str,
    /// When the whole request has to be answered.
    pub deadline: Instant,
    /// What makes sure that it happens once; it travels with BEGIN.
    pub once: Option<&'a Once>,
}

/// A statement of our own schema that makes sure that a transaction happens once. It answers `made`, or `known` where the transaction has happened.
///
/// Its last parameter is the subject: where that is not `app.user_id` it must touch nothing and answer `outside`, because then it stands alone.
#[derive(Clone, Debug)]
pub struct Once {
    /// The statement.
    pub text: &'static str,
    /// Its parameters before the last, as text.
    pub parameters: Vec<String>,
}

/// Why a commit did not answer that it is done.
#[derive(Debug)]
pub enum Uncommitted {
    /// It was not sent, or the database refused it: nothing of the transaction is there.
    Failed(DriverError),
    /// It was sent, and what became of it is not known: ask [`Store::committed`].
    Unknown(DriverError, Option<TransactionId>),
}

/// One statement of a transaction that is sent at once; it answers with positions.
#[derive(Clone, Debug)]
pub struct Step<'a> {
    /// The statement.
    pub statement: &'a Statement,
    /// Its parameters.
    pub parameters: Vec<Parameter<'a>>,
}

/// A parameter of a step.
#[derive(Clone, Debug)]
pub enum Parameter<'a> {
    /// A text.
    One(Option<&'a str>),
    /// An array of texts.
    Many(Vec<Option<&'a str>>),
}

/// Why a transaction that was sent at once is not open.
#[derive(Debug)]
pub enum Rushed {
    /// There was no connection for it.
    Unconnected(DriverError),
    /// Something of it failed, and it was rolled back.
    Failed(DriverError),
}

impl Step<'_> {
    async fn prepare(
        &self,
        client: &Object,
    ) -> Result<tokio_postgres::Statement, tokio_postgres::Error> {
        let types: Vec<Type> = self.parameters.iter().map(Parameter::ty).collect();
        client
            .prepare_typed_cached(&self.statement.text, &types)
            .await
    }

    async fn send(
        &self,
        client: &Object,
        statement: &tokio_postgres::Statement,
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let parameters: Vec<&(dyn ToSql + Sync)> =
            self.parameters.iter().map(Parameter::bound).collect();
        client.query(statement, &parameters).await
    }
}

impl Parameter<'_> {
    fn ty(&self) -> Type {
        match self {
            Self::One(_) => Type::TEXT,
            Self::Many(_) => Type::TEXT_ARRAY,
        }
    }

    fn bound(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::One(text) => text,
            Self::Many(texts) => texts,
        }
    }
}

/// The database's own number of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionId(pub(super) String);

/// An open transaction. Dropped unfinished, it takes its connection with it: a connection that is not idle never returns to the pool.
#[derive(Debug)]
pub struct Transaction {
    client: Option<Object>,
    role: Option<String>,
    statement_timeout: Duration,
    deadline: Instant,
    has_failed: bool,
    /// It never commits.
    is_rehearsal: bool,
    /// Whether its number is all by which could be asked what became of its commit.
    needs_id: bool,
    /// Its number, once it is settled; one that wrote nothing has none.
    id: Option<TransactionId>,
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

impl Transaction {
    /// Takes a connection and begins; `None` where the transaction has happened.
    pub(super) async fn begin(
        store: &Store,
        session: Session<'_>,
    ) -> Result<Option<Self>, DriverError> {
        let client = store.connection(session.deadline).await?;
        let transaction = Self {
            client: Some(client),
            role: store.role().map(ToOwned::to_owned),
            statement_timeout: store.limits().statement_timeout,
            deadline: session.deadline,
            has_failed: false,
            is_rehearsal: false,
            needs_id: session.once.is_none(),
            id: None,
        };
        transaction.prepare(session, false).await?;
        if transaction.open(store.begin_text(), session).await? {
            return Ok(Some(transaction));
        }
        transaction.rollback().await;
        Ok(None)
    }

    /// A transaction that is rolled back whatever happens in it.
    pub(super) async fn rehearse(store: &Store, session: Session<'_>) -> Result<Self, DriverError> {
        let session = Session {
            once: None,
            ..session
        };
        let Some(mut transaction) = Self::begin(store, session).await? else {
            return Err(DriverError::local(
                Phase::Session,
                "a rehearsal that may happen once only",
            ));
        };
        transaction.is_rehearsal = true;
        transaction.needs_id = false;
        Ok(transaction)
    }

    /// Takes a connection, and sends all of a transaction but its COMMIT in one flush: what begins it, the steps in their order, and the check of
    /// deferred constraints. The positions that each step answers with; `None` where the transaction has happened. After an error nothing of it
    /// is left.
    pub(super) async fn rush(
        store: &Store,
        session: Session<'_>,
        steps: &[Step<'_>],
    ) -> Result<Option<(Self, Vec<Vec<usize>>)>, Rushed> {
        let client = store.connection(session.deadline).await;
        let mut transaction = Self {
            client: Some(client.map_err(Rushed::Unconnected)?),
            role: None,
            statement_timeout: store.limits().statement_timeout,
            deadline: session.deadline,
            has_failed: false,
            is_rehearsal: false,
            needs_id: session.once.is_none(),
            id: None,
        };
        let sent = transaction.flush(store.begin_text(), session, steps).await;
        match sent {
            Ok(Some(positions)) => Ok(Some((transaction, positions))),
            Ok(None) => {
                transaction.rollback().await;
                Ok(None)
            }
            Err(error) => {
                transaction.rollback().await;
                Err(Rushed::Failed(error))
            }
        }
    }

    async fn flush(
        &mut self,
        begin: &str,
        session: Session<'_>,
        steps: &[Step<'_>],
    ) -> Result<Option<Vec<Vec<usize>>>, DriverError> {
        self.prepare(session, self.needs_id).await?;
        let limit = self.limit();
        let client = self.client()?;
        let preparing = steps.iter().map(|step| step.prepare(client));
        let prepared = futures_util::future::try_join_all(preparing);
        let prepared = within(limit, Phase::Write, prepared).await?;
        let writes: Vec<_> = steps
            .iter()
            .zip(&prepared)
            .map(|(step, statement)| step.send(client, statement))
            .collect();
        // Each is sent when it is first polled, in this order.
        let opening = self.open(begin, session);
        let writing = async {
            let answers = within(limit, Phase::Write, async { Ok(in_order(writes).await) }).await?;
            let answers = answers.into_iter().map(|answer| {
                let rows = answer.map_err(|error| DriverError::of(Phase::Write, &error))?;
                Ok(rows.iter().filter_map(position).collect())
            });
            answers.collect::<Result<Vec<Vec<usize>>, DriverError>>()
        };
        let settling = self.settle_and_number();
        let rest = futures_util::future::join(writing, settling);
        let (opened, (written, settled)) = futures_util::future::join(opening, rest).await;
        if !opened? {
            return Ok(None);
        }
        let written = written?;
        self.id = settled?.map(TransactionId);
        Ok(Some(written))
    }

    /// Prepares what opens a transaction, and its number where that is asked in the same flush: what has to be prepared first would be overtaken by
    /// what is prepared already.
    async fn prepare(&self, session: Session<'_>, asks_id: bool) -> Result<(), DriverError> {
        let limit = self.limit();
        let client = self.client()?;
        let opening = prepare(client, asks_id);
        within(limit, Phase::Session, opening).await?;
        within(limit, Phase::Journal, prepare_once(client, session)).await
    }

    /// BEGIN, its settings, the caller and what makes it happen once, in one flush; whether there is something to do.
    async fn open(&self, begin: &str, session: Session<'_>) -> Result<bool, DriverError> {
        let limit = self.limit();
        let client = self.client()?;
        let caller = async {
            let statement = client
                .prepare_typed_cached(postgres::SET_CLAIMS, &[Type::TEXT, Type::TEXT])
                .await?;
            client
                .query(&statement, &[&session.claims, &session.subject])
                .await
        };
        let begin = async {
            let (began, set) =
                futures_util::future::join(client.batch_execute(begin), caller).await;
            began.and(set.map(drop))
        };
        let begin = within(limit, Phase::Session, begin);
        let once = within(limit, Phase::Journal, is_first(client, session));
        let (began, is_first) = futures_util::future::join(begin, once).await;
        match (began, is_first) {
            (Err(noise), Err(cause)) if noise.is_aftermath() => Err(cause),
            (began, is_first) => began.and(is_first)?.ok_or_else(|| {
                // What was asked too early knows nothing: to take it for an answer would lose the write.
                let text = "the ledger was asked before the transaction had begun";
                DriverError::local(Phase::Session, text)
            }),
        }
    }

    /// Rows of a read, each column as text. Parameters are text.
    pub async fn read(
        &mut self,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<Vec<Vec<Option<String>>>, DriverError> {
        let parameters: Vec<&(dyn ToSql + Sync)> = parameters
            .iter()
            .map(|text| text as &(dyn ToSql + Sync))
            .collect();
        let types = vec![Type::TEXT; parameters.len()];
        let rows = self
            .query(Phase::Read, statement, &types, &parameters)
            .await?;
        Ok(rows.iter().map(texts).collect())
    }

    /// Rows of a statement on our own schema, each column as text. Parameters are text.
    pub async fn journal(
        &mut self,
        text: &'static str,
        parameters: &[Option<&str>],
    ) -> Result<Vec<Vec<Option<String>>>, DriverError> {
        let parameters: Vec<&(dyn ToSql + Sync)> = parameters
            .iter()
            .map(|text| text as &(dyn ToSql + Sync))
            .collect();
        let types = vec![Type::TEXT; parameters.len()];
        let statement = Statement { text: text.into() };
        let rows = self
            .query(Phase::Journal, &statement, &types, &parameters)
            .await?;
        Ok(rows.iter().map(texts).collect())
    }

    /// The text the database would store for a value that an app sent (`dialect::postgres::canonical_text`). An error of it is the app's.
    pub async fn canonical(
        &mut self,
        statement: &Statement,
        text: &str,
    ) -> Result<Option<String>, DriverError> {
        let rows = self
            .query(Phase::Write, statement, &[Type::TEXT], &[&text])
            .await?;
        Ok(rows.first().and_then(|row| row.try_get(0).ok().flatten()))
    }

    /// Row-level security of a table as it bears on us now: the catalogue we know may be older.
    pub async fn row_security(&mut self, table: &Target) -> Result<Rls, DriverError> {
        let role = self.role.clone();
        let parameters = [Some(&*table.schema), Some(&*table.table), role.as_deref()];
        let rows = self.read(&postgres::row_security(), &parameters).await?;
        let binds = |position: usize| {
            let text = rows.first().and_then(|row| row.get(position)?.as_deref());
            text != Some("false")
        };
        Ok(Rls {
            binds_login: binds(0),
            binds_writing: binds(1),
        })
    }

    /// Rows of a read whose parameters are arrays of text, and a last one that limits the rows.
    pub async fn read_many(
        &mut self,
        statement: &Statement,
        arrays: &[Vec<&str>],
        rows_max: usize,
    ) -> Result<Vec<Vec<Option<String>>>, DriverError> {
        let rows_max = rows_max.to_string();
        let mut parameters: Vec<&(dyn ToSql + Sync)> = arrays
            .iter()
            .map(|array| array as &(dyn ToSql + Sync))
            .collect();
        parameters.push(&rows_max);
        let mut types = vec![Type::TEXT_ARRAY; arrays.len()];
        types.push(Type::TEXT);
        let rows = self
            .query(Phase::Read, statement, &types, &parameters)
            .await?;
        Ok(rows.iter().map(texts).collect())
    }

    /// Takes advisory locks in the order given; they are held until the transaction ends.
    pub async fn lock(&mut self, locks: &[i64]) -> Result<(), DriverError> {
        let statement = Statement {
            text: postgres::ADVISORY_LOCKS.into(),
        };
        let types = [Type::INT8_ARRAY];
        self.query(Phase::Read, &statement, &types, &[&locks])
            .await
            .map(drop)
    }

    /// Writes an app's row, as the writing role where there is one; the number of rows touched.
    pub async fn write(
        &mut self,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<u64, DriverError> {
        if let Some(role) = self.role.clone() {
            self.execute(Phase::Session, &postgres::set_role(&role))
                .await?;
        }
        let touched = self.write_plainly(statement, parameters).await?;
        if self.role.is_some() {
            self.execute(Phase::Session, postgres::RESET_ROLE).await?;
        }
        Ok(touched)
    }

    async fn write_plainly(
        &mut self,
        statement: &Statement,
        parameters: &[Option<&str>],
    ) -> Result<u64, DriverError> {
        let parameters: Vec<&(dyn ToSql + Sync)> = parameters
            .iter()
            .map(|text| text as &(dyn ToSql + Sync))
            .collect();
        let types = vec![Type::TEXT; parameters.len()];
        let limit = self.limit();
        let client = self.client()?;
        let work = async {
            let statement = client.prepare_typed_cached(&statement.text, &types).await?;
            client.execute(&statement, &parameters).await
        };
        let result = within(limit, Phase::Write, work).await;
        self.noted(result)
    }

    /// Checks deferred constraints now.
    pub async fn settle(&mut self) -> Result<(), DriverError> {
        if self.is_rehearsal {
            return self.settle_for_now().await;
        }
        let settled = self.settle_and_number().await;
        let id = self.noted(settled)?;
        self.id = id.map(TransactionId);
        Ok(())
    }

    /// Checks deferred constraints; the transaction's number, where it has one and needs it.
    async fn settle_and_number(&self) -> Result<Option<String>, DriverError> {
        let limit = self.limit();
        let client = self.client()?;
        let settling = within(limit, Phase::Settle, client.batch_execute(postgres::SETTLE));
        if !self.needs_id {
            return settling.await.map(|()| None);
        }
        let id = async {
            let statement = client
                .prepare_typed_cached(postgres::TRANSACTION_ID, &[])
                .await?;
            client.query_one(&statement, &[]).await?.try_get(0)
        };
        let id = within(limit, Phase::Read, id);
        let (settled, id) = futures_util::future::join(settling, id).await;
        settled.and(id)
    }

    /// More may follow in a rehearsal, for which constraints are deferred again.
    async fn settle_for_now(&mut self) -> Result<(), DriverError> {
        self.execute(Phase::Session, "SAVEPOINT rulegate_settle")
            .await?;
        self.execute(Phase::Settle, postgres::SETTLE).await?;
        self.execute(Phase::Session, "ROLLBACK TO SAVEPOINT rulegate_settle")
            .await
    }

    /// Marks a point to come back to.
    pub async fn savepoint(&mut self) -> Result<(), DriverError> {
        self.execute(Phase::Session, "SAVEPOINT rulegate").await
    }

    /// Gives the mark up, so that marks do not pile up.
    pub async fn release_savepoint(&mut self) -> Result<(), DriverError> {
        self.execute(Phase::Session, "RELEASE SAVEPOINT rulegate")
            .await
    }

    /// Back to the mark, as if nothing had happened since; the role too. The mark is given up.
    pub async fn rollback_to_savepoint(&mut self) -> Result<(), DriverError> {
        let text = "ROLLBACK TO SAVEPOINT rulegate; RELEASE SAVEPOINT rulegate";
        self.execute(Phase::Session, text).await?;
        self.has_failed = false;
        Ok(())
    }

    /// Marks where a part of a rehearsal begins, which may be undone by itself.
    pub async fn begin_part(&mut self) -> Result<(), DriverError> {
        self.execute(Phase::Session, "SAVEPOINT rulegate_part")
            .await
    }

    /// Undoes everything since the part began, so that others may follow.
    pub async fn undo_part(&mut self) -> Result<(), DriverError> {
        self.execute(Phase::Session, "ROLLBACK TO SAVEPOINT rulegate_part")
            .await
    }

    /// Commits. After any error of a statement this is refused: COMMIT would answer ROLLBACK without an error.
    pub async fn commit(mut self) -> Result<(), Uncommitted> {
        let refusal = if self.has_failed || self.is_rehearsal {
            Some(
                "a statement of this transaction failed, or it is a rehearsal, so it cannot be committed",
            )
        } else if Instant::now() >= self.deadline {
            // Nobody would wait for what it came to.
            Some("the time for this request is over")
        } else {
            None
        };
        if let Some(refusal) = refusal {
            let error = DriverError::local(Phase::Session, refusal);
            return Err(Uncommitted::Failed(error));
        }
        match self.execute(Phase::Commit, "COMMIT").await {
            Ok(()) => {
                // The connection is idle again, so it may go back to the pool.
                drop(self.client.take());
                Ok(())
            }
            Err(error) if error.leaves_commit_unknown() => {
                Err(Uncommitted::Unknown(error, self.id.take()))
            }
            Err(error) => {
                self.rollback().await;
                Err(Uncommitted::Failed(error))
            }
        }
    }

    /// Rolls back, and gives the connection back if that went well.
    pub async fn rollback(mut self) {
        if self.execute(Phase::Session, "ROLLBACK").await.is_ok() {
            drop(self.client.take());
        }
    }

    async fn query(
        &mut self,
        phase: Phase,
        statement: &Statement,
        types: &[Type],
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, DriverError> {
        let limit = self.limit();
        let client = self.client()?;
        let work = async {
            let statement = client.prepare_typed_cached(&statement.text, types).await?;
            client.query(&statement, parameters).await
        };
        let result = within(limit, phase, work).await;
        self.noted(result)
    }

    async fn execute(&mut self, phase: Phase, text: &str) -> Result<(), DriverError> {
        let limit = self.limit();
        let result = within(limit, phase, self.client()?.batch_execute(text)).await;
        self.noted(result)
    }

    fn noted<T>(&mut self, result: Result<T, DriverError>) -> Result<T, DriverError> {
        self.has_failed |= result.is_err();
        result
    }

    fn limit(&self) -> Instant {
        (Instant::now() + self.statement_timeout + GRACE).min(self.deadline)
    }

    fn client(&self) -> Result<&Object, DriverError> {
        let client = self
            .client
            .as_ref()
            .ok_or_else(|| DriverError::local(Phase::Session, "the transaction is finished"))?;
        if client.statement_cache.size() > STATEMENTS_MAX {
            client.statement_cache.clear();
        }
        Ok(client)
    }
}

/// Whether a session's transaction has not happened yet; `None` where that was not asked within it.
async fn is_first(
    client: &Object,
    session: Session<'_>,
) -> Result<Option<bool>, tokio_postgres::Error> {
    let Some(once) = session.once else {
        return Ok(Some(true));
    };
    let types = vec![Type::TEXT; once.parameters.len() + 1];
    let statement = client.prepare_typed_cached(once.text, &types).await?;
    let texts = once.parameters.iter().map(String::as_str);
    let texts: Vec<&str> = texts.chain([session.subject]).collect();
    let parameters: Vec<&(dyn ToSql + Sync)> = texts
        .iter()
        .map(|text| text as &(dyn ToSql + Sync))
        .collect();
    let answer = client.query_one(&statement, &parameters).await?;
    let answer: Option<&str> = answer.try_get(0)?;
    Ok(match answer {
        Some("made") => Some(true),
        Some("known") => Some(false),
        _ => None,
    })
}

/// Prepares what begins and ends every transaction.
async fn prepare(client: &Object, needs_id: bool) -> Result<(), tokio_postgres::Error> {
    client
        .prepare_typed_cached(postgres::SET_CLAIMS, &[Type::TEXT, Type::TEXT])
        .await?;
    if needs_id {
        client
            .prepare_typed_cached(postgres::TRANSACTION_ID, &[])
            .await?;
    }
    Ok(())
}

/// Prepares what makes sure that a session's transaction happens once.
async fn prepare_once(client: &Object, session: Session<'_>) -> Result<(), tokio_postgres::Error> {
    if let Some(once) = session.once {
        let types = vec![Type::TEXT; once.parameters.len() + 1];
        client.prepare_typed_cached(once.text, &types).await?;
    }
    Ok(())
}

/// The position that a row of an answer tells.
fn position(row: &Row) -> Option<usize> {
    row.try_get::<_, &str>(0).ok()?.parse().ok()
}

/// Polls each for a first time in order, so that what they send is sent in order; then waits for all.
async fn in_order<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut sent: Vec<_> = futures
        .into_iter()
        .map(|future| Box::pin(futures_util::future::maybe_done(future)))
        .collect();
    std::future::poll_fn(|context| {
        for future in &mut sent {
            let _ = future.as_mut().poll(context);
        }
        std::task::Poll::Ready(())
    })
    .await;
    let mut outputs = Vec::with_capacity(sent.len());
    for mut future in sent {
        future.as_mut().await;
        outputs.extend(future.as_mut().take_output());
    }
    outputs
}

pub(super) fn texts(row: &Row) -> Vec<Option<String>> {
    (0..row.len())
        .map(|position| row.try_get(position).ok().flatten())
        .collect()
}

/// Waits for an answer until `limit`.
pub(super) async fn within<T>(
    limit: Instant,
    phase: Phase,
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, DriverError> {
    match timeout_at(limit, work).await {
        Ok(result) => result.map_err(|error| DriverError::of(phase, &error)),
        Err(_) => Err(DriverError::local(
            phase,
            "the database did not answer in time",
        )),
    }
}
