//! The acceptance vectors of the specification that belong to entries, and cases that were compared
//! with Redis 7.0 by hand.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use engine::*;

use crate::Pair;

const AUTO: NewId = NewId::Auto;

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId::new(ms, seq)
}

/// What a decision wants to read again.
fn read_of(wait: Option<Box<Blocked>>) -> BlockedRead {
    match wait.map(|blocked| *blocked) {
        Some(Blocked::Read(read)) => read,
        other => panic!("waits for {other:?}"),
    }
}

fn exact(keep: TrimKeep) -> Trim {
    Trim { keep, precision: TrimPrecision::Exact, references: References::Keep }
}

fn about(keep: TrimKeep, limit: Option<u64>) -> Trim {
    let precision = TrimPrecision::Approximate { limit };
    Trim { keep, precision, references: References::Keep }
}

use TrimKeep::{MaxLen, MinId};

/// A stream `s` with IDs 1-0, 2-0 and so on.
fn stream(block_entries_max: u64, entries: u64) -> Pair {
    let mut pair = Pair::new(block_entries_max);
    for ms in 1..=entries {
        assert_eq!(pair.add(b"s", NewId::Explicit(id(ms, 0)), None), format!("{ms}-0"));
    }
    pair
}

#[test]
fn xadd_maxlen_about_keeps_whole_blocks() {
    let mut pair = Pair::new(100);
    for _ in 0..1000 {
        pair.add(b"s", AUTO, Some(about(MaxLen(555), None)));
    }
    assert_eq!(pair.len(b"s"), "600");
    pair.check_twins();
}

#[test]
fn a_half_trimmed_block_goes_with_its_live_entries_only() {
    let mut pair = stream(100, 1000);
    for (trim, removed, left) in [
        (exact(MaxLen(666)), "334", "666"),
        (exact(MaxLen(555)), "111", "555"),
        (about(MaxLen(444), None), "55", "500"),
        (about(MaxLen(400), None), "100", "400"),
    ] {
        assert_eq!((&*pair.trim(b"s", trim), &*pair.len(b"s")), (removed, left), "{trim:?}");
    }
    pair.check_twins();
}

#[test]
fn limit_bounds_what_goes() {
    let mut pair = stream(10, 100);
    pair.add(b"s", AUTO, Some(about(MaxLen(55), Some(30))));
    assert_eq!(pair.len(b"s"), "71");
    pair.add(b"s", AUTO, Some(about(MaxLen(55), Some(30))));
    assert_eq!(pair.len(b"s"), "62");

    let mut pair = stream(10, 100);
    pair.add(b"s", AUTO, Some(about(MinId(id(55, 0)), Some(30))));
    assert_eq!(pair.len(b"s"), "71");

    let mut pair = stream(10, 100);
    pair.trim(b"s", about(MaxLen(85), None));
    assert_eq!(pair.len(b"s"), "90");

    let mut pair = stream(1, 102);
    pair.trim(b"s", about(MaxLen(1), None));
    assert_eq!(pair.len(b"s"), "2", "without LIMIT it is a hundred blocks");

    let mut pair = stream(1, 102);
    pair.trim(b"s", exact(MaxLen(1)));
    assert_eq!(pair.len(b"s"), "1", "exact trimming has no limit");

    let mut pair = stream(2, 3);
    assert_eq!(pair.trim(b"s", about(MaxLen(0), Some(1))), "0");
    assert_eq!(pair.trim(b"s", about(MaxLen(0), Some(2))), "2");
    pair.check_twins();
}

#[test]
fn a_smaller_block_size_changes_no_length() {
    let mut pair = stream(10, 100);
    pair.trim(b"s", about(MaxLen(85), None));
    pair.apply(&[Op::Configure { block_entries_max: 1, block_bytes_max: 4096 }]);
    pair.add(b"s", AUTO, None);
    assert_eq!(pair.len(b"s"), "91");
    pair.check_twins();
}

#[test]
fn maxlen_zero_consumes_an_id() {
    let mut pair = Pair::new(100);
    assert_eq!(pair.add(b"s", AUTO, Some(exact(MaxLen(0)))), "1000000-0");
    assert_eq!((&*pair.len(b"s"), &*pair.info(b"s", "entries-added")), ("0", "1"));
    assert_eq!(pair.info(b"s", "radix-tree-keys"), "0");
    assert_eq!(pair.info(b"s", "first-entry"), "");
    assert_eq!(pair.add(b"s", AUTO, None), "1000000-1");
    pair.check_twins();
}

