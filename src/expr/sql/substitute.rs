//! Variables of `cel.bind`, and of macros over `changed`: what they stand for is put in their place.

use crate::dialect::postgres::{Sql, sql};
use crate::expr::ir::{Node, NodeKind};
use crate::expr::sql::hole::Ask;
use crate::expr::sql::{Made, Outside, Translator, Why};

impl Translator<'_> {
    /// The body of a `cel.bind` whose bound value cannot fail.
    pub(super) fn substituted(
        &mut self,
        node: &Node,
        slot: usize,
        parts: &[Node; 2],
    ) -> Made<Node> {
        let [bound, _] = parts;
        if self.fails(bound)?.is_some() {
            return Outside::of(Why::Macro, node);
        }
        replaced(node, slot, parts)
    }

    /// Where a value is an error; `None` where it never is.
    pub(super) fn fails(&mut self, node: &Node) -> Made<Option<Sql>> {
        if !self.reads_database(node) {
            if matches!(
                node.kind,
                NodeKind::Constant(_) | NodeKind::Spelled(..) | NodeKind::Time
            ) {
                return Ok(None);
            }
            let hole = self.hole(node, Ask::Fails);
            return Ok(Some(sql![Sql::hole(hole), "::boolean"]));
        }
        if matches!(node.kind, NodeKind::Column(..)) && self.pending_source(node).is_none() {
            return Ok(None);
        }
        Ok(self.scalar(node)?.fails())
    }
}

/// The body of a `cel.bind` with the bound value in it.
pub(super) fn replaced(node: &Node, slot: usize, parts: &[Node; 2]) -> Made<Node> {
    let [bound, body] = parts;
    // Its own variables would stand in the slots of those around its new place.
    if binds(bound) {
        return Outside::of(Why::Macro, node);
    }
    let mut body = body.clone();
    replace(&mut body, slot, bound);
    Ok(body)
}

/// Whether a node has variables of its own.
fn binds(node: &Node) -> bool {
    matches!(
        node.kind,
        NodeKind::Let(..) | NodeKind::Quantified(_) | NodeKind::Collected(_)
    ) || node.parts().into_iter().any(binds)
}

/// Puts a node in the place of a variable.
pub(super) fn replace(node: &mut Node, slot: usize, with: &Node) {
    if matches!(node.kind, NodeKind::Bound(named) if named == slot) {
        *node = with.clone();
        return;
    }
    for part in node.parts_mut() {
        replace(part, slot, with);
    }
}
