//! Why a command ends without having done its work.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::cli::say::note;

/// What stands in the way, and whose it is to mend.
#[derive(Debug)]
pub enum Trouble {
    /// The rules are wrong; the text was made for their author, place by place. Exit code 1.
    Rules(String),
    /// The command could not run. Exit code 2.
    Unable(String),
    /// It could not run because of the rules; the text is that of [`Trouble::Rules`]. Exit code 2.
    Unfit(String),
    /// It ran, and said that something is refused. Exit code 1.
    Refused,
}

impl Trouble {
    /// The command could not run.
    pub fn unable(text: impl Into<String>) -> Self {
        Self::Unable(text.into())
    }

    /// A file or folder that could not be read or written.
    pub fn at(path: &Path, error: &io::Error) -> Self {
        Self::Unable(format!("{}: {error}", path.display()))
    }

    /// What there is to say.
    pub fn why(&self) -> &str {
        match self {
            Self::Rules(text) | Self::Unfit(text) | Self::Unable(text) => text,
            Self::Refused => "refused",
        }
    }

    /// Says it on standard error.
    pub fn tell(&self) {
        match self {
            Self::Rules(text) | Self::Unfit(text) => note(text),
            Self::Refused => {}
            Self::Unable(text) => note(&format!("error: {text}")),
        }
    }

    /// The exit code it ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Rules(_) | Self::Refused => ExitCode::from(1),
            Self::Unable(_) | Self::Unfit(_) => ExitCode::from(2),
        }
    }
}
