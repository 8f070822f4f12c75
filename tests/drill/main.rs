//! `headwater drill` as its users run it: the promises hold, planted faults are found, and whatever is
//! in its way is said.
//!
//! - here: kills with a clock that jumps, power cuts, and what the lazy policies lose.
//! - `planted`: servers that lie, one fault each; a drill that does not find them proves nothing.
//! - `manners`: exit codes, Ctrl-C, what is left behind.

mod manners;
mod planted;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use support::Clock;

/// A drill of the program below a directory.
fn drill(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headwater"));
    command.args(["drill", "--json", "--dir"]).arg(dir);
    command
}

/// The report, after a look at the exit code.
fn report(output: &Output, exit_code: i32) -> Value {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(exit_code), "{out}\n{err}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{err}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn number(report: &Value, field: &str) -> u64 {
    let value = report.pointer(&format!("/{}", field.replace('.', "/")));
    value.and_then(Value::as_u64).unwrap_or_else(|| panic!("no {field} in {report}"))
}

/// A number from the environment, or the figure of an ordinary run.
fn figure(name: &str, ordinary: u64) -> u64 {
    std::env::var(name).map_or(ordinary, |text| text.parse().expect("a number"))
}

fn seed() -> String {
    let seed = figure("HEADWATER_DRILL_SEED", 20_261_121).to_string();
    eprintln!("HEADWATER_DRILL_SEED={seed}");
    seed
}

/// For scripts/durability.
fn show(report: &Value) {
    let of = |field| number(report, field);
    eprintln!(
        "figure: {} cycles ({} kill -9, {} cuts, {} SIGTERM), {} acknowledged, {} lost, {} vanished, {} twice, {} partial, recovery at most {} ms, stop at most {} ms",
        of("cycles"),
        of("ends.kill"),
        of("ends.cut"),
        of("ends.term"),
        of("acknowledged"),
        of("lost"),
        of("vanished"),
        of("duplicated"),
        of("partial"),
        of("longest_recovery_ms"),
        of("longest_stop_ms"),
    );
}

/// A load that does not meet all of this proves little. Few cycles may have no checkpoint (one comes after a
/// MiB of log, which no life between two clean stops writes) and no end at rest (one in five is).
fn met_everything(report: &Value) {
    let of = |field| number(report, field);
    let cycles = of("cycles");
    assert!(100 * cycles < of("acknowledged"), "hardly a load: {report}");
    assert!(cycles < 10 || 0 < of("in_flight") && 0 < of("shown"), "{report}");
    let has_replayed = of("ends.term") < cycles;
    assert!(cycles < 40 || !has_replayed || 0 < of("checkpoints"), "no checkpoint: {report}");
    assert!(cycles < 40 || 0 < of("ends.quiet"), "no end at rest: {report}");
}

/// The first line of progress comes after the first cycle.
fn told_how_far(output: &Output, cycles: u64) {
    let said = text(&output.stderr);
    let line = said.lines().find(|line| line.contains(" cycles, ")).unwrap_or_default();
    let told = line.split_once(" s: ").and_then(|(time, told)| {
        time.strip_prefix("headwater drill: ")?.parse::<u64>().ok()?;
        let told = told.strip_suffix(" acknowledged, nothing lost")?.replace(',', "");
        told.strip_prefix(&format!("1 of {cycles} cycles "))?.parse().ok()
    });
    assert!(told.is_some_and(|acknowledged: u64| 0 < acknowledged), "no progress is told: {said}");
}

/// Why the power cannot be cut here.
fn is_without_power_cuts(test: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    let has_loops = Path::new("/dev/loop-control").exists();
    let reason = match (is_root, has_loops) {
        (false, _) => "mounts need root",
        (_, false) => "no loop devices",
        _ => return false,
    };
    support::skipped(test, reason);
    true
}

