//! Room in the log, and who gets it, on a disk that fills up.

use std::io;
use std::path::Path;
use std::sync::Arc;

use engine::{Command, CommandError, Context, Settings};
use parking_lot::Mutex;

use crate::checkpoint::Checkpointer;
use crate::fs::sim::SimFs;
use crate::fs::{Directory, File, Fs, LockAnswer, Pin, Pinned};
use crate::{Database, Options, StorageError};

const DIR: &str = "/data";
const CONTEXT: Context = Context { db: 0, now: 1 };
const KIB: u64 = 1 << 10;

type Hook = Box<dyn FnOnce() + Send>;

/// A simulated disk that counts pins, and lets something happen right before a segment gets its name of
/// one that is ready.
#[derive(Clone)]
struct Watched {
    sim: SimFs,
    hook: Arc<Mutex<Option<Hook>>>,
    pins: Arc<Mutex<usize>>,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.sim.fmt(f)
    }
}

impl Watched {
    fn new() -> Self {
        Self { sim: SimFs::new(1), hook: Arc::default(), pins: Arc::default() }
    }

    fn open(&self, options: Options) -> Result<Database, StorageError> {
        let fs = Arc::new(self.clone());
        Database::open(fs, Path::new(DIR), options, 1, &mut |_| {}).map(|(database, _)| database)
    }

    /// Leaves so many bytes.
    fn leave(&self, bytes: u64) {
        self.sim.set_capacity(Some(self.sim.used() + bytes));
    }
}

