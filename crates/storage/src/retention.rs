//! How much of the past is kept beyond what a restart needs: log to go back with, and the snapshots
//! to begin from.
//!
//! To go back to a time takes a snapshot from before it and the log from there. So the log is kept
//! back to the newest snapshot that is older than asked for, rather than to the time itself. Retention
//! never costs a write: on a full disk it gives way ([`crate::Log::give_way`]).

use std::path::Path;

use crate::dir;
use crate::error::StorageError;
use crate::fs::Fs;
use crate::log::{Found, SegmentReader};

/// Snapshots that are kept beyond the two newest: they share the kept log evenly.
pub(crate) const SNAPSHOTS_MAX: usize = 8;

/// How much of the log to keep although no restart needs it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Back to so many milliseconds ago; 0 sets no such bound.
    pub time_ms: u64,
    /// At most so many bytes of segments; 0 sets no such bound.
    pub bytes_max: u64,
}

/// What there is to go back to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// The oldest record of the log.
    pub first: u64,
    /// When it was written; 0 if there is none yet.
    pub first_ms: u64,
    /// Bytes of segments that no restart needs.
    pub bytes: u64,
}

impl Retention {
    /// Whether nothing is kept.
    #[must_use]
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }

    /// The first record that stays if a restart needs those from `needed` on.
    ///
    /// # Errors
    ///
    /// `Io`, or damage in the header of a segment: then nothing should be removed.
    pub fn keeps_from(
        &self,
        fs: &dyn Fs,
        dir: &Path,
        needed: u64,
        now_ms: u64,
    ) -> Result<u64, StorageError> {
        if self.is_off() {
            return Ok(needed);
        }
        let segments = dispensable(fs, dir, needed)?;
        let Some(&(first, ..)) = segments.first() else { return Ok(needed) };
        let mut from = first;
        if 0 < self.time_ms {
            let old = now_ms.saturating_sub(self.time_ms);
            for snapshot in dir::list_snapshots(fs, dir)? {
                // The next segment begins later than the snapshot was made.
                let next = dir::list_segments(fs, dir)?.into_iter().find(|next| snapshot < *next);
                let Some(next) = next.filter(|_| snapshot < needed) else { break };
                match first_time(fs, dir, next)? {
                    Some(ms) if ms <= old => from = from.max(snapshot + 1),
                    _ => break,
                }
            }
        }
        let past = from;
        let kept = segments.iter().skip_while(move |(_, end, _)| *end <= past);
        let mut bytes: u64 = kept.clone().map(|(.., bytes)| bytes).sum();
        for (_, end, of_this) in kept {
            if self.bytes_max == 0 || bytes <= self.bytes_max {
                break;
            }
            bytes -= of_this;
            from = *end;
        }
        Ok(from.min(needed))
    }
}

/// What the log has, with records from `needed` on being needed.
///
/// # Errors
///
/// `Io`, or damage in the header of a segment.
pub fn kept(fs: &dyn Fs, dir: &Path, needed: u64) -> Result<Kept, StorageError> {
    let Some(first) = dir::list_segments(fs, dir)?.first().copied() else {
        return Ok(Kept::default());
    };
    let first_ms = first_time(fs, dir, first)?.unwrap_or(0);
    let bytes = dispensable(fs, dir, needed)?.iter().map(|(.., bytes)| bytes).sum();
    Ok(Kept { first, first_ms, bytes })
}

/// The first record that a restart may need: that after the second newest snapshot.
///
/// # Errors
///
/// `Io`.
pub fn needed_from(fs: &dyn Fs, dir: &Path) -> Result<u64, StorageError> {
    Ok(match dir::list_snapshots(fs, dir)?[..] {
        [.., before, _] => before + 1,
        _ => 1,
    })
}

/// Of the snapshots at `lsns`, rising, those to keep for going back: not too many, the oldest among
/// them, without wide gaps.
pub(crate) fn thinned(mut lsns: Vec<u64>) -> Vec<u64> {
    while SNAPSHOTS_MAX < lsns.len() {
        let gap = |&at: &usize| lsns[at + 1] - lsns[at - 1];
        let least = (1..lsns.len() - 1).min_by_key(gap).expect("more than two");
        lsns.remove(least);
    }
    lsns
}

/// Segments that end before record `needed`: first record, the record after the last, bytes.
fn dispensable(fs: &dyn Fs, dir: &Path, needed: u64) -> Result<Vec<(u64, u64, u64)>, StorageError> {
    let firsts = dir::list_segments(fs, dir)?;
    let ended = firsts.windows(2).filter(|pair| pair[1] <= needed);
    ended
        .map(|pair| {
            let path = dir::segment(dir, pair[0]);
            let bytes = fs.open(&path).and_then(|file| file.size());
            Ok((pair[0], pair[1], bytes.map_err(StorageError::io("measure", &path))?))
        })
        .collect()
}

