//! What happens to one operation, step by step as the page has them; and to transactions and batches (contract, *POST /api/data*).

use std::collections::BTreeMap;

use rulegate::vocabulary::code::ErrorCode;
use rulegate::vocabulary::operation::{Op, Verb};
use serde_json::Value as Json;

use super::condition::{Condition, Place};
use super::convert::{convert, uuid};
use super::meaning::{Image, Scope, known};
use super::model::{
    Answer, Field, Operation, Row, Rules, Shape, State, Table, Ty, Upload, Val, World,
};

type Refused = Vec<ErrorCode>;

/// Applies an upload to the rows: an answer for each transaction.
pub fn upload(world: &World, state: &mut State, upload: &Upload) -> Vec<Answer> {
    let mut has_stopped = false;
    let mut answers = Vec::new();
    for transaction in &upload.transactions {
        if has_stopped {
            answers.push(Answer::NotAttempted);
            continue;
        }
        let answer = apply(world, state, upload, transaction);
        has_stopped = answer != Answer::Applied && !world.skips;
        answers.push(answer);
    }
    answers
}

/// One transaction: all of its operations or none.
fn apply(world: &World, state: &mut State, upload: &Upload, operations: &[Operation]) -> Answer {
    let mut draft = state.clone();
    let mut touched: BTreeMap<(usize, String), (usize, Vec<String>)> = BTreeMap::new();
    for (index, operation) in operations.iter().enumerate() {
        let case = Case {
            world,
            upload,
            operation,
        };
        match case.run(&mut draft) {
            Err(codes) => return Answer::Refused(index, codes),
            Ok(None) => {}
            Ok(Some((row, sent))) => {
                let (last, all) = touched.entry(row).or_default();
                *last = index;
                all.extend(sent);
            }
        }
    }
    let mut touched: Vec<_> = touched.into_iter().collect();
    touched.sort_by_key(|(_, (last, _))| *last);
    for ((position, id), (last, sent)) in touched {
        let case = Case {
            world,
            upload,
            operation: &operations[last],
        };
        let images = |state: &State| state[position].get(&id).map(known);
        let (old, new) = (images(state), images(&draft));
        if let Err(codes) = case.end(position, &draft, old.as_ref(), new.as_ref(), sent) {
            return Answer::Refused(last, codes);
        }
    }
    *state = draft;
    Answer::Applied
}

/// One operation.
struct Case<'a> {
    world: &'a World,
    upload: &'a Upload,
    operation: &'a Operation,
}

/// What was sent, by what becomes of it.
#[derive(Default)]
struct Sent<'a> {
    fields: Vec<(&'a Field, &'a Json)>,
    /// Database names of preset columns that are not in `columns`.
    presets: Vec<(&'a str, &'a Json)>,
}

/// The row that an operation touched, and the fields that it sent.
type Touched = ((usize, String), Vec<String>);

impl<'a> Case<'a> {
    fn run(&self, state: &mut State) -> Result<Option<Touched>, Refused> {
        let (position, table, rules) = self.known_table().ok_or_else(unauthorized)?;
        let sent = self.known_columns(table, rules);
        let Some(id) = uuid(&self.operation.id) else {
            // The contract says this of every operation, the rule language looks at columns first: either code will do.
            let columns = sent.err().unwrap_or_default();
            return Err([vec![ErrorCode::InvalidData], columns].concat());
        };
        let sent = sent?;
        self.convertible(table, &sent)?;
        let carries_nothing = sent.fields.is_empty() && sent.presets.is_empty();
        if self.operation.verb == Verb::Patch && carries_nothing {
            return Ok(None);
        }
        let stored = state[position].get(&id).cloned();
        let op = match (self.operation.verb, &stored) {
            (Verb::Put, None) => Op::Create,
            (Verb::Put | Verb::Patch, Some(_)) => Op::Update,
            (Verb::Delete, Some(_)) => Op::Delete,
            (Verb::Patch | Verb::Delete, None) => return Ok(None),
        };
        let old = stored.as_ref().map(known);
        let judged = Judged {
            case: self,
            position,
            table,
            rules,
            op,
            old: old.as_ref(),
            state,
        };
        let write = judged.judge(&sent, &id)?;
        let taken = sent.fields.iter().map(|(field, _)| field);
        let taken = taken.filter(|f| !self.world.is_preset(table, op, &f.column));
        let touched = (
            (position, id.clone()),
            taken.map(|f| f.app.clone()).collect(),
        );
        match write {
            None => {}
            Some(Write::Delete) => drop(state[position].remove(&id)),
            Some(Write::Store(image)) => {
                let row = stored_row(table, &image);
                constraints(table, &state[position], &id, &row)?;
                state[position].insert(id, row);
            }
        }
        Ok(Some(touched))
    }

