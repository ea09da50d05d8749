//! Members of a row: columns, relations.

use std::ops::Range;

use crate::expr::check::{Checker, RowTerm, Term};
use crate::expr::ir::{Follow, Node, NodeKind, RowSource};
use crate::expr::types::Type;
use crate::expr::{Expected, Fault, RelationId, TableShape, Variable};
use crate::vocabulary::limits::RELATION_DEPTH_MAX;
use crate::vocabulary::names::MemberName;
use crate::vocabulary::row::ColumnId;

impl Checker<'_> {
    /// A column, relation or computed value of a row.
    pub(super) fn member(
        &mut self,
        row: &RowTerm,
        name: &str,
        name_range: Range<usize>,
        range: Range<usize>,
    ) -> Term {
        let world = self.scope.world;
        let Some(table) = world.tables.get(row.table.0 as usize) else {
            return Term::Value(Node::unknown(range));
        };
        if table.broken.contains(name) {
            self.reads.broken.insert(name.into());
            return Term::Value(Node::unknown(range));
        }
        let position = table
            .columns
            .iter()
            .position(|column| column.name.as_str() == name);
        if let Some(column) = position.and_then(|at| u16::try_from(at).ok()).map(ColumnId) {
            return self.column(row, column, name_range, range);
        }
        if let Some(relation) = table.relations.get(name) {
            return self.relation(row, *relation, name_range, range);
        }
        if let Some((name, source)) = table.computed.get_key_value(name) {
            return self.computed(row, name, source, range);
        }
        if table.is_incomplete {
            self.reads.broken.insert(name.into());
            return Term::Value(Node::unknown(range));
        }
        let message = format!("`{}` has no column or relation `{name}`", table.name);
        let fault = Fault::error(name_range, message);
        let fault = fault.suggest_among(name, members(table)).of_unknown_name();
        self.refuse(fault)
    }

    fn column(
        &mut self,
        row: &RowTerm,
        id: ColumnId,
        name_range: Range<usize>,
        range: Range<usize>,
    ) -> Term {
        self.read(row, id, name_range);
        let shape = self
            .table(row.table)
            .and_then(|table| table.columns.get(usize::from(id.0)));
        let Some(shape) = shape else {
            return Term::Value(Node::unknown(range));
        };
        Term::Value(Node {
            is_nullable: shape.is_nullable,
            ..Node::new(
                Type::of_column(&shape.ty.kind, &shape.ty.cast),
                range,
                NodeKind::Column(row.source.clone(), id),
            )
        })
    }

    /// Notes that a column is read. What the database will compute is unknown before the write.
    fn read(&mut self, row: &RowTerm, id: ColumnId, range: Range<usize>) {
        match (&row.source, row.relation) {
            (RowSource::Image(variable), _) => {
                let column = (*variable, id);
                self.reads.columns.insert(column);
                self.reads
                    .places
                    .entry(column)
                    .or_insert_with(|| range.clone());
                if *variable != Variable::Old {
                    self.refuse_generated(row, id, *variable, range);
                }
            }
            (_, Some(relation)) => {
                self.reads.related.entry(relation).or_default().insert(id);
            }
            (_, None) => {}
        }
    }

    fn refuse_generated(
        &mut self,
        row: &RowTerm,
        id: ColumnId,
        variable: Variable,
        range: Range<usize>,
    ) {
        // A computed value stands alone here: which image it will be asked of is seen where it is used.
        if matches!(self.scope.expected, Expected::Any) {
            return;
        }
        let shape = self
            .table(row.table)
            .and_then(|table| table.columns.get(usize::from(id.0)));
        if let Some(shape) = shape.filter(|shape| shape.is_generated) {
            let message = format!(
                "the database computes `{}`, so it is unknown in `{}` before the write",
                shape.name,
                variable.name()
            );
            self.fault(
                Fault::error(range, message)
                    .help("use the columns that it is computed from, or `old`"),
            );
        }
    }

    fn relation(
        &mut self,
        row: &RowTerm,
        id: RelationId,
        name_range: Range<usize>,
        range: Range<usize>,
    ) -> Term {
        let world = self.scope.world;
        let Some(shape) = world.relations.get(id.0 as usize) else {
            return Term::Value(Node::unknown(range));
        };
        if row.depth >= RELATION_DEPTH_MAX {
            let message =
                format!("more than {RELATION_DEPTH_MAX} relations stand one behind another");
            let fault = Fault::error(name_range, message);
            return self.refuse(fault.help("keep what is asked nearer in a column of its own"));
        }
        for (ours, _) in &shape.matches {
            self.read(row, *ours, name_range.clone());
        }
        self.reads.related.entry(id).or_default();
        if !shape.is_to_one {
            return Term::Rows(row.clone(), id);
        }
        Term::Row(RowTerm {
            source: RowSource::Related(Box::new(row.source.clone()), self.follow(id)),
            table: shape.to,
            relation: Some(id),
            depth: row.depth + 1,
        })
    }

    /// A relation, ready to be followed.
    pub(super) fn follow(&self, relation: RelationId) -> Follow {
        let shape = self.scope.world.relations.get(relation.0 as usize);
        let ours = shape
            .into_iter()
            .flat_map(|shape| shape.matches.iter().map(|(ours, _)| *ours))
            .collect();
        Follow { relation, ours }
    }
}

/// The names of columns, relations and computed values.
pub(super) fn members(table: &TableShape) -> impl Iterator<Item = &str> + Clone {
    let columns = table.columns.iter().map(|column| column.name.as_str());
    let relations = table.relations.keys().map(MemberName::as_str);
    let computed = table.computed.keys().map(MemberName::as_str);
    columns.chain(relations).chain(computed)
}
