//! What is the same in every evaluation is computed once, when the rules load.

use std::collections::BTreeSet;

use crate::expr::evaluate::evaluate;
use crate::expr::ir::{Node, NodeKind, Over, ZoneOf};
use crate::expr::{Budget, Frame, Related};
use crate::vocabulary::operation::Op;
use crate::vocabulary::value::{Timestamp, Value};

/// Steps that a constant part may take when the rules load, so that what is kept stays small.
const STEPS: usize = 1_000;

/// Puts constants where a node reads nothing. One that fails stays: it fails each time.
pub(super) fn fold(node: &mut Node) {
    if fold_within(node) {
        settle(node);
    }
}

/// The same for a condition that reads nothing. One that is written so is left as it is: an account of it shows its parts.
pub(super) fn fold_condition(node: &mut Node) {
    if reads_nothing(node) {
        settle(node);
    }
}

fn reads_nothing(node: &mut Node) -> bool {
    let is_static = match &node.kind {
        NodeKind::Constant(_)
        | NodeKind::Spelled(..)
        | NodeKind::Not(_)
        | NodeKind::And(..)
        | NodeKind::Or(..)
        | NodeKind::Equal(..)
        | NodeKind::NotEqual(..)
        | NodeKind::Order(..)
        | NodeKind::In(..)
        | NodeKind::Compare(..)
        | NodeKind::Matches(..)
        | NodeKind::Conditional(_) => true,
        kind => is_pure(kind),
    };
    is_static && parts(node).into_iter().all(reads_nothing)
}

/// Whether a node reads nothing; its parts are folded.
fn fold_within(node: &mut Node) -> bool {
    let is_static = match &node.kind {
        NodeKind::Constant(_) | NodeKind::Spelled(..) => return true,
        kind => is_pure(kind),
    };
    let mut parts = parts(node);
    let known: Vec<bool> = parts.iter_mut().map(|part| fold_within(part)).collect();
    if is_static && known.iter().all(|is_static| *is_static) {
        return true;
    }
    for (part, _) in parts.into_iter().zip(known).filter(|(_, known)| *known) {
        settle(part);
    }
    false
}

/// Computes a node that reads nothing.
fn settle(node: &mut Node) {
    if matches!(node.kind, NodeKind::Constant(_) | NodeKind::Spelled(..)) {
        return;
    }
    let frame = Frame {
        auth: &Value::Null,
        old: None,
        new: None,
        this: None,
        op: Op::Create,
        changed: &BTreeSet::new(),
        time: Timestamp(0),
        request_id: "",
        metadata: None,
        related: &Related::default(),
    };
    let mut budget = Budget {
        steps_max: STEPS,
        steps_left: STEPS,
    };
    if let Ok(value) = evaluate(node, &frame, &mut budget) {
        node.kind = NodeKind::Constant(value);
    }
}

/// Whether a node reads nothing itself.
fn is_pure(kind: &NodeKind) -> bool {
    matches!(
        kind,
        NodeKind::List(_)
            | NodeKind::Map(_)
            | NodeKind::Negate(_)
            | NodeKind::Arithmetic(..)
            | NodeKind::Call(..)
            | NodeKind::PartIn(..)
            | NodeKind::Invoke(..)
            | NodeKind::Dyn(_)
            | NodeKind::AsUuid(_)
    )
}

/// The nodes inside a node.
fn parts(node: &mut Node) -> Vec<&mut Node> {
    match &mut node.kind {
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
        NodeKind::List(nodes) | NodeKind::Invoke(_, nodes) => nodes.iter_mut().collect(),
        NodeKind::Map(entries) => entries
            .iter_mut()
            .flat_map(|(key, value)| [key, value])
            .collect(),
        NodeKind::Conditional(nodes) => nodes.iter_mut().collect(),
        NodeKind::Let(_, nodes) => nodes.iter_mut().collect(),
        NodeKind::Quantified(quantified) => over(&mut quantified.each.over)
            .into_iter()
            .chain([&mut quantified.body])
            .collect(),
        NodeKind::Collected(collected) => over(&mut collected.each.over)
            .into_iter()
            .chain(&mut collected.keep)
            .chain([&mut collected.body])
            .collect(),
    }
}

fn over(over: &mut Over) -> Option<&mut Node> {
    match over {
        Over::Elements(node) => Some(node),
        Over::Rows(..) => None,
    }
}
