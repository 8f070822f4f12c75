//! CLIENT PAUSE: clients that wait until they may go on.
//!
//! A request that must wait is kept by its connection, and run when the pause is over. What waits on a
//! key waits on, and its time runs out as ever; what time would change by itself waits, too.

use std::sync::Arc;

use engine::Reply;
use protocol::{CommandSpec, Flags};

use crate::client::Client;
use crate::execute::{Executor, Outcome};

/// Who waits, and for how long.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    /// Milliseconds of the monotonic clock; 0 without a pause.
    until_ms: u64,
    /// All commands, not only those that write.
    all: bool,
    waiting: Vec<Arc<Client>>,
}

impl Pause {
    /// Whether writes wait.
    pub(crate) fn is_on(&self, now_ms: u64) -> bool {
        self.until_ms != 0 && now_ms < self.until_ms
    }

    /// Takes in a client that waits for another reason, and may as well be woken when a pause ends.
    pub(crate) fn add(&mut self, client: Arc<Client>) {
        self.waiting.push(client);
    }

    /// Takes out a client that waits no more.
    pub(crate) fn remove(&mut self, client: &Client) {
        self.waiting.retain(|waiting| waiting.id != client.id);
    }
}

impl Executor<'_> {
    /// CLIENT PAUSE. One that is under way becomes longer or stricter, never less.
    pub(crate) fn pause(&mut self, timeout_ms: u64, all: bool) -> Reply {
        let now_ms = self.shared.clock.uptime_ms();
        let pause = &mut self.core.pause;
        if !pause.is_on(now_ms) {
            pause.all = false;
            pause.until_ms = 0;
        }
        pause.all |= all;
        pause.until_ms = pause.until_ms.max(now_ms.saturating_add(timeout_ms));
        Reply::Ok
    }

    /// CLIENT UNPAUSE.
    pub(crate) fn unpause(&mut self) -> Reply {
        self.core.pause.until_ms = 0;
        for client in std::mem::take(&mut self.core.pause.waiting) {
            client.set_blocked(false, &self.shared.stats);
            client.wake.notify_one();
        }
        Reply::Ok
    }

    /// Whether a command has to wait.
    pub(crate) fn is_paused(&self, spec: &CommandSpec) -> bool {
        let pause = &self.core.pause;
        if pause.until_ms == 0 || !pause.is_on(self.shared.clock.uptime_ms()) || self.is_monitor() {
            return false;
        }
        let concerns =
            |flags: Flags| flags.contains(Flags::WRITE) || flags.contains(Flags::MAY_REPLICATE);
        let transaction = self.session.transaction.as_ref().filter(|_| spec.name == "exec");
        pause.all
            || concerns(spec.flags)
            || transaction.is_some_and(|transaction| transaction.specs().any(|s| concerns(s.flags)))
    }

    /// Lets the client wait for the end of the pause.
    pub(crate) fn postpone(&mut self) -> Outcome {
        self.client.set_blocked(true, &self.shared.stats);
        self.core.pause.add(Arc::clone(self.client));
        let left_ms = self.core.pause.until_ms.saturating_sub(self.shared.clock.uptime_ms()).max(1);
        Outcome::Postponed { left_ms }
    }
}
