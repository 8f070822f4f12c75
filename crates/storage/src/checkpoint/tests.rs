use std::path::Path;
use std::sync::Arc;

use engine::{Command, GroupReadFrom, GroupStart, ReadLimits, StreamId, XReadGroup};

use super::*;
use crate::dir;
use crate::fs::RealFs;
use crate::snapshot::load_newest;
use crate::testing::{Live, answers, data_dir, put};

const KEYS: [&[u8]; 3] = [b"alpha", b"beta", b"copy"];

/// The newest snapshot with the rest of the log on top: what a restart would give.
fn recover(live: &Live, fs: &dyn Fs, dir: &Path) -> Loaded {
    let mut base = load_newest(fs, dir, 3, 1).unwrap();
    live.replay(&mut base.engine, base.lsn);
    base
}

fn checkpoint(live: &Live, dir: &Path) -> CheckpointReport {
    let checkpointer = Checkpointer::new(Arc::new(RealFs), dir.to_path_buf(), 3);
    let report = checkpointer.write(recover(live, &RealFs, dir), live.lsn()).unwrap();
    report.cleanup.as_ref().unwrap();
    report
}

#[track_caller]
fn assert_same(live: &Engine, recovered: &Engine) {
    for key in KEYS {
        assert_eq!(answers(live, key), answers(recovered, key), "{}", key.escape_ascii());
    }
}

fn deliver(live: &mut Live, key: &'static [u8], count: u64) {
    live.run(Command::XReadGroup(XReadGroup {
        group: b"g",
        consumer: b"worker",
        streams: vec![(key, Ok(GroupReadFrom::New))],
        limits: ReadLimits::count(Some(count)),
        block_ms: None,
        no_ack: false,
        claim_idle_min_ms: None,
    }));
}

/// Two streams with a group, sealed blocks and open tails.
fn two_streams() -> Live {
    let mut live = Live::new();
    for key in [b"alpha" as &[u8], b"beta"] {
        live.run(Command::XGroupCreate {
            key,
            group: b"g",
            from: Ok(GroupStart::After(StreamId::MIN)),
            make_stream: true,
            entries_read: None,
        });
    }
    live.add(b"alpha", 1, 20);
    live.add(b"beta", 1, 8);
    deliver(&mut live, b"alpha", 5);
    live
}

#[test]
fn a_checkpoint_is_due_by_the_bytes_of_the_log() {
    let check = |since, max, expected| assert_eq!(due(since, max), expected, "{since} of {max}");
    check(99, 100, false);
    check(100, 100, true);
    check(u64::MAX, 0, false);
}

#[test]
fn what_was_live_comes_back_with_deletes_and_trims_between() {
    let dir = data_dir();
    let mut live = two_streams();
    let first = checkpoint(&live, dir.path());
    assert_eq!((first.lsn, first.lsn_before, first.log_needed_from), (live.lsn(), 0, 1));
    assert!(0 < first.blocks);
    assert_same(&live.engine, &recover(&live, &RealFs, dir.path()).engine);

    live.delete(b"alpha", 4);
    live.delete(b"alpha", 20);
    live.trim(b"beta", 4);
    live.run(Command::XAck { key: b"alpha", group: b"g", ids: Ok(vec![StreamId::new(2, 0)]) });
    live.add(b"beta", 9, 15);
    assert_same(&live.engine, &recover(&live, &RealFs, dir.path()).engine);

    let second = checkpoint(&live, dir.path());
    assert_eq!(second.lsn_before, first.lsn);
    assert_eq!(second.log_needed_from, first.lsn + 1);
    live.add(b"alpha", 21, 25);
    deliver(&mut live, b"alpha", 3);
    assert_same(&live.engine, &recover(&live, &RealFs, dir.path()).engine);

    checkpoint(&live, dir.path());
    let snapshots = dir::list_snapshots(&RealFs, dir.path()).unwrap();
    assert_eq!(snapshots, [second.lsn, live.lsn()], "two are kept");
    let loaded = load_newest(&RealFs, dir.path(), 3, live.lsn() + 1).unwrap();
    assert_same(&live.engine, &loaded.engine);
    let headers = |engine: &Engine| engine.blocks().map(|block| block.header).collect::<Vec<_>>();
    assert_eq!(headers(&loaded.engine), headers(&live.engine));
}

