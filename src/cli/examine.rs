//! A folder held against a database: what `check` prints, and what keeps `serve` and `dev` from starting.

use std::io::IsTerminal as _;
use std::path::Path;

use crate::catalog::Catalog;
use crate::cli::say::note;
use crate::cli::trouble::Trouble;
use crate::cli::variables::StandIns;
use crate::plan::{self, Plan};
use crate::reload::{self, Loading};
use crate::rules::{Guard, RuleSet};
use crate::settings::Flags;
use crate::vocabulary::problem::Problems;

/// Parsers recurse, and so does whoever walks what they made.
pub const STACK_BYTES: usize = 64 * 1024 * 1024;

/// Reads a folder.
pub fn load(folder: &Path, stand_ins: &StandIns, flags: &Flags) -> Result<Loading, Trouble> {
    deep(|| reload::load(folder, &|name| stand_ins.read(name), flags))
}

/// Compiles what was read, errors or not: an author wants to see all of them. The plan is there only if neither found one.
pub fn compile(loading: &Loading, catalog: &Catalog) -> Result<(Option<Plan>, Problems), Trouble> {
    let compilation = deep(|| plan::compile(&loading.rules, catalog))?;
    let mut problems = loading.problems.clone();
    problems.append(compilation.problems);
    let plan = compilation.plan.filter(|_| !problems.has_errors());
    Ok((plan, problems))
}

/// The text an author reads, in colours on a terminal.
pub fn text(problems: &Problems, loading: &Loading) -> String {
    let color = std::io::stderr().is_terminal() && !forbids_color();
    problems.render(&loading.sources, color)
}

/// `NO_COLOR` with anything in it.
fn forbids_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Shows warnings; errors end the command.
pub fn pass(problems: &Problems, loading: &Loading) -> Result<(), Trouble> {
    if problems.has_errors() {
        return Err(Trouble::Rules(text(problems, loading)));
    }
    if !problems.is_empty() {
        note(&format!("{}\n", text(problems, loading)));
    }
    Ok(())
}

/// `3 tables, 9 columns, 14 conditions`
pub fn size(rules: &RuleSet) -> String {
    let columns: usize = rules.tables.iter().map(|table| table.columns.len()).sum();
    format!(
        "{}, {}, {}",
        count(rules.tables.len(), "table"),
        count(columns, "column"),
        count(conditions(rules), "condition")
    )
}

/// Everything written in the expression language.
fn conditions(rules: &RuleSet) -> usize {
    let project: usize = rules
        .guards
        .iter()
        .map(|guard| usize::from(guard.rule.is_some()) + guard.presets.len())
        .sum();
    let tables: usize = rules
        .tables
        .iter()
        .map(|table| {
            let defaults = table
                .columns
                .iter()
                .filter(|column| column.default.is_some());
            let guard = matches!(table.guard, Some(Guard::Condition(_)));
            table.presets.len()
                + table.computed.len()
                + table.allow.len()
                + table.checks.len()
                + defaults.count()
                + usize::from(guard)
        })
        .sum();
    project + tables
}

fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// Runs work on a thread with a stack that a nested text cannot spend.
fn deep<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, Trouble> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, work)
            .map_err(|error| Trouble::unable(format!("no thread could be started: {error}")))?
            .join()
            .map_err(|_| Trouble::unable("reading the rules failed; please report this"))
    })
}
