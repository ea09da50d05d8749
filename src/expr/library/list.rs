//! Functions on lists.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::expr::ir::Builtin;
use crate::expr::values::{compare, failed, is_among, weight};
use crate::expr::{Budget, EvalError};
use crate::vocabulary::value::Value;

/// Calls a function on a list.
pub(super) fn call(
    builtin: Builtin,
    arguments: &[&Value],
    budget: &mut Budget,
) -> Result<Value, EvalError> {
    let (Some(Value::List(elements)), rest) = (arguments.first(), arguments.get(1..)) else {
        return failed("this function takes a list");
    };
    match (builtin, rest.unwrap_or_default()) {
        (Builtin::Slice, [Value::Int(start), Value::Int(end)]) => {
            slice(elements, *start, *end, budget)
        }
        (Builtin::Reverse, _) => {
            budget.spend(elements.len())?;
            Ok(Value::List(elements.iter().rev().cloned().collect()))
        }
        (Builtin::Sort, _) => sort(elements, budget),
        (Builtin::Distinct, _) => distinct(elements, budget),
        _ => failed("this function takes ints behind the list"),
    }
}

fn slice(
    elements: &Arc<[Value]>,
    start: i64,
    end: i64,
    budget: &mut Budget,
) -> Result<Value, EvalError> {
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    match range.and_then(|(start, end)| elements.get(start..end)) {
        Some(part) => {
            budget.spend(part.len())?;
            Ok(Value::List(part.into()))
        }
        None => failed("the list has no such part"),
    }
}

/// Sorts what has one order: all of one type, or all numbers.
fn sort(elements: &Arc<[Value]>, budget: &mut Budget) -> Result<Value, EvalError> {
    let depth = elements.len().checked_ilog2().unwrap_or(0) + 1;
    let depth = usize::try_from(depth).unwrap_or(usize::MAX);
    for element in elements.iter() {
        budget.spend((1 + weight(element)).saturating_mul(depth))?;
        let first = elements.first().and_then(family);
        if first.is_none() || family(element) != first {
            return failed("these elements have no order among them");
        }
    }
    let mut sorted = elements.to_vec();
    sorted.sort_by(|left, right| {
        let order = compare(left, right).ok().flatten();
        order.unwrap_or(Ordering::Equal)
    });
    Ok(Value::List(sorted.into()))
}

/// What is ordered with what; `None` for what has no order at all.
fn family(value: &Value) -> Option<u8> {
    Some(match value {
        Value::Bool(_) => 0,
        Value::Double(n) if n.is_nan() => return None,
        Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::Decimal(_) => 1,
        Value::String(_) => 2,
        Value::Uuid(_) => 3,
        Value::Bytes(_) => 4,
        Value::Timestamp(_) => 5,
        Value::Duration(_) => 6,
        _ => return None,
    })
}

fn distinct(elements: &Arc<[Value]>, budget: &mut Budget) -> Result<Value, EvalError> {
    let mut seen: Vec<Value> = Vec::new();
    for element in elements.iter() {
        if !is_among(element, &seen, budget)? {
            budget.spend(1)?;
            seen.push(element.clone());
        }
    }
    Ok(Value::List(seen.into()))
}
