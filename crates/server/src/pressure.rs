//! Backpressure: writers that outrun the checkpoints wait for them.
//!
//! Entries are in memory until a checkpoint has put them into block files. `checkpoint-memory` bounds
//! what they may take. At half of it a checkpoint starts, however short the log is. Above three
//! quarters a connection waits a little before it may send so many more commands that add, the longer the
//! closer the bound is; at the bound all such commands wait. What reads, acknowledges or deletes goes
//! on. The bound is looked at once per batch, so it is passed by the entries of one batch at most.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use engine::{BlockMemory, CommandError};
use protocol::{CommandSpec, Flags};

use crate::core::Shared;
use crate::execute::{Executor, Outcome};
use crate::transaction::Transaction;

/// Commands that a connection may send after it has waited.
const COMMANDS_PER_WAIT: u32 = 512;

/// The longest wait for them below the bound.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// How often one who waits at the bound looks whether there is room.
const LOOK: Duration = Duration::from_millis(20);

/// Who has waited at the bound for so long is refused: no checkpoint gets to its end.
const PATIENCE: Duration = Duration::from_secs(120);

/// Looks further apart than this belong to two waits.
const SAME_WAIT: Duration = Duration::from_secs(5);

/// No bound is tighter than this: each checkpoint has its price.
const BOUND_MIN: u64 = 1 << 20;

/// A checkpoint for less than this much log frees no memory worth its work.
pub(crate) const LOG_BYTES_MIN: u64 = 1 << 20;

/// Whether writers have to wait, and who waits.
#[derive(Debug)]
pub(crate) struct Pressure {
    memory: BlockMemory,
    /// `checkpoint-memory` in bytes; 0 for no bound.
    bound: AtomicU64,
    /// From here on somebody has to look.
    mark: AtomicU64,
    /// Writers may have to wait: all that a command pays while none has to is a look at this.
    is_felt: AtomicBool,
    waits: AtomicU64,
    waited_us: AtomicU64,
}

/// How far a connection has come with waiting.
#[derive(Debug, Default)]
pub(crate) struct Waited {
    /// Commands that it may send before it waits again.
    commands_left: u32,
    /// When the wait began that is under way, and when it was last looked whether it is over. Nobody
    /// looks once the pressure is gone.
    since: Option<(Instant, Instant)>,
    /// It waits until then, below the bound.
    until: Option<Instant>,
}

/// What there is to tell about it.
#[derive(Debug, Clone, Copy, Default)]
pub struct PressureFacts {
    /// Bytes of entries in blocks that are not on disk yet.
    pub bytes: u64,
    /// Bytes that they may take; 0 for no bound.
    pub bytes_max: u64,
    /// Waits so far.
    pub waits: u64,
    /// How long they took together.
    pub waited: Duration,
}

impl Pressure {
    pub(crate) fn new(memory: BlockMemory, bound: u64) -> Self {
        let pressure = Self {
            memory,
            bound: AtomicU64::new(0),
            mark: AtomicU64::new(u64::MAX),
            is_felt: AtomicBool::new(false),
            waits: AtomicU64::new(0),
            waited_us: AtomicU64::new(0),
        };
        pressure.set_bound(bound);
        pressure
    }

    /// `checkpoint-memory` has changed.
    pub(crate) fn set_bound(&self, bound: u64) {
        let bound = if bound == 0 { 0 } else { bound.max(BOUND_MIN) };
        self.bound.store(bound, Ordering::Relaxed);
        let mark = if bound == 0 { u64::MAX } else { start_at(bound) };
        self.mark.store(mark, Ordering::Relaxed);
    }

    /// Bytes of blocks that a checkpoint may gather: they come on top of those of the live engine.
    pub(crate) fn checkpoint_memory_max(&self) -> u64 {
        match self.bound.load(Ordering::Relaxed) {
            0 => u64::MAX,
            bound => bound / 2,
        }
    }

    /// Whether somebody may come to wait for the next checkpoint.
    pub(crate) fn is_urgent(&self) -> bool {
        self.mark.load(Ordering::Relaxed) <= self.memory.bytes()
    }

    /// Whether commands that add may have to wait.
    pub(crate) fn is_felt(&self) -> bool {
        self.is_felt.load(Ordering::Relaxed)
    }