#[test]
fn a_copied_stream_shares_the_blocks_on_disk() {
    let dir = data_dir();
    let mut live = two_streams();
    let copy = Command::Copy { key: b"alpha", new_key: b"copy", new_db: None, replace: false };
    live.run(copy);
    let report = checkpoint(&live, dir.path());
    let sealed = live.engine.blocks().count();
    let numbers: BTreeSet<_> = live.engine.blocks().map(|block| block.header.number).collect();
    assert!(numbers.len() < sealed);
    assert_eq!(report.blocks, numbers.len() as u64);
    assert_same(&live.engine, &recover(&live, &RealFs, dir.path()).engine);
}

/// RENAME between two slices can hide a stream from an adoption: the next one finds it.
#[test]
fn what_an_adoption_missed_is_caught_by_the_next() {
    let dir = data_dir();
    let mut live = two_streams();
    checkpoint(&live, dir.path());
    let unplaced =
        |live: &Live| live.engine.blocks().filter(|block| block.location.is_none()).count();
    let missed = unplaced(&live);
    assert!(4 < missed, "{missed}");
    live.add(b"alpha", 21, 25);
    let adoption = checkpoint(&live, dir.path()).adoption;
    assert!(missed < unplaced(&live));
    let walk = |live: &mut Live| {
        let place = &mut |number, present| adoption.place(number, present);
        live.engine.adopt(AdoptCursor::default(), usize::MAX, &|file| adoption.stays(file), place);
    };
    walk(&mut live);
    assert_eq!(unplaced(&live), missed, "those take a second walk");
    assert!(adoption.wants_another_walk());
    walk(&mut live);
    assert!(!adoption.wants_another_walk());
    assert_eq!(unplaced(&live), 0);
    assert_same(&live.engine, &recover(&live, &RealFs, dir.path()).engine);
}

#[test]
fn after_adoption_no_heap_copy_of_a_placed_block_is_left() {
    let dir = data_dir();
    let mut live = two_streams();
    let adoption = checkpoint(&live, dir.path()).adoption;
    // Sealed while the adoption runs: stays on the heap until the next one.
    live.add(b"beta", 9, 12);
    let before = answers(&live.engine, b"alpha");

    let mut slices = 0;
    let mut cursor = Some(AdoptCursor::default());
    while let Some(at) = cursor {
        let place = &mut |number, present| adoption.place(number, present);
        cursor = live.engine.adopt(at, 1, &|file| adoption.stays(file), place);
        slices += 1;
        assert!(slices < 1000, "an adoption ends");
    }
    assert!(1 < slices, "a small budget takes several slices");
    let unplaced: Vec<_> = live
        .engine
        .blocks()
        .filter(|block| block.location.is_none())
        .map(|block| block.header.number)
        .collect();
    assert_eq!(unplaced.len(), 1, "{unplaced:?}");
    let left = live.engine.blocks().find(|block| block.location.is_none()).unwrap();
    let left_bytes = left.bytes().unwrap().len() as u64;
    assert_eq!(live.engine.block_memory().bytes(), left_bytes, "only that one is in memory");
    assert_eq!(answers(&live.engine, b"alpha"), before);
}

#[test]
fn a_file_that_is_mostly_dead_is_moved_and_goes() {
    let dir = data_dir();
    let mut live = two_streams();
    checkpoint(&live, dir.path());
    live.trim(b"alpha", 4);
    live.trim(b"beta", 1);
    let second = checkpoint(&live, dir.path());
    assert!(0 < second.blocks, "what is left of file 1 moves");
    let files = || dir::list_block_files(&RealFs, dir.path()).unwrap();
    assert_eq!(files(), [1, 2], "the older snapshot refers to file 1");
    assert_same(&live.engine, &recover(&live, &RealFs, dir.path()).engine);

    live.add(b"alpha", 30, 30);
    checkpoint(&live, dir.path());
    assert_eq!(files(), [2]);
    assert_same(&live.engine, &recover(&live, &RealFs, dir.path()).engine);
}

