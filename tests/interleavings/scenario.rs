//! Threads that append and commit, and what must hold whatever their order: nobody waits for ever,
//! nothing is acknowledged before its sync, no sync follows one that failed, two never overlap.

use std::path::Path;
use std::sync::Arc;

use crate::format::record::{self, Kind};
use crate::log::{Log, LogEnd, SEGMENT_HEADER_BYTES, Segment, Urgency};
use crate::memory::Memory;
use crate::options::Options;
use crate::sync::{AtomicU64, Ordering, thread};
use crate::turn::Turns;

/// What a model is made of.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Threads, the first one included, which also begins and ends the model.
    pub threads: usize,
    /// Commits of each.
    pub commits: usize,
    /// Which sync fails.
    pub failing_sync: Option<u64>,
    /// Records that the first segment has room for.
    pub room: u64,
    /// One thread hands records to the operating system and one syncs, as `everysec` does.
    pub is_lazy: bool,
    /// Syncs do nothing, which must be noticed.
    pub is_lying: bool,
}

/// Three threads that commit twice each, in one segment, on a disk that works.
pub const PLAIN: Scenario = Scenario {
    threads: 3,
    commits: 2,
    failing_sync: None,
    room: 100,
    is_lazy: false,
    is_lying: false,
};

const PAYLOAD: [u8; 8] = [0; 8];

/// One run of the threads.
pub fn run(scenario: Scenario) {
    let disk = Memory::new(scenario.failing_sync, scenario.is_lying);
    let log = Arc::new(open(&disk, scenario.room));
    let work = |number: usize| {
        let (log, disk) = (log.clone(), disk.clone());
        move || match number {
            1 if scenario.is_lazy => write(&log, scenario.commits),
            2 if scenario.is_lazy => sync(&log, &disk, scenario.commits),
            _ => commit(&log, &disk, scenario.commits),
        }
    };
    let threads: Vec<_> = (1..scenario.threads).map(|number| thread::spawn(work(number))).collect();
    work(0)();
    for thread in threads {
        thread.join().expect("it would have ended the model");
    }
    let records = log.last();
    // One for each record at worst, and three for each new segment: before, its header, the seal.
    let most = records + 3 * (records / scenario.room);
    assert!(disk.syncs() <= most, "{} syncs for {records} records", disk.syncs());
    if !disk.has_failed() && !scenario.is_lazy {
        assert_eq!(log.durable(), records, "somebody committed each record");
    }
    check(&log, &disk);
}

/// Threads that take turns at making numbers durable, each leader those of all.
pub fn take_turns(threads: usize, commits: usize) {
    #[derive(Debug, Default)]
    struct Queue {
        turns: Turns,
        last: AtomicU64,
        durable: AtomicU64,
    }
    let queue = Arc::new(Queue::default());
    let work = move |queue: Arc<Queue>| {
        for _ in 0..commits {
            let number = queue.last.fetch_add(1, Ordering::AcqRel) + 1;
            let is_done = || number <= queue.durable.load(Ordering::Acquire);
            if let Some(_turn) = queue.turns.lead_unless(is_done) {
                let last = queue.last.load(Ordering::Acquire);
                let before = queue.durable.swap(last, Ordering::AcqRel);
                assert!(before <= last, "two led at once");
            }
            assert!(number <= queue.durable.load(Ordering::Acquire), "left in the queue");
        }
    };
    let start = |_| {
        let queue = queue.clone();
        thread::spawn(move || work(queue))
    };
    let started: Vec<_> = (1..threads).map(start).collect();
    work(queue.clone());
    for thread in started {
        thread.join().expect("it would have ended the model");
    }
}

fn open(disk: &Memory, room: u64) -> Log {
    let bytes = SEGMENT_HEADER_BYTES
        + record::RECORD_HEADER_BYTES as u64
        + room * record::size_of_record(PAYLOAD.len()) as u64;
    let options = Options {
        segment_bytes: bytes,
        first_segment_bytes: bytes,
        reserve_bytes: 0,
        spares: 0,
        ..Options::default()
    };
    let end = LogEnd {
        segments: vec![Segment { first: 1, bytes }],
        last: 0,
        offset: SEGMENT_HEADER_BYTES,
        salt: 7,
        history: 1,
    };
    Log::open(Arc::new(disk.clone()), Path::new("/db"), options, end).expect("this disk opens all")
}

/// Appends a record; `None` once the log has failed.
fn append(log: &Log) -> Option<u64> {
    let fill = |out: &mut Vec<u8>| out.extend_from_slice(&PAYLOAD);
    log.append(Kind::Ops, 1, Urgency::Ordinary, fill).ok()
}

fn commit(log: &Log, disk: &Memory, times: usize) {
    for _ in 0..times {
        let Some(lsn) = append(log) else {
            assert!(disk.has_failed(), "refused without a reason");
            return;
        };
        match log.commit() {
            Ok(durable) => {
                assert!(lsn <= durable, "record {lsn} was committed, {durable} is durable");
                assert!(disk.has_all(durable), "{durable} was acknowledged before its sync");
            }
            Err(_) => assert!(disk.has_failed(), "a failure without a reason"),
        }
    }
}

fn write(log: &Log, times: usize) {
    for _ in 0..times {
        let Some(lsn) = append(log) else { return };
        if let Ok(written) = log.write() {
            assert!(lsn <= written, "record {lsn} was written, {written} is said to be");
        }
    }
}

fn sync(log: &Log, disk: &Memory, times: usize) {
    for _ in 0..times {
        let written = log.written();
        if let Ok(durable) = log.sync() {
            assert!(written <= durable, "record {written} was synced, {durable} is durable");
        }
        check(log, disk);
    }
}

fn check(log: &Log, disk: &Memory) {
    let durable = log.durable();
    assert!(disk.has_all(durable), "{durable} counts as durable before its sync");
}
