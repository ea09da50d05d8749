//! Claims of a verified token → [`Principal`] (rule-language, *Variables*, `auth`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::auth::verify::{TokenError, Verified};
use crate::schema::{self, Schema, SchemaFault};
use crate::vocabulary::value;

/// Who asks.
#[derive(Clone, Debug)]
pub struct Principal {
    /// `iss`, where the token has one.
    pub issuer: Option<String>,
    /// `sub`.
    pub subject: String,
    /// All claims, as rules see them: a map.
    pub claims: value::Value,
    /// All claims as JSON text, for `request.jwt.claims`.
    pub claims_json: String,
}

/// What the claims of a token must fit.
#[derive(Clone, Debug, Default)]
pub struct ClaimsSchema {
    schema: Option<Schema>,
    defaults: Map<String, Value>,
}

impl ClaimsSchema {
    /// Compiles `client_auth.claims`; without it every token fits.
    pub fn compile(
        schema: Option<&Value>,
        files: &BTreeMap<String, Value>,
    ) -> Result<Self, Vec<SchemaFault>> {
        let Some(source) = schema else {
            return Ok(Self::default());
        };
        let properties = source.get("properties").and_then(Value::as_object);
        let defaults = properties
            .into_iter()
            .flatten()
            .filter_map(|(name, property)| Some((name.clone(), property.get("default")?.clone())))
            .collect();
        Ok(Self {
            schema: Some(schema::compile(source, files)?),
            defaults,
        })
    }

    /// The principal of a token. Null claims are taken out before the schema is asked, defaults put in after.
    pub fn accept(&self, verified: Verified) -> Result<Principal, TokenError> {
        self.suppose(verified.claims)
    }

    /// The principal of a token that would have these claims: to explain what they lead to, never to let anybody in.
    pub fn suppose(&self, mut claims: Map<String, Value>) -> Result<Principal, TokenError> {
        claims.retain(|_, claim| !claim.is_null());
        let object = Value::Object(claims);
        if let Some(schema) = &self.schema {
            let errors = schema.errors(&object);
            if !errors.is_empty() {
                let named: Vec<String> = errors
                    .into_iter()
                    .map(|error| format!("`{}` {}", error.field.unwrap_or_default(), error.message))
                    .collect();
                return Err(TokenError::Schema(named.join(", ")));
            }
        }
        let Value::Object(mut claims) = object else {
            return Err(TokenError::Malformed("the claims are no object"));
        };
        for (name, default) in &self.defaults {
            claims
                .entry(name.clone())
                .or_insert_with(|| default.clone());
        }
        principal(claims)
    }
}

fn principal(claims: Map<String, Value>) -> Result<Principal, TokenError> {
    let text = |name: &str| {
        claims
            .get(name)
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
    };
    let subject = text("sub").ok_or(TokenError::Claim("sub"))?;
    let issuer = text("iss");
    let claims = Value::Object(claims);
    Ok(Principal {
        issuer,
        subject,
        claims: value::Value::from_json(&claims),
        claims_json: claims.to_string(),
    })
}
