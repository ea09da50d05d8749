//! Calls: functions, methods, `has`.

use std::ops::Range;

use regex::RegexBuilder;

use crate::expr::Fault;
use crate::expr::check::builtins::{
    FUNCTIONS, PARTS, TESTS, find, namespaced, unknown_function, wrong_count,
};
use crate::expr::check::macros::MACROS;
use crate::expr::check::operators::text_of;
use crate::expr::check::{Checker, Term, library};
use crate::expr::functions;
use crate::expr::ir::{Function, Node, NodeKind, Part, TextTest, ZoneOf};
use crate::expr::syntax::{Call, Expression};
use crate::expr::types::Type;
use crate::expr::zone::Zone;
use crate::vocabulary::suggest::closest;

/// Bytes that a compiled pattern may take: counted classes of Unicode are large.
const PATTERN_BYTES_MAX: usize = 10 * 1024 * 1024;

impl Checker<'_> {
    pub(super) fn call(&mut self, call: &Call, name: Range<usize>, range: Range<usize>) -> Term {
        let function = &*call.function;
        if let Some(fault) = self.absent(call, &name) {
            return self.refuse(fault);
        }
        let namespace = self.namespace(call);
        if (namespace, function) == (Some("cel"), "bind") {
            return Term::Value(self.bind(call, name, range));
        }
        if let Some(entry) = library::find(namespace, function)
            && (namespace.is_some() || call.on.is_some())
        {
            return Term::Value(self.invoke(entry, call, name, range));
        }
        if let Some(namespace) = namespace {
            let fault = unknown_member(namespace, function, name);
            return self.refuse(fault);
        }
        let node = match (function, &call.on) {
            ("has", None) => return self.has(call, name, range),
            ("dyn", None) => self.dynamic(call, name, range),
            ("size", _) => self.size(call, name, range),
            ("matches", _) => self.matches(call, name, range),
            (_, None) => match find(FUNCTIONS, function) {
                Some(found) => self.conversion(found, call, name, range),
                None => return self.refuse(unknown_function(call, name)),
            },
            (_, Some(on)) => match (
                find(MACROS, function),
                find(TESTS, function),
                find(PARTS, function),
            ) {
                (Some(found), _, _) => self.each(found, on, call, name, range),
                (_, Some(test), _) => self.text_test(test, call, name, range),
                (_, _, Some(part)) => self.part(part, on, call, name, range),
                _ => {
                    // What it would be called on may be misspelt too; its arguments may name variables that only it knows.
                    if let Some(on) = &call.on {
                        self.term(on);
                    }
                    return self.refuse(unknown_function(call, name));
                }
            },
        };
        Term::Value(node)
    }

    /// `dyn(x)`: its type is looked at when it is evaluated.
    fn dynamic(&mut self, call: &Call, name: Range<usize>, range: Range<usize>) -> Node {
        let Some(argument) = self.single(call, &name) else {
            return Node::unknown(range);
        };
        let node = self.value(argument);
        Node {
            is_nullable: node.is_nullable,
            ..Node::new(Type::Dyn, range, NodeKind::Dyn(Box::new(node)))
        }
    }

    /// The single argument of a call: what stands before the point, or in the brackets.
    fn single<'c>(&mut self, call: &'c Call, name: &Range<usize>) -> Option<&'c Expression> {
        match (&call.on, call.arguments.as_slice()) {
            (Some(on), []) => Some(on),
            (None, [argument]) => Some(argument),
            (on, _) => {
                let count = usize::from(on.is_none());
                self.fault(wrong_count(&call.function, count, call, name.clone()));
                None
            }
        }
    }

    fn size(&mut self, call: &Call, name: Range<usize>, range: Range<usize>) -> Node {
        let Some(argument) = self.single(call, &name) else {
            return Node::unknown(range);
        };
        let node = match self.term(argument) {
            Term::Rows(row, relation) => {
                let follow = self.follow(relation);
                return Node::new(Type::Int, range, NodeKind::Count(row.source, follow));
            }
            Term::Value(node) => node,
            Term::Row(_) | Term::Request => {
                let fault = Fault::error(range.clone(), "`size` does not take a row");
                self.fault(fault.help("to ask whether it is there, write `!= null`"));
                return Node::unknown(range);
            }
        };
        let is_sized = matches!(
            node.ty,
            Type::String | Type::Enum(_) | Type::Bytes | Type::List(_) | Type::Map(_)
        );
        if !is_sized {
            self.expect_type(
                &node,
                "size",
                "a string, bytes, list, map or to-many relation",
                false,
            );
        }
        Node::new(
            Type::Int,
            range,
            NodeKind::Call(Function::Size, Box::new(node)),
        )
    }

    fn matches(&mut self, call: &Call, name: Range<usize>, range: Range<usize>) -> Node {
        let (text, pattern) = match (&call.on, call.arguments.as_slice()) {
            (Some(on), [pattern]) => (on, pattern),
            (None, [text, pattern]) => (text, pattern),
            _ => {
                self.fault(wrong_count("matches", 1, call, name));
                return Node::unknown(range);
            }
        };
        let text = self.value(text);
        self.expect_type(&text, "matches", "a string", text.ty.is_text());
        let pattern = self.value(pattern);
        let Some(spelled) = text_of(&pattern) else {
            let fault = Fault::error(
                pattern.range,
                "the pattern of `matches` is written out here, as a text in quotes",
            )
            .help("write it like `.matches('^[a-z]+$')`");
            self.fault(fault);
            return Node::unknown(range);
        };
        let regex = RegexBuilder::new(spelled)
            .size_limit(PATTERN_BYTES_MAX)
            .build();
        match regex {
            Ok(regex) => Node::new(Type::Bool, range, NodeKind::Matches(Box::new(text), regex)),
            Err(error) => {
                let why = match error {
                    regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
                    error => last_line(&error.to_string()),
                };
                let message = format!("this is no regular expression: {why}");
                self.fault(Fault::error(pattern.range, message).help(
                    "RE2's syntax is taken: no look-around `(?=…)`, no back-references `\\1`",
                ));
                Node::unknown(range)
            }
        }
    }

    fn conversion(
        &mut self,
        function: Function,
        call: &Call,
        name: Range<usize>,
        range: Range<usize>,
    ) -> Node {
        let Some(argument) = self.single(call, &name) else {
            return Node::unknown(range);
        };
        let node = self.value(argument);
        let (ty, takes) = conversion(function, &node.ty);
        self.expect_type(&node, &call.function, "something it can convert", takes);
        // A time that is written out is read now, so that a misspelt one does not load.
        if let (Function::Timestamp | Function::Duration, NodeKind::Constant(constant)) =
            (function, &node.kind)
        {
            match functions::convert(function, constant) {
                Ok(value) => return Node::new(ty, range, NodeKind::Constant(value)),
                Err(error) => {
                    let fault = Fault::error(node.range, error.to_string());
                    self.fault(fault.help(match function {
                        Function::Duration => "write it like `duration('1h30m')`",
                        _ => "write it like `timestamp('2026-01-31T12:00:00Z')`",
                    }));
                    return Node::unknown(range);
                }
            }
        }
        Node::new(ty, range, NodeKind::Call(function, Box::new(node)))
    }

    fn text_test(
        &mut self,
        test: TextTest,
        call: &Call,
        name: Range<usize>,
        range: Range<usize>,
    ) -> Node {
        let (Some(on), [argument]) = (&call.on, call.arguments.as_slice()) else {
            self.fault(wrong_count(&call.function, 1, call, name));
            return Node::unknown(range);
        };
        let (text, argument) = (self.value(on), self.value(argument));
        for node in [&text, &argument] {
            self.expect_type(node, &call.function, "a string", node.ty.is_text());
        }
        Node::new(
            Type::Bool,
            range,
            NodeKind::Compare(test, Box::new(text), Box::new(argument)),
        )
    }

    fn part(
        &mut self,
        part: Part,
        on: &Expression,
        call: &Call,
        name: Range<usize>,
        range: Range<usize>,
    ) -> Node {
        let zone = match call.arguments.as_slice() {
            [] => None,
            [zone] => Some(zone),
            _ => {
                self.fault(wrong_count(&call.function, 1, call, name));
                return Node::unknown(range);
            }
        };
        let node = self.value(on);
        let is_clock = matches!(
            part,
            Part::Hours | Part::Minutes | Part::Seconds | Part::Milliseconds
        );
        let is_stretch = node.ty == Type::Duration && is_clock && zone.is_none();
        let takes = node.ty == Type::Timestamp || is_stretch;
        self.expect_type(&node, &call.function, "a timestamp", takes);
        let kind = match zone {
            None => NodeKind::Call(Function::Part(part), Box::new(node)),
            Some(zone) => match self.zone(zone, &call.function) {
                Some(zone) => NodeKind::PartIn(part, Box::new(node), zone),
                None => return Node::unknown(range),
            },
        };
        Node::new(Type::Int, range, kind)
    }

    /// A time zone. One that is written out is looked up now, so that a misspelt one does not load.
    fn zone(&mut self, zone: &Expression, function: &str) -> Option<ZoneOf> {
        let node = self.value(zone);
        let Some(spelled) = text_of(&node) else {
            self.expect_type(
                &node,
                function,
                "a time zone as a string",
                node.ty.is_text(),
            );
            return Some(ZoneOf::Named(Box::new(node)));
        };
        let found = Zone::parse(spelled);
        if found.is_none() {
            let message = format!("there is no time zone `{spelled}`");
            let fault = Fault::error(node.range.clone(), message);
            self.fault(
                fault.help("write a name such as `Europe/Berlin`, or an offset such as `+02:00`"),
            );
        }
        found.map(ZoneOf::Known)
    }

    pub(super) fn expect_type(
        &mut self,
        node: &Node,
        function: &str,
        wanted: &str,
        is_right: bool,
    ) {
        if is_right || node.ty.is_open() {
            return;
        }
        let message = format!("`{function}` takes {wanted}, and this is {}", node.ty);
        let fault = Fault::error(node.range.clone(), message);
        self.fault(match node.ty {
            Type::Uuid => fault.help("make it text with `string(…)`"),
            _ if wanted == "a string" => fault.help("make it text with `string(…)`"),
            _ => fault.help(format!("give `{function}` {wanted}")),
        });
    }
}

