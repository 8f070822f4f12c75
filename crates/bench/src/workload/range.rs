//! Readers of history.

use anyhow::{Context, Result, ensure};
use support::{Rng, encode_into};

use super::fill::{self, Ids};
use super::{Run, measure, payload};
use crate::load::{self, Traffic};
use crate::report::Row;
use crate::target::Fsync;

const KEY: &str = "range";
const CONNECTIONS: usize = 8;

/// XRANGE COUNT `count` from random positions.
pub(super) fn run(run: &Run<'_>, name: &str, count: u64) -> Result<Vec<Row>> {
    let (_dir, target) = run.start(Fsync::EverySec)?;
    let entries = run.scale.range_entries;
    fill::one_stream(&target, KEY, entries, Ids::Known)?;
    let mut ranges = Ranges::new(KEY, entries, count, CONNECTIONS);
    load::run(target.address, CONNECTIONS, Some(run.scale.warm_up), &mut ranges)?;
    ranges.read = 0;
    let measured = measure(&target, || {
        let load = load::run(target.address, CONNECTIONS, Some(run.scale.measured), &mut ranges)?;
        Ok((load.replies * count, load.elapsed, load.latency))
    })?;
    ensure!(ranges.read == measured.operations, "{} entries came", ranges.read);
    target.stop()?;
    Ok(vec![measured.row(name, "entries/s")])
}

/// Ranges from random positions of a stream filled with [`Ids::Known`].
pub(super) struct Ranges {
    key: &'static str,
    entries: u64,
    count: u64,
    rng: Rng,
    /// How the reply of each connection has to begin: its count and its first ID.
    expected: Vec<String>,
    read: u64,
}

impl Ranges {
    pub(super) fn new(key: &'static str, entries: u64, count: u64, connections: usize) -> Self {
        let expected = vec![String::new(); connections];
        Self { key, entries, count, rng: Rng::new(1), expected, read: 0 }
    }
}

impl Traffic for Ranges {
    fn batch(&mut self, connection: usize, out: &mut Vec<u8>) -> u32 {
        let index = self.rng.below(0..self.entries - self.count);
        let first = fill::id_of(index);
        encode_into(out, &["XRANGE", self.key, &first, "+", "COUNT", &self.count.to_string()]);
        self.expected[connection] = format!("*{}\r\n{}", self.count, entry(&first, index));
        1
    }

    fn reply(&mut self, connection: usize, reply: &[u8]) -> Result<()> {
        let expected = self.expected[connection].as_bytes();
        ensure!(
            reply.starts_with(expected),
            "not the range that was asked for: {}",
            reply.get(..expected.len()).context("a short reply")?.escape_ascii()
        );
        // All IDs are equally long, so the length of the reply tells that all entries are whole.
        let head = expected.iter().position(|byte| *byte == b'\n').context("a line")? + 1;
        let whole = head + (expected.len() - head) * usize::try_from(self.count)?;
        ensure!(reply.len() == whole, "{} bytes came, {whole} asked for", reply.len());
        self.read += self.count;
        Ok(())
    }
}

/// An entry in a reply.
fn entry(id: &str, index: u64) -> String {
    let payload = payload(index);
    let payload = String::from_utf8_lossy(&payload);
    format!("*2\r\n${}\r\n{id}\r\n*2\r\n$4\r\ndata\r\n$100\r\n{payload}\r\n", id.len())
}
