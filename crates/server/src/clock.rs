//! The clock: wall time for the engine, monotonic time for waiting. Read once per batch.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use engine::UnixMillis;

/// A wall clock that is further ahead of the monotonic one than this has been stepped, and somebody
/// should know: entry IDs follow it, and never come back.
const STEP_REPORTED_MS: u64 = 60_000;

/// The first millisecond of the year 2200. A clock beyond it is broken, and counts as this: entry IDs
/// would follow it and never come back, until there is no room above them.
const WALL_MS_MAX: UnixMillis = 7_258_118_400_000;

/// What the log says about such a clock.
pub(crate) const CAPPED: &str =
    "the clock is beyond the year 2200: it is not followed any further, set it right";

/// The wall clock, with a memory for where it should be.
///
/// The wall clock may step in either direction. The engine copes (IDs go on from the last one, idle
/// times never go below zero); what is added here is that a step is seen and reported, and that
/// uptime and deadlines follow the monotonic clock.
#[derive(Debug)]
pub struct Clock {
    started: Instant,
    /// Wall clock minus monotonic clock, as of the last time that they agreed.
    offset_ms: AtomicU64,
    cached_uptime_ms: AtomicU64,
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock {
    /// Starts the clock.
    #[must_use]
    pub fn new() -> Self {
        let now = wall_ms();
        Self {
            started: Instant::now(),
            offset_ms: AtomicU64::new(now),
            cached_uptime_ms: AtomicU64::new(0),
        }
    }

    /// Reads the clocks for a batch: returns the wall clock, and leaves the uptime in the cache.
    pub fn now(&self) -> UnixMillis {
        self.cached_uptime_ms.store(self.uptime_ms(), Relaxed);
        wall_ms()
    }

    /// The uptime of the last batch, without reading any clock: good enough to see how long a client
    /// has been idle, and never wrong by a step of the wall clock.
    #[must_use]
    pub fn cached_uptime_ms(&self) -> u64 {
        self.cached_uptime_ms.load(Relaxed)
    }

    /// Whether the wall clock is so far ahead that it is not followed any more.
    #[must_use]
    pub fn is_capped(&self) -> bool {
        wall_ms() == WALL_MS_MAX
    }

    /// Time since the start.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Time since the start in milliseconds.
    #[must_use]
    pub fn uptime_ms(&self) -> u64 {
        u64::try_from(self.uptime().as_millis()).unwrap_or(u64::MAX)
    }

    /// Compares the two clocks and returns a step of a minute or more, once. Called by housekeeping.
    pub fn step(&self) -> Option<ClockStep> {
        self.step_between(wall_ms(), self.uptime_ms())
    }

    fn step_between(&self, wall_ms: u64, uptime_ms: u64) -> Option<ClockStep> {
        let expected = self.offset_ms.load(Relaxed).saturating_add(uptime_ms);
        if wall_ms.abs_diff(expected) < STEP_REPORTED_MS {
            return None;
        }
        self.offset_ms.store(wall_ms.saturating_sub(uptime_ms), Relaxed);
        let by = Duration::from_millis(wall_ms.abs_diff(expected));
        Some(if expected < wall_ms { ClockStep::Forward(by) } else { ClockStep::Backward(by) })
    }
}

/// The wall clock has been set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockStep {
    /// Into the future: new entries get IDs from there, and later ones stay above them.
    Forward(Duration),
    /// Into the past: new entries go on from the last ID until the clock has caught up.
    Backward(Duration),
}

/// Milliseconds since the epoch; a clock before it counts as the epoch itself, one beyond
/// [`WALL_MS_MAX`] as that.
fn wall_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX).min(WALL_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_reported_once() {
        let clock = Clock {
            started: Instant::now(),
            offset_ms: AtomicU64::new(1_000_000),
            cached_uptime_ms: AtomicU64::new(0),
        };
        let check = |wall, uptime, expected| assert_eq!(clock.step_between(wall, uptime), expected);
        check(1_000_500, 500, None);
        check(1_059_000, 1000, None);
        check(1_100_000, 10_000, Some(ClockStep::Forward(Duration::from_secs(90))));
        check(1_101_000, 11_000, None);
        check(1_002_000, 12_000, Some(ClockStep::Backward(Duration::from_secs(100))));
        check(1_003_000, 13_000, None);
    }
}
