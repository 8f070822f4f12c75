//! No reply leaves before the sync that covers it: proved from the order of the system calls.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;

use support::{Rng, Server, encode, require_tool};

/// Clients that write at the same time.
const CROWD: u64 = 80;

/// What happened to one file descriptor, in the order of the trace.
#[derive(Debug)]
enum Event<'a> {
    /// Bytes went to a file of the data directory. Synced at once if the call says so.
    Write { bytes: &'a str, is_durable: bool },
    /// A sync of a file began at the first line and had ended at this one.
    Sync { began: usize },
    /// Bytes went to a socket.
    Send { bytes: &'a str },
}

/// Every XADD carries a marker in its value and has an ID of its own. In the trace the marker must
/// go to the log, then a sync must begin and end, and only then may the ID go to a socket.
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
    next = woken.end;
    server.terminate();

    let text =
        String::from_utf8_lossy(&fs::read(&trace).expect("strace wrote its file")).into_owned();
    let lines: Vec<_> = text.lines().collect();
    let events = events(&lines, &dir);
    for n in 0..next {
        check_order(&events, &marker(n), &id(n));
    }
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
        while writer.info("blocked_clients") != "2" {}
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

fn check_order(events: &[(usize, Event<'_>)], marker: &str, id: &str) {
    let first = |wanted: &dyn Fn(&Event<'_>) -> bool| {
        events.iter().find(|(_, event)| wanted(event)).map(|(at, event)| (*at, event))
    };
    let (written, write) =
        first(&|event| matches!(event, Event::Write { bytes, .. } if bytes.contains(marker)))
            .unwrap_or_else(|| panic!("{marker} was never written"));
    let (sent, _) = first(&|event| matches!(event, Event::Send { bytes } if bytes.contains(id)))
        .unwrap_or_else(|| panic!("{id} was never sent"));
    let is_durable = matches!(write, Event::Write { is_durable: true, .. })
        || events.iter().any(|(ended, event)| {
            matches!(event, Event::Sync { began } if written < *began && *ended < sent)
        });
    assert!(written < sent, "{id} left at line {sent}, {marker} was written at {written}");
    assert!(is_durable, "{id} left at line {sent} with no sync after the write at {written}");
}

/// The events of a trace, each with the line at which it was over; a send with the line at which
/// it began, because from there on bytes may be on the way.
fn events<'a>(lines: &[&'a str], dir: &str) -> Vec<(usize, Event<'a>)> {
    let mut events = Vec::new();
    let mut unfinished: HashMap<&str, (usize, &'a str)> = HashMap::new();
    for (at, line) in lines.iter().enumerate() {
        let Some((pid, call)) = line.split_once(char::is_whitespace) else { continue };
        let call = call.trim_start();
        let (began, start, is_over) = if call.starts_with("<... ") {
            let Some((began, start)) = unfinished.remove(pid) else { continue };
            (began, start, true)
        } else {
            let is_over = !call.ends_with("<unfinished ...>");
            if !is_over {
                unfinished.insert(pid, (at, call));
            }
            (at, call, is_over)
        };
        let Some((name, arguments)) = start.split_once('(') else { continue };
        let target = arguments.split(',').next().unwrap_or_default();
        let is_socket = target.contains("<socket:") || target.contains("<TCP:");
        let is_data = target.contains(dir);
        match name {
            // One that failed covers nothing.
            "fdatasync" | "fsync" if is_data && is_over && call.ends_with("= 0") => {
                events.push((at, Event::Sync { began }));
            }
            "fdatasync" | "fsync" => {}
            _ if is_socket && began == at => {
                events.push((at, Event::Send { bytes: arguments }));
            }
            // The zeros of segments that are laid out, megabytes of them, carry no marker.
            _ if is_data && is_over && arguments.contains("<m") => {
                let is_durable = call.contains("RWF_DSYNC") || start.contains("RWF_DSYNC");
                events.push((at, Event::Write { bytes: arguments, is_durable }));
            }
            _ => {}
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(trace: &str) {
        let lines: Vec<_> = trace.lines().collect();
        check_order(&events(&lines, "/d"), "<m>", "5-7");
    }

    #[test]
    fn the_right_order() {
        check(
            "7 write(3</d/log>, \"..<m>..\", 9) = 9\n\
             8 fdatasync(3</d/log> <unfinished ...>\n\
             7 write(9<TCP:[a]>, \"other\", 5) = 5\n\
             8 <... fdatasync resumed>) = 0\n\
             7 sendto(9<socket:[1]>, \"$3 5-7\", 9, 0, NULL, 0) = 9",
        );
        check(
            "7 pwritev2(3</d/log>, [{\"<m>\", 9}], 1, 0, RWF_DSYNC) = 9\n\
             7 write(9<TCP:[a]>, \"$3 5-7\", 9) = 9",
        );
    }

    #[test]
    #[should_panic(expected = "no sync after the write")]
    fn a_sync_that_began_before_the_write_covers_nothing() {
        check(
            "8 fdatasync(3</d/log> <unfinished ...>\n\
             7 write(3</d/log>, \"..<m>..\", 9) = 9\n\
             8 <... fdatasync resumed>) = 0\n\
             7 sendto(9<socket:[1]>, \"$3 5-7\", 9, 0, NULL, 0) = 9",
        );
    }

    #[test]
    #[should_panic(expected = "no sync after the write")]
    fn a_reply_before_the_end_of_the_sync() {
        check(
            "7 write(3</d/log>, \"..<m>..\", 9) = 9\n\
             8 fdatasync(3</d/log> <unfinished ...>\n\
             7 sendto(9<socket:[1]>, \"$3 5-7\", 9, 0, NULL, 0) = 9\n\
             8 <... fdatasync resumed>) = 0",
        );
    }
}
