//! The test of the tests: each target finds a fault that is planted for it, by its kept corpus alone.
//! (`scripts/fuzz --planted` lets libFuzzer find them.)

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use fuzz::planted::plant;
use fuzz::targets;

fn corpus(target: &str) -> impl Iterator<Item = Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let files = std::fs::read_dir(dir).expect("the target has a corpus");
    files.map(|file| std::fs::read(file.expect("a name").path()).expect("a file"))
}

fn finds(run: fn(&[u8]), mut inputs: impl Iterator<Item = Vec<u8>>) {
    plant(true);
    let is_found =
        inputs.any(|input| panic::catch_unwind(AssertUnwindSafe(|| run(&input))).is_err());
    plant(false);
    assert!(is_found, "no input finds what is planted");
}

#[test]
fn acl() {
    finds(targets::acl::run, corpus("acl"));
}

#[test]
fn decode() {
    finds(targets::decode::run, corpus("decode"));
}

#[test]
fn resp() {
    finds(targets::resp::run, corpus("resp"));
}

#[test]
fn commands() {
    finds(targets::commands::run, corpus("commands"));
}

#[test]
fn log() {
    finds(targets::log::run, corpus("log"));
}

#[test]
fn block() {
    finds(targets::block::run, corpus("block"));
}

#[test]
fn snapshot() {
    finds(targets::snapshot::run, corpus("snapshot"));
}

#[test]
fn database() {
    finds(targets::database::run, corpus("database"));
}
