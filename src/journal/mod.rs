//! Our own schema `rulegate` in the app's database, versioned. Ledger and dead letters will live here.
