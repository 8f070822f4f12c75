//! The arguments of commands about streams and their entries.

use super::Deferred;
use crate::fields::Fields;
use crate::id::StreamId;

/// XADD after parsing.
#[derive(Debug, Clone, PartialEq)]
pub struct XAdd<'a> {
    /// The stream.
    pub key: &'a [u8],
    /// The ID as asked for.
    pub id: NewId,
    /// At least one pair.
    pub fields: Fields<'a>,
    /// NOMKSTREAM: answer null instead of creating the key.
    pub no_make_stream: bool,
    /// MAXLEN or MINID, applied after the append.
    pub trim: Option<Trim>,
}

/// The ID argument of XADD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewId {
    /// `*`
    Auto,
    /// `ms-*`
    AutoSeq(u64),
    /// `ms-seq` or `ms`
    Explicit(StreamId),
}

/// MAXLEN or MINID with its options, as resolved by the parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trim {
    /// What may stay.
    pub keep: TrimKeep,
    /// `=` or `~`.
    pub precision: TrimPrecision,
    /// KEEPREF, DELREF or ACKED.
    pub references: References,
}

/// What becomes of the pending entries that point at an entry which is removed (Redis 8.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum References {
    /// KEEPREF: they stay.
    #[default]
    Keep,
    /// DELREF: they go, in every group.
    Delete,
    /// ACKED: only entries go that every group has read and acknowledged.
    Acknowledged,
}

/// The arguments of XDELEX and XACKDEL behind key and group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disposal {
    /// KEEPREF, DELREF or ACKED.
    pub references: References,
    /// How many IDs are named.
    pub count: usize,
    /// The IDs in the order named; one may be named again.
    pub ids: Deferred<Vec<StreamId>>,
}

/// The threshold of a trim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrimKeep {
    /// MAXLEN: the newest n entries.
    MaxLen(u64),
    /// MINID: entries with this ID or a larger one.
    MinId(StreamId),
}

/// How closely the threshold is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrimPrecision {
    /// `=` or nothing.
    Exact,
    /// `~`: whole blocks only.
    Approximate {
        /// LIMIT as given; `None` when absent, `Some(0)` for no cap.
        limit: Option<u64>,
    },
}

/// A range of IDs, both ends inclusive (exclusive bounds were resolved by the parser).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    /// Smallest ID.
    pub start: StreamId,
    /// Largest ID.
    pub end: StreamId,
}

/// Direction of a range read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// XREAD after parsing.
#[derive(Debug, Clone, PartialEq)]
pub struct XRead<'a> {
    /// Keys in the order named, each with where to read from.
    pub streams: Vec<(&'a [u8], Deferred<ReadFrom>)>,
    /// How much is returned at most.
    pub limits: ReadLimits,
    /// BLOCK in milliseconds, 0 without limit.
    pub block_ms: Option<u64>,
}

/// How much XREAD and XREADGROUP return at most; `None` for no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadLimits {
    /// COUNT: entries of each stream, at least 1.
    pub count: Option<u64>,
    /// MAXCOUNT: entries of all streams, at least 1.
    pub total: Option<u64>,
    /// MAXSIZE: bytes of the reply, exceeded by one entry at most.
    pub bytes: Option<u64>,
}

impl ReadLimits {
    /// COUNT alone. 0 is no limit.
    #[must_use]
    pub fn count(count: Option<u64>) -> Self {
        Self { count: count.filter(|count| *count != 0), ..Self::default() }
    }
}

/// The ID argument of XREAD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFrom {
    /// Entries strictly above the ID.
    After(StreamId),
    /// `$`
    Last,
    /// `+`: the last live entry.
    LastEntry,
}

/// How much XINFO STREAM tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InfoDetail {
    /// The short form.
    Summary,
    /// FULL.
    Full {
        /// Most elements of each list, `None` for all.
        count: Option<u64>,
    },
}
