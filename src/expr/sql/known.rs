//! What is known of a condition before the database is asked, once its holes are filled.

use std::sync::Arc;

use crate::expr::ir::{Node, NodeKind};
use crate::expr::sql::hole::Ask;
use crate::expr::sql::{Fragment, Translator};

/// What is known of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is true, whatever is stored.
    Holds,
    /// It is false.
    Fails,
    /// It is an error.
    Errs,
    /// The database has to be asked.
    Open,
}

/// A condition as far as it is made of parts that are known and of others.
#[derive(Clone, Debug)]
pub(super) enum Outline {
    /// A part that fills a hole.
    Hole(usize),
    Open,
    Not(Box<Outline>),
    /// Both, or one of the two: the answer that decides, and the parts.
    Either(Known, Box<[Outline; 2]>),
}

impl Translator<'_> {
    /// The outline of a condition.
    pub(super) fn outline(&mut self, node: &Node) -> Outline {
        if !self.reads_database(node) {
            return Outline::Hole(self.hole(node, Ask::Condition));
        }
        match &node.kind {
            NodeKind::Not(of) => Outline::Not(Box::new(self.outline(of))),
            NodeKind::And(left, right) => {
                let parts = [self.outline(left), self.outline(right)];
                Outline::Either(Known::Fails, Box::new(parts))
            }
            NodeKind::Or(left, right) => {
                let parts = [self.outline(left), self.outline(right)];
                Outline::Either(Known::Holds, Box::new(parts))
            }
            _ => Outline::Open,
        }
    }
}

impl Outline {
    /// The same with other numbers for the holes.
    pub(super) fn renumbered(&mut self, number: &impl Fn(usize) -> usize) {
        match self {
            Self::Hole(at) => *at = number(*at),
            Self::Open => {}
            Self::Not(of) => of.renumbered(number),
            Self::Either(_, parts) => {
                for part in &mut **parts {
                    part.renumbered(number);
                }
            }
        }
    }

    /// This, and something of which nothing is known.
    pub(super) fn and_open(self) -> Self {
        Self::Either(Known::Fails, Box::new([self, Self::Open]))
    }

    fn known(&self, fills: &[Option<Arc<str>>]) -> Known {
        match self {
            Self::Open => Known::Open,
            Self::Hole(at) => match fills.get(*at) {
                Some(Some(text)) if &**text == "true" => Known::Holds,
                Some(Some(_)) => Known::Fails,
                _ => Known::Errs,
            },
            Self::Not(of) => match of.known(fills) {
                Known::Holds => Known::Fails,
                Known::Fails => Known::Holds,
                known => known,
            },
            Self::Either(deciding, parts) => {
                let [left, right] = &**parts;
                match (left.known(fills), right.known(fills)) {
                    (left, right) if left == *deciding || right == *deciding => *deciding,
                    (Known::Open, _) | (_, Known::Open) => Known::Open,
                    (Known::Errs, _) | (_, Known::Errs) => Known::Errs,
                    (known, _) => known,
                }
            }
        }
    }
}

impl Fragment {
    /// What is known once the holes are filled: where the database need not be asked, it should not be.
    pub fn known(&self, fills: &[Option<Arc<str>>]) -> Known {
        self.outline.known(fills)
    }
}
