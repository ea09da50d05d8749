//! How far a computed value reaches: it counts where it is named, against the limits of a condition.

use super::condition::{Condition, Place};
use super::model::World;

/// The longest chain of relations, and the deepest nesting of `exists` and `all`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    pub relations: usize,
    pub nesting: usize,
}

/// A row on the way: its name, its table, how many relations lead to it.
type Row<'a> = (&'a str, usize, usize);

/// The reach of the computed value of a table, if it has one of that name.
pub fn of_computed(world: &World, table: usize, name: &str) -> Option<Reach> {
    let body = world.tables[table].computed(name)?;
    Some(reach(world, table, &[], body))
}

fn reach(world: &World, table: usize, rows: &[Row<'_>], condition: &Condition) -> Reach {
    let inner = |parts: &[&Condition]| {
        let parts = parts.iter().map(|part| reach(world, table, rows, part));
        parts.fold(Reach::default(), Reach::widest)
    };
    match condition {
        Condition::Member(place, name) => {
            let (table, depth) = follow(world, table, rows, place);
            let computed = of_computed(world, table, name).unwrap_or_default();
            Reach {
                relations: depth + computed.relations,
                ..computed
            }
        }
        Condition::IsNull(place) => Reach {
            relations: follow(world, table, rows, place).1,
            nesting: 0,
        },
        Condition::Count(place, _) => Reach {
            relations: follow(world, table, rows, place).1 + 1,
            nesting: 0,
        },
        Condition::Exists(place, relation, variable, body)
        | Condition::All(place, relation, variable, body) => {
            let one = Place::One(Box::new(place.clone()), relation.clone());
            let (theirs, depth) = follow(world, table, rows, &one);
            let rows: Vec<Row<'_>> = rows
                .iter()
                .copied()
                .chain([(variable.as_str(), theirs, depth)])
                .collect();
            let body = reach(world, table, &rows, body);
            Reach {
                relations: depth.max(body.relations),
                nesting: body.nesting + 1,
            }
        }
        Condition::Literal(_)
        | Condition::Claim(_)
        | Condition::Has(_)
        | Condition::Op
        | Condition::Changed(_)
        | Condition::Now
        | Condition::Metadata => Reach::default(),
        Condition::Not(a)
        | Condition::In(a, _)
        | Condition::StartsWith(a, _)
        | Condition::Length(a) => inner(&[a]),
        Condition::And(a, b)
        | Condition::Or(a, b)
        | Condition::Compare(_, a, b)
        | Condition::Plus(a, b) => inner(&[a, b]),
        Condition::If(a, b, c) => inner(&[a, b, c]),
    }
}

/// The table of a place, and how many relations lead there.
fn follow(world: &World, table: usize, rows: &[Row<'_>], place: &Place) -> (usize, usize) {
    match place {
        Place::Old | Place::New | Place::This => (table, 0),
        Place::Variable(name) => {
            let found = rows.iter().rev().find(|(row, _, _)| row == name).unwrap();
            (found.1, found.2)
        }
        Place::One(from, relation) => {
            let (from, depth) = follow(world, table, rows, from);
            let relation = world.tables[from].relation(relation).unwrap();
            (relation.table, depth + 1)
        }
    }
}

impl Reach {
    fn widest(self, other: Self) -> Self {
        Self {
            relations: self.relations.max(other.relations),
            nesting: self.nesting.max(other.nesting),
        }
    }
}
