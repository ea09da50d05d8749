//! Room for requests: places in the house, body bytes, turns to execute, and each subject's share (reliability, *Limits*).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::response::{Crowd, Failure};
use crate::vocabulary::limits::{HEAVY_BYTES, HEAVY_PART, Limits};

/// All the room there is.
#[derive(Debug)]
pub struct Seats {
    /// Requests in the house, at most.
    places_max: usize,
    places: AtomicUsize,
    bytes_max: usize,
    bytes: AtomicUsize,
    turns: Arc<Semaphore>,
    /// KiB that the heavy bodies at work weigh together, at most.
    weights_max: u32,
    weights: Arc<Semaphore>,
    per_subject: usize,
    /// Requests of one subject in the house, those that wait for its turns among them: whoever sends more takes no place from others.
    subject_places: usize,
    patience: Duration,
    subjects: Mutex<HashMap<Subject, Share>>,
}

/// Who asks: issuer and subject.
pub(super) type Subject = (Option<String>, String);

#[derive(Debug)]
struct Share {
    holders: usize,
    turns: Arc<Semaphore>,
    /// One heavy body at a time, so that many of one subject hold nobody else up.
    heavy: Arc<Semaphore>,
}

/// A request's room, given back when it is dropped.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    bytes: usize,
    subject: Option<(Subject, Option<OwnedSemaphorePermit>)>,
    heavy: Arc<Semaphore>,
    turn: Option<OwnedSemaphorePermit>,
    weight: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
}

impl Seats {
    /// Room for twice as many requests as the pool has connections, and for those that wait.
    pub fn new(limits: &Limits, pool: usize) -> Self {
        let executing = pool.max(1).saturating_mul(2).min(Semaphore::MAX_PERMITS);
        let per_subject = limits.subject_requests_max.clamp(1, Semaphore::MAX_PERMITS);
        let weights_max = kib(limits.in_flight_bytes_max / HEAVY_PART);
        Self {
            places_max: executing.saturating_add(limits.queue_max),
            places: AtomicUsize::new(0),
            bytes_max: limits.in_flight_bytes_max,
            bytes: AtomicUsize::new(0),
            turns: Arc::new(Semaphore::new(executing)),
            weights_max,
            weights: Arc::new(Semaphore::new(weights_max as usize)),
            per_subject,
            subject_places: per_subject.saturating_mul(2),
            patience: limits.subject_wait_timeout,
            subjects: Mutex::default(),
        }
    }

    /// Requests in the house.
    pub fn taken(&self) -> usize {
        self.places.load(Ordering::SeqCst)
    }

    /// Body bytes in flight.
    pub fn in_flight_bytes(&self) -> usize {
        self.bytes.load(Ordering::SeqCst)
    }

    /// A place for a request that announces so many bytes of body. Nothing is held for them yet: a stranger may announce what he likes.
    pub fn take(self: &Arc<Self>, announced: usize) -> Result<Seat, Failure> {
        grow(&self.places, 1, self.places_max).ok_or(Failure::Crowded(Crowd::Queue))?;
        let seat = Seat {
            seats: self.clone(),
            bytes: 0,
            subject: None,
            heavy: Arc::new(Semaphore::new(1)),
            turn: None,
            weight: None,
        };
        if announced > self.bytes_max.saturating_sub(self.in_flight_bytes()) {
            return Err(Failure::Crowded(Crowd::Bytes));
        }
        Ok(seat)
    }

    /// The turns of a subject, and the one of its heavy bodies; `None` where as many of its requests wait as may run.
    fn enter(&self, subject: &Subject) -> Option<(Arc<Semaphore>, Arc<Semaphore>)> {
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        let share = subjects.entry(subject.clone()).or_insert_with(|| Share {
            holders: 0,
            turns: Arc::new(Semaphore::new(self.per_subject)),
            heavy: Arc::new(Semaphore::new(1)),
        });
        if share.holders >= self.subject_places {
            return None;
        }
        share.holders += 1;
        Some((share.turns.clone(), share.heavy.clone()))
    }

    fn leave(&self, subject: Subject) {
        let mut subjects = self.subjects.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut share) = subjects.entry(subject) {
            share.get_mut().holders -= 1;
            if share.get().holders == 0 {
                share.remove();
            }
        }
    }
}

