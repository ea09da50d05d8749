//! The keys that tokens are verified with: static ones at once, fetched ones kept fresh in the background (reliability, *Tokens*).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use crate::auth::{KeySet, Origin, TokenError, Verified, Verifier};
use crate::observe::{Event, tell};
use crate::response::{Crowd, Failure};
use crate::serve::fetch::{Address, Fetcher};
use crate::settings::ClientAuth;
use crate::vocabulary::limits::{
    JWKS_KEEP, JWKS_REFRESH, JWKS_UNKNOWN_KID_REFRESH, KEY_WAITERS_MAX, Limits,
};

/// Least time between two fetches that tokens cause while there is no key at all.
const EMPTY_REFRESH: Duration = Duration::from_secs(1);
/// Time before the next background fetch where a source was not reached; it doubles up to the second one.
const COLD_REFRESH: Duration = Duration::from_secs(1);
const COLD_REFRESH_MAX: Duration = Duration::from_secs(30);

/// Every key, and what a token must say besides.
#[derive(Debug)]
pub struct Keys {
    verifier: Verifier,
    fixed: KeySet,
    sources: Vec<Source>,
    fetcher: Fetcher,
    /// All usable keys; one pointer, so that a request never waits for a fetch of others.
    usable: ArcSwap<KeySet>,
    /// Holds one fetch at a time.
    fetches: tokio::sync::Mutex<Fetches>,
    /// Those who wait for one: strangers who name keys of their own must not fill the house.
    waiters: Semaphore,
}

#[derive(Debug, Default)]
struct Fetches {
    /// When the last one ended.
    ended: Option<Instant>,
    /// When the last one began that an unknown key caused while others were known.
    began_for_unknown: Option<Instant>,
}

#[derive(Debug)]
struct Source {
    address: Address,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The last good answer, and when it came.
    good: Option<(KeySet, Instant)>,
    /// Why the last fetch failed, if it did.
    error: Option<String>,
}

/// What `/status` says of a source of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceStatus {
    /// Where.
    pub uri: String,
    /// How long ago the last good answer came.
    pub age: Option<Duration>,
    /// Why the last fetch failed, if it did.
    pub error: Option<String>,
}

impl Keys {
    /// The keys of the settings. Nothing is fetched yet. The notes are for the log: static keys that are left out.
    pub fn new(client_auth: &ClientAuth, limits: &Limits) -> Result<(Self, Vec<String>), String> {
        let (fixed, notes) = match &client_auth.jwks {
            Some(jwks) => KeySet::parse(&jwks.node, Origin::Static)?,
            None => (KeySet::default(), Vec::new()),
        };
        let sources = client_auth
            .jwks_uris
            .iter()
            .map(|uri| Address::parse(&uri.node, &client_auth.jwks_allow_hosts).map(Source::new))
            .collect::<Result<_, _>>()?;
        let keys = Self {
            verifier: Verifier {
                audience: client_auth.audience.clone(),
                authorized_parties: client_auth.authorized_parties.clone(),
                issuer: client_auth.issuer.clone(),
                ..Verifier::new(limits)
            },
            usable: ArcSwap::from_pointee(fixed.clone()),
            fixed,
            sources,
            fetcher: Fetcher::default(),
            fetches: tokio::sync::Mutex::default(),
            waiters: Semaphore::new(KEY_WAITERS_MAX),
        };
        Ok((keys, notes))
    }

    /// Verifies a token at a time, in seconds since 1970. A key that is not known may be new: it is fetched, if a fetch is due.
    pub async fn verify(&self, token: &str, now: i64) -> Result<Verified, Failure> {
        let mut verified = self.verify_with_what_is_here(token, now);
        // The first round may have joined a fetch that began before the key was there.
        for _ in 0..2 {
            if verified.as_ref().err() != Some(&TokenError::UnknownKey) || self.sources.is_empty() {
                break;
            }
            let Ok(_waiting) = self.waiters.try_acquire() else {
                return Err(Failure::Crowded(Crowd::Keys));
            };
            self.refresh_for_unknown().await;
            verified = self.verify_with_what_is_here(token, now);
        }
        verified.map_err(|error| match error {
            // A 401 would make the device drop a token that may be good.
            TokenError::UnknownKey if self.is_cold() => Failure::NoKeys,
            error => Failure::BadToken(error),
        })
    }

    fn verify_with_what_is_here(&self, token: &str, now: i64) -> Result<Verified, TokenError> {
        self.verifier.verify(&self.usable.load(), token, now)
    }

