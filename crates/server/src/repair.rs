//! `headwater repair`: shows what goes, asks, and writes what can be read into a new directory.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};
use storage::check::CheckReport;
use storage::format::record::Record;
use storage::fs::RealFs;
use storage::inspect;
use storage::repair::{self, Repair};
use storage::{Options, StorageError};

use crate::check;
use crate::error::StartError;
use crate::log_show::words::{Words, with_clients};
use crate::times::Printer;
use crate::tools::print;

/// Bytes of a value that one line shows.
const VALUE_BYTES: usize = 256;

/// What to repair, and how.
#[derive(Debug, Clone)]
pub struct Request {
    /// The damaged directory.
    pub(crate) dir: PathBuf,
    /// Where to.
    pub(crate) to: PathBuf,
    /// Do not ask.
    pub(crate) yes: bool,
    /// Report in JSON.
    pub(crate) json: bool,
}

/// Repairs. 0: written, or nothing was damaged; 65: not written.
pub(crate) fn run(request: &Request) -> Result<ExitCode, StartError> {
    // Nobody shall read, and say yes, for nothing.
    repair::expect_outside(&request.dir, &request.to)?;
    let bar = check::bar();
    let repair =
        repair::examine(&RealFs, &request.dir, &mut |progress| check::show(&bar, &progress));
    bar.finish_and_clear();
    let repair = repair?;
    let mut plan = Plan::of(&repair)?;
    if !repair.is_needed() {
        return Ok(plan.print(request, None, "nothing is damaged, and nothing was written"));
    }
    if !request.yes {
        plan.show(request);
        if !io::stdin().is_terminal() || request.json {
            plan.print(request, None, "nothing was written: --yes writes it");
            return Ok(ExitCode::from(65));
        }
        if !asked(&request.to) {
            plan.print(request, None, "nothing was written");
            return Ok(ExitCode::from(65));
        }
    } else {
        plan.show(request);
    }
    let report = repair.write(&RealFs, &request.to, &Options::default())?;
    let text = format!(
        "written: {}, {} bytes, checked; the damaged directory is as it was",
        report.dir.display(),
        report.bytes
    );
    let printed = plan.print(request, Some(&report), &text);
    Ok(if report.sound { printed } else { ExitCode::from(65) })
}

fn asked(to: &Path) -> bool {
    let _ = write!(io::stderr(), "Write this to {}? [y/N] ", to.display());
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// A repair as text and as JSON.
struct Plan {
    text: String,
    json: Value,
}

impl Plan {
    fn of(repair: &Repair) -> Result<Self, StorageError> {
        let mut plan = Self { text: check::damage_text(&repair.check), json: json!({}) };
        plan.json["dir"] = json!(repair.dir());
        plan.json["check"] = json!(repair.check);
        plan.json["snapshot_lsn"] = json!(repair.snapshot_lsn);
        plan.json["last_lsn"] = json!(repair.lsn_last);
        plan.json["promised_lsn"] = json!(repair.lsn_promised);
        let is_all = repair.lost_blocks.is_empty() && repair.lost_records().is_empty();
        plan.text += &format!(
            "\nWhat is kept: everything up to record {}{}.\n",
            repair.lsn_last,
            if is_all { "" } else { ", but for what is listed here" }
        );
        plan.blocks(repair);
        plan.records(repair)?;
        Ok(plan)
    }

    /// Entries of blocks that cannot be read.
    fn blocks(&mut self, repair: &Repair) {
        let mut list = Vec::new();
        for block in &repair.lost_blocks {
            let key = block.key.escape_ascii().to_string();
            let (first, last) = (block.header.first.to_string(), block.header.last.to_string());
            self.text += &format!(
                "  goes: db{} \"{key}\", {} entries, IDs {first} to {last} (groups keep them pending)\n",
                block.db, block.entries
            );
            let place = block.location.map(|at| json!({"file": at.file, "offset": at.offset}));
            list.push(json!({
                "db": block.db, "key": key, "entries": block.entries,
                "first": first, "last": last, "location": place,
            }));
        }
        self.json["lost_entries"] = json!(list);
    }

    /// Records that cannot be read, and those behind them.
    fn records(&mut self, repair: &Repair) -> Result<(), StorageError> {
        let mut ranges = Vec::new();
        for lost in repair.lost_records() {
            let (from, to) = (lost.lsns.start, lost.lsns.end - 1);
            let what = match lost.is_readable {
                true => "readable, but behind one that is not: listed below, not applied",
                false => "not readable: what was in them is not known",
            };
            self.text += &format!("  goes: records {from} to {to}, {what}\n");
            ranges.push(json!({"from": from, "to": to, "readable": lost.is_readable}));
        }
        let printer = Printer::local();
        let mut changes = Vec::new();
        let text = &mut self.text;
        repair.each_lost(&RealFs, &mut |record| change(record, &printer, text, &mut changes))?;
        self.json["lost_records"] = json!(ranges);
        self.json["lost_changes"] = json!(changes);
        Ok(())
    }

    /// What there is to say before anything is written. In JSON all is said at the end.
    fn show(&mut self, request: &Request) {
        if !request.json {
            print(&std::mem::take(&mut self.text));
        }
    }

    fn print(&mut self, request: &Request, written: Option<&CheckReport>, text: &str) -> ExitCode {
        if request.json {
            self.json["written"] = json!(written.is_some());
            self.json["to"] = json!(written.map(|report| &report.dir));
            print(&format!("{:#}\n", self.json))
        } else {
            print(&format!("{}{text}\n", std::mem::take(&mut self.text)))
        }
    }
}

/// One readable record that goes.
fn change(record: &Record<'_>, printer: &Printer, text: &mut String, list: &mut Vec<Value>) {
    let lsn = record.stamp.lsn;
    let time = printer.print(record.stamp.time_ms);
    let ops = inspect::decode(record).unwrap_or_default();
    for (op, client) in with_clients(&ops) {
        let words = Words::of(op).by(client);
        *text += &format!("    {lsn} {time} ");
        if let Some(db) = words.db {
            *text += &format!("db{db} ");
        }
        words.text(VALUE_BYTES, text);
        text.push('\n');
        let mut line = words.json();
        line["lsn"] = json!(lsn);
        line["time"] = json!(time);
        list.push(line);
    }
}
