//! An explanation as JSON.

use serde_json::{Map, Value, json};

use crate::apply::{End, Explained, Outcome, Told};
use crate::cli::explain::{Asked, Page, asked, asked_at_end, image};
use crate::expr::{Account, Said, show};
use crate::plan::{Plan, TablePlan};
use crate::policy::{Answer, Heard, Refusal, Write};
use crate::request;
use crate::vocabulary::names::FieldName;
use crate::vocabulary::row::{ColumnId, Datum, Row};

/// The whole document.
pub(super) fn page(page: &Page<'_>) -> Value {
    let claims: Value = serde_json::from_str(&page.principal.claims_json).unwrap_or_default();
    let transactions = page.explained.iter();
    let transactions: Vec<Value> = transactions
        .map(|explained| transaction(page.plan, explained))
        .collect();
    json!({
        "rules_version": page.version,
        "claims": claims,
        "transactions": transactions,
    })
}

fn transaction(plan: &Plan, explained: &Explained) -> Value {
    let operations = explained.told.iter().enumerate();
    let operations: Vec<Value> = operations
        .map(|(index, told)| operation(plan, explained, index, told))
        .collect();
    let (outcome, more) = match &explained.outcome {
        Outcome::Applied | Outcome::Repeated => ("applied", json!({})),
        Outcome::Refused(refusal) => ("refused", refusal_of(refusal)),
        Outcome::Retry(retry) => ("retryable", json!({"cause": retry.cause})),
        Outcome::NotAttempted => ("not attempted", json!({})),
    };
    with(json!({"outcome": outcome, "operations": operations}), more)
}

fn refusal_of(refusal: &Refusal) -> Value {
    let details: Vec<Value> = refusal
        .details
        .iter()
        .map(|detail| json!({"field": detail.field, "message": detail.message}))
        .collect();
    json!({
        "error_code": refusal.code.as_str(),
        "operation_index": refusal.operation_index,
        "cause": refusal.cause,
        "message": refusal.message,
        "details": details,
    })
}

fn operation(plan: &Plan, explained: &Explained, index: usize, told: &Told) -> Value {
    let verdict = told.verdict(plan, index, &explained.outcome);
    let operation = json!({
        "verb": told.verb.as_str(),
        "table": told.table,
        "id": told.id,
        "verdict": verdict,
    });
    let (Some(table), Some(op)) = (told.rules(plan), told.trace.op) else {
        return operation;
    };
    let changed: Vec<&str> = told.trace.changed.iter().map(FieldName::as_str).collect();
    let conditions: Vec<Value> = asked(table, op)
        .iter()
        .map(|asked| condition(asked, told.trace.heard(asked.condition)))
        .collect();
    let at_end = told.at_end.as_ref().and_then(|trace| {
        let op = trace.op?;
        let asked = asked_at_end(table, op);
        let conditions: Vec<Value> = asked
            .iter()
            .map(|asked| condition(asked, trace.heard(asked.condition)))
            .collect();
        Some(json!({
            "op": op.as_str(),
            "old": trace.old.as_ref().map(|row| image_of(table, row)),
            "new": trace.new.as_ref().map(|row| image_of(table, row)),
            "conditions": conditions,
        }))
    });
    let looked = json!({
        "op": op.as_str(),
        "target": table.facts.target.to_string(),
        "old": told.trace.old.as_ref().map(|row| image_of(table, row)),
        "new": told.trace.new.as_ref().map(|row| image_of(table, row)),
        "changed": changed,
        "conditions": conditions,
        "at_end": at_end,
        "write": written(table, &told.end),
    });
    with(operation, looked)
}

fn with(one: Value, more: Value) -> Value {
    match (one, more) {
        (Value::Object(mut one), Value::Object(more)) => {
            one.extend(more);
            Value::Object(one)
        }
        (one, _) => one,
    }
}

fn condition(asked: &Asked<'_>, heard: Option<&Heard>) -> Value {
    let answers = heard.map(|heard| heard.answers.iter().map(answer).collect::<Vec<Value>>());
    json!({
        "kind": asked.kind,
        "condition": asked.condition.text(),
        "columns": asked.fields,
        "code": asked.code,
        "holds": heard.map(Heard::holds),
        "answers": answers,
    })
}

fn answer(answer: &Answer) -> Value {
    json!({
        "this": image(answer),
        "holds": answer.holds,
        "account": answer.account.as_ref().map(account),
    })
}

fn account(account: &Account) -> Value {
    let because: Vec<Value> = account.because.iter().map(self::account).collect();
    let said = match &account.said {
        Said::Value(value) => json!({"value": show(value)}),
        Said::Failed(error) => json!({"error": error.to_string()}),
        said => json!({"is": said.to_string()}),
    };
    with(json!({"text": account.text, "because": because}), said)
}

/// The columns that were read; what is left to the database is not there.
fn image_of(table: &TablePlan, row: &Row) -> Value {
    let columns = table.image.iter().filter_map(|id| {
        let datum = row.column(*id)?;
        value(table, *id, datum)
    });
    Value::Object(columns.collect::<Map<String, Value>>())
}

fn value(table: &TablePlan, id: ColumnId, datum: &Datum) -> Option<(String, Value)> {
    let column = table.column(id)?;
    let json = request::to_json(datum, &column.ty);
    Some((column.name.to_string(), json))
}

fn written(table: &TablePlan, end: &End) -> Value {
    let End::Write(write) = end else {
        return Value::Null;
    };
    let columns = |columns: &[(ColumnId, Datum)]| {
        let columns = columns.iter();
        Value::Object(
            columns
                .filter_map(|(id, datum)| value(table, *id, datum))
                .collect(),
        )
    };
    match write {
        Write::Insert(set) => json!({"insert": columns(set)}),
        Write::Update(set) => json!({"update": columns(set)}),
        Write::Delete => json!({"delete": true}),
    }
}
