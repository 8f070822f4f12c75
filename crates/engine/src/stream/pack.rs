//! Packs: blocks that lie on disk, of which little more is kept in memory than their IDs.
//!
//! A long history has millions of blocks, and a [`Block`] takes a hundred bytes. Packed it takes a
//! dozen: everything is written relative to the block before. Normative for the bytes, which stand
//! in snapshots too: `docs/on-disk-format.md`, "Packs".

use std::borrow::Cow;
use std::ops::AddAssign;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::block::{Block, Span};
use super::slots::{put_varint, take_varint};
use super::{BlockItem, BlockLocation, BlockSource, Body, Stored};
use crate::id::StreamId;
use crate::op::Text;

/// Blocks of a full pack. A search decodes half of them, a third of a microsecond. Small where tests
/// run, so that all of them meet packs.
pub(super) const PACK_BLOCKS: usize = if cfg!(debug_assertions) { 4 } else { 64 };

/// Words of bitmaps in a pack of more than one block: a change of one entry copies them.
pub(super) const PACK_WORDS: usize = 512;

/// Most blocks of a pack that a snapshot may have.
const BLOCKS_MAX: u32 = 1 << 16;

/// The block lies in the next one of the pack's files, not in that of the block before.
const NEXT_FILE: u64 = 1;
/// The block does not begin where the one before ends: its offset is given.
const OFFSET: u64 = 2;
/// Some of its entries are deleted.
const DELETED: u64 = 4;

/// Blocks on disk, at least one, in order.
#[derive(Debug, Clone)]
pub(crate) struct Pack {
    /// ID of the first slot of the first block.
    pub(super) first: StreamId,
    /// ID of the last slot of the last block.
    pub(super) last: StreamId,
    /// Number of the last block.
    pub(super) number_last: u64,
    /// Live entries of all of them.
    pub(super) live: u64,
    pub(super) blocks: u32,
    /// The files that they lie in, in that order; another change back is another file here.
    files: Box<[PackFile]>,
    bytes: Box<[u8]>,
}

#[derive(Debug, Clone)]
struct PackFile {
    number: u64,
    source: Arc<dyn BlockSource>,
    /// What of it is in the pack.
    used: FileUse,
}

/// What lies in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileUse {
    /// Number of blocks.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl FileUse {
    /// Adds a block of `len` bytes.
    pub(crate) fn add(&mut self, len: u32) {
        *self += FileUse { blocks: 1, bytes: len.into() };
    }
}

impl AddAssign for FileUse {
    fn add_assign(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.bytes += other.bytes;
    }
}

/// A pack in a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PackItem<'a> {
    /// Numbers of the files that the blocks lie in.
    pub files: Vec<u64>,
    /// How many blocks there are.
    pub blocks: u32,
    /// What is known of them.
    #[serde(borrow)]
    pub bytes: Text<'a>,
}

/// What a pack holds of a block.
#[derive(Debug, Clone, Copy)]
struct Packed<'p> {
    number: u64,
    first: StreamId,
    last: StreamId,
    slots: u32,
    len: u32,
    offset: u64,
    /// Place in the list of files.
    file: usize,
    /// Words of the bitmap, eight bytes each.
    deleted: &'p [u8],
}

/// Goes over what a pack holds.
struct Unpack<'p> {
    rest: &'p [u8],
    left: u32,
    number: u64,
    last: StreamId,
    /// Files that were begun.
    files: usize,
    /// End of the block before.
    end: u64,
}

impl<'p> Unpack<'p> {
    fn new(bytes: &'p [u8], blocks: u32) -> Self {
        Self { rest: bytes, left: blocks, number: 0, last: StreamId::MIN, files: 0, end: 0 }
    }

