//! The commit queue on random schedules, further than all interleavings can be followed. Half of them
//! come from a scheduler that picks threads at random, half from one that prefers some threads for
//! long (PCT), which finds other bugs.
//!
//! `HEADWATER_SHUTTLE_RUNS` sets the number of schedules; shuttle prints the failing one.

#![allow(missing_docs, reason = "a test")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use interleavings_shuttle::scenario::{PLAIN, Scenario, run};
use interleavings_shuttle::sync::lose_wake_ups;

/// Schedules in CI; 100,000 on demand.
const RUNS: usize = 10_000;

/// In a PCT schedule, how often the preferred thread changes.
const CHANGES: usize = 3;

#[test]
fn random_schedules() {
    let set = std::env::var("HEADWATER_SHUTTLE_RUNS");
    let runs = set.map_or(RUNS, |text| text.replace('_', "").parse().expect("a number"));
    let lazy = Scenario { is_lazy: true, ..PLAIN };
    let scenarios = [
        PLAIN,
        Scenario { threads: 4, commits: 3, room: 3, ..PLAIN },
        Scenario { failing_sync: Some(2), ..PLAIN },
        Scenario { failing_sync: Some(4), room: 2, ..PLAIN },
        lazy,
        Scenario { failing_sync: Some(2), ..lazy },
    ];
    for scenario in scenarios {
        let each = runs.div_ceil(2 * scenarios.len());
        shuttle::check_random(move || run(scenario), each);
        shuttle::check_pct(move || run(scenario), each, CHANGES);
    }
    println!("figure: {runs} schedules");
}

#[test]
fn a_lost_wake_up_and_a_lying_sync_are_noticed() {
    let lying = Scenario { is_lying: true, ..PLAIN };
    let noticed = |scenario: Scenario| {
        let check = || shuttle::check_random(move || run(scenario), 1000);
        catch_unwind(AssertUnwindSafe(check)).is_err()
    };
    assert!(noticed(lying), "acknowledged before the sync, and nobody noticed");
    lose_wake_ups(true);
    let is_noticed = noticed(PLAIN);
    lose_wake_ups(false);
    assert!(is_noticed, "a wake-up was lost, and nobody noticed");
}