    pub(crate) fn facts(&self) -> PressureFacts {
        PressureFacts {
            bytes: self.memory.bytes(),
            bytes_max: self.bound.load(Ordering::Relaxed),
            waits: self.waits.load(Ordering::Relaxed),
            waited: Duration::from_micros(self.waited_us.load(Ordering::Relaxed)),
        }
    }

    fn count(&self, is_new: bool, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.waits.fetch_add(u64::from(is_new), Ordering::Relaxed);
        self.waited_us.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Waited {
    /// Whether a wait begins, or the one before goes on.
    fn look(&mut self) -> bool {
        let now = Instant::now();
        let before = self.since.filter(|(_, looked)| now - *looked < SAME_WAIT);
        self.since = Some((before.map_or(now, |(began, _)| began), now));
        before.is_none()
    }

    /// How long the present wait has taken.
    fn time(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |(began, looked)| looked - began)
    }
}

/// Bytes at which a checkpoint starts.
fn start_at(bound: u64) -> u64 {
    bound / 2
}

/// Bytes from which on writers are slowed down.
fn slow_at(bound: u64) -> u64 {
    bound - bound / 4
}

/// How long a connection waits before its next commands, with so many bytes in memory; `None` at the
/// bound, where nobody can say.
fn wait_at(bytes: u64, bound: u64) -> Option<Duration> {
    let above = bytes.saturating_sub(slow_at(bound));
    let room = bound - slow_at(bound);
    if room <= above {
        return None;
    }
    let max_us = u64::try_from(WAIT_MAX.as_micros()).unwrap_or(u64::MAX);
    // Squared: what is a little above is slowed down a little, and the rates meet somewhere below the
    // bound. In two steps, so that nothing overflows.
    let share_us = u64::try_from(u128::from(max_us) * u128::from(above) / u128::from(room));
    let share_us = share_us.unwrap_or(max_us);
    Some(Duration::from_micros(share_us * share_us / max_us))
}

impl Shared {
    /// After a batch: sees to it that what was added does not stay in memory. Costs two loads where
    /// there is nothing to do.
    pub(crate) fn feel_pressure(&self) {
        let pressure = &self.pressure;
        if pressure.is_urgent() || pressure.is_felt() {
            self.respond_to_pressure();
        }
    }

    #[cold]
    fn respond_to_pressure(&self) {
        let pressure = &self.pressure;
        let (bytes, bound) = (pressure.memory.bytes(), pressure.bound.load(Ordering::Relaxed));
        let is_felt = bound != 0 && slow_at(bound) <= bytes;
        if is_felt != pressure.is_felt() {
            pressure.is_felt.store(is_felt, Ordering::Relaxed);
            if is_felt {
                tracing::debug!(bytes, bound, "entries come faster than checkpoints: writers wait");
            }
        }
        if bound == 0 || bytes < start_at(bound) || !self.checkpoints.is_idle() {
            return;
        }
        // What was recorded since the last one could go to disk. What else there is cannot: somebody is
        // reading it.
        let state = self.checkpoints.state();
        let since = self.log_bytes_since_checkpoint();
        let worth = if bytes < bound { start_at(bound) } else { LOG_BYTES_MIN };
        if worth.min(bytes) <= since && !state.failed {
            self.checkpoints.request();
        }
    }

    /// Bytes of records that the next checkpoint finds, those that the start had to replay included.
    pub(crate) fn log_bytes_since_checkpoint(&self) -> u64 {
        let written = self.log.bytes_written();
        let checkpoint = self.checkpoints.state();
        match checkpoint.last_time {
            None => written.saturating_add(self.recovery.report.bytes),
            Some(_) => written.saturating_sub(checkpoint.log_bytes_written),
        }
    }

