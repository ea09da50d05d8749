//! Files that this process may open: each connection is one, and where there are none left nobody is let in.

use crate::settings::Settings;
use crate::vocabulary::limits::CONNECTIONS_OVERFLOW;

/// What else is open: the log, the listeners, watched folders, fetches of keys, the operator.
const OTHERS: usize = 128;

/// What to say where the system allows fewer files than the limits may need; nothing where it does not tell.
pub(super) fn warning(settings: &Settings) -> Option<String> {
    let told = std::fs::read_to_string("/proc/self/limits").ok()?;
    let allowed = allowed(&told)?;
    let connections_max = settings.limits.connections_max;
    let needed = connections_max
        .saturating_add(settings.database.pool)
        .saturating_add(CONNECTIONS_OVERFLOW + OTHERS);
    (allowed < needed).then(|| {
        format!(
            "the system lets this process open {allowed} files, where {needed} may be needed for `limits.connections_max: {connections_max}`: raise it (`ulimit -n {needed}`, `LimitNOFILE=`), or lower the limit"
        )
    })
}

/// The soft limit, as Linux prints it; `None` where there is none.
fn allowed(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_read() {
        let row = |soft: &str| {
            format!(
                "Limit  Soft Limit  Hard Limit  Units\nMax processes  1  2  processes\nMax open files            {soft}  524288  files\n"
            )
        };
        assert_eq!(allowed(&row("1024")), Some(1024));
        assert_eq!(allowed(&row("unlimited")), None);
        assert_eq!(allowed(""), None);
    }
}
