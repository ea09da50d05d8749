//! Why an expression has the value it has: the parts that decided it, each with what it said.
//!
//! Every value in an account is the evaluator's own answer; what is decided here is only which parts to show.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use crate::expr::each::Bound;
use crate::expr::evaluate::Evaluation;
use crate::expr::ir::{Each, Follow, Node, NodeKind, Over, Quantified, Quantifier, RowSource};
use crate::expr::values::value_of_key;
use crate::expr::{Budget, EvalError, Frame, Reads, RelationId, World, show};
use crate::vocabulary::names::{ColumnName, MemberName};
use crate::vocabulary::row::Row;
use crate::vocabulary::value::Value;

/// Elements that are shown where all of them decided.
const ELEMENTS_MAX: usize = 3;

/// What a part of an expression came to, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Its text as written, in the expression or in a computed value.
    pub text: String,
    /// What it said.
    pub said: Said,
    /// The parts of it that decided this; constants are left out.
    pub because: Vec<Account>,
}

/// What a part of an expression said.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// It has a value.
    Value(Value),
    /// It has none.
    Failed(EvalError),
    /// An image, or a to-one relation, that is not there.
    NoRow,
    /// A to-many relation with so many rows.
    Rows(usize),
    /// The row that `exists` or `all` is at, of how many; positions from 1.
    Row(usize, usize),
    /// Elements that are not shown: they decided in the same way.
    More(usize),
}

/// What relations are called: the evaluator has no use for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Names(BTreeMap<RelationId, (MemberName, Vec<ColumnName>)>);

impl Names {
    /// Those of the relations that are followed, each with our matched columns.
    pub(super) fn of(reads: &Reads, world: &World) -> Self {
        let named = reads.related.keys().filter_map(|id| {
            let shape = world.relations.get(id.0 as usize)?;
            let table = world.tables.get(shape.from.0 as usize)?;
            let ours = shape.matches.iter().filter_map(|(ours, _)| {
                let column = table.columns.get(usize::from(ours.0))?;
                Some(column.name.clone())
            });
            Some((*id, (shape.name.clone(), ours.collect())))
        });
        Self(named.collect())
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => write!(f, "is {}", show(value)),
            Self::Failed(error) => write!(f, "has no value: {error}"),
            Self::NoRow => f.write_str("is null"),
            Self::Rows(0) => f.write_str("has no rows"),
            Self::Rows(1) => f.write_str("has 1 row"),
            Self::Rows(count) => write!(f, "has {count} rows"),
            Self::Row(position, count) => write!(f, "is row {position} of {count}"),
            Self::More(count) => write!(f, "and {count} more like these"),
        }
    }
}

impl Account {
    /// What it said in one line, and the reasons in lines below it, each level further in.
    pub fn text(&self, indent: usize) -> String {
        let mut text = String::new();
        self.write(&mut text, indent);
        text
    }

    fn write(&self, text: &mut String, indent: usize) {
        let _ = write!(text, "{:indent$}{}", "", self.line());
        if self.because.iter().all(|part| part.because.is_empty()) {
            let parts: Vec<String> = self.because.iter().map(Self::line).collect();
            let colon = if parts.is_empty() { "" } else { ": " };
            let _ = writeln!(text, "{colon}{}", parts.join(", "));
        } else {
            text.push('\n');
            for part in &self.because {
                part.write(text, indent + 2);
            }
        }
    }

    fn line(&self) -> String {
        match &self.said {
            Said::More(_) => self.said.to_string(),
            // The part whose error it is tells it.
            Said::Failed(_) if self.because.iter().any(|part| part.said == self.said) => {
                format!("`{}` has no value", one_line(&self.text))
            }
            _ => format!("`{}` {}", one_line(&self.text), self.said),
        }
    }
}

/// A text without its line breaks.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Evaluates a node, and says which of its parts decided.
pub(super) fn account(
    node: &Node,
    text: &str,
    names: &Names,
    frame: &Frame<'_>,
    budget: &mut Budget,
) -> Account {
    let mut spare = budget.clone();
    let mut evaluation = Evaluation {
        frame,
        budget,
        bound: Vec::new(),
    };
    let said = said(evaluation.value(node));
    let mut accountant = Accountant {
        steps_left: spare.steps_left,
        evaluation: Evaluation {
            frame,
            budget: &mut spare,
            bound: Vec::new(),
        },
        names,
        variables: Vec::new(),
    };
    accountant.explained(node, text, said)
}

