//! What went wrong in the database, and what the contract makes of it (contract, *Which database errors are fatal*).

use std::fmt;

use tokio_postgres::error::DbError;

use crate::vocabulary::code::ErrorCode;

/// A table or column that is gone, or is not what it was.
const SCHEMA_MISMATCHES: [&str; 4] = ["42P01", "42703", "42P10", "42804"];

/// What we were doing. The same code means different things in different phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Connecting, BEGIN, settings, ROLLBACK.
    Session,
    /// Reading rows, the catalogue.
    Read,
    /// A statement on our own schema.
    Journal,
    /// A statement that writes an app's row.
    Write,
    /// SET CONSTRAINTS, at the end of a transaction.
    Settle,
    /// COMMIT was sent.
    Commit,
}

/// An error of the database, or of the road to it.
#[derive(Clone, Debug, thiserror::Error)]
pub struct DriverError {
    /// What we were doing.
    pub phase: Phase,
    /// The SQLSTATE; `None` for I/O and time-outs on our side.
    pub sqlstate: Option<String>,
    /// The function of the server that raised it.
    pub routine: Option<String>,
    /// The constraint it names.
    pub constraint: Option<String>,
    /// The column it names.
    pub column: Option<String>,
    /// The server's text. It can quote other people's rows: what of it may be told, `Display` tells.
    pub text: String,
}

/// What to do about an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// Two transactions met: try again here.
    Conflict,
    /// Not now: the device shall send it again.
    Retry,
    /// A prepared statement is stale: prepare again, once.
    Reprepare,
    /// The schema changed: read the catalogue again, once.
    Drift,
    /// The operator has to mend something. Retryable, and loud.
    Mistake,
    /// The same, but only rows like this one wait for it, as far as we know: what an app sends must not decide whether we are ready.
    NoPlace,
    /// Refused for good.
    Fatal(ErrorCode),
    /// Refused for good by the database's own code, which raised this on purpose.
    Raised,
}

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sqlstate {
            Some(code) if self.quotes_no_value(code) => {
                write!(f, "{} (SQLSTATE {code})", self.text)?;
            }
            _ => f.write_str(&self.summary())?,
        }
        match (self.phase, self.sqlstate.as_deref()) {
            (Phase::Journal, Some("42P01" | "42703" | "3F000")) => {
                f.write_str(": run `rulegate migrate`")
            }
            (Phase::Journal, Some("42501")) => f.write_str(
                ": grant the gateway's role USAGE on schema `rulegate`, and SELECT, INSERT, UPDATE and DELETE on its tables",
            ),
            _ => Ok(()),
        }
    }
}

impl DriverError {
    /// An error on our side of the wire.
    pub fn local(phase: Phase, text: impl Into<String>) -> Self {
        Self {
            phase,
            sqlstate: None,
            routine: None,
            constraint: None,
            column: None,
            text: text.into(),
        }
    }

