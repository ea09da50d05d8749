//! The JSON Schema of the claims → the type of `auth`.

use std::sync::Arc;

use serde_json::Value;

use crate::expr::ClaimsShape;
use crate::expr::types::Type;

/// The type of `auth` from the JSON Schema of the claims.
pub fn claims_shape(schema: Option<&Value>) -> ClaimsShape {
    let mut shape = ClaimsShape {
        is_declared: schema.is_some(),
        ..ClaimsShape::default()
    };
    shape.always.insert("sub".to_owned());
    let member = |name: &str| schema.and_then(|schema| schema.get(name));
    for (name, property) in member("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        shape.properties.insert(name.clone(), property.clone());
        if property.get("default").is_some() {
            shape.always.insert(name.clone());
        }
    }
    let required = member("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        shape.always.insert(name.to_owned());
        // A claim that is required and not described is there, of any type.
        shape
            .properties
            .entry(name.to_owned())
            .or_insert(Value::Bool(true));
    }
    let string = serde_json::json!({ "type": "string" });
    match shape.properties.get("sub") {
        Some(Value::Object(_)) => {}
        _ => {
            shape.properties.insert("sub".to_owned(), string);
        }
    }
    shape
}

/// The type of a claim from its schema; dynamic where the schema leaves it open.
pub(super) fn claim_type(schema: &Value) -> Type {
    if let Some(labels) = labels(schema) {
        return Type::Enum(labels);
    }
    match single_type(schema) {
        Some("string") => Type::String,
        Some("integer") => Type::Int,
        Some("number") => Type::Double,
        Some("boolean") => Type::Bool,
        Some("array") => Type::List(Box::new(
            schema.get("items").map_or(Type::Dyn, element_type),
        )),
        Some("object") => Type::Map(Box::new(Type::Dyn)),
        _ => Type::Dyn,
    }
}

/// The one type that a schema names beside null: null claims are taken out of a token.
fn single_type(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(name) => Some(name),
        Value::Array(names) => {
            let mut names = names
                .iter()
                .filter_map(Value::as_str)
                .filter(|name| *name != "null");
            let name = names.next()?;
            names.next().is_none().then_some(name)
        }
        _ => None,
    }
}

/// Within a list null stays, and a type that allows it says little.
fn element_type(schema: &Value) -> Type {
    match schema.get("type") {
        Some(Value::String(_)) | None => claim_type(schema),
        _ => Type::Dyn,
    }
}

/// The texts of an enum that holds nothing else (null aside), or of a `const`.
fn labels(schema: &Value) -> Option<Arc<[Arc<str>]>> {
    if let Some(only) = schema.get("const") {
        return only.as_str().map(|text| Arc::from([Arc::from(text)]));
    }
    let values = schema.get("enum")?.as_array()?;
    let texts: Vec<Arc<str>> = values
        .iter()
        .filter(|value| !value.is_null())
        .map(|value| value.as_str().map(Arc::from))
        .collect::<Option<_>>()?;
    (!texts.is_empty()).then(|| texts.into())
}
