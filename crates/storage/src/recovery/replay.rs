//! From records to an engine.

use std::ops::Range;
use std::path::Path;

use engine::{Engine, Op};

use super::note_void;
use crate::error::{Damage, StorageError};
use crate::format::codec;
use crate::format::record::{Kind, Record};

/// Applies records to an engine, in the order in which they are read.
///
/// A record may make earlier ones void (kind 4), which is known only once they have been applied. So
/// whoever replays begins with no such ranges, and if [`Replay::end`] finds some, does it again from
/// the snapshot with the ranges known. Nothing writes such records yet, so once is enough.
pub(crate) struct Replay<'a> {
    engine: &'a mut Engine,
    voided: &'a [Range<u64>],
    found: Vec<Range<u64>>,
    failed: Option<StorageError>,
    /// Bytes of the records so far.
    pub(crate) bytes: u64,
}

impl<'a> Replay<'a> {
    /// Onto `engine`, but for the records that are known to be void.
    pub(crate) fn new(engine: &'a mut Engine, voided: &'a [Range<u64>]) -> Self {
        Self { engine, voided, found: Vec::new(), failed: None, bytes: 0 }
    }

    /// Applies the next record, unless what came before it makes that pointless.
    pub(crate) fn record(&mut self, record: &Record<'_>, path: &Path, offset: u64) {
        self.bytes += record.size() as u64;
        note_void(record, &mut self.found);
        let lsn = record.stamp.lsn;
        let is_known = self.found.len() <= self.voided.len();
        let is_void = self.voided.iter().any(|range| range.contains(&lsn));
        if record.stamp.kind != Kind::Ops || is_void || !is_known || self.failed.is_some() {
            return;
        }
        if let Err(what) = apply(self.engine, record) {
            let reason = Damage::Undecodable(format!("record {lsn}: {what}"));
            self.failed = Some(StorageError::corrupt(path, offset, reason));
        }
    }

    /// The engine as it is after the records so far.
    pub(crate) fn engine(&mut self) -> &mut Engine {
        self.engine
    }

    /// After the last record: `Some` ranges that are void although their records were applied.
    pub(crate) fn end(self) -> Result<Option<Vec<Range<u64>>>, StorageError> {
        if self.voided.len() < self.found.len() {
            return Ok(Some(self.found));
        }
        self.failed.map_or(Ok(None), Err)
    }
}

/// Applies the operations of a record.
fn apply(engine: &mut Engine, record: &Record<'_>) -> Result<(), String> {
    let mut rest = record.payload;
    while !rest.is_empty() {
        let (op, taken) = codec::decode::<Op<'_>>(rest)?;
        engine.apply(&op, record.stamp.lsn);
        rest = &rest[taken..];
    }
    Ok(())
}
