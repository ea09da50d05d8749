//! The head of a request: what its path, method and headers say, and whether they are within their limits.

use hyper::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, ORIGIN,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};

use crate::apply::Sender;
use crate::response::Failure;
use crate::vocabulary::limits::Limits;

/// Bytes of an `x-request-id` that we take over.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// Where a request goes. Paths that nobody serves have no other name: a log never shows what a stranger typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/`
    Root,
    /// `/livez`
    Live,
    /// `/readyz`
    Ready,
    /// `/api/data`
    Data,
    /// `/api/auth/*` and the key set.
    Tokens,
    /// Anything else.
    Unknown,
}

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// As it is.
    Plain,
    /// gzip.
    Gzip,
}

impl Route {
    /// The route of a path. A trailing slash is accepted.
    pub fn of(path: &str) -> Self {
        match path.strip_suffix('/').unwrap_or(path) {
            "" => Self::Root,
            "/livez" => Self::Live,
            "/readyz" => Self::Ready,
            "/api/data" => Self::Data,
            "/.well-known/jwks.json" | "/api/auth/token" | "/api/auth/keys" => Self::Tokens,
            _ => Self::Unknown,
        }
    }

    /// Its name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "/",
            Self::Live => "/livez",
            Self::Ready => "/readyz",
            Self::Data => "/api/data",
            Self::Tokens => "/api/auth",
            Self::Unknown => "(unknown)",
        }
    }

    /// The methods it has.
    pub fn methods(self) -> &'static str {
        match self {
            Self::Root | Self::Live | Self::Ready => "GET, HEAD, OPTIONS",
            Self::Data => "POST, PUT, PATCH, DELETE, OPTIONS",
            Self::Tokens | Self::Unknown => "GET, POST, OPTIONS",
        }
    }

    /// Checks the method.
    pub fn admits(self, method: &Method) -> Result<(), Failure> {
        let allowed = self.methods();
        match self {
            Self::Unknown => Err(Failure::UnknownPath),
            Self::Tokens => Err(Failure::Unbuilt("token issuing")),
            _ if allowed.split(", ").any(|name| name == method.as_str()) => Ok(()),
            _ => Err(Failure::WrongMethod { allowed }),
        }
    }
}

/// Whether the headers are within their limits.
pub fn within_limits(parts: &Parts, limits: &Limits) -> Result<(), Failure> {
    // As they were on the wire: `name: value` and a line's end.
    let bytes: usize = parts
        .headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    let line = parts.uri.path().len() + parts.uri.query().map_or(0, str::len);
    let token = parts.headers.get_all(AUTHORIZATION).iter();
    let is_within = parts.headers.len() <= limits.headers_max
        && bytes + line <= limits.header_bytes_max
        && token.map(HeaderValue::len).max().unwrap_or(0) <= limits.authorization_bytes_max;
    if is_within {
        Ok(())
    } else {
        Err(Failure::HeaderTooLarge {
            bytes_max: limits.header_bytes_max,
        })
    }
}

