//! Binding times: what is known before the database is asked, and what waits for a row of it.

use std::collections::BTreeSet;

use crate::catalog::Kind;
use crate::expr::ir::{Each, Node, NodeKind, Over, RowSource};
use crate::expr::sql::Translator;
use crate::expr::sql::stand::Origin;
use crate::vocabulary::row::ColumnId;

impl Translator<'_> {
    /// Whether a node waits for a row of the database.
    pub(super) fn reads_database(&self, node: &Node) -> bool {
        match &node.kind {
            NodeKind::Column(source, column) => self.origin(source, *column) != Origin::Frame,
            NodeKind::IsAbsent(RowSource::Image(variable)) => {
                self.stand.image(*variable).is_over_stored()
            }
            NodeKind::IsAbsent(_) | NodeKind::Of(..) | NodeKind::Count(..) => true,
            NodeKind::Bound(slot) => self.element(*slot).is_some(),
            NodeKind::IsChanged(field) => {
                self.stand.sent.is_some_and(|sent| sent.contains_key(field))
            }
            NodeKind::Changed => self.stand.sent.is_some(),
            _ => {
                is_over_rows(&node.kind)
                    || node
                        .parts()
                        .into_iter()
                        .any(|part| self.reads_database(part))
            }
        }
    }

    /// Where the value of a column comes from.
    pub(super) fn origin(&self, source: &RowSource, column: ColumnId) -> Origin {
        match source {
            RowSource::Image(variable) => self.stand.image(*variable).origin(column),
            RowSource::Bound(_) | RowSource::Related(..) => Origin::Stored,
        }
    }

    /// The JSON columns that are known and whose values a node asks for. Of two JSON texts that mean the same the stored one stays, and then what
    /// was sent is not what is judged.
    pub(super) fn kept_json(&self, node: &Node, found: &mut BTreeSet<ColumnId>) {
        if let NodeKind::Column(RowSource::Image(variable), column) = &node.kind {
            let image = self.stand.image(*variable);
            let facts = self.stand.column(self.stand.table, *column);
            if image.is_over_stored()
                && image.is_known(*column)
                && facts.is_some_and(|facts| facts.ty.kind == Kind::Jsonb)
            {
                found.insert(*column);
            }
        }
        // Two that mean the same are both null or neither.
        let is_null_test = match &node.kind {
            NodeKind::Equal(left, right) | NodeKind::NotEqual(left, right) => {
                [(left, right), (right, left)]
                    .into_iter()
                    .any(|(of, null)| null.is_null() && matches!(of.kind, NodeKind::Column(..)))
            }
            _ => false,
        };
        if !is_null_test {
            for part in node.parts() {
                self.kept_json(part, found);
            }
        }
    }
}

fn is_over_rows(kind: &NodeKind) -> bool {
    let each: &Each = match kind {
        NodeKind::Quantified(quantified) => &quantified.each,
        NodeKind::Collected(collected) => &collected.each,
        _ => return false,
    };
    matches!(each.over, Over::Rows(..))
}

/// Whether it is the same for all rows of one upload.
pub(super) fn is_per_row(node: &Node) -> bool {
    matches!(
        node.kind,
        NodeKind::Column(..)
            | NodeKind::IsAbsent(_)
            | NodeKind::IsChanged(_)
            | NodeKind::Changed
            | NodeKind::Metadata
    ) || node.parts().into_iter().any(is_per_row)
}

/// One more than the last slot that a node binds or names.
pub(super) fn slots(node: &Node) -> usize {
    let own = match &node.kind {
        NodeKind::Bound(slot) | NodeKind::Let(slot, _) => slot + 1,
        NodeKind::Quantified(quantified) => quantified.each.slot + 2,
        NodeKind::Collected(collected) => collected.each.slot + 2,
        _ => 0,
    };
    let within = node.parts().into_iter().map(slots).max();
    own.max(within.unwrap_or(0))
}
