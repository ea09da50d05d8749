//! Steps 3 and 4: which op it is, and the row as it will be stored.

use std::collections::BTreeSet;

use crate::catalog::Generation;
use crate::expr::Compiled;
use crate::plan::TablePlan;
use crate::policy::Refusal;
use crate::policy::admit::Admitted;
use crate::policy::judge::Hearing;
use crate::request;
use crate::vocabulary::names::FieldName;
use crate::vocabulary::operation::{Op, Verb};
use crate::vocabulary::row::{ColumnId, Datum, Row};

/// The images of one operation, and what it sets.
#[derive(Debug)]
pub(super) struct Images<'a> {
    pub op: Op,
    pub old: Option<&'a Row>,
    pub new: Option<Row>,
    pub changed: BTreeSet<FieldName>,
    /// Columns that the write sets, with their values: sent and differing, defaults, presets.
    pub writes: Vec<(ColumnId, Datum)>,
    /// A PATCH sent another value than the stored one for a column that only a create preset sets.
    pub overreaches: bool,
    /// A sent value does not convert, and only the op could tell that it counts.
    pub unfit: Option<Refusal>,
}

/// A default or preset could not be computed.
pub(super) type Doubt = Refusal;

impl<'a> Images<'a> {
    /// The images of a delete.
    pub(super) fn of_delete(old: &'a Row) -> Self {
        Self {
            op: Op::Delete,
            old: Some(old),
            new: None,
            changed: BTreeSet::new(),
            writes: Vec::new(),
            overreaches: false,
            unfit: None,
        }
    }

    /// The images of a create or update.
    pub(super) fn of_write(
        admitted: &Admitted<'_>,
        old: Option<&'a Row>,
        hearing: &mut Hearing<'_>,
    ) -> Result<Self, Doubt> {
        let table = admitted.table;
        let op = if old.is_some() {
            Op::Update
        } else {
            Op::Create
        };
        let mut images = Self {
            op,
            old,
            new: Some(old.map_or_else(|| blank(table, &admitted.key), Row::clone)),
            changed: BTreeSet::new(),
            writes: Vec::new(),
            overreaches: false,
            unfit: None,
        };
        images.take_sent(admitted);
        images.take_preset_only(admitted);
        if op == Op::Create {
            images.take_defaults(admitted, hearing)?;
        }
        images.take_presets(admitted, hearing)?;
        Ok(images)
    }

    /// The images of an op on a row that is not looked at: all that is sent may differ, and what is not known of the new row is unread.
    pub(super) fn unseen(
        admitted: &Admitted<'_>,
        op: Op,
        hearing: &mut Hearing<'_>,
    ) -> Result<Self, Doubt> {
        let table = admitted.table;
        let new = match op {
            Op::Create => Some(blank(table, &admitted.key)),
            Op::Update => Some(Row::unread(table.facts.columns.len())),
            Op::Delete => None,
        };
        let mut images = Self {
            op,
            old: None,
            new,
            changed: BTreeSet::new(),
            writes: Vec::new(),
            overreaches: false,
            unfit: None,
        };
        if op != Op::Delete {
            images.take_sent(admitted);
        }
        if op == Op::Create {
            images.take_defaults(admitted, hearing)?;
        }
        images.take_presets(admitted, hearing)?;
        Ok(images)
    }

    fn take_sent(&mut self, admitted: &Admitted<'_>) {
        let table = admitted.table;
        for value in &admitted.sent {
            if table.is_preset(value.column, self.op) {
                continue;
            }
            let datum = match &value.converted {
                Ok(datum) => datum,
                Err(unfit) => {
                    self.changed.insert(value.field.clone());
                    self.unfit = Some(Refusal::invalid(value.field, unfit.to_string()));
                    continue;
                }
            };
            if self
                .old
                .is_none_or(|old| differs(table, value.column, old, datum))
            {
                self.changed.insert(value.field.clone());
                self.set(value.column, datum.clone());
            }
        }
    }

    fn take_preset_only(&mut self, admitted: &Admitted<'_>) {
        let (table, Some(old), Verb::Patch) = (admitted.table, self.old, admitted.verb) else {
            return;
        };
        self.overreaches = admitted
            .preset_only
            .iter()
            .filter(|(column, _)| !table.is_preset(*column, Op::Update))
            .any(|(column, converted)| {
                converted
                    .as_ref()
                    .map_or(true, |datum| differs(table, *column, old, datum))
            });
    }

    fn take_defaults(
        &mut self,
        admitted: &Admitted<'_>,
        hearing: &mut Hearing<'_>,
    ) -> Result<(), Doubt> {
        for (name, field) in &admitted.table.fields {
            let was_sent = admitted.sent.iter().any(|value| value.field == name);
            let is_preset = admitted.table.is_preset(field.column, self.op);
            if let Some(default) = field.default.as_ref().filter(|_| !was_sent && !is_preset) {
                let datum = self.compute(admitted, field.column, default, hearing)?;
                self.set(field.column, datum);
            }
        }
        Ok(())
    }

    fn take_presets(
        &mut self,
        admitted: &Admitted<'_>,
        hearing: &mut Hearing<'_>,
    ) -> Result<(), Doubt> {
        let op = self.op;
        for preset in admitted
            .table
            .presets
            .iter()
            .filter(|preset| preset.op == op)
        {
            let datum = self.compute(admitted, preset.column, &preset.value, hearing)?;
            self.set(preset.column, datum);
        }
        Ok(())
    }

    /// The value of a default or preset, as its column stores it.
    fn compute(
        &self,
        admitted: &Admitted<'_>,
        column: ColumnId,
        expression: &Compiled,
        hearing: &mut Hearing<'_>,
    ) -> Result<Datum, Doubt> {
        let table = admitted.table;
        let facts = table
            .column(column)
            .ok_or_else(|| Refusal::unauthorized("a preset column is gone"))?;
        let doubt = |why: &str| {
            Refusal::unauthorized(format!(
                "the value set for `{}` cannot be computed: {why}",
                facts.name
            ))
        };
        let value = hearing
            .value(expression, self.op, self.old, admitted.metadata.as_deref())
            .map_err(|error| doubt(&error.to_string()))?;
        request::from_value(&value, &facts.ty)
            .map_err(|unfit| doubt(&unfit.to_string()).on_catalog())
    }

    fn set(&mut self, column: ColumnId, datum: Datum) {
        if let Some(new) = &mut self.new {
            new.set(column, datum.clone());
        }
        self.writes.push((column, datum));
    }
}

/// The new row before anything is set: what the database will make is unknown, the rest null.
fn blank(table: &TablePlan, key: &Datum) -> Row {
    let mut row = Row::unread(table.facts.columns.len());
    for (id, column) in table.facts.ids() {
        if !column.has_default && column.generation == Generation::None {
            row.set(id, Datum::NULL);
        }
    }
    row.set(table.key, key.clone());
    row
}

/// Whether a sent value differs from the stored one. One that was not read differs: doubt denies.
pub(super) fn differs(table: &TablePlan, column: ColumnId, old: &Row, sent: &Datum) -> bool {
    match (table.column(column), old.column(column)) {
        (Some(facts), Some(stored)) => request::differs(stored, sent, &facts.ty.kind),
        _ => true,
    }
}
