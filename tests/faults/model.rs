//! One client's view of the keys that only it writes: what each of its requests does, in a few
//! lines of plain collections.
//!
//! Replies come in the order of the requests, so at a crash the acknowledged requests are a prefix
//! of those sent, and what is on disk must be that prefix and then some of the rest *in their
//! order*: [`Model::recover`] looks for that point. Anything else is a lost write, a doubled one,
//! half a transaction, or a reordering.

use std::collections::BTreeMap;
use std::io;

use support::{Client, Rng, Value, encode, encode_into};

const GROUP: &str = "workers";
const CONSUMERS: [&str; 3] = ["ann", "bob", "cem"];

/// One request (a MULTI block is one request).
#[derive(Clone, Debug)]
pub(crate) enum Request {
    /// XADD * to a plain stream.
    Add { stream: usize, number: u64 },
    /// XTRIM MAXLEN of a plain stream.
    Trim { stream: usize, len: usize },
    /// XADD to both plain streams and INCR, in MULTI.
    AddToBoth { number: u64 },
    /// XADD with a known ID to the stream of the group.
    AddJob { number: u64 },
    /// XREADGROUP `>`.
    Read { consumer: &'static str, count: usize },
    /// XREADGROUP `0`: raises the delivery counts of what the consumer holds.
    ReadAgain { consumer: &'static str },
    /// XACK.
    Ack { jobs: Vec<u64> },
    /// HINCRBY and XACK, in MULTI.
    Project { job: u64 },
    /// XAUTOCLAIM with no idle time asked for.
    Claim { consumer: &'static str, count: usize },
    /// BGSAVE, so that kills hit checkpoints too.
    Checkpoint,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pending {
    consumer: String,
    deliveries: u64,
}

/// The ID, unknown until it is acknowledged, and the number in the entry's one field.
type Entry = (Option<String>, u64);

/// The state of one client's keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model {
    plain: [Vec<Entry>; 2],
    transactions: u64,
    projected: u64,
    jobs: Vec<u64>,
    /// How many of `jobs` the group has delivered.
    delivered: usize,
    pending: BTreeMap<u64, Pending>,
    next_number: u64,
}

/// The names of one client's keys.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    plain: [String; 2],
    counter: String,
    projection: String,
    pub(crate) jobs: String,
}

impl Keys {
    pub(crate) fn new(client: usize) -> Self {
        let key = |name: &str| format!("c{client}:{name}");
        Self {
            plain: [key("a"), key("b")],
            counter: key("counter"),
            projection: key("projection"),
            jobs: key("jobs"),
        }
    }

    /// Makes the group; done once before the first cycle.
    pub(crate) fn prepare(&self, client: &mut Client) -> io::Result<Value> {
        client.try_command(&["XGROUP", "CREATE", &self.jobs, GROUP, "0", "MKSTREAM"])
    }
}

impl Request {
    /// A request that makes sense in the state `model`, which all requests sent so far lead to.
    pub(crate) fn random(model: &Model, rng: &mut Rng, may_read_again: bool) -> Self {
        let number = model.next_number;
        let consumer = CONSUMERS[rng.index(CONSUMERS.len())];
        let some_pending = |rng: &mut Rng, most: usize| -> Vec<u64> {
            let skip = rng.index(model.pending.len().max(1));
            model.pending.keys().copied().skip(skip).take(most).collect()
        };
        match rng.below(0..1000) {
            0..350 => Self::Add { stream: rng.index(2), number },
            350..360 => Self::Trim { stream: rng.index(2), len: 200 + rng.index(200) },
            360..450 => Self::AddToBoth { number },
            450..680 => Self::AddJob { number },
            680..800 => Self::Read { consumer, count: 1 + rng.index(9) },
            800..820 if may_read_again => Self::ReadAgain { consumer },
            800..870 => Self::Claim { consumer, count: 1 + rng.index(5) },
            870..940 if !model.pending.is_empty() => Self::Ack { jobs: some_pending(rng, 20) },
            940..999 if !model.pending.is_empty() => Self::Project { job: some_pending(rng, 1)[0] },
            999 => Self::Checkpoint,
            _ => Self::AddJob { number },
        }
    }

    /// Appends the request as bytes; returns how many replies come.
    pub(crate) fn encode(&self, keys: &Keys, out: &mut Vec<u8>) -> usize {
        let jobs = keys.jobs.as_str();
        match self {
            Self::Add { stream, number } => {
                let number = number.to_string();
                encode_into(out, &["XADD", &keys.plain[*stream], "*", "n", &number]);
            }
            Self::Trim { stream, len } => {
                let len = len.to_string();
                encode_into(out, &["XTRIM", &keys.plain[*stream], "MAXLEN", "=", &len]);
            }
            Self::AddToBoth { number } => {
                let number = number.to_string();
                encode_into(out, &["MULTI"]);
                encode_into(out, &["XADD", &keys.plain[0], "*", "n", &number]);
                encode_into(out, &["INCR", &keys.counter]);
                encode_into(out, &["XADD", &keys.plain[1], "*", "n", &number]);
                encode_into(out, &["EXEC"]);
                return 5;
            }
            Self::AddJob { number } => {
                let payload = "p".repeat(usize::try_from(number % 300).expect("below 300"));
                encode_into(out, &["XADD", jobs, &job_id(*number), "job", &payload]);
            }
            Self::Read { consumer, count } => {
                let count = count.to_string();
                let read = ["XREADGROUP", "GROUP", GROUP, consumer, "COUNT", &count, "STREAMS"];
                encode_into(out, &[&read[..], &[jobs, ">"]].concat());
            }
            Self::ReadAgain { consumer } => {
                encode_into(out, &["XREADGROUP", "GROUP", GROUP, consumer, "STREAMS", jobs, "0"]);
            }
            Self::Ack { jobs: acknowledged } => {
                let ids: Vec<_> = acknowledged.iter().map(|job| job_id(*job)).collect();
                let mut arguments = vec!["XACK", jobs, GROUP];
                arguments.extend(ids.iter().map(String::as_str));
                encode_into(out, &arguments);
            }
            Self::Project { job } => {
                encode_into(out, &["MULTI"]);
                encode_into(out, &["HINCRBY", &keys.projection, "done", "1"]);
                encode_into(out, &["XACK", jobs, GROUP, &job_id(*job)]);
                encode_into(out, &["EXEC"]);
                return 4;
            }
            Self::Claim { consumer, count } => {
                let count = count.to_string();
                encode_into(
                    out,
                    &["XAUTOCLAIM", jobs, GROUP, consumer, "0", "0-0", "COUNT", &count],
                );
            }
            Self::Checkpoint => out.extend(encode(&["BGSAVE"])),
        }
        1
    }
}

impl Model {
    /// Nothing written yet.
    pub(crate) fn new() -> Self {
        Self { next_number: 1, ..Self::default() }
    }

    /// What the request does to the state. `reply` is its last reply, if it came.
    pub(crate) fn apply(&mut self, request: &Request, reply: Option<&Value>) {
        match request {
            Request::Add { stream, number } => {
                self.plain[*stream].push((reply.map(Value::text), *number));
                self.next_number += 1;
            }
            Request::Trim { stream, len } => {
                let entries = &mut self.plain[*stream];
                entries.drain(..entries.len().saturating_sub(*len));
            }
            Request::AddToBoth { number } => {
                let replies = reply.map(|reply| reply.clone().array());
                for stream in 0..2 {
                    let id = replies.as_ref().map(|replies| replies[2 * stream].text());
                    self.plain[stream].push((id, *number));
                }
                self.transactions += 1;
                self.next_number += 1;
            }
            Request::AddJob { number } => {
                self.jobs.push(*number);
                self.next_number += 1;
            }
            Request::Read { consumer, count } => {
                let end = self.jobs.len().min(self.delivered + count);
                for job in &self.jobs[self.delivered..end] {
                    let consumer = (*consumer).to_owned();
                    self.pending.insert(*job, Pending { consumer, deliveries: 1 });
                }
                self.delivered = end;
            }
            Request::ReadAgain { consumer } => {
                for pending in self.pending.values_mut().filter(|p| p.consumer == *consumer) {
                    pending.deliveries += 1;
                }
            }
            Request::Ack { jobs } => self.pending.retain(|job, _| !jobs.contains(job)),
            Request::Project { job } => {
                self.pending.remove(job);
                self.projected += 1;
            }
            Request::Claim { consumer, count } => {
                for pending in self.pending.values_mut().take(*count) {
                    (*consumer).clone_into(&mut pending.consumer);
                    pending.deliveries += 1;
                }
            }
            Request::Checkpoint => {}
        }
    }

    /// What the server has, in the model's form.
    pub(crate) fn observe(client: &mut Client, keys: &Keys) -> Self {
        let mut entries = |key: &str| -> Vec<(String, Value)> {
            let reply = client.ok(&["XRANGE", key, "-", "+"]).array();
            reply
                .into_iter()
                .map(|entry| {
                    let [id, fields] = <[Value; 2]>::try_from(entry.array()).expect("a pair");
                    (id.text(), fields)
                })
                .collect()
        };
        let plain = keys.plain.each_ref().map(|key| {
            let numbered = |(id, fields): (String, Value)| {
                (Some(id), fields.field("n").text().parse().expect("a number"))
            };
            entries(key).into_iter().map(numbered).collect::<Vec<_>>()
        });
        let jobs: Vec<u64> = entries(&keys.jobs).iter().map(|(id, _)| job_of(id)).collect();
        let groups = client.ok(&["XINFO", "GROUPS", &keys.jobs]).array();
        let last = job_of(&groups[0].field("last-delivered-id").text());
        let details = client.ok(&["XPENDING", &keys.jobs, GROUP, "-", "+", "1000000"]).array();
        let pending = details.into_iter().map(|detail| {
            let detail = detail.array();
            let deliveries = u64::try_from(detail[3].int()).expect("a count");
            (job_of(&detail[0].text()), Pending { consumer: detail[1].text(), deliveries })
        });
        let pending = pending.collect();
        let mut number = |arguments: &[&str]| match client.ok(arguments) {
            Value::Null => 0,
            value => value.text().parse().expect("a number"),
        };
        Self {
            plain,
            transactions: number(&["GET", &keys.counter]),
            projected: number(&["HGET", &keys.projection, "done"]),
            delivered: jobs.iter().filter(|job| **job <= last).count(),
            jobs,
            pending,
            next_number: 0,
        }
    }

    /// The state after the acknowledged requests and the first few of those in flight that
    /// `observed` is, with the IDs that only the server knew; and how many those few are.
    ///
    /// # Errors
    /// What differs, if no such point exists.
    pub(crate) fn recover(
        acknowledged: &Self,
        in_flight: &[Request],
        observed: &Self,
    ) -> Result<(Self, usize), String> {
        let mut candidate = acknowledged.clone();
        let mut differences = vec![candidate.difference(observed)];
        for request in in_flight {
            if differences.last().is_some_and(Option::is_none) {
                break;
            }
            candidate.apply(request, None);
            differences.push(candidate.difference(observed));
        }
        if let Some(Some(last)) = differences.last() {
            let first = differences[0].as_deref().unwrap_or("nothing");
            return Err(format!(
                "acknowledged requests only: {first}\nwith all {} in flight: {last}",
                in_flight.len()
            ));
        }
        let next_number = acknowledged.next_number + in_flight.len() as u64;
        Ok((Self { next_number, ..observed.clone() }, differences.len() - 1))
    }

    /// The first part in which the server's state is not this one.
    fn difference(&self, observed: &Self) -> Option<String> {
        for (stream, (mine, theirs)) in self.plain.iter().zip(&observed.plain).enumerate() {
            let same = |(mine, theirs): (&Entry, &Entry)| {
                mine.1 == theirs.1 && (mine.0.is_none() || mine.0 == theirs.0)
            };
            if mine.len() != theirs.len() {
                let (a, b) = (mine.len(), theirs.len());
                return Some(format!("stream {stream}: {a} entries expected, {b} there"));
            }
            if let Some(at) = mine.iter().zip(theirs).position(|pair| !same(pair)) {
                let (a, b) = (&mine[at], &theirs[at]);
                return Some(format!("stream {stream}, entry {at}: {a:?} expected, {b:?} there"));
            }
        }
        let parts: [(&str, String, String); 5] = [
            ("transactions", self.transactions.to_string(), observed.transactions.to_string()),
            ("projected", self.projected.to_string(), observed.projected.to_string()),
            ("jobs", format!("{:?}", self.jobs), format!("{:?}", observed.jobs)),
            ("delivered", self.delivered.to_string(), observed.delivered.to_string()),
            ("pending", format!("{:?}", self.pending), format!("{:?}", observed.pending)),
        ];
        parts
            .into_iter()
            .find(|(_, mine, theirs)| mine != theirs)
            .map(|(name, mine, theirs)| format!("{name}: {mine} expected, {theirs} there"))
    }
}

/// Numbers begin at one, so that `0-0`, the position of a new group, stays below all of them.
fn job_id(number: u64) -> String {
    format!("{number}-1")
}

/// The number behind an ID of [`job_id`].
fn job_of(id: &str) -> u64 {
    let (ms, _) = id.split_once('-').expect("an ID has two parts");
    ms.parse().expect("a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(number: u64) -> Request {
        Request::Add { stream: 0, number }
    }

    fn state(numbers: &[u64]) -> Model {
        let mut model = Model::default();
        for number in numbers {
            model.apply(&add(*number), Some(&Value::bulk(format!("{number}-0"))));
        }
        model
    }

    fn check(acknowledged: &[u64], in_flight: &[u64], observed: &[u64], expected: Option<usize>) {
        let in_flight: Vec<_> = in_flight.iter().copied().map(add).collect();
        let found = Model::recover(&state(acknowledged), &in_flight, &state(observed));
        assert_eq!(found.map(|(_, taken)| taken).ok(), expected);
    }

    #[test]
    fn what_a_crash_may_leave() {
        check(&[1, 2], &[3, 4], &[1, 2], Some(0));
        check(&[1, 2], &[3, 4], &[1, 2, 3], Some(1));
        check(&[1, 2], &[3, 4], &[1, 2, 3, 4], Some(2));
    }

    #[test]
    fn what_it_may_not() {
        check(&[1, 2], &[3, 4], &[1], None);
        check(&[1, 2], &[3, 4], &[1, 2, 4], None);
        check(&[1, 2], &[3, 4], &[1, 2, 2], None);
        check(&[1, 2], &[3, 4], &[2, 1], None);
        check(&[1, 2], &[3, 4], &[1, 2, 3, 4, 4], None);
    }
}