#[test]
fn the_last_possible_id_can_be_trimmed_and_nothing_follows_it() {
    let mut pair = stream(2, 3);
    assert_eq!(pair.add(b"s", NewId::Explicit(StreamId::MAX), None), StreamId::MAX.to_string());
    assert_eq!(pair.trim(b"s", exact(MaxLen(0))), "4");
    for new in [AUTO, NewId::AutoSeq(9), NewId::Explicit(id(9, 9))] {
        assert_eq!(
            pair.add(b"s", new, None),
            "ERR The stream has exhausted the last possible ID, unable to add more items"
        );
    }
    pair.check_twins();
}

#[test]
fn ids_rise_whatever_is_asked() {
    const NOT_ABOVE: &str =
        "ERR The ID specified in XADD is equal or smaller than the target stream top item";
    let mut pair = Pair::new(100);
    let mut check = |now, new, expected: &str| {
        pair.now = now;
        assert_eq!(pair.add(b"s", new, None), expected, "{new:?} at {now}");
    };
    let zero = "ERR The ID specified in XADD must be greater than 0-0";
    check(0, NewId::Explicit(StreamId::MIN), zero);
    check(0, NewId::AutoSeq(0), "0-1");
    check(0, AUTO, "0-2");
    check(5, AUTO, "5-0");
    check(3, AUTO, "5-1");
    check(5, NewId::AutoSeq(5), "5-2");
    check(5, NewId::AutoSeq(4), NOT_ABOVE);
    check(5, NewId::Explicit(id(5, 2)), NOT_ABOVE);
    check(5, NewId::AutoSeq(7), "7-0");
    check(5, NewId::Explicit(id(7, u64::MAX)), &id(7, u64::MAX).to_string());
    check(5, NewId::AutoSeq(7), NOT_ABOVE);
    check(5, AUTO, "8-0");
}

#[test]
fn deletion_and_trimming_keep_the_numbers() {
    let mut pair = stream(100, 3);
    assert_eq!(pair.del(b"s", &[id(2, 0), id(2, 0), id(9, 9)]), "1");
    assert_eq!(pair.info(b"s", "max-deleted-entry-id"), "2-0");
    assert_eq!(pair.del(b"s", &[id(1, 0)]), "1");
    assert_eq!(pair.info(b"s", "max-deleted-entry-id"), "2-0");
    assert_eq!(pair.info(b"s", "recorded-first-entry-id"), "3-0");

    let mut pair = stream(100, 5);
    pair.del(b"s", &[id(2, 0)]);
    assert_eq!(pair.info(b"s", "recorded-first-entry-id"), "1-0");
    pair.del(b"s", &[id(1, 0)]);
    assert_eq!(pair.info(b"s", "recorded-first-entry-id"), "3-0");
    pair.trim(b"s", exact(MaxLen(2)));
    assert_eq!(pair.info(b"s", "recorded-first-entry-id"), "4-0");
    assert_eq!(pair.info(b"s", "max-deleted-entry-id"), "2-0");
    pair.check_twins();
}

#[test]
fn a_block_without_live_entries_disappears() {
    let mut pair = stream(2, 6);
    assert_eq!(pair.info(b"s", "radix-tree-keys"), "3");
    pair.del(b"s", &[id(3, 0), id(4, 0)]);
    assert_eq!(pair.info(b"s", "radix-tree-keys"), "2");
    pair.del(b"s", &[id(5, 0), id(6, 0)]);
    assert_eq!(pair.info(b"s", "radix-tree-keys"), "1");
    assert_eq!(pair.all(b"s"), "1-0 f=v, 2-0 f=v");
    assert_eq!(pair.info(b"s", "last-entry"), "2-0 f=v");
    assert_eq!(pair.info(b"s", "last-generated-id"), "6-0");
    pair.check_twins();
}

#[test]
fn xsetid_refuses_in_order() {
    let mut pair = stream(100, 3);
    pair.del(b"s", &[id(3, 0)]);
    let mut check = |key, last_id, entries_added, max_deleted_id, expected: &str| {
        let command = Command::XSetId { key, last_id, entries_added, max_deleted_id };
        assert_eq!(pair.run(&command), expected, "{command:?}");
    };
    check(b"missing", id(9, 0), None, None, "ERR no such key");
    let current = "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id";
    check(b"s", id(1, 0), None, None, current);
    let added =
        "ERR The entries_added specified in XSETID is smaller than the target stream length";
    check(b"s", id(9, 0), Some(1), None, added);
    check(b"s", id(9, 0), Some(7), Some(StreamId::MIN), "OK");
    assert_eq!(pair.info(b"s", "max-deleted-entry-id"), "3-0");
    assert_eq!(pair.info(b"s", "entries-added"), "7");
    assert_eq!(pair.info(b"s", "last-generated-id"), "9-0");
    pair.check_twins();
}

