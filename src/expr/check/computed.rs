//! Computed values, put where they are named.

use std::mem;
use std::ops::Range;
use std::sync::Arc;

use crate::expr::Fault;
use crate::expr::check::{Checker, Inlined, RowTerm, Term};
use crate::expr::ir::{Node, NodeKind, RowSource, Written};
use crate::expr::parse::parse;
use crate::vocabulary::names::MemberName;
use crate::vocabulary::place::SourceText;

impl Checker<'_> {
    /// A computed value, put where it is named.
    pub(super) fn computed(
        &mut self,
        row: &RowTerm,
        name: &MemberName,
        source: &SourceText,
        range: Range<usize>,
    ) -> Term {
        if let Some(fault) = self.cycle(row, name, &range) {
            self.faults.push(fault);
            return Term::Value(Node::unknown(range));
        }
        let tree = self
            .trees
            .entry((row.table, name.clone()))
            .or_insert_with(|| parse(&source.text).map(Arc::new))
            .clone();
        let faults = mem::take(&mut self.faults);
        let bound = mem::take(&mut self.bound);
        self.inlined.push(Inlined {
            table: row.table,
            name: name.clone(),
            this: row.clone(),
            range: range.clone(),
        });
        let node = match tree {
            Ok(tree) => self.value(&tree),
            Err(fault) => {
                self.fault(fault);
                Node::unknown(range.clone())
            }
        };
        self.inlined.pop();
        self.bound = bound;
        let inner = mem::replace(&mut self.faults, faults);
        match inner.into_iter().find(|fault| !fault.is_warning) {
            Some(fault) => {
                let fault = self.in_computed(row, name, fault, range.clone());
                self.faults.push(fault);
                Term::Value(Node::unknown(range))
            }
            None => Term::Value(of(row, defined(source, node))),
        }
    }

    /// What is wrong inside a computed value, told where it is named.
    fn in_computed(
        &self,
        row: &RowTerm,
        name: &MemberName,
        fault: Fault,
        range: Range<usize>,
    ) -> Fault {
        if !self.inlined.is_empty() || !fault.is_inherited {
            return fault;
        }
        let table = self
            .table(row.table)
            .map_or("", |table| table.name.as_str());
        Fault {
            range,
            is_unknown_name: false,
            message: format!("in computed value `{name}` of `{table}`: {}", fault.message),
            ..fault
        }
    }

    /// The fault of a computed value that leads to itself. Where it leads to the one that is being defined, that one is to blame.
    fn cycle(&self, row: &RowTerm, name: &MemberName, range: &Range<usize>) -> Option<Fault> {
        let is_own = self.scope.table == Some(row.table) && self.scope.defines == Some(name);
        let start = self
            .inlined
            .iter()
            .position(|inlined| inlined.table == row.table && inlined.name == *name)
            .or(is_own.then_some(0))?;
        let way = self.inlined.iter().skip(start).map(|inlined| &inlined.name);
        let first = is_own.then_some(name);
        let path: Vec<&str> = first
            .into_iter()
            .chain(way)
            .chain([name])
            .map(MemberName::as_str)
            .collect();
        let message = format!("`{name}` reads itself: {}", path.join(" → "));
        let fault =
            Fault::error(range.clone(), message).help("write one of them without the others");
        Some(Fault {
            is_inherited: !is_own && !self.inlined.is_empty(),
            ..fault
        })
    }
}

/// The value together with the text that it was written in.
fn defined(source: &SourceText, node: Node) -> Node {
    let written = Written {
        text: source.text.clone(),
        range: node.written.clone(),
    };
    Node {
        computed: Some(Arc::new(written)),
        ..node
    }
}

/// A value of a row that a relation leads to needs that row, even where it reads nothing of it.
fn of(row: &RowTerm, node: Node) -> Node {
    match &row.source {
        RowSource::Related(..) => Node {
            kind: NodeKind::Of(row.source.clone(), Box::new(node.clone())),
            computed: None,
            ..node
        },
        _ => node,
    }
}
