//! The kept inputs of every fuzz target, on the ordinary build: what once failed does not fail again,
//! on every machine and without an instrumented build.

use std::path::Path;

use fuzz::targets;

fn replay(target: &str, run: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut inputs = 0;
    for entry in std::fs::read_dir(&dir).expect("the target has a corpus") {
        let path = entry.expect("a name").path();
        // Shown if it panics.
        println!("{}", path.display());
        run(&std::fs::read(&path).expect("a file"));
        inputs += 1;
    }
    assert!(inputs > 0, "no inputs in {}", dir.display());
}

#[test]
fn acl() {
    replay("acl", targets::acl::run);
}

#[test]
fn decode() {
    replay("decode", targets::decode::run);
}

#[test]
fn resp() {
    replay("resp", targets::resp::run);
}

#[test]
fn commands() {
    replay("commands", targets::commands::run);
}

#[test]
fn log() {
    replay("log", targets::log::run);
}

#[test]
fn block() {
    replay("block", targets::block::run);
}

#[test]
fn snapshot() {
    replay("snapshot", targets::snapshot::run);
}

#[test]
fn database() {
    replay("database", targets::database::run);
}