    /// Whether there is no usable key at all, so that nobody can be let in.
    pub fn is_empty(&self) -> bool {
        self.usable.load().is_empty()
    }

    /// Whether some source has no good answer, or too old a one; or there is nothing to verify with.
    fn is_cold(&self) -> bool {
        self.is_empty() || self.sources.iter().any(Source::is_cold)
    }

    /// Each source, for `/status`.
    pub fn status(&self) -> Vec<SourceStatus> {
        self.sources.iter().map(Source::status).collect()
    }

    /// Keeps the fetched keys fresh, for ever. While a source was never reached it is asked more often.
    pub async fn keep_fresh(&self) {
        let mut pause = COLD_REFRESH;
        while !self.sources.is_empty() {
            if let Some(mut fetches) = self.turn().await {
                self.fetch_all(&mut fetches).await;
            }
            if self.sources.iter().any(Source::is_cold) {
                sleep(pause).await;
                pause = pause.saturating_mul(2).min(COLD_REFRESH_MAX);
            } else {
                sleep(JWKS_REFRESH).await;
                pause = COLD_REFRESH;
            }
        }
    }

    /// A token named a key that is not here: one fetch in a while is its due, however many ask. Whoever asks during a fetch waits for it.
    async fn refresh_for_unknown(&self) {
        let Some(mut fetches) = self.turn().await else {
            return;
        };
        let is_empty = self.is_empty();
        let (last, pause) = if is_empty {
            (fetches.ended, EMPTY_REFRESH)
        } else {
            (fetches.began_for_unknown, JWKS_UNKNOWN_KID_REFRESH)
        };
        if last.is_some_and(|last| last.elapsed() < pause) {
            return;
        }
        if !is_empty {
            fetches.began_for_unknown = Some(Instant::now());
        }
        self.fetch_all(&mut fetches).await;
    }

    /// Waits for the turn to fetch; `None` where a fetch ended meanwhile, which then was ours as well.
    async fn turn(&self) -> Option<tokio::sync::MutexGuard<'_, Fetches>> {
        let asked = Instant::now();
        let fetches = self.fetches.lock().await;
        let is_done = fetches.ended.is_some_and(|ended| ended >= asked);
        (!is_done).then_some(fetches)
    }

    async fn fetch_all(&self, fetches: &mut Fetches) {
        join_all(self.sources.iter().map(|source| self.fetch(source))).await;
        let found: Vec<KeySet> = self.sources.iter().filter_map(Source::usable).collect();
        let all = std::iter::once(&self.fixed).chain(&found);
        self.usable.store(Arc::new(KeySet::merged(all)));
        fetches.ended = Some(Instant::now());
    }

    async fn fetch(&self, source: &Source) {
        let began = Instant::now();
        let fetched = self.fetcher.fetch(&source.address).await;
        let read = fetched.and_then(|jwks| KeySet::parse(&jwks, Origin::Fetched));
        let uri = source.address.describe();
        tell(&Event::KeysFetched {
            uri: &uri,
            error: read.as_ref().err().map(String::as_str),
            took: began.elapsed(),
        });
        source.note(read.map(|(keys, _)| keys));
    }
}

impl Source {
    fn new(address: Address) -> Self {
        Self {
            address,
            state: Mutex::default(),
        }
    }

    /// A good answer replaces the set at once; a failure keeps the old one.
    fn note(&self, read: Result<KeySet, String>) {
        self.with(|state| match read {
            Ok(keys) => {
                *state = State {
                    good: Some((keys, Instant::now())),
                    error: None,
                }
            }
            Err(error) => state.error = Some(error),
        });
    }

    fn usable(&self) -> Option<KeySet> {
        self.with(|state| {
            let (keys, came) = state.good.as_ref()?;
            (came.elapsed() < JWKS_KEEP).then(|| keys.clone())
        })
    }

    fn is_cold(&self) -> bool {
        self.with(|state| {
            state
                .good
                .as_ref()
                .is_none_or(|(_, came)| came.elapsed() >= JWKS_KEEP)
        })
    }

    fn status(&self) -> SourceStatus {
        self.with(|state| SourceStatus {
            uri: self.address.describe(),
            age: state.good.as_ref().map(|(_, came)| came.elapsed()),
            error: state.error.clone(),
        })
    }

    fn with<R>(&self, visit: impl FnOnce(&mut State) -> R) -> R {
        visit(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
