//! The admin listener: metrics and status, for the operator alone.
