//! One database on one disk, through many lives.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::{
    AdoptCursor, BlockLocation, Command, Context, Fields, IdRange, IdmpSettings, NewId, Op, Order,
    PendingRange, Reply, Settings, StreamId, XAdd,
};
use parking_lot::Mutex;
use storage::checkpoint::Checkpointer;
use storage::format::codec;
use storage::fs::sim::{Fault, Random, SimFs};
use storage::{Database, Options, StorageError};

use crate::backup::Backup;
use crate::commands;
use crate::disk::{Disk, Plant};
use crate::history::{History, LEDGER, Model};
use crate::state::State;

pub const DIR: &str = "/db";
const HASH_SEED: u64 = 1;
const SETTINGS: Settings = Settings { block_entries_max: 4, block_bytes_max: 600 };

/// How often it came to what the simulation is for.
#[derive(Debug, Default, Clone, Copy)]
pub struct Seen {
    pub records: u64,
    pub torn_tails: u64,
    pub clean_stops: u64,
    pub checkpoints: u64,
    pub checkpoints_failed: u64,
    pub blocks_moved: u64,
    pub segments_given_up: u64,
    pub reads: u64,
    pub damage_contained: u64,
    pub damage_refused: u64,
}

/// Everything that a life changes. Behind a lock because a checkpoint, as in a server, works beside
/// it; there is one thread.
pub struct World {
    pub sim: SimFs,
    pub plant: Plant,
    pub random: Random,
    pub history: History,
    pub model: Model,
    pub seen: Seen,
    pub disk: Disk,
    backup: Backup,
    pub options: Options,
    pub now: u64,
    /// The policy of this life: replies leave when records are written, not when they are durable.
    is_lazy: bool,
    /// Whether a commit may meet a fault of its own.
    pub is_harsh: bool,
    /// Whether a checkpoint meets no fault of its own.
    pub is_calm: bool,
    database: Option<Database>,
}

pub type Shared = Arc<Mutex<World>>;

impl World {
    pub fn new(seed: u64, plant: Plant) -> Self {
        let mut random = Random(seed);
        let sim = SimFs::new(random.next());
        // Room for some ten to a hundred records.
        let segment_bytes = 4096 + (1024 << random.below(4));
        let options = Options {
            segment_bytes,
            first_segment_bytes: segment_bytes,
            reserve_bytes: 256,
            spares: random.below(2),
            settings: SETTINGS,
            idmp_settings: IdmpSettings::default(),
            hash_seed: HASH_SEED,
        };
        let disk = Disk::new(sim.clone(), plant);
        let (history, model) = (History::default(), Model::new());
        Self {
            sim,
            plant,
            random,
            history,
            model,
            seen: Seen::default(),
            disk,
            backup: Backup::default(),
            options,
            now: 1_700_000_000_000,
            is_lazy: false,
            is_harsh: false,
            is_calm: false,
            database: None,
        }
    }

    /// Another world with the same past, between two lives.
    pub fn fork(&self) -> Self {
        assert!(self.database.is_none(), "between two lives");
        let sim = self.sim.fork();
        Self {
            disk: Disk::new(sim.clone(), self.plant),
            sim,
            history: self.history.clone(),
            model: Model::new(),
            seen: Seen::default(),
            backup: Backup::default(),
            options: self.options.clone(),
            database: None,
            ..*self
        }
    }

    /// A life begins, with everything that the one before has acknowledged.
    pub fn open(&mut self, what: &dyn Fn() -> String) -> Result<(), StorageError> {
        let floor = self.history.written;
        let disk = Arc::new(self.disk.clone());
        let opened =
            Database::open(disk, Path::new(DIR), self.options.clone(), self.now, &mut |_| {});
        let (database, report) = opened?;
        let (last, lsn) = (report.last_lsn, database.log().last());
        assert!(floor <= last, "{}: {floor} was acknowledged, the log ends with {last}", what());
        assert!(report.snapshots_damaged.is_empty(), "{}: {report:?}", what());
        self.seen.torn_tails += u64::from(report.torn_tail.is_some());
        self.seen.clean_stops += u64::from(report.was_clean);
        self.seen.records += report.records;
        self.history.cut(last);
        if last < lsn {
            let Settings { block_entries_max, block_bytes_max } = SETTINGS;
            let limits = Op::Configure { block_entries_max, block_bytes_max };
            self.history.note(lsn, database.log().durable(), encode(&[limits]));
        }
        let Self { history, model, .. } = self;
        self.sim.aside(|| history.check(model, lsn, database.engine(), what));
        self.is_lazy = self.random.one_in(3);
        self.database = Some(database);
        Ok(())
    }

