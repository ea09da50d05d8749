//! Array literals, as Postgres prints and reads them.

/// The text of a one-dimensional array of element texts.
pub(super) fn print(elements: &[Option<String>]) -> String {
    let elements: Vec<String> = elements
        .iter()
        .map(|element| element.as_deref().map_or_else(|| "NULL".to_owned(), quoted))
        .collect();
    format!("{{{}}}", elements.join(","))
}

fn quoted(text: &str) -> String {
    let needs_quotes = text.is_empty()
        || text.eq_ignore_ascii_case("null")
        || text.contains(|c: char| {
            "{},\"\\".contains(c) || matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
        });
    if needs_quotes {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        text.to_owned()
    }
}

/// The element texts of a one-dimensional array; `None` for one of more dimensions, or with bounds of its own.
pub(super) fn parse(text: &str) -> Option<Vec<Option<String>>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut elements = Vec::new();
    if inner.is_empty() {
        return Some(elements);
    }
    let mut chars = inner.chars().peekable();
    loop {
        elements.push(element(&mut chars)?);
        match chars.next() {
            Some(',') => {}
            None => return Some(elements),
            Some(_) => return None,
        }
    }
}

fn element(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Option<String>> {
    let mut text = String::new();
    if chars.next_if_eq(&'"').is_some() {
        loop {
            match chars.next()? {
                '"' => return Some(Some(text)),
                '\\' => text.push(chars.next()?),
                c => text.push(c),
            }
        }
    }
    while let Some(c) = chars.next_if(|c| *c != ',') {
        match c {
            '{' => return None,
            '\\' => text.push(chars.next()?),
            c => text.push(c),
        }
    }
    Some((text != "NULL").then_some(text))
}
