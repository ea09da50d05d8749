//! What an operator can do about an error of the database.

use crate::driver::postgres::error::{DriverError, Phase};

impl DriverError {
    /// What an operator can do about it, where that is known.
    pub fn cure(&self) -> Option<&'static str> {
        let code = self.sqlstate.as_deref()?;
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
}
