//! Puts together what everybody was told, and compares it with what is there.

use std::collections::{BTreeMap, BTreeSet};

use super::consumer::{Consumer, Request};
use super::reader::{order_of, totals};
use super::{Base, EVENTS_LENGTH, Entries, GROUP, Held, Order, Shared, Stream};
use crate::finding::{Findings, Kind};
use crate::id::{Id, entries};
use crate::load::Tally;
use crate::wire::{Connection, Failure};

/// The most pending entries that are asked for: far more than can pile up.
const PENDING_MAX: &str = "1000000";

/// What the server has.
#[derive(Debug, Default)]
pub(super) struct Observed {
    pub(super) streams: [Entries; 3],
    pub(super) tops: [Id; 3],
    pub(super) totals: Vec<u64>,
    pub(super) last_delivered: Id,
    /// For each consumer, the delivery count of what it holds.
    pub(super) pending: BTreeMap<String, BTreeMap<Id, u64>>,
}

pub(super) fn check(
    shared: &mut Shared,
    client: &mut Connection,
    tally: &mut Tally,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let observed = Observed::ask(client, shared.producers.len(), findings)?;
    compare(shared, &observed, tally, findings);
    adopt(shared, observed);
    Ok(())
}

impl Observed {
    fn ask(
        client: &mut Connection,
        producers: usize,
        findings: &mut Findings,
    ) -> Result<Self, Failure> {
        let mut observed = Self { totals: totals(client, producers)?, ..Self::default() };
        for stream in Stream::ALL {
            for (id, fields) in entries(&client.ok(&["XRANGE", stream.key(), "-", "+"])?)? {
                match order_of(fields) {
                    Ok(order) => drop(observed.streams[stream as usize].insert(id, order)),
                    Err(what) => findings.add(Kind::Damaged, format!("{}: {what}", stream.key())),
                }
            }
            observed.tops[stream as usize] = crate::own::top(client, stream.key())?;
        }
        let orders = Stream::Orders.key();
        let has_orders = client.ok(&["EXISTS", orders])?.number()? == 1;
        let groups = if has_orders {
            client.ok(&["XINFO", "GROUPS", orders])?
        } else {
            return Ok(observed);
        };
        let Some(group) = groups.items()?.first() else { return Ok(observed) };
        observed.last_delivered = Id::of(group.field("last-delivered-id")?)?;
        let pending = client.ok(&["XPENDING", orders, GROUP, "-", "+", PENDING_MAX])?;
        for detail in pending.items()? {
            let held = observed.pending.entry(detail.item(1)?.text()?).or_default();
            held.insert(Id::of(detail.item(0)?)?, detail.item(3)?.number()?);
        }
        Ok(observed)
    }
}

/// Everything that is known, against everything that is there.
pub(super) fn compare(
    shared: &mut Shared,
    observed: &Observed,
    tally: &mut Tally,
    findings: &mut Findings,
) {
    for producer in &mut shared.producers {
        findings.merge(std::mem::take(&mut producer.findings));
        tally.in_flight += producer.in_flight.len() as u64;
    }
    for consumer in &mut shared.consumers {
        findings.merge(std::mem::take(&mut consumer.findings));
        tally.in_flight += consumer.in_flight.len() as u64;
    }
    for reader in &mut shared.readers {
        findings.merge(std::mem::take(&mut reader.findings));
        tally.shown += reader.seen.iter().map(|seen| seen.len() as u64).sum::<u64>();
    }
    for stream in Stream::ALL {
        compare_entries(shared, stream, observed, findings);
        tally.compared += observed.streams[stream as usize].len() as u64;
    }
    compare_seen(shared, observed, findings);
    for producer in &shared.producers {
        let is_there = |(stream, order): &(Stream, Order)| {
            observed.streams[*stream as usize].values().rev().any(|there| there == order)
        };
        let stored: Vec<_> = producer.in_flight.iter().map(is_there).collect();
        tally.in_flight_stored += stored.iter().filter(|is_there| **is_there).count() as u64;
        if !stored.is_sorted_by(|a, b| a >= b) {
            let what =
                format!("producer {}: of {:?}, {stored:?}", producer.index, producer.in_flight);
            findings.add(Kind::Misordered, what);
        }
    }
    compare_group(shared, observed, tally, findings);
}

