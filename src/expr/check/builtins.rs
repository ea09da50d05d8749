//! The functions that there are, and those that are refused by name.

use std::ops::Range;

use crate::expr::Fault;
use crate::expr::check::Checker;
use crate::expr::ir::{Function, Part, TextTest};
use crate::expr::syntax::{Call, Syntax};

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

/// Methods without an argument.
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
const OTHERS: &[&str] = &["has", "exists", "all", "matches"];

/// What CEL has elsewhere, and the language does not have yet.
const LATER: &[&str] = &[
    "map",
    "filter",
    "exists_one",
    "existsOne",
    "sortBy",
    "sort",
    "type",
    "dyn",
    "bind",
    "block",
    "charAt",
    "indexOf",
    "lastIndexOf",
    "join",
    "split",
    "lowerAscii",
    "upperAscii",
    "replace",
    "reverse",
    "substring",
    "trim",
    "format",
    "quote",
    "slice",
    "flatten",
    "distinct",
    "range",
    "first",
    "last",
    "transformList",
    "transformMap",
    "transformMapEntry",
    "optMap",
    "optFlatMap",
    "orValue",
    "or",
    "value",
    "hasValue",
    "unwrap",
    "encode",
    "decode",
    "abs",
    "ceil",
    "floor",
    "round",
    "trunc",
    "sign",
    "greatest",
    "least",
    "sum",
    "min",
    "max",
    "now",
    "ip",
    "cidr",
    "isIP",
];

/// Names before the point of functions that CEL has elsewhere.
const NAMESPACES: &[&str] = &[
    "cel", "math", "optional", "strings", "lists", "sets", "base64", "regex", "net",
];

impl Checker<'_> {
    /// What CEL has elsewhere is refused by its name, whatever stands around it.
    pub(super) fn not_yet(&self, call: &Call, name: &Range<usize>) -> Option<Fault> {
        let function = &*call.function;
        let namespace = call.on.as_ref().and_then(|on| match &on.syntax {
            Syntax::Name(name) if self.bound.iter().all(|bound| bound.name != *name) => Some(name),
            _ => None,
        });
        let namespace = namespace.filter(|namespace| NAMESPACES.contains(&&***namespace));
        let full = match namespace {
            Some(namespace) => format!("{namespace}.{function}"),
            None if LATER.contains(&function) => function.to_owned(),
            None => return None,
        };
        let fault = Fault::error(name.clone(), format!("`{full}` is not supported yet"));
        Some(match function {
            "map" | "filter" | "exists_one" | "existsOne" => {
                fault.help("write `.exists(x, …)` or `.all(x, …)`")
            }
            "now" => fault.help("write `request.time`"),
            "lowerAscii" | "upperAscii" => {
                fault.help("write `.matches('(?i)…')` to leave case aside")
            }
            _ => fault.help("write it in another way, or have the database compute it"),
        })
    }
}

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
    if find(FUNCTIONS, function).is_some() || function == "has" {
        let message = format!("`{function}` takes its argument in brackets");
        return Fault::error(range, message).help(format!("write `{function}(…)`"));
    }
    let methods = || {
        let tests = TESTS.iter().map(|(name, _)| *name);
        tests
            .chain(PARTS.iter().map(|(name, _)| *name))
            .chain(["exists", "all"])
    };
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
