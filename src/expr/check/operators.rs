//! Operators: what their operands must be, and what comes out.

use std::ops::Range;

use crate::expr::Fault;
use crate::expr::check::clash::{impossible, incomparable, unordered};
use crate::expr::check::{Checker, Term, rows_are_no_value};
use crate::expr::ir::{Node, NodeKind};
use crate::expr::syntax::{Arithmetic, Expression, Order, Syntax};
use crate::expr::types::Type;
use crate::vocabulary::value::{MapKey, Value};

impl Checker<'_> {
    /// `==` and `!=`.
    pub(super) fn equality(
        &mut self,
        left: &Expression,
        right: &Expression,
        range: Range<usize>,
        is_equal: bool,
    ) -> Node {
        let (mut left, mut right) = match (self.term(left), self.term(right)) {
            (Term::Row(row), Term::Value(null)) | (Term::Value(null), Term::Row(row))
                if null.is_null() || null.ty == Type::Unknown =>
            {
                let absent = Node::new(Type::Bool, range.clone(), NodeKind::IsAbsent(row.source));
                return if is_equal {
                    absent
                } else {
                    Node::new(Type::Bool, range, NodeKind::Not(Box::new(absent)))
                };
            }
            (Term::Value(left), Term::Value(right)) => (left, right),
            (Term::Rows(..), _) | (_, Term::Rows(..)) => {
                self.fault(rows_are_no_value(range.clone()));
                return Node::unknown(range);
            }
            _ => {
                self.fault(
                    Fault::error(range.clone(), "a row compares with `null` only")
                        .help("compare one of its columns"),
                );
                return Node::unknown(range);
            }
        };
        self.note_guard(&left, &right);
        self.settle_both(&mut left, &mut right);
        if !left.ty.is_comparable(&right.ty) {
            let sign = if is_equal { "==" } else { "!=" };
            self.fault(incomparable(sign, &left, &right, range.clone()));
        }
        let (left, right) = (Box::new(left), Box::new(right));
        let kind = if is_equal {
            NodeKind::Equal(left, right)
        } else {
            NodeKind::NotEqual(left, right)
        };
        Node::new(Type::Bool, range, kind)
    }

    fn settle_both(&mut self, left: &mut Node, right: &mut Node) {
        let beside = left.ty.clone();
        self.settle(right, &beside);
        let beside = right.ty.clone();
        self.settle(left, &beside);
    }

    /// Remembers a column that is compared with null: whoever wrote that has thought of it.
    fn note_guard(&mut self, left: &Node, right: &Node) {
        for (node, beside) in [(left, right), (right, left)] {
            if let NodeKind::Column(source, column) = &node.kind
                && beside.is_null()
            {
                self.guarded.insert((source.clone(), *column));
            }
        }
    }

    /// `<`, `<=`, `>`, `>=`.
    pub(super) fn order(
        &mut self,
        order: Order,
        left: &Expression,
        right: &Expression,
        range: Range<usize>,
    ) -> Node {
        let (mut left, mut right) = (self.value(left), self.value(right));
        self.settle_both(&mut left, &mut right);
        if left.ty.is_ordered_with(&right.ty) {
            self.note_order(&left);
            self.note_order(&right);
        } else {
            self.fault(unordered(order.sign(), &left, &right, range.clone()));
        }
        Node::new(
            Type::Bool,
            range,
            NodeKind::Order(order, Box::new(left), Box::new(right)),
        )
    }

    fn note_order(&mut self, node: &Node) {
        if let NodeKind::Column(source, column) = &node.kind
            && node.is_nullable
            && self.inlined.is_empty()
        {
            let warning = Fault::warning(
                node.range.clone(),
                "this column may be null, which has no order: the condition is then not true",
            )
            .help("if that is meant, say so: `… != null && …`");
            self.ordered.push((source.clone(), *column, warning));
        }
    }

    /// `in`.
    pub(super) fn membership(
        &mut self,
        left: &Expression,
        right: &Expression,
        range: Range<usize>,
    ) -> Node {
        let name = match &left.syntax {
            Syntax::String(name) => Some((name, self.place(&left.range))),
            _ => None,
        };
        let (mut left, mut right) = (self.value(left), self.value(right));
        match (&right.kind, name) {
            (NodeKind::Changed, Some((name, place))) => {
                let field = self.changed_field(name, place);
                return Node::new(Type::Bool, range, NodeKind::IsChanged(field));
            }
            (NodeKind::Claims, Some((name, place))) => {
                if self.claim_shape(name).is_none() {
                    self.unknown_claim(name, place);
                }
                let key = MapKey::String(name.clone());
                return Node::new(Type::Bool, range, NodeKind::HasClaim(key));
            }
            _ => {}
        }
        match right.ty.clone() {
            Type::List(element) => {
                self.settle(&mut left, &element);
                let beside = Type::List(Box::new(left.ty.clone()));
                self.settle(&mut right, &beside);
                self.check_elements(&left, &right, &range);
            }
            Type::Map(_) | Type::Unknown | Type::Dyn => {}
            ty => {
                let message = format!("`in` looks into a list or map, and this is {ty}");
                let fault = Fault::error(right.range.clone(), message);
                self.fault(if ty.is_text() {
                    fault.help("to look into a text, write `.contains(…)`")
                } else {
                    fault.help("write a list, like `x in ['a', 'b']`, or `==`")
                });
            }
        }
        Node::new(
            Type::Bool,
            range,
            NodeKind::In(Box::new(left), Box::new(right)),
        )
    }

    /// An element that can never be equal is a mistake, even where another can.
    fn check_elements(&mut self, left: &Node, right: &Node, range: &Range<usize>) {
        if let NodeKind::List(elements) = &right.kind {
            for element in elements {
                if !left.ty.is_comparable(&element.ty) {
                    self.fault(incomparable("in", left, element, element.range.clone()));
                }
            }
        } else if let Type::List(element) = &right.ty
            && !left.ty.is_comparable(element)
        {
            let element = Node::new((**element).clone(), right.range.clone(), right.kind.clone());
            self.fault(incomparable("in", left, &element, range.clone()));
        }
    }

    /// `c ? a : b`.
    pub(super) fn conditional(&mut self, parts: &[Expression; 3], range: Range<usize>) -> Node {
        let [condition, yes, no] = parts;
        let condition = self.boolean(condition, "?");
        let (mut yes, mut no) = (self.value(yes), self.value(no));
        self.settle_both(&mut yes, &mut no);
        if yes.ty == Type::Uuid {
            self.settle_uuid(&mut no);
        } else if no.ty == Type::Uuid {
            self.settle_uuid(&mut yes);
        }
        let ty = yes.ty.join(&no.ty).unwrap_or_else(|| {
            let message = format!("the two branches are {} and {}", yes.ty, no.ty);
            self.fault(Fault::error(range.clone(), message).help("let both give the same type"));
            Type::Unknown
        });
        Node {
            is_nullable: yes.is_nullable || no.is_nullable,
            ..Node::new(
                ty,
                range,
                NodeKind::Conditional(Box::new([condition, yes, no])),
            )
        }
    }

    /// `-x`.
    pub(super) fn negate(&mut self, operand: &Expression, range: Range<usize>) -> Node {
        let operand = self.value(operand);
        let is_signed = matches!(operand.ty, Type::Int | Type::Double | Type::Decimal);
        if !is_signed && !operand.ty.is_open() {
            let message = format!("`-` takes a number with a sign, and this is {}", operand.ty);
            let fault = Fault::error(operand.range.clone(), message);
            self.fault(fault.help("to turn a condition around, write `!`"));
        }
        Node::new(
            operand.ty.clone(),
            range,
            NodeKind::Negate(Box::new(operand)),
        )
    }

    /// `+`, `-`, `*`, `/`, `%`.
    pub(super) fn arithmetic(
        &mut self,
        sign: Arithmetic,
        left: &Expression,
        right: &Expression,
        range: Range<usize>,
    ) -> Node {
        let (mut left, mut right) = (self.value(left), self.value(right));
        if left.ty == Type::Decimal || right.ty == Type::Decimal {
            self.settle_both(&mut left, &mut right);
        }
        let ty = arithmetic_type(sign, &left.ty, &right.ty).unwrap_or_else(|| {
            self.fault(impossible(sign, &left, &right, range.clone()));
            Type::Unknown
        });
        Node::new(
            ty,
            range,
            NodeKind::Arithmetic(sign, Box::new(left), Box::new(right)),
        )
    }
}

