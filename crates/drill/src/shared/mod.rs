//! Streams that many write, consume and watch at once: orders come in, a group of consumers books
//! each of them into a ledger, readers see both, and events pass by in a stream that is trimmed.
//!
//! Nobody knows the whole. Each party keeps what it was told, and [`check`] puts it together.

mod check;
mod consumer;
mod producer;
mod reader;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use fastrand::Rng;

pub(crate) use consumer::Consumer;
pub(crate) use producer::Producer;
pub(crate) use reader::Reader;

use crate::finding::Findings;
use crate::id::Id;
use crate::load::Tally;
use crate::wire::{Connection, Failure};

const GROUP: &str = "desk";
const TOTALS: &str = "shared:totals";

/// Orders, ledger lines and events that are kept once they have been compared.
const KEPT: usize = 1_000;
/// `XADD MAXLEN ~` of the events.
const EVENTS_LENGTH: usize = 1_000;
/// Orders that wait for a consumer before producers write events only.
const BACKLOG_MAX: u64 = 1_000;

/// The three streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Orders,
    Ledger,
    Events,
}

impl Stream {
    const ALL: [Self; 3] = [Self::Orders, Self::Ledger, Self::Events];

    const fn key(self) -> &'static str {
        match self {
            Self::Orders => "shared:orders",
            Self::Ledger => "shared:ledger",
            Self::Events => "shared:events",
        }
    }
}

/// What every entry of the three says: whose it is, and its number among that producer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Order {
    producer: usize,
    number: u64,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(number {} of producer {})", self.number, self.producer)
    }
}

/// A pending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    order: Order,
    deliveries: u64,
}

/// Entries of a stream, as one party or the server knows them.
type Entries = BTreeMap<Id, Order>;

/// What was there when everything was compared last.
#[derive(Debug, Default)]
struct Base {
    streams: [Entries; 3],
    tops: [Id; 3],
    last_delivered: Id,
    /// Ledger lines of each producer that are there or were trimmed.
    totals: Vec<u64>,
}

/// Everybody who works on the shared streams.
#[derive(Debug)]
pub(crate) struct Shared {
    base: Base,
    pub(crate) producers: Vec<Producer>,
    pub(crate) consumers: Vec<Consumer>,
    pub(crate) readers: Vec<Reader>,
    /// Orders acknowledged, less those booked: keeps the producers from running away.
    pub(crate) backlog: AtomicU64,
}

impl Shared {
    pub(crate) fn new(producers: usize, consumers: usize, readers: usize, rng: &mut Rng) -> Self {
        Self {
            base: Base { totals: vec![0; producers], ..Base::default() },
            producers: (0..producers).map(|index| Producer::new(index, rng.fork())).collect(),
            consumers: (0..consumers).map(|index| Consumer::new(index, rng.fork())).collect(),
            readers: (0..readers).map(|index| Reader::new(index, producers)).collect(),
            backlog: AtomicU64::new(0),
        }
    }

    /// Makes the streams and the group; done once before the first cycle.
    pub(crate) fn prepare(&self, client: &mut Connection) -> Result<(), Failure> {
        client.ok(&["XGROUP", "CREATE", Stream::Orders.key(), GROUP, "0", "MKSTREAM"])?;
        Ok(())
    }

    /// Compares everything that anybody was told with the restarted server, and goes on from what
    /// it has.
    pub(crate) fn verify(
        &mut self,
        client: &mut Connection,
        tally: &mut Tally,
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        check::check(self, client, tally, findings)
    }

    /// Tidies up behind a comparison without findings: trims what was compared, and lets consumers
    /// take over from each other, as they do when one has died.
    pub(crate) fn go_on(&mut self, client: &mut Connection, rng: &mut Rng) -> Result<(), Failure> {
        let needed = self.consumers.iter().filter_map(|c| c.held.keys().next().copied()).min();
        let orders = &mut self.base.streams[0];
        let undelivered = orders.range(self.base.last_delivered..).count();
        self.backlog.store(undelivered as u64, Relaxed);
        let nth = orders.len().saturating_sub(KEPT.max(undelivered + 1));
        if let Some(first) = orders.keys().nth(nth).copied() {
            let first = needed.map_or(first, |needed| needed.min(first));
            client.ok(&["XTRIM", Stream::Orders.key(), "MINID", "=", &first.to_string()])?;
            *orders = orders.split_off(&first);
        }
        let ledger = &mut self.base.streams[1];
        client.ok(&["XTRIM", Stream::Ledger.key(), "MAXLEN", "=", &KEPT.to_string()])?;
        while KEPT < ledger.len() {
            ledger.pop_first();
        }
        let (from, to) = (rng.usize(..self.consumers.len()), rng.usize(..self.consumers.len()));
        if from != to {
            self.take_over(client, from, to)?;
        }
        Ok(())
    }

    /// XCLAIM of everything that one consumer holds by another.
    fn take_over(
        &mut self,
        client: &mut Connection,
        from: usize,
        to: usize,
    ) -> Result<(), Failure> {
        let held = std::mem::take(&mut self.consumers[from].held);
        if held.is_empty() {
            return Ok(());
        }
        let name = self.consumers[to].name.clone();
        let mut words: Vec<String> =
            ["XCLAIM", Stream::Orders.key(), GROUP, &name, "0"].map(String::from).to_vec();
        words.extend(held.keys().map(Id::to_string));
        client.ok(&words)?;
        let raised = held
            .into_iter()
            .map(|(id, held)| (id, Held { deliveries: held.deliveries + 1, ..held }));
        self.consumers[to].held.extend(raised);
        Ok(())
    }
}
