//! Functions of the library: what they take, and what they give.

use std::ops::Range;

use crate::expr::Fault;
use crate::expr::check::Checker;
use crate::expr::ir::{Builtin, Node, NodeKind};
use crate::expr::syntax::{Call, Expression};
use crate::expr::types::Type;

/// A function of the library.
pub(super) struct Entry {
    /// Its name, with the word before it; without one it stands behind a point.
    pub name: &'static str,
    builtin: Builtin,
    /// What it takes, what stands before the point first.
    takes: &'static [Takes],
    /// How many of the last may be left out.
    optional: usize,
    gives: Gives,
}

/// What an argument must be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Text,
    Texts,
    /// A text or a list.
    Sequence,
    List,
    Bytes,
    Int,
    /// An int or a uint.
    Integer,
    Double,
    /// A double or a decimal.
    Fraction,
    Number,
    /// Any count of numbers, or one list of them.
    Numbers,
}

/// The type of a result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gives {
    Bool,
    Int,
    Text,
    Texts,
    Bytes,
    /// That of the first argument.
    First,
    /// That of all arguments, where they have one.
    Any,
}

const fn entry(
    name: &'static str,
    builtin: Builtin,
    takes: &'static [Takes],
    optional: usize,
    gives: Gives,
) -> Entry {
    Entry {
        name,
        builtin,
        takes,
        optional,
        gives,
    }
}

/// The library.
pub(super) const LIBRARY: &[Entry] = {
    use Takes::{
        Bytes, Double, Fraction, Int, Integer, List, Number, Numbers, Sequence, Text, Texts,
    };
    &[
        entry("lowerAscii", Builtin::LowerAscii, &[Text], 0, Gives::Text),
        entry("upperAscii", Builtin::UpperAscii, &[Text], 0, Gives::Text),
        entry("trim", Builtin::Trim, &[Text], 0, Gives::Text),
        entry("charAt", Builtin::CharAt, &[Text, Int], 0, Gives::Text),
        entry(
            "indexOf",
            Builtin::IndexOf,
            &[Text, Text, Int],
            1,
            Gives::Int,
        ),
        entry(
            "lastIndexOf",
            Builtin::LastIndexOf,
            &[Text, Text, Int],
            1,
            Gives::Int,
        ),
        entry(
            "substring",
            Builtin::Substring,
            &[Text, Int, Int],
            1,
            Gives::Text,
        ),
        entry(
            "replace",
            Builtin::Replace,
            &[Text, Text, Text, Int],
            1,
            Gives::Text,
        ),
        entry("split", Builtin::Split, &[Text, Text, Int], 1, Gives::Texts),
        entry("join", Builtin::Join, &[Texts, Text], 1, Gives::Text),
        entry("reverse", Builtin::Reverse, &[Sequence], 0, Gives::First),
        entry("slice", Builtin::Slice, &[List, Int, Int], 0, Gives::First),
        entry("sort", Builtin::Sort, &[List], 0, Gives::First),
        entry("distinct", Builtin::Distinct, &[List], 0, Gives::First),
        entry("strings.quote", Builtin::Quote, &[Text], 0, Gives::Text),
        entry("base64.encode", Builtin::Encode, &[Bytes], 0, Gives::Text),
        entry("base64.decode", Builtin::Decode, &[Text], 0, Gives::Bytes),
        entry(
            "math.greatest",
            Builtin::Greatest,
            &[Numbers],
            0,
            Gives::Any,
        ),
        entry("math.least", Builtin::Least, &[Numbers], 0, Gives::Any),
        entry("math.abs", Builtin::Abs, &[Number], 0, Gives::First),
        entry("math.sign", Builtin::Sign, &[Number], 0, Gives::First),
        entry("math.ceil", Builtin::Ceil, &[Fraction], 0, Gives::First),
        entry("math.floor", Builtin::Floor, &[Fraction], 0, Gives::First),
        entry("math.round", Builtin::Round, &[Fraction], 0, Gives::First),
        entry("math.trunc", Builtin::Trunc, &[Fraction], 0, Gives::First),
        entry("math.isNaN", Builtin::IsNan, &[Double], 0, Gives::Bool),
        entry("math.isInf", Builtin::IsInf, &[Double], 0, Gives::Bool),
        entry(
            "math.isFinite",
            Builtin::IsFinite,
            &[Double],
            0,
            Gives::Bool,
        ),
        entry(
            "math.bitAnd",
            Builtin::BitAnd,
            &[Integer, Integer],
            0,
            Gives::First,
        ),
        entry(
            "math.bitOr",
            Builtin::BitOr,
            &[Integer, Integer],
            0,
            Gives::First,
        ),
        entry(
            "math.bitXor",
            Builtin::BitXor,
            &[Integer, Integer],
            0,
            Gives::First,
        ),
        entry("math.bitNot", Builtin::BitNot, &[Integer], 0, Gives::First),
        entry(
            "math.bitShiftLeft",
            Builtin::BitShiftLeft,
            &[Integer, Int],
            0,
            Gives::First,
        ),
        entry(
            "math.bitShiftRight",
            Builtin::BitShiftRight,
            &[Integer, Int],
            0,
            Gives::First,
        ),
    ]
};

