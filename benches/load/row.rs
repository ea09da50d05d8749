//! What is written: rows, and the operations on them, told the same to the gateway and to the limit.

use std::collections::hash_map::RandomState;
use std::error::Error;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::{Duration, SystemTime};

use bytes::{BufMut as _, BytesMut};
use tokio_postgres::types::{IsNull, ToSql, Type, accepts, to_sql_checked};
use uuid::Uuid;

/// A key: sixteen bytes for Postgres, hexadecimal for JSON.
#[derive(Clone, Copy, Debug)]
pub struct Id(pub u128);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Uuid::from_u128(self.0).fmt(f)
    }
}

impl ToSql for Id {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_u128(self.0);
        Ok(IsNull::No)
    }

    accepts!(UUID);
    to_sql_checked!();
}

/// Random numbers that are cheap: the sequence `splitmix64`, from another start in every run.
pub struct Random(u64);

impl Random {
    pub fn new() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below a bound.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    /// A key as apps make them: version 4.
    pub fn id(&mut self) -> Id {
        let bits = u128::from(self.next()) << 64 | u128::from(self.next());
        Id(uuid::Builder::from_random_bytes(bits.to_be_bytes())
            .into_uuid()
            .as_u128())
    }
}

/// Which table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// The owner's column is compared with the caller.
    Notes,
    /// The list is looked up, and its members.
    Todos,
}

impl Table {
    pub fn name(self) -> &'static str {
        match self {
            Self::Notes => "notes",
            Self::Todos => "todos",
        }
    }
}

/// What is done to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Put,
    Patch,
    Delete,
}

/// A row as it shall be. A PATCH sends the last three columns.
pub struct Row {
    pub id: Id,
    /// Todos only.
    pub list: Id,
    pub title: String,
    pub is_done: bool,
    pub position: i64,
    pub edited_at: Moment,
}

pub struct Operation {
    pub kind: Kind,
    pub row: Row,
}

/// Microseconds of a certain day.
#[derive(Clone, Copy, Debug)]
pub struct Moment(pub u64);

impl Moment {
    /// 2026-01-01, since 1970.
    const DAY: Duration = Duration::from_hours(20_454 * 24);

    pub fn time(self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Self::DAY + Duration::from_micros(self.0)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0 / 1_000_000, self.0 % 1_000_000);
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        write!(
            f,
            "2026-01-01T{hour:02}:{minute:02}:{second:02}.{micros:06}Z"
        )
    }
}
