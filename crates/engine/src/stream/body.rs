//! Where the bytes of a sealed block are, and how they are had.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;

use super::BlockLocation;
use crate::id::StreamId;

/// Most bytes of neighbouring blocks that are read at once. They stay in the processor's cache
/// between the read and the decoding.
const WINDOW_BYTES: u64 = 32 << 10;

/// Gives the bytes of blocks that lie outside memory: the engine's only way to them.
pub trait BlockSource: Debug + Send + Sync {
    /// The `len` bytes from `offset` on, unchecked: that is for the reader to do, each time.
    ///
    /// # Errors
    ///
    /// Why they cannot be had. The entries in them then count as damaged.
    fn read(&self, offset: u64, len: usize) -> Result<Bytes, String>;

    /// A reader met a block that cannot be read or that fails its check.
    fn note_damage(&self, damaged: &DamagedBlock);
}

/// A block whose entries cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedBlock {
    /// Key of the stream that was being read.
    pub key: Box<[u8]>,
    /// ID of the block's first slot.
    pub first: StreamId,
    /// ID of its last slot.
    pub last: StreamId,
    /// Where it lies.
    pub location: BlockLocation,
    /// What is wrong.
    pub reason: String,
}

/// The whole of a sealed block, header included, or where it is to be had.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// In memory, as this process made it or checked it.
    Memory(Bytes),
    /// On disk.
    Stored(Stored),
}

/// A block on disk.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) source: Arc<dyn BlockSource>,
    pub(crate) at: BlockLocation,
}

impl Body {
    pub(crate) fn location(&self) -> Option<BlockLocation> {
        match self {
            Body::Memory(_) => None,
            Body::Stored(stored) => Some(stored.at),
        }
    }

    /// Length of the block in bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Body::Memory(bytes) => bytes.len(),
            Body::Stored(stored) => stored.at.len as usize,
        }
    }

    /// Its bytes, which may have to be read.
    pub(crate) fn bytes(&self) -> Result<Bytes, String> {
        match self {
            Body::Memory(bytes) => Ok(bytes.clone()),
            Body::Stored(stored) => stored.read(),
        }
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Body::Memory(one), Body::Memory(two)) => one == two,
            (Body::Stored(one), Body::Stored(two)) => {
                one.at == two.at && Arc::ptr_eq(&one.source, &two.source)
            }
            _ => false,
        }
    }
}

impl Stored {
    fn read(&self) -> Result<Bytes, String> {
        self.source.read(self.at.offset, self.at.len as usize)
    }

    fn range(&self) -> (u64, u64) {
        (self.at.offset, self.at.offset.saturating_add(u64::from(self.at.len)))
    }
}

/// Reads blocks that follow one another in few large pieces: a checkpoint puts those of a stream side
/// by side.
#[derive(Debug, Default)]
pub(crate) struct Window {
    read: Option<(Arc<dyn BlockSource>, u64, Bytes)>,
}

impl Window {
    /// The bytes of `body`; `next` are the ones that will be asked for after it.
    pub(crate) fn bytes<'b>(
        &mut self,
        body: &Body,
        next: impl Iterator<Item = &'b Body>,
    ) -> Result<Bytes, String> {
        let stored = match body {
            Body::Memory(bytes) => return Ok(bytes.clone()),
            Body::Stored(stored) => stored,
        };
        if let Some(bytes) = self.slice(stored) {
            return Ok(bytes);
        }
        let (start, end) = extent(stored, next);
        if (start, end) != stored.range() {
            let len = usize::try_from(end - start).expect("a window, or one block, fits memory");
            if let Ok(bytes) = stored.source.read(start, len) {
                self.read = Some((Arc::clone(&stored.source), start, bytes));
                if let Some(bytes) = self.slice(stored) {
                    return Ok(bytes);
                }
            }
            // A neighbour cannot be read. That is no reason to give up this one.
        }
        stored.read()
    }

    fn slice(&self, stored: &Stored) -> Option<Bytes> {
        let (source, offset, bytes) = self.read.as_ref()?;
        let start = usize::try_from(stored.at.offset.checked_sub(*offset)?).ok()?;
        let end = start.checked_add(stored.at.len as usize)?;
        let is_inside = Arc::ptr_eq(source, &stored.source) && end <= bytes.len();
        is_inside.then(|| bytes.slice(start..end))
    }
}

/// From where to where the block and the neighbours that `next` begins with lie in one piece.
fn extent<'b>(stored: &Stored, next: impl Iterator<Item = &'b Body>) -> (u64, u64) {
    let (mut start, mut end) = stored.range();
    for body in next {
        let Body::Stored(neighbour) = body else { break };
        let (first, last) = neighbour.range();
        let is_near = Arc::ptr_eq(&neighbour.source, &stored.source);
        if is_near && first == end && last - start <= WINDOW_BYTES {
            end = last;
        } else if is_near && last == start && end - first <= WINDOW_BYTES {
            start = first;
        } else {
            break;
        }
    }
    (start, end)
}
