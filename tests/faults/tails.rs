//! A log that ends anywhere: the server has exactly the records before that place, and what it writes
//! next survives the next kill.

use std::fs;
use std::path::{Path, PathBuf};

use support::{Client, Launch, Rng, Value};

/// One segment of this length holds all records.
const SEGMENT: &str = "--fsize=1114112";

/// Every file of the log begins with a page of its own.
const HEADER_BYTES: u64 = 4096;

/// A record's own header; its first four bytes are the length of what follows.
const RECORD_HEADER_BYTES: usize = 48;

/// Records begin at multiples of this.
const ALIGN: usize = 8;

/// How far from a record's edge the interesting places lie.
const AROUND: u64 = 16;

/// A log whose every byte is known, and where in it each record ends.
struct Log {
    launch: Launch,
    bytes: Vec<u8>,
    /// In order, with how many entries there are up to there.
    ends: Vec<(u64, u64)>,
}

#[test]
fn a_log_cut_anywhere() {
    let trials = crate::count("HEADWATER_TAIL_TRIALS", 30);
    // About 8 KiB of log in CI, about 1 MiB on demand.
    let entries = if 1_000 < trials { 9_000 } else { 80 };
    let mut rng = Rng::from_env("HEADWATER_TAIL_SEED");
    let log = Log::write(entries);
    let (mut cut, mut whole) = (0, 0);
    for trial in 0..trials {
        let (edge, _) = log.ends[rng.index(log.ends.len())];
        let at = (edge + rng.below(0..2 * AROUND + 1)).saturating_sub(AROUND).max(HEADER_BYTES);
        let is_torn = check_cut(&log, at, &format!("trial {trial}"));
        *(if is_torn { &mut cut } else { &mut whole }) += 1;
    }
    check_header_cut(&log.launch);
    assert!(0 < cut, "nothing was torn: were there any places?");
    eprintln!(
        "figure: {trials} places, a random sample of the {} within {AROUND} bytes of an edge of {} records: \
         {cut} tails cut exactly and said so, {whole} had none; every entry compared, also after one more kill",
        log.ends.len() as u64 * (2 * AROUND + 1),
        log.ends.len(),
    );
}

impl Log {
    fn write(entries: u64) -> Self {
        let launch = crate::launch().wrapper(["prlimit", SEGMENT]);
        let server = launch.start();
        let mut client = server.connect();
        for n in 1..=entries {
            client.ok(&["XADD", "s", &format!("{n}-1"), "n", &value(n)]);
        }
        server.kill();
        let bytes = fs::read(only_segment(launch.path())).expect("the log can be read");
        let mut ends = Vec::new();
        let mut at = usize::try_from(HEADER_BYTES).expect("small");
        let mut found = 0;
        while let Some(length) = bytes[at..].first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
            && bytes[at..at + RECORD_HEADER_BYTES].iter().any(|byte| *byte != 0)
        {
            let length = usize::try_from(length).expect("it is in memory");
            let end = (at + RECORD_HEADER_BYTES + length).next_multiple_of(ALIGN);
            found += u64::from(contains(&bytes[at..end], value(found + 1).as_bytes()));
            ends.push((end as u64, found));
            at = end;
        }
        assert_eq!(found, entries, "the records of the log are not where they should be");
        Self { launch, bytes, ends }
    }

    /// What a log that ends at `at` has: its whole records end here, with so many entries, and behind
    /// them so many bytes are no record.
    fn up_to(&self, at: u64) -> (u64, u64, u64) {
        let last = self.ends.iter().take_while(|(end, _)| *end <= at).last();
        let (end, entries) = last.copied().unwrap_or((HEADER_BYTES, 0));
        let index = |at: u64| usize::try_from(at).expect("it is in memory");
        let rest = &self.bytes[index(end)..index(at)];
        let torn = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
        (end, entries, torn)
    }
}

fn value(n: u64) -> String {
    format!("value {n};")
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Whether there was something to cut.
fn check_cut(log: &Log, at: u64, what: &str) -> bool {
    let what = format!("{what}: cut at {at}");
    let (offset, entries, torn) = log.up_to(at);
    let cut = copy(&log.launch, at);
    let segment = only_segment(cut.path());
    let mut expected: Vec<_> = (1..=entries).map(|n| entry(&format!("{n}-1"), &value(n))).collect();

    let server = cut.start();
    let mut client = server.connect();
    check_entries(&mut client, &expected, &what);
    let output = server.output();
    let line = output.iter().find(|line| line.contains("cut the torn tail"));
    let said = line.map(|line| {
        [format!("file={}", segment.display()), format!("offset={offset}"), format!("bytes={torn}")]
            .iter()
            .all(|field| line.split(' ').any(|word| word == field))
    });
    assert_eq!(said, (0 < torn).then_some(true), "{what}, {offset}, {torn}: {output:#?}");

    client.ok(&["XADD", "s", "1000000-1", "n", "after the cut"]);
    server.kill();
    expected.push(entry("1000000-1", "after the cut"));
    let server = cut.start();
    check_entries(&mut server.connect(), &expected, &format!("{what}, after another kill"));
    server.kill();
    0 < torn
}

fn entry(id: &str, value: &str) -> Value {
    Value::Array(vec![Value::bulk(id), Value::Array(vec![Value::bulk("n"), Value::bulk(value)])])
}

fn check_entries(client: &mut Client, expected: &[Value], what: &str) {
    let found = client.ok(&["XRANGE", "s", "-", "+"]).array();
    let differs = found.iter().zip(expected).find(|(found, expected)| found != expected);
    assert!(differs.is_none(), "{what}: {differs:?}");
    assert_eq!(found.len(), expected.len(), "{what}");
    let len = client.ok(&["XLEN", "s"]).int();
    assert_eq!(usize::try_from(len), Ok(expected.len()), "{what}: XLEN");
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
