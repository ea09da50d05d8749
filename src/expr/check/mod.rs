//! Tree → IR: every name resolved, every type checked, everything wrong collected.

pub(super) mod absent;
pub(super) mod builtins;
mod calls;
mod clash;
mod collections;
mod computed;
mod expected;
mod library;
mod macros;
mod names;
mod operators;
mod presence;
mod rows;
mod settle;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use crate::expr::ir::{Node, NodeKind, RowSource};
use crate::expr::syntax::{Expression, Operator, Syntax};
use crate::expr::types::Type;
use crate::expr::{Fault, Reads, RelationId, Scope, TableId, TableShape};
use crate::vocabulary::limits::{EXPRESSION_DEPTH_MAX, EXPRESSION_NODES_MAX};
use crate::vocabulary::names::MemberName;
use crate::vocabulary::row::ColumnId;
use crate::vocabulary::value::Value;

/// How deep an expression may be nested together with the computed values that it names.
const INLINED_DEPTH_MAX: usize = 3 * EXPRESSION_DEPTH_MAX;

/// An expression that was checked.
pub(super) struct Checked {
    /// What is evaluated.
    pub node: Node,
    /// What it reads.
    pub reads: Reads,
    /// What its author should look at, in the order of the text.
    pub warnings: Vec<Fault>,
}

/// Checks an expression in its scope; everything that is wrong with it, in the order of the text.
pub(super) fn check(tree: &Expression, scope: &Scope<'_>) -> Result<Checked, Vec<Fault>> {
    let mut checker = Checker {
        scope,
        reads: Reads::default(),
        faults: Vec::new(),
        bound: Vec::new(),
        inlined: Vec::new(),
        trees: BTreeMap::new(),
        nodes: 0,
        depth: 0,
        macros: 0,
        slots: 0,
        is_too_large: false,
        ordered: Vec::new(),
        guarded: BTreeSet::new(),
    };
    let mut node = checker.value(tree);
    checker.conclude(&mut node);
    checker.warn_of_unguarded_orders();
    let mut faults = checker.faults;
    faults.sort_by_key(|fault| (fault.range.start, fault.range.end));
    // A literal that stands beside two things is looked at twice.
    faults.dedup();
    if faults.iter().any(|fault| !fault.is_warning) {
        // What may be meant is asked once nothing is wrong.
        faults.retain(|fault| !fault.is_warning);
        return Err(faults);
    }
    Ok(Checked {
        node,
        reads: checker.reads,
        warnings: faults,
    })
}

/// What an expression turned out to be.
#[derive(Clone, Debug)]
enum Term {
    Value(Node),
    Row(RowTerm),
    /// The rows of a to-many relation.
    Rows(RowTerm, RelationId),
    /// `request`, of which only fields are known.
    Request,
}

/// A row that is named.
#[derive(Clone, Debug)]
struct RowTerm {
    source: RowSource,
    table: TableId,
    /// The relation whose row it is; none for an image.
    relation: Option<RelationId>,
    /// How many relations lead to it.
    depth: usize,
}

/// A variable of a macro.
#[derive(Clone, Debug)]
struct Bound {
    name: Arc<str>,
    term: Term,
}

/// A computed value that is being put in place.
#[derive(Clone, Debug)]
struct Inlined {
    table: TableId,
    name: MemberName,
    /// What `this` is in it.
    this: RowTerm,
    /// Where the expression names it.
    range: Range<usize>,
}

/// A parsed computed value, or why it does not parse.
type Tree = Result<Arc<Expression>, Fault>;

struct Checker<'a> {
    scope: &'a Scope<'a>,
    reads: Reads,
    faults: Vec<Fault>,
    /// The variables in sight, innermost last.
    bound: Vec<Bound>,
    /// The computed values under way, innermost last.
    inlined: Vec<Inlined>,
    trees: BTreeMap<(TableId, MemberName), Tree>,
    nodes: usize,
    depth: usize,
    /// How many macros over elements stand around.
    macros: usize,
    /// How many variables of macros are bound.
    slots: usize,
    is_too_large: bool,
    /// Columns that may be null and are ordered, with the warning.
    ordered: Vec<(RowSource, ColumnId, Fault)>,
    /// Columns that are somewhere compared with null.
    guarded: BTreeSet<(RowSource, ColumnId)>,
}

