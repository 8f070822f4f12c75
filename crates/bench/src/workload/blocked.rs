//! A thousand workers of one group, all waiting: how soon an entry reaches one of them.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use hdrhistogram::Histogram;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use support::{Value, encode, skip};

use super::drain::entry_ids;
use super::{Run, measure, payload};
use crate::load::{nanos, new_histogram};
use crate::report::{Better, Row};
use crate::target::{Fsync, Target};

const KEY: &str = "blocked";
const GROUP: &str = "group";

/// Entries a second of the quiet part.
const RATE: u32 = 200;

/// Entries under way at once in the busy part.
const IN_FLIGHT: usize = 64;

/// How an XADD is chosen to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// So many a second, whatever has arrived.
    Rate,
    /// As soon as there are fewer than [`IN_FLIGHT`] that have not arrived.
    InFlight,
}

/// From XADD to delivery at a fixed rate, and deliveries a second with many under way.
pub(super) fn run(run: &Run<'_>) -> Result<Vec<Row>> {
    let (_dir, target) = run.start(Fsync::EverySec)?;
    let mut client = target.connect()?;
    client.ok(&["XGROUP", "CREATE", KEY, GROUP, "0", "MKSTREAM"]);
    support::raise_descriptor_limit();
    let mut crowd = Crowd::gather(&target, run.scale.blocked_consumers)?;
    // Everybody waits before the first entry leaves.
    while client.info("blocked_clients") != run.scale.blocked_consumers.to_string() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut rows = Vec::new();
    for (pace, name) in [(Pace::Rate, "blocked, 200/s"), (Pace::InFlight, "blocked, 64 in flight")]
    {
        let before = crowd.delivered;
        let measured = measure(&target, || {
            let (elapsed, latency) = crowd.run(pace, run.scale.measured)?;
            Ok((crowd.delivered - before, elapsed, latency))
        })?;
        let row = measured.row(name, "entries/s");
        rows.push(match pace {
            // The rate is given, so that the figure is how soon an entry arrives.
            Pace::Rate => {
                let value = row.p50_us.unwrap_or_default();
                Row { value, unit: "us p50", better: Better::Lower, ..row }
            }
            Pace::InFlight => row,
        });
    }
    let pending = client.ok(&["XPENDING", KEY, GROUP]).array();
    let delivered = i64::try_from(crowd.delivered)?;
    let pending = pending.first();
    ensure!(pending == Some(&Value::Int(delivered)), "{delivered} came, not {pending:?}");
    drop(crowd);
    target.stop()?;
    Ok(rows)
}

/// The consumers, and one producer behind them in `members`.
struct Crowd {
    poll: std::os::fd::OwnedFd,
    members: Vec<Member>,
    /// When each entry left that has not arrived, by its ID; without one until XADD has answered.
    under_way: HashMap<Vec<u8>, Instant>,
    /// Arrived before the answer of their XADD.
    early: HashMap<Vec<u8>, Instant>,
    /// XADDs without an answer, oldest first.
    unanswered: std::collections::VecDeque<Instant>,
    delivered: u64,
    latency: Histogram<u64>,
}

struct Member {
    stream: TcpStream,
    request: Vec<u8>,
    partial: Vec<u8>,
}

impl Member {
    fn open(target: &Target, request: Vec<u8>) -> Result<Self> {
        let stream = TcpStream::connect(target.address).context("cannot connect")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, request, partial: Vec::new() })
    }

    /// A request of a hundred bytes fits into a socket buffer that is empty.
    fn ask(&mut self) -> Result<()> {
        self.stream.write_all(&self.request).context("cannot send")
    }
}

