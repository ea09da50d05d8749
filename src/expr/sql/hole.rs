//! Holes: what is evaluated in process, and handed to the database as a text.

use std::sync::Arc;

use crate::expr::evaluate::evaluate_within;
use crate::expr::ir::{Node, NodeKind};
use crate::expr::show::show;
use crate::expr::sql::Translator;
use crate::expr::sql::bind::{Bound, Purpose, bind, literal};
use crate::expr::sql::carrier::Carrier;
use crate::expr::sql::timing::{is_per_row, slots};
use crate::expr::{Budget, EvalError, Frame, Variable};
use crate::vocabulary::row::{ColumnId, Row};
use crate::vocabulary::value::Value;

/// Something that is known before the database is asked: a claim, a sent value, what is computed of them.
#[derive(Clone, Debug)]
pub struct Hole {
    what: What,
    is_per_row: bool,
    name: Arc<str>,
    /// What it is of, so that one value is one parameter.
    key: Arc<str>,
}

#[derive(Clone, Debug)]
enum What {
    /// Something about the value of a part of the condition.
    Of {
        node: Arc<Node>,
        ask: Ask,
        /// How many variables of macros stand around.
        slots: usize,
    },
    /// The text of a column that is known.
    Text(Variable, ColumnId),
}

/// What is asked of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Whether it is true; NULL for an error.
    Condition,
    /// The value; NULL for null, an error, and what the carrier has no value for.
    Value(Carrier, Purpose),
    /// Whether it is null; NULL for an error.
    IsNull,
    /// Whether it is an error.
    Fails,
    /// The elements of a list that a carrier has values for, null left out; NULL for an error.
    Members(Carrier),
    /// Whether one of its elements is null; NULL for an error.
    HoldsNull,
    /// All elements of a list; NULL for an error.
    Elements(Carrier),
}

/// A value that no parameter can carry, or whose evaluation took too many steps: the row is read and judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value cannot be handed to the database as it is")]
pub struct Unfit;

impl Hole {
    /// Whether it can differ from row to row of one upload.
    pub fn is_per_row(&self) -> bool {
        self.is_per_row
    }

    /// What it is, in the words of the rules.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the same fills both, where both stand in one statement.
    pub fn is_same(&self, other: &Self) -> bool {
        self.key == other.key
    }

    /// The text that fills it. The frame has the columns that are known, in the images that have them; `changed` holds no field that was not
    /// sent.
    pub fn fill(&self, frame: &Frame<'_>, budget: &mut Budget) -> Result<Option<Arc<str>>, Unfit> {
        let (node, ask, slots) = match &self.what {
            What::Of { node, ask, slots } => (node, *ask, *slots),
            What::Text(variable, column) => return text(frame, *variable, *column),
        };
        let value = match evaluate_within(node, frame, budget, slots) {
            Ok(value) => Ok(value),
            Err(EvalError::Failed(_)) => Err(()),
            Err(EvalError::OutOfBudget(_) | EvalError::Missing) => return Err(Unfit),
        };
        answer(ask, value.as_ref().ok())
    }
}

/// The text of a column as it is stored.
fn text(
    frame: &Frame<'_>,
    variable: Variable,
    column: ColumnId,
) -> Result<Option<Arc<str>>, Unfit> {
    let row: Option<&Row> = match variable {
        Variable::New => frame.new,
        Variable::Old => frame.old,
        _ => frame.this,
    };
    let datum = row.and_then(|row| row.column(column)).ok_or(Unfit)?;
    if datum.text.as_ref().is_some_and(|text| text.contains('\0')) {
        return Err(Unfit);
    }
    Ok(datum.text.clone())
}

/// What is asked of a value, which is not there for an error.
fn answer(ask: Ask, value: Option<&Value>) -> Result<Option<Arc<str>>, Unfit> {
    let Some(value) = value else {
        return Ok(matches!(ask, Ask::Fails).then(|| truth(true)));
    };
    Ok(match ask {
        Ask::Condition => match value {
            Value::Bool(b) => Some(truth(*b)),
            _ => None,
        },
        Ask::Fails => Some(truth(false)),
        Ask::IsNull => Some(truth(*value == Value::Null)),
        Ask::Value(carrier, purpose) => match bind(value, carrier, purpose)? {
            Bound::Text(text) => Some(text.into()),
            Bound::Null | Bound::Unmatched => None,
        },
        Ask::HoldsNull => match value {
            Value::List(elements) => Some(truth(elements.contains(&Value::Null))),
            Value::Map(_) => return Err(Unfit),
            _ => None,
        },
        Ask::Members(carrier) => match value {
            Value::List(elements) => {
                let mut members = Vec::new();
                for element in elements.iter() {
                    if let Bound::Text(text) = bind(element, carrier, Purpose::Equality)? {
                        members.push(Some(text));
                    }
                }
                Some(literal(&members).into())
            }
            Value::Map(_) => return Err(Unfit),
            _ => None,
        },
        Ask::Elements(carrier) => match value {
            Value::List(elements) => {
                let mut texts = Vec::new();
                for element in elements.iter() {
                    texts.push(match bind(element, carrier, Purpose::Value)? {
                        Bound::Text(text) => Some(text),
                        Bound::Null | Bound::Unmatched => None,
                    });
                }
                Some(literal(&texts).into())
            }
            Value::Map(_) => return Err(Unfit),
            _ => None,
        },
    })
}

fn truth(b: bool) -> Arc<str> {
    if b { "true" } else { "false" }.into()
}

impl Translator<'_> {
    /// The hole of something about a node, made once.
    pub(super) fn hole(&mut self, node: &Node, ask: Ask) -> usize {
        let key = format!("{ask:?} {:?} {:?}", node.ty, node.kind);
        if let Some(at) = self.numbered(&key) {
            return at;
        }
        let written = self.written(node);
        let hole = Hole {
            what: What::Of {
                node: Arc::new(node.clone()),
                ask,
                slots: slots(node),
            },
            is_per_row: is_per_row(node),
            key: key.into(),
            name: match ask {
                Ask::Condition | Ask::Value(..) | Ask::Members(_) | Ask::Elements(_) => {
                    written.into()
                }
                Ask::IsNull => format!("{written} == null").into(),
                Ask::HoldsNull => format!("null in {written}").into(),
                Ask::Fails => format!("{written} is an error").into(),
            },
        };
        self.put(hole)
    }

    /// The hole of the text of a column that is known.
    pub(super) fn text_hole(&mut self, variable: Variable, column: ColumnId) -> usize {
        let key = format!("text {variable:?} {column:?}");
        if let Some(at) = self.numbered(&key) {
            return at;
        }
        let facts = self.stand.column(self.stand.table, column);
        let name = facts.map_or("", |facts| facts.name.as_str());
        let hole = Hole {
            what: What::Text(variable, column),
            is_per_row: true,
            key: key.into(),
            name: format!("{}.{name}", variable.name()).into(),
        };
        self.put(hole)
    }

    fn numbered(&self, key: &str) -> Option<usize> {
        self.holes.iter().position(|hole| *hole.key == *key)
    }

    fn put(&mut self, hole: Hole) -> usize {
        self.holes.push(hole);
        self.holes.len() - 1
    }

    /// A node as it is written, in the condition or in a computed value.
    fn written(&self, node: &Node) -> String {
        let written = match &node.computed {
            Some(computed) => computed.text.get(computed.range.clone()),
            None => self.text.get(node.written.clone()),
        };
        match (written, &node.kind) {
            (Some(text), _) if !text.is_empty() => text.to_owned(),
            (_, NodeKind::Constant(value)) => show(value),
            _ => String::from("…"),
        }
    }
}
