//! What a condition means (rule-language, *Variables* and *Null, errors, doubt*): a value, or an error.

use serde_json::Value as Json;

use super::condition::{Comparison, Condition, Place};
use super::model::{Relation, Row, State, Upload, Val, World};
use rulegate::vocabulary::operation::Op;

/// An image of a row: the values that are known. Reading another is an error.
pub type Image = Vec<Option<Val>>;

/// The error of a condition: it does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault;

/// The server's clock for every upload of the tests: 2026-01-02T03:04:05Z in microseconds.
pub const NOW: i64 = 1_767_323_045_000_000;

/// Everything a condition may read.
#[derive(Clone)]
pub struct Scope<'a> {
    pub world: &'a World,
    pub state: &'a State,
    pub upload: &'a Upload,
    pub metadata: Option<&'a str>,
    pub op: Op,
    pub changed: &'a [String],
    /// The position of the table that is written.
    pub table: usize,
    pub old: Option<&'a Image>,
    pub new: Option<&'a Image>,
    /// The row that `this` means now.
    pub this: Option<(usize, Image)>,
    /// The rows of the `exists` and `all` around, innermost last.
    pub variables: Vec<(String, (usize, Image))>,
}

impl Scope<'_> {
    /// Whether a condition is true: `this` stands for each image that exists, in turn.
    pub fn holds(&self, condition: &Condition) -> bool {
        let is_true = |scope: &Self| scope.value(condition) == Ok(Val::Bool(true));
        if !condition.names(&Place::This) {
            return is_true(self);
        }
        [self.old, self.new].into_iter().flatten().all(|image| {
            is_true(&Self {
                this: Some((self.table, image.clone())),
                ..self.clone()
            })
        })
    }

    /// The value of an expression.
    pub fn value(&self, condition: &Condition) -> Result<Val, Fault> {
        Ok(match condition {
            Condition::Literal(value) => value.clone(),
            Condition::Claim(name) => claim(self.upload.claims.get(name).ok_or(Fault)?),
            Condition::Has(name) => Val::Bool(self.upload.claims.contains_key(name)),
            Condition::Member(place, name) => self.member(place, name)?,
            Condition::IsNull(place) => Val::Bool(self.row(place)?.is_none()),
            Condition::Op => Val::Text(self.op.as_str().into()),
            Condition::Changed(field) => Val::Bool(self.changed.contains(field)),
            Condition::Now => Val::Time(NOW),
            Condition::Metadata => self.metadata.map_or(Val::Null, |m| Val::Text(m.into())),
            Condition::Not(a) => Val::Bool(!self.truth(a)?),
            Condition::And(a, b) => self.absorb(a, b, false)?,
            Condition::Or(a, b) => self.absorb(a, b, true)?,
            Condition::If(a, b, c) => self.value(if self.truth(a)? { b } else { c })?,
            Condition::Compare(how, a, b) => compare(*how, &self.value(a)?, &self.value(b)?)?,
            Condition::In(a, values) => Val::Bool(values.contains(&self.value(a)?)),
            Condition::StartsWith(a, start) => Val::Bool(self.text(a)?.starts_with(start)),
            Condition::Length(a) => count(self.text(a)?.chars().count())?,
            Condition::Plus(a, b) => match (self.value(a)?, self.value(b)?) {
                (Val::Int(a), Val::Int(b)) => Val::Int(a.checked_add(b).ok_or(Fault)?),
                (Val::Num(a), Val::Num(b)) => Val::Num(a.checked_add(b).ok_or(Fault)?),
                (Val::Text(a), Val::Text(b)) => Val::Text(a + &b),
                _ => return Err(Fault),
            },
            Condition::Exists(place, relation, variable, body) => {
                self.fold(place, relation, variable, body, true)?
            }
            Condition::All(place, relation, variable, body) => {
                self.fold(place, relation, variable, body, false)?
            }
            Condition::Count(place, relation) => count(self.many(place, relation)?.1.len())?,
        })
    }

    fn truth(&self, condition: &Condition) -> Result<bool, Fault> {
        match self.value(condition)? {
            Val::Bool(truth) => Ok(truth),
            _ => Err(Fault),
        }
    }

    fn text(&self, condition: &Condition) -> Result<String, Fault> {
        match self.value(condition)? {
            Val::Text(text) => Ok(text),
            _ => Err(Fault),
        }
    }

    /// `||` where `wins` is true, `&&` where it is false: that answer of one side absorbs an error of the other.
    fn absorb(&self, a: &Condition, b: &Condition, wins: bool) -> Result<Val, Fault> {
        match (self.truth(a), self.truth(b)) {
            (Ok(a), _) if a == wins => Ok(Val::Bool(wins)),
            (_, Ok(b)) if b == wins => Ok(Val::Bool(wins)),
            (Ok(_), Ok(_)) => Ok(Val::Bool(!wins)),
            _ => Err(Fault),
        }
    }

    /// `exists` where `wins` is true, `all` where it is false; errors are absorbed as by [`Self::absorb`].
    fn fold(
        &self,
        place: &Place,
        relation: &str,
        variable: &str,
        body: &Condition,
        wins: bool,
    ) -> Result<Val, Fault> {
        let (table, rows) = self.many(place, relation)?;
        let mut answer = Ok(Val::Bool(!wins));
        for row in rows {
            let mut inner = self.clone();
            inner
                .variables
                .push((variable.into(), (table, known(&row))));
            match inner.truth(body) {
                Ok(truth) if truth == wins => return Ok(Val::Bool(wins)),
                Ok(_) => {}
                Err(fault) => answer = Err(fault),
            }
        }
        answer
    }

    fn member(&self, place: &Place, name: &str) -> Result<Val, Fault> {
        let (table, image) = self.row(place)?.ok_or(Fault)?;
        let entry = &self.world.tables[table];
        if let Some(position) = entry.position(name) {
            return image[position].clone().ok_or(Fault);
        }
        let body = entry.computed(name).ok_or(Fault)?;
        Self {
            this: Some((table, image)),
            variables: Vec::new(),
            old: None,
            new: None,
            ..self.clone()
        }
        .value(body)
    }

    /// The row of a place; `None` where it is null.
    fn row(&self, place: &Place) -> Result<Option<(usize, Image)>, Fault> {
        let image = |image: Option<&Image>| Some((self.table, image?.clone()));
        Ok(match place {
            Place::Old => Some(image(self.old).ok_or(Fault)?),
            Place::New => Some(image(self.new).ok_or(Fault)?),
            Place::This => Some(self.this.clone().ok_or(Fault)?),
            Place::Variable(name) => {
                let found = self.variables.iter().rev().find(|(n, _)| n == name);
                Some(found.ok_or(Fault)?.1.clone())
            }
            Place::One(from, relation) => {
                let (table, rows) = self.many(from, relation)?;
                rows.first().map(|row| (table, known(row)))
            }
        })
    }

    /// The rows that a relation of a place leads to, and their table.
    fn many(&self, place: &Place, relation: &str) -> Result<(usize, Vec<Row>), Fault> {
        let (table, image) = self.row(place)?.ok_or(Fault)?;
        let relation = self.world.tables[table].relation(relation).ok_or(Fault)?;
        Ok((relation.table, self.related(table, &image, relation)?))
    }

    fn related(&self, table: usize, image: &Image, relation: &Relation) -> Result<Vec<Row>, Fault> {
        let (mine, theirs) = (
            &self.world.tables[table],
            &self.world.tables[relation.table],
        );
        let mut wanted = Vec::new();
        for (their, my) in &relation.pairs {
            let value = image[mine.position(my).ok_or(Fault)?]
                .clone()
                .ok_or(Fault)?;
            wanted.push((theirs.position(their).ok_or(Fault)?, value));
        }
        let matches = |row: &&Row| wanted.iter().all(|(p, v)| *v != Val::Null && row[*p] == *v);
        Ok(self.state[relation.table]
            .values()
            .filter(matches)
            .cloned()
            .collect())
    }
}

