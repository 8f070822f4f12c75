//! Which pending entries still have their stream entry.

use crate::error::CommandError;
use crate::id::StreamId;
use crate::stream::Stream;

/// Live IDs decoded ahead at most: about a block.
const WINDOW_IDS_MAX: usize = 128;

/// Answers whether entries are live, for IDs that mostly ascend.
///
/// A block is decoded from its start, so asking for each of its entries would decode it over and
/// over. This keeps the live IDs that follow the one asked for, more of them each time they run out.
pub(crate) struct Presence<'e> {
    key: &'e [u8],
    stream: &'e Stream,
    /// Every live ID from `from` to `to` inclusive.
    window: Vec<StreamId>,
    from: StreamId,
    to: StreamId,
    /// How many IDs to decode next.
    window_ids: usize,
}

impl<'e> Presence<'e> {
    pub(crate) fn new(key: &'e [u8], stream: &'e Stream) -> Self {
        // `0-0` is never an entry, so the empty window is true.
        let (from, to) = (StreamId::MIN, StreamId::MIN);
        Self { key, stream, window: Vec::new(), from, to, window_ids: 1 }
    }

    /// Whether the stream holds the entry.
    pub(crate) fn holds(&mut self, id: StreamId) -> Result<bool, CommandError> {
        if (id < self.from || self.to < id) && !self.refill(id) {
            // What follows the entry may be damaged while the entry is not.
            return self.stream.contains(id).map_err(|damage| damage.of(self.key));
        }
        Ok(self.window.binary_search(&id).is_ok())
    }

    /// Decodes the live IDs from `id` on. False if that failed.
    fn refill(&mut self, id: StreamId) -> bool {
        let Some(before) = id.previous() else { return false };
        let Ok(window) = self.stream.ids_after(before, self.window_ids) else { return false };
        self.from = id;
        self.to = match window.last() {
            Some(last) if window.len() == self.window_ids => *last,
            _ => StreamId::MAX,
        };
        self.window = window;
        self.window_ids = (2 * self.window_ids).min(WINDOW_IDS_MAX);
        true
    }
}
