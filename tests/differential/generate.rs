//! Draws scripts: mostly commands on streams, groups, lists, sets and sorted sets with sensible arguments, every now and
//! then an edge value, a wrong type, a missing key or plain nonsense.

use std::collections::BTreeMap;

use support::Rng;

use crate::script::{Argument, Script, Step, Words};
use crate::{keys, lists, scripts, sets, sorted_sets, streams};

/// Keys that mostly hold streams.
pub(crate) const STREAMS: &[&str] = &["s1", "s2", "s3", "s4"];
const OTHERS: &[&str] = &[
    "str1", "str2", "hash1", "hash2", "list1", "list2", "list3", "set1", "set2", "set3", "z1",
    "z2", "z3", "missing",
];

/// Most commands of one MULTI.
const QUEUE_MAX: u64 = 6;

/// Draws one script.
pub(crate) struct Generator {
    pub(crate) rng: Rng,
    /// About the last ID of each stream: most appended IDs lie above it.
    pub(crate) tops: BTreeMap<&'static str, u64>,
    /// Whether trims may be approximate; then MINID is never exact. An exact MINID takes a block
    /// whose last slots were deleted before; Redis keeps an empty node, which shows in the numbers
    /// of later `~` trims.
    pub(crate) approximate: bool,
    /// Commands still to come before EXEC, by connection.
    queues: Vec<Option<u64>>,
    connections: usize,
}

impl Generator {
    /// A script of about this many commands, and the look at all that is left at its end.
    pub(crate) fn script(rng: Rng, commands: usize) -> Script {
        let mut generator =
            Self { rng, tops: BTreeMap::new(), queues: vec![], connections: 0, approximate: true };
        generator.approximate = !generator.one_in(4);
        let connections = 1 + generator.rng.index(4);
        generator.connections = connections;
        generator.queues = vec![None; connections];
        let block_entries_max = *generator.pick(&[0, 1, 2, 3, 5, 10, 100]);
        let mut script = Script { block_entries_max, connections, steps: Vec::new() };
        for connection in 0..connections {
            if generator.one_in(2) {
                script.steps.push(commands_step(connection, vec![words(&["HELLO", "3"])]));
            }
        }
        while script.commands() < commands {
            let step = generator.step();
            script.steps.push(step);
        }
        script.steps.extend(last_look(connections));
        script
    }

    fn step(&mut self) -> Step {
        let connection = self.rng.index(self.connections);
        if let Some(left) = self.queues[connection] {
            return self.queued(connection, left);
        }
        match self.rng.below(0..100) {
            0 => Step::Raw(self.pick(BROKEN).to_vec()),
            1 => Step::Expire(connection, self.any_key().into_bytes()),
            2 => Step::Scan(connection, keys::scan(self)),
            3..=5 => {
                self.queues[connection] = Some(self.rng.below(1..QUEUE_MAX));
                let mut commands = vec![words(&["MULTI"])];
                if self.one_in(3) {
                    commands.insert(0, words(&["WATCH", &self.stream_key()]));
                }
                commands_step(connection, commands)
            }
            6..=8 => Step::Inline(connection, self.command()),
            9..=12 => {
                let count = 2 + self.rng.index(6);
                let commands = (0..count).map(|_| self.command()).collect();
                commands_step(connection, commands)
            }
            13..=18 if self.connections > 1 => {
                commands_step(connection, vec![self.unblock_or_wait()])
            }
            _ => commands_step(connection, vec![self.command()]),
        }
    }

    fn queued(&mut self, connection: usize, left: u64) -> Step {
        if left > 0 {
            self.queues[connection] = Some(left - 1);
            return commands_step(connection, vec![self.command()]);
        }
        self.queues[connection] = None;
        let end = if self.one_in(8) { "DISCARD" } else { "EXEC" };
        commands_step(connection, vec![words(&[end])])
    }

    fn unblock_or_wait(&mut self) -> Words {
        if self.one_in(3) {
            let mut unblock = words(&["CLIENT", "UNBLOCK"]);
            unblock.push(Argument::ClientId(self.rng.index(self.connections)));
            if self.one_in(2) {
                unblock.push(bytes(*self.pick(&["ERROR", "TIMEOUT", "error", "FOO"])));
            }
            return unblock;
        }
        match self.rng.below(0..3) {
            0 => streams::blocking_read(self),
            1 => lists::waiting(self),
            _ => sorted_sets::waiting(self),
        }
    }

