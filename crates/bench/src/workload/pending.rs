//! Many pending entries: a group that has read a whole stream and acknowledged nothing.

use anyhow::{Context, Result, ensure};
use support::{Rng, Value, encode_into};

use super::drain::{entry_ids, header};
use super::fill::{self, Ids};
use super::history::{checkpoint, settled_memory};
use super::{Measured, Run, measure};
use crate::load::{self, Traffic};
use crate::report::{Better, Row};
use crate::target::{Fsync, Target};

const KEY: &str = "pending";
const GROUP: &str = "group";
const CONSUMERS: usize = 8;
const COUNT: u64 = 100;

/// Entries per second that come to be pending, then that XAUTOCLAIM walks over, then that XPENDING
/// lists; and the memory of a pending entry.
pub(super) fn run(run: &Run<'_>) -> Result<Vec<Row>> {
    let (_dir, target) = run.start(Fsync::Always)?;
    let entries = run.scale.pending_entries;
    fill::one_stream(&target, KEY, entries, Ids::Known)?;
    let mut client = target.connect()?;
    client.ok(&["XGROUP", "CREATE", KEY, GROUP, "0"]);
    checkpoint(&mut client)?;
    let before = settled_memory(&target)?;

    let made = deliver(&target, entries)?;
    expect_pending(&target, entries)?;
    checkpoint(&mut client)?;
    let memory = settled_memory(&target)?.saturating_sub(before);
    #[expect(clippy::cast_precision_loss, reason = "bytes of a few gigabytes")]
    let per_entry = memory as f64 / entries as f64;

    let walked = walk(&target, entries)?;
    let listed = list(run, &target, entries)?;
    expect_pending(&target, entries)?;
    target.stop()?;
    let memory = Row::new("pending, memory per entry", per_entry, "bytes", Better::Lower);
    Ok(vec![
        made.row("pending, made", "entries/s"),
        walked.row("pending, XAUTOCLAIM walk", "entries/s"),
        listed.row("pending, XPENDING ranges", "entries/s"),
        memory,
    ])
}

fn expect_pending(target: &Target, entries: u64) -> Result<()> {
    let pending = target.connect()?.ok(&["XPENDING", KEY, GROUP]).array();
    let expected = i64::try_from(entries)?;
    ensure!(pending.first() == Some(&Value::Int(expected)), "not {expected} pending: {pending:?}");
    Ok(())
}

/// Consumers read everything.
fn deliver(target: &Target, entries: u64) -> Result<Measured> {
    let mut readers = Readers::new(KEY, GROUP, CONSUMERS);
    let measured = measure(target, || {
        let load = load::run(target.address, CONSUMERS, None, &mut readers)?;
        Ok((entries, load.elapsed, load.latency))
    })?;
    ensure!(readers.read == entries, "{} of {entries} entries read", readers.read);
    Ok(measured)
}

/// Consumers of a group that read everything and acknowledge nothing.
pub(super) struct Readers {
    key: &'static str,
    group: &'static str,
    is_done: Vec<bool>,
    pub(super) read: u64,
}

impl Readers {
    pub(super) fn new(key: &'static str, group: &'static str, consumers: usize) -> Self {
        Self { key, group, is_done: vec![false; consumers], read: 0 }
    }
}

impl Traffic for Readers {
    fn batch(&mut self, connection: usize, out: &mut Vec<u8>) -> u32 {
        if self.is_done[connection] {
            return 0;
        }
        let (consumer, count) = (format!("consumer-{connection}"), COUNT.to_string());
        encode_into(
            out,
            &[
                "XREADGROUP",
                "GROUP",
                self.group,
                &consumer,
                "COUNT",
                &count,
                "STREAMS",
                self.key,
                ">",
            ],
        );
        1
    }

    fn reply(&mut self, connection: usize, reply: &[u8]) -> Result<()> {
        let read = entry_ids(reply).len() as u64;
        self.is_done[connection] = read == 0;
        self.read += read;
        Ok(())
    }
}

/// One consumer takes everything over, a hundred at a time, from the first to the last.
fn walk(target: &Target, entries: u64) -> Result<Measured> {
    let mut walk = Walk { cursor: Some("0-0".into()), claimed: 0 };
    let measured = measure(target, || {
        let load = load::run(target.address, 1, None, &mut walk)?;
        Ok((entries, load.elapsed, load.latency))
    })?;
    ensure!(walk.claimed == entries, "{} of {entries} entries claimed", walk.claimed);
    Ok(measured)
}

struct Walk {
    cursor: Option<String>,
    claimed: u64,
}

impl Traffic for Walk {
    fn batch(&mut self, _connection: usize, out: &mut Vec<u8>) -> u32 {
        let Some(cursor) = &self.cursor else { return 0 };
        let count = COUNT.to_string();
        encode_into(out, &["XAUTOCLAIM", KEY, GROUP, "heir", "0", cursor, "COUNT", &count]);
        1
    }

    fn reply(&mut self, _connection: usize, reply: &[u8]) -> Result<()> {
        // *3, the cursor, the entries, the deleted IDs.
        let mut at = header(reply, 0).context("an array")?.1;
        let (len, prefix) = header(reply, at).context("a cursor")?;
        let cursor = std::str::from_utf8(&reply[at + prefix..at + prefix + len])?;
        self.cursor = (cursor != "0-0").then(|| cursor.to_owned());
        at += prefix + len + 2;
        self.claimed += header(reply, at).context("entries")?.0 as u64;
        Ok(())
    }
}

/// Ranges of the list from random positions.
fn list(run: &Run<'_>, target: &Target, entries: u64) -> Result<Measured> {
    let mut ranges = Ranges { entries, rng: Rng::new(1), listed: 0 };
    load::run(target.address, CONSUMERS, Some(run.scale.warm_up), &mut ranges)?;
    ranges.listed = 0;
    let measured = measure(target, || {
        let load = load::run(target.address, CONSUMERS, Some(run.scale.measured), &mut ranges)?;
        Ok((load.replies * COUNT, load.elapsed, load.latency))
    })?;
    ensure!(ranges.listed == measured.operations, "{} entries came", ranges.listed);
    Ok(measured)
}

struct Ranges {
    entries: u64,
    rng: Rng,
    listed: u64,
}

impl Traffic for Ranges {
    fn batch(&mut self, _connection: usize, out: &mut Vec<u8>) -> u32 {
        let first = fill::id_of(self.rng.below(0..self.entries - COUNT));
        encode_into(out, &["XPENDING", KEY, GROUP, &first, "+", &COUNT.to_string()]);
        1
    }

    fn reply(&mut self, _connection: usize, reply: &[u8]) -> Result<()> {
        self.listed += header(reply, 0).context("an array")?.0 as u64;
        Ok(())
    }
}
