//! Random conditions that load: typed, and naming only what the place they stand in offers.

use super::condition::{Comparison, Condition, Place, always, claim, int, text};
use super::model::{Column, Pool, Rules, Table, Ty, Val, World};
use super::reach;
use super::tape::Tape;

/// Where a condition stands, and so what it may name.
#[derive(Clone)]
pub struct Stand<'a> {
    pub world: &'a World,
    pub table: usize,
    /// The images it may name.
    pub images: Vec<Place>,
    /// Whether it may name `op`, `metadata` and `request`.
    pub facts: bool,
    /// Whether it may name `changed`.
    pub changed: bool,
    /// The rows of the `exists` and `all` around.
    pub variables: Vec<Found>,
}

/// A row in reach: its table, and how many relations lead to it.
#[derive(Clone)]
pub struct Found {
    place: Place,
    table: usize,
    depth: usize,
}

/// How many relations may stand one behind another.
const DEPTH_MAX: usize = 3;

/// How deep `exists` and `all` may stand inside one another.
const NESTING_MAX: usize = 2;

const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::Unequal,
    Comparison::Less,
    Comparison::AtMost,
    Comparison::Greater,
    Comparison::AtLeast,
];

impl<'a> Stand<'a> {
    pub fn new(world: &'a World, table: usize, images: &[Place]) -> Self {
        Self {
            world,
            table,
            images: images.to_vec(),
            facts: false,
            changed: false,
            variables: Vec::new(),
        }
    }

    /// A condition of a depth.
    pub fn condition(&self, tape: &mut Tape, depth: usize) -> Condition {
        if depth == 0 {
            return self.leaf(tape);
        }
        match tape.below(100) {
            0..=44 => self.leaf(tape),
            45..=64 => self
                .condition(tape, depth - 1)
                .and(self.condition(tape, depth - 1)),
            65..=84 => self
                .condition(tape, depth - 1)
                .or(self.condition(tape, depth - 1)),
            85..=91 => self.condition(tape, depth - 1).not(),
            _ => Condition::If(
                Box::new(self.condition(tape, depth - 1)),
                Box::new(self.condition(tape, depth - 1)),
                Box::new(self.condition(tape, depth - 1)),
            ),
        }
    }

    /// A condition that nothing is combined in. What cannot be said here becomes a question about the caller.
    fn leaf(&self, tape: &mut Tape) -> Condition {
        let said = match tape.below(20) {
            0..=3 => self.owned(tape),
            4..=7 => self.compared(tape),
            8 => self.nullness(tape),
            9..=11 => self.among_many(tape),
            12 => self.one_is_null(tape),
            13 => self.called(tape),
            14 => self.worded(tape),
            15 => self.moved(tape),
            16 | 17 => self.fact(tape),
            _ => None,
        };
        said.unwrap_or_else(|| caller(tape))
    }

    /// A row in reach: an image, a variable, or what to-one relations of it lead to.
    fn place(&self, tape: &mut Tape) -> Option<Found> {
        let image = |place: &Place| Found {
            place: place.clone(),
            table: self.table,
            depth: 0,
        };
        let mut starts: Vec<Found> = self.images.iter().map(image).collect();
        // The row of a comprehension is what its body is about.
        let variables = &self.variables;
        starts.extend(variables.iter().chain(variables).chain(variables).cloned());
        let mut found = tape.any(&starts)?;
        while found.depth < DEPTH_MAX && tape.chance(30) {
            let Some((name, table)) = tape.any(&self.relations(found.table, true)) else {
                break;
            };
            found = Found {
                place: Place::One(Box::new(found.place), name),
                table,
                depth: found.depth + 1,
            };
        }
        Some(found)
    }

    /// The same, with room for one relation more.
    fn place_to_follow(&self, tape: &mut Tape) -> Option<Found> {
        self.place(tape).filter(|found| found.depth < DEPTH_MAX)
    }

