//! A panic in any thread ends the process at once, in every build profile, and the log is whole.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;

use support::{Server, Value};

use super::launch;

/// Every thread of the server, and under the locks of the engine and of the log, by failpoint.
const PLACES: [&str; 8] =
    ["worker", "log", "checkpoint", "housekeeping", "segments", "everysec", "engine", "commit"];

#[test]
fn a_panic_in_any_thread_ends_the_process_and_loses_nothing() {
    for place in PLACES {
        let dir = support::temp_dir();
        let orders = support::temp_dir();
        let launch = launch()
            .dir(dir.path())
            .args(["--io-threads", "1"])
            .env("FAILPOINTS_DIR", orders.path());
        let server = launch.start();
        let mut client = server.connect();
        let mut written = Written::default();
        for _ in 0..100 {
            let value = written.next();
            written.note(client.ok(&["XADD", "s", "*", "f", &value]), value);
        }
        std::fs::write(orders.path().join(place), "panic").expect("our own directory");
        client.send_command(&["BGSAVE"]).expect("open");
        let mut others: Vec<_> = (0..100).map(|_| server.connect()).collect();
        // Writers until the end. Many at once: only then has the log's own thread something to do.
        while written.unanswered.is_empty() {
            let mut sent = Vec::new();
            for other in &mut others {
                let value = written.next();
                match other.send_command(&["XADD", "s", "*", "f", &value]) {
                    Ok(()) => sent.push((other, value)),
                    Err(_) => written.unanswered.push(value),
                }
            }
            for (other, value) in sent {
                match other.receive() {
                    Ok(reply) => written.note(reply, value),
                    Err(_) => written.unanswered.push(value),
                }
            }
        }
        let lines = server.output_after_end();
        let status = server.wait();
        assert_eq!(status.signal(), Some(6), "{place}: {status:?}");
        let said = lines.iter().any(|line| line.contains("failpoint") && line.contains(place));
        assert!(said, "{place}: {lines:?}");
        std::fs::remove_file(orders.path().join(place)).expect("our own file");
        written.check(&launch.start(), place);
    }
}

/// What was written, each entry with a value of its own.
#[derive(Default)]
struct Written {
    count: u32,
    /// Values by ID.
    acknowledged: BTreeMap<String, String>,
    /// Values of those who were told nothing: they may be there.
    unanswered: Vec<String>,
}

impl Written {
    fn next(&mut self) -> String {
        self.count += 1;
        format!("value {}", self.count)
    }

    fn note(&mut self, reply: Value, value: String) {
        let Value::Bulk(id) = reply else { panic!("{value}: {reply:?}") };
        let id = String::from_utf8(id).expect("an ID");
        assert_eq!(self.acknowledged.insert(id, value), None, "one ID for two entries");
    }

    /// Every acknowledged entry is there as it was, and nothing beside them that nobody sent, or twice.
    fn check(mut self, server: &Server, place: &str) {
        let mut client = server.connect();
        let mut from = "-".to_owned();
        loop {
            let page = client.ok(&["XRANGE", "s", &from, "+", "COUNT", "1000"]).array();
            if page.is_empty() {
                break;
            }
            for entry in page {
                let [id, fields] = <[Value; 2]>::try_from(entry.array()).expect("an ID and fields");
                let (id, value) = (id.text(), fields.array()[1].text());
                from = format!("({id}");
                self.take(&id, &value, place);
            }
        }
        assert!(self.acknowledged.is_empty(), "{place}: lost: {:?}", self.acknowledged);
    }
    /// One entry that is there.
    fn take(&mut self, id: &str, value: &str, place: &str) {
        if let Some(acknowledged) = self.acknowledged.remove(id) {
            assert_eq!(acknowledged, value, "{place}: {id}");
            return;
        }
        let sent = self.unanswered.iter().position(|sent| sent == value);
        let sent = sent.unwrap_or_else(|| panic!("{place}: {id} {value} came of nothing"));
        self.unanswered.swap_remove(sent);
    }
}
