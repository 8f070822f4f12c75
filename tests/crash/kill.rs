//! Cycles of load, an abrupt or an orderly end, and a comparison of everything.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use support::{Client, Rng, Server, Value};

use crate::model::{Keys, Model, Request};

const CLIENTS: usize = 4;
const PIPELINE_MAX: u64 = 20;

/// One client and all that it knows.
struct Worker {
    keys: Keys,
    rng: Rng,
    may_read_again: bool,
    /// The state that the acknowledged requests lead to.
    acknowledged: Model,
    /// The state that all sent requests lead to.
    sent: Model,
    in_flight: VecDeque<Request>,
}

impl Worker {
    /// Sends and checks replies until the connection breaks; tells `progress` what came.
    fn load(&mut self, mut client: Client, progress: &Sender<u64>) {
        loop {
            let ended = self.batch(&mut client);
            // The receiver is gone once the server is to be killed.
            let _ = progress.send(PIPELINE_MAX);
            if let Err(error) = ended {
                assert!(
                    matches!(
                        error.kind(),
                        io::ErrorKind::UnexpectedEof
                            | io::ErrorKind::ConnectionReset
                            | io::ErrorKind::BrokenPipe
                    ),
                    "the connection ended with {error}"
                );
                return;
            }
        }
    }

    fn batch(&mut self, client: &mut Client) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut replies = Vec::new();
        for _ in 0..self.rng.below(1..PIPELINE_MAX + 1) {
            let request = Request::random(&self.sent, &mut self.rng, self.may_read_again);
            replies.push(request.encode(&self.keys, &mut bytes));
            self.sent.apply(&request, None);
            self.in_flight.push_back(request);
        }
        client.send(&bytes)?;
        for count in replies {
            let mut last = client.receive()?;
            for _ in 1..count {
                assert!(!matches!(last, Value::Error(_)), "answered {last:?}");
                last = client.receive()?;
            }
            let request = self.in_flight.front().expect("a reply belongs to a request");
            let is_fine = !matches!(last, Value::Error(_) | Value::Null)
                || matches!(request, Request::Read { .. } | Request::Checkpoint);
            assert!(is_fine, "{request:?} was answered {last:?}");
            self.acknowledged.apply(request, Some(&last));
            self.in_flight.pop_front();
        }
        Ok(())
    }

    /// Compares with the restarted server and goes on from what it has. Returns how many requests
    /// were in flight and how many of them had been stored.
    fn verify(&mut self, client: &mut Client) -> (usize, usize) {
        let observed = Model::observe(client, &self.keys);
        let in_flight: Vec<_> = self.in_flight.drain(..).collect();
        let (state, stored) = Model::recover(&self.acknowledged, &in_flight, &observed)
            .unwrap_or_else(|why| panic!("{:?}: {why}", self.keys));
        self.acknowledged = state.clone();
        self.sent = state;
        (in_flight.len(), stored)
    }
}

/// Everything that was acknowledged is there after kill -9 and after SIGTERM: entries once and in
/// order, no half transaction, pending entries, delivery counts and the group's position exact.
#[test]
fn acknowledged_writes_survive_every_end() {
    let cycles: u64 = match std::env::var("HEADWATER_CRASH_CYCLES") {
        Ok(text) => text.parse().expect("HEADWATER_CRASH_CYCLES is a number"),
        Err(_) => 30,
    };
    let mut rng = Rng::from_env("HEADWATER_CRASH_SEED");
    let launch = crate::launch();
    let mut server = launch.start();
    let mut workers: Vec<_> = (0..CLIENTS)
        .map(|index| {
            let keys = Keys::new(index);
            let made = keys.prepare(&mut server.connect());
            assert_eq!(made.expect("a reply"), Value::simple("OK"));
            Worker {
                keys,
                rng: Rng::new(rng.next()),
                // Redis forgets these counts at a restart: its log does not have them.
                may_read_again: !launch.is_redis(),
                acknowledged: Model::new(),
                sent: Model::new(),
                in_flight: VecDeque::new(),
            }
        })
        .collect();

    let (mut in_flight, mut stored) = (0, 0);
    for cycle in 0..cycles {
        let is_orderly = cycle % 5 == 4;
        end_under_load(server, &mut workers, rng.below(100..4_000), is_orderly);
        server = launch.start();
        let mut client = server.connect();
        for worker in &mut workers {
            let (sent, kept) = worker.verify(&mut client);
            in_flight += sent;
            stored += kept;
        }
    }
    eprintln!("{cycles} cycles, {in_flight} requests in flight, {stored} of them stored");
    assert_eq!(server.terminate().code(), Some(0), "an idle server stops with 0");
}

/// Lets the workers run for about `requests` requests, then ends the server among them.
fn end_under_load(server: Server, workers: &mut [Worker], requests: u64, is_orderly: bool) {
    thread::scope(|scope| {
        let (sender, receiver) = channel();
        for worker in workers {
            let (client, sender) = (server.connect(), sender.clone());
            scope.spawn(move || worker.load(client, &sender));
        }
        drop(sender);
        let mut done = 0;
        while done < requests {
            done += receiver.recv().expect("a worker ended before the server was");
        }
        if is_orderly {
            assert_eq!(server.terminate().code(), Some(0), "SIGTERM under load ends with 0");
        } else {
            server.kill();
        }
    });
}
