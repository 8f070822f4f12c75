//! Servers that lie. Each has one fault, and a drill must find it within seconds.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::require_tool;

use super::{drill, is_without_power_cuts, number, report, seed};

/// A program that starts the real server behind a fault: see `planted.py`.
fn planted(dir: &Path, fault: &str) -> PathBuf {
    let python = require_tool("python3");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/drill/planted.py");
    let real = env!("CARGO_BIN_EXE_headwater");
    let script = format!(
        "#!/bin/sh\nexec '{}' '{}' {fault} '{real}' \"$@\"\n",
        python.display(),
        source.display()
    );
    program(dir, fault, &script)
}

fn program(dir: &Path, name: &str, script: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, script).expect("a temporary directory is writable");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("it is our own");
    path
}

fn check(fault: &str, how: &str, fields: &[&str]) -> Value {
    let dir = support::temp_dir();
    let output = drill(dir.path())
        .args(["--kill", how, "--cycles", "30", "--seed", &seed(), "--server"])
        .arg(planted(dir.path(), fault))
        .output()
        .expect("headwater runs");
    let report = report(&output, 1);
    let seen: u64 = fields.iter().map(|field| number(&report, field)).sum();
    assert!(0 < seen, "{fault} should be seen as {fields:?}: {report}");
    report
}

#[test]
fn an_answer_before_the_write() {
    check("early", "kill", &["lost"]);
}

#[test]
fn a_write_done_twice() {
    check("twice", "kill", &["duplicated"]);
}

#[test]
fn a_transaction_in_parts() {
    check("split", "kill", &["partial"]);
}

#[test]
fn a_reader_who_sees_what_is_not_stored() {
    check("shown", "kill", &["vanished"]);
}

#[test]
fn an_xack_that_does_nothing() {
    check("unacknowledged", "kill", &["state_differs", "other"]);
}

#[test]
fn an_end_that_is_no_orderly_one() {
    check("abrupt", "term", &["other"]);
}

#[test]
fn an_end_that_nobody_asked_for() {
    let report = check("crashing", "kill", &["other"]);
    let words = "the server ended by itself: exit status: 7";
    assert!(report["findings"].to_string().contains(words), "{report}");
}

#[test]
fn a_start_that_fails() {
    let report = check("once", "kill", &["other"]);
    assert_eq!(report["findings"][0]["kind"], "no_start", "{report}");
    assert!(report["findings"][0]["what"].to_string().contains("not again"), "{report}");
}

/// Not planted by us: a restart of Redis forgets how often an entry was read again. Everything else that
/// a drill expects of a server, Redis does, so the expectations are not Headwater's alone.
#[test]
fn redis_forgets_delivery_counts_and_nothing_else() {
    let dir = support::temp_dir();
    let output = drill(dir.path())
        .args(["--kill", "kill", "--cycles", "30", "--seed", &seed(), "--server"])
        .arg(require_tool("redis-server"))
        .output()
        .expect("headwater runs");
    let report = report(&output, 1);
    assert!(0 < number(&report, "state_differs"), "{report}");
    for field in ["lost", "vanished", "duplicated", "partial", "misordered", "ids_went_back"] {
        assert_eq!(number(&report, field), 0, "{field}: {report}");
    }
}

/// The server believes that it syncs, and nothing is synced.
#[test]
fn a_sync_that_does_nothing() {
    if is_without_power_cuts("a_sync_that_does_nothing") {
        return;
    }
    let dir = support::temp_dir();
    // -D: the server is the drill's own child, and strace watches from beside it.
    let script = format!(
        "#!/bin/sh\nexec '{}' -D -f -qq -o /dev/null -e trace=fdatasync,fsync \
         -e inject=fdatasync,fsync:retval=0 '{}' \"$@\"\n",
        require_tool("strace").display(),
        env!("CARGO_BIN_EXE_headwater")
    );
    let output = drill(dir.path())
        .args(["--kill", "cut", "--cycles", "10", "--seed", &seed(), "--server"])
        .arg(program(dir.path(), "unsynced", &script))
        .output()
        .expect("headwater runs");
    let report = report(&output, 1);
    let seen = number(&report, "lost") + number(&report, "other");
    assert!(0 < seen, "{report}");
}
