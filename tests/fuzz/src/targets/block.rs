//! A block of any bytes is read, or refused as damaged; never a panic, and what a command decides
//! about its entries can be applied. One whose checksum is wrong is refused.
//!
//! Input: what a snapshot says of the block, whether the checksum is made right, then the slots.

use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::planted::is_planted;
use crate::{Script, play};
use bytes::Bytes;
use engine::{
    BlockHeader, BlockItem, BlockLocation, BlockSource, Command, Context, DamagedBlock, Engine,
    IdRange, ImageLoader, Item, Order, Reply, StreamId, StreamItem, Text,
};
use protocol::Request;

const KEY: &[u8] = b"s";
/// Where the block lies in its file.
const OFFSET: usize = 64;
const CONTEXT: Context = Context { db: 0, now: 1_700_000_000_000 };

/// Runs one input.
pub fn run(data: &[u8]) {
    let mut script = Script::new(data);
    let first = StreamId::new(u64::from(script.byte()), u64::from(script.byte()));
    let last = StreamId::new(u64::from(script.byte()), u64::from(script.byte()));
    let slots = u32::from(script.byte());
    let deleted = [u64::from(script.u16())];
    let first_id = StreamId::new(u64::from(script.byte()), u64::from(script.byte()));
    let is_fitting = !script.byte().is_multiple_of(8);
    let asked: Vec<StreamId> = (0..script.byte() % 4)
        .map(|_| StreamId::new(u64::from(script.byte()), u64::from(script.byte())))
        .collect();
    let bytes = block(first, last, slots, is_fitting, script.rest());
    let _ = BlockHeader::read(&bytes);

    let item = BlockItem {
        number: 1,
        first,
        last,
        slots,
        deleted: deleted[..].into(),
        location: Some(BlockLocation {
            file: 1,
            offset: OFFSET as u64,
            len: u32::try_from(bytes.len()).expect("short"),
        }),
        bytes: Text::Borrowed(b""),
    };
    let is_right = bytes[4..8] == crc32fast::hash(&bytes[8..]).to_le_bytes();
    let Some(mut engine) = load(item, first_id, &bytes) else { return };
    play::read_all(&engine, KEY);
    // A right checksum over slots that contradict the rest can only be a bug of ours: it must be
    // readable or refused, and no more.
    if !is_coherent(&engine, first_id, first..=last) {
        return;
    }
    assert!(is_right, "served with a wrong checksum");
    for id in &asked {
        change(&mut engine, &format!("XDEL s {id}"));
        change(&mut engine, &format!("XTRIM s MINID = {id}"));
    }
    change(&mut engine, "XADD s * f v");
    play::read_all(&engine, KEY);
}

/// The bytes of a block: header and slots, with the checksum made right unless that is not wanted.
fn block(first: StreamId, last: StreamId, slots: u32, is_fitting: bool, body: &[u8]) -> Vec<u8> {
    let mut bytes = b"HWB\x01\0\0\0\0".to_vec();
    for word in [1, first.ms, first.seq, last.ms, last.seq] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(slots.to_le_bytes());
    bytes.extend(u32::try_from(body.len()).expect("short").to_le_bytes());
    bytes.extend_from_slice(body);
    if is_fitting {
        let crc = crc32fast::hash(&bytes[8..]);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    }
    bytes
}

/// A stream of that block, if a snapshot could have it.
fn load(item: BlockItem<'_>, first_id: StreamId, bytes: &[u8]) -> Option<Engine> {
    let last_id = StreamId::new(1000, 0);
    let part = |part| Item::StreamPart { part };
    let numbers =
        StreamItem::Numbers { first_id, last_id, max_deleted_id: StreamId::MIN, entries_added: 9 };
    let items = [
        Item::Engine { block_entries_max: 100, block_bytes_max: 4096, block_next: 2 },
        Item::Db { db: 0 },
        Item::Stream { key: Text::Borrowed(KEY), expire_at: None },
        part(numbers),
        part(StreamItem::Blocks { blocks: vec![item] }),
        Item::End,
    ];
    let file: Arc<dyn BlockSource> = Arc::new(Held(Bytes::copy_from_slice(bytes)));
    let mut loader = ImageLoader::new(1, 1);
    for item in &items {
        let block = &mut |_| Ok::<_, Infallible>(Arc::clone(&file));
        loader.push(item, block).ok()?;
    }
    loader.finish().ok()
}

/// Whether the entries are as many as the bitmap says, in order, inside the block, and begin with the
/// first one.
fn is_coherent(engine: &Engine, first_id: StreamId, span: RangeInclusive<StreamId>) -> bool {
    let range = IdRange { start: StreamId::MIN, end: StreamId::MAX };
    let all = Command::XRange { key: KEY, range, count: None, order: Order::Ascending };
    let reply = |command| engine.decide(command, CONTEXT).map(|decision| decision.reply);
    let (Ok(Reply::Entries(entries)), Ok(Reply::Integer(len))) =
        (reply(&all), reply(&Command::XLen { key: KEY }))
    else {
        return false;
    };
    let mut ids = Vec::new();
    let visited = entries.visit(|id, _| ids.push(id));
    let is_rising = ids.is_sorted_by(|one, next| one < next);
    let is_inside = ids.iter().all(|id| span.contains(id));
    visited.is_ok()
        && is_rising
        && is_inside
        && ids.len() as i64 == len
        && ids.first() == Some(&first_id)
}

/// A block file that is in memory.
#[derive(Debug)]
struct Held(Bytes);

impl BlockSource for Held {
    fn read(&self, offset: u64, len: usize) -> Result<Bytes, String> {
        let start = usize::try_from(offset).map_err(|error| error.to_string())? - OFFSET;
        let end = start.checked_add(len).filter(|end| *end <= self.0.len());
        let bytes = end.map(|end| self.0.slice(start..end)).ok_or("behind the end")?;
        // Planted: nobody looks at the checksum.
        Ok(if is_planted() { fitting(&bytes) } else { bytes })
    }

    fn note_damage(&self, damaged: &DamagedBlock) {
        assert_eq!(&*damaged.key, KEY);
    }
}

/// The block with the checksum that it should have.
fn fitting(bytes: &[u8]) -> Bytes {
    let mut bytes = bytes.to_vec();
    if 8 < bytes.len() {
        let crc = crc32fast::hash(&bytes[8..]);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    }
    bytes.into()
}

/// Decides and applies a line of words; a damaged block is a refusal.
fn change(engine: &mut Engine, line: &str) {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let parsed = protocol::resolve(&words).and_then(|spec| protocol::parse(spec, &words, 1));
    let Ok(Request::Engine(command)) = parsed else { panic!("{line} is a command") };
    if let Ok(decision) = engine.decide(&command, CONTEXT) {
        for op in &decision.ops {
            engine.apply(op, 2);
        }
    }
}
