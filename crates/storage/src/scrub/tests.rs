use std::path::PathBuf;
use std::sync::Arc;

use engine::{Command, Context, Fields, NewId, XAdd};

use super::*;
use crate::blocks::BlockWriter;
use crate::checkpoint::Checkpointer;
use crate::database::Database;
use crate::fs::RealFs;
use crate::options::Options;
use crate::testing::put;

fn add(database: &mut Database) {
    let value = [b'v'; 1000];
    let fields = Fields::Borrowed(&[b"field", &value]);
    let (key, id) = (&b"stream"[..], NewId::Auto);
    let xadd = XAdd { key, id, fields, no_make_stream: false, trim: None };
    let context = Context { db: 2, now: 1_700_000_000_000 };
    database.execute(&Command::XAdd(xadd), context).unwrap();
}

fn checkpoint(dir: &Path, database: &Database) -> u64 {
    let mut checkpointer = Checkpointer::new(Arc::new(RealFs), dir.to_path_buf(), 0);
    checkpointer.run(database.log().durable()).unwrap().log_needed_from
}

/// A database with snapshots, blocks, and two closed segments.
fn running() -> (tempfile::TempDir, Database) {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 64 << 10,
        first_segment_bytes: 64 << 10,
        reserve_bytes: 4 << 10,
        spares: 0,
        ..Options::default()
    };
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    let (mut database, _) = Database::open(fs, dir.path(), options, 1, &mut |_| {}).unwrap();
    for round in 0..3 {
        (0..60).for_each(|_| add(&mut database));
        database.log().commit().unwrap();
        if round < 2 {
            checkpoint(dir.path(), &database);
        }
    }
    (dir, database)
}

/// The same, closed.
fn database() -> tempfile::TempDir {
    running().0
}

/// Of the log no more than the closed segments.
fn run(dir: &Path) -> (ScrubReport, DamagedBlocks) {
    run_upto(dir, 0)
}

fn run_upto(dir: &Path, durable: u64) -> (ScrubReport, DamagedBlocks) {
    let damaged = DamagedBlocks::default();
    let total = bytes_to_read(&RealFs, dir).unwrap();
    let mut bytes = 0;
    let report = scrub(&RealFs, dir, &|| durable, &damaged, &mut |read| {
        bytes += read;
        ControlFlow::Continue(())
    });
    let report = report.unwrap();
    assert!(report.is_complete && report.bytes == bytes && bytes <= total, "{report:?} of {total}");
    (report, damaged)
}

/// The files that a scrub reads to their end.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files = vec![dir::format(dir)];
    files.extend(dir::list_snapshots(&RealFs, dir).unwrap().iter().map(|n| dir::snapshot(dir, *n)));
    files.extend(
        dir::list_block_files(&RealFs, dir).unwrap().iter().map(|n| dir::block_file(dir, *n)),
    );
    let mut closed = dir::list_segments(&RealFs, dir).unwrap();
    closed.pop();
    assert!(2 <= closed.len() && 3 <= files.len());
    files.extend(closed.iter().map(|first| dir::segment(dir, *first)));
    files
}

#[test]
fn a_sound_directory_has_nothing_to_report() {
    let dir = database();
    let (report, damaged) = run(dir.path());
    assert_eq!((report.damage, damaged.count()), (Vec::new(), 0));
    let total: u64 = files(dir.path()).iter().map(|file| file.metadata().unwrap().len()).sum();
    // The end of a segment, behind its last record, is nobody's.
    assert!(total * 9 / 10 < report.bytes, "{} of {total}", report.bytes);
}

/// A flipped bit anywhere is found, and named where it is.
#[test]
fn a_flipped_bit_is_found_in_every_file() {
    let dir = database();
    for path in files(dir.path()) {
        let good = std::fs::read(&path).unwrap();
        let is_segment = path.extension().is_some_and(|suffix| suffix == "log");
        // Behind the last record of a segment stand its seal and zeros.
        let end = if is_segment { 60_000 } else { good.len() };
        for at in (0..end).step_by(577).chain([end - 1]) {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (at % 8);
            put(&path, &bytes);
            let (report, damaged) = run(dir.path());
            match damaged.list().as_slice() {
                [block] => {
                    let place = block.location;
                    assert_eq!(path, dir::block_file(dir.path(), place.file));
                    let end = place.offset + u64::from(place.len);
                    assert!((place.offset..end).contains(&(at as u64)), "{at} in {block:?}");
                    assert_eq!((&*block.key, report.damage.len()), (&b"stream"[..], 0));
                }
                [] if is_segment && (64..4096).contains(&at) => {} // The rest of its header page.
                [] => {
                    let [damage] = &report.damage[..] else { panic!("{at}: {report:?}") };
                    assert_eq!(damage.file, path, "{at}");
                }
                more => panic!("{at}: {more:?}"),
            }
        }
        put(&path, &good);
    }
}

