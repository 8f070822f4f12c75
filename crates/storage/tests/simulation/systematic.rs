//! Every I/O call of one run fails, each in its turn: once, for good, for want of space, halfway, and
//! with the power. The calls are counted, not listed: the last run is the one that meets no fault.

use std::sync::Arc;

use parking_lot::Mutex;
use storage::StorageError;
use storage::fs::sim::Fault;

use crate::disk::Plant;
use crate::world::{World, background_step};

/// Commands and commits of the run, besides those that happen during checkpoints.
const STEPS: usize = 200;
/// Steps between two pieces of background work.
const BACKGROUND: usize = 40;

#[test]
fn every_call_fails_once() {
    every_call("once", |world, nth| world.sim.fail_call(nth, Fault::Eio));
}

#[test]
fn every_call_fails_for_good() {
    every_call("for good", |world, nth| world.sim.fail_from_call(nth, Fault::Eio));
}

#[test]
fn every_call_meets_a_full_disk() {
    every_call("no space, once", |world, nth| world.sim.fail_call(nth, Fault::NoSpace));
    every_call("no space", |world, nth| world.sim.fail_from_call(nth, Fault::NoSpace));
}

#[test]
fn every_write_is_short_once() {
    every_call("short write", |world, nth| world.sim.fail_call(nth, Fault::ShortWrite));
}

/// Among the calls are all steps of checkpoints, of rolls, and of the deletion of what they replace.
#[test]
fn the_power_goes_at_every_call() {
    every_call("power cut", |world, nth| world.sim.fail_call(nth, Fault::PowerCut));
}

fn every_call(name: &str, arm: impl Fn(&World, u64)) {
    for nth in 1.. {
        let what = || format!("call {nth}: {name}");
        let world = Arc::new(Mutex::new(World::new(6, Plant::Nothing)));
        arm(&world.lock(), nth);
        let opened = world.lock().open(&what);
        match opened {
            Ok(()) => {
                for step in 1..=STEPS {
                    if world.lock().is_over() {
                        break;
                    }
                    world.lock().small_step();
                    if step % BACKGROUND == 0 && !world.lock().is_over() {
                        background_step(&world);
                    }
                }
            }
            Err(StorageError::Io { .. } | StorageError::NoSpace { .. }) => {}
            Err(error) => panic!("{}: {error}", what()),
        }
        let mut world = world.lock();
        let is_over = world.sim.calls() < nth;
        world.cut_power();
        // And it goes on, and what it writes then survives as well.
        for _ in 0..2 {
            world.open(&what).unwrap_or_else(|error| panic!("{}: {error}", what()));
            for _ in 0..5 {
                world.small_step();
            }
            world.cut_power();
        }
        if is_over {
            println!("{name}: each of {} calls", nth - 1);
            assert!(200 < nth, "the run has only {nth} calls");
            return;
        }
    }
}
