//! A transaction as one JSON text, in one form whatever its shape was; and that text written anew, column by column.
//!
//! Nothing is parsed into values on the way: every number keeps its digits, and every string its spelling, those that no text can hold included.

use std::borrow::Cow;

use bytes::Bytes;

use crate::request::content::{Entry, Members};
use crate::request::decode::{Shape, Transaction};
use crate::request::scan;

/// One value of a transaction's columns.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'a> {
    /// The table, by the app's name.
    pub table: &'a str,
    /// The column, by the app's name.
    pub field: &'a str,
    /// The value, as JSON text.
    pub value: &'a str,
}

/// How a value is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// As it is.
    Plainly,
    /// Not at all, nor its column.
    Nowhere,
    /// By this JSON text.
    As(String),
}

impl Transaction {
    /// All of it as JSON text: `{"transaction_id": …, "crud": [{"op", "table", "id", "op_data", "previous_values", "metadata"} …]}`. What was
    /// not sent is absent. `choose` is asked for each value of `op_data` and `previous_values`.
    pub fn whole(&self, choose: &mut dyn FnMut(Cell<'_>) -> Written) -> String {
        write(self.id.as_deref(), self.entries(), choose)
    }

    /// The names of its tables, each once, in the order in which they come.
    pub fn table_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for entry in self.entries() {
            let name = scan::decoded(&entry.table).unwrap_or_default();
            if !names.iter().any(|known| *known == name) {
                names.push(name.into_owned());
            }
        }
        names
    }
}

