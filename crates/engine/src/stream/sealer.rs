//! Sealing: what numbers the blocks, and what counts the memory that they take until they are on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::block::Block;
use super::tail::Tail;

/// How many bytes of sealed blocks an engine has in memory: those that no checkpoint has put on disk
/// yet, and those that a reply still needs. No part of the state.
///
/// Counted where a block is sealed and where its bytes are freed, so that appending an entry pays
/// nothing for it.
#[derive(Debug, Clone, Default)]
pub struct BlockMemory(Arc<AtomicU64>);

impl BlockMemory {
    /// The count at this moment. Any thread may ask, and needs no lock.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn keep(&self, bytes: Vec<u8>) -> Bytes {
        self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Bytes::from_owner(Kept { bytes, memory: self.clone() })
    }
}

/// The bytes of a block, counted as long as anybody has them.
struct Kept {
    bytes: Vec<u8>,
    memory: BlockMemory,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.memory.0.fetch_sub(self.bytes.len() as u64, Ordering::Relaxed);
    }
}

/// Seals the blocks of one engine.
#[derive(Debug)]
pub(crate) struct Sealer {
    /// Number of the next block. Blocks are numbered by the operations alone, so that a checkpoint's
    /// copy of a block and the live one are known to be the same.
    pub(crate) next: u64,
    pub(crate) memory: BlockMemory,
}

impl Default for Sealer {
    fn default() -> Self {
        Self { next: 1, memory: BlockMemory::default() }
    }
}

impl Sealer {
    /// Closes a tail, which is empty then.
    pub(super) fn seal(&mut self, tail: &mut Tail) -> Block {
        let block = tail.seal(self.next, |bytes| self.memory.keep(bytes));
        self.next += 1;
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Fields;
    use crate::id::StreamId;
    use crate::stream::body::Body;

    #[test]
    fn bytes_count_from_sealing_until_nobody_has_them() {
        let mut sealer = Sealer::default();
        let mut tail = Tail::default();
        let mut seal = |ms| {
            tail.append(StreamId::new(ms, 0), &Fields::Collected([&b"field"[..], b"value"].into()));
            sealer.seal(&mut tail)
        };
        let first = seal(1);
        let second = seal(2);
        let memory = sealer.memory.clone();
        let len = first.body.len() as u64;
        assert_eq!((first.number, second.number), (1, 2));
        assert_eq!(memory.bytes(), 2 * len);
        let (copy, read) = (first.clone(), first.slots().unwrap());
        assert_eq!(memory.bytes(), 2 * len, "a copy shares the bytes");
        drop((first, second));
        assert_eq!(memory.bytes(), len);
        drop(copy);
        assert_eq!(memory.bytes(), len, "a reader has them still");
        drop(read);
        assert_eq!(memory.bytes(), 0);
    }

    #[test]
    fn a_block_that_lies_on_disk_counts_no_more() {
        let mut sealer = Sealer::default();
        let mut tail = Tail::default();
        tail.append(StreamId::new(1, 0), &Fields::Collected([&b"field"[..], b"value"].into()));
        let mut block = sealer.seal(&mut tail);
        assert_ne!(sealer.memory.bytes(), 0);
        block.body = Body::Memory(Bytes::new());
        assert_eq!(sealer.memory.bytes(), 0);
    }
}
