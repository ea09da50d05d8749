//! Dead letters as an operator reads them, and what an operator does with them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::driver::postgres::{DriverError, Store};
use crate::journal::Key;

/// The state a letter is in: one whose transaction was applied since may not have been marked yet.
const LETTERS: &str = "\
WITH letter AS (
    SELECT kept.*, CASE WHEN state = 'open' AND EXISTS (
        SELECT FROM rulegate.applied AS entry
        WHERE entry.key = kept.key AND (kept.client IS NOT NULL OR entry.applied_at >= kept.last_seen)
    ) THEN 'resolved_by_client' ELSE state END AS standing
    FROM rulegate.dead_letters AS kept
)";

/// What a filter lets through.
const FILTER: &str = "\
($1::text = '' OR standing = $1::text) AND ($2::text = '' OR subject = $2::text) AND ($3::text = '' OR error_code = $3::text)";

/// Members of a letter's JSON that tell no value of a column.
const HEAD: &str = "\
'id', id, 'key', key, 'state', standing, 'error_code', error_code, 'sqlstate', sqlstate, 'issuer', issuer, 'subject', subject,
'client', client, 'transaction_id', transaction_id, 'tables', tables, 'operations', operations, 'operation_index', operation_index,
'occurrences', occurrences, 'first_seen', first_seen, 'last_seen', last_seen, 'settled_at', settled_at,
'rules_version', rules_version, 'is_whole', is_whole";

/// Letters that are read at once: each may be as large as an upload.
const PAGE: usize = 10;

/// Which letters are meant; an empty text means any.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Their state.
    pub state: String,
    /// Whose they are.
    pub subject: String,
    /// The code they were refused with.
    pub code: String,
}

/// One letter of a list.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its columns: id, state, code, subject, tables, operations, occurrences, first and last seen.
    pub columns: Vec<String>,
    /// The same and more as a JSON object, without any value of a column.
    pub json: String,
}

/// The lines of a list, and how many letters there are.
#[derive(Clone, Debug)]
pub struct List {
    /// The newest ones.
    pub lines: Vec<Line>,
    /// Of so many.
    pub total: usize,
}

/// A whole letter.
#[derive(Clone, Debug)]
pub struct Filed {
    /// Its number.
    pub id: i64,
    /// Its key.
    pub key: Option<Key>,
    /// Everything but claims and transaction, as a JSON object.
    pub head: String,
    /// The claims of whoever sent it, as JSON text.
    pub claims: String,
    /// What was sent, as JSON text.
    pub transaction: String,
}

/// What became of a letter that was to be discarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discarded {
    /// It was open.
    Now,
    /// It is in this state already.
    Already(String),
    /// There is none of that number.
    Unknown,
}