/// The text of [`Transaction::whole`], or what jsonb made of it, written anew.
pub fn rewritten(text: &str, choose: &mut dyn FnMut(Cell<'_>) -> Written) -> String {
    let text = Bytes::copy_from_slice(text.as_bytes());
    let members = Members::of(&text);
    let id = members.find("transaction_id");
    let crud = members.find("crud").unwrap_or_default();
    let entries = scan::items(&crud).into_iter();
    let entries =
        entries.filter_map(|range| Entry::read(&crud.slice(range), Shape::Transactions, None));
    write(id.as_deref().map(utf8), entries, choose)
}

fn write(
    id: Option<&str>,
    entries: impl Iterator<Item = Entry>,
    choose: &mut dyn FnMut(Cell<'_>) -> Written,
) -> String {
    let mut out = String::from("{");
    if let Some(id) = id {
        member(&mut out, "transaction_id", id);
    }
    member(&mut out, "crud", "[");
    for (position, entry) in entries.enumerate() {
        if position > 0 {
            out.push(',');
        }
        self::entry(&mut out, &entry, choose);
    }
    out.push_str("]}");
    out
}

fn entry(out: &mut String, entry: &Entry, choose: &mut dyn FnMut(Cell<'_>) -> Written) {
    out.push('{');
    member(out, "op", &format!("\"{}\"", entry.verb.as_str()));
    member(out, "table", utf8(&entry.table));
    member(out, "id", utf8(&entry.id));
    let table = scan::decoded(&entry.table).unwrap_or_default();
    for (name, part) in [
        ("op_data", &entry.data),
        ("previous_values", &entry.previous_values),
    ] {
        if let Some(part) = part {
            member(out, name, "");
            object(out, &table, part, choose);
        }
    }
    if let Some(metadata) = &entry.metadata {
        member(out, "metadata", utf8(metadata));
    }
    out.push('}');
}

fn object(out: &mut String, table: &str, text: &[u8], choose: &mut dyn FnMut(Cell<'_>) -> Written) {
    out.push('{');
    for (key, value) in scan::members(text) {
        let (key, value) = (
            text.get(key).unwrap_or_default(),
            text.get(value).unwrap_or_default(),
        );
        // A name that no text can hold is no column's name.
        let field = scan::decoded(key).unwrap_or(Cow::Borrowed(""));
        let value = utf8(value);
        let written = choose(Cell {
            table,
            field: &field,
            value,
        });
        let value = match &written {
            Written::Plainly => value,
            Written::Nowhere => continue,
            Written::As(text) => text,
        };
        comma(out);
        out.push_str(utf8(key));
        out.push(':');
        out.push_str(value);
    }
    out.push('}');
}

fn member(out: &mut String, name: &str, value: &str) {
    comma(out);
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
    out.push_str(value);
}

/// A comma, unless an object begins here.
fn comma(out: &mut String) {
    if !out.ends_with('{') {
        out.push(',');
    }
}

/// A body that was checked is UTF-8, and so is each part of it.
fn utf8(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::request::{decode, decode_one};
    use crate::vocabulary::limits::Limits;
    use crate::vocabulary::operation::Verb;

    fn plainly(_: Cell<'_>) -> Written {
        Written::Plainly
    }

    fn whole(text: String) -> String {
        let batch = decode(&text.into(), &Limits::default()).unwrap();
        batch.transactions[0].whole(&mut plainly)
    }

    #[test]
    fn every_shape_is_written_in_one_form() {
        let wanted = r#"{"crud":[{"op":"PUT","table":"t","id":"1","op_data":{"a":1.50}}]}"#;
        let shapes = [
            r#"{"transactions":[{"crud":[{"table":"t","op":"PUT","op_data":{ "a" : 1.50 },"id":"1","x":2}]}]}"#,
            r#"{"batch":[{"op":"PUT","table":"t","id":"1","data":{"a":1.50}}]}"#,
            r#"{"batch":[{"op":"PUT","table":"t","id":"1","opData":{"a":1.50}}]}"#,
        ];
        for shape in shapes {
            assert_eq!(whole(shape.to_owned()), wanted);
        }
        let one = r#"{"table":"t","data":{"id":"1","a":1.50}}"#;
        let one = decode_one(&one.into(), Verb::Put, &Limits::default()).unwrap();
        assert_eq!(
            one.transactions[0].whole(&mut plainly),
            wanted.replace(r#"{"a""#, r#"{"id":"1","a""#)
        );
    }

    #[test]
    fn what_is_too_large_is_written_too() {
        let limits = Limits {
            transaction_operations_max: 1,
            ..Limits::default()
        };
        let body = r#"{"transactions":[{"transaction_id":7,"crud":[{"op":"DELETE","table":"t","id":"1"},{"op":"DELETE","table":"u","id":"2"}]}]}"#;
        let batch = decode(&body.into(), &limits).unwrap();
        let transaction = &batch.transactions[0];
        assert!(transaction.excess.is_some());
        assert_eq!(
            transaction.whole(&mut plainly),
            r#"{"transaction_id":7,"crud":[{"op":"DELETE","table":"t","id":"1"},{"op":"DELETE","table":"u","id":"2"}]}"#
        );
        assert_eq!(transaction.table_names(), ["t", "u"]);
    }

    #[test]
    fn a_chosen_column_is_left_out_or_replaced_however_its_name_is_spelt() {
        let body = r#"{"transactions":[{"crud":[{"op":"PATCH","table":"t","id":"1","op_data":{"\u0061":1,"b":2,"c":[{"a":3}]},"previous_values":{"b":4,"a":5},"metadata":"\ud800"}]}]}"#;
        let mut choose = |cell: Cell<'_>| match (cell.table, cell.field) {
            ("t", "a") => Written::Nowhere,
            ("t", "b") => Written::As(format!("[{}]", cell.value)),
            _ => Written::Plainly,
        };
        let batch = decode(&body.into(), &Limits::default()).unwrap();
        let written = batch.transactions[0].whole(&mut choose);
        assert_eq!(
            written,
            r#"{"crud":[{"op":"PATCH","table":"t","id":"1","op_data":{"b":[2],"c":[{"a":3}]},"previous_values":{"b":[4]},"metadata":"\ud800"}]}"#
        );
        let mut back = |cell: Cell<'_>| match cell.field {
            "b" => Written::As(cell.value[1..cell.value.len() - 1].to_owned()),
            _ => Written::Plainly,
        };
        assert_eq!(
            rewritten(&written, &mut back),
            written.replace("[2]", "2").replace("[4]", "4")
        );
    }

    proptest! {
        #[test]
        fn what_is_written_says_what_was_sent(id in proptest::option::of(any::<i32>()), data in proptest::collection::btree_map(".{0,3}", ".{0,3}", 0..4), metadata in proptest::option::of(".{0,4}")) {
            let mut entry = json!({"op": "PUT", "table": "t", "id": "1", "op_data": data});
            if let Some(metadata) = metadata {
                entry["metadata"] = json!(metadata);
            }
            let mut transaction = json!({"crud": [entry]});
            if let Some(id) = id {
                transaction["transaction_id"] = json!(id);
            }
            let text = whole(json!({"transactions": [transaction]}).to_string());
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), transaction);
            prop_assert_eq!(rewritten(&text, &mut plainly), text);
        }
    }
}
