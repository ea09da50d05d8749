//! Equality, order and arithmetic of values, as the language has them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::expr::number;
use crate::expr::syntax::Arithmetic;
use crate::expr::time;
use crate::expr::{Budget, EvalError};
use crate::vocabulary::value::{MapKey, Uuid, Value};

/// A failure of the language.
pub(super) fn failed<T>(why: impl Into<Cow<'static, str>>) -> Result<T, EvalError> {
    Err(EvalError::Failed(why.into()))
}

/// A uuid written as 8-4-4-4-12 hexadecimal digits, in either case.
pub(super) fn uuid(text: &str) -> Option<Uuid> {
    let is_shaped = text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    is_shaped.then(|| Uuid::try_parse(text).ok()).flatten()
}

/// Whether a text spells a uuid, without reading it.
fn is_text_of(id: Uuid, text: &str) -> bool {
    let mut spelled = Uuid::encode_buffer();
    let spelled = id.hyphenated().encode_lower(&mut spelled);
    spelled.eq_ignore_ascii_case(text)
}

/// Bytes of text that cost a step when they are read.
const STEP_BYTES: usize = 1024;
/// Bytes that cost a step when they are built.
const BUILT_BYTES: usize = 256;

/// `==`. Values of different types are unequal; numbers compare by what they are. Each pair of values that is looked at costs a step.
pub(super) fn equal(left: &Value, right: &Value, budget: &mut Budget) -> Result<bool, EvalError> {
    budget.spend(1 + weight(left).min(weight(right)))?;
    Ok(match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Null, _) | (_, Value::Null) => false,
        (Value::Opaque, _) | (_, Value::Opaque) => {
            return failed("a stored value compares with null only");
        }
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::String(left), Value::String(right)) => left == right,
        (Value::Uuid(left), Value::Uuid(right)) => left == right,
        (Value::Uuid(id), Value::String(text)) | (Value::String(text), Value::Uuid(id)) => {
            is_text_of(*id, text)
        }
        (Value::Bytes(left), Value::Bytes(right)) => left == right,
        (Value::Timestamp(left), Value::Timestamp(right)) => left == right,
        (Value::Duration(left), Value::Duration(right)) => left == right,
        (Value::List(left), Value::List(right)) => {
            left.len() == right.len() && all_equal(left.iter().zip(right.iter()), budget)?
        }
        (Value::Map(left), Value::Map(right)) => {
            left.len() == right.len() && equal_maps(left, right, budget)?
        }
        _ => number::compare(left, right).flatten() == Some(Ordering::Equal),
    })
}

fn equal_maps(
    left: &BTreeMap<MapKey, Value>,
    right: &BTreeMap<MapKey, Value>,
    budget: &mut Budget,
) -> Result<bool, EvalError> {
    budget.spend(left.len())?;
    Ok(left.keys().eq(right.keys()) && all_equal(left.values().zip(right.values()), budget)?)
}

/// Whether all pairs are equal: one that is unequal decides, whatever fails beside it.
fn all_equal<'v>(
    pairs: impl Iterator<Item = (&'v Value, &'v Value)>,
    budget: &mut Budget,
) -> Result<bool, EvalError> {
    let mut doubt = None;
    for (left, right) in pairs {
        match equal(left, right, budget) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error @ EvalError::OutOfBudget(_)) => return Err(error),
            Err(error) => doubt = Some(error),
        }
    }
    doubt.map_or(Ok(true), Err)
}

/// `in` a list: an element that is equal decides, whatever fails beside it.
pub(super) fn is_among(
    value: &Value,
    elements: &[Value],
    budget: &mut Budget,
) -> Result<bool, EvalError> {
    let mut doubt = None;
    for element in elements {
        match equal(value, element, budget) {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(error @ EvalError::OutOfBudget(_)) => return Err(error),
            Err(error) => doubt = Some(error),
        }
    }
    doubt.map_or(Ok(false), Err)
}

/// Steps that reading a single value to its end costs.
pub(super) fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() / STEP_BYTES,
        Value::Bytes(bytes) => bytes.len() / STEP_BYTES,
        Value::Decimal(decimal) => {
            usize::try_from(decimal.digits()).map_or(usize::MAX, |digits| digits / STEP_BYTES)
        }
        _ => 0,
    }
}

