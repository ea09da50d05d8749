//! Dates and times as Postgres counts, rounds and prints them: microseconds, the proleptic Gregorian calendar, UTC.

/// Microseconds of a day.
const DAY: i128 = 86_400_000_000;
/// 2000-01-01 in days since 1970-01-01: where Postgres counts from.
const POSTGRES_EPOCH: i64 = 10_957;
/// The first and last day a timestamp may have: 4714-11-24 BC and 294276-12-31.
const DAYS: std::ops::RangeInclusive<i64> = -2_440_588..=106_751_991;

/// Days since 1970-01-01 of a date; `None` for a day the calendar does not have. Year 0 is 1 BC.
pub(super) fn days(year: i64, month: u8, day: u8) -> Option<i64> {
    if !(1..=12).contains(&month) || day == 0 || day > month_length(year, month) {
        return None;
    }
    let shifted = year - i64::from(month <= 2);
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

fn month_length(year: i64, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Year, month and day of a number of days since 1970-01-01.
pub(super) fn civil(days: i64) -> (i64, u8, u8) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (
        year,
        u8::try_from(month).unwrap_or(1),
        u8::try_from(day).unwrap_or(1),
    )
}

/// A point in time that was read: day, microseconds of the day, and the offset from UTC that was written, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    days: i64,
    micros: i128,
    offset: i64,
}

impl Moment {
    /// Reads ISO 8601 as clients write it: a date, `T` or a space, a time, and `Z` or an offset.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut cursor = Cursor { text };
        let days = cursor.date()?;
        if cursor.text.is_empty() {
            return Self::within(days, 0, 0);
        }
        cursor.one_of(&['T', 't', ' '])?;
        let micros = cursor.time()?;
        let offset = cursor.offset()?;
        if !cursor.text.is_empty() {
            return None;
        }
        Self::within(days, micros, offset)
    }

    fn within(days: i64, micros: i128, offset: i64) -> Option<Self> {
        DAYS.contains(&days).then_some(Self {
            days,
            micros,
            offset,
        })
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub(super) fn micros(self) -> i128 {
        i128::from(self.days) * DAY + self.micros - i128::from(self.offset) * 1_000_000
    }
}

/// Reads a time of day alone, in microseconds, shifted to UTC where an offset is written.
pub(super) fn time_of_day(text: &str) -> Option<i128> {
    let mut cursor = Cursor { text };
    let micros = cursor.time()?;
    let offset = cursor.offset()?;
    cursor
        .text
        .is_empty()
        .then(|| (micros - i128::from(offset) * 1_000_000).rem_euclid(DAY))
}

/// What is left to read.
struct Cursor<'a> {
    text: &'a str,
}

impl Cursor<'_> {
    fn one_of(&mut self, chars: &[char]) -> Option<char> {
        let first = self.text.chars().next().filter(|c| chars.contains(c))?;
        self.text = self.text.get(first.len_utf8()..)?;
        Some(first)
    }

    fn digits(&mut self, least: usize, most: usize) -> Option<i64> {
        let count = self
            .text
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        if count < least {
            return None;
        }
        let value = self.text.get(..count)?.parse().ok()?;
        self.text = self.text.get(count..)?;
        Some(value)
    }

    fn pair(&mut self, most: i64) -> Option<i64> {
        self.digits(2, 2).filter(|value| *value <= most)
    }

    fn date(&mut self) -> Option<i64> {
        let year = self.digits(4, 6).filter(|year| *year > 0)?;
        self.one_of(&['-'])?;
        let month = u8::try_from(self.pair(12)?).ok()?;
        self.one_of(&['-'])?;
        let day = u8::try_from(self.pair(31)?).ok()?;
        days(year, month, day)
    }

    fn time(&mut self) -> Option<i128> {
        let hours = self.pair(23)?;
        self.one_of(&[':'])?;
        let minutes = self.pair(59)?;
        let mut micros = i128::from(hours * 3_600 + minutes * 60) * 1_000_000;
        if self.one_of(&[':']).is_some() {
            micros += i128::from(self.pair(59)?) * 1_000_000 + self.fraction()?;
        }
        Some(micros)
    }

    /// Digits behind a point, rounded to microseconds as Postgres does: through a double, half to even.
    fn fraction(&mut self) -> Option<i128> {
        if self.one_of(&['.']).is_none() {
            return Some(0);
        }
        let count = self.text.bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 || count > 100 {
            return None;
        }
        let seconds: f64 = format!("0.{}", self.text.get(..count)?).parse().ok()?;
        self.text = self.text.get(count..)?;
        #[expect(clippy::cast_possible_truncation, reason = "at most a million")]
        let micros = (seconds * 1e6).round_ties_even() as i128;
        Some(micros)
    }

    /// `Z`, `±hh`, `±hhmm`, `±hh:mm` or nothing, in seconds.
    fn offset(&mut self) -> Option<i64> {
        if self.one_of(&['Z', 'z']).is_some() {
            return Some(0);
        }
        let Some(sign) = self.one_of(&['+', '-']) else {
            return Some(0);
        };
        let hours = self.pair(15)?;
        let minutes = if self.text.is_empty() {
            0
        } else {
            let _ = self.one_of(&[':']);
            self.pair(59)?
        };
        let seconds = hours * 3_600 + minutes * 60;
        Some(if sign == '-' { -seconds } else { seconds })
    }
}

