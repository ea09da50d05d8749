//! Lists and maps: written out, and looked into.

use std::ops::Range;

use crate::expr::Fault;
use crate::expr::check::settle::list_type;
use crate::expr::check::{Checker, Term, rows_are_no_value};
use crate::expr::ir::{Node, NodeKind};
use crate::expr::syntax::{Expression, Syntax};
use crate::expr::types::Type;

impl Checker<'_> {
    /// `[a, b]`.
    pub(super) fn list(&mut self, elements: &[Expression], range: Range<usize>) -> Node {
        let mut nodes: Vec<Node> = elements.iter().map(|element| self.value(element)).collect();
        if let Type::List(element) = list_type(&nodes) {
            for node in &mut nodes {
                self.settle(node, &element);
            }
        }
        Node::new(list_type(&nodes), range, NodeKind::List(nodes))
    }

    /// `{a: b}`.
    pub(super) fn map(
        &mut self,
        entries: &[(Expression, Expression)],
        range: Range<usize>,
    ) -> Node {
        let mut values = Type::Null;
        let mut nodes = Vec::new();
        for (key, value) in entries {
            let (key, value) = (self.value(key), self.value(value));
            self.check_key(&key);
            values = values.join(&value.ty).unwrap_or(Type::Dyn);
            nodes.push((key, value));
        }
        let values = if values == Type::Null {
            Type::Dyn
        } else {
            values
        };
        Node::new(Type::Map(Box::new(values)), range, NodeKind::Map(nodes))
    }

    fn check_key(&mut self, key: &Node) {
        let is_key = matches!(
            key.ty,
            Type::Bool | Type::Int | Type::Uint | Type::String | Type::Enum(_)
        );
        if !is_key && !key.ty.is_open() {
            let message = format!("the key of a map cannot be {}", key.ty);
            let fault = Fault::error(key.range.clone(), message);
            self.fault(fault.help("write a text, like `{'a': 1}`"));
        }
    }

    /// `of[index]`.
    pub(super) fn index(
        &mut self,
        of: &Expression,
        index: &Expression,
        range: Range<usize>,
    ) -> Term {
        let term = self.term(of);
        let is_named = match &term {
            Term::Row(_) => true,
            Term::Value(node) => matches!(node.kind, NodeKind::Claims),
            Term::Rows(..) | Term::Request => false,
        };
        if let (true, Syntax::String(name)) = (is_named, &index.syntax) {
            let name_range = self.place(&index.range);
            return self.field(term, name, name_range, range);
        }
        let of = match term {
            Term::Value(node) => node,
            Term::Rows(..) => return self.refuse(rows_are_no_value(range)),
            Term::Row(_) | Term::Request => {
                let range = self.place(&index.range);
                let fault = Fault::error(range, "a column is named by a text that is written out");
                return self.refuse(fault.help("write `this['Order No']`"));
            }
        };
        let index = self.value(index);
        let ty = self.element_type(&of, &index);
        Term::Value(Node::new(
            ty,
            range,
            NodeKind::Index(Box::new(of), Box::new(index)),
        ))
    }

    fn element_type(&mut self, of: &Node, index: &Node) -> Type {
        match &of.ty {
            Type::Unknown => Type::Unknown,
            Type::Dyn => Type::Dyn,
            Type::Map(value) => {
                if index.ty != Type::Double {
                    self.check_key(index);
                }
                (**value).clone()
            }
            Type::List(element) => {
                let is_index = matches!(index.ty, Type::Int | Type::Uint | Type::Double);
                if !is_index && !index.ty.is_open() {
                    let message =
                        format!("the position in a list is an int, and this is {}", index.ty);
                    let fault = Fault::error(index.range.clone(), message);
                    self.fault(fault.help("count from zero: `[0]` is the first"));
                }
                (**element).clone()
            }
            ty => {
                let message = format!("this is {ty}, which has no elements");
                let fault = Fault::error(of.range.clone(), message);
                self.fault(fault.help("only lists, maps and JSON have elements"));
                Type::Unknown
            }
        }
    }
}
