//! Expressions and schemas of the author's text → compiled ones, or problems at their place.

use std::collections::BTreeSet;

use crate::expr::{self, Compiled, Expected, Fault, Scope, TableId, Variable, World};
use crate::plan::schemas::Schemas;
use crate::schema::Schema;
use crate::vocabulary::names::FieldName;
use crate::vocabulary::operation::Op;
use crate::vocabulary::place::{SourceJson, SourceText};
use crate::vocabulary::problem::{Problem, Problems};

/// What stands around the expressions of one table.
pub(super) struct Context<'a> {
    pub world: &'a World,
    pub table: Option<TableId>,
    pub fields: &'a BTreeSet<FieldName>,
    pub schemas: &'a Schemas,
    /// Whether naming what came to nothing is a problem of its own.
    pub tells_broken: bool,
}

/// The variables that a guard may name: it holds for every op.
pub(super) const GUARD: &[Variable] = &[Variable::This, Variable::Auth];
/// The variables that a computed value may name.
pub(super) const COMPUTED: &[Variable] = &[Variable::This, Variable::Auth];
/// The variables that a check may name; it is judged where the images it names exist.
pub(super) const CHECK: &[Variable] = &[
    Variable::Auth,
    Variable::Old,
    Variable::New,
    Variable::This,
    Variable::Op,
    Variable::Changed,
    Variable::Request,
    Variable::Metadata,
];

/// The variables that a grant may name.
pub(super) fn grant_variables(op: Op) -> &'static [Variable] {
    use Variable::{Auth, Changed, Metadata, New, Old, Request, This};
    match op {
        Op::Create => &[Auth, New, This, Variable::Op, Changed, Request, Metadata],
        Op::Update => &[
            Auth,
            Old,
            New,
            This,
            Variable::Op,
            Changed,
            Request,
            Metadata,
        ],
        Op::Delete => &[Auth, Old, This, Variable::Op, Request, Metadata],
    }
}

/// The variables that a default or preset may name.
pub(super) fn preset_variables(op: Op) -> &'static [Variable] {
    use Variable::{Auth, Metadata, Old, Request};
    match op {
        Op::Update => &[Auth, Variable::Op, Request, Metadata, Old],
        Op::Create | Op::Delete => &[Auth, Variable::Op, Request, Metadata],
    }
}

impl Context<'_> {
    /// Compiles an expression; what is wrong with it goes to `problems`.
    pub(super) fn expression(
        &self,
        source: &SourceText,
        variables: &[Variable],
        expected: Expected<'_>,
        problems: &mut Problems,
    ) -> Option<Compiled> {
        let scope = Scope {
            world: self.world,
            table: self.table,
            defines: None,
            variables,
            fields: self.fields,
            expected,
        };
        match expr::compile(&source.text, &scope) {
            Ok(compiled) => {
                report(source, compiled.warnings(), problems);
                for name in compiled.reads().broken.iter().filter(|_| self.tells_broken) {
                    let message = format!("`{name}` leads to what is not there any more");
                    problems.push(Problem::error(source.place.clone(), message));
                }
                Some(compiled)
            }
            Err(faults) => {
                report(source, &faults, problems);
                None
            }
        }
    }

    /// Compiles a condition.
    pub(super) fn condition(
        &self,
        source: &SourceText,
        variables: &[Variable],
        problems: &mut Problems,
    ) -> Option<Compiled> {
        self.expression(source, variables, Expected::Condition, problems)
    }

    /// Compiles a JSON Schema.
    pub(super) fn schema(&self, source: &SourceJson, problems: &mut Problems) -> Option<Schema> {
        self.schemas.compile(source, problems)
    }
}

/// Reports the faults of an expression at their places.
pub(super) fn report(source: &SourceText, faults: &[Fault], problems: &mut Problems) {
    for fault in faults {
        let place = source.at(fault.range.clone());
        let mut problem = if fault.is_warning {
            Problem::warning(place, fault.message.clone())
        } else {
            Problem::error(place, fault.message.clone())
        };
        problem.help.clone_from(&fault.help);
        if fault.is_unknown_name {
            problems.push_once(problem);
        } else {
            problems.push(problem);
        }
    }
}
