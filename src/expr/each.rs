//! Macros at work: `exists`, `all`, `exists_one`, `map`, `filter` and their kin, over lists, maps and rows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::expr::EvalError;
use crate::expr::evaluate::{Answer, Evaluation};
use crate::expr::ir::{Collected, Collection, Each, Over, Quantified, Quantifier};
use crate::expr::values::{failed, key, value_of_key};
use crate::vocabulary::row::Row;
use crate::vocabulary::value::{MapKey, Value};

/// What a variable of a macro stands for.
pub(super) enum Bound<'a> {
    /// A value.
    Value(Cow<'a, Value>),
    /// A row of a relation.
    Row(&'a Row),
}

/// What a macro runs over.
enum Elements<'a> {
    Rows(&'a [Row]),
    Borrowed(&'a [Value]),
    Shared(Arc<[Value]>),
    Entries(Vec<(Value, Value)>),
}

impl<'a> Elements<'a> {
    fn of(value: Cow<'a, Value>) -> Result<Self, EvalError> {
        Ok(match value {
            Cow::Borrowed(Value::List(elements)) => Self::Borrowed(elements),
            Cow::Owned(Value::List(elements)) => Self::Shared(elements),
            Cow::Borrowed(Value::Map(entries)) => Self::entries(entries),
            Cow::Owned(Value::Map(entries)) => Self::entries(&entries),
            _ => return failed("only a list or map has elements"),
        })
    }

    fn entries(entries: &BTreeMap<MapKey, Value>) -> Self {
        let pairs = entries
            .iter()
            .map(|(key, value)| (value_of_key(key), value.clone()));
        Self::Entries(pairs.collect())
    }

    fn len(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.len(),
            Self::Borrowed(elements) => elements.len(),
            Self::Shared(elements) => elements.len(),
            Self::Entries(entries) => entries.len(),
        }
    }

    /// The element at a position, the key of an entry.
    fn element(&self, at: usize) -> Option<Bound<'a>> {
        match self {
            Self::Rows(rows) => rows.get(at).map(Bound::Row),
            Self::Borrowed(elements) => elements.get(at).map(Cow::Borrowed).map(Bound::Value),
            Self::Shared(elements) => elements.get(at).cloned().map(owned),
            Self::Entries(entries) => entries.get(at).map(|(key, _)| owned(key.clone())),
        }
    }

    /// The position in a list, or the key of an entry.
    fn key(&self, at: usize) -> Option<Value> {
        match self {
            Self::Entries(entries) => entries.get(at).map(|(key, _)| key.clone()),
            _ => i64::try_from(at).ok().map(Value::Int),
        }
    }

    /// The element at a position, or the value of an entry.
    fn value(&self, at: usize) -> Option<Bound<'a>> {
        match self {
            Self::Entries(entries) => entries.get(at).map(|(_, value)| owned(value.clone())),
            _ => self.element(at),
        }
    }
}

fn owned<'a>(value: Value) -> Bound<'a> {
    Bound::Value(Cow::Owned(value))
}

impl<'a> Evaluation<'a, '_> {
    /// What a variable stands for.
    pub(super) fn bound(&self, slot: usize) -> Answer<'a> {
        match self.bound.get(slot) {
            Some(Bound::Value(Cow::Borrowed(value))) => Ok(Cow::Borrowed(value)),
            Some(Bound::Value(Cow::Owned(value))) => Ok(Cow::Owned(value.clone())),
            _ => failed("a row is no value"),
        }
    }

    /// Lets a variable stand for something; those of the macros inside are gone.
    pub(super) fn bind(&mut self, slot: usize, bound: Bound<'a>) {
        self.bound.truncate(slot);
        self.bound.push(bound);
    }

    fn elements(&mut self, each: &'a Each) -> Result<Elements<'a>, EvalError> {
        let elements = match &each.over {
            Over::Rows(source, follow) => Elements::Rows(self.rows(source, follow)?),
            Over::Elements(node) => Elements::of(self.value(node)?)?,
        };
        self.spend(elements.len())?;
        Ok(elements)
    }

    fn enter(&mut self, each: &Each, elements: &Elements<'a>, at: usize) {
        if each.is_pair() {
            if let (Some(key), Some(value)) = (elements.key(at), elements.value(at)) {
                self.bind(each.slot, owned(key));
                self.bound.push(value);
            }
        } else if let Some(element) = elements.element(at) {
            self.bind(each.slot, element);
        }
    }

    /// `exists` and `all`: the first element that decides; an error counts only where none does.
    pub(super) fn quantified(&mut self, quantified: &'a Quantified) -> Result<bool, EvalError> {
        let deciding = match quantified.quantifier {
            Quantifier::Exists => true,
            Quantifier::All => false,
            Quantifier::ExistsOne => return self.exists_one(quantified),
        };
        let elements = self.elements(&quantified.each)?;
        let mut doubt = None;
        for at in 0..elements.len() {
            self.enter(&quantified.each, &elements, at);
            match self.boolean(&quantified.body) {
                Ok(held) if held == deciding => return Ok(deciding),
                Ok(_) => {}
                Err(EvalError::OutOfBudget(max)) => return Err(EvalError::OutOfBudget(max)),
                Err(error) => doubt = Some(doubt.filter(is_missing).unwrap_or(error)),
            }
        }
        doubt.map_or(Ok(!deciding), Err)
    }

    /// `exists_one`: all elements are looked at, and every error counts.
    fn exists_one(&mut self, quantified: &'a Quantified) -> Result<bool, EvalError> {
        let elements = self.elements(&quantified.each)?;
        let mut count = 0_usize;
        for at in 0..elements.len() {
            self.enter(&quantified.each, &elements, at);
            count += usize::from(self.boolean(&quantified.body)?);
        }
        Ok(count == 1)
    }

    /// `map`, `filter` and the like: every error counts.
    pub(super) fn collected(&mut self, collected: &'a Collected) -> Result<Value, EvalError> {
        let elements = self.elements(&collected.each)?;
        let mut values = Vec::new();
        let mut entries = BTreeMap::new();
        for at in 0..elements.len() {
            self.enter(&collected.each, &elements, at);
            if let Some(keep) = &collected.keep
                && !self.boolean(keep)?
            {
                continue;
            }
            let value = self.owned(&collected.body)?;
            match (collected.into, elements.key(at)) {
                (Collection::Map, Some(name)) => {
                    entries.insert(key(&name)?, value);
                }
                _ => values.push(value),
            }
        }
        Ok(match collected.into {
            Collection::List => Value::List(values.into()),
            Collection::Map => Value::Map(Arc::new(entries)),
        })
    }
}

fn is_missing(error: &EvalError) -> bool {
    *error == EvalError::Missing
}
