//! The requests of a writer with keys of its own (a MULTI block is one request).

use fastrand::Rng;

use super::model::Model;
use crate::id::{Id, padding};
use crate::wire::encode;

pub(super) const GROUP: &str = "workers";
pub(super) const CONSUMERS: [&str; 3] = ["ann", "bob", "cem"];

/// Longest that a stream of plain entries may get before it is trimmed.
const PLAIN_LENGTH_MAX: usize = 600;
/// The same for the stream of the group.
const JOBS_LENGTH_MAX: usize = 600;
/// The most entries that XREADGROUP with ID 0 is asked for.
pub(super) const READ_AGAIN_COUNT: usize = 50;

/// One request.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    /// XADD * to a plain stream, which trims it if there is a longest length.
    Add { stream: usize, number: u64, length_max: Option<usize> },
    /// XTRIM MAXLEN of a plain stream.
    Trim { stream: usize, length: usize },
    /// XDEL of an entry of a plain stream whose ID is known.
    Delete { stream: usize, number: u64, id: Id },
    /// XADD to both plain streams and INCR, in MULTI.
    AddToBoth { number: u64 },
    /// SET of a string.
    Note { number: u64 },
    /// GETDEL of that string.
    TakeNote,
    /// XADD with a known ID to the stream of the group.
    AddJob { number: u64 },
    /// XDEL of a job, which may be pending.
    DeleteJob { job: u64 },
    /// XTRIM MAXLEN of the jobs.
    TrimJobs { length: usize },
    /// XSETID of the stream of the group.
    SkipTo { number: u64 },
    /// XREADGROUP `>`.
    Read { consumer: &'static str, count: usize },
    /// XREADGROUP `0`: raises the delivery counts of what the consumer holds.
    ReadAgain { consumer: &'static str },
    /// XACK of several.
    Ack { jobs: Vec<u64> },
    /// HINCRBY, XADD to a plain stream and XACK, in MULTI.
    Project { job: u64, number: u64 },
    /// XAUTOCLAIM with no idle time asked for.
    ClaimOldest { consumer: &'static str, count: usize },
    /// XCLAIM of some, with or without raising the delivery count.
    Claim { consumer: &'static str, jobs: Vec<u64>, raises_count: bool },
    /// XGROUP DELCONSUMER, with what it holds.
    RemoveConsumer { consumer: &'static str },
    /// XGROUP SETID.
    MoveTo { job: u64 },
    /// BGSAVE, so that ends hit checkpoints too.
    Checkpoint,
}

/// The names of one writer's keys.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) plain: [String; 2],
    pub(super) counter: String,
    pub(super) note: String,
    pub(super) projection: String,
    pub(super) jobs: String,
}

impl Keys {
    pub(super) fn new(writer: usize) -> Self {
        let key = |name: &str| format!("own:{writer}:{name}");
        Self {
            plain: [key("a"), key("b")],
            counter: key("counter"),
            note: key("note"),
            projection: key("projection"),
            jobs: key("jobs"),
        }
    }
}

impl Request {
    /// A request that makes sense in the state `sent`, which all requests sent so far lead to. IDs
    /// that the server chose are taken from `acknowledged`.
    pub(super) fn random(sent: &Model, acknowledged: &Model, rng: &mut Rng) -> Self {
        let number = sent.next_number;
        let consumer = CONSUMERS[rng.usize(..CONSUMERS.len())];
        let stream = rng.usize(..2);
        let some_pending = |rng: &mut Rng, most: usize| -> Vec<u64> {
            let skip = rng.usize(..=sent.pending.len().saturating_sub(1));
            sent.pending.keys().copied().skip(skip).take(most).collect()
        };
        let has_pending = !sent.pending.is_empty();
        match rng.u32(..1000) {
            0..290 => Self::Add { stream, number, length_max: None },
            290..330 => Self::Add { stream, number, length_max: Some(PLAIN_LENGTH_MAX) },
            330..340 => {
                let length = PLAIN_LENGTH_MAX / 2 + rng.usize(..PLAIN_LENGTH_MAX / 2);
                Self::Trim { stream, length }
            }
            340..370 => Self::deletion(sent, acknowledged, stream, rng)
                .unwrap_or(Self::AddToBoth { number }),
            370..440 => Self::AddToBoth { number },
            440..460 => Self::Note { number },
            460..470 => Self::TakeNote,
            470..640 => Self::AddJob { number },
            640..655 if !sent.jobs.is_empty() => {
                let nth = rng.usize(..sent.jobs.len());
                Self::DeleteJob { job: sent.jobs.iter().copied().nth(nth).unwrap_or(1) }
            }
            655..660 => Self::TrimJobs { length: JOBS_LENGTH_MAX / 2 },
            660..665 => Self::SkipTo { number },
            665..780 => Self::Read { consumer, count: 1 + rng.usize(..9) },
            780..800 => Self::ReadAgain { consumer },
            800..820 => Self::ClaimOldest { consumer, count: 1 + rng.usize(..5) },
            820..850 if has_pending => {
                let jobs = some_pending(rng, 3);
                Self::Claim { consumer, jobs, raises_count: rng.bool() }
            }
            850..920 if has_pending => Self::Ack { jobs: some_pending(rng, 20) },
            920..990 if has_pending => Self::Project { job: some_pending(rng, 1)[0], number },
            990..993 => Self::RemoveConsumer { consumer },
            993..996 => Self::MoveTo { job: sent.last_delivered.saturating_sub(rng.u64(..20)) },
            999 => Self::Checkpoint,
            _ => Self::AddJob { number },
        }
    }

    /// XDEL of an entry that is acknowledged, and that nothing in flight removes: often the newest,
    /// because its ID must not come back.
    fn deletion(sent: &Model, acknowledged: &Model, stream: usize, rng: &mut Rng) -> Option<Self> {
        let known = &acknowledged.plain[stream];
        let at = if rng.bool() { known.len() } else { rng.usize(..=known.len()) };
        let entry = known.get(at.checked_sub(1)?)?;
        let (number, id) = (entry.number, entry.id?);
        sent.plain[stream].iter().any(|entry| entry.number == number).then_some(Self::Delete {
            stream,
            number,
            id,
        })
    }

    /// Appends the request as bytes; returns how many replies come.
    pub(super) fn encode(&self, keys: &Keys, out: &mut Vec<u8>) -> usize {
        let jobs = keys.jobs.as_str();
        match self {
            Self::Add { stream, number, length_max } => {
                let (n, key) = (number.to_string(), &keys.plain[*stream]);
                let length = length_max.map(|length| length.to_string());
                let mut words = vec!["XADD", key];
                words.extend(length.iter().flat_map(|length| ["MAXLEN", "=", length]));
                encode(out, &[&words[..], &["*", "n", &n, "p", &padding(*number)]].concat());
            }
            Self::Trim { stream, length } => {
                encode(out, &["XTRIM", &keys.plain[*stream], "MAXLEN", "=", &length.to_string()]);
            }
            Self::Delete { stream, id, .. } => {
                encode(out, &["XDEL", &keys.plain[*stream], &id.to_string()]);
            }
            Self::AddToBoth { number } => {
                let (n, p) = (number.to_string(), padding(*number));
                encode(out, &["MULTI"]);
                encode(out, &["XADD", &keys.plain[0], "*", "n", &n, "p", &p]);
                encode(out, &["INCR", &keys.counter]);
                encode(out, &["XADD", &keys.plain[1], "*", "n", &n, "p", &p]);
                encode(out, &["EXEC"]);
                return 5;
            }
            Self::Note { number } => encode(out, &["SET", &keys.note, &number.to_string()]),
            Self::TakeNote => encode(out, &["GETDEL", &keys.note]),
            Self::AddJob { number } => {
                let n = number.to_string();
                encode(out, &["XADD", jobs, &job_id(*number), "n", &n, "p", &padding(*number)]);
            }
            Self::DeleteJob { job } => encode(out, &["XDEL", jobs, &job_id(*job)]),
            Self::TrimJobs { length } => {
                encode(out, &["XTRIM", jobs, "MAXLEN", "=", &length.to_string()]);
            }
            Self::SkipTo { number } => encode(out, &["XSETID", jobs, &job_id(*number)]),
            Self::Read { .. } | Self::ReadAgain { .. } => self.encode_read(jobs, out),
            Self::Ack { jobs: acknowledged } => {
                encode(out, &with_ids(&["XACK", jobs, GROUP], acknowledged, &[]));
            }
            Self::Project { job, number } => {
                let (n, p) = (number.to_string(), padding(*number));
                encode(out, &["MULTI"]);
                encode(out, &["HINCRBY", &keys.projection, "done", "1"]);
                encode(out, &["XADD", &keys.plain[0], "*", "n", &n, "p", &p]);
                encode(out, &["XACK", jobs, GROUP, &job_id(*job)]);
                encode(out, &["EXEC"]);
                return 5;
            }
            Self::ClaimOldest { consumer, count } => {
                let count = count.to_string();
                encode(out, &["XAUTOCLAIM", jobs, GROUP, consumer, "0", "0-0", "COUNT", &count]);
            }
            Self::Claim { consumer, jobs: claimed, raises_count } => {
                let last: &[&str] = if *raises_count { &[] } else { &["JUSTID"] };
                encode(out, &with_ids(&["XCLAIM", jobs, GROUP, consumer, "0"], claimed, last));
            }
            Self::RemoveConsumer { consumer } => {
                encode(out, &["XGROUP", "DELCONSUMER", jobs, GROUP, consumer]);
            }
            Self::MoveTo { job } => encode(out, &["XGROUP", "SETID", jobs, GROUP, &job_id(*job)]),
            Self::Checkpoint => encode(out, &["BGSAVE"]),
        }
        1
    }

    fn encode_read(&self, jobs: &str, out: &mut Vec<u8>) {
        let (consumer, count, from) = match self {
            Self::Read { consumer, count } => (consumer, *count, ">"),
            Self::ReadAgain { consumer } => (consumer, READ_AGAIN_COUNT, "0"),
            _ => return,
        };
        let count = count.to_string();
        let words = ["XREADGROUP", "GROUP", GROUP, consumer, "COUNT", &count];
        encode(out, &[&words[..], &["STREAMS", jobs, from]].concat());
    }
}

fn with_ids(first: &[&str], jobs: &[u64], last: &[&str]) -> Vec<String> {
    let first = first.iter().map(ToString::to_string);
    let ids = jobs.iter().map(|job| job_id(*job));
    first.chain(ids).chain(last.iter().map(ToString::to_string)).collect()
}

/// Numbers begin at one, so that `0-1`, to which a group may be moved back, stays below all of them.
pub(super) fn job_id(number: u64) -> String {
    Id { ms: number, seq: 1 }.to_string()
}
