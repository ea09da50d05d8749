//! IR + frame → value, within a budget.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::expr::ir::{Follow, Node, NodeKind, Over, Quantified, Quantifier, RowSource};
use crate::expr::syntax::Order;
use crate::expr::types::Type;
use crate::expr::values::{cost, failed, is_among, key, uuid, value_of_key, weight};
use crate::expr::{Budget, EvalError, Frame, Need, Variable, functions, number, values};
use crate::vocabulary::row::{ColumnId, Row};
use crate::vocabulary::value::{MapKey, Value};

/// Bytes of text that cost a step of `matches`.
const STEP_BYTES: usize = 256;

type Answer<'a> = Result<Cow<'a, Value>, EvalError>;

/// Evaluates a node.
pub(super) fn evaluate(
    node: &Node,
    frame: &Frame<'_>,
    budget: &mut Budget,
) -> Result<Value, EvalError> {
    let mut evaluation = Evaluation {
        frame,
        budget,
        bound: Vec::new(),
    };
    evaluation.value(node).map(Cow::into_owned)
}

/// What a variable of `exists` or `all` stands for.
pub(super) enum Bound<'a> {
    Value(Value),
    Row(&'a Row),
}

/// One evaluation under way.
pub(super) struct Evaluation<'a, 'b> {
    pub frame: &'a Frame<'a>,
    pub budget: &'b mut Budget,
    /// What the variables of the quantifiers around stand for.
    pub bound: Vec<Bound<'a>>,
}

