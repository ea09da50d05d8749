//! Timestamps and durations: reading, writing, arithmetic, parts. All in UTC.

use crate::expr::EvalError;
use crate::expr::ir::Part;
use crate::expr::syntax::Arithmetic;
use crate::expr::values::failed;
use crate::vocabulary::value::{Duration, Timestamp, Value};

const SECOND: i128 = 1_000_000_000;
const DAY: i128 = 86_400 * SECOND;
/// 0001-01-01T00:00:00Z up to the end of 9999, in seconds since 1970.
const SECONDS: std::ops::Range<i128> = -62_135_596_800..253_402_300_800;

/// A timestamp within the years that the language has.
pub(super) fn timestamp(nanos: i128) -> Result<Value, EvalError> {
    if SECONDS.contains(&nanos.div_euclid(SECOND)) {
        Ok(Value::Timestamp(Timestamp(nanos)))
    } else {
        failed("the time is out of range (years 1 to 9999)")
    }
}

/// A timestamp from seconds since 1970.
pub(super) fn timestamp_of_seconds(seconds: i64) -> Result<Value, EvalError> {
    timestamp(i128::from(seconds) * SECOND)
}

/// Whole seconds since 1970.
pub(super) fn seconds_of(time: Timestamp) -> i128 {
    time.0.div_euclid(SECOND)
}

fn duration(nanos: i128) -> Result<Value, EvalError> {
    // CEL has durations of about 292 years: nanoseconds in 64 bits.
    if i64::try_from(nanos).is_ok() {
        Ok(Value::Duration(Duration(nanos)))
    } else {
        failed("the duration is out of range (about 292 years)")
    }
}

/// `+` and `-` with a timestamp or duration.
pub(super) fn arithmetic(
    sign: Arithmetic,
    left: &Value,
    right: &Value,
) -> Result<Value, EvalError> {
    use Arithmetic::{Add, Subtract};
    match (sign, left, right) {
        (Add, Value::Timestamp(time), Value::Duration(by))
        | (Add, Value::Duration(by), Value::Timestamp(time)) => timestamp(time.0 + by.0),
        (Subtract, Value::Timestamp(time), Value::Duration(by)) => timestamp(time.0 - by.0),
        (Subtract, Value::Timestamp(left), Value::Timestamp(right)) => duration(left.0 - right.0),
        (Add, Value::Duration(left), Value::Duration(right)) => duration(left.0 + right.0),
        (Subtract, Value::Duration(left), Value::Duration(right)) => duration(left.0 - right.0),
        _ => failed(format!("`{}` does not take these two", sign.sign())),
    }
}

/// Reads RFC 3339, with up to nine digits of fraction.
pub(super) fn parse_timestamp(text: &str) -> Result<Value, EvalError> {
    match (Reader { rest: text }).timestamp() {
        Some(nanos) => timestamp(nanos),
        None => failed("this is no time in RFC 3339, such as 2026-01-31T12:00:00Z"),
    }
}

/// Reads `1h30m`, `-1.5s` and the like.
pub(super) fn parse_duration(text: &str) -> Result<Value, EvalError> {
    match (Reader { rest: text }).duration() {
        Some(nanos) => duration(nanos),
        None => failed("this is no duration, such as 24h or 1.5s"),
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn sign(&mut self, signs: &[char]) -> Option<char> {
        let first = self.rest.chars().next().filter(|c| signs.contains(c))?;
        self.rest = self.rest.get(first.len_utf8()..)?;
        Some(first)
    }

    /// Exactly so many digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let text = self.rest.get(..count)?;
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let value = is_digits.then(|| text.parse().ok()).flatten()?;
        self.rest = self.rest.get(count..)?;
        Some(value)
    }

    /// As many digits as there are.
    fn run(&mut self) -> &str {
        let count = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (run, rest) = self.rest.split_at(count);
        self.rest = rest;
        run
    }

    fn timestamp(&mut self) -> Option<i128> {
        let year = self.digits(4)?;
        self.sign(&['-'])?;
        let month = self.digits(2)?;
        self.sign(&['-'])?;
        let day = self.digits(2)?;
        let days = days(year, month, day)?;
        self.sign(&['T', 't'])?;
        let hours = self.digits(2).filter(|hours| *hours < 24)?;
        self.sign(&[':'])?;
        let minutes = self.digits(2).filter(|minutes| *minutes < 60)?;
        self.sign(&[':'])?;
        let seconds = self.digits(2).filter(|seconds| *seconds < 60)?;
        let nanos = self.fraction()?;
        let offset = self.offset()?;
        let seconds = (hours * 60 + minutes - offset) * 60 + seconds;
        let is_whole = self.rest.is_empty();
        is_whole.then_some(i128::from(days) * DAY + i128::from(seconds) * SECOND + nanos)
    }

    /// Nanoseconds behind a point.
    fn fraction(&mut self) -> Option<i128> {
        if self.sign(&['.']).is_none() {
            return Some(0);
        }
        let digits = self.run();
        let is_read = (1..=9).contains(&digits.len());
        is_read
            .then(|| format!("{digits:0<9}").parse().ok())
            .flatten()
    }

    /// Minutes east of UTC.
    fn offset(&mut self) -> Option<i64> {
        let sign = self.sign(&['Z', 'z', '+', '-'])?;
        if sign.eq_ignore_ascii_case(&'z') {
            return Some(0);
        }
        let hours = self.digits(2).filter(|hours| *hours < 24)?;
        self.sign(&[':'])?;
        let minutes = self.digits(2).filter(|minutes| *minutes < 60)?;
        let east = hours * 60 + minutes;
        Some(if sign == '-' { -east } else { east })
    }

    fn duration(&mut self) -> Option<i128> {
        let is_negative = self.sign(&['-', '+']) == Some('-');
        if self.rest == "0" {
            return Some(0);
        }
        let mut nanos = self.stretch()?;
        while !self.rest.is_empty() {
            nanos = nanos.checked_add(self.stretch()?)?;
        }
        Some(if is_negative { -nanos } else { nanos })
    }

    /// A number and its unit.
    fn stretch(&mut self) -> Option<i128> {
        let whole = self.run().to_owned();
        let fraction = match self.sign(&['.']) {
            Some(_) => self.run().to_owned(),
            None => String::new(),
        };
        if whole.len() + fraction.len() == 0 || whole.len() > 18 || fraction.len() > 18 {
            return None;
        }
        let unit = self.unit()?;
        let whole: i128 = if whole.is_empty() {
            0
        } else {
            whole.parse().ok()?
        };
        let behind: i128 = if fraction.is_empty() {
            0
        } else {
            fraction.parse().ok()?
        };
        let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        whole
            .checked_mul(unit)?
            .checked_add(behind.checked_mul(unit)? / scale)
    }

    fn unit(&mut self) -> Option<i128> {
        const UNITS: [(&str, i128); 8] = [
            ("ns", 1),
            ("us", 1_000),
            ("µs", 1_000),
            ("μs", 1_000),
            ("ms", 1_000_000),
            ("s", SECOND),
            ("m", 60 * SECOND),
            ("h", 3_600 * SECOND),
        ];
        let (name, nanos) = UNITS
            .into_iter()
            .find(|(name, _)| self.rest.starts_with(name))?;
        self.rest = self.rest.get(name.len()..)?;
        Some(nanos)
    }
}

