//! `headwater backup` and `headwater restore`: what the storage does, for people or as JSON.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use storage::Options;
use storage::archive::{
    self, ArchiveError, BackupOptions, BackupReport, Progress, RestoreReport, Step, Target,
};

use crate::config::{Config, Sources};
use crate::error::{StartError, storage_exit_code};
use crate::times::Printer;
use crate::tools::{failed, print};

/// A backup that is asked for.
#[derive(Debug, Clone)]
pub struct BackupRequest {
    /// Where the data directory is named.
    pub(crate) sources: Sources,
    pub(crate) dest: PathBuf,
    pub(crate) copy: bool,
    pub(crate) verify: bool,
    pub(crate) json: bool,
}

/// A restore that is asked for.
#[derive(Debug, Clone)]
pub struct RestoreRequest {
    pub(crate) from: PathBuf,
    pub(crate) to: PathBuf,
    pub(crate) log: Option<PathBuf>,
    pub(crate) target: Target,
    pub(crate) verify: bool,
    pub(crate) json: bool,
}

/// Makes a backup. 0: it is there.
pub(crate) fn backup(request: &BackupRequest) -> Result<ExitCode, StartError> {
    let dir = Config::load(request.sources.clone())?.settings().dir.clone();
    let options = BackupOptions {
        verify: request.verify,
        copy: request.copy,
        now_ms: now_ms(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let bar = Bar::new();
    let made = archive::backup(&dir, &request.dest, &options, &mut |told| bar.show(told));
    bar.0.finish_and_clear();
    Ok(match made {
        Ok(report) if request.json => print(&format!("{}\n", backup_json(&report))),
        Ok(report) => print(&backup_text(&report, request)),
        Err(error) => refused("no backup was made", &error, request.json),
    })
}

/// Makes a data directory of a backup. 0: it is there.
pub(crate) fn restore(request: &RestoreRequest) -> ExitCode {
    let asked = archive::RestoreRequest {
        from: request.from.clone(),
        to: request.to.clone(),
        log: request.log.clone(),
        target: request.target,
        verify: request.verify,
        options: Options::default(),
        now_ms: now_ms(),
    };
    let bar = Bar::new();
    let restored = archive::restore(&asked, &mut |told| bar.show(told));
    bar.0.finish_and_clear();
    match restored {
        Ok(report) if request.json => print(&format!("{}\n", restore_json(&report))),
        Ok(report) => print(&restore_text(&report, request)),
        Err(error) => refused("nothing was restored", &error, request.json),
    }
}

fn refused(outcome: &str, error: &ArchiveError, json: bool) -> ExitCode {
    let what = match error {
        ArchiveError::TooEarly { wanted_ms, first, first_ms } => {
            let times = Printer::local();
            let (wanted, first_at) = (times.print(*wanted_ms), times.print(*first_ms));
            format!(
                "the oldest record in the log is {first}, of {first_at}: {wanted} is before that"
            )
        }
        other => other.to_string(),
    };
    let exit_code = match error {
        ArchiveError::Storage(error) | ArchiveError::Damaged { error, .. } => {
            storage_exit_code(error)
        }
        ArchiveError::NotSound { .. } | ArchiveError::Manifest { .. } => 65,
        ArchiveError::Busy { .. } => 75,
        ArchiveError::NotEmpty { .. }
        | ArchiveError::Inside { .. }
        | ArchiveError::NoParent { .. }
        | ArchiveError::OutOfReach { .. }
        | ArchiveError::TooEarly { .. }
        | ArchiveError::OtherHistory { .. } => 1,
    };
    failed(&format!("{outcome}: {what}"), exit_code, json)
}

fn backup_text(report: &BackupReport, request: &BackupRequest) -> String {
    let manifest = &report.manifest;
    let at = match manifest.lsn_ms {
        0 => String::new(),
        ms => format!(" ({})", Printer::local().print(ms)),
    };
    format!(
        "backup of {} in {}\nup to record {}{at}; {} files, {} bytes, {} of them linked; {}\n",
        manifest.source.display(),
        request.dest.display(),
        manifest.lsn,
        manifest.files.len(),
        report.bytes,
        report.bytes_linked,
        if request.verify { "read back, all sound" } else { "not read back" },
    )
}

fn backup_json(report: &BackupReport) -> serde_json::Value {
    json!({
        "dir": report.dir,
        "source": report.manifest.source,
        "lsn": report.manifest.lsn,
        "lsn_ms": report.manifest.lsn_ms,
        "snapshot_lsn": report.manifest.snapshot_lsn,
        "files": report.manifest.files.len(),
        "bytes": report.bytes,
        "bytes_linked": report.bytes_linked,
        "pinned_ms": report.pinned.as_millis(),
    })
}

fn restore_text(report: &RestoreReport, request: &RestoreRequest) -> String {
    let at =
        report.lsn_ms.map_or_else(String::new, |ms| format!(", of {}", Printer::local().print(ms)));
    let mut text = format!(
        "restored in {}\nlast record: {}{at}; {} later ones (marks included) left out\n",
        request.to.display(),
        report.lsn,
        report.left_out
    );
    if report.left_out == 0
        && let (Target::Time(wanted), Some(last)) = (request.target, report.lsn_ms)
        && last < wanted
    {
        text += "it is the last one that there is: nothing between it and the time asked for is known\n";
    }
    if 0 < report.later_times {
        text += &format!(
            "{} records up to there bear a later time: a clock was set back; `headwater log show` tells which, --to-lsn chooses exactly\n",
            report.later_times
        );
    }
    if let Some(damage) = &report.damage_beyond {
        text += &format!("what was left out cannot be read to its end: {damage}\n");
    }
    text
}

fn restore_json(report: &RestoreReport) -> serde_json::Value {
    json!({
        "dir": report.dir,
        "lsn": report.lsn,
        "lsn_ms": report.lsn_ms,
        "left_out": report.left_out,
        "snapshot_lsn": report.snapshot_lsn,
        "later_times": report.later_times,
        "damage_beyond": report.damage_beyond.as_ref().map(ToString::to_string),
    })
}

/// Shows what is being done, on a terminal.
struct Bar(indicatif::ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = indicatif::ProgressBar::no_length();
        if let Ok(style) = indicatif::ProgressStyle::with_template("{wide_msg} {bytes}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    fn show(&self, told: Progress<'_>) {
        let doing = match told.step {
            Step::Take => "taking",
            Step::Verify => "verifying",
            Step::Finish => "finishing",
        };
        let name = told.file.file_name().unwrap_or_default().to_string_lossy();
        self.0.set_message(format!("{doing} {name}"));
        self.0.set_position(told.bytes);
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
