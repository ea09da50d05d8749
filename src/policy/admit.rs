//! Steps 1 and 2: is the table known, are the columns, do the values convert. No row is needed.

use crate::catalog::Column;
use crate::plan::{Plan, TablePlan};
use crate::policy::Refusal;
use crate::request::{self, Operation, Sent, Unfit};
use crate::vocabulary::code::ErrorCode;
use crate::vocabulary::limits::Limits;
use crate::vocabulary::names::FieldName;
use crate::vocabulary::operation::{Op, Verb};
use crate::vocabulary::row::{ColumnId, Datum};

/// An operation whose table, key and columns are known.
#[derive(Debug)]
pub struct Admitted<'p> {
    /// The rules of its table.
    pub table: &'p TablePlan,
    /// The verb.
    pub verb: Verb,
    /// The key's value.
    pub key: Datum,
    /// The entry's metadata.
    pub metadata: Option<String>,
    /// The values of `columns` that were sent. One that may yet be dropped may not convert.
    pub(super) sent: Vec<Value<'p>>,
    /// The values sent for columns that only presets set.
    pub(super) preset_only: Vec<(ColumnId, Result<Datum, Unfit>)>,
}

/// A value sent for a column that the app may write.
#[derive(Debug)]
pub(super) struct Value<'p> {
    pub field: &'p FieldName,
    pub column: ColumnId,
    pub converted: Result<Datum, Unfit>,
}

/// What admitting came to.
#[derive(Debug)]
pub enum Admission<'p> {
    /// The row has to be looked at.
    Look(Admitted<'p>),
    /// Done without looking: a PATCH that carries nothing.
    Done,
}

impl Admitted<'_> {
    /// Values of an op whose stored text only the database can tell, with their columns: hand its answer to [`Admitted::settle_text`].
    /// Values that a preset drops are not looked at.
    pub fn uncanonical(&self, op: Op) -> Vec<(ColumnId, String)> {
        self.sent
            .iter()
            .filter(|value| self.table.needs_canonical_text(value.column))
            .filter(|value| !self.table.is_preset(value.column, op))
            .filter_map(|value| {
                let text = value.converted.as_ref().ok()?.text.as_deref()?;
                Some((value.column, text.to_owned()))
            })
            .collect()
    }

    /// The fields that were sent, as far as an op takes their values.
    pub(super) fn fields(&self, op: Op) -> impl Iterator<Item = &FieldName> {
        let taken = self.sent.iter();
        taken
            .filter(move |value| !self.table.is_preset(value.column, op))
            .map(|value| value.field)
    }

    /// Replaces the text of a value by the one the database would store.
    pub fn settle_text(&mut self, column: ColumnId, text: &str) {
        for value in self.sent.iter_mut().filter(|value| value.column == column) {
            if let Ok(datum) = &mut value.converted {
                datum.text = Some(text.into());
            }
        }
    }

    /// What happens to the row, where it is there or not; `None` where nothing is left to do (step 3).
    pub fn op(&self, is_present: bool) -> Option<Op> {
        match (self.verb, is_present) {
            (Verb::Put, false) => Some(Op::Create),
            (Verb::Put | Verb::Patch, true) => Some(Op::Update),
            (Verb::Delete, true) => Some(Op::Delete),
            (Verb::Patch | Verb::Delete, false) => None,
        }
    }
}