impl<'a> Evaluation<'a, '_> {
    fn spend(&mut self, steps: usize) -> Result<(), EvalError> {
        self.budget.spend(steps)
    }

    /// The value of a node.
    pub(super) fn value(&mut self, node: &'a Node) -> Answer<'a> {
        self.spend(1)?;
        let value = match &node.kind {
            NodeKind::Constant(value) | NodeKind::Spelled(value, _) => {
                return Ok(Cow::Borrowed(value));
            }
            NodeKind::Claims => return Ok(Cow::Borrowed(self.frame.auth)),
            NodeKind::Claim(name) => return self.claim(name, &node.ty),
            NodeKind::HasClaim(name) => Value::Bool(self.claims()?.contains_key(name)),
            NodeKind::Op => Value::string(self.frame.op.as_str()),
            NodeKind::Changed => {
                self.spend(self.frame.changed.len())?;
                let names = self.frame.changed.iter();
                Value::List(names.map(|name| Value::string(name.as_str())).collect())
            }
            NodeKind::IsChanged(field) => Value::Bool(self.frame.changed.contains(field)),
            NodeKind::Time => Value::Timestamp(self.frame.time),
            NodeKind::RequestId => Value::string(self.frame.request_id),
            NodeKind::Metadata => self.frame.metadata.map_or(Value::Null, Value::string),
            NodeKind::Column(source, column) => return self.column(source, *column),
            NodeKind::IsAbsent(source) => Value::Bool(self.row(source)?.is_none()),
            NodeKind::Of(source, value) => {
                if self.row(source)?.is_none() {
                    return failed("there is no row to compute a value of");
                }
                return self.value(value);
            }
            NodeKind::Count(source, follow) => {
                let count = self.rows(source, follow)?.len();
                return functions::count_of(count).map(Cow::Owned);
            }
            NodeKind::Bound(slot) => match self.bound.get(*slot) {
                Some(Bound::Value(value)) => value.clone(),
                _ => return failed("a row is no value"),
            },
            NodeKind::Field(of, name) => {
                let of = self.value(of)?;
                return entry(of, name);
            }
            NodeKind::HasField(of, name) => match &*self.value(of)? {
                Value::Map(map) => Value::Bool(map.contains_key(name)),
                _ => return failed("only a map has fields"),
            },
            NodeKind::Index(of, index) => return self.index(of, index),
            NodeKind::List(elements) => {
                let values: Result<Vec<Value>, EvalError> =
                    elements.iter().map(|element| self.owned(element)).collect();
                Value::List(values?.into())
            }
            NodeKind::Map(entries) => self.map(entries)?,
            NodeKind::Not(operand) => Value::Bool(!self.boolean(operand)?),
            NodeKind::And(left, right) => Value::Bool(!self.either(left, right, false)?),
            NodeKind::Or(left, right) => Value::Bool(self.either(left, right, true)?),
            NodeKind::Conditional(parts) => {
                let [condition, yes, no] = &**parts;
                let taken = if self.boolean(condition)? { yes } else { no };
                return self.value(taken);
            }
            NodeKind::Equal(left, right) => Value::Bool(self.equal(left, right)?),
            NodeKind::NotEqual(left, right) => Value::Bool(!self.equal(left, right)?),
            NodeKind::Order(order, left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                self.spend(weight(&left).min(weight(&right)))?;
                let found = values::compare(&left, &right)?;
                Value::Bool(found.is_some_and(|found| holds(*order, found)))
            }
            NodeKind::In(left, right) => Value::Bool(self.is_in(left, right)?),
            NodeKind::Arithmetic(sign, left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                self.spend(cost(&left, &right))?;
                values::arithmetic(*sign, &left, &right)?
            }
            NodeKind::Negate(operand) => number::negate(&*self.value(operand)?)?,
            NodeKind::Call(function, argument) => {
                let argument = self.value(argument)?;
                self.spend(weight(&argument))?;
                functions::convert(*function, &argument)?
            }
            NodeKind::Compare(test, text, against) => {
                let (text, against) = (self.value(text)?, self.value(against)?);
                self.spend(weight(&text))?;
                functions::test(*test, &text, &against)?
            }
            NodeKind::Matches(text, regex) => match &*self.value(text)? {
                Value::String(text) => {
                    self.spend(text.len() / STEP_BYTES)?;
                    Value::Bool(regex.is_match(text))
                }
                _ => return failed("`matches` takes a text"),
            },
            NodeKind::AsUuid(operand) => match &*self.value(operand)? {
                Value::String(text) => match uuid(text) {
                    Some(id) => Value::Uuid(id),
                    None => return failed("this text is no uuid"),
                },
                value => value.clone(),
            },
            NodeKind::Quantified(quantified) => Value::Bool(self.quantified(quantified)?),
        };
        Ok(Cow::Owned(value))
    }

    fn owned(&mut self, node: &'a Node) -> Result<Value, EvalError> {
        self.value(node).map(Cow::into_owned)
    }

    fn boolean(&mut self, node: &'a Node) -> Result<bool, EvalError> {
        match &*self.value(node)? {
            Value::Bool(b) => Ok(*b),
            Value::Null => failed("null is neither true nor false"),
            _ => failed("this is neither true nor false"),
        }
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
        let (left, right) = (self.value(left)?, self.value(right)?);
        values::equal(&left, &right, self.budget)
    }

    fn is_in(&mut self, left: &'a Node, right: &'a Node) -> Result<bool, EvalError> {
        let (left, right) = (self.value(left)?, self.value(right)?);
        match &*right {
            Value::List(elements) => is_among(&left, elements, self.budget),
            Value::Map(map) => Ok(key(&left).is_ok_and(|key| map.contains_key(&key))),
            _ => failed("`in` looks into a list or map"),
        }
    }

    fn claims(&self) -> Result<&'a BTreeMap<MapKey, Value>, EvalError> {
        match self.frame.auth {
            Value::Map(claims) => Ok(claims),
            _ => failed("there are no claims"),
        }
    }

    /// A claim. JSON does not tell whole doubles from integers, so one that is typed is brought to its type where that loses nothing.
    fn claim(&self, name: &MapKey, ty: &Type) -> Answer<'a> {
        let Some(value) = self.claims()?.get(name) else {
            let MapKey::String(name) = name else {
                return failed("the token has no such claim");
            };
            return failed(format!("the token has no claim `{name}`"));
        };
        let adapted = match (ty, value) {
            (Type::Int, Value::Double(n)) => number::whole(*n)
                .and_then(|whole| i64::try_from(whole).ok())
                .map(Value::Int),
            #[expect(clippy::cast_precision_loss, reason = "checked on the next line")]
            (Type::Double, Value::Int(n)) => Some(*n as f64)
                .filter(|double| number::whole(*double) == Some(i128::from(*n)))
                .map(Value::Double),
            _ => None,
        };
        Ok(adapted.map_or(Cow::Borrowed(value), Cow::Owned))
    }

    fn column(&mut self, source: &'a RowSource, column: ColumnId) -> Answer<'a> {
        let Some(row) = self.row(source)? else {
            return failed("there is no row to read a column of");
        };
        match row.column(column) {
            Some(datum) => Ok(Cow::Borrowed(&datum.value)),
            None => failed("the value of a column is unknown"),
        }
    }

    /// The row of a source; `None` where there is none.
    pub(super) fn row(&mut self, source: &'a RowSource) -> Result<Option<&'a Row>, EvalError> {
        match source {
            RowSource::Image(Variable::Old) => Ok(self.frame.old),
            RowSource::Image(Variable::New) => Ok(self.frame.new),
            RowSource::Image(_) => Ok(self.frame.this),
            RowSource::Bound(slot) => match self.bound.get(*slot) {
                Some(Bound::Row(row)) => Ok(Some(row)),
                _ => failed("there is no such row"),
            },
            RowSource::Related(from, follow) => match self.rows(from, follow)? {
                [] => Ok(None),
                [row] => Ok(Some(row)),
                // An index of another collation, or inherited tables, can break what the catalogue promised.
                _ => failed("a relation to one row leads to several"),
            },
        }
    }

    /// The rows that a relation leads to.
    pub(super) fn rows(
        &mut self,
        from: &'a RowSource,
        follow: &Follow,
    ) -> Result<&'a [Row], EvalError> {
        self.spend(1)?;
        let Some(row) = self.row(from)? else {
            return failed("there is no row that a relation could start from");
        };
        let mut texts = Vec::with_capacity(follow.ours.len());
        for column in follow.ours.iter() {
            match row.column(*column).map(|datum| &datum.text) {
                Some(Some(text)) => texts.push(text.clone()),
                // A null matches nothing.
                Some(None) => return Ok(&[]),
                None => return failed("the value of a matched column is unknown"),
            }
        }
        let need = Need {
            relation: follow.relation,
            key: texts,
        };
        match self.frame.related.rows(&need) {
            Some(rows) => Ok(rows),
            None => Err(EvalError::Missing),
        }
    }

    fn index(&mut self, of: &'a Node, index: &'a Node) -> Answer<'a> {
        let (of, index) = (self.value(of)?, self.value(index)?);
        match (&*of, &*index) {
            (Value::List(elements), index) => {
                let position = match index {
                    Value::Int(n) => usize::try_from(*n).ok(),
                    Value::Uint(n) => usize::try_from(*n).ok(),
                    Value::Double(n) => {
                        number::whole(*n).and_then(|whole| usize::try_from(whole).ok())
                    }
                    _ => None,
                };
                match position.and_then(|position| elements.get(position)) {
                    Some(element) => Ok(Cow::Owned(element.clone())),
                    None => failed("the list has no such position"),
                }
            }
            (Value::Map(_), index) => {
                let key = key(index)?;
                entry(of, &key)
            }
            _ => failed("only a list or map has elements"),
        }
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

    /// `exists` and `all`: the first element that decides; an error counts only where none does.
    fn quantified(&mut self, quantified: &'a Quantified) -> Result<bool, EvalError> {
        let elements: Vec<Bound<'a>> = match &quantified.over {
            Over::Rows(source, follow) => {
                self.rows(source, follow)?.iter().map(Bound::Row).collect()
            }
            Over::Elements(list) => match &*self.value(list)? {
                Value::List(elements) => elements.iter().cloned().map(Bound::Value).collect(),
                Value::Map(map) => map.keys().map(value_of_key).map(Bound::Value).collect(),
                _ => return failed("only a list or map has elements"),
            },
        };
        self.spend(elements.len())?;
        let deciding = quantified.quantifier == Quantifier::Exists;
        let mut doubt = None;
        for element in elements {
            self.bound.truncate(quantified.slot);
            self.bound.push(element);
            let held = self.boolean(&quantified.body);
            self.bound.truncate(quantified.slot);
            match held {
                Ok(held) if held == deciding => return Ok(deciding),
                Ok(_) => {}
                Err(EvalError::OutOfBudget(max)) => return Err(EvalError::OutOfBudget(max)),
                Err(error) => doubt = Some(doubt.filter(is_missing).unwrap_or(error)),
            }
        }
        doubt.map_or(Ok(!deciding), Err)
    }
}

fn is_missing(error: &EvalError) -> bool {
    *error == EvalError::Missing
}

/// The entry of a map.
fn entry<'a>(of: Cow<'a, Value>, name: &MapKey) -> Answer<'a> {
    let found = match of {
        Cow::Borrowed(Value::Map(map)) => map.get(name).map(Cow::Borrowed),
        Cow::Owned(Value::Map(map)) => map.get(name).cloned().map(Cow::Owned),
        _ => return failed("only a map has fields"),
    };
    match (found, name) {
        (Some(found), _) => Ok(found),
        (None, MapKey::String(name)) => failed(format!("there is no field `{name}`")),
        (None, _) => failed("the map has no such key"),
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
