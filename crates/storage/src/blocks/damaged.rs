//! Blocks that were found damaged, for INFO and the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::DamagedBlock;
use parking_lot::Mutex;

/// The blocks that could not be read, or failed their check: found by readers and by the scrub. Shared
/// by all open block files of a database.
#[derive(Debug, Clone, Default)]
pub struct DamagedBlocks {
    found: Arc<Mutex<Blocks>>,
}

#[derive(Debug, Default)]
struct Blocks {
    /// By number of the file and offset in it, with the pass in which it was last found.
    found: BTreeMap<(u64, u64), (DamagedBlock, u64)>,
    pass: u64,
}

impl DamagedBlocks {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.found.lock().found.len()
    }

    /// What is known of each.
    #[must_use]
    pub fn list(&self) -> Vec<DamagedBlock> {
        self.found.lock().found.values().map(|(damaged, _)| damaged.clone()).collect()
    }

    /// From here on, what is found counts for another pass over everything.
    pub(crate) fn begin_pass(&self) {
        self.found.lock().pass += 1;
    }

    /// Forgets what was not found again in a whole pass: it is gone, or can be read after all.
    pub(crate) fn end_pass(&self) {
        let mut blocks = self.found.lock();
        let pass = blocks.pass;
        blocks.found.retain(|_, (_, found)| *found == pass);
    }

    /// Adds one, and logs it unless it is known.
    pub fn note(&self, damaged: &DamagedBlock) {
        let place = (damaged.location.file, damaged.location.offset);
        let is_known = {
            let mut blocks = self.found.lock();
            let pass = blocks.pass;
            blocks.found.insert(place, (damaged.clone(), pass)).is_some()
        };
        if is_known {
            return;
        }
        tracing::error!(
            file = %format_args!("blocks/{:020}.blk", place.0),
            offset = place.1,
            key = %damaged.key.escape_ascii(),
            first = %damaged.first,
            last = %damaged.last,
            reason = %damaged.reason,
            "a block is damaged: its entries cannot be read, everything else is served"
        );
    }
}
