//! Writes orders and events.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use fastrand::Rng;

use super::{BACKLOG_MAX, EVENTS_LENGTH, Order, Stream};
use crate::finding::{Findings, Kind};
use crate::id::{Id, padding};
use crate::load::Ending;
use crate::wire::{Connection, Failure, encode};

/// The most requests that are sent before the first of their replies is read.
const PIPELINE_MAX: usize = 8;

/// A producer and what it was told.
#[derive(Debug)]
pub(crate) struct Producer {
    pub(super) index: usize,
    rng: Rng,
    pub(super) next_number: u64,
    pub(super) acknowledged: Vec<(Stream, Id, Order)>,
    pub(super) in_flight: VecDeque<(Stream, Order)>,
    /// The last ID that it was given in each stream, ever.
    last: [Id; 3],
    pub(super) findings: Findings,
}

impl Producer {
    pub(super) fn new(index: usize, rng: Rng) -> Self {
        Self {
            index,
            rng,
            next_number: 1,
            acknowledged: Vec::new(),
            in_flight: VecDeque::new(),
            last: [Id::default(); 3],
            findings: Findings::default(),
        }
    }

    /// Appends until the server ends or the load is asked to stop.
    pub(crate) fn load(&mut self, mut client: Connection, ending: &Ending, backlog: &AtomicU64) {
        while !ending.is_quiet() {
            if let Err(failure) = self.batch(&mut client, ending, backlog) {
                let name = format!("producer {}", self.index);
                return ending.report(&name, failure, &mut self.findings);
            }
        }
    }

    fn batch(
        &mut self,
        client: &mut Connection,
        ending: &Ending,
        backlog: &AtomicU64,
    ) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        for _ in 0..self.rng.usize(1..=PIPELINE_MAX) {
            let is_full = BACKLOG_MAX < backlog.load(Relaxed);
            let stream = if is_full || self.rng.bool() { Stream::Events } else { Stream::Orders };
            let order = Order { producer: self.index, number: self.next_number };
            self.next_number += 1;
            append(&mut bytes, stream, order);
            self.in_flight.push_back((stream, order));
        }
        client.send(&bytes)?;
        while let Some((stream, order)) = self.in_flight.front().copied() {
            let id = Id::of(&client.receive()?)?;
            self.in_flight.pop_front();
            let last = &mut self.last[stream as usize];
            if id <= *last {
                let what = format!("{}: {id} was given out after {last}", stream.key());
                self.findings.add(Kind::IdWentBack, what);
            }
            *last = id;
            self.acknowledged.push((stream, id, order));
            backlog.fetch_add(u64::from(stream == Stream::Orders), Relaxed);
            ending.progress();
        }
        Ok(())
    }
}

/// XADD of an order, with padding by which it is known.
pub(super) fn append(out: &mut Vec<u8>, stream: Stream, order: Order) {
    let length = EVENTS_LENGTH.to_string();
    let mut words = vec!["XADD", stream.key()];
    if stream == Stream::Events {
        words.extend(["MAXLEN", "~", &length]);
    }
    let (producer, number) = (order.producer.to_string(), order.number.to_string());
    let padding = padding(order.number);
    words.extend(["*", "o", &producer, "n", &number, "p", &padding]);
    encode(out, &words);
}
