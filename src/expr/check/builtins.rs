//! The functions that there are, by name.

use std::ops::Range;

use crate::expr::Fault;
use crate::expr::check::library::LIBRARY;
use crate::expr::check::macros::MACROS;
use crate::expr::ir::{Function, Part, TextTest};
use crate::expr::syntax::Call;

/// Functions that take their argument in brackets.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("size", Function::Size),
    ("int", Function::Int),
    ("uint", Function::Uint),
    ("double", Function::Double),
    ("string", Function::String),
    ("bool", Function::Bool),
    ("bytes", Function::Bytes),
    ("timestamp", Function::Timestamp),
    ("duration", Function::Duration),
];

/// Parts of a time.
pub(super) const PARTS: &[(&str, Part)] = &[
    ("getFullYear", Part::FullYear),
    ("getMonth", Part::Month),
    ("getDate", Part::Date),
    ("getDayOfMonth", Part::DayOfMonth),
    ("getDayOfWeek", Part::DayOfWeek),
    ("getDayOfYear", Part::DayOfYear),
    ("getHours", Part::Hours),
    ("getMinutes", Part::Minutes),
    ("getSeconds", Part::Seconds),
    ("getMilliseconds", Part::Milliseconds),
];

/// Methods that test a text.
pub(super) const TESTS: &[(&str, TextTest)] = &[
    ("contains", TextTest::Contains),
    ("startsWith", TextTest::StartsWith),
    ("endsWith", TextTest::EndsWith),
];

/// The rest of what is built in.
const OTHERS: &[&str] = &["has", "matches", "dyn"];

/// What a table has under a name.
pub(super) fn find<T: Copy>(among: &[(&str, T)], name: &str) -> Option<T> {
    among
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, found)| *found)
}

/// The fault of a name that is no function, or stands in another place.
pub(super) fn unknown_function(call: &Call, range: Range<usize>) -> Fault {
    let function = &*call.function;
    let is_method = call.on.is_some();
    if find(FUNCTIONS, function).is_some() || function == "has" || function == "dyn" {
        let message = format!("`{function}` takes its argument in brackets");
        return Fault::error(range, message).help(format!("write `{function}(…)`"));
    }
    if let Some(spelled) = namespaced().find(|name| name.split('.').next_back() == Some(function)) {
        let message = format!("`{function}` is called by its full name");
        return Fault::error(range, message).help(format!("write `{spelled}(…)`"));
    }
    if !is_method && methods().any(|name| name == function) {
        let message = format!("`{function}` stands behind a point");
        return Fault::error(range, message).help(format!("write `x.{function}(…)`"));
    }
    let known = FUNCTIONS
        .iter()
        .map(|(name, _)| *name)
        .chain(methods())
        .chain(OTHERS.iter().copied());
    Fault::error(range, format!("there is no function `{function}`")).suggest_among(function, known)
}

/// The names that stand behind a point.
fn methods() -> impl Iterator<Item = &'static str> + Clone {
    let tests = TESTS.iter().map(|(name, _)| *name);
    let library = LIBRARY.iter().map(|entry| entry.name);
    tests
        .chain(PARTS.iter().map(|(name, _)| *name))
        .chain(MACROS.iter().map(|(name, _)| *name))
        .chain(library.filter(|name| !name.contains('.')))
}

/// The names with a word of the library before them.
pub(super) fn namespaced() -> impl Iterator<Item = &'static str> {
    LIBRARY
        .iter()
        .map(|entry| entry.name)
        .filter(|name| name.contains('.'))
}

/// Every function, method and macro that there is, as it is written.
#[cfg(test)]
pub(in crate::expr) fn every_name() -> impl Iterator<Item = &'static str> {
    let functions = FUNCTIONS.iter().map(|(name, _)| *name);
    functions
        .chain(methods())
        .chain(namespaced())
        .chain(OTHERS.iter().copied())
        .chain(["cel.bind"])
}

/// The fault of a wrong number of arguments.
pub(super) fn wrong_count(function: &str, count: usize, call: &Call, range: Range<usize>) -> Fault {
    let arguments = if count == 1 { "argument" } else { "arguments" };
    let found = call.arguments.len();
    let message =
        format!("`{function}` takes {count} {arguments} in its brackets, and here are {found}");
    let written = ["a", "b"].get(..count).unwrap_or_default().join(", ");
    Fault::error(range, message).help(match call.on {
        Some(_) => format!("write `x.{function}({written})`"),
        None => format!("write `{function}({written})`"),
    })
}