/// Steps that calculating with two values costs: multiplying long decimals takes the product of their lengths.
pub(super) fn cost(left: &Value, right: &Value) -> usize {
    let (left_weight, right_weight) = (weight(left), weight(right));
    match (left, right) {
        (Value::Decimal(_), Value::Decimal(_)) => left_weight
            .saturating_mul(right_weight)
            .saturating_add(left_weight + right_weight),
        (Value::List(left), Value::List(right)) => left.len() + right.len(),
        (Value::String(left), Value::String(right)) => built(left.len() + right.len()),
        (Value::Bytes(left), Value::Bytes(right)) => built(left.len() + right.len()),
        _ => left_weight.saturating_add(right_weight),
    }
}

/// Steps that building a text or bytes costs.
pub(super) fn built(bytes: usize) -> usize {
    bytes / BUILT_BYTES
}

/// Takes the steps that writing a value out costs: what lists share is written once for each.
pub(super) fn spend_on(value: &Value, budget: &mut Budget) -> Result<(), EvalError> {
    budget.spend(1)?;
    match value {
        Value::String(text) => budget.spend(built(text.len())),
        Value::Bytes(bytes) => budget.spend(built(bytes.len())),
        Value::List(elements) => elements
            .iter()
            .try_for_each(|element| spend_on(element, budget)),
        Value::Map(entries) => entries
            .values()
            .try_for_each(|value| spend_on(value, budget)),
        _ => Ok(()),
    }
}

/// The order of two values; `None` where one is NaN, which stands nowhere.
pub(super) fn compare(left: &Value, right: &Value) -> Result<Option<Ordering>, EvalError> {
    Ok(Some(match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        // UTF-8 keeps the order of code points.
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Uuid(left), Value::Uuid(right)) => left.cmp(right),
        (Value::Uuid(left), Value::String(right)) => match uuid(right) {
            Some(right) => left.cmp(&right),
            None => return failed("a text that is no uuid has no order beside uuids"),
        },
        (Value::String(_), Value::Uuid(_)) => {
            return compare(right, left).map(|order| order.map(Ordering::reverse));
        }
        (Value::Bytes(left), Value::Bytes(right)) => left.cmp(right),
        (Value::Timestamp(left), Value::Timestamp(right)) => left.cmp(right),
        (Value::Duration(left), Value::Duration(right)) => left.cmp(right),
        (Value::Null, _) | (_, Value::Null) => return failed("null has no order"),
        _ => match number::compare(left, right) {
            Some(order) => return Ok(order),
            None => return failed("these two have no order"),
        },
    }))
}

/// A value as the key of a map.
pub(super) fn key(value: &Value) -> Result<MapKey, EvalError> {
    Ok(match value {
        Value::Bool(b) => MapKey::Bool(*b),
        Value::Int(n) => MapKey::Int(*n),
        Value::Uint(n) => i64::try_from(*n).map_or(MapKey::Uint(*n), MapKey::Int),
        Value::Double(n) => match number::whole(*n) {
            Some(n) => i64::try_from(n)
                .map(MapKey::Int)
                .or_else(|_| u64::try_from(n).map(MapKey::Uint))
                .or_else(|_| failed("no map has such a key"))?,
            None => return failed("no map has such a key"),
        },
        Value::String(text) => MapKey::String(text.clone()),
        Value::Uuid(id) => MapKey::String(id.to_string().into()),
        _ => return failed("no map has such a key"),
    })
}

/// The key of a map as a value.
pub(super) fn value_of_key(key: &MapKey) -> Value {
    match key {
        MapKey::Bool(b) => Value::Bool(*b),
        MapKey::Int(n) => Value::Int(*n),
        MapKey::Uint(n) => Value::Uint(*n),
        MapKey::String(text) => Value::String(text.clone()),
    }
}

/// `+`, `-`, `*`, `/`, `%`.
pub(super) fn arithmetic(
    sign: Arithmetic,
    left: &Value,
    right: &Value,
) -> Result<Value, EvalError> {
    match (sign, left, right) {
        (Arithmetic::Add, Value::String(left), Value::String(right)) => {
            Ok(Value::String([&**left, &**right].concat().into()))
        }
        (Arithmetic::Add, Value::Bytes(left), Value::Bytes(right)) => {
            Ok(Value::Bytes([&**left, &**right].concat().into()))
        }
        (Arithmetic::Add, Value::List(left), Value::List(right)) => {
            let both: Arc<[Value]> = left.iter().chain(right.iter()).cloned().collect();
            Ok(Value::List(both))
        }
        (_, Value::Timestamp(_) | Value::Duration(_), _) | (_, _, Value::Timestamp(_)) => {
            time::arithmetic(sign, left, right)
        }
        _ => number::arithmetic(sign, left, right),
    }
}
