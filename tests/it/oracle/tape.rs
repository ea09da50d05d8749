//! The draws a generated case is made from: numbers that proptest gives. Zero is always the plainest choice, and so is the end of the tape.

use super::meaning::NOW;
use super::model::{Pool, Ty, Val};

/// Numbers, read once from front to back.
pub struct Tape {
    draws: Vec<u32>,
    at: usize,
}

impl Tape {
    pub fn new(draws: Vec<u32>) -> Self {
        Self { draws, at: 0 }
    }

    fn draw(&mut self) -> usize {
        let draw = self.draws.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        draw as usize
    }

    /// A number below `count`.
    pub fn below(&mut self, count: usize) -> usize {
        self.draw() % count.max(1)
    }

    /// Whether something of that probability happens.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.draw() % 100 >= 100 - percent
    }

    /// One of some things.
    pub fn of<T: Clone>(&mut self, things: &[T]) -> T {
        things[self.below(things.len())].clone()
    }

    /// One of some things, if there is any.
    pub fn any<T: Clone>(&mut self, things: &[T]) -> Option<T> {
        (!things.is_empty()).then(|| self.of(things))
    }

    /// A value of a type, from few enough that rows meet.
    pub fn value(&mut self, ty: Ty, pool: Pool) -> Val {
        let hour = 3_600_000_000;
        match ty {
            Ty::Bool => Val::Bool(self.below(2) == 1),
            Ty::Int => Val::Int(self.of(&[1, 0, 2, 5, -1, 9_007_199_254_740_993])),
            Ty::Num => Val::Num(self.of(&[150, 0, -25, 1000, 99_999])),
            Ty::Text => Val::Text(self.of(&["a", "b", "ab", "", "é", "it's"]).into()),
            Ty::Time => Val::Time(NOW + self.of(&[0, -24 * hour, hour, 500_000])),
            Ty::Uuid => Val::Uuid(match pool {
                Pool::Plain | Pool::Users => user(self.of(&[0, 0, 1, 2])),
                Pool::Orgs => org(self.below(2)),
                Pool::Rows => key(self.below(5)),
            }),
        }
    }
}

/// The uuid of a user.
pub fn user(number: usize) -> String {
    format!("a0000000-0000-4000-8000-00000000000{number}")
}

/// The uuid of an organisation.
pub fn org(number: usize) -> String {
    format!("b0000000-0000-4000-8000-00000000000{number}")
}

/// The uuid of a row.
pub fn key(number: usize) -> String {
    format!("c0000000-0000-4000-8000-00000000000{number}")
}

/// A value that nothing but a hostile upload holds. There is none of a boolean.
pub fn stolen(ty: Ty) -> Option<Val> {
    Some(match ty {
        Ty::Bool => return None,
        Ty::Int => Val::Int(666),
        Ty::Num => Val::Num(66_666),
        Ty::Text => Val::Text("stolen".into()),
        Ty::Time => Val::Time(NOW + 20 * 86_400_000_000),
        Ty::Uuid => Val::Uuid("dddddddd-0000-4000-8000-000000000666".into()),
    })
}