/// The one value of a header; `None` where it is absent, stands twice, or is no text.
pub fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// The token of exactly one `Authorization: Bearer …`, the scheme in any case.
pub fn bearer(headers: &HeaderMap) -> Result<&str, Failure> {
    only(headers, &AUTHORIZATION)
        .and_then(|value| value.trim().split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .filter(|token| !token.is_empty())
        .ok_or(Failure::NoToken)
}

/// The length a body announces; `None` where it comes in chunks.
pub fn content_length(headers: &HeaderMap) -> Option<usize> {
    only(headers, &CONTENT_LENGTH)?.trim().parse().ok()
}

/// Checks that the body is JSON, and says how it is packed.
pub fn content(headers: &HeaderMap) -> Result<Packing, Failure> {
    let kind = only(headers, &CONTENT_TYPE).ok_or(Failure::NotJson)?;
    let mut parts = kind.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let is_json =
        name == "application/json" || (name.starts_with("application/") && name.ends_with("+json"));
    let is_utf8 = parts
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
        .all(|(_, value)| value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8"));
    if !is_json || !is_utf8 {
        return Err(Failure::NotJson);
    }
    if !headers.contains_key(CONTENT_ENCODING) {
        return Ok(Packing::Plain);
    }
    match only(headers, &CONTENT_ENCODING).map(|value| value.trim().to_ascii_lowercase()) {
        Some(value) if value == "gzip" || value == "x-gzip" => Ok(Packing::Gzip),
        Some(value) if value.is_empty() || value == "identity" => Ok(Packing::Plain),
        _ => Err(Failure::UnknownEncoding),
    }
}

/// The client's `x-request-id`, where it can be printed anywhere.
pub fn request_id(headers: &HeaderMap) -> Option<&str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/+=".contains(c);
    only(headers, &HeaderName::from_static("x-request-id"))
        .filter(|id| !id.is_empty() && id.len() <= REQUEST_ID_BYTES_MAX && id.chars().all(is_plain))
}

/// What a request says of itself, so that it is known again. A header that is there twice says both, and bytes that are no text stay themselves.
pub fn sender(headers: &HeaderMap) -> Sender {
    let said = |name: &str| {
        let values = headers.get_all(name).iter();
        let texts: Vec<String> = values
            .map(|value| value.as_bytes().escape_ascii().to_string())
            .collect();
        (!texts.is_empty()).then(|| texts.join(", "))
    };
    Sender {
        client: said("x-powersync-client-id"),
        idempotency_key: said("idempotency-key"),
    }
}

/// The origin a browser names.
pub fn origin(headers: &HeaderMap) -> Option<&str> {
    only(headers, &ORIGIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Line = (&'static str, &'static str);

    fn headers(lines: &[Line]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .fold(HeaderMap::new(), |mut map, (name, value)| {
                map.append(name, value);
                map
            })
    }

    #[test]
    fn a_token_is_taken_from_exactly_one_header_of_the_scheme() {
        let rows: [(&[&'static str], Option<&str>); 9] = [
            (&["Bearer a.b.c"], Some("a.b.c")),
            (&["bEARER  a.b.c "], Some("a.b.c")),
            (&[], None),
            (&["Bearer"], None),
            (&["Bearer "], None),
            (&["Basic a.b.c"], None),
            (&["Token a.b.c"], None),
            (&["Bearer a", "Bearer b"], None),
            (&["Bearer a", "Basic b"], None),
        ];
        for (lines, wanted) in rows {
            let lines: Vec<_> = lines.iter().map(|line| ("authorization", *line)).collect();
            assert_eq!(bearer(&headers(&lines)).ok(), wanted, "{lines:?}");
        }
    }

    #[test]
    fn a_body_is_json_in_utf_8_plain_or_in_gzip() {
        let json = ("content-type", "application/json");
        let rows: [(&[Line], Result<Packing, Failure>); 10] = [
            (&[json], Ok(Packing::Plain)),
            (
                &[("content-type", "Application/JSON; charset=\"UTF-8\"")],
                Ok(Packing::Plain),
            ),
            (
                &[("content-type", "application/vnd.app+json")],
                Ok(Packing::Plain),
            ),
            (&[json, ("content-encoding", "gzip")], Ok(Packing::Gzip)),
            (
                &[json, ("content-encoding", "identity")],
                Ok(Packing::Plain),
            ),
            (
                &[json, ("content-encoding", "br")],
                Err(Failure::UnknownEncoding),
            ),
            (
                &[json, ("content-encoding", "gzip, gzip")],
                Err(Failure::UnknownEncoding),
            ),
            (&[], Err(Failure::NotJson)),
            (&[("content-type", "text/plain")], Err(Failure::NotJson)),
            (
                &[("content-type", "application/json; charset=utf-16")],
                Err(Failure::NotJson),
            ),
        ];
        for (lines, wanted) in rows {
            assert_eq!(content(&headers(lines)), wanted, "{lines:?}");
        }
    }

    #[test]
    fn only_a_plain_request_id_is_taken_over() {
        let rows = [
            ("0af7651916cd43dd8448eb211c80319c", true),
            ("a-b_c.d:e/f+g=", true),
            ("", false),
            ("a b", false),
            ("a\"b", false),
            ("a{b", false),
        ];
        for (id, taken) in rows {
            let headers = headers(&[("x-request-id", id)]);
            assert_eq!(request_id(&headers), taken.then_some(id));
        }
    }

    #[test]
    fn a_path_may_end_in_one_slash() {
        let rows = [
            ("/api/data", Route::Data),
            ("/api/data/", Route::Data),
            ("/api/data//", Route::Unknown),
            ("/api/data/checkpoint", Route::Unknown),
            ("/API/data", Route::Unknown),
            ("/", Route::Root),
            ("/readyz/", Route::Ready),
            ("/.well-known/jwks.json", Route::Tokens),
        ];
        for (path, route) in rows {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }
}
