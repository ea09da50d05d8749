//! Scalars with a unit: times and sizes.

use std::time::Duration;

/// Reads `500ms`, `2s`, `5m`, `1h`, `7d`.
pub(super) fn time(text: &str) -> Option<Duration> {
    let (count, unit) = split(text)?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return None,
    };
    count.checked_mul(unit_ms).map(Duration::from_millis)
}

/// Reads `64KiB`, `8MiB`, `1GiB`, or bytes without a unit.
pub(super) fn size(text: &str) -> Option<usize> {
    let (count, unit) = split(text)?;
    let unit_bytes: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    usize::try_from(count.checked_mul(unit_bytes)?).ok()
}

fn split(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_read() {
        let times = [
            ("500ms", 500),
            ("2s", 2000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("7d", 604_800_000),
        ];
        for (text, wanted) in times {
            assert_eq!(time(text), Some(Duration::from_millis(wanted)), "{text}");
        }
        let sizes = [
            ("64KiB", 65_536),
            ("8MiB", 8_388_608),
            ("1GiB", 1 << 30),
            ("12", 12),
            ("12B", 12),
        ];
        for (text, wanted) in sizes {
            assert_eq!(size(text), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_has_no_unit_or_another_is_no_time_and_no_size() {
        for text in [
            "",
            "5",
            "5 years",
            "-5s",
            "1.5s",
            "s",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
        for text in ["", "8MB", "-1", "1.5MiB", "KiB", "18446744073709551615GiB"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_count_of_a_unit_is_that_many(count in 0_u32..1_000_000) {
            prop_assert_eq!(time(&format!("{count}s")), Some(Duration::from_secs(count.into())));
            prop_assert_eq!(size(&format!("{count}KiB")), Some(count as usize * 1024));
        }
    }
}
