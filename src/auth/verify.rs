//! Whether a token is genuine and meant for us.

use serde_json::{Map, Value};

use crate::auth::keys::{Key, KeySet, name};
use crate::auth::strict;
use crate::vocabulary::limits::Limits;

/// Seconds that clocks may differ.
const LEEWAY: i64 = 60;

/// Why a token is refused. For the log; the client sees one constant message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The form is not that of a token.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// The header asks for what we do not do.
    #[error("the token's header is refused: {0}")]
    Header(&'static str),
    /// No key of that name. It may be new.
    #[error("no key fits the token")]
    UnknownKey,
    /// The signature is not this key's.
    #[error("the signature does not verify")]
    Signature,
    /// A registered claim does not hold.
    #[error("the claim `{0}` does not hold")]
    Claim(&'static str),
    /// The claims do not fit the claims schema; the fields that do not.
    #[error("the claims do not fit their schema: {0}")]
    Schema(String),
}

/// What a token must say besides its signature.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    /// Accepted audiences; none means that the audience is not looked at.
    pub audience: Vec<String>,
    /// Accepted `azp`; none likewise.
    pub authorized_parties: Vec<String>,
    /// The issuer, byte for byte.
    pub issuer: Option<String>,
    /// Longest token, in bytes.
    pub bytes_max: usize,
}

/// The claims of a token that verified. Only [`Verifier::verify`] makes one.
#[derive(Clone, Debug)]
pub struct Verified {
    pub(super) claims: Map<String, Value>,
}

/// The claims of a token that nobody verified: to explain what they would lead to, never to let anybody in.
pub fn unverified(token: &str) -> Option<Map<String, Value>> {
    strict::object(token.split('.').nth(1)?)
}

impl Verifier {
    /// A verifier with the default limits, to be narrowed.
    pub fn new(limits: &Limits) -> Self {
        Self {
            bytes_max: limits.authorization_bytes_max,
            ..Self::default()
        }
    }

    /// Verifies a token at a time, in seconds since 1970.
    pub fn verify(&self, keys: &KeySet, token: &str, now: i64) -> Result<Verified, TokenError> {
        if token.len() > self.bytes_max {
            return Err(TokenError::Malformed("too long"));
        }
        let (message, signature) = token
            .rsplit_once('.')
            .ok_or(TokenError::Malformed("not three parts"))?;
        let (header, payload) = message
            .split_once('.')
            .ok_or(TokenError::Malformed("not three parts"))?;
        if payload.contains('.') || strict::bytes(signature).is_none() {
            return Err(TokenError::Malformed("not three parts of base64url"));
        }
        let header =
            strict::object(header).ok_or(TokenError::Malformed("the header is no object"))?;
        let (key, algorithm) = key(keys, &header)?;
        match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key.decoding, algorithm)
        {
            Ok(true) => {}
            Ok(false) | Err(_) => return Err(TokenError::Signature),
        }
        let claims =
            strict::object(payload).ok_or(TokenError::Malformed("the claims are no object"))?;
        self.check(&claims, now)?;
        Ok(Verified { claims })
    }

    /// Whether the registered claims hold at a time, in seconds since 1970.
    pub fn check(&self, claims: &Map<String, Value>, now: i64) -> Result<(), TokenError> {
        let exp = seconds(claims, "exp")?.ok_or(TokenError::Claim("exp"))?;
        if exp + LEEWAY <= now {
            return Err(TokenError::Claim("exp"));
        }
        if seconds(claims, "nbf")?.is_some_and(|nbf| nbf - LEEWAY > now) {
            return Err(TokenError::Claim("nbf"));
        }
        if seconds(claims, "iat")?.is_some_and(|iat| iat - LEEWAY > now) {
            return Err(TokenError::Claim("iat"));
        }
        self.check_issuer(claims)?;
        self.check_audience(claims)?;
        let azp = claims.get("azp").and_then(Value::as_str);
        if !self.authorized_parties.is_empty()
            && !azp.is_some_and(|azp| self.authorized_parties.iter().any(|party| party == azp))
        {
            return Err(TokenError::Claim("azp"));
        }
        let sub = claims
            .get("sub")
            .and_then(Value::as_str)
            .ok_or(TokenError::Claim("sub"))?;
        if sub.trim().is_empty() || sub.len() > 255 || sub.chars().any(char::is_control) {
            return Err(TokenError::Claim("sub"));
        }
        Ok(())
    }

    fn check_issuer(&self, claims: &Map<String, Value>) -> Result<(), TokenError> {
        let holds = match (claims.get("iss"), &self.issuer) {
            (Some(Value::String(iss)), Some(wanted)) => iss == wanted,
            (None | Some(Value::String(_)), None) => true,
            _ => false,
        };
        if holds {
            Ok(())
        } else {
            Err(TokenError::Claim("iss"))
        }
    }

    fn check_audience(&self, claims: &Map<String, Value>) -> Result<(), TokenError> {
        if self.audience.is_empty() {
            return Ok(());
        }
        let accepts = |aud: &Value| {
            aud.as_str()
                .is_some_and(|aud| self.audience.iter().any(|wanted| wanted == aud))
        };
        let holds = match claims.get("aud") {
            Some(Value::Array(list)) => {
                list.iter().any(accepts) && list.iter().all(Value::is_string)
            }
            Some(aud) => accepts(aud),
            None => false,
        };
        if holds {
            Ok(())
        } else {
            Err(TokenError::Claim("aud"))
        }
    }
}

