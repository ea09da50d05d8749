//! IR + frame → value, within a budget.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;

use crate::expr::each::Bound;
use crate::expr::ir::{Node, NodeKind, ZoneOf};
use crate::expr::reach::entry;
use crate::expr::syntax::Order;
use crate::expr::types::Type;
use crate::expr::values::{cost, failed, is_among, key, spend_on, uuid, weight};
use crate::expr::zone::Zone;
use crate::expr::{Budget, EvalError, Frame, functions, library, number, values};
use crate::vocabulary::value::{MapKey, Value};

/// Bytes of text that cost a step of `matches`.
const STEP_BYTES: usize = 256;

pub(super) type Answer<'a> = Result<Cow<'a, Value>, EvalError>;

/// Evaluates a node.
pub(super) fn evaluate(
    node: &Node,
    frame: &Frame<'_>,
    budget: &mut Budget,
) -> Result<Value, EvalError> {
    evaluate_within(node, frame, budget, 0)
}

/// Evaluates a part that reads none of the `slots` variables around it.
pub(super) fn evaluate_within(
    node: &Node,
    frame: &Frame<'_>,
    budget: &mut Budget,
    slots: usize,
) -> Result<Value, EvalError> {
    let nothing = || Bound::Value(Cow::Borrowed(&Value::Null));
    let mut evaluation = Evaluation {
        frame,
        budget,
        bound: std::iter::repeat_with(nothing).take(slots).collect(),
    };
    match evaluation.value(node)? {
        Cow::Borrowed(value) => Ok(value.clone()),
        Cow::Owned(value) => {
            if matches!(value, Value::List(_) | Value::Map(_)) {
                spend_on(&value, evaluation.budget)?;
            }
            Ok(value)
        }
    }
}

/// One evaluation under way.
pub(super) struct Evaluation<'a, 'b> {
    pub(super) frame: &'a Frame<'a>,
    pub(super) budget: &'b mut Budget,
    /// What the variables of macros stand for, by slot.
    pub(super) bound: Vec<Bound<'a>>,
}

