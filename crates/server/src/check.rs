//! `headwater check`: what the storage finds, for people or as JSON.

use std::path::Path;
use std::process::ExitCode;

use indicatif::ProgressBar;
use storage::check::{self, CheckReport, Content, FileReport, Progress};
use storage::fs::RealFs;

use crate::error::storage_exit_code;
use crate::tools::{failed, print};

/// A bar for the bytes read; nothing where nobody looks.
pub(crate) fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style = "{wide_msg} {bytes} of {total_bytes} {bytes_per_sec} {eta}";
    if let Ok(style) = indicatif::ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}

/// Moves the bar.
pub(crate) fn show(bar: &ProgressBar, progress: &Progress<'_>) {
    bar.set_length(progress.bytes_total);
    bar.set_position(progress.bytes);
    let name = progress.file.file_name().unwrap_or_default();
    bar.set_message(name.to_string_lossy().into_owned());
}

/// Reads a data directory from end to end. 0: sound; 65: damage was found.
pub(crate) fn run(dir: &Path, json: bool) -> ExitCode {
    let bar = bar();
    let report = check::check(&RealFs, dir, &mut |progress| show(&bar, &progress));
    bar.finish_and_clear();
    let report = match report {
        Ok(report) => report,
        Err(error) => return failed(&error.to_string(), storage_exit_code(&error), json),
    };
    let printed = match json {
        true => serde_json::to_string_pretty(&report)
            .map_or(ExitCode::FAILURE, |text| print(&format!("{text}\n"))),
        false => print(&report_text(&report)),
    };
    if report.sound { printed } else { ExitCode::from(65) }
}

fn report_text(report: &CheckReport) -> String {
    let mut text = String::new();
    for file in &report.files {
        file_text(report, file, &mut text);
    }
    let damaged = report.files.iter().filter(|file| !file.problems.is_empty()).count();
    text += &match damaged {
        0 => format!(
            "{}: {} files, {} bytes, all sound\n",
            report.dir.display(),
            report.files.len(),
            report.bytes
        ),
        damaged => {
            format!("{}: {damaged} of {} files damaged\n", report.dir.display(), report.files.len())
        }
    };
    text
}

fn file_text(report: &CheckReport, file: &FileReport, text: &mut String) {
    let name = file.file.strip_prefix(&report.dir).unwrap_or(&file.file).display();
    let verdict = if file.problems.is_empty() { "sound" } else { "DAMAGED" };
    *text += &format!("{verdict:8}{name} ({} bytes)\n", file.bytes);
    if let Content::Segment { torn_tail: Some(tail), .. } = &file.content {
        *text += &format!(
            "        torn tail at offset {}, {} bytes, never acknowledged: the next start cuts it\n",
            tail.offset, tail.bytes
        );
    }
    for problem in &file.problems {
        *text += &format!("        offset {}: {}\n", problem.offset, problem.what);
        if let Some(lost) = &problem.entries {
            *text += &format!(
                "        not readable: db{} {:?}, entries {} to {}\n",
                lost.db, lost.key, lost.first, lost.last
            );
        }
    }
}

/// The damaged files alone.
pub(crate) fn damage_text(report: &CheckReport) -> String {
    let mut text = String::new();
    for file in report.files.iter().filter(|file| !file.problems.is_empty()) {
        file_text(report, file, &mut text);
    }
    text
}
