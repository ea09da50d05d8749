//! Values as a person reads them, in explanations. Never in a log: what is shown is what columns hold.

use std::fmt::{self, Write};

use crate::expr::time;
use crate::vocabulary::value::{MapKey, Value};

/// Characters of one value that are shown.
const CHARS_MAX: usize = 200;

/// A value in the notation of the rule language; a long one is cut.
pub fn show(value: &Value) -> String {
    let mut page = Page {
        text: String::new(),
        left: CHARS_MAX,
    };
    if write(&mut page, value).is_err() {
        page.text.push('…');
    }
    page.text
}

/// Text that has an end.
struct Page {
    text: String,
    left: usize,
}

impl Write for Page {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(c);
        }
        Ok(())
    }
}

fn write(page: &mut Page, value: &Value) -> fmt::Result {
    match value {
        Value::Null => page.write_str("null"),
        Value::Bool(b) => write!(page, "{b}"),
        Value::Int(n) => write!(page, "{n}"),
        Value::Uint(n) => write!(page, "{n}u"),
        Value::Double(n) => write!(page, "{n:?}"),
        Value::Decimal(n) => write!(page, "{n}"),
        Value::String(text) => quoted(page, text),
        Value::Uuid(id) => write!(page, "\"{id}\""),
        Value::Bytes(bytes) => write!(page, "{} bytes", bytes.len()),
        Value::Timestamp(time) => page.write_str(&time::timestamp_text(*time)),
        Value::Duration(duration) => page.write_str(&time::duration_text(*duration)),
        Value::List(elements) => {
            page.write_char('[')?;
            for (position, element) in elements.iter().enumerate() {
                comma(page, position)?;
                write(page, element)?;
            }
            page.write_char(']')
        }
        Value::Map(entries) => {
            page.write_char('{')?;
            for (position, (key, value)) in entries.iter().enumerate() {
                comma(page, position)?;
                name(page, key)?;
                page.write_str(": ")?;
                write(page, value)?;
            }
            page.write_char('}')
        }
        Value::Opaque => page.write_str("a value that compares with null only"),
    }
}

fn comma(page: &mut Page, position: usize) -> fmt::Result {
    page.write_str(if position > 0 { ", " } else { "" })
}

fn name(page: &mut Page, key: &MapKey) -> fmt::Result {
    match key {
        MapKey::Bool(b) => write!(page, "{b}"),
        MapKey::Int(n) => write!(page, "{n}"),
        MapKey::Uint(n) => write!(page, "{n}u"),
        MapKey::String(text) => quoted(page, text),
    }
}

/// What a terminal would act on is escaped.
fn quoted(page: &mut Page, text: &str) -> fmt::Result {
    page.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(page, "\\{c}")?,
            c if c.is_control() => write!(page, "{}", c.escape_default())?,
            c => page.write_char(c)?,
        }
    }
    page.write_char('"')
}
