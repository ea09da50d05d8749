//! A JSON file → a value, or the place where it stops being JSON.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::vocabulary::place::Place;
use crate::vocabulary::problem::Problem;

/// Reads a file. A name twice in one object is refused, as in YAML.
pub(super) fn parse(file: &str, text: &str) -> Result<serde_json::Value, Problem> {
    serde_json::from_str::<Unrepeated>(text)
        .and_then(|_| serde_json::from_str(text))
        .map_err(|error| {
            let start = offset(text, error.line(), error.column());
            let place = Place {
                file: file.into(),
                start,
                end: start,
            };
            let told = error.to_string();
            let reason = told.split(" at line ").next().unwrap_or_default();
            match reason.strip_prefix(REPEATED) {
                Some(name) => {
                    Problem::error(place, format!("`{name}` stands twice")).help("keep one of them")
                }
                None => Problem::error(place, format!("this is not JSON: {reason}"))
                    .help("names and texts stand in double quotes; no comma before a closing bracket, no comments"),
            }
        })
}

/// The byte of a line and a column, both from 1; columns count bytes.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let mut at = (before + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

const REPEATED: &str = "a name twice: ";

/// Any JSON in which no object has a name twice. Its value is not kept.
struct Unrepeated;

impl<'de> Deserialize<'de> for Unrepeated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unrepeated {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        let mut seen = BTreeSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if seen.contains(&name) {
                return Err(de::Error::custom(format!("{REPEATED}{name}")));
            }
            members.next_value::<Self>()?;
            seen.insert(name);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_problem_stands_where_the_text_goes_wrong() {
        let rows = [
            ("{\n  \"a\": 1,\n}", 12, "this is not JSON: trailing comma"),
            ("{\n  \"é\": 1,\n  \"é\": 2\n}", 18, "`é` stands twice"),
            ("", 0, "this is not JSON: EOF while parsing a value"),
            ("{} x", 3, "this is not JSON: trailing characters"),
        ];
        for (text, start, message) in rows {
            let problem = parse("s.json", text).unwrap_err();
            assert_eq!(
                (problem.place.unwrap().start, problem.message.as_str()),
                (start, message),
                "{text}"
            );
        }
    }

    #[test]
    fn numbers_keep_every_digit() {
        let text = r#"{"maximum":12345678901234567890.5,"x":[1,-2.5,1e400]}"#;
        assert_eq!(
            parse("s.json", text).unwrap().to_string(),
            text.replace("1e400", "1e+400")
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_every_place_lies_in_its_file(text in "([{}\\[\\],:\"a-c0-9é\n -]|true|null|\\\\u00){0,30}") {
            if let Err(problem) = parse("s.json", &text) {
                let at = problem.place.unwrap().start;
                prop_assert!(text.get(at..).is_some());
            }
        }
    }
}