#[test]
fn xread_names_streams_with_data_only_and_waits_from_a_fixed_id() {
    let mut pair = stream(2, 5);
    let read = |pair: &mut Pair, streams: Vec<(&'static [u8], ReadFrom)>, count, block_ms| {
        let streams = streams.into_iter().map(|(key, from)| (key, Ok(from))).collect();
        pair.run(&Command::XRead(XRead { streams, limits: ReadLimits::count(count), block_ms }))
    };
    let after = |ms| ReadFrom::After(id(ms, 0));
    let got = read(&mut pair, vec![(b"none", after(0)), (b"s", after(3))], None, None);
    assert_eq!(got, "s: 4-0 f=v, 5-0 f=v");
    assert_eq!(read(&mut pair, vec![(b"s", after(0))], Some(1), None), "s: 1-0 f=v");
    assert_eq!(read(&mut pair, vec![(b"s", after(5))], None, None), "nil array");
    assert_eq!(read(&mut pair, vec![(b"s", ReadFrom::Last)], None, Some(0)), "wait or nil array");
    pair.del(b"s", &[id(5, 0)]);
    let last = vec![(b"s".as_slice(), ReadFrom::LastEntry)];
    assert_eq!(read(&mut pair, last.clone(), Some(9), None), "s: 4-0 f=v");
    assert_eq!(read(&mut pair, vec![(b"s", after(4))], None, None), "nil array");
    pair.trim(b"s", exact(MaxLen(0)));
    let streams = last.into_iter().map(|(key, from)| (key, Ok(from))).collect();
    let command =
        Command::XRead(XRead { streams, limits: ReadLimits::default(), block_ms: Some(0) });
    let decision = pair.engine.decide(&command, Context { db: 0, now: 0 }).unwrap();
    assert_eq!(read_of(decision.wait).streams, [(Box::from(*b"s"), id(5, 0))]);
}

#[test]
fn xrange_without_a_count_to_give_is_null() {
    let mut pair = stream(100, 3);
    let mut check = |key, start, end, count, order, expected: &str| {
        let range = IdRange { start, end };
        let command = Command::XRange { key, range, count, order };
        assert_eq!(pair.run(&command), expected, "{command:?}");
    };
    use Order::{Ascending, Descending};
    let (min, max) = (StreamId::MIN, StreamId::MAX);
    check(b"s", min, max, Some(0), Ascending, "nil array");
    check(b"s", min, max, Some(-1), Ascending, "nil array");
    check(b"none", min, max, Some(0), Ascending, "");
    check(b"s", id(3, 0), id(2, 0), None, Ascending, "");
    check(b"s", id(2, 0), max, Some(1), Ascending, "2-0 f=v");
    check(b"s", min, id(2, 5), Some(1), Descending, "2-0 f=v");
    check(b"s", min, max, Some(2), Descending, "3-0 f=v, 2-0 f=v");
}

/// A disk on which every block has become zeros, or that gives nothing at all.
#[derive(Debug, Default)]
struct BadDisk {
    refuses: AtomicBool,
    noted: Mutex<Vec<DamagedBlock>>,
}

impl BlockSource for BadDisk {
    fn read(&self, _: u64, len: usize) -> Result<Bytes, String> {
        if self.refuses.load(Relaxed) { Err("EIO".into()) } else { Ok(vec![0; len].into()) }
    }

    fn note_damage(&self, damaged: &DamagedBlock) {
        self.noted.lock().unwrap().push(damaged.clone());
    }
}