/// Entries that were acknowledged or compared before are there; others only if they were in flight,
/// and once; each producer's are in its order.
fn compare_entries(shared: &Shared, stream: Stream, observed: &Observed, findings: &mut Findings) {
    let (key, there) = (stream.key(), &observed.streams[stream as usize]);
    let mut known = shared.base.streams[stream as usize].clone();
    let mut in_flight = BTreeSet::new();
    for producer in &shared.producers {
        let own = producer.acknowledged.iter().filter(|(of, ..)| *of == stream);
        known.extend(own.map(|(_, id, order)| (*id, *order)));
        let own = producer.in_flight.iter().filter(|(of, _)| *of == stream);
        in_flight.extend(own.map(|(_, order)| *order));
    }
    if stream == Stream::Ledger {
        for consumer in &shared.consumers {
            known.extend(consumer.booked.iter().map(|(line, _, order)| (*line, *order)));
            in_flight.extend(consumer.in_flight.iter().filter_map(|request| match request {
                Request::Book { order, .. } => Some(*order),
                _ => None,
            }));
        }
    }
    let first = trimmed_up_to(stream, there);
    let mut lost = 0;
    for (id, order) in known.range(first..) {
        match there.get(id) {
            Some(found) if found == order => {}
            Some(found) => {
                findings.add(Kind::IdWentBack, format!("{key}: {id} was {order}, is {found}"));
            }
            None => {
                lost += 1;
                findings.add(Kind::Lost, format!("{key}: {id} {order} was acknowledged, is gone"));
            }
        }
    }
    let kept = known.len().min(EVENTS_LENGTH);
    if stream == Stream::Events && lost == 0 && there.len() < kept {
        let what = format!("{key}: at least {kept} acknowledged, {} there", there.len());
        findings.add(Kind::Lost, what);
    }
    let mut ids: BTreeMap<Order, Id> = BTreeMap::new();
    let mut newest = vec![0; shared.producers.len()];
    for (id, order) in there {
        if let Some(first) = ids.insert(*order, *id) {
            findings.add(Kind::Duplicated, format!("{key}: {order} is there as {first} and {id}"));
        } else if !known.contains_key(id) && !in_flight.contains(order) {
            findings.add(Kind::Damaged, format!("{key}: nobody sent {id} {order} just now"));
        }
        let Some(newest) = newest.get_mut(order.producer) else { continue };
        // Consumers book in an order of their own.
        if stream != Stream::Ledger && order.number < *newest {
            findings.add(Kind::Misordered, format!("{key}: {id} {order} is behind {newest}"));
        }
        *newest = order.number.max(*newest);
    }
    let last = known.last_key_value().map_or(Id::default(), |(id, _)| *id);
    let last = last.max(shared.base.tops[stream as usize]);
    let top = observed.tops[stream as usize];
    if top < last {
        findings.add(Kind::IdWentBack, format!("{key}: last ID {top}, {last} was given out"));
    }
}

/// Below this a stream may have been trimmed since it was compared.
fn trimmed_up_to(stream: Stream, there: &Entries) -> Id {
    match (stream, there.first_key_value()) {
        (Stream::Events, Some((first, _))) => *first,
        _ => Id::default(),
    }
}

/// What a reader was shown is there.
fn compare_seen(shared: &Shared, observed: &Observed, findings: &mut Findings) {
    for reader in &shared.readers {
        for stream in Stream::ALL {
            let there = &observed.streams[stream as usize];
            for (id, order) in reader.seen[stream as usize].range(trimmed_up_to(stream, there)..) {
                // What was compared and trimmed since is no business of the reader any more.
                if there.get(id) != Some(order) && shared.base.first(stream) <= *id {
                    let what = format!("{}: {id} {order} was shown and is gone", stream.key());
                    findings.add(Kind::Vanished, what);
                }
            }
        }
        if observed.last_delivered < reader.last_delivered {
            let (shown, there) = (reader.last_delivered, observed.last_delivered);
            let what = format!("the group was shown at {shown} and is at {there}");
            findings.add(Kind::Vanished, what);
        }
        for (producer, (shown, there)) in reader.totals.iter().zip(&observed.totals).enumerate() {
            if there < shown {
                let what = format!("total {producer} was shown as {shown} and is {there}");
                findings.add(Kind::Vanished, what);
            }
        }
    }
}

