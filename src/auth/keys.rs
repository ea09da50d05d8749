//! Keys that tokens are verified with: JWKS → [`KeySet`].

use std::collections::BTreeMap;

use aws_lc_rs::signature::{self, ParsedPublicKey};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use crate::auth::strict::bytes;
use crate::vocabulary::limits::JWKS_KEYS_MAX;

/// Where a key set comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Written in the settings. Only here are shared secrets (`oct`) allowed.
    Static,
    /// Fetched over the network.
    Fetched,
}

/// One key, and the algorithms it may be used with.
#[derive(Clone)]
pub struct Key {
    /// Its name, where it has one.
    pub kid: Option<String>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) decoding: DecodingKey,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?}, {:?})", self.kid, self.algorithms)
    }
}

/// Usable keys.
#[derive(Clone, Debug, Default)]
pub struct KeySet {
    pub(super) keys: Vec<Key>,
}

impl KeySet {
    /// Reads a JWKS document. Keys that cannot be used are left out, each with a note for the log.
    pub fn parse(jwks: &Value, origin: Origin) -> Result<(Self, Vec<String>), String> {
        let Some(Value::Array(list)) = jwks.get("keys") else {
            return Err("a key set is an object with a list of `keys`".to_owned());
        };
        if list.len() > JWKS_KEYS_MAX {
            return Err(format!("a key set has at most {JWKS_KEYS_MAX} keys"));
        }
        let mut notes = Vec::new();
        let mut keys = Vec::new();
        for (position, jwk) in list.iter().enumerate() {
            match key(jwk, origin) {
                Ok(key) => keys.push(key),
                Err(why) => notes.push(format!("key {position} is left out: {why}")),
            }
        }
        let set = Self { keys }.without_twins(&mut notes);
        Ok((set, notes))
    }

    /// Two keys of one name: neither.
    fn without_twins(mut self, notes: &mut Vec<String>) -> Self {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for kid in self.keys.iter().filter_map(|key| key.kid.as_ref()) {
            *counts.entry(kid.clone()).or_default() += 1;
        }
        counts.retain(|_, count| *count > 1);
        for kid in counts.keys() {
            notes.push(format!(
                "several keys are called `{kid}`: none of them is used"
            ));
        }
        self.keys
            .retain(|key| key.kid.as_ref().is_none_or(|kid| !counts.contains_key(kid)));
        self
    }

    /// All keys of several sets, twins left out.
    pub fn merged<'a>(sets: impl Iterator<Item = &'a Self>) -> Self {
        let keys = sets.flat_map(|set| set.keys.iter().cloned()).collect();
        Self { keys }.without_twins(&mut Vec::new())
    }

    /// Whether there is no usable key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    jwk.get(name).and_then(Value::as_str)
}

fn key(jwk: &Value, origin: Origin) -> Result<Key, String> {
    let Value::Object(jwk) = jwk else {
        return Err("it is no object".to_owned());
    };
    if jwk.get("use").is_some_and(|usage| usage != "sig") {
        return Err("its `use` is not `sig`".to_owned());
    }
    let verifies = jwk.get("key_ops").is_none_or(|ops| {
        ops.as_array()
            .is_some_and(|ops| ops.iter().any(|op| op == "verify"))
    });
    if !verifies {
        return Err("its `key_ops` do not hold `verify`".to_owned());
    }
    let kty = text(jwk, "kty").unwrap_or_default();
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth"];
    if kty != "oct" && private.iter().any(|member| jwk.contains_key(*member)) {
        return Err("it holds the private half".to_owned());
    }
    let (decoding, possible) = match kty {
        "RSA" => rsa(jwk)?,
        "EC" => elliptic(jwk)?,
        "OKP" => edwards(jwk)?,
        "oct" if origin == Origin::Static => secret(jwk)?,
        "oct" => return Err("shared secrets are taken from static keys only".to_owned()),
        other => return Err(format!("its type `{other}` is not known")),
    };
    let algorithms = match jwk.get("alg") {
        None => possible,
        Some(alg) => possible
            .into_iter()
            .filter(|known| Some(name(*known)) == alg.as_str())
            .collect(),
    };
    if algorithms.is_empty() {
        return Err("its `alg` does not fit its type".to_owned());
    }
    let kid = match jwk.get("kid") {
        None => None,
        Some(Value::String(kid)) => Some(kid.clone()),
        Some(_) => return Err("its `kid` is no string".to_owned()),
    };
    Ok(Key {
        kid,
        algorithms,
        decoding,
    })
}

