//! Every limit, by name: reliability, *Limits*.

use std::time::Duration;

macro_rules! limits {
    ($( $(#[$doc:meta])* $name:ident: $kind:ty = $default:expr; )*) => {
        /// The limits of a running gateway. Each may be set by its name under `limits:` in rulegate.yaml.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits { $( $(#[$doc])* pub $name: $kind, )* }

        impl Default for Limits {
            fn default() -> Self {
                Self { $( $name: $default, )* }
            }
        }

        impl Limits {
            /// The names, in the order of the page.
            pub const NAMES: &'static [&'static str] = &[$( stringify!($name), )*];

            /// Hands the limit of that name to `visit`; `None` where there is none.
            pub fn with<R>(&mut self, name: &str, visit: impl FnOnce(Limit<'_>) -> R) -> Option<R> {
                match name {
                    $( stringify!($name) => Some(visit((&mut self.$name).into())), )*
                    _ => None,
                }
            }
        }
    };
}

/// One limit, to be read or set.
pub enum Limit<'a> {
    /// A count, or a number of bytes.
    Count(&'a mut usize),
    /// A time.
    Time(&'a mut Duration),
}

impl<'a> From<&'a mut usize> for Limit<'a> {
    fn from(count: &'a mut usize) -> Self {
        Self::Count(count)
    }
}

impl<'a> From<&'a mut Duration> for Limit<'a> {
    fn from(time: &'a mut Duration) -> Self {
        Self::Time(time)
    }
}

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

limits! {
    /// Bytes of one request body; beyond it 413.
    body_bytes_max: usize = 32 * MIB;
    /// Bytes of one transaction; beyond it `TRANSACTION_TOO_LARGE`.
    transaction_bytes_max: usize = 8 * MIB;
    /// Operations of one transaction; beyond it `TRANSACTION_TOO_LARGE`.
    transaction_operations_max: usize = 10_000;
    /// Transactions of one upload; beyond it 400.
    batch_transactions_max: usize = 50;
    /// Depth of the body's JSON; beyond it 400.
    json_depth_max: usize = 64;
    /// Bytes of an id; beyond it `INVALID_DATA`.
    id_bytes_max: usize = 1024;
    /// Keys of one `op_data`; beyond it `INVALID_DATA`.
    op_data_keys_max: usize = 1600;
    /// Body bytes of all requests under way; beyond it 503.
    in_flight_bytes_max: usize = 256 * MIB;
    /// Header lines of one request.
    headers_max: usize = 100;
    /// Bytes of all header lines of one request.
    header_bytes_max: usize = 16 * KIB;
    /// Bytes of the `Authorization` header and of a token.
    authorization_bytes_max: usize = 8 * KIB;
    /// Time to send the header.
    header_read_timeout: Duration = Duration::from_secs(10);
    /// Time to send the body.
    body_read_timeout: Duration = Duration::from_secs(20);
    /// Time an idle connection is kept.
    keep_alive_timeout: Duration = Duration::from_secs(75);
    /// Time for one request.
    request_timeout: Duration = Duration::from_secs(25);
    /// Time for one statement in the database.
    statement_timeout: Duration = Duration::from_secs(10);
    /// Time a statement waits for a lock.
    lock_timeout: Duration = Duration::from_secs(3);
    /// Time the database lets our transaction sit idle.
    idle_in_transaction_timeout: Duration = Duration::from_secs(15);
    /// Time a transaction waits for a connection of the pool.
    pool_wait_timeout: Duration = Duration::from_secs(2);
    /// Open client connections.
    connections_max: usize = 10_000;
    /// Requests waiting for their turn; beyond it 503.
    queue_max: usize = 256;
    /// Requests of one subject at once.
    subject_requests_max: usize = 4;
    /// Time one more request of a subject waits before its 503.
    subject_wait_timeout: Duration = Duration::from_secs(2);
    /// Steps of evaluation for one operation.
    evaluation_steps_max: usize = 100_000;
    /// Related rows read for one operation.
    related_rows_max: usize = 10_000;
    /// Time for what runs to finish after SIGTERM.
    drain_timeout: Duration = Duration::from_secs(20);
    /// Time we keep serving after SIGTERM, so that load balancers notice.
    drain_notice: Duration = Duration::from_secs(5);
}

/// Time after which a request is answered whatever happens, and whatever the other limits say: a device gives up after 30 s.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(27);
/// What a request may take beyond its own time before that.
pub const ANSWER_GRACE: Duration = Duration::from_secs(2);
/// Most that may be asked of `json_depth_max`: parsers recurse.
pub const JSON_DEPTH_CEILING: usize = 1000;
/// How far a gzip body may expand, as a multiple of what was sent; beyond it 400.
pub const GZIP_RATIO_MAX: usize = 200;
/// Bytes to which a gzip body may expand whatever the ratio.
pub const GZIP_FREE_BYTES: usize = 64 * KIB;
/// Bytes of a body beyond which it is heavy. An item of two bytes takes a hundred while it is judged, so heavy bodies take turns by their weight.
pub const HEAVY_BYTES: usize = 64 * KIB;
/// The part of `in_flight_bytes_max` that the heavy bodies being decoded and applied may weigh together; one that weighs more goes alone.
pub const HEAVY_PART: usize = 32;
/// Time a client may leave our bytes unread; then its connection is closed.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of an unread body that are read and thrown away, so that the client gets to read its answer.
pub const DRAIN_BYTES_MAX: usize = MIB;
/// Time for that.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections beyond `connections_max` that still get a 503; those beyond are closed.
pub const CONNECTIONS_OVERFLOW: usize = 128;
/// Connections of the operator's listener.
pub const ADMIN_CONNECTIONS_MAX: usize = 64;
/// Requests that interleave on one connection of HTTP/2.
pub const STREAMS_MAX: u32 = 100;
/// Requests that wait for keys to be fetched because their token names one that is not here; beyond it 503.
pub const KEY_WAITERS_MAX: usize = 64;
/// Time to reach the database, where its URI does not say.
pub const DATABASE_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time the database's machine may leave our bytes unacknowledged, where its URI does not say.
pub const DATABASE_SILENCE_TIMEOUT: Duration = Duration::from_secs(20);
/// Time after which an idle connection of the pool is asked whether it is still there, how often, and how many times; where the URI does not say.
pub const DATABASE_KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// See [`DATABASE_KEEPALIVE_IDLE`].
pub const DATABASE_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// See [`DATABASE_KEEPALIVE_IDLE`].
pub const DATABASE_KEEPALIVE_RETRIES: u32 = 3;
/// Bytes of one rule file.
pub const RULE_FILE_BYTES_MAX: usize = MIB;
/// Bytes of a rules folder.
pub const RULE_SET_BYTES_MAX: usize = 8 * MIB;
/// Files of a rules folder: one for each table, and 256 beside them.
pub const RULE_FILES_MAX: usize = RULE_TABLES_MAX + 256;
/// Tables of a rules folder.
pub const RULE_TABLES_MAX: usize = 1000;
/// Depth of a YAML document.
pub const YAML_DEPTH_MAX: usize = 64;
/// Bytes of an expression.
pub const EXPRESSION_BYTES_MAX: usize = 2048;
/// Nodes of an expression.
pub const EXPRESSION_NODES_MAX: usize = 500;
/// Depth of an expression.
pub const EXPRESSION_DEPTH_MAX: usize = 32;
/// Nested comprehensions of an expression.
pub const COMPREHENSION_DEPTH_MAX: usize = 2;
/// Relations one behind another in an expression.
pub const RELATION_DEPTH_MAX: usize = 3;
/// Depth of a JSON Schema.
pub const SCHEMA_DEPTH_MAX: usize = 32;
/// Digits of a number that an app sends.
pub const NUMBER_DIGITS_MAX: usize = 1000;
/// Digits that the numbers of one value may have beyond those that are written: exponents make long numbers of short ones.
pub const SPELLED_DIGITS_MAX: usize = 256 * KIB;
/// Bytes of a key set.
pub const JWKS_BYTES_MAX: usize = 512 * KIB;
/// Keys of a key set.
pub const JWKS_KEYS_MAX: usize = 100;
/// Time to fetch a key set.
pub const JWKS_FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Time between two fetches of a key set.
pub const JWKS_REFRESH: Duration = Duration::from_mins(5);
/// Least time between two fetches that an unknown kid causes.
pub const JWKS_UNKNOWN_KID_REFRESH: Duration = Duration::from_secs(30);
/// Time old keys are kept while the source cannot be reached.
pub const JWKS_KEEP: Duration = Duration::from_hours(24);