/// What a checkpoint removes, or uses again, while it is read is no damage.
#[test]
fn files_may_go_while_they_are_read() {
    let is_later_segment = |name: &Path| {
        name.extension().is_some_and(|suffix| suffix == "log")
            && !name.ends_with("00000000000000000001.log")
    };
    let sample = database();
    let names = files(sample.path());
    // Segments go from the front: no other one before the first.
    assert!(names.iter().any(|name| is_later_segment(name)));
    let is_kept = |name: &Path| is_later_segment(name) || name.ends_with("FORMAT");
    for name in names.iter().filter(|name| !is_kept(name)) {
        let dir = database();
        let path = dir.path().join(name.strip_prefix(sample.path()).unwrap());
        let mut gone = false;
        let damaged = DamagedBlocks::default();
        let report = scrub(&RealFs, dir.path(), &|| 0, &damaged, &mut |_| {
            if !std::mem::replace(&mut gone, true) {
                let spare = path.with_extension("spare");
                std::fs::rename(&path, &spare).unwrap();
                put(&spare, &vec![7; 64 << 10]);
            }
            ControlFlow::Continue(())
        });
        assert_eq!((report.unwrap().damage, damaged.count()), (Vec::new(), 0), "{path:?}");
    }
}

/// A block file has no trailer before it is whole, and no snapshot refers to it before that.
#[test]
fn a_block_file_that_is_being_written_is_not_damaged() {
    let dir = database();
    let numbers = dir::list_block_files(&RealFs, dir.path()).unwrap();
    let number = numbers.last().unwrap() + 1;
    let mut writer = BlockWriter::new(&RealFs, dir.path(), number);
    writer.add(7, &bytes::Bytes::from(vec![7; 300 << 10])).unwrap();
    assert!(dir::block_file(dir.path(), number).exists());
    let (report, damaged) = run(dir.path());
    assert_eq!((report.damage, damaged.count()), (Vec::new(), 0));
    // Which files count is not known without all snapshots: then it is said rather than not.
    let lsn = dir::list_snapshots(&RealFs, dir.path()).unwrap()[0];
    let path = dir::snapshot(dir.path(), lsn);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[70] ^= 1;
    put(&path, &bytes);
    let (report, _) = run(dir.path());
    let damaged: Vec<_> = report.damage.into_iter().map(|damage| damage.file).collect();
    assert_eq!(damaged, [path, dir::block_file(dir.path(), number)]);
}

