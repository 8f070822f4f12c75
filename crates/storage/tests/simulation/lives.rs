//! Many lives of one database, each ended by a fault, a power cut or by request.

use std::ops::AddAssign;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use storage::fs::sim::Fault;
use storage::{StorageError, planted};

use crate::disk::Plant;
use crate::world::{DIR, Seen, Shared, World, background_step};

/// What a run is made of. The same plan and seed make the same run.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub plant: Plant,
    pub lives: u64,
    /// Most steps of a life.
    pub steps: usize,
}

pub const PLAN: Plan = Plan { plant: Plant::Nothing, lives: 8, steps: 120 };

/// How much has happened.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub cuts: u64,
    pub kills: u64,
    pub calls: u64,
    pub damaged: u64,
    pub seen: Seen,
}

impl AddAssign<Seen> for Seen {
    fn add_assign(&mut self, other: Seen) {
        self.records += other.records;
        self.torn_tails += other.torn_tails;
        self.clean_stops += other.clean_stops;
        self.checkpoints += other.checkpoints;
        self.checkpoints_failed += other.checkpoints_failed;
        self.blocks_moved += other.blocks_moved;
        self.segments_given_up += other.segments_given_up;
        self.reads += other.reads;
        self.damage_contained += other.damage_contained;
        self.damage_refused += other.damage_refused;
    }
}

/// One run.
pub fn run(seed: u64, plan: Plan, tally: &mut Tally) {
    planted::let_stale_bytes_pass(plan.plant == Plant::StaleBytesAccepted);
    let world = Arc::new(Mutex::new(World::new(seed, plan.plant)));
    for life in 0..plan.lives {
        live(&world, &|| format!("seed {seed}, life {life}"), plan, tally);
    }
    let world = world.lock();
    tally.calls += world.sim.calls();
    tally.seen += world.seen;
    planted::let_stale_bytes_pass(false);
}

/// What a life meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trial {
    Nothing,
    Once(Fault),
    /// From then on, until the life ends.
    Lasting(Fault),
    /// No more room, until there is room again.
    DiskFull,
}

fn live(world: &Shared, what: &dyn Fn() -> String, plan: Plan, tally: &mut Tally) {
    let trial = open(world, what, tally);
    let (steps, relief) = {
        let mut world = world.lock();
        world.is_harsh = trial != Trial::DiskFull;
        let random = &mut world.random;
        (1 + random.below(plan.steps), random.below(plan.steps))
    };
    for step in 0..steps {
        if world.lock().is_over() {
            break;
        }
        let is_background = {
            let mut world = world.lock();
            if step == relief && !world.is_over() && trial == Trial::DiskFull {
                world.sim.set_capacity(None);
                world.resume(what);
            }
            world.random.one_in(14)
        };
        if is_background { background_step(world) } else { world.lock().small_step() }
    }
    let world = &mut *world.lock();
    let is_only_full = trial == Trial::DiskFull && !world.sim.is_dead();
    assert!(!is_only_full || !world.is_poisoned(), "{}: a full disk is no fault", what());
    world.sim.set_capacity(None);
    if !world.is_over() && world.random.one_in(8) {
        world.stop();
    }
    if world.sim.is_dead() || !world.random.one_in(6) {
        cut(world, tally);
    } else {
        world.kill();
        tally.kills += 1;
    }
    if world.random.one_in(4) {
        damage(world, what);
        tally.damaged += 1;
    }
}

/// Opens the database, which may take several attempts, and says what awaits it.
fn open(world: &Shared, what: &dyn Fn() -> String, tally: &mut Tally) -> Trial {
    for attempt in 0.. {
        let world = &mut *world.lock();
        let trial = if attempt < 3 { arm(world) } else { Trial::Nothing };
        match world.open(what) {
            Ok(()) => return trial,
            Err(StorageError::Io { .. } | StorageError::NoSpace { .. }) if attempt < 3 => {}
            Err(error) => panic!("{}, attempt {attempt}: {error}\n{:#?}", what(), files(world)),
        }
        world.sim.set_capacity(None);
        if world.sim.is_dead() || world.random.one_in(2) {
            cut(world, tally);
        } else {
            world.kill();
            tally.kills += 1;
        }
    }
    unreachable!("the attempt without a fault returns")
}

fn arm(world: &mut World) -> Trial {
    let random = &mut world.random;
    let reach = if random.one_in(3) { 40 } else { 400 };
    let nth = 1 + random.below(reach) as u64;
    let room = random.below(20_000) as u64;
    let trial = match random.below(20) {
        0..12 => Trial::Once(Fault::PowerCut),
        12..15 => Trial::Once(Fault::Eio),
        15 => Trial::Lasting(Fault::Eio),
        16 => Trial::Once(Fault::NoSpace),
        17 => Trial::Once(Fault::ShortWrite),
        18 => Trial::Lasting(Fault::NoSpace),
        _ => Trial::DiskFull,
    };
    match trial {
        Trial::Nothing => {}
        Trial::Once(fault) => world.sim.fail_call(nth, fault),
        Trial::Lasting(fault) => world.sim.fail_from_call(nth, fault),
        Trial::DiskFull => world.sim.set_capacity(Some(world.sim.used() + room)),
    }
    trial
}

fn cut(world: &mut World, tally: &mut Tally) {
    world.cut_power();
    tally.cuts += 1;
}

/// Damages one file of a copy of the disk at rest.
fn damage(world: &mut World, what: &dyn Fn() -> String) {
    let sim = world.sim.fork();
    let files = sim.files(Path::new(DIR));
    if files.is_empty() {
        return;
    }
    let file = &files[world.random.below(files.len())];
    let random = &mut world.random;
    let (kind, len) = (random.below(8), sim.bytes(file).len());
    if kind == 0 {
        sim.lose(file);
    } else if 0 < len {
        let at = random.below(len);
        let bit = 1u8 << random.below(8);
        sim.damage(file, |bytes| match kind {
            1 => bytes.truncate(at),
            2 => bytes[at & !511..(at | 511).min(len - 1)].fill(0),
            _ => bytes[at] ^= bit,
        });
    }
    let what = || format!("{}: {} damaged ({kind})", what(), file.display());
    world.check_damaged(sim, file, 2 < kind, &what);
}

fn files(world: &World) -> Vec<std::path::PathBuf> {
    world.sim.files(Path::new("/"))
}
