//! A stream's way through a snapshot: a sequence of items, and back.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::bitmap::Bitmap;
use super::block::{Block, Span};
use super::pack::{Pack, PackItem};
use super::slots::{Names, Pairs};
use super::tail::{Tail, payload_bytes};
use super::write::ENTRY_BYTES_MAX;
use super::{BlockHeader, BlockLocation, BlockSource, Body, IdmpItem, Sealer, Stored, Stream};
use crate::engine::Settings;
use crate::fields::Fields;
use crate::id::StreamId;
use crate::op::Text;

/// Most blocks of one item; fewer where their bytes come with them.
const BLOCKS_PER_ITEM_MAX: usize = 1024;
/// Counters of a payload end where Redis's signed numbers do, far from where they could overflow.
const NUMBER_MAX: u64 = i64::MAX.cast_unsigned();
/// Bytes of blocks after which an item ends.
const ITEM_BYTES: usize = 256 << 10;

/// One part of a stream in a snapshot: first the numbers, then what is remembered of producers,
/// then blocks in order, then the tail if there is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum StreamItem<'a> {
    /// What belongs to the stream as a whole.
    Numbers {
        /// The oldest live entry, `0-0` if there is none.
        first_id: StreamId,
        /// The highest ID ever given.
        last_id: StreamId,
        /// The highest ID ever deleted.
        max_deleted_id: StreamId,
        /// Entries ever appended.
        entries_added: u64,
    },
    /// Sealed blocks, above those before. Packs come before them.
    Blocks {
        /// In order.
        #[serde(borrow)]
        blocks: Vec<BlockItem<'a>>,
    },
    /// The open block.
    Tail {
        /// ID of the first slot.
        first: StreamId,
        /// ID of the last slot.
        last: StreamId,
        /// Number of slots.
        slots: u32,
        /// Which of them are deleted: one bit each, the lowest first.
        deleted: Cow<'a, [u64]>,
        /// The slots.
        #[serde(borrow)]
        bytes: Text<'a>,
    },
    /// What is remembered of producers: behind the numbers, where there is any.
    Idmp {
        /// A part of it.
        #[serde(borrow)]
        part: IdmpItem<'a>,
    },
    /// Sealed blocks on disk, above those before.
    Pack {
        /// The blocks.
        #[serde(borrow)]
        pack: PackItem<'a>,
    },
}

/// A sealed block in a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlockItem<'a> {
    /// Its number.
    pub number: u64,
    /// ID of the first slot.
    pub first: StreamId,
    /// ID of the last slot.
    pub last: StreamId,
    /// Number of slots.
    pub slots: u32,
    /// Which of them are deleted: one bit each, the lowest first.
    pub deleted: Cow<'a, [u64]>,
    /// Where it lies on disk, if it does.
    pub location: Option<BlockLocation>,
    /// The whole block, if it lies nowhere else; empty otherwise.
    #[serde(borrow)]
    pub bytes: Text<'a>,
}

impl<'a> StreamItem<'a> {
    /// The blocks that the part tells of, one by one, packed or not; none if it is of another kind.
    ///
    /// # Errors
    ///
    /// If a pack cannot be decoded.
    pub fn blocks(&self) -> Result<Cow<'_, [BlockItem<'a>]>, &'static str> {
        match self {
            StreamItem::Blocks { blocks } => Ok(Cow::Borrowed(blocks)),
            StreamItem::Pack { pack } => pack.blocks().map(Cow::Owned),
            StreamItem::Numbers { .. } | StreamItem::Tail { .. } | StreamItem::Idmp { .. } => {
                Ok(Cow::default())
            }
        }
    }
}

