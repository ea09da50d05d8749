//! Macros: `exists`, `all`, `exists_one`, `map`, `filter` and their kin over lists, maps and to-many relations, and `cel.bind`.

use std::ops::Range;
use std::sync::Arc;

use crate::expr::check::{Bound, Checker, RowTerm, Term};
use crate::expr::ir::{
    Collected, Collection, Each, Node, NodeKind, Over, Quantified, Quantifier, RowSource,
};
use crate::expr::syntax::{Call, Expression, Syntax};
use crate::expr::types::Type;
use crate::expr::{Fault, RelationId, Variable};
use crate::vocabulary::limits::COMPREHENSION_DEPTH_MAX;

/// A macro over elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Macro {
    /// Asks for one variable and a condition, or for two variables and a condition.
    Ask(Quantifier),
    /// A variable, perhaps a condition, and what becomes of each element.
    Map,
    /// A variable and a condition.
    Filter,
    /// Two variables, perhaps a condition, and what becomes of each element.
    Transform(Collection),
}

/// The macros by name.
pub(super) const MACROS: &[(&str, Macro)] = &[
    ("exists", Macro::Ask(Quantifier::Exists)),
    ("all", Macro::Ask(Quantifier::All)),
    ("exists_one", Macro::Ask(Quantifier::ExistsOne)),
    ("existsOne", Macro::Ask(Quantifier::ExistsOne)),
    ("map", Macro::Map),
    ("filter", Macro::Filter),
    ("transformList", Macro::Transform(Collection::List)),
    ("transformMap", Macro::Transform(Collection::Map)),
];

/// The arguments of a macro, sorted out.
struct Arguments<'t> {
    variables: Vec<Arc<str>>,
    condition: Option<&'t Expression>,
    result: Option<&'t Expression>,
}