/// The letters that were last seen, newest first.
pub async fn list(store: &Store, filter: &Filter, limit: usize) -> Result<List, DriverError> {
    let text = format!(
        "{LETTERS} SELECT id::text, standing, error_code, subject, tables, operations::text, occurrences::text,
            to_char(first_seen AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), to_char(last_seen AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
            json_strip_nulls(json_build_object({HEAD}))::text, (count(*) OVER ())::text
        FROM letter WHERE {FILTER} ORDER BY last_seen DESC, id DESC LIMIT $4::text::bigint"
    );
    let rows = ask(
        store,
        &text,
        &[
            &filter.state,
            &filter.subject,
            &filter.code,
            &limit.to_string(),
        ],
    )
    .await?;
    let mut list = List {
        lines: Vec::new(),
        total: 0,
    };
    for mut columns in rows {
        list.total = columns
            .pop()
            .and_then(|total| total.parse().ok())
            .unwrap_or(0);
        let json = columns.pop().unwrap_or_default();
        list.lines.push(Line { columns, json });
    }
    Ok(list)
}

/// One letter; `None` where there is none of that number.
pub async fn one(store: &Store, id: i64) -> Result<Option<Filed>, DriverError> {
    let rows = whole(store, "id = $1::text::bigint", &[&id.to_string()]).await?;
    Ok(rows.into_iter().next())
}

/// The next letters after a number, in their order; none at the end.
pub async fn after(store: &Store, id: i64, filter: &Filter) -> Result<Vec<Filed>, DriverError> {
    let which = format!("{FILTER} AND id > $4::text::bigint ORDER BY id LIMIT {PAGE}");
    let parameters = [
        &*filter.state,
        &filter.subject,
        &filter.code,
        &id.to_string(),
    ];
    whole(store, &which, &parameters).await
}

async fn whole(store: &Store, which: &str, parameters: &[&str]) -> Result<Vec<Filed>, DriverError> {
    let text = format!(
        "{LETTERS} SELECT id::text, key::text, json_strip_nulls(json_build_object({HEAD}, 'message', message, 'details', details))::text,
            claims::text, coalesce(transaction::text, ''), coalesce(encode(transaction_bytes, 'base64'), '')
        FROM letter WHERE {which}"
    );
    let rows = ask(store, &text, parameters).await?;
    Ok(rows.into_iter().filter_map(filed).collect())
}

fn filed(row: Vec<String>) -> Option<Filed> {
    let mut row = row.into_iter();
    let (id, key, head, claims) = (row.next()?, row.next()?, row.next()?, row.next()?);
    let (json, bytes) = (row.next()?, row.next()?);
    let bytes: String = bytes.split_whitespace().collect();
    let bytes = STANDARD.decode(bytes).unwrap_or_default();
    let transaction = if json.is_empty() {
        String::from_utf8_lossy(&bytes).into_owned()
    } else {
        json
    };
    Some(Filed {
        id: id.parse().ok()?,
        key: Key::parse(&key),
        head,
        claims,
        transaction,
    })
}

/// Discards letters by their numbers; what became of each.
pub async fn discard(store: &Store, ids: &[i64]) -> Result<Vec<(i64, Discarded)>, DriverError> {
    let texts: Vec<String> = ids.iter().map(i64::to_string).collect();
    let array = format!("{{{}}}", texts.join(","));
    let before = format!(
        "{LETTERS} SELECT id::text, standing FROM letter WHERE id = ANY($1::text::bigint[])"
    );
    let before = ask(store, &before, &[&array]).await?;
    let gone = discard_where(store, "letter.id = ANY($1::text::bigint[])", &array).await?;
    let states = |id: &i64| {
        let id = id.to_string();
        let state = before.iter().find(|row| row.first() == Some(&id));
        match state.and_then(|row| row.get(1)) {
            _ if gone.contains(&id) => Discarded::Now,
            Some(state) => Discarded::Already(state.clone()),
            None => Discarded::Unknown,
        }
    };
    Ok(ids.iter().map(|id| (*id, states(id))).collect())
}

/// Discards all open letters of a code; how many.
pub async fn discard_code(store: &Store, code: &str) -> Result<usize, DriverError> {
    let gone = discard_where(store, "letter.error_code = $1::text", code).await?;
    Ok(gone.len())
}

async fn discard_where(
    store: &Store,
    which: &str,
    parameter: &str,
) -> Result<Vec<String>, DriverError> {
    let text = format!(
        "{LETTERS} UPDATE rulegate.dead_letters AS open SET state = 'discarded', settled_at = now()
        FROM letter WHERE open.id = letter.id AND open.state = 'open' AND letter.standing = 'open' AND {which} RETURNING open.id::text"
    );
    let rows = ask(store, &text, &[parameter]).await?;
    Ok(rows.into_iter().flatten().collect())
}

/// Rows of a statement, none of whose columns is null.
async fn ask(
    store: &Store,
    text: &str,
    parameters: &[&str],
) -> Result<Vec<Vec<String>>, DriverError> {
    let rows = store.journal(store.patience(), text, parameters).await?;
    let full = |row: Vec<Option<String>>| row.into_iter().map(Option::unwrap_or_default).collect();
    Ok(rows.into_iter().map(full).collect())
}
