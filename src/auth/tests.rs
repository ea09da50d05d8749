use super::*;
use crate::auth::development::SigningKey;
use crate::vocabulary::limits::Limits;
use crate::vocabulary::value::{MapKey, Value};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const NOW: i64 = 1_800_000_000;
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().unwrap());

fn verifier() -> Verifier {
    Verifier {
        audience: vec!["powersync".to_owned()],
        issuer: Some("https://issuer".to_owned()),
        ..Verifier::new(&Limits::default())
    }
}

fn claims() -> serde_json::Value {
    json!({"sub": "ann", "iss": "https://issuer", "aud": "powersync", "exp": NOW + 300, "iat": NOW})
}

fn keys() -> KeySet {
    KeySet::parse(&KEY.jwks(), Origin::Fetched).unwrap().0
}

fn secret_keys() -> KeySet {
    let jwks = json!({"keys": [{"kty": "oct", "kid": "s", "k": URL_SAFE_NO_PAD.encode(SECRET)}]});
    KeySet::parse(&jwks, Origin::Static).unwrap().0
}

/// A token with any header and claims whose signature is right.
fn signed(header: &str, claims: &str) -> String {
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let key = EncodingKey::from_secret(SECRET);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

#[test]
fn a_good_token_verifies_and_gives_its_principal() {
    let verified = verifier()
        .verify(&keys(), &KEY.sign(&claims()).unwrap(), NOW)
        .unwrap();
    let schema = json!({"properties": {"role": {"default": "guest"}}});
    let schema = ClaimsSchema::compile(Some(&schema), &BTreeMap::new()).unwrap();
    let principal = schema.accept(verified).unwrap();
    assert_eq!(principal.subject, "ann");
    let Value::Map(map) = principal.claims else {
        panic!("claims are a map")
    };
    assert_eq!(
        map.get(&MapKey::String("role".into())),
        Some(&Value::string("guest"))
    );
}

#[test]
fn each_rule_about_claims_refuses_what_breaks_it() {
    let rows: [(&str, serde_json::Value, &str); 17] = [
        ("exp", json!(NOW - 61), "exp"),
        ("exp", json!(null), "exp"),
        ("exp", json!("soon"), "exp"),
        ("nbf", json!(NOW + 61), "nbf"),
        ("nbf", json!("x"), "nbf"),
        ("iat", json!(NOW + 61), "iat"),
        ("iat", json!({}), "iat"),
        ("iss", json!("https://issuer/"), "iss"),
        ("iss", json!(["https://issuer"]), "iss"),
        ("iss", json!(null), "iss"),
        ("aud", json!("other"), "aud"),
        ("aud", json!(["other", 3]), "aud"),
        ("aud", json!(null), "aud"),
        ("sub", json!(""), "sub"),
        ("sub", json!("  "), "sub"),
        ("sub", json!("a\u{7}"), "sub"),
        ("sub", json!("x".repeat(256)), "sub"),
    ];
    for (name, value, claim) in rows {
        let mut claims = claims();
        claims[name] = value.clone();
        let token = KEY.sign(&claims).unwrap();
        let refused = verifier().verify(&keys(), &token, NOW).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("the claim `{claim}` does not hold"),
            "{name}: {value}"
        );
    }
}

#[test]
fn clocks_may_differ_by_a_minute_and_the_audience_may_be_one_of_a_list() {
    for (name, value) in [
        ("exp", json!(NOW - 59)),
        ("nbf", json!(NOW + 59)),
        ("iat", json!(NOW + 60)),
        ("aud", json!(["x", "powersync"])),
    ] {
        let mut claims = claims();
        claims[name] = value;
        assert!(
            verifier()
                .verify(&keys(), &KEY.sign(&claims).unwrap(), NOW)
                .is_ok(),
            "{name}"
        );
    }
}