fn said(answer: Result<Cow<'_, Value>, EvalError>) -> Said {
    match answer {
        Ok(value) => Said::Value(value.into_owned()),
        Err(error) => Said::Failed(error),
    }
}

struct Accountant<'a, 'b> {
    evaluation: Evaluation<'a, 'b>,
    /// What each part may cost: no more than the whole.
    steps_left: usize,
    names: &'b Names,
    /// The variables of the quantifiers around, by slot.
    variables: Vec<&'a str>,
}

impl<'a> Accountant<'a, '_> {
    fn said(&mut self, node: &'a Node) -> Said {
        self.evaluation.budget.steps_left = self.steps_left;
        said(self.evaluation.value(node))
    }

    fn account(&mut self, node: &'a Node, text: &'a str) -> Account {
        let said = self.said(node);
        self.explained(node, text, said)
    }

    fn explained(&mut self, node: &'a Node, text: &'a str, said: Said) -> Account {
        let because = match (&said, &node.computed) {
            (Said::Failed(EvalError::OutOfBudget(_) | EvalError::Missing), _) => Vec::new(),
            (_, Some(written)) => {
                let text = slice(&written.text, &written.range);
                let because = self.because(node, &written.text, &said);
                vec![Account {
                    text: text.to_owned(),
                    said: said.clone(),
                    because,
                }]
            }
            (_, None) => self.because(node, text, &said),
        };
        Account {
            text: slice(text, &named(node).written).to_owned(),
            said,
            because,
        }
    }

    /// The parts of a node that decided what it said.
    fn because(&mut self, node: &'a Node, text: &'a str, said: &Said) -> Vec<Account> {
        let has_failed = matches!(said, Said::Failed(_));
        match &node.kind {
            NodeKind::Column(source, _) if has_failed => self.absent(source),
            NodeKind::IsAbsent(source) => self.absent(source),
            NodeKind::Of(source, value) => {
                let absent = self.absent(source);
                if absent.is_empty() {
                    self.account(value, text).because
                } else {
                    absent
                }
            }
            NodeKind::Count(source, _) if has_failed => self.absent(source),
            NodeKind::Not(operand) if matches!(operand.kind, NodeKind::IsAbsent(_)) => {
                self.because(operand, text, said)
            }
            NodeKind::Not(operand) => vec![self.account(operand, text)],
            NodeKind::And(left, right) => self.connective([left, right], text, false),
            NodeKind::Or(left, right) => self.connective([left, right], text, true),
            NodeKind::Conditional(parts) => {
                let [condition, yes, no] = &**parts;
                let asked = self.account(condition, text);
                let taken = match asked.said {
                    Said::Value(Value::Bool(true)) => yes,
                    Said::Value(Value::Bool(false)) => no,
                    _ => return vec![asked],
                };
                let mut because = vec![asked];
                because.extend(self.operands(&[taken], text));
                because
            }
            NodeKind::Equal(left, right)
            | NodeKind::NotEqual(left, right)
            | NodeKind::Order(_, left, right)
            | NodeKind::In(left, right)
            | NodeKind::Arithmetic(_, left, right)
            | NodeKind::Compare(_, left, right) => self.operands(&[left, right], text),
            NodeKind::Index(of, index) if has_failed => self.operands(&[of, index], text),
            NodeKind::Field(of, _) if has_failed => self.operands(&[of], text),
            NodeKind::HasField(of, _)
            | NodeKind::Negate(of)
            | NodeKind::PartIn(_, of, _)
            | NodeKind::Dyn(of)
            | NodeKind::Call(_, of)
            | NodeKind::Matches(of, _) => self.operands(&[of], text),
            NodeKind::AsUuid(operand) => {
                let inner = self.account(operand, text);
                match (&inner.said, has_failed) {
                    (Said::Value(_), true) => vec![inner],
                    _ => inner.because,
                }
            }
            NodeKind::List(elements) => {
                let elements: Vec<&Node> = elements.iter().collect();
                self.operands(&elements, text)
            }
            NodeKind::Invoke(_, arguments) => {
                let arguments: Vec<&Node> = arguments.iter().collect();
                self.operands(&arguments, text)
            }
            NodeKind::Quantified(quantified) => self.quantified(quantified, text),
            _ => Vec::new(),
        }
    }

    /// The values that something was made of; only the first that has none, where there is one.
    fn operands(&mut self, nodes: &[&'a Node], text: &'a str) -> Vec<Account> {
        let mut accounts: Vec<Account> = Vec::new();
        for node in nodes.iter().filter(|node| !is_constant(node)) {
            let account = self.account(node, text);
            if matches!(account.said, Said::Failed(_)) {
                return vec![account];
            }
            if !accounts.contains(&account) {
                accounts.push(account);
            }
        }
        accounts
    }

    /// The side that equals `wanted` decides; else those that failed; else both.
    fn connective(&mut self, sides: [&'a Node; 2], text: &'a str, wanted: bool) -> Vec<Account> {
        let mut failed = Vec::new();
        let mut others = Vec::new();
        for side in sides {
            let (said, parts) = self.parts(side, text);
            match said {
                Said::Value(Value::Bool(b)) if b == wanted => return parts,
                Said::Value(Value::Bool(_)) => others.extend(parts),
                _ => failed.extend(parts),
            }
        }
        if failed.is_empty() { others } else { failed }
    }

    /// A condition as a part of another one: one that only connects is told by its own parts.
    fn parts(&mut self, node: &'a Node, text: &'a str) -> (Said, Vec<Account>) {
        let account = self.account(node, text);
        let only_connects = matches!(node.kind, NodeKind::And(..) | NodeKind::Or(..));
        if only_connects && node.computed.is_none() {
            (account.said, account.because)
        } else {
            (account.said.clone(), vec![account])
        }
    }

    /// The first row on the way to a source that is not there, with the columns that should lead to it.
    fn absent(&mut self, source: &'a RowSource) -> Vec<Account> {
        if let RowSource::Related(from, _) = source
            && !matches!(self.evaluation.row(from), Ok(Some(_)))
        {
            return self.absent(from);
        }
        if !matches!(self.evaluation.row(source), Ok(None)) {
            return Vec::new();
        }
        let because = match source {
            RowSource::Related(from, follow) => self.matched(from, follow),
            RowSource::Image(_) | RowSource::Bound(_) => Vec::new(),
        };
        vec![Account {
            text: self.name(source),
            said: Said::NoRow,
            because,
        }]
    }

    /// Our matched columns of a relation, with their values.
    fn matched(&mut self, from: &'a RowSource, follow: &Follow) -> Vec<Account> {
        let Ok(Some(row)) = self.evaluation.row(from) else {
            return Vec::new();
        };
        let name = self.name(from);
        let names = self.names.0.get(&follow.relation);
        let columns = names.into_iter().flat_map(|(_, columns)| columns);
        let matched = follow.ours.iter().zip(columns).filter_map(|(id, column)| {
            Some(Account {
                text: format!("{name}.{column}"),
                said: Said::Value(row.column(*id)?.value.clone()),
                because: Vec::new(),
            })
        });
        matched.collect()
    }

    /// What a row is called, from outside of all computed values.
    fn name(&self, source: &RowSource) -> String {
        match source {
            RowSource::Image(variable) => variable.name().to_owned(),
            RowSource::Bound(slot) => self.variables.get(*slot).copied().unwrap_or("?").to_owned(),
            RowSource::Related(from, follow) => self.name_of_related(from, follow),
        }
    }

    fn name_of_related(&self, from: &RowSource, follow: &Follow) -> String {
        let names = self.names.0.get(&follow.relation);
        let relation = names.map_or("?", |(relation, _)| relation.as_str());
        format!("{}.{relation}", self.name(from))
    }

    fn quantified(&mut self, quantified: &'a Quantified, text: &'a str) -> Vec<Account> {
        let each = &quantified.each;
        match &each.over {
            Over::Rows(from, follow) => match self.evaluation.rows(from, follow) {
                Ok([]) => vec![Account {
                    text: self.name_of_related(from, follow),
                    said: Said::Rows(0),
                    because: self.matched(from, follow),
                }],
                Ok(rows) => {
                    let rows: Vec<Element<'a>> = rows.iter().map(Element::Row).collect();
                    self.elements(quantified, text, &rows)
                }
                Err(_) => self.absent(from),
            },
            Over::Elements(list) => match self.said(list) {
                Said::Value(Value::List(values)) if !values.is_empty() && !each.is_pair() => {
                    let values: Vec<Element<'a>> =
                        values.iter().cloned().map(Element::Value).collect();
                    self.elements(quantified, text, &values)
                }
                Said::Value(Value::Map(entries)) if !entries.is_empty() && !each.is_pair() => {
                    let keys = entries.keys().map(value_of_key);
                    let keys: Vec<Element<'a>> = keys.map(Element::Value).collect();
                    self.elements(quantified, text, &keys)
                }
                _ => vec![self.account(list, text)],
            },
        }
    }

    /// The element that decided; else those that failed; else all of them, or for `exists_one` those that held.
    fn elements(
        &mut self,
        quantified: &'a Quantified,
        text: &'a str,
        elements: &[Element<'a>],
    ) -> Vec<Account> {
        let deciding = match quantified.quantifier {
            Quantifier::Exists => Some(true),
            Quantifier::All => Some(false),
            Quantifier::ExistsOne => None,
        };
        let bound = self.evaluation.bound.len();
        let mut failed = Vec::new();
        let mut held = Vec::new();
        let mut others = Vec::new();
        for (position, element) in elements.iter().enumerate() {
            self.enter(&quantified.each, element);
            match self.said(&quantified.body) {
                Said::Value(Value::Bool(b)) if Some(b) == deciding => {
                    failed.clear();
                    others = vec![position];
                    break;
                }
                Said::Value(Value::Bool(true)) if deciding.is_none() => held.push(position),
                Said::Value(Value::Bool(_)) => others.push(position),
                _ => failed.push(position),
            }
        }
        let shown = [failed, held, others]
            .into_iter()
            .find(|positions| !positions.is_empty())
            .unwrap_or_default();
        let mut accounts: Vec<Account> = Vec::new();
        for position in shown.iter().copied().take(ELEMENTS_MAX) {
            let Some(element) = elements.get(position) else {
                continue;
            };
            self.enter(&quantified.each, element);
            accounts.push(Account {
                text: name_of(&quantified.each).to_owned(),
                said: element.said(position + 1, elements.len()),
                because: self.parts(&quantified.body, text).1,
            });
        }
        self.evaluation.bound.truncate(bound);
        self.variables.truncate(bound);
        if shown.len() > ELEMENTS_MAX {
            accounts.push(Account {
                text: String::new(),
                said: Said::More(shown.len() - ELEMENTS_MAX),
                because: Vec::new(),
            });
        }
        accounts
    }

    /// Lets the variable stand for an element.
    fn enter(&mut self, each: &'a Each, element: &Element<'a>) {
        self.variables.truncate(each.slot);
        self.variables.push(name_of(each));
        self.evaluation.bind(each.slot, element.bound());
    }
}

fn name_of(each: &Each) -> &str {
    each.variables.first().map_or("?", AsRef::as_ref)
}

/// What a quantifier looks at.
enum Element<'a> {
    Value(Value),
    Row(&'a Row),
}

impl<'a> Element<'a> {
    fn bound(&self) -> Bound<'a> {
        match self {
            Self::Value(value) => Bound::Value(Cow::Owned(value.clone())),
            Self::Row(row) => Bound::Row(row),
        }
    }

    fn said(&self, position: usize, count: usize) -> Said {
        match self {
            Self::Value(value) => Said::Value(value.clone()),
            Self::Row(_) => Said::Row(position, count),
        }
    }
}

/// The node whose text a node has: one that only converts has none of its own.
fn named(node: &Node) -> &Node {
    match &node.kind {
        NodeKind::AsUuid(operand) => named(operand),
        _ => node,
    }
}

/// Whether a node says the same wherever it is asked, and its text says what.
fn is_constant(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Constant(_) | NodeKind::Spelled(..) => true,
        NodeKind::List(elements) => elements.iter().all(is_constant),
        NodeKind::AsUuid(operand) | NodeKind::Negate(operand) => is_constant(operand),
        _ => false,
    }
}

fn slice<'t>(text: &'t str, range: &std::ops::Range<usize>) -> &'t str {
    text.get(range.clone()).unwrap_or(text)
}
