//! A compiled expression.

use std::sync::Arc;
use std::thread;

use crate::expr::account::{Account, Names, account};
use crate::expr::check::{Checked, check};
use crate::expr::evaluate::evaluate;
use crate::expr::fold::fold;
use crate::expr::ir::Node;
use crate::expr::parse::parse;
use crate::expr::sql::fragment;
use crate::expr::{Budget, EvalError, Fault, Fragment, Frame, Outside, Reads, Scope, Stand};
use crate::vocabulary::value::Value;

/// Stack of the thread that compiles: parser and checker recurse.
const STACK_BYTES: usize = 64 * 1024 * 1024;

/// A compiled expression: every name resolved, every type checked.
#[derive(Clone, Debug)]
pub struct Compiled {
    text: Arc<str>,
    node: Arc<Node>,
    reads: Reads,
    warnings: Vec<Fault>,
    names: Arc<Names>,
}

impl Compiled {
    /// Its value. A condition holds only where this is `Ok(Value::Bool(true))`.
    pub fn evaluate(&self, frame: &Frame<'_>, budget: &mut Budget) -> Result<Value, EvalError> {
        evaluate(&self.node, frame, budget)
    }

    /// The same evaluation, with the parts of the expression that decided its value.
    pub fn account(&self, frame: &Frame<'_>, budget: &mut Budget) -> Account {
        account(&self.node, &self.text, &self.names, frame, budget)
    }

    /// The condition as SQL where it stands, or what keeps it from being that.
    pub fn fragment(&self, stand: &Stand<'_>) -> Result<Fragment, Outside> {
        fragment(&self.node, &self.text, stand)
    }

    /// What it reads.
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Its text as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What compiles, and its author should look at.
    pub fn warnings(&self) -> &[Fault] {
        &self.warnings
    }
}

/// Compiles an expression; everything that is wrong with it, in the order of the text.
pub fn compile(text: &str, scope: &Scope<'_>) -> Result<Compiled, Vec<Fault>> {
    let checked = on_large_stack(text, || {
        let tree = parse(text).map_err(|fault| vec![fault])?;
        let mut checked = check(&tree, scope)?;
        fold(&mut checked.node);
        Ok(checked)
    })?;
    Ok(Compiled {
        names: Arc::new(Names::of(&checked.reads, scope.world)),
        text: text.into(),
        node: Arc::new(checked.node),
        reads: checked.reads,
        warnings: checked.warnings,
    })
}

/// Runs on a thread whose stack is large enough for every text within the limits; a panic in it is a fault.
fn on_large_stack(
    text: &str,
    run: impl FnOnce() -> Result<Checked, Vec<Fault>> + Send,
) -> Result<Checked, Vec<Fault>> {
    thread::scope(|threads| {
        thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(threads, run)
            .ok()
            .and_then(|thread| thread.join().ok())
    })
    .unwrap_or_else(|| {
        Err(vec![
            Fault::error(0..text.len(), "the expression cannot be read")
                .help("write it in a simpler way"),
        ])
    })
}
