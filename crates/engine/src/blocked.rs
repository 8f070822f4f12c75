//! Blocking reads that found nothing, kept by the caller until one of their keys changes.

use crate::command::{Command, GroupReadFrom, ReadFrom, ReadLimits, XRead, XReadGroup};
use crate::id::StreamId;

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
            BlockedReadKind::Group { group, consumer, no_ack } => Command::XReadGroup(XReadGroup {
                group,
                consumer,
                streams: self
                    .streams
                    .iter()
                    .map(|(key, _)| (&**key, Ok(GroupReadFrom::New)))
                    .collect(),
                limits: self.limits,
                block_ms: Some(0),
                no_ack: *no_ack,
            }),
        }
    }
}