impl Stream {
    /// The stream as items, without its groups.
    pub(crate) fn items(&self) -> impl Iterator<Item = StreamItem<'_>> {
        let numbers = StreamItem::Numbers {
            first_id: self.first_id,
            last_id: self.last_id,
            max_deleted_id: self.max_deleted_id,
            entries_added: self.entries_added,
        };
        let tail = Some(&self.tail).filter(|tail| !tail.is_empty()).map(|tail| StreamItem::Tail {
            first: tail.span.first,
            last: tail.span.last,
            slots: tail.span.slots,
            deleted: tail.span.deleted.words().into(),
            bytes: Text::Borrowed(&tail.bytes),
        });
        let idmp = self.idmp.iter().flat_map(|idmp| idmp.items());
        let idmp = idmp.map(|part| StreamItem::Idmp { part });
        let packs = self.blocks.pack_items().map(|pack| StreamItem::Pack { pack });
        std::iter::once(numbers).chain(idmp).chain(packs).chain(self.block_items()).chain(tail)
    }

    fn block_items(&self) -> impl Iterator<Item = StreamItem<'_>> {
        let mut rest = self.blocks.loose().peekable();
        std::iter::from_fn(move || {
            rest.peek()?;
            let mut blocks = Vec::new();
            let mut bytes = 0;
            while let Some(block) = rest.next_if(|_| bytes < ITEM_BYTES) {
                let item = block.item();
                bytes += item.bytes.len();
                blocks.push(item);
                if blocks.len() == BLOCKS_PER_ITEM_MAX {
                    break;
                }
            }
            Some(StreamItem::Blocks { blocks })
        })
    }

    /// Takes in the next item of an empty stream. `source` gives what a block on disk will be read
    /// from. It is not looked at here: a damaged block is found when it is read.
    ///
    /// # Errors
    ///
    /// The outer one is `source`'s; the inner one says why the item cannot belong to this stream.
    pub(crate) fn load<E>(
        &mut self,
        item: &StreamItem<'_>,
        source: &mut dyn FnMut(BlockLocation) -> Result<Arc<dyn BlockSource>, E>,
    ) -> Result<Result<(), &'static str>, E> {
        match item {
            StreamItem::Numbers { first_id, last_id, max_deleted_id, entries_added } => {
                self.first_id = *first_id;
                self.apply_set_id(*last_id, *entries_added, *max_deleted_id);
            }
            StreamItem::Idmp { part } => {
                return Ok(self.idmp.get_or_insert_default().load(part));
            }
            StreamItem::Blocks { blocks } => {
                for item in blocks {
                    let body = match item.location {
                        Some(at) => Body::Stored(Stored { source: source(at)?, at }),
                        None => Body::Memory(Bytes::copy_from_slice(&item.bytes)),
                    };
                    if let Err(reason) = self.load_block(item, body) {
                        return Ok(Err(reason));
                    }
                }
            }
            StreamItem::Pack { pack } => {
                return Ok(Pack::load(pack, source)?.and_then(|pack| self.load_pack(pack)));
            }
            StreamItem::Tail { first, last, slots, deleted, bytes } => {
                let tail = Span::load(*first, *last, *slots, deleted)
                    .and_then(|span| Tail { span, bytes: bytes.to_vec() }.checked());
                match tail {
                    Ok(tail) => self.load_tail(tail),
                    Err(reason) => return Ok(Err(reason)),
                }
            }
        }
        Ok(Ok(()))
    }

    /// Takes in an entry that a payload of RESTORE holds. The stream's last ID is that of the one before.
    pub(crate) fn load_entry(
        &mut self,
        id: StreamId,
        fields: &Fields<'_>,
        settings: Settings,
        sealer: &mut Sealer,
    ) -> Result<(), &'static str> {
        if id <= self.last_id {
            return Err("entries out of order");
        }
        if fields.pair_count() == 0 || ENTRY_BYTES_MAX < payload_bytes(fields) {
            return Err("an entry without fields, or too large");
        }
        self.apply_append(id, fields, settings, sealer);
        Ok(())
    }

    /// Takes in the numbers of a stream whose entries are there.
    pub(crate) fn load_numbers(
        &mut self,
        last_id: StreamId,
        entries_added: u64,
        max_deleted_id: StreamId,
    ) -> Result<(), &'static str> {
        let is_sane = self.last_id <= last_id
            && max_deleted_id <= last_id
            && (self.length..=NUMBER_MAX).contains(&entries_added);
        if !is_sane {
            return Err("numbers that do not fit the entries");
        }
        self.apply_set_id(last_id, entries_added, max_deleted_id);
        Ok(())
    }

    fn load_block(&mut self, item: &BlockItem<'_>, body: Body) -> Result<(), &'static str> {
        let span = Span::load(item.first, item.last, item.slots, &item.deleted)?;
        let header = BlockHeader {
            number: item.number,
            first: span.first,
            last: span.last,
            slots: span.slots,
        };
        if let Body::Memory(bytes) = &body
            && BlockHeader::read(bytes) != Ok(header)
        {
            return Err("a block that is not what the item says");
        }
        if !self.is_above_blocks(span.first, item.number) {
            return Err("blocks out of order");
        }
        self.length += u64::from(span.live);
        self.blocks.push(Block { number: item.number, span, body });
        Ok(())
    }

    fn load_pack(&mut self, pack: Pack) -> Result<(), &'static str> {
        if !self.is_above_blocks(pack.first, pack.number_first()) {
            return Err("blocks out of order");
        }
        self.length += pack.live;
        self.blocks.push_pack(pack)
    }

    /// Whether the next block to be sealed has a number above those that are there.
    ///
    /// # Errors
    ///
    /// If not.
    pub(crate) fn blocks_are_below(&self, block_next: u64) -> Result<(), &'static str> {
        match self.blocks.last() {
            Some((_, number)) if block_next <= number => Err("a block of a number to come"),
            _ => Ok(()),
        }
    }

    fn is_above_blocks(&self, first: StreamId, number: u64) -> bool {
        self.blocks.last().is_none_or(|(last, last_number)| last < first && last_number < number)
    }

    fn load_tail(&mut self, tail: Tail) {
        self.length += u64::from(tail.span.live);
        self.tail = tail;
    }

    /// Whether the parts taken in make a stream.
    ///
    /// # Errors
    ///
    /// Why not.
    pub(crate) fn finish_load(&self) -> Result<(), &'static str> {
        let ends = self.nodes_up_to(StreamId::MAX).next().map(|node| node.span().last);
        let tail_first = self.tail.span.first;
        let below_tail = self.blocks.last().map(|(last, _)| last);
        if !self.tail.is_empty() && below_tail.is_some_and(|last| tail_first <= last) {
            return Err("a tail that is not above the blocks");
        }
        if (self.first_id == StreamId::MIN) != (self.length == 0) {
            return Err("a first entry that does not fit the length");
        }
        if ends.is_some_and(|last| last < self.first_id) {
            return Err("a first entry above the last");
        }
        Ok(())
    }
}