    /// `None` if the bytes are none that [`Packer`] writes.
    fn step(&mut self) -> Option<Packed<'p>> {
        let rest = &mut self.rest;
        let flags = take_varint(rest)?;
        self.number = self.number.checked_add(take_varint(rest)?)?;
        let first = take_id(rest, self.last)?;
        self.last = take_id(rest, first)?;
        let slots = u32::try_from(take_varint(rest)?).ok()?;
        let len = u32::try_from(take_varint(rest)?).ok()?;
        self.files += usize::from(flags & NEXT_FILE != 0);
        let offset = if flags & OFFSET == 0 { self.end } else { take_varint(rest)? };
        self.end = offset.checked_add(u64::from(len))?;
        let words = if flags & DELETED == 0 { 0 } else { take_varint(rest)? };
        let deleted = rest.split_off(..usize::try_from(words.checked_mul(8)?).ok()?)?;
        let (number, last, file) = (self.number, self.last, self.files.checked_sub(1)?);
        (flags <= NEXT_FILE | OFFSET | DELETED).then_some(Packed {
            number,
            first,
            last,
            slots,
            len,
            offset,
            file,
            deleted,
        })
    }
}

/// An item is an error where the bytes cannot be a pack; nothing follows it.
impl<'p> Iterator for Unpack<'p> {
    type Item = Result<Packed<'p>, &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let step = self.step().ok_or("a pack that cannot be decoded");
        if step.is_err() {
            self.left = 0;
        }
        Some(step)
    }
}

/// An ID at or above `base`.
fn take_id(rest: &mut &[u8], base: StreamId) -> Option<StreamId> {
    let ms = base.ms.checked_add(take_varint(rest)?)?;
    let seq = take_varint(rest)?;
    let seq = if ms == base.ms { base.seq.checked_add(seq)? } else { seq };
    Some(StreamId { ms, seq })
}

fn put_id(out: &mut Vec<u8>, base: StreamId, id: StreamId) {
    put_varint(out, id.ms - base.ms);
    put_varint(out, if id.ms == base.ms { id.seq - base.seq } else { id.seq });
}

impl Packed<'_> {
    fn location(&self, files: &[PackFile]) -> BlockLocation {
        BlockLocation { file: files[self.file].number, offset: self.offset, len: self.len }
    }

    fn words(&self) -> Vec<u64> {
        let (words, _) = self.deleted.as_chunks::<8>();
        words.iter().map(|word| u64::from_le_bytes(*word)).collect()
    }

    fn span(&self) -> Result<Span, &'static str> {
        if self.deleted.is_empty() && self.slots != 0 && self.first <= self.last {
            // Nearly all of them: no bitmap to count.
            let Self { first, last, slots, .. } = *self;
            return Ok(Span { first, last, slots, live: slots, ..Span::default() });
        }
        Span::load(self.first, self.last, self.slots, &self.words())
    }

    fn block(&self, files: &[PackFile]) -> Block {
        let span = self.span().expect("a pack was checked when it was loaded, or made of blocks");
        let (source, at) = (Arc::clone(&files[self.file].source), self.location(files));
        Block { number: self.number, span, body: Body::Stored(Stored { source, at }) }
    }
}

/// Writes a pack.
#[derive(Default)]
struct Packer {
    files: Vec<PackFile>,
    bytes: Vec<u8>,
    number: u64,
    last: StreamId,
    end: u64,
}

impl Packer {
    fn put(&mut self, block: &Block) {
        let Body::Stored(Stored { source, at }) = &block.body else {
            panic!("only blocks on disk are packed");
        };
        let is_same =
            |file: &&PackFile| file.number == at.file && Arc::ptr_eq(&file.source, source);
        let is_next_file = self.files.last().filter(is_same).is_none();
        if is_next_file {
            let (number, source) = (at.file, Arc::clone(source));
            self.files.push(PackFile { number, source, used: FileUse::default() });
        }
        self.files.last_mut().expect("pushed above").used.add(at.len);
        let deleted = block.span.deleted.words();
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        let has_offset = is_next_file || at.offset != self.end;
        let out = &mut self.bytes;
        let flags = flag(is_next_file, NEXT_FILE) | flag(has_offset, OFFSET);
        put_varint(out, flags | flag(!deleted.is_empty(), DELETED));
        put_varint(out, block.number - self.number);
        put_id(out, self.last, block.span.first);
        put_id(out, block.span.first, block.span.last);
        put_varint(out, u64::from(block.span.slots));
        put_varint(out, u64::from(at.len));
        if has_offset {
            put_varint(out, at.offset);
        }
        if !deleted.is_empty() {
            put_varint(out, deleted.len() as u64);
            out.extend(deleted.iter().flat_map(|word| word.to_le_bytes()));
        }
        self.number = block.number;
        self.last = block.span.last;
        self.end = at.offset + u64::from(at.len);
    }
}

