//! Bits of integers.

use crate::expr::EvalError;
use crate::expr::ir::Builtin;
use crate::expr::values::failed;
use crate::vocabulary::value::Value;

/// Calls a function on bits.
pub(super) fn call(builtin: Builtin, arguments: &[&Value]) -> Result<Value, EvalError> {
    use Builtin::{BitAnd, BitNot, BitOr, BitShiftLeft, BitShiftRight, BitXor};
    match (builtin, arguments) {
        (BitNot, [Value::Int(n)]) => Ok(Value::Int(!n)),
        (BitNot, [Value::Uint(n)]) => Ok(Value::Uint(!n)),
        (BitAnd, [Value::Int(left), Value::Int(right)]) => Ok(Value::Int(left & right)),
        (BitAnd, [Value::Uint(left), Value::Uint(right)]) => Ok(Value::Uint(left & right)),
        (BitOr, [Value::Int(left), Value::Int(right)]) => Ok(Value::Int(left | right)),
        (BitOr, [Value::Uint(left), Value::Uint(right)]) => Ok(Value::Uint(left | right)),
        (BitXor, [Value::Int(left), Value::Int(right)]) => Ok(Value::Int(left ^ right)),
        (BitXor, [Value::Uint(left), Value::Uint(right)]) => Ok(Value::Uint(left ^ right)),
        (BitShiftLeft | BitShiftRight, [Value::Int(n), Value::Int(by)]) => {
            let shifted = shifted(builtin, n.cast_unsigned(), *by)?;
            Ok(Value::Int(shifted.cast_signed()))
        }
        (BitShiftLeft | BitShiftRight, [Value::Uint(n), Value::Int(by)]) => {
            shifted(builtin, *n, *by).map(Value::Uint)
        }
        _ => failed("functions on bits take integers of one type"),
    }
}

/// Zeros come in on both sides; nothing is left after 64 places.
fn shifted(builtin: Builtin, n: u64, by: i64) -> Result<u64, EvalError> {
    let Ok(by) = u64::try_from(by) else {
        return failed("bits are shifted by a positive number of places");
    };
    let by = u32::try_from(by).unwrap_or(u32::MAX);
    let shifted = if builtin == Builtin::BitShiftLeft {
        n.checked_shl(by)
    } else {
        n.checked_shr(by)
    };
    Ok(shifted.unwrap_or(0))
}
