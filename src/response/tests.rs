use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::apply::{Outcome, Retry};
use crate::auth::TokenError;
use crate::policy::{Detail, Refusal};
use crate::request::Shape;
use crate::vocabulary::code::ErrorCode;

fn body(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

fn retry() -> Outcome {
    Outcome::Retry(Retry {
        message: "try again".to_owned(),
        after: Duration::from_millis(1500),
        cause: "secret cause".to_owned(),
    })
}

fn detail(field: Option<&str>) -> Detail {
    Detail {
        field: field.map(ToOwned::to_owned),
        message: "is too long".to_owned(),
    }
}

#[test]
fn each_outcome_has_its_words() {
    let whole = Refusal::new(ErrorCode::UniqueViolation, "exists already", "secret cause");
    let mut one = Refusal::new(
        ErrorCode::Check("TOO_MANY".into()),
        "too many",
        "secret cause",
    )
    .at(3);
    one.details = vec![detail(Some("title")), detail(None)];
    one.requires_client_handling = true;
    let outcomes = [
        Outcome::Applied,
        Outcome::Refused(whole),
        Outcome::Refused(one),
        retry(),
        Outcome::NotAttempted,
    ];
    let reply = results(Shape::Transactions, &outcomes);
    assert_eq!(reply.status, 200);
    assert_eq!(
        body(&reply),
        json!({"results": [
            {"status": "success"},
            {"status": "fatal_error", "requires_client_handling": false, "message": "exists already",
             "failed_operation": {"error_code": "UNIQUE_VIOLATION", "message": "exists already"}},
            {"status": "fatal_error", "requires_client_handling": true, "message": "too many",
             "failed_operation": {"error_code": "TOO_MANY", "message": "too many", "operation_index": 3,
                "details": [{"field": "title", "message": "is too long"}, {"message": "is too long"}]}},
            {"status": "retryable_error", "message": "try again", "retry_after_ms": 1500},
            {"status": "not_attempted"},
        ]})
    );
}

#[test]
fn the_older_shapes_are_answered_by_the_status() {
    let refusal = Refusal::new(ErrorCode::CheckViolation, "too short", "secret cause").at(0);
    let refused = json!({"message": "too short", "error": "too short", "code": "CHECK_VIOLATION"});
    let rows = [
        (
            vec![Outcome::Applied],
            200,
            json!({"message": "applied"}),
            None,
        ),
        (vec![Outcome::Refused(refusal)], 400, refused, None),
        (
            vec![retry()],
            503,
            json!({"message": "try again"}),
            Some("2"),
        ),
        (
            vec![Outcome::NotAttempted],
            503,
            json!({"message": "this was not attempted"}),
            Some("2"),
        ),
        (
            vec![],
            503,
            json!({"message": "this request could not be served"}),
            Some("2"),
        ),
    ];
    for (outcomes, status, wanted, after) in rows {
        let reply = results(Shape::Single, &outcomes);
        assert_eq!((reply.status, body(&reply)), (status, wanted));
        let retry_after = reply
            .headers
            .iter()
            .find(|(name, _)| *name == "retry-after");
        assert_eq!(retry_after.map(|(_, value)| value.as_str()), after);
    }
}

/// A header that must be there.
type Header = Option<(&'static str, &'static str)>;

#[test]
fn each_failure_has_its_status_and_a_message() {
    let rows: [(Failure, u16, Header); 19] = [
        (Failure::HeaderTooLarge { bytes_max: 1 }, 431, None),
        (Failure::UnknownPath, 404, None),
        (Failure::Unbuilt("token issuing"), 404, None),
        (Failure::Unbuilt("reloading"), 501, None),
        (
            Failure::WrongMethod { allowed: "GET" },
            405,
            Some(("allow", "GET")),
        ),
        (Failure::Foreign, 403, None),
        (Failure::NoToken, 401, Some(("www-authenticate", "Bearer"))),
        (
            Failure::BadToken(TokenError::Signature),
            401,
            Some(("www-authenticate", "Bearer")),
        ),
        (Failure::NoKeys, 503, Some(("retry-after", "2"))),
        (Failure::NoPlan, 503, Some(("retry-after", "2"))),
        (
            Failure::Crowded(Crowd::Queue),
            503,
            Some(("retry-after", "2")),
        ),
        (Failure::BodyTooLong { bytes_max: 9 }, 413, None),
        (Failure::BodyTooSlow, 408, None),
        (Failure::BodyCut("reset".to_owned()), 400, None),
        (Failure::NotJson, 415, None),
        (Failure::UnknownEncoding, 415, None),
        (Failure::BadGzip, 400, None),
        (Failure::OutOfTime, 503, Some(("retry-after", "2"))),
        (
            Failure::Broken("x".to_owned()),
            503,
            Some(("retry-after", "2")),
        ),
    ];
    for (cause, status, header) in rows {
        let reply = failure(&cause);
        assert_eq!(reply.status, status, "{cause}");
        let message = body(&reply)["message"].as_str().unwrap().to_owned();
        assert!(!message.is_empty(), "{cause}");
        if let Some((name, value)) = header {
            assert!(
                reply.headers.contains(&(name, value.to_owned())),
                "{cause}: {:?}",
                reply.headers
            );
        }
    }
}

#[test]
fn what_is_wrong_with_a_token_is_told_to_nobody() {
    let answers = [
        TokenError::Signature,
        TokenError::UnknownKey,
        TokenError::Claim("exp"),
        TokenError::Schema("`role` is none of the allowed values".to_owned()),
    ]
    .map(|error| failure(&Failure::BadToken(error)));
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Applied),
        Just(Outcome::NotAttempted),
        Just(retry()),
        (any::<Option<usize>>(), ".{0,8}", any::<bool>()).prop_map(|(index, text, detailed)| {
            let mut refusal = Refusal::unauthorized("secret cause");
            refusal.message = text;
            refusal.operation_index = index;
            refusal.details = if detailed {
                vec![detail(None)]
            } else {
                Vec::new()
            };
            Outcome::Refused(refusal)
        }),
    ]
}

fn holds_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(holds_null),
        Value::Object(members) => members.values().any(holds_null),
        _ => false,
    }
}

proptest! {
    #[test]
    fn results_are_as_many_as_outcomes_without_null_and_without_causes(outcomes in prop::collection::vec(outcome(), 0..50)) {
        let reply = results(Shape::Transactions, &outcomes);
        let body = body(&reply);
        prop_assert_eq!(body["results"].as_array().unwrap().len(), outcomes.len());
        prop_assert!(!holds_null(&body));
        prop_assert!(!String::from_utf8_lossy(&reply.body).contains("secret cause"));
        for result in body["results"].as_array().unwrap() {
            let is_fatal = result["status"] == "fatal_error";
            prop_assert_eq!(is_fatal, result["requires_client_handling"].is_boolean());
            prop_assert_eq!(is_fatal, result["failed_operation"]["error_code"].is_string());
        }
    }
}
