//! All interleavings of the commit queue, as far as named.

#![allow(missing_docs, reason = "a test")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use interleavings_loom::scenario::{PLAIN, Scenario, run, take_turns};
use interleavings_loom::sync::lose_wake_ups;

/// Runs a scenario through every interleaving in which a thread is interrupted at most `preemptions`
/// times in all while it could go on; waiting for a lock or for each other does not count.
fn explore(scenario: Scenario, preemptions: usize) -> u64 {
    let runs = explore_all(Some(preemptions), move || run(scenario));
    eprintln!("{runs} interleavings: {scenario:?}");
    runs
}

fn explore_all(preemptions: Option<usize>, run: impl Fn() + Send + Sync + 'static) -> u64 {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions;
    model.max_branches = 100_000;
    let runs = Arc::new(AtomicU64::new(0));
    let count = runs.clone();
    model.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        run();
    });
    runs.load(Ordering::Relaxed)
}

fn preemptions(default: usize) -> usize {
    let set = std::env::var("HEADWATER_LOOM_PREEMPTIONS");
    set.map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn three_threads_commit_twice() {
    assert!(10_000 < explore(PLAIN, preemptions(2)));
}

/// The queue by itself, without the log around it, can be followed further: two threads through every
/// interleaving there is, three with more interruptions.
#[test]
fn turns_of_the_queue() {
    for (threads, commits, preemptions) in [(2, 1, None), (3, 2, Some(preemptions(2) + 1))] {
        let runs = explore_all(preemptions, move || take_turns(threads, commits));
        eprintln!("{runs} interleavings: {threads} threads, {commits} turns each, {preemptions:?}");
        assert!(10 < runs);
    }
}

#[test]
fn two_threads_commit_twice() {
    assert!(100 < explore(Scenario { threads: 2, ..PLAIN }, preemptions(2)));
}

#[test]
fn a_sync_fails() {
    for failing_sync in 1..=3 {
        let failing_sync = Some(failing_sync);
        explore(Scenario { threads: 2, failing_sync, ..PLAIN }, preemptions(2));
    }
}

#[test]
fn the_segment_ends() {
    explore(Scenario { threads: 2, room: 2, ..PLAIN }, preemptions(1));
    explore(Scenario { threads: 2, room: 2, failing_sync: Some(2), ..PLAIN }, preemptions(1));
}

#[test]
fn one_commits_one_writes_one_syncs() {
    let lazy = Scenario { is_lazy: true, commits: 1, ..PLAIN };
    explore(lazy, preemptions(2));
    // A commit and a sync may wait for each other here: the second must not try again.
    explore(Scenario { failing_sync: Some(1), ..lazy }, preemptions(2));
}

#[test]
fn a_lost_wake_up_and_a_lying_sync_are_noticed() {
    let lying = Scenario { is_lying: true, ..PLAIN };
    let explored = catch_unwind(AssertUnwindSafe(|| explore(lying, 1)));
    assert!(explored.is_err(), "acknowledged before the sync, and nobody noticed");
    lose_wake_ups(true);
    let explored = catch_unwind(AssertUnwindSafe(|| explore(PLAIN, 1)));
    lose_wake_ups(false);
    assert!(explored.is_err(), "a wake-up was lost, and nobody noticed");
}
