//! What a user meets who tries what was not meant: each gets an exit code of its own and a sentence.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::{Launch, require_tool};

use super::{drill, left_behind, number, report, text};

const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a drill that must be refused, and leaves nothing behind.
fn check(command: &mut Command, dir: &Path, exit_code: i32, words: &str) {
    let before = left_behind(dir);
    let output = command.output().expect("headwater runs");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(exit_code), "{said}");
    assert!(said.contains(words), "{said:?} should say {words:?}");
    assert_eq!(left_behind(dir), before);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let dir = support::temp_dir();
    let with = |arguments: &[&str], words: &str| {
        check(drill(dir.path()).args(arguments), dir.path(), 2, words);
    };
    with(&["--cycles", "0"], "0 is not in 1..");
    with(&["--duration", "soon"], "--duration");
    with(&["--kill", "gently"], "[possible values: kill, term, cut, mix]");
    with(&["--connections", "1"], "1 is not in 3..=1000");
    let nowhere = dir.path().join("nowhere");
    check(&mut drill(&nowhere), dir.path(), 2, &nowhere.display().to_string());
}

#[test]
fn a_data_directory_is_never_touched() {
    let launch = Launch::new(env!("CARGO_BIN_EXE_headwater"));
    launch.start().terminate();
    let mut command = drill(launch.path());
    check(command.args(["--kill", "kill"]), launch.path(), 2, "is a data directory");
    launch.start().terminate();
}

#[test]
fn a_program_that_is_no_server_is_named() {
    let dir = support::temp_dir();
    let with = |program: &str, words: &str| {
        let mut command = drill(dir.path());
        command.args(["--kill", "kill", "--server", program]);
        check(&mut command, dir.path(), 69, words);
    };
    with("/bin/false", "/bin/false does not start: it ended with exit status: 1");
    with("/no/such/program", "/no/such/program does not start");
    with("/bin/ls", "its last words:");
}

/// Root in name only, as in many containers.
#[test]
fn power_cuts_that_cannot_be_had() {
    let dir = support::temp_dir();
    let bare = |how: &str| {
        let is_root = rustix::process::geteuid().is_root();
        let mut command = if is_root {
            let mut command = Command::new(require_tool("setpriv"));
            command.args(["--bounding-set=-sys_admin", env!("CARGO_BIN_EXE_headwater")]);
            command
        } else {
            Command::new(env!("CARGO_BIN_EXE_headwater"))
        };
        command.args(["drill", "--json", "--cycles", "2", "--kill", how, "--dir"]).arg(dir.path());
        command
    };
    check(&mut bare("cut"), dir.path(), 69, "a power cut needs");
    // Asked for everything, it does what it can and says what it cannot.
    let output = bare("mix").output().expect("headwater runs");
    let report = report(&output, 0);
    assert_eq!(number(&report, "ends.cut"), 0);
    assert!(
        report["warnings"][0].as_str().is_some_and(|w| w.contains("no power cuts")),
        "{report}"
    );
}

#[test]
fn memory_is_no_disk() {
    let dir = Path::new("/dev/shm");
    if !dir.is_dir() {
        support::skipped("memory_is_no_disk", "no /dev/shm");
        return;
    }
    let output =
        drill(dir).args(["--kill", "kill", "--cycles", "1"]).output().expect("headwater runs");
    let report = report(&output, 0);
    assert_eq!(report["file_system"], "tmpfs");
    assert!(text(&output.stderr).contains("syncs prove nothing"), "{}", text(&output.stderr));
}

/// Too little room before the start, and none left in the middle of it.
#[test]
fn a_disk_without_room() {
    if !rustix::process::geteuid().is_root() {
        support::skipped("a_disk_without_room", "mounts need root");
        return;
    }
    let dir = support::temp_dir();
    let with = |size: &str, script: &str, words: &str| {
        let script = format!("mount -t tmpfs -o size={size} tmpfs \"$0\" && {script}");
        let mut command = Command::new(require_tool("unshare"));
        command.args(["-m", "--propagation", "private", "sh", "-c", &script]).arg(dir.path());
        command.arg(env!("CARGO_BIN_EXE_headwater"));
        check(&mut command, dir.path(), 73, words);
    };
    let drill = "\"$1\" drill --kill kill --cycles 500 --dir \"$0\"";
    with("100m", &format!("exec {drill}"), "has 100 MiB free, a drill wants 256 MiB");
    let ballast = "until ls \"$0\"/headwater-drill-*/data/log; do sleep 0.01; done >/dev/null 2>&1; \
                   cat /dev/zero >\"$0\"/ballast 2>/dev/null";
    with("300m", &format!("({ballast}) & exec {drill}"), "is full: the drill cannot go on");
}

#[test]
fn ctrl_c_ends_a_drill_in_order() {
    let dir = support::temp_dir();
    let child = drill(dir.path())
        .args(["--kill", "mix", "--duration", "1h"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("headwater runs");
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a pid");
    // The server's log grows with every start.
    let began = Instant::now();
    let starts = || {
        let scratch = left_behind(dir.path());
        let log = scratch.first().map(|name| dir.path().join(name).join("server.log"));
        let log = log.and_then(|log| fs::read_to_string(log).ok()).unwrap_or_default();
        log.matches("Ready to accept connections").count()
    };
    while starts() < 2 {
        assert!(began.elapsed() < PATIENCE, "the drill does not get going");
        std::thread::sleep(Duration::from_millis(20));
    }
    kill_process(pid, Signal::INT).expect("it runs");
    let output = child.wait_with_output().expect("it ends");
    let report = report(&output, 130);
    assert_eq!(report["verdict"], "interrupted");
    assert_eq!(left_behind(dir.path()), Vec::<String>::new());
}

#[test]
fn two_drills_do_not_meet() {
    let dir = support::temp_dir();
    let start = || {
        let mut command = drill(dir.path());
        command.args(["--kill", "kill", "--cycles", "3"]).stdout(Stdio::piped());
        command.spawn().expect("headwater runs")
    };
    for child in [start(), start()] {
        report(&child.wait_with_output().expect("it ends"), 0);
    }
    assert_eq!(left_behind(dir.path()), Vec::<String>::new());
}
