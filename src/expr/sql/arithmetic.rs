//! Arithmetic of ints, decimals and times, and texts joined, over what is stored. What is out of range is NULL, the error it is, and nothing raises.

use crate::dialect::postgres::{Sql, sql};
use crate::expr::ir::{Builtin, Node, NodeKind};
use crate::expr::sql::carrier::Carrier;
use crate::expr::sql::scalar::{Null, Scalar};
use crate::expr::sql::{Made, Outside, Translator, Why};
use crate::expr::syntax::Arithmetic;
use crate::expr::types::Type;
use crate::vocabulary::value::Value;

const LEAST: &str = "-9223372036854775808";
/// A decimal whose sums and products are exact, and are decimals: NaN and the infinities are none.
const SMALL: &str = ") < 1e1000";
/// Bytes of a text that is joined of two.
const LONGEST: &str = ") <= 16777216 THEN ";
/// Times between which no difference leaves what an interval has room for.
const APART: &str =
    " BETWEEN '4714-11-24 00:00:00+00 BC'::timestamptz AND '280000-01-01 00:00:00+00'::timestamptz";
/// Times to which any duration of the language can be added; those beyond lead to none of its times.
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
            // Else it may be int arithmetic after all, which has an end.
            (Type::Decimal | Type::Int, Type::Decimal | Type::Int)
                if is_decimal(left) || is_decimal(right) =>
            {
                let (left, right) = (self.any_scalar(left)?, self.any_scalar(right)?);
                decimals(node, sign, &left.lifted(), &right.lifted())
            }
            (Type::String | Type::Enum(_), Type::String | Type::Enum(_)) => {
                let (left, right) = (self.text(left)?, self.text(right)?);
                let joined = sql![
                    "(CASE WHEN octet_length(",
                    &left,
                    ") + octet_length(",
                    &right,
                    LONGEST,
                    &left,
                    " || ",
                    &right,
                    " END)"
                ];
                let sql = Self::sized(joined, &node.range)?;
                Ok(Scalar::new(sql, Carrier::Text, Null::Error))
            }
            (Type::Dyn, _) | (_, Type::Dyn) => Outside::of(Why::Json, node),
            (Type::List(_), _) => Outside::of(Why::Collection, node),
            (Type::Decimal | Type::Int, _) => Outside::of(Why::MixedNumbers, node),
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
            Carrier::Decimal if !is_decimal(operand) => {
                return Outside::of(Why::MixedNumbers, node);
            }
            Carrier::Decimal => sql![
                "(CASE WHEN abs(",
                &of.sql,
                SMALL,
                " THEN -(",
                &of.sql,
                ") END)"
            ],
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

/// Whether a number is a decimal whenever it is evaluated: one out of ints and decimals may be an int.
fn is_decimal(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Column(..) | NodeKind::Constant(Value::Decimal(_)) => node.ty == Type::Decimal,
        NodeKind::Of(_, of) | NodeKind::Negate(of) => is_decimal(of),
        NodeKind::Arithmetic(_, left, right) => is_decimal(left) || is_decimal(right),
        NodeKind::Conditional(parts) => {
            let [_, yes, no] = &**parts;
            is_decimal(yes) && is_decimal(no)
        }
        _ => false,
    }
}

/// Two decimals. Beyond these sizes Postgres rounds or raises.
fn decimals(node: &Node, sign: Arithmetic, left: &Scalar, right: &Scalar) -> Made<Scalar> {
    let (a, b) = (sql!["(", &left.sql, ")"], sql!["(", &right.sql, ")"]);
    let sign = match sign {
        Arithmetic::Add => " + ",
        Arithmetic::Subtract => " - ",
        Arithmetic::Multiply => " * ",
        Arithmetic::Divide | Arithmetic::Remainder => return Outside::of(Why::Arithmetic, node),
    };
    let sql = sql![
        "(CASE WHEN abs(",
        &a,
        SMALL,
        " AND abs(",
        &b,
        SMALL,
        " AND scale(",
        &a,
        ") + scale(",
        &b,
        ") <= 16000 THEN ",
        &a,
        sign,
        &b,
        " END)",
    ];
    Ok(Scalar::new(
        Translator::sized(sql, &node.range)?,
        Carrier::Decimal,
        Null::Error,
    ))
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
        (Carrier::Time, Carrier::Time) => (
            sql![a, APART, " AND ", b, APART],
            DURATIONS,
            Carrier::Stretch,
        ),
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
