//! What is the same in every evaluation is computed once, when the rules load.

use std::collections::BTreeSet;

use crate::expr::evaluate::evaluate;
use crate::expr::ir::{Node, NodeKind};
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
    is_static && node.parts_mut().into_iter().all(reads_nothing)
}

/// Whether a node reads nothing; its parts are folded.
fn fold_within(node: &mut Node) -> bool {
    let is_static = match &node.kind {
        NodeKind::Constant(_) | NodeKind::Spelled(..) => return true,
        kind => is_pure(kind),
    };
    let mut parts = node.parts_mut();
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
