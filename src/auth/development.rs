//! Keys and tokens for development: `rulegate dev`, `rulegate token`.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Why a development key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(String);

/// An ES256 key pair that signs development tokens.
pub struct SigningKey {
    pem: String,
    kid: String,
    public: Vec<u8>,
    encoding: EncodingKey,
}

impl SigningKey {
    /// Makes a new one.
    pub fn generate() -> Result<Self, KeyError> {
        let broken = |_| KeyError("no key could be made".to_owned());
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(broken)?;
        let der = pair.to_pkcs8v1().map_err(broken)?;
        let lines: Vec<String> = STANDARD
            .encode(der.as_ref())
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        Self::from_pem(&format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            lines.join("\n")
        ))
    }

    /// Reads one from PEM text (PKCS#8).
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let unreadable = || KeyError("this is no ES256 private key in PEM (PKCS#8)".to_owned());
        let body: String = pem
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect();
        let der = STANDARD.decode(body.trim()).map_err(|_| unreadable())?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der)
            .map_err(|_| unreadable())?;
        let public = pair.public_key().as_ref().to_vec();
        let kid = name(&public);
        Ok(Self {
            pem: pem.to_owned(),
            kid,
            encoding: EncodingKey::from_ec_pem(pem.as_bytes()).map_err(|_| unreadable())?,
            public,
        })
    }

    /// The key as PEM text. Keep it from others.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The public half as a JWKS document.
    pub fn jwks(&self) -> Value {
        let half = |from: usize| {
            URL_SAFE_NO_PAD.encode(self.public.get(from..from + 32).unwrap_or_default())
        };
        json!({"keys": [{
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid, "x": half(1), "y": half(33),
        }]})
    }

    /// Signs claims.
    pub fn sign(&self, claims: &Value) -> Result<String, KeyError> {
        let header = Header {
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::ES256)
        };
        jsonwebtoken::encode(&header, claims, &self.encoding)
            .map_err(|error| KeyError(error.to_string()))
    }
}

/// A short name for a key, from its public half.
fn name(public: &[u8]) -> String {
    let digest = Sha256::digest(public);
    URL_SAFE_NO_PAD.encode(digest.get(..8).unwrap_or_default())
}
