//! Watches, and remembers what it was shown: nothing of that may be gone after a crash.

use super::{Entries, GROUP, Order, Stream, TOTALS};
use crate::finding::{Findings, Kind};
use crate::id::{Id, entries, padding, texts};
use crate::load::Ending;
use crate::wire::{Connection, Failure, Value};

const BLOCK_MS: &str = "10";
/// Entries from the newest on that XREVRANGE is asked for.
const NEWEST_COUNT: &str = "5";

/// A reader and what it was shown.
#[derive(Debug)]
pub(crate) struct Reader {
    name: String,
    pub(super) seen: [Entries; 3],
    /// Where its XREAD goes on.
    position: [Id; 3],
    pub(super) totals: Vec<u64>,
    pub(super) last_delivered: Id,
    pub(super) findings: Findings,
}

impl Reader {
    pub(super) fn new(index: usize, producers: usize) -> Self {
        Self {
            name: format!("reader {index}"),
            seen: Default::default(),
            position: [Id::default(); 3],
            totals: vec![0; producers],
            last_delivered: Id::default(),
            findings: Findings::default(),
        }
    }

    /// Reads until the server ends or the load is asked to stop.
    pub(crate) fn load(&mut self, mut client: Connection, ending: &Ending) {
        while !ending.is_quiet() {
            let outcome = self.follow(&mut client).and_then(|()| self.look(&mut client));
            if let Err(failure) = outcome {
                let name = self.name.clone();
                return ending.report(&name, failure, &mut self.findings);
            }
        }
    }

    /// XREAD of what is new in the three streams.
    fn follow(&mut self, client: &mut Connection) -> Result<(), Failure> {
        let mut words = vec!["XREAD", "COUNT", "500", "BLOCK", BLOCK_MS, "STREAMS"];
        words.extend(Stream::ALL.map(Stream::key));
        let from = self.position.map(|id| id.to_string());
        words.extend(from.iter().map(String::as_str));
        let reply = client.ok(&words)?;
        for of_stream in reply.items()? {
            let key = of_stream.item(0)?.text()?;
            let Some(stream) = Stream::ALL.into_iter().find(|stream| stream.key() == key) else {
                return Err(Failure::strange(format!("XREAD answered with {key}")));
            };
            for (id, fields) in entries(of_stream.item(1)?)? {
                if id <= self.position[stream as usize] {
                    let position = self.position[stream as usize];
                    let what = format!("{key}: {id} came after {position}");
                    self.findings.add(Kind::IdWentBack, what);
                }
                self.position[stream as usize] = id;
                self.see(stream, id, fields)?;
            }
        }
        Ok(())
    }

    /// What is newest, and the state of the group and of the projection.
    fn look(&mut self, client: &mut Connection) -> Result<(), Failure> {
        for stream in Stream::ALL {
            let words = ["XREVRANGE", stream.key(), "+", "-", "COUNT", NEWEST_COUNT];
            for (id, fields) in entries(&client.ok(&words)?)? {
                self.see(stream, id, fields)?;
            }
        }
        let groups = client.ok(&["XINFO", "GROUPS", Stream::Orders.key()])?;
        if groups.item(0)?.field("name")?.text()? == GROUP {
            let last = Id::of(groups.item(0)?.field("last-delivered-id")?)?;
            self.last_delivered = self.last_delivered.max(last);
        }
        let totals = totals(client, self.totals.len())?;
        for (mine, total) in self.totals.iter_mut().zip(totals) {
            *mine = total.max(*mine);
        }
        Ok(())
    }

    fn see(&mut self, stream: Stream, id: Id, fields: &Value) -> Result<(), Failure> {
        let order = order_of(fields).map_err(Failure::Strange)?;
        match self.seen[stream as usize].insert(id, order) {
            Some(before) if before != order => {
                let what = format!("{}: {id} was {before:?}, now {order:?}", stream.key());
                self.findings.add(Kind::Damaged, what);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The projection: what was booked for each producer.
pub(super) fn totals(client: &mut Connection, producers: usize) -> Result<Vec<u64>, Failure> {
    let reply = client.ok(&["HGETALL", TOTALS])?;
    let mut totals = vec![0; producers];
    for pair in reply.items()?.chunks_exact(2) {
        let producer = usize::try_from(pair[0].number()?).unwrap_or(usize::MAX);
        let Some(total) = totals.get_mut(producer) else {
            return Err(Failure::strange(format!("HGETALL answered with a field {producer}")));
        };
        *total = pair[1].number()?;
    }
    Ok(totals)
}

/// The order that the fields of an entry tell, if they are whole.
pub(super) fn order_of(fields: &Value) -> Result<Order, String> {
    let order = texts(fields, ["o", "n", "p"]).and_then(|[producer, number, text]| {
        let order = Order { producer: producer.parse().ok()?, number: number.parse().ok()? };
        (padding(order.number) == text).then_some(order)
    });
    order.ok_or_else(|| format!("an entry is not what was sent: {fields:?}"))
}
