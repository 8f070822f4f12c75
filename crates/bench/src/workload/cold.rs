//! A history ten times as large as the memory that the server is given: written as fast as it goes,
//! read at its end, then from the first entry on.

use anyhow::{Context, Result, ensure};
use support::{MemoryGroup, encode_into};

use super::drain::header;
use super::fill::{self, Ids};
use super::history::checkpoint;
use super::{Measured, Run, measure};
use crate::load::{self, Traffic};
use crate::report::Row;
use crate::target::{Fsync, ServerSpec, Target};

const KEY: &str = "cold";

/// Entries of a page of the replay.
const PAGE: u64 = 1_000;

/// Entries of a read at the end.
const TAIL: u64 = 10;

/// Bytes of an entry on disk, about, of which a tenth is given.
const ENTRY_BYTES: u64 = 130;

/// The program itself needs some room.
const MEMORY_BYTES_MIN: u64 = 192 << 20;

/// Entries written a second, tail reads a second, and entries a second of a replay. No rows of a server that the kernel ended.
pub(super) fn run(run: &Run<'_>) -> Result<Vec<Row>> {
    let entries = run.scale.cold_entries;
    let memory = (entries * ENTRY_BYTES / 10).max(MEMORY_BYTES_MIN);
    let group =
        MemoryGroup::new(memory).context("a memory limit takes root and a control group")?;
    let words: Vec<_> = group.wrapper().into_iter().chain(run.server.words.clone()).collect();
    let server = ServerSpec { name: run.server.name.clone(), words };
    let (dir, target) = Run { server: &server, ..run.clone() }.start(Fsync::EverySec)?;
    let filled = measure(&target, || {
        let load = fill::one_stream(&target, KEY, entries, Ids::Known)?;
        Ok((load.replies, load.elapsed, load.latency))
    });
    let filled = match filled {
        Ok(filled) => filled,
        Err(error) => {
            ensure!(group.kills() > 0, error);
            eprintln!("{} needs more than {} MiB for {entries} entries", server.name, memory >> 20);
            return Ok(Vec::new());
        }
    };
    checkpoint(&mut target.connect()?)?;
    let tail = tail_reads(run, &target)?;
    let replay = replay(&target, entries)?;
    ensure!(group.kills() == 0, "the kernel ended it");
    target.stop()?;
    drop(dir);
    let fill = filled.row("cold, fill", "entries/s");
    let tail = tail.row("cold, tail reads", "reads/s");
    Ok(vec![fill, tail, replay.row("cold, replay", "entries/s")])
}

fn tail_reads(run: &Run<'_>, target: &Target) -> Result<Measured> {
    let mut tail = Tail;
    load::run(target.address, 1, Some(run.scale.warm_up), &mut tail)?;
    measure(target, || {
        let load = load::run(target.address, 1, Some(run.scale.measured), &mut tail)?;
        Ok((load.replies, load.elapsed, load.latency))
    })
}

struct Tail;

impl Traffic for Tail {
    fn batch(&mut self, _connection: usize, out: &mut Vec<u8>) -> u32 {
        encode_into(out, &["XREVRANGE", KEY, "+", "-", "COUNT", &TAIL.to_string()]);
        1
    }

    fn reply(&mut self, _connection: usize, reply: &[u8]) -> Result<()> {
        let count = header(reply, 0).context("an array")?.0 as u64;
        ensure!(count == TAIL, "{count} entries at the end");
        Ok(())
    }
}

fn replay(target: &Target, entries: u64) -> Result<Measured> {
    let mut replay = Replay { entries, read: 0 };
    let measured = measure(target, || {
        let load = load::run(target.address, 1, None, &mut replay)?;
        Ok((entries, load.elapsed, load.latency))
    })?;
    ensure!(replay.read == entries, "{} of {entries} entries came", replay.read);
    Ok(measured)
}

struct Replay {
    entries: u64,
    read: u64,
}

impl Traffic for Replay {
    fn batch(&mut self, _connection: usize, out: &mut Vec<u8>) -> u32 {
        if self.read == self.entries {
            return 0;
        }
        encode_into(
            out,
            &["XRANGE", KEY, &fill::id_of(self.read), "+", "COUNT", &PAGE.to_string()],
        );
        1
    }

    fn reply(&mut self, _connection: usize, reply: &[u8]) -> Result<()> {
        let count = header(reply, 0).context("an array")?.0 as u64;
        ensure!(
            count == PAGE.min(self.entries - self.read),
            "{count} entries behind {}",
            self.read
        );
        self.read += count;
        Ok(())
    }
}