    /// What tokio-postgres says, in a phase.
    pub(super) fn of(phase: Phase, error: &tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(db) => Self::of_server(phase, db),
            None => Self::local(phase, with_sources(error)),
        }
    }

    fn of_server(phase: Phase, db: &DbError) -> Self {
        Self {
            phase,
            sqlstate: Some(db.code().code().to_owned()),
            routine: db.routine().map(ToOwned::to_owned),
            constraint: db.constraint().map(ToOwned::to_owned),
            column: db.column().map(ToOwned::to_owned),
            text: db.message().to_owned(),
        }
    }

    /// Whether the server's text names roles, tables and the like at most. Code of the database's own can put anything into a text: by
    /// raising it, and where it writes statements of its own, which only happens while rows are written.
    fn quotes_no_value(&self, code: &str) -> bool {
        let is_raised = self.routine.as_deref() == Some("exec_stmt_raise");
        let is_ours = matches!(self.phase, Phase::Session | Phase::Read | Phase::Journal);
        match code.get(..2).unwrap_or_default() {
            _ if self.phase == Phase::Session => true,
            "08" | "25" | "28" | "3D" | "3F" | "53" | "55" | "57" | "58" => !is_raised,
            "0A" | "26" | "42" => !is_raised && (is_ours || code == "42501"),
            _ => false,
        }
    }

    /// Whether a statement that writes an app's row met a table or column that is gone, or is not what it was.
    pub fn is_schema_mismatch(&self) -> bool {
        let code = self.sqlstate.as_deref().unwrap_or_default();
        self.phase == Phase::Write && SCHEMA_MISMATCHES.contains(&code)
    }

    /// Whether it says that a value cannot be read as what it is meant for: in a read, a value that an app sent.
    pub fn is_of_a_value(&self) -> bool {
        self.sqlstate
            .as_ref()
            .is_some_and(|code| code.starts_with("22"))
    }

    /// What it is without the server's text, which can quote values: for the log.
    pub fn summary(&self) -> String {
        let Some(code) = &self.sqlstate else {
            return self.text.clone();
        };
        let constraint = self
            .constraint
            .iter()
            .map(|name| format!(", constraint {name}"));
        let column = self.column.iter().map(|name| format!(", column {name}"));
        let parts: String = constraint.chain(column).collect();
        format!("SQLSTATE {code}{parts}")
    }

    /// Whether the database did not let us in: a wrong password, a role that may not log in, no such database.
    pub fn is_login(&self) -> bool {
        let code = self.sqlstate.as_deref().unwrap_or_default();
        self.phase == Phase::Session && (code.starts_with("28") || code == "3D000")
    }

    /// Whether it only says that the transaction had failed before.
    pub(super) fn is_aftermath(&self) -> bool {
        self.sqlstate.as_deref() == Some("25P02")
    }

    /// Whether a commit that ended so may have been done all the same.
    pub fn leaves_commit_unknown(&self) -> bool {
        self.phase == Phase::Commit && self.class() == Class::Retry
    }

    /// Whether it met the session, and so would meet everybody.
    pub fn is_of_session(&self) -> bool {
        matches!(self.phase, Phase::Session | Phase::Journal)
    }

    /// Whether a role lacks a privilege.
    pub fn is_privilege(&self) -> bool {
        self.sqlstate.as_deref() == Some("42501") && self.phase != Phase::Session
    }

    /// What an operator can do about it, where that is known.
    pub fn cure(&self) -> Option<&'static str> {
        let code = self.sqlstate.as_deref()?;
        if self.phase == Phase::Journal {
            // Its own text says it.
            return None;
        }
        let is_session = self.phase == Phase::Session;
        let routine = self.routine.as_deref().unwrap_or_default();
        Some(match code {
            "3D000" => "create the database, or name another one in `database.uri`",
            "3F000" => {
                "create the schema again, or let the statements of the database's own code name another one"
            }
            "42501" if is_session => {
                "grant the role of `database.role` to the role that logs in: `GRANT <role> TO <login>;`"
            }
            "42501" => "grant it in the database: `GRANT … ON … TO <role>;`",
            "22023" if is_session => "create the role, or correct `database.role`",
            "23514" if routine == "ExecFindPartition" => {
                "create a partition for such rows: `CREATE TABLE … PARTITION OF …;`"
            }
            "42P01" | "42703" | "42P10" | "42804" | "42883" | "42846" | "42809" | "42704"
                if !matches!(self.phase, Phase::Session) =>
            {
                "the rules fit, so look at the triggers and policies of the table: one of them names what is not there"
            }
            _ if code.starts_with("28") => {
                "look at user and password in `database.uri`, and at the server's pg_hba.conf"
            }
            _ => return None,
        })
    }

    /// It, and what to do about it.
    pub fn told(&self) -> String {
        match self.cure() {
            Some(cure) => format!("{self}: {cure}"),
            None => self.to_string(),
        }
    }

    /// What the contract makes of it. Fatal answers hold only for statements that write an app's row, SET CONSTRAINTS and COMMIT.
    pub fn class(&self) -> Class {
        let Some(code) = self.sqlstate.as_deref() else {
            return Class::Retry;
        };
        let class = classify(code, self.routine.as_deref().unwrap_or_default());
        let is_ours = matches!(self.phase, Phase::Session | Phase::Read | Phase::Journal);
        match class {
            Class::Fatal(_) | Class::Raised | Class::NoPlace if is_ours => Class::Mistake,
            // No reading of the catalogue mends our own schema.
            Class::Drift if self.phase == Phase::Journal => Class::Mistake,
            class => class,
        }
    }
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn classify(code: &str, routine: &str) -> Class {
    match code {
        "40001" | "40P01" => Class::Conflict,
        "0A000" | "26000" | "42P05" => Class::Reprepare,
        _ if SCHEMA_MISMATCHES.contains(&code) => Class::Drift,
        // A statement made for other types: no operator, no cast, no such type, no such kind of table.
        "42883" | "42846" | "42809" | "42704" if routine != "exec_stmt_raise" => Class::Drift,
        // The schema of a type, which may have another name by now; else an operator's mistake.
        "3F000" => Class::Drift,
        "44000" => Class::Fatal(ErrorCode::Unauthorized),
        "42501" if routine == "ExecWithCheckOptions" || routine == "exec_stmt_raise" => {
            Class::Fatal(ErrorCode::Unauthorized)
        }
        "42501" | "3D000" => Class::Mistake,
        "55P03" | "57014" | "25006" => Class::Retry,
        "23514" if routine == "ExecFindPartition" => Class::NoPlace,
        "23502" => Class::Fatal(ErrorCode::NotNullViolation),
        "23503" => Class::Fatal(ErrorCode::ForeignKeyViolation),
        "23505" => Class::Fatal(ErrorCode::UniqueViolation),
        "23514" => Class::Fatal(ErrorCode::CheckViolation),
        _ => by_class(code, routine),
    }
}

