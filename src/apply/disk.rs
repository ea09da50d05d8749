//! What of an upload is on disk: no answer leaves before all that it says is (`docs/decisions/batches.md`).

use std::time::Duration;

use crate::apply::{Outcome, Road, Upload, trouble};
use crate::driver::postgres::Class;
use crate::observe::{Event, tell};

/// How long after the request's time it may take, at most: the answer still has to go out.
const GRACE: Duration = Duration::from_millis(1500);

/// The outcomes that may not have reached the disk yet.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// The first of them.
    since: Option<usize>,
}

/// How a transaction of an upload was committed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Commit {
    /// Its place in the upload.
    pub position: usize,
    /// Whether it was waited for.
    pub is_awaited: bool,
    /// Whether it wrote something in any case: an entry of the ledger.
    pub is_recorded: bool,
}

impl Disk {
    /// Notes an outcome. What is on disk has everything before it with it: there is one log.
    pub(super) fn note(&mut self, outcome: &Outcome, commit: Commit) {
        match outcome {
            Outcome::Applied if commit.is_awaited && commit.is_recorded => self.since = None,
            // It may have written nothing, and then nothing was waited for.
            Outcome::Applied if commit.is_awaited => {}
            // Its earlier attempt may be another upload's, which is not on disk yet.
            Outcome::Applied | Outcome::Repeated => {
                self.since.get_or_insert(commit.position);
            }
            // Its letter is, and that was waited for.
            Outcome::Refused(_) => self.since = None,
            Outcome::Retry(_) | Outcome::NotAttempted => {}
        }
    }

    /// Waits for the disk. What did not reach it is sent again, and then found in the ledger or applied.
    pub(super) async fn reach(self, road: &Road, upload: &Upload, outcomes: &mut [Outcome]) {
        let Some(since) = self.since else {
            return;
        };
        let Err(error) = road.store.flush(upload.deadline + GRACE).await else {
            return;
        };
        let reason = format!("what was committed is not known to be on disk: {error}");
        let is_mistake = error.class() == Class::Mistake;
        if is_mistake && road.store.health().is_news(&reason) {
            tell(&Event::Mistake(&reason));
        }
        let mut late = outcomes.iter_mut().skip(since);
        if let Some(first) = late.next() {
            *first = Outcome::Retry(trouble::later(reason));
        }
        late.for_each(|outcome| *outcome = Outcome::NotAttempted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Refusal;

    /// An outcome, whether its commit is waited for, and whether it has an entry.
    type Step<'a> = (&'a Outcome, bool, bool);

    /// Outcomes in order, and from which on the disk has to be waited for.
    #[test]
    fn what_is_waited_for_has_all_before_it_with_it() {
        use Outcome::{Applied, NotAttempted, Repeated};
        let refused = Outcome::Refused(Refusal::unauthorized("no"));
        let retry = Outcome::Retry(trouble::soon("busy"));
        let rows: [(&[Step<'_>], Option<usize>); 10] = [
            (&[(&Applied, true, true)], None),
            (&[(&Applied, true, false)], None),
            (&[(&Repeated, true, true)], Some(0)),
            (&[(&Applied, false, true), (&Applied, true, true)], None),
            (&[(&Applied, false, true), (&Applied, true, false)], Some(0)),
            (&[(&Applied, false, true), (&Repeated, true, true)], Some(0)),
            (&[(&Applied, false, true), (&refused, false, true)], None),
            (
                &[
                    (&Applied, false, true),
                    (&refused, false, true),
                    (&Applied, false, true),
                ],
                Some(2),
            ),
            (
                &[
                    (&Applied, false, true),
                    (&retry, false, true),
                    (&NotAttempted, true, true),
                ],
                Some(0),
            ),
            (&[(&retry, false, true), (&NotAttempted, true, true)], None),
        ];
        for (outcomes, since) in rows {
            let mut disk = Disk::default();
            for (position, (outcome, is_awaited, is_recorded)) in outcomes.iter().enumerate() {
                let commit = Commit {
                    position,
                    is_awaited: *is_awaited,
                    is_recorded: *is_recorded,
                };
                disk.note(outcome, commit);
            }
            assert_eq!(disk.since, since, "{outcomes:?}");
        }
    }
}