impl Pack {
    /// Packs blocks that lie on disk; `None` if there are none.
    pub(super) fn of(blocks: &[Block]) -> Option<Self> {
        let (first, last) = (blocks.first()?, blocks.last()?);
        let mut packer = Packer::default();
        blocks.iter().for_each(|block| packer.put(block));
        Some(Self {
            first: first.span.first,
            last: last.span.last,
            number_last: last.number,
            live: blocks.iter().map(|block| u64::from(block.span.live)).sum(),
            blocks: u32::try_from(blocks.len()).expect("a pack is small"),
            files: packer.files.into(),
            bytes: packer.bytes.into(),
        })
    }

    fn unpack(&self) -> impl Iterator<Item = Packed<'_>> {
        let checked = "a pack was checked when it was loaded, or made of blocks";
        Unpack::new(&self.bytes, self.blocks).map(move |packed| packed.expect(checked))
    }

    /// The blocks.
    pub(super) fn blocks(&self) -> impl Iterator<Item = Block> {
        self.unpack().map(|packed| packed.block(&self.files))
    }

    /// The blocks from the first on that reaches up to `id`.
    pub(super) fn blocks_from(&self, id: StreamId) -> impl Iterator<Item = Block> {
        // Those before are decoded, but not made into blocks.
        let rest = self.unpack().skip_while(move |packed| packed.last < id);
        rest.map(|packed| packed.block(&self.files))
    }

    /// Whether it holds the same blocks, at the same places.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.bytes == other.bytes && self.files().eq(other.files())
    }

    /// The files that the blocks lie in, a file twice if others come in between.
    pub(crate) fn files(&self) -> impl Iterator<Item = (u64, FileUse)> {
        self.files.iter().map(|file| (file.number, file.used))
    }

    /// Number of the first block.
    pub(crate) fn number_first(&self) -> u64 {
        self.unpack().next().map_or(0, |packed| packed.number)
    }

    /// Number and place of each block.
    pub(crate) fn places(&self) -> impl Iterator<Item = (u64, BlockLocation)> {
        self.unpack().map(|packed| (packed.number, packed.location(&self.files)))
    }

    /// Bytes of memory, those of the structure itself included.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.files) + self.bytes.len()
    }

    /// The pack for a snapshot.
    pub(super) fn item(&self) -> PackItem<'_> {
        PackItem {
            files: self.files.iter().map(|file| file.number).collect(),
            blocks: self.blocks,
            bytes: Text::Borrowed(&self.bytes),
        }
    }

    /// The pack for a snapshot, if it was made for that.
    pub(super) fn into_item(self) -> PackItem<'static> {
        let Self { files, blocks, bytes, .. } = self;
        let files = files.iter().map(|file| file.number).collect();
        PackItem { files, blocks, bytes: Text::Owned(bytes.into()) }
    }

    /// A pack out of a snapshot. `source` gives what a block is read from.
    ///
    /// # Errors
    ///
    /// The outer one is `source`'s; the inner one says what is wrong with the pack.
    pub(super) fn load<E>(
        item: &PackItem<'_>,
        source: &mut dyn FnMut(BlockLocation) -> Result<Arc<dyn BlockSource>, E>,
    ) -> Result<Result<Self, &'static str>, E> {
        let found = match item.check() {
            Ok(found) => found,
            Err(reason) => return Ok(Err(reason)),
        };
        let mut files = Vec::with_capacity(item.files.len());
        for (number, (used, [lowest, highest])) in item.files.iter().zip(&found.files) {
            // Whoever gives a source for these two would give it for all between them.
            source(*lowest)?;
            files.push(PackFile { number: *number, source: source(*highest)?, used: *used });
        }
        Ok(Ok(Self {
            first: found.first,
            last: found.last,
            number_last: found.number_last,
            live: found.live,
            blocks: item.blocks,
            files: files.into(),
            bytes: (&*item.bytes).into(),
        }))
    }
}

/// What a pack out of a snapshot holds.
struct Checked {
    first: StreamId,
    last: StreamId,
    number_last: u64,
    live: u64,
    /// For each file what of it is used, the block that begins lowest, and the one that ends highest.
    files: Vec<(FileUse, [BlockLocation; 2])>,
}

