//! What an app's value becomes in a column (contract, *Values*), for the types and spellings the oracle sends.

use serde_json::Value as Json;

use super::model::{Ty, Val};

/// The stored value; `None` where it cannot be stored.
pub fn convert(ty: Ty, json: &Json) -> Option<Val> {
    let text = match json {
        Json::Null => return Some(Val::Null),
        Json::Bool(truth) => return (ty == Ty::Bool).then_some(Val::Bool(*truth)),
        Json::Number(number) => number.to_string(),
        Json::String(text) => text.clone(),
        Json::Array(_) | Json::Object(_) => return None,
    };
    if text.contains('\0') {
        return None;
    }
    match ty {
        Ty::Text => Some(Val::Text(text)),
        Ty::Bool => match text.as_str() {
            "1" | "true" => Some(Val::Bool(true)),
            "0" | "false" => Some(Val::Bool(false)),
            _ => None,
        },
        Ty::Int => i64::try_from(decimal(&text, 0, false)?).ok().map(Val::Int),
        Ty::Num => {
            let hundredths = decimal(&text, 2, true)?;
            (hundredths.abs() < 100_000_000).then_some(Val::Num(i64::try_from(hundredths).ok()?))
        }
        Ty::Uuid => uuid(&text).map(Val::Uuid),
        Ty::Time => time(&text).map(Val::Time),
    }
}

/// The lower case of a uuid written as 8-4-4-4-12.
pub fn uuid(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|p| p.len()).collect();
    let is_hex = parts
        .iter()
        .all(|p| p.bytes().all(|b| b.is_ascii_hexdigit()));
    (lengths == [8, 4, 4, 4, 12] && is_hex).then(|| text.to_ascii_lowercase())
}

/// A decimal number as a whole number of its `places`-th parts: rounded half away from zero where `rounds`, else exact or nothing.
fn decimal(text: &str, places: usize, rounds: bool) -> Option<i128> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if whole.is_empty() || all.len() > 30 || !all.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let kept: String = format!("{fraction:0<places$}")
        .chars()
        .take(places)
        .collect();
    let dropped: String = fraction.chars().skip(places).collect();
    if !rounds && dropped.bytes().any(|b| b != b'0') {
        return None;
    }
    let up = i128::from(dropped.as_bytes().first().is_some_and(|b| *b >= b'5'));
    let number = format!("{whole}{kept}").parse::<i128>().ok()? + up;
    Some(if is_negative { -number } else { number })
}

/// ISO 8601 as microseconds: a date, `T` or a space, a time, a fraction or none, `Z`, `±hh:mm` or nothing.
fn time(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        let part = text.get(range)?;
        part.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| part.parse().ok())?
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let separated = [4, 7].iter().all(|at| text.as_bytes()[*at] == b'-');
    if !separated || !(1..=12).contains(&month) || !(1..=28).contains(&day) {
        return None;
    }
    let midnight = days(year, month, day) * 86_400;
    let Some(rest) = text.get(10..).filter(|rest| !rest.is_empty()) else {
        return Some(midnight * 1_000_000);
    };
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    if !rest.starts_with(['T', ' ']) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let tail = text.get(19..)?;
    let zone_at = tail.find(['Z', '+', '-']).unwrap_or(tail.len());
    let (fraction, zone) = tail.split_at(zone_at);
    let micros = match fraction.strip_prefix('.') {
        None if fraction.is_empty() => 0,
        Some(digits) if (1..=6).contains(&digits.len()) => {
            format!("{digits:0<6}").parse::<i64>().ok()?
        }
        _ => return None,
    };
    let offset = match zone {
        "" | "Z" => 0,
        "+02:00" => 7_200,
        "-01:30" => -5_400,
        _ => return None,
    };
    let seconds = midnight + hour * 3_600 + minute * 60 + second - offset;
    Some(seconds * 1_000_000 + micros)
}

/// Days since 1970-01-01 of a date after it.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let is_leap = |y: i64| (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    let of_years: i64 = (1970..year)
        .map(|y| if is_leap(y) { 366 } else { 365 })
        .sum();
    let lengths = [
        31,
        if is_leap(year) { 29 } else { 28 },
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
    ];
    let of_months: i64 = lengths.iter().zip(1..month).map(|(length, _)| length).sum();
    of_years + of_months + day - 1
}

#[test]
fn values_become_what_the_contract_says() {
    let number = |text: &str| serde_json::from_str::<Json>(text).unwrap();
    let cases = [
        (Ty::Int, number("42.0"), Some(Val::Int(42))),
        (Ty::Int, number("42.5"), None),
        (Ty::Int, number("9223372036854775808"), None),
        (
            Ty::Int,
            Json::from("9007199254740993"),
            Some(Val::Int(9_007_199_254_740_993)),
        ),
        (Ty::Int, Json::from(""), None),
        (Ty::Int, Json::from(true), None),
        (Ty::Num, number("1.005"), Some(Val::Num(101))),
        (Ty::Num, Json::from("-1.005"), Some(Val::Num(-101))),
        (Ty::Num, number("1000000"), None),
        (Ty::Bool, number("1"), Some(Val::Bool(true))),
        (Ty::Bool, Json::from("yes"), None),
        (Ty::Text, number("1.50"), Some(Val::Text("1.50".into()))),
        (Ty::Text, Json::from(true), None),
        (Ty::Text, Json::from(""), Some(Val::Text(String::new()))),
        (Ty::Text, Json::from("a\0"), None),
        (
            Ty::Uuid,
            Json::from("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"),
            Some(Val::Uuid("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11".into())),
        ),
        (
            Ty::Uuid,
            Json::from("{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"),
            None,
        ),
        (Ty::Time, Json::from("1970-01-01"), Some(Val::Time(0))),
        (
            Ty::Time,
            Json::from("2026-01-02T03:04:05Z"),
            Some(Val::Time(super::meaning::NOW)),
        ),
        (
            Ty::Time,
            Json::from("2026-01-02 05:04:05.000000+02:00"),
            Some(Val::Time(super::meaning::NOW)),
        ),
        (
            Ty::Time,
            Json::from("2024-03-01"),
            Some(Val::Time(1_709_251_200_000_000)),
        ),
        (Ty::Time, Json::from("now"), None),
        (Ty::Time, number("1767323045"), None),
    ];
    for (ty, json, wanted) in cases {
        assert_eq!(convert(ty, &json), wanted, "{ty:?} {json}");
    }
}
