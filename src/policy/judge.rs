//! Steps 3 to 8, in their order, over the images of one operation.

use std::collections::BTreeSet;

use crate::expr::{Budget, Compiled, EvalError, Frame, Related, Variable};
use crate::policy::admit::Admitted;
use crate::policy::image::Images;
use crate::policy::{
    Asking, Judgement, Permitted, Refusal, Trace, Verdict, Write, conditions, validate,
};
use crate::vocabulary::operation::Op;
use crate::vocabulary::row::Row;
use crate::vocabulary::value::Value;

/// What one judgement works with: who asks, the related rows read so far, the steps left.
pub(super) struct Hearing<'a> {
    pub asking: Asking<'a>,
    pub related: &'a Related,
    pub budget: Budget,
    /// Who wants to know why.
    pub trace: Option<&'a mut Trace>,
}

/// Judges one operation on the row as it is stored under lock (`None`: there is none).
///
/// An answer that was reached without all related rows does not count: then it says which are needed.
pub fn judge(
    admitted: &Admitted<'_>,
    stored: Option<&Row>,
    asking: Asking<'_>,
    related: &Related,
) -> Judgement {
    judge_traced(admitted, stored, asking, related, None)
}

/// The same judgement, which writes down what it looked at and heard.
pub fn judge_traced(
    admitted: &Admitted<'_>,
    stored: Option<&Row>,
    asking: Asking<'_>,
    related: &Related,
    mut trace: Option<&mut Trace>,
) -> Judgement {
    if let Some(trace) = &mut trace {
        trace.begin();
    }
    let mut hearing = Hearing::new(asking, related);
    hearing.trace = trace;
    let verdict = decide(admitted, stored, &mut hearing).unwrap_or_else(Verdict::Refuse);
    let missing = related.missing();
    if missing.is_empty() {
        Judgement::Decided(verdict)
    } else {
        Judgement::Needs(missing)
    }
}

fn decide(
    admitted: &Admitted<'_>,
    stored: Option<&Row>,
    hearing: &mut Hearing<'_>,
) -> Result<Verdict, Refusal> {
    let Some(op) = admitted.op(stored.is_some()) else {
        return Ok(Verdict::Done);
    };
    let mut images = match (op, stored) {
        (Op::Delete, Some(old)) => Images::of_delete(old),
        _ => Images::of_write(admitted, stored, hearing)?,
    };
    if let Some(trace) = &mut hearing.trace {
        trace.see(&images);
    }
    let metadata = admitted.metadata.as_deref();
    conditions::guards(admitted.table, &images, metadata, hearing)?;
    conditions::grants(admitted.table, &images, metadata, hearing)?;
    if let Some(refusal) = images.unfit.take() {
        return Err(refusal);
    }
    if images.overreaches {
        return Err(Refusal::unauthorized(
            "another value was sent for a column that a create preset sets",
        ));
    }
    validate::immutable(admitted.table, &images)?;
    validate::schemas(admitted.table, &images)?;
    conditions::checks(admitted.table, &images, metadata, hearing)?;
    Ok(permit(admitted, images))
}

/// Step 9: what is left to write. An update in which nothing differs writes nothing.
fn permit(admitted: &Admitted<'_>, images: Images<'_>) -> Verdict {
    match images.op {
        Op::Delete => Verdict::Permit(Permitted(Write::Delete)),
        Op::Update if images.changed.is_empty() => Verdict::Done,
        Op::Update => Verdict::Permit(Permitted(Write::Update(images.writes))),
        Op::Create => {
            let mut columns = vec![(admitted.table.key, admitted.key.clone())];
            columns.extend(images.writes);
            Verdict::Permit(Permitted(Write::Insert(columns)))
        }
    }
}

impl<'a> Hearing<'a> {
    pub(super) fn new(asking: Asking<'a>, related: &'a Related) -> Self {
        let steps_max = asking.limits.evaluation_steps_max;
        Self {
            trace: None,
            asking,
            related,
            budget: Budget {
                steps_max,
                steps_left: steps_max,
            },
        }
    }

    /// The value of a default or preset.
    pub(super) fn value(
        &mut self,
        expression: &Compiled,
        op: Op,
        old: Option<&Row>,
        metadata: Option<&str>,
    ) -> Result<Value, EvalError> {
        let nothing = BTreeSet::new();
        let frame = Frame {
            auth: &self.asking.principal.claims,
            old,
            new: None,
            this: None,
            op,
            changed: &nothing,
            time: self.asking.time,
            request_id: self.asking.request_id,
            metadata,
            related: self.related,
        };
        expression.evaluate(&frame, &mut self.budget)
    }

    /// Whether a condition holds: exactly true, for each image that `this` stands for.
    pub(super) fn holds(
        &mut self,
        condition: &Compiled,
        images: &Images<'_>,
        metadata: Option<&str>,
    ) -> bool {
        if !condition.reads().variables.contains(&Variable::This) {
            return self.holds_for(condition, images, None, metadata);
        }
        let both = [images.old, images.new.as_ref()];
        let judged: Vec<bool> = both
            .into_iter()
            .flatten()
            .map(|this| self.holds_for(condition, images, Some(this), metadata))
            .collect();
        !judged.is_empty() && judged.into_iter().all(|holds| holds)
    }

    /// The message of a rule that does not hold; `None` where it cannot be computed, or is no text. `this` is the image that the rule refuses.
    pub(super) fn message(
        &mut self,
        message: &Compiled,
        rule: &Compiled,
        images: &Images<'_>,
        metadata: Option<&str>,
    ) -> Option<String> {
        let names_this = message.reads().variables.contains(&Variable::This);
        let latest_first = [images.new.as_ref(), images.old];
        let this = latest_first
            .into_iter()
            .flatten()
            .filter(|_| names_this)
            .find(|this| !is_true(&self.evaluate(rule, images, Some(this), metadata)));
        match self.evaluate(message, images, this, metadata) {
            Ok(Value::String(text)) => Some(text.to_string()),
            Ok(Value::Uuid(id)) => Some(id.to_string()),
            Ok(_) | Err(_) => None,
        }
    }

    fn holds_for(
        &mut self,
        condition: &Compiled,
        images: &Images<'_>,
        this: Option<&Row>,
        metadata: Option<&str>,
    ) -> bool {
        let before = self.budget.clone();
        let holds = is_true(&self.evaluate(condition, images, this, metadata));
        let frame = self.frame(images, this, metadata);
        if let Some(trace) = &mut self.trace {
            trace.hear(condition, &frame, before, holds);
        }
        holds
    }

    fn evaluate(
        &mut self,
        expression: &Compiled,
        images: &Images<'_>,
        this: Option<&Row>,
        metadata: Option<&str>,
    ) -> Result<Value, EvalError> {
        let frame = self.frame(images, this, metadata);
        expression.evaluate(&frame, &mut self.budget)
    }

    fn frame<'f>(
        &self,
        images: &'f Images<'_>,
        this: Option<&'f Row>,
        metadata: Option<&'f str>,
    ) -> Frame<'f>
    where
        'a: 'f,
    {
        Frame {
            auth: &self.asking.principal.claims,
            old: images.old,
            new: images.new.as_ref(),
            this,
            op: images.op,
            changed: &images.changed,
            time: self.asking.time,
            request_id: self.asking.request_id,
            metadata,
            related: self.related,
        }
    }
}

fn is_true(value: &Result<Value, EvalError>) -> bool {
    matches!(value, Ok(Value::Bool(true)))
}