fn arithmetic_type(sign: Arithmetic, left: &Type, right: &Type) -> Option<Type> {
    use Arithmetic::{Add, Divide, Multiply, Remainder, Subtract};
    Some(match (sign, left, right) {
        (_, Type::Unknown, _) | (_, _, Type::Unknown) => Type::Unknown,
        (_, Type::Null, _) | (_, _, Type::Null) => return None,
        (_, Type::Dyn, _) | (_, _, Type::Dyn) => Type::Dyn,
        (_, Type::Int, Type::Int) => Type::Int,
        (_, Type::Uint, Type::Uint) => Type::Uint,
        (Remainder, Type::Double, _) => return None,
        (_, Type::Double, Type::Double) => Type::Double,
        (Add | Subtract | Multiply, Type::Decimal | Type::Int, Type::Decimal | Type::Int) => {
            Type::Decimal
        }
        (Add, left, right) if left.is_text() && right.is_text() => Type::String,
        (Add, Type::Bytes, Type::Bytes) => Type::Bytes,
        (Add, Type::List(left), Type::List(right)) => {
            Type::List(Box::new(left.join(right).unwrap_or(Type::Dyn)))
        }
        (Add | Subtract, Type::Timestamp, Type::Duration)
        | (Add, Type::Duration, Type::Timestamp) => Type::Timestamp,
        (Subtract, Type::Timestamp, Type::Timestamp)
        | (Add | Subtract, Type::Duration, Type::Duration) => Type::Duration,
        (Divide | Multiply | Remainder | Add | Subtract, _, _) => return None,
    })
}

/// Whether a node is a text that is written out.
pub(super) fn text_of(node: &Node) -> Option<&std::sync::Arc<str>> {
    match &node.kind {
        NodeKind::Constant(Value::String(text)) => Some(text),
        _ => None,
    }
}
