//! `headwater-bench`: what streams cost, on Headwater and on other servers of the same protocol.
//!
//! Every figure comes from servers that this program started itself, by turns (A B A B ...), each
//! round on a fresh directory and port, and from data that it counted again at the end. It needs
//! little CPU of its own, because on a small machine the load generator shares the cores with what
//! it measures: one thread, `epoll`, prepared request bytes, replies only walked and not built.
//!
//! Reading order: `options` (what is run), `workload` (the workloads), `load` (the generator),
//! `target` (starting and stopping servers), `report` (medians, ratios, the table).

mod load;
mod open_loop;
mod options;
mod report;
mod target;
mod workload;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

use crate::options::Options;
use crate::report::Report;
use crate::workload::Run;

fn main() -> Result<()> {
    let options = Options::parse();
    let servers = options.servers()?;
    let workloads = options.workloads()?;
    let scale = options.scale();
    let rounds = options.rounds();

    let steps = workloads.len() * servers.len() * rounds;
    let progress = ProgressBar::new(steps as u64).with_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed_precise}, {eta} left: {msg}")
            .context("the progress bar's template")?,
    );
    let mut failures = Vec::new();
    let mut report = Report::new(&servers, rounds, &scale);
    for workload in workloads {
        for round in 1..=rounds {
            for server in &servers {
                let step = format!("{} {} round {round}", workload.name(), server.name);
                progress.set_message(step.clone());
                if progress.is_hidden() {
                    eprintln!("{step}");
                }
                let run = Run { server, scale: &scale, data_dir: options.data_dir() };
                // The other workloads are worth their figures also when one fails.
                match workload.run(&run) {
                    Ok(rows) => report.add(&server.name, rows),
                    Err(error) => failures.push(format!("{step}: {error:#}")),
                }
                progress.inc(1);
            }
        }
        // What is known so far stays on the screen if a later workload fails.
        progress.suspend(|| report.print_latest(workload.name()));
    }
    progress.finish_and_clear();
    report.print();
    if let Some(path) = &options.json {
        report.write_json(path).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("results: {}", path.display());
    }
    ensure!(failures.is_empty(), "no figures from {}", failures.join("; "));
    Ok(())
}
