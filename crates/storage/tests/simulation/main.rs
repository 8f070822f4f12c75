//! The storage crate on a simulated disk, driven by a seeded scheduler.
//!
//! A run is several lives of one database: random commands of every kind, commits, checkpoints with
//! commands between their steps, small segments that roll and are used again; ended by a power cut
//! between any two calls, a failing call, the end of the process, or a clean stop; then recovery,
//! which may be cut itself. After each, one question: is the state exactly that after some prefix of
//! the commands, and is everything acknowledged inside it?
//!
//! - `HEADWATER_SIM_CUTS`: power cuts, 10,000 unless said otherwise;
//! - `HEADWATER_SIM_SEED`: the first seed. A failing one is printed, made smaller, with the line that
//!   repeats it;
//! - `HEADWATER_SIM_LIVES`, `HEADWATER_SIM_STEPS`: the size of each run, as printed in that line.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test"
)]

mod backup;
#[path = "../common/commands.rs"]
mod commands;
mod disk;
mod history;
mod lives;
mod past;
mod planted;
#[path = "../common/state.rs"]
mod state;
mod systematic;
mod world;

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use lives::{PLAN, Plan, Tally, run};
use world::Seen;

/// Cuts in CI. The figure on demand is a million.
const CUTS: u64 = 10_000;

/// Runs that need several threads to end in reasonable time.
const CUTS_OF_ONE_THREAD: u64 = 100_000;

#[test]
fn nothing_acknowledged_is_lost() {
    let first = number("SEED").unwrap_or(1);
    let cuts = number("CUTS").unwrap_or(CUTS);
    let plan = Plan {
        lives: number("LIVES").unwrap_or(PLAN.lives),
        steps: number("STEPS").map_or(PLAN.steps, |steps| usize::try_from(steps).unwrap()),
        ..PLAN
    };
    let threads = if cuts <= CUTS_OF_ONE_THREAD {
        1
    } else {
        std::thread::available_parallelism().map_or(1, usize::from)
    };
    let begin = Instant::now();
    let (seed, done, has_failed) =
        (AtomicU64::new(first), AtomicU64::new(0), AtomicBool::new(false));
    let work = || {
        let mut tally = Tally::default();
        while done.load(Ordering::Relaxed) < cuts && !has_failed.load(Ordering::Relaxed) {
            let seed = seed.fetch_add(1, Ordering::Relaxed);
            let before = tally.cuts;
            if panic::catch_unwind(AssertUnwindSafe(|| run(seed, plan, &mut tally))).is_err() {
                // Enough for the other threads as well.
                has_failed.store(true, Ordering::Relaxed);
                panic!("to repeat it:\n{}", smallest(seed, plan));
            }
            done.fetch_add(tally.cuts - before, Ordering::Relaxed);
        }
        tally
    };
    let tallies: Vec<_> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined = handles.into_iter().map(|handle| handle.join());
        joined.map(|tally| tally.unwrap_or_else(|panic| panic::resume_unwind(panic))).collect()
    });
    let mut seen = Seen::default();
    tallies.iter().for_each(|tally| seen += tally.seen);
    let sum = |of: fn(&Tally) -> u64| tallies.iter().map(of).sum::<u64>();
    let (cuts, seconds) = (sum(|tally| tally.cuts), begin.elapsed().as_secs_f64());
    println!(
        "figure: {cuts} power cuts, {} kills, {} damaged copies, {} I/O calls from seed {first} on, \
         in {seconds:.1} s ({:.0} cuts/s)",
        sum(|tally| tally.kills),
        sum(|tally| tally.damaged),
        sum(|tally| tally.calls),
        cuts as f64 / seconds,
    );
    println!("{seen:#?}");
    if CUTS <= cuts {
        assert!(300 < seen.torn_tails && 150 < seen.clean_stops, "too little happens");
        assert!(1000 < seen.checkpoints && 1000 < seen.checkpoints_failed, "too little happens");
        assert!(1000 < seen.segments_given_up && 200 < seen.blocks_moved, "too little happens");
        assert!(2000 < seen.reads, "too little happens");
        assert!(40 < seen.damage_contained && 150 < seen.damage_refused, "too little happens");
    }
}

/// The line that repeats a failing run, with as few steps and lives as still fail.
fn smallest(seed: u64, plan: Plan) -> String {
    let fails = |plan| fails_quietly(|| run(seed, plan, &mut Tally::default()));
    let by_steps = (1..plan.steps).map(|steps| Plan { steps, ..plan });
    let plan = by_steps.into_iter().find(|plan| fails(*plan)).unwrap_or(plan);
    let by_lives = (1..plan.lives).map(|lives| Plan { lives, ..plan });
    let plan = by_lives.into_iter().find(|plan| fails(*plan)).unwrap_or(plan);
    format!(
        "HEADWATER_SIM_SEED={seed} HEADWATER_SIM_CUTS=1 HEADWATER_SIM_LIVES={} \
         HEADWATER_SIM_STEPS={} cargo test -p storage --test simulation nothing_acknowledged",
        plan.lives, plan.steps
    )
}

/// Whether `run` panics, without the message that goes with it.
fn fails_quietly(run: impl FnOnce()) -> bool {
    thread_local!(static IS_QUIET: Cell<bool> = const { Cell::new(false) });
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_QUIET.get() {
                usual(info)
            }
        }));
    });
    IS_QUIET.set(true);
    let fails = panic::catch_unwind(AssertUnwindSafe(run)).is_err();
    IS_QUIET.set(false);
    fails
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(format!("HEADWATER_SIM_{name}")).ok()?;
    Some(text.replace('_', "").parse().expect("a number"))
}
