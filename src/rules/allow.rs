//! `allow` → grants, `write` written out as three.

use crate::document::Form;
use crate::rules::Grant;
use crate::vocabulary::operation::Op;
use crate::vocabulary::problem::{Problem, Problems};

/// The grants in file order.
pub(super) fn grants(form: Option<&Form>, problems: &mut Problems) -> Vec<Grant> {
    let mut grants = Vec::new();
    for (key, conditions) in form.into_iter().flat_map(Form::map) {
        for form in conditions.list() {
            refuse_columns(&key.node, form, problems);
            grants.extend(ops(&key.node).filter_map(|op| grant(op, form)));
        }
    }
    grants
}

fn ops(word: &str) -> impl Iterator<Item = Op> {
    Op::ALL
        .into_iter()
        .filter(move |op| word == "write" || word == op.as_str())
}

fn grant(op: Op, form: &Form) -> Option<Grant> {
    let condition = form.source().or_else(|| form.get("if")?.source());
    Some(Grant {
        op,
        condition: condition?.clone(),
        fields: form.entry("columns").map(|(_, columns)| columns.names()),
    })
}

/// A deleted row has no columns that were sent.
fn refuse_columns(word: &str, form: &Form, problems: &mut Problems) {
    if let Some((key, _)) = form.entry("columns")
        && !["create", "update"].contains(&word)
    {
        let message = format!("`columns` cannot stand under `{word}`");
        problems.push(
            Problem::error(key.place.clone(), message).help(
                "grant some columns under `create` or `update`; a delete takes the whole row",
            ),
        );
    }
}