fn by_class(code: &str, routine: &str) -> Class {
    match code.get(..2).unwrap_or_default() {
        "08" | "53" | "57" | "58" | "XX" | "25" => Class::Retry,
        "28" => Class::Mistake,
        "22" | "54" => Class::Fatal(ErrorCode::InvalidData),
        "23" => Class::Fatal(ErrorCode::ConstraintViolation),
        "P0" => Class::Raised,
        _ if routine == "exec_stmt_raise" => Class::Raised,
        // Nobody foresaw it, so an operator shall look.
        _ => Class::NoPlace,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(phase: Phase, code: &str, routine: &str) -> DriverError {
        DriverError {
            sqlstate: Some(code.to_owned()),
            routine: Some(routine.to_owned()),
            ..DriverError::local(phase, "text")
        }
    }

    #[test]
    fn each_row_of_the_contract_has_its_class() {
        use ErrorCode::{
            CheckViolation, ConstraintViolation, ForeignKeyViolation, InvalidData,
            NotNullViolation, Unauthorized, UniqueViolation,
        };
        let rows = [
            ("40001", "", Class::Conflict),
            ("40P01", "", Class::Conflict),
            ("08006", "", Class::Retry),
            ("53300", "", Class::Retry),
            ("57P01", "", Class::Retry),
            ("57014", "", Class::Retry),
            ("58030", "", Class::Retry),
            ("55P03", "", Class::Retry),
            ("25P02", "", Class::Retry),
            ("25P03", "", Class::Retry),
            ("25006", "", Class::Retry),
            ("XX000", "", Class::Retry),
            ("0A000", "", Class::Reprepare),
            ("26000", "", Class::Reprepare),
            ("42P05", "", Class::Reprepare),
            ("28P01", "", Class::Mistake),
            ("28000", "", Class::Mistake),
            ("3D000", "", Class::Mistake),
            ("3F000", "", Class::Drift),
            ("42501", "aclcheck_error", Class::Mistake),
            ("42P01", "", Class::Drift),
            ("42703", "", Class::Drift),
            ("42P10", "", Class::Drift),
            ("42804", "", Class::Drift),
            ("42883", "op_error", Class::Drift),
            ("42846", "", Class::Drift),
            ("42809", "", Class::Drift),
            ("42883", "exec_stmt_raise", Class::Raised),
            ("42501", "ExecWithCheckOptions", Class::Fatal(Unauthorized)),
            ("42501", "exec_stmt_raise", Class::Fatal(Unauthorized)),
            ("44000", "", Class::Fatal(Unauthorized)),
            ("23514", "ExecFindPartition", Class::NoPlace),
            ("22P02", "", Class::Fatal(InvalidData)),
            ("22003", "", Class::Fatal(InvalidData)),
            ("54000", "", Class::Fatal(InvalidData)),
            ("23502", "", Class::Fatal(NotNullViolation)),
            ("23503", "", Class::Fatal(ForeignKeyViolation)),
            ("23505", "", Class::Fatal(UniqueViolation)),
            ("23514", "", Class::Fatal(CheckViolation)),
            ("23P01", "", Class::Fatal(ConstraintViolation)),
            ("P0001", "exec_stmt_raise", Class::Raised),
            ("U1234", "exec_stmt_raise", Class::Raised),
            ("99999", "", Class::NoPlace),
        ];
        for (code, routine, class) in rows {
            for phase in [Phase::Write, Phase::Settle, Phase::Commit] {
                assert_eq!(
                    error(phase, code, routine).class(),
                    class,
                    "{code} in {phase:?}"
                );
            }
            for phase in [Phase::Session, Phase::Read, Phase::Journal] {
                let class = error(phase, code, routine).class();
                assert!(
                    !matches!(class, Class::Fatal(_) | Class::Raised | Class::NoPlace),
                    "{code} in {phase:?} is {class:?}"
                );
            }
        }
        assert_eq!(
            DriverError::local(Phase::Commit, "cut").class(),
            Class::Retry
        );
    }

    #[test]
    fn a_text_that_may_quote_a_value_is_not_told() {
        let rows = [
            (Phase::Session, "28P01", "auth_failed", true),
            (Phase::Session, "22023", "call_string_check_hook", true),
            (Phase::Read, "42501", "aclcheck_error", true),
            (Phase::Read, "42P01", "parserOpenTable", true),
            (Phase::Read, "22P02", "enum_in", false),
            (Phase::Write, "42501", "aclcheck_error", true),
            (Phase::Write, "42501", "exec_stmt_raise", false),
            (Phase::Write, "42703", "errorMissingColumn", false),
            (Phase::Write, "57014", "ProcessInterrupts", true),
            (Phase::Write, "57014", "exec_stmt_raise", false),
            (Phase::Write, "28000", "exec_stmt_raise", false),
            (Phase::Write, "23505", "_bt_check_unique", false),
            (Phase::Commit, "XX000", "elog", false),
        ];
        for (phase, code, routine, is_told) in rows {
            let error = DriverError {
                text: "s3cr3t".to_owned(),
                ..error(phase, code, routine)
            };
            let told = error.to_string();
            assert_eq!(
                told.contains("s3cr3t"),
                is_told,
                "{phase:?} {code} {routine}"
            );
            assert!(told.contains(code), "{told}");
        }
    }
}
