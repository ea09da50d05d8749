//! The thin binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    eprintln!(
        "rulegate: there is nothing to run yet; docs/ARCHITECTURE.md says which rooms are built"
    );
    ExitCode::from(2)
}