/// What the engine counts on is checked, also if it came to be while the scrub was at work.
#[test]
fn a_block_file_of_a_checkpoint_meanwhile_is_read() {
    let dir = database();
    let before = dir::list_block_files(&RealFs, dir.path()).unwrap();
    let mut made = None;
    let damaged = DamagedBlocks::default();
    scrub(&RealFs, dir.path(), &|| 0, &damaged, &mut |_| {
        made.get_or_insert_with(|| {
            let path = dir.path().to_path_buf();
            Checkpointer::new(Arc::new(RealFs), path, 0).run(180).unwrap();
            let mut numbers = dir::list_block_files(&RealFs, dir.path()).unwrap();
            numbers.retain(|number| !before.contains(number));
            let path = dir::block_file(dir.path(), numbers[0]);
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[100] ^= 1;
            put(&path, &bytes);
        });
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(damaged.count(), 1);
}

#[test]
fn what_is_whole_again_is_forgotten() {
    let dir = database();
    let number = dir::list_block_files(&RealFs, dir.path()).unwrap()[0];
    let path = dir::block_file(dir.path(), number);
    let good = std::fs::read(&path).unwrap();
    let mut bytes = good.clone();
    bytes[5000] ^= 1;
    put(&path, &bytes);
    let damaged = DamagedBlocks::default();
    let run =
        || scrub(&RealFs, dir.path(), &|| 0, &damaged, &mut |_| ControlFlow::Continue(())).unwrap();
    run();
    assert_eq!(damaged.count(), 1);
    put(&path, &good);
    let broken_off = scrub(&RealFs, dir.path(), &|| 0, &damaged, &mut |_| ControlFlow::Break(()));
    assert!(!broken_off.unwrap().is_complete);
    assert_eq!(damaged.count(), 1, "a pass that was broken off proves nothing");
    run();
    assert_eq!(damaged.count(), 0);
}

/// No start would read the first segment any more, but a restore to an earlier record would.
#[test]
fn a_check_reads_the_segments_that_are_only_kept() {
    let dir = database();
    let path = dir::segment(dir.path(), 1);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20_000] ^= 1;
    put(&path, &bytes);
    let report = crate::check::check(&RealFs, dir.path(), &mut |_| {}).unwrap();
    let damaged: Vec<_> = report.files.iter().filter(|file| !file.problems.is_empty()).collect();
    assert_eq!(damaged.len(), 1, "{damaged:#?}");
    assert_eq!((&damaged[0].file, report.sound), (&path, false));
}

/// As soon as it is durable, and not before: what is being written may look like anything.
#[test]
fn the_durable_part_of_the_active_segment_is_read() {
    let (dir, mut database) = running();
    let durable = database.log().durable();
    (0..3).for_each(|_| add(&mut database));
    assert_eq!(database.log().write().unwrap(), durable + 3);
    let (report, _) = run_upto(dir.path(), durable);
    assert_eq!(report.damage, Vec::new());

    let first = *dir::list_segments(&RealFs, dir.path()).unwrap().last().unwrap();
    let path = dir::segment(dir.path(), first);
    let mut reader = SegmentReader::open(&RealFs, dir.path(), first).unwrap();
    let mut ends = vec![reader.offset()];
    for lsn in first.. {
        let Found::Record(_) = reader.next(lsn).unwrap() else { break };
        ends.push(reader.offset());
    }
    let count = usize::try_from(durable + 1 - first).unwrap();
    assert!(3 < count && count + 3 == ends.len() - 1, "{ends:?}");
    let good = std::fs::read(&path).unwrap();
    for (index, lsn) in (first..=durable + 3).enumerate() {
        for at in [ends[index], ends[index] + 100] {
            let mut bytes = good.clone();
            bytes[usize::try_from(at).unwrap()] ^= 4;
            put(&path, &bytes);
            let (report, _) = run_upto(dir.path(), durable);
            if durable < lsn {
                assert_eq!(report.damage, Vec::new(), "{lsn}");
                continue;
            }
            let [damage] = &report.damage[..] else { panic!("{lsn}: {report:?}") };
            assert_eq!((&damage.file, damage.offset), (&path, ends[index]), "{lsn}");
            let before = format!("record {} is the last good one", lsn - 1);
            assert!(damage.what.ends_with(&before), "{lsn}: {damage:?}");
        }
    }
    put(&path, &good);
}

/// Not once in all the states that a log goes through is something damaged.
#[test]
fn a_scrub_beside_a_writer_finds_nothing() {
    let (dir, mut database) = running();
    let (dir, log) = (dir.path(), database.log().clone());
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            for round in 1..=1000 {
                add(&mut database);
                if round % 3 == 0 {
                    database.log().write().unwrap();
                }
                if round % 5 == 0 {
                    database.log().commit().unwrap();
                }
                if round % 20 == 0 {
                    database.log().prepare_segment().unwrap();
                }
                if round % 200 == 0 {
                    let needed_from = checkpoint(dir, &database);
                    assert_ne!(database.log().remove_before(needed_from).unwrap(), 0);
                }
            }
        });
        let mut scrubs = 0;
        while !writer.is_finished() || scrubs == 0 {
            let damaged = DamagedBlocks::default();
            let durable = || log.durable();
            let report =
                scrub(&RealFs, dir, &durable, &damaged, &mut |_| ControlFlow::Continue(()));
            assert_eq!((report.unwrap().damage, damaged.count()), (Vec::new(), 0));
            scrubs += 1;
        }
    });
}