/// When the first record of a segment was written; `None` if it has none.
fn first_time(fs: &dyn Fs, dir: &Path, first: u64) -> Result<Option<u64>, StorageError> {
    let mut reader = SegmentReader::open(fs, dir, first)?;
    Ok(match reader.next(first)? {
        Found::Record(record) => Some(record.stamp.time_ms),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engine::{Command, Context};

    use super::*;
    use crate::checkpoint::Checkpointer;
    use crate::database::Database;
    use crate::fs::sim::SimFs;
    use crate::options::Options;

    const DIR: &str = "/data";

    /// Record n is written at n seconds; a checkpoint after every 20.
    fn written(records: u64) -> (SimFs, Database, u64) {
        let fs = SimFs::new(1);
        let small = 8 << 10;
        let options =
            Options { segment_bytes: small, first_segment_bytes: small, ..Options::default() };
        let arc = Arc::new(fs.clone());
        let (mut database, _) =
            Database::open(arc, Path::new(DIR), options, 1, &mut |_| {}).unwrap();
        let mut checkpointer = Checkpointer::new(Arc::new(fs.clone()), DIR.into(), 0);
        checkpointer.set_retains(true);
        let mut needed = 1;
        for n in 1..=records {
            let append = Command::Append { key: b"k", value: &[7; 400] };
            database.execute(&append, Context { db: 0, now: n * 1000 }).unwrap();
            database.log().commit().unwrap();
            if n % 20 == 0 {
                needed = checkpointer.run(n).unwrap().log_needed_from;
            }
        }
        (fs, database, needed)
    }

    #[test]
    fn the_log_is_kept_back_to_a_snapshot_from_before_that_time() {
        let (fs, _database, needed) = written(200);
        let dir = Path::new(DIR);
        assert_eq!(needed, 181);
        let keeps = |time_ms, bytes_max| {
            let retention = Retention { time_ms, bytes_max };
            retention.keeps_from(&fs, dir, needed, 200_000).unwrap()
        };
        assert_eq!(keeps(0, 0), needed, "off");
        assert_eq!(keeps(1_000_000, 0), 1, "longer than there is anything");
        let snapshots = dir::list_snapshots(&fs, dir).unwrap();
        for seconds in (1..200).step_by(7) {
            let from = keeps(seconds * 1000, 0);
            let wanted = 200 - seconds;
            assert!(from <= (wanted + 1).min(needed), "{seconds} s ago is within {from}");
            assert!(from == 1 || snapshots.contains(&(from - 1)), "{from} follows a snapshot");
        }
        assert!(100 < keeps(30_000, 0), "and not much more");
        let from = keeps(0, 3 * (8 << 10));
        let kept = dispensable(&fs, dir, needed).unwrap();
        assert_eq!(kept.iter().filter(|(first, ..)| from <= *first).count(), 3);
        assert_eq!(keeps(1_000_000, 1), needed.min(kept.last().unwrap().1), "not even one");
    }

    #[test]
    fn snapshots_are_kept_for_the_log_and_thinned() {
        let (fs, database, needed) = written(400);
        let dir = Path::new(DIR);
        let snapshots = dir::list_snapshots(&fs, dir).unwrap();
        assert_eq!(snapshots.len(), SNAPSHOTS_MAX + 2, "{snapshots:?}");
        assert_eq!(snapshots[0], 20);
        assert_eq!(needed_from(&fs, dir).unwrap(), needed);
        // Without the log before it, a snapshot is of no use.
        database.log().remove_before(needed - 100).unwrap();
        let mut checkpointer = Checkpointer::new(Arc::new(fs.clone()), DIR.into(), 0);
        let append = |database: &mut Database| {
            let append = Command::Append { key: b"k", value: b"x" };
            database.execute(&append, Context { db: 0, now: 1 }).unwrap();
            database.log().commit().unwrap();
        };
        let mut database = database;
        append(&mut database);
        checkpointer.set_retains(true);
        checkpointer.run(401).unwrap();
        let first = dir::list_segments(&fs, dir).unwrap()[0];
        let snapshots = dir::list_snapshots(&fs, dir).unwrap();
        assert!(2 < snapshots.len() && first <= snapshots[0] + 1, "{first} {snapshots:?}");
        // Retention was turned off.
        append(&mut database);
        checkpointer.set_retains(false);
        checkpointer.run(402).unwrap();
        assert_eq!(dir::list_snapshots(&fs, dir).unwrap(), [401, 402]);
        let kept = kept(&fs, dir, 402).unwrap();
        assert_eq!((kept.first, kept.first_ms), (first, first * 1000));
        assert!(0 < kept.bytes);
    }
}
