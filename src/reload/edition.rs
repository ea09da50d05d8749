//! [`Edition`]: the rules of a folder as they stood at one moment.

use std::sync::Arc;

use crate::reload::folder::Loading;
use crate::rules::RuleSet;
use crate::settings::{Line, Live, Settings};
use crate::vocabulary::place::{Place, Sources};

/// Everything of a folder that decides writes, and what is needed to tell in words how it differs from another edition.
#[derive(Debug, Default)]
pub struct Edition {
    /// The rules as written.
    pub rules: RuleSet,
    /// 12 hex digits that name it.
    pub version: Arc<str>,
    /// The settings that come and go with it.
    pub live: Live,
    /// The texts of its files.
    pub sources: Sources,
    /// All of its settings, and how they are printed.
    pub settings: Option<Settings>,
    /// The same as lines of text, secrets as stars.
    pub lines: Vec<Line>,
}

impl Edition {
    /// What was loaded. Only a loading without errors makes an edition that decides anything.
    pub fn of(loading: Loading) -> Self {
        Self {
            live: loading
                .settings
                .as_ref()
                .map(Settings::live)
                .unwrap_or_default(),
            rules: loading.rules,
            version: loading.version,
            sources: loading.sources,
            settings: loading.settings,
            lines: loading.lines,
        }
    }

    /// The text of the file that a place stands in.
    pub(super) fn text_around(&self, place: &Place) -> Option<&str> {
        self.sources.0.get(&place.file).map(AsRef::as_ref)
    }
}
