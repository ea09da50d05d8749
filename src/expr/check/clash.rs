//! Types that do not go together: what is said of them.

use std::ops::Range;

use crate::expr::Fault;
use crate::expr::ir::{Node, NodeKind};
use crate::expr::syntax::Arithmetic;
use crate::expr::types::Type;

/// Arithmetic that these types do not have.
pub(super) fn impossible(
    sign: Arithmetic,
    left: &Node,
    right: &Node,
    range: Range<usize>,
) -> Fault {
    let message = format!(
        "`{}` does not take {} and {}",
        sign.sign(),
        left.ty,
        right.ty
    );
    let fault = Fault::error(range, message);
    let numbers = left.ty.is_number() && right.ty.is_number();
    match (&left.ty, &right.ty) {
        (Type::Decimal, _) | (_, Type::Decimal)
            if numbers && matches!(sign, Arithmetic::Divide | Arithmetic::Remainder) =>
        {
            fault.help(
                "decimals are exact, and a quotient is not: multiply the other side, or convert with `double(…)`",
            )
        }
        (Type::Double, Type::Int) | (Type::Int, Type::Double) => {
            fault.help("write whole numbers with a point (`2.0`), or convert with `double(…)`")
        }
        _ if numbers => fault.help("convert one of them: `int(…)`, `uint(…)` or `double(…)`"),
        (Type::String, _) | (_, Type::String) => fault.help("make it text with `string(…)`"),
        _ => fault.help("use what both have, such as numbers, texts or times"),
    }
}

/// Two types that are never equal.
pub(super) fn incomparable(sign: &str, left: &Node, right: &Node, range: Range<usize>) -> Fault {
    if let Some(name) = opaque(left).or_else(|| opaque(right)) {
        let message = format!("a column of type `{name}` compares with `null` only");
        return Fault::error(range, message)
            .help("write `== null` or `!= null`, or use another column");
    }
    let message = format!(
        "`{sign}` compares {} and {}, which are never equal",
        left.ty, right.ty
    );
    let fault = Fault::error(range, message);
    match (&left.ty, &right.ty) {
        (Type::Bool, Type::Int) | (Type::Int, Type::Bool) => {
            fault.help("a boolean is compared with `true` or `false`")
        }
        (Type::Timestamp, Type::String) | (Type::String, Type::Timestamp) => {
            fault.help("write the time as `timestamp('2026-01-31T12:00:00Z')`")
        }
        (Type::Duration, Type::String) | (Type::String, Type::Duration) => {
            fault.help("write the duration as `duration('24h')`")
        }
        (ty, Type::String) | (Type::String, ty) if ty.is_number() => {
            let text = if left.ty == Type::String { left } else { right };
            fault.help(match text.kind {
                NodeKind::Constant(_) => "write the number without quotes",
                _ => "put the number in quotes, or compare another column",
            })
        }
        (Type::List(_), _) => fault.help("to ask for an element, write `x in list`"),
        (_, Type::List(_)) => fault.help("to ask for one of several, write `x in [a, b]`"),
        _ => fault.help("compare things of one type"),
    }
}

/// Two types that have no order.
pub(super) fn unordered(sign: &str, left: &Node, right: &Node, range: Range<usize>) -> Fault {
    if left.ty == Type::Null || right.ty == Type::Null {
        return Fault::error(range, "null has no order")
            .help("ask for it with `== null` or `!= null`");
    }
    if let Some(name) = opaque(left).or_else(|| opaque(right)) {
        let message = format!("a column of type `{name}` compares with `null` only");
        return Fault::error(range, message)
            .help("write `== null` or `!= null`, or use another column");
    }
    let fault = Fault::error(
        range,
        format!("`{sign}` does not order {} and {}", left.ty, right.ty),
    );
    match (&left.ty, &right.ty) {
        (Type::Enum(_), _) | (_, Type::Enum(_)) => {
            fault.help("an enum has no order; name the values with `in ['a', 'b']`")
        }
        (Type::Timestamp, Type::String) | (Type::String, Type::Timestamp) => {
            fault.help("write the time as `timestamp('2026-01-31T12:00:00Z')`")
        }
        _ => fault.help("order numbers, texts or times of one type"),
    }
}

fn opaque(node: &Node) -> Option<&str> {
    match &node.ty {
        Type::Opaque(name) => Some(name),
        _ => None,
    }
}