#[test]
fn each_rule_about_headers_and_form_refuses_what_breaks_it() {
    let good = claims().to_string();
    let rows = [
        (r#"{"alg":"none"}"#, good.as_str()),
        (r#"{"alg":"HS512","kid":"s"}"#, &good),
        (r#"{"alg":"RS256","kid":"s"}"#, &good),
        (r#"{"alg":"HS256","kid":"t"}"#, &good),
        (r#"{"alg":"HS256","kid":1}"#, &good),
        (r#"{"alg":"HS256","kid":"s","crit":[]}"#, &good),
        (r#"{"alg":"HS256","kid":"s","typ":"JWE"}"#, &good),
        (r#"{"alg":"HS256","alg":"HS256","kid":"s"}"#, &good),
        (r#"["HS256"]"#, &good),
        (r#"{"alg":"HS256","kid":"s"}"#, "[]"),
        (
            r#"{"alg":"HS256","kid":"s"}"#,
            r#"{"sub":"ann","sub":"bob"}"#,
        ),
    ];
    for (header, claims) in rows {
        assert!(
            verifier()
                .verify(&secret_keys(), &signed(header, claims), NOW)
                .is_err(),
            "{header} {claims}"
        );
    }
    for header in [
        r#"{"alg":"HS256","kid":"s","typ":"jwt"}"#,
        r#"{"alg":"HS256","typ":"AT+JWT"}"#,
        r#"{"alg":"HS256","jku":"http://x"}"#,
    ] {
        assert!(
            verifier()
                .verify(&secret_keys(), &signed(header, &good), NOW)
                .is_ok(),
            "{header}"
        );
    }
    let padded = format!("{}=", signed(r#"{"alg":"HS256"}"#, &good));
    assert!(verifier().verify(&secret_keys(), &padded, NOW).is_err());
}

#[test]
fn keys_that_must_not_be_used_are_left_out() {
    let good = KEY.jwks()["keys"][0].clone();
    let with = |name: &str, value: serde_json::Value| {
        let mut key = good.clone();
        key[name] = value;
        key
    };
    let short = json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode([0xff; 128]), "e": "AQAB"});
    let rows = [
        ("use", with("use", json!("enc"))),
        ("key_ops", with("key_ops", json!(["sign"]))),
        ("private", with("d", json!("AAAA"))),
        ("alg", with("alg", json!("RS256"))),
        ("curve", with("crv", json!("P-521"))),
        ("point", with("x", json!(URL_SAFE_NO_PAD.encode([7; 32])))),
        ("type", with("kty", json!("XX"))),
        ("short", short),
        (
            "fetched secret",
            json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET)}),
        ),
    ];
    for (what, key) in rows {
        let (set, notes) = KeySet::parse(&json!({"keys": [key]}), Origin::Fetched).unwrap();
        assert!(set.is_empty() && notes.len() == 1, "{what}");
    }
    let twins = json!({"keys": [good.clone(), good]});
    assert!(KeySet::parse(&twins, Origin::Fetched).unwrap().0.is_empty());
    let weak = json!({"keys": [{"kty": "oct", "k": URL_SAFE_NO_PAD.encode(&SECRET[1..])}]});
    assert!(KeySet::parse(&weak, Origin::Static).unwrap().0.is_empty());
}

#[test]
fn every_algorithm_of_a_key_verifies_what_it_signed() {
    let ed = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
    use aws_lc_rs::signature::KeyPair as _;
    let jwks = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "e", "x": URL_SAFE_NO_PAD.encode(ed.public_key().as_ref())}]});
    let der = ed.to_pkcs8v1().unwrap();
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some("e".to_owned());
    let token =
        jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_ed_der(der.as_ref())).unwrap();
    let (keys, _) = KeySet::parse(&jwks, Origin::Fetched).unwrap();
    assert!(verifier().verify(&keys, &token, NOW).is_ok());
    let secret = jsonwebtoken::encode(
        &Header::new(Algorithm::HS256),
        &claims(),
        &EncodingKey::from_secret(SECRET),
    )
    .unwrap();
    assert!(verifier().verify(&secret_keys(), &secret, NOW).is_ok());
    assert_eq!(
        verifier().verify(&keys, &secret, NOW).unwrap_err(),
        TokenError::UnknownKey
    );
}

proptest! {
    #[test]
    fn no_text_verifies_or_panics(token in ".{0,80}|[A-Za-z0-9_-]{0,20}\\.[A-Za-z0-9_-]{0,20}\\.[A-Za-z0-9_-]{0,20}") {
        prop_assert!(verifier().verify(&keys(), &token, NOW).is_err());
    }

    #[test]
    fn a_token_with_a_byte_changed_never_verifies(at in 0_usize..400, by in 1_u8..=255) {
        let token = KEY.sign(&claims()).unwrap();
        let mut bytes = token.into_bytes();
        let at = at % bytes.len();
        bytes[at] = bytes[at].wrapping_add(by);
        if let Ok(token) = String::from_utf8(bytes) {
            prop_assert!(verifier().verify(&keys(), &token, NOW).is_err());
        }
    }
}