/// Rounds microseconds since 1970 to a number of digits of fraction, half away from 2000-01-01 as Postgres does.
pub(super) fn rounded(micros: i128, digits: u8) -> i128 {
    let unit = 10_i128.pow(u32::from(6_u8.saturating_sub(digits)));
    let epoch = i128::from(POSTGRES_EPOCH) * DAY;
    let since = micros - epoch;
    let half = unit / 2;
    let magnitude = (since.abs() + half) / unit * unit;
    epoch + magnitude * since.signum()
}

/// Rounds microseconds of a day, half up; midnight of the next day stays 24:00:00.
pub(super) fn rounded_time(micros: i128, digits: u8) -> i128 {
    let unit = 10_i128.pow(u32::from(6_u8.saturating_sub(digits)));
    (micros + unit / 2) / unit * unit
}

/// Whether a timestamp column can hold it.
pub(super) fn is_in_range(micros: i128) -> bool {
    DAYS.contains(&day_of(micros))
}

fn day_of(micros: i128) -> i64 {
    i64::try_from(micros.div_euclid(DAY)).unwrap_or(i64::MAX)
}

/// `2026-01-01 12:00:00.5`, and ` BC` for years before 1, as Postgres prints a timestamp; `zone` stands between.
pub(super) fn timestamp_text(micros: i128, zone: &str) -> String {
    let (date, era) = date_parts(day_of(micros));
    format!("{date} {}{zone}{era}", time_text(micros.rem_euclid(DAY)))
}

/// A date as Postgres prints it.
pub(super) fn date_text(micros: i128) -> String {
    let (date, era) = date_parts(day_of(micros));
    format!("{date}{era}")
}

fn date_parts(days: i64) -> (String, &'static str) {
    let (year, month, day) = civil(days);
    let (year, era) = if year > 0 {
        (year, "")
    } else {
        (1 - year, " BC")
    };
    (format!("{year:04}-{month:02}-{day:02}"), era)
}

/// A time of day as Postgres prints it, without trailing zeros of the fraction.
pub(super) fn time_text(micros: i128) -> String {
    let seconds = micros / 1_000_000;
    let fraction = micros % 1_000_000;
    let mut text = format!(
        "{:02}:{:02}:{:02}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    );
    if fraction > 0 {
        let digits = format!("{fraction:06}");
        text.push('.');
        text.push_str(digits.trim_end_matches('0'));
    }
    text
}

/// RFC 3339 in UTC, as a JSON Schema sees a time; years beyond four digits keep all of theirs.
pub(super) fn rfc3339(micros: i128) -> String {
    let (year, month, day) = civil(day_of(micros));
    format!(
        "{year:04}-{month:02}-{day:02}T{}Z",
        time_text(micros.rem_euclid(DAY))
    )
}

/// Reads a timestamp or date that Postgres printed; `None` for an infinite one.
pub(super) fn printed(text: &str) -> Option<i128> {
    let (text, is_before_christ) = text
        .strip_suffix(" BC")
        .map_or((text, false), |rest| (rest, true));
    let (year, rest) = text.split_once('-')?;
    let year: i64 = year.parse().ok()?;
    let year = if is_before_christ { 1 - year } else { year };
    let (month, rest) = (rest.get(..2)?, rest.get(3..)?);
    let (day, rest) = (rest.get(..2)?, rest.get(2..)?);
    let days = days(year, month.parse().ok()?, day.parse().ok()?)?;
    let mut cursor = Cursor { text: rest };
    let mut micros = i128::from(days) * DAY;
    if cursor.one_of(&[' ']).is_some() {
        micros += cursor.time()?;
        micros -= i128::from(cursor.offset()?) * 1_000_000;
    }
    cursor.text.is_empty().then_some(micros)
}
