//! The scrub beside the running server: when it begins, how fast it goes, and what INFO says of it.

use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use storage::DamagedBlocks;
use storage::scrub::{self, ScrubReport};

use crate::core::Shared;
use crate::priority::step_back;

/// How often the configuration and the end of the server are looked at.
const TICK: Duration = Duration::from_millis(100);
/// When the first scrub begins at the latest: a server that is restarted every day gets scrubbed too.
const FIRST_AFTER: Duration = Duration::from_secs(600);

/// Between those who ask for a scrub or about it, and the thread that makes it.
#[derive(Debug)]
pub(crate) struct Scrubbing {
    damaged: DamagedBlocks,
    state: Mutex<State>,
    asked: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_asked: bool,
    facts: ScrubFacts,
}

/// What INFO tells about scrubs.
#[derive(Debug, Clone, Default)]
pub struct ScrubFacts {
    /// One runs.
    pub is_running: bool,
    /// Bytes that it has read.
    pub bytes_done: u64,
    /// Bytes that it is going to read, as counted at its beginning.
    pub bytes_total: u64,
    /// Scrubs that reached their end.
    pub completed: u64,
    /// When the last of them ended, Unix seconds; 0 before the first.
    pub last_at: u64,
    /// How long it took.
    pub last_time: Duration,
    /// Bytes that it read.
    pub last_bytes: u64,
    /// Damaged files that it found, beside damaged blocks.
    pub damaged_files: u64,
    /// Blocks known to be damaged, found by a scrub or by a reader.
    pub damaged_blocks: u64,
}

impl Scrubbing {
    pub(crate) fn new(damaged: DamagedBlocks) -> Self {
        Self { damaged, state: Mutex::default(), asked: Condvar::new() }
    }

    /// Asks for a scrub now. False: one runs already, or has been asked for.
    pub(crate) fn request(&self) -> bool {
        let mut state = self.state.lock();
        let is_new = !state.is_asked && !state.facts.is_running;
        // A request that is refused leaves nothing behind.
        state.is_asked |= is_new;
        self.asked.notify_one();
        is_new
    }

    pub(crate) fn facts(&self) -> ScrubFacts {
        let damaged_blocks = self.damaged.count() as u64;
        ScrubFacts { damaged_blocks, ..self.state.lock().facts.clone() }
    }

    /// Waits until one is due or asked for. False: the server is stopping.
    fn next(&self, shared: &Shared, begun: Option<Instant>) -> bool {
        let started = Instant::now();
        let mut state = self.state.lock();
        loop {
            if shared.is_stopping() {
                return false;
            }
            let settings = shared.config.settings();
            let interval = settings.scrub_interval;
            let is_due = interval.is_some_and(|interval| match begun {
                None => interval.min(FIRST_AFTER) <= started.elapsed(),
                Some(begun) => interval <= begun.elapsed(),
            });
            if settings.scrub_rate != 0 && (is_due || state.is_asked) {
                state.is_asked = false;
                state.facts.is_running = true;
                return true;
            }
            self.asked.wait_for(&mut state, TICK);
        }
    }
}

