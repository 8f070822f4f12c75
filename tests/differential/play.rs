//! Plays a script against both servers at once and stops at the first difference.

use std::fmt;
use std::time::{Duration, Instant};

use crate::by_design::{Case, Past, Verdict, explain};
use crate::reply::Node;
use crate::script::{Argument, Line, Script, Step, Words};
use crate::side::Side;
use crate::{lists, sorted_sets, streams};

/// How long a key may outlive its time.
const EXPIRY_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest BLOCK that is waited out instead of being woken.
const SHORT_MS: u64 = 1000;
const SHORT_S: f64 = 0.1;

/// Both servers and what the script did so far.
#[derive(Debug)]
pub(crate) struct Player {
    redis: Side,
    headwater: Side,
    links: Vec<Link>,
    history: Vec<Past>,
    /// Commands that got as far as a comparison.
    pub(crate) compared: u64,
    /// Scripts that ended early at a difference by design.
    pub(crate) parted: u64,
}

/// What both servers' connections of one number have in common.
#[derive(Clone, Debug, Default)]
struct Link {
    /// Commands without a reply yet, oldest first. Longer than zero between steps only while
    /// the first one blocks.
    outstanding: Vec<Words>,
    /// Commands queued since MULTI.
    queued: Option<Vec<Words>>,
    /// Whether XGROUP CREATECONSUMER was sent before the outstanding commands.
    has_consumers: bool,
    /// What SELECT chose last.
    database: Vec<u8>,
}

/// Where the two servers part.
#[derive(Debug)]
pub(crate) struct Difference {
    /// Number of the step.
    pub(crate) step: usize,
    /// The command whose replies differ.
    pub(crate) command: String,
    redis: Node,
    headwater: Node,
}

impl Difference {
    /// What it is about, to tell one difference from another: the command and its subcommand.
    pub(crate) fn kind(&self) -> String {
        let mut words = self.command.split(' ').map(str::to_ascii_uppercase);
        let name = words.next().unwrap_or_default();
        let rest = if matches!(name.as_str(), "XGROUP" | "XINFO" | "CLIENT" | "OBJECT") {
            words.next().unwrap_or_default()
        } else {
            String::new()
        };
        let shape = |node: &Node| match node {
            Node::Text(b'-', text) => {
                String::from_utf8_lossy(text).split(' ').take(4).collect::<Vec<_>>().join(" ")
            }
            Node::Text(kind, _) | Node::List(kind, _) => char::from(*kind).to_string(),
            other => format!("{other:?}"),
        };
        format!("{name} {rest} {} / {}", shape(&self.redis), shape(&self.headwater))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "replies to {} differ:", self.command)?;
        writeln!(f, "  redis     {:?}", self.redis)?;
        write!(f, "  headwater {:?}", self.headwater)
    }
}

/// Why a script ends before its last step.
enum Stop {
    /// The servers differ, and should not.
    Difference(Box<Difference>),
    /// They differ by design, in a way that makes what follows incomparable.
    Parted,
}

impl Player {
    pub(crate) fn new(redis: Side, headwater: Side) -> Self {
        Self { redis, headwater, links: Vec::new(), history: Vec::new(), compared: 0, parted: 0 }
    }

