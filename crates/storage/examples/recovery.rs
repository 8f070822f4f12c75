//! How long a start takes: fills a directory, and opens it before and after a checkpoint.
//!
//! `cargo run --release -p storage --example recovery -- [ENTRIES] [DIR]`
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use engine::{AdoptCursor, Command, Context, Fields, NewId, XAdd};
use storage::checkpoint::Checkpointer;
use storage::fs::{Fs, RealFs};
use storage::{Database, Options};

/// Entries between two commits.
const BATCH: u64 = 1000;
/// Unix milliseconds of the first entry.
const START: u64 = 1_700_000_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let entries = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let dir = arguments.next().map_or_else(|| std::env::temp_dir().join("recovery"), PathBuf::from);
    let fs: Arc<dyn Fs> = Arc::new(RealFs);

    let mut database = timed("open an empty directory", || open(&fs, &dir))?;
    timed(&format!("append {entries} entries"), || fill(&mut database, entries))?;
    drop(database);
    let mut database = timed("replay the log", || open(&fs, &dir))?;

    let durable = database.log().durable();
    let mut checkpointer = Checkpointer::new(fs.clone(), dir.clone(), 0);
    let report = timed("checkpoint", || checkpointer.run(durable))?;
    let snapshot_kib = report.snapshot_bytes >> 10;
    println!("  {} blocks, a snapshot of {snapshot_kib} KiB", report.blocks);
    timed("adopt", || {
        let mut cursor = Some(AdoptCursor::default());
        while let Some(at) = cursor {
            cursor = database.adopt_blocks(&report.adoption, at, 1000);
        }
    });
    drop((database, report));
    timed("open after the checkpoint", || open(&fs, &dir))?;
    Ok(())
}

fn open(fs: &Arc<dyn Fs>, dir: &Path) -> Result<Database, storage::StorageError> {
    let opened = Database::open(fs.clone(), dir, Options::default(), START, &mut |_| {});
    opened.map(|(database, _)| database)
}

/// Entries of 100 bytes, as the bench appends them.
fn fill(database: &mut Database, entries: u64) -> Result<(), Box<dyn Error>> {
    let value = [b'x'; 100];
    for at in 0..entries {
        let context = Context { db: 0, now: START + at / 10 };
        let fields = Fields::Borrowed(&[b"payload", &value]);
        let (id, no_make_stream, trim) = (NewId::Auto, false, None);
        let add = Command::XAdd(XAdd { key: b"events", id, fields, no_make_stream, trim });
        database.execute(&add, context).map_err(|error| error.to_string())?;
        if at % BATCH == BATCH - 1 {
            database.log().commit()?;
            while database.log().wants_segment() && database.log().prepare_segment()? {}
        }
    }
    database.log().commit()?;
    Ok(())
}

/// Runs and tells how long it took, and how much memory of its own the process has then.
fn timed<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    let ms = start.elapsed().as_millis();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let memory = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or("unknown");
    println!("{what}: {ms} ms, anonymous memory {}", memory.trim());
    result
}