impl Base {
    /// Where a stream began after its last trim.
    fn first(&self, stream: Stream) -> Id {
        self.streams[stream as usize].first_key_value().map_or(Id::default(), |(id, _)| *id)
    }
}

/// Pending entries, delivery counts and the group's position; and that of each booking all three
/// parts are there or none.
fn compare_group(shared: &Shared, observed: &Observed, tally: &mut Tally, findings: &mut Findings) {
    let base = &shared.base;
    let mut booked: BTreeSet<Id> = BTreeSet::new();
    let mut known = base.totals.clone();
    let mut totals = base.totals.clone();
    let mut last_delivered = base.last_delivered;
    let none = BTreeMap::new();
    for consumer in &shared.consumers {
        for (_, id, order) in &consumer.booked {
            booked.insert(*id);
            count(&mut known, *order);
            count(&mut totals, *order);
        }
        let there = observed.pending.get(&consumer.name).unwrap_or(&none);
        let mut party = Party { consumer, there, observed, findings, stored: 0 };
        let (extra, bookings) = party.compare();
        tally.in_flight_stored += party.stored;
        for (id, order) in bookings {
            booked.insert(id);
            count(&mut totals, order);
        }
        last_delivered = last_delivered.max(consumer.last_delivered).max(extra);
    }
    if observed.last_delivered != last_delivered {
        let there = observed.last_delivered;
        let what =
            format!("the group has delivered up to {last_delivered}, its position is {there}");
        findings.add(if there < last_delivered { Kind::Lost } else { Kind::StateDiffers }, what);
    }
    let pending: BTreeSet<Id> =
        observed.pending.values().flat_map(BTreeMap::keys).copied().collect();
    for (id, order) in observed.streams[Stream::Orders as usize].range(..=observed.last_delivered) {
        let is_new = base.last_delivered < *id;
        if is_new && !pending.contains(id) && !booked.contains(id) {
            let what = format!("{id} {order} is behind the group and with nobody");
            findings.add(Kind::StateDiffers, what);
        }
    }
    for name in observed.pending.keys() {
        if !shared.consumers.iter().any(|consumer| consumer.name == *name) {
            findings.add(Kind::StateDiffers, format!("nobody is called {name}"));
        }
    }
    for (producer, (expected, there)) in totals.iter().zip(&observed.totals).enumerate() {
        if expected != there {
            let what = format!("total {producer} is {there}, the ledger says {expected}");
            let is_lost = *there < known[producer];
            findings.add(if is_lost { Kind::Lost } else { Kind::Partial }, what);
        }
    }
}

fn count(totals: &mut [u64], order: Order) {
    if let Some(total) = totals.get_mut(order.producer) {
        *total += 1;
    }
}

/// One consumer against what it holds after the restart.
struct Party<'a> {
    consumer: &'a Consumer,
    there: &'a BTreeMap<Id, u64>,
    observed: &'a Observed,
    findings: &'a mut Findings,
    stored: u64,
}