    /// The life ends with the power.
    pub fn cut_power(&mut self) {
        self.end();
        self.sim.power_cut(self.random.next());
        self.history.written = self.history.durable;
    }

    /// The life ends, and the page cache lives on.
    pub fn kill(&mut self) {
        if self.is_poisoned() {
            // What was handed over after a failed write is worth nothing.
            self.history.written = self.history.durable;
        }
        self.end();
        self.sim.kill();
    }

    fn end(&mut self) {
        self.database = None;
        self.backup.check(&self.sim);
        self.backup.forget(&self.sim);
    }

    /// The life ends on request.
    pub fn stop(&mut self) {
        let now = self.now;
        self.commit(|database| database.log().stop_cleanly(now));
        self.database = None;
    }

    pub fn is_poisoned(&self) -> bool {
        self.database.as_ref().is_some_and(|database| database.log().poison().is_some())
    }

    /// Whether the disk or the log has failed for good.
    pub fn is_over(&self) -> bool {
        self.sim.is_dead() || self.is_poisoned()
    }

    fn database(&mut self) -> &mut Database {
        self.database.as_mut().expect("a life")
    }

    /// Something that a client or the housekeeping asks for, and that does not take long.
    pub fn small_step(&mut self) {
        self.now += self.random.below(4) as u64;
        match self.random.below(100) {
            0..50 => self.command(),
            50..56 => {
                self.ledger();
            }
            56..62 => self.transaction(),
            62..66 => self.expire(),
            66..70 => self.read(),
            70..72 => self.step_clock(),
            72..80 if self.is_lazy => self.commit(|database| database.log().write().map(|_| ())),
            72..86 => self.commit(|database| database.log().commit().map(|_| ())),
            86..92 => self.commit(|database| database.log().write().map(|_| ())),
            92..94 => self.commit(|database| database.log().sync().map(|_| ())),
            94 => self.backup(),
            95 => {
                self.database().log().free_step();
            }
            _ => {
                let now = self.now;
                self.commit(|database| database.log().mark(now));
            }
        }
    }

    fn command(&mut self) {
        let (now, mut random) = (self.now, self.random);
        commands::random(&mut random, now, |command, context| self.execute(command, context));
        self.random = random;
    }

    /// Executes a command and notes what it did. A refused one did nothing.
    pub fn execute(&mut self, command: &Command<'_>, context: Context) -> Option<Reply> {
        let database = self.database.as_mut().expect("a life");
        let (before, durable) = (database.log().last(), database.log().durable());
        let executed = database.execute(command, context).ok();
        let last = database.log().last();
        if before < last {
            let done = executed.as_ref().expect("what is refused is not recorded");
            assert!(last == before + 1 && last <= done.depends, "one record, told of");
            self.history.note(last, durable, encode(&done.ops));
        }
        executed.map(|executed| executed.reply)
    }

    /// The disk has room again: after the housekeeping has looked, so has the log.
    pub fn resume(&mut self, what: &dyn Fn() -> String) {
        let log = self.database().log().clone();
        let prepared = log.prepare_segment();
        let is_taken = self.ledger();
        if self.sim.is_dead() {
            return;
        }
        assert!(prepared.is_ok(), "{}: {prepared:?}", what());
        assert!(is_taken, "{}: writes do not resume", what());
        assert!(!log.stats().is_disk_full, "{}: still full", what());
    }

    /// Adds to the ledger, unless that is refused.
    pub fn ledger(&mut self) -> bool {
        let fields = Fields::Borrowed(&[b"n", b"one more"]);
        let (id, no_make_stream, trim) = (NewId::Auto, false, None);
        let xadd = Command::XAdd(XAdd { key: LEDGER.1, id, fields, no_make_stream, trim });
        let context = Context { db: LEDGER.0, now: self.now };
        let Some(Reply::Id(id)) = self.execute(&xadd, context) else { return false };
        let lsn = self.database().log().last();
        self.history.note_ledger(lsn, id);
        true
    }

    fn transaction(&mut self) {
        let (now, mut random, mut ops) = (self.now, self.random, Vec::new());
        let database = self.database.as_mut().expect("a life");
        let durable = database.log().durable();
        if random.one_in(2) {
            if database.begin_transaction_with_room(now, 2000).is_err() {
                return;
            }
        } else {
            database.begin_transaction(now);
        }
        for _ in 0..1 + random.below(4) {
            commands::random(&mut random, now, |command, context| {
                if let Ok(done) = database.execute(command, context) {
                    ops.extend(encode(&done.ops));
                }
            });
        }
        match database.end_transaction() {
            Ok(0) => assert!(ops.is_empty(), "a transaction that changed something has a record"),
            Ok(lsn) => self.history.note(lsn, durable, ops),
            Err(_) => assert!(self.is_over(), "memory is ahead of the log"),
        }
        self.random = random;
    }

