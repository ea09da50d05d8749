//! Dead letters: transactions that were refused for good, kept before the answer leaves (reliability, *Dead letters*).

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::dialect::postgres::Statement;
use crate::driver::postgres::{DriverError, Phase, Session, Store, Transaction, Uncommitted};
use crate::journal::Key;

/// Stores a letter, or renews the one that is there. A new one needs room: of one subject there are so many open ones at most, or a few more
/// where several are stored at once.
const STORE: &str = "\
INSERT INTO rulegate.dead_letters AS letter (
    key, issuer, subject, claims, client, transaction_id, error_code, sqlstate, message, details,
    operation_index, rules_version, tables, operations, is_whole, transaction, transaction_bytes)
SELECT $1::text::uuid, $2::text, $3::text, $4::text::json, $5::text, $6::text, $7::text, $8::text, $9::text, $10::text::jsonb,
    $11::text::integer, $12::text, $13::text, $14::text::integer, $15::text::boolean, $16::text::jsonb, decode($17::text, 'base64')
WHERE EXISTS (SELECT FROM rulegate.dead_letters WHERE key = $1::text::uuid)
OR (
    SELECT count(*) FROM (
        SELECT FROM rulegate.dead_letters
        WHERE state = 'open' AND subject = $3::text AND issuer IS NOT DISTINCT FROM $2::text
        LIMIT $18::text::bigint
    ) AS open
) < $18::text::bigint
ON CONFLICT (key) DO UPDATE SET
    state = 'open', settled_at = NULL, last_seen = now(), occurrences = letter.occurrences + 1,
    claims = EXCLUDED.claims, error_code = EXCLUDED.error_code, sqlstate = EXCLUDED.sqlstate, message = EXCLUDED.message,
    details = EXCLUDED.details, operation_index = EXCLUDED.operation_index, rules_version = EXCLUDED.rules_version,
    is_whole = EXCLUDED.is_whole, transaction = EXCLUDED.transaction, transaction_bytes = EXCLUDED.transaction_bytes
RETURNING occurrences::text";

/// Marks open letters whose transaction was applied since. An anonymous entry of the ledger that is older than the letter is of another transaction.
const SETTLE: &str = "\
WITH applied AS (
    SELECT letter.id FROM rulegate.dead_letters AS letter
    JOIN rulegate.applied AS entry ON entry.key = letter.key
    WHERE letter.state = 'open' AND (letter.client IS NOT NULL OR entry.applied_at >= letter.last_seen)
    ORDER BY letter.id LIMIT $1::text::bigint FOR UPDATE OF letter SKIP LOCKED
),
settled AS (
    UPDATE rulegate.dead_letters AS letter SET state = 'resolved_by_client', settled_at = now()
    FROM applied WHERE letter.id = applied.id RETURNING 1
)
SELECT count(*)::text FROM settled";

/// Deletes letters that were settled long ago.
const PRUNE: &str = "\
WITH old AS (
    SELECT id FROM rulegate.dead_letters
    WHERE state <> 'open' AND settled_at < now() - make_interval(secs => $1::text::float8)
    ORDER BY settled_at LIMIT $2::text::bigint FOR UPDATE SKIP LOCKED
),
gone AS (DELETE FROM rulegate.dead_letters AS letter USING old WHERE letter.id = old.id RETURNING 1)
SELECT count(*)::text FROM gone";

const COUNT: &str = "SELECT count(*)::text FROM rulegate.dead_letters WHERE state = 'open'";

/// Letters that one statement settles or deletes.
const BATCH: usize = 1000;

/// Digits that jsonb may add to the numbers of one letter.
const DIGITS_MAX: usize = 1 << 16;

/// A transaction that was refused for good.
#[derive(Clone, Debug)]
pub struct Letter<'a> {
    /// The same for every attempt of it.
    pub key: Key,
    /// `iss` of the token.
    pub issuer: Option<&'a str>,
    /// `sub` of the token.
    pub subject: &'a str,
    /// All claims, as JSON text.
    pub claims: &'a str,
    /// The client's own id.
    pub client: Option<&'a str>,
    /// What the client calls it.
    pub transaction_id: Option<&'a str>,
    /// The code it was refused with.
    pub error_code: &'a str,
    /// The SQLSTATE of the database's error, where one refused it.
    pub sqlstate: Option<&'a str>,
    /// What a person reads.
    pub message: &'a str,
    /// What is wrong with which field, as JSON text.
    pub details: Option<&'a str>,
    /// Position of the operation that was refused.
    pub operation_index: Option<usize>,
    /// The rules that refused it.
    pub rules_version: &'a str,
    /// Its tables, by the app's names.
    pub tables: &'a str,
    /// How many operations it has.
    pub operations: usize,
    /// Whether no value was left out.
    pub is_whole: bool,
    /// All of it, as JSON text.
    pub transaction: &'a str,
    /// What the app itself is told, in a table of its own.
    pub rejection: Option<Rejection<'a>>,
}

