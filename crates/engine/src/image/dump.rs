//! DUMP and RESTORE: one value as bytes that a client keeps, and back.
//!
//! ```text
//! "HWDUMP" | version: u16 | parts, one behind the other | CRC-32 of all before
//! ```
//!
//! The parts are those of a snapshot, the key's name left empty, but for the entries of a stream: they
//! stand there one by one, as blocks lie on disk and belong to their engine. The bytes may come from
//! anybody, whole or forged: the checksum keeps accidents out, the loader everything else.

use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use super::load::ImageLoader;
use super::{Item, LoadError, key_items};
use crate::command::Order;
use crate::engine::Settings;
use crate::error::CommandError;
use crate::fields::Fields;
use crate::id::StreamId;
use crate::keyspace::{Entry, Value};
use crate::op::Text;
use crate::stream::{Sealer, Stream, StreamItem};

const MAGIC: &[u8] = b"HWDUMP";
const VERSION: u16 = 1;
const CHECKSUM_BYTES: usize = 4;

/// Longest payload: what a client may send in one argument.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 512 << 20;

/// One part of a payload.
///
/// The variants are numbered by their order: **append new ones at the end, change none**.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Part<'a> {
    /// A part as in a snapshot.
    Item(#[serde(borrow)] Item<'a>),
    /// An entry of the stream, above those before.
    Entry {
        id: StreamId,
        #[serde(borrow)]
        fields: Fields<'a>,
    },
}

/// Why bytes are no payload, or no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoDump {
    /// Redis's own payload, one of another version, or damaged.
    Foreign,
    /// The checksum is right, and what it covers is no value.
    Malformed,
}

impl From<NoDump> for CommandError {
    fn from(reason: NoDump) -> Self {
        CommandError::Fixed(match reason {
            NoDump::Foreign => "ERR DUMP payload version or checksum are wrong",
            NoDump::Malformed => "ERR Bad data format",
        })
    }
}

