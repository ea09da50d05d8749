//! The nodes inside a node, in the order in which they stand in it: one list for everybody who walks an expression.

use crate::expr::ir::{Node, NodeKind, Over, ZoneOf};

/// The same list of nodes, to be read and to be changed.
macro_rules! parts {
    ($(#[$doc:meta])* $name:ident, $iter:ident, $over:ident $(, $mutable:tt)?) => {
        $(#[$doc])*
        pub(super) fn $name(&$($mutable)? self) -> Vec<&$($mutable)? Node> {
            match &$($mutable)? self.kind {
                NodeKind::Constant(_)
                | NodeKind::Spelled(..)
                | NodeKind::Claims
                | NodeKind::Claim(_)
                | NodeKind::HasClaim(_)
                | NodeKind::Op(_)
                | NodeKind::Changed
                | NodeKind::IsChanged(_)
                | NodeKind::Time
                | NodeKind::RequestId
                | NodeKind::Metadata
                | NodeKind::Column(..)
                | NodeKind::IsAbsent(_)
                | NodeKind::Count(..)
                | NodeKind::Bound(_) => Vec::new(),
                NodeKind::Of(_, of)
                | NodeKind::Field(of, _)
                | NodeKind::HasField(of, _)
                | NodeKind::Not(of)
                | NodeKind::Negate(of)
                | NodeKind::Call(_, of)
                | NodeKind::Matches(of, _)
                | NodeKind::Dyn(of)
                | NodeKind::AsUuid(of)
                | NodeKind::PartIn(_, of, ZoneOf::Known(_)) => vec![of],
                NodeKind::Index(left, right)
                | NodeKind::And(left, right)
                | NodeKind::Or(left, right)
                | NodeKind::Equal(left, right)
                | NodeKind::NotEqual(left, right)
                | NodeKind::Order(_, left, right)
                | NodeKind::In(left, right)
                | NodeKind::Arithmetic(_, left, right)
                | NodeKind::Compare(_, left, right) => vec![left, right],
                NodeKind::PartIn(_, of, ZoneOf::Named(zone)) => vec![of, zone],
                NodeKind::List(nodes) | NodeKind::Invoke(_, nodes) => nodes.$iter().collect(),
                NodeKind::Map(entries) => entries
                    .$iter()
                    .flat_map(|(key, value)| [key, value])
                    .collect(),
                NodeKind::Conditional(nodes) => nodes.$iter().collect(),
                NodeKind::Let(_, nodes) => nodes.$iter().collect(),
                NodeKind::Quantified(quantified) => $over(&$($mutable)? quantified.each.over)
                    .into_iter()
                    .chain([&$($mutable)? quantified.body])
                    .collect(),
                NodeKind::Collected(collected) => $over(&$($mutable)? collected.each.over)
                    .into_iter()
                    .chain(&$($mutable)? collected.keep)
                    .chain([&$($mutable)? collected.body])
                    .collect(),
            }
        }
    };
}

impl Node {
    parts! {
        /// The nodes inside it.
        parts, iter, over
    }

    parts! {
        /// The same, to be changed.
        parts_mut, iter_mut, over_mut, mut
    }
}

fn over(over: &Over) -> Option<&Node> {
    match over {
        Over::Elements(node) => Some(node),
        Over::Rows(..) => None,
    }
}

fn over_mut(over: &mut Over) -> Option<&mut Node> {
    match over {
        Over::Elements(node) => Some(node),
        Over::Rows(..) => None,
    }
}
