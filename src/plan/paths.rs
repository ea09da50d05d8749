//! Which way each condition is answered: in the statement, or by reading the row and judging.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use crate::expr::{Compiled, Outside};
use crate::plan::{Plan, Standing, TablePlan};
use crate::vocabulary::names::{FieldName, TableName};
use crate::vocabulary::operation::Op;

/// How one condition is answered for one op.
#[derive(Debug)]
pub struct Path<'a> {
    /// The table, by the name the app uses.
    pub table: &'a TableName,
    /// What happens to the row.
    pub op: Op,
    /// What the condition is there for.
    pub purpose: Purpose,
    /// The condition.
    pub condition: &'a Compiled,
    /// What keeps it out of the statement, for some set of fields at least.
    pub outside: Option<Outside>,
}

/// What a condition is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It must hold besides all others.
    Guard,
    /// It allows.
    Grant,
    /// It must hold, and has a code.
    Check,
}

impl Purpose {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guard => "guard",
            Self::Grant => "grant",
            Self::Check => "check",
        }
    }
}

impl TablePlan {
    /// The conditions that an op meets before it is written.
    pub fn conditions(&self, op: Op) -> impl Iterator<Item = (Purpose, &Compiled)> {
        let guards = self.guards.iter().map(|guard| (Purpose::Guard, guard));
        let grants = self
            .grants
            .iter()
            .filter(move |grant| grant.op == op)
            .map(|grant| (Purpose::Grant, &grant.condition));
        let checks = self
            .checks
            .iter()
            .filter(move |check| check.ops.contains(&op) && !check.is_deferred)
            .map(|check| (Purpose::Check, &check.rule));
        guards.chain(grants).chain(checks)
    }
}

impl Plan {
    /// How each condition is answered, for each op that some grant allows: in the statement, or by reading and judging.
    pub fn paths(&self) -> Vec<Path<'_>> {
        let mut paths = Vec::new();
        for table in self.tables() {
            let all: BTreeSet<FieldName> = table.fields.keys().cloned().collect();
            let is_granted = |op: &Op| table.grants.iter().any(|grant| grant.op == *op);
            for op in Op::ALL.into_iter().filter(is_granted) {
                // With nothing sent, everything of the new row is stored; with all, as much as can be is known.
                let standings = [BTreeSet::new(), all.clone()]
                    .map(|sent| Standing::new(self, table, op, &sent));
                for (purpose, condition) in table.conditions(op) {
                    let fragments = standings
                        .iter()
                        .map(|standing| standing.fragments(condition).map(|_| ()));
                    let outside = fragments.collect::<Result<(), Outside>>().err();
                    paths.push(Path {
                        table: &table.name,
                        op,
                        purpose,
                        condition,
                        outside,
                    });
                }
            }
        }
        paths
    }

    /// How many conditions can be answered in the statement, and of each other one where it stands and why not.
    pub fn paths_text(&self) -> String {
        let paths = self.paths();
        let outside = paths.iter().filter(|path| path.outside.is_some());
        let judged = outside.clone().count();
        let mut text = format!(
            "{} conditions: {} in the statement, {judged} read and judged\n",
            paths.len(),
            paths.len() - judged
        );
        for path in outside {
            let _ = write!(text, "{path}");
        }
        text
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (table, op, purpose) = (self.table, self.op, self.purpose.as_str());
        let text = self.condition.text();
        write!(f, "{table} {op} {purpose} `{text}`: ")?;
        let Some(outside) = &self.outside else {
            return writeln!(f, "in the statement");
        };
        match text.get(outside.range.clone()) {
            Some(part) if part != text => writeln!(f, "`{part}`: {outside}"),
            _ => writeln!(f, "{outside}"),
        }
    }
}
