//! Blocking commands that found nothing, kept by the caller until one of their keys changes.

use crate::command::{Command, GroupReadFrom, ListEnd, ReadFrom, ReadLimits, XRead, XReadGroup};
use crate::id::StreamId;
use crate::sorted_set::command::ScoreEnd;

/// A blocking command that is waiting, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blocked {
    /// It reads entries of streams, which stay for others to read.
    Read(BlockedRead),
    /// It takes elements out of a list or a sorted set.
    Pop(BlockedPop),
}

impl Blocked {
    /// The keys that it waits on, in the order named.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let (streams, keys): (&[_], &[_]) = match self {
            Blocked::Read(read) => (&read.streams, &[]),
            Blocked::Pop(pop) => (&[], &pop.keys),
        };
        streams.iter().map(|(key, _)| &**key).chain(keys.iter().map(|key| &**key))
    }
}

/// A command that takes from the first of its keys that has something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockedPop {
    /// Keys in the order named.
    pub keys: Vec<Box<[u8]>>,
    /// Which command it is.
    pub kind: PopKind,
}

/// Which popping command is waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PopKind {
    /// BLPOP, BRPOP.
    List {
        /// Which end.
        end: ListEnd,
    },
    /// BLMPOP.
    ListMany {
        /// Which end.
        end: ListEnd,
        /// How many at most.
        count: u64,
    },
    /// BZPOPMIN, BZPOPMAX.
    SortedSet {
        /// Which end.
        end: ScoreEnd,
    },
    /// BZMPOP.
    SortedSetMany {
        /// Which end.
        end: ScoreEnd,
        /// How many at most.
        count: u64,
    },
    /// BLMOVE, BRPOPLPUSH.
    ListMove {
        /// The list that gets the value.
        new_key: Box<[u8]>,
        /// The end that it is taken from.
        from: ListEnd,
        /// The end that it goes to.
        to: ListEnd,
    },
}

impl PopKind {
    /// TYPE's name of the values that it waits for. A key that becomes anything else leaves it waiting.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            PopKind::List { .. } | PopKind::ListMany { .. } | PopKind::ListMove { .. } => "list",
            PopKind::SortedSet { .. } | PopKind::SortedSetMany { .. } => "zset",
        }
    }

    /// The command to run again on one of the keys that it waits on.
    #[must_use]
    pub fn command<'a>(&'a self, key: &'a [&'a [u8]; 1]) -> Command<'a> {
        let block_ms = Some(0);
        match self {
            PopKind::List { end } => Command::BLPop { keys: key, end: *end, block_ms: 0 },
            PopKind::ListMany { end, count } => {
                Command::LMPop { keys: key, end: *end, count: *count, block_ms }
            }
            PopKind::SortedSet { end } => Command::BZPop { keys: key, end: *end, block_ms: 0 },
            PopKind::SortedSetMany { end, count } => {
                Command::ZMPop { keys: key, end: *end, count: *count, block_ms }
            }
            PopKind::ListMove { new_key, from, to } => {
                Command::LMove { key: key[0], new_key, from: *from, to: *to, block_ms }
            }
        }
    }
}

/// A blocking read that is waiting: owned, and with `$` resolved to the ID that it meant at first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockedRead {
    /// XREAD or XREADGROUP.
    pub kind: BlockedReadKind,
    /// Keys in the order named. The ID is where XREAD goes on; XREADGROUP waits on `>` only.
    pub streams: Vec<(Box<[u8]>, StreamId)>,
    /// How much is returned at most.
    pub limits: ReadLimits,
}

/// Which command is waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockedReadKind {
    /// XREAD.
    Plain,
    /// XREADGROUP.
    Group {
        /// Group name.
        group: Box<[u8]>,
        /// Consumer name.
        consumer: Box<[u8]>,
        /// NOACK.
        no_ack: bool,
        /// CLAIM.
        claim_idle_min_ms: Option<u64>,
    },
}

impl BlockedRead {
    /// The command to run again. It carries `BLOCK 0`, so that an unserved read comes back with
    /// [`Decision::wait`](crate::Decision::wait) set; the deadline is the caller's.
    #[must_use]
    pub fn command(&self) -> Command<'_> {
        match &self.kind {
            BlockedReadKind::Plain => Command::XRead(XRead {
                streams: self
                    .streams
                    .iter()
                    .map(|(key, id)| (&**key, Ok(ReadFrom::After(*id))))
                    .collect(),
                limits: self.limits,
                block_ms: Some(0),
            }),
            BlockedReadKind::Group { group, consumer, no_ack, claim_idle_min_ms } => {
                let streams = self.streams.iter();
                Command::XReadGroup(XReadGroup {
                    group,
                    consumer,
                    streams: streams.map(|(key, _)| (&**key, Ok(GroupReadFrom::New))).collect(),
                    limits: self.limits,
                    block_ms: Some(0),
                    no_ack: *no_ack,
                    claim_idle_min_ms: *claim_idle_min_ms,
                })
            }
        }
    }
}
