//! An expression with every name resolved and every type known. The evaluator reads it; so will the compiler to SQL.

use std::ops::Range;
use std::sync::Arc;

use regex::Regex;

use crate::expr::syntax::{Arithmetic, Order};
use crate::expr::types::Type;
use crate::expr::zone::Zone;
use crate::expr::{RelationId, Variable};
use crate::vocabulary::names::FieldName;
use crate::vocabulary::row::ColumnId;
use crate::vocabulary::value::{MapKey, Value};

/// One node.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Its type.
    pub ty: Type,
    /// Whether it may be null, as far as the catalogue says.
    pub is_nullable: bool,
    /// Where it stands in the text; inside a computed value, where that is named.
    pub range: Range<usize>,
    /// Where it stands in the text that it was written in: the expression's own, or that of a computed value.
    pub written: Range<usize>,
    /// The computed value that it is the whole of.
    pub computed: Option<Arc<Written>>,
    /// What it does.
    pub kind: NodeKind,
}

/// The text of a computed value, and where in it the value stands.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// The text.
    pub text: Arc<str>,
    /// Where in it.
    pub range: Range<usize>,
}

/// What a node does.
#[derive(Clone, Debug)]
pub(super) enum NodeKind {
    Constant(Value),
    /// A number with a point, and the decimal that it is beside a decimal.
    Spelled(Value, Value),
    /// All claims.
    Claims,
    Claim(MapKey),
    HasClaim(MapKey),
    /// What happens to the row, by the order of `Op::ALL`.
    Op(Box<[Value; 3]>),
    Changed,
    IsChanged(FieldName),
    Time,
    RequestId,
    Metadata,
    Column(RowSource, ColumnId),
    /// Whether an image or the row of a to-one relation is not there.
    IsAbsent(RowSource),
    /// A computed value of a row; an error where the row is not there, whatever the value reads.
    Of(RowSource, Box<Node>),
    /// How many rows a to-many relation has.
    Count(RowSource, Follow),
    /// A variable of a macro, by its slot.
    Bound(usize),
    Field(Box<Node>, MapKey),
    HasField(Box<Node>, MapKey),
    Index(Box<Node>, Box<Node>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Conditional(Box<[Node; 3]>),
    Equal(Box<Node>, Box<Node>),
    NotEqual(Box<Node>, Box<Node>),
    Order(Order, Box<Node>, Box<Node>),
    In(Box<Node>, Box<Node>),
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    Negate(Box<Node>),
    Call(Function, Box<Node>),
    Compare(TextTest, Box<Node>, Box<Node>),
    Matches(Box<Node>, Regex),
    /// A part of a timestamp where clocks show another time than UTC.
    PartIn(Part, Box<Node>, ZoneOf),
    /// A function of the library.
    Invoke(Builtin, Vec<Node>),
    /// Something whose type is looked at only when it is evaluated.
    Dyn(Box<Node>),
    /// A value bound to a slot, and what is made of it.
    Let(usize, Box<[Node; 2]>),
    /// A string where a uuid is wanted.
    AsUuid(Box<Node>),
    Quantified(Box<Quantified>),
    Collected(Box<Collected>),
}

/// `exists`, `all` or `exists_one`.
#[derive(Clone, Debug)]
pub(super) struct Quantified {
    /// Which of the three.
    pub quantifier: Quantifier,
    /// Over what.
    pub each: Each,
    /// The condition on each element.
    pub body: Node,
}

/// A question about all elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    Exists,
    All,
    ExistsOne,
}

/// `map`, `filter`, `transformList` or `transformMap`.
#[derive(Clone, Debug)]
pub(super) struct Collected {
    /// What is built.
    pub into: Collection,
    /// Over what.
    pub each: Each,
    /// Which elements count; all where there is none.
    pub keep: Option<Node>,
    /// What becomes of each.
    pub body: Node,
}

/// What a macro builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collection {
    List,
    /// A map with the keys of the one it runs over.
    Map,
}

/// What a macro runs over, and where it puts each element.
#[derive(Clone, Debug)]
pub(super) struct Each {
    /// Over what.
    pub over: Over,
    /// The slot of its variable, or of the first of two.
    pub slot: usize,
    /// What its variables are called: one, or two for position and element of a list, key and value of a map.
    pub variables: Arc<[Arc<str>]>,
}

impl Each {
    /// Whether it has two variables.
    pub(super) fn is_pair(&self) -> bool {
        self.variables.len() > 1
    }
}

/// What a macro runs over.
#[derive(Clone, Debug)]
pub(super) enum Over {
    /// The elements of a list, or the keys of a map.
    Elements(Node),
    /// The rows of a to-many relation.
    Rows(RowSource, Follow),
}

/// Where a row comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RowSource {
    /// An image: `old`, `new` or `this`.
    Image(Variable),
    /// The row that a macro is at, by its slot.
    Bound(usize),
    /// The row of a to-one relation.
    Related(Box<RowSource>, Follow),
}

/// A relation to follow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Follow {
    /// Which one.
    pub relation: RelationId,
    /// Our matched columns.
    pub ours: Arc<[ColumnId]>,
}

/// A function of one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Int,
    Uint,
    Double,
    String,
    Bool,
    Bytes,
    Timestamp,
    Duration,
    Part(Part),
}

/// A part of a timestamp or duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    FullYear,
    Month,
    Date,
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

/// The time zone of a part of a time.
#[derive(Clone, Debug)]
pub(super) enum ZoneOf {
    /// One that is written out.
    Known(Zone),
    /// One that a text names.
    Named(Box<Node>),
}

/// A function of the library: its arguments are evaluated first, what stands before the point included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Builtin {
    LowerAscii,
    UpperAscii,
    Trim,
    CharAt,
    IndexOf,
    LastIndexOf,
    Substring,
    Replace,
    Split,
    Join,
    Reverse,
    Quote,
    Encode,
    Decode,
    Slice,
    Sort,
    Distinct,
    Greatest,
    Least,
    Abs,
    Sign,
    Ceil,
    Floor,
    Round,
    Trunc,
    IsNan,
    IsInf,
    IsFinite,
    BitAnd,
    BitOr,
    BitXor,
    BitNot,
    BitShiftLeft,
    BitShiftRight,
}

/// A test of a text against another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextTest {
    Contains,
    StartsWith,
    EndsWith,
}

impl Node {
    /// A node that is never null.
    pub(super) fn new(ty: Type, range: Range<usize>, kind: NodeKind) -> Self {
        Self {
            ty,
            is_nullable: false,
            written: range.clone(),
            range,
            computed: None,
            kind,
        }
    }

    /// What stands for something that was already reported.
    pub(super) fn unknown(range: Range<usize>) -> Self {
        Self::new(Type::Unknown, range, NodeKind::Constant(Value::Null))
    }

    /// Whether it is the word `null`.
    pub(super) fn is_null(&self) -> bool {
        matches!(self.kind, NodeKind::Constant(Value::Null)) && self.ty == Type::Null
    }
}
