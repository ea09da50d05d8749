//! What the value of a whole expression must be.

use crate::catalog::{ColumnType, Kind};
use crate::expr::check::Checker;
use crate::expr::check::operators::text_of;
use crate::expr::ir::{Node, NodeKind};
use crate::expr::types::Type;
use crate::expr::values::uuid;
use crate::expr::{Expected, Fault};

impl Checker<'_> {
    /// Holds the value of the whole expression against what it must be.
    pub(super) fn conclude(&mut self, node: &mut Node) {
        match self.scope.expected {
            Expected::Any => {}
            Expected::Condition if node.ty.is_open() || node.ty == Type::Bool => {}
            Expected::Condition => {
                let message = format!("this is {}, and a condition is true or false", node.ty);
                let fault = Fault::error(node.range.clone(), message);
                self.fault(fault.help("compare it with something, for example `… == auth.sub`"));
            }
            Expected::Text => {
                let is_text = node.ty.is_text() || node.ty == Type::Uuid || node.ty.is_open();
                if !is_text {
                    let message = format!("this is {}, and a text is wanted", node.ty);
                    let fault = Fault::error(node.range.clone(), message);
                    self.fault(fault.help("make it text with `string(…)`"));
                }
            }
            Expected::Column(column) => self.conclude_column(node, column),
        }
    }

    fn conclude_column(&mut self, node: &mut Node, column: &ColumnType) {
        let wanted = Type::of_column(&column.kind, &column.cast);
        if let Some(text) = text_of(node).filter(|text| uuid(text).is_none())
            && wanted == Type::Uuid
        {
            let message = format!("`{text}` is no uuid, and the column holds uuids");
            let fault = Fault::error(node.range.clone(), message);
            self.fault(
                fault.help("write a uuid, or an expression without quotes such as `auth.sub`"),
            );
            return;
        }
        self.settle(node, &wanted);
        if !is_storable(&node.ty, &column.kind) {
            let message = format!("this is {}, and the column is {}", node.ty, column.cast);
            let fault = Fault::error(node.range.clone(), message);
            self.fault(fault.help(cure(node, &column.kind)));
        }
    }
}

/// What to write for a column that cannot take what stands there.
fn cure(node: &Node, kind: &Kind) -> String {
    let is_written_out = matches!(node.kind, NodeKind::Constant(_));
    match kind {
        Kind::Bool if node.ty == Type::Int => "write `true` or `false`".to_owned(),
        Kind::Timestamptz(_) | Kind::Timestamp(_) | Kind::Date => {
            "write `request.time`, or a time like `timestamp('2026-01-31T12:00:00Z')`".to_owned()
        }
        Kind::Numeric(_) => "write a number without quotes".to_owned(),
        Kind::Text | Kind::Varchar(_) | Kind::Citext | Kind::Enum(_) if is_written_out => {
            "write it as a text within the quotes of YAML: `\"'…'\"`".to_owned()
        }
        Kind::Array(_) => "write a list of what the column holds, like `[a, b]`".to_owned(),
        Kind::Uuid => "write a uuid, such as `auth.sub`".to_owned(),
        kind => match conversion(kind) {
            Some(conversion) => format!("convert it, with `{conversion}(…)` for example"),
            None => {
                "write it as a text that Postgres reads, or leave the column to the app".to_owned()
            }
        },
    }
}

/// Whether a column can store what an expression of this type gives, as far as the type can tell.
fn is_storable(ty: &Type, kind: &Kind) -> bool {
    match (kind, ty) {
        (_, Type::Opaque(_)) => false,
        (_, Type::Unknown | Type::Dyn | Type::Null)
        | (Kind::Text | Kind::Varchar(_), Type::Timestamp) => true,
        (Kind::Json | Kind::Jsonb, ty) => {
            !matches!(ty, Type::Bytes | Type::Timestamp | Type::Duration)
        }
        (Kind::Bool, ty) => *ty == Type::Bool,
        (Kind::Int2 | Kind::Int4 | Kind::Int8, ty) => matches!(ty, Type::Int | Type::Uint),
        (Kind::Float4 | Kind::Float8 | Kind::Numeric(_), ty) => ty.is_number(),
        (Kind::Uuid, ty) => matches!(ty, Type::Uuid | Type::String),
        (Kind::Text | Kind::Varchar(_) | Kind::Citext, ty) => ty.is_text() || *ty == Type::Uuid,
        (Kind::Enum(_) | Kind::Char(_) | Kind::Time(_) | Kind::Other, ty) => ty.is_text(),
        (Kind::Timestamptz(_) | Kind::Timestamp(_) | Kind::Date, ty) => {
            matches!(ty, Type::Timestamp | Type::String)
        }
        (Kind::Bytea, ty) => *ty == Type::Bytes,
        (Kind::Array(element), Type::List(ty)) => is_storable(ty, element),
        (Kind::Array(_), _) => false,
    }
}

/// The function that makes a value for a column.
fn conversion(kind: &Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Bool => "bool",
        Kind::Int2 | Kind::Int4 | Kind::Int8 => "int",
        Kind::Float4 | Kind::Float8 => "double",
        Kind::Text | Kind::Varchar(_) | Kind::Citext => "string",
        Kind::Timestamptz(_) | Kind::Timestamp(_) | Kind::Date => "timestamp",
        Kind::Bytea => "bytes",
        _ => return None,
    })
}