    /// Plays the script from empty databases.
    pub(crate) fn play(&mut self, script: &Script) -> Result<(), Box<Difference>> {
        self.redis.reset(script);
        self.headwater.reset(script);
        self.history.clear();
        self.links = vec![Link { database: b"0".to_vec(), ..Link::default() }; script.connections];
        for (number, step) in script.steps.iter().enumerate() {
            match self.step(step) {
                Ok(()) => {}
                Err(Stop::Parted) => {
                    self.parted += 1;
                    return Ok(());
                }
                Err(Stop::Difference(mut difference)) => {
                    difference.step = number;
                    return Err(difference);
                }
            }
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), Stop> {
        match step {
            Step::Commands(connection, commands) => self.commands(*connection, commands)?,
            Step::Inline(connection, words) => self.inline(*connection, words)?,
            Step::Scan(connection, words) => self.scan(*connection, words)?,
            Step::Expire(connection, key) => self.expire(*connection, key)?,
            Step::Raw(bytes) => {
                let text = |bytes| Node::Text(b'=', bytes);
                let (redis, headwater) = (self.redis.raw(bytes), self.headwater.raw(bytes));
                let words = [Argument::Bytes(bytes.clone())];
                self.compare(0, &words, None, text(redis), text(headwater))?;
            }
        }
        self.wake_ups(step)
    }

    fn commands(&mut self, connection: usize, commands: &[Words]) -> Result<(), Stop> {
        if self.is_blocked(connection) {
            // They wait behind the blocked one and are answered after it. Whose turn comes first
            // among clients woken together is not promised, so only commands without effect.
            if commands.iter().all(|words| is_harmless(words)) {
                self.send(connection, commands);
            }
            return Ok(());
        }
        let is_queueing = self.links[connection].queued.is_some();
        if let [words] = commands
            && may_block(words)
            && !is_queueing
        {
            return self.blocking(connection, words);
        }
        let is_hello = |words: &Words| name(words) == "HELLO";
        if is_queueing && commands.iter().any(is_hello) {
            // Redis encodes the replies before a HELLO in one EXEC the old way, those after it
            // the new way. Headwater encodes an EXEC as a whole. No client does this.
            return Ok(());
        }
        if commands.len() > 1 && commands.iter().any(|words| may_block(words)) {
            return commands
                .iter()
                .try_for_each(|words| self.commands(connection, std::slice::from_ref(words)));
        }
        if commands.len() > 1 || is_queueing {
            // `create_consumers` would come too late.
            let with_consumers = |words: &Words| {
                streams::consumers_of(words).into_iter().chain([words.clone()]).collect::<Vec<_>>()
            };
            let commands: Vec<_> = commands.iter().flat_map(with_consumers).collect();
            self.send(connection, &commands);
            self.links[connection].has_consumers = true;
        } else {
            self.send(connection, commands);
        }
        let received = self.receive(connection, None);
        self.links[connection].has_consumers = false;
        received
    }

    fn inline(&mut self, connection: usize, words: &Words) -> Result<(), Stop> {
        if self.is_blocked(connection) || may_block(words) {
            return Ok(());
        }
        if self.links[connection].queued.is_some() {
            return self.commands(connection, std::slice::from_ref(words));
        }
        self.remember(connection, words);
        self.redis.send_inline(connection, words);
        self.headwater.send_inline(connection, words);
        self.links[connection].outstanding.push(words.clone());
        self.receive(connection, None)
    }

    fn send(&mut self, connection: usize, commands: &[Words]) {
        commands.iter().for_each(|words| self.remember(connection, words));
        self.redis.send(connection, commands);
        self.headwater.send(connection, commands);
        self.links[connection].outstanding.extend_from_slice(commands);
    }

    fn blocking(&mut self, connection: usize, words: &Words) -> Result<(), Stop> {
        let before = self.blocked();
        self.send(connection, std::slice::from_ref(words));
        let redis = self.redis.receive_or_block(connection, before);
        let headwater = self.headwater.receive_or_block(connection, before);
        if redis == Node::Waiting && headwater == Node::Waiting {
            self.create_consumers(connection, words);
            return Ok(());
        }
        self.links[connection].outstanding.clear();
        self.answered(connection, words, None, redis, headwater)
    }

    /// All replies that are due on a connection.
    fn receive(&mut self, connection: usize, cause: Option<&Step>) -> Result<(), Stop> {
        for words in std::mem::take(&mut self.links[connection].outstanding) {
            let redis = self.redis.receive(connection);
            let headwater = self.headwater.receive(connection);
            self.answered(connection, &words, cause, redis, headwater)?;
        }
        Ok(())
    }

    fn answered(
        &mut self,
        connection: usize,
        words: &Words,
        cause: Option<&Step>,
        redis: Node,
        headwater: Node,
    ) -> Result<(), Stop> {
        let is_late = cause.is_some() || self.links[connection].has_consumers;
        if !is_late && !matches!(redis, Node::Text(b'-' | b'+', _)) {
            self.create_consumers(connection, words);
        }
        let queued = self.follow(connection, words, &redis);
        self.compare_all(connection, words, &queued, cause, redis, headwater)
    }

    /// Keeps track of MULTI and SELECT, and hands out what an EXEC has run.
    fn follow(&mut self, connection: usize, words: &Words, redis: &Node) -> Vec<Words> {
        let link = &mut self.links[connection];
        match (name(words).as_str(), redis) {
            (_, Node::Text(b'+', text)) if text == b"QUEUED" => {
                link.queued.get_or_insert_default().push(words.clone());
            }
            ("SELECT", Node::Text(b'+', _)) => {
                if let Some(Argument::Bytes(number)) = words.get(1) {
                    link.database.clone_from(number);
                }
            }
            ("MULTI", Node::Text(b'+', _)) => link.queued = Some(Vec::new()),
            // Refused for their arguments, DISCARD and RESET do nothing, and EXEC discards.
            ("DISCARD" | "RESET", Node::Text(b'-', _)) => {}
            ("EXEC" | "DISCARD" | "RESET", reply) => {
                if name(words) == "RESET" {
                    link.database = b"0".to_vec();
                }
                let queued = link.queued.take().unwrap_or_default();
                if matches!(reply, Node::List(..)) {
                    for (words, reply) in queued.iter().zip(reply.items()) {
                        self.follow(connection, words, reply);
                    }
                    return queued;
                }
            }
            _ => {}
        }
        Vec::new()
    }

    /// Compares a reply, an EXEC's element by element, each as the reply of its own command.
    fn compare_all(
        &mut self,
        connection: usize,
        words: &Words,
        queued: &[Words],
        cause: Option<&Step>,
        redis: Node,
        headwater: Node,
    ) -> Result<(), Stop> {
        match (redis, headwater) {
            (Node::List(b'*', redis), Node::List(b'*', headwater))
                if !queued.is_empty()
                    && redis.len() == queued.len()
                    && headwater.len() == queued.len() =>
            {
                let pairs = redis.into_iter().zip(headwater);
                queued.iter().zip(pairs).try_for_each(|(words, (redis, headwater))| {
                    self.compare(connection, words, cause, redis, headwater)
                })
            }
            (redis, headwater) => self.compare(connection, words, cause, redis, headwater),
        }
    }

    fn compare(
        &mut self,
        connection: usize,
        words: &[Argument],
        cause: Option<&Step>,
        mut redis: Node,
        mut headwater: Node,
    ) -> Result<(), Stop> {
        self.compared += 1;
        if redis == headwater {
            return Ok(());
        }
        let shown = (redis.clone(), headwater.clone());
        let case = Case {
            connection,
            words: words.iter().map(upper).collect(),
            is_wake_up: cause.is_some(),
            history: &self.history,
        };
        match explain(&case, &mut redis, &mut headwater) {
            Verdict::Parted => return Err(Stop::Parted),
            Verdict::Normalised if redis == headwater => return Ok(()),
            Verdict::Normalised => {}
        }
        let cause = cause.map(|step| format!(", woken by {step}")).unwrap_or_default();
        let command = format!("{}{}", Line(words), cause.trim_end());
        let (redis, headwater) = shown;
        Err(Stop::Difference(Box::new(Difference { step: 0, command, redis, headwater })))
    }

    /// Replies to clients that the step has woken.
    fn wake_ups(&mut self, step: &Step) -> Result<(), Stop> {
        let before = self.blocked();
        if before == 0 {
            return Ok(());
        }
        let after = self.redis.blocked_clients();
        let mut woken = Vec::new();
        let deadline = Instant::now() + EXPIRY_TIMEOUT;
        while woken.len() + after < before && Instant::now() < deadline {
            for connection in 0..self.links.len() {
                if self.is_blocked(connection) && !woken.iter().any(|(c, _)| *c == connection) {
                    let node = self.redis.poll(connection);
                    if node != Node::Waiting {
                        woken.push((connection, node));
                    }
                }
            }
        }
        for (connection, redis) in woken {
            let headwater = self.headwater.receive_woken(connection);
            let words = self.links[connection].outstanding.remove(0);
            self.answered(connection, &words, Some(step), redis, headwater)?;
            self.receive(connection, Some(step))?;
        }
        if self.headwater.settle(after) != after {
            for connection in 0..self.links.len() {
                if self.is_blocked(connection) {
                    let headwater = self.headwater.poll(connection);
                    let words = self.links[connection].outstanding[0].clone();
                    self.compare(connection, &words, Some(step), Node::Waiting, headwater)?;
                }
            }
        }
        Ok(())
    }

    /// Since 7.2 an attempt to read or claim creates the consumer; 7.0 creates it with the first
    /// entry. So that all that follows can be compared, Redis 7.0 is helped with XGROUP
    /// CREATECONSUMER.
    fn create_consumers(&mut self, connection: usize, words: &Words) {
        let database = String::from_utf8_lossy(&self.links[connection].database).into_owned();
        for create in streams::consumers_of(words) {
            for side in [&mut self.redis, &mut self.headwater] {
                if side.is_redis() {
                    side.control(&["SELECT", &database]);
                    side.control(&side.resolve(&create));
                    side.control(&["SELECT", "0"]);
                }
            }
        }
    }

    fn scan(&mut self, connection: usize, words: &Words) -> Result<(), Stop> {
        if self.is_blocked(connection) || self.links[connection].queued.is_some() {
            return Ok(());
        }
        let cursor = words.iter().position(|word| *word == Argument::Bytes(b"0".to_vec()));
        let redis = scan_all(&mut self.redis, connection, words, cursor);
        let headwater = scan_all(&mut self.headwater, connection, words, cursor);
        // The row about single calls must not excuse a whole scan.
        if redis == headwater {
            return Ok(());
        }
        let command = format!("{} (to the end)", Line(words));
        Err(Stop::Difference(Box::new(Difference { step: 0, command, redis, headwater })))
    }

    fn expire(&mut self, connection: usize, key: &[u8]) -> Result<(), Stop> {
        if self.is_blocked(connection) || self.links[connection].queued.is_some() {
            return Ok(());
        }
        let word = |bytes: &[u8]| Argument::Bytes(bytes.to_vec());
        self.commands(connection, &[vec![word(b"PEXPIRE"), word(key), word(b"1")]])?;
        for side in [&mut self.redis, &mut self.headwater] {
            let deadline = Instant::now() + EXPIRY_TIMEOUT;
            loop {
                side.send(connection, &[vec![word(b"EXISTS"), word(key)]]);
                if side.receive(connection).number() == Some(0) || deadline < Instant::now() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn remember(&mut self, connection: usize, words: &Words) {
        self.history.push(Past { connection, words: words.iter().map(upper).collect() });
    }

    fn is_blocked(&self, connection: usize) -> bool {
        !self.links[connection].outstanding.is_empty()
    }

    fn blocked(&self) -> usize {
        self.links.iter().filter(|link| !link.outstanding.is_empty()).count()
    }
}

/// All elements of a SCAN, HSCAN, SSCAN or ZSCAN, sorted, or the error.
fn scan_all(side: &mut Side, connection: usize, words: &Words, cursor: Option<usize>) -> Node {
    let mut words = words.clone();
    let mut found = Vec::new();
    loop {
        side.send(connection, std::slice::from_ref(&words));
        let reply = side.receive(connection);
        let ([Node::Text(b'$', next), Node::List(_, items)], Some(at)) = (reply.items(), cursor)
        else {
            return reply;
        };
        found.extend(items.iter().map(|item| item.bytes().to_vec()));
        if next == b"0" {
            break;
        }
        words[at] = Argument::Bytes(next.clone());
    }
    // HSCAN's names and values belong together, and so do ZSCAN's members and scores.
    let is_pairs = matches!(name(&words).as_str(), "HSCAN" | "ZSCAN");
    let mut elements: Vec<_> =
        found.chunks(if is_pairs { 2 } else { 1 }).map(|chunk| chunk.join(&b'=')).collect();
    elements.sort();
    elements.dedup();
    Node::List(b'*', elements.into_iter().map(|bytes| Node::Text(b'$', bytes)).collect())
}

/// An argument in upper case, for keywords.
pub(crate) fn upper(word: &Argument) -> String {
    match word {
        Argument::Bytes(bytes) => String::from_utf8_lossy(bytes).to_ascii_uppercase(),
        _ => String::new(),
    }
}

fn name(words: &[Argument]) -> String {
    words.first().map(upper).unwrap_or_default()
}

/// Whether the command can wait until another client acts. Short waits end by themselves.
fn may_block(words: &[Argument]) -> bool {
    let name_of = name(words);
    if lists::waits(&name_of) || sorted_sets::waits(&name_of) {
        // A wait that is no number is refused at once.
        let seconds = lists::timeout(&name_of, words);
        return seconds.is_some_and(|seconds| seconds <= 0.0 || SHORT_S < seconds);
    }
    let is_read = matches!(name(words).as_str(), "XREAD" | "XREADGROUP");
    let block = words.iter().position(|word| upper(word) == "BLOCK");
    let timeout = block.and_then(|at| words.get(at + 1)).map(upper);
    let is_short = |text: String| text.parse().is_ok_and(|ms| (1..=SHORT_MS).contains(&ms));
    is_read && timeout.is_some_and(|text| !is_short(text))
}

fn is_harmless(words: &[Argument]) -> bool {
    matches!(name(words).as_str(), "PING" | "ECHO" | "XLEN" | "GET" | "EXISTS")
}
