//! The keys of rulegate.yaml (rule-language, *rulegate.yaml*).

use crate::document::keys::Kind::{
    Address, Any, Either, Expression, Flag, KeySet, Limits, List, Map, OneOrList, Schema, Text,
    Time, Version, Word,
};
use crate::document::keys::{Block, Key, Kind};

/// rulegate.yaml.
pub static FILE: Block = Block {
    keys: &[
        Key::new(
            "version",
            Version,
            "version: 1",
            "The version of the rule language.",
        )
        .required(),
        Key::new(
            "server",
            Kind::Block(&SERVER),
            "server: { listen: 0.0.0.0:6060 }",
            "Where we listen.",
        ),
        Key::new(
            "database",
            Kind::Block(&DATABASE),
            "database: { uri: !env DATABASE_URL }",
            "The database that is written to.",
        ),
        Key::new(
            "client_auth",
            Kind::Block(&CLIENT_AUTH),
            "client_auth: { jwks_uri: https://…, audience: [powersync] }",
            "Who may ask.",
        ),
        Key::new(
            "guards",
            List(&Kind::Block(&GUARD)),
            "guards: [{ tables: \"*\", having: [org_id], rule: this.org_id == auth.org_id }]",
            "Conditions ANDed into every table that they match.",
        ),
        Key::new(
            "require_guard",
            Flag,
            "require_guard: false",
            "Whether every table must have a guard or say `guard: none`; true where `guards` is present.",
        ),
        Key::new(
            "batch",
            Kind::Block(&BATCH),
            "batch: { on_fatal_error: stop }",
            "What becomes of an upload after a refusal.",
        ),
        Key::new(
            "idempotency",
            Either(&Word(&["off"], &[]), &Kind::Block(&IDEMPOTENCY)),
            "idempotency: { keep: 7d }",
            "How long an applied transaction is remembered, so that it is applied once however often it is sent; `off` gives that up.",
        ),
        Key::new(
            "dead_letters",
            Kind::Block(&DEAD_LETTERS),
            "dead_letters: { keep: 90d }",
            "How refused transactions are kept.",
        ),
        Key::new(
            "rejections",
            Kind::Block(&REJECTIONS),
            "rejections: { table: public.upload_rejections }",
            "A table of the app that refusals are written to, so that it can show them.",
        ),
        Key::later(
            "checkpoints",
            &Kind::Block(&CHECKPOINTS),
            "The table of custom write checkpoints.",
        ),
        Key::new(
            "limits",
            Limits,
            "limits: { body_bytes_max: 32MiB }",
            "The limits, by their names.",
        ),
    ],
};

/// `server`
pub static SERVER: Block = Block {
    keys: &[
        Key::new(
            "listen",
            Address,
            "listen: 0.0.0.0:6060",
            "The public listener.",
        ),
        Key::new(
            "admin",
            Address,
            "admin: 127.0.0.1:6061",
            "The operator's listener.",
        ),
        Key::new(
            "cors_origins",
            List(&Text),
            "cors_origins: [\"https://app.example.com\"]",
            "Origins that a browser may call from; `*` for any.",
        ),
        Key::new("http2", Flag, "http2: true", "Whether HTTP/2 is offered."),
    ],
};

/// `database`
pub static DATABASE: Block = Block {
    keys: &[
        Key::new(
            "type",
            Word(&["postgresql"], &["mysql", "mongodb", "mssql"]),
            "type: postgresql",
            "Which database it is, in PowerSync's words.",
        ),
        Key::new(
            "uri",
            Text,
            "uri: !env DATABASE_URL",
            "Where it is. `DATABASE_URL` is read where nothing is written.",
        ),
        Key::new(
            "pool",
            Kind::Count,
            "pool: 16",
            "Connections at most; min(16, 4 × cores) where nothing is written.",
        ),
        Key::new(
            "role",
            Text,
            "role: authenticated",
            "The role of the statements that write.",
        ),
        Key::later(
            "prepared_statements",
            &Word(&["on", "off"], &[]),
            "`off` for poolers that cannot keep them.",
        ),
        Key::new(
            "sslmode",
            Word(
                &["disable", "prefer", "require", "verify-ca", "verify-full"],
                &[],
            ),
            "sslmode: verify-full",
            "libpq's sslmode.",
        ),
        Key::new(
            "cacert",
            Text,
            "cacert: /etc/ssl/database.pem",
            "A file with the certificate authorities of the database.",
        ),
        Key::new(
            "on_schema_drift",
            Word(&["retry", "fatal"], &[]),
            "on_schema_drift: retry",
            "Whether a write that the changed database no longer fits is sent again later, or refused for good.",
        ),
        Key::new(
            "raised_messages",
            Flag,
            "raised_messages: true",
            "Whether messages that the database's own code raised reach the client.",
        ),
    ],
};

