//! An explanation as a person reads it.

use std::fmt::Write as _;

use crate::apply::{End, Explained, Outcome, Told, refused};
use crate::catalog::Table;
use crate::cli::explain::{Asked, Page, asked, asked_at_end, image};
use crate::expr::show;
use crate::plan::{Plan, TablePlan};
use crate::policy::{Heard, Refusal, Write};
use crate::vocabulary::names::FieldName;
use crate::vocabulary::row::{ColumnId, Datum, Row};
use crate::vocabulary::value::Value;

/// The whole text.
pub(super) fn page(page: &Page<'_>) -> String {
    let claims = show(&page.principal.claims);
    let mut text = format!(
        "{}{}",
        entry("claims", &claims),
        entry("rules", &format!("version {}", page.version))
    );
    let transactions = page.explained.iter().zip(&page.batch.transactions);
    for (position, (explained, transaction)) in transactions.enumerate() {
        let count = transaction.operations.len();
        let _ = writeln!(
            text,
            "\ntransaction {position}: {}",
            outcome(explained, count)
        );
        for (index, told) in explained.told.iter().enumerate() {
            operation(&mut text, page.plan, explained, index, told);
        }
    }
    text.push_str("\nNothing was kept.\n");
    text
}

fn outcome(explained: &Explained, count: usize) -> String {
    match &explained.outcome {
        Outcome::Applied | Outcome::Repeated => "would be applied".to_owned(),
        Outcome::Refused(refusal) => match refusal.operation_index {
            Some(index) if count > 1 => format!(
                "would be refused, all {count} operations of it, for operation {index}: {}",
                refused(refusal)
            ),
            _ => format!("would be refused: {}", refused(refusal)),
        },
        Outcome::Retry(retry) => format!("could not be run: {}", retry.cause),
        Outcome::NotAttempted => "would not be attempted after what came before it".to_owned(),
    }
}

/// A word and what is said of it, its further lines below one another.
fn entry(word: &str, text: &str) -> String {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let mut entry = format!("  {word:<8} {first}\n");
    for line in lines {
        let _ = writeln!(entry, "           {line}");
    }
    entry
}

fn operation(text: &mut String, plan: &Plan, explained: &Explained, index: usize, told: &Told) {
    let name = told.table.as_deref().unwrap_or("?");
    let id = show(&Value::string(told.id.as_deref().unwrap_or("?")));
    let _ = writeln!(text, "\noperation {index}: {} {name} {id}", told.verb);
    let rules = told.rules(plan);
    if let (Some(table), Some(op)) = (rules, told.trace.op) {
        let _ = write!(
            text,
            "{}",
            entry("op", &format!("{op} of {}", table.facts.target))
        );
        text.push_str(&entry("row", &rows(table, told)));
        if op.has_new() {
            let changed: Vec<&str> = told.trace.changed.iter().map(FieldName::as_str).collect();
            let changed = if changed.is_empty() {
                "nothing".to_owned()
            } else {
                changed.join(", ")
            };
            text.push_str(&entry("changed", &changed));
        }
        for asked in asked(table, op) {
            let heard = told.trace.heard(asked.condition);
            text.push_str(&entry(asked.kind, &condition(&asked, heard, op.has_new())));
        }
    }
    if let (Some(table), Some(at_end)) = (rules, &told.at_end)
        && let Some(op) = at_end.op
    {
        for asked in asked_at_end(table, op) {
            let heard = at_end.heard(asked.condition);
            text.push_str(&entry(asked.kind, &condition(&asked, heard, op.has_new())));
        }
    }
    let verdict = told.verdict(plan, index, &explained.outcome);
    text.push_str(&entry("verdict", &verdict));
    if let Outcome::Refused(refusal) = &explained.outcome
        && refusal.operation_index == Some(index)
    {
        text.push_str(&entry("client", &learns(refusal)));
    }
    if let (Some(table), End::Write(write)) = (rules, &told.end) {
        text.push_str(&entry("write", &written(table, write)));
    }
}