/// The thread: scrubs at the lowest priority, as it takes no lock that anybody waits for.
pub(crate) fn scrub_loop(shared: &Shared) {
    let (fs, dir, log) = {
        let database = &shared.core.lock().database;
        (database.fs().clone(), database.dir().to_owned(), database.log().clone())
    };
    step_back("a scrub");
    let scrubbing = &shared.scrubbing;
    let mut begun = None;
    while scrubbing.next(shared, begun) {
        let started = Instant::now();
        begun = Some(started);
        let total = scrub::bytes_to_read(&*fs, &dir).unwrap_or(0);
        {
            let facts = &mut scrubbing.state.lock().facts;
            (facts.bytes_done, facts.bytes_total) = (0, total);
        }
        let mut pace = Pace::new();
        let durable = || log.durable();
        let rate = || {
            let rate = shared.config.settings().scrub_rate;
            (rate != 0 && !shared.is_stopping()).then_some(rate)
        };
        let wait = &mut |bytes| {
            scrubbing.state.lock().facts.bytes_done += bytes;
            pace.wait(bytes, &rate)
        };
        let result = scrub::scrub(&*fs, &dir, &durable, &scrubbing.damaged, wait);
        let mut state = scrubbing.state.lock();
        state.facts.is_running = false;
        match result {
            Ok(report) if report.is_complete => {
                note(&mut state.facts, &report, started.elapsed(), shared.clock.now() / 1000);
                let blocks = scrubbing.damaged.count();
                let (bytes, ms) = (report.bytes, started.elapsed().as_millis());
                let files = report.damage.len();
                tracing::info!(bytes, ms, damaged_blocks = blocks, damaged_files = files, "scrub");
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "a scrub could not go on"),
        }
    }
}

fn note(facts: &mut ScrubFacts, report: &ScrubReport, time: Duration, now: u64) {
    facts.completed += 1;
    facts.last_at = now;
    facts.last_time = time;
    facts.last_bytes = report.bytes;
    facts.damaged_files = report.damage.len() as u64;
}

/// Holds the scrub to `scrub-rate`, as it stands from moment to moment.
struct Pace {
    /// Bytes that were read too early, and since when time counts against them.
    ahead: f64,
    at: Instant,
}

impl Pace {
    fn new() -> Self {
        Self { ahead: 0.0, at: Instant::now() }
    }

    /// Waits for as long as these bytes have to take by the `rate` of each moment; none ends the scrub.
    #[expect(clippy::cast_precision_loss, reason = "a pace need not be exact")]
    fn wait(&mut self, bytes: u64, rate: &dyn Fn() -> Option<u64>) -> ControlFlow<()> {
        self.ahead += bytes as f64;
        loop {
            let Some(rate) = rate() else { return ControlFlow::Break(()) };
            let now = Instant::now();
            let earned = (now - self.at).as_secs_f64() * rate as f64;
            self.at = now;
            self.ahead = (self.ahead - earned).max(0.0);
            let early = Duration::try_from_secs_f64(self.ahead / rate as f64).unwrap_or(TICK);
            if early.is_zero() {
                return ControlFlow::Continue(());
            }
            thread::sleep(early.min(TICK));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_refused_request_asks_for_nothing() {
        let scrubbing = Scrubbing::new(DamagedBlocks::default());
        assert!(scrubbing.request());
        assert!(!scrubbing.request(), "it is asked for already");
        *scrubbing.state.lock() = State {
            is_asked: false,
            facts: ScrubFacts { is_running: true, ..ScrubFacts::default() },
        };
        assert!(!scrubbing.request(), "it runs");
        assert!(!scrubbing.state.lock().is_asked);
    }

    /// Never faster than the rate, whatever the pieces; and a higher one counts from the next look on.
    #[test]
    fn the_rate_is_kept_to_and_may_be_lifted() {
        const RATE: u64 = 1 << 20;
        let took = |pieces: u64, rate: &dyn Fn() -> Option<u64>| {
            let (mut pace, begin) = (Pace::new(), Instant::now());
            for _ in 0..pieces {
                assert!(pace.wait(RATE / 10 / pieces, rate).is_continue());
            }
            begin.elapsed()
        };
        for pieces in [1, 7, 100] {
            let took = took(pieces, &|| Some(RATE));
            assert!(Duration::from_millis(99) <= took, "{pieces} pieces: {took:?}");
        }
        // A second at this rate, but for the first look: the others find one that is higher.
        let looks = Cell::new(0);
        let lifted = || {
            looks.set(looks.get() + 1);
            Some(if looks.get() == 1 { RATE / 10 } else { u64::MAX })
        };
        took(1, &lifted);
        assert_eq!(looks.get(), 2, "the wait goes on in the pace of before");
        assert!(Pace::new().wait(1 << 30, &|| None).is_break());
    }
}