    /// *At the end of the transaction*: the deferred checks of one row that was touched, `state` being the rows as they stand then.
    fn end(
        &self,
        position: usize,
        state: &State,
        old: Option<&Image>,
        new: Option<&Image>,
        sent: Vec<String>,
    ) -> Result<(), Refused> {
        let table = &self.world.tables[position];
        let rules = table.rules.as_ref().unwrap();
        let (op, changed) = match (old, new) {
            (None, None) => return Ok(()),
            (None, Some(_)) => (Op::Create, sent),
            (Some(_), None) => (Op::Delete, Vec::new()),
            (Some(old), Some(new)) => {
                let differs = |f: &&Field| {
                    let at = table.position(&f.column).unwrap();
                    old[at] != new[at]
                };
                let fields = rules.fields.iter().filter(differs);
                (Op::Update, fields.map(|f| f.app.clone()).collect())
            }
        };
        let judged = Judged {
            case: self,
            position,
            table,
            rules,
            op,
            old,
            state,
        };
        judged.checked(&judged.scope(new, &changed), true)
    }

    fn known_table(&self) -> Option<(usize, &'a Table, &'a Rules)> {
        let position = self
            .world
            .tables
            .iter()
            .position(|t| t.app == self.operation.table)?;
        let table = &self.world.tables[position];
        Some((position, table, table.rules.as_ref()?))
    }

    /// Step 1. A DELETE's data is never looked at.
    fn known_columns(&self, table: &'a Table, rules: &'a Rules) -> Result<Sent<'a>, Refused> {
        let mut sent = Sent::default();
        let mut codes = Vec::new();
        if self.operation.verb == Verb::Delete {
            return Ok(sent);
        }
        for (name, value) in &self.operation.data {
            let is_preset = |op| {
                self.world.is_preset(table, op, name)
                    && !rules.fields.iter().any(|f| f.column == *name)
            };
            if name == "id" {
            } else if let Some(field) = rules.field(name) {
                sent.fields.push((field, value));
            } else if is_preset(Op::Create) || is_preset(Op::Update) {
                sent.presets.push((name, value));
            } else if !rules.ignore.contains(name) {
                codes.push(match table.position(name) {
                    Some(_) => ErrorCode::Unauthorized,
                    None => ErrorCode::SchemaMismatch,
                });
            }
        }
        if codes.is_empty() {
            Ok(sent)
        } else {
            Err(codes)
        }
    }

    /// Step 2, as far as it does not depend on the stored row: a value that is dropped for every op this verb can become is not looked at,
    /// one that is dropped for some of them must wait.
    fn convertible(&self, table: &Table, sent: &Sent<'_>) -> Result<(), Refused> {
        let ops: &[Op] = match self.operation.verb {
            Verb::Put => &[Op::Create, Op::Update],
            Verb::Patch => &[Op::Update],
            Verb::Delete => &[],
        };
        for (field, json) in &sent.fields {
            let is_kept = ops
                .iter()
                .all(|op| !self.world.is_preset(table, *op, &field.column));
            if is_kept && convert(type_of(table, &field.column), json).is_none() {
                return Err(vec![ErrorCode::InvalidData]);
            }
        }
        Ok(())
    }
}

/// What is to be written.
enum Write {
    Delete,
    Store(Image),
}

/// One operation whose op is known.
struct Judged<'a> {
    case: &'a Case<'a>,
    position: usize,
    table: &'a Table,
    rules: &'a Rules,
    op: Op,
    old: Option<&'a Image>,
    state: &'a State,
}

