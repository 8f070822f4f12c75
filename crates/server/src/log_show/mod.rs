//! `headwater log show`: the log as readable operations.

pub(crate) mod words;

use std::collections::VecDeque;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use engine::{Op, Touched};
use serde_json::json;
use storage::StorageError;
use storage::format::record::{Kind, Record};
use storage::fs::RealFs;
use storage::inspect::{self, LogFiles, Place};

use crate::error::StartError;
use crate::times::{self, Printer};
use words::{Words, with_clients};

/// Bytes of a value that one line shows.
const VALUE_BYTES: usize = 256;

/// What to show, and how.
#[derive(Debug, Clone)]
pub struct LogShow {
    /// A data directory, a backup, a directory of segments, or one segment.
    pub(crate) place: PathBuf,
    /// Only what touched this key: it has one of these names.
    pub(crate) key: Option<Vec<Vec<u8>>>,
    /// Only what touched this database.
    pub(crate) db: Option<u8>,
    /// From here on.
    pub(crate) from: Option<Bound>,
    /// Up to here, inclusive.
    pub(crate) to: Option<Bound>,
    /// One JSON object per line.
    pub(crate) json: bool,
    /// Marks as well.
    pub(crate) all: bool,
    /// Values whole.
    pub(crate) full: bool,
}

/// One end of what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    Lsn(u64),
    Time(u64),
}

impl Bound {
    /// A number of up to 11 digits is an LSN, everything else a time.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(lsn) if text.len() < 12 => Ok(Self::Lsn(lsn)),
            _ => times::parse(text).map(Self::Time),
        }
    }
}

/// Prints the log. The end of a pipe that nobody reads is the end, and no failure.
pub(crate) fn run(show: &LogShow) -> Result<ExitCode, StartError> {
    let mut log = LogFiles::find(&RealFs, &show.place)?;
    let from = match show.from {
        Some(Bound::Lsn(lsn)) => lsn,
        _ => 0,
    };
    if from < log.first() && 1 < log.first() {
        let _ = writeln!(
            io::stderr(),
            "headwater: the log kept here begins with record {}; what came before is in a snapshot",
            log.first()
        );
    }
    let stdout = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut shower =
        Shower { show, printer: Printer::local(), held: VecDeque::new(), stdout, failed: None };
    let end = log.walk(&RealFs, from, &mut |record, place| shower.record(record, place));
    // A running server may have written the last ones and not synced them yet.
    let shown = end.as_ref().map_or(Ok(()), inspect::LogEnd::sync);
    if shown.is_ok() {
        shower.release(u64::MAX);
    }
    if let Err(error) = shower.stdout.flush() {
        shower.failed.get_or_insert(Failure::Pipe(error));
    }
    match shower.failed {
        Some(Failure::Damaged(error)) => return Err(error.into()),
        Some(Failure::Pipe(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            return Ok(ExitCode::SUCCESS);
        }
        Some(Failure::Pipe(cause)) => {
            let path = "standard output".into();
            return Err(StartError::File { action: "write to", path, cause });
        }
        None => {}
    }
    end?;
    shown?;
    Ok(ExitCode::SUCCESS)
}

/// Prints records as they come.
struct Shower<'a, W> {
    show: &'a LogShow,
    printer: Printer,
    /// Lines of records that no later one has proven durable yet.
    held: VecDeque<(u64, String)>,
    stdout: W,
    failed: Option<Failure>,
}

enum Failure {
    Damaged(StorageError),
    Pipe(io::Error),
}

