//! Functions of the library: texts, lists, numbers.
//!
//! What they build costs its size in steps *before* it is built, so that memory is bounded by the budget.

mod bits;
mod list;
mod math;
mod text;

use std::borrow::Cow;

use crate::expr::ir::Builtin;
use crate::expr::values::weight;
use crate::expr::{Budget, EvalError};
use crate::vocabulary::value::Value;

/// Calls a function. The checker has seen to it that it has as many arguments as it takes.
pub(super) fn invoke(
    builtin: Builtin,
    arguments: &[Cow<'_, Value>],
    budget: &mut Budget,
) -> Result<Value, EvalError> {
    let arguments: Vec<&Value> = arguments.iter().map(|argument| &**argument).collect();
    for argument in &arguments {
        budget.spend(weight(argument))?;
    }
    match builtin {
        Builtin::Greatest | Builtin::Least => math::extreme(builtin, &arguments, budget),
        Builtin::Slice | Builtin::Sort | Builtin::Distinct => {
            list::call(builtin, &arguments, budget)
        }
        Builtin::Reverse if matches!(arguments.as_slice(), [Value::List(_)]) => {
            list::call(builtin, &arguments, budget)
        }
        Builtin::BitAnd
        | Builtin::BitOr
        | Builtin::BitXor
        | Builtin::BitNot
        | Builtin::BitShiftLeft
        | Builtin::BitShiftRight => bits::call(builtin, &arguments),
        Builtin::Abs
        | Builtin::Sign
        | Builtin::Ceil
        | Builtin::Floor
        | Builtin::Round
        | Builtin::Trunc
        | Builtin::IsNan
        | Builtin::IsInf
        | Builtin::IsFinite => math::call(builtin, &arguments),
        _ => text::call(builtin, &arguments, budget),
    }
}
