//! A line that moves on a terminal; elsewhere a plain one after the first cycle, and then every few seconds.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::finding::Findings;
use crate::load::Tally;
use crate::report::grouped;

/// Between two plain lines.
const PLAIN_PAUSE: Duration = Duration::from_secs(5);

/// How far a drill is.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    began: Instant,
    cycles_max: Option<u64>,
    duration: Option<Duration>,
    last_plain: Option<Instant>,
}

impl Progress {
    pub(crate) fn new(cycles_max: Option<u64>, duration: Option<Duration>) -> Self {
        let length = cycles_max.or(duration.map(|duration| duration.as_secs()));
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(length.unwrap_or_default());
            let style = ProgressStyle::with_template("{elapsed} {bar:24} {msg} (eta {eta})");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self { bar, began: Instant::now(), cycles_max, duration, last_plain: None }
    }

    /// Called after every cycle.
    pub(crate) fn show(&mut self, cycles: u64, tally: &Tally, findings: &Findings) {
        let is_plain_due = self.last_plain.is_none_or(|last| PLAIN_PAUSE <= last.elapsed());
        if self.bar.is_none() && !is_plain_due {
            return;
        }
        let of = self.cycles_max.map_or(String::new(), |max| format!(" of {}", grouped(max)));
        let trouble = if findings.is_empty() { "nothing lost" } else { "A PROMISE WAS BROKEN" };
        let (cycles_text, acknowledged) = (grouped(cycles), grouped(tally.acknowledged));
        let text = format!("{cycles_text}{of} cycles, {acknowledged} acknowledged, {trouble}");
        match &self.bar {
            Some(bar) => {
                let seconds = self.began.elapsed().as_secs();
                bar.set_position(if self.cycles_max.is_some() { cycles } else { seconds });
                bar.set_message(text);
            }
            None => {
                self.last_plain = Some(Instant::now());
                let seconds = self.began.elapsed().as_secs();
                let _ = writeln!(io::stderr(), "headwater drill: {seconds} s: {text}");
            }
        }
    }

    /// Whether enough was done.
    pub(crate) fn is_enough(&self, cycles: u64) -> bool {
        self.cycles_max.is_some_and(|max| max <= cycles)
            || self.duration.is_some_and(|duration| duration <= self.began.elapsed())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
