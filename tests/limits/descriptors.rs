//! A server that gets no more descriptors from the system: what is open goes on, nothing ends.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use support::{Client, Server, Value};

use super::launch;

/// How long writes may stay refused.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sets the soft limit of the server; what it was.
fn limit(server: &Server, current: Option<u64>) -> Option<u64> {
    let pid = Pid::from_raw(i32::try_from(server.pid()).expect("a pid"));
    let maximum = getrlimit(Resource::Nofile).maximum;
    let old = prlimit(pid, Resource::Nofile, Rlimit { current, maximum }).expect("it is ours");
    old.current
}

/// The lowest number that the server's next descriptor could have.
fn next(server: &Server) -> u64 {
    let open = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("it runs").flatten();
    let open: Vec<u64> =
        open.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    (0..).find(|number| !open.contains(number)).expect("there is a number")
}

/// Adds entries; how many were taken, and how many refused.
fn add(client: &mut Client, times: usize) -> (i64, i64) {
    let payload = vec![b'x'; 100_000];
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..times {
        match client.command(&[&b"XADD"[..], b"s", b"*", b"data", &payload]) {
            Value::Error(text) => {
                assert!(text.starts_with("MISCONF"), "{text}");
                refused += 1;
            }
            _ => taken += 1,
        }
    }
    (taken, refused)
}

#[test]
fn a_log_without_descriptors_goes_on_or_refuses() {
    let mut server = launch().args(["--log-segment-size", "1mb"]).start();
    let mut client = server.connect();
    let (mut known, _) = add(&mut client, 30);
    let usual = limit(&server, Some(next(&server)));
    let (taken, refused) = add(&mut client, 60);
    known += taken;
    // A segment that is left gives back its own for the next one. How often it is there in time depends.
    eprintln!("{taken} taken, {refused} refused");
    assert_eq!(client.ok(&["XLEN", "s"]).int(), known, "reads go on");
    assert!(server.ended().is_none(), "the server stays");
    limit(&server, usual);
    let begin = Instant::now();
    loop {
        let (taken, refused) = add(&mut client, 1);
        known += taken;
        if refused == 0 {
            break;
        }
        assert!(begin.elapsed() < PATIENCE, "writes do not resume");
    }
    known += add(&mut client, 30).0;
    assert_eq!(client.ok(&["XLEN", "s"]).int(), known);
    assert!(server.ended().is_none(), "the server stays");
}