/// The fault of a name that the library does not have behind a word of its own.
fn unknown_member(namespace: &str, function: &str, range: Range<usize>) -> Fault {
    let full = format!("{namespace}.{function}");
    Fault::error(range, format!("there is no function `{full}`"))
        .suggest(closest(&full, namespaced().chain(["cel.bind"])))
}

/// What a conversion gives, and whether it takes a type.
fn conversion(function: Function, from: &Type) -> (Type, bool) {
    use Type::{Bool, Bytes, Decimal, Double, Duration, Int, String, Timestamp, Uint, Uuid};
    let is_text = from.is_text();
    match function {
        Function::Size | Function::Part(_) | Function::Int => (
            Int,
            is_text || matches!(from, Int | Uint | Double | Decimal | Timestamp),
        ),
        Function::Uint => (
            Uint,
            is_text || matches!(from, Int | Uint | Double | Decimal),
        ),
        Function::Double => (Double, is_text || from.is_number()),
        Function::String => (
            String,
            is_text
                || from.is_number()
                || matches!(from, Bool | Bytes | Uuid | Timestamp | Duration),
        ),
        Function::Bool => (Bool, is_text || *from == Bool),
        Function::Bytes => (Bytes, is_text || *from == Bytes),
        Function::Timestamp => (Timestamp, is_text || matches!(from, Timestamp | Int)),
        Function::Duration => (Duration, is_text || *from == Duration),
    }
}

/// The last line of a message that draws the place above it.
fn last_line(message: &str) -> String {
    let line = message.lines().last().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}
