//! Names: variables, claims, columns, relations, computed values.

use std::mem;
use std::ops::Range;
use std::sync::Arc;

use crate::expr::check::{Checker, Inlined, RowTerm, Term, rows_are_no_value};
use crate::expr::claims::claim_type;
use crate::expr::ir::{Follow, Node, NodeKind, RowSource};
use crate::expr::parse::parse;
use crate::expr::types::Type;
use crate::expr::{Expected, Fault, RelationId, TableShape, Variable};
use crate::vocabulary::limits::RELATION_DEPTH_MAX;
use crate::vocabulary::names::{FieldName, MemberName};
use crate::vocabulary::operation::Op;
use crate::vocabulary::place::SourceText;
use crate::vocabulary::row::ColumnId;
use crate::vocabulary::suggest::closest;
use crate::vocabulary::value::MapKey;

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
            Variable::Op => (op_type(), NodeKind::Op),
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
            return self.refuse(Fault::error(range, message));
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
                    fault.suggest(closest(name, usable.chain(bound)))
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

    fn table(&self, id: crate::expr::TableId) -> Option<&TableShape> {
        self.scope.world.tables.get(id.0 as usize)
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
                return self.refuse(Fault::error(name_range, message));
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
        self.refuse(fault)
    }

    /// A column, relation or computed value of a row.
    pub(super) fn member(
        &mut self,
        row: &RowTerm,
        name: &str,
        name_range: Range<usize>,
        range: Range<usize>,
    ) -> Term {
        let world = self.scope.world;
        let Some(table) = world.tables.get(row.table.0 as usize) else {
            return Term::Value(Node::unknown(range));
        };
        let position = table
            .columns
            .iter()
            .position(|column| column.name.as_str() == name);
        if let Some(column) = position.and_then(|at| u16::try_from(at).ok()).map(ColumnId) {
            return self.column(row, column, name_range, range);
        }
        if let Some(relation) = table.relations.get(name) {
            return self.relation(row, *relation, name_range, range);
        }
        if let Some((name, source)) = table.computed.get_key_value(name) {
            return self.computed(row, name, source, range);
        }
        let message = format!("`{}` has no column or relation `{name}`", table.name);
        let fault = Fault::error(name_range, message);
        let fault = fault.suggest_among(name, members(table));
        self.refuse(fault)
    }

    fn column(
        &mut self,
        row: &RowTerm,
        id: ColumnId,
        name_range: Range<usize>,
        range: Range<usize>,
    ) -> Term {
        self.read(row, id, name_range);
        let shape = self
            .table(row.table)
            .and_then(|table| table.columns.get(usize::from(id.0)));
        let Some(shape) = shape else {
            return Term::Value(Node::unknown(range));
        };
        Term::Value(Node {
            is_nullable: shape.is_nullable,
            ..Node::new(
                Type::of_column(&shape.ty.kind, &shape.ty.cast),
                range,
                NodeKind::Column(row.source.clone(), id),
            )
        })
    }

    /// Notes that a column is read. What the database will compute is unknown before the write.
    fn read(&mut self, row: &RowTerm, id: ColumnId, range: Range<usize>) {
        match (&row.source, row.relation) {
            (RowSource::Image(variable), _) => {
                self.reads.columns.insert((*variable, id));
                if *variable != Variable::Old {
                    self.refuse_generated(row, id, *variable, range);
                }
            }
            (_, Some(relation)) => {
                self.reads.related.entry(relation).or_default().insert(id);
            }
            (_, None) => {}
        }
    }

    fn refuse_generated(
        &mut self,
        row: &RowTerm,
        id: ColumnId,
        variable: Variable,
        range: Range<usize>,
    ) {
        // A computed value stands alone here: which image it will be asked of is seen where it is used.
        if matches!(self.scope.expected, Expected::Any) {
            return;
        }
        let shape = self
            .table(row.table)
            .and_then(|table| table.columns.get(usize::from(id.0)));
        if let Some(shape) = shape.filter(|shape| shape.is_generated) {
            let message = format!(
                "the database computes `{}`, so it is unknown in `{}` before the write",
                shape.name,
                variable.name()
            );
            self.fault(
                Fault::error(range, message)
                    .help("use the columns that it is computed from, or `old`"),
            );
        }
    }

    fn relation(
        &mut self,
        row: &RowTerm,
        id: RelationId,
        name_range: Range<usize>,
        range: Range<usize>,
    ) -> Term {
        let world = self.scope.world;
        let Some(shape) = world.relations.get(id.0 as usize) else {
            return Term::Value(Node::unknown(range));
        };
        if row.depth >= RELATION_DEPTH_MAX {
            let message =
                format!("more than {RELATION_DEPTH_MAX} relations stand one behind another");
            return self.refuse(Fault::error(name_range, message));
        }
        for (ours, _) in &shape.matches {
            self.read(row, *ours, name_range.clone());
        }
        self.reads.related.entry(id).or_default();
        if !shape.is_to_one {
            return Term::Rows(row.clone(), id);
        }
        Term::Row(RowTerm {
            source: RowSource::Related(Box::new(row.source.clone()), self.follow(id)),
            table: shape.to,
            relation: Some(id),
            depth: row.depth + 1,
        })
    }

    /// A relation, ready to be followed.
    pub(super) fn follow(&self, relation: RelationId) -> Follow {
        let shape = self.scope.world.relations.get(relation.0 as usize);
        let ours = shape
            .into_iter()
            .flat_map(|shape| shape.matches.iter().map(|(ours, _)| *ours))
            .collect();
        Follow { relation, ours }
    }

    /// A computed value, put where it is named.
    fn computed(
        &mut self,
        row: &RowTerm,
        name: &MemberName,
        source: &SourceText,
        range: Range<usize>,
    ) -> Term {
        if let Some(fault) = self.cycle(row, name, &range) {
            return self.refuse(fault);
        }
        let tree = self
            .trees
            .entry((row.table, name.clone()))
            .or_insert_with(|| parse(&source.text).map(Arc::new))
            .clone();
        let faults = mem::take(&mut self.faults);
        let bound = mem::take(&mut self.bound);
        self.inlined.push(Inlined {
            table: row.table,
            name: name.clone(),
            this: row.clone(),
            range: range.clone(),
        });
        let node = match tree {
            Ok(tree) => self.value(&tree),
            Err(fault) => {
                self.fault(fault);
                Node::unknown(range.clone())
            }
        };
        self.inlined.pop();
        self.bound = bound;
        let inner = mem::replace(&mut self.faults, faults);
        match inner.into_iter().find(|fault| !fault.is_warning) {
            Some(fault) => {
                let fault = self.in_computed(row, name, fault, range);
                self.refuse(fault)
            }
            None => Term::Value(node),
        }
    }

    /// What is wrong inside a computed value, told where it is named.
    fn in_computed(
        &self,
        row: &RowTerm,
        name: &MemberName,
        fault: Fault,
        range: Range<usize>,
    ) -> Fault {
        if !self.inlined.is_empty() {
            return fault;
        }
        let table = self
            .table(row.table)
            .map_or("", |table| table.name.as_str());
        Fault {
            range,
            message: format!("in computed value `{name}` of `{table}`: {}", fault.message),
            ..fault
        }
    }

    fn cycle(&self, row: &RowTerm, name: &MemberName, range: &Range<usize>) -> Option<Fault> {
        let start = self
            .inlined
            .iter()
            .position(|inlined| inlined.table == row.table && inlined.name == *name)?;
        let path: Vec<String> = self
            .inlined
            .iter()
            .skip(start)
            .map(|inlined| inlined.name.to_string())
            .chain([name.to_string()])
            .collect();
        let message = format!("`{name}` reads itself: {}", path.join(" → "));
        Some(Fault::error(range.clone(), message))
    }

    /// A field in `'x' in changed`: one that the table does not have can never be in it.
    pub(super) fn changed_field(&mut self, name: &Arc<str>, range: Range<usize>) -> FieldName {
        let field = FieldName::from(&**name);
        if !self.scope.fields.contains(&field) {
            let message = format!("`{name}` is not among the `columns` of this table");
            let known = self.scope.fields.iter().map(FieldName::as_str);
            let fault = Fault::error(range, message).suggest(closest(name, known));
            self.fault(fault);
        }
        field
    }
}

/// The names of columns, relations and computed values.
fn members(table: &TableShape) -> impl Iterator<Item = &str> + Clone {
    let columns = table.columns.iter().map(|column| column.name.as_str());
    let relations = table.relations.keys().map(MemberName::as_str);
    let computed = table.computed.keys().map(MemberName::as_str);
    columns.chain(relations).chain(computed)
}

/// A term that stands at another place.
fn at(term: Term, range: Range<usize>) -> Term {
    match term {
        Term::Value(node) => Term::Value(Node { range, ..node }),
        term => term,
    }
}

fn op_type() -> Type {
    Type::Enum(Op::ALL.into_iter().map(|op| op.as_str().into()).collect())
}
