//! Functions on numbers.

use std::cmp::Ordering;

use bigdecimal::num_bigint::Sign;
use bigdecimal::{RoundingMode, Signed as _};

use crate::expr::ir::Builtin;
use crate::expr::number::{compare, overflow};
use crate::expr::values::failed;
use crate::expr::{Budget, EvalError};
use crate::vocabulary::value::{Decimal, Value};

/// Calls a function of one number.
pub(super) fn call(builtin: Builtin, arguments: &[&Value]) -> Result<Value, EvalError> {
    match (builtin, arguments) {
        (Builtin::Abs, [Value::Int(n)]) => match n.checked_abs() {
            Some(n) => Ok(Value::Int(n)),
            None => overflow("int"),
        },
        (Builtin::Abs | Builtin::Sign, [Value::Uint(n)]) => Ok(Value::Uint(match builtin {
            Builtin::Abs => *n,
            _ => (*n).min(1),
        })),
        (Builtin::Sign, [Value::Int(n)]) => Ok(Value::Int(n.signum())),
        (_, [Value::Double(n)]) => Ok(double(builtin, *n)),
        (_, [Value::Decimal(n)]) => decimal(builtin, n),
        _ => failed("this function does not take this"),
    }
}

fn double(builtin: Builtin, n: f64) -> Value {
    Value::Double(match builtin {
        Builtin::IsNan => return Value::Bool(n.is_nan()),
        Builtin::IsInf => return Value::Bool(n.is_infinite()),
        Builtin::IsFinite => return Value::Bool(n.is_finite()),
        Builtin::Sign if n == 0.0 => n,
        Builtin::Sign => n.signum(),
        Builtin::Ceil => n.ceil(),
        Builtin::Floor => n.floor(),
        // Halves go away from zero.
        Builtin::Round => n.round(),
        Builtin::Trunc => n.trunc(),
        _ => n.abs(),
    })
}

fn decimal(builtin: Builtin, n: &Decimal) -> Result<Value, EvalError> {
    let mode = match builtin {
        Builtin::Abs => return Ok(Value::Decimal(n.abs())),
        Builtin::Sign => {
            return Ok(Value::Decimal(match n.sign() {
                Sign::Minus => Decimal::from(-1),
                Sign::NoSign => Decimal::from(0),
                Sign::Plus => Decimal::from(1),
            }));
        }
        Builtin::Ceil => RoundingMode::Ceiling,
        Builtin::Floor => RoundingMode::Floor,
        Builtin::Round => RoundingMode::HalfUp,
        Builtin::Trunc => RoundingMode::Down,
        _ => return failed("a decimal is always a finite number"),
    };
    Ok(Value::Decimal(n.with_scale_round(0, mode)))
}

/// The greatest or least of the arguments, or of the elements of the one list; the first of equal ones.
pub(super) fn extreme(
    builtin: Builtin,
    arguments: &[&Value],
    budget: &mut Budget,
) -> Result<Value, EvalError> {
    let wanted = if builtin == Builtin::Greatest {
        Ordering::Greater
    } else {
        Ordering::Less
    };
    match arguments {
        [Value::List(elements)] => best(wanted, elements.iter(), budget),
        arguments => best(wanted, arguments.iter().copied(), budget),
    }
}

fn best<'v>(
    wanted: Ordering,
    mut among: impl Iterator<Item = &'v Value>,
    budget: &mut Budget,
) -> Result<Value, EvalError> {
    let Some(mut best) = among.next() else {
        return failed("an empty list has neither a greatest nor a least");
    };
    // Alone it is the answer only if it is a number that has an order.
    order(best, best)?;
    for next in among {
        budget.spend(1)?;
        if order(next, best)? == wanted {
            best = next;
        }
    }
    Ok(best.clone())
}

fn order(left: &Value, right: &Value) -> Result<Ordering, EvalError> {
    match compare(left, right) {
        Some(Some(order)) => Ok(order),
        Some(None) => failed("NaN has no order"),
        None => failed("only numbers have a greatest and a least"),
    }
}
