//! The body of `/api/data` → [`Batch`] (contract, *POST /api/data* and *The other shapes of the same endpoint*).

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use crate::request::content::{self, Digest};
use crate::request::scan::{self, Duplicates, ScanError};
use crate::vocabulary::limits::Limits;
use crate::vocabulary::operation::Verb;

/// Which of the endpoint's shapes a body has. It decides the form of the answer, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `{"transactions": […]}`: one result for each.
    Transactions,
    /// A `batch`, or one operation by its method: one transaction, answered by the status.
    Single,
}

impl Shape {
    /// What the field with an entry's columns is called.
    pub(super) fn data_names(self) -> &'static [&'static str] {
        match self {
            Self::Transactions => &["op_data"],
            Self::Single => &["op_data", "opData", "data"],
        }
    }
}

/// One upload.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The shape it was sent in.
    pub shape: Shape,
    /// In the order they are applied.
    pub transactions: Vec<Transaction>,
}

/// One transaction of an upload.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// The client's number of it, as sent on it or on all of its entries.
    pub id: Option<String>,
    /// Its entries in order; empty where the transaction is too large to be looked at.
    pub operations: Vec<Operation>,
    /// Why it is too large, where it is.
    pub excess: Option<String>,
    /// What it is known by.
    pub content: Digest,
    pub(super) text: content::Text,
}

/// One entry of `crud`.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The verb.
    pub verb: Verb,
    /// The table, by the app's name.
    pub table: Text,
    /// The row's id as sent.
    pub id: Text,
    /// The entry's metadata.
    pub metadata: Option<String>,
    /// Why nothing of it can be stored, whatever the rules say.
    pub defect: Option<Defect>,
    data: Option<Bytes>,
}

/// Text of the body; `None` inside where it holds NUL or half a surrogate pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Option<String>);

impl Text {
    /// The text, where it can be stored at all.
    pub fn as_str(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// One value of the body: a slice of JSON text that was checked.
#[derive(Clone, Debug)]
pub struct Sent(pub(super) Bytes);

/// Why an operation cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// Some string holds NUL or half a surrogate pair.
    Text,
    /// `op_data` has too many keys.
    TooManyKeys,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => {
                "a text holds a NUL character or half a surrogate pair, which cannot be stored"
            }
            Self::TooManyKeys => "`op_data` has too many keys",
        })
    }
}

/// Why a body is not an upload. The text is for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(String);

impl From<ScanError> for DecodeError {
    fn from(error: ScanError) -> Self {
        Self(format!("the body is {error}"))
    }
}

impl Batch {
    fn single(transaction: Transaction) -> Self {
        Self {
            shape: Shape::Single,
            transactions: vec![transaction],
        }
    }
}

impl Transaction {
    fn new(
        id: Option<String>,
        operations: Vec<Operation>,
        excess: Option<String>,
        text: content::Text,
    ) -> Self {
        let content = content::digest(&text);
        Self {
            id,
            operations,
            excess,
            content,
            text,
        }
    }
}

impl Operation {
    /// The fields of `op_data`, in order.
    pub fn fields(&self) -> Vec<(String, Sent)> {
        let Some(data) = &self.data else {
            return Vec::new();
        };
        scan::members(data)
            .into_iter()
            .filter_map(|(key, value)| {
                let name = scan::decoded(data.get(key)?)?.into_owned();
                Some((name, Sent(data.slice(value))))
            })
            .collect()
    }
}

/// Reads the body of a POST.
pub fn decode(body: &Bytes, limits: &Limits) -> Result<Batch, DecodeError> {
    let defects = &mut Vec::new();
    let range = check(body, limits, defects)?;
    Decoder::new(body, defects, limits).batch(&range)
}

/// Reads the body of a PUT, PATCH or DELETE: `{"table": …, "data": {"id": …, …}}`.
pub fn decode_one(body: &Bytes, verb: Verb, limits: &Limits) -> Result<Batch, DecodeError> {
    let defects = &mut Vec::new();
    let range = check(body, limits, defects)?;
    Decoder::new(body, defects, limits).one(&range, verb)
}

/// The JSON value of a body that is UTF-8 JSON within its limits; `defects` get the places of what cannot be stored.
fn check(
    body: &Bytes,
    limits: &Limits,
    defects: &mut Vec<usize>,
) -> Result<Range<usize>, DecodeError> {
    if std::str::from_utf8(body).is_err() {
        return Err(DecodeError("the body is not UTF-8".to_owned()));
    }
    Ok(scan::check(
        body,
        limits.json_depth_max,
        Duplicates::Refused,
        defects,
    )?)
}

struct Decoder<'a> {
    body: &'a Bytes,
    defects: &'a [usize],
    limits: &'a Limits,
}

/// The members of an object, by name; the place names it in messages.
struct Object {
    place: String,
    members: Vec<(String, Range<usize>)>,
}

