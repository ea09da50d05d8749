//! The tree of an expression as it is written, each node with its place.

use std::ops::Range;
use std::sync::Arc;

use crate::vocabulary::value::Decimal;

/// One node.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expression {
    /// Its whole text.
    pub range: Range<usize>,
    /// The name or sign in it that says what it is.
    pub name_range: Range<usize>,
    /// What it is.
    pub syntax: Syntax,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Syntax {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    /// A number with a point or exponent, and the decimal that it spells.
    Double(f64, Option<Decimal>),
    String(Arc<str>),
    Bytes(Arc<[u8]>),
    Name(Arc<str>),
    Field(Box<Expression>, Arc<str>),
    Index(Box<Expression>, Box<Expression>),
    List(Vec<Expression>),
    Map(Vec<(Expression, Expression)>),
    Not(Box<Expression>),
    Negate(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    Conditional(Box<[Expression; 3]>),
    Call(Box<Call>),
}

/// A call of a function, of a method, or of a macro.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    /// What stands before the point, for a method.
    pub on: Option<Expression>,
    /// The function's name.
    pub function: Arc<str>,
    /// What stands in the brackets.
    pub arguments: Vec<Expression>,
}

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    And,
    Or,
    Equal,
    NotEqual,
    Order(Order),
    In,
    Arithmetic(Arithmetic),
}

/// An operator of ordering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// An operator of arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Order {
    /// The sign that is written.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

impl Arithmetic {
    /// The sign that is written.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}