impl Seat {
    /// Holds at least so many bytes of body.
    pub fn hold(&mut self, bytes: usize) -> Result<(), Failure> {
        let more = bytes.saturating_sub(self.bytes);
        grow(&self.seats.bytes, more, self.seats.bytes_max)
            .ok_or(Failure::Crowded(Crowd::Bytes))?;
        self.bytes += more;
        Ok(())
    }

    /// Waits a little for one of the subject's turns; not at all where as many wait already as may run.
    pub(super) async fn share(&mut self, subject: Subject) -> Result<(), Failure> {
        let entered = self.seats.enter(&subject);
        let (turns, heavy) = entered.ok_or(Failure::Crowded(Crowd::Subject))?;
        self.heavy = heavy;
        // Noted first: whoever waits and gives up leaves too.
        self.subject = Some((subject, None));
        let turn = timeout(self.seats.patience, turns.acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Failure::Crowded(Crowd::Subject));
        };
        if let Some((_, held)) = &mut self.subject {
            *held = Some(turn);
        }
        Ok(())
    }

    /// Waits for a turn to execute.
    pub async fn turn(&mut self, deadline: Instant) -> Result<(), Failure> {
        let turn = timeout_at(deadline, self.seats.turns.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Failure::Crowded(Crowd::Queue));
        };
        self.turn = Some(turn);
        Ok(())
    }

    /// Gives the turn back; another one may follow.
    pub fn rest(&mut self) {
        self.turn = None;
    }

    /// Waits until a body so long may be decoded beside the heavy ones that are: one of each subject. Take no turn before it: the light ones need them.
    pub async fn weigh(&mut self, bytes: usize, deadline: Instant) -> Result<(), Failure> {
        if bytes <= HEAVY_BYTES {
            return Ok(());
        }
        let weight = kib(bytes).min(self.seats.weights_max);
        let (heavy, weights) = (self.heavy.clone(), self.seats.weights.clone());
        let weighed = async {
            let own = heavy.acquire_owned().await?;
            Ok::<_, AcquireError>((own, weights.acquire_many_owned(weight).await?))
        };
        let Ok(Ok(weighed)) = timeout_at(deadline, weighed).await else {
            return Err(Failure::Crowded(Crowd::Weight));
        };
        self.weight = Some(weighed);
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        drop((self.turn.take(), self.weight.take()));
        if let Some((subject, turn)) = self.subject.take() {
            drop(turn);
            self.seats.leave(subject);
        }
        self.seats.bytes.fetch_sub(self.bytes, Ordering::SeqCst);
        self.seats.places.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Bytes as KiB, one at least.
fn kib(bytes: usize) -> u32 {
    let most = u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX);
    u32::try_from(bytes.div_ceil(1024)).map_or(most, |kib| kib.clamp(1, most))
}