impl Judged<'_> {
    /// Steps 4 to 9; `None` where nothing is written.
    fn judge(&self, sent: &Sent<'_>, id: &str) -> Result<Option<Write>, Refused> {
        if self.op == Op::Delete {
            let scope = self.scope(None, &[]);
            self.guarded(&scope)?;
            self.covered(&scope, &[])?;
            self.checked(&scope, false)?;
            return Ok(Some(Write::Delete));
        }
        self.presets_unchanged(sent)?;
        let values = self.values(sent)?;
        let new = self.new_image(&values, id)?;
        let changed: Vec<String> = values
            .iter()
            .filter(|(field, value)| {
                self.old
                    .is_none_or(|old| old[self.at(field)].as_ref() != Some(value))
            })
            .map(|(field, _)| field.app.clone())
            .collect();
        let scope = self.scope(Some(&new), &changed);
        self.guarded(&scope)?;
        self.covered(&scope, &changed)?;
        self.immutable(&changed)?;
        self.shaped(&new)?;
        self.checked(&scope, false)?;
        let writes = self.op == Op::Create || !changed.is_empty();
        Ok(writes.then_some(Write::Store(new)))
    }

    fn scope<'b>(&'b self, new: Option<&'b Image>, changed: &'b [String]) -> Scope<'b> {
        Scope {
            world: self.case.world,
            state: self.state,
            upload: self.case.upload,
            metadata: self.case.operation.metadata.as_deref(),
            op: self.op,
            changed,
            table: self.position,
            old: self.old,
            new,
            this: None,
            variables: Vec::new(),
        }
    }

    fn at(&self, field: &Field) -> usize {
        self.table.position(&field.column).unwrap()
    }

    /// *Presets*, the right column of the table: a PATCH may carry a column that only create presets as long as it is the stored value.
    fn presets_unchanged(&self, sent: &Sent<'_>) -> Result<(), Refused> {
        for (column, json) in &sent.presets {
            let is_set_now = self.case.world.is_preset(self.table, self.op, column);
            if self.case.operation.verb == Verb::Patch && !is_set_now {
                let at = self.table.position(column).unwrap();
                let stored = self.old.and_then(|old| old[at].clone());
                if convert(self.table.columns[at].ty, json) != stored {
                    return Err(unauthorized());
                }
            }
        }
        Ok(())
    }

    /// The converted values of `columns` that no preset of this op replaces.
    fn values<'b>(&self, sent: &Sent<'b>) -> Result<Vec<(&'b Field, Val)>, Refused> {
        let kept = sent.fields.iter().filter(|(field, _)| {
            !self
                .case
                .world
                .is_preset(self.table, self.op, &field.column)
        });
        // What waited for the stored row may be found only after `allow` was asked: the page leaves the code open.
        kept.map(|(field, json)| {
            let value = convert(type_of(self.table, &field.column), json);
            let open = || vec![ErrorCode::InvalidData, ErrorCode::Unauthorized];
            Ok((*field, value.ok_or_else(open)?))
        })
        .collect()
    }

    /// Step 4.
    fn new_image(&self, values: &[(&Field, Val)], id: &str) -> Result<Image, Refused> {
        let scope = self.scope(None, &[]);
        let evaluated = |column: &str, condition: &Condition| {
            let value = scope.value(condition).map_err(|_| unauthorized())?;
            stored(type_of(self.table, column), value).ok_or_else(unauthorized)
        };
        let mut image = match self.old {
            Some(old) => old.clone(),
            None => self.blank(id),
        };
        if self.op == Op::Create {
            for field in &self.rules.fields {
                let is_sent = values.iter().any(|(f, _)| f.app == field.app);
                let is_preset = self
                    .case
                    .world
                    .is_preset(self.table, Op::Create, &field.column);
                if let Some(default) = field.default.as_ref().filter(|_| !is_sent && !is_preset) {
                    image[self.at(field)] = Some(evaluated(&field.column, default)?);
                }
            }
        }
        for (field, value) in values {
            image[self.at(field)] = Some(value.clone());
        }
        for (column, preset) in self.case.world.presets(self.table, self.op) {
            image[self.table.position(column).unwrap()] = Some(evaluated(column, preset)?);
        }
        Ok(image)
    }

    /// A row that nobody has set anything in: what has a database default is unknown.
    fn blank(&self, id: &str) -> Image {
        let mut image: Image = self
            .table
            .columns
            .iter()
            .map(|column| column.default.is_none().then_some(Val::Null))
            .collect();
        image[0] = Some(Val::Uuid(id.into()));
        image
    }

    /// Step 5: every guard.
    fn guarded(&self, scope: &Scope<'_>) -> Result<(), Refused> {
        let project = self
            .case
            .world
            .guards_of(self.table)
            .map(|guard| &guard.rule);
        let holds = project
            .chain(&self.rules.guard)
            .all(|guard| scope.holds(guard));
        if holds { Ok(()) } else { Err(unauthorized()) }
    }

    /// Step 5: at least one true grant, and every changed column covered by one.
    fn covered(&self, scope: &Scope<'_>, changed: &[String]) -> Result<(), Refused> {
        let grants: Vec<_> = self
            .rules
            .grants(self.op)
            .filter(|grant| scope.holds(&grant.condition))
            .collect();
        let is_covered = |name: &String| {
            grants.iter().any(|grant| {
                grant
                    .columns
                    .as_ref()
                    .is_none_or(|columns| columns.contains(name))
            })
        };
        if !grants.is_empty() && changed.iter().all(is_covered) {
            Ok(())
        } else {
            Err(unauthorized())
        }
    }

    /// Step 6.
    fn immutable(&self, changed: &[String]) -> Result<(), Refused> {
        let moves =
            self.op == Op::Update
                && self.rules.fields.iter().any(|f| {
                    changed.contains(&f.app) && self.case.world.is_immutable(self.table, f)
                });
        if moves {
            Err(vec![ErrorCode::DocumentValidationFailure])
        } else {
            Ok(())
        }
    }

    /// Step 7, columns first, then the row: an error of a column counts where the column is new or changes.
    fn shaped(&self, new: &Image) -> Result<(), Refused> {
        let fields = self.rules.fields.iter();
        let columns = fields.filter_map(|f| Some((&f.column, f.shape?)));
        let row = self
            .rules
            .row
            .iter()
            .map(|(column, shape)| (column, *shape));
        for (column, shape) in columns.chain(row) {
            let at = self.table.position(column).unwrap();
            let is_unchanged = self.old.is_some_and(|old| old[at] == new[at]);
            if new[at]
                .as_ref()
                .is_some_and(|value| !is_unchanged && !fits(shape, value))
            {
                return Err(vec![ErrorCode::DocumentValidationFailure]);
            }
        }
        Ok(())
    }

    /// Step 8, or the end.
    fn checked(&self, scope: &Scope<'_>, is_the_end: bool) -> Result<(), Refused> {
        let checks = self.rules.checks.iter();
        for check in checks.filter(|check| check.is_deferred == is_the_end) {
            let is_asked = check.ops.as_ref().is_none_or(|ops| ops.contains(&self.op))
                && (self.op.has_old() || !check.rule.names(&Place::Old))
                && (self.op.has_new() || !check.rule.names(&Place::New));
            if is_asked && !scope.holds(&check.rule) {
                return Err(vec![ErrorCode::Check(check.code.as_str().into())]);
            }
        }
        Ok(())
    }
}