/// Kills, a quarter as many SIGTERM, and a wall clock that steps between a day back and a month ahead.
#[test]
fn nothing_is_lost_in_kills_while_the_clock_jumps() {
    let kills = figure("HEADWATER_DRILL_KILLS", 60);
    let dir = support::temp_dir();
    let clock = Clock::new();
    let [preload, offset] = clock.environment();
    for (how, cycles) in [("kill", kills), ("term", (kills / 4).max(1))] {
        let output = drill(dir.path())
            .args(["--kill", how, "--seed", &seed(), "--cycles", &cycles.to_string()])
            .arg("--clock")
            .arg(&offset.1)
            .envs([preload.clone(), offset.clone()])
            .output()
            .expect("headwater runs");
        let report = report(&output, 0);
        assert_eq!(number(&report, &format!("ends.{how}")), cycles);
        met_everything(&report);
        told_how_far(&output, cycles);
        show(&report);
    }
    assert_eq!(left_behind(dir.path()), Vec::<String>::new());
}

#[test]
fn nothing_is_lost_in_power_cuts_on_ext4() {
    power_cuts("nothing_is_lost_in_power_cuts_on_ext4", "ext4", figure("HEADWATER_DRILL_CUTS", 40));
}

#[test]
fn nothing_is_lost_in_power_cuts_on_xfs() {
    let cycles = figure("HEADWATER_DRILL_CUTS_XFS", 40);
    power_cuts("nothing_is_lost_in_power_cuts_on_xfs", "xfs", cycles);
}

fn power_cuts(test: &str, file_system: &str, cycles: u64) {
    if is_without_power_cuts(test) {
        return;
    }
    support::require_tool(&format!("mkfs.{file_system}"));
    let dir = support::temp_dir();
    let output = drill(dir.path())
        .args(["--kill", "cut", "--fs", file_system, "--seed", &seed()])
        .args(["--cycles", &cycles.to_string()])
        .output()
        .expect("headwater runs");
    let report = report(&output, 0);
    assert_eq!(number(&report, "ends.cut"), cycles);
    met_everything(&report);
    told_how_far(&output, cycles);
    show(&report);
    assert_eq!(left_behind(dir.path()), Vec::<String>::new());
}

/// What is documented to be lost is seen to be lost: a drill can fail.
#[test]
fn a_power_cut_without_syncs_is_seen_to_lose() {
    if is_without_power_cuts("a_power_cut_without_syncs_is_seen_to_lose") {
        return;
    }
    let dir = support::temp_dir();
    let output = drill(dir.path())
        .args(["--kill", "cut", "--appendfsync", "no", "--cycles", "10", "--seed", &seed()])
        .output()
        .expect("headwater runs");
    let report = report(&output, 1);
    assert_eq!(report["verdict"], "broken");
    assert!(0 < number(&report, "lost"), "{report}");
    assert!(0 < number(&report, "vanished"), "{report}");
    // What is lost is a tail: nothing in part, nothing twice, nothing out of order.
    assert_eq!(number(&report, "partial"), 0, "{report}");
    assert_eq!(number(&report, "duplicated"), 0, "{report}");
    assert_eq!(number(&report, "misordered"), 0, "{report}");
    let kept = Path::new(report["kept"].as_str().expect("a directory is kept"));
    for name in ["disk.img", "server.log", "report.json"] {
        assert!(kept.join(name).is_file(), "{name} is not in {}", kept.display());
    }
}

/// A kill takes nothing from the system, so neither policy loses anything by it.
#[test]
fn a_kill_without_syncs_loses_nothing() {
    let dir = support::temp_dir();
    for policy in ["everysec", "no"] {
        let output = drill(dir.path())
            .args(["--kill", "kill", "--appendfsync", policy, "--cycles", "3", "--seed", &seed()])
            .output()
            .expect("headwater runs");
        report(&output, 0);
    }
}

/// What is in a scratch directory when all drills are over.
fn left_behind(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("the scratch directory is there");
    entries.map(|entry| text(entry.expect("an entry").file_name().as_encoded_bytes())).collect()
}
