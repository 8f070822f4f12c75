//! Sealed blocks: a run of entries whose bytes never change again.
//! Normative: `docs/on-disk-format.md`, "Blocks".

use bytes::{Buf, Bytes};
use thiserror::Error;

use super::Damage;
use super::bitmap::Bitmap;
use super::body::Body;
use crate::id::StreamId;

/// First bytes of a block: what it is, and format 1.
const MAGIC: [u8; 4] = *b"HWB\x01";
/// Bytes before the slots.
pub(crate) const HEADER_BYTES: usize = 56;
/// The checksum covers what follows it.
const CHECKED_FROM: usize = 8;

/// What is kept in memory of a run of slots, sealed or open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Span {
    /// ID of the first slot, live or not.
    pub(crate) first: StreamId,
    /// ID of the last slot, live or not.
    pub(crate) last: StreamId,
    pub(crate) slots: u32,
    /// Slots whose entries are not deleted. Never 0: such a block disappears.
    pub(crate) live: u32,
    pub(crate) deleted: Bitmap,
}

impl Span {
    pub(crate) fn is_live(&self, index: u32) -> bool {
        !self.deleted.contains(index)
    }

    /// Whether `id` lies between the first and the last slot.
    pub(crate) fn reaches_over(&self, id: StreamId) -> bool {
        self.first <= id && id <= self.last
    }

    /// The ID of the last live slot, if it is known without looking at the slots.
    pub(crate) fn last_live(&self) -> Option<StreamId> {
        self.slots.checked_sub(1).filter(|index| self.is_live(*index)).map(|_| self.last)
    }

    /// The entry of a live slot is gone.
    pub(crate) fn delete(&mut self, index: u32) {
        assert!(index < self.slots && self.deleted.insert(index), "a deleted entry was live");
        self.live -= 1;
    }

    /// The entries of the slots below `end` are gone. Returns how many were live.
    pub(crate) fn delete_below(&mut self, end: u32) -> u32 {
        assert!(end <= self.slots, "a trimmed slot exists");
        let gone = self.deleted.insert_below(end);
        self.live -= gone;
        gone
    }
}

/// A sealed block.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) number: u64,
    pub(crate) span: Span,
    /// Header and slots, in memory or on disk.
    pub(crate) body: Body,
}

impl Block {
    /// Puts the header before the slots. Deletions stay outside: they go on after sealing.
    pub(super) fn seal(
        number: u64,
        span: Span,
        slots: &[u8],
        keep: impl FnOnce(Vec<u8>) -> Bytes,
    ) -> Self {
        let header = BlockHeader { number, first: span.first, last: span.last, slots: span.slots };
        let body = Body::Memory(keep(header.put_before(slots)));
        Self { number, span, body }
    }

    /// The slots, after the bytes have been read and checked.
    pub(crate) fn slots(&self) -> Result<Bytes, Damage> {
        checked_slots(self.body.bytes(), self.number, &self.span, &self.body)
    }

    /// The entry of a live slot is gone.
    pub(super) fn delete(&mut self, id: StreamId, slot: u32) {
        assert!(self.span.reaches_over(id), "a deleted entry lies in a block");
        self.span.delete(slot);
    }

    /// What its bytes begin with.
    pub(crate) fn header(&self) -> BlockHeader {
        let Span { first, last, slots, .. } = self.span;
        BlockHeader { number: self.number, first, last, slots }
    }
}

/// The bytes of a block's slots, given those of the block. What comes from disk may have changed
/// there, so it is checked whenever it is read; bytes that this process made are as good as its other
/// memory.
pub(crate) fn checked_slots(
    bytes: Result<Bytes, String>,
    number: u64,
    span: &Span,
    body: &Body,
) -> Result<Bytes, Damage> {
    let mut bytes = bytes.map_err(|reason| Damage::of_block(span, body, reason))?;
    if let Body::Stored(_) = body {
        let header = BlockHeader { number, first: span.first, last: span.last, slots: span.slots };
        match BlockHeader::read(&bytes) {
            Ok(found) if found == header => {}
            Ok(_) => return Err(Damage::of_block(span, body, "it is another block".to_owned())),
            Err(bad) => return Err(Damage::of_block(span, body, bad.to_string())),
        }
    }
    bytes.advance(HEADER_BYTES);
    Ok(bytes)
}

/// The header of a sealed block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockHeader {
    /// Blocks of one history have different numbers.
    pub number: u64,
    /// ID of the first slot.
    pub first: StreamId,
    /// ID of the last slot.
    pub last: StreamId,
    /// Number of slots.
    pub slots: u32,
}

/// Why bytes are no block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadBlock {
    /// Too short, or too long.
    #[error("the block's length is wrong")]
    Length,
    /// Not a block, or one of a later format.
    #[error("the block does not begin as one of this format")]
    Magic,
    /// The bytes changed since they were written.
    #[error("the block's checksum does not fit")]
    Checksum,
}

