//! Dead letters as they are printed. What apps sent may hold anything, so no control character of it reaches a terminal.

use std::fmt::Write as _;

use crate::journal::filed::{Filed, List};

/// What stands above the columns of a list.
const TITLES: [&str; 9] = [
    "ID",
    "STATE",
    "CODE",
    "SUBJECT",
    "TABLES",
    "OPS",
    "TIMES",
    "FIRST SEEN",
    "LAST SEEN (UTC)",
];
/// Characters of a column at most.
const COLUMN_CHARS_MAX: usize = 40;

/// A list as columns.
pub(super) fn table(list: &List) -> String {
    if list.lines.is_empty() {
        return "No letters.".to_owned();
    }
    let titles = TITLES.iter().map(|title| (*title).to_owned()).collect();
    let rows = list.lines.iter();
    let rows = rows.map(|line| line.columns.iter().map(|text| cut(&safe(text))).collect());
    let rows: Vec<Vec<String>> = std::iter::once(titles).chain(rows).collect();
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..TITLES.len()).map(width).collect();
    let mut out = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths);
        let cells: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        let _ = writeln!(out, "{}", cells.join("  ").trim_end());
    }
    let shown = list.lines.len();
    if shown < list.total {
        let _ = writeln!(out, "and {} more: see --limit", list.total - shown);
    }
    out
}

/// A list as JSON.
pub(super) fn json(list: &List) -> String {
    let lines: Vec<String> = list.lines.iter().map(|line| one_line(&line.json)).collect();
    match lines.as_slice() {
        [] => "[]".to_owned(),
        lines => format!("[\n  {}\n]", lines.join(",\n  ")),
    }
}

/// A whole letter, for people.
pub(super) fn page(letter: &Filed, transaction: &str) -> String {
    format!(
        "{}\nclaims\n{}\nsent\n{}",
        pretty(&letter.head),
        pretty(&letter.claims),
        pretty(transaction)
    )
}

/// A whole letter as one line of JSON.
pub(super) fn line(letter: &Filed, transaction: &str) -> String {
    let head = letter.head.strip_suffix('}').unwrap_or(&letter.head);
    let (claims, transaction) = (&letter.claims, transaction);
    one_line(&format!(
        "{head},\"claims\":{claims},\"transaction\":{transaction}}}"
    ))
}

/// How many letters of a code were discarded.
pub(super) fn counted(count: usize, code: &str) -> String {
    let letters = if count == 1 { "letter" } else { "letters" };
    format!("{count} open {letters} with {} discarded", safe(code))
}

/// A text without control characters.
pub(super) fn safe(text: &str) -> String {
    let replace = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(replace).collect()
}

fn cut(text: &str) -> String {
    if text.chars().count() <= COLUMN_CHARS_MAX {
        return text.to_owned();
    }
    let start: String = text.chars().take(COLUMN_CHARS_MAX - 1).collect();
    format!("{start}…")
}

/// JSON text on one line: between its parts a line break is only a blank, and inside of them none can stand.
fn one_line(json: &str) -> String {
    let replace = |c: char| if matches!(c, '\n' | '\r') { ' ' } else { c };
    json.chars().map(replace).collect()
}

/// JSON text with each member on a line of its own. It is not parsed, so that nothing of it changes.
fn pretty(json: &str) -> String {
    let mut out = String::new();
    let mut depth = 0_usize;
    let mut chars = json.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => string(&mut out, &mut chars),
            '{' | '[' => {
                out.push(c);
                while chars.next_if(|c| c.is_whitespace()).is_some() {}
                if let Some(close) = chars.next_if(|c| matches!(c, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    line_break(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line_break(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line_break(&mut out, depth);
            }
            ':' => out.push_str(": "),
            c if c.is_whitespace() => {}
            c => out.push(c),
        }
    }
    out
}

/// The rest of a string, whose first quote was read.
fn string(out: &mut String, chars: &mut impl Iterator<Item = char>) {
    out.push('"');
    while let Some(c) = chars.next() {
        out.push(if c.is_control() { '\u{fffd}' } else { c });
        match c {
            '\\' => out.extend(chars.next()),
            '"' => return,
            _ => {}
        }
    }
}

fn line_break(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::journal::filed::Line;

    #[test]
    fn json_is_laid_out_and_its_texts_stay() {
        let json = r#"{"a":{ },"b":[1.50, "x:{,}\"\\"],"c":"\ud800"}"#;
        let wanted = "{\n  \"a\": {},\n  \"b\": [\n    1.50,\n    \"x:{,}\\\"\\\\\"\n  ],\n  \"c\": \"\\ud800\"\n}";
        assert_eq!(pretty(json), wanted);
    }

    #[test]
    fn a_list_is_cut_to_columns_and_says_how_many_more_there_are() {
        let long = "x".repeat(60);
        let row = [
            "1",
            "open",
            "CODE",
            &long,
            "a\u{1b}[31m",
            "1",
            "2",
            "f",
            "l",
        ];
        let line = Line {
            columns: row.iter().map(ToString::to_string).collect(),
            json: r#"{"id":1}"#.to_owned(),
        };
        let mut list = List {
            lines: vec![line],
            total: 3,
        };
        let shown = table(&list);
        assert!(
            shown.contains("and 2 more") && shown.contains("xxx…"),
            "{shown}"
        );
        assert!(!shown.contains('\u{1b}'), "{shown}");
        assert_eq!(json(&list), "[\n  {\"id\":1}\n]");
        list.lines.clear();
        assert_eq!(
            (table(&list).as_str(), json(&list).as_str()),
            ("No letters.", "[]")
        );
    }

    proptest! {
        #[test]
        fn laid_out_json_says_the_same(words in proptest::collection::btree_map(".{0,4}", proptest::collection::vec(".{0,4}", 0..3), 0..3)) {
            let json = serde_json::to_string(&words).unwrap();
            // What a terminal could take for an order is replaced.
            if !json.chars().any(char::is_control) {
                let again: Value = serde_json::from_str(&pretty(&json)).unwrap();
                prop_assert_eq!(again, serde_json::from_str::<Value>(&json).unwrap());
            }
        }
    }
}
