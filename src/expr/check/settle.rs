//! Literals take the type of what stands beside them: a number a decimal's, a text a uuid's or an enum's.

use crate::expr::Fault;
use crate::expr::check::Checker;
use crate::expr::ir::{Node, NodeKind};
use crate::expr::types::Type;
use crate::expr::values::uuid;
use crate::vocabulary::value::Value;

impl Checker<'_> {
    /// Gives the literals of a node the type they have beside `beside`.
    pub(super) fn settle(&mut self, node: &mut Node, beside: &Type) {
        match beside {
            Type::Decimal => settle_decimal(node),
            Type::Uuid | Type::Enum(_) => self.settle_texts(node, beside),
            Type::List(element) => {
                if let NodeKind::List(elements) = &mut node.kind {
                    for each in elements.iter_mut() {
                        self.settle(each, element);
                    }
                    node.ty = list_type(elements);
                } else if let NodeKind::Conditional(parts) = &mut node.kind {
                    let [_, yes, no] = &mut **parts;
                    self.settle(yes, beside);
                    self.settle(no, beside);
                    node.ty = yes.ty.join(&no.ty).unwrap_or(Type::Dyn);
                }
            }
            _ => {}
        }
    }

    fn settle_texts(&mut self, node: &mut Node, beside: &Type) {
        match (&mut node.kind, beside) {
            (NodeKind::Constant(Value::String(text)), Type::Uuid) => {
                if let Some(id) = uuid(text) {
                    node.kind = NodeKind::Constant(Value::Uuid(id));
                    node.ty = Type::Uuid;
                } else {
                    let message = format!("`{text}` is no uuid, so it equals none");
                    let fault = Fault::warning(node.range.clone(), message);
                    self.fault(
                        fault.help("write it like `'00000000-0000-0000-0000-000000000001'`"),
                    );
                }
            }
            (NodeKind::Constant(Value::String(text)), Type::Enum(labels))
                if !labels.contains(text) =>
            {
                let message = format!("`{text}` is none of the values that this can have");
                let fault = Fault::error(node.range.clone(), message);
                self.fault(fault.suggest_among(text, labels.iter().map(|label| &**label)));
            }
            (NodeKind::Conditional(parts), _) => {
                let [_, yes, no] = &mut **parts;
                self.settle_texts(yes, beside);
                self.settle_texts(no, beside);
                node.ty = yes.ty.join(&no.ty).unwrap_or(Type::Dyn);
            }
            _ => {}
        }
    }

    /// Makes a node that may be a plain string into a uuid, where it goes together with one.
    pub(super) fn settle_uuid(&mut self, node: &mut Node) {
        self.settle(node, &Type::Uuid);
        if node.ty == Type::String {
            let inner = std::mem::replace(node, Node::unknown(node.range.clone()));
            *node = Node {
                ty: Type::Uuid,
                is_nullable: inner.is_nullable,
                range: inner.range.clone(),
                written: inner.written.clone(),
                computed: None,
                kind: NodeKind::AsUuid(Box::new(inner)),
            };
        }
    }
}

/// Turns numbers that are spelled out into the decimals they spell, where nothing of a node is a double by itself.
fn settle_decimal(node: &mut Node) {
    if node.ty != Type::Double || !is_spelled(node) {
        return;
    }
    match &mut node.kind {
        NodeKind::Spelled(_, decimal) => {
            let decimal = std::mem::replace(decimal, Value::Null);
            node.kind = NodeKind::Constant(decimal);
        }
        NodeKind::Negate(operand) => settle_decimal(operand),
        NodeKind::Arithmetic(_, left, right) => {
            settle_decimal(left);
            settle_decimal(right);
        }
        NodeKind::Conditional(parts) => {
            let [_, yes, no] = &mut **parts;
            settle_decimal(yes);
            settle_decimal(no);
        }
        _ => {}
    }
    node.ty = Type::Decimal;
}

fn is_spelled(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Spelled(..) => true,
        NodeKind::Negate(operand) => is_spelled(operand),
        NodeKind::Arithmetic(sign, left, right) => {
            use crate::expr::syntax::Arithmetic::{Add, Multiply, Subtract};
            matches!(sign, Add | Subtract | Multiply) && is_spelled(left) && is_spelled(right)
        }
        NodeKind::Conditional(parts) => {
            let [_, yes, no] = &**parts;
            is_spelled(yes) && is_spelled(no)
        }
        _ => false,
    }
}

/// The type of a list of these elements.
pub(super) fn list_type(elements: &[Node]) -> Type {
    let mut joined = Type::Null;
    for element in elements {
        joined = joined.join(&element.ty).unwrap_or(Type::Dyn);
    }
    // An empty list, and one of nulls, goes together with every other.
    Type::List(Box::new(if joined == Type::Null {
        Type::Dyn
    } else {
        joined
    }))
}