    /// The to-one or the to-many relations of a table.
    fn relations(&self, table: usize, to_one: bool) -> Vec<(String, usize)> {
        let relations = self.world.tables[table]
            .rules
            .iter()
            .flat_map(|r| &r.relations);
        relations
            .filter(|relation| {
                let theirs = &self.world.tables[relation.table];
                let is_unique = |(their, _): &(String, String)| {
                    their == "id"
                        || theirs
                            .columns
                            .iter()
                            .any(|c| c.name == *their && c.is_unique)
                };
                relation.pairs.iter().any(is_unique) == to_one
            })
            .map(|relation| (relation.name.clone(), relation.table))
            .collect()
    }

    /// The columns of a row that a rule may read.
    fn columns(&self, place: &Place, table: usize) -> Vec<&'a Column> {
        let table = &self.world.tables[table];
        let is_own = matches!(place, Place::This | Place::New);
        table
            .columns
            .iter()
            .filter(|column| !is_own || is_known_on_create(self.world, table, column))
            .collect()
    }

    fn column(
        &self,
        tape: &mut Tape,
        wanted: impl Fn(&Column) -> bool,
    ) -> Option<(Condition, &'a Column)> {
        let found = self.place(tape)?;
        let columns: Vec<&Column> = self
            .columns(&found.place, found.table)
            .into_iter()
            .filter(|c| wanted(c))
            .collect();
        let column = tape.any(&columns)?;
        Some((Condition::Member(found.place, column.name.clone()), column))
    }

    fn owned(&self, tape: &mut Tape) -> Option<Condition> {
        let (member, column) = self.column(tape, |c| matches!(c.pool, Pool::Users | Pool::Orgs))?;
        Some(member.is(claim(if column.pool == Pool::Users {
            "sub"
        } else {
            "org"
        })))
    }

    /// A column beside a literal, a claim or another column of its kind.
    fn compared(&self, tape: &mut Tape) -> Option<Condition> {
        let (member, column) = self.column(tape, |_| true)?;
        let how = match column.ty {
            Ty::Uuid | Ty::Bool => tape.of(&COMPARISONS[..2]),
            _ => tape.of(&COMPARISONS),
        };
        if column.ty == Ty::Bool && tape.chance(50) {
            return Some(member);
        }
        let other = match tape.below(4) {
            0 | 1 => Condition::Literal(tape.value(column.ty, column.pool)),
            2 => {
                let (ty, pool) = (column.ty, column.pool);
                self.column(tape, |c| c.ty == ty && c.pool == pool)?.0
            }
            _ => match (column.ty, column.pool) {
                (Ty::Int, _) => claim("level"),
                (Ty::Text, _) => claim("name"),
                (Ty::Bool, _) => claim("trusted"),
                (Ty::Time, _) if self.facts => Condition::Now,
                (Ty::Uuid, Pool::Orgs) => claim("org"),
                (Ty::Uuid, Pool::Users) => claim("sub"),
                (ty, pool) => {
                    let values = (0..2).map(|_| tape.value(ty, pool)).collect();
                    return Some(Condition::In(Box::new(member), values));
                }
            },
        };
        Some(match column.ty {
            Ty::Int if tape.chance(20) => {
                Condition::Plus(Box::new(member), Box::new(int(1))).compare(how, other)
            }
            _ => member.compare(how, other),
        })
    }

    fn nullness(&self, tape: &mut Tape) -> Option<Condition> {
        let (member, _) = self.column(tape, |_| true)?;
        let how = tape.of(&COMPARISONS[..2]);
        Some(member.compare(how, Condition::Literal(Val::Null)))
    }

    fn among_many(&self, tape: &mut Tape) -> Option<Condition> {
        let Found {
            place,
            table,
            depth,
        } = self.place_to_follow(tape)?;
        let (name, theirs) = tape.any(&self.relations(table, false))?;
        if self.variables.len() == NESTING_MAX || tape.chance(20) {
            let how = tape.of(&COMPARISONS);
            return Some(Condition::Count(place, name).compare(how, int(tape.of(&[1, 0, 2]))));
        }
        let variable = ["m", "n"][self.variables.len()].to_owned();
        let mut inner = self.clone();
        inner.variables.push(Found {
            place: Place::Variable(variable.clone()),
            table: theirs,
            depth: depth + 1,
        });
        let body = Box::new(inner.condition(tape, 1));
        Some(if tape.chance(30) {
            Condition::All(place, name, variable, body)
        } else {
            Condition::Exists(place, name, variable, body)
        })
    }

    fn one_is_null(&self, tape: &mut Tape) -> Option<Condition> {
        let Found { place, table, .. } = self.place_to_follow(tape)?;
        let (name, _) = tape.any(&self.relations(table, true))?;
        let is_null = Condition::IsNull(Place::One(Box::new(place), name));
        Some(if tape.chance(50) {
            is_null.not()
        } else {
            is_null
        })
    }

    /// A computed value, of a row of ours or of one that a relation leads to.
    fn called(&self, tape: &mut Tape) -> Option<Condition> {
        let found = self.place(tape)?;
        let rules = self.world.tables[found.table].rules.as_ref()?;
        let name = tape.any(&rules.computed)?.0;
        let reach = reach::of_computed(self.world, found.table, &name)?;
        let fits = found.depth + reach.relations <= DEPTH_MAX
            && self.variables.len() + reach.nesting <= NESTING_MAX;
        fits.then_some(Condition::Member(found.place, name))
    }

    fn worded(&self, tape: &mut Tape) -> Option<Condition> {
        let (member, _) = self.column(tape, |c| c.ty == Ty::Text)?;
        let member = Box::new(member);
        Some(if tape.chance(50) {
            Condition::StartsWith(member, tape.of(&["a", ""]).into())
        } else {
            Condition::Length(member).compare(tape.of(&COMPARISONS), int(1))
        })
    }

    /// What changes of a row, where both images are there.
    fn moved(&self, tape: &mut Tape) -> Option<Condition> {
        if !self.images.contains(&Place::Old) || !self.images.contains(&Place::New) {
            return None;
        }
        let columns = self.columns(&Place::New, self.table);
        let column = tape.any(&columns)?;
        let how = match column.ty {
            Ty::Uuid | Ty::Bool => tape.of(&COMPARISONS[..2]),
            _ => tape.of(&COMPARISONS),
        };
        let of = |image| Condition::Member(image, column.name.clone());
        Some(of(Place::Old).compare(how, of(Place::New)))
    }

    fn fact(&self, tape: &mut Tape) -> Option<Condition> {
        let fields = &self.world.tables[self.table].rules.as_ref()?.fields;
        if self.changed && tape.chance(60) {
            let field = tape.any(fields)?.app;
            let changed = Condition::Changed(field);
            return Some(if tape.chance(60) {
                changed.not()
            } else {
                changed
            });
        }
        if !self.facts {
            return None;
        }
        Some(match tape.below(3) {
            0 => Condition::Op.is(text(tape.of(&["create", "update", "delete"]))),
            1 => Condition::Metadata.is(text("from the share sheet")),
            _ => Condition::Metadata.compare(Comparison::Unequal, Condition::Literal(Val::Null)),
        })
    }
}

