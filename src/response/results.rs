//! Outcomes → the answer to an upload, in the form of its shape.

use serde::Serialize;

use crate::apply::{Outcome, Retry};
use crate::policy::{Detail, Refusal};
use crate::request::Shape;
use crate::response::Reply;
use crate::response::failure::later;

/// The answer to an upload that was looked at.
pub fn results(shape: Shape, outcomes: &[Outcome]) -> Reply {
    match (shape, outcomes) {
        (Shape::Transactions, _) => {
            let results = outcomes.iter().map(Result::of).collect();
            Reply::json(200, &Body { results })
        }
        (Shape::Single, [outcome]) => single(outcome),
        // One transaction has one outcome; without it nothing is known, so the device keeps its write.
        (Shape::Single, _) => later("this request could not be served"),
    }
}

/// The older shapes: one transaction, answered by the status. Such a client drops its write at a 200, and decides for itself at a 400.
fn single(outcome: &Outcome) -> Reply {
    match outcome {
        Outcome::Applied | Outcome::Repeated => Reply::message(200, "applied"),
        Outcome::Refused(refusal) => {
            let body = serde_json::json!({
                "message": refusal.message,
                "error": refusal.message,
                "code": refusal.code.as_str(),
            });
            Reply::json(400, &body)
        }
        Outcome::Retry(retry) => {
            let seconds = retry.after.as_millis().div_ceil(1000).max(1);
            Reply::message(503, &retry.message).with("retry-after", seconds.to_string())
        }
        Outcome::NotAttempted => later("this was not attempted"),
    }
}

#[derive(Serialize)]
struct Body<'a> {
    results: Vec<Result<'a>>,
}

/// One transaction's result. Optional fields are absent, never null: a device that meets null stops its queue.
#[derive(Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum Result<'a> {
    Success,
    RetryableError {
        message: &'a str,
        retry_after_ms: u64,
    },
    FatalError {
        requires_client_handling: bool,
        message: &'a str,
        failed_operation: FailedOperation<'a>,
    },
    NotAttempted,
}

#[derive(Serialize)]
struct FailedOperation<'a> {
    error_code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<Field<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_index: Option<usize>,
}

#[derive(Serialize)]
struct Field<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    message: &'a str,
}

impl<'a> Result<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        match outcome {
            Outcome::Applied | Outcome::Repeated => Self::Success,
            Outcome::Refused(refusal) => Self::refused(refusal),
            Outcome::Retry(Retry { message, after, .. }) => Self::RetryableError {
                message,
                retry_after_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
            },
            Outcome::NotAttempted => Self::NotAttempted,
        }
    }

    fn refused(refusal: &'a Refusal) -> Self {
        Self::FatalError {
            requires_client_handling: refusal.requires_client_handling,
            message: &refusal.message,
            failed_operation: FailedOperation {
                error_code: refusal.code.as_str(),
                message: &refusal.message,
                details: refusal.details.iter().map(field).collect(),
                operation_index: refusal.operation_index,
            },
        }
    }
}

fn field(detail: &Detail) -> Field<'_> {
    Field {
        field: detail.field.as_deref(),
        message: &detail.message,
    }
}
