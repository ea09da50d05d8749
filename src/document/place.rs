//! From the characters the YAML crate counts to bytes of the file, and from a scalar's text back to where it was written.

use saphyr_parser::ScalarStyle;

/// The byte at which each character of a text begins.
pub(super) struct Offsets {
    starts: Vec<usize>,
    end: usize,
}

impl Offsets {
    pub(super) fn of(text: &str) -> Self {
        Self {
            starts: text.char_indices().map(|(at, _)| at).collect(),
            end: text.len(),
        }
    }

    /// The byte of a character; the end of the text for one beyond it.
    pub(super) fn byte(&self, character: usize) -> usize {
        self.starts.get(character).copied().unwrap_or(self.end)
    }
}

/// Where the bytes of a scalar's text stand in the file: `(offset in text, offset in file)` for each run that is the same in both.
///
/// `raw` is the scalar as written, beginning at `start`. Quotes, indentation and line breaks that YAML took away are stepped over;
/// a character that was written as an escape stands where its escape does.
pub(super) fn runs(text: &str, raw: &str, start: usize, style: ScalarStyle) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    let mut at = opening(raw, style);
    for (position, c) in text.char_indices() {
        let rest = raw.get(at..).unwrap_or_default();
        let is_escape = style == ScalarStyle::DoubleQuoted && rest.starts_with('\\');
        let found = if is_escape || (c.is_whitespace() && rest.starts_with(char::is_whitespace)) {
            Some(0)
        } else {
            rest.find(c)
        };
        let here = at + found.unwrap_or(0);
        let is_same_run = runs
            .last()
            .is_some_and(|(from, file)| file + (position - from) == start + here);
        if !is_same_run {
            runs.push((position, start + here));
        }
        let width = if is_escape {
            escape_width(rest)
        } else {
            raw.get(here..)
                .and_then(|rest| rest.chars().next())
                .map_or(0, char::len_utf8)
        };
        at = here + width;
    }
    if runs.is_empty() {
        runs.push((0, start));
    }
    runs
}

/// What stands before the first character: a quote, or the header line of a block.
fn opening(raw: &str, style: ScalarStyle) -> usize {
    match style {
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => 1,
        ScalarStyle::Literal | ScalarStyle::Folded if raw.starts_with(['|', '>']) => {
            raw.find('\n').map_or(0, |at| at + 1)
        }
        _ => 0,
    }
}

fn escape_width(rest: &str) -> usize {
    match rest.chars().nth(1) {
        Some('x') => 4,
        Some('u') => 6,
        Some('U') => 10,
        Some(c) => 1 + c.len_utf8(),
        None => 1,
    }
}
