//! The public listener: limits, the main road on one screen.
