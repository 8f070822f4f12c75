//! The arguments of commands about consumer groups and what is pending in them.

use super::{Deferred, IdRange, ReadLimits};
use crate::id::StreamId;

/// XREADGROUP after parsing.
#[derive(Debug, Clone, PartialEq)]
pub struct XReadGroup<'a> {
    /// Group name, the same for all streams.
    pub group: &'a [u8],
    /// Consumer name; created where it is missing.
    pub consumer: &'a [u8],
    /// Keys in the order named.
    pub streams: Vec<(&'a [u8], Deferred<GroupReadFrom>)>,
    /// How much is returned at most.
    pub limits: ReadLimits,
    /// BLOCK in milliseconds, 0 without limit.
    pub block_ms: Option<u64>,
    /// NOACK: deliver without a pending entry.
    pub no_ack: bool,
    /// CLAIM: before new entries, pending ones that have been idle for so long.
    pub claim_idle_min_ms: Option<u64>,
}

/// The ID argument of XREADGROUP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupReadFrom {
    /// `>`: entries never delivered to the group.
    New,
    /// The consumer's own pending entries above the ID.
    HistoryAfter(StreamId),
}

/// The range form of XPENDING.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingRange<'a> {
    /// IDs of interest.
    pub range: IdRange,
    /// Zero and below give an empty list.
    pub count: i64,
    /// Only this consumer's.
    pub consumer: Option<&'a [u8]>,
    /// Only entries idle for at least so many milliseconds.
    pub idle_min_ms: u64,
}

/// XCLAIM's arguments after the consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Negative values count as 0.
    pub idle_min_ms: u64,
    /// In argument order.
    pub ids: Vec<StreamId>,
    /// IDLE or TIME, the last one given.
    pub delivery_time: ClaimTime,
    /// RETRYCOUNT, unless negative.
    pub delivery_count: Option<u64>,
    /// FORCE.
    pub force: bool,
    /// JUSTID.
    pub just_id: bool,
    /// LASTID.
    pub last_id: Option<StreamId>,
}

/// The arguments of XNACK behind key and group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// What becomes of the delivery counts.
    pub mode: ReleaseMode,
    /// RETRYCOUNT, which goes before the mode; at most `i64::MAX`.
    pub count: Option<u64>,
    /// FORCE: entries that are not pending come to be.
    pub force: bool,
    /// The IDs in the order named; one may be named again.
    pub ids: Deferred<Vec<StreamId>>,
}

/// What XNACK makes of a delivery count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseMode {
    /// SILENT: one less, as if the delivery had not been.
    Silent,
    /// FAIL: it stays.
    Fail,
    /// FATAL: the greatest there is.
    Fatal,
}

/// The delivery time that a claim sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimTime {
    /// Neither IDLE nor TIME.
    Now,
    /// IDLE, milliseconds, as given.
    Idle(i64),
    /// TIME, Unix milliseconds, as given.
    At(i64),
}

/// XAUTOCLAIM after parsing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XAutoClaim<'a> {
    /// The stream.
    pub key: &'a [u8],
    /// The group.
    pub group: &'a [u8],
    /// The new owner.
    pub consumer: &'a [u8],
    /// Negative values count as 0.
    pub idle_min_ms: u64,
    /// First pending ID to look at.
    pub start: StreamId,
    /// At least 1.
    pub count: u64,
    /// JUSTID.
    pub just_id: bool,
}

/// Where a group starts to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupStart {
    /// Entries above the ID.
    After(StreamId),
    /// `$`
    Last,
}
