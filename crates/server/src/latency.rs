//! The latency monitor: for each kind of event, the newest times that were above
//! `latency-monitor-threshold`.

mod graph;
mod report;

use std::collections::{BTreeMap, VecDeque};

use engine::Reply;

/// Samples kept of one event.
const SAMPLES_MAX: usize = 160;

/// What can be slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// A sync of the log that replies wait for.
    SyncAlways,
    /// A write of the log with another policy.
    Write,
    /// A command.
    Command,
    /// Removal of expired keys.
    Expiry,
    /// Blocks of the live engine that take over their places on disk, under the lock.
    Adoption,
    /// A command that should take constant or logarithmic time.
    FastCommand,
}

impl Event {
    const ALL: [Self; 6] = [
        Self::SyncAlways,
        Self::Write,
        Self::Command,
        Self::Expiry,
        Self::Adoption,
        Self::FastCommand,
    ];

    /// Redis's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SyncAlways => "aof-fsync-always",
            Self::Write => "aof-write",
            Self::Command => "command",
            Self::Expiry => "expire-cycle",
            Self::Adoption => "checkpoint-adoption",
            Self::FastCommand => "fast-command",
        }
    }

    fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name().as_bytes().eq_ignore_ascii_case(name))
    }
}

/// A time that was too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sample {
    at_seconds: u64,
    ms: u64,
}

/// The samples of one event; never empty.
#[derive(Debug, Default)]
struct Series {
    samples: VecDeque<Sample>,
    longest_ms: u64,
}

/// All series.
#[derive(Debug, Default)]
pub(crate) struct Latencies(BTreeMap<Event, Series>);

impl Latencies {
    /// Notes a time. Of one second only the longest is kept.
    pub(crate) fn note(&mut self, event: Event, at_seconds: u64, ms: u64) {
        let series = self.0.entry(event).or_default();
        series.longest_ms = series.longest_ms.max(ms);
        if let Some(last) = series.samples.back_mut().filter(|last| last.at_seconds == at_seconds) {
            last.ms = last.ms.max(ms);
            return;
        }
        if series.samples.len() == SAMPLES_MAX {
            series.samples.pop_front();
        }
        series.samples.push_back(Sample { at_seconds, ms });
    }

    /// LATENCY LATEST.
    pub(crate) fn latest(&self) -> Reply {
        let row = |(event, series): (&Event, &Series)| {
            let last = series.samples.back()?;
            Some(Reply::Array(vec![
                Reply::text(event.name()),
                Reply::count(last.at_seconds),
                Reply::count(last.ms),
                Reply::count(series.longest_ms),
            ]))
        };
        Reply::Array(self.0.iter().filter_map(row).collect())
    }

    /// LATENCY HISTORY.
    pub(crate) fn history(&self, event: &[u8]) -> Reply {
        let samples = self.series(event).map(|(_, series)| &series.samples);
        let pair = |sample: &Sample| {
            Reply::Array(vec![Reply::count(sample.at_seconds), Reply::count(sample.ms)])
        };
        Reply::Array(samples.into_iter().flatten().map(pair).collect())
    }

    /// LATENCY RESET: how many series are gone.
    pub(crate) fn reset(&mut self, events: &[&[u8]]) -> Reply {
        let before = self.0.len();
        match events {
            [] => self.0.clear(),
            events => {
                for event in events.iter().filter_map(|name| Event::named(name)) {
                    self.0.remove(&event);
                }
            }
        }
        Reply::count(before - self.0.len())
    }

    /// LATENCY GRAPH; `None` without samples of the event.
    pub(crate) fn graph(&self, event: &[u8], now_seconds: u64) -> Option<String> {
        let (event, series) = self.series(event)?;
        Some(graph::draw(event, series, now_seconds))
    }

    /// LATENCY DOCTOR.
    pub(crate) fn report(&self, threshold_ms: u64, slow_log_micros: i64) -> String {
        report::write(self, threshold_ms, slow_log_micros)
    }

    fn series(&self, event: &[u8]) -> Option<(Event, &Series)> {
        let event = Event::named(event)?;
        Some((event, self.0.get(&event)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(times: &[(u64, u64)]) -> Latencies {
        let mut latencies = Latencies::default();
        for (at, ms) in times {
            latencies.note(Event::Command, *at, *ms);
        }
        latencies
    }

    fn pairs(pairs: &[(i64, i64)]) -> Reply {
        let pair = |(a, b): &(i64, i64)| Reply::Array(vec![Reply::Integer(*a), Reply::Integer(*b)]);
        Reply::Array(pairs.iter().map(pair).collect())
    }

    #[test]
    fn one_sample_a_second_and_the_longest_of_all() {
        let latencies = noted(&[(10, 5), (10, 9), (10, 7), (12, 6)]);
        assert_eq!(latencies.history(b"COMMAND"), pairs(&[(10, 9), (12, 6)]));
        let row =
            vec![Reply::text("command"), Reply::Integer(12), Reply::Integer(6), Reply::Integer(9)];
        assert_eq!(latencies.latest(), Reply::Array(vec![Reply::Array(row)]));
        assert_eq!(latencies.history(b"fork"), pairs(&[]));
    }

    #[test]
    fn samples_are_bounded() {
        let times: Vec<_> = (0..1000).map(|at| (at, 1)).collect();
        let Reply::Array(samples) = noted(&times).history(b"command") else { panic!("an array") };
        assert_eq!(samples.len(), SAMPLES_MAX);
    }

    #[test]
    fn resets_count_what_they_forget() {
        let mut latencies = noted(&[(1, 1)]);
        latencies.note(Event::SyncAlways, 1, 1);
        assert_eq!(latencies.reset(&[b"fork", b"command"]), Reply::Integer(1));
        assert_eq!(latencies.reset(&[]), Reply::Integer(1));
        assert_eq!(latencies.reset(&[]), Reply::Integer(0));
    }
}
