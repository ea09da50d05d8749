//! A JSON file → a value, or the place where it stops being JSON.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::document;
use crate::vocabulary::place::{Place, SourceJson};
use crate::vocabulary::problem::Problem;

/// Reads a file. A name twice in one object is refused, as in YAML.
pub(super) fn parse(file: &str, text: &str) -> Result<SourceJson, Problem> {
    serde_json::from_str::<Unrepeated>(text)
        .and_then(|_| serde_json::from_str(text))
        .map(|value| with_places(file, text, value))
        .map_err(|error| problem(file, text, &error))
}

/// JSON is YAML but for its rarest corners, so the tree of a document knows where its parts stand.
fn with_places(file: &str, text: &str, value: serde_json::Value) -> SourceJson {
    let (tree, _) = document::parse(file, &without_surrogates(text));
    let known = tree.map(|tree| tree.to_source_json());
    SourceJson {
        value,
        place: known
            .as_ref()
            .map_or_else(|| at(file, 0, 0), |json| json.place.clone()),
        parts: known.map(|json| json.parts).unwrap_or_default(),
    }
}

/// The same text, as long, without the escapes that only JSON has: halves of a character.
fn without_surrogates(text: &str) -> String {
    let mut parts = text.split("\\u");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str("\\u");
        let is_half = part.starts_with(['d', 'D'])
            && part
                .chars()
                .nth(1)
                .is_some_and(|c| "89abcdefABCDEF".contains(c));
        match part.get(1..) {
            Some(rest) if is_half => {
                plain.push('0');
                plain.push_str(rest);
            }
            _ => plain.push_str(part),
        }
    }
    plain
}

fn problem(file: &str, text: &str, error: &serde_json::Error) -> Problem {
    let start = offset(text, error.line(), error.column());
    let told = error.to_string();
    let reason = told.split(" at line ").next().unwrap_or_default();
    if let Some(name) = reason.strip_prefix(REPEATED) {
        let written = format!("\"{name}\"");
        let before = text.get(..=start).unwrap_or(text);
        let place = match before.rfind(&written) {
            Some(first) => at(file, first, first + written.len()),
            None => at(file, start, start),
        };
        return Problem::error(place, format!("`{name}` stands twice")).help("keep one of them");
    }
    let message = format!("this is not JSON: {}", in_words(reason));
    Problem::error(at(file, start, start), message).help(
        "names and texts stand in double quotes; no comma before a closing bracket, no comments",
    )
}

/// The parser's reason, as an author reads it.
fn in_words(reason: &str) -> &str {
    match reason {
        "trailing comma" => "a comma stands before a closing bracket",
        "trailing characters" => "something stands behind its end",
        "key must be a string" => "a name in double quotes is expected",
        "expected value" => "a value is expected",
        "expected ident" => "this word is not known",
        reason if reason.starts_with("EOF") => "it ends too early",
        reason if reason.starts_with("control character") => "a line ends inside of a text",
        reason => reason,
    }
}

fn at(file: &str, start: usize, end: usize) -> Place {
    Place {
        file: file.into(),
        start,
        end,
    }
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
            (
                "{\n  \"a\": 1,\n}",
                12,
                "this is not JSON: a comma stands before a closing bracket",
            ),
            ("{\n  \"é\": 1,\n  \"é\": 2\n}", 15, "`é` stands twice"),
            ("", 0, "this is not JSON: it ends too early"),
            (
                "{} x",
                3,
                "this is not JSON: something stands behind its end",
            ),
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
            parse("s.json", text).unwrap().value.to_string(),
            text.replace("1e400", "1e+400")
        );
    }

    #[test]
    fn each_part_knows_where_it_stands() {
        let text = "{\n\t\"é\": {\"a/b\": [1,{\"typ\":\"x\"}]},\"u\":\"\\ud83d\\ude00\"\n}";
        let json = parse("s.json", text).unwrap();
        let shown = |place: Place| &text[place.start..place.end];
        assert_eq!(shown(json.name("/é/a~1b")), "\"a/b\"");
        assert_eq!(shown(json.name("/é/a~1b/1/typ")), "\"typ\"");
        assert_eq!(shown(json.at("/é/a~1b/1/typ")), "\"x\"");
        assert_eq!(shown(json.at("/é/a~1b/0")), "1");
        assert_eq!(shown(json.at("/é/a~1b/7/other")), "1");
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