/// Damage is met by the reads of the damaged entries, and by nothing else.
#[test]
fn a_damaged_block_stops_only_its_own_readers() {
    let mut pair = stream(2, 7);
    let disk = Arc::new(BadDisk::default());
    let adopt = &mut |number: u64, _| {
        let location = BlockLocation { file: 4, offset: 64, len: 200 };
        (number == 2).then(|| (Arc::clone(&disk) as Arc<dyn BlockSource>, location))
    };
    assert_eq!(pair.engine.adopt(AdoptCursor::default(), usize::MAX, &|_| false, adopt), None);
    let damaged = "ERR damaged block of key 's', entries 3-0 to 4-0, in blocks/00000000000000000004.blk at offset 64: \
                   the other entries are served";
    assert_eq!(pair.all(b"s"), damaged);
    disk.refuses.store(true, Relaxed);
    assert_eq!(pair.all(b"s"), damaged, "bytes that cannot be had are treated alike");
    let reasons: Vec<_> = disk.noted.lock().unwrap().drain(..).map(|noted| noted.reason).collect();
    assert_eq!(reasons, ["the block does not begin as one of this format", "EIO"]);
    let range = IdRange { start: id(5, 0), end: id(6, 0) };
    let command = Command::XRange { key: b"s", range, count: None, order: Order::Ascending };
    assert_eq!(pair.run(&command), "5-0 f=v, 6-0 f=v");
    assert_eq!(pair.del(b"s", &[id(3, 0)]), damaged);
    // Trimming goes over it, or stops before it, but never fails.
    assert_eq!(pair.trim(b"s", exact(MaxLen(4))), "2", "3-0 cannot be told from 4-0");
    assert_eq!(pair.info(b"s", "recorded-first-entry-id"), "3-0");
    assert_eq!(pair.add(b"s", NewId::Explicit(id(8, 0)), Some(exact(MaxLen(3)))), "8-0");
    assert_eq!(pair.all(b"s"), "6-0 f=v, 7-0 f=v, 8-0 f=v");
}

#[test]
fn adoption_goes_on_where_a_slice_ended() {
    let mut pair = stream(1, 10);
    let mut cursor = Some(AdoptCursor::default());
    let (mut seen, mut slices) = (Vec::new(), 0);
    while let Some(at) = cursor {
        cursor = pair.engine.adopt(at, 4, &|_| false, &mut |number, _| {
            seen.push(number);
            None
        });
        slices += 1;
    }
    assert_eq!(seen, (1..10).collect::<Vec<_>>());
    assert!((3..=5).contains(&slices), "{slices} slices of 4 for 9 blocks");
    assert_eq!(pair.engine.blocks().filter(|block| block.location.is_none()).count(), 9);
}

/// Whoever adopts everything at once, as a checkpoint does in its own engine, has packs to write down.
#[test]
fn an_adoption_without_a_bound_packs_everything() {
    const ENTRIES: u64 = 5000;
    let mut pair = stream(1, ENTRIES);
    pair.store(false, usize::MAX);
    let loose: usize = pair
        .engine
        .image()
        .map(|item| match item {
            Item::StreamPart { part: StreamItem::Blocks { blocks } } => blocks.len(),
            _ => 0,
        })
        .sum();
    assert!(loose < 64, "{loose} blocks of {ENTRIES} are in no pack");
    pair.check_twins();
}

#[test]
fn maxcount_and_maxsize_bound_the_whole_reply() {
    let mut pair = Pair::new(7);
    for key in [b"a", b"b", b"c"] {
        for ms in 1..=100 {
            pair.add(key, NewId::Explicit(id(ms, 0)), None);
        }
    }
    let mut lengths = |limits: ReadLimits, keys: &[&'static [u8]]| {
        let streams = keys.iter().map(|key| (*key, Ok(ReadFrom::After(StreamId::MIN)))).collect();
        let text = pair.run(&Command::XRead(XRead { streams, limits, block_ms: None }));
        text.split("; ").map(|stream| stream.matches("f=v").count()).collect::<Vec<_>>()
    };
    let all: [&[u8]; 3] = [b"a", b"b", b"c"];
    let total = |count, total| ReadLimits { count, total: Some(total), bytes: None };
    assert_eq!(lengths(total(Some(50), 80), &all), [50, 30]);
    assert_eq!(lengths(total(Some(50), 100), &all), [50, 50]);
    assert_eq!(lengths(total(Some(50), 101), &all), [50, 50, 1]);
    assert_eq!(lengths(total(None, 250), &all), [100, 100, 50]);
    assert_eq!(lengths(total(None, 1000), &all), [100, 100, 100]);
    // `*2 $3 1-0 *2 $1 f $1 v` is 4 + 9 + 4 + 7 + 7 bytes; the stream's head 4 + 7 + 4.
    let bytes = |bytes| ReadLimits { count: Some(20), total: None, bytes: Some(bytes) };
    assert_eq!(lengths(bytes(1), &all), [1], "one entry is always there");
    assert_eq!(lengths(bytes(15 + 31), &all), [1]);
    assert_eq!(lengths(bytes(15 + 31 + 1), &all), [2]);
    assert_eq!(lengths(bytes(1_000_000), &all), [20, 20, 20]);
    let both = ReadLimits { total: Some(3), ..bytes(15 + 2 * 31 + 1) };
    assert_eq!(lengths(both, &all), [3]);
    assert_eq!(lengths(ReadLimits { total: Some(2), ..both }, &all), [2]);
}