    /// One command, sometimes spoiled.
    fn command(&mut self) -> Words {
        let mut command = match self.rng.below(0..100) {
            0..38 => streams::command(self),
            38..50 => lists::command(self),
            50..60 => sets::command(self),
            60..76 => sorted_sets::command(self),
            76..84 => scripts::command(self),
            _ => keys::command(self),
        };
        match self.rng.below(0..100) {
            0..=2 if command.len() > 1 => {
                let at = 1 + self.rng.index(command.len() - 1);
                command.remove(at);
            }
            3..=4 if command.len() > 1 => {
                let at = 1 + self.rng.index(command.len() - 1);
                command[at] = bytes(*self.pick(NONSENSE));
            }
            5 => command.push(bytes(*self.pick(NONSENSE))),
            6 => {
                let at = self.rng.index(command.len());
                command.insert(at, bytes(*self.pick(NONSENSE)));
            }
            7..=8 => {
                if let Some(Argument::Bytes(name)) = command.first_mut() {
                    name.make_ascii_lowercase();
                }
            }
            _ => {}
        }
        command
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.rng.below(0..n) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.rng.index(from.len())]
    }

    /// A key that mostly holds a stream.
    pub(crate) fn stream_key(&mut self) -> String {
        match self.rng.below(0..40) {
            0 => (*self.pick(OTHERS)).into(),
            n => STREAMS[if n < 20 { 0 } else { self.rng.index(STREAMS.len()) }].into(),
        }
    }

    pub(crate) fn any_key(&mut self) -> String {
        let from = if self.one_in(3) { OTHERS } else { STREAMS };
        (*self.pick(from)).into()
    }

    /// A number for an option that counts, mostly small.
    pub(crate) fn count(&mut self) -> String {
        match self.rng.below(0..25) {
            0 => (*self.pick(NUMBERS)).into(),
            1 => "0".into(),
            n => (n % 7 + 1).to_string(),
        }
    }
}

/// Words that fit nowhere, and words that fit somewhere else.
const NONSENSE: &[&str] = &[
    "",
    "foo",
    "0",
    "-1",
    "1-1",
    "*",
    "$",
    ">",
    "+",
    "-",
    "COUNT",
    "STREAMS",
    "GROUP",
    "MAXLEN",
    "~",
    "=",
    "LIMIT",
    "NOMKSTREAM",
    "JUSTID",
    "FORCE",
    "IDLE",
    "ENTRIESREAD",
    "MKSTREAM",
    "NOACK",
    "a b",
    "\r\n",
    "\0",
    "s1",
    "s1",
    "99999999999999999999",
    "1-99999999999999999999",
    "(1-1",
];

/// Numbers at the edges, and texts that are none.
pub(crate) const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "1",
    "-0",
    "+1",
    "01",
    "1.5",
    "1e3",
    "",
    " 1",
    "abc",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "4294967296",
    "0x10",
];

/// Requests that break the protocol. The connection ends.
const BROKEN: &[&[u8]] = &[
    b"*1\r\n$abc\r\n",
    b"*1\r\n$-5\r\n",
    b"*abc\r\n",
    b"*1\r\n:1\r\n",
    b"*99999999999\r\n",
    b"*2\r\n$4\r\nPING\r\nhello\r\n",
    b"*1\r\n$999999999999\r\n",
    b"SET a \"unbalanced\r\n",
    b"SET a \"b\"c\r\n",
    b"*1\r\n$4\r\nQUIT\r\n",
    b"*3\r\n$4\r\nXADD\r\n$1\r\nk\r\n$x\r\n",
];

pub(crate) fn bytes(text: impl AsRef<[u8]>) -> Argument {
    Argument::Bytes(text.as_ref().to_vec())
}

pub(crate) fn words<A: AsRef<[u8]>>(texts: &[A]) -> Words {
    texts.iter().map(bytes).collect()
}

/// Words of a line, split at blanks.
pub(crate) fn line(text: impl AsRef<str>) -> Words {
    text.as_ref().split(' ').map(bytes).collect()
}

fn commands_step(connection: usize, commands: Vec<Words>) -> Step {
    Step::Commands(connection, commands)
}

/// Wakes every client that waits, then reads every key in every database that scripts use.
fn last_look(connections: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    for from in 0..connections {
        for to in 0..connections {
            let unblock = vec![bytes("CLIENT"), bytes("UNBLOCK"), Argument::ClientId(to)];
            steps.push(commands_step(from, vec![unblock]));
        }
    }
    steps.push(commands_step(0, vec![words(&["RESET"])]));
    for database in ["0", "1"] {
        steps.push(commands_step(0, vec![words(&["SELECT", database]), words(&["DBSIZE"])]));
        for key in STREAMS.iter().chain(OTHERS) {
            // They change nothing, so one write will do.
            let looks = vec![
                words(&["TYPE", key]),
                words(&["PTTL", key]),
                words(&["GET", key]),
                words(&["HGETALL", key]),
                words(&["LRANGE", key, "0", "-1"]),
                words(&["SMEMBERS", key]),
                words(&["ZRANGE", key, "0", "-1", "WITHSCORES"]),
                words(&["XRANGE", key, "-", "+"]),
                words(&["XINFO", "STREAM", key]),
                words(&["XINFO", "STREAM", key, "FULL", "COUNT", "0"]),
                words(&["XINFO", "GROUPS", key]),
            ];
            steps.push(commands_step(0, looks));
        }
    }
    steps
}
