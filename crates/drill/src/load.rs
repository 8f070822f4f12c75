//! Everybody who loads the server, and how they learn that it ends.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;

use fastrand::Rng;

use crate::finding::Findings;
use crate::own::Writer;
use crate::shared::Shared;
use crate::wire::{Connection, Failure};

/// Readers on top of the connections that write.
const READERS: usize = 2;

/// What was counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Requests whose replies came.
    pub(crate) acknowledged: u64,
    /// Requests without a reply when the server ended.
    pub(crate) in_flight: u64,
    /// Those of them that were stored all the same.
    pub(crate) in_flight_stored: u64,
    /// Entries that readers were shown.
    pub(crate) shown: u64,
    /// Entries, pending entries and values compared after restarts.
    pub(crate) compared: u64,
}

/// What the load has to know of the end that is coming, and what it tells of itself.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    /// Everybody shall come to rest before the end.
    is_quiet: AtomicBool,
    /// The server is about to be ended: broken connections are in order.
    is_due: AtomicBool,
    /// Something went wrong before that.
    is_broken: AtomicBool,
    /// The server said that the disk is full.
    is_disk_full: AtomicBool,
    acknowledged: AtomicU64,
}

impl Ending {
    pub(crate) fn come_to_rest(&self) {
        self.is_quiet.store(true, SeqCst);
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.is_quiet.load(SeqCst)
    }

    /// To be called before the signal is sent.
    pub(crate) fn announce(&self) {
        self.is_due.store(true, SeqCst);
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken.load(SeqCst)
    }

    pub(crate) fn is_disk_full(&self) -> bool {
        self.is_disk_full.load(SeqCst)
    }

    /// One more request was acknowledged.
    pub(crate) fn progress(&self) {
        self.acknowledged.fetch_add(1, SeqCst);
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(SeqCst)
    }

    /// A party's connection has failed: in order if the server is being ended, else a finding.
    pub(crate) fn report(&self, who: &str, failure: Failure, findings: &mut Findings) {
        if matches!(failure, Failure::Gone) && self.is_due.load(SeqCst) {
            return;
        }
        if matches!(&failure, Failure::Strange(what) if says_disk_full(what)) {
            self.is_disk_full.store(true, SeqCst);
        } else {
            findings.add_failure(who, failure);
        }
        self.is_broken.store(true, SeqCst);
    }
}

/// The refusal of Headwater and of Redis.
pub(crate) fn says_disk_full(text: &str) -> bool {
    text.contains("MISCONF") || text.contains("No space left")
}

/// Everybody.
#[derive(Debug)]
pub(crate) struct Load {
    writers: Vec<Writer>,
    shared: Shared,
    rng: Rng,
}

impl Load {
    /// Half of the connections have keys of their own, the others share.
    pub(crate) fn new(connections: usize, rng: &mut Rng) -> Self {
        let consumers = (connections / 4).max(1);
        let producers = (connections / 4).max(1);
        let writers = connections.saturating_sub(consumers + producers).max(1);
        Self {
            writers: (0..writers).map(|index| Writer::new(index, rng.fork())).collect(),
            shared: Shared::new(producers, consumers, READERS, rng),
            rng: rng.fork(),
        }
    }

    /// Makes the groups; done once before the first cycle.
    pub(crate) fn prepare(&self, client: &mut Connection) -> Result<(), Failure> {
        self.writers.iter().try_for_each(|writer| writer.prepare(client))?;
        self.shared.prepare(client)
    }

    /// Runs everybody, and meanwhile `end`, which ends the server or brings them to rest.
    pub(crate) fn run<T>(
        &mut self,
        socket: &Path,
        ending: &Ending,
        end: impl FnOnce() -> T,
    ) -> io::Result<T> {
        let Self { writers, shared, .. } = self;
        let Shared { producers, consumers, readers, backlog, .. } = shared;
        let count = writers.len() + producers.len() + consumers.len() + readers.len();
        // All of them before the first runs: none finds the server ended while it connects.
        let clients =
            (0..count).map(|_| Connection::open(socket)).collect::<io::Result<Vec<_>>>()?;
        let mut clients = clients.into_iter();
        let backlog = &*backlog;
        Ok(thread::scope(|scope| {
            for (writer, client) in writers.iter_mut().zip(clients.by_ref()) {
                scope.spawn(move || writer.load(client, ending));
            }
            for (producer, client) in producers.iter_mut().zip(clients.by_ref()) {
                scope.spawn(move || producer.load(client, ending, backlog));
            }
            for (consumer, client) in consumers.iter_mut().zip(clients.by_ref()) {
                scope.spawn(move || consumer.load(client, ending, backlog));
            }
            for (reader, client) in readers.iter_mut().zip(clients.by_ref()) {
                scope.spawn(move || reader.load(client, ending));
            }
            end()
        }))
    }

    /// Compares everything with the restarted server and goes on from what it has.
    pub(crate) fn verify(
        &mut self,
        client: &mut Connection,
        tally: &mut Tally,
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        for writer in &mut self.writers {
            writer.verify(client, tally, findings)?;
        }
        self.shared.verify(client, tally, findings)
    }

    /// Tidies up behind a comparison without findings.
    pub(crate) fn go_on(&mut self, client: &mut Connection) -> Result<(), Failure> {
        self.shared.go_on(client, &mut self.rng)
    }
}
