//! `uniqueItems`, in a time that no list of an app's can stretch.
//!
//! The library tells items apart by a hash that sees neither structure nor digits beyond a double, and compares those that collide one by
//! one: a list made for it takes hours.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use jsonschema::paths::Location;
use jsonschema::{Keyword, ValidationError};
use serde_json::{Map, Value};

/// What a person reads.
const MESSAGE: &str = "has an item twice";

/// The keyword; where it says `false` it asks for nothing.
struct UniqueItems {
    is_asked: bool,
}

/// Makes the keyword.
#[expect(clippy::unnecessary_wraps, reason = "the library's signature")]
pub(super) fn keyword<'s>(
    _: &'s Map<String, Value>,
    value: &'s Value,
    _: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'s>> {
    let is_asked = *value == Value::Bool(true);
    Ok(Box::new(UniqueItems { is_asked }))
}

impl<'i> Keyword<'i> for UniqueItems {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) {
            Ok(())
        } else {
            Err(ValidationError::custom(MESSAGE))
        }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        let Value::Array(items) = instance else {
            return true;
        };
        let mut seen = HashSet::new();
        !self.is_asked || items.iter().all(|item| seen.insert(spelled(item)))
    }
}

/// A text that equal values share and no others.
fn spelled(value: &Value) -> String {
    let mut out = String::new();
    spell(value, &mut out);
    out
}

fn spell(value: &Value, out: &mut String) {
    match value {
        Value::Number(number) => spell_number(number.as_str(), out),
        Value::Array(items) => {
            out.push('[');
            for item in items {
                spell(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(members) => {
            let sorted: BTreeMap<&String, &Value> = members.iter().collect();
            out.push('{');
            for (key, value) in sorted {
                let _ = write!(out, "{key:?}:");
                spell(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::String(text) => {
            let _ = write!(out, "{text:?}");
        }
        Value::Null | Value::Bool(_) => {
            let _ = write!(out, "{value}");
        }
    }
}

/// Sign, digits without zeros at either end, and the power of ten of the last of them.
fn spell_number(text: &str, out: &mut String) {
    let (sign, unsigned) = text
        .strip_prefix('-')
        .map_or(("", text), |rest| ("-", rest));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let trimmed = digits.trim_end_matches('0');
    let significant = trimmed.trim_start_matches('0');
    if significant.is_empty() {
        out.push('0');
        return;
    }
    let shift = i128::try_from(digits.len() - trimmed.len()).unwrap_or_default()
        - i128::try_from(fraction.len()).unwrap_or_default();
    let power = exponent
        .parse::<i128>()
        .ok()
        .and_then(|e| e.checked_add(shift));
    let _ = match power {
        Some(power) => write!(out, "{sign}{significant}e{power}"),
        // Beyond every number that anybody means: only what is written alike is alike.
        None => write!(out, "{text}"),
    };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> String {
        spelled(&Value::Number(text.parse().unwrap()))
    }

    #[test]
    fn numbers_are_alike_where_their_values_are() {
        let alike = [
            ["1", "1.0", "10e-1", "0.1e1"],
            ["0", "-0", "0.00", "0e9"],
            ["-120", "-1.2e2", "-12E+1", "-120.0"],
            ["0.012", "1.2e-2", "12e-3", "0.0120"],
        ];
        for row in alike {
            assert!(
                row.iter().all(|text| number(text) == number(row[0])),
                "{row:?}"
            );
        }
        let others = [
            "1",
            "-1",
            "10",
            "0.1",
            "1e-20",
            "9007199254740992",
            "9007199254740993",
        ];
        let spelled: HashSet<String> = others.iter().map(|text| number(text)).collect();
        assert_eq!(spelled.len(), others.len());
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-3_i64..3).prop_map(Value::from),
            "[a,\"\\]]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[ab]", inner, 0..3)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_are_spelled_alike_where_they_are_equal(a in json(), b in json()) {
            prop_assert_eq!(spelled(&a) == spelled(&b), a == b);
        }
    }
}
