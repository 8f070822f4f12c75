//! Bytes on their way to one client, held back until what they tell is on disk.

use std::collections::VecDeque;

use protocol::TooLong;

/// Replies of one client that are encoded and not yet sent.
///
/// A *gate* is a position in the byte stream and the LSN that must be safe before the bytes up to it
/// may leave. Gates only rise: a reply that depends on little still waits for the ones before it, as
/// replies leave in order.
#[derive(Debug, Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
    /// Bytes at the front of `bytes` that the kernel has already.
    head: usize,
    gates: VecDeque<Gate>,
    /// Bytes sent over the life of the connection; `Gate::end` counts from the same start.
    sent: u64,
    /// Messages that came while replies are on their way here. They stand behind those.
    held: Option<Held>,
}

/// Encoded messages that wait for replies to go first.
#[derive(Debug, Default)]
struct Held {
    bytes: Vec<u8>,
    lsn: u64,
}

#[derive(Debug, Clone, Copy)]
struct Gate {
    lsn: u64,
    end: u64,
}

impl Output {
    /// Lets `encode` append bytes that may leave once `lsn` is safe.
    /// Returns whether `encode` could.
    pub(crate) fn push(
        &mut self,
        lsn: u64,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), TooLong>,
    ) -> bool {
        let encoded = encode(&mut self.bytes);
        let end = self.sent + self.sendable() as u64;
        match self.gates.back_mut() {
            // One gate per commit, not per reply: a pipelined batch costs one.
            Some(last) if lsn <= last.lsn => last.end = end,
            _ => self.gates.push_back(Gate { lsn, end }),
        }
        encoded.is_ok()
    }

    /// Appends a message that nobody asked for: `first` is the byte that tells its kind, `rest` follows.
    /// It may leave once `lsn` is safe.
    pub(crate) fn push_message(&mut self, lsn: u64, first: u8, rest: &[u8]) {
        if let Some(held) = &mut self.held {
            held.bytes.push(first);
            held.bytes.extend_from_slice(rest);
            held.lsn = held.lsn.max(lsn);
            return;
        }
        self.push(lsn, |out| {
            out.push(first);
            out.extend_from_slice(rest);
            Ok(())
        });
    }

    /// Keeps messages apart until [`Output::release`]: the replies of a batch are decided, and not yet
    /// encoded.
    pub(crate) fn hold(&mut self) {
        self.held.get_or_insert_default();
    }

    /// The replies are here: the messages that came meanwhile follow them.
    pub(crate) fn release(&mut self) {
        if let Some(held) = self.held.take().filter(|held| !held.bytes.is_empty()) {
            self.push(held.lsn, |out| {
                out.extend_from_slice(&held.bytes);
                Ok(())
            });
        }
    }

    /// The bytes that may leave when everything up to `safe` is safe.
    pub(crate) fn ready(&self, safe: u64) -> &[u8] {
        let open = self.gates.iter().take_while(|gate| gate.lsn <= safe).last();
        // Fits: the difference is at most `self.sendable()`.
        let len = open.map_or(0, |gate| usize::try_from(gate.end - self.sent).unwrap_or(0));
        &self.bytes[self.head..self.head + len]
    }

    /// Forgets the first `count` bytes: the kernel has them.
    pub(crate) fn advance(&mut self, count: usize) {
        self.head += count;
        self.sent += count as u64;
        while self.gates.front().is_some_and(|gate| gate.end <= self.sent) {
            self.gates.pop_front();
        }
        if self.head == self.bytes.len() {
            self.head = 0;
            self.bytes.clear();
            // A client that once read a large answer does not keep the memory for it.
            self.bytes.shrink_to(IDLE_CAPACITY_MAX);
        } else if SENT_KEPT_MAX < self.head && self.bytes.len() / 2 < self.head {
            self.bytes.drain(..self.head);
            self.head = 0;
        }
    }

    /// Bytes held back or not yet taken by the kernel.
    pub(crate) fn len(&self) -> usize {
        self.sendable() + self.held.as_ref().map_or(0, |held| held.bytes.len())
    }

    /// Bytes that have their place in the order of things.
    fn sendable(&self) -> usize {
        self.bytes.len() - self.head
    }

    /// Whether nothing is left to send, but messages that stand behind replies still to come.
    pub(crate) fn is_empty(&self) -> bool {
        self.sendable() == 0
    }

    /// Bytes of memory behind the buffer.
    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity() + self.held.as_ref().map_or(0, |held| held.bytes.capacity())
    }

    /// Drops everything, for a client that is cut off.
    pub(crate) fn clear(&mut self) {
        self.bytes = Vec::new();
        self.head = 0;
        self.gates.clear();
        self.held = None;
    }
}

/// Buffers up to this size stay with an idle client.
const IDLE_CAPACITY_MAX: usize = 16 * 1024;

/// Sent bytes in front of unsent ones are moved away once there are so many of them.
const SENT_KEPT_MAX: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn push(output: &mut Output, lsn: u64, text: &str) {
        output.push(lsn, |bytes| {
            bytes.extend_from_slice(text.as_bytes());
            Ok(())
        });
    }

    #[test]
    fn bytes_leave_only_when_their_lsn_is_safe() {
        let mut output = Output::default();
        push(&mut output, 5, "a");
        push(&mut output, 7, "b");
        assert_eq!(output.ready(4), b"");
        assert_eq!(output.ready(5), b"a");
        assert_eq!(output.ready(6), b"a");
        assert_eq!(output.ready(7), b"ab");
    }

    #[test]
    fn a_later_reply_never_overtakes_an_earlier_one() {
        let mut output = Output::default();
        push(&mut output, 9, "write");
        push(&mut output, 0, "read");
        assert_eq!(output.ready(8), b"");
        assert_eq!(output.ready(9), b"writeread");
    }

    #[test]
    fn a_partly_sent_reply_goes_on_where_it_stopped() {
        let mut output = Output::default();
        push(&mut output, 1, "hello");
        push(&mut output, 2, "you");
        output.advance(2);
        assert_eq!(output.ready(1), b"llo");
        output.advance(3);
        assert_eq!(output.ready(1), b"");
        assert_eq!(output.ready(2), b"you");
        output.advance(3);
        assert!(output.is_empty());
    }

    #[test]
    fn messages_stand_behind_the_replies_that_were_decided_before_them() {
        let mut output = Output::default();
        output.hold();
        output.push_message(9, b'>', b"message");
        assert!(output.is_empty());
        assert_eq!(output.len(), 8);
        push(&mut output, 3, "reply");
        assert_eq!(output.ready(9), b"reply");
        output.release();
        assert_eq!(output.ready(3), b"reply");
        assert_eq!(output.ready(9), b"reply>message");
        output.push_message(9, b'+', b"OK");
        assert_eq!(output.ready(9), b"reply>message+OK");
    }
}