impl Object {
    fn find(&self, name: &str) -> Option<&Range<usize>> {
        self.members
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, range)| range)
    }

    fn named(&self, name: &str) -> String {
        if self.place.is_empty() {
            format!("`{name}`")
        } else {
            format!("`{}.{name}`", self.place)
        }
    }
}

impl<'a> Decoder<'a> {
    fn new(body: &'a Bytes, defects: &'a [usize], limits: &'a Limits) -> Self {
        Self {
            body,
            defects,
            limits,
        }
    }

    fn batch(&self, range: &Range<usize>) -> Result<Batch, DecodeError> {
        let object = self.object(range, String::new(), "the body")?;
        match (object.find("transactions"), object.find("batch")) {
            (Some(list), None) => self.transactions(list),
            (None, Some(list)) => {
                let transaction = self.crud(&object, list, "batch", None, Shape::Single)?;
                Ok(Batch::single(transaction))
            }
            (Some(_), Some(_)) => Err(DecodeError(
                "`transactions` stands beside `batch`: send one of them".to_owned(),
            )),
            (None, None) => Err(DecodeError("`transactions` is missing".to_owned())),
        }
    }

    fn transactions(&self, list: &Range<usize>) -> Result<Batch, DecodeError> {
        let items = self.array(list, "`transactions`")?;
        if items.is_empty() || items.len() > self.limits.batch_transactions_max {
            return Err(DecodeError(format!(
                "`transactions` holds {} items, where 1 to {} are allowed",
                items.len(),
                self.limits.batch_transactions_max
            )));
        }
        let transactions = items
            .iter()
            .enumerate()
            .map(|(position, range)| self.transaction(range, format!("transactions[{position}]")))
            .collect::<Result<_, _>>()?;
        Ok(Batch {
            shape: Shape::Transactions,
            transactions,
        })
    }

    fn one(&self, range: &Range<usize>, verb: Verb) -> Result<Batch, DecodeError> {
        let object = self.object(range, String::new(), "the body")?;
        let Some(data) = self.optional_object(&object, "data")? else {
            return Err(DecodeError("`data` is missing".to_owned()));
        };
        let members = self.object(&data, "data".to_owned(), "`data`")?;
        let id = self.text(&members, "id")?;
        let operation = self.entry(&object, range, verb, id, Some(data))?;
        let excess = self.excess(range.len(), 1);
        let operations = if excess.is_none() {
            vec![operation]
        } else {
            Vec::new()
        };
        let text = content::Text::One(self.body.slice(range.clone()), verb);
        Ok(Batch::single(Transaction::new(
            None, operations, excess, text,
        )))
    }

    fn transaction(&self, range: &Range<usize>, place: String) -> Result<Transaction, DecodeError> {
        let named = format!("`{place}`");
        let object = self.object(range, place, &named)?;
        let id = self.integer(&object, "transaction_id")?;
        let list = object
            .find("crud")
            .ok_or_else(|| DecodeError(format!("{} is missing", object.named("crud"))))?;
        self.crud(&object, list, "crud", id, Shape::Transactions)
    }

    /// The transaction of a list of entries, which stands under `name`.
    fn crud(
        &self,
        object: &Object,
        list: &Range<usize>,
        name: &str,
        id: Option<String>,
        shape: Shape,
    ) -> Result<Transaction, DecodeError> {
        let items = self.array(list, &object.named(name))?;
        let excess = self.excess(list.len(), items.len());
        let place = object.named(name);
        let place = place.trim_matches('`');
        let mut operations = Vec::new();
        let mut ids: Option<Option<String>> = None;
        for (position, range) in items.iter().enumerate() {
            let (id, operation) = self.operation(range, format!("{place}[{position}]"), shape)?;
            ids = match ids {
                None => Some(id),
                Some(shared) => Some(shared.filter(|shared| id.as_ref() == Some(shared))),
            };
            // What is too large is checked, and not kept.
            if excess.is_none() {
                operations.push(operation);
            }
        }
        let text = content::Text::List(self.body.slice(list.clone()), shape);
        let id = id.or(ids.flatten());
        Ok(Transaction::new(id, operations, excess, text))
    }

    fn excess(&self, bytes: usize, operations: usize) -> Option<String> {
        let limits = self.limits;
        if operations > limits.transaction_operations_max {
            return Some(format!(
                "{operations} operations are more than {} in one transaction",
                limits.transaction_operations_max
            ));
        }
        (bytes > limits.transaction_bytes_max).then(|| {
            format!(
                "{bytes} bytes are more than {} in one transaction",
                limits.transaction_bytes_max
            )
        })
    }

    fn operation(
        &self,
        range: &Range<usize>,
        place: String,
        shape: Shape,
    ) -> Result<(Option<String>, Operation), DecodeError> {
        let named = format!("`{place}`");
        let object = self.object(range, place, &named)?;
        let verb = self.text(&object, "op")?;
        let verb = verb.as_str().and_then(Verb::parse).ok_or_else(|| {
            DecodeError(format!(
                "{} must be `PUT`, `PATCH` or `DELETE`",
                object.named("op")
            ))
        })?;
        let data = self.data(&object, verb, shape)?;
        self.optional_object(&object, "previous_values")?;
        let id = self.text(&object, "id")?;
        let operation = self.entry(&object, range, verb, id, data)?;
        Ok((self.integer(&object, "transaction_id")?, operation))
    }

