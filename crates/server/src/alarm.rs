//! The thread that serves readers at a time rather than for a change: those that wait with CLAIM
//! until a pending entry is old enough.

use std::time::{Duration, Instant};

use engine::UnixMillis;
use parking_lot::{Condvar, Mutex};

use crate::core::Shared;
use crate::housekeeping::tell_audience;
use crate::serve::deliver;

/// How often it looks whether a pause is over.
const PAUSE_TICK_MS: u64 = 50;

/// When the thread has to look next.
#[derive(Debug, Default)]
pub(crate) struct AlarmClock {
    next: Mutex<Next>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Next {
    /// `None`: it sleeps until somebody sets a time.
    time: Option<UnixMillis>,
    /// It has to look now.
    is_woken: bool,
}

impl AlarmClock {
    /// Sees to it that the thread looks at `time`, if not before.
    pub(crate) fn set(&self, time: Option<UnixMillis>) {
        let Some(time) = time else { return };
        let mut next = self.next.lock();
        if next.time.is_none_or(|before| time < before) {
            next.time = Some(time);
            self.changed.notify_one();
        }
    }

    /// Lets the thread look now: the clock was set, or the server is stopping.
    pub(crate) fn wake(&self) {
        self.next.lock().is_woken = true;
        self.changed.notify_one();
    }

    /// Waits for the time that is set, or that it is woken.
    fn wait(&self, shared: &Shared) {
        let mut next = self.next.lock();
        while !next.is_woken {
            let Some(time) = next.time else {
                self.changed.wait(&mut next);
                continue;
            };
            let left = time.saturating_sub(shared.clock.now());
            if left == 0 {
                break;
            }
            // A time beyond what the clock can count is as good as none.
            match Instant::now().checked_add(Duration::from_millis(left)) {
                Some(until) => _ = self.changed.wait_until(&mut next, until),
                None => self.changed.wait(&mut next),
            }
        }
        // Whoever sets a time from here on is heard: what is due is looked for after this.
        *next = Next::default();
    }

    /// The thread. It ends once the server is stopping.
    pub(crate) fn run(&self, shared: &Shared) {
        loop {
            self.wait(shared);
            if shared.is_stopping() {
                return;
            }
            let mut deliveries = Vec::new();
            let mut core = shared.core.lock();
            if core.pause.is_on(shared.clock.uptime_ms()) {
                drop(core);
                self.set(Some(shared.clock.now().saturating_add(PAUSE_TICK_MS)));
                continue;
            }
            core.serve_due(shared.clock.now(), &mut deliveries, shared);
            if core.has_audience {
                tell_audience(&mut core, shared);
            }
            drop(core);
            deliver(deliveries, shared);
        }
    }
}
