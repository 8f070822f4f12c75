//! Damage behind a running server.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use support::{Client, Launch, Server, Value};

use crate::known::{self, Compared};
use crate::{DATA_DAMAGED, launch, tool};

/// A server with blocks on disk, just started on them.
fn server() -> (Launch, Server) {
    let launch = launch().args(["--stream-node-max-entries", "4", "--scrub-interval", "0"]);
    let server = launch.start();
    let mut client = server.connect();
    let mut saver = server.connect();
    known::fill(&mut |words| client.command(words), &mut || {
        saver.ok(&["SAVE"]);
    });
    // The blocks are read from their files from now on.
    client.ok(&["SAVE"]);
    assert_eq!(server.terminate().code(), Some(0));
    let server = launch.start();
    (launch, server)
}

fn compare(client: &mut Client) -> Compared {
    known::compare(&mut |words| client.command(words))
}

/// The largest block file.
fn block_file(dir: &Path) -> PathBuf {
    let files = known::files(&dir.join("blocks"));
    files.into_iter().max_by_key(|file| file.metadata().unwrap().len()).unwrap()
}

fn scrub(client: &mut Client) {
    let before: u64 = client.info("scrubs_completed").parse().unwrap();
    assert_eq!(client.ok(&["HEADWATER", "SCRUB"]), Value::simple("Scrub started"));
    let deadline = Instant::now() + Duration::from_secs(60);
    while client.info("scrubs_completed").parse::<u64>().unwrap() == before {
        assert!(Instant::now() < deadline, "the scrub does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_flipped_bit_is_found_by_one_scrub_and_served_to_nobody() {
    let (_launch, server) = server();
    let mut client = server.connect();
    scrub(&mut client);
    assert_eq!(
        (client.info("damaged_blocks"), client.info("damaged_files")),
        ("0".into(), "0".into())
    );
    let path = block_file(server.dir());
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 64 + 100).unwrap();
    file.write_all_at(&[byte[0] ^ 16], 64 + 100).unwrap();
    scrub(&mut client);
    assert_eq!(client.info("damaged_blocks"), "1");
    let name = path.file_name().unwrap().to_str().unwrap();
    let line = server.line_with("a block is damaged");
    assert!(line.contains(name) && line.contains("offset=64"), "{line}");

    let compared = compare(&mut client);
    assert_eq!(compared.missing, []);
    assert_eq!(compared.refused.len(), 4, "the entries of one block");
    for (key, _, text) in &compared.refused {
        let is_named = text.contains(name) && text.contains("offset 64") && text.contains(key);
        assert!(is_named && line.contains(key), "{text} / {line}");
    }
    file.write_all_at(&byte, 64 + 100).unwrap();
    scrub(&mut client);
    assert_eq!(client.info("damaged_blocks"), "0");
    assert_eq!(compare(&mut client), Compared::default());
}

/// Under a mapped file this would be SIGBUS.
#[test]
fn a_file_cut_short_behind_the_server_costs_its_entries_alone() {
    let (_launch, server) = server();
    let mut client = server.connect();
    let path = block_file(server.dir());
    let len = path.metadata().unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(len / 2).unwrap();
    let compared = compare(&mut client);
    assert_eq!(compared.missing, []);
    assert!(4 <= compared.refused.len(), "{compared:?}");
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(compared.refused.iter().all(|(_, _, text)| text.contains(name)));
    assert_ne!(client.info("damaged_blocks"), "0", "readers note what they meet");
    // Cut to nothing, and still alive.
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    assert!(compared.refused.len() < compare(&mut client).refused.len());
    client.ok(&["XADD", "orders", "*", "field", "value"]);
}

/// A sector that the disk refuses to read.
#[test]
fn a_media_error_costs_its_entries_alone() {
    let (launch, server) = server();
    let path = block_file(server.dir());
    assert_eq!(server.terminate().code(), Some(0));
    let strace = support::require_tool("strace");
    let trace = support::temp_dir();
    let words = [
        strace.to_str().unwrap(),
        "-f",
        "-qq",
        "-o",
        trace.path().join("trace").to_str().unwrap(),
        "-P",
        path.to_str().unwrap(),
        "-e",
        "trace=pread64",
        "-e",
        // The first read of the file is that of its header, at the start.
        "inject=pread64:error=EIO:when=2+",
    ]
    .map(str::to_owned);
    let server = launch.wrapper(words).start();
    let mut client = server.connect();
    let compared = compare(&mut client);
    assert_eq!(compared.missing, []);
    assert!(4 <= compared.refused.len(), "{compared:?}");
    assert!(server.line_with("a block is damaged").contains("Input/output error"));
    client.ok(&["XADD", "orders", "*", "field", "value"]);
}

/// D6: a log that was shortened by one record after a clean stop.
#[test]
fn a_log_that_lost_its_last_record_after_a_clean_stop_is_refused() {
    let (launch, server) = server();
    server.connect().ok(&["SET", "last", "value"]);
    assert_eq!(server.terminate().code(), Some(0));
    // Beside the segments lie the next one, made ready, and spare ones.
    let mut logs = known::files(&launch.path().join("log"));
    logs.retain(|file| file.extension().is_some_and(|name| name == "log"));
    let log = logs.pop().unwrap();
    let bytes = std::fs::read(&log).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    // The record of the clean stop: a header of 48 bytes, the last of which are zeros.
    let start = (used / 8 * 8 + 8 - 48).next_multiple_of(8);
    for cut in [start, start - 8] {
        let mut shorter = bytes.clone();
        shorter[cut..].fill(0);
        std::fs::write(&log, &shorter).unwrap();
        let refusal = launch.try_start().expect_err("the log is shorter than it was");
        assert_eq!(refusal.status.code(), Some(DATA_DAMAGED), "{}", refusal.text());
        let reasons = ["but it reached record", "but it was acknowledged"];
        let says_why = reasons.iter().any(|reason| refusal.text().contains(reason));
        assert!(says_why, "{}", refusal.text());
        assert_eq!(std::fs::read(&log).unwrap(), shorter, "nothing was changed");
        let (code, out, _) = tool(&["check", launch.path().to_str().unwrap()]);
        assert_eq!(code, DATA_DAMAGED, "{out}");
    }
}
