//! A condition → SQL that Postgres answers as the evaluator would, with holes for what is known before the database is asked.
//!
//! An error of the language is NULL here: `&&`, `||` and `!` then are what SQL makes of them. Nothing in the text can raise, as Postgres
//! evaluates in any order. What cannot be said exactly is [`Outside`], and is read and judged.

mod arithmetic;
mod bind;
mod carrier;
mod column;
mod condition;
mod elements;
mod equality;
mod hole;
mod known;
mod membership;
mod order;
mod outside;
mod rows;
mod scalar;
mod stand;
mod substitute;
mod timing;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

pub use hole::{Hole, Unfit};
pub use known::Known;
pub use outside::{Outside, Why};
pub use stand::{Image, Rest, Stand, Written};

use crate::dialect::postgres::{Alias, Sql, sql};
use crate::expr::ir::{Node, RowSource};
use crate::expr::sql::known::Outline;
use crate::expr::sql::scalar::Scalar;
use crate::expr::{TableId, Variable};

/// How many pieces of text a condition may take: what the database is asked stays readable for its planner.
const PIECES_MAX: usize = 20_000;

/// A condition as SQL. It is true exactly where the evaluator says true, and it never raises; one that judges JSON as it was sent is not true
/// where the stored JSON means the same.
#[derive(Clone, Debug)]
pub struct Fragment {
    sql: Sql,
    holes: Vec<Hole>,
    reads: BTreeSet<TableId>,
    outline: Outline,
}

impl Fragment {
    /// What fills the holes, in the order in which they first stand in the text.
    pub fn holes(&self) -> &[Hole] {
        &self.holes
    }

    /// The tables that it reads by relations.
    pub fn reads(&self) -> &BTreeSet<TableId> {
        &self.reads
    }

    /// Whether it reads nothing of the database: its one hole is its answer.
    pub fn is_decided(&self) -> bool {
        matches!(self.outline, Outline::Hole(_))
    }

    /// The pieces of its text. The row that is written is called `r`; each hole stands for a text.
    pub fn sql(&self) -> &Sql {
        &self.sql
    }

    /// Its text with what stands in each hole: a parameter or a column, of type text.
    pub fn text(&self, hole: impl Fn(usize) -> String) -> String {
        self.sql.text(hole)
    }
}

/// The condition as SQL where it stands.
pub(super) fn fragment(
    node: &Node,
    text: &Arc<str>,
    stand: &Stand<'_>,
) -> Result<Fragment, Outside> {
    let mut translator = Translator {
        stand,
        text: text.clone(),
        holes: Vec::new(),
        reads: BTreeSet::new(),
        rows: Vec::new(),
        elements: Vec::new(),
        aliases: 0,
    };
    let sql = translator.condition(node, Mode::Yes)?;
    let outline = translator.outline(node);
    let (sql, mut outline) = translator.with_differing_json(node, sql, outline)?;
    let used = sql.holes();
    let number = |hole: usize| {
        used.iter()
            .position(|used| *used == hole)
            .unwrap_or(usize::MAX)
    };
    outline.renumbered(&number);
    let mut holes = Vec::with_capacity(used.len());
    for at in &used {
        holes.extend(translator.holes.get(*at).cloned());
    }
    Ok(Fragment {
        holes,
        reads: translator.reads,
        outline,
        sql: sql.renumbered(number),
    })
}

/// What is asked of the text of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// That it is true where the condition is; false and error may change places.
    Yes,
    /// All three answers.
    Exact,
}

/// A condition while it is translated.
struct Translator<'a> {
    stand: &'a Stand<'a>,
    /// The text that the nodes at hand are written in.
    text: Arc<str>,
    holes: Vec<Hole>,
    reads: BTreeSet<TableId>,
    /// The related rows in sight, innermost last.
    rows: Vec<Seen>,
    /// The elements in sight: the slot of the variable, and what it is in SQL.
    elements: Vec<(usize, Scalar)>,
    aliases: usize,
}

/// A related row that a subselect is at.
#[derive(Clone, Debug)]
struct Seen {
    source: RowSource,
    table: TableId,
    alias: Alias,
}

/// What a part of a condition became.
type Made<T> = Result<T, Outside>;

impl Translator<'_> {
    /// The condition, and that JSON which it judges as it was sent will be stored as it was sent.
    fn with_differing_json(
        &mut self,
        node: &Node,
        mut sql: Sql,
        mut outline: Outline,
    ) -> Made<(Sql, Outline)> {
        let mut kept = BTreeSet::new();
        self.kept_json(node, &mut kept);
        for column in kept {
            let sent = Sql::hole(self.text_hole(Variable::New, column));
            let facts = self.stand.column(self.stand.table, column);
            let Some(differs) = facts.and_then(|facts| Sql::differs(facts, sent)) else {
                return Outside::of(Why::Json, node);
            };
            sql = sql!["(", sql, " AND ", differs, ")"];
            outline = outline.and_open();
        }
        Ok((sql, outline))
    }

    /// Goes on within the text that a node is written in.
    fn within<T>(&mut self, node: &Node, go_on: impl FnOnce(&mut Self) -> T) -> T {
        let Some(computed) = &node.computed else {
            return go_on(self);
        };
        let around = std::mem::replace(&mut self.text, computed.text.clone());
        let made = go_on(self);
        self.text = around;
        made
    }

    fn fresh_alias(&mut self) -> Alias {
        self.aliases += 1;
        Alias::Nested(self.aliases)
    }

    /// A text that is not too long to go on with.
    fn sized(sql: Sql, range: &Range<usize>) -> Made<Sql> {
        if sql.len() > PIECES_MAX {
            return Err(Outside::new(Why::TooLong, range));
        }
        Ok(sql)
    }
}
