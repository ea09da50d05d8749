//! What is decided of one operation before the database is asked: a write on conditions.
//!
//! It names no code. Whatever is not plainly right goes the way of [`judge`](super::judge()), whose verdict counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::expr::{Frame, Related};
use crate::plan::{Cell, ConditionalWrite, Decided, Detour, Plan};
use crate::policy::admit::Admitted;
use crate::policy::image::Images;
use crate::policy::judge::Hearing;
use crate::policy::{Asking, validate};
use crate::vocabulary::operation::{Op, Verb};
use crate::vocabulary::row::{ColumnId, Row};

/// What fills a parameter of a statement.
type Fill = Option<Arc<str>>;

/// A write that the database may do where its conditions hold. Only [`propose`] makes one.
#[derive(Debug)]
pub struct Proposed {
    write: Arc<ConditionalWrite>,
    key: Arc<str>,
    fills: Vec<Fill>,
}

impl Proposed {
    /// The statement.
    pub fn write(&self) -> &ConditionalWrite {
        &self.write
    }

    /// The text of its key.
    pub fn key(&self) -> &Arc<str> {
        &self.key
    }

    /// What fills the parameters.
    pub fn fills(&self) -> &[Fill] {
        &self.fills
    }

    /// Whether one statement can do both.
    pub fn goes_with(&self, other: &Self) -> bool {
        let cells = self.write.cells.iter();
        let mut fills = cells.zip(self.fills.iter().zip(&other.fills));
        self.write.many.is_some()
            && Arc::ptr_eq(&self.write, &other.write)
            && fills.all(|(cell, (ours, theirs))| cell.is_per_row() || ours == theirs)
    }
}

/// What could happen to a row, and what is known of it.
struct Prospect<'a> {
    images: Images<'a>,
    /// What conditions see of the row.
    known: Row,
    /// Whether values and schemas allow it.
    is_possible: bool,
}

/// Decides what can be decided without the row, and fills the parameters of the statement.
pub fn propose(
    plan: &Plan,
    admitted: &Admitted<'_>,
    asking: Asking<'_>,
) -> Result<Proposed, Detour> {
    let table = admitted.table;
    if admitted.sent.iter().any(|value| value.converted.is_err()) {
        return Err(Detour::Unfit);
    }
    // What is sent for a column that only a create preset sets has to be what is stored.
    if admitted.verb == Verb::Patch && !admitted.preset_only.is_empty() {
        return Err(Detour::Unfit);
    }
    let key = admitted.key.text.clone().ok_or(Detour::Unfit)?;
    let sent: Vec<ColumnId> = admitted.sent.iter().map(|value| value.column).collect();
    let write = plan.conditional_write(table, admitted.verb, sent)?;
    let nothing = Related::default();
    let mut hearing = Hearing::new(asking, &nothing);
    let mut prospects = BTreeMap::new();
    for op in &write.ops {
        prospects.insert(*op, prospect(admitted, *op, &mut hearing));
    }
    let mut filler = Filler {
        admitted,
        prospects,
        hearing,
        may_happen: false,
    };
    let cells = write.cells.iter();
    let fills: Vec<Fill> = cells
        .map(|cell| filler.fill(cell))
        .collect::<Result<_, _>>()?;
    if !filler.may_happen {
        return Err(Detour::Refused);
    }
    Ok(Proposed { write, key, fills })
}

/// The images of an op on a row that is not looked at.
fn prospect<'a>(
    admitted: &Admitted<'_>,
    op: Op,
    hearing: &mut Hearing<'_>,
) -> Option<Prospect<'a>> {
    let table = admitted.table;
    let images = Images::unseen(admitted, op, hearing).ok()?;
    let is_possible = images.unfit.is_none() && validate::schemas_unseen(table, &images);
    let nothing = || Row::unread(table.facts.columns.len());
    let known = images.new.clone().unwrap_or_else(nothing);
    Some(Prospect {
        images,
        known,
        is_possible,
    })
}

/// Fills parameters.
struct Filler<'a> {
    admitted: &'a Admitted<'a>,
    /// What could happen; nothing where a default or preset cannot be computed.
    prospects: BTreeMap<Op, Option<Prospect<'a>>>,
    hearing: Hearing<'a>,
    /// Whether anything may happen, as far as is known.
    may_happen: bool,
}

impl Filler<'_> {
    fn fill(&mut self, cell: &Cell) -> Result<Fill, Detour> {
        let (op, cell) = match cell {
            Cell::Key => return Ok(self.admitted.key.text.clone()),
            Cell::Subject => {
                let subject = self.hearing.asking.principal.subject.as_str();
                return Ok(Some(subject.into()));
            }
            Cell::Value(op, _) | Cell::Hole(op, _) | Cell::Decided(op, _) | Cell::May(op, _) => {
                (*op, cell)
            }
        };
        let Some(Some(prospect)) = self.prospects.get(&op) else {
            return Ok(matches!(cell, Cell::May(..)).then(|| truth(false)));
        };
        let frame = Frame {
            auth: &self.hearing.asking.principal.claims,
            old: None,
            new: Some(&prospect.known),
            this: Some(&prospect.known),
            op,
            changed: &prospect.images.changed,
            time: self.hearing.asking.time,
            request_id: self.hearing.asking.request_id,
            metadata: self.admitted.metadata.as_deref(),
            related: self.hearing.related,
        };
        let budget = &mut self.hearing.budget;
        let mut holds = |decided: &Decided| {
            holds(decided, &mut |fragment| {
                let hole = fragment.holes().first().ok_or(Detour::Condition)?;
                let text = hole.fill(&frame, budget).map_err(|_| Detour::Value)?;
                Ok(text.as_deref() == Some("true"))
            })
        };
        match cell {
            Cell::Value(_, column) => {
                let datum = prospect.known.column(*column).ok_or(Detour::Value)?;
                Ok(datum.text.clone())
            }
            Cell::Hole(_, hole) => hole.fill(&frame, budget).map_err(|_| Detour::Value),
            Cell::Decided(_, decided) => Ok(Some(truth(holds(decided)?))),
            Cell::May(_, decided) => {
                let may = prospect.is_possible && holds(decided)?;
                self.may_happen |= may;
                Ok(Some(truth(may)))
            }
            Cell::Key | Cell::Subject => Err(Detour::Value),
        }
    }
}

fn holds(
    decided: &Decided,
    ask: &mut impl FnMut(&crate::expr::Fragment) -> Result<bool, Detour>,
) -> Result<bool, Detour> {
    match decided {
        Decided::Holds(fragment) => ask(fragment),
        Decided::All(parts) => {
            for part in parts {
                if !holds(part, ask)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Decided::Any(parts) => {
            for part in parts {
                if holds(part, ask)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

fn truth(is_true: bool) -> Arc<str> {
    if is_true { "true" } else { "false" }.into()
}
