//! What names reach: claims, columns, the rows of relations, elements and entries.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::expr::each::Bound;
use crate::expr::evaluate::{Answer, Evaluation};
use crate::expr::ir::{Follow, Node, RowSource};
use crate::expr::types::Type;
use crate::expr::values::{failed, key};
use crate::expr::{EvalError, Need, Variable, number};
use crate::vocabulary::row::{ColumnId, Row};
use crate::vocabulary::value::{MapKey, Value};

impl<'a> Evaluation<'a, '_> {
    pub(super) fn claims(&self) -> Result<&'a BTreeMap<MapKey, Value>, EvalError> {
        match self.frame.auth {
            Value::Map(claims) => Ok(claims),
            _ => failed("there are no claims"),
        }
    }

    pub(super) fn claim(&self, name: &MapKey) -> Result<&'a Value, EvalError> {
        let Some(value) = self.claims()?.get(name) else {
            let MapKey::String(name) = name else {
                return failed("the token has no such claim");
            };
            return failed(format!("the token has no claim `{name}`"));
        };
        Ok(value)
    }

    /// A claim. JSON does not tell whole doubles from integers, so one that is typed is brought to its type where that loses nothing.
    pub(super) fn typed_claim(&self, name: &MapKey, ty: &Type) -> Answer<'a> {
        let value = self.claim(name)?;
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

    pub(super) fn column(
        &mut self,
        source: &'a RowSource,
        column: ColumnId,
    ) -> Result<&'a Value, EvalError> {
        let Some(row) = self.row(source)? else {
            return failed("there is no row to read a column of");
        };
        match row.column(column) {
            Some(datum) => Ok(&datum.value),
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
                Some(Bound::Row(row)) => Ok(Some(*row)),
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

    pub(super) fn index(&mut self, of: &'a Node, index: &'a Node) -> Answer<'a> {
        let (of, index) = self.both(of, index)?;
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
                let position = position.filter(|position| *position < elements.len());
                let Some(position) = position else {
                    return failed("the list has no such position");
                };
                element(of, position)
            }
            (Value::Map(_), index) => {
                let key = key(index)?;
                entry(of, &key)
            }
            _ => failed("only a list or map has elements"),
        }
    }
}

/// The element of a list at a position that it has.
fn element(of: Cow<'_, Value>, position: usize) -> Answer<'_> {
    let found = match of {
        Cow::Borrowed(Value::List(elements)) => elements.get(position).map(Cow::Borrowed),
        Cow::Owned(Value::List(elements)) => elements.get(position).cloned().map(Cow::Owned),
        _ => None,
    };
    found.map_or_else(|| failed("the list has no such position"), Ok)
}

/// The entry of a map.
pub(super) fn entry<'a>(of: Cow<'a, Value>, name: &MapKey) -> Answer<'a> {
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