/// Gathers the bytes of a payload.
struct Writer {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl Writer {
    fn push(&mut self, part: &Part<'_>) -> Result<(), TooLong> {
        let config = bincode::config::standard();
        bincode::serde::encode_into_std_write(part, &mut self.bytes, config)
            .expect("memory takes what it has room for, and every part can be written");
        if self.bytes_max < self.bytes.len() + CHECKSUM_BYTES { Err(TooLong) } else { Ok(()) }
    }
}

/// The payload would be longer than allowed.
struct TooLong;

/// The payload of a value; `None` if it would be longer than `bytes_max`.
pub(crate) fn dump(
    key: &[u8],
    entry: &Entry,
    bytes_max: usize,
) -> Result<Option<Vec<u8>>, CommandError> {
    let bytes_max = bytes_max.min(PAYLOAD_BYTES_MAX);
    let mut writer = Writer { bytes: MAGIC.to_vec(), bytes_max };
    writer.bytes.extend_from_slice(&VERSION.to_le_bytes());
    let written = match &entry.value {
        Value::Stream(stream) => dump_stream(key, stream, &mut writer)?,
        _ => key_items(b"", entry)
            .map(without_expiry)
            .try_for_each(|item| writer.push(&Part::Item(item))),
    };
    if written.is_err() {
        return Ok(None);
    }
    let checksum = crc32fast::hash(&writer.bytes);
    writer.bytes.extend_from_slice(&checksum.to_le_bytes());
    Ok(Some(writer.bytes))
}

/// RESTORE is told when the key shall expire; a payload does not say.
fn without_expiry(mut item: Item<'_>) -> Item<'_> {
    if let Some(expire_at) = item.expire_at_mut() {
        *expire_at = None;
    }
    item
}

fn dump_stream(
    key: &[u8],
    stream: &Stream,
    writer: &mut Writer,
) -> Result<Result<(), TooLong>, CommandError> {
    let head = Item::Stream { key: Text::Borrowed(b""), expire_at: None };
    let parts = stream
        .items()
        .take_while(|part| matches!(part, StreamItem::Numbers { .. } | StreamItem::Idmp { .. }));
    let front = std::iter::once(head).chain(parts.map(|part| Item::StreamPart { part }));
    let mut written = front.map(Part::Item).try_for_each(|part| writer.push(&part));
    let range = stream.range(key, StreamId::MIN, StreamId::MAX, Order::Ascending, None);
    range.visit_while(|id, pairs| {
        let strings = pairs.into_iter().flatten().flat_map(|(name, value)| [name, value]);
        let fields = Fields::Collected(strings.collect());
        written = std::mem::replace(&mut written, Ok(()))
            .and_then(|()| writer.push(&Part::Entry { id, fields }));
        match written {
            Ok(()) => std::ops::ControlFlow::Continue(()),
            Err(TooLong) => std::ops::ControlFlow::Break(()),
        }
    })?;
    let mut groups = stream.groups.iter().flat_map(|(name, group)| group.items(name));
    Ok(written.and_then(|()| {
        groups.try_for_each(|part| writer.push(&Part::Item(Item::GroupPart { part })))
    }))
}

/// The value of a payload. A stream's entries fill blocks as `settings` say.
pub(crate) fn load(
    payload: &[u8],
    hash_seed: u64,
    settings: Settings,
    sealer: &mut Sealer,
) -> Result<Value, NoDump> {
    let mut rest = body(payload).ok_or(NoDump::Foreign)?;
    let mut loader = OneValue::new(hash_seed);
    while !rest.is_empty() {
        let config = bincode::config::standard();
        let (part, len): (Part<'_>, usize) = bincode::serde::borrow_decode_from_slice(rest, config)
            .map_err(|_| NoDump::Malformed)?;
        rest = &rest[len..];
        loader.push(&part, settings, sealer).map_err(|_| NoDump::Malformed)?;
    }
    loader.finish().map_err(|_| NoDump::Malformed)
}

/// What the frame holds, if it is whole and ours.
fn body(payload: &[u8]) -> Option<&[u8]> {
    let (covered, checksum) = payload.split_last_chunk::<CHECKSUM_BYTES>()?;
    let (version, body) = covered.strip_prefix(MAGIC)?.split_first_chunk()?;
    let is_ours = u16::from_le_bytes(*version) == VERSION
        && u32::from_le_bytes(*checksum) == crc32fast::hash(covered);
    is_ours.then_some(body)
}

/// Loads parts into an engine of its own, which then gives up its only value.
struct OneValue {
    loader: ImageLoader,
    /// The head of the value was there.
    has_head: bool,
    /// Numbers of the stream, set once its entries are there.
    numbers: Option<(StreamId, u64, StreamId)>,
}

impl OneValue {
    fn new(hash_seed: u64) -> Self {
        let loader = ImageLoader::new(hash_seed, 0);
        let mut new = Self { loader, has_head: false, numbers: None };
        let engine = Item::Engine { block_entries_max: 0, block_bytes_max: 0, block_next: 1 };
        for item in [engine, Item::Db { db: 0 }] {
            new.push_item(&item).expect("an image begins like that");
        }
        new
    }

    fn push(
        &mut self,
        part: &Part<'_>,
        settings: Settings,
        sealer: &mut Sealer,
    ) -> Result<(), &'static str> {
        match part {
            Part::Entry { id, fields } => self.loader.append_entry(*id, fields, settings, sealer),
            Part::Item(item @ Item::StreamPart { part }) => match *part {
                StreamItem::Numbers { last_id, entries_added, max_deleted_id, .. } => {
                    self.numbers = Some((last_id, entries_added, max_deleted_id));
                    let part = StreamItem::Numbers {
                        first_id: StreamId::MIN,
                        last_id: StreamId::MIN,
                        max_deleted_id: StreamId::MIN,
                        entries_added: 0,
                    };
                    self.push_item(&Item::StreamPart { part })
                }
                StreamItem::Idmp { .. } => self.push_item(item),
                StreamItem::Blocks { .. } | StreamItem::Pack { .. } | StreamItem::Tail { .. } => {
                    Err("blocks belong to their engine")
                }
            },
            Part::Item(item) => {
                let mut head = item.clone();
                match head.expire_at_mut() {
                    Some(expire_at) if expire_at.is_some() || self.has_head => {
                        return Err("a second key, or an expiry");
                    }
                    Some(_) => self.has_head = true,
                    None if is_about_keys(item) => {}
                    None => return Err("an item that is no part of a value"),
                }
                self.push_item(item)
            }
        }
    }

    fn push_item(&mut self, item: &Item<'_>) -> Result<(), &'static str> {
        self.loader.push::<Infallible>(item, &mut |_| unreachable!("no part lies on disk")).map_err(
            |error| match error {
                LoadError::Image(super::ImageError::Sequence(reason)) => reason,
                LoadError::Block(never) => match never {},
            },
        )
    }

    fn finish(mut self) -> Result<Value, &'static str> {
        if let Some((last_id, entries_added, max_deleted_id)) = self.numbers {
            self.loader.set_numbers(last_id, entries_added, max_deleted_id)?;
        }
        self.loader.take_value()
    }
}

/// Whether an item that begins no key may be a part of one.
fn is_about_keys(item: &Item<'_>) -> bool {
    !matches!(item, Item::Engine { .. } | Item::EngineIdmp { .. } | Item::Db { .. } | Item::End)
}
