//! How cost grows: the same operation with ten, a hundred, a thousand times as much of one thing.

use anyhow::{Result, ensure};
use support::{Rng, encode_into};

use super::fill::{self, Ids};
use super::history::checkpoint;
use super::pending::Readers;
use super::range::Ranges;
use super::xadd::{RandomStreams, Repeat, sum_of_lengths};
use super::{Measured, Run, measure};
use crate::load::{self, Traffic};
use crate::report::Row;
use crate::target::{Fsync, Target};

const KEY: &str = "growth";

/// Entries of the streams that groups read from.
const READ_ENTRIES: u64 = 1_000_000;

/// Clients where it is not clients that grow.
const CONNECTIONS: usize = 8;

/// Runs traffic for the time of a throughput workload, after a warm-up.
fn steady(
    run: &Run<'_>,
    target: &Target,
    connections: usize,
    traffic: &mut impl Traffic,
) -> Result<Measured> {
    load::run(target.address, connections, Some(run.scale.warm_up), traffic)?;
    measure(target, || {
        let load = load::run(target.address, connections, Some(run.scale.measured), traffic)?;
        Ok((load.replies, load.elapsed, load.latency))
    })
}

/// XADD to one stream.
pub(super) fn connections(run: &Run<'_>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for connections in [1, 10, 100, 1_000] {
        let (_dir, target) = run.start(Fsync::Always)?;
        let measured = steady(run, &target, connections, &mut Repeat::xadd(KEY, 1))?;
        target.stop()?;
        rows.push(measured.row(&format!("XADD always, {connections} connections"), "XADD/s"));
    }
    Ok(rows)
}

/// XADD to random streams that are all there.
pub(super) fn streams(run: &Run<'_>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for streams in [1, 1_000, 100_000, 1_000_000] {
        let (_dir, target) = run.start(Fsync::EverySec)?;
        fill::many_streams(&target, streams, streams)?;
        let measured = steady(run, &target, 50, &mut RandomStreams::new(streams, 16))?;
        ensure!(streams < sum_of_lengths(&target, streams)?, "nothing was appended");
        target.stop()?;
        rows.push(measured.row(&format!("XADD everysec x16, {streams} streams"), "XADD/s"));
    }
    Ok(rows)
}

/// XADD to a stream with many groups, and reading an entry in one of them.
pub(super) fn groups(run: &Run<'_>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for groups in [1, 10, 100, 1_000] {
        let (_dir, target) = run.start(Fsync::EverySec)?;
        fill::one_stream(&target, KEY, READ_ENTRIES, Ids::Known)?;
        let mut client = target.connect()?;
        for group in 0..groups {
            client.ok(&["XGROUP", "CREATE", KEY, &format!("group-{group}"), "0"]);
        }
        let read = steady(run, &target, CONNECTIONS, &mut GroupReads { groups, next: 0 })?;
        let append = steady(run, &target, CONNECTIONS, &mut Repeat::xadd(KEY, 16))?;
        target.stop()?;
        rows.push(read.row(&format!("XREADGROUP COUNT 1, {groups} groups"), "reads/s"));
        rows.push(append.row(&format!("XADD everysec x16, {groups} groups"), "XADD/s"));
    }
    Ok(rows)
}

/// The next entry for each group in turn.
struct GroupReads {
    groups: u64,
    next: u64,
}

impl Traffic for GroupReads {
    fn batch(&mut self, _connection: usize, out: &mut Vec<u8>) -> u32 {
        let group = format!("group-{}", self.next % self.groups);
        self.next += 1;
        encode_into(
            out,
            &["XREADGROUP", "GROUP", &group, "one", "COUNT", "1", "STREAMS", KEY, ">"],
        );
        1
    }

    fn reply(&mut self, _connection: usize, reply: &[u8]) -> Result<()> {
        ensure!(reply.starts_with(b"*1"), "the group has read everything");
        Ok(())
    }
}

/// XADD to a long stream, and XRANGE from random places of it.
pub(super) fn history(run: &Run<'_>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for entries in [100_000, 1_000_000, 10_000_000] {
        let (_dir, target) = run.start(Fsync::EverySec)?;
        fill::one_stream(&target, KEY, entries, Ids::Known)?;
        checkpoint(&mut target.connect()?)?;
        let mut ranges = Ranges::new(KEY, entries, 100, CONNECTIONS);
        let read = steady(run, &target, CONNECTIONS, &mut ranges)?;
        let append = steady(run, &target, CONNECTIONS, &mut Repeat::xadd(KEY, 1))?;
        target.stop()?;
        rows.push(read.row(&format!("XRANGE COUNT 100, {entries} entries"), "reads/s"));
        rows.push(append.row(&format!("XADD everysec, {entries} entries"), "XADD/s"));
    }
    Ok(rows)
}

/// XCLAIM of random ones out of many pending entries.
pub(super) fn pending(run: &Run<'_>) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for entries in [1_000, 100_000, 1_000_000, 4_000_000] {
        let (_dir, target) = run.start(Fsync::EverySec)?;
        fill::one_stream(&target, KEY, entries, Ids::Known)?;
        target.connect()?.ok(&["XGROUP", "CREATE", KEY, "group", "0"]);
        let mut readers = Readers::new(KEY, "group", CONNECTIONS);
        load::run(target.address, CONNECTIONS, None, &mut readers)?;
        ensure!(readers.read == entries, "{} of {entries} entries read", readers.read);
        let mut claims = Claims { entries, rng: Rng::new(1) };
        let measured = steady(run, &target, CONNECTIONS, &mut claims)?;
        target.stop()?;
        rows.push(measured.row(&format!("XCLAIM, {entries} pending"), "claims/s"));
    }
    Ok(rows)
}

struct Claims {
    entries: u64,
    rng: Rng,
}

impl Traffic for Claims {
    fn batch(&mut self, _connection: usize, out: &mut Vec<u8>) -> u32 {
        let id = fill::id_of(self.rng.below(0..self.entries));
        encode_into(out, &["XCLAIM", KEY, "group", "heir", "0", &id, "JUSTID"]);
        1
    }

    fn reply(&mut self, _connection: usize, reply: &[u8]) -> Result<()> {
        ensure!(reply.starts_with(b"*1"), "the entry was not claimed");
        Ok(())
    }
}
