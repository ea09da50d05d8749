//! `rulegate token`, and the tokens that `rulegate dev` prints.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use crate::auth::development::SigningKey;
use crate::cli::arguments::Signing;
use crate::cli::examine;
use crate::cli::home::Home;
use crate::cli::say::{note, say};
use crate::cli::trouble::Trouble;
use crate::cli::variables::StandIns;
use crate::settings::{ClientAuth, Flags};

/// What PowerSync's own examples use, for a folder that cannot be read.
const AUDIENCE: &str = "powersync";

/// Prints one.
pub fn run(arguments: &Signing) -> Result<(), Trouble> {
    let (key, is_new) = Home::open()?.key()?;
    if is_new {
        note("made a new key: a `rulegate dev` that is running already does not know it yet");
    }
    let loading = examine::load(&arguments.rules, &StandIns::all(), &Flags::default())?;
    let client_auth = loading.settings.map(|settings| settings.client_auth);
    let mut claims = claims(
        &arguments.sub,
        arguments.lifetime,
        &client_auth.unwrap_or_default(),
    );
    claims.extend(arguments.claims.iter().cloned());
    say(&sign(&key, claims)?);
    Ok(())
}

/// The claims of a token that the settings accept.
pub fn claims(subject: &str, lifetime: Duration, client_auth: &ClientAuth) -> Map<String, Value> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), subject.into());
    claims.insert("iat".to_owned(), now.as_secs().into());
    claims.insert("exp".to_owned(), (now + lifetime).as_secs().into());
    let party = client_auth.authorized_parties.first();
    let audience = client_auth.audience.first().map(String::as_str);
    // A source may name a party instead of an audience.
    if let Some(audience) = audience.or(party.is_none().then_some(AUDIENCE)) {
        claims.insert("aud".to_owned(), audience.into());
    }
    if let Some(party) = party {
        claims.insert("azp".to_owned(), party.as_str().into());
    }
    if let Some(issuer) = &client_auth.issuer {
        claims.insert("iss".to_owned(), issuer.as_str().into());
    }
    claims
}

/// Signs them.
pub fn sign(key: &SigningKey, claims: Map<String, Value>) -> Result<String, Trouble> {
    key.sign(&Value::Object(claims))
        .map_err(|error| Trouble::unable(error.to_string()))
}