/// Steps 1 and 2 of one operation.
pub fn admit<'p>(
    plan: &'p Plan,
    operation: &Operation,
    limits: &Limits,
) -> Result<Admission<'p>, Refusal> {
    let name = operation.table.as_str();
    let Some(table) = name.and_then(|name| plan.table(name)) else {
        return Err(Refusal::unauthorized("no rules for this table").unknown());
    };
    let fields = match operation.verb {
        Verb::Delete => Vec::new(),
        Verb::Put | Verb::Patch => operation.fields(),
    };
    // Every column is known before any value is looked at.
    if let Some((name, _)) = fields.iter().find(|(name, _)| !is_known(table, name)) {
        return Err(unknown(table, name).unknown().on_catalog());
    }
    if let Some(defect) = &operation.defect {
        return Err(Refusal::new(
            ErrorCode::InvalidData,
            defect.to_string(),
            "the operation holds text that cannot be stored",
        ));
    }
    let key = key(table, operation, limits)?;
    let mut admitted = Admitted {
        table,
        verb: operation.verb,
        key,
        metadata: operation.metadata.clone(),
        sent: Vec::new(),
        preset_only: Vec::new(),
    };
    if operation.verb == Verb::Delete {
        return Ok(Admission::Look(admitted));
    }
    for (name, sent) in &fields {
        take(&mut admitted, name, sent)?;
    }
    let carries_nothing = admitted.sent.is_empty() && admitted.preset_only.is_empty();
    Ok(if operation.verb == Verb::Patch && carries_nothing {
        Admission::Done
    } else {
        Admission::Look(admitted)
    })
}

fn key(table: &TablePlan, operation: &Operation, limits: &Limits) -> Result<Datum, Refusal> {
    let refuse = |message: String| {
        Refusal::new(
            ErrorCode::InvalidData,
            format!("`id` {message}"),
            "the id does not convert",
        )
    };
    let id = operation
        .id
        .as_str()
        .ok_or_else(|| refuse("holds text that cannot be stored".to_owned()))?;
    if id.len() > limits.id_bytes_max {
        return Err(refuse(format!(
            "is longer than {} bytes",
            limits.id_bytes_max
        )));
    }
    let column = table
        .column(table.key)
        .ok_or_else(|| Refusal::unauthorized("the key column is gone").on_catalog())?;
    request::convert_text(id, &column.ty).map_err(|unfit| refuse(unfit.to_string()).on_catalog())
}

fn is_known(table: &TablePlan, name: &str) -> bool {
    name == "id"
        || table.fields.contains_key(name)
        || table.preset_only.contains_key(name)
        || table.ignored.contains(name)
}

/// Finds out what a sent field is, and converts its value where it counts.
fn take(admitted: &mut Admitted<'_>, name: &str, sent: &Sent) -> Result<(), Refusal> {
    let table = admitted.table;
    if name == "id" {
        return Ok(());
    }
    if let Some((field, rule)) = table.fields.get_key_value(name) {
        let column = column(table, rule.column)?;
        let converted = request::convert(sent, &column.ty);
        if let Err(unfit) = &converted
            && !may_be_dropped(table, rule.column, admitted.verb)
        {
            return Err(Refusal::invalid(field, unfit.to_string()));
        }
        admitted.sent.push(Value {
            field,
            column: rule.column,
            converted,
        });
    } else if let Some(id) = table.preset_only.get(name) {
        let column = column(table, *id)?;
        admitted
            .preset_only
            .push((*id, request::convert(sent, &column.ty)));
    }
    Ok(())
}

/// Whether a preset may take the place of a sent value, so that the value need not convert.
fn may_be_dropped(table: &TablePlan, column: ColumnId, verb: Verb) -> bool {
    table.is_preset(column, Op::Update)
        || (verb == Verb::Put && table.is_preset(column, Op::Create))
}

fn column(table: &TablePlan, id: ColumnId) -> Result<&Column, Refusal> {
    table
        .column(id)
        .ok_or_else(|| Refusal::unauthorized("a column of the rules is gone").on_catalog())
}

fn unknown(table: &TablePlan, name: &str) -> Refusal {
    if table.facts.column(name).is_some() {
        return Refusal::unauthorized(format!("the rules do not open column `{name}`"));
    }
    let mut refusal = Refusal::new(
        ErrorCode::SchemaMismatch,
        "the table has no such column",
        "neither rules nor table know a column that was sent",
    );
    refusal.details.push(crate::policy::Detail {
        field: Some(name.to_owned()),
        message: "is not a column of the table".to_owned(),
    });
    refusal
}