/// Adds to a count unless that passes its limit.
fn grow(count: &AtomicUsize, more: usize, max: usize) -> Option<()> {
    let add = |held: usize| held.checked_add(more).filter(|sum| *sum <= max);
    count
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, add)
        .ok()
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seats(pool: usize) -> Arc<Seats> {
        let limits = Limits {
            queue_max: 3,
            in_flight_bytes_max: 100,
            subject_requests_max: 2,
            subject_wait_timeout: Duration::from_millis(20),
            ..Limits::default()
        };
        Arc::new(Seats::new(&limits, pool))
    }

    fn ann() -> Subject {
        (None, "ann".to_owned())
    }

    #[test]
    fn the_house_holds_those_who_execute_and_those_who_wait_and_no_more() {
        let seats = seats(1);
        let held: Vec<Seat> = (0..5).map(|_| seats.take(0).unwrap()).collect();
        assert_eq!(seats.take(0).unwrap_err(), Failure::Crowded(Crowd::Queue));
        drop(held);
        assert!(seats.take(0).is_ok());
    }

    #[tokio::test]
    async fn one_more_request_of_a_subject_waits_and_is_turned_away_and_nothing_stays_behind() {
        let seats = seats(1);
        let mut held: Vec<Seat> = (0..3).map(|_| seats.take(0).unwrap()).collect();
        let mut third = held.pop().unwrap();
        for seat in &mut held {
            seat.share(ann()).await.unwrap();
        }
        assert_eq!(
            third.share(ann()).await.unwrap_err(),
            Failure::Crowded(Crowd::Subject)
        );
        let mut other = seats.take(0).unwrap();
        other.share((None, "bob".to_owned())).await.unwrap();
        drop((held, third, other));
        assert!(seats.subjects.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn as_many_of_a_subject_wait_as_may_run_and_the_next_is_turned_away_at_once() {
        let seats = seats(8);
        let mut held: Vec<Seat> = (0..5).map(|_| seats.take(0).unwrap()).collect();
        let mut last = held.pop().unwrap();
        let began = Instant::now();
        let waiting = futures_util::future::join_all(held.iter_mut().map(|seat| seat.share(ann())));
        let turned_away = async {
            tokio::task::yield_now().await;
            (last.share(ann()).await, began.elapsed())
        };
        let (all, (refused, after)) = tokio::join!(waiting, turned_away);
        let served = all.iter().filter(|share| share.is_ok()).count();
        assert_eq!(
            (served, refused),
            (2, Err(Failure::Crowded(Crowd::Subject)))
        );
        assert!(after < Duration::from_millis(20), "{after:?}");
        drop((held, last));
        assert!(seats.subjects.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_request_waits_for_its_turn_until_its_deadline() {
        let seats = seats(1);
        let mut held: Vec<Seat> = (0..3).map(|_| seats.take(0).unwrap()).collect();
        let soon = Instant::now() + Duration::from_millis(20);
        let mut last = held.pop().unwrap();
        for seat in &mut held {
            seat.turn(soon).await.unwrap();
        }
        assert!(last.turn(soon).await.is_err());
        drop(held);
        assert!(last.turn(Instant::now()).await.is_ok());
    }

    #[tokio::test]
    async fn heavy_bodies_take_turns_and_light_ones_pass_them_by() {
        let limits = Limits {
            in_flight_bytes_max: HEAVY_PART * 3 * HEAVY_BYTES,
            ..Limits::default()
        };
        let seats = Arc::new(Seats::new(&limits, 8));
        let mut held: Vec<Seat> = (0..4).map(|_| seats.take(0).unwrap()).collect();
        let soon = || Instant::now() + Duration::from_millis(20);
        let (mut first, mut second) = (held.pop().unwrap(), held.pop().unwrap());
        first.weigh(2 * HEAVY_BYTES, soon()).await.unwrap();
        let refused = second.weigh(2 * HEAVY_BYTES, soon()).await;
        assert_eq!(refused, Err(Failure::Crowded(Crowd::Weight)));
        held.pop()
            .unwrap()
            .weigh(HEAVY_BYTES, soon())
            .await
            .unwrap();
        drop(first);
        // More than all there is goes alone.
        second.weigh(100 * HEAVY_BYTES, soon()).await.unwrap();
        assert!(
            held.pop()
                .unwrap()
                .weigh(HEAVY_BYTES + 1, soon())
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn the_heavy_bodies_of_one_subject_stand_in_line_behind_one_another_and_not_before_others()
     {
        let limits = Limits {
            in_flight_bytes_max: HEAVY_PART * 4 * HEAVY_BYTES,
            ..Limits::default()
        };
        let seats = Arc::new(Seats::new(&limits, 8));
        let mut held = Vec::new();
        for who in ["ann", "ann", "bob"] {
            let mut seat = seats.take(0).unwrap();
            seat.share((None, who.to_owned())).await.unwrap();
            held.push(seat);
        }
        let soon = Instant::now() + Duration::from_millis(20);
        let mut passed = Vec::new();
        for seat in &mut held {
            passed.push(seat.weigh(HEAVY_BYTES + 1, soon).await.is_ok());
        }
        assert_eq!(passed, [true, false, true]);
    }

    proptest! {
        #[test]
        fn bytes_never_pass_their_limit_and_all_come_back(wanted in prop::collection::vec((0_usize..80, 0_usize..80), 1..5)) {
            let seats = seats(8);
            let mut held = Vec::new();
            for (announced, read) in wanted {
                if let Ok(mut seat) = seats.take(announced) {
                    let _ = seat.hold(announced);
                    let _ = seat.hold(read);
                    held.push(seat);
                }
                prop_assert!(seats.in_flight_bytes() <= 100);
            }
            drop(held);
            prop_assert_eq!((seats.in_flight_bytes(), seats.taken()), (0, 0));
        }
    }
}