/// A question about the caller alone.
fn caller(tape: &mut Tape) -> Condition {
    match tape.below(10) {
        0..=3 => always(true),
        4 | 5 => {
            let roles = [vec!["owner"], vec!["owner", "member"], vec!["guest"]];
            let roles = tape
                .of(&roles)
                .into_iter()
                .map(|r| Val::Text(r.into()))
                .collect();
            Condition::In(Box::new(claim("role")), roles)
        }
        6 => claim("level").compare(Comparison::AtLeast, int(1)),
        7 => Condition::Has(tape.of(&["level", "name", "trusted"]).into()),
        8 => claim("trusted"),
        _ => claim("name").is(text("a")),
    }
}

/// Whether a column's value is known before a row is created: what the database itself will fill in is not.
fn is_known_on_create(world: &World, table: &Table, column: &Column) -> bool {
    let has_default = |rules: &Rules| {
        rules
            .fields
            .iter()
            .any(|f| f.column == column.name && f.default.is_some())
            || rules
                .create_presets
                .iter()
                .any(|(name, _)| *name == column.name)
    };
    column.default.is_none()
        || table.rules.as_ref().is_some_and(has_default)
        || world.guards_of(table).any(|g| {
            g.create_presets
                .iter()
                .any(|(name, _)| *name == column.name)
        })
}
