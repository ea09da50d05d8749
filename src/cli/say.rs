//! What a command prints, and what it says meanwhile. A reader who has seen enough (`| head`) ends nothing.

use std::io::{self, Write as _};

/// Prints text on standard output, with a line break at its end.
pub fn say(text: &str) {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut out = io::stdout().lock();
    // Whoever closed the other end does not want to know.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Says something on standard error.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
