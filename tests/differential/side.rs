//! One of the two servers: its process, its connections, and what it calls the things that two
//! servers name differently (generated IDs, client IDs).

use std::time::{Duration, Instant, SystemTime};

use support::{Launch, Server, encode};

use crate::reply::Node;
use crate::script::{Argument, Line, Script};
use crate::wire::Wire;

/// How long a reply may take before it counts as none: far beyond any reply on loopback.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// How much later than Redis a client may be woken. Short enough to shrink a script in which one
/// is not.
const WAKE_TIMEOUT: Duration = Duration::from_secs(3);

/// How far the ms part of a generated ID may lie from the clock.
const GENERATED_WITHIN_MS: u64 = 3_600_000;

/// One server under a script.
#[derive(Debug)]
pub(crate) struct Side {
    launch: Launch,
    server: Server,
    control: Wire,
    wires: Vec<Wire>,
    client_ids: Vec<Vec<u8>>,
    auto_ids: Vec<Vec<u8>>,
}

impl Side {
    /// Starts the server.
    pub(crate) fn start(launch: Launch) -> Self {
        let server = launch.start();
        let control = Wire::connect(server.address()).expect("a running server accepts");
        Self { launch, server, control, wires: vec![], client_ids: vec![], auto_ids: vec![] }
    }

    /// Whether this is Redis itself.
    pub(crate) fn is_redis(&self) -> bool {
        self.launch.is_redis()
    }

    /// Empty databases and fresh connections; a new process if the last script killed it.
    pub(crate) fn reset(&mut self, script: &Script) {
        self.wires.clear();
        if self.control(&["PING"]) == Node::Closed {
            self.server = self.launch.start();
            self.control = Wire::connect(self.server.address()).expect("a running server accepts");
        }
        // Connections of the last script end while this one begins: none of them may still count
        // as blocked.
        let deadline = Instant::now() + REPLY_TIMEOUT;
        while self.blocked_clients() > 0 && Instant::now() < deadline {}
        let entries_max = script.block_entries_max.to_string();
        for command in [
            &["FLUSHALL"][..],
            // The cut by bytes depends on Redis's private encoding; the cut by count does not.
            &["CONFIG", "SET", "stream-node-max-bytes", "0"],
            &["CONFIG", "SET", "stream-node-max-entries", &entries_max],
        ] {
            let reply = self.control(command);
            assert_eq!(reply, Node::Text(b'+', b"OK".to_vec()), "{command:?}");
        }
        self.client_ids.clear();
        self.auto_ids.clear();
        for _ in 0..script.connections {
            let mut wire = self.connect();
            wire.send(&encode(&["CLIENT", "ID"]));
            self.client_ids.push(wire.receive(REPLY_TIMEOUT).bytes().to_vec());
            self.wires.push(wire);
        }
    }

    /// A connection beside those of the script.
    pub(crate) fn connect(&self) -> Wire {
        Wire::connect(self.server.address()).expect("a running server accepts connections")
    }

    /// A command on the connection that no script uses.
    pub(crate) fn control<A: AsRef<[u8]>>(&mut self, words: &[A]) -> Node {
        self.control.send(&encode(words));
        self.control.receive(REPLY_TIMEOUT)
    }

    /// Blocked clients, by INFO. Redis serves woken clients before it reads the next command, so
    /// for Redis this is exact.
    pub(crate) fn blocked_clients(&mut self) -> usize {
        let info = self.control(&["INFO", "clients"]);
        let info = String::from_utf8_lossy(info.bytes());
        let line = info.lines().find_map(|line| line.strip_prefix("blocked_clients:"));
        line.and_then(|count| count.trim().parse().ok()).unwrap_or_default()
    }

    /// What this server calls an argument.
    pub(crate) fn resolve(&self, words: &[Argument]) -> Vec<Vec<u8>> {
        let resolve = |word: &Argument| match word {
            Argument::Bytes(bytes) => bytes.clone(),
            Argument::AutoId(number) => {
                self.auto_ids.get(*number).cloned().unwrap_or_else(|| b"1-1".to_vec())
            }
            Argument::ClientId(connection) => {
                self.client_ids.get(*connection).cloned().unwrap_or_else(|| b"0".to_vec())
            }
        };
        words.iter().map(resolve).collect()
    }