/// A numeric date, whole seconds; `None` where it is absent.
fn seconds(claims: &Map<String, Value>, claim: &'static str) -> Result<Option<i64>, TokenError> {
    let Some(value) = claims.get(claim) else {
        return Ok(None);
    };
    let number = value.as_number().and_then(serde_json::Number::as_f64);
    let number = number.filter(|number| number.is_finite() && number.abs() < 1e15);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "far below the range of i64"
    )]
    number
        .map(|number| Some(number.floor() as i64))
        .ok_or(TokenError::Claim(claim))
}

/// The key a header names, and the algorithm, which must be one of that key's.
fn key<'k>(
    keys: &'k KeySet,
    header: &Map<String, Value>,
) -> Result<(&'k Key, jsonwebtoken::Algorithm), TokenError> {
    if header.contains_key("crit") {
        return Err(TokenError::Header("`crit`"));
    }
    let is_typ = |typ: &Value| {
        typ.as_str().is_some_and(|typ| {
            typ.eq_ignore_ascii_case("JWT") || typ.eq_ignore_ascii_case("at+jwt")
        })
    };
    if header.get("typ").is_some_and(|typ| !is_typ(typ)) {
        return Err(TokenError::Header("`typ`"));
    }
    let alg = header
        .get("alg")
        .and_then(Value::as_str)
        .ok_or(TokenError::Header("`alg`"))?;
    let fits = |key: &&Key| {
        key.algorithms
            .iter()
            .any(|algorithm| name(*algorithm) == alg)
    };
    let key = match header.get("kid") {
        Some(Value::String(kid)) => {
            let named = keys.keys.iter().find(|key| key.kid.as_deref() == Some(kid));
            named.ok_or(TokenError::UnknownKey)?
        }
        Some(_) => return Err(TokenError::Header("`kid`")),
        None => {
            let mut fitting = keys.keys.iter().filter(fits);
            match (fitting.next(), fitting.next()) {
                (Some(only), None) => only,
                _ => return Err(TokenError::UnknownKey),
            }
        }
    };
    let algorithm = key
        .algorithms
        .iter()
        .find(|algorithm| name(**algorithm) == alg);
    algorithm
        .map(|algorithm| (key, *algorithm))
        .ok_or(TokenError::Header("`alg`"))
}
