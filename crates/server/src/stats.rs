//! Counters behind INFO. Each worker counts in its own shard, which only it writes, so that counting
//! costs a plain load and store; INFO adds the shards up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use crate::histogram::{Histogram, OwnedHistogram};

/// A counter that one thread writes and any thread reads.
#[derive(Debug, Default)]
pub struct OwnedCounter(AtomicU64);

impl OwnedCounter {
    /// Adds. Only the owning thread may call this: two writers would lose counts (never more than
    /// counts, which is why it is not `unsafe`).
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Keeps the larger of the present value and `n`.
    pub fn raise_to(&self, n: u64) {
        if self.0.load(Relaxed) < n {
            self.0.store(n, Relaxed);
        }
    }

    /// The present value.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What is counted for each command.
#[derive(Debug, Default)]
pub struct CommandCounters {
    calls: OwnedCounter,
    nanos: OwnedCounter,
    rejected: OwnedCounter,
    failed: OwnedCounter,
    times: OwnedHistogram,
}

impl CommandCounters {
    /// A call that was executed, and how long it took.
    pub fn executed(&self, nanos: u64) {
        self.calls.add(1);
        self.nanos.add(nanos);
    }

    /// How long an executed call took, for its distribution (`latency-tracking`).
    pub fn timed(&self, nanos: u64) {
        self.times.count(nanos);
    }

    /// A call that answered with an error after it was executed; counts beside [`Self::executed`].
    pub fn failed(&self) {
        self.failed.add(1);
    }

    /// A call that was refused before it was executed (arity, authentication, memory).
    pub fn rejected(&self) {
        self.rejected.add(1);
    }
}

/// What one worker counts.
#[derive(Debug)]
pub struct WorkerStats {
    /// By index of the command table.
    pub commands: Box<[CommandCounters]>,
    /// Commands executed.
    pub commands_processed: OwnedCounter,
    /// Connections accepted.
    pub connections_received: OwnedCounter,
    /// Bytes read from clients.
    pub net_input_bytes: OwnedCounter,
    /// Bytes written to clients.
    pub net_output_bytes: OwnedCounter,
    /// `read` calls that gave something.
    pub reads_processed: OwnedCounter,
    /// `write` calls.
    pub writes_processed: OwnedCounter,
    /// Looked-up keys that were there.
    pub keyspace_hits: OwnedCounter,
    /// Looked-up keys that were missing.
    pub keyspace_misses: OwnedCounter,
    /// Advances with every sweep of the worker's loop; the watchdog watches it.
    pub sweeps: OwnedCounter,
    /// Bytes of requests and replies that its clients hold. Others add to it, too.
    pub client_bytes: AtomicI64,
}

impl WorkerStats {
    fn new(commands: usize) -> Self {
        Self {
            commands: (0..commands).map(|_| CommandCounters::default()).collect(),
            commands_processed: OwnedCounter::default(),
            connections_received: OwnedCounter::default(),
            net_input_bytes: OwnedCounter::default(),
            net_output_bytes: OwnedCounter::default(),
            reads_processed: OwnedCounter::default(),
            writes_processed: OwnedCounter::default(),
            keyspace_hits: OwnedCounter::default(),
            keyspace_misses: OwnedCounter::default(),
            sweeps: OwnedCounter::default(),
            client_bytes: AtomicI64::new(0),
        }
    }
}

/// Different error codes that are counted by name; a client could invent more by Lua alone, but the
/// bound costs nothing.
const ERROR_CODES_MAX: usize = 128;

/// All counters of the server.
#[derive(Debug)]
pub struct Stats {
    /// Names of the commands, `xadd`, `xinfo|stream`, by index of the command table.
    command_names: Vec<String>,
    workers: Vec<Arc<WorkerStats>>,
    /// Connected clients.
    pub clients: AtomicI64,
    /// Clients waiting in a blocking command.
    pub clients_blocked: AtomicI64,
    /// Clients waiting in a blocking command with a deadline.
    pub clients_in_timeout_table: AtomicI64,
    /// Connections refused because of `maxclients` or protected mode.
    pub rejected_connections: AtomicU64,
    /// Keys removed because their time was over.
    pub expired_keys: AtomicU64,
    /// Time that their removal took.
    pub expiry_nanos: AtomicU64,
    /// Clients cut off because they did not read.
    pub output_limit_disconnections: AtomicU64,
    /// Clients disconnected because all together took too much (`maxmemory-clients`).
    pub evicted_clients: AtomicU64,
    /// Largest query buffer of late.
    pub input_buffer_recent_max: AtomicU64,
    /// Largest output buffer of late.
    pub output_buffer_recent_max: AtomicU64,
    errors: Mutex<BTreeMap<Box<str>, u64>>,
    rates: Mutex<Rates>,
    /// What CONFIG RESETSTAT put aside.
    zero: Mutex<Totals>,
    /// The same of the histograms, by index of the command table.
    zero_times: Mutex<Vec<Histogram>>,
    /// `latency-tracking`
    tracks_times: AtomicBool,
}

/// Sums over the workers, as INFO shows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Calls, microseconds, rejected and failed calls by command index.
    pub commands: Vec<CommandTotals>,
    /// See [`WorkerStats`].
    pub commands_processed: u64,
    /// See [`WorkerStats`].
    pub connections_received: u64,
    /// See [`WorkerStats`].
    pub net_input_bytes: u64,
    /// See [`WorkerStats`].
    pub net_output_bytes: u64,
    /// See [`WorkerStats`].
    pub reads_processed: u64,
    /// See [`WorkerStats`].
    pub writes_processed: u64,
    /// See [`WorkerStats`].
    pub keyspace_hits: u64,
    /// See [`WorkerStats`].
    pub keyspace_misses: u64,
    /// See [`Stats`].
    pub rejected_connections: u64,
    /// See [`Stats`].
    pub expired_keys: u64,
    /// See [`Stats`].
    pub expiry_nanos: u64,
    /// See [`Stats`].
    pub output_limit_disconnections: u64,
    /// See [`Stats::evicted_clients`].
    pub evicted_clients: u64,
}

