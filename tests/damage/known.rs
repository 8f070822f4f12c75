//! A database of which every byte is known, and the comparison with what is served.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{Context, Engine, Settings};
use protocol::{Request, Version};
use storage::checkpoint::Checkpointer;
use storage::fs::{Fs, RealFs};
use storage::{Database, Options};
use support::Value;
use tempfile::TempDir;

/// Streams, each with so many entries: some before the first checkpoint, some after the second.
const STREAMS: [&str; 3] = ["orders", "payments", "mail"];
const ENTRIES: u64 = 90;
/// Entries of the first stream that a group has pending.
const PENDING: u64 = 25;
const STRINGS: u64 = 20;

/// Asks a database one thing.
pub(crate) type Ask<'a> = &'a mut dyn FnMut(&[&str]) -> Value;

/// Segments are small, so that a small directory has several.
pub(crate) fn options() -> Options {
    Options {
        segment_bytes: 64 << 10,
        first_segment_bytes: 64 << 10,
        reserve_bytes: 4 << 10,
        spares: 1,
        settings: Settings { block_entries_max: 4, block_bytes_max: 0 },
        ..Options::default()
    }
}

pub(crate) fn open(
    dir: &Path,
) -> Result<(Database, storage::RecoveryReport), storage::StorageError> {
    Database::open(Arc::new(RealFs), dir, options(), 1, &mut |_| {})
}

/// Fills a directory in this process, with two snapshots, and stops it cleanly.
pub(crate) fn fill_here(dir: &Path) {
    let database = RefCell::new(open(dir).unwrap().0);
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    fill(&mut |words| execute(&mut database.borrow_mut(), words), &mut || {
        let database = database.borrow();
        let durable = database.log().durable();
        let mut checkpointer = Checkpointer::new(fs.clone(), dir.to_path_buf(), 0);
        let report = checkpointer.run(durable).unwrap();
        database.log().remove_before(report.log_needed_from).unwrap();
    });
    database.borrow().log().stop_cleanly(1).unwrap();
}

/// Runs a command as the server does, and commits it.
pub(crate) fn execute(database: &mut Database, words: &[&str]) -> Value {
    let args: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    let spec = protocol::resolve(&args).unwrap();
    let Ok(Request::Engine(command)) = protocol::parse(spec, &args, 0) else { panic!("{words:?}") };
    let context = Context { db: 0, now: 1_700_000_000_000 };
    let mut out = Vec::new();
    match database.execute(&command, context) {
        Ok(done) => {
            protocol::encode(&done.reply, Version::Resp2, usize::MAX, &mut out).expect("no limit");
        }
        Err(error) => protocol::encode_error(&error, &mut out),
    }
    database.log().commit().unwrap();
    if database.log().wants_segment() {
        database.log().prepare_segment().unwrap();
    }
    support::parse(&out).unwrap().0
}

/// Asks an engine without a server around it.
pub(crate) fn ask(engine: &Engine, words: &[&str]) -> Value {
    let args: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    let spec = protocol::resolve(&args).unwrap();
    let Ok(Request::Engine(command)) = protocol::parse(spec, &args, 0) else { panic!("{words:?}") };
    let mut out = Vec::new();
    match engine.decide(&command, Context { db: 0, now: 1_700_000_000_000 }) {
        Ok(decision) => {
            protocol::encode(&decision.reply, Version::Resp2, usize::MAX, &mut out)
                .expect("no limit");
        }
        Err(error) => protocol::encode_error(&error, &mut out),
    }
    support::parse(&out).unwrap().0
}

/// Writes everything, with two checkpoints on the way.
pub(crate) fn fill(run: Ask<'_>, checkpoint: &mut dyn FnMut()) {
    let mut ok = |words: &[&str]| {
        let reply = run(words);
        assert!(!matches!(reply, Value::Error(_)), "{words:?}: {reply:?}");
    };
    ok(&["XGROUP", "CREATE", STREAMS[0], "g", "0", "MKSTREAM"]);
    for n in 1..=ENTRIES {
        for stream in STREAMS {
            ok(&["XADD", stream, &format!("{n}-1"), "field", &value(stream, n)]);
        }
        if n <= STRINGS {
            ok(&["SET", &format!("string{n}"), &value("string", n)]);
        }
        if n == ENTRIES / 3 {
            let count = PENDING.to_string();
            ok(&["XREADGROUP", "GROUP", "g", "c", "COUNT", &count, "STREAMS", STREAMS[0], ">"]);
        }
        if n == ENTRIES / 3 || n == ENTRIES * 2 / 3 {
            checkpoint();
        }
    }
}

