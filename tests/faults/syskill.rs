//! SIGKILL from inside a system call: between any two steps of a segment change, a checkpoint, a start.

use std::thread;
use std::time::Duration;

use support::{Client, Launch, Rng, Server, require_tool};

use crate::load::{Worker, under_load, verify};

const CLIENTS: usize = 3;

/// Each with a bound for which of a thread's calls it is. Rare calls have low ones.
const CALLS: &[(&str, u64)] = &[
    ("rename", 3),
    ("unlink", 3),
    ("fsync", 8),
    ("fallocate", 4),
    ("fdatasync", 25),
    ("pwrite64", 50),
    ("ftruncate", 1),
    ("mkdir", 3),
];

#[test]
fn killed_inside_system_calls() {
    let cycles = crate::count("HEADWATER_SYSKILL_CYCLES", 40);
    let mut rng = Rng::from_env("HEADWATER_SYSKILL_SEED");
    let mut workers: Vec<_> = (0..CLIENTS).map(|index| Worker::new(index, &mut rng)).collect();
    // A short-lived directory now and then: a start in an empty one has steps of its own.
    let mut launch = crate::launch();
    let mut deaths = 0;
    for cycle in 0..cycles {
        let (call, bound) = CALLS[rng.index(CALLS.len())];
        let when = format!("{call} {}", 1 + rng.below(0..bound));
        let Ok(server) = killed_in(&launch, &when).try_start() else {
            deaths += 1;
            continue;
        };
        deaths += u64::from(!survives_load(&server, &mut workers, rng.below(300..900)));
        server.kill();
        let server = short(&launch, &[]).start();
        verify(&server, &mut workers, &format!("cycle {cycle}, after {when}"));
        server.kill();
        if cycle % 10 == 9 {
            workers = (0..CLIENTS).map(|index| Worker::new(index, &mut rng)).collect();
            launch = crate::launch();
        }
    }
    assert!(cycles < 20 || cycles / 3 < deaths, "{deaths} of {cycles} were killed at all");
    eprintln!("figure: {cycles} cycles, killed in {deaths}, nothing acknowledged lost");
}

/// The server, killed by the `CALL N`-th of a thread's system calls.
fn killed_in(launch: &Launch, when: &str) -> Launch {
    let (call, number) = when.split_once(' ').expect("a call and a number");
    let strace = require_tool("strace");
    let inject = format!("inject={call}:signal=SIGKILL:when={number}");
    let trace = format!("trace={call}");
    let words = ["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
    short(launch, &[&[strace.to_str().expect("a path in UTF-8")], &words[..]].concat())
}

/// With short segments, so that they change all the time.
fn short(launch: &Launch, wrapper: &[&str]) -> Launch {
    launch.clone().wrapper([wrapper, &["prlimit", "--fsize=65536"]].concat())
}

/// Loads the server, with one checkpoint after another, and kills it unless it has died by itself; says
/// which.
fn survives_load(server: &Server, workers: &mut [Worker], requests: u64) -> bool {
    let address = server.address();
    thread::scope(|scope| {
        let checkpoints = scope.spawn(move || {
            let Ok(mut client) = Client::connect(address) else { return };
            while client.try_command(&["BGSAVE"]).is_ok() {
                thread::sleep(Duration::from_millis(5));
            }
        });
        let is_alive = under_load(server, workers, requests..10 * requests, || {
            let ping = || Client::connect(address)?.try_command(&["PING"]);
            let is_alive = ping().is_ok();
            server.signal(rustix::process::Signal::KILL);
            is_alive
        });
        checkpoints.join().expect("the thread asks for checkpoints until the server is gone");
        is_alive
    })
}