#[test]
fn a_small_file_without_dead_blocks_stays() {
    let dir = data_dir();
    let mut live = Live::new();
    live.add(b"alpha", 1, 4);
    assert_eq!(checkpoint(&live, dir.path()).blocks, 1);
    live.add(b"alpha", 5, 5);
    assert_eq!(checkpoint(&live, dir.path()).blocks, 0);
    assert_same(&live.engine, &recover(&live, &RealFs, dir.path()).engine);
}

/// Streams that have some blocks in common, and others that lie in other files: what either has is kept.
#[test]
fn a_copied_stream_goes_its_own_way() {
    const ALPHA: &[u8] = b"alpha";
    const COPY: &[u8] = b"copy";
    for (first, second) in [(ALPHA, COPY), (COPY, ALPHA)] {
        let dir = data_dir();
        let mut live = Live::new();
        live.add(b"alpha", 1, 4);
        checkpoint(&live, dir.path());
        let copy = Command::Copy { key: ALPHA, new_key: COPY, new_db: None, replace: false };
        live.run(copy);
        for key in [first, second] {
            live.add(key, 5, 13);
            checkpoint(&live, dir.path());
        }
        for _ in 0..2 {
            checkpoint(&live, dir.path());
            let loaded = load_newest(&RealFs, dir.path(), 3, live.lsn() + 1).unwrap();
            assert!(loaded.damaged.is_empty(), "{:?}", loaded.damaged);
            assert_same(&live.engine, &loaded.engine);
            live.add(b"beta", live.lsn(), live.lsn());
        }
    }
}

#[test]
fn a_checkpoint_without_news_writes_nothing() {
    let dir = data_dir();
    let live = two_streams();
    let first = checkpoint(&live, dir.path());
    let mut checkpointer = Checkpointer::new(Arc::new(RealFs), dir.path().to_path_buf(), 3);
    let again = checkpointer.run(live.lsn()).unwrap();
    assert_eq!((again.lsn, again.blocks, again.snapshot_bytes), (first.lsn, 0, 0));
}

/// A flipped bit of a block file is refused by name at the start, or it costs the entries of one
/// block, with an error that says which.
#[test]
fn every_flip_in_a_block_file_is_contained_or_refused() {
    let dir = data_dir();
    let mut live = Live::new();
    live.add(b"alpha", 1, 4);
    live.add(b"beta", 1, 4);
    checkpoint(&live, dir.path());
    let path = dir::block_file(dir.path(), 1);
    let whole = std::fs::read(&path).unwrap();
    let good = answers(&live.engine, b"alpha");
    let blocks_end = (whole.len() - crate::blocks::TRAILER_BYTES) * 8;
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        put(&path, &flipped);
        // Without the log nothing older will do.
        match load_newest(&RealFs, dir.path(), 3, 2) {
            Ok(loaded) => {
                let found = [KEYS[0], KEYS[1]].map(|key| answers(&loaded.engine, key).concat());
                let damaged = found.iter().filter(|text| text.contains("damaged block")).count();
                let expected = usize::from((512..blocks_end).contains(&bit));
                assert_eq!(damaged, expected, "bit {bit}");
            }
            Err(StorageError::Corrupt { file, .. }) => {
                assert_eq!(file, path, "bit {bit}");
                assert!(bit < 512, "bit {bit}");
            }
            Err(other) => panic!("bit {bit}: {other}"),
        }
    }
    put(&path, &whole);
    let loaded = load_newest(&RealFs, dir.path(), 3, 2).unwrap();
    assert_eq!(answers(&loaded.engine, b"alpha"), good);
}