impl Checker<'_> {
    /// A macro over the elements of `on`.
    pub(super) fn each(
        &mut self,
        found: Macro,
        on: &Expression,
        call: &Call,
        name: Range<usize>,
        range: Range<usize>,
    ) -> Node {
        let on = self.term(on);
        let Some(arguments) = self.sorted_out(found, call, &name) else {
            return Node::unknown(range);
        };
        if self.macros >= COMPREHENSION_DEPTH_MAX {
            let message = format!(
                "macros such as `exists` and `all` stand more than {COMPREHENSION_DEPTH_MAX} inside one another"
            );
            self.fault(
                Fault::error(name, message)
                    .help("move the inner one into a `computed` value of that table"),
            );
            return Node::unknown(range);
        }
        if let Term::Rows(..) = &on
            && !matches!(found, Macro::Ask(Quantifier::Exists | Quantifier::All))
        {
            let message = format!(
                "`{}` does not run over the rows of a relation",
                call.function
            );
            self.fault(
                Fault::error(name, message)
                    .help("rows have `.exists(m, …)`, `.all(m, …)` and `size(…)`"),
            );
            return Node::unknown(range);
        }
        let is_pair = arguments.variables.len() == 2;
        let Some((over, terms)) = self.elements(on, is_pair, &range) else {
            return Node::unknown(range);
        };
        let slot = self.slots;
        let element = terms.last().and_then(|term| match term {
            Term::Value(node) => Some(node.clone()),
            _ => None,
        });
        let count = terms.len();
        let variables: Arc<[Arc<str>]> = arguments.variables.into();
        let bound = variables.iter().cloned().zip(terms);
        self.bound
            .extend(bound.map(|(name, term)| Bound { name, term }));
        self.macros += 1;
        self.slots += count;
        let condition = arguments
            .condition
            .map(|condition| self.boolean(condition, &call.function));
        let result = arguments.result.map(|result| self.value(result));
        self.slots -= count;
        self.macros -= 1;
        self.bound.truncate(self.bound.len() - count);
        let each = Each {
            over,
            slot,
            variables,
        };
        built(found, each, condition, result.or(element), range)
    }

    /// The variables, the condition, the result.
    fn sorted_out<'t>(
        &mut self,
        found: Macro,
        call: &'t Call,
        name: &Range<usize>,
    ) -> Option<Arguments<'t>> {
        let arguments = call.arguments.as_slice();
        let (variables, condition, result) = match (found, arguments) {
            (Macro::Ask(_) | Macro::Filter, [variable, condition]) => {
                (vec![variable], Some(condition), None)
            }
            (Macro::Ask(_), [first, second, condition]) => {
                (vec![first, second], Some(condition), None)
            }
            (Macro::Map, [variable, result]) => (vec![variable], None, Some(result)),
            (Macro::Map, [variable, condition, result]) => {
                (vec![variable], Some(condition), Some(result))
            }
            (Macro::Transform(_), [first, second, result]) => {
                (vec![first, second], None, Some(result))
            }
            (Macro::Transform(_), [first, second, condition, result]) => {
                (vec![first, second], Some(condition), Some(result))
            }
            _ => {
                self.fault(miscounted(found, &call.function, name.clone()));
                return None;
            }
        };
        let variables: Option<Vec<Arc<str>>> = variables
            .into_iter()
            .map(|variable| self.new_variable(variable, &call.function))
            .collect();
        let variables = variables?;
        if let [first, second] = variables.as_slice()
            && first == second
        {
            let message = format!("both variables of `{}` have one name", call.function);
            self.fault(Fault::error(name.clone(), message).help("choose another name"));
            return None;
        }
        Some(Arguments {
            variables,
            condition,
            result,
        })
    }

    /// The name that a macro gives to something.
    fn new_variable(&mut self, variable: &Expression, word: &str) -> Option<Arc<str>> {
        let range = self.place(&variable.range);
        let Syntax::Name(chosen) = &variable.syntax else {
            let message = format!("the first argument of `{word}` is the name of a variable");
            self.fault(Fault::error(range, message).help(format!("write `{word}(x, …)`")));
            return None;
        };
        let is_taken = Variable::ALL
            .into_iter()
            .any(|variable| variable.name() == &**chosen);
        if is_taken || chosen.starts_with('.') {
            let message = format!("`{chosen}` cannot be the name of a variable");
            self.fault(Fault::error(range, message).help("choose another name"));
            return None;
        }
        Some(chosen.clone())
    }

    /// What is run over, and what each variable is.
    fn elements(
        &mut self,
        on: Term,
        is_pair: bool,
        range: &Range<usize>,
    ) -> Option<(Over, Vec<Term>)> {
        let node = match on {
            Term::Rows(_, _) if is_pair => {
                let fault = Fault::error(range.clone(), "rows of a relation have no positions");
                self.fault(fault.help("name one variable: `.exists(m, …)`"));
                return None;
            }
            Term::Rows(row, relation) => return self.rows(row, relation, range),
            Term::Value(node) => node,
            Term::Row(_) | Term::Request => {
                let fault = Fault::error(range.clone(), "this is one row, not a list of rows");
                self.fault(
                    fault.help("name its columns, for example `this.list.owner_id == auth.sub`"),
                );
                return None;
            }
        };
        let (key, value) = match &node.ty {
            Type::List(element) => (Type::Int, (**element).clone()),
            Type::Map(value) => (Type::Dyn, (**value).clone()),
            Type::Dyn => (Type::Dyn, Type::Dyn),
            Type::Unknown => (Type::Unknown, Type::Unknown),
            ty => {
                let message = format!("this is {ty}, which has no elements");
                let fault = Fault::error(node.range.clone(), message);
                self.fault(fault.help("ask a list, a map or a to-many relation"));
                (Type::Unknown, Type::Unknown)
            }
        };
        let types = match (&node.ty, is_pair) {
            (_, true) => vec![key, value],
            // The one variable of a map is its key.
            (Type::Map(_), false) => vec![key],
            (_, false) => vec![value],
        };
        let variables = types.into_iter().enumerate().map(|(at, ty)| {
            let kind = NodeKind::Bound(self.slots + at);
            Term::Value(Node::new(ty, range.clone(), kind))
        });
        let variables = variables.collect();
        Some((Over::Elements(node), variables))
    }

    fn rows(
        &mut self,
        row: RowTerm,
        relation: RelationId,
        range: &Range<usize>,
    ) -> Option<(Over, Vec<Term>)> {
        let Some(shape) = self.scope.world.relations.get(relation.0 as usize) else {
            self.fault(
                Fault::error(range.clone(), "this relation leads nowhere").help("name another one"),
            );
            return None;
        };
        let element = RowTerm {
            source: RowSource::Bound(self.slots),
            table: shape.to,
            relation: Some(relation),
            depth: row.depth + 1,
        };
        let follow = self.follow(relation);
        Some((Over::Rows(row.source, follow), vec![Term::Row(element)]))
    }

    /// `cel.bind(x, value, expression)`.
    pub(super) fn bind(&mut self, call: &Call, name: Range<usize>, range: Range<usize>) -> Node {
        let [variable, bound, body] = call.arguments.as_slice() else {
            let fault = Fault::error(name, "`cel.bind` takes a name, a value and an expression");
            self.fault(fault.help("write `cel.bind(x, …, …)`"));
            return Node::unknown(range);
        };
        let Some(variable) = self.new_variable(variable, "cel.bind") else {
            return Node::unknown(range);
        };
        let (term, node) = match self.term(bound) {
            Term::Value(node) => {
                let kind = NodeKind::Bound(self.slots);
                let bound = Node {
                    is_nullable: node.is_nullable,
                    ..Node::new(node.ty.clone(), node.range.clone(), kind)
                };
                (Term::Value(bound), Some(node))
            }
            // A row is another name for it.
            term => (term, None),
        };
        let slot = self.slots;
        self.bound.push(Bound {
            name: variable,
            term,
        });
        self.slots += usize::from(node.is_some());
        let body = self.value(body);
        self.slots -= usize::from(node.is_some());
        self.bound.pop();
        match node {
            Some(node) => Node {
                is_nullable: body.is_nullable,
                ..Node::new(
                    body.ty.clone(),
                    range,
                    NodeKind::Let(slot, Box::new([node, body])),
                )
            },
            None => body,
        }
    }
}

