//! What the devices were told about each transaction.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::transaction::Transaction;

/// One answer about one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// It is committed.
    Success,
    /// It is refused for good, with this code.
    Fatal(String),
    /// Later.
    Later,
}

impl Word {
    /// For the report.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Fatal(_) => "fatal",
            Self::Later => "later",
        }
    }
}

/// A transaction, and every answer that was given about it, the ones to duplicates too.
#[derive(Clone, Debug)]
pub struct Story {
    /// The transaction.
    pub transaction: Transaction,
    /// The answers.
    pub words: Vec<Word>,
}

/// All stories of a run.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<BTreeMap<String, Story>>>);

impl Told {
    /// A transaction has been sent for the first time, or again.
    pub fn sent(&self, batch: &[Transaction]) {
        let mut stories = self.0.lock().unwrap();
        for transaction in batch {
            stories
                .entry(transaction.name.clone())
                .or_insert_with(|| Story {
                    transaction: transaction.clone(),
                    words: Vec::new(),
                });
        }
    }

    /// An answer has come.
    pub fn heard(&self, batch: &[Transaction], words: &[Word]) {
        let mut stories = self.0.lock().unwrap();
        for (transaction, word) in batch.iter().zip(words) {
            let story = stories.get_mut(&transaction.name).unwrap();
            story.words.push(word.clone());
        }
    }

    /// Everything.
    pub fn stories(&self) -> BTreeMap<String, Story> {
        self.0.lock().unwrap().clone()
    }
}

/// Reads the results of an upload of `count` transactions. An answer that the contract does not know is an error: it would block the queue for ever.
pub fn read(body: &Value, count: usize) -> Result<Vec<Word>, String> {
    let results = body["results"].as_array().ok_or("no results")?;
    if results.len() != count {
        return Err(format!("{} results for {count}", results.len()));
    }
    let mut words = Vec::new();
    let mut has_stopped = false;
    for result in results {
        let word = word(result)?;
        let is_attempted = result["status"] != "not_attempted";
        if is_attempted == has_stopped {
            return Err("the batch goes on after it stopped, or stops without a reason".to_owned());
        }
        // The suite's rules leave `on_fatal_error` at `stop`.
        has_stopped = word != Word::Success;
        words.push(word);
    }
    Ok(words)
}

fn word(result: &Value) -> Result<Word, String> {
    match result["status"].as_str() {
        Some("success") => Ok(Word::Success),
        Some("not_attempted") => Ok(Word::Later),
        Some("retryable_error") if result["retry_after_ms"].is_u64() => Ok(Word::Later),
        Some("fatal_error") => {
            let code = result["failed_operation"]["error_code"].as_str();
            let code = code.ok_or("a fatal answer without a code")?;
            if result["requires_client_handling"] != (code == "UNIQUE_VIOLATION") {
                return Err(format!("the app was to decide, or was not: {result}"));
            }
            Ok(Word::Fatal(code.to_owned()))
        }
        _ => Err(format!("no result of the contract: {result}")),
    }
}
