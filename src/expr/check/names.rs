//! Names: variables, claims, columns, relations, computed values.

use std::ops::Range;
use std::sync::Arc;

use crate::expr::check::rows::members;
use crate::expr::check::{Checker, RowTerm, Term, rows_are_no_value};
use crate::expr::claims::claim_type;
use crate::expr::ir::{Node, NodeKind, RowSource};
use crate::expr::types::Type;
use crate::expr::{Fault, Variable};
use crate::vocabulary::names::FieldName;
use crate::vocabulary::operation::Op;
use crate::vocabulary::suggest::closest;
use crate::vocabulary::value::{MapKey, Value};

impl Checker<'_> {
    /// A name that stands alone.
    pub(super) fn name(&mut self, name: &Arc<str>, range: Range<usize>) -> Term {
        let bound = self.bound.iter().rev().find(|bound| bound.name == *name);
        if let Some(bound) = bound {
            return at(bound.term.clone(), range);
        }
        let variable = Variable::ALL
            .into_iter()
            .find(|variable| variable.name() == &**name);
        match variable {
            Some(variable) => self.variable(variable, range),
            None => self.unknown_name(name, range),
        }
    }

    fn variable(&mut self, variable: Variable, range: Range<usize>) -> Term {
        if let Some(inlined) = self.inlined.last() {
            match variable {
                Variable::This => return Term::Row(inlined.this.clone()),
                Variable::Auth => {}
                _ => {
                    let message =
                        format!("`{}` cannot be used in a computed value", variable.name());
                    return self
                        .refuse(Fault::error(range, message).help("it may use `this` and `auth`"));
                }
            }
        }
        if !self.scope.variables.contains(&variable) {
            return self.misplaced(variable, range);
        }
        self.reads.variables.insert(variable);
        let string = || Type::String;
        let (ty, kind) = match variable {
            Variable::Auth => (Type::Map(Box::new(Type::Dyn)), NodeKind::Claims),
            Variable::Op => (op_type(), op()),
            Variable::Changed => (Type::List(Box::new(string())), NodeKind::Changed),
            Variable::Metadata => (string(), NodeKind::Metadata),
            Variable::Request => return Term::Request,
            Variable::Old | Variable::New | Variable::This => return self.image(variable, range),
        };
        Term::Value(Node {
            is_nullable: variable == Variable::Metadata,
            ..Node::new(ty, range, kind)
        })
    }

    fn image(&mut self, variable: Variable, range: Range<usize>) -> Term {
        let Some(table) = self.scope.table else {
            let message = format!("there is no row here that `{}` could be", variable.name());
            let fault = Fault::error(range, message);
            return self.refuse(fault.help("use `auth` and `request`"));
        };
        Term::Row(RowTerm {
            source: RowSource::Image(variable),
            table,
            relation: None,
            depth: 0,
        })
    }

    /// A variable of the language that means nothing where the expression stands.
    fn misplaced(&mut self, variable: Variable, range: Range<usize>) -> Term {
        let place = match variable {
            Variable::Old => "it is there for update and delete",
            Variable::New | Variable::Changed => "it is there for create and update",
            _ => "it has no meaning in this place",
        };
        let usable: Vec<String> = Variable::ALL
            .into_iter()
            .filter(|usable| self.scope.variables.contains(usable))
            .map(|usable| format!("`{}`", usable.name()))
            .collect();
        let message = format!("`{}` cannot be used here", variable.name());
        let help = format!("{place}; here there are {}", usable.join(", "));
        self.refuse(Fault::error(range, message).help(help))
    }

    fn unknown_name(&mut self, name: &str, range: Range<usize>) -> Term {
        let fault = Fault::error(range, format!("there is no variable `{name}`"));
        let fault = match name {
            "now" => fault.help("write `request.time`"),
            "row" | "resource" | "record" => fault.help("write `this`, `old` or `new`"),
            "user" | "token" | "claims" => fault.help("write `auth`"),
            _ => {
                if let Some(image) = self.owner_of(name) {
                    fault.help(format!("did you mean `{}.{name}`?", image.name()))
                } else {
                    let usable = self.scope.variables.iter().map(|variable| variable.name());
                    let bound = self.bound.iter().map(|bound| &*bound.name);
                    fault.suggest_among(name, usable.chain(bound))
                }
            }
        };
        self.refuse(fault)
    }

    /// The image that has a column, relation or computed value of this name.
    fn owner_of(&self, name: &str) -> Option<Variable> {
        let table = self.table(self.scope.table?)?;
        members(table).any(|member| member == name).then_some(())?;
        [Variable::This, Variable::New, Variable::Old]
            .into_iter()
            .find(|image| self.scope.variables.contains(image))
    }

    /// `of.name`.
    pub(super) fn field(
        &mut self,
        of: Term,
        name: &Arc<str>,
        name_range: Range<usize>,
        range: Range<usize>,
    ) -> Term {
        let node = match of {
            Term::Row(row) => return self.member(&row, name, name_range, range),
            Term::Rows(..) => return self.refuse(rows_are_no_value(range)),
            Term::Request => return self.request_field(name, name_range, range),
            Term::Value(node) => node,
        };
        if matches!(node.kind, NodeKind::Claims) {
            return self.claim(name, name_range, range);
        }
        let ty = match &node.ty {
            Type::Unknown => return Term::Value(Node::unknown(range)),
            Type::Dyn => Type::Dyn,
            Type::Map(value) => (**value).clone(),
            ty => {
                let message = format!("this is {ty}, which has no field `{name}`");
                let fault = Fault::error(name_range, message);
                return self.refuse(fault.help("take what stands behind the point out"));
            }
        };
        Term::Value(Node::new(
            ty,
            range,
            NodeKind::Field(Box::new(node), MapKey::String(name.clone())),
        ))
    }

    fn request_field(&mut self, name: &str, name_range: Range<usize>, range: Range<usize>) -> Term {
        let (ty, kind) = match name {
            "time" => (Type::Timestamp, NodeKind::Time),
            "id" => (Type::String, NodeKind::RequestId),
            _ => {
                let message = format!("`request` has no `{name}`");
                let fault = Fault::error(name_range, message);
                return self.refuse(fault.help("it has `time` and `id`"));
            }
        };
        Term::Value(Node::new(ty, range, kind))
    }

    fn claim(&mut self, name: &Arc<str>, name_range: Range<usize>, range: Range<usize>) -> Term {
        let Some((ty, is_nullable)) = self.claim_shape(name) else {
            return self.unknown_claim(name, name_range);
        };
        let kind = NodeKind::Claim(MapKey::String(name.clone()));
        Term::Value(Node {
            is_nullable,
            ..Node::new(ty, range, kind)
        })
    }

    /// The type of a claim, and whether it may be null; `None` where the schema of the claims does not know it.
    pub(super) fn claim_shape(&self, name: &str) -> Option<(Type, bool)> {
        let claims = &self.scope.world.claims;
        match claims.properties.get(name) {
            Some(property) => Some((
                claim_type(property),
                property
                    .get("default")
                    .is_some_and(serde_json::Value::is_null),
            )),
            None if name == "sub" => Some((Type::String, false)),
            None => (!claims.is_declared).then_some((Type::Dyn, false)),
        }
    }

    pub(super) fn unknown_claim(&mut self, name: &str, range: Range<usize>) -> Term {
        let claims = &self.scope.world.claims;
        let known = claims.properties.keys().map(String::as_str).chain(["sub"]);
        let fault = Fault::error(range, format!("the token has no claim `{name}`"));
        let fault = match closest(name, known) {
            Some(word) => fault.help(format!("did you mean `{word}`?")),
            None => fault.help("declare it under `client_auth.claims.properties`"),
        };
        self.refuse(fault.of_unknown_name())
    }

    /// A field in `'x' in changed`: one that the table does not have can never be in it.
    pub(super) fn changed_field(&mut self, name: &Arc<str>, range: Range<usize>) -> FieldName {
        let field = FieldName::from(&**name);
        let table = self.scope.table.and_then(|table| self.table(table));
        let is_incomplete = table.is_some_and(|table| table.is_incomplete);
        if !self.scope.fields.contains(&field) && !is_incomplete {
            let message = format!("`{name}` is not among the `columns` of this table");
            let known = self.scope.fields.iter().map(FieldName::as_str);
            let fault = Fault::error(range, message).suggest_among(name, known);
            self.fault(fault.of_unknown_name());
        }
        field
    }
}

/// A term that stands at another place.
fn at(term: Term, range: Range<usize>) -> Term {
    match term {
        Term::Value(node) => Term::Value(Node { range, ..node }),
        term => term,
    }
}

fn op() -> NodeKind {
    NodeKind::Op(Box::new(Op::ALL.map(|op| Value::string(op.as_str()))))
}

fn op_type() -> Type {
    Type::Enum(Op::ALL.into_iter().map(|op| op.as_str().into()).collect())
}