/// The node of a macro. Without a result, each element is its own.
fn built(
    found: Macro,
    each: Each,
    condition: Option<Node>,
    result: Option<Node>,
    range: Range<usize>,
) -> Node {
    let unknown = || Node::unknown(range.clone());
    let (into, body) = match (found, result) {
        (Macro::Ask(quantifier), _) => {
            let body = condition.unwrap_or_else(unknown);
            return Node::new(
                Type::Bool,
                range,
                NodeKind::Quantified(Box::new(Quantified {
                    quantifier,
                    each,
                    body,
                })),
            );
        }
        (Macro::Transform(into), result) => (into, result),
        (Macro::Map | Macro::Filter, result) => (Collection::List, result),
    };
    let body = body.unwrap_or_else(unknown);
    let element = Box::new(body.ty.clone());
    let ty = match into {
        Collection::List => Type::List(element),
        Collection::Map => Type::Map(element),
    };
    Node::new(
        ty,
        range,
        NodeKind::Collected(Box::new(Collected {
            into,
            each,
            keep: condition,
            body,
        })),
    )
}

fn miscounted(found: Macro, word: &str, name: Range<usize>) -> Fault {
    let (wanted, example) = match found {
        Macro::Ask(_) | Macro::Filter => ("a variable and a condition", "(x, …)"),
        Macro::Map => ("a variable and what becomes of each element", "(x, …)"),
        Macro::Transform(_) => (
            "two variables and what becomes of each element",
            "(k, v, …)",
        ),
    };
    Fault::error(name, format!("`{word}` takes {wanted}")).help(format!("write `.{word}{example}`"))
}
