//! Compares what devices were told with what Postgres says has happened.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::server::Server;
use crate::told::{Story, Word};
use crate::transaction::{Ending, Trace, Transaction};

/// What went wrong in a run: each list names the transactions it counts.
#[derive(Debug, Default)]
pub struct Findings {
    /// Answered `success` and not in the database, or answered `fatal_error` and not in a letter in full.
    pub lost: Vec<String>,
    /// In the database twice.
    pub twice: Vec<String>,
    /// Some of its operations are there without the others.
    pub half: Vec<String>,
    /// Answered `fatal_error`, or kept as a letter, though the rules allow it; or refused with another code.
    pub wrongly_refused: Vec<String>,
    /// Applied, or answered `success`, though it has to be refused.
    pub let_in: Vec<String>,
    /// Kept in more than one letter, or in one that counts fewer refusals than were answered.
    pub miscounted: Vec<String>,
    /// Applied before one that its device had written earlier.
    pub disordered: Vec<String>,
    /// Never answered for good, though the faults were over.
    pub unsent: Vec<String>,
}

/// What was committed of one transaction, by the database's transaction.
type Copies = BTreeMap<u64, Vec<Trace>>;

/// What Postgres says.
pub struct Truth {
    /// By the transaction's name.
    applied: BTreeMap<String, Copies>,
    /// By the transaction's name: what its letters keep.
    letters: BTreeMap<String, Vec<Letter>>,
}

/// A dead letter.
struct Letter {
    transaction: Value,
    occurrences: usize,
}

impl Truth {
    /// Reads it.
    pub async fn read(server: &Server, stories: &BTreeMap<String, Story>) -> Self {
        Self {
            applied: applied(server, stories).await,
            letters: letters(server).await,
        }
    }

    /// How many letters there are.
    pub fn letters(&self) -> usize {
        self.letters.values().map(Vec::len).sum()
    }
}

impl Findings {
    /// Holds every story against the truth.
    pub fn of(stories: &BTreeMap<String, Story>, truth: &Truth) -> Self {
        let mut findings = Self::default();
        for (name, story) in stories {
            for (is_found, list) in findings.about(story, truth) {
                if is_found {
                    list.push(name.clone());
                }
            }
        }
        findings.disordered = disordered(stories, truth);
        findings
    }

    fn about(&mut self, story: &Story, truth: &Truth) -> [(bool, &mut Vec<String>); 7] {
        let Story { transaction, words } = story;
        let nothing = BTreeMap::new();
        let copies = truth.applied.get(&transaction.name).unwrap_or(&nothing);
        let letters = truth
            .letters
            .get(&transaction.name)
            .map_or(&[][..], Vec::as_slice);
        let must_apply = transaction.ending == Ending::Applied;
        let is_applied = !copies.is_empty() || transaction.traces.is_empty();
        let is_kept = letters.iter().any(|letter| keeps(letter, transaction));
        let is_success = words.contains(&Word::Success);
        let mut codes = words.iter().filter_map(|word| match word {
            Word::Fatal(code) => Some(code.as_str()),
            _ => None,
        });
        let refusals = codes.clone().count();
        let is_fatal = refusals > 0;
        let is_misnamed = codes
            .any(|code| !matches!(transaction.ending, Ending::Refused(wanted) if wanted == code));
        let is_whole = |copy: &Vec<Trace>| sorted(copy) == sorted(&transaction.traces);
        [
            (
                is_success && must_apply && !is_applied
                    || is_fatal && !is_kept && copies.is_empty(),
                &mut self.lost,
            ),
            (
                copies.len() > 1 || copies.values().any(|copy| sorted(copy).len() < copy.len()),
                &mut self.twice,
            ),
            (copies.values().any(|copy| !is_whole(copy)), &mut self.half),
            (
                is_misnamed || must_apply && !letters.is_empty(),
                &mut self.wrongly_refused,
            ),
            (
                !must_apply && (is_success || !copies.is_empty()),
                &mut self.let_in,
            ),
            (
                letters.len() > 1 || letters.iter().any(|letter| letter.occurrences < refusals),
                &mut self.miscounted,
            ),
            (!is_success && !is_fatal, &mut self.unsent),
        ]
    }

    /// One line: the totals.
    pub fn totals(&self) -> String {
        format!(
            "lost {}, applied twice {}, half {}, wrongly dead-lettered {}, let in {}, letters miscounted {}, disordered {}, unsent {}",
            self.lost.len(),
            self.twice.len(),
            self.half.len(),
            self.wrongly_refused.len(),
            self.let_in.len(),
            self.miscounted.len(),
            self.disordered.len(),
            self.unsent.len()
        )
    }

