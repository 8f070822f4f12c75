//! The open end of a stream: slots in a growing buffer.

use bytes::Bytes;

use super::block::{Block, HEADER_BYTES, Span};
use super::slots::{Names, NamesOf, Slots, put_slot};
use crate::engine::Settings;
use crate::fields::Fields;
use crate::id::StreamId;

/// No block grows beyond this many bytes, whatever the settings say.
const BLOCK_BYTES_CAP: usize = 1 << 30;

/// A buffer up to this size is kept for the next tail after sealing; a larger one was an exception.
const KEPT_BYTES_MAX: usize = 8 << 10;

/// The open block; without slots there is none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tail {
    pub(crate) span: Span,
    pub(crate) bytes: Vec<u8>,
}

impl Tail {
    pub(crate) fn is_empty(&self) -> bool {
        self.span.slots == 0
    }

    /// Whether an entry begins a new block instead of joining this one. Slots of deleted entries
    /// count, as in Redis.
    pub(crate) fn is_full(&self, fields: &Fields<'_>, settings: Settings) -> bool {
        let bytes = HEADER_BYTES + self.bytes.len() + payload_bytes(fields);
        let Settings { block_entries_max, block_bytes_max } = settings;
        let is_reached = |limit: u64, value: usize| limit != 0 && limit <= value as u64;
        !self.is_empty()
            && (is_reached(block_entries_max, self.span.slots as usize)
                || is_reached(block_bytes_max, bytes)
                || BLOCK_BYTES_CAP <= bytes)
    }

    /// Adds an entry above all others.
    pub(crate) fn append(&mut self, id: StreamId, fields: &Fields<'_>) {
        // Growth by a quarter: 100,000 small streams shall not hold twice the bytes that they need.
        // Ids, lengths and the count take a few bytes beside the strings.
        let need = self.bytes.len() + payload_bytes(fields) + 5 * fields.strings().len() + 32;
        if self.bytes.capacity() < need {
            let grown = self.bytes.capacity() + self.bytes.capacity() / 4;
            self.bytes.reserve_exact(need.max(grown) - self.bytes.len());
        }
        let (previous, names) = if self.is_empty() {
            self.span.first = id;
            (id, NamesOf::Itself)
        } else {
            (self.span.last, self.names_for(fields))
        };
        put_slot(&mut self.bytes, self.span.first, previous, id, fields, names);
        self.span.last = id;
        self.span.slots += 1;
        self.span.live += 1;
    }

    fn names_for(&self, fields: &Fields<'_>) -> NamesOf {
        if self.names().are_those_of(fields) { NamesOf::First } else { NamesOf::Itself }
    }

    /// The field names of the first slot, of which there must be one.
    pub(crate) fn names(&self) -> Names<'_> {
        Names::of_slots(&self.bytes).expect("the tail holds what append put there, or load checked")
    }

    /// All slots.
    pub(crate) fn slots(&self) -> Slots<'_> {
        Slots::new(&self.bytes, self.span.first, self.span.slots)
    }

    /// Closes the block and begins anew. `keep` takes the bytes of the block.
    pub(super) fn seal(&mut self, number: u64, keep: impl FnOnce(Vec<u8>) -> Bytes) -> Block {
        let block = Block::seal(number, std::mem::take(&mut self.span), &self.bytes, keep);
        self.clear();
        block
    }

    /// Every entry is gone, and the block with them.
    pub(crate) fn clear(&mut self) {
        self.span = Span::default();
        self.bytes.clear();
        if KEPT_BYTES_MAX < self.bytes.capacity() {
            self.bytes = Vec::new();
        }
    }
}

/// Bytes of all strings of an entry.
pub(crate) fn payload_bytes(fields: &Fields<'_>) -> usize {
    fields.strings().iter().map(|string| string.len()).sum()
}