    fn expire(&mut self) {
        let now = self.now;
        let database = self.database();
        let durable = database.log().durable();
        let expired = database.engine().expired(now, 3);
        if let Ok(lsn @ 1..) = database.record(&expired.ops(), now) {
            self.history.note(lsn, durable, encode(&expired.ops()));
        }
    }

    /// Another process makes a backup.
    fn backup(&mut self) {
        let Self { backup, sim, random, .. } = self;
        if !self.is_calm && !sim.is_dead() {
            backup.make(sim, random);
        }
    }

    /// The clock is set, back or forth.
    fn step_clock(&mut self) {
        let by = self.random.below(40) as u64;
        self.now = if self.random.one_in(2) { self.now + by } else { self.now - by };
    }

    /// Nobody is shown what a crash can take away: a reply that may leave now is the reply of the
    /// durable state.
    fn read(&mut self) {
        let range = IdRange { start: StreamId::MIN, end: StreamId::MAX };
        let pending = PendingRange { range, count: 50, consumer: None, idle_min_ms: 0 };
        let command = match self.random.below(5) {
            0 => Command::XPending { key: b"orders", group: b"g", range: Some(pending) },
            1 => Command::XLen { key: b"mail" },
            2 => Command::Get { key: b"name" },
            3 => Command::HLen { key: b"cart" },
            _ => Command::XRange { key: b"orders", range, count: None, order: Order::Descending },
        };
        let context = Context { db: 0, now: self.now };
        let database = self.database.as_ref().expect("a life");
        let durable = database.log().durable();
        let Ok(shown) = database.engine().decide(&command, context) else { return };
        if durable < shown.seen {
            return;
        }
        self.seen.reads += 1;
        self.model.advance(&self.history, durable);
        let expected = self.model.engine.decide(&command, context).expect("as before");
        let (shown, is_whole) = text(&shown.reply);
        let (expected, _) = text(&expected.reply);
        // The disk may fail a read; what came before that is true all the same.
        let is_true = if is_whole { shown == expected } else { expected.starts_with(&shown) };
        assert!(is_true, "{command:?} shows {shown} instead of {expected}");
    }

    /// Something that makes records durable or written; then they are acknowledged as such.
    pub fn commit(&mut self, commit: impl FnOnce(&mut Database) -> Result<(), StorageError>) {
        let was_poisoned = self.is_poisoned();
        if self.is_harsh && self.random.one_in(60) {
            let fault = if self.random.one_in(3) { Fault::Eio } else { Fault::PowerCut };
            self.sim.fail_call(1 + self.random.below(3) as u64, fault);
        }
        let result = commit(self.database());
        let log = self.database().log().clone();
        if was_poisoned {
            assert!(result.is_err(), "a log that failed went on");
            assert_eq!(log.durable(), self.history.durable, "acknowledged after a failure");
        } else {
            self.history.promise(log.durable(), log.written());
        }
    }
}

impl World {
    /// Opens a copy of the disk on which `file` was damaged at rest. Tells nothing but the truth, or
    /// refuses by name. `only_one` says that a single record can have been hit.
    pub fn check_damaged(
        &mut self,
        sim: SimFs,
        file: &Path,
        only_one: bool,
        what: &dyn Fn() -> String,
    ) {
        let place = file.parent().expect("in a directory");
        let (disk, options) = (Arc::new(sim), self.options.clone());
        let opened = Database::open(disk, Path::new(DIR), options, self.now, &mut |_| {});
        let (database, report) = match opened {
            Ok(opened) => opened,
            Err(
                StorageError::Corrupt { file: named, .. }
                | StorageError::UnsupportedVersion { file: named, .. },
            ) => {
                let what = what();
                assert!(!place.ends_with("snapshots"), "{what}: the snapshot before is good");
                assert_eq!(named.parent(), Some(place), "{what}: names {}", named.display());
                self.seen.damage_refused += 1;
                return;
            }
            Err(error) => panic!("{}: {error}", what()),
        };
        let (is_log, is_blocks) = (place.ends_with("log"), place.ends_with("blocks"));
        let last = report.last_lsn;
        let least = match (is_log, only_one) {
            (false, _) => self.history.durable,
            (true, true) => self.history.proven(),
            (true, false) => 0,
        };
        assert!(least <= last, "{}: {least} was durable, the log ends with {last}", what());
        if last == 0 {
            return;
        }
        let mut model = Model::new();
        model.advance(&self.history, last);
        let (found, expected) = (State::of(database.engine()), State::of(&model.engine));
        let is_true = if is_blocks { found.is_within(&expected) } else { found == expected };
        self.seen.damage_contained += u64::from(found != expected);
        assert!(is_true, "{}: a lie was served for record {last}", what());
    }
}

