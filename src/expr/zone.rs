//! Time zones: fixed offsets, and names of the IANA database, which is compiled in.

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::vocabulary::value::Timestamp;

const SECOND: i128 = 1_000_000_000;

/// How far clocks are from UTC.
#[derive(Clone, Debug)]
pub(super) enum Zone {
    /// So many seconds east of it, all the time.
    Fixed(i64),
    /// As the database says for each time.
    Named(TimeZone),
}

impl Zone {
    /// Reads `+02:00`, `-09:30`, `02:00`, or a name such as `Europe/Berlin`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.starts_with(['+', '-']) || text.starts_with(|c: char| c.is_ascii_digit()) {
            return offset(text).map(Self::Fixed);
        }
        TimeZoneDatabase::bundled().get(text).ok().map(Self::Named)
    }

    /// A time moved so that its parts in UTC are its parts here.
    pub(super) fn local(&self, time: Timestamp) -> Timestamp {
        let seconds = match self {
            Self::Fixed(seconds) => *seconds,
            Self::Named(zone) => i64::from(zone.to_offset(nearest(time)).seconds()),
        };
        Timestamp(time.0 + i128::from(seconds) * SECOND)
    }
}

/// Seconds east of UTC.
fn offset(text: &str) -> Option<i64> {
    let is_west = text.starts_with('-');
    let (hours, minutes) = text.trim_start_matches(['+', '-']).split_once(':')?;
    let number = |digits: &str, max: i64| {
        let is_read = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_read.then(|| digits.parse().ok()).flatten();
        number.filter(|number: &i64| *number <= max)
    };
    let seconds = (number(hours, 23)? * 60 + number(minutes, 59)?) * 60;
    Some(if is_west { -seconds } else { seconds })
}

/// The time that the database is asked for: it ends some hours before ours does, and no zone changes there.
fn nearest(time: Timestamp) -> jiff::Timestamp {
    let seconds = i64::try_from(time.0.div_euclid(SECOND)).unwrap_or(i64::MAX);
    let last = jiff::Timestamp::MAX.as_second();
    let first = jiff::Timestamp::MIN.as_second();
    jiff::Timestamp::from_second(seconds.clamp(first, last)).unwrap_or(jiff::Timestamp::MAX)
}
