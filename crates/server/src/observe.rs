//! What was slow: the slow log, the latency monitor and the times of commands, and the commands that
//! show them.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use engine::{CommandError, Reply};
use parking_lot::Mutex;
use protocol::{CommandSpec, Flags, LatencyCommand, SlowLogCommand};

use crate::config::Settings;
use crate::core::Shared;
use crate::execute::Executor;
use crate::latency::{Event, Latencies};
use crate::slow_log::{Slow, SlowLog};

/// Nobody looks at a time below this: what is off is never reached.
const NEVER: u64 = u64::MAX;

/// What was slow, and from when on something is.
#[derive(Debug)]
pub(crate) struct Observer {
    /// Nanoseconds from which on a command is looked at closer: the one comparison that a quick
    /// command costs.
    slow_nanos: AtomicU64,
    /// `slowlog-log-slower-than` in microseconds; negative for never.
    slow_log_micros: AtomicI64,
    slow_log_entries_max: AtomicU64,
    /// `latency-monitor-threshold`; 0 for never.
    latency_ms: AtomicU64,
    slow_log: Mutex<SlowLog>,
    latencies: Mutex<Latencies>,
}

impl Observer {
    pub(crate) fn new(settings: &Settings) -> Self {
        let observer = Self {
            slow_nanos: AtomicU64::new(NEVER),
            slow_log_micros: AtomicI64::new(-1),
            slow_log_entries_max: AtomicU64::new(0),
            latency_ms: AtomicU64::new(0),
            slow_log: Mutex::default(),
            latencies: Mutex::default(),
        };
        observer.configure(settings);
        observer
    }

    /// Takes over changed settings.
    pub(crate) fn configure(&self, settings: &Settings) {
        let micros = settings.slow_log_micros;
        let latency_ms = settings.latency_threshold_ms;
        self.slow_log_micros.store(micros, Relaxed);
        self.slow_log_entries_max.store(settings.slow_log_entries_max, Relaxed);
        self.latency_ms.store(latency_ms, Relaxed);
        let slow_log = u64::try_from(micros).map_or(NEVER, |micros| micros.saturating_mul(1000));
        let latency = if latency_ms == 0 { NEVER } else { latency_ms.saturating_mul(1_000_000) };
        self.slow_nanos.store(slow_log.min(latency), Relaxed);
    }

    /// Whether a command that took so long is to be looked at.
    pub(crate) fn is_slow(&self, nanos: u64) -> bool {
        self.slow_nanos.load(Relaxed) <= nanos
    }

    /// The beginning of something that may be slow, if anybody wants to know.
    pub(crate) fn begin(&self) -> Option<Instant> {
        (self.latency_ms.load(Relaxed) != 0).then(Instant::now)
    }

    /// The end of it.
    pub(crate) fn end(&self, event: Event, began: Option<Instant>, now_ms: u64) {
        if let Some(began) = began {
            self.note_latency(event, began.elapsed(), now_ms);
        }
    }

    /// Notes a time if it is too long.
    pub(crate) fn note_latency(&self, event: Event, time: Duration, now_ms: u64) {
        let threshold = self.latency_ms.load(Relaxed);
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        if threshold != 0 && threshold <= ms {
            self.latencies.lock().note(event, now_ms / 1000, ms);
        }
    }

    fn note_slow(&self, slow: &Slow<'_>) {
        let threshold = self.slow_log_micros.load(Relaxed);
        let max = usize::try_from(self.slow_log_entries_max.load(Relaxed)).unwrap_or(usize::MAX);
        if max != 0 && u64::try_from(threshold).is_ok_and(|threshold| threshold <= slow.micros) {
            self.slow_log.lock().note(slow, max);
        }
    }
}

impl Executor<'_> {
    /// Notes a command that took long.
    #[cold]
    pub(crate) fn note_slow(&self, spec: &CommandSpec, args: &[&[u8]], nanos: u64) {
        let observer = &self.shared.observer;
        let event =
            if spec.flags.contains(Flags::FAST) { Event::FastCommand } else { Event::Command };
        observer.note_latency(event, Duration::from_nanos(nanos), self.now);
        if spec.flags.contains(Flags::SKIP_SLOWLOG) {
            return;
        }
        let client_name = self.client.facts.names.lock().name.clone();
        observer.note_slow(&Slow {
            command: spec.name,
            args,
            at_seconds: self.now / 1000,
            micros: nanos / 1000,
            address: &self.client.addr,
            client_name: &client_name,
        });
    }

    pub(crate) fn slow_log(&self, command: SlowLogCommand) -> Reply {
        let mut log = self.shared.observer.slow_log.lock();
        match command {
            SlowLogCommand::Get { count } => log.newest(count),
            SlowLogCommand::Len => Reply::count(log.len()),
            SlowLogCommand::Reset => {
                log.clear();
                Reply::Ok
            }
        }
    }

    pub(crate) fn latency(&self, command: &LatencyCommand<'_>) -> Result<Reply, CommandError> {
        let observer = &self.shared.observer;
        let mut latencies = observer.latencies.lock();
        Ok(match command {
            LatencyCommand::Latest => latencies.latest(),
            LatencyCommand::History { event } => latencies.history(event),
            LatencyCommand::Reset { events } => latencies.reset(events),
            LatencyCommand::Graph { event } => {
                let graph = latencies.graph(event, self.now / 1000);
                Reply::Verbatim(Bytes::from(graph.ok_or_else(|| no_samples(event))?))
            }
            LatencyCommand::Doctor => {
                let threshold = observer.latency_ms.load(Relaxed);
                let micros = observer.slow_log_micros.load(Relaxed);
                Reply::Verbatim(Bytes::from(latencies.report(threshold, micros)))
            }
            LatencyCommand::Histogram { commands } => histograms(self.shared, commands),
        })
    }
}

fn no_samples(event: &[u8]) -> CommandError {
    let text = [b"ERR No samples available for event '", event, b"'"].concat();
    CommandError::Text(text.into())
}

/// LATENCY HISTOGRAM: of the named commands (a container command stands for its subcommands), or of
/// all that were called.
fn histograms(shared: &Shared, commands: &[&[u8]]) -> Reply {
    let is_wanted = |name: &str| {
        let container = name.split('|').next().unwrap_or_default();
        commands.is_empty()
            || commands.iter().any(|wanted| {
                wanted.eq_ignore_ascii_case(name.as_bytes())
                    || wanted.eq_ignore_ascii_case(container.as_bytes())
            })
    };
    let specs = protocol::commands().zip(shared.stats.histograms());
    let row = |(spec, histogram): (&'static CommandSpec, crate::histogram::Histogram)| {
        let bounds = histogram.doubling().into_iter();
        let bounds = bounds.map(|(micros, calls)| (Reply::count(micros), Reply::count(calls)));
        let facts = vec![
            (Reply::text("calls"), Reply::count(histogram.calls())),
            (Reply::text("histogram_usec"), Reply::Map(bounds.collect())),
        ];
        (Reply::text(spec.name), Reply::Map(facts))
    };
    let called = specs.filter(|(spec, histogram)| 0 < histogram.calls() && is_wanted(spec.name));
    Reply::Map(called.map(row).collect())
}
