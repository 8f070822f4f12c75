//! Clients that keep a server busy until it ends, and know what it must have afterwards.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use support::{Client, Rng, Server, Value};

use crate::model::{Keys, Model, Request};

const PIPELINE_MAX: u64 = 12;

/// One client and all that it knows.
pub(crate) struct Worker {
    keys: Keys,
    rng: Rng,
    /// The state that the acknowledged requests lead to.
    acknowledged: Model,
    /// The state that all sent requests lead to.
    sent: Model,
    in_flight: VecDeque<Request>,
    /// How many requests were acknowledged, in all its lives.
    answered: u64,
    is_prepared: bool,
}

impl Worker {
    pub(crate) fn new(index: usize, rng: &mut Rng) -> Self {
        Self {
            keys: Keys::new(index),
            rng: Rng::new(rng.next()),
            acknowledged: Model::new(),
            sent: Model::new(),
            in_flight: VecDeque::new(),
            answered: 0,
            is_prepared: false,
        }
    }

    /// How many requests were acknowledged.
    pub(crate) const fn answered(&self) -> u64 {
        self.answered
    }

    /// Sends `requests` requests and checks the replies, until done or until the connection breaks.
    /// Says whether it got through.
    pub(crate) fn run(&mut self, client: &mut Client, requests: u64, done: &AtomicU64) -> bool {
        let mut left = requests;
        while 0 < left {
            match self.prepare(client).and_then(|()| self.batch(client, left)) {
                Ok(count) => {
                    left -= count;
                    done.fetch_add(count, Ordering::Relaxed);
                }
                Err(error) => {
                    let is_end = matches!(
                        error.kind(),
                        io::ErrorKind::UnexpectedEof
                            | io::ErrorKind::ConnectionReset
                            | io::ErrorKind::BrokenPipe
                            | io::ErrorKind::ConnectionAborted
                    );
                    assert!(is_end, "the connection ended with {error}");
                    return false;
                }
            }
        }
        true
    }

    fn prepare(&mut self, client: &mut Client) -> io::Result<()> {
        if !self.is_prepared {
            match self.keys.prepare(client)? {
                Value::Error(text) if text.starts_with("BUSYGROUP") => {}
                Value::Error(text) if text.starts_with("MISCONF") => {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                Value::Error(text) => panic!("XGROUP CREATE was answered {text}"),
                _ => {}
            }
            self.is_prepared = true;
        }
        Ok(())
    }

    fn batch(&mut self, client: &mut Client, most: u64) -> io::Result<u64> {
        let mut bytes = Vec::new();
        let mut replies = Vec::new();
        for _ in 0..self.rng.below(1..PIPELINE_MAX.min(most) + 1) {
            let request = Request::random(&self.sent, &mut self.rng, true);
            replies.push(request.encode(&self.keys, &mut bytes));
            self.sent.apply(&request, None);
            self.in_flight.push_back(request);
        }
        client.send(&bytes)?;
        let count = replies.len() as u64;
        for parts in replies {
            let mut last = client.receive()?;
            for _ in 1..parts {
                last = client.receive()?;
            }
            if last.is_error("MISCONF") || last.is_error("EXECABORT") {
                // The log takes nothing more; the server is about to end.
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            let request = self.in_flight.front().expect("a reply belongs to a request");
            let is_fine = !matches!(last, Value::Error(_) | Value::Null)
                || matches!(request, Request::Read { .. } | Request::Checkpoint);
            assert!(is_fine, "{request:?} was answered {last:?}");
            self.acknowledged.apply(request, Some(&last));
            self.in_flight.pop_front();
            self.answered += 1;
        }
        Ok(count)
    }

    /// Compares with the restarted server and goes on from what it has.
    pub(crate) fn verify(&mut self, client: &mut Client) -> Result<(), String> {
        if !self.is_prepared {
            // Its group may be there or not; nobody was told.
            client.command(&["DEL", &self.keys.jobs]);
            self.keys.prepare(client).map_err(|error| error.to_string())?;
            self.is_prepared = true;
        }
        let observed = Model::observe(client, &self.keys);
        let in_flight: Vec<_> = self.in_flight.drain(..).collect();
        let recovered = Model::recover(&self.acknowledged, &in_flight, &observed);
        let (state, _) = recovered.map_err(|why| format!("{:?}: {why}", self.keys))?;
        self.acknowledged = state.clone();
        self.sent = state;
        Ok(())
    }
}

/// Loads the server with all workers, lets `strike` do its worst once as many requests are through as
/// the range begins with, and returns when every connection has ended or all are as far as its end.
pub(crate) fn under_load<T>(
    server: &Server,
    workers: &mut [Worker],
    requests: Range<u64>,
    strike: impl FnOnce() -> T,
) -> T {
    let done = AtomicU64::new(0);
    let each = requests.end / workers.len() as u64;
    thread::scope(|scope| {
        let threads: Vec<_> = workers
            .iter_mut()
            .map(|worker| {
                let done = &done;
                // It may be gone already.
                let client = Client::connect(server.address());
                scope.spawn(move || client.map(|mut client| worker.run(&mut client, each, done)))
            })
            .collect();
        while done.load(Ordering::Relaxed) < requests.start
            && threads.iter().any(|t| !t.is_finished())
        {
            thread::sleep(Duration::from_micros(200));
        }
        strike()
    })
}

/// Compares everything, and panics with all that differs.
pub(crate) fn verify(server: &Server, workers: &mut [Worker], when: &str) {
    let mut client = server.connect();
    for worker in workers {
        if let Err(why) = worker.verify(&mut client) {
            panic!("{when}: {why}");
        }
    }
}
