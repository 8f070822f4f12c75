//! A writer with keys of its own: everything on them is known exactly.

mod model;
mod observe;
mod recover;
mod request;

use std::collections::VecDeque;

use fastrand::Rng;

pub(crate) use observe::top;

use crate::finding::Findings;
use crate::load::{Ending, Tally};
use crate::wire::{Connection, Failure, Value};
use model::Model;
use observe::Observed;
use request::{CONSUMERS, GROUP, Keys, Request};

/// The most requests that are sent before the first of their replies is read.
const PIPELINE_MAX: usize = 20;

/// One writer and all that it knows.
#[derive(Debug)]
pub(crate) struct Writer {
    name: String,
    keys: Keys,
    rng: Rng,
    /// The state that the acknowledged requests lead to.
    acknowledged: Model,
    /// The state that all sent requests lead to.
    sent: Model,
    in_flight: VecDeque<Request>,
    findings: Findings,
}

impl Writer {
    pub(crate) fn new(index: usize, rng: Rng) -> Self {
        Self {
            name: format!("writer {index}"),
            keys: Keys::new(index),
            rng,
            acknowledged: Model::new(),
            sent: Model::new(),
            in_flight: VecDeque::new(),
            findings: Findings::default(),
        }
    }

    /// Makes the group; done once before the first cycle.
    pub(crate) fn prepare(&self, client: &mut Connection) -> Result<(), Failure> {
        client.ok(&["XGROUP", "CREATE", &self.keys.jobs, GROUP, "0-1", "MKSTREAM"])?;
        for consumer in CONSUMERS {
            client.ok(&["XGROUP", "CREATECONSUMER", &self.keys.jobs, GROUP, consumer])?;
        }
        Ok(())
    }

    /// Sends and checks replies until the server ends or the load is asked to stop.
    pub(crate) fn load(&mut self, mut client: Connection, ending: &Ending) {
        let outcome = loop {
            if ending.is_quiet() {
                break self.delete_newest(&mut client);
            }
            if let Err(failure) = self.batch(&mut client, ending) {
                break Err(failure);
            }
        };
        if let Err(failure) = outcome {
            ending.report(&self.name, failure, &mut self.findings);
        }
    }

    fn batch(&mut self, client: &mut Connection, ending: &Ending) -> Result<(), Failure> {
        let mut requests = Vec::new();
        for _ in 0..self.rng.usize(1..=PIPELINE_MAX) {
            let request = Request::random(&self.sent, &self.acknowledged, &mut self.rng);
            self.sent.apply(&request, None);
            requests.push(request);
        }
        self.exchange(client, requests, ending)
    }

    fn exchange(
        &mut self,
        client: &mut Connection,
        requests: Vec<Request>,
        ending: &Ending,
    ) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        let mut counts = Vec::new();
        for request in requests {
            counts.push(request.encode(&self.keys, &mut bytes));
            self.in_flight.push_back(request);
        }
        client.send(&bytes)?;
        for count in counts {
            let mut last = client.receive()?;
            for _ in 1..count {
                self.check(&last)?;
                last = client.receive()?;
            }
            self.take(&last)?;
            ending.progress();
        }
        Ok(())
    }

    /// The last reply of the oldest request in flight has come.
    fn take(&mut self, reply: &Value) -> Result<(), Failure> {
        let Some(request) = self.in_flight.front() else { return Ok(()) };
        // A checkpoint may be running already.
        if !matches!(request, Request::Checkpoint) {
            self.check(reply)?;
        }
        self.acknowledged.acknowledge(request, reply, &mut self.findings)?;
        self.in_flight.pop_front();
        Ok(())
    }

    fn check(&self, reply: &Value) -> Result<(), Failure> {
        match (reply, self.in_flight.front()) {
            (Value::Error(text), Some(request)) => {
                Err(Failure::strange(format!("{request:?} was answered: {text}")))
            }
            _ => Ok(()),
        }
    }

    /// The end of a quiet cycle: the newest entries go, and their IDs must not come back.
    fn delete_newest(&mut self, client: &mut Connection) -> Result<(), Failure> {
        for stream in 0..2 {
            let Some(newest) = self.acknowledged.plain[stream].last() else { continue };
            let Some(id) = newest.id else { continue };
            let request = Request::Delete { stream, number: newest.number, id };
            self.sent.apply(&request, None);
            self.in_flight.push_back(request);
            let reply = client.ok(&["XDEL", &self.keys.plain[stream], &id.to_string()])?;
            self.take(&reply)?;
        }
        Ok(())
    }

    /// Compares with the restarted server and goes on from what it has.
    pub(crate) fn verify(
        &mut self,
        client: &mut Connection,
        tally: &mut Tally,
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        findings.merge(std::mem::take(&mut self.findings));
        let in_flight: Vec<_> = self.in_flight.drain(..).collect();
        tally.in_flight += in_flight.len() as u64;
        let observed = Observed::ask(client, &self.keys, findings)?;
        match recover::recover(&self.acknowledged, &in_flight, &observed) {
            Some((state, stored)) => {
                tally.in_flight_stored += stored as u64;
                tally.compared += state.size();
                self.acknowledged = state.clone();
                self.sent = state;
            }
            None => {
                recover::diagnose(&self.name, &self.acknowledged, &in_flight, &observed, findings)
            }
        }
        Ok(())
    }
}
