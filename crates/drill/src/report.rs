//! What a drill has to say at its end.

use std::fmt::Write;
use std::path::PathBuf;

use serde::Serialize;

use crate::finding::{Finding, Findings, Kind};
use crate::load::Tally;

/// How a drill went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every promise was kept.
    #[default]
    Ok,
    /// A promise was broken: see the findings.
    Broken,
    /// Every promise was kept until somebody stopped the drill.
    Interrupted,
}

/// How often the server was ended in which way.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Counts {
    /// SIGKILL.
    pub kill: u64,
    /// SIGTERM.
    pub term: u64,
    /// Power cuts.
    pub cut: u64,
    /// Of all these, those after which nothing was in flight.
    pub quiet: u64,
}

/// The report, as `--json` prints it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// How it went.
    pub verdict: Verdict,
    /// Ends that were followed by a restart and a comparison.
    pub cycles: u64,
    /// The ends by kind.
    pub ends: Counts,
    /// Requests whose replies came. A MULTI block is one.
    pub acknowledged: u64,
    /// Requests without a reply when the server ended.
    pub in_flight: u64,
    /// Those of them that were there afterwards, whole.
    pub in_flight_stored: u64,
    /// Entries that readers were shown, each reader counted.
    pub shown: u64,
    /// Entries, pending entries and values compared after restarts.
    pub compared: u64,
    /// Checkpoints that the server made meanwhile, as far as it had told before its ends.
    pub checkpoints: u64,
    /// Acknowledged writes that were gone.
    pub lost: u64,
    /// Things that a reader had been shown and that were gone.
    pub vanished: u64,
    /// Requests that were stored more than once.
    pub duplicated: u64,
    /// Transactions stored in part.
    pub partial: u64,
    /// Requests stored in another order than sent.
    pub misordered: u64,
    /// IDs that were not above all earlier ones.
    pub ids_went_back: u64,
    /// Differences in pending entries, delivery counts or positions of groups.
    pub state_differs: u64,
    /// Everything else: damaged entries, wrong replies, bad stops, failed starts.
    pub other: u64,
    /// From the start of the process to its first answer, after an end.
    pub longest_recovery_ms: u64,
    /// From SIGTERM to the end of the process.
    pub longest_stop_ms: u64,
    /// How long the drill took.
    pub seconds: f64,
    /// The server's `appendfsync`.
    pub appendfsync: String,
    /// What drew the choices.
    pub seed: u64,
    /// The program that was drilled.
    pub server: PathBuf,
    /// The file system below the scratch directory.
    pub file_system: String,
    /// What the drill could not prove here.
    pub warnings: Vec<String>,
    /// The first findings of each kind, in words.
    pub findings: Vec<Finding>,
    /// The scratch directory, if there is something to look at in it.
    pub kept: Option<PathBuf>,
    /// What to look at.
    pub hints: Vec<String>,
}

impl Report {
    /// The exit code.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self.verdict {
            Verdict::Ok => 0,
            Verdict::Broken => 1,
            // 128 and SIGINT, as a shell has it.
            Verdict::Interrupted => 130,
        }
    }

    pub(crate) fn count(&mut self, tally: &Tally, findings: &Findings) {
        self.acknowledged = tally.acknowledged;
        self.in_flight = tally.in_flight;
        self.in_flight_stored = tally.in_flight_stored;
        self.shown = tally.shown;
        self.compared = tally.compared;
        self.lost = findings.count(Kind::Lost);
        self.vanished = findings.count(Kind::Vanished);
        self.duplicated = findings.count(Kind::Duplicated);
        self.partial = findings.count(Kind::Partial);
        self.misordered = findings.count(Kind::Misordered);
        self.ids_went_back = findings.count(Kind::IdWentBack);
        self.state_differs = findings.count(Kind::StateDiffers);
        let others = [Kind::Damaged, Kind::WrongReply, Kind::BadStop, Kind::NoStart, Kind::Ended];
        self.other = others.into_iter().map(|kind| findings.count(kind)).sum();
        self.findings = findings.words();
    }

    /// The report for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).unwrap_or_default();
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        for finding in &self.findings {
            writeln!(out, "{}: {}", finding.kind, finding.what)?;
        }
        let Counts { kill, term, cut, quiet } = self.ends;
        let cycles = grouped(self.cycles);
        writeln!(
            out,
            "cycles         {cycles} in {:.1} s, appendfsync {}",
            self.seconds, self.appendfsync
        )?;
        writeln!(
            out,
            "ends           {kill} kill -9, {cut} power cuts, {term} SIGTERM; {quiet} of them at rest"
        )?;
        writeln!(
            out,
            "acknowledged   {} requests, {} checkpoints meanwhile",
            grouped(self.acknowledged),
            grouped(self.checkpoints)
        )?;
        writeln!(
            out,
            "in flight      {} at the ends, {} of them stored",
            grouped(self.in_flight),
            grouped(self.in_flight_stored)
        )?;
        writeln!(
            out,
            "read           {} entries before the ends, {} after them",
            grouped(self.shown),
            grouped(self.compared)
        )?;
        for (name, count) in [
            ("lost", self.lost),
            ("vanished", self.vanished),
            ("duplicated", self.duplicated),
            ("partial", self.partial),
            ("misordered", self.misordered),
            ("IDs gone back", self.ids_went_back),
            ("state differs", self.state_differs),
            ("other trouble", self.other),
        ] {
            writeln!(out, "{name:<15}{}", grouped(count))?;
        }
        writeln!(
            out,
            "longest        recovery {} ms, stop {} ms",
            grouped(self.longest_recovery_ms),
            grouped(self.longest_stop_ms)
        )?;
        if let Some(dir) = &self.kept {
            writeln!(out, "kept           {} (seed {})", dir.display(), self.seed)?;
            for hint in &self.hints {
                writeln!(out, "               {hint}")?;
            }
        }
        let words = match self.verdict {
            Verdict::Ok => "Every promise was kept.",
            Verdict::Broken if self.appendfsync != "always" && self.ends.cut > 0 => {
                "Acknowledged writes are gone, as appendfsync allows here."
            }
            Verdict::Broken => "A PROMISE WAS BROKEN.",
            Verdict::Interrupted => "Interrupted. Every promise was kept so far.",
        };
        writeln!(out, "{words}")
    }
}

/// 1234567 as 1,234,567.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_grouped() {
        let check = |number, expected: &str| assert_eq!(grouped(number), expected);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(1_234_567, "1,234,567");
    }
}
