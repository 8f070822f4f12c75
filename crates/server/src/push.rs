//! Messages that a client is sent without asking: from channels, about keys, from MONITOR.
//!
//! They are gathered while a command runs and handed out while the core is still locked, so that all
//! who are sent the same messages get them in the same order. The reply of a command is encoded after
//! that, outside the lock: whoever can be sent messages has them held back for so long
//! ([`Executor::receives`]), so that none overtakes a reply that was decided before it.

use std::sync::Arc;

use bytes::Bytes;
use engine::Reply;
use protocol::Version;

use crate::client::Client;
use crate::client_limits::cut_off;
use crate::config::OutputLimits;
use crate::execute::Executor;

/// Messages gathered by one transaction before they are handed out, at most. What it publishes behind
/// so many follows before its end, gated like its record.
const GATHERED_MAX: usize = 65_536;

/// Likewise, in bytes.
const GATHERED_BYTES_MAX: usize = 4 << 20;

/// One message to one client.
#[derive(Debug, Clone)]
pub(crate) struct Push {
    pub(crate) client: Arc<Client>,
    pub(crate) message: Message,
}

/// An encoded message. The two protocols differ in its first byte alone.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// In RESP3.
    first: u8,
    rest: Bytes,
    /// To the client that brought it about it comes behind the reply, not before it.
    follows: bool,
}

impl Message {
    /// A message that consists of strings and arrays of strings, which both protocols write alike.
    pub(crate) fn new(parts: Vec<Reply>) -> Self {
        Self::of_version(parts, Version::Resp3)
    }

    /// A message for those who speak this protocol.
    pub(crate) fn of_version(parts: Vec<Reply>, version: Version) -> Self {
        let mut bytes = Vec::new();
        let encoded = protocol::encode(&Reply::Push(parts), version, usize::MAX, &mut bytes);
        debug_assert!(encoded.is_ok(), "there is no limit");
        Self::line(bytes)
    }

    /// A message that is encoded already.
    pub(crate) fn line(bytes: Vec<u8>) -> Self {
        let bytes = Bytes::from(bytes);
        Self { first: bytes[0], rest: bytes.slice(1..), follows: bytes[0] == b'+' }
    }

    /// To the client that brought it about it comes behind the reply.
    pub(crate) fn behind_the_reply(mut self) -> Self {
        self.follows = true;
        self
    }

    /// Whether it is to come behind the reply.
    pub(crate) fn follows(&self) -> bool {
        self.follows
    }

    /// The first byte for a client, and the others.
    pub(crate) fn parts(&self, client: &Client) -> (u8, &[u8]) {
        let first = match (self.first, client.version()) {
            (b'>', Version::Resp2) => b'*',
            (first, _) => first,
        };
        (first, &self.rest)
    }
}

impl Client {
    /// Sends a message that may leave once `lsn` is safe, if the client does not leave too much unread.
    pub(crate) fn push(
        self: &Arc<Self>,
        lsn: u64,
        message: &Message,
        limits: &OutputLimits,
        stats: &crate::stats::Stats,
    ) {
        let limit = self.output_limit(limits).hard_limit();
        let (first, rest) = message.parts(self);
        let mut fits = true;
        let unsent = self.send(|output| {
            fits = rest.len() < limit.saturating_sub(output.len());
            if fits {
                output.push_message(lsn, first, rest);
            }
        });
        if !fits && !self.is_killed() {
            cut_off(self, unsent, stats);
        }
    }
}

impl Executor<'_> {
    /// From here on the client can be sent messages: those of others wait until the replies of this
    /// batch are on their way.
    pub(crate) fn receives(&mut self) {
        self.session.receives = true;
        self.session.is_holding = true;
        self.client.hold();
    }

    /// A message for a client, handed out when the command is done.
    pub(crate) fn push(&mut self, client: &Arc<Client>, message: &Message) {
        self.pushes.push(Push { client: Arc::clone(client), message: message.clone() });
        self.pushed_bytes += message.rest.len();
        let is_much = GATHERED_MAX <= self.pushes.len() || GATHERED_BYTES_MAX < self.pushed_bytes;
        if self.in_exec && is_much {
            self.hand_out();
        }
    }

    /// Hands out what was gathered. Not before all is safe that happened until now: a message may tell
    /// of a write in words of its own.
    pub(crate) fn hand_out(&mut self) {
        let lsn = self.core.database.recorded();
        let limits = self.shared.config.settings().output_limits;
        for push in std::mem::take(&mut self.pushes) {
            if push.client.id == self.client.id {
                self.own.push((lsn, push.message));
            } else {
                push.client.push(lsn, &push.message, &limits, &self.shared.stats);
            }
        }
        self.has_pushed = true;
        self.pushed_bytes = 0;
    }
}