impl Crowd {
    /// Connects all, and lets the consumers wait.
    fn gather(target: &Target, consumers: usize) -> Result<Self> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut members = Vec::with_capacity(consumers + 1);
        for index in 0..=consumers {
            let request = if index < consumers {
                let name = format!("consumer-{index}");
                encode(&[
                    "XREADGROUP",
                    "GROUP",
                    GROUP,
                    &name,
                    "COUNT",
                    "1",
                    "BLOCK",
                    "0",
                    "STREAMS",
                    KEY,
                    ">",
                ])
            } else {
                encode(&[b"XADD", KEY.as_bytes(), b"*", b"data", &payload(0)])
            };
            let mut member = Member::open(target, request)?;
            if index < consumers {
                member.ask()?;
            }
            let data = epoll::EventData::new_u64(index as u64);
            epoll::add(&poll, &member.stream, data, epoll::EventFlags::IN)?;
            member.stream.set_nonblocking(true)?;
            members.push(member);
        }
        Ok(Self {
            poll,
            members,
            under_way: HashMap::new(),
            early: HashMap::new(),
            unanswered: std::collections::VecDeque::new(),
            delivered: 0,
            latency: new_histogram(),
        })
    }

    /// Produces for `duration`, and waits until everything has arrived.
    fn run(&mut self, pace: Pace, duration: Duration) -> Result<(Duration, Histogram<u64>)> {
        self.latency.reset();
        let began = Instant::now();
        let mut next = began;
        let mut events = Vec::with_capacity(self.members.len());
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let now = Instant::now();
            let is_over = duration <= now - began;
            // An entry may arrive before its XADD is answered.
            if is_over && self.under_way.is_empty() && self.unanswered.is_empty() {
                return Ok((began.elapsed(), self.latency.clone()));
            }
            let wait = match pace {
                _ if is_over => None,
                Pace::InFlight => {
                    while self.missing() < IN_FLIGHT {
                        self.produce(Instant::now())?;
                    }
                    None
                }
                Pace::Rate => {
                    while next <= now {
                        // From when it leaves: a producer that wakes late has waited for its own
                        // timer, and never for the server.
                        self.produce(Instant::now())?;
                        next += Duration::from_secs(1) / RATE;
                    }
                    Some(Timespec::try_from(next - now).context("a short time")?)
                }
            };
            events.clear();
            epoll::wait(&self.poll, spare_capacity(&mut events), wait.as_ref())?;
            for event in &events {
                let index = usize::try_from(event.data.u64()).context("an index fits")?;
                self.receive(index, &mut buffer)?;
            }
        }
    }

    fn missing(&self) -> usize {
        self.under_way.len() + self.unanswered.len() - self.early.len()
    }

    fn produce(&mut self, sent: Instant) -> Result<()> {
        self.unanswered.push_back(sent);
        self.members.last_mut().expect("the producer").ask()
    }

    fn receive(&mut self, index: usize, buffer: &mut [u8]) -> Result<()> {
        let is_producer = index + 1 == self.members.len();
        let member = &mut self.members[index];
        match member.stream.read(buffer) {
            Ok(0) => bail!("the server closed the connection"),
            Ok(len) => member.partial.extend_from_slice(&buffer[..len]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).context("cannot receive"),
        }
        let bytes = std::mem::take(&mut member.partial);
        let mut at = 0;
        while let Some(len) = (at < bytes.len()).then(|| skip(&bytes[at..])).flatten() {
            let reply = &bytes[at..at + len];
            ensure!(reply[0] != b'-', "the server answered {}", reply.escape_ascii());
            if is_producer {
                self.appended(reply)?;
            } else {
                self.arrived(reply)?;
                self.members[index].ask()?;
            }
            at += len;
        }
        self.members[index].partial.extend_from_slice(&bytes[at..]);
        Ok(())
    }

    fn appended(&mut self, reply: &[u8]) -> Result<()> {
        let sent = self.unanswered.pop_front().context("an answer that nobody asked for")?;
        let id = reply.split(|byte| *byte == b'\n').nth(1).context("an ID")?.trim_ascii().to_vec();
        match self.early.remove(&id) {
            Some(at) => self.note(at.saturating_duration_since(sent)),
            None => drop(self.under_way.insert(id, sent)),
        }
        Ok(())
    }

    fn arrived(&mut self, reply: &[u8]) -> Result<()> {
        let ids = entry_ids(reply);
        ensure!(ids.len() == 1, "one entry was asked for: {}", reply.escape_ascii());
        match self.under_way.remove(ids[0]) {
            Some(sent) => self.note(sent.elapsed()),
            None => drop(self.early.insert(ids[0].to_vec(), Instant::now())),
        }
        Ok(())
    }

    fn note(&mut self, latency: Duration) {
        self.delivered += 1;
        self.latency.saturating_record(nanos(latency));
    }
}
