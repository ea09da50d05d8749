//! Outcomes and failures → HTTP: the only table of statuses (contract, *POST /api/data*).
