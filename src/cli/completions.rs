//! `rulegate completions`: what a shell needs to complete our commands.

use clap::CommandFactory as _;

use crate::cli::arguments::{self, Completing};
use crate::cli::say::say;

/// Prints it.
pub fn run(arguments: &Completing) {
    let mut script = Vec::new();
    let mut command = arguments::Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, "rulegate", &mut script);
    say(&String::from_utf8_lossy(&script));
}