/// A stored row as an image: everything is known.
pub fn known(row: &Row) -> Image {
    row.iter().cloned().map(Some).collect()
}

fn count(number: usize) -> Result<Val, Fault> {
    i64::try_from(number).map(Val::Int).map_err(|_| Fault)
}

/// A claim as a value. The oracle's claims are text, whole numbers and booleans.
fn claim(json: &Json) -> Val {
    match json {
        Json::Bool(truth) => Val::Bool(*truth),
        Json::Number(number) => Val::Int(number.as_i64().unwrap()),
        Json::String(text) => Val::Text(text.clone()),
        other => unreachable!("no claim is {other}"),
    }
}

/// Compares two values. Text and a uuid are equal where the text is that uuid.
fn compare(how: Comparison, a: &Val, b: &Val) -> Result<Val, Fault> {
    let equal = match (a, b) {
        (Val::Uuid(u), Val::Text(t)) | (Val::Text(t), Val::Uuid(u)) => t.to_lowercase() == *u,
        _ => a == b,
    };
    let is_ordered = matches!(
        (a, b),
        (Val::Int(_), Val::Int(_))
            | (Val::Num(_), Val::Num(_))
            | (Val::Text(_), Val::Text(_))
            | (Val::Time(_), Val::Time(_))
    );
    Ok(Val::Bool(match how {
        Comparison::Equal => equal,
        Comparison::Unequal => !equal,
        _ if !is_ordered => return Err(Fault),
        Comparison::Less => a < b,
        Comparison::AtMost => a <= b,
        Comparison::Greater => a > b,
        Comparison::AtLeast => a >= b,
    }))
}
