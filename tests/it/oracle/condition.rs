//! Conditions of the oracle: a small tree, read by [`super::meaning`] and printed by [`super::print`].

use super::model::Val;

/// A row that a condition names.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    Old,
    New,
    This,
    /// The row of an `exists` or `all`.
    Variable(String),
    /// The one row that a relation leads to, or null.
    One(Box<Place>, String),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// An expression; a condition where it is a boolean.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    Literal(Val),
    /// `auth.name`
    Claim(String),
    /// `has(auth.name)`
    Has(String),
    /// A column or a computed value of a row.
    Member(Place, String),
    /// `row == null`
    IsNull(Place),
    Op,
    /// `'field' in changed`
    Changed(String),
    /// `request.time`
    Now,
    Metadata,
    Not(Box<Condition>),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    If(Box<Condition>, Box<Condition>, Box<Condition>),
    Compare(Comparison, Box<Condition>, Box<Condition>),
    In(Box<Condition>, Vec<Val>),
    StartsWith(Box<Condition>, String),
    Length(Box<Condition>),
    Plus(Box<Condition>, Box<Condition>),
    Exists(Place, String, String, Box<Condition>),
    All(Place, String, String, Box<Condition>),
    /// `size(row.relation)`
    Count(Place, String),
}

impl Place {
    /// The image it starts from.
    fn root(&self) -> &Place {
        match self {
            Self::One(from, _) => from.root(),
            other => other,
        }
    }
}

impl Condition {
    /// Whether it names an image: old, new or this.
    pub fn names(&self, image: &Place) -> bool {
        let at = |place: &Place| place.root() == image;
        match self {
            Self::Member(place, _) | Self::IsNull(place) | Self::Count(place, _) => at(place),
            Self::Exists(place, _, _, body) | Self::All(place, _, _, body) => {
                at(place) || body.names(image)
            }
            Self::Literal(_)
            | Self::Claim(_)
            | Self::Has(_)
            | Self::Op
            | Self::Changed(_)
            | Self::Now
            | Self::Metadata => false,
            Self::Not(a) | Self::In(a, _) | Self::StartsWith(a, _) | Self::Length(a) => {
                a.names(image)
            }
            Self::And(a, b) | Self::Or(a, b) | Self::Compare(_, a, b) | Self::Plus(a, b) => {
                a.names(image) || b.names(image)
            }
            Self::If(a, b, c) => [a, b, c].iter().any(|x| x.names(image)),
        }
    }

    pub fn and(self, other: Self) -> Self {
        Self::And(Box::new(self), Box::new(other))
    }

    pub fn or(self, other: Self) -> Self {
        Self::Or(Box::new(self), Box::new(other))
    }

    pub fn not(self) -> Self {
        Self::Not(Box::new(self))
    }

    pub fn is(self, other: Self) -> Self {
        self.compare(Comparison::Equal, other)
    }

    pub fn compare(self, how: Comparison, other: Self) -> Self {
        Self::Compare(how, Box::new(self), Box::new(other))
    }
}

/// `true`, or `false`.
pub fn always(value: bool) -> Condition {
    Condition::Literal(Val::Bool(value))
}

/// `auth.name`
pub fn claim(name: &str) -> Condition {
    Condition::Claim(name.into())
}

/// `this.name`
pub fn this(name: &str) -> Condition {
    Condition::Member(Place::This, name.into())
}

/// `new.name`
pub fn new(name: &str) -> Condition {
    Condition::Member(Place::New, name.into())
}

/// `old.name`
pub fn old(name: &str) -> Condition {
    Condition::Member(Place::Old, name.into())
}

/// A text literal.
pub fn text(value: &str) -> Condition {
    Condition::Literal(Val::Text(value.into()))
}

/// An integer literal.
pub fn int(value: i64) -> Condition {
    Condition::Literal(Val::Int(value))
}