impl Takes {
    fn is_met_by(self, ty: &Type) -> bool {
        if ty.is_open() {
            return true;
        }
        match self {
            Self::Text => ty.is_text(),
            Self::Texts => match ty {
                Type::List(element) => element.is_open() || element.is_text(),
                _ => false,
            },
            Self::Sequence => ty.is_text() || matches!(ty, Type::List(_)),
            Self::List => matches!(ty, Type::List(_)),
            Self::Bytes => *ty == Type::Bytes,
            Self::Int => *ty == Type::Int,
            Self::Integer => matches!(ty, Type::Int | Type::Uint),
            Self::Double => *ty == Type::Double,
            Self::Fraction => matches!(ty, Type::Double | Type::Decimal),
            Self::Number => ty.is_number(),
            Self::Numbers => match ty {
                Type::List(element) => element.is_open() || element.is_number(),
                ty => ty.is_number(),
            },
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Texts => "a list of strings",
            Self::Sequence => "a string or list",
            Self::List => "a list",
            Self::Bytes => "bytes",
            Self::Int => "an int",
            Self::Integer => "an int or uint",
            Self::Double => "a double",
            Self::Fraction => "a double or decimal",
            Self::Number => "a number",
            Self::Numbers => "numbers, or a list of them",
        }
    }
}

/// What the library has under a name.
pub(super) fn find(namespace: Option<&str>, function: &str) -> Option<&'static Entry> {
    LIBRARY.iter().find(|entry| match namespace {
        Some(namespace) => entry.name.split_once('.') == Some((namespace, function)),
        None => entry.name == function,
    })
}

impl Checker<'_> {
    /// A call of a function of the library.
    pub(super) fn invoke(
        &mut self,
        entry: &Entry,
        call: &Call,
        name: Range<usize>,
        range: Range<usize>,
    ) -> Node {
        let on = call.on.as_ref().filter(|_| !entry.name.contains('.'));
        let arguments: Vec<&Expression> = on.into_iter().chain(&call.arguments).collect();
        let is_counted = if entry.takes == [Takes::Numbers] {
            !arguments.is_empty()
        } else {
            let most = entry.takes.len();
            (most - entry.optional..=most).contains(&arguments.len())
        };
        if !is_counted {
            self.fault(miscounted(entry, call.arguments.len(), name));
            return Node::unknown(range);
        }
        let mut nodes: Vec<Node> = arguments.into_iter().map(|each| self.value(each)).collect();
        if nodes.iter().any(|node| node.ty == Type::Decimal) {
            for node in &mut nodes {
                self.settle(node, &Type::Decimal);
            }
        }
        let is_many = nodes.len() > 1;
        let wanted = entry
            .takes
            .iter()
            .chain(entry.takes.last().into_iter().cycle());
        for (node, takes) in nodes.iter().zip(wanted) {
            let takes = match takes {
                Takes::Numbers if is_many => Takes::Number,
                takes => *takes,
            };
            self.expect_type(node, entry.name, takes.word(), takes.is_met_by(&node.ty));
        }
        // Two kinds of integers are not mixed.
        if let [left, right] = nodes.as_slice()
            && entry.takes == [Takes::Integer, Takes::Integer]
            && !left.ty.is_open()
            && !right.ty.is_open()
            && left.ty != right.ty
        {
            let message = format!(
                "`{}` does not take {} and {}",
                entry.name, left.ty, right.ty
            );
            self.fault(
                Fault::error(range.clone(), message)
                    .help("convert one of them: `int(…)` or `uint(…)`"),
            );
        }
        let ty = entry.gives.given(&nodes);
        Node::new(ty, range, NodeKind::Invoke(entry.builtin, nodes))
    }
}

impl Gives {
    fn given(self, nodes: &[Node]) -> Type {
        let first = nodes.first().map_or(Type::Dyn, |node| node.ty.clone());
        match self {
            Self::Bool => Type::Bool,
            Self::Int => Type::Int,
            Self::Text => Type::String,
            Self::Texts => Type::List(Box::new(Type::String)),
            Self::Bytes => Type::Bytes,
            Self::First if first.is_text() => Type::String,
            Self::First => first,
            Self::Any => match (first, nodes) {
                (Type::List(element), [_]) => *element,
                (first, nodes) => nodes
                    .iter()
                    .try_fold(first, |ty, node| ty.join(&node.ty))
                    .unwrap_or(Type::Dyn),
            },
        }
    }
}

fn miscounted(entry: &Entry, found: usize, name: Range<usize>) -> Fault {
    let before = usize::from(!entry.name.contains('.'));
    let most = entry.takes.len() - before;
    let least = most - entry.optional;
    let wanted = match (least, most) {
        _ if entry.takes == [Takes::Numbers] => "at least 1 argument".to_owned(),
        (1, 1) => "1 argument".to_owned(),
        (least, most) if least == most => format!("{most} arguments"),
        (least, most) => format!("{least} to {most} arguments"),
    };
    let message = format!(
        "`{}` takes {wanted} in its brackets, and here are {found}",
        entry.name
    );
    let written = ["a", "b", "c", "d"];
    let written = written.get(..least).unwrap_or_default().join(", ");
    let on = if before == 1 { "x." } else { "" };
    Fault::error(name, message).help(format!("write `{on}{}({written})`", entry.name))
}