impl Party<'_> {
    /// The last ID that a delivery in flight has reached, and the bookings in flight that are stored.
    fn compare(&mut self) -> (Id, Vec<(Id, Order)>) {
        let mut expected: BTreeMap<Id, u64> =
            self.consumer.held.iter().map(|(id, held)| (*id, held.deliveries)).collect();
        let mut last = Id::default();
        let mut bookings = Vec::new();
        let mut outcomes = Vec::new();
        for request in &self.consumer.in_flight {
            let is_stored = match request {
                Request::Book { id, order } => {
                    let is_booked = self.is_booked(*id, *order);
                    if is_booked {
                        // One that is pending all the same has been reported just now.
                        if !self.there.contains_key(id) {
                            expected.remove(id);
                        }
                        bookings.push((*id, *order));
                    }
                    is_booked
                }
                Request::ReadAgain => {
                    let raised = expected.iter().map(|(id, count)| (*id, count + 1)).collect();
                    let is_raised = !expected.is_empty() && *self.there == raised;
                    if is_raised {
                        expected = raised;
                    }
                    is_raised
                }
                Request::Read { count } => {
                    let new = self.there.iter().filter(|(id, _)| !expected.contains_key(id));
                    let new: Vec<_> = new.map(|(id, count)| (*id, *count)).collect();
                    if *count < new.len() || new.iter().any(|(_, deliveries)| *deliveries != 1) {
                        let name = &self.consumer.name;
                        let what = format!("{name} asked for {count} orders and holds {new:?}");
                        self.findings.add(Kind::StateDiffers, what);
                    }
                    last = new.last().map_or(last, |(id, _)| last.max(*id));
                    let is_stored = !new.is_empty();
                    expected.extend(new);
                    is_stored
                }
            };
            self.stored += u64::from(is_stored);
            outcomes.push(is_stored);
        }
        if !outcomes.is_sorted_by(|a, b| a >= b) {
            let what = format!("{}: of its bookings, {outcomes:?}", self.consumer.name);
            self.findings.add(Kind::Misordered, what);
        }
        self.compare_counts(&expected);
        (last, bookings)
    }

    /// Whether a booking in flight is stored. Its parts must agree.
    fn is_booked(&mut self, id: Id, order: Order) -> bool {
        let ledger = &self.observed.streams[Stream::Ledger as usize];
        let has_line = ledger.values().rev().any(|line| *line == order);
        let is_pending = self.there.contains_key(&id);
        // If the delivery itself is lost, nothing can be said about its XACK.
        let is_delivered = id <= self.observed.last_delivered;
        if has_line == is_pending && is_delivered {
            let parts =
                if has_line { "line is there, XACK is not" } else { "XACK is there, line is not" };
            let what = format!("{}: booking of {id} {order}: {parts}", self.consumer.name);
            self.findings.add(Kind::Partial, what);
        }
        has_line
    }

    fn compare_counts(&mut self, expected: &BTreeMap<Id, u64>) {
        let name = &self.consumer.name;
        for (id, count) in expected {
            match self.there.get(id) {
                Some(there) if there == count => {}
                Some(there) => {
                    let what =
                        format!("{name}: {id} was delivered {count} times, the count is {there}");
                    self.findings.add(Kind::StateDiffers, what);
                }
                None => {
                    let what = format!("{name}: {id} was delivered to it and is not pending");
                    self.findings.add(Kind::Lost, what);
                }
            }
        }
        for id in self.there.keys().filter(|id| !expected.contains_key(id)) {
            if self.consumer.booked.iter().any(|(_, booked, _)| booked == id) {
                let what = format!("{name}: the XACK of {id} was acknowledged, it is pending");
                self.findings.add(Kind::Lost, what);
            } else {
                let what = format!("{name}: {id} is pending, it was never delivered to it");
                self.findings.add(Kind::StateDiffers, what);
            }
        }
    }
}

/// What is there now is what the next cycle begins with.
fn adopt(shared: &mut Shared, observed: Observed) {
    let base = &mut shared.base;
    for producer in &mut shared.producers {
        producer.acknowledged.clear();
        producer.in_flight.clear();
    }
    let orders = &observed.streams[Stream::Orders as usize];
    for consumer in &mut shared.consumers {
        consumer.booked.clear();
        consumer.in_flight.clear();
        consumer.last_delivered = observed.last_delivered;
        let held = observed.pending.get(&consumer.name).into_iter().flatten();
        let held = held.filter_map(|(id, count)| {
            Some((*id, Held { order: *orders.get(id)?, deliveries: *count }))
        });
        consumer.held = held.collect();
    }
    for reader in &mut shared.readers {
        reader.seen = Default::default();
    }
    base.streams = observed.streams;
    base.tops = observed.tops;
    base.last_delivered = observed.last_delivered;
    base.totals = observed.totals;
}

#[cfg(test)]
mod tests;