fn value(key: &str, n: u64) -> String {
    format!("{key} {n} ").repeat(12)
}

/// What a comparison with the known content came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Compared {
    /// Entries that are refused as damaged, with the refusal.
    pub(crate) refused: Vec<(String, u64, String)>,
    /// Entries, strings, or pending entries that are not there.
    pub(crate) missing: Vec<(String, u64)>,
}

/// Compares everything that is served with what was written: each entry by itself, whole streams from
/// both ends, strings, and the group. Panics if a byte is wrong, or anything there that never was.
pub(crate) fn compare(ask: Ask<'_>) -> Compared {
    let mut compared = Compared::default();
    for stream in STREAMS {
        for n in 1..=ENTRIES {
            let id = format!("{n}-1");
            match ask(&["XRANGE", stream, &id, &id]) {
                Value::Error(text) => compared.refused.push((stream.to_owned(), n, text)),
                reply if reply == Value::Array(vec![entry(stream, n)]) => {}
                Value::Array(none) if none.is_empty() => compared.missing.push((stream.into(), n)),
                reply => panic!("{stream} {id}: {reply:?}"),
            }
        }
        for words in [["XRANGE", stream, "-", "+"], ["XREVRANGE", stream, "+", "-"]] {
            match ask(&words) {
                Value::Error(text) => assert!(!compared.refused.is_empty(), "{text}"),
                Value::Array(mut entries) => {
                    if words[0] == "XREVRANGE" {
                        entries.reverse();
                    }
                    let is_there = |n: &u64| !compared.missing.contains(&(stream.to_owned(), *n));
                    let expected: Vec<_> =
                        (1..=ENTRIES).filter(is_there).map(|n| entry(stream, n)).collect();
                    assert!(entries == expected, "{words:?}: {entries:?}");
                }
                reply => panic!("{words:?}: {reply:?}"),
            }
        }
    }
    for n in 1..=STRINGS {
        match ask(&["GET", &format!("string{n}")]) {
            Value::Null => compared.missing.push(("string".into(), n)),
            reply => assert_eq!(reply, Value::Bulk(value("string", n).into())),
        }
    }
    match ask(&["XPENDING", STREAMS[0], "g"]) {
        Value::Array(summary) => match summary[0] {
            Value::Int(count) if count == i64::try_from(PENDING).unwrap() => {}
            Value::Int(0) => compared.missing.push(("pending".into(), 0)),
            ref other => panic!("{other:?} pending"),
        },
        // The group was not there yet.
        Value::Error(_) => compared.missing.push(("pending".into(), 0)),
        reply => panic!("XPENDING: {reply:?}"),
    }
    compared
}

fn entry(stream: &str, n: u64) -> Value {
    let bulk = |text: String| Value::Bulk(text.into_bytes());
    let fields = vec![bulk("field".to_owned()), bulk(value(stream, n))];
    Value::Array(vec![bulk(format!("{n}-1")), Value::Array(fields)])
}

/// Copies a directory.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Every file below a directory that means something, by name.
pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let means_nothing =
            path.ends_with("LOCK") || path.extension().is_some_and(|suffix| suffix == "spare");
        match path.is_dir() {
            true => files.extend(self::files(&path)),
            false if means_nothing => {}
            false => files.push(path),
        }
    }
    files.sort();
    files
}

/// A directory for one trial. In memory if there is room: what is damaged here was synced long ago, and
/// hundreds of databases are written.
pub(crate) fn temp_dir() -> TempDir {
    let memory = Path::new("/dev/shm");
    match RealFs.space_free(memory) {
        Ok(free) if 1 << 30 < free => {
            tempfile::Builder::new().prefix("headwater-").tempdir_in(memory).unwrap()
        }
        _ => support::temp_dir(),
    }
}
