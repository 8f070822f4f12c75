//! What the requests of one writer do to its keys, in a few lines of plain collections.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::request::{READ_AGAIN_COUNT, Request};
use crate::finding::{Findings, Kind};
use crate::id::{Id, entries, entries_of_one};
use crate::wire::{Failure, Value};

/// A pending entry: whose it is, and how often it was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) consumer: String,
    pub(super) deliveries: u64,
}

/// An entry of a plain stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Unknown until the request is acknowledged.
    pub(super) id: Option<Id>,
    pub(super) number: u64,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => write!(f, "{id} (number {})", self.number),
            None => write!(f, "number {}", self.number),
        }
    }
}

/// The highest ID that a stream has given out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Top {
    pub(super) id: Id,
    /// Requests whose replies did not come have raised it by an unknown amount.
    pub(super) is_higher: bool,
}

/// The state of one writer's keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Model {
    pub(super) plain: [Vec<Entry>; 2],
    pub(super) tops: [Top; 2],
    pub(super) transactions: u64,
    pub(super) note: Option<u64>,
    pub(super) projected: u64,
    pub(super) jobs: BTreeSet<u64>,
    pub(super) jobs_top: u64,
    pub(super) last_delivered: u64,
    pub(super) pending: BTreeMap<u64, Pending>,
    pub(super) next_number: u64,
}

impl Model {
    /// Nothing written yet.
    pub(super) fn new() -> Self {
        Self { next_number: 1, ..Self::default() }
    }

    /// What the request does to the state. `ids` are those that the server chose for its entries, if
    /// the reply came.
    pub(super) fn apply(&mut self, request: &Request, ids: Option<&[Id]>) {
        match request {
            Request::Add { stream, number, length_max } => {
                self.add(*stream, *number, ids.and_then(|ids| ids.first()));
                self.trim(*stream, length_max.unwrap_or(usize::MAX));
            }
            Request::Trim { stream, length } => self.trim(*stream, *length),
            Request::Delete { stream, number, .. } => {
                self.plain[*stream].retain(|entry| entry.number != *number);
            }
            Request::AddToBoth { number } => {
                for stream in 0..2 {
                    self.add(stream, *number, ids.and_then(|ids| ids.get(stream)));
                }
                self.transactions += 1;
            }
            Request::Note { number } => {
                self.note = Some(*number);
                self.next_number = number + 1;
            }
            Request::TakeNote => self.note = None,
            Request::AddJob { number } => {
                self.jobs.insert(*number);
                self.jobs_top = *number;
                self.next_number = number + 1;
            }
            Request::DeleteJob { job } => {
                self.jobs.remove(job);
            }
            Request::TrimJobs { length } => {
                while *length < self.jobs.len() {
                    self.jobs.pop_first();
                }
            }
            Request::SkipTo { number } => {
                self.jobs_top = *number;
                self.next_number = number + 1;
            }
            Request::Project { job, number } => {
                self.add(0, *number, ids.and_then(|ids| ids.first()));
                self.pending.remove(job);
                self.projected += 1;
            }
            Request::Checkpoint => {}
            of_group => self.apply_to_group(of_group),
        }
    }

    fn apply_to_group(&mut self, request: &Request) {
        match request {
            Request::Read { consumer, count } => {
                for job in self.undelivered(*count) {
                    let consumer = (*consumer).to_owned();
                    // After XGROUP SETID it can be pending already; then it starts anew.
                    self.pending.insert(job, Pending { consumer, deliveries: 1 });
                    self.last_delivered = job;
                }
            }
            Request::ReadAgain { consumer } => {
                for job in self.held(consumer) {
                    // The count of an entry that is deleted stays: nothing of it is delivered.
                    if self.jobs.contains(&job)
                        && let Some(pending) = self.pending.get_mut(&job)
                    {
                        pending.deliveries += 1;
                    }
                }
            }
            Request::Ack { jobs } => self.pending.retain(|job, _| !jobs.contains(job)),
            Request::ClaimOldest { consumer, count } => {
                let oldest: Vec<_> = self.pending.keys().copied().take(*count).collect();
                self.claim(consumer, &oldest, true);
            }
            Request::Claim { consumer, jobs, raises_count } => {
                self.claim(consumer, jobs, *raises_count);
            }
            Request::RemoveConsumer { consumer } => {
                self.pending.retain(|_, pending| pending.consumer != *consumer);
            }
            Request::MoveTo { job } => self.last_delivered = *job,
            _ => {}
        }
    }

    fn add(&mut self, stream: usize, number: u64, id: Option<&Id>) {
        self.plain[stream].push(Entry { id: id.copied(), number });
        match id {
            Some(id) => self.tops[stream] = Top { id: *id, is_higher: false },
            None => self.tops[stream].is_higher = true,
        }
        self.next_number = number + 1;
    }

