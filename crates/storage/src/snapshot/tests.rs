use super::load::load;
use super::*;
use crate::blocks::BlockFile;
use crate::blocks::DamagedBlocks;
use crate::dir;
use crate::error::StorageError;
use crate::fs::RealFs;
use crate::log::LogPosition;
use crate::testing::{data_dir, hex_example, put, small_engine, state};

fn write(dir: &std::path::Path, lsn: u64, engine: &engine::Engine) {
    let mut writer = SnapshotWriter::create(&RealFs, dir, LogPosition::behind(lsn), &[]).unwrap();
    for item in engine.image() {
        writer.item(&item).unwrap();
    }
    writer.finish().unwrap();
}

fn load_at(dir: &std::path::Path, lsn: u64) -> Result<Loaded, StorageError> {
    load(&RealFs, dir, 2, lsn, &DamagedBlocks::default(), &mut |_| Ok(()))
}

#[test]
fn an_engine_comes_back() {
    let dir = data_dir();
    let engine = small_engine();
    write(dir.path(), 3, &engine);
    let loaded = load_at(dir.path(), 3).unwrap();
    assert_eq!(state(&loaded.engine), state(&engine));
    assert_eq!(loaded.lsn, 3);
}

#[test]
fn the_page_shows_what_is_written() {
    let dir = data_dir();
    let length = hex_example("block-file").len() as u64;
    let files = [BlockFile { number: 7, length, blocks: 1, live_bytes: 12 }];
    SnapshotWriter::create(&RealFs, dir.path(), LogPosition::behind(41), &files)
        .unwrap()
        .finish()
        .unwrap();
    let found = std::fs::read(dir::snapshot(dir.path(), 41)).unwrap();
    assert_eq!(found, hex_example("snapshot"));
    assert_eq!(block_files(&RealFs, dir.path(), 41).unwrap(), files);
}

/// Any damage at all makes a snapshot invalid, and names it.
#[test]
fn every_truncation_flip_and_addition_is_refused_by_name() {
    let dir = data_dir();
    write(dir.path(), 3, &small_engine());
    let path = dir::snapshot(dir.path(), 3);
    let whole = std::fs::read(&path).unwrap();
    let check = |what: &dyn std::fmt::Display, bytes: &[u8]| {
        put(&path, bytes);
        match load_at(dir.path(), 3) {
            Err(StorageError::Corrupt { file, .. }) => assert_eq!(file, path, "{what}"),
            Err(other) => panic!("{what}: {other}"),
            Ok(_) => panic!("{what}: accepted"),
        }
    };
    for len in 0..whole.len() {
        check(&format!("first {len} bytes"), &whole[..len]);
    }
    for bit in 0..whole.len() * 8 {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        check(&format!("bit {bit}"), &flipped);
    }
    check(&"a byte more", &[&whole[..], &[0]].concat());
    put(&dir::snapshot(dir.path(), 4), &whole);
    assert!(load_at(dir.path(), 4).is_err(), "a snapshot under another name");
}

#[test]
fn a_newer_version_is_refused_outright() {
    let dir = data_dir();
    write(dir.path(), 3, &small_engine());
    write(dir.path(), 5, &small_engine());
    let path = dir::snapshot(dir.path(), 5);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8] = 2;
    let crc = crc32fast::hash(&[&bytes[..12], &bytes[16..64]].concat());
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    put(&path, &bytes);
    let error = load_newest(&RealFs, dir.path(), 2, 1).unwrap_err();
    assert!(matches!(error, StorageError::UnsupportedVersion { found: 2, .. }), "{error}");
}

#[test]
fn a_damaged_newest_gives_way_only_if_the_log_fills_the_gap() {
    let dir = data_dir();
    let engine = small_engine();
    write(dir.path(), 3, &engine);
    write(dir.path(), 5, &engine);
    let newest = |log_first| load_newest(&RealFs, dir.path(), 2, log_first);
    assert_eq!(newest(6).unwrap().lsn, 5);

    put(&dir::snapshot(dir.path(), 5), b"damaged");
    let check = |log_first, expected: Option<u64>| match (newest(log_first), expected) {
        (Ok(loaded), Some(lsn)) => {
            assert_eq!((loaded.lsn, loaded.lsn_promised), (lsn, 5), "log from {log_first}");
            assert!(!loaded.damaged.is_empty());
        }
        (Err(StorageError::Corrupt { file, .. }), None) => {
            assert_eq!(file, dir::snapshot(dir.path(), 5), "log from {log_first}");
        }
        (found, _) => panic!("log from {log_first}: {found:?}"),
    };
    check(1, Some(3));
    check(4, Some(3));
    check(5, None);

    put(&dir::snapshot(dir.path(), 3), b"damaged too");
    check(1, Some(0));
    check(2, None);
}

#[test]
fn an_item_longer_than_a_section_has_its_own() {
    let dir = data_dir();
    let mut engine = small_engine();
    let long = vec![b'x'; 3 << 20];
    for key in [b"a", b"b"] {
        let value = engine::Text::Borrowed(&long);
        engine.apply(&engine::Op::StringSet { db: 0, key, value, expire_at: None }, 3);
    }
    write(dir.path(), 3, &engine);
    assert_eq!(state(&load_at(dir.path(), 3).unwrap().engine), state(&engine));
}

#[test]
fn leftovers_go_unless_a_snapshot_is_damaged() {
    let dir = data_dir();
    let block = |number| dir::block_file(dir.path(), number);
    let temporary = dir::snapshot_temporary(dir.path(), 9);
    let files = [BlockFile { number: 7, length: 1, blocks: 1, live_bytes: 1 }];
    SnapshotWriter::create(&RealFs, dir.path(), LogPosition::behind(41), &files)
        .unwrap()
        .finish()
        .unwrap();
    for path in [&block(6), &block(7), &block(8), &temporary] {
        put(path, b"x");
    }
    put(&dir::snapshot(dir.path(), 50), b"damaged");
    remove_leftovers(&RealFs, dir.path()).unwrap();
    assert_eq!(dir::list_block_files(&RealFs, dir.path()).unwrap(), [6, 7, 8]);
    assert!(!temporary.exists());

    std::fs::remove_file(dir::snapshot(dir.path(), 50)).unwrap();
    remove_leftovers(&RealFs, dir.path()).unwrap();
    assert_eq!(dir::list_block_files(&RealFs, dir.path()).unwrap(), [7]);
    assert_eq!(dir::list_snapshots(&RealFs, dir.path()).unwrap(), [41]);
}