fn unauthorized() -> Refused {
    vec![ErrorCode::Unauthorized]
}

fn type_of(table: &Table, column: &str) -> Ty {
    table.columns[table.position(column).unwrap()].ty
}

/// What a default or a preset computed, as a column holds it.
fn stored(ty: Ty, value: Val) -> Option<Val> {
    match (ty, value) {
        (Ty::Uuid, Val::Text(text)) => uuid(&text).map(Val::Uuid),
        (_, value) => Some(value),
    }
}

fn fits(shape: Shape, value: &Val) -> bool {
    match (shape, value) {
        (Shape::Length(min, max), Val::Text(text)) => (min..=max).contains(&text.chars().count()),
        (Shape::Length(..), _) => false,
        (Shape::Range(min, max), Val::Int(number)) => (min..=max).contains(number),
        (Shape::Range(..), value) => *value == Val::Null,
    }
}

/// The row that the database makes of an image.
fn stored_row(table: &Table, image: &Image) -> Row {
    let value = |(column, value): (&super::model::Column, &Option<Val>)| {
        value.clone().or_else(|| column.default.clone()).unwrap()
    };
    table.columns.iter().zip(image).map(value).collect()
}

/// The database's own constraints: NOT NULL first, then unique.
fn constraints(
    table: &Table,
    rows: &BTreeMap<String, Row>,
    id: &str,
    row: &Row,
) -> Result<(), Refused> {
    let columns = || table.columns.iter().zip(row).enumerate();
    if columns().any(|(_, (column, value))| column.not_null && *value == Val::Null) {
        return Err(vec![ErrorCode::NotNullViolation]);
    }
    let is_taken = |at: usize, value: &Val| {
        *value != Val::Null
            && rows
                .iter()
                .any(|(key, other)| key != id && other[at] == *value)
    };
    if columns().any(|(at, (column, value))| column.is_unique && is_taken(at, value)) {
        return Err(vec![ErrorCode::UniqueViolation]);
    }
    Ok(())
}