/// Sums of one command.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CommandTotals {
    /// Calls executed.
    pub calls: u64,
    /// Time in them.
    pub nanos: u64,
    /// Calls refused beforehand.
    pub rejected: u64,
    /// Calls answered with an error.
    pub failed: u64,
}

/// The instantaneous values of INFO.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Instantaneous {
    /// Commands per second.
    pub ops_per_second: u64,
    /// Bytes read per second.
    pub input_bytes_per_second: f64,
    /// Bytes written per second.
    pub output_bytes_per_second: f64,
}

impl Stats {
    /// Counters for so many workers and these commands.
    #[must_use]
    pub fn new(workers: usize, command_names: Vec<String>) -> Self {
        let shard = || Arc::new(WorkerStats::new(command_names.len()));
        Self {
            workers: (0..workers).map(|_| shard()).collect(),
            command_names,
            clients: AtomicI64::new(0),
            clients_blocked: AtomicI64::new(0),
            clients_in_timeout_table: AtomicI64::new(0),
            rejected_connections: AtomicU64::new(0),
            expired_keys: AtomicU64::new(0),
            expiry_nanos: AtomicU64::new(0),
            output_limit_disconnections: AtomicU64::new(0),
            evicted_clients: AtomicU64::new(0),
            input_buffer_recent_max: AtomicU64::new(0),
            output_buffer_recent_max: AtomicU64::new(0),
            errors: Mutex::default(),
            rates: Mutex::default(),
            zero: Mutex::default(),
            zero_times: Mutex::default(),
            tracks_times: AtomicBool::new(true),
        }
    }

    /// Bytes of requests and replies that all clients hold.
    #[must_use]
    pub fn client_bytes(&self) -> u64 {
        let sum: i64 = self.workers.iter().map(|worker| worker.client_bytes.load(Relaxed)).sum();
        u64::try_from(sum).unwrap_or(0)
    }

    /// The shard of one worker.
    #[must_use]
    pub fn worker(&self, index: usize) -> Arc<WorkerStats> {
        Arc::clone(&self.workers[index])
    }

    /// Every worker's shard.
    #[must_use]
    pub fn workers(&self) -> &[Arc<WorkerStats>] {
        &self.workers
    }

    /// Names of the commands by index.
    #[must_use]
    pub fn command_names(&self) -> &[String] {
        &self.command_names
    }

