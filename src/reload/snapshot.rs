//! [`Snapshot`]: an edition of the rules against one reading of the catalogue. A request has one, and keeps it to its end.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::time::Instant;

use crate::catalog::Catalog;
use crate::plan::{self, Compilation, Partial, Plan};
use crate::reload::edition::Edition;
use crate::reload::guarded::{Closed, Guarded};
use crate::rules::RuleSet;
use crate::vocabulary::names::TableName;
use crate::vocabulary::problem::{Problem, Problems, Severity};

/// One plan: an edition of the rules against one reading of the catalogue. Immutable.
#[derive(Debug)]
pub struct Snapshot {
    /// The rules it was compiled from.
    pub edition: Arc<Edition>,
    /// The compiled rules.
    pub plan: Plan,
    /// What compiles, and its author should look at.
    pub warnings: Problems,
    /// When the reading of the catalogue began.
    pub read_at: Instant,
    /// The tables that no upload may touch.
    pub closed: Closed,
    /// Those of them that the rules fit no more; the others lost a guard.
    misfits: BTreeSet<TableName>,
    pub(super) guarded: Guarded,
}

impl Snapshot {
    /// Rules against a catalogue whose reading began at `read_at`.
    pub fn compile(
        edition: Arc<Edition>,
        catalog: &Catalog,
        read_at: Instant,
    ) -> Result<Self, Problems> {
        let compilation = plan::compile(&edition.rules, catalog);
        Self::of(edition, compilation, &Guarded::default(), read_at)
    }

    /// The same, where tables were guarded before: a table that lost a guard since then is closed.
    fn of(
        edition: Arc<Edition>,
        compilation: Compilation,
        before: &Guarded,
        read_at: Instant,
    ) -> Result<Self, Problems> {
        let Some(plan) = compilation.plan else {
            return Err(compilation.problems);
        };
        let warnings = compilation.problems;
        Ok(Self::guarded(edition, plan, warnings, before, read_at))
    }

    fn guarded(
        edition: Arc<Edition>,
        plan: Plan,
        warnings: Problems,
        before: &Guarded,
        read_at: Instant,
    ) -> Self {
        let now = Guarded::by(&plan);
        let guarded = now.clone().and(before);
        Self {
            closed: guarded.closed_by(&now, &edition),
            misfits: BTreeSet::new(),
            guarded,
            edition,
            plan,
            warnings,
            read_at,
        }
    }

    /// The same rules against another catalogue. A table that they fit no more is closed, and the others go on.
    pub(super) fn again(&self, catalog: &Catalog, read_at: Instant) -> Result<Self, Problems> {
        // That each table has a guard was seen when they came into force. One that has none any more is closed, and the others go on.
        let rules = RuleSet {
            require_guard: false,
            ..self.edition.rules.clone()
        };
        let Partial {
            plan,
            misfits,
            warnings,
        } = plan::compile_fitting(&rules, catalog)?;
        let edition = self.edition.clone();
        let mut fresh = Self::guarded(edition, plan, warnings, &self.guarded, read_at);
        for (table, problems) in misfits {
            let reason = misfit(&table, &problems, &self.edition);
            fresh.misfits.insert(table.clone());
            fresh.closed.insert(table, reason);
        }
        Ok(fresh)
    }

    /// The rules that follow these, against a catalogue.
    pub(super) fn followed_by(
        &self,
        edition: Arc<Edition>,
        catalog: &Catalog,
        read_at: Instant,
    ) -> Result<Self, Problems> {
        if edition.version == self.edition.version {
            return self.again(catalog, read_at);
        }
        let before = self.guarded.carried_over(&self.edition, &edition);
        let compilation = plan::compile(&edition.rules, catalog);
        Self::of(edition, compilation, &before, read_at)
    }

    /// Whether a table is closed because its rules fit the database no more.
    pub fn is_misfit(&self, table: &str) -> bool {
        self.misfits.contains(table)
    }

    /// What our roles lack for the rules of a table, and what to grant; `None` where nothing is missing.
    pub fn missing_privileges(&self, table: &str) -> Option<String> {
        let mut tables = self.edition.rules.tables.iter();
        let rules = tables.find(|rules| rules.table.node.as_str() == table)?;
        let is_its = |problem: &&Problem| {
            let place = problem.place.as_ref();
            place.is_some_and(|place| place.file == rules.place.file)
        };
        let lacks = |problem: &&Problem| problem.message.starts_with("our role lacks");
        let warnings = self.warnings.sorted();
        let told = warnings.into_iter().filter(is_its).filter(lacks);
        let told: Vec<String> = told
            .map(|problem| {
                format!(
                    "{}; {}",
                    problem.message,
                    problem.help.as_deref().unwrap_or_default()
                )
            })
            .collect();
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// Whether every table is closed, so that no upload can be applied at all.
    pub fn is_closed(&self) -> bool {
        let mut tables = self.edition.rules.tables.iter();
        !self.closed.is_empty() && tables.all(|rules| self.closed.contains_key(&rules.table.node))
    }

    /// 12 hex digits that name its rules.
    pub fn version(&self) -> &Arc<str> {
        &self.edition.version
    }

    /// The statements that it reads by.
    pub(super) fn statements(&self) -> BTreeSet<String> {
        let tables = self
            .plan
            .tables()
            .flat_map(|table| [&table.read_for_update, &table.read_for_delete]);
        let relations = self.plan.relations().map(|relation| &relation.read);
        tables
            .chain(relations)
            .map(|statement| statement.text.to_string())
            .collect()
    }
}

/// Why a change of the database closed a table, in one line: the first thing that does not fit, with its place and its cure.
fn misfit(table: &TableName, problems: &Problems, edition: &Edition) -> String {
    let errors = problems.sorted();
    let mut errors = errors
        .into_iter()
        .filter(|problem| problem.severity == Severity::Error);
    let first = errors.next().map(|problem| told(problem, edition));
    let more = match errors.count() {
        0 => String::new(),
        count => format!("; and {count} more"),
    };
    format!(
        "table `{table}` is closed: the rules do not fit the database any more: {}{more}",
        first.unwrap_or_default()
    )
}

fn told(problem: &Problem, edition: &Edition) -> String {
    let place = problem.place.as_ref().map(|place| {
        let (line, column) = edition.sources.line_column(place).unwrap_or((1, 1));
        format!("{}:{line}:{column}: ", place.file)
    });
    let help = problem.help.iter().map(|help| format!(" ({help})"));
    let help: String = help.collect();
    format!("{}{}{help}", place.unwrap_or_default(), problem.message)
}
