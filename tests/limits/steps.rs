//! A server that ends at any step of a commit, of the change to another segment, of a checkpoint, or of
//! the deletion of what that replaces, leaves everything that it has answered.

use std::os::unix::process::ExitStatusExt;

use support::{Client, Server, encode_into};

use super::launch;

/// The steps, by the failpoints before and after them.
const PLACES: [&str; 27] = [
    "commit",
    "commit-written",
    "commit-synced",
    "spare-laid-out",
    "header-written",
    "header-synced",
    "segment-named",
    "segment-durable",
    "roll",
    "roll-entered",
    "roll-sealed",
    "blocks-written",
    "blocks-synced",
    "blocks-durable",
    "snapshot-written",
    "snapshot-synced",
    "snapshot-named",
    "snapshot-durable",
    "snapshot-removed",
    "block-file-remove",
    "block-file-removed",
    "recycle",
    "recycle-renamed",
    "recycle-durable",
    "remove",
    "removed",
    "removed-durable",
];

/// Rounds after which a step should have been taken.
const ROUNDS: u64 = 8;
/// Entries of a round: some two segments.
const ADDED: u64 = 100;
/// Entries sent at once, and those that are left of a round.
const AT_ONCE: u64 = 20;
const VALUE_BYTES: usize = 20_000;

#[test]
fn a_panic_at_any_step_loses_nothing() {
    let (dir, orders) = (support::temp_dir(), support::temp_dir());
    let launch = launch()
        .dir(dir.path())
        .args(["--log-segment-size", "1mb", "--io-threads", "1"])
        .env("FAILPOINTS_DIR", orders.path());
    let mut server = launch.start();
    let mut told = Told::default();
    told.round(&mut server.connect()).expect("nothing ends it yet");
    for place in PLACES {
        let mut client = server.connect();
        let order = orders.path().join(place);
        std::fs::write(&order, "panic").expect("our own directory");
        let is_reached = (0..ROUNDS).any(|_| told.round(&mut client).is_none());
        assert!(is_reached, "{place} is no step of what the server does: {:?}", server.output());
        expect_panic(server, place);
        std::fs::remove_file(&order).expect("our own file");
        server = launch.start();
        told.compare(&mut server.connect(), place);
    }
}

fn expect_panic(server: Server, place: &str) {
    let said = format!("failpoint {place}");
    let lines = server.output_after_end();
    let status = server.wait();
    assert_eq!(status.signal(), Some(6), "{place}: {status:?}, {lines:?}");
    // No place of a longer name.
    let is_said = |line: &String| {
        let (_, rest) = line.split_once(&said)?;
        Some(!rest.starts_with('-'))
    };
    assert!(lines.iter().any(|line| is_said(line) == Some(true)), "{place}: {lines:?}");
}

/// The stream, as far as its client knows: entries with rising numbers, of which the first ones go.
#[derive(Debug, Default)]
struct Told {
    /// Numbers of the last entry that was answered, and that was sent.
    added: u64,
    sent: u64,
    /// Numbers below which entries are gone for certain, and perhaps.
    trimmed: u64,
    trimming: u64,
}

impl Told {
    /// Adds, makes a checkpoint, and takes away. `None` if the server ends meanwhile.
    fn round(&mut self, client: &mut Client) -> Option<()> {
        for _ in 0..ADDED / AT_ONCE {
            let mut bytes = Vec::new();
            for number in self.added + 1..=self.added + AT_ONCE {
                let (id, value) = (format!("{number}-0"), value(number));
                encode_into(&mut bytes, &["XADD", "s", &id, "value", &value]);
            }
            self.sent = self.added + AT_ONCE;
            client.send(&bytes).ok()?;
            for number in self.added + 1..=self.sent {
                assert_eq!(client.receive().ok()?.text(), format!("{number}-0"));
                self.added = number;
            }
        }
        let saved = client.try_command(&["SAVE"]).ok()?;
        assert_eq!(saved.text(), "OK");
        self.trimming = self.added - AT_ONCE + 1;
        client.try_command(&["XTRIM", "s", "MINID", &self.trimming.to_string()]).ok()?;
        self.trimmed = self.trimming;
        Some(())
    }

    /// What a new server shows is all that was answered, and of what was in flight a beginning.
    fn compare(&mut self, client: &mut Client, place: &str) {
        let entries = client.ok(&["XRANGE", "s", "-", "+"]).array();
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.array();
            let id = entry[0].text();
            let number = id.strip_suffix("-0").and_then(|number| number.parse().ok());
            let number = number.unwrap_or_else(|| panic!("{place}: an entry {id}"));
            assert!(entry[1].clone().array()[1].text() == value(number), "{place}: {number}");
            found.push(number);
        }
        let (first, last) = (found[0], found[found.len() - 1]);
        assert!(found.iter().copied().eq(first..=last), "{place}: {found:?}");
        assert!(
            [self.trimmed.max(1), self.trimming.max(1)].contains(&first),
            "{place}: {first} of {self:?}"
        );
        assert!((self.added..=self.sent).contains(&last), "{place}: {last} of {self:?}");
        (self.added, self.sent) = (last, last);
        (self.trimmed, self.trimming) = (first, first);
    }
}

fn value(number: u64) -> String {
    format!("{number:0VALUE_BYTES$}")
}