impl PackItem<'_> {
    /// Its blocks, as they would stand one by one.
    ///
    /// # Errors
    ///
    /// What is wrong with the pack.
    pub fn blocks(&self) -> Result<Vec<BlockItem<'static>>, &'static str> {
        let mut blocks = Vec::new();
        for packed in Unpack::new(&self.bytes, self.blocks) {
            let packed = packed?;
            let Packed { number, first, last, slots, len, offset, .. } = packed;
            let file = *self.files.get(packed.file).ok_or("a pack of too many files")?;
            let location = Some(BlockLocation { file, offset, len });
            let deleted = Cow::Owned(packed.words());
            let bytes = Text::Borrowed(b"");
            blocks.push(BlockItem { number, first, last, slots, deleted, location, bytes });
        }
        Ok(blocks)
    }

    fn check(&self) -> Result<Checked, &'static str> {
        if !(1..=BLOCKS_MAX).contains(&self.blocks) {
            return Err("a pack of no blocks, or of too many");
        }
        let mut found = Checked {
            first: StreamId::MIN,
            last: StreamId::MIN,
            number_last: 0,
            live: 0,
            files: Vec::new(),
        };
        let mut unpack = Unpack::new(&self.bytes, self.blocks);
        for (index, packed) in (&mut unpack).enumerate() {
            let packed = packed?;
            let span = packed.span()?;
            if index == 0 {
                found.first = span.first;
            } else if span.first <= found.last || packed.number <= found.number_last {
                return Err("blocks out of order");
            }
            found.last = span.last;
            found.number_last = packed.number;
            found.live += u64::from(span.live);
            let file = *self.files.get(packed.file).ok_or("a pack of too many files")?;
            let place = BlockLocation { file, offset: packed.offset, len: packed.len };
            let end = |place: &BlockLocation| place.offset + u64::from(place.len);
            if found.files.len() <= packed.file {
                found.files.push((FileUse::default(), [place; 2]));
            }
            let (used, [lowest, highest]) = &mut found.files[packed.file];
            used.add(packed.len);
            *lowest = std::cmp::min_by_key(*lowest, place, |place| place.offset);
            *highest = std::cmp::max_by_key(*highest, place, end);
        }
        if !unpack.rest.is_empty() || found.files.len() != self.files.len() {
            return Err("a pack that is longer than its blocks");
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::stream::DamagedBlock;
    use crate::stream::bitmap::Bitmap;

    #[derive(Debug)]
    struct File;

    impl BlockSource for File {
        fn read(&self, _: u64, _: usize) -> Result<Bytes, String> {
            Err("never read".to_owned())
        }

        fn note_damage(&self, _: &DamagedBlock) {}
    }

    fn block(number: u64, first: StreamId, last: StreamId, at: BlockLocation) -> Block {
        let span = Span { first, last, slots: 3, live: 3, deleted: Bitmap::default() };
        Block { number, span, body: Body::Stored(Stored { source: Arc::new(File), at }) }
    }

    /// Blocks side by side and not, in two files and back, with and without deletions, near and far.
    fn blocks() -> Vec<Block> {
        let id = StreamId::new;
        let at = |file, offset, len| BlockLocation { file, offset, len };
        let max = u64::MAX;
        let mut blocks = vec![
            block(5, id(7, 3), id(7, 9), at(2, 64, 100)),
            block(6, id(7, 10), id(9, 0), at(2, 164, 4000)),
            block(9, id(9, 1), id(1 << 40, 5), at(2, 90_000, 300)),
            block(1 << 33, id(max, 0), id(max, 4), at(3, 64, u32::MAX)),
            block(max, id(max, max), id(max, max), at(2, 1 << 40, 1)),
        ];
        blocks[1].span.delete(2);
        blocks[3].span.delete_below(2);
        let (one, two): (Arc<dyn BlockSource>, Arc<dyn BlockSource>) =
            (Arc::new(File), Arc::new(File));
        for (block, source) in blocks.iter_mut().zip([&one, &one, &one, &two, &one]) {
            let Body::Stored(stored) = &mut block.body else { unreachable!("made above") };
            stored.source = Arc::clone(source);
        }
        blocks
    }

    fn same(pack: &Pack, blocks: &[Block]) {
        let found: Vec<Block> = pack.blocks().collect();
        assert_eq!(found.len(), blocks.len());
        for (found, block) in found.iter().zip(blocks) {
            assert_eq!((found.number, &found.span), (block.number, &block.span));
            assert_eq!(found.body.location(), block.body.location());
        }
        let (first, last) = (&blocks[0], &blocks[blocks.len() - 1]);
        assert_eq!((pack.first, pack.number_first()), (first.span.first, first.number));
        assert_eq!((pack.last, pack.number_last), (last.span.last, last.number));
        assert_eq!(pack.live, blocks.iter().map(|block| u64::from(block.span.live)).sum::<u64>());
    }

    fn load(item: &PackItem<'_>) -> Result<Pack, &'static str> {
        let Ok(loaded) = Pack::load(item, &mut |_| Ok::<_, ()>(Arc::new(File) as _)) else {
            panic!("there is a source for every place");
        };
        loaded
    }

    #[test]
    fn blocks_come_back_as_they_were() {
        let blocks = blocks();
        assert!(Pack::of(&[]).is_none());
        for end in 1..=blocks.len() {
            for start in 0..end {
                let pack = Pack::of(&blocks[start..end]).unwrap();
                same(&pack, &blocks[start..end]);
                same(&load(&pack.item()).unwrap(), &blocks[start..end]);
                let items = pack.item().blocks().unwrap();
                let places: Vec<_> = items.iter().map(|item| item.location).collect();
                let expected: Vec<_> = pack.places().map(|(_, place)| Some(place)).collect();
                assert_eq!(places, expected);
            }
        }
        assert_eq!(Pack::of(&blocks).unwrap().files.len(), 3, "two files, and back to the first");
    }

    #[test]
    fn a_search_begins_at_the_block_that_reaches_up_to_the_id() {
        let pack = Pack::of(&blocks()).unwrap();
        let from = |id| pack.blocks_from(id).map(|block| block.number).collect::<Vec<_>>();
        let all: Vec<_> = blocks().iter().map(|block| block.number).collect();
        assert_eq!(from(StreamId::MIN), all);
        assert_eq!(from(StreamId::new(7, 9)), all);
        assert_eq!(from(StreamId::new(7, 10)), all[1..]);
        assert_eq!(from(StreamId::MAX), all[4..]);
    }

    /// A block takes a dozen bytes, as this file claims.
    #[test]
    fn a_full_pack_is_small() {
        let source: Arc<dyn BlockSource> = Arc::new(File);
        let blocks: Vec<Block> = (0..64u64)
            .map(|number| {
                let (first, last) =
                    (1_700_000_000_000 + number * 40, 1_700_000_000_035 + number * 40);
                let at = BlockLocation { file: 1, offset: 64 + number * 4000, len: 4000 };
                let (first, last) = (StreamId::new(first, 0), StreamId::new(last, 2));
                let mut block = block(number, first, last, at);
                block.body = Body::Stored(Stored { source: Arc::clone(&source), at });
                block
            })
            .collect();
        let pack = Pack::of(&blocks).unwrap();
        assert!(pack.memory_bytes() < 64 * 16, "{}", pack.memory_bytes());
    }

    #[test]
    fn other_bytes_are_refused_or_make_another_pack() {
        let pack = Pack::of(&blocks()).unwrap();
        let item = pack.item();
        let mut refused = 0;
        for bit in 0..item.bytes.len() * 8 {
            let mut bytes = item.bytes.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            match load(&PackItem { bytes: Text::Borrowed(&bytes), ..item.clone() }) {
                // What is known of it as a whole is what its blocks say.
                Ok(other) => same(&other, &other.blocks().collect::<Vec<_>>()),
                Err(_) => refused += 1,
            }
        }
        assert!(refused != 0);
        for len in 0..item.bytes.len() {
            let bytes = Text::Borrowed(&item.bytes[..len]);
            assert!(load(&PackItem { bytes, ..item.clone() }).is_err(), "{len} bytes");
        }
        for blocks in (0..9).filter(|blocks| *blocks != item.blocks) {
            assert!(load(&PackItem { blocks, ..item.clone() }).is_err(), "{blocks} blocks");
        }
        for files in [vec![], vec![2, 3], vec![2, 3, 2, 3]] {
            assert!(load(&PackItem { files: files.clone(), ..item.clone() }).is_err(), "{files:?}");
        }
    }
}