    fn trim(&mut self, stream: usize, length: usize) {
        let entries = &mut self.plain[stream];
        entries.drain(..entries.len().saturating_sub(length));
    }

    fn undelivered(&self, count: usize) -> Vec<u64> {
        self.jobs.range(self.last_delivered + 1..).copied().take(count).collect()
    }

    /// What XREADGROUP with ID 0 looks at.
    fn held(&self, consumer: &str) -> Vec<u64> {
        let own = self.pending.iter().filter(|(_, pending)| pending.consumer == consumer);
        own.map(|(job, _)| *job).take(READ_AGAIN_COUNT).collect()
    }

    fn claim(&mut self, consumer: &str, jobs: &[u64], raises_count: bool) {
        for job in jobs {
            if !self.jobs.contains(job) {
                // What is deleted cannot be claimed, and is pending no longer.
                self.pending.remove(job);
            } else if let Some(pending) = self.pending.get_mut(job) {
                consumer.clone_into(&mut pending.consumer);
                pending.deliveries += u64::from(raises_count);
            }
        }
    }

    /// How many things it holds.
    pub(super) fn size(&self) -> u64 {
        let lengths =
            [self.plain[0].len(), self.plain[1].len(), self.jobs.len(), self.pending.len()];
        lengths.iter().map(|length| *length as u64).sum::<u64>() + 3
    }

    /// [`Model::apply`] with the reply, which must say what this state makes of the request.
    pub(super) fn acknowledge(
        &mut self,
        request: &Request,
        reply: &Value,
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        let mut expect = |what: &str, expected: &dyn std::fmt::Debug, is_right: bool| {
            if !is_right {
                let what = format!("{request:?}: {what} {expected:?} expected, answered {reply:?}");
                findings.add(Kind::WrongReply, what);
            }
        };
        let mut ids = Vec::new();
        match request {
            Request::Add { .. } => ids.push(Id::of(reply)?),
            Request::AddToBoth { .. } => {
                ids.extend([Id::of(reply.item(0)?)?, Id::of(reply.item(2)?)?]);
                let count = self.transactions + 1;
                expect("count", &count, reply.item(1)?.number()? == count);
            }
            Request::Project { job, .. } => {
                ids.push(Id::of(reply.item(1)?)?);
                let count = self.projected + 1;
                expect("count", &count, reply.item(0)?.number()? == count);
                let removed = u64::from(self.pending.contains_key(job));
                expect("removed", &removed, reply.item(2)?.number()? == removed);
            }
            Request::Read { count, .. } => {
                let jobs = self.undelivered(*count);
                expect("jobs", &jobs, jobs_of(&entries_of_one(reply)?) == jobs);
            }
            Request::ReadAgain { consumer } => {
                let jobs = self.held(consumer);
                expect("jobs", &jobs, jobs_of(&entries_of_one(reply)?) == jobs);
            }
            Request::ClaimOldest { count, .. } => {
                let oldest = self.pending.keys().copied().take(*count);
                let jobs: Vec<_> = oldest.filter(|job| self.jobs.contains(job)).collect();
                expect("jobs", &jobs, jobs_of(&entries(reply.item(1)?)?) == jobs);
            }
            Request::Ack { jobs } => {
                let count = jobs.iter().filter(|job| self.pending.contains_key(job)).count() as u64;
                expect("count", &count, reply.number()? == count);
            }
            Request::TakeNote => {
                let note = self.note.map(|note| Value::Bulk(note.to_string().into_bytes()));
                expect("note", &self.note, *reply == note.unwrap_or(Value::Null));
            }
            _ => {}
        }
        self.check_rise(request, &ids, findings);
        self.apply(request, Some(&ids));
        Ok(())
    }

    /// IDs only ever rise, across deletions, restarts and steps of the clock.
    fn check_rise(&self, request: &Request, ids: &[Id], findings: &mut Findings) {
        let streams: &[usize] = match request {
            Request::Add { stream, .. } => &[*stream],
            Request::AddToBoth { .. } => &[0, 1],
            Request::Project { .. } => &[0],
            _ => &[],
        };
        for (stream, id) in streams.iter().zip(ids) {
            let top = self.tops[*stream].id;
            if *id <= top {
                let what = format!("{request:?}: {id} was given out after {top}");
                findings.add(Kind::IdWentBack, what);
            }
        }
    }
}

fn jobs_of(entries: &[(Id, &Value)]) -> Vec<u64> {
    entries.iter().map(|(id, _)| id.ms).collect()
}
