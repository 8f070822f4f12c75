//! How far a recovery has come.

use std::fmt;

use crate::format::record::Record;

/// How far recovery has come, for a status line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Records replayed so far; 0 while the snapshot is read.
    pub records: u64,
    /// Bytes read so far in this phase.
    pub bytes: u64,
    /// Bytes to read in this phase. For the log an upper bound: its last segment is seldom full.
    pub bytes_total: u64,
}

/// The phases of recovery, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Loading the newest snapshot.
    Snapshot,
    /// Verifying and applying the records of the log since then.
    Log,
}

impl Progress {
    /// How much of the phase is done, 0 to 100.
    #[must_use]
    pub fn percent(&self) -> u64 {
        let of_total = u128::from(self.bytes) * 100 / u128::from(self.bytes_total.max(1));
        if self.bytes_total == 0 { 100 } else { u64::try_from(of_total.min(100)).unwrap_or(100) }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: u64 = 1 << 20;
        let Self { phase, records, bytes, bytes_total } = *self;
        let (percent, mib, mib_total) = (self.percent(), bytes / MIB, bytes_total / MIB);
        match phase {
            Phase::Snapshot => write!(f, "Loading the snapshot: {percent} %"),
            Phase::Log => write!(f, "Replaying the log: {percent} %, {records} records"),
        }?;
        write!(f, ", {mib} of {mib_total} MiB")
    }
}

/// Told about progress, at least once in every few MiB, and at the end of each phase. Behind the last
/// record the log is looked through, without coming further.
pub type OnProgress<'a> = &'a mut dyn FnMut(Progress);

/// Progress is told once in so many bytes: some ten times a second.
const PROGRESS_BYTES: u64 = 16 << 20;

/// Passes progress on now and then.
pub(super) struct Teller<'a> {
    told: Progress,
    next_at: u64,
    progress: OnProgress<'a>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(bytes_total: u64, progress: OnProgress<'a>) -> Self {
        let told = Progress { phase: Phase::Log, records: 0, bytes: 0, bytes_total };
        progress(told);
        Self { told, next_at: PROGRESS_BYTES, progress }
    }

    pub(super) fn record(&mut self, record: &Record<'_>, is_replayed: bool) {
        self.told.records += u64::from(is_replayed);
        self.told.bytes += record.size() as u64;
        if self.next_at <= self.told.bytes {
            self.next_at = self.told.bytes + PROGRESS_BYTES;
            (self.progress)(self.told);
        }
    }

    /// It has come no further, and goes on: so that nobody takes it for dead.
    pub(super) fn tell(&mut self) {
        (self.progress)(self.told);
    }
}