    /// The columns of an entry, under whichever name its shape has for them.
    fn data(
        &self,
        object: &Object,
        verb: Verb,
        shape: Shape,
    ) -> Result<Option<Range<usize>>, DecodeError> {
        let names = shape.data_names().iter();
        let mut sent = names.filter(|name| object.find(name).is_some());
        let Some(name) = sent.next() else {
            return Ok(None);
        };
        if let Some(second) = sent.next() {
            return Err(DecodeError(format!(
                "{} stands beside `{second}`: send one of them",
                object.named(name)
            )));
        }
        let is_null = object
            .find(name)
            .is_some_and(|range| self.slice(range) == b"null");
        if is_null && verb == Verb::Delete && shape == Shape::Single {
            return Ok(None);
        }
        self.optional_object(object, name)
    }

    fn entry(
        &self,
        object: &Object,
        range: &Range<usize>,
        verb: Verb,
        id: Text,
        data: Option<Range<usize>>,
    ) -> Result<Operation, DecodeError> {
        let metadata = match object.find("metadata") {
            Some(_) => self.text(object, "metadata")?.0,
            None => None,
        };
        Ok(Operation {
            verb,
            table: self.text(object, "table")?,
            id,
            metadata,
            defect: self.defect(
                range,
                data.as_ref().filter(|_| verb == Verb::Delete),
                data.as_ref(),
            ),
            data: data.map(|range| self.body.slice(range)),
        })
    }

    /// What makes an operation impossible to store. What a DELETE carries is never looked at.
    fn defect(
        &self,
        entry: &Range<usize>,
        skipped: Option<&Range<usize>>,
        data: Option<&Range<usize>>,
    ) -> Option<Defect> {
        let first = self.defects.partition_point(|at| *at < entry.start);
        let inside = self
            .defects
            .get(first..)
            .unwrap_or_default()
            .iter()
            .take_while(|at| entry.contains(at));
        if inside
            .into_iter()
            .any(|at| !skipped.is_some_and(|range| range.contains(at)))
        {
            return Some(Defect::Text);
        }
        let keys = data
            .filter(|_| skipped.is_none())
            .and_then(|range| self.body.get(range.clone()));
        keys.is_some_and(|data| scan::members(data).len() > self.limits.op_data_keys_max)
            .then_some(Defect::TooManyKeys)
    }

    fn object(
        &self,
        range: &Range<usize>,
        place: String,
        named: &str,
    ) -> Result<Object, DecodeError> {
        let text = self.slice(range);
        if text.first() != Some(&b'{') {
            return Err(DecodeError(format!("{named} must be an object")));
        }
        let members = scan::members(text)
            .into_iter()
            .filter_map(|(key, value)| {
                let name = scan::decoded(text.get(key)?)?.into_owned();
                Some((name, value.start + range.start..value.end + range.start))
            })
            .collect();
        Ok(Object { place, members })
    }

    fn array(&self, range: &Range<usize>, named: &str) -> Result<Vec<Range<usize>>, DecodeError> {
        let text = self.slice(range);
        if text.first() != Some(&b'[') {
            return Err(DecodeError(format!("{named} must be an array")));
        }
        let items = scan::items(text).into_iter();
        Ok(items
            .map(|item| item.start + range.start..item.end + range.start)
            .collect())
    }

    fn text(&self, object: &Object, name: &str) -> Result<Text, DecodeError> {
        let raw = object.find(name).map(|range| self.slice(range));
        match raw {
            Some(raw) if raw.first() == Some(&b'"') => {
                Ok(Text(scan::decoded(raw).map(Cow::into_owned)))
            }
            Some(_) => Err(DecodeError(format!(
                "{} must be a string",
                object.named(name)
            ))),
            None => Err(DecodeError(format!("{} is missing", object.named(name)))),
        }
    }

    fn integer(&self, object: &Object, name: &str) -> Result<Option<String>, DecodeError> {
        let Some(range) = object.find(name) else {
            return Ok(None);
        };
        let text = std::str::from_utf8(self.slice(range)).unwrap_or_default();
        let digits = text.strip_prefix('-').unwrap_or(text);
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Some(text.to_owned()))
        } else {
            Err(DecodeError(format!(
                "{} must be an integer",
                object.named(name)
            )))
        }
    }

    fn optional_object(
        &self,
        object: &Object,
        name: &str,
    ) -> Result<Option<Range<usize>>, DecodeError> {
        match object.find(name) {
            Some(range) if self.slice(range).first() == Some(&b'{') => Ok(Some(range.clone())),
            Some(_) => Err(DecodeError(format!(
                "{} must be an object",
                object.named(name)
            ))),
            None => Ok(None),
        }
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.body.get(range.clone()).unwrap_or_default()
    }
}