/// `client_auth`
pub static CLIENT_AUTH: Block = Block {
    keys: &[
        Key::new(
            "jwks_uri",
            OneOrList(&Text),
            "jwks_uri: https://login.example.com/.well-known/jwks.json",
            "Where keys are fetched.",
        ),
        Key::new(
            "jwks",
            KeySet,
            "jwks: { keys: [{ kty: EC, crv: P-256, x: …, y: … }] }",
            "Static keys. Shared secrets (`oct`) are taken here only.",
        ),
        Key::new(
            "jwks_allow_hosts",
            List(&Text),
            "jwks_allow_hosts: [keys.internal]",
            "Hosts that may be asked over plain http, or at private addresses.",
        ),
        Key::new(
            "audience",
            OneOrList(&Text),
            "audience: [powersync]",
            "Accepted audiences; any match.",
        ),
        Key::new(
            "authorized_parties",
            OneOrList(&Text),
            "authorized_parties: [https://app.example.com]",
            "Accepted `azp`, for providers that send no `aud`.",
        ),
        Key::new(
            "issuer",
            Text,
            "issuer: https://login.example.com",
            "The issuer, compared where given.",
        ),
        Key::new(
            "claims",
            Schema,
            "claims: { type: object, required: [sub] }",
            "JSON Schema of the token. It gives `auth` its type.",
        ),
        Key::new(
            "block_local_jwks",
            Flag,
            "block_local_jwks: true",
            "Whether keys at loopback addresses are refused too.",
        ),
        Key::later(
            "provider",
            &Map(&Text),
            "Issuer, keys and audience of a known provider in one line.",
        ),
        Key::later("issuers", &List(&Any), "Further sources of keys."),
        Key::later("issue", &Any, "Tokens that are issued here."),
        Key::later("supabase", &Flag, "Supabase's own tokens."),
        Key::later("supabase_jwt_secret", &Text, "Supabase's shared secret."),
        Key::later(
            "jwks_reject_ip_ranges",
            &List(&Text),
            "Address ranges where keys are never fetched.",
        ),
        Key::later(
            "allow_temporary_tokens",
            &Flag,
            "PowerSync's development tokens.",
        ),
    ],
};

/// An item of `guards`.
pub static GUARD: Block = Block {
    keys: &[
        Key::new(
            "tables",
            Either(&Word(&["*"], &[]), &List(&Text)),
            "tables: \"*\"",
            "The tables it is for, by the app's names; `*` for all.",
        )
        .required(),
        Key::new(
            "having",
            List(&Text),
            "having: [org_id]",
            "It matches tables that have these columns (database names).",
        ),
        Key::new(
            "rule",
            Expression,
            "rule: this.org_id == auth.org_id",
            "What must be true; names `this` and `auth` only.",
        ),
        Key::new(
            "presets",
            Kind::Block(&PRESETS),
            "presets: { create: { org_id: auth.org_id } }",
            "What it sets, whatever the app sends.",
        ),
        Key::new(
            "immutable",
            List(&Text),
            "immutable: [org_id]",
            "Columns that never change (database names).",
        ),
    ],
};

/// `presets` of a guard.
pub static PRESETS: Block = Block {
    keys: &[
        Key::new(
            "create",
            Map(&Expression),
            "create: { org_id: auth.org_id }",
            "Set when a row is created.",
        ),
        Key::new(
            "update",
            Map(&Expression),
            "update: { updated_at: request.time }",
            "Set when a row is updated.",
        ),
    ],
};

/// `batch`
pub static BATCH: Block = Block {
    keys: &[
        Key::new(
            "on_fatal_error",
            Word(&["stop", "skip"], &[]),
            "on_fatal_error: stop",
            "Whether the rest of an upload is attempted after a refusal.",
        ),
        Key::new(
            "unknown",
            Word(&["fatal", "retry"], &[]),
            "unknown: retry",
            "Whether a table or column that the rules do not know is refused for good, or sent again later.",
        ),
        Key::new(
            "client_handles",
            List(&Text),
            "client_handles: [UNIQUE_VIOLATION]",
            "Codes that the app decides about: the device keeps such a write.",
        ),
    ],
};

/// `idempotency`
pub static IDEMPOTENCY: Block = Block {
    keys: &[
        Key::new(
            "keep",
            Time,
            "keep: 7d",
            "How long a transaction is remembered.",
        ),
        Key::new(
            "keep_anonymous",
            Time,
            "keep_anonymous: 15m",
            "The same, for one whose client sends no id of its own: its numbers may start again.",
        ),
        Key::new(
            "client_claim",
            Text,
            "client_claim: device_id",
            "The claim that names the client where no `X-PowerSync-Client-Id` is sent. It must stay the same when the token is renewed.",
        ),
    ],
};

/// `dead_letters`
pub static DEAD_LETTERS: Block = Block {
    keys: &[
        Key::new(
            "keep",
            Time,
            "keep: 90d",
            "How long a letter is kept after it was settled. Open ones stay.",
        ),
        Key::new(
            "per_subject",
            Kind::Count,
            "per_subject: 1000",
            "Open letters of one subject at most; what is refused beyond them is held back.",
        ),
    ],
};

/// `rejections`
pub static REJECTIONS: Block = Block {
    keys: &[Key::new(
        "table",
        Text,
        "table: public.upload_rejections",
        "The table: `schema.name`.",
    )
    .required()],
};

/// `checkpoints`
pub static CHECKPOINTS: Block = Block {
    keys: &[Key::later("table", &Text, "The table: `schema.name`.")],
};
