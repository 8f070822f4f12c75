//! A log that ends anywhere: the server has exactly the records before that place, and what it writes
//! next survives the next kill.

use std::fs;
use std::path::{Path, PathBuf};

use support::{Launch, Rng};

/// One segment of this length holds all records.
const SEGMENT: &str = "--fsize=1114112";

/// Every file of the log begins with a page of its own.
const HEADER_BYTES: u64 = 4096;

/// Records begin at multiples of this.
const ALIGN: u64 = 8;

/// How far from a record's edge the interesting places lie.
const AROUND: u64 = 16;

#[test]
fn a_log_cut_anywhere() {
    let trials = crate::count("HEADWATER_TAIL_TRIALS", 30);
    // About 8 KiB of log in CI, about 1 MiB on demand.
    let entries = if 1_000 < trials { 9_000 } else { 80 };
    let mut rng = Rng::from_env("HEADWATER_TAIL_SEED");
    let launch = crate::launch().wrapper(["prlimit", SEGMENT]);
    let edges = write_log(&launch, entries);
    for trial in 0..trials {
        let edge = edges[rng.index(edges.len())];
        let at = (edge + rng.below(0..2 * AROUND + 1)).saturating_sub(AROUND).max(HEADER_BYTES);
        check_cut(&launch, &edges, at, &format!("trial {trial}"));
    }
    check_header_cut(&launch);
    eprintln!("figure: {trials} places of {} records, every record before each kept", edges.len());
}

/// Where each record's last byte that is not zero lies: the record ends there, but for zeros.
fn write_log(launch: &Launch, entries: u64) -> Vec<u64> {
    let server = launch.start();
    let mut client = server.connect();
    let log = only_segment(launch.path());
    let mut edges = Vec::new();
    let mut from = usize::try_from(HEADER_BYTES).expect("small");
    for n in 1..=entries {
        client.ok(&["XADD", "s", &format!("{n}-1"), "n", &format!("value {n}")]);
        let bytes = fs::read(&log).expect("the log can be read");
        let used = bytes[from..].iter().rposition(|&byte| byte != 0).expect("a record was written");
        from += used + 1;
        edges.push(from as u64);
    }
    server.kill();
    edges
}

fn check_cut(launch: &Launch, edges: &[u64], at: u64, what: &str) {
    let what = format!("{what}: cut at {at}");
    let cut = copy(launch, at);
    let server = cut.start();
    let mut client = server.connect();
    let len = client.ok(&["XLEN", "s"]).int();
    let len = usize::try_from(len).expect("a length");
    let whole = |round: fn(u64) -> u64| edges.iter().filter(|edge| round(**edge) <= at).count();
    let (least, most) = (whole(|edge| edge.next_multiple_of(ALIGN)), whole(|edge| edge));
    assert!((least..=most).contains(&len), "{what}: {len} entries, {least} to {most} expected");
    let first = client.ok(&["XRANGE", "s", "-", "+"]).array();
    for (entry, n) in first.into_iter().zip(1..) {
        assert_eq!(entry.array()[0].text(), format!("{n}-1"), "{what}");
    }
    let is_torn = edges.iter().all(|edge| *edge != at) && least < edges.len();
    let output = server.output().join("\n");
    // A few bytes of a header may all be zero, and then nothing is torn.
    if is_torn && len.checked_sub(1).is_some_and(|last| edges[last] + 2 * ALIGN < at) {
        assert!(output.contains("cut the torn tail"), "{what}: {output}");
    }
    client.ok(&["XADD", "s", "1000000-1", "n", "after the cut"]);
    server.kill();
    let server = cut.start();
    let mut client = server.connect();
    let count = client.ok(&["XLEN", "s"]).int();
    assert_eq!(count, i64::try_from(len).expect("a length") + 1, "{what}, after another kill");
    server.kill();
}

/// A log without its header page is damage, and said to be.
fn check_header_cut(launch: &Launch) {
    let refusal = copy(launch, HEADER_BYTES / 2).try_start().expect_err("half a header is damage");
    assert_eq!(refusal.status.code(), Some(65), "{refusal:?}");
}

/// A copy of the directory whose log ends at `at`.
fn copy(launch: &Launch, at: u64) -> Launch {
    let copy = crate::launch().wrapper(["prlimit", SEGMENT]);
    copy_dir(launch.path(), copy.path());
    let log = fs::OpenOptions::new().write(true).open(only_segment(copy.path()));
    log.and_then(|log| log.set_len(at)).expect("the copy can be cut");
    copy
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory can be made");
    for entry in fs::read_dir(from).expect("the directory is there") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy_dir(&entry.path(), &to);
        } else if !is_made_ahead(&entry.path()) {
            fs::copy(entry.path(), to).expect("a file can be copied");
        }
    }
}

/// Spare segments, and the next one. That one says which record was durable when it was made ready, so
/// that a log which ends before is damaged, and not cut by a crash.
fn is_made_ahead(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "spare" || extension == "next")
}

fn only_segment(dir: &Path) -> PathBuf {
    let logs: Vec<_> = fs::read_dir(dir.join("log"))
        .expect("there is a log")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    assert_eq!(logs.len(), 1, "{logs:?}");
    logs[0].clone()
}
