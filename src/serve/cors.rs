//! What lets a browser read every answer (contract, *CORS*).

use crate::response::Reply;

const REQUEST_HEADERS: &str = "authorization, content-type, content-encoding, idempotency-key, x-powersync-client-id, x-request-id";
const EXPOSED_HEADERS: &str = "x-request-id, x-rules-version, retry-after";
/// Seconds a browser keeps a preflight's answer.
const MAX_AGE: &str = "7200";

/// Adds the headers of every answer.
pub fn open(reply: Reply, origins: &[String], origin: Option<&str>) -> Reply {
    let reply = reply.with("access-control-expose-headers", EXPOSED_HEADERS);
    if origins.iter().any(|allowed| allowed == "*") {
        return reply.with("access-control-allow-origin", "*");
    }
    let reply = reply.with("vary", "origin");
    match origin.filter(|origin| origins.iter().any(|allowed| allowed == origin)) {
        Some(origin) => reply.with("access-control-allow-origin", origin),
        None => reply,
    }
}

/// The answer to `OPTIONS`, on every path: a browser that is refused here could not read the answer that says why.
pub fn preflight(methods: &str) -> Reply {
    Reply::empty(204)
        .with("allow", methods)
        .with("access-control-allow-methods", methods)
        .with("access-control-allow-headers", REQUEST_HEADERS)
        .with("access-control-max-age", MAX_AGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrowed_origin_is_named_and_a_foreign_one_is_not() {
        let origins = ["https://app.example.com".to_owned()];
        let rows = [
            (
                Some("https://app.example.com"),
                Some("https://app.example.com"),
            ),
            (Some("https://evil.example.com"), None),
            (Some("null"), None),
            (None, None),
        ];
        for (origin, wanted) in rows {
            let reply = open(Reply::empty(200), &origins, origin);
            let allowed = reply
                .headers
                .iter()
                .find(|(name, _)| *name == "access-control-allow-origin")
                .map(|(_, value)| value.as_str());
            assert_eq!(allowed, wanted);
            assert!(reply.headers.contains(&("vary", "origin".to_owned())));
        }
    }
}
