//! Random runs on a disk whose power is cut, whose calls fail, whose process is killed: the recovered
//! state is that after some prefix of the records, with everything acknowledged inside.
//!
//! `HEADWATER_SIM_RUNS` sets the number of runs, `HEADWATER_SIM_SEED` the first seed.

#![allow(missing_docs, clippy::cast_possible_truncation, clippy::unwrap_used, reason = "a test")]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{History, open, step};
use storage::fs::sim::{Fault, Lies, Random, SimFs};

const SEGMENT: u64 = 12 << 10;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Several lives of one database, each ended by a fault.
fn lives(seed: u64, lies: Lies, faults: &[Fault]) {
    let mut random = Random(seed);
    let fs = SimFs::new(seed);
    fs.lie(lies);
    let mut history = History::default();
    let mut is_first = true;
    for life in 0..4 {
        let what = format!("seed {seed}, life {life}");
        let fault = faults[random.below(faults.len())];
        let budget = 1 + random.below(if is_first { 300 } else { 150 }) as u64;
        fs.fail_call(budget, fault);
        // An open may meet the fault as well.
        let opened = open(&fs, SEGMENT);
        let is_open = opened.is_ok();
        if let Ok((mut database, _)) = opened {
            if is_first {
                history.note(&database);
                is_first = false;
            } else {
                let floor = history.durable;
                history.check(&database, floor, &what);
            }
            for _ in 0..60 {
                if step(&mut database, &mut history, &mut random, &fs).is_err() {
                    history.acknowledge(&database);
                    break;
                }
            }
        }
        let is_killed = random.one_in(4);
        if is_killed {
            fs.kill();
        } else {
            fs.power_cut(random.next());
        }
        let reopened = open(&fs, SEGMENT);
        let (database, _) = reopened.unwrap_or_else(|error| {
            panic!("{what}: {error}\n{:#?}", fs.files(std::path::Path::new("/")))
        });
        if is_first {
            // The first open never came to its end: anything it left is an empty database.
            history.note(&database);
            is_first = false;
        }
        let is_poisoned = is_open && fault != Fault::PowerCut;
        let floor = if is_killed && !is_poisoned { history.written } else { history.durable };
        history.check(&database, floor, &what);
        drop(database);
        fs.power_cut(random.next());
        let (database, _) = open(&fs, SEGMENT).unwrap_or_else(|error| {
            panic!("{what}: {error}\n{:#?}", fs.files(std::path::Path::new("/")))
        });
        let floor = history.durable;
        history.check(&database, floor, &format!("{what}, cut again"));
        drop(database);
        fs.kill();
    }
}

fn runs(default: u64) -> std::ops::Range<u64> {
    let first = number("HEADWATER_SIM_SEED", 1);
    eprintln!("seeds from {first}; HEADWATER_SIM_SEED repeats, HEADWATER_SIM_RUNS extends");
    first..first + number("HEADWATER_SIM_RUNS", default)
}

#[test]
fn power_cuts_at_any_call_lose_nothing_acknowledged() {
    for seed in runs(300) {
        lives(seed, Lies::default(), &[Fault::PowerCut]);
    }
}

#[test]
fn failing_calls_lose_nothing_acknowledged() {
    let faults = [Fault::Eio, Fault::NoSpace, Fault::ShortWrite, Fault::PowerCut];
    for seed in runs(300) {
        lives(seed, Lies::default(), &faults);
    }
}

/// What the program would be if it forgot a sync: the test above must notice.
#[test]
fn a_forgotten_sync_is_noticed() {
    for lies in
        [Lies { sync_data: true, ..Lies::default() }, Lies { sync_dir: true, ..Lies::default() }]
    {
        let is_noticed = |seed| {
            let run = || lives(seed, lies, &[Fault::PowerCut]);
            catch_unwind(AssertUnwindSafe(run)).is_err()
        };
        assert!((1..100).any(is_noticed), "{lies:?} went unnoticed");
    }
}

#[test]
fn every_call_of_a_run_fails_once() {
    for fault in [Fault::Eio, Fault::NoSpace, Fault::ShortWrite, Fault::PowerCut] {
        for nth in 1.. {
            let fs = SimFs::new(3);
            let mut random = Random(5);
            let mut history = History::default();
            fs.fail_call(nth, fault);
            let what = format!("{fault:?} at call {nth}");
            if let Ok((mut database, _)) = open(&fs, SEGMENT) {
                history.note(&database);
                for _ in 0..200 {
                    if step(&mut database, &mut history, &mut random, &fs).is_err() {
                        break;
                    }
                }
                history.acknowledge(&database);
            }
            let is_over = fs.calls() < nth;
            fs.power_cut(nth);
            let (database, _) = open(&fs, SEGMENT).unwrap_or_else(|error| {
                panic!("{what}: {error}\n{:#?}", fs.files(std::path::Path::new("/")))
            });
            if history.states.is_empty() {
                history.note(&database);
            }
            let floor = history.durable;
            history.check(&database, floor, &what);
            if is_over {
                assert!(200 < nth, "the run has only {nth} calls");
                break;
            }
        }
    }
}