/// RFC 3339 in UTC, without trailing zeros of the fraction.
pub(super) fn timestamp_text(time: Timestamp) -> String {
    let (year, month, day) = civil(time.0.div_euclid(DAY));
    let of_day = time.0.rem_euclid(DAY);
    let seconds = of_day / SECOND;
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}{}Z",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60,
        fraction_text(of_day % SECOND)
    )
}

/// Seconds with an `s`, as CEL writes durations.
pub(super) fn duration_text(duration: Duration) -> String {
    let sign = if duration.0 < 0 { "-" } else { "" };
    let magnitude = duration.0.abs();
    let fraction = fraction_text(magnitude % SECOND);
    format!("{sign}{}{fraction}s", magnitude / SECOND)
}

fn fraction_text(nanos: i128) -> String {
    if nanos == 0 {
        return String::new();
    }
    format!(".{nanos:09}").trim_end_matches('0').to_owned()
}

/// A part of a timestamp.
pub(super) fn part_of_timestamp(part: Part, time: Timestamp) -> i128 {
    let day = time.0.div_euclid(DAY);
    let of_day = time.0.rem_euclid(DAY);
    let (year, month, day_of_month) = civil(day);
    match part {
        Part::FullYear => year,
        Part::Month => month - 1,
        Part::Date => day_of_month,
        Part::DayOfMonth => day_of_month - 1,
        // 1970-01-01 was a Thursday.
        Part::DayOfWeek => (day + 4).rem_euclid(7),
        Part::DayOfYear => day - days_before(year, 1, 1),
        Part::Hours => of_day / (3_600 * SECOND),
        Part::Minutes => of_day / (60 * SECOND) % 60,
        Part::Seconds => of_day / SECOND % 60,
        Part::Milliseconds => of_day % SECOND / 1_000_000,
    }
}

/// A part of a duration: the whole of it in hours, minutes or seconds; of milliseconds those beyond the seconds.
pub(super) fn part_of_duration(part: Part, duration: Duration) -> Option<i128> {
    Some(match part {
        Part::Hours => duration.0 / (3_600 * SECOND),
        Part::Minutes => duration.0 / (60 * SECOND),
        Part::Seconds => duration.0 / SECOND,
        Part::Milliseconds => duration.0 % SECOND / 1_000_000,
        _ => return None,
    })
}

/// Days since 1970-01-01 of a date; `None` for one the calendar does not have.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    i64::try_from(days_before(year.into(), month.into(), day.into())).ok()
}

/// The same for a date that is there. Years are counted from March, so that the odd day comes last.
fn days_before(year: i128, month: i128, day: i128) -> i128 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// Year, month and day of a number of days since 1970-01-01.
pub(super) fn civil(days: i128) -> (i128, i128, i128) {
    // A guess from the mean length of a year is at most one too high or too low.
    let guess = 1970 + (days * 400).div_euclid(146_097);
    let year = [guess + 1, guess, guess - 1]
        .into_iter()
        .find(|year| days_before(*year, 1, 1) <= days)
        .unwrap_or(guess);
    let month = (1..=12)
        .rev()
        .find(|month| days_before(year, *month, 1) <= days)
        .unwrap_or(1);
    (year, month, days - days_before(year, month, 1) + 1)
}
