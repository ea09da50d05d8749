//! A value of the language as SQL.

use crate::dialect::postgres::{Sql, sql};
use crate::expr::ir::{Function, Node, NodeKind};
use crate::expr::sql::bind::Purpose;
use crate::expr::sql::carrier::Carrier;
use crate::expr::sql::hole::Ask;
use crate::expr::sql::{Made, Mode, Outside, Translator, Why};
use crate::expr::types::Type;

/// A value as SQL. NULL is null, or an error: which, `null` tells.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    pub sql: Sql,
    pub carrier: Carrier,
    pub null: Null,
    /// Where it is a value that compares with null only: an infinite time, a decimal that is no number. Never true where it is NULL.
    pub odd: Option<Sql>,
    /// Whether it is a text that `=` compares byte for byte as it stands.
    pub is_plain: bool,
}

/// What NULL means.
#[derive(Clone, Debug)]
pub(super) enum Null {
    /// The catalogue says that it is never NULL. Where it is all the same, it is null.
    Never,
    /// Null.
    Meant,
    /// An error.
    Error,
    /// An error where this is true, else null.
    Told(Sql),
}

impl Scalar {
    pub(super) fn new(sql: Sql, carrier: Carrier, null: Null) -> Self {
        Self {
            sql,
            carrier,
            null,
            odd: None,
            is_plain: false,
        }
    }

    /// Whether it may be null.
    pub(super) fn is_nullable(&self) -> bool {
        matches!(self.null, Null::Meant | Null::Told(_))
    }

    /// Where it is an error; `None` where it never is.
    pub(super) fn fails(&self) -> Option<Sql> {
        match &self.null {
            Null::Never | Null::Meant => None,
            Null::Error => Some(sql!["(", &self.sql, ") IS NULL"]),
            Null::Told(fails) => Some(fails.clone()),
        }
    }

    /// As text that compares byte for byte.
    pub(super) fn exact(&self) -> Sql {
        if self.carrier == Carrier::Text {
            sql!["(", &self.sql, " COLLATE \"C\")"]
        } else {
            self.sql.clone()
        }
    }

    /// As a decimal, where it is an int.
    pub(super) fn lifted(self) -> Self {
        if self.carrier == Carrier::Int {
            Self {
                sql: sql!["(", self.sql, ")::numeric"],
                carrier: Carrier::Decimal,
                null: self.null,
                odd: None,
                is_plain: false,
            }
        } else {
            self
        }
    }
}

