//! The keys of a table's file (rule-language, *A table*).

use crate::document::keys::Kind::{
    Any, Either, Expression, Flag, Later, List, Map, Nullable, OneOrList, Schema, Text, Version,
    Word,
};
use crate::document::keys::{Block, Key, Kind};

/// A table's file.
pub static TABLE: Block = Block {
    keys: &[
        Key::new(
            "version",
            Version,
            "version: 1",
            "The version of the rule language.",
        )
        .required(),
        Key::new("table", Text, "table: todos", "The name the app uses.").required(),
        Key::new(
            "target",
            Text,
            "target: public.todos",
            "The database's name; `public.<table>` where nothing is written.",
        ),
        Key::new(
            "key",
            Either(&Text, &Later(&List(&Text))),
            "key: id",
            "The primary key, one column; `id` where nothing is written.",
        ),
        Key::new(
            "columns",
            Map(&Nullable(&Kind::Block(&COLUMN))),
            "columns: { title: }",
            "The only columns that an app may write, by the app's names.",
        ),
        Key::new(
            "ignore",
            List(&Text),
            "ignore: [legacy_flag]",
            "Columns that the app may send and that are dropped.",
        ),
        Key::new(
            "presets",
            Kind::Block(&PRESETS),
            "presets: { create: { created_by: auth.sub } }",
            "What is set here, whatever the app sends.",
        ),
        Key::new(
            "schema",
            Schema,
            "schema: { $ref: schemas/todo.json }",
            "JSON Schema of the whole new row.",
        ),
        Key::new(
            "relations",
            Map(&Kind::Block(&RELATION)),
            "relations: { list: { table: lists, match: { id: list_id } } }",
            "Related rows that conditions may read.",
        ),
        Key::new(
            "computed",
            Map(&Expression),
            "computed: { is_open: \"!this.completed\" }",
            "Named values of a row.",
        ),
        Key::new(
            "allow",
            Kind::Block(&ALLOW),
            "allow: { write: this.owner_id == auth.sub }",
            "Who may do what; `{}` where no app may write.",
        )
        .required(),
        Key::new(
            "public_reason",
            Text,
            "public_reason: anybody may sign the guest book",
            "Why a grant of `true` is meant.",
        ),
        Key::new(
            "check",
            List(&Kind::Block(&CHECK)),
            "check: [{ rule: new.ends_at > new.starts_at, code: ends_before_it_starts }]",
            "What must be true, each with a code that the app can act on.",
        ),
        Key::new(
            "guard",
            Expression,
            "guard: none",
            "A condition that every operation has to meet besides its grant, or `none`.",
        ),
        Key::later("merge", &Any, "How concurrent changes are merged."),
        Key::later("version_column", &Any, "The column that counts changes."),
        Key::later(
            "soft_delete",
            &Any,
            "The column that marks a row as deleted.",
        ),
        Key::later("limits", &Any, "Limits of this table."),
        Key::later("emit", &Any, "Events of this table."),
    ],
};

/// An entry of `columns`.
pub static COLUMN: Block = Block {
    keys: &[
        Key::new(
            "column",
            Text,
            "column: title",
            "The database's name; the app's where nothing is written.",
        ),
        Key::new(
            "immutable",
            Flag,
            "immutable: true",
            "May be set on create, and never changed.",
        ),
        Key::new(
            "default",
            Expression,
            "default: \"false\"",
            "Used on create when the app sends none.",
        ),
        Key::new(
            "schema",
            Schema,
            "schema: { type: string, maxLength: 500 }",
            "JSON Schema of its value.",
        ),
        Key::new(
            "sensitive",
            Word(&["encrypt", "drop"], &[]),
            "sensitive: encrypt",
            "How dead letters keep its value: encrypted, or not at all.",
        ),
        Key::later("merge", &Any, "How concurrent changes are merged."),
        Key::later("type", &Any, "How the app's value is read."),
    ],
};

/// `presets`
pub static PRESETS: Block = Block {
    keys: &[
        Key::new(
            "create",
            Map(&Expression),
            "create: { created_by: auth.sub }",
            "Set when a row is created, by database column.",
        ),
        Key::new(
            "update",
            Map(&Expression),
            "update: { updated_at: request.time }",
            "Set when a row is updated, by database column.",
        ),
    ],
};

/// An entry of `relations`.
pub static RELATION: Block = Block {
    keys: &[
        Key::new("table", Text, "table: lists", "Where it leads.").required(),
        Key::new(
            "match",
            Map(&Text),
            "match: { id: list_id }",
            "Their column: my column, database names.",
        )
        .required(),
    ],
};

/// `allow`
pub static ALLOW: Block = Block {
    keys: &[
        Key::new(
            "create",
            GRANTS,
            "create: this.owner_id == auth.sub",
            "Who may create a row.",
        ),
        Key::new(
            "update",
            GRANTS,
            "update: this.owner_id == auth.sub",
            "Who may update a row.",
        ),
        Key::new(
            "delete",
            GRANTS,
            "delete: this.owner_id == auth.sub",
            "Who may delete a row.",
        ),
        Key::new(
            "write",
            GRANTS,
            "write: this.owner_id == auth.sub",
            "All three.",
        ),
    ],
};

const GRANTS: Kind = OneOrList(&Either(&Expression, &Kind::Block(&GRANT)));

/// A grant that is not only a condition.
pub static GRANT: Block = Block {
    keys: &[
        Key::new(
            "if",
            Expression,
            "if: this.list.is_member",
            "The condition.",
        )
        .required(),
        Key::new(
            "columns",
            List(&Text),
            "columns: [completed]",
            "The columns it covers, by the app's names; all where nothing is written.",
        ),
    ],
};

/// An item of `check`.
pub static CHECK: Block = Block {
    keys: &[
        Key::new(
            "rule",
            Expression,
            "rule: new.ends_at > new.starts_at",
            "What must be true.",
        )
        .required(),
        Key::new(
            "code",
            Text,
            "code: ends_before_it_starts",
            "The code that the app acts on.",
        )
        .required(),
        Key::new(
            "message",
            Text,
            "message: It cannot end before it starts.",
            "What a person reads.",
        ),
        Key::new(
            "field",
            Text,
            "field: ends_at",
            "The column it is about, by the app's name.",
        ),
        Key::new(
            "ops",
            List(&OP),
            "ops: [create, update]",
            "The operations it is asked for.",
        ),
        Key::new(
            "message_expression",
            Expression,
            "message_expression: \"'It ends at ' + string(new.ends_at)\"",
            "What a person reads, computed; `message` where that fails.",
        ),
        Key::new(
            "deferred",
            Flag,
            "deferred: true",
            "Asked once for each row, at the end of the transaction.",
        ),
        Key::new(
            "client_handles",
            Flag,
            "client_handles: true",
            "Whether the app decides what becomes of the write.",
        ),
    ],
};

const OP: Kind = Word(&["create", "update", "delete"], &[]);
