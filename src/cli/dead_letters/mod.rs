//! `rulegate dead-letters`: what was refused for good, as an operator looks at it and settles it.

mod text;

use serde::Deserialize;

use crate::cli::arguments::{Lettering, Letters, Which};
use crate::cli::say::{note, say};
use crate::cli::trouble::Trouble;
use crate::cli::variables::{KEYS, KEYS_STAND_IN};
use crate::cli::{check, examine, serve};
use crate::driver::postgres::{DriverError, Store};
use crate::journal::filed::{self, Discarded, Filed, Filter};
use crate::journal::seal::{self, SealError, Spot};
use crate::request::{self, Cell, Written};
use crate::settings::{KEY_CURE, SealingKey, SealingKeys};

/// Does one of the tasks.
pub async fn run(arguments: &Lettering) -> Result<(), Trouble> {
    if let Letters::Replay { .. } = &arguments.task {
        return Err(Trouble::unable(
            "`dead-letters replay` is not supported yet: mend the rules or the data, and have the app send it again",
        ));
    }
    // No token is looked at here, so no keys are needed. Where `rulegate dev` has been, its database is meant.
    let stand_ins = check::at_home().and(KEYS, KEYS_STAND_IN);
    let flags = arguments.database.flags();
    let loading = examine::load(&arguments.rules, &stand_ins, &flags)?;
    let settings = serve::settings(&loading)?;
    let store = serve::open(&settings)?;
    match &arguments.task {
        Letters::List { which, limit, json } => list(&store, &filter(which), *limit, *json).await,
        Letters::Show { id, reveal } => {
            let keys = keys(&settings.dead_letters.keys, *reveal)?;
            let letter = filed::one(&store, *id)
                .await
                .map_err(|error| unable(&error))?;
            let letter =
                letter.ok_or_else(|| Trouble::unable(format!("there is no letter {id}")))?;
            say(&text::page(&letter, &opened(&letter, keys)));
            Ok(())
        }
        Letters::Discard { ids, code, .. } => match code {
            Some(code) => {
                let count = filed::discard_code(&store, code)
                    .await
                    .map_err(|error| unable(&error))?;
                say(&text::counted(count, code));
                Ok(())
            }
            None => discard(&store, ids).await,
        },
        Letters::Export { which, reveal } => {
            let keys = keys(&settings.dead_letters.keys, *reveal)?;
            export(&store, &filter(which), keys).await
        }
        Letters::Replay { .. } => Ok(()),
    }
}

fn filter(which: &Which) -> Filter {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Filter {
        state: text(&which.state),
        subject: text(&which.subject),
        code: text(&which.code),
    }
}

async fn list(store: &Store, filter: &Filter, limit: usize, is_json: bool) -> Result<(), Trouble> {
    let list = filed::list(store, filter, limit)
        .await
        .map_err(|error| unable(&error))?;
    say(&if is_json {
        text::json(&list)
    } else {
        text::table(&list)
    });
    Ok(())
}

async fn discard(store: &Store, ids: &[i64]) -> Result<(), Trouble> {
    let discarded = filed::discard(store, ids)
        .await
        .map_err(|error| unable(&error))?;
    let mut unknown = Vec::new();
    for (id, what) in discarded {
        match what {
            Discarded::Now => say(&format!("{id}: discarded")),
            Discarded::Already(state) => say(&format!("{id}: left as it is, {state}")),
            Discarded::Unknown => unknown.push(id.to_string()),
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Trouble::unable(format!(
        "there is no letter {}",
        unknown.join(", ")
    )))
}

async fn export(store: &Store, filter: &Filter, keys: &SealingKeys) -> Result<(), Trouble> {
    let mut last = i64::MIN;
    loop {
        let letters = filed::after(store, last, filter)
            .await
            .map_err(|error| unable(&error))?;
        if letters.is_empty() {
            return Ok(());
        }
        for letter in &letters {
            say(&text::line(letter, &opened(letter, keys)));
            last = letter.id;
        }
    }
}

/// The keys to open sealed values with; none where that was not asked for.
fn keys(keys: &SealingKeys, is_asked: bool) -> Result<&SealingKeys, Trouble> {
    match keys.trouble() {
        _ if !is_asked => Ok(&SealingKeys::Unset),
        None => Ok(keys),
        Some(trouble) => Err(Trouble::unable(format!("--reveal: {trouble}; {KEY_CURE}"))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    sealed: String,
}

/// What was sent, its sealed values opened as far as there are keys.
fn opened(letter: &Filed, keys: &SealingKeys) -> String {
    let Some(key) = letter.key.filter(|_| !keys.all().is_empty()) else {
        return letter.transaction.clone();
    };
    request::rewritten(&letter.transaction, &mut |cell: Cell<'_>| {
        let Ok(Sealed { sealed }) = serde_json::from_str(cell.value) else {
            return Written::Plainly;
        };
        let spot = Spot {
            letter: key,
            table: cell.table,
            column: cell.field,
        };
        let keys = keys.all().iter().map(SealingKey::reveal);
        match seal::open(keys, spot, &sealed) {
            Ok(value) => Written::As(value),
            // An app may send a value of this form too.
            Err(SealError::Unreadable) => Written::Plainly,
            Err(error) => {
                note(&text::safe(&format!(
                    "note: letter {}: `{}` of `{}` stays sealed: {error}",
                    letter.id, cell.field, cell.table
                )));
                Written::Plainly
            }
        }
    })
}

fn unable(error: &DriverError) -> Trouble {
    Trouble::unable(error.to_string())
}