type Usable = (DecodingKey, Vec<Algorithm>);

fn member(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, String> {
    text(jwk, name)
        .and_then(bytes)
        .ok_or_else(|| format!("its `{name}` is missing or no base64url"))
}

fn rsa(jwk: &Map<String, Value>) -> Result<Usable, String> {
    let modulus = member(jwk, "n")?;
    let exponent = member(jwk, "e")?;
    let significant = modulus.iter().skip_while(|byte| **byte == 0).count();
    let bits = significant * 8
        - modulus
            .iter()
            .find(|byte| **byte != 0)
            .map_or(0, |byte| byte.leading_zeros() as usize);
    if !(2048..=8192).contains(&bits) {
        return Err(format!("an RSA key has 2048 to 8192 bits, this one {bits}"));
    }
    use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
    let decoding = DecodingKey::from_rsa_raw_components(&modulus, &exponent);
    Ok((decoding, vec![RS256, RS384, RS512, PS256, PS384, PS512]))
}

fn elliptic(jwk: &Map<String, Value>) -> Result<Usable, String> {
    let (x, y) = (member(jwk, "x")?, member(jwk, "y")?);
    let (algorithm, verification): (_, &'static signature::EcdsaVerificationAlgorithm) =
        match text(jwk, "crv") {
            Some("P-256") => (Algorithm::ES256, &signature::ECDSA_P256_SHA256_FIXED),
            Some("P-384") => (Algorithm::ES384, &signature::ECDSA_P384_SHA384_FIXED),
            _ => return Err("its curve is neither P-256 nor P-384".to_owned()),
        };
    let point: Vec<u8> = std::iter::once(4).chain(x).chain(y).collect();
    ParsedPublicKey::new(verification, &point)
        .map_err(|_| "its point does not lie on its curve".to_owned())?;
    Ok((DecodingKey::from_ec_der(&point), vec![algorithm]))
}

fn edwards(jwk: &Map<String, Value>) -> Result<Usable, String> {
    let x = member(jwk, "x")?;
    if text(jwk, "crv") != Some("Ed25519") {
        return Err("its curve is not Ed25519".to_owned());
    }
    ParsedPublicKey::new(&signature::ED25519, &x)
        .map_err(|_| "its point does not lie on its curve".to_owned())?;
    Ok((DecodingKey::from_ed_der(&x), vec![Algorithm::EdDSA]))
}

fn secret(jwk: &Map<String, Value>) -> Result<Usable, String> {
    let secret = member(jwk, "k")?;
    if secret.len() < 32 {
        return Err("a shared secret has at least 32 bytes".to_owned());
    }
    use Algorithm::{HS256, HS384, HS512};
    let possible = if jwk.contains_key("alg") {
        vec![HS256, HS384, HS512]
    } else {
        vec![HS256]
    };
    Ok((DecodingKey::from_secret(&secret), possible))
}

/// The name of an algorithm in a header.
pub(super) fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::HS256 => "HS256",
        Algorithm::HS384 => "HS384",
        Algorithm::HS512 => "HS512",
        Algorithm::ES256 => "ES256",
        Algorithm::ES384 => "ES384",
        Algorithm::RS256 => "RS256",
        Algorithm::RS384 => "RS384",
        Algorithm::RS512 => "RS512",
        Algorithm::PS256 => "PS256",
        Algorithm::PS384 => "PS384",
        Algorithm::PS512 => "PS512",
        Algorithm::EdDSA => "EdDSA",
        // A name that no header can have: what we do not list is not used.
        _ => "",
    }
}
