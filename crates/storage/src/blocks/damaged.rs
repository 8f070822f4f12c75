//! Blocks that were found damaged, for INFO and the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::DamagedBlock;
use parking_lot::Mutex;

/// The blocks that could not be read, or failed their check: found by readers and by the scrub. Shared
/// by all open block files of a database.
#[derive(Debug, Clone, Default)]
pub struct DamagedBlocks {
    /// By number of the file and offset in it.
    found: Arc<Mutex<BTreeMap<(u64, u64), DamagedBlock>>>,
}

impl DamagedBlocks {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.found.lock().len()
    }

    /// What is known of each.
    #[must_use]
    pub fn list(&self) -> Vec<DamagedBlock> {
        self.found.lock().values().cloned().collect()
    }

    /// Adds one, and logs it unless it is known.
    pub fn note(&self, damaged: &DamagedBlock) {
        let place = (damaged.location.file, damaged.location.offset);
        if self.found.lock().insert(place, damaged.clone()).is_some() {
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
