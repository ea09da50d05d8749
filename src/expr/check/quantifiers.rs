//! `exists` and `all`, over lists, maps and to-many relations.

use std::ops::Range;
use std::sync::Arc;

use crate::expr::check::{Bound, Checker, RowTerm, Term};
use crate::expr::ir::{Node, NodeKind, Over, Quantified, Quantifier, RowSource};
use crate::expr::syntax::{Expression, Syntax};
use crate::expr::types::Type;
use crate::expr::{Fault, RelationId, Variable};
use crate::vocabulary::limits::COMPREHENSION_DEPTH_MAX;

impl Checker<'_> {
    pub(super) fn quantified(
        &mut self,
        quantifier: Quantifier,
        on: &Expression,
        arguments: &[Expression],
        name: Range<usize>,
        range: Range<usize>,
    ) -> Node {
        let on = self.term(on);
        let Some((variable, condition)) = self.arguments(quantifier, arguments, &name) else {
            return Node::unknown(range);
        };
        if self.quantifiers >= COMPREHENSION_DEPTH_MAX {
            let message = format!(
                "`exists` and `all` stand more than {COMPREHENSION_DEPTH_MAX} inside one another"
            );
            self.fault(
                Fault::error(name, message)
                    .help("move the inner one into a `computed` value of that table"),
            );
            return Node::unknown(range);
        }
        let slot = self.quantifiers;
        let Some((over, element)) = self.elements(on, slot, &range) else {
            return Node::unknown(range);
        };
        self.bound.push(Bound {
            name: variable.clone(),
            term: element,
        });
        self.quantifiers += 1;
        let body = self.boolean(condition, word(quantifier));
        self.quantifiers -= 1;
        self.bound.pop();
        Node::new(
            Type::Bool,
            range,
            NodeKind::Quantified(Box::new(Quantified {
                quantifier,
                variable,
                over,
                body,
                slot,
            })),
        )
    }

    /// The variable and the condition.
    fn arguments<'t>(
        &mut self,
        quantifier: Quantifier,
        arguments: &'t [Expression],
        name: &Range<usize>,
    ) -> Option<(Arc<str>, &'t Expression)> {
        let word = word(quantifier);
        let [variable, condition] = arguments else {
            let fault = if arguments.len() == 3 {
                Fault::error(
                    name.clone(),
                    format!("`{word}` with two variables is not supported yet"),
                )
                .help(format!("write `.{word}(x, …)`"))
            } else {
                Fault::error(
                    name.clone(),
                    format!("`{word}` takes a variable and a condition"),
                )
                .help(format!("write `.{word}(x, …)`"))
            };
            self.fault(fault);
            return None;
        };
        let range = self.place(&variable.range);
        let Syntax::Name(chosen) = &variable.syntax else {
            let message = format!("the first argument of `{word}` is the name of a variable");
            self.fault(Fault::error(range, message).help(format!("write `.{word}(x, …)`")));
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
        Some((chosen.clone(), condition))
    }

    /// What is run over, and what each element is.
    fn elements(&mut self, on: Term, slot: usize, range: &Range<usize>) -> Option<(Over, Term)> {
        let node = match on {
            Term::Rows(row, relation) => return self.rows(row, relation, slot, range),
            Term::Value(node) => node,
            Term::Row(_) | Term::Request => {
                let fault = Fault::error(range.clone(), "this is one row, not a list of rows");
                self.fault(
                    fault.help("name its columns, for example `this.list.owner_id == auth.sub`"),
                );
                return None;
            }
        };
        let ty = match &node.ty {
            Type::List(element) => (**element).clone(),
            Type::Map(_) | Type::Dyn => Type::Dyn,
            Type::Unknown => Type::Unknown,
            ty => {
                let message = format!("this is {ty}, which has no elements");
                let fault = Fault::error(node.range.clone(), message);
                self.fault(fault.help("ask a list, a map or a to-many relation"));
                Type::Unknown
            }
        };
        let element = Node::new(ty, range.clone(), NodeKind::Bound(slot));
        Some((Over::Elements(node), Term::Value(element)))
    }

    fn rows(
        &mut self,
        row: RowTerm,
        relation: RelationId,
        slot: usize,
        range: &Range<usize>,
    ) -> Option<(Over, Term)> {
        let Some(shape) = self.scope.world.relations.get(relation.0 as usize) else {
            self.fault(
                Fault::error(range.clone(), "this relation leads nowhere").help("name another one"),
            );
            return None;
        };
        let element = RowTerm {
            source: RowSource::Bound(slot),
            table: shape.to,
            relation: Some(relation),
            depth: row.depth + 1,
        };
        let follow = self.follow(relation);
        Some((Over::Rows(row.source, follow), Term::Row(element)))
    }
}

fn word(quantifier: Quantifier) -> &'static str {
    match quantifier {
        Quantifier::Exists => "exists",
        Quantifier::All => "all",
    }
}