impl<W: Write> Shower<'_, W> {
    fn record(&mut self, record: &Record<'_>, place: Place<'_>) -> ControlFlow<()> {
        let stamp = record.stamp;
        let is_behind = match self.show.to {
            Some(Bound::Lsn(to)) => to < stamp.lsn,
            // Times need not rise: a clock may have been set back.
            Some(Bound::Time(_)) | None => false,
        };
        if !is_behind && self.is_in_time(stamp.time_ms) {
            match inspect::ops(record, place) {
                Ok(ops) => self.ops(record, &ops),
                Err(error) => self.failed = Some(Failure::Damaged(error)),
            }
        }
        self.release(stamp.durable);
        if is_behind || self.failed.is_some() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn is_in_time(&self, ms: u64) -> bool {
        let after = !matches!(self.show.from, Some(Bound::Time(from)) if ms < from);
        after && !matches!(self.show.to, Some(Bound::Time(to)) if to < ms)
    }

    fn ops(&mut self, record: &Record<'_>, ops: &[Op<'_>]) {
        let mut lines = String::new();
        let is_whole = self.show.key.is_none() && self.show.db.is_none();
        let note = match record.stamp.kind {
            Kind::CleanStop if is_whole => Some("clean stop".to_owned()),
            Kind::Mark if is_whole && self.show.all => {
                Some(format!("mark: durable up to {}", record.stamp.durable))
            }
            Kind::Supersede => Some("earlier records are void from here on".to_owned()),
            _ => None,
        };
        if let Some(note) = note {
            self.note(record, &note, &mut lines);
        }
        let parts = with_clients(ops).count();
        for (part, (op, client)) in (1..).zip(with_clients(ops)) {
            if self.is_asked_for(op) {
                self.line(record, (part, parts), &Words::of(op).by(client), &mut lines);
            }
        }
        if !lines.is_empty() {
            self.held.push_back((record.stamp.lsn, lines));
        }
    }

    fn is_asked_for(&self, op: &Op<'_>) -> bool {
        let is_db = |db: u8| self.show.db.is_none_or(|asked| asked == db);
        let is_key = |db: u8, key: &[u8]| {
            is_db(db)
                && self.show.key.as_ref().is_none_or(|asked| asked.iter().any(|asked| asked == key))
        };
        let is_copied_from = matches!(*op, Op::Copy { db, key, .. } if is_key(db, key));
        is_copied_from
            || match op.touched() {
                Touched::Nothing => self.show.key.is_none() && self.show.db.is_none(),
                Touched::Key(db, key) => is_key(db, key),
                Touched::Keys((db, key), (new_db, new_key)) => {
                    is_key(db, key) || is_key(new_db, new_key)
                }
                // These concern whatever key is asked for.
                Touched::Db(db) => is_db(db),
                Touched::Dbs(first, second) => is_db(first) || is_db(second),
                Touched::Everything => true,
            }
    }

    fn line(
        &self,
        record: &Record<'_>,
        (part, parts): (usize, usize),
        words: &Words<'_>,
        out: &mut String,
    ) {
        let (lsn, ms) = (record.stamp.lsn, record.stamp.time_ms);
        let time = self.printer.print(ms);
        if self.show.json {
            let mut line = words.json();
            line["lsn"] = json!(lsn);
            line["time"] = json!(time);
            line["ms"] = json!(ms);
            line["part"] = json!(part);
            line["parts"] = json!(parts);
            out.push_str(&line.to_string());
        } else {
            // Commands of one transaction are told by a dot: 17.1, 17.2.
            let number = if parts == 1 { lsn.to_string() } else { format!("{lsn}.{part}") };
            let db = words.db.map_or_else(|| "-".to_owned(), |db| format!("db{db}"));
            out.push_str(&format!("{number} {time} {db} "));
            words.text(if self.show.full { usize::MAX } else { VALUE_BYTES }, out);
        }
        out.push('\n');
    }

    fn note(&self, record: &Record<'_>, note: &str, out: &mut String) {
        let (lsn, ms) = (record.stamp.lsn, record.stamp.time_ms);
        let time = self.printer.print(ms);
        if self.show.json {
            let line = json!({"lsn": lsn, "time": time, "ms": ms, "note": note});
            out.push_str(&format!("{line}\n"));
        } else {
            out.push_str(&format!("{lsn} {time} - ({note})\n"));
        }
    }

    /// Prints the lines of records up to `lsn`.
    fn release(&mut self, lsn: u64) {
        while let Some((_, lines)) = self.held.pop_front_if(|(held, _)| *held <= lsn) {
            if let Err(error) = self.stdout.write_all(lines.as_bytes()) {
                self.failed.get_or_insert(Failure::Pipe(error));
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_number_is_a_record_and_a_long_one_a_time() {
        assert_eq!(Bound::parse("1795"), Ok(Bound::Lsn(1795)));
        assert_eq!(Bound::parse("1795269785000"), Ok(Bound::Time(1_795_269_785_000)));
        assert_eq!(Bound::parse("2026-11-21T14:03:05Z"), Ok(Bound::Time(1_795_269_785_000)));
        assert!(Bound::parse("-7").is_err());
    }
}
