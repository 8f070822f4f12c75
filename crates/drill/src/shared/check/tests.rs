//! One producer, one consumer and one reader, and what may be there of what they did.

use fastrand::Rng;

use super::*;

const ORDERS: usize = Stream::Orders as usize;
const LEDGER: usize = Stream::Ledger as usize;

fn id(ms: u64) -> Id {
    Id { ms, seq: 0 }
}

fn order(number: u64) -> Order {
    Order { producer: 0, number }
}

/// Orders 1 to 3 were acknowledged and 4 is in flight; 1 was booked, 2 is held and 3 is waiting. The
/// reader has seen the first three orders.
fn parties() -> Shared {
    let mut shared = Shared::new(1, 1, 1, &mut Rng::with_seed(1));
    let producer = &mut shared.producers[0];
    producer.acknowledged = (1..4).map(|n| (Stream::Orders, id(n), order(n))).collect();
    producer.in_flight.push_back((Stream::Orders, order(4)));
    let consumer = &mut shared.consumers[0];
    consumer.booked.push((id(10), id(1), order(1)));
    consumer.held.insert(id(2), Held { order: order(2), deliveries: 1 });
    consumer.last_delivered = id(2);
    let reader = &mut shared.readers[0];
    reader.seen[ORDERS] = (1..4).map(|n| (id(n), order(n))).collect();
    reader.totals = vec![1];
    reader.last_delivered = id(2);
    shared
}

/// What a server has that has kept all this, and nothing of what is in flight.
fn kept() -> Observed {
    let mut observed = Observed { totals: vec![1], last_delivered: id(2), ..Observed::default() };
    observed.streams[ORDERS] = (1..4).map(|n| (id(n), order(n))).collect();
    observed.streams[LEDGER].insert(id(10), order(1));
    observed.tops = [id(3), id(10), id(0)];
    observed.pending.insert("consumer-0".to_owned(), [(id(2), 1)].into());
    observed
}

fn check(
    name: &str,
    expected: &[Kind],
    of_parties: impl FnOnce(&mut Shared),
    of_server: impl FnOnce(&mut Observed),
) -> Tally {
    let (mut shared, mut observed) = (parties(), kept());
    of_parties(&mut shared);
    of_server(&mut observed);
    let (mut tally, mut findings) = (Tally::default(), Findings::default());
    compare(&mut shared, &observed, &mut tally, &mut findings);
    let mut seen: Vec<_> = findings.words().iter().map(|finding| finding.kind).collect();
    seen.dedup();
    assert_eq!(seen, expected, "{name}: {:?}", findings.words());
    tally
}

fn held(observed: &mut Observed) -> &mut BTreeMap<Id, u64> {
    observed.pending.entry("consumer-0".to_owned()).or_default()
}

fn book() -> Request {
    Request::Book { id: id(2), order: order(2) }
}

#[test]
fn in_flight_may_be_there_or_not() {
    let tally = check("nothing in flight is stored", &[], |_| {}, |_| {});
    assert_eq!((tally.in_flight, tally.in_flight_stored), (1, 0));
    let tally = check(
        "the order is stored",
        &[],
        |_| {},
        |server| {
            server.streams[ORDERS].insert(id(4), order(4));
            server.tops[ORDERS] = id(4);
        },
    );
    assert_eq!(tally.in_flight_stored, 1);
    let booking = |parties: &mut Shared| parties.consumers[0].in_flight.push_back(book());
    check("the booking is not stored", &[], booking, |_| {});
    let tally = check("the booking is stored", &[], booking, |server| {
        server.streams[LEDGER].insert(id(11), order(2));
        server.totals = vec![2];
        held(server).clear();
    });
    assert_eq!(tally.in_flight_stored, 1);
    let reading = |p: &mut Shared| p.consumers[0].in_flight.push_back(Request::Read { count: 1 });
    check("the delivery is not stored", &[], reading, |_| {});
    check("the delivery is stored", &[], reading, |server| {
        held(server).insert(id(3), 1);
        server.last_delivered = id(3);
    });
    let again = |p: &mut Shared| p.consumers[0].in_flight.push_back(Request::ReadAgain);
    check("the count is not raised", &[], again, |_| {});
    check("the count is raised", &[], again, |server| held(server).extend([(id(2), 2)]));
}

