//! What `rulegate check --settings` prints: every setting, its value, and where it came from.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::settings::{
    Line, OnFatalError, OnSchemaDrift, Origin, SealingKeys, Secret, SslMode, Unknown,
};

/// A value as it is printed.
pub(super) trait Show {
    fn show(&self) -> String;
}

/// The settings chosen so far.
#[derive(Default)]
pub(super) struct Lines(pub Vec<Line>);

impl Lines {
    /// Chooses a setting: a flag wins over what is written, that over the default.
    pub(super) fn choose<T: Show>(
        &mut self,
        name: &str,
        flag: Option<T>,
        written: Option<(T, Origin)>,
        default: impl FnOnce() -> T,
    ) -> T {
        let (value, origin) = flag
            .map(|value| (value, Origin::Flag))
            .or(written)
            .unwrap_or_else(|| (default(), Origin::Default));
        self.0.push(Line {
            name: name.to_owned(),
            value: value.show(),
            origin,
        });
        value
    }
}

impl Show for String {
    fn show(&self) -> String {
        self.clone()
    }
}

impl Show for bool {
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Show for usize {
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Show for SocketAddr {
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Show for PathBuf {
    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl Show for Secret {
    fn show(&self) -> String {
        format!("{self:?}")
    }
}

impl Show for SealingKeys {
    fn show(&self) -> String {
        match self {
            Self::Unset => "none".to_owned(),
            Self::Unreadable => "unreadable ***".to_owned(),
            Self::Read(keys) => format!("{} keys ***", keys.len()),
        }
    }
}

impl Show for Duration {
    fn show(&self) -> String {
        let units = [
            ("d", 86_400_000),
            ("h", 3_600_000),
            ("m", 60_000),
            ("s", 1000),
            ("ms", 1),
        ];
        let ms = self.as_millis();
        let fits = |(_, unit): &(&str, u128)| ms % unit == 0;
        let (name, unit) = units.into_iter().find(fits).unwrap_or(("ms", 1));
        format!("{}{name}", ms / unit)
    }
}

impl Show for SslMode {
    fn show(&self) -> String {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
        .to_owned()
    }
}

impl Show for OnFatalError {
    fn show(&self) -> String {
        match self {
            Self::Stop => "stop",
            Self::Skip => "skip",
        }
        .to_owned()
    }
}

impl Show for OnSchemaDrift {
    fn show(&self) -> String {
        match self {
            Self::Retry => "retry",
            Self::Fatal => "fatal",
        }
        .to_owned()
    }
}

impl Show for Unknown {
    fn show(&self) -> String {
        match self {
            Self::Fatal => "fatal",
            Self::Retry => "retry",
        }
        .to_owned()
    }
}

/// A key set shows how many keys it has: shared secrets are among them.
impl Show for serde_json::Value {
    fn show(&self) -> String {
        let keys = self.get("keys").and_then(Self::as_array);
        format!("{} keys ***", keys.map_or(0, Vec::len))
    }
}

impl<T: Show> Show for Vec<T> {
    fn show(&self) -> String {
        let items: Vec<String> = self.iter().map(Show::show).collect();
        format!("[{}]", items.join(", "))
    }
}

impl<T: Show> Show for Option<T> {
    fn show(&self) -> String {
        self.as_ref().map_or_else(|| "none".to_owned(), Show::show)
    }
}