impl Checker<'_> {
    fn fault(&mut self, fault: Fault) {
        self.faults.push(Fault {
            is_inherited: !self.inlined.is_empty(),
            ..fault
        });
    }

    /// Reports a fault; what stands in for the value.
    fn refuse(&mut self, fault: Fault) -> Term {
        let range = fault.range.clone();
        self.fault(fault);
        Term::Value(Node::unknown(range))
    }

    fn table(&self, id: TableId) -> Option<&TableShape> {
        self.scope.world.tables.get(id.0 as usize)
    }

    /// The place of a node: inside a computed value, where that is named.
    fn place(&self, range: &Range<usize>) -> Range<usize> {
        self.inlined
            .first()
            .map_or_else(|| range.clone(), |inlined| inlined.range.clone())
    }

    /// A value; rows are none.
    fn value(&mut self, tree: &Expression) -> Node {
        let range = self.place(&tree.range);
        let fault = match self.term(tree) {
            Term::Value(node) => return node,
            Term::Row(_) => Fault::error(range.clone(), "this is a row, not a value")
                .help("name one of its columns, or compare it with `null`"),
            Term::Rows(..) => rows_are_no_value(range.clone()),
            Term::Request => Fault::error(range.clone(), "`request` is no value")
                .help("write `request.time` or `request.id`"),
        };
        self.fault(fault);
        Node::unknown(range)
    }

    fn term(&mut self, tree: &Expression) -> Term {
        let range = self.place(&tree.range);
        if !self.enter(&range) {
            return Term::Value(Node::unknown(range));
        }
        let term = self.term_of(tree, range);
        self.depth -= 1;
        match term {
            Term::Value(node) => Term::Value(Node {
                written: tree.range.clone(),
                ..node
            }),
            term => term,
        }
    }

    /// Counts a node; false where there are too many.
    fn enter(&mut self, range: &Range<usize>) -> bool {
        self.nodes += 1;
        let is_within = self.nodes <= EXPRESSION_NODES_MAX && self.depth < INLINED_DEPTH_MAX;
        if is_within {
            self.depth += 1;
        } else if !mem::replace(&mut self.is_too_large, true) {
            let message = format!(
                "with the computed values that it names, the expression has more than {EXPRESSION_NODES_MAX} parts, or is nested more than {INLINED_DEPTH_MAX} deep"
            );
            let fault = Fault::error(range.clone(), message);
            self.fault(
                fault.help("ask less in one condition: several grants under `allow` add up"),
            );
        }
        is_within
    }

    fn term_of(&mut self, tree: &Expression, range: Range<usize>) -> Term {
        let node = match &tree.syntax {
            Syntax::Null => constant(Type::Null, Value::Null, range),
            Syntax::Bool(b) => constant(Type::Bool, Value::Bool(*b), range),
            Syntax::Int(n) => constant(Type::Int, Value::Int(*n), range),
            Syntax::Uint(n) => constant(Type::Uint, Value::Uint(*n), range),
            Syntax::Double(n, Some(decimal)) => Node::new(
                Type::Double,
                range,
                NodeKind::Spelled(Value::Double(*n), Value::Decimal(decimal.clone())),
            ),
            Syntax::Double(n, None) => constant(Type::Double, Value::Double(*n), range),
            Syntax::String(text) => constant(Type::String, Value::String(text.clone()), range),
            Syntax::Bytes(bytes) => constant(Type::Bytes, Value::Bytes(bytes.clone()), range),
            Syntax::Name(name) => return self.name(name, range),
            Syntax::Field(of, name) => {
                let of = self.term(of);
                let name_range = self.place(&tree.name_range);
                return self.field(of, name, name_range, range);
            }
            Syntax::Index(of, index) => return self.index(of, index, range),
            Syntax::List(elements) => self.list(elements, range),
            Syntax::Map(entries) => self.map(entries, range),
            Syntax::Not(operand) => {
                let operand = self.boolean(operand, "!");
                Node::new(Type::Bool, range, NodeKind::Not(Box::new(operand)))
            }
            Syntax::Negate(operand) => self.negate(operand, range),
            Syntax::Binary(operator, left, right) => self.binary(*operator, left, right, range),
            Syntax::Conditional(parts) => self.conditional(parts, range),
            Syntax::Call(call) => {
                let name_range = self.place(&tree.name_range);
                return self.call(call, name_range, range);
            }
        };
        Term::Value(node)
    }

    fn binary(
        &mut self,
        operator: Operator,
        left: &Expression,
        right: &Expression,
        range: Range<usize>,
    ) -> Node {
        match operator {
            Operator::And => {
                let (left, right) = (self.boolean(left, "&&"), self.boolean(right, "&&"));
                Node::new(
                    Type::Bool,
                    range,
                    NodeKind::And(Box::new(left), Box::new(right)),
                )
            }
            Operator::Or => {
                let (left, right) = (self.boolean(left, "||"), self.boolean(right, "||"));
                Node::new(
                    Type::Bool,
                    range,
                    NodeKind::Or(Box::new(left), Box::new(right)),
                )
            }
            Operator::Equal => self.equality(left, right, range, true),
            Operator::NotEqual => self.equality(left, right, range, false),
            Operator::Order(order) => self.order(order, left, right, range),
            Operator::In => self.membership(left, right, range),
            Operator::Arithmetic(arithmetic) => self.arithmetic(arithmetic, left, right, range),
        }
    }

    /// A condition.
    fn boolean(&mut self, tree: &Expression, sign: &str) -> Node {
        let node = self.value(tree);
        if !node.ty.is_open() && node.ty != Type::Bool {
            let message = format!("`{sign}` takes conditions, and this is {}", node.ty);
            self.fault(
                Fault::error(node.range.clone(), message)
                    .help("compare it with something, for example `… != null`"),
            );
        }
        node
    }

    fn warn_of_unguarded_orders(&mut self) {
        for (source, column, fault) in mem::take(&mut self.ordered) {
            if !self.guarded.contains(&(source, column)) {
                self.fault(fault);
            }
        }
    }
}

fn constant(ty: Type, value: Value, range: Range<usize>) -> Node {
    let is_nullable = ty == Type::Null;
    Node {
        is_nullable,
        ..Node::new(ty, range, NodeKind::Constant(value))
    }
}

fn rows_are_no_value(range: Range<usize>) -> Fault {
    Fault::error(range, "this is a list of rows, not a value")
        .help("ask it with `.exists(m, …)`, `.all(m, …)` or `size(…)`")
}
