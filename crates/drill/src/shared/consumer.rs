//! Takes orders from the group and books them, each in one transaction.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use fastrand::Rng;

use super::producer::append;
use super::reader::order_of;
use super::{GROUP, Held, Order, Stream, TOTALS};
use crate::finding::{Findings, Kind};
use crate::id::{Id, entries_of_one};
use crate::load::Ending;
use crate::wire::{Connection, Failure, Value, encode};

/// How long XREADGROUP waits for an order.
const BLOCK_MS: &str = "20";
const COUNT_MAX: usize = 12;

/// A request of a consumer.
#[derive(Clone, Debug)]
pub(super) enum Request {
    /// XREADGROUP `>`.
    Read { count: usize },
    /// XREADGROUP `0` of everything: raises every count.
    ReadAgain,
    /// HINCRBY of the total, XADD to the ledger and XACK, in MULTI.
    Book { id: Id, order: Order },
}

/// A consumer and what it was told.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(super) name: String,
    rng: Rng,
    /// Its own pending entries. Nobody claims them while it runs.
    pub(super) held: BTreeMap<Id, Held>,
    /// Ledger lines that were acknowledged, and the orders behind them.
    pub(super) booked: Vec<(Id, Id, Order)>,
    pub(super) last_delivered: Id,
    pub(super) in_flight: VecDeque<Request>,
    pub(super) findings: Findings,
}

impl Consumer {
    pub(super) fn new(index: usize, rng: Rng) -> Self {
        Self {
            name: format!("consumer-{index}"),
            rng,
            held: BTreeMap::new(),
            booked: Vec::new(),
            last_delivered: Id::default(),
            in_flight: VecDeque::new(),
            findings: Findings::default(),
        }
    }

    /// Consumes until the server ends or the load is asked to stop.
    pub(crate) fn load(&mut self, mut client: Connection, ending: &Ending, backlog: &AtomicU64) {
        while !ending.is_quiet() {
            if let Err(failure) = self.round(&mut client, ending, backlog) {
                return ending.report(&self.name, failure, &mut self.findings);
            }
        }
    }

    fn round(
        &mut self,
        client: &mut Connection,
        ending: &Ending,
        backlog: &AtomicU64,
    ) -> Result<(), Failure> {
        if self.rng.u32(..8) == 0 {
            self.read_again(client)?;
        } else {
            self.read(client)?;
        }
        ending.progress();
        // Some stay pending for a while.
        let ready: Vec<_> = self.held.iter().map(|(id, held)| (*id, held.order)).collect();
        let ready = ready.into_iter().filter(|_| self.rng.u32(..10) != 0).collect::<Vec<_>>();
        let count = self.book(client, &ready, ending)?;
        let rest = backlog.load(Relaxed).saturating_sub(count);
        backlog.store(rest, Relaxed);
        Ok(())
    }

    fn read(&mut self, client: &mut Connection) -> Result<(), Failure> {
        let count = self.rng.usize(1..=COUNT_MAX);
        self.in_flight.push_back(Request::Read { count });
        let words = ["XREADGROUP", "GROUP", GROUP, &self.name, "COUNT", &count.to_string()];
        let more = ["BLOCK", BLOCK_MS, "STREAMS", Stream::Orders.key(), ">"];
        let reply = client.ok(&[&words[..], &more].concat())?;
        self.in_flight.pop_front();
        for (id, fields) in entries_of_one(&reply)? {
            let order = order_of(fields).map_err(Failure::Strange)?;
            if id <= self.last_delivered {
                let what = format!("{} got {id} after {}", self.name, self.last_delivered);
                self.findings.add(Kind::StateDiffers, what);
            }
            self.last_delivered = id;
            self.held.insert(id, Held { order, deliveries: 1 });
        }
        Ok(())
    }

    fn read_again(&mut self, client: &mut Connection) -> Result<(), Failure> {
        self.in_flight.push_back(Request::ReadAgain);
        let words =
            ["XREADGROUP", "GROUP", GROUP, &self.name, "STREAMS", Stream::Orders.key(), "0"];
        let reply = client.ok(&words)?;
        self.in_flight.pop_front();
        let given: Vec<_> = entries_of_one(&reply)?.into_iter().map(|(id, _)| id).collect();
        if !given.iter().eq(self.held.keys()) {
            let what =
                format!("{} holds {:?} and was given {given:?}", self.name, self.held.keys());
            self.findings.add(Kind::StateDiffers, what);
        }
        self.held.values_mut().for_each(|held| held.deliveries += 1);
        Ok(())
    }

    /// Books in a pipeline, one transaction for each order.
    fn book(
        &mut self,
        client: &mut Connection,
        ready: &[(Id, Order)],
        ending: &Ending,
    ) -> Result<u64, Failure> {
        let mut bytes = Vec::new();
        for (id, order) in ready {
            encode(&mut bytes, &["MULTI"]);
            encode(&mut bytes, &["HINCRBY", TOTALS, &order.producer.to_string(), "1"]);
            append(&mut bytes, Stream::Ledger, *order);
            encode(&mut bytes, &["XACK", Stream::Orders.key(), GROUP, &id.to_string()]);
            encode(&mut bytes, &["EXEC"]);
            self.in_flight.push_back(Request::Book { id: *id, order: *order });
        }
        client.send(&bytes)?;
        for (id, order) in ready {
            for _ in 0..4 {
                if let Value::Error(text) = client.receive()? {
                    return Err(Failure::strange(format!("MULTI was answered: {text}")));
                }
            }
            let reply = client.receive()?;
            let line = Id::of(reply.item(1)?)?;
            if reply.item(2)?.number()? != 1 {
                let what = format!("{} booked {id}, XACK said {:?}", self.name, reply.item(2)?);
                self.findings.add(Kind::WrongReply, what);
            }
            self.in_flight.pop_front();
            self.held.remove(id);
            self.booked.push((line, *id, *order));
            ending.progress();
        }
        Ok(ready.len() as u64)
    }
}
