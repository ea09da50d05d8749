//! Variables of `cel.bind`, and of macros over `changed`: what they stand for is put in their place.

use crate::dialect::postgres::{Sql, sql};
use crate::expr::ir::{Node, NodeKind, Over, ZoneOf};
use crate::expr::sql::hole::Ask;
use crate::expr::sql::timing::parts;
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
    ) || parts(node).into_iter().any(binds)
}

/// Puts a node in the place of a variable.
pub(super) fn replace(node: &mut Node, slot: usize, with: &Node) {
    if matches!(node.kind, NodeKind::Bound(named) if named == slot) {
        *node = with.clone();
        return;
    }
    match &mut node.kind {
        NodeKind::Of(_, of)
        | NodeKind::Field(of, _)
        | NodeKind::HasField(of, _)
        | NodeKind::Not(of)
        | NodeKind::Negate(of)
        | NodeKind::Call(_, of)
        | NodeKind::Matches(of, _)
        | NodeKind::Dyn(of)
        | NodeKind::AsUuid(of)
        | NodeKind::PartIn(_, of, ZoneOf::Known(_)) => replace(of, slot, with),
        NodeKind::Index(left, right)
        | NodeKind::And(left, right)
        | NodeKind::Or(left, right)
        | NodeKind::Equal(left, right)
        | NodeKind::NotEqual(left, right)
        | NodeKind::Order(_, left, right)
        | NodeKind::In(left, right)
        | NodeKind::Arithmetic(_, left, right)
        | NodeKind::Compare(_, left, right) => {
            replace(left, slot, with);
            replace(right, slot, with);
        }
        NodeKind::PartIn(_, of, ZoneOf::Named(zone)) => {
            replace(of, slot, with);
            replace(zone, slot, with);
        }
        NodeKind::List(nodes) | NodeKind::Invoke(_, nodes) => {
            for node in nodes {
                replace(node, slot, with);
            }
        }
        NodeKind::Map(entries) => {
            for (key, value) in entries {
                replace(key, slot, with);
                replace(value, slot, with);
            }
        }
        NodeKind::Conditional(nodes) => {
            for node in &mut **nodes {
                replace(node, slot, with);
            }
        }
        NodeKind::Let(_, nodes) => {
            for node in &mut **nodes {
                replace(node, slot, with);
            }
        }
        NodeKind::Quantified(quantified) => {
            replace_over(&mut quantified.each.over, slot, with);
            replace(&mut quantified.body, slot, with);
        }
        NodeKind::Collected(collected) => {
            replace_over(&mut collected.each.over, slot, with);
            for node in collected.keep.iter_mut().chain([&mut collected.body]) {
                replace(node, slot, with);
            }
        }
        _ => {}
    }
}

fn replace_over(over: &mut Over, slot: usize, with: &Node) {
    if let Over::Elements(node) = over {
        replace(node, slot, with);
    }
}