    /// Counts an error reply by its first word. `text` is the reply without its dash.
    pub fn count_error(&self, text: &[u8]) {
        let code = text.split(|byte| *byte == b' ').next().unwrap_or_default();
        let code = String::from_utf8_lossy(&code[..code.len().min(32)]);
        let mut errors = self.errors.lock();
        if let Some(count) = errors.get_mut(&*code) {
            *count += 1;
        } else if errors.len() < ERROR_CODES_MAX {
            errors.insert(code.into(), 1);
        }
    }

    /// Error replies by code.
    #[must_use]
    pub fn errors(&self) -> BTreeMap<Box<str>, u64> {
        self.errors.lock().clone()
    }

    /// Sums since the start, or since CONFIG RESETSTAT.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = self.sum();
        totals.subtract(&self.zero.lock());
        totals
    }

    /// CONFIG RESETSTAT. The counters themselves belong to the workers and go on.
    pub fn reset(&self) {
        *self.zero.lock() = self.sum();
        *self.zero_times.lock() = self.all_times();
        self.errors.lock().clear();
        self.input_buffer_recent_max.store(0, Relaxed);
        self.output_buffer_recent_max.store(0, Relaxed);
        self.rates.lock().samples.clear();
    }

    /// Whether the times of commands are counted.
    #[must_use]
    pub fn tracks_times(&self) -> bool {
        self.tracks_times.load(Relaxed)
    }

    /// Switches the counting of times. What was counted is forgotten when it is switched off.
    pub fn set_tracks_times(&self, on: bool) {
        if self.tracks_times.swap(on, Relaxed) && !on {
            *self.zero_times.lock() = self.all_times();
        }
    }

    /// How long calls took, since the start or CONFIG RESETSTAT, by index of the command table.
    #[must_use]
    pub fn histograms(&self) -> Vec<Histogram> {
        let mut times = self.all_times();
        for (times, zero) in times.iter_mut().zip(&*self.zero_times.lock()) {
            times.subtract(zero);
        }
        times
    }

    fn all_times(&self) -> Vec<Histogram> {
        let mut sums = vec![Histogram::default(); self.command_names.len()];
        for worker in &self.workers {
            for (sum, counters) in sums.iter_mut().zip(&worker.commands) {
                counters.times.add_to(sum);
            }
        }
        sums
    }

    /// Takes a sample for the instantaneous values; called about ten times a second.
    pub fn sample(&self, now_ms: u64) {
        let mut sample = Sample { at_ms: now_ms, ..Sample::default() };
        for worker in &self.workers {
            sample.commands += worker.commands_processed.value();
            sample.input += worker.net_input_bytes.value();
            sample.output += worker.net_output_bytes.value();
        }
        self.rates.lock().push(sample);
    }

    /// Rates over the last samples.
    #[must_use]
    pub fn instantaneous(&self) -> Instantaneous {
        self.rates.lock().instantaneous()
    }

    fn sum(&self) -> Totals {
        let mut totals = Totals {
            commands: vec![CommandTotals::default(); self.command_names.len()],
            rejected_connections: self.rejected_connections.load(Relaxed),
            expired_keys: self.expired_keys.load(Relaxed),
            expiry_nanos: self.expiry_nanos.load(Relaxed),
            output_limit_disconnections: self.output_limit_disconnections.load(Relaxed),
            evicted_clients: self.evicted_clients.load(Relaxed),
            ..Totals::default()
        };
        for worker in &self.workers {
            for (total, counters) in totals.commands.iter_mut().zip(&worker.commands) {
                total.calls += counters.calls.value();
                total.nanos += counters.nanos.value();
                total.rejected += counters.rejected.value();
                total.failed += counters.failed.value();
            }
            totals.commands_processed += worker.commands_processed.value();
            totals.connections_received += worker.connections_received.value();
            totals.net_input_bytes += worker.net_input_bytes.value();
            totals.net_output_bytes += worker.net_output_bytes.value();
            totals.reads_processed += worker.reads_processed.value();
            totals.writes_processed += worker.writes_processed.value();
            totals.keyspace_hits += worker.keyspace_hits.value();
            totals.keyspace_misses += worker.keyspace_misses.value();
        }
        totals
    }
}