impl BlockHeader {
    /// Reads the header of a whole block and checks all of its bytes.
    ///
    /// # Errors
    ///
    /// What is wrong with the bytes.
    pub fn read(bytes: &[u8]) -> Result<Self, BadBlock> {
        let (header, slots) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(BadBlock::Length)?;
        if !header.starts_with(&MAGIC) {
            return Err(BadBlock::Magic);
        }
        if u32_at(header, 52) as usize != slots.len() {
            return Err(BadBlock::Length);
        }
        if u32_at(header, 4) != crc32fast::hash(&bytes[CHECKED_FROM..]) {
            return Err(BadBlock::Checksum);
        }
        Ok(Self {
            number: u64_at(header, 8),
            first: StreamId::new(u64_at(header, 16), u64_at(header, 24)),
            last: StreamId::new(u64_at(header, 32), u64_at(header, 40)),
            slots: u32_at(header, 48),
        })
    }

    fn put_before(self, slots: &[u8]) -> Vec<u8> {
        let slot_bytes = u32::try_from(slots.len()).expect("a tail seals below 4 GiB");
        let mut bytes = Vec::with_capacity(HEADER_BYTES + slots.len());
        bytes.extend(MAGIC);
        bytes.extend([0; 4]);
        let Self { number, first, last, slots: slot_count } = self;
        for word in [number, first.ms, first.seq, last.ms, last.seq] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(slot_count.to_le_bytes());
        bytes.extend(slot_bytes.to_le_bytes());
        bytes.extend_from_slice(slots);
        let crc = crc32fast::hash(&bytes[CHECKED_FROM..]);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        bytes
    }
}

fn u32_at(header: &[u8; HEADER_BYTES], at: usize) -> u32 {
    u32::from_le_bytes(*header[at..].first_chunk().expect("an offset inside the header"))
}

fn u64_at(header: &[u8; HEADER_BYTES], at: usize) -> u64 {
    u64::from_le_bytes(*header[at..].first_chunk().expect("an offset inside the header"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::fields::Fields;
    use crate::stream::BlockLocation;
    use crate::stream::body::{BlockSource, DamagedBlock, Stored};
    use crate::stream::slots::{Names, Pairs, Slots};
    use crate::stream::tail::Tail;

    fn strings_of(block: &[u8]) -> Vec<String> {
        let header = BlockHeader::read(block).unwrap();
        let mut names = None;
        let mut found = Vec::new();
        for slot in Slots::new(&block[HEADER_BYTES..], header.first, header.slots) {
            let slot = slot.unwrap();
            let names = *names.get_or_insert_with(|| Names::parse(slot.body).unwrap());
            let mut text = slot.id.to_string();
            for (name, value) in Pairs::parse(slot.body, names).unwrap() {
                text += &format!(" {}={}", name.escape_ascii(), value.escape_ascii());
            }
            found.push(text);
        }
        found
    }

    const EXAMPLE: [&str; 3] = [
        "1526919030474-55 temperature=20 unit=C",
        "1526919030474-56 temperature=21 unit=C",
        "1526919031474-0 door=open",
    ];

    fn example_block() -> Block {
        let mut tail = Tail::default();
        let ms = 1_526_919_030_474;
        for (id, strings) in [
            (StreamId::new(ms, 55), &["temperature", "20", "unit", "C"][..]),
            (StreamId::new(ms, 56), &["temperature", "21", "unit", "C"]),
            (StreamId::new(ms + 1000, 0), &["door", "open"]),
        ] {
            tail.append(id, &Fields::Collected(strings.iter().map(|s| s.as_bytes()).collect()));
        }
        Block::seal(7, tail.span.clone(), &tail.bytes, Bytes::from)
    }

    /// The page's example is what the code reads and what it writes.
    #[test]
    fn the_example_of_the_format_page_decodes() {
        let page = include_str!("../../../../docs/on-disk-format.md");
        let example = page
            .split("```hex block\n")
            .nth(1)
            .and_then(|rest| rest.split("```").next())
            .expect("the page has an example");
        let bytes: Vec<u8> = example
            .lines()
            .flat_map(|line| line.split('#').next().unwrap().split_whitespace())
            .map(|byte| u8::from_str_radix(byte, 16).unwrap())
            .collect();
        let block = example_block();
        assert_eq!(bytes, block.body.bytes().unwrap());
        assert_eq!(strings_of(&bytes), EXAMPLE);
    }

    /// A file of one block, or of what is left of it.
    #[derive(Debug)]
    struct Disk(Vec<u8>);

    impl BlockSource for Disk {
        fn read(&self, _: u64, _: usize) -> Result<Bytes, String> {
            Ok(self.0.clone().into())
        }

        fn note_damage(&self, _: &DamagedBlock) {}
    }

    fn stored(number: u64, block: &Block, bytes: &[u8]) -> Block {
        let source = Arc::new(Disk(bytes.to_vec()));
        let at = BlockLocation { file: 1, offset: 0, len: 0 };
        Block { number, span: block.span.clone(), body: Body::Stored(Stored { source, at }) }
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let block = example_block();
        let good = block.body.bytes().unwrap();
        for bit in 0..good.len() * 8 {
            let mut bad = good.to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(stored(7, &block, &bad).slots().is_err(), "bit {bit}");
        }
        for len in 0..good.len() {
            assert!(stored(7, &block, &good[..len]).slots().is_err(), "cut to {len}");
        }
        assert!(stored(8, &block, &good).slots().is_err(), "the bytes of another block");
        assert!(stored(7, &block, &good).slots().is_ok());
    }
}
