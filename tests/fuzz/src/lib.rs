//! What the fuzz targets share. Each target states one promise of `docs/durability.md` about input
//! that nobody vouches for, and panics when it is broken.
//!
//! Inputs are kept readable where that is possible: what `play` runs is lines of words, as in the
//! inline form of the protocol, so that a find can be pasted into a test.

pub mod disk;
pub mod edits;
pub mod model;
pub mod planted;
pub mod play;
pub mod targets;
pub mod wire;

/// Takes numbers from the front of the fuzzer's bytes; zeros once they are used up.
pub struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        byte
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// Below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::from(self.u16()) % limit
    }

    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        bytes
    }

    /// A byte that says how many follow, up to `max`, and those.
    pub fn string(&mut self, max: usize) -> &'a [u8] {
        let count = usize::from(self.byte()) % (max + 1);
        self.bytes(count)
    }

    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }
}
