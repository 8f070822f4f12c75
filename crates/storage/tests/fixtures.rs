//! Directories that were written once and kept: whatever changes in the code, they open, and hold
//! what they held (`tests/fixtures/format-v1`). And files of a newer format are refused by name.
//!
//! `HEADWATER_WRITE_FIXTURES=1 cargo test -p storage --test fixtures` writes them anew; for format 1
//! that ends with its first release.

#![allow(missing_docs, clippy::cast_possible_truncation, clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{
    Command, Context, Engine, Fields, IdRange, Ids, Item, Op, Order, Reply, Settings, StreamId,
    Text,
};
use storage::checkpoint::Checkpointer;
use storage::format::header::u32_at;
use storage::fs::RealFs;
use storage::{Database, Options, StorageError, check};

const NOW: u64 = 1_700_000_000_000;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/format-v1")
}

/// Small segments and blocks, so that a few kilobytes have many of both.
fn open(dir: &Path) -> Result<Database, StorageError> {
    let options = Options {
        segment_bytes: 12 << 10,
        first_segment_bytes: 12 << 10,
        reserve_bytes: 256,
        settings: Settings { block_entries_max: 3, block_bytes_max: 0 },
        ..Options::default()
    };
    Ok(Database::open(Arc::new(RealFs), dir, options, NOW, &mut |_| {})?.0)
}

/// Everything that an engine holds, as text.
fn content(engine: &Engine) -> String {
    let mut text = String::new();
    let mut db = 0;
    for item in engine.image() {
        text += &format!("{item:?}\n");
        match item {
            Item::Db { db: number } => db = number,
            Item::Stream { key, .. } => text += &entries(engine, db, &key),
            _ => {}
        }
    }
    text
}

fn entries(engine: &Engine, db: u8, key: &[u8]) -> String {
    let range = IdRange { start: StreamId::MIN, end: StreamId::MAX };
    let command = Command::XRange { key, range, count: None, order: Order::Ascending };
    let mut text = String::new();
    let Reply::Entries(found) = engine.decide(&command, Context { db, now: 0 }).unwrap().reply
    else {
        return text;
    };
    let visited = found.visit(|id, pairs| {
        text += &format!("    {id}");
        for (name, value) in pairs.unwrap() {
            text += &format!(" {}={}", name.escape_ascii(), value.escape_ascii());
        }
        text += "\n";
    });
    visited.unwrap();
    text
}