/// What the client learns: nothing that the rules' author did not write, and no value.
fn learns(refusal: &Refusal) -> String {
    let mut text = format!("learns \"{}\"", refusal.message);
    for detail in &refusal.details {
        let detail = match &detail.field {
            Some(field) => format!("`{field}` {}", detail.message),
            None => format!("the row {}", detail.message),
        };
        if detail != refusal.message {
            let _ = write!(text, "\n{detail}");
        }
    }
    text
}

fn condition(asked: &Asked<'_>, heard: Option<&Heard>, has_columns: bool) -> String {
    let about = match (&asked.fields, asked.code, asked.kind) {
        (Some(fields), _, _) => format!(", for {} only", fields.join(", ")),
        (None, Some(code), _) => format!(", or else {code}"),
        (None, None, "grant") if has_columns => ", for every column".to_owned(),
        (None, None, _) => String::new(),
    };
    let said = match heard {
        None => "not asked",
        Some(heard) if heard.holds() => "holds",
        Some(_) => "does not hold",
    };
    let mut text = format!("`{}`{about}: {said}\n", one_line(asked.condition.text()));
    for (images, reasons) in heard.map(reasons).unwrap_or_default() {
        if images.is_empty() {
            text.push_str(&reasons);
        } else {
            let _ = writeln!(text, "asked of {}:", images.join(" and of "));
            for line in reasons.lines() {
                let _ = writeln!(text, "  {line}");
            }
        }
    }
    text
}

/// The reasons of each answer that was no, those that are alike once.
fn reasons(heard: &Heard) -> Vec<(Vec<&'static str>, String)> {
    let mut reasons: Vec<(Vec<&'static str>, String)> = Vec::new();
    for answer in heard.answers.iter().filter(|answer| !answer.holds) {
        let Some(account) = &answer.account else {
            continue;
        };
        let text = account.text(0);
        match reasons.iter_mut().find(|(_, known)| *known == text) {
            Some((images, _)) => images.extend(image(answer)),
            None => reasons.push((image(answer).into_iter().collect(), text)),
        }
    }
    reasons
}

/// The columns that were read, one below the other, with what becomes of them.
fn rows(table: &TablePlan, told: &Told) -> String {
    let (old, new) = (told.trace.old.as_ref(), told.trace.new.as_ref());
    let columns: Vec<(ColumnId, &str)> = table
        .facts
        .ids()
        .filter(|(id, _)| table.image.contains(id))
        .map(|(id, column)| (id, column.name.as_str()))
        .collect();
    let names = columns.iter().map(|(_, name)| name.chars().count());
    let width = names.max().unwrap_or_default();
    let mut text = String::new();
    for (id, name) in columns {
        let _ = writeln!(text, "{name:width$}  {}", values(old, new, id));
    }
    text
}

fn values(old: Option<&Row>, new: Option<&Row>, id: ColumnId) -> String {
    let shown = |row: &Row| {
        row.column(id)
            .map_or_else(|| "(left to the database)".to_owned(), datum)
    };
    match (old.map(shown), new.map(shown)) {
        (Some(old), Some(new)) if old != new => format!("{old} -> {new}"),
        (Some(only), _) | (None, Some(only)) => only,
        (None, None) => String::new(),
    }
}

/// A stored value; one that rules cannot see into is shown as the database prints it.
fn datum(datum: &Datum) -> String {
    match (&datum.value, &datum.text) {
        (Value::Opaque, Some(text)) => show(&Value::string(text)),
        (value, _) => show(value),
    }
}

fn written(table: &TablePlan, write: &Write) -> String {
    match write {
        Write::Insert(columns) => format!("INSERT {}", assignments(&table.facts, columns)),
        Write::Update(columns) => format!("UPDATE {}", assignments(&table.facts, columns)),
        Write::Delete => "DELETE".to_owned(),
    }
}

fn assignments(facts: &Table, columns: &[(ColumnId, Datum)]) -> String {
    let columns = columns
        .iter()
        .filter_map(|(id, value)| Some(format!("{} = {}", facts.at(*id)?.name, datum(value))));
    columns.collect::<Vec<_>>().join(", ")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