impl Translator<'_> {
    /// The value of a node that reads the database.
    pub(super) fn scalar(&mut self, node: &Node) -> Made<Scalar> {
        if let Some(source) = self.pending_source(node) {
            return self.scalar_at(&source, node);
        }
        self.within(node, |translator| translator.carried(node))
    }

    fn carried(&mut self, node: &Node) -> Made<Scalar> {
        match &node.kind {
            NodeKind::Column(source, column) => self.column(node, source, *column),
            NodeKind::Of(_, value) => self.scalar(value),
            NodeKind::Bound(slot) => match self.element(*slot) {
                Some(element) => Ok(element.clone()),
                None => Outside::of(Why::Dynamic, node),
            },
            NodeKind::Conditional(parts) => self.chosen(node, parts),
            NodeKind::Count(source, follow) => self.count(node, source, follow),
            NodeKind::Arithmetic(sign, left, right) => self.arithmetic(node, *sign, left, right),
            NodeKind::Negate(operand) => self.negated(node, operand),
            NodeKind::Call(function, argument) => self.call(node, *function, argument),
            NodeKind::Invoke(builtin, arguments) => self.invoked(node, *builtin, arguments),
            NodeKind::Let(slot, parts) => {
                let body = self.substituted(node, *slot, parts)?;
                if self.reads_database(&body) {
                    self.scalar(&body)
                } else {
                    self.held(&body)
                }
            }
            NodeKind::AsUuid(_) => Outside::of(Why::TextAsUuid, node),
            NodeKind::Field(..) => Outside::of(Why::Json, node),
            NodeKind::Dyn(_) => Outside::of(Why::Dynamic, node),
            NodeKind::Index(..) | NodeKind::List(_) | NodeKind::Map(_) => {
                Outside::of(Why::Collection, node)
            }
            NodeKind::Collected(_) => Outside::of(Why::Macro, node),
            NodeKind::Changed => Outside::of(Why::Changed, node),
            NodeKind::PartIn(..) => Outside::of(Why::Calendar, node),
            NodeKind::Constant(_)
            | NodeKind::Spelled(..)
            | NodeKind::Claims
            | NodeKind::Claim(_)
            | NodeKind::HasClaim(_)
            | NodeKind::Op(_)
            | NodeKind::Time
            | NodeKind::RequestId
            | NodeKind::Metadata => self.held(node),
            NodeKind::IsChanged(_)
            | NodeKind::IsAbsent(_)
            | NodeKind::HasField(..)
            | NodeKind::Not(_)
            | NodeKind::And(..)
            | NodeKind::Or(..)
            | NodeKind::Equal(..)
            | NodeKind::NotEqual(..)
            | NodeKind::Order(..)
            | NodeKind::In(..)
            | NodeKind::Compare(..)
            | NodeKind::Matches(..)
            | NodeKind::Quantified(_) => {
                let condition = self.condition(node, Mode::Exact)?;
                Ok(Scalar::new(
                    sql!["(", condition, ")"],
                    Carrier::Bool,
                    Null::Error,
                ))
            }
        }
    }

    /// The value of a node, read or held.
    pub(super) fn any_scalar(&mut self, node: &Node) -> Made<Scalar> {
        if self.reads_database(node) {
            self.scalar(node)
        } else {
            self.held(node)
        }
    }

    /// A value that is known in process, where nothing stands beside it that says what is asked of it.
    fn held(&mut self, node: &Node) -> Made<Scalar> {
        let Some(carrier) = Carrier::of(&node.ty) else {
            return Outside::of(dynamic(&node.ty), node);
        };
        let value = self.hole(node, Ask::Value(carrier, Purpose::Value));
        let sql = sql![Sql::hole(value), carrier.cast()];
        let fails = self.hole(node, Ask::Fails);
        let null = Null::Told(sql![Sql::hole(fails), "::boolean"]);
        Ok(Scalar::new(sql, carrier, null))
    }

    /// `c ? a : b`.
    fn chosen(&mut self, node: &Node, parts: &[Node; 3]) -> Made<Scalar> {
        let [condition, yes, no] = parts;
        let condition = self.condition(condition, Mode::Exact)?;
        let (mut yes, mut no) = (
            self.any_scalar_as(yes, &node.ty)?,
            self.any_scalar_as(no, &node.ty)?,
        );
        if yes.carrier != no.carrier {
            if !yes.carrier.is_number() || !no.carrier.is_number() {
                return Outside::of(Why::TextAsUuid, node);
            }
            (yes, no) = (yes.lifted(), no.lifted());
            if yes.carrier != no.carrier {
                return Outside::of(Why::MixedNumbers, node);
            }
        }
        let choose = |yes: Sql, no: Sql, otherwise: &'static str| {
            sql![
                "(CASE WHEN ",
                &condition,
                " THEN ",
                yes,
                " WHEN NOT (",
                &condition,
                ") THEN ",
                no,
                otherwise,
                " END)",
            ]
        };
        let never = || Sql::from("false");
        let fails = choose(
            yes.fails().unwrap_or_else(never),
            no.fails().unwrap_or_else(never),
            " ELSE true",
        );
        let odd = (yes.odd.is_some() || no.odd.is_some()).then(|| {
            let odd = |scalar: &Scalar| scalar.odd.clone().unwrap_or_else(never);
            choose(odd(&yes), odd(&no), "")
        });
        let sql = choose(yes.exact(), no.exact(), "");
        Ok(Scalar {
            sql: Self::sized(sql, &node.range)?,
            carrier: yes.carrier,
            null: Null::Told(Self::sized(fails, &node.range)?),
            odd,
            is_plain: false,
        })
    }

    /// A branch. The word `null` takes the type of the other one.
    fn any_scalar_as(&mut self, node: &Node, ty: &Type) -> Made<Scalar> {
        if !node.is_null() {
            return self.any_scalar(node);
        }
        match Carrier::of(ty) {
            Some(carrier) => Ok(Scalar::new(
                sql!["NULL", carrier.cast()],
                carrier,
                Null::Meant,
            )),
            None => Outside::of(dynamic(ty), node),
        }
    }

    fn call(&mut self, node: &Node, function: Function, argument: &Node) -> Made<Scalar> {
        let of_list = matches!(argument.ty, Type::List(_));
        if function == Function::Size && of_list {
            return self.array_size(argument);
        }
        let why = match (function, &argument.ty) {
            (Function::Part(_), _) => Why::Calendar,
            (_, Type::Dyn | Type::Unknown) => Why::Json,
            (Function::Size, Type::Map(_)) => Why::Collection,
            _ => Why::Conversion,
        };
        if !matches!(
            (function, &argument.ty),
            (Function::Size, Type::String | Type::Enum(_) | Type::Bytes)
                | (
                    Function::String,
                    Type::String | Type::Enum(_) | Type::Uuid | Type::Int | Type::Bool
                )
                | (Function::Int, Type::Int)
                | (Function::Bool, Type::Bool)
                | (Function::Bytes, Type::Bytes)
        ) {
            return Outside::of(why, node);
        }
        let of = self.any_scalar(argument)?;
        let (sql, carrier) = match (function, of.carrier) {
            (Function::Size, Carrier::Bytes) => {
                (sql!["octet_length(", of.sql, ")::int8"], Carrier::Int)
            }
            (Function::Size, _) => (sql!["char_length(", of.sql, ")::int8"], Carrier::Int),
            (Function::String, carrier) if carrier != Carrier::Text => {
                (sql!["(", of.sql, ")::text"], Carrier::Text)
            }
            (_, carrier) => (of.sql, carrier),
        };
        Ok(Scalar::new(sql, carrier, Null::Error))
    }
}

/// Why something of this type does not become SQL.
pub(super) fn dynamic(ty: &Type) -> Why {
    match ty {
        Type::List(_) | Type::Map(_) => Why::Collection,
        Type::Uint => Why::MixedNumbers,
        Type::Opaque(_) => Why::Opaque,
        _ => Why::Dynamic,
    }
}
