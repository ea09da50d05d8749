//! Functions of the language: conversions, sizes, texts, parts of times.

use bigdecimal::ToPrimitive as _;

use crate::expr::EvalError;
use crate::expr::ir::{Function, Part, TextTest};
use crate::expr::number::{overflow, truncated};
use crate::expr::time;
use crate::expr::values::failed;
use crate::expr::zone::Zone;
use crate::vocabulary::value::{Decimal, Value};

/// Calls a function of one argument.
pub(super) fn convert(function: Function, value: &Value) -> Result<Value, EvalError> {
    match function {
        Function::Size => size(value),
        Function::Int => int(value),
        Function::Uint => uint(value),
        Function::Double => double(value),
        Function::String => string(value),
        Function::Bool => boolean(value),
        Function::Bytes => bytes(value),
        Function::Timestamp => timestamp(value),
        Function::Duration => duration(value),
        Function::Part(part) => {
            let found = match value {
                Value::Timestamp(time) => Some(time::part_of_timestamp(part, *time)),
                Value::Duration(duration) => time::part_of_duration(part, *duration),
                _ => None,
            };
            part_of(found)
        }
    }
}

/// A part of a timestamp, as the clocks of a zone show it.
pub(super) fn part(part: Part, value: &Value, zone: &Zone) -> Result<Value, EvalError> {
    part_of(match value {
        Value::Timestamp(time) => Some(time::part_of_timestamp(part, zone.local(*time))),
        _ => None,
    })
}

fn part_of(found: Option<i128>) -> Result<Value, EvalError> {
    match found.and_then(|part| i64::try_from(part).ok()) {
        Some(part) => Ok(Value::Int(part)),
        None => failed("this has no such part of a time"),
    }
}

fn size(value: &Value) -> Result<Value, EvalError> {
    let count = match value {
        Value::String(text) => text.chars().count(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(elements) => elements.len(),
        Value::Map(entries) => entries.len(),
        _ => return cannot("size", value),
    };
    count_of(count)
}

/// A count as an int.
pub(super) fn count_of(count: usize) -> Result<Value, EvalError> {
    i64::try_from(count).map_or_else(|_| overflow("int"), |count| Ok(Value::Int(count)))
}

fn int(value: &Value) -> Result<Value, EvalError> {
    let whole = match value {
        Value::Int(n) => Some(i128::from(*n)),
        Value::Uint(n) => Some(i128::from(*n)),
        Value::Double(n) => truncated(*n),
        Value::Decimal(n) => whole_part(n),
        Value::Timestamp(time) => Some(time::seconds_of(*time)),
        Value::String(text) => return text_number(text, "int").map(Value::Int),
        _ => return cannot("int", value),
    };
    let int = whole.and_then(|whole| i64::try_from(whole).ok());
    // The doubles nearest to the ends may stand for integers beyond them.
    let is_at_end = matches!(value, Value::Double(_)) && int == Some(i64::MIN);
    match int.filter(|_| !is_at_end) {
        Some(int) => Ok(Value::Int(int)),
        None => overflow("int"),
    }
}

fn uint(value: &Value) -> Result<Value, EvalError> {
    let whole = match value {
        Value::Int(n) => Some(i128::from(*n)),
        Value::Uint(n) => Some(i128::from(*n)),
        Value::Double(n) => truncated(*n),
        Value::Decimal(n) => whole_part(n),
        Value::String(text) => return text_number(text, "uint").map(Value::Uint),
        _ => return cannot("uint", value),
    };
    match whole.and_then(|whole| u64::try_from(whole).ok()) {
        Some(uint) => Ok(Value::Uint(uint)),
        None => overflow("uint"),
    }
}

fn whole_part(decimal: &Decimal) -> Option<i128> {
    decimal
        .with_scale_round(0, bigdecimal::RoundingMode::Down)
        .to_i128()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the nearest double is what is asked for"
)]
fn double(value: &Value) -> Result<Value, EvalError> {
    let double = match value {
        Value::Int(n) => Some(*n as f64),
        Value::Uint(n) => Some(*n as f64),
        Value::Double(n) => Some(*n),
        // Text, and not the crate's own way, which is not the nearest double.
        Value::Decimal(n) => n.to_plain_string().parse().ok(),
        Value::String(text) => return text_number(text, "double").map(Value::Double),
        _ => return cannot("double", value),
    };
    double.map_or_else(|| overflow("double"), |n| Ok(Value::Double(n)))
}

fn text_number<N: std::str::FromStr>(text: &str, ty: &str) -> Result<N, EvalError> {
    match text.parse() {
        Ok(number) => Ok(number),
        Err(_) => failed(format!("this text is no {ty}")),
    }
}

fn string(value: &Value) -> Result<Value, EvalError> {
    let text = match value {
        Value::Bool(b) => b.to_string(),
        Value::Int(n) => n.to_string(),
        Value::Uint(n) => n.to_string(),
        Value::Double(n) => double_text(*n),
        Value::Decimal(n) => n.to_plain_string(),
        Value::String(text) => return Ok(Value::String(text.clone())),
        Value::Uuid(id) => id.to_string(),
        Value::Timestamp(time) => time::timestamp_text(*time),
        Value::Duration(duration) => time::duration_text(*duration),
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => return failed("these bytes are no UTF-8"),
        },
        _ => return cannot("string", value),
    };
    Ok(Value::string(&text))
}

/// The shortest text that reads back, with an exponent for very large and very small ones.
fn double_text(n: f64) -> String {
    let magnitude = n.abs();
    if n.is_infinite() {
        return if n > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if magnitude != 0.0 && !(1e-4..1e21).contains(&magnitude) && !n.is_nan() {
        format!("{n:e}")
    } else {
        n.to_string()
    }
}

fn boolean(value: &Value) -> Result<Value, EvalError> {
    match value {
        Value::Bool(b) => Ok(Value::Bool(*b)),
        Value::String(text) => match &**text {
            "1" | "t" | "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
            _ => failed("this text is no boolean"),
        },
        _ => cannot("bool", value),
    }
}

fn bytes(value: &Value) -> Result<Value, EvalError> {
    match value {
        Value::Bytes(bytes) => Ok(Value::Bytes(bytes.clone())),
        Value::String(text) => Ok(Value::Bytes(text.as_bytes().into())),
        _ => cannot("bytes", value),
    }
}

fn timestamp(value: &Value) -> Result<Value, EvalError> {
    match value {
        Value::Timestamp(time) => Ok(Value::Timestamp(*time)),
        Value::Int(seconds) => time::timestamp_of_seconds(*seconds),
        Value::String(text) => time::parse_timestamp(text),
        _ => cannot("timestamp", value),
    }
}

fn duration(value: &Value) -> Result<Value, EvalError> {
    match value {
        Value::Duration(duration) => Ok(Value::Duration(*duration)),
        Value::String(text) => time::parse_duration(text),
        _ => cannot("duration", value),
    }
}

fn cannot<T>(function: &str, value: &Value) -> Result<T, EvalError> {
    let what = if *value == Value::Null {
        "null"
    } else {
        "this"
    };
    failed(format!("`{function}` does not take {what}"))
}

/// Tests a text against another.
pub(super) fn test(test: TextTest, text: &Value, against: &Value) -> Result<bool, EvalError> {
    let (Value::String(text), Value::String(against)) = (text, against) else {
        return failed("a test of a text takes two texts");
    };
    let text: &str = text;
    let against: &str = against;
    Ok(match test {
        TextTest::Contains => text.contains(against),
        TextTest::StartsWith => text.starts_with(against),
        TextTest::EndsWith => text.ends_with(against),
    })
}