#[test]
fn groups_read_within_the_same_bounds_and_wait_with_them() {
    let mut pair = stream(3, 10);
    let create = |key| Command::XGroupCreate {
        key,
        group: b"g",
        from: Ok(GroupStart::After(StreamId::MIN)),
        make_stream: true,
        entries_read: None,
    };
    for key in [b"s".as_slice(), b"t"] {
        assert_eq!(pair.run(&create(key)), "OK");
    }
    let limits = ReadLimits { count: None, total: Some(4), bytes: None };
    let read = |from, block_ms| {
        let streams = [b"s".as_slice(), b"t"].map(|key| (key, Ok(from))).to_vec();
        let (group, consumer) = (b"g".as_slice(), b"c".as_slice());
        Command::XReadGroup(XReadGroup {
            group,
            consumer,
            streams,
            limits,
            block_ms,
            no_ack: false,
            claim_idle_min_ms: None,
        })
    };
    pair.add(b"t", NewId::Explicit(id(1, 0)), None);
    let new = read(GroupReadFrom::New, Some(0));
    assert_eq!(pair.run(&new), "s: 1-0 f=v, 2-0 f=v, 3-0 f=v, 4-0 f=v");
    assert_eq!(pair.run(&new), "s: 5-0 f=v, 6-0 f=v, 7-0 f=v, 8-0 f=v");
    assert_eq!(pair.run(&new), "s: 9-0 f=v, 10-0 f=v; t: 1-0 f=v");
    let decision = pair.engine.decide(&new, Context { db: 0, now: 0 }).unwrap();
    assert_eq!(read_of(decision.wait).limits, limits);
    let history = read(GroupReadFrom::HistoryAfter(id(7, 0)), None);
    assert_eq!(pair.run(&history), "s: 8-0 f=v, 9-0 f=v, 10-0 f=v; t: ");
    pair.check_twins();
}

/// A disk that counts how many of its blocks are in memory at the same time.
#[derive(Debug, Default)]
struct CountingDisk {
    blocks: BTreeMap<u64, Bytes>,
    held: Arc<AtomicUsize>,
    held_most: AtomicUsize,
}

struct Held(Bytes, Arc<AtomicUsize>);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Relaxed);
    }
}

impl BlockSource for CountingDisk {
    fn read(&self, offset: u64, _: usize) -> Result<Bytes, String> {
        let held = self.held.fetch_add(1, Relaxed) + 1;
        self.held_most.fetch_max(held, Relaxed);
        Ok(Bytes::from_owner(Held(self.blocks[&offset].clone(), Arc::clone(&self.held))))
    }

    fn note_damage(&self, damaged: &DamagedBlock) {
        panic!("{damaged:?}");
    }
}

/// What a consumer is owed may lie in every block of a long stream.
#[test]
fn a_history_holds_one_block_at_a_time() {
    let mut pair = stream(4, 400);
    let (key, group, consumer) = (b"s".as_slice(), b"g".as_slice(), b"c".as_slice());
    let ids: Vec<_> = (0..100).map(|block| id(block * 4 + 2, 0)).collect();
    let last_delivered = id(400, 0);
    pair.apply(&[
        Op::GroupCreate { db: 0, key, group, last_delivered, entries_read: None },
        Op::ConsumerCreate { db: 0, key, group, consumer, time: 5 },
        Op::Deliver {
            db: 0,
            key,
            group,
            consumer,
            time: 6,
            ids: ids.iter().copied().collect(),
            last_delivered,
            entries_read: None,
        },
    ]);
    // No block is the neighbour of another.
    let place = |number: u64| BlockLocation { file: 4, offset: number * 10_000, len: 200 };
    let blocks = pair.engine.blocks();
    let blocks = blocks.map(|block| (place(block.header.number).offset, block.bytes().unwrap()));
    let disk = Arc::new(CountingDisk { blocks: blocks.collect(), ..CountingDisk::default() });
    let adopt = &mut |number: u64, _| Some((Arc::clone(&disk) as _, place(number)));
    assert_eq!(pair.engine.adopt(AdoptCursor::default(), usize::MAX, &|_| false, adopt), None);
    let history = Command::XReadGroup(XReadGroup {
        group,
        consumer,
        streams: vec![(key, Ok(GroupReadFrom::HistoryAfter(StreamId::MIN)))],
        limits: ReadLimits { count: None, total: None, bytes: None },
        block_ms: None,
        no_ack: false,
        claim_idle_min_ms: None,
    });
    let expected: Vec<_> = ids.iter().map(|id| format!("{}-0 f=v", id.ms)).collect();
    assert_eq!(pair.run(&history), format!("s: {}", expected.join(", ")));
    assert_eq!(disk.held_most.load(Relaxed), 1);
}