impl Totals {
    fn subtract(&mut self, zero: &Self) {
        for (total, zero) in self.commands.iter_mut().zip(&zero.commands) {
            total.calls -= zero.calls;
            total.nanos -= zero.nanos;
            total.rejected -= zero.rejected;
            total.failed -= zero.failed;
        }
        self.commands_processed -= zero.commands_processed;
        self.connections_received -= zero.connections_received;
        self.net_input_bytes -= zero.net_input_bytes;
        self.net_output_bytes -= zero.net_output_bytes;
        self.reads_processed -= zero.reads_processed;
        self.writes_processed -= zero.writes_processed;
        self.keyspace_hits -= zero.keyspace_hits;
        self.keyspace_misses -= zero.keyspace_misses;
        self.rejected_connections -= zero.rejected_connections;
        self.expired_keys -= zero.expired_keys;
        self.expiry_nanos -= zero.expiry_nanos;
        self.output_limit_disconnections -= zero.output_limit_disconnections;
        self.evicted_clients -= zero.evicted_clients;
    }
}

/// Samples kept: at ten a second, the rates look back over 1.6 seconds, as Redis's do.
const SAMPLES_MAX: usize = 16;

#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    at_ms: u64,
    commands: u64,
    input: u64,
    output: u64,
}

#[derive(Debug, Default)]
struct Rates {
    samples: std::collections::VecDeque<Sample>,
}

impl Rates {
    fn push(&mut self, sample: Sample) {
        if self.samples.len() == SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    fn instantaneous(&self) -> Instantaneous {
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else {
            return Instantaneous::default();
        };
        let elapsed_ms = last.at_ms.saturating_sub(first.at_ms);
        if elapsed_ms == 0 {
            return Instantaneous::default();
        }
        let bytes_per_second = |bytes: u64| bytes as f64 * 1000.0 / elapsed_ms as f64;
        Instantaneous {
            ops_per_second: (last.commands - first.commands) * 1000 / elapsed_ms,
            input_bytes_per_second: bytes_per_second(last.input - first.input),
            output_bytes_per_second: bytes_per_second(last.output - first.output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats() -> Stats {
        Stats::new(2, vec!["xadd".to_owned(), "xinfo|stream".to_owned()])
    }

    #[test]
    fn shards_add_up_and_a_reset_starts_from_zero() {
        let stats = stats();
        stats.worker(0).commands[0].executed(1500);
        stats.worker(1).commands[0].executed(500);
        stats.worker(1).commands[1].rejected();
        stats.worker(1).net_input_bytes.add(30);
        let totals = stats.totals();
        let xadd = CommandTotals { calls: 2, nanos: 2000, rejected: 0, failed: 0 };
        assert_eq!((totals.commands[0], totals.commands[1].rejected), (xadd, 1));
        assert_eq!(totals.net_input_bytes, 30);
        stats.reset();
        assert_eq!(stats.totals().commands[0], CommandTotals::default());
        stats.worker(0).commands[0].executed(100);
        assert_eq!(stats.totals().commands[0].calls, 1);
    }

    #[test]
    fn errors_count_by_code_and_stay_bounded() {
        let stats = stats();
        stats.count_error(b"NOGROUP No such key");
        stats.count_error(b"NOGROUP No such consumer group");
        stats.count_error(b"ERR syntax error");
        let seen: Vec<_> =
            stats.errors().into_iter().map(|(code, n)| (code.into_string(), n)).collect();
        assert_eq!(seen, [("ERR".to_owned(), 1), ("NOGROUP".to_owned(), 2)]);
        for i in 0..1000 {
            stats.count_error(format!("CODE{i} x").as_bytes());
        }
        assert_eq!(stats.errors().len(), ERROR_CODES_MAX);
    }

    #[test]
    fn rates_look_at_the_last_samples_only() {
        let stats = stats();
        assert_eq!(stats.instantaneous(), Instantaneous::default());
        for tick in 0..100 {
            stats.sample(tick * 100);
            stats.worker(0).commands_processed.add(if tick < 50 { 1000 } else { 10 });
        }
        assert_eq!(stats.instantaneous().ops_per_second, 100);
    }
}
