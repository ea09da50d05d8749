//! Guards, grants and checks: steps 5 and 8.

use crate::plan::{Check, Grant, TablePlan};
use crate::policy::image::Images;
use crate::policy::judge::Hearing;
use crate::policy::{Detail, Refusal};
use crate::vocabulary::code::ErrorCode;
use crate::vocabulary::names::FieldName;

/// Every guard holds.
pub(super) fn guards(
    table: &TablePlan,
    images: &Images<'_>,
    metadata: Option<&str>,
    hearing: &mut Hearing<'_>,
) -> Result<(), Refusal> {
    for guard in &table.guards {
        if !hearing.holds(guard, images, metadata) {
            return Err(Refusal::unauthorized(format!(
                "guard `{}` does not hold",
                guard.text()
            )));
        }
    }
    Ok(())
}

/// At least one grant is true, and every changed field is covered by a true one.
pub(super) fn grants(
    table: &TablePlan,
    images: &Images<'_>,
    metadata: Option<&str>,
    hearing: &mut Hearing<'_>,
) -> Result<(), Refusal> {
    let mut held: Vec<&Grant> = Vec::new();
    for grant in table.grants.iter().filter(|grant| grant.op == images.op) {
        if hearing.holds(&grant.condition, images, metadata) {
            held.push(grant);
        }
    }
    if held.is_empty() {
        return Err(Refusal::unauthorized(format!(
            "no grant for {} holds",
            images.op
        )));
    }
    let uncovered = images
        .changed
        .iter()
        .find(|field| !held.iter().any(|grant| covers(grant, field)));
    match uncovered {
        Some(field) => Err(Refusal::unauthorized(format!(
            "no grant that holds covers `{field}`"
        ))),
        None => Ok(()),
    }
}

/// Whether a grant covers a field.
pub(super) fn covers(grant: &Grant, field: &FieldName) -> bool {
    grant
        .fields
        .as_ref()
        .is_none_or(|fields| fields.contains(field))
}

/// Every check of this op that does not wait for the end holds; the first that does not gives code and message.
pub(super) fn checks(
    table: &TablePlan,
    images: &Images<'_>,
    metadata: Option<&str>,
    hearing: &mut Hearing<'_>,
) -> Result<(), Refusal> {
    for check in table
        .checks
        .iter()
        .filter(|check| check.ops.contains(&images.op) && !check.is_deferred)
    {
        self::check(check, images, metadata, hearing)?;
    }
    Ok(())
}

/// One check holds, or gives code and message.
pub(super) fn check(
    check: &Check,
    images: &Images<'_>,
    metadata: Option<&str>,
    hearing: &mut Hearing<'_>,
) -> Result<(), Refusal> {
    if hearing.holds(&check.rule, images, metadata) {
        return Ok(());
    }
    let computed = check
        .message_expression
        .as_ref()
        .and_then(|message| hearing.message(message, &check.rule, images, metadata));
    let may_quote = computed.is_some();
    let message = computed
        .or_else(|| check.message.clone())
        .unwrap_or_else(|| format!("check `{}` does not hold", check.code));
    let details = check.field.iter().map(|field| Detail {
        field: Some(field.to_string()),
        message: message.clone(),
    });
    Err(Refusal {
        details: details.collect(),
        requires_client_handling: check.client_handles,
        may_quote,
        ..Refusal::new(
            ErrorCode::Check(check.code.as_str().into()),
            message.clone(),
            format!("check `{}` does not hold", check.rule.text()),
        )
    })
}
