//! The test of the test: each planted bug turns the simulation red, within a bounded number of cuts.

use crate::disk::Plant;
use crate::fails_quietly;
use crate::lives::{PLAN, Plan, Tally, run};

/// A bug that takes more cuts than this to be found might as well not be found in CI.
const CUTS_MAX: u64 = 5_000;

fn check(plant: Plant) {
    let plan = Plan { plant, ..PLAN };
    let mut tally = Tally::default();
    for seed in 1.. {
        if fails_quietly(|| run(seed, plan, &mut tally)) {
            println!("{plant:?}: found by seed {seed}, after {} cuts", tally.cuts);
            storage::planted::let_stale_bytes_pass(false);
            return;
        }
        assert!(tally.cuts < CUTS_MAX, "{plant:?} went unnoticed in {} cuts", tally.cuts);
    }
}

#[test]
fn an_answer_before_the_sync_is_noticed() {
    check(Plant::AnswerBeforeSync);
}

#[test]
fn a_directory_that_is_not_synced_is_noticed() {
    check(Plant::NoDirectorySync);
}

#[test]
fn a_snapshot_renamed_before_its_sync_is_noticed() {
    check(Plant::SnapshotRenamedBeforeSync);
}

#[test]
fn a_segment_deleted_early_is_noticed() {
    check(Plant::SegmentDeletedBeforeSnapshot);
    check(Plant::SegmentOfOlderSnapshotDeleted);
}

#[test]
fn a_sync_retried_after_an_error_is_noticed() {
    check(Plant::SyncRetried);
    check(Plant::DirectorySyncRetried);
}

#[test]
fn pages_of_a_failed_sync_that_are_written_through_are_noticed() {
    check(Plant::PagesOfFailedSyncKept);
}

#[test]
fn stale_bytes_of_a_recycled_segment_are_noticed() {
    check(Plant::StaleBytesAccepted);
}