/// Work that a server does beside the commands, with commands between any two of its calls.
pub fn background_step(world: &Shared) {
    let is_checkpoint = world.lock().random.below(3) != 0;
    background(world, is_checkpoint);
}

/// A checkpoint, or a segment that is prepared.
pub fn background(world: &Shared, is_checkpoint: bool) {
    let (disk, log) = {
        let mut world = world.lock();
        (world.disk.clone(), world.database().log().clone())
    };
    let beside = world.clone();
    let meanwhile = move || {
        let mut world = beside.lock();
        if world.random.one_in(6) {
            world.small_step();
        }
    };
    if is_checkpoint {
        checkpoint(world, &disk, meanwhile);
    } else {
        let _ = disk.interleave(meanwhile, || log.prepare_segment());
    }
}

fn checkpoint(world: &Shared, disk: &Disk, meanwhile: impl FnMut() + Clone + Send + 'static) {
    let (plant, log) = {
        let mut world = world.lock();
        if !world.is_calm && world.random.one_in(5) {
            let nth = 1 + world.random.below(70) as u64;
            world.sim.fail_call(nth, Fault::PowerCut);
        } else if world.is_harsh && !world.is_calm && world.random.one_in(8) {
            let nth = 1 + world.random.below(4) as u64;
            world.sim.fail_dir_sync(nth);
        }
        (world.plant, world.database().log().clone())
    };
    let upto = log.durable();
    if plant == Plant::SegmentDeletedBeforeSnapshot {
        let _ = log.remove_before(upto + 1);
    }
    let fs = world.lock().database().fs().clone();
    let mut checkpointer = Checkpointer::new(fs, PathBuf::from(DIR), HASH_SEED);
    {
        let mut world = world.lock();
        if world.random.one_in(3) {
            // Blocks go to disk while the log is still being replayed.
            checkpointer.set_memory_max(world.random.below(2000) as u64);
        }
    }
    let pin = {
        let mut world = world.lock();
        // A backup is being made, all the time.
        let is_made = !world.is_calm && world.random.one_in(8);
        if is_made { Backup::pin(&world.sim) } else { None }
    };
    let result = disk.interleave(meanwhile.clone(), || checkpointer.run(upto));
    let Ok(report) = result else {
        // Nothing is lost by it, which the rest of the life shows.
        world.lock().seen.checkpoints_failed += 1;
        return;
    };
    let before = places(&mut world.lock());
    let mut cursor = Some(AdoptCursor::default());
    while let Some(at) = cursor {
        let mut world = world.lock();
        cursor = world.database().adopt_blocks(&report.adoption, at, 3);
        if world.random.one_in(4) {
            world.small_step();
        }
    }
    {
        let mut world = world.lock();
        let after = places(&mut world);
        let is_moved = |(number, before): &(&u64, &BlockLocation)| {
            after.get(number).is_some_and(|place| place != *before)
        };
        let moved = before.iter().filter(is_moved);
        world.seen.blocks_moved += moved.count() as u64;
        world.seen.checkpoints += u64::from(report.snapshot_bytes != 0);
    }
    let needed_from = match plant {
        Plant::SegmentOfOlderSnapshotDeleted => report.lsn + 1,
        _ => report.log_needed_from,
    };
    log.set_needed_from(needed_from);
    {
        let mut world = world.lock();
        if !world.is_calm && world.random.one_in(8) {
            // Kept for going back, and given up only if there is no room.
            return;
        }
    }
    let remove = || disk.interleave(meanwhile.clone(), || log.remove_before(needed_from));
    // What has failed is tried again, as by a server.
    let removed = remove().or_else(|_| remove());
    world.lock().seen.segments_given_up += removed.unwrap_or(0) as u64;
    drop(pin);
}

/// Where the blocks lie that are on disk.
fn places(world: &mut World) -> BTreeMap<u64, BlockLocation> {
    let blocks = world.database().engine().blocks();
    blocks.filter_map(|block| Some((block.header.number, block.location?))).collect()
}

fn encode(ops: &[Op<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    ops.iter().filter(|op| op.is_recorded()).for_each(|op| codec::encode_into(op, &mut bytes));
    bytes
}

/// A reply with its entries read, and whether all of them could be.
fn text(reply: &Reply) -> (String, bool) {
    let Reply::Entries(entries) = reply else { return (format!("{reply:?}"), true) };
    let mut found = String::new();
    let visited = entries.visit(|id, pairs| {
        let pairs = pairs.into_iter().flatten();
        let pairs: Vec<_> = pairs.map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        found += &format!("{id} {pairs:?};");
    });
    (found, visited.is_ok())
}
