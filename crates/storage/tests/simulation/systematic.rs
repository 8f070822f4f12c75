//! Every I/O call of a run fails, each in its turn: once, for good, for want of space, halfway, and
//! with the power. The calls are counted, not listed: the last run is the one that meets no fault.
//!
//! The runs are a first life in an empty directory, a second life (see `past`), and starts: in what a
//! power cut, the end of the process and a clean stop have left.

use std::sync::Arc;

use parking_lot::Mutex;
use storage::StorageError;
use storage::fs::sim::Fault;

use crate::disk::Plant;
use crate::past::{Past, second_life};
use crate::world::{Shared, World, background_step};

/// Commands and commits of a first life, besides those that happen during checkpoints.
const STEPS: usize = 200;
/// Steps between two pieces of background work.
const BACKGROUND: usize = 40;

#[test]
fn every_call_fails_once() {
    every_call("once", &|world, nth| world.sim.fail_call(nth, Fault::Eio));
}

#[test]
fn every_call_fails_for_good() {
    every_call("for good", &|world, nth| world.sim.fail_from_call(nth, Fault::Eio));
}

#[test]
fn every_call_meets_a_full_disk() {
    every_call("no space, once", &|world, nth| world.sim.fail_call(nth, Fault::NoSpace));
    every_call("no space", &|world, nth| world.sim.fail_from_call(nth, Fault::NoSpace));
}

#[test]
fn every_write_is_short_once() {
    every_call("short write", &|world, nth| world.sim.fail_call(nth, Fault::ShortWrite));
}

/// Among the calls are all steps of checkpoints, of rolls, and of the deletion of what they replace.
#[test]
fn the_power_goes_at_every_call() {
    every_call("power cut", &|world, nth| world.sim.fail_call(nth, Fault::PowerCut));
}

/// Lets the call of that number meet its fault.
type Arm<'a> = &'a dyn Fn(&World, u64);

fn every_call(fault: &str, arm: Arm<'_>) {
    let first = || World::new(5, Plant::Nothing);
    let calls = each(&format!("first life: {fault}"), &first, &first_life, arm);
    assert!(200 < calls, "the first life has only {calls} calls");
    let past = Past::new();
    let calls = each(&format!("second life: {fault}"), &|| past.killed.fork(), &second_life, arm);
    assert!(400 < calls, "the second life has only {calls} calls");
    for (past, end) in [(&past.cut, "a power cut"), (&past.stopped, "a clean stop")] {
        let calls = each(&format!("start after {end}: {fault}"), &|| past.fork(), &|_| {}, arm);
        assert!(30 < calls, "the start has only {calls} calls");
    }
}

fn first_life(world: &Shared) {
    for step in 1..=STEPS {
        if world.lock().is_over() {
            break;
        }
        world.lock().small_step();
        if step % BACKGROUND == 0 && !world.lock().is_over() {
            background_step(world);
        }
    }
}

/// Opens what is there and leads a life, with a fault at each call in its turn: how many there are.
fn each(name: &str, begin: &dyn Fn() -> World, lead: &dyn Fn(&Shared), arm: Arm<'_>) -> u64 {
    for nth in 1.. {
        let what = || format!("call {nth}: {name}");
        // What a start that failed has left is found with the page cache, or without it.
        for is_cut in [true, false] {
            let world = begin();
            let calls_before = world.sim.calls();
            arm(&world, nth);
            let world = Arc::new(Mutex::new(world));
            let opened = world.lock().open(&what);
            let is_open = match opened {
                Ok(()) => true,
                Err(StorageError::Io { .. } | StorageError::NoSpace { .. }) => false,
                Err(error) => panic!("{}: {error}", what()),
            };
            if is_open {
                lead(&world);
            }
            let world = &mut *world.lock();
            let is_over = world.sim.calls() - calls_before < nth;
            if is_cut || world.sim.is_dead() {
                world.cut_power()
            } else {
                world.kill()
            }
            go_on(world, &what);
            if is_over {
                println!("{name}: each of {} calls", nth - 1);
                return nth - 1;
            }
            if is_open {
                break;
            }
        }
    }
    unreachable!("a life has an end")
}

/// It goes on, and what it writes then survives as well.
fn go_on(world: &mut World, what: &dyn Fn() -> String) {
    for _ in 0..2 {
        world.open(what).unwrap_or_else(|error| panic!("{}: {error}", what()));
        for _ in 0..5 {
            world.small_step();
        }
        world.cut_power();
    }
}