impl Fs for Watched {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.sim.create(path)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        Fs::open(&self.sim, path)
    }

    fn open_write(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.sim.open_write(path)
    }

    fn open_dir(&self, dir: &Path) -> io::Result<Arc<dyn Directory>> {
        self.sim.open_dir(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let hook = if to.extension().is_some_and(|is| is == "next") {
            self.hook.lock().take()
        } else {
            None
        };
        hook.into_iter().for_each(|hook| hook());
        self.sim.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.sim.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.sim.sync_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.sim.list(dir)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.sim.exists(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.sim.create_dir(path)
    }

    fn space_free(&self, dir: &Path) -> io::Result<u64> {
        self.sim.space_free(dir)
    }

    fn lock(&self, path: &Path, owner: &str) -> io::Result<LockAnswer> {
        self.sim.lock(path, owner)
    }

    fn pin(&self, dir: &Path, pin: Pin) -> io::Result<Option<Pinned>> {
        *self.pins.lock() += 1;
        self.sim.pin(dir, pin)
    }

    fn random(&self) -> u64 {
        self.sim.random()
    }
}

fn options(segment: u64, first: u64) -> Options {
    Options {
        segment_bytes: segment,
        first_segment_bytes: first,
        reserve_bytes: 512,
        ..Options::default()
    }
}

fn append(database: &mut Database, bytes: u64) -> Result<(), CommandError> {
    let value = vec![b'x'; usize::try_from(bytes).unwrap()];
    database.execute(&Command::Append { key: b"key", value: &value }, CONTEXT)?;
    database.log().commit().unwrap();
    Ok(())
}

#[test]
fn a_transaction_keeps_the_room_it_was_promised_from_a_segment_that_gets_ready() {
    let disk = Watched::new();
    let mut database = disk.open(options(KIB << 10, 64 * KIB)).unwrap();
    append(&mut database, 1).unwrap();
    // Room for one more segment, which the transaction is promised.
    disk.leave(700 * KIB);
    database.begin_transaction_with_room(1, 300 << 10).unwrap();
    let value = vec![b'x'; 200 << 10];
    database.execute(&Command::Append { key: b"key", value: &value }, CONTEXT).unwrap();
    let log = database.log().clone();
    let (database, ended) = (Arc::new(Mutex::new(database)), Arc::new(Mutex::new(None)));
    let end = {
        let (database, ended) = (database.clone(), ended.clone());
        move || *ended.lock() = Some(database.lock().end_transaction())
    };
    // Whatever the background does, the transaction may end in the middle of it, or after it.
    *disk.hook.lock() = Some(Box::new(end.clone()));
    let _ = log.prepare_segment();
    if disk.hook.lock().take().is_some() {
        end();
    }
    assert!(matches!(*ended.lock(), Some(Ok(2))), "{:?}", ended.lock());
    assert!(log.commit().is_ok());
    // What was put off is done afterwards.
    disk.sim.set_capacity(None);
    while log.wants_segment() && log.prepare_segment().unwrap() {}
    let ready = crate::dir::list_ready(&disk.sim, Path::new(DIR)).unwrap();
    assert_eq!(ready.len(), 1);
}

#[test]
fn a_transaction_keeps_the_room_it_was_promised_from_a_log_that_rests() {
    let disk = Watched::new();
    let mut database = disk.open(options(64 * KIB, 64 * KIB)).unwrap();
    append(&mut database, 1).unwrap();
    while database.log().wants_segment() && database.log().prepare_segment().unwrap() {}
    database.begin_transaction_with_room(1, 300 << 10).unwrap();
    database.log().mark(1).unwrap();
    disk.leave(0);
    let value = vec![b'x'; 200 << 10];
    database.execute(&Command::Append { key: b"key", value: &value }, CONTEXT).unwrap();
    assert_eq!(database.end_transaction().unwrap(), 2);
}

#[test]
fn a_refused_transaction_holds_nothing() {
    let disk = Watched::new();
    let mut database = disk.open(options(64 * KIB, 64 * KIB)).unwrap();
    append(&mut database, 1).unwrap();
    disk.leave(0);
    assert!(database.begin_transaction_with_room(1, 300 << 10).is_err());
    disk.sim.set_capacity(None);
    let log = database.log();
    while log.wants_segment() && log.prepare_segment().unwrap() {}
    assert_eq!(crate::dir::list_ready(&disk.sim, Path::new(DIR)).unwrap().len(), 1);
    log.mark(1).unwrap();
    assert_eq!(log.durable(), 2);
}

/// Segments that are only kept to go back with, and a disk with little room.
fn with_kept_segments(disk: &Watched) -> Database {
    let mut database = disk.open(options(8 * KIB, 8 * KIB)).unwrap();
    let mut checkpointer = Checkpointer::new(Arc::new(disk.sim.clone()), DIR.into(), 0);
    for _ in 0..200 {
        append(&mut database, 400).unwrap();
    }
    checkpointer.run(database.log().durable()).unwrap();
    append(&mut database, 1).unwrap();
    let report = checkpointer.run(database.log().durable()).unwrap();
    database.log().set_needed_from(report.log_needed_from);
    database
}

#[test]
fn a_request_that_cannot_fit_takes_nothing_that_is_kept() {
    let disk = Watched::new();
    let mut database = with_kept_segments(&disk);
    disk.leave(8 * KIB);
    let segments = || crate::dir::list_segments(&disk.sim, Path::new(DIR)).unwrap().len();
    let before = segments();
    assert!(10 < before);
    assert!(append(&mut database, 10 << 20).is_err());
    assert_eq!(segments(), before);
    // Three segments have room for what one has not.
    append(&mut database, 20 * KIB).unwrap();
    let after = segments();
    assert!((before - 4..before).contains(&after), "{before} segments, and then {after}");
    append(&mut database, 1).unwrap();
}

#[test]
fn who_removes_nothing_keeps_nobody_from_removing() {
    let disk = Watched::new();
    let database = with_kept_segments(&disk);
    let pins = || *disk.pins.lock();
    let before = pins();
    assert_eq!(database.log().remove_before(1).unwrap(), 0);
    assert_eq!(pins(), before);
    let needed = database.log().durable();
    assert!(0 < database.log().remove_before(needed).unwrap());
    assert_eq!(pins(), before + 1);
}

#[test]
fn a_start_on_a_full_disk_leaves_the_limits_as_they_were() {
    let disk = Watched::new();
    let old = Settings { block_entries_max: 7, block_bytes_max: 0 };
    let with = |settings| Options { settings, ..options(8 * KIB, 8 * KIB) };
    let mut database = disk.open(with(old)).unwrap();
    disk.leave(0);
    while append(&mut database, 100).is_ok() {}
    // The reserve as well.
    while database.record(&[engine::Op::Flush { db: Some(9) }], 1).is_ok() {
        database.log().commit().unwrap();
    }
    drop(database);
    disk.sim.kill();
    let new = Settings { block_entries_max: 9, block_bytes_max: 0 };
    let database = disk.open(with(new)).unwrap();
    assert_eq!(database.engine().settings(), old);
    drop(database);
    disk.sim.set_capacity(None);
    disk.sim.kill();
    assert_eq!(disk.open(with(new)).unwrap().engine().settings(), new);
}
