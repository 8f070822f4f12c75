//! Who may write: one leader at a time; the others wait for what they need, not for their turn.

use crate::sync::{Condvar, Mutex};

/// Grants the right to lead.
#[derive(Debug, Default)]
pub(super) struct Turns {
    is_led: Mutex<bool>,
    changed: Condvar,
}

/// The right to lead, until dropped.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a Turns);

impl Turns {
    /// Waits until the caller leads, or until `is_done`: then another leader has done its work.
    pub(super) fn lead_unless(&self, is_done: impl Fn() -> bool) -> Option<Turn<'_>> {
        let mut is_led = self.is_led.lock();
        loop {
            if is_done() {
                return None;
            }
            if !*is_led {
                *is_led = true;
                return Some(Turn(self));
            }
            self.changed.wait(&mut is_led);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.is_led.lock() = false;
        // Everybody looks: some are done, one of the others leads next.
        self.0.changed.notify_all();
    }
}
