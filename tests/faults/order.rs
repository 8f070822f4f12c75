//! No reply leaves before the sync that covers it: proved from the order of the system calls.

mod commands;
mod trace;

use std::fs;
use std::ops::Range;
use std::time::{Duration, Instant};

use support::{Client, Rng, Server, encode, require_tool};

use trace::Trace;

/// Clients that write at the same time.
const CROWD: u64 = 80;

/// Every XADD carries a marker in its value and has an ID of its own. In the trace the marker must
/// go to the log, then a sync of that very file must begin and end, and only then may the ID go to a
/// socket. So it is with every other command that changes a stream.
#[test]
fn no_reply_leaves_before_its_sync() {
    const MARKERS: u64 = 300;
    let strace = require_tool("strace");
    let trace_dir = support::temp_dir();
    let trace = trace_dir.path().join("trace.txt");
    let launch = crate::launch();
    let dir = launch.path().to_str().expect("a path in UTF-8").to_owned();
    let calls = "trace=write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,fdatasync,fsync";
    let words = [strace.to_str(), Some("-f"), Some("-qq"), Some("-y"), Some("-s"), Some("100000")];
    let more = [Some("-e"), Some(calls), Some("-o"), trace.to_str()];
    let words = words.into_iter().chain(more).map(|word| word.expect("a path in UTF-8"));
    let server = launch.wrapper(words).start();

    // Two connections by turns, batches of different sizes: group commit has something to gather.
    let mut clients = [server.connect(), server.connect()];
    let mut rng = Rng::from_env("HEADWATER_ORDER_SEED");
    let mut next = 0;
    while next < MARKERS {
        let counts = [rng.below(1..5), rng.below(1..5)];
        for (index, (client, count)) in clients.iter_mut().zip(counts).enumerate() {
            // Each connection has streams of its own: between the two there is no order of IDs.
            let add = |n| {
                let key = format!("s{index}:{}", n % 3);
                encode(&["XADD", &key, &id(n), "marker", &marker(n)])
            };
            let batch: Vec<u8> = (next..next + count).flat_map(add).collect();
            client.send(&batch).expect("the server reads");
            next += count;
        }
        for (client, count) in clients.iter_mut().zip(counts) {
            for _ in 0..count {
                let reply = client.receive().expect("a reply");
                assert!(reply.text().ends_with("-7"), "{reply:?}");
            }
        }
    }
    let group_commit = next..next + CROWD;
    crowd(&server, group_commit.clone());
    let transactions = group_commit.end..group_commit.end + 20;
    transact(&server, transactions.clone());
    let woken = transactions.end..transactions.end + 20;
    wake_readers(&server, woken.clone());
    let last_words = woken.end..woken.end + 20;
    leave(&server, last_words.clone());
    next = last_words.end;
    commands::run(&server);
    server.terminate();

    let text =
        String::from_utf8_lossy(&fs::read(&trace).expect("strace wrote its file")).into_owned();
    let trace = Trace::new(&text, &dir);
    for n in 0..next {
        let (sent, _) = trace.sent(&id(n), 0);
        trace.check_durable(&marker(n), 0..=sent, &id(n));
    }
    commands::check(&trace);
}

/// Many clients at once, so that one sync serves all of them and another thread does it.
fn crowd(server: &Server, numbers: Range<u64>) {
    let mut clients: Vec<_> = numbers.map(|n| (n, server.connect())).collect();
    for (n, client) in &mut clients {
        client
            .send_command(&["XADD", &format!("crowd{n}"), &id(*n), "marker", &marker(*n)])
            .expect("sent");
    }
    for (n, client) in &mut clients {
        assert_eq!(client.receive().expect("a reply").text(), id(*n));
    }
}

/// Clients whose connection ends with the reply: it is sent in another place than those of others.
fn leave(server: &Server, numbers: Range<u64>) {
    for n in numbers {
        let mut client = server.connect();
        let add = encode(&["XADD", &format!("left{n}"), &id(n), "marker", &marker(n)]);
        client.send(&[add, encode(&["QUIT"])].concat()).expect("sent");
        assert_eq!(client.receive().expect("a reply").text(), id(n));
        assert_eq!(client.receive().expect("a reply").text(), "OK");
    }
}

/// MULTI blocks: their entries are told by EXEC.
fn transact(server: &Server, numbers: Range<u64>) {
    let mut client = server.connect();
    for n in numbers.step_by(2) {
        client.ok(&["MULTI"]);
        client.ok(&["XADD", "block", &id(n), "marker", &marker(n)]);
        client.ok(&["XADD", "block", &id(n + 1), "marker", &marker(n + 1)]);
        assert_eq!(client.ok(&["EXEC"]).array().len(), 2);
    }
}

/// Readers that wait get an entry no earlier than its writer gets its ID.
fn wake_readers(server: &Server, numbers: Range<u64>) {
    let mut writer = server.connect();
    let mut readers = [server.connect(), server.connect()];
    for n in numbers {
        for reader in &mut readers {
            reader.send_command(&["XREAD", "BLOCK", "0", "STREAMS", "woken", "$"]).expect("sent");
        }
        until_blocked(&mut writer, 2);
        writer.ok(&["XADD", "woken", &id(n), "marker", &marker(n)]);
        for reader in &mut readers {
            let read = format!("{:?}", reader.receive().expect("the entry"));
            assert!(read.contains(&id(n)), "{read}");
        }
    }
}

fn id(n: u64) -> String {
    format!("{}-7", 5_000_000_000 + n)
}

fn marker(n: u64) -> String {
    format!("<marker {n}>")
}

fn until_blocked(client: &mut Client, count: u32) {
    let begin = Instant::now();
    while client.info("blocked_clients") != count.to_string() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{count} readers do not block");
    }
}
