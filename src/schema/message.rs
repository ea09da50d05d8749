//! What is said of a value that does not fit a keyword.

use jsonschema::error::{TypeKind, ValidationErrorKind};

/// What a person reads. Only what the author of the schema wrote is quoted.
pub(super) fn message(kind: &ValidationErrorKind) -> String {
    use ValidationErrorKind as Kind;
    match kind {
        Kind::AdditionalItems { limit } => format!("has more than {limit} items"),
        Kind::AdditionalProperties { .. } | Kind::UnevaluatedProperties { .. } => {
            "has a member that is not allowed".to_owned()
        }
        Kind::UnevaluatedItems { .. } => "has an item that is not allowed".to_owned(),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            "fits none of the allowed forms".to_owned()
        }
        Kind::OneOfMultipleValid { .. } => "fits more than one of the allowed forms".to_owned(),
        Kind::Constant { expected_value } => format!("must be {expected_value}"),
        Kind::Enum { options } => format!("must be one of {options}"),
        Kind::Contains => "lacks an item that is required".to_owned(),
        Kind::ContentEncoding { content_encoding } => {
            format!("is not encoded as {content_encoding}")
        }
        Kind::ContentMediaType { content_media_type } => format!("is not {content_media_type}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be greater than {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::FalseSchema => "is not allowed".to_owned(),
        Kind::Format { format } => format!("is not a valid {format}"),
        Kind::MaxItems { limit } => format!("has too many items (at most {limit})"),
        Kind::MinItems { limit } => format!("has too few items (at least {limit})"),
        Kind::MaxLength { limit } => format!("is too long (at most {limit} characters)"),
        Kind::MinLength { limit } => format!("is too short (at least {limit} characters)"),
        Kind::MaxProperties { limit } => format!("has too many members (at most {limit})"),
        Kind::MinProperties { limit } => format!("has too few members (at least {limit})"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::Not { .. } => "has a form that is not allowed".to_owned(),
        Kind::Pattern { pattern } => format!("does not match the pattern {pattern}"),
        Kind::PropertyNames { .. } => "has a member whose name is not allowed".to_owned(),
        Kind::Required { .. } => "is missing".to_owned(),
        Kind::Type { kind } => format!("must be {}", types(kind)),
        // Keywords of our own say it in our words.
        Kind::Custom { message, .. } => message.clone(),
        _ => "does not fit its schema".to_owned(),
    }
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(many) => many
            .iter()
            .map(|one| one.to_string())
            .collect::<Vec<_>>()
            .join(" or "),
    }
}
