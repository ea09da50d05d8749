//! Arguments → one of the rooms → exit code.
