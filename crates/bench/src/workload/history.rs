//! What a long history costs: memory, disk, a checkpoint under load, a restart.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use support::{Client, Value, encode};

use super::fill::{self, Ids};
use super::xadd::sum_of_lengths;
use super::{Run, measure, payload};
use crate::open_loop;
use crate::report::{Better, Row};
use crate::target::{Fsync, Target};

const KEY: &str = "history";

/// 20 connections with one request per millisecond each: 20,000 a second.
const STEADY_CONNECTIONS: usize = 20;

/// How often a running checkpoint is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Memory and disk, the steady load with and without checkpoints, both restarts.
pub(super) fn large(run: &Run<'_>) -> Result<Vec<Row>> {
    let entries = run.scale.history[1];
    let (dir, target) = run.start(Fsync::Always)?;
    let empty = support::anonymous_bytes(target.pid())?;
    fill::one_stream(&target, KEY, entries, Ids::Auto)?;
    checkpoint(&mut target.connect()?)?;
    let label = millions(entries);
    let mut rows = footprint(&target, dir.path(), empty, entries, &format!("{label} in 1 stream"))?;
    rows.extend(steady(run, &target)?);
    let there = u64::try_from(target.connect()?.ok(&["XLEN", KEY]).int())?;
    rows.extend(restarts(run, target, dir.path(), there, entries / 10, &label)?);
    Ok(rows)
}

/// The restarts with a smaller history.
pub(super) fn small(run: &Run<'_>) -> Result<Vec<Row>> {
    let entries = run.scale.history[0];
    let (dir, target) = run.start(Fsync::Always)?;
    fill::one_stream(&target, KEY, entries, Ids::Auto)?;
    checkpoint(&mut target.connect()?)?;
    // The same tail behind the checkpoint as in the large one.
    let tail = run.scale.history[1] / 10;
    restarts(run, target, dir.path(), entries, tail, &millions(entries))
}

/// Memory and disk of many small streams.
pub(super) fn many_streams(run: &Run<'_>) -> Result<Vec<Row>> {
    let (streams, entries) = (run.scale.streams, run.scale.streams * 10);
    let (dir, target) = run.start(Fsync::EverySec)?;
    let empty = support::anonymous_bytes(target.pid())?;
    fill::many_streams(&target, streams, entries)?;
    let there = sum_of_lengths(&target, streams)?;
    ensure!(there == entries, "{entries} appended, {there} there");
    checkpoint(&mut target.connect()?)?;
    let label = format!("{} in {streams} streams", millions(entries));
    let rows = footprint(&target, dir.path(), empty, entries, &label)?;
    target.stop()?;
    Ok(rows)
}

/// Looks in a row that find no less memory: three seconds.
const SETTLED_LOOKS: u32 = 150;

fn millions(entries: u64) -> String {
    match entries {
        1_000_000.. => format!("{} M", entries / 1_000_000),
        _ => format!("{} k", entries / 1_000),
    }
}

/// Runs BGSAVE to its end. Redis refuses while it rewrites its log by itself, so that comes first.
pub(super) fn checkpoint(client: &mut Client) -> Result<()> {
    loop {
        while client.info("aof_rewrite_in_progress") != "0" {
            thread::sleep(LOOK);
        }
        match client.command(&["BGSAVE"]) {
            Value::Error(text) if text.contains("Another child process") => {}
            Value::Error(text) if text.contains("in progress") => break,
            Value::Error(text) => bail!("BGSAVE was answered {text}"),
            _ => break,
        }
    }
    while client.info("rdb_bgsave_in_progress") != "0" {
        thread::sleep(LOOK);
    }
    let status = client.info("rdb_last_bgsave_status");
    ensure!(status == "ok", "the checkpoint ended with {status}");
    Ok(())
}

fn footprint(
    target: &Target,
    dir: &Path,
    empty: u64,
    entries: u64,
    label: &str,
) -> Result<Vec<Row>> {
    let anonymous = settled_memory(target)?;
    let disk = support::disk_bytes(dir)?;
    #[expect(clippy::cast_precision_loss, reason = "bytes of a few gigabytes")]
    let row = |name: &str, bytes: u64, per: u64, unit| {
        Row::new(&format!("{name}, {label}"), bytes as f64 / per as f64, unit, Better::Lower)
    };
    Ok(vec![
        row("anonymous memory", anonymous, 1_000_000, "MB"),
        row("memory per entry", anonymous.saturating_sub(empty), entries, "bytes"),
        row("disk per entry", disk, entries, "bytes"),
    ])
}

