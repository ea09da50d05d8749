//! By what a transaction is known: what the client calls itself and it, and what it says (reliability, *Exactly once: the ledger*).

use crate::apply::Upload;
use crate::journal::ledger::Entry;
use crate::journal::{Key, Origin};
use crate::request::Transaction;
use crate::vocabulary::value::{MapKey, Value};

/// What a request says of itself, beside its token.
#[derive(Clone, Debug, Default)]
pub struct Sender {
    /// `X-PowerSync-Client-Id`: the device's own id.
    pub client: Option<String>,
    /// `Idempotency-Key`: what the client calls the request.
    pub idempotency_key: Option<String>,
}

/// A transaction of an upload, as the ledger and the dead letters know it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// The same for every attempt of it.
    pub key: Key,
    /// Its entry in the ledger; none where the client does not name it, or no ledger is kept.
    pub entry: Option<Entry>,
    /// The client's own id.
    pub client: Option<String>,
}

impl Known {
    /// The transaction at a position of an upload.
    pub(super) fn of(upload: &Upload, position: usize, transaction: &Transaction) -> Self {
        let settings = &upload.snapshot.edition.live.idempotency;
        let client = client(upload, settings.client_claim.as_deref());
        let number = number(upload, position, transaction);
        let key = Key::of(&Origin {
            issuer: upload.principal.issuer.as_deref(),
            subject: &upload.principal.subject,
            client: client.as_deref(),
            number: number.as_deref(),
            content: &transaction.content.0,
        });
        let is_recorded = settings.is_on && number.is_some();
        let entry = is_recorded.then(|| match client {
            Some(_) => Entry::new(key),
            None => Entry::anonymous(key, settings.keep_anonymous),
        });
        Self { key, entry, client }
    }
}

fn client(upload: &Upload, claim: Option<&str>) -> Option<String> {
    let is_said = |client: &String| !client.is_empty();
    let said = upload.sender.client.clone().filter(is_said);
    said.or_else(|| claimed(&upload.principal.claims, claim?).filter(is_said))
}

fn claimed(claims: &Value, name: &str) -> Option<String> {
    let Value::Map(claims) = claims else {
        return None;
    };
    match claims.get(&MapKey::String(name.into()))? {
        Value::String(text) => Some(text.to_string()),
        Value::Uuid(uuid) => Some(uuid.to_string()),
        Value::Int(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What the client calls the transaction: by its number, else by the request it came with.
fn number(upload: &Upload, position: usize, transaction: &Transaction) -> Option<String> {
    let request = upload.sender.idempotency_key.as_deref();
    let request = request.filter(|key| !key.is_empty());
    let in_request = || Some(format!("{}/{position}", request?));
    transaction.id.clone().or_else(in_request)
}