/// One record of every kind of operation that makes something, in the course of many appends.
fn write(dir: &Path, is_stopped: bool) {
    fs::create_dir_all(dir).unwrap();
    let mut database = open(dir).unwrap();
    let id = |ms: u64| StreamId::new(ms, ms % 3);
    let ids = |list: &[u64]| Ids(list.iter().map(|&ms| id(ms)).collect());
    let (key, group, consumer) = (b"orders".as_slice(), b"group".as_slice(), b"first".as_slice());
    for ms in 1..=90 {
        let value = format!("value of entry {ms}, {}", "x".repeat(ms as usize));
        let strings: [&[u8]; 4] = [b"name", value.as_bytes(), b"more", b"\0\r\n\xff"];
        let mut ops =
            vec![Op::StreamAppend { db: 0, key, id: id(ms), fields: Fields::Borrowed(&strings) }];
        let last_delivered = id(7);
        ops.extend(match ms {
            8 => vec![Op::GroupCreate {
                db: 0,
                key,
                group,
                last_delivered: id(2),
                entries_read: Some(2),
            }],
            9 => vec![
                Op::ConsumerCreate { db: 0, key, group, consumer, time: NOW },
                Op::Deliver {
                    db: 0,
                    key,
                    group,
                    consumer,
                    time: NOW,
                    ids: ids(&[3, 4, 5, 6, 7]),
                    last_delivered,
                    entries_read: Some(7),
                },
            ],
            12 => vec![Op::Ack { db: 0, key, group, ids: ids(&[4]) }],
            15 => vec![Op::Redeliver {
                db: 0,
                key,
                group,
                time: NOW + 9,
                ids: ids(&[5, 6]),
                counts: vec![2, 3],
            }],
            18 => vec![
                Op::ConsumerCreate { db: 0, key, group, consumer: b"second", time: NOW + 20 },
                Op::Claim {
                    db: 0,
                    key,
                    group,
                    consumer: b"second",
                    active_time: Some(NOW + 21),
                    delivery_time: NOW + 21,
                    ids: ids(&[6]),
                    counts: vec![4],
                    removed: ids(&[3]),
                    last_delivered,
                },
            ],
            21 => vec![Op::StreamDelete {
                db: 0,
                key,
                ids: ids(&[11]),
                slots: vec![1],
                first_id: id(1),
                max_deleted_id: id(11),
            }],
            24 => vec![Op::StringSet {
                db: 0,
                key: b"string",
                value: Text::Borrowed(b"text"),
                expire_at: None,
            }],
            25 => vec![Op::StringSet {
                db: 3,
                key: b"gone soon",
                value: Text::Borrowed(b"v"),
                expire_at: Some(4_000_000_000_000),
            }],
            26 => vec![Op::StringWrite {
                db: 0,
                key: b"string",
                offset: 6,
                value: Text::Borrowed(b"end"),
            }],
            27 => vec![Op::HashSet {
                db: 5,
                key: b"hash",
                pairs: Fields::Borrowed(&[b"a", b"1", b"b", b"2", b"c", b"3"]),
            }],
            28 => vec![Op::HashDelete { db: 5, key: b"hash", fields: vec![b"a"] }],
            29 => vec![Op::HashSetField {
                db: 5,
                key: b"hash",
                field: b"d",
                value: Text::Borrowed(b"4"),
            }],
            50 => vec![Op::StreamCreate { db: 3, key: b"empty" }],
            51 => vec![Op::StreamSetId {
                db: 3,
                key: b"empty",
                last_id: id(500),
                entries_added: 7,
                max_deleted_id: id(400),
            }],
            52 => vec![Op::Copy { db: 0, key, new_db: 5, new_key: b"copy" }],
            70 => {
                vec![Op::StreamTrim { db: 0, key, before: id(8), front_slots: 1, first_id: id(8) }]
            }
            71 => vec![Op::Rename { db: 0, key: b"string", new_db: 0, new_key: b"text" }],
            _ => vec![],
        });
        database.record(&ops, NOW + ms).unwrap();
        database.log().commit().unwrap();
        if ms == 40 || ms == 75 {
            let mut checkpointer = Checkpointer::new(Arc::new(RealFs), dir.to_path_buf(), 1);
            let report = checkpointer.run(database.log().durable()).unwrap();
            report.cleanup.clone().unwrap();
            database.log().remove_before(report.log_needed_from).unwrap();
        }
    }
    if is_stopped {
        database.log().stop_cleanly(NOW + 100).unwrap();
    }
    drop(database);
    fs::remove_file(dir.join("LOCK")).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn kept(name: &str) -> (tempfile::TempDir, PathBuf) {
    let source = fixtures().join(name);
    if std::env::var_os("HEADWATER_WRITE_FIXTURES").is_some() {
        drop(fs::remove_dir_all(&source));
        write(&source, name == "stopped");
        let scratch = tempfile::tempdir().unwrap();
        copy(&source, &scratch.path().join("db"));
        let database = open(&scratch.path().join("db")).unwrap();
        fs::write(source.with_extension("txt"), content(database.engine())).unwrap();
    }
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("db");
    copy(&source, &dir);
    (scratch, dir)
}

fn opens_with_everything(name: &str) {
    let (_scratch, dir) = kept(name);
    let report = check::check(&RealFs, &dir, &mut |_| {}).unwrap();
    assert!(report.sound, "{report:#?}");
    let expected = fs::read_to_string(fixtures().join(name).with_extension("txt")).unwrap();
    // Twice: what the first start leaves opens as well.
    for _ in 0..2 {
        let database = open(&dir).unwrap();
        similar(&content(database.engine()), &expected);
    }
}

fn similar(found: &str, expected: &str) {
    for (number, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "line {}", number + 1);
    }
    assert_eq!(found.lines().count(), expected.lines().count());
}

#[test]
fn a_directory_of_format_1_after_a_crash_opens() {
    opens_with_everything("killed");
}

#[test]
fn a_directory_of_format_1_after_a_clean_stop_opens() {
    opens_with_everything("stopped");
}

#[test]
fn a_newer_format_is_refused_by_name() {
    for kind in ["FORMAT", "CLEAN", "log", "snapshots", "blocks"] {
        let (_scratch, dir) = kept("stopped");
        let file = newest(&dir.join(kind));
        let mut bytes = fs::read(&file).unwrap();
        bytes[8..12].copy_from_slice(&2u32.to_le_bytes());
        let mut crc = crc32fast::Hasher::new();
        crc.update(&bytes[..12]);
        crc.update(&bytes[16..64]);
        bytes[12..16].copy_from_slice(&crc.finalize().to_le_bytes());
        assert_eq!(u32_at(&bytes, 8), 2);
        fs::write(&file, &bytes).unwrap();
        match open(&dir).map(|_| ()) {
            Err(StorageError::UnsupportedVersion { file: named, found: 2, .. }) => {
                assert_eq!(named, file);
            }
            other => panic!("{kind}: {other:?}"),
        }
        assert_eq!(fs::read(&file).unwrap(), bytes, "{kind} was changed");
    }
}

/// The file itself, or the last one of a directory that is one of ours and no spare.
fn newest(path: &Path) -> PathBuf {
    if path.is_file() {
        return path.to_path_buf();
    }
    let files = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|kind| kind != "spare")).max().unwrap()
}