impl Block {
    fn item(&self) -> BlockItem<'_> {
        let bytes = match &self.body {
            Body::Memory(bytes) => &bytes[..],
            Body::Stored(_) => &[],
        };
        BlockItem {
            number: self.number,
            first: self.span.first,
            last: self.span.last,
            slots: self.span.slots,
            deleted: self.span.deleted.words().into(),
            location: self.body.location(),
            bytes: Text::Borrowed(bytes),
        }
    }
}

impl Span {
    pub(super) fn load(
        first: StreamId,
        last: StreamId,
        slots: u32,
        deleted: &[u64],
    ) -> Result<Self, &'static str> {
        let deleted = Bitmap::from_words(deleted);
        if !deleted.fits(slots) || deleted.count() == slots || last < first {
            return Err("a block without live entries");
        }
        let live = slots - deleted.count();
        Ok(Self { first, last, slots, live, deleted })
    }
}

impl Tail {
    /// The tail, if its bytes are slots. It will be appended to, so it is looked at now.
    fn checked(self) -> Result<Self, &'static str> {
        const BAD: &str = "a tail whose slots are damaged";
        let names = Names::of_slots(&self.bytes).map_err(|_| BAD)?;
        let mut slots = self.slots();
        let mut last = StreamId::MIN;
        for slot in &mut slots {
            let slot = slot.map_err(|_| BAD)?;
            Pairs::parse(slot.body, names).map_err(|_| BAD)?;
            last = slot.id;
        }
        let is_whole = last == self.span.last && slots.place().offset == self.bytes.len();
        if is_whole { Ok(self) } else { Err(BAD) }
    }
}