    /// Nothing is wrong.
    pub fn is_clean(&self) -> bool {
        let Self {
            lost,
            twice,
            half,
            wrongly_refused,
            let_in,
            miscounted,
            disordered,
            unsent,
        } = self;
        [
            lost,
            twice,
            half,
            wrongly_refused,
            let_in,
            miscounted,
            disordered,
            unsent,
        ]
        .iter()
        .all(|list| list.is_empty())
    }
}

/// The lines without their repetitions, in order.
fn sorted(traces: &[Trace]) -> Vec<&Trace> {
    let mut traces: Vec<&Trace> = traces.iter().collect();
    traces.sort();
    traces.dedup();
    traces
}

/// A device's later transaction begins when the earlier one is over, so the database gave it a higher number.
fn disordered(stories: &BTreeMap<String, Story>, truth: &Truth) -> Vec<String> {
    let mut queue: Vec<&Transaction> = stories.values().map(|story| &story.transaction).collect();
    queue.sort_by_key(|transaction| (&transaction.device, transaction.id));
    let mut disordered = Vec::new();
    let mut last = ("", 0);
    for transaction in queue {
        let copies = truth.applied.get(&transaction.name);
        let Some(txid) = copies.and_then(|copies| copies.keys().next()) else {
            continue;
        };
        if last.0 == transaction.device && *txid < last.1 {
            disordered.push(transaction.name.clone());
        }
        last = (&transaction.device, *txid);
    }
    disordered
}

/// Whether a letter has every entry with all that was sent in it.
fn keeps(letter: &Letter, transaction: &Transaction) -> bool {
    let Some(kept) = letter.transaction["crud"].as_array() else {
        return false;
    };
    let mut pairs = kept.iter().zip(&transaction.crud);
    kept.len() == transaction.crud.len()
        && pairs.all(|(kept, sent)| {
            sent.as_object()
                .unwrap()
                .iter()
                .all(|(key, value)| kept[key] == *value)
        })
}

async fn applied(server: &Server, stories: &BTreeMap<String, Story>) -> BTreeMap<String, Copies> {
    let deletions = deletions(stories);
    let mut applied: BTreeMap<String, Copies> = BTreeMap::new();
    for row in server.rows("SELECT op, place, tag, txid FROM audit").await {
        let [op, place, tag, txid] = row.try_into().unwrap();
        let trace = Trace {
            op: op.unwrap(),
            place: place.unwrap(),
            tag: tag.unwrap(),
        };
        // The tag of a row that is deleted is its last writer's.
        let writer = trace.tag.split('/').next().unwrap();
        let name = deletions.get(&trace).copied().unwrap_or(writer).to_owned();
        let copies = applied.entry(name).or_default();
        copies
            .entry(txid.unwrap().parse().unwrap())
            .or_default()
            .push(trace);
    }
    applied
}

/// Who deletes which row. One that has to be refused may be followed by one that deletes the same row rightly.
fn deletions(stories: &BTreeMap<String, Story>) -> BTreeMap<&Trace, &str> {
    let mut deletions = BTreeMap::new();
    for must_apply in [false, true] {
        let transactions = stories.values().map(|story| &story.transaction);
        for transaction in transactions.filter(|one| (one.ending == Ending::Applied) == must_apply)
        {
            let traces = transaction
                .traces
                .iter()
                .filter(|trace| trace.op == "DELETE");
            deletions.extend(traces.map(|trace| (trace, transaction.name.as_str())));
        }
    }
    deletions
}

async fn letters(server: &Server) -> BTreeMap<String, Vec<Letter>> {
    let sql = "SELECT coalesce(transaction::text, convert_from(transaction_bytes, 'UTF8')), occurrences FROM rulegate.dead_letters";
    let mut letters: BTreeMap<String, Vec<Letter>> = BTreeMap::new();
    for row in server.rows(sql).await {
        let [text, occurrences] = row.try_into().unwrap();
        let transaction: Value = serde_json::from_str(&text.unwrap()).unwrap();
        let letter = Letter {
            transaction,
            occurrences: occurrences.unwrap().parse().unwrap(),
        };
        let name = letter.transaction["crud"][0]["metadata"]
            .as_str()
            .unwrap_or("a letter of nobody")
            .to_owned();
        letters.entry(name).or_default().push(letter);
    }
    letters
}
