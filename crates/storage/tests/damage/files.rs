//! A directory with snapshots, block files and many segments: each file damaged, lost, exchanged.

use std::path::{Path, PathBuf};

use engine::CommandError;
use storage::fs::sim::SimFs;

use crate::small::{DIR, LOG_BEGIN, Small, named};
use crate::state::State;

/// After some work and `checkpoints` of it, each with more after it; also the disk as it was before the
/// last of them.
fn directory(checkpoints: u64) -> (Small, SimFs) {
    let mut small = Small::new(LOG_BEGIN + 2048, 5);
    let mut database = small.begin();
    let mut before = small.sim.fork();
    for round in 1..=checkpoints {
        small.add(&mut database, 10);
        small.work(&mut database, |database| round * 20 < database.log().last());
        before = small.sim.fork();
        small.checkpoint(&database);
    }
    small.add(&mut database, 3);
    drop(database);
    small.sim.kill();
    (small, before)
}

/// Opens damaged copies of a file, which must give the whole state.
fn check_passed_over(small: &Small, file: &Path, change: impl FnOnce(&mut Vec<u8>), what: &str) {
    let sim = small.damaged(file, change);
    let (database, report) = small.open(&sim).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(State::of(database.engine()) == *small.whole(), "{what}");
    let passed_over: Vec<_> = report.snapshots_damaged.iter().map(named).collect();
    assert_eq!(passed_over, [file], "{what}");
}

/// Opens damaged copies of a file, which must be refused by its name.
fn check_refused(small: &Small, file: &Path, change: impl FnOnce(&mut Vec<u8>), what: &str) {
    let sim = small.damaged(file, change);
    let error = small.open(&sim).map(|_| what).unwrap_err();
    assert_eq!(named(&error), file, "{what}: {error}");
}

#[test]
fn a_damaged_snapshot_is_passed_over_for_the_one_before() {
    let (small, _) = directory(2);
    let snapshot = small.newest("snapshots");
    let bytes = small.sim.bytes(&snapshot).len();
    for len in 0..bytes {
        check_passed_over(&small, &snapshot, |bytes| bytes.truncate(len), &format!("cut at {len}"));
    }
    for bit in 0..bytes * 8 {
        let flip = |bytes: &mut Vec<u8>| bytes[bit / 8] ^= 1 << (bit % 8);
        check_passed_over(&small, &snapshot, flip, &format!("bit {bit}"));
    }
}

#[test]
fn a_damaged_snapshot_is_refused_by_name_if_it_is_the_only_way() {
    let (small, _) = directory(3);
    let snapshots = small.sim.files(&Path::new(DIR).join("snapshots"));
    let [older, newest] = snapshots.as_slice() else { panic!("two: {snapshots:?}") };
    small.sim.lose(older);
    let (database, _) = small.open(&small.sim.fork()).unwrap();
    assert!(State::of(database.engine()) == *small.whole());
    let bytes = small.sim.bytes(newest).len();
    for len in 0..bytes {
        check_refused(&small, newest, |bytes| bytes.truncate(len), &format!("cut at {len}"));
    }
    for bit in 0..bytes * 8 {
        let flip = |bytes: &mut Vec<u8>| bytes[bit / 8] ^= 1 << (bit % 8);
        check_refused(&small, newest, flip, &format!("bit {bit}"));
    }
}

#[test]
fn a_damaged_block_file_is_contained_or_refused_by_name() {
    let (small, _) = directory(3);
    let file = small.newest("blocks");
    let bytes = small.sim.bytes(&file).len();
    let open = |change: &dyn Fn(&mut Vec<u8>), what: &str| {
        let sim = small.damaged(&file, change);
        let opened = small.open(&sim);
        opened.map_err(|error| assert_eq!(named(&error), file, "{what}: {error}")).ok()
    };
    for len in 0..bytes {
        let what = format!("cut at {len}");
        if let Some((database, report)) = open(&|bytes| bytes.truncate(len), &what) {
            assert!(!report.snapshots_damaged.is_empty(), "{what}");
            assert!(State::of(database.engine()) == *small.whole(), "{what}");
        }
    }
    let mut contained = 0;
    for bit in 0..bytes * 8 {
        let what = format!("bit {bit}");
        let flip = |bytes: &mut Vec<u8>| bytes[bit / 8] ^= 1 << (bit % 8);
        let Some((database, _)) = open(&flip, &what) else { continue };
        let found = State::of(database.engine());
        assert!(found.is_within(small.whole()), "{what}: a lie");
        for error in found.streams.iter().filter_map(|stream| stream.error.as_ref()) {
            let CommandError::Damaged { location, .. } = error else { panic!("{what}: {error}") };
            let name = file.file_name().unwrap().to_str().unwrap();
            let number = name.trim_start_matches('0').trim_end_matches(".blk");
            assert!(location.contains(number), "{what}: {error}");
            contained += 1;
        }
    }
    assert!(bytes * 4 < contained, "{contained} of {} flips hit entries", bytes * 8);
}

/// What may come of a lost or exchanged file: the whole state, or a refusal that names a file beside
/// it. An older active segment is a shorter log, which nothing tells from a torn tail unless the
/// stop was clean.
fn check_exchanged(small: &Small, sim: &SimFs, file: &Path, may_be_short: bool, what: &str) {
    match small.open(sim) {
        Ok((database, report)) => {
            let (state, found) = (State::of(database.engine()), report.last_lsn);
            if may_be_short && found < small.last() {
                assert!(
                    small.states.get(&found).is_none_or(|expected| state == *expected),
                    "{what}"
                );
            } else {
                assert!(state == *small.whole(), "{what}");
            }
        }
        Err(error) => {
            assert_eq!(named(&error).parent(), file.parent(), "{what}: {error}");
        }
    }
}

#[test]
fn each_file_lost_or_replaced_by_an_older_one_is_named_or_not_missed() {
    for is_clean in [false, true] {
        let (small, before) = directory(4);
        if is_clean {
            let (database, _) = small.open(&small.sim).unwrap();
            database.log().stop_cleanly(7).unwrap();
            drop(database);
            small.sim.power_cut(3);
        }
        let files = small.sim.files(Path::new(DIR));
        let older = before.files(Path::new(DIR));
        let active = small.newest_segment();
        assert!(8 < files.len(), "{files:#?}");
        for file in &files {
            let may_be_short = !is_clean && *file == active;
            let what = format!("{} lost", file.display());
            let sim = small.sim.fork();
            sim.lose(file);
            check_exchanged(&small, &sim, file, false, &what);

            if older.contains(file) {
                let what = format!("{} replaced by what it was", file.display());
                let sim = small.damaged(file, |bytes| *bytes = before.bytes(file));
                check_exchanged(&small, &sim, file, may_be_short, &what);
            }
            for other in files.iter().filter(|other| *other != file && is_alike(other, file)) {
                let what = format!("{} replaced by {}", file.display(), other.display());
                let sim = small.damaged(file, |bytes| *bytes = small.sim.bytes(other));
                check_exchanged(&small, &sim, file, false, &what);
            }
        }
    }
}

fn is_alike(one: &Path, other: &Path) -> bool {
    (one.parent(), one.extension()) == (other.parent(), other.extension())
}

impl Small {
    fn newest_segment(&self) -> PathBuf {
        let files = self.sim.files(&Path::new(DIR).join("log"));
        let is_segment = |file: &&PathBuf| file.extension().is_some_and(|name| name == "log");
        files.iter().rfind(is_segment).unwrap().clone()
    }
}
