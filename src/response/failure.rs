//! Requests that get no results → status and public sentence. The cause goes to the log alone.

use crate::auth::TokenError;
use crate::request::DecodeError;
use crate::response::Reply;

/// Why a request gets no results. The text of each is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Too many header lines, or too many bytes of them.
    #[error("the header is longer than {bytes_max} bytes, or one of its limits")]
    HeaderTooLarge {
        /// The limit on all of them.
        bytes_max: usize,
    },
    /// There is nothing at this path.
    #[error("there is nothing at this path")]
    UnknownPath,
    /// There is nothing at this path yet.
    #[error("{0} is not supported yet")]
    Unbuilt(&'static str),
    /// The path is there, the method is not.
    #[error("the method is not allowed here")]
    WrongMethod {
        /// The methods that are.
        allowed: &'static str,
    },
    /// Only the operator's own pages may ask this.
    #[error("the `Host` or `Origin` is a foreign one")]
    Foreign,
    /// No `Authorization: Bearer …`, or more than one.
    #[error("there is no bearer token, or more than one")]
    NoToken,
    /// The token does not verify.
    #[error("{0}")]
    BadToken(TokenError),
    /// No usable verification key could be fetched yet.
    #[error("no verification key could be fetched yet")]
    NoKeys,
    /// The rules are not in force yet.
    #[error("the rules are not in force yet: the database has not been read")]
    NoPlan,
    /// There is no room.
    #[error("there is no room: {0}")]
    Crowded(Crowd),
    /// The body is over the hard cap.
    #[error("the body is longer than {bytes_max} bytes")]
    BodyTooLong {
        /// The cap.
        bytes_max: usize,
    },
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    BodyTooSlow,
    /// The body ended before its end.
    #[error("the body broke off: {0}")]
    BodyCut(String),
    /// The content type is not JSON.
    #[error("the content type is not JSON")]
    NotJson,
    /// The content encoding is neither gzip nor absent.
    #[error("the content encoding is not known")]
    UnknownEncoding,
    /// The body is no gzip stream, or it expands beyond measure.
    #[error("the body is no gzip stream that can be read")]
    BadGzip,
    /// The body is not an upload.
    #[error("{0}")]
    Undecodable(DecodeError),
    /// The time for one request is spent.
    #[error("the time for one request is spent")]
    OutOfTime,
    /// Something of ours broke.
    #[error("the request broke: {0}")]
    Broken(String),
}

/// What there is no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Crowd {
    /// Too many connections.
    #[error("connections")]
    Connections,
    /// Too many body bytes in flight.
    #[error("body bytes in flight")]
    Bytes,
    /// Too much of what heavy bodies may weigh together.
    #[error("heavy bodies")]
    Weight,
    /// Too many requests waiting.
    #[error("queue")]
    Queue,
    /// Too many requests waiting for keys.
    #[error("requests waiting for keys")]
    Keys,
    /// Too many requests of one subject.
    #[error("requests of one subject")]
    Subject,
}

/// Seconds after which a device may ask again.
const RETRY_AFTER: &str = "2";

/// The answer to a request that gets no results.
pub fn failure(failure: &Failure) -> Reply {
    let text = failure.to_string();
    match failure {
        Failure::HeaderTooLarge { .. } => Reply::message(431, "the header is too large"),
        Failure::UnknownPath | Failure::Unbuilt("token issuing") => Reply::message(404, &text),
        Failure::WrongMethod { allowed } => Reply::message(405, &text).with("allow", *allowed),
        Failure::Foreign => Reply::message(403, "this listener answers its own host only"),
        Failure::NoToken => unauthorized("a bearer token is required"),
        Failure::BadToken(_) => unauthorized("the token is not accepted"),
        Failure::BodyTooLong { .. } => Reply::message(413, &text),
        Failure::BodyTooSlow => Reply::message(408, &text),
        Failure::BodyCut(_) => Reply::message(400, "the body broke off"),
        Failure::NotJson | Failure::UnknownEncoding => Reply::message(415, &text),
        Failure::BadGzip | Failure::Undecodable(_) => Reply::message(400, &text),
        Failure::Unbuilt(_) => Reply::message(501, &text),
        Failure::NoKeys => later("tokens cannot be verified yet"),
        Failure::NoPlan => later("the rules are not in force yet"),
        Failure::Crowded(_) => later("there is no room for this request now"),
        Failure::OutOfTime => later("this took too long"),
        Failure::Broken(_) => later("this request could not be served"),
    }
}

fn unauthorized(text: &str) -> Reply {
    Reply::message(401, text).with("www-authenticate", "Bearer")
}

/// Doubt is retryable: a device keeps its write and asks again.
pub(super) fn later(text: &str) -> Reply {
    Reply::message(503, text).with("retry-after", RETRY_AFTER)
}