#[test]
fn entries_that_are_gone_doubled_or_turned() {
    check(
        "an order is gone",
        &[Kind::Lost, Kind::Vanished],
        |_| {},
        |server| {
            server.streams[ORDERS].remove(&id(3));
        },
    );
    check(
        "an order in flight is there twice",
        &[Kind::Duplicated],
        |_| {},
        |server| {
            server.streams[ORDERS].extend([(id(4), order(4)), (id(5), order(4))]);
            server.tops[ORDERS] = id(5);
        },
    );
    check(
        "another order has the ID",
        &[Kind::Vanished, Kind::IdWentBack],
        |_| {},
        |server| {
            server.streams[ORDERS].insert(id(3), order(4));
        },
    );
    check(
        "nobody sent it",
        &[Kind::Damaged],
        |_| {},
        |server| {
            server.streams[ORDERS].insert(id(4), order(9));
            server.tops[ORDERS] = id(4);
        },
    );
    let two = |p: &mut Shared| p.producers[0].in_flight.push_back((Stream::Orders, order(5)));
    check("the second in flight without the first", &[Kind::Misordered], two, |server| {
        server.streams[ORDERS].insert(id(5), order(5));
        server.tops[ORDERS] = id(5);
    });
    check(
        "the last ID has gone back",
        &[Kind::IdWentBack],
        |_| {},
        |server| {
            server.tops[ORDERS] = id(2);
        },
    );
}

#[test]
fn what_was_shown_stays() {
    let unacknowledged = |p: &mut Shared| p.readers[0].seen[ORDERS].extend([(id(4), order(4))]);
    check("a reader has seen the order in flight", &[Kind::Vanished], unacknowledged, |_| {});
    let total = |p: &mut Shared| p.readers[0].totals = vec![2];
    check("a reader has seen a higher total", &[Kind::Vanished], total, |_| {});
    let position = |p: &mut Shared| p.readers[0].last_delivered = id(3);
    check("a reader has seen the group further", &[Kind::Vanished], position, |_| {});
}

#[test]
fn a_booking_is_whole() {
    let booking = |parties: &mut Shared| parties.consumers[0].in_flight.push_back(book());
    check("no XACK", &[Kind::Partial], booking, |server| {
        server.streams[LEDGER].insert(id(11), order(2));
        server.totals = vec![2];
    });
    check("no line", &[Kind::Lost, Kind::Partial, Kind::StateDiffers], booking, |server| {
        server.totals = vec![2];
        held(server).clear();
    });
    check("no total", &[Kind::Partial], booking, |server| {
        server.streams[LEDGER].insert(id(11), order(2));
        held(server).clear();
    });
}

#[test]
fn the_group_is_exact() {
    check(
        "a pending order is gone",
        &[Kind::Lost, Kind::StateDiffers],
        |_| {},
        |server| {
            held(server).clear();
        },
    );
    check("an XACK is undone", &[Kind::Lost], |_| {}, |server| held(server).extend([(id(1), 1)]));
    check(
        "a count differs",
        &[Kind::StateDiffers],
        |_| {},
        |server| {
            held(server).insert(id(2), 2);
        },
    );
    check(
        "the position has gone back",
        &[Kind::Lost, Kind::Vanished],
        |_| {},
        |server| {
            server.last_delivered = id(1);
        },
    );
    check(
        "the position is ahead",
        &[Kind::StateDiffers],
        |_| {},
        |server| {
            server.last_delivered = id(3);
        },
    );
    check(
        "somebody else holds it",
        &[Kind::StateDiffers],
        |_| {},
        |server| {
            server.pending.insert("eve".to_owned(), [(id(3), 1)].into());
        },
    );
}