/// A row of the app's own table of refusals.
#[derive(Clone, Debug)]
pub struct Rejection<'a> {
    /// Inserts it: id, `user_id`, table, `row_id`, code, field, message, time.
    pub statement: &'a Statement,
    /// The table the refused operation is on; none where the whole transaction is refused.
    pub table: Option<&'a str>,
    /// The row it is on.
    pub row_id: Option<&'a str>,
    /// The column it is about.
    pub field: Option<&'a str>,
    /// What the app was answered.
    pub message: &'a str,
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is a new one.
    New,
    /// It was there already.
    Again,
    /// Its subject has too many open ones.
    TooMany,
}

/// Why a letter was not stored.
#[derive(Debug, thiserror::Error)]
pub enum Unkept {
    /// The letter itself.
    #[error("a dead letter could not be stored: {0}")]
    Letter(#[from] DriverError),
    /// The row in the app's table.
    #[error("a refusal could not be written to the table of `rejections`: {0}")]
    Rejection(DriverError),
}

/// How a letter is spelt, for a database that cannot hold it as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The transaction as jsonb.
    Json,
    /// The transaction as bytes.
    Bytes,
    /// The same, and no character beyond ASCII in the texts beside it.
    Plain,
}

impl Unkept {
    /// The error of the database.
    pub fn error(&self) -> &DriverError {
        match self {
            Self::Letter(error) | Self::Rejection(error) => error,
        }
    }

    /// Whether another spelling may help.
    fn is_of_a_value(&self) -> bool {
        let code = self.error().sqlstate.as_deref().unwrap_or_default();
        code.starts_with("22") || code.starts_with("54")
    }
}

/// Stores a letter in a transaction of its own; where this answers, it is committed. `per_subject` is how many open ones a subject may have.
pub async fn store(
    store: &Store,
    session: Session<'_>,
    letter: &Letter<'_>,
    per_subject: usize,
) -> Result<Kept, Unkept> {
    let forms: &[Form] = if is_blown_up(letter.transaction) {
        &[Form::Bytes]
    } else {
        &[Form::Json, Form::Bytes]
    };
    for form in forms {
        match attempt(store, session, letter, per_subject, *form).await {
            Err(unkept) if unkept.is_of_a_value() => {}
            kept => return kept,
        }
    }
    attempt(store, session, letter, per_subject, Form::Plain).await
}

/// Whether jsonb would print a text so much longer, as it writes every number out, that nobody could read it any more.
fn is_blown_up(json: &str) -> bool {
    let mut digits = 0_usize;
    let mut is_text = false;
    let mut bytes = json.bytes().peekable();
    let mut before = 0;
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if is_text => {
                bytes.next();
            }
            b'"' => is_text = !is_text,
            b'e' | b'E' if !is_text && u8::is_ascii_digit(&before) => {
                bytes.next_if(|sign| matches!(sign, b'+' | b'-'));
                let mut exponent = 0_usize;
                while let Some(digit) = bytes.next_if(u8::is_ascii_digit) {
                    let digit = usize::from(digit - b'0');
                    exponent = exponent.saturating_mul(10).saturating_add(digit);
                }
                digits = digits.saturating_add(exponent);
            }
            _ => {}
        }
        before = byte;
    }
    digits > DIGITS_MAX
}

async fn attempt(
    store: &Store,
    session: Session<'_>,
    letter: &Letter<'_>,
    per_subject: usize,
    form: Form,
) -> Result<Kept, Unkept> {
    let Some(mut open) = store.begin(session).await? else {
        let error = DriverError::local(Phase::Session, "a letter that may be stored once only");
        return Err(error.into());
    };
    match write(&mut open, letter, per_subject, form).await {
        Ok(kept) => match open.commit().await {
            Ok(()) => Ok(kept),
            Err(Uncommitted::Failed(error) | Uncommitted::Unknown(error, _)) => Err(error.into()),
        },
        Err(unkept) => {
            open.rollback().await;
            Err(unkept)
        }
    }
}

