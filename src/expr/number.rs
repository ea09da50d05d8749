//! Numbers: four types that compare by what they are, and calculate within their type.

use std::cmp::Ordering;

use crate::expr::EvalError;
use crate::expr::syntax::Arithmetic;
use crate::expr::values::failed;
use crate::vocabulary::value::{Decimal, Value};

/// Digits that a decimal may grow to.
const DECIMAL_DIGITS_MAX: u64 = 150_000;
/// 2^64, beyond every integer of the language.
const BEYOND: f64 = 18_446_744_073_709_551_616.0;

/// The order of two numbers, exact across types: `None` where one is no number, `Some(None)` where one is NaN.
pub(super) fn compare(left: &Value, right: &Value) -> Option<Option<Ordering>> {
    Some(match (left, right) {
        (Value::Double(left), Value::Double(right)) => left.partial_cmp(right),
        (Value::Double(double), other) => against_double(other, *double)?.map(Ordering::reverse),
        (other, Value::Double(double)) => against_double(other, *double)?,
        (Value::Decimal(left), Value::Decimal(right)) => Some(left.cmp(right)),
        (Value::Decimal(left), other) => Some(left.cmp(&Decimal::from(integer(other)?))),
        (other, Value::Decimal(right)) => Some(Decimal::from(integer(other)?).cmp(right)),
        (left, right) => Some(integer(left)?.cmp(&integer(right)?)),
    })
}

fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Int(n) => Some(i128::from(*n)),
        Value::Uint(n) => Some(i128::from(*n)),
        _ => None,
    }
}

/// The order of an exact number beside a double.
fn against_double(exact: &Value, double: f64) -> Option<Option<Ordering>> {
    if let Value::Decimal(decimal) = exact {
        return Some(match Decimal::try_from(double) {
            Ok(double) => Some(decimal.cmp(&double)),
            Err(_) if double.is_nan() => None,
            Err(_) if double > 0.0 => Some(Ordering::Less),
            Err(_) => Some(Ordering::Greater),
        });
    }
    let exact = integer(exact)?;
    if double.is_nan() {
        return Some(None);
    }
    if double.abs() >= BEYOND {
        let order = if double > 0.0 {
            Ordering::Less
        } else {
            Ordering::Greater
        };
        return Some(Some(order));
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "its magnitude is below 2^64"
    )]
    let whole = double.trunc() as i128;
    let order = exact.cmp(&whole);
    let by_fraction = 0.0_f64.partial_cmp(&double.fract());
    Some(Some(order.then(by_fraction.unwrap_or(Ordering::Equal))))
}

/// The integer that a double is.
pub(super) fn whole(double: f64) -> Option<i128> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "its magnitude is below 2^64"
    )]
    (double.fract() == 0.0 && double.abs() < BEYOND).then_some(double as i128)
}

/// The integer part of a double.
pub(super) fn truncated(double: f64) -> Option<i128> {
    whole(double.trunc())
}

/// Arithmetic within one type; an int beside a decimal is one.
pub(super) fn arithmetic(
    sign: Arithmetic,
    left: &Value,
    right: &Value,
) -> Result<Value, EvalError> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => ints(sign, *left, *right),
        (Value::Uint(left), Value::Uint(right)) => uints(sign, *left, *right),
        (Value::Double(left), Value::Double(right)) => doubles(sign, *left, *right),
        (Value::Decimal(left), Value::Decimal(right)) => decimals(sign, left, right),
        (Value::Decimal(left), Value::Int(right)) => decimals(sign, left, &Decimal::from(*right)),
        (Value::Int(left), Value::Decimal(right)) => decimals(sign, &Decimal::from(*left), right),
        (Value::Null, _) | (_, Value::Null) => {
            failed(format!("`{}` does not take null", sign.sign()))
        }
        _ => failed(format!("`{}` does not take these two", sign.sign())),
    }
}

fn ints(sign: Arithmetic, left: i64, right: i64) -> Result<Value, EvalError> {
    let result = match sign {
        Arithmetic::Add => left.checked_add(right),
        Arithmetic::Subtract => left.checked_sub(right),
        Arithmetic::Multiply => left.checked_mul(right),
        Arithmetic::Divide | Arithmetic::Remainder if right == 0 => return by_zero(),
        Arithmetic::Divide => left.checked_div(right),
        Arithmetic::Remainder => left.checked_rem(right),
    };
    result.map_or_else(|| overflow("int"), |n| Ok(Value::Int(n)))
}

fn uints(sign: Arithmetic, left: u64, right: u64) -> Result<Value, EvalError> {
    let result = match sign {
        Arithmetic::Add => left.checked_add(right),
        Arithmetic::Subtract => left.checked_sub(right),
        Arithmetic::Multiply => left.checked_mul(right),
        Arithmetic::Divide | Arithmetic::Remainder if right == 0 => return by_zero(),
        Arithmetic::Divide => left.checked_div(right),
        Arithmetic::Remainder => left.checked_rem(right),
    };
    result.map_or_else(|| overflow("uint"), |n| Ok(Value::Uint(n)))
}

fn doubles(sign: Arithmetic, left: f64, right: f64) -> Result<Value, EvalError> {
    Ok(Value::Double(match sign {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
        Arithmetic::Remainder => return failed("`%` does not take doubles"),
    }))
}

fn decimals(sign: Arithmetic, left: &Decimal, right: &Decimal) -> Result<Value, EvalError> {
    if left.digits() + right.digits() > DECIMAL_DIGITS_MAX {
        return overflow("decimal");
    }
    Ok(Value::Decimal(match sign {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide | Arithmetic::Remainder => {
            return failed("decimals are exact, and a quotient is not");
        }
    }))
}

/// `-x`.
pub(super) fn negate(value: &Value) -> Result<Value, EvalError> {
    match value {
        Value::Int(n) => n
            .checked_neg()
            .map_or_else(|| overflow("int"), |n| Ok(Value::Int(n))),
        Value::Double(n) => Ok(Value::Double(-n)),
        Value::Decimal(n) => Ok(Value::Decimal(-n.clone())),
        _ => failed("`-` takes a number with a sign"),
    }
}

fn by_zero<T>() -> Result<T, EvalError> {
    failed("a division by zero")
}

pub(super) fn overflow<T>(ty: &str) -> Result<T, EvalError> {
    failed(format!("the result is out of range for {ty}"))
}