impl<'a> Evaluation<'a, '_> {
    pub(super) fn spend(&mut self, steps: usize) -> Result<(), EvalError> {
        self.budget.spend(steps)
    }

    /// The value of a node.
    pub(super) fn value(&mut self, node: &'a Node) -> Answer<'a> {
        self.spend(1)?;
        match self.condition(&node.kind) {
            Some(answer) => answer.map(|b| Cow::Owned(Value::Bool(b))),
            None => self.seen(node),
        }
    }

    /// The answer of a node that must be true or false.
    pub(super) fn boolean(&mut self, node: &'a Node) -> Result<bool, EvalError> {
        self.spend(1)?;
        if let Some(answer) = self.condition(&node.kind) {
            return answer;
        }
        match &*self.seen(node)? {
            Value::Bool(b) => Ok(*b),
            Value::Null => failed("null is neither true nor false"),
            _ => failed("this is neither true nor false"),
        }
    }

    /// The answer of a node that is a condition by its kind: no value is made for it. `None` for every other.
    fn condition(&mut self, kind: &'a NodeKind) -> Option<Result<bool, EvalError>> {
        Some(match kind {
            NodeKind::Not(operand) => self.boolean(operand).map(|b| !b),
            NodeKind::And(left, right) => self.either(left, right, false).map(|b| !b),
            NodeKind::Or(left, right) => self.either(left, right, true),
            NodeKind::Equal(left, right) => self.equal(left, right),
            NodeKind::NotEqual(left, right) => self.equal(left, right).map(|b| !b),
            NodeKind::Order(order, left, right) => self.order(*order, left, right),
            NodeKind::In(left, right) => self.is_in(left, right),
            NodeKind::IsChanged(field) => Ok(self.frame.changed.contains(field)),
            NodeKind::HasClaim(name) => self.claims().map(|claims| claims.contains_key(name)),
            NodeKind::IsAbsent(source) => self.row(source).map(|row| row.is_none()),
            NodeKind::HasField(of, name) => self.has_field(of, name),
            NodeKind::Compare(test, text, against) => {
                let answer = self.both(text, against);
                answer.and_then(|(text, against)| {
                    self.spend(weight(&text))?;
                    functions::test(*test, &text, &against)
                })
            }
            NodeKind::Matches(text, regex) => self.matches(text, regex),
            NodeKind::Quantified(quantified) => self.quantified(quantified),
            _ => return None,
        })
    }

    /// The value of a node that is no condition by its kind.
    fn seen(&mut self, node: &'a Node) -> Answer<'a> {
        let value = match &node.kind {
            NodeKind::Constant(value) | NodeKind::Spelled(value, _) => {
                return Ok(Cow::Borrowed(value));
            }
            NodeKind::Claims => return Ok(Cow::Borrowed(self.frame.auth)),
            NodeKind::Claim(name) => return self.typed_claim(name, &node.ty),
            NodeKind::Column(source, column) => {
                return self.column(source, *column).map(Cow::Borrowed);
            }
            NodeKind::Bound(slot) => return self.bound(*slot),
            NodeKind::Op(words) => {
                let word = words.get(self.frame.op as usize);
                return word
                    .map_or_else(|| failed("there is no op"), |word| Ok(Cow::Borrowed(word)));
            }
            NodeKind::Changed => {
                self.spend(self.frame.changed.len())?;
                let names = self.frame.changed.iter();
                Value::List(names.map(|name| Value::string(name.as_str())).collect())
            }
            NodeKind::Time => Value::Timestamp(self.frame.time),
            NodeKind::RequestId => Value::string(self.frame.request_id),
            NodeKind::Metadata => self.frame.metadata.map_or(Value::Null, Value::string),
            NodeKind::Of(source, value) => {
                if self.row(source)?.is_none() {
                    return failed("there is no row to compute a value of");
                }
                return self.value(value);
            }
            NodeKind::Count(source, follow) => {
                let count = self.rows(source, follow)?.len();
                functions::count_of(count)?
            }
            NodeKind::Field(of, name) => {
                let of = self.value(of)?;
                return entry(of, name);
            }
            NodeKind::Index(of, index) => return self.index(of, index),
            NodeKind::List(elements) => {
                let values: Result<Vec<Value>, EvalError> =
                    elements.iter().map(|element| self.owned(element)).collect();
                Value::List(values?.into())
            }
            NodeKind::Map(entries) => self.map(entries)?,
            NodeKind::Conditional(parts) => {
                let [condition, yes, no] = &**parts;
                let taken = if self.boolean(condition)? { yes } else { no };
                return self.value(taken);
            }
            NodeKind::Dyn(inner) => return self.value(inner),
            NodeKind::Let(slot, parts) => {
                let [bound, body] = &**parts;
                let bound = self.value(bound)?;
                self.bind(*slot, Bound::Value(bound));
                return self.value(body);
            }
            NodeKind::Arithmetic(sign, left, right) => {
                let (left, right) = self.both(left, right)?;
                self.spend(cost(&left, &right))?;
                values::arithmetic(*sign, &left, &right)?
            }
            NodeKind::Negate(operand) => number::negate(&*self.value(operand)?)?,
            NodeKind::Call(function, argument) => {
                let argument = self.value(argument)?;
                self.spend(weight(&argument))?;
                functions::convert(*function, &argument)?
            }
            NodeKind::PartIn(part, time, zone) => {
                let time = self.value(time)?;
                let zone = self.zone(zone)?;
                functions::part(*part, &time, &zone)?
            }
            NodeKind::Invoke(builtin, arguments) => {
                let values: Result<Vec<Cow<'a, Value>>, EvalError> =
                    arguments.iter().map(|each| self.value(each)).collect();
                library::invoke(*builtin, &values?, self.budget)?
            }
            NodeKind::AsUuid(operand) => match &*self.value(operand)? {
                Value::String(text) => match uuid(text) {
                    Some(id) => Value::Uuid(id),
                    None => return failed("this text is no uuid"),
                },
                value => value.clone(),
            },
            NodeKind::Collected(collected) => self.collected(collected)?,
            // Conditions, which `condition` answers.
            NodeKind::Not(_)
            | NodeKind::And(..)
            | NodeKind::Or(..)
            | NodeKind::Equal(..)
            | NodeKind::NotEqual(..)
            | NodeKind::Order(..)
            | NodeKind::In(..)
            | NodeKind::IsChanged(_)
            | NodeKind::HasClaim(_)
            | NodeKind::IsAbsent(_)
            | NodeKind::HasField(..)
            | NodeKind::Compare(..)
            | NodeKind::Matches(..)
            | NodeKind::Quantified(_) => return failed("this is neither true nor false"),
        };
        Ok(Cow::Owned(value))
    }

    pub(super) fn both(
        &mut self,
        left: &'a Node,
        right: &'a Node,
    ) -> Result<(Cow<'a, Value>, Cow<'a, Value>), EvalError> {
        Ok((self.value(left)?, self.value(right)?))
    }

    fn order(&mut self, order: Order, left: &'a Node, right: &'a Node) -> Result<bool, EvalError> {
        self.compare(left, right, |left, right, budget| {
            budget.spend(weight(left).min(weight(right)))?;
            let found = values::compare(left, right)?;
            Ok(found.is_some_and(|found| holds(order, found)))
        })
    }

    /// Asks a question of two values, without moving those that lie at hand.
    fn compare(
        &mut self,
        left: &'a Node,
        right: &'a Node,
        ask: impl Fn(&Value, &Value, &mut Budget) -> Result<bool, EvalError>,
    ) -> Result<bool, EvalError> {
        match (self.at_hand(left)?, self.at_hand(right)?) {
            (Some(left), Some(right)) => ask(left, right, self.budget),
            (Some(left), None) => {
                let right = self.value(right)?;
                ask(left, &right, self.budget)
            }
            (None, Some(right)) => {
                let left = self.value(left)?;
                ask(&left, right, self.budget)
            }
            (None, None) => {
                let (left, right) = self.both(left, right)?;
                ask(&left, &right, self.budget)
            }
        }
    }

    /// The value of a node that lies somewhere already; `None` where it has to be made.
    fn at_hand(&mut self, node: &'a Node) -> Result<Option<&'a Value>, EvalError> {
        let found = match &node.kind {
            NodeKind::Constant(value) | NodeKind::Spelled(value, _) => value,
            NodeKind::Column(source, column) => self.column(source, *column)?,
            NodeKind::Op(words) => match words.get(self.frame.op as usize) {
                Some(word) => word,
                None => return failed("there is no op"),
            },
            NodeKind::Claim(name) if !matches!(node.ty, Type::Int | Type::Double) => {
                self.claim(name)?
            }
            _ => return Ok(None),
        };
        self.spend(1)?;
        Ok(Some(found))
    }

    fn has_field(&mut self, of: &'a Node, name: &MapKey) -> Result<bool, EvalError> {
        match &*self.value(of)? {
            Value::Map(map) => Ok(map.contains_key(name)),
            _ => failed("only a map has fields"),
        }
    }

    fn matches(&mut self, text: &'a Node, regex: &Regex) -> Result<bool, EvalError> {
        match &*self.value(text)? {
            Value::String(text) => {
                self.spend(text.len() / STEP_BYTES)?;
                Ok(regex.is_match(text))
            }
            _ => failed("`matches` takes a text"),
        }
    }

    fn zone(&mut self, zone: &'a ZoneOf) -> Result<Cow<'a, Zone>, EvalError> {
        let node = match zone {
            ZoneOf::Known(zone) => return Ok(Cow::Borrowed(zone)),
            ZoneOf::Named(node) => node,
        };
        match &*self.value(node)? {
            Value::String(name) => match Zone::parse(name) {
                Some(zone) => Ok(Cow::Owned(zone)),
                None => failed("there is no such time zone"),
            },
            _ => failed("a time zone is named by a text"),
        }
    }

    pub(super) fn owned(&mut self, node: &'a Node) -> Result<Value, EvalError> {
        self.value(node).map(Cow::into_owned)
    }

    /// Whether one of two conditions equals `wanted`; an error counts only where neither does.
    fn either(&mut self, left: &'a Node, right: &'a Node, wanted: bool) -> Result<bool, EvalError> {
        // `a && b` is "neither is false", so both connectives are this one question.
        let first = self.boolean(left);
        match first {
            Ok(b) if b == wanted => return Ok(true),
            Err(EvalError::OutOfBudget(_)) => return first,
            _ => {}
        }
        match (first, self.boolean(right)) {
            (_, Err(EvalError::OutOfBudget(max))) => Err(EvalError::OutOfBudget(max)),
            (_, Ok(b)) if b == wanted => Ok(true),
            (Ok(_), Ok(_)) => Ok(false),
            (Err(EvalError::Missing), _) | (_, Err(EvalError::Missing)) => Err(EvalError::Missing),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }

    fn equal(&mut self, left: &'a Node, right: &'a Node) -> Result<bool, EvalError> {
        self.compare(left, right, values::equal)
    }

    fn is_in(&mut self, left: &'a Node, right: &'a Node) -> Result<bool, EvalError> {
        self.compare(left, right, |left, right, budget| match right {
            Value::List(elements) => is_among(left, elements, budget),
            Value::Map(map) => Ok(key(left).is_ok_and(|key| map.contains_key(&key))),
            _ => failed("`in` looks into a list or map"),
        })
    }

    fn map(&mut self, entries: &'a [(Node, Node)]) -> Result<Value, EvalError> {
        let mut map = BTreeMap::new();
        for (name, value) in entries {
            let name = self.value(name)?;
            if matches!(&*name, Value::Double(_) | Value::Uuid(_)) {
                return failed("this cannot be the key of a map");
            }
            let value = self.owned(value)?;
            if map.insert(key(&name)?, value).is_some() {
                return failed("a key stands twice in one map");
            }
        }
        Ok(Value::Map(Arc::new(map)))
    }
}

fn holds(order: Order, found: Ordering) -> bool {
    match order {
        Order::Less => found.is_lt(),
        Order::LessOrEqual => found.is_le(),
        Order::Greater => found.is_gt(),
        Order::GreaterOrEqual => found.is_ge(),
    }
}