/// Anonymous memory once it has stopped falling: allocators give pages back some time after they are
/// free, or when they are told to.
pub(super) fn settled_memory(target: &Target) -> Result<u64> {
    target.connect()?.ok(&["MEMORY", "PURGE"]);
    let mut lowest = u64::MAX;
    let mut looks_without_change = 0;
    while looks_without_change < SETTLED_LOOKS {
        let now = support::anonymous_bytes(target.pid())?;
        looks_without_change = if now < lowest { 0 } else { looks_without_change + 1 };
        lowest = lowest.min(now);
        thread::sleep(LOOK);
    }
    Ok(lowest)
}

/// p99.9 at a fixed rate, quiet and while checkpoints run one after another.
fn steady(run: &Run<'_>, target: &Target) -> Result<Vec<Row>> {
    let request = encode(&[b"XADD", KEY.as_bytes(), b"*", b"data", &payload(0)]);
    let load = || {
        let load = open_loop::run(target.address, STEADY_CONNECTIONS, run.scale.steady, &request)?;
        Ok((load.replies, run.scale.steady, load.latency))
    };
    let quiet = measure(target, load)?;

    let mut control = target.connect()?;
    let is_over = AtomicBool::new(false);
    let (busy, checkpoints) = thread::scope(|scope| {
        let checkpoints = scope.spawn(|| {
            let mut count = 0_u64;
            while !is_over.load(Ordering::Relaxed) {
                checkpoint(&mut control)?;
                count += 1;
            }
            anyhow::Ok(count)
        });
        let busy = measure(target, load);
        is_over.store(true, Ordering::Relaxed);
        (busy, checkpoints.join())
    });
    let busy = busy?;
    let checkpoints = checkpoints.ok().context("the thread that checkpoints")??;
    ensure!(checkpoints > 0, "no checkpoint ran");

    let late = |name: &str, measured: &super::Measured| {
        let row = measured.row(name, "");
        let p999 = row.p999_us.unwrap_or_default();
        Row { value: p999 / 1_000.0, unit: "ms p99.9", better: Better::Lower, ..row }
    };
    let quiet = late("20 k/s always, quiet", &quiet);
    let busy = late("20 k/s always, while checkpoints run", &busy);
    let factor =
        Row::new("20 k/s always, busy/quiet", busy.value / quiet.value, "x", Better::Lower);
    Ok(vec![quiet, busy, factor])
}

/// Time from the start of the process to its first answer, after kill -9 and after SIGTERM.
fn restarts(
    run: &Run<'_>,
    target: Target,
    dir: &Path,
    entries: u64,
    tail: u64,
    label: &str,
) -> Result<Vec<Row>> {
    // What a crash finds behind the last checkpoint: without it the restart had nothing to replay.
    fill::one_stream(&target, KEY, tail, Ids::Auto)?;
    let expected = i64::try_from(entries + tail)?;
    target.kill()?;
    let killed = restart(run, dir, expected)?;
    killed.target.stop()?;
    let stopped = restart(run, dir, expected)?;
    stopped.target.stop()?;
    let row = |name: &str, took: Duration| {
        Row::new(&format!("{name}, {label}"), took.as_secs_f64() * 1e3, "ms", Better::Lower)
    };
    Ok(vec![row("restart after kill -9", killed.took), row("restart after SIGTERM", stopped.took)])
}

struct Restarted {
    target: Target,
    took: Duration,
}

fn restart(run: &Run<'_>, dir: &Path, expected: i64) -> Result<Restarted> {
    let mut target = run.server.spawn(dir, Fsync::Always)?;
    let (len, took) = target.first_answer(&["XLEN", KEY])?;
    ensure!(len == Value::Int(expected), "{expected} acknowledged, {len:?} there");
    Ok(Restarted { target, took })
}
