//! Entries that come faster than checkpoints: writers wait, nobody else does, and nothing is lost.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use support::{Client, Server, Value, encode};
use tempfile::TempDir;

use super::{PATIENCE, launch, wait};

const MIB: u64 = 1 << 20;

/// `checkpoint-memory`.
const BOUND: u64 = 4 * MIB;

/// Requests that a writer sends at once, and the bytes that a batch of them can add beyond the bound.
const PIPELINE: usize = 64;
const OVERSHOOT: u64 = 512 << 10;

fn figure(client: &mut Client, field: &str) -> u64 {
    client.info(field).parse().expect(field)
}

/// Bytes of a value: an entry fills most of a block.
const VALUE_BYTES: usize = 3000;

/// Appends `entries` such entries to `key`, counting the acknowledged ones.
fn produce(server: &Server, key: &str, entries: usize, acknowledged: &AtomicU64) {
    let mut client = server.connect();
    client.stream().set_read_timeout(Some(PATIENCE)).expect("a socket");
    let value = "x".repeat(VALUE_BYTES);
    let add = encode(&["XADD", key, "*", "f", &value]).repeat(PIPELINE);
    for _ in 0..entries / PIPELINE {
        client.send(&add).expect("open");
        for _ in 0..PIPELINE {
            let reply = client.receive().expect("open");
            assert!(matches!(reply, Value::Bulk(_)), "{reply:?}");
            acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Orders for a server whose checkpoints wait at their beginning, until the file is removed.
fn held_checkpoints() -> (TempDir, PathBuf) {
    let orders = support::temp_dir();
    let held = orders.path().join("checkpoint");
    fs::write(&held, "hold").expect("our own directory");
    (orders, held)
}

#[test]
fn writers_wait_for_a_checkpoint_and_others_do_not() {
    let dir = support::temp_dir();
    let (orders, held) = held_checkpoints();
    let launch = launch()
        .dir(dir.path())
        .env("FAILPOINTS_DIR", orders.path())
        .args(["--checkpoint-memory", "4mb"]);
    let server = launch.start();
    let mut client = server.connect();
    client.ok(&["XADD", "small", "1-1", "f", "v"]);
    client.ok(&["XGROUP", "CREATE", "small", "g", "0"]);
    let keys = ["one", "two", "three"];
    let acknowledged = keys.map(|_| AtomicU64::new(0));
    let entries = 3 * usize::try_from(BOUND).expect("a count") / VALUE_BYTES;
    let mut most = 0;
    thread::scope(|scope| {
        let writers: Vec<_> = keys
            .iter()
            .zip(&acknowledged)
            .map(|(key, count)| scope.spawn(|| produce(&server, key, entries, count)))
            .collect();
        let count = || acknowledged.iter().map(|count| count.load(Ordering::Relaxed)).sum::<u64>();

        // The checkpoint that began by itself gets nowhere, and so do the writers in the end.
        wait("the writers go on", || {
            figure(&mut client, "blocked_clients") == 3 && {
                let before = count();
                thread::sleep(Duration::from_millis(100));
                before == count()
            }
        });
        assert_eq!(client.info("rdb_bgsave_in_progress"), "1");
        let bytes = figure(&mut client, "unspilled_bytes");
        assert!((BOUND..BOUND + OVERSHOOT).contains(&bytes), "{bytes}");
        assert_eq!(figure(&mut client, "unspilled_bytes_max"), BOUND);
        let at_the_bound = count();
        assert!(BOUND / 3200 < at_the_bound, "{at_the_bound}");

        // Everything else is as ever: reads of old and new entries, deliveries, what takes away.
        assert_eq!(client.words("XRANGE one - + COUNT 1").array().len(), 1);
        assert_eq!(client.words("XREVRANGE two + - COUNT 5").array().len(), 5);
        let read = client.words("XREADGROUP GROUP g c COUNT 1 STREAMS small >");
        assert_eq!(read.array().len(), 1);
        assert_eq!(client.words("XACK small g 1-1"), Value::Int(1));
        assert_eq!(client.words("XDEL small 1-1"), Value::Int(1));
        assert_eq!(client.words("PING"), Value::simple("PONG"));
        // One who adds by another way waits as well, and can be helped by others.
        let mut patient = server.connect();
        patient.send_command(&["MULTI"]).expect("open");
        patient.send_command(&["XADD", "small", "2-1", "f", "v"]).expect("open");
        patient.send_command(&["EXEC"]).expect("open");
        assert_eq!(patient.receive().expect("open"), Value::simple("OK"));
        assert_eq!(patient.receive().expect("open"), Value::simple("QUEUED"));
        wait("EXEC goes on", || figure(&mut client, "blocked_clients") == 4);
        assert_eq!(count(), at_the_bound);

        fs::remove_file(&held).expect("our own file");
        assert_eq!(patient.receive().expect("open").array().len(), 1);
        while writers.iter().any(|writer| !writer.is_finished()) {
            most = most.max(figure(&mut client, "unspilled_bytes"));
        }
    });
    assert!(most < BOUND + OVERSHOOT, "{most} bytes in memory");
    assert!(2 < figure(&mut client, "writes_slowed"), "nobody waited");
    let digest = |client: &mut Client, key| {
        let ends = ["XRANGE {} - + COUNT 1", "XREVRANGE {} + - COUNT 1"];
        ends.map(|command| client.words(&command.replace("{}", key)))
    };
    let before: Vec<_> = keys.iter().map(|key| digest(&mut client, key)).collect();
    server.kill();
    let server = launch.start();
    let mut client = server.connect();
    for ((key, count), before) in keys.iter().zip(&acknowledged).zip(before) {
        let count = i64::try_from(count.load(Ordering::Relaxed)).expect("a count");
        assert_eq!(client.ok(&["XLEN", key]), Value::Int(count), "{key}");
        assert_eq!(digest(&mut client, key), before, "{key}");
    }
    assert_eq!(client.words("XLEN small"), Value::Int(1));
}

/// A checkpoint that gets nowhere beside the other threads is made anew, as one of them: the log must not
/// grow for as long as the processors are busy.
#[test]
fn a_checkpoint_that_falls_behind_is_in_a_hurry() {
    let dir = support::temp_dir();
    let (orders, held) = held_checkpoints();
    let server = launch()
        .dir(dir.path())
        .env("FAILPOINTS_DIR", orders.path())
        .args(["--auto-aof-rewrite-min-size", "1mb", "--loglevel", "debug"])
        .start();
    let mut client = server.connect();
    let acknowledged = AtomicU64::new(0);
    produce(&server, "s", 400, &acknowledged);
    wait("a checkpoint begins", || client.info("rdb_bgsave_in_progress") == "1");
    produce(&server, "s", 1000, &acknowledged);
    assert!(2 * MIB < figure(&mut client, "log_bytes_since_checkpoint"));
    assert_eq!(client.info("rdb_saves"), "0");
    fs::remove_file(&held).expect("our own file");
    server.line_with("a checkpoint begins anew, in a hurry");
    wait("the log is short again", || figure(&mut client, "log_bytes_since_checkpoint") < MIB);
    assert_eq!(client.info("rdb_last_bgsave_status"), "ok");
    let count = i64::try_from(acknowledged.load(Ordering::Relaxed)).expect("a count");
    assert_eq!(client.words("XLEN s"), Value::Int(count));
    assert_eq!(
        client.words("XRANGE s - +").array().len(),
        usize::try_from(count).expect("a count")
    );
}

/// While checkpoints fail, waiting is of no use: writers are told, and may go on after one succeeds.
#[test]
fn without_checkpoints_writers_are_refused_in_the_end() {
    let dir = support::temp_dir();
    let server = launch().dir(dir.path()).args(["--checkpoint-memory", "4mb"]).start();
    let (blocks, aside) = (dir.path().join("blocks"), dir.path().join("blocks.aside"));
    let mut client = server.connect();
    client.stream().set_read_timeout(Some(PATIENCE)).expect("a socket");
    fs::rename(&blocks, &aside).expect("our own directory");
    let add = ["XADD", "s", "*", "f", &"x".repeat(16_000)];
    let mut added = 0;
    let refusal = loop {
        match client.command(&add) {
            Value::Bulk(_) => added += 1,
            refusal => break refusal,
        }
        assert!(added < 2 * BOUND / 16_000, "the bound does not hold");
    };
    assert!(refusal.is_error("OOM"), "{refusal:?}");
    assert_eq!(client.info("rdb_last_bgsave_status"), "err");
    assert_eq!(client.words("XLEN s"), Value::Int(i64::try_from(added).expect("a count")));
    assert_eq!(client.words("XRANGE s - + COUNT 1").array().len(), 1);
    fs::rename(&aside, &blocks).expect("our own directory");
    client.ok(&["SAVE"]);
    assert!(matches!(client.command(&add), Value::Bulk(_)));
    assert!(figure(&mut client, "unspilled_bytes") < BOUND);
    assert_eq!(client.words("XLEN s"), Value::Int(i64::try_from(added + 1).expect("a count")));
}