    /// Memory runs out: what can go to disk, shall.
    pub(crate) fn relieve_memory(&self) {
        let since = self.log_bytes_since_checkpoint();
        let is_worth_it = LOG_BYTES_MIN <= since && LOG_BYTES_MIN <= self.pressure.memory.bytes();
        if is_worth_it && self.checkpoints.is_idle() && !self.checkpoints.state().failed {
            self.checkpoints.request();
        }
    }
}

/// What a command has to do before it may add.
enum Verdict {
    Go,
    Wait(Duration),
    Refuse,
}

impl Executor<'_> {
    /// Whether a command has to wait for a checkpoint; an error if none is to be hoped for. Asked only
    /// while there is pressure.
    #[cold]
    pub(crate) fn wait_for_memory(
        &mut self,
        spec: &'static CommandSpec,
    ) -> Result<Option<Outcome>, CommandError> {
        let is_gathering = self.session.transaction.is_some() && spec.name != "exec";
        if is_gathering || !self.adds(spec) {
            return Ok(None);
        }
        match self.verdict() {
            Verdict::Go => {
                self.session.waited.since = None;
                Ok(None)
            }
            Verdict::Wait(time) => {
                let is_new = self.session.waited.look();
                self.shared.pressure.count(is_new, time);
                self.client.set_blocked(true, &self.shared.stats);
                self.core.pause.add(Arc::clone(self.client));
                let left_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
                Ok(Some(Outcome::Postponed { left_ms }))
            }
            Verdict::Refuse => {
                self.session.waited = Waited::default();
                Err(OUT_OF_MEMORY)
            }
        }
    }

    fn verdict(&mut self) -> Verdict {
        let PressureFacts { bytes, bytes_max, .. } = self.shared.pressure.facts();
        if bytes_max == 0 || bytes < slow_at(bytes_max) {
            return Verdict::Go;
        }
        let waited = &mut self.session.waited;
        let Some(time) = wait_at(bytes, bytes_max) else {
            // Without a checkpoint to come, nobody need wait to be told so.
            let is_hopeless = self.shared.checkpoints.state().failed || PATIENCE <= waited.time();
            waited.commands_left = 0;
            return if is_hopeless { Verdict::Refuse } else { Verdict::Wait(LOOK) };
        };
        if let Some(left) = waited.commands_left.checked_sub(1) {
            waited.commands_left = left;
            return Verdict::Go;
        }
        let now = Instant::now();
        let until = *waited.until.get_or_insert(now + time);
        if now < until {
            return Verdict::Wait(until - now);
        }
        waited.until = None;
        waited.commands_left = COMMANDS_PER_WAIT - 1;
        Verdict::Go
    }

    /// Whether a command may add entries: itself, or by what it runs.
    fn adds(&self, spec: &'static CommandSpec) -> bool {
        let adds = |flags: Flags| flags.contains(Flags::DENYOOM);
        let transaction = self.session.transaction.as_ref();
        match spec.name {
            "exec" => transaction.is_some_and(|t| Transaction::specs(t).any(|s| adds(s.flags))),
            _ => adds(spec.flags) || spec.runs_script(),
        }
    }
}

/// Redis's words, as clients match them.
pub(crate) const OUT_OF_MEMORY: CommandError =
    CommandError::Fixed("OOM command not allowed when used memory > 'maxmemory'.");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_with_what_is_in_memory() {
        let bound = 100 << 20;
        assert_eq!(wait_at(0, bound), Some(Duration::ZERO));
        assert_eq!(wait_at(slow_at(bound), bound), Some(Duration::ZERO));
        let waits: Vec<_> = (75..100).map(|mib| wait_at(mib << 20, bound).unwrap()).collect();
        assert!(waits.is_sorted_by(|one, two| one < two), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= WAIT_MAX), "{waits:?}");
        assert_eq!(wait_at(bound, bound), None);
        assert_eq!(wait_at(u64::MAX, bound), None);
    }

    #[test]
    fn a_wait_ends_where_nobody_looks() {
        let mut waited = Waited::default();
        assert!(waited.look());
        assert!(!waited.look());
        let long_ago = Instant::now().checked_sub(SAME_WAIT + PATIENCE).unwrap();
        waited.since = Some((long_ago, Instant::now()));
        assert!(!waited.look());
        assert!(PATIENCE <= waited.time());
        waited.since = Some((long_ago, long_ago));
        assert!(waited.look());
        assert!(waited.time() < PATIENCE);
    }

    #[test]
    fn any_bound_will_do() {
        for bound in [1, 2, 3, 4, 5, 1000, u64::MAX] {
            assert!(start_at(bound) <= slow_at(bound) && slow_at(bound) <= bound, "{bound}");
            assert_eq!(wait_at(bound, bound), None, "{bound}");
            assert!(wait_at(bound - 1, bound).is_none_or(|wait| wait <= WAIT_MAX), "{bound}");
        }
    }
}
