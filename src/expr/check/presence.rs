//! `has`.

use std::ops::Range;
use std::sync::Arc;

use crate::expr::Fault;
use crate::expr::check::builtins::wrong_count;
use crate::expr::check::{Checker, Term};
use crate::expr::ir::{Node, NodeKind};
use crate::expr::syntax::{Call, Expression, Syntax};
use crate::expr::types::Type;
use crate::vocabulary::value::MapKey;

impl Checker<'_> {
    /// `has(x.field)`.
    pub(super) fn has(&mut self, call: &Call, name: Range<usize>, range: Range<usize>) -> Term {
        let [argument] = call.arguments.as_slice() else {
            return self.refuse(wrong_count("has", 1, call, name));
        };
        let Syntax::Field(of, field) = &argument.syntax else {
            let fault = Fault::error(name, "`has` asks for a field, such as `has(auth.role)`");
            return self.refuse(fault.help("to ask whether something is null, write `!= null`"));
        };
        let key = MapKey::String(field.clone());
        let of_node =
            match self.term(of) {
                Term::Value(node) => node,
                Term::Row(row) => {
                    let name_range = self.place(&argument.name_range);
                    let faults = self.faults.len();
                    self.member(&row, field, name_range, range.clone());
                    return if self.faults.len() == faults {
                        self.refuse(always_there(of, field, range))
                    } else {
                        Term::Value(Node::unknown(range))
                    };
                }
                Term::Rows(..) | Term::Request => {
                    return self.refuse(Fault::error(range, "this has no optional fields").help(
                        "`has` asks for a claim or a member of JSON, such as `has(auth.role)`",
                    ));
                }
            };
        let kind = match &of_node.ty {
            _ if matches!(of_node.kind, NodeKind::Claims) => {
                if self.claim_shape(field).is_none() {
                    let name_range = self.place(&argument.name_range);
                    return self.unknown_claim(field, name_range);
                }
                NodeKind::HasClaim(key)
            }
            Type::Map(_) | Type::Dyn | Type::Unknown => NodeKind::HasField(Box::new(of_node), key),
            ty => {
                let message = format!("this is {ty}, which has no fields");
                let fault = Fault::error(range, message);
                return self
                    .refuse(fault.help("to ask whether something is null, write `!= null`"));
            }
        };
        Term::Value(Node::new(Type::Bool, range, kind))
    }
}

/// `has` on a column, which every row has.
fn always_there(of: &Expression, field: &Arc<str>, range: Range<usize>) -> Fault {
    let of = match &of.syntax {
        Syntax::Name(name) => name,
        _ => "…",
    };
    let sent = if of == "new" || of == "this" {
        format!(", or `'{field}' in changed`")
    } else {
        String::new()
    };
    Fault::error(range, "every row has this, so `has` says nothing")
        .help(format!("did you mean `{of}.{field} != null`{sent}?"))
}