async fn write(
    open: &mut Transaction,
    letter: &Letter<'_>,
    per_subject: usize,
    form: Form,
) -> Result<Kept, Unkept> {
    let spell = |text: &str| spelt(text, form);
    let key = letter.key.to_string();
    let bytes = (form != Form::Json).then(|| STANDARD.encode(letter.transaction));
    let json = bytes.is_none().then(|| letter.transaction.to_owned());
    let parameters = [
        Some(key.clone()),
        letter.issuer.map(spell),
        Some(spell(letter.subject)),
        Some(escaped(letter.claims)),
        letter.client.map(spell),
        letter.transaction_id.map(spell),
        Some(letter.error_code.to_owned()),
        letter.sqlstate.map(spell),
        Some(spell(letter.message)),
        letter.details.map(spell),
        letter.operation_index.map(|index| index.to_string()),
        Some(letter.rules_version.to_owned()),
        Some(spell(letter.tables)),
        Some(letter.operations.to_string()),
        Some(letter.is_whole.to_string()),
        json,
        bytes,
        Some(per_subject.to_string()),
    ];
    let parameters: Vec<Option<&str>> = parameters.iter().map(Option::as_deref).collect();
    let rows = open.journal(STORE, &parameters).await?;
    let Some(occurrences) = rows.first().and_then(|row| row.first()?.as_deref()) else {
        return Ok(Kept::TooMany);
    };
    if let Some(rejection) = &letter.rejection {
        let parameters = [
            Some(key),
            Some(spell(letter.subject)),
            rejection.table.map(spell),
            rejection.row_id.map(spell),
            Some(letter.error_code.to_owned()),
            rejection.field.map(spell),
            Some(spell(rejection.message)),
            // The time at which the transaction began, as Postgres reads the word.
            Some("now".to_owned()),
        ];
        let parameters: Vec<Option<&str>> = parameters.iter().map(Option::as_deref).collect();
        let written = open.read(rejection.statement, &parameters).await;
        written.map_err(Unkept::Rejection)?;
    }
    Ok(if occurrences == "1" {
        Kept::New
    } else {
        Kept::Again
    })
}

/// A text as a column can hold it: no database stores NUL.
fn spelt(text: &str, form: Form) -> String {
    let spell = |c: char| match c {
        '\0' if form == Form::Plain => '?',
        '\0' => char::REPLACEMENT_CHARACTER,
        c if form == Form::Plain && !c.is_ascii() => '?',
        c => c,
    };
    text.chars().map(spell).collect()
}

/// JSON text of ASCII alone, which `json` takes in every encoding.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// Marks a batch of open letters whose transaction was applied since as resolved by their client; whether there may be more.
pub async fn settle(store: &Store) -> Result<bool, DriverError> {
    Ok(number(store, SETTLE, &[&BATCH.to_string()]).await? >= BATCH)
}

/// Deletes a batch of letters that were settled longer ago than `keep`; whether there may be more. Open ones stay.
pub async fn prune(store: &Store, keep: Duration) -> Result<bool, DriverError> {
    let keep = keep.as_secs_f64().to_string();
    Ok(number(store, PRUNE, &[&keep, &BATCH.to_string()]).await? >= BATCH)
}

/// How many letters are open.
pub async fn open_count(store: &Store) -> Result<usize, DriverError> {
    number(store, COUNT, &[]).await
}

async fn number(
    store: &Store,
    text: &'static str,
    parameters: &[&str],
) -> Result<usize, DriverError> {
    let rows = store.journal(store.patience(), text, parameters).await?;
    let count = rows.first().and_then(|row| row.first()?.as_deref());
    Ok(count.and_then(|count| count.parse().ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_that_spell_long_ones_are_told_from_texts_and_short_ones() {
        let many = |item: &str| format!("[{}]", vec![item; 1000].join(","));
        let rows = [
            (many("1e999"), true),
            (many("-1.5E-999"), true),
            ("1e99999999999999999999999999".to_owned(), true),
            (many("1e+21"), false),
            (many("true"), false),
            (many(r#""1e999""#), false),
            (many(r#""\"1e999""#), false),
            (many(r#"{"\\":1e2}"#), false),
        ];
        for (json, wanted) in rows {
            let start: String = json.chars().take(20).collect();
            assert_eq!(is_blown_up(&json), wanted, "{start}");
        }
    }

    proptest! {
        #[test]
        fn escaped_json_says_the_same_in_ascii(text in "[a-zé€\u{1F600}\"\\\\\0]{0,20}") {
            let json = serde_json::to_string(&text).unwrap();
            let escaped = escaped(&json);
            prop_assert!(escaped.is_ascii());
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        }

        #[test]
        fn no_spelling_holds_a_nul_and_the_plain_one_is_ascii(text in "[aé€\0]{0,20}") {
            for form in [Form::Json, Form::Bytes, Form::Plain] {
                let spelt = spelt(&text, form);
                prop_assert_eq!(spelt.chars().count(), text.chars().count());
                prop_assert!(!spelt.contains('\0') && (form != Form::Plain || spelt.is_ascii()));
            }
        }
    }
}