    /// Sends commands in one write.
    pub(crate) fn send(&mut self, connection: usize, commands: &[Vec<Argument>]) {
        let bytes: Vec<_> =
            commands.iter().flat_map(|words| encode(&self.resolve(words))).collect();
        self.wires[connection].send(&bytes);
    }

    /// Sends a command as a line of text.
    pub(crate) fn send_inline(&mut self, connection: usize, words: &[Argument]) {
        let words: Vec<_> = self.resolve(words).into_iter().map(Argument::Bytes).collect();
        self.wires[connection].send(format!("{}\r\n", Line(&words)).as_bytes());
    }

    /// The next reply on a connection, with generated IDs under common names.
    pub(crate) fn receive(&mut self, connection: usize) -> Node {
        let mut node = self.wires[connection].receive(REPLY_TIMEOUT);
        self.name_auto_ids(&mut node);
        node
    }

    /// The reply of a client that Redis has woken.
    pub(crate) fn receive_woken(&mut self, connection: usize) -> Node {
        let mut node = self.wires[connection].receive(WAKE_TIMEOUT);
        self.name_auto_ids(&mut node);
        node
    }

    /// The next reply if it is there already.
    pub(crate) fn poll(&mut self, connection: usize) -> Node {
        let mut node = self.wires[connection].poll();
        self.name_auto_ids(&mut node);
        node
    }

    /// The reply, or [`Node::Waiting`] once the server counts more blocked clients than `before`.
    pub(crate) fn receive_or_block(&mut self, connection: usize, before: usize) -> Node {
        let deadline = Instant::now() + REPLY_TIMEOUT;
        loop {
            let is_blocked = before < self.blocked_clients();
            let node = self.poll(connection);
            if node != Node::Waiting || is_blocked || deadline < Instant::now() {
                return node;
            }
        }
    }

    /// Waits until the server counts this many blocked clients, and says how many it counts.
    pub(crate) fn settle(&mut self, blocked: usize) -> usize {
        let deadline = Instant::now() + WAKE_TIMEOUT;
        loop {
            let now = self.blocked_clients();
            if now == blocked || deadline < Instant::now() {
                return now;
            }
        }
    }

    /// Everything that comes back for these bytes on a connection of their own.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut wire = self.connect();
        wire.send(bytes);
        wire.rest(REPLY_TIMEOUT)
    }

    fn named(&mut self, piece: &[u8]) -> Vec<u8> {
        if !is_generated(piece) {
            return piece.to_vec();
        }
        let known = self.auto_ids.iter().position(|id| id == piece);
        let number = known.unwrap_or_else(|| {
            self.auto_ids.push(piece.to_vec());
            self.auto_ids.len() - 1
        });
        format!("<auto-{number}>").into_bytes()
    }

    /// Generated IDs differ between two servers; they are numbered in the order in which each
    /// server showed them first.
    fn name_auto_ids(&mut self, node: &mut Node) {
        match node {
            // Also inside a text that a script made.
            Node::Text(b'$', bytes) => {
                let may_be_of_id = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
                let pieces = bytes.chunk_by(|a, b| may_be_of_id(a) == may_be_of_id(b));
                let named: Vec<_> = pieces.map(|piece| self.named(piece)).collect();
                *bytes = named.concat();
            }
            Node::List(_, items) => items.iter_mut().for_each(|item| self.name_auto_ids(item)),
            _ => {}
        }
    }
}

fn is_generated(text: &[u8]) -> bool {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let ms = std::str::from_utf8(text).ok().and_then(|text| text.split_once('-')?.0.parse().ok());
    ms.is_some_and(|ms: u64| u128::from(ms).abs_diff(now.as_millis()) < GENERATED_WITHIN_MS.into())
}
