//! Arithmetic of ints and times over what is stored. What is out of range is NULL, the error it is, and nothing raises.

use crate::dialect::postgres::{Sql, sql};
use crate::expr::ir::{Builtin, Node};
use crate::expr::sql::carrier::Carrier;
use crate::expr::sql::scalar::{Null, Scalar};
use crate::expr::sql::{Made, Outside, Translator, Why};
use crate::expr::syntax::Arithmetic;
use crate::expr::types::Type;

const LEAST: &str = "-9223372036854775808";
/// Times within which no sum or difference leaves what Postgres has room for.
const WIDE: &str =
    " BETWEEN '4000-01-01 00:00:00+00 BC'::timestamptz AND '280000-01-01 00:00:00+00'::timestamptz";
/// The times of the language.
const YEARS: &str = " BETWEEN '0001-01-01 00:00:00+00'::timestamptz AND '9999-12-31 23:59:59.999999+00'::timestamptz";
/// The durations of the language.
const DURATIONS: &str =
    " BETWEEN '-2562047:47:16.854775'::interval AND '2562047:47:16.854775'::interval";

impl Translator<'_> {
    /// `+`, `-`, `*`, `/`, `%`.
    pub(super) fn arithmetic(
        &mut self,
        node: &Node,
        sign: Arithmetic,
        left: &Node,
        right: &Node,
    ) -> Made<Scalar> {
        match (&left.ty, &right.ty) {
            (Type::Int, Type::Int) => {
                let (left, right) = (self.any_scalar(left)?, self.any_scalar(right)?);
                let sql = Self::sized(ints(sign, &left.sql, &right.sql), &node.range)?;
                Ok(Scalar::new(sql, Carrier::Int, Null::Error))
            }
            (Type::Timestamp | Type::Duration, Type::Timestamp | Type::Duration) => {
                let (left, right) = (self.any_scalar(left)?, self.any_scalar(right)?);
                times(node, sign, &left, &right)
            }
            (Type::Dyn, _) | (_, Type::Dyn) => Outside::of(Why::Json, node),
            (Type::String | Type::Enum(_), _) => Outside::of(Why::Joined, node),
            (Type::List(_), _) => Outside::of(Why::Collection, node),
            _ => Outside::of(Why::Arithmetic, node),
        }
    }

    /// `-x`.
    pub(super) fn negated(&mut self, node: &Node, operand: &Node) -> Made<Scalar> {
        let of = self.scalar(operand)?;
        let sql = match of.carrier {
            Carrier::Int => sql![
                "(CASE WHEN ",
                &of.sql,
                " <> ",
                LEAST,
                " THEN -(",
                &of.sql,
                ")::int8 END)"
            ],
            Carrier::Double => sql!["(-(", &of.sql, "))"],
            _ => return Outside::of(Why::Arithmetic, node),
        };
        Ok(Scalar::new(sql, of.carrier, Null::Error))
    }

    /// Functions of the library.
    pub(super) fn invoked(
        &mut self,
        node: &Node,
        builtin: Builtin,
        arguments: &[Node],
    ) -> Made<Scalar> {
        let function = match builtin {
            // Under the collation C these know the letters of ASCII alone.
            Builtin::LowerAscii => "lower(",
            Builtin::UpperAscii => "upper(",
            _ => return Outside::of(Why::Function, node),
        };
        let [argument] = arguments else {
            return Outside::of(Why::Function, node);
        };
        let sql = sql![function, self.text(argument)?, ")"];
        Ok(Scalar::new(sql, Carrier::Text, Null::Error))
    }
}

/// Times and durations.
fn times(node: &Node, sign: Arithmetic, left: &Scalar, right: &Scalar) -> Made<Scalar> {
    let sign = match sign {
        Arithmetic::Add => " + ",
        Arithmetic::Subtract => " - ",
        _ => return Outside::of(Why::Arithmetic, node),
    };
    let (a, b) = (&left.sql, &right.sql);
    let made = sql!["(", a, sign, b, ")"];
    let (is_safe, within, carrier) = match (left.carrier, right.carrier) {
        (Carrier::Time, Carrier::Stretch) => (sql![a, WIDE], YEARS, Carrier::Time),
        (Carrier::Stretch, Carrier::Time) => (sql![b, WIDE], YEARS, Carrier::Time),
        (Carrier::Time, Carrier::Time) => {
            (sql![a, WIDE, " AND ", b, WIDE], DURATIONS, Carrier::Stretch)
        }
        _ => (sql!["true"], DURATIONS, Carrier::Stretch),
    };
    let sql = sql![
        "(CASE WHEN ",
        is_safe,
        " THEN CASE WHEN ",
        &made,
        within,
        " THEN ",
        &made,
        " END END)"
    ];
    Ok(Scalar::new(
        Translator::sized(sql, &node.range)?,
        carrier,
        Null::Error,
    ))
}

/// Two ints.
fn ints(sign: Arithmetic, left: &Sql, right: &Sql) -> Sql {
    let (a, b) = (sql!["(", left, ")"], sql!["(", right, ")"]);
    let wide = |sign: &'static str| {
        sql![
            "(CASE WHEN ",
            &a,
            "::numeric",
            sign,
            &b,
            "::numeric BETWEEN ",
            LEAST,
            " AND 9223372036854775807 THEN ",
            &a,
            "::int8",
            sign,
            &b,
            "::int8 END)",
        ]
    };
    let by = |sign: &'static str| {
        sql![
            "(CASE WHEN ",
            &b,
            " <> 0 AND NOT (",
            &a,
            " = ",
            LEAST,
            " AND ",
            &b,
            " = -1) THEN ",
            &a,
            "::int8",
            sign,
            &b,
            "::int8 END)",
        ]
    };
    match sign {
        Arithmetic::Add => wide(" + "),
        Arithmetic::Subtract => wide(" - "),
        Arithmetic::Multiply => wide(" * "),
        Arithmetic::Divide => by(" / "),
        Arithmetic::Remainder => by(" % "),
    }
}
