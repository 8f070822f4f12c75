//! Disks that a database has lived on, and a life in which everything happens that an empty directory
//! has no occasion for: segments that are used again and others that go, blocks that move out of
//! files that are mostly dead, and these files' end.

use std::sync::Arc;

use engine::{Command, Context, Fields, NewId, References, Trim, TrimKeep, TrimPrecision, XAdd};
use parking_lot::Mutex;
use storage::fs::sim::Random;

use crate::disk::Plant;
use crate::world::{Shared, World, background};

/// The database and key of a stream that grows and is trimmed, and that random commands do not touch.
const WIDE: (u8, &[u8]) = (8, b"wide");
/// Entries that it grows by before a checkpoint, and that are left of them.
const GROWTH: usize = 28;
const LEFT: u64 = 6;

/// What a life has left, by how it ended.
pub struct Past {
    /// With the process: records are written and not durable.
    pub killed: World,
    /// With the power, in the middle of a record.
    pub cut: World,
    /// On request.
    pub stopped: World,
}

impl Past {
    pub fn new() -> Self {
        let world = lived();
        let world = &mut *world.lock();
        for _ in 0..8 {
            add(world);
        }
        world.commit(|database| database.log().write().map(|_| ()));
        world.kill();
        assert!(world.history.durable < world.history.written, "something is not durable");
        let cuts = (1..100).map(|seed| {
            let mut cut = world.fork();
            cut.random = Random(seed);
            cut.cut_power();
            cut
        });
        let is_torn = |cut: &World| {
            let mut start = cut.fork();
            start.open(&|| "after a power cut".into()).unwrap();
            start.seen.torn_tails == 1
        };
        let cut = cuts.into_iter().find(is_torn).expect("one of the cuts tears a record");
        let stopped = lived();
        let stopped = &mut *stopped.lock();
        stopped.stop();
        stopped.cut_power();
        Self { killed: world.fork(), cut, stopped: stopped.fork() }
    }
}

/// A first life.
fn lived() -> Shared {
    let mut world = World::new(5, Plant::Nothing);
    (world.is_calm, world.options.spares) = (true, 1);
    // Room for some ten records.
    world.options.segment_bytes = 4096 + 1024;
    world.options.first_segment_bytes = world.options.segment_bytes;
    world.open(&|| "the first life".into()).unwrap();
    let world = Arc::new(Mutex::new(world));
    second_life(&world);
    world
}

/// Twice: the stream grows and is made to shrink, each with a checkpoint.
pub fn second_life(world: &Shared) {
    for _ in 0..2 {
        grow(world, GROWTH);
        step(world, |world| background(world, true));
        step(world, |world| trim(&mut world.lock()));
        grow(world, GROWTH / 3);
        step(world, |world| background(world, true));
    }
}

/// Adds entries with other commands in between, and prepares segments for them.
fn grow(world: &Shared, count: usize) {
    for number in 1..=count {
        step(world, |world| add(&mut world.lock()));
        if number % 4 == 0 {
            step(world, |world| world.lock().small_step());
            let commit = |world: &Shared| {
                world.lock().commit(|database| database.log().commit().map(|_| ()));
            };
            step(world, commit);
            step(world, |world| background(world, false));
        }
    }
}

/// Does something, unless the disk or the log has failed for good.
fn step(world: &Shared, what: impl FnOnce(&Shared)) {
    let is_over = world.lock().is_over();
    if !is_over {
        what(world);
    }
}

fn add(world: &mut World) {
    let fields = Fields::Borrowed(&[b"reading", b"one of many that will go again"]);
    let (key, id, no_make_stream, trim) = (WIDE.1, NewId::Auto, false, None);
    execute(world, &Command::XAdd(XAdd { key, id, fields, no_make_stream, trim }));
}

fn trim(world: &mut World) {
    let (keep, precision) = (TrimKeep::MaxLen(LEFT), TrimPrecision::Exact);
    let trim = Trim { keep, precision, references: References::Keep };
    execute(world, &Command::XTrim { key: WIDE.1, trim });
}

fn execute(world: &mut World, command: &Command<'_>) {
    let context = Context { db: WIDE.0, now: world.now };
    world.execute(command, context);
}

/// What the faults are held against has to happen when there is none.
#[test]
fn the_lives_have_occasion_for_every_fault() {
    let past = Past::new();
    assert!(past.stopped.fork().opened().seen.clean_stops == 1);
    let world = past.killed.fork().opened();
    let world = Arc::new(Mutex::new(world));
    second_life(&world);
    let world = world.lock();
    let (seen, names) = (world.seen, world.disk.names());
    println!("{seen:#?} {names:#?}");
    assert!(1 < names.recycled && 1 < names.reused && 1 < names.segments_deleted);
    assert!(0 < names.block_files_deleted && 0 < seen.blocks_moved);
    assert!(2 < seen.checkpoints && seen.checkpoints_failed == 0);
}

impl World {
    fn opened(mut self) -> Self {
        self.open(&|| "a start".into()).unwrap();
        self
    }
}
