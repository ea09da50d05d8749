//! Decimal numbers as digits: never through a double.

use std::str::FromStr as _;

use crate::vocabulary::limits::NUMBER_DIGITS_MAX;
use crate::vocabulary::value::Decimal;

/// A decimal number: digits without leading zeros, of which the last `scale` stand behind the point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number {
    is_negative: bool,
    digits: Vec<u8>,
    scale: usize,
}

impl Number {
    /// Reads `-12.50e3` and the like; `None` where the text is no number, or one of more than 1,000 digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (is_negative, unsigned) = match text.as_bytes().first()? {
            b'-' => (true, text.get(1..)?),
            b'+' => (false, text.get(1..)?),
            _ => (false, text),
        };
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (unsigned.get(..at)?, exponent(unsigned.get(at + 1..)?)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.len() + fraction.len() == 0 || whole.len() + fraction.len() > NUMBER_DIGITS_MAX {
            return None;
        }
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let behind_point = i64::try_from(fraction.len()).ok()? - exponent;
        if behind_point < 0 && digits.iter().any(|digit| *digit != b'0') {
            let zeros = usize::try_from(-behind_point).ok()?;
            if digits.len() + zeros > NUMBER_DIGITS_MAX {
                return None;
            }
            digits.resize(digits.len() + zeros, b'0');
        }
        let scale = usize::try_from(behind_point.max(0)).ok()?;
        if scale > NUMBER_DIGITS_MAX {
            return None;
        }
        Some(Self::new(is_negative, digits, scale))
    }

    fn new(is_negative: bool, digits: Vec<u8>, scale: usize) -> Self {
        let first = digits
            .iter()
            .position(|digit| *digit != b'0')
            .unwrap_or(digits.len());
        let digits: Vec<u8> = digits.into_iter().skip(first).collect();
        Self {
            is_negative: is_negative && !digits.is_empty(),
            digits,
            scale,
        }
    }

    /// Rounded half away from zero to a number of digits behind the point; padded with zeros to it. A negative scale rounds before the point.
    pub(super) fn rounded(&self, scale: i16) -> Self {
        let wanted = i64::from(scale);
        let dropped = i64::try_from(self.scale).unwrap_or(i64::MAX) - wanted;
        let mut digits = self.digits.clone();
        if dropped <= 0 {
            digits.resize(digits.len() + usize::try_from(-dropped).unwrap_or(0), b'0');
        } else {
            digits = shortened(digits, usize::try_from(dropped).unwrap_or(usize::MAX));
        }
        let zeros = usize::try_from(-wanted).unwrap_or(0);
        digits.resize(digits.len() + zeros, b'0');
        Self::new(
            self.is_negative,
            digits,
            usize::try_from(wanted).unwrap_or(0),
        )
    }

    /// How many digits stand before the point.
    pub(super) fn whole_digits(&self) -> usize {
        self.digits.len().saturating_sub(self.scale)
    }

    /// The whole number it is, if it is one that fits.
    pub(super) fn to_integer(&self) -> Option<i128> {
        let behind = self.digits.len().saturating_sub(self.scale)..;
        if self.digits.get(behind)?.iter().any(|digit| *digit != b'0') {
            return None;
        }
        let text = std::str::from_utf8(self.digits.get(..self.whole_digits())?).ok()?;
        let magnitude: i128 = if text.is_empty() {
            0
        } else {
            text.parse().ok()?
        };
        Some(if self.is_negative {
            -magnitude
        } else {
            magnitude
        })
    }

    /// The text numeric prints: no exponent, every digit behind the point.
    pub(super) fn plain(&self) -> String {
        let digits = String::from_utf8_lossy(&self.digits);
        let padded = format!("{digits:0>width$}", width = self.scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - self.scale);
        let sign = if self.is_negative { "-" } else { "" };
        if fraction.is_empty() {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{fraction}")
        }
    }

    /// The same number for the evaluator.
    pub(super) fn to_decimal(&self) -> Option<Decimal> {
        Decimal::from_str(&self.plain())
            .ok()
            .map(|decimal| decimal.normalized())
    }
}

/// An exponent; beyond five digits nothing we take is left.
fn exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_small =
        !digits.is_empty() && digits.len() <= 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_small.then(|| text.parse().ok()).flatten()
}

/// Without the last `count` digits, rounded half up in magnitude.
fn shortened(mut digits: Vec<u8>, count: usize) -> Vec<u8> {
    if count > digits.len() {
        return Vec::new();
    }
    let kept = digits.len() - count;
    let rounds_up = digits.get(kept).is_some_and(|digit| *digit >= b'5');
    digits.truncate(kept);
    if rounds_up {
        increment(&mut digits);
    }
    digits
}

fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

/// The text float8 prints: the shortest that reads back, with an exponent from 1e15 on and below 1e-4.
pub(super) fn double_text(value: f64) -> String {
    shortest(&format!("{value:e}"), 15)
}

/// The text float4 prints, likewise with an exponent from 1e6 on.
pub(super) fn single_text(value: f32) -> String {
    shortest(&format!("{value:e}"), 6)
}

/// Turns Rust's shortest `d.ddde±x` into Postgres's text.
fn shortest(scientific: &str, fixed_below: i32) -> String {
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return match scientific {
            "inf" => "Infinity".to_owned(),
            "-inf" => "-Infinity".to_owned(),
            other => other.to_owned(),
        };
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..fixed_below).contains(&exponent) {
        return fixed(mantissa, exponent);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

fn fixed(mantissa: &str, exponent: i32) -> String {
    let (sign, unsigned) = mantissa
        .strip_prefix('-')
        .map_or(("", mantissa), |rest| ("-", rest));
    let digits: String = unsigned.chars().filter(char::is_ascii_digit).collect();
    let places = usize::try_from(exponent.unsigned_abs()).unwrap_or(0);
    if exponent < 0 {
        return format!("{sign}0.{}{digits}", "0".repeat(places - 1));
    }
    let padded = format!("{digits:0<width$}", width = places + 1);
    let (whole, fraction) = padded.split_at(places + 1);
    if fraction.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    }
}

impl Number {
    /// Whether its magnitude is below 10 to the minus `places`.
    pub(super) fn is_below_power(&self, places: u32) -> bool {
        let significant = self.digits.len();
        significant == 0
            || significant + usize::try_from(places).unwrap_or(usize::MAX) <= self.scale
    }
}
