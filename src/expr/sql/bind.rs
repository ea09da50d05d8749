//! A value → the text that Postgres reads as the same value.

use crate::expr::number::whole;
use crate::expr::sql::Unfit;
use crate::expr::sql::carrier::Carrier;
use crate::expr::time::civil;
use crate::expr::values::uuid;
use crate::vocabulary::value::{Decimal, Duration, Timestamp, Value};

/// Digits before and behind the point for which a text is made: Postgres takes a few more.
const WHOLE_DIGITS_MAX: i64 = 100_000;
const SCALE_MAX: i64 = 16_000;
const SECOND: i128 = 1_000_000;
const DAY: i128 = 86_400 * SECOND;
/// The timestamps of Postgres in microseconds since 1970: 4714-11-24 BC up to the end of 294276.
const TIMES: std::ops::Range<i128> = -210_866_803_200_000_000..9_224_318_016_000_000_000;

/// What a value is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// `==`: a value that the carrier does not have equals none that it has.
    Equality,
    /// `<`, and functions: a value of another type is an error, which NULL is.
    Order,
    /// Anything: it must be the value itself.
    Value,
}

/// What becomes of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Null,
    Text(String),
    /// The carrier has no such value.
    Unmatched,
}

/// How near a value is to the carrier's.
enum Fit {
    Exact(String),
    /// Of the same family, with an order among the carrier's values.
    Beside,
    /// Of another type.
    Foreign,
    /// The carrier has it, and its text is not made.
    Untold,
}

/// The text of a value for a carrier.
pub(super) fn bind(value: &Value, carrier: Carrier, purpose: Purpose) -> Result<Bound, Unfit> {
    match value {
        Value::Null => return Ok(Bound::Null),
        // It is an error beside anything but null.
        Value::Opaque => return Err(Unfit),
        // It equals a text in either case.
        Value::Uuid(_) if carrier == Carrier::Text => return Err(Unfit),
        _ => {}
    }
    match (fit(value, carrier), purpose) {
        (Fit::Exact(text), _) => Ok(Bound::Text(text)),
        (Fit::Beside | Fit::Foreign, Purpose::Equality) | (Fit::Foreign, Purpose::Order) => {
            Ok(Bound::Unmatched)
        }
        (Fit::Untold | Fit::Beside, _) | (Fit::Foreign, Purpose::Value) => Err(Unfit),
    }
}

fn fit(value: &Value, carrier: Carrier) -> Fit {
    let text = match (carrier, value) {
        (Carrier::Bool, Value::Bool(b)) => Some(b.to_string()),
        (Carrier::Int, value) if is_number(value) => int(value),
        (Carrier::Double, value) if is_number(value) => double(value),
        (Carrier::Decimal, Value::Decimal(n)) => match bounded(n) {
            Some(text) => Some(text),
            None => return Fit::Untold,
        },
        (Carrier::Decimal, value) if is_number(value) => decimal(value),
        (Carrier::Text, Value::String(text)) => (!text.contains('\0')).then(|| text.to_string()),
        (Carrier::Uuid, Value::Uuid(id)) => Some(id.to_string()),
        (Carrier::Uuid, Value::String(text)) => match uuid(text) {
            Some(id) => Some(id.to_string()),
            None => return Fit::Foreign,
        },
        (Carrier::Bytes, Value::Bytes(bytes)) => Some(hex(bytes)),
        (Carrier::Time, Value::Timestamp(time)) => time_text(*time),
        (Carrier::Stretch, Value::Duration(duration)) => stretch_text(*duration),
        _ => return Fit::Foreign,
    };
    text.map_or(Fit::Beside, Fit::Exact)
}

fn is_number(value: &Value) -> bool {
    matches!(
        value,
        Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::Decimal(_)
    )
}

fn int(value: &Value) -> Option<String> {
    let whole = match value {
        Value::Int(n) => i128::from(*n),
        Value::Uint(n) => i128::from(*n),
        Value::Double(n) => whole(*n)?,
        Value::Decimal(n) if n.is_integer() => {
            n.to_plain_string().split('.').next()?.parse().ok()?
        }
        _ => return None,
    };
    i64::try_from(whole).ok().map(|n| n.to_string())
}

fn double(value: &Value) -> Option<String> {
    let double = match value {
        Value::Double(n) if n.is_nan() => return Some("NaN".to_owned()),
        Value::Double(n) if n.is_infinite() && *n > 0.0 => return Some("Infinity".to_owned()),
        Value::Double(n) if n.is_infinite() => return Some("-Infinity".to_owned()),
        Value::Double(n) => *n,
        Value::Int(n) => nearest(&n.to_string(), &Decimal::from(*n))?,
        Value::Uint(n) => nearest(&n.to_string(), &Decimal::from(*n))?,
        Value::Decimal(n) => nearest(&bounded(n)?, n)?,
        _ => return None,
    };
    Some(format!("{double:e}"))
}

/// The double that a decimal is.
fn nearest(text: &str, decimal: &Decimal) -> Option<f64> {
    let double: f64 = text.parse().ok()?;
    let back = Decimal::try_from(double).ok()?;
    (back == *decimal).then_some(double)
}

fn decimal(value: &Value) -> Option<String> {
    match value {
        Value::Int(n) => Some(n.to_string()),
        Value::Uint(n) => Some(n.to_string()),
        Value::Double(n) => bounded(&Decimal::try_from(*n).ok()?),
        _ => None,
    }
}

/// The text of a decimal that Postgres has room for.
fn bounded(decimal: &Decimal) -> Option<String> {
    let scale = decimal.fractional_digit_count();
    let digits = i64::try_from(decimal.digits()).ok()?;
    let fits =
        (-WHOLE_DIGITS_MAX..=SCALE_MAX).contains(&scale) && digits - scale <= WHOLE_DIGITS_MAX;
    fits.then(|| decimal.to_plain_string())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("\\x");
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Whole microseconds.
fn micros(nanos: i128) -> Option<i128> {
    (nanos.rem_euclid(1_000) == 0).then_some(nanos.div_euclid(1_000))
}

fn time_text(time: Timestamp) -> Option<String> {
    let micros = micros(time.0).filter(|micros| TIMES.contains(micros))?;
    let of_day = micros.rem_euclid(DAY);
    let (year, month, day) = civil(micros.div_euclid(DAY));
    let (year, era) = if year > 0 {
        (year, "")
    } else {
        (1 - year, " BC")
    };
    let clock = clock(of_day);
    Some(format!("{year:04}-{month:02}-{day:02} {clock}+00{era}"))
}

fn stretch_text(duration: Duration) -> Option<String> {
    let micros = micros(duration.0)?;
    let sign = if micros < 0 { "-" } else { "" };
    Some(format!("{sign}{}", clock(micros.abs())))
}

/// Hours, minutes, seconds and their fraction.
fn clock(micros: i128) -> String {
    let seconds = micros / SECOND;
    format!(
        "{:02}:{:02}:{:02}.{:06}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60,
        micros % SECOND
    )
}

/// An array of texts as Postgres reads it.
pub(super) fn literal(elements: &[Option<String>]) -> String {
    let mut text = String::from("{");
    for (at, element) in elements.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        match element {
            None => text.push_str("NULL"),
            Some(element) => {
                text.push('"');
                for c in element.chars() {
                    if matches!(c, '"' | '\\') {
                        text.push('\\');
                    }
                    text.push(c);
                }
                text.push('"');
            }
        }
    }
    text.push('}');
    text
}
